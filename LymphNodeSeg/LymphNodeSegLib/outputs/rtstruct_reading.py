"""DICOM RT structure sets, ours and others', as masks on the grid of an image."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..images.image import Geometry, Image
from .contours import area, fill, is_inside
from .segmentation import Painter, Segmentation

if TYPE_CHECKING:
    from pydicom import Dataset

_FILLED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
# What a planning system calls an ROI that nobody found (PS3.3 C.8.8.8); GTV and no type at all remain.
_NO_FINDING = {
    *("EXTERNAL", "PTV", "CTV", "TREATED_VOLUME", "IRRAD_VOLUME", "BOLUS", "AVOIDANCE", "ORGAN", "CAVITY"),
    *("MARKER", "REGISTRATION", "ISOCENTER", "CONTRAST_AGENT", "SUPPORT", "FIXATION", "CONTROL", "DEVICE"),
    *("BRACHY_CHANNEL", "BRACHY_ACCESSORY", "BRACHY_SRC_APP", "BRACHY_CHNL_SHLD"),
    *("DOSE_REGION", "DOSE_MEASUREMENT"),
}
_NODE_NAME = re.compile(r"(?<![a-z])lns?(?![a-z])|node|nodal|lymph|ganglion|лимф|淋巴", re.IGNORECASE)
_MOST_NAMED = 8
_SAME_PLANE_MM = 0.05
_PARALLEL = np.cos(np.radians(0.5))
_WITHIN = 0.9
"""Share of a loop's pixels that must lie in another one for it to be a hole in that one."""


@dataclass(frozen=True, eq=False)
class _Roi:
    """A region with its closed contours (LPS millimeters), and the type that its maker gave it."""

    name: str
    interpreted_type: str
    loops: list[np.ndarray]

    @property
    def is_finding(self) -> bool:
        """Whether it may be a lymph node: called nothing else, or named so."""
        return self.interpreted_type not in _NO_FINDING or bool(_NODE_NAME.search(self.name))


@dataclass(frozen=True)
class _Frame:
    """Axes in which the contours are flat: u and v in their planes, w along their normal.

    Attributes:
        to_uvw: 3x4 matrix from LPS millimeters; u, v are column and row where the planes are the grid's.
        w_per_mm: Scale of w.
        on_grid: The planes are parallel to the slices of the grid, and (u, v, w) are its (i, j, k).
    """

    to_uvw: np.ndarray
    w_per_mm: float
    on_grid: bool

    def uvw(self, points_lps_mm: np.ndarray) -> np.ndarray:
        return points_lps_mm @ self.to_uvw[:, :3].T + self.to_uvw[:, 3]


def segmentation_of_rtstruct(dataset: Dataset, reference: Image) -> Segmentation:
    """Each ROI with closed contours as a segment on the grid of an image.

    Of a planning system's structure set those are left out, with a note, that it calls organs, targets with
    margins, supports and the like (RT ROI Interpreted Type), but for those that are named as nodes; none is
    where nothing else is there.

    A voxel belongs to an ROI if it lies nearer than half the distance of the contour planes to one of the
    ROI's planes, and inside the contours of that plane. A contour inside another one is a hole.

    Args:
        dataset: An RTSTRUCT.
        reference: The image whose grid the result has.

    Raises:
        InputError: the structure set has no closed contour, a contour is broken, or none overlaps the grid.
    """
    try:
        rois = list(_rois(dataset))
        frame_uids = _frames_of_reference(dataset)
    except Exception as error:  # pydicom parses late, and raises nearly anything over a damaged file.
        raise InputError("The RTSTRUCT is damaged: export it again.") from error
    if not rois:
        raise InputError("The RTSTRUCT has no closed contour: there is nothing to read.")
    geometry = reference.geometry
    findings = [roi for roi in rois if roi.is_finding] or rois
    left_out = [roi for roi in rois if roi not in findings]
    frame = _frame(max((loop for roi in findings for loop in roi.loops), key=len), geometry)
    stacks = [(roi.name, _planes([frame.uvw(loop) for loop in roi.loops], frame)) for roi in findings]
    thickness = _plane_distance([planes for _, planes in stacks], frame, geometry)
    painter = Painter(geometry)
    if left_out:
        painter.notes.append(_left_out_note(left_out))
    own_uid = reference.acquisition.frame_of_reference_uid
    if frame_uids and own_uid and own_uid not in frame_uids:
        painter.notes.append(
            "The RTSTRUCT names another frame of reference than the image: check that it was drawn on it."
        )
    for name, planes in stacks:
        painter.paint(_mask(planes, thickness, frame, geometry), name)
    segmentation = painter.finish(reference.acquisition)
    if not segmentation.ids:
        raise InputError("The RTSTRUCT and the image do not overlap: give the image it was drawn on.")
    return segmentation


def _rois(dataset: Dataset) -> Iterator[_Roi]:
    """Each ROI that has closed contours."""
    items = dataset.get("StructureSetROISequence") or []
    names = {int(item.ROINumber): str(item.get("ROIName") or "") for item in items}
    types = {
        int(item.ReferencedROINumber): str(item.get("RTROIInterpretedType") or "").upper()
        for item in dataset.get("RTROIObservationsSequence") or []
    }
    for roi in dataset.get("ROIContourSequence") or []:
        loops = [
            _points(contour)
            for contour in roi.get("ContourSequence") or []
            if contour.get("ContourGeometricType", "CLOSED_PLANAR") in _FILLED
        ]
        loops = [loop for loop in loops if len(loop) >= 3]
        if loops:
            number = int(roi.ReferencedROINumber)
            yield _Roi(names.get(number, ""), types.get(number, ""), loops)


def _left_out_note(rois: Sequence[_Roi]) -> str:
    named = ", ".join(f"{roi.name} ({roi.interpreted_type})" for roi in rois[:_MOST_NAMED])
    more = f" and {len(rois) - _MOST_NAMED} more" if len(rois) > _MOST_NAMED else ""
    return (
        f"Left out, as the RTSTRUCT calls them no findings: {named}{more}. "
        "Give those that are nodes the type GTV, or LN in their name."
    )


def _points(contour: Dataset) -> np.ndarray:
    """The points of a contour, (n, 3); parsed as one text, far quicker than value by value."""
    item = contour.get_item("ContourData")
    if item is None or not item.value:
        return np.empty((0, 3))
    if isinstance(item.value, bytes):
        values = np.array(item.value.decode("ascii").rstrip(" \0").split("\\"), dtype=float)
    else:
        values = np.array(item.value, dtype=float)
    if not np.isfinite(values).all():
        raise ValueError("a coordinate is not finite")
    return values.reshape(-1, 3)


def _frame(loop: np.ndarray, geometry: Geometry) -> _Frame:
    """The axes of the contours, taken from their largest loop."""
    following = np.roll(loop, -1, axis=0)
    normal = np.cross(loop - loop[0], following - loop[0]).sum(axis=0)
    length = float(np.linalg.norm(normal))
    if length == 0.0 or abs(float(normal @ geometry.normal_lps)) >= _PARALLEL * length:
        return _Frame(np.linalg.inv(geometry.ijk_to_lps)[:3], 1.0 / geometry.spacing_mm[2], True)
    normal = normal / length
    along = np.cross(normal, np.eye(3)[int(np.argmin(np.abs(normal)))])
    along /= np.linalg.norm(along)
    axes = np.stack([along, np.cross(normal, along), normal])
    return _Frame(np.column_stack([axes, np.zeros(3)]), 1.0, False)


def _planes(loops: Sequence[np.ndarray], frame: _Frame) -> dict[float, list[np.ndarray]]:
    """The loops (u, v) of one ROI by their plane w; lowest first."""
    tolerance = _SAME_PLANE_MM * frame.w_per_mm
    planes: dict[float, list[np.ndarray]] = {}
    last = -np.inf
    for loop in sorted(loops, key=lambda points: float(points[:, 2].mean())):
        w = float(loop[:, 2].mean())
        if np.ptp(loop[:, 2]) > 20 * tolerance:
            raise InputError(
                "The RTSTRUCT has contours that do not lie in parallel planes: it cannot be used."
            )
        if w - last > tolerance:
            last = w
        planes.setdefault(last, []).append(loop[:, :2])
    return planes


def _plane_distance(
    stacks: Sequence[dict[float, list[np.ndarray]]], frame: _Frame, geometry: Geometry
) -> float:
    """The smallest distance of two planes of one ROI; the grid's slice distance if no ROI has two."""
    gaps = [float(np.diff(list(planes)).min()) for planes in stacks if len(planes) > 1]
    return min(gaps) if gaps else (1.0 if frame.on_grid else geometry.spacing_mm[2])


def _mask(
    planes: dict[float, list[np.ndarray]], thickness: float, frame: _Frame, geometry: Geometry
) -> np.ndarray:
    """The voxels of one ROI, boolean [k, j, i]."""
    mask = np.zeros(geometry.size_ijk[::-1], dtype=bool)
    low, high = (np.array([-0.5, 0.5]) + 1e-3) * thickness
    if frame.on_grid:
        for w, loops in planes.items():
            first, last = int(np.ceil(w + low)), int(np.ceil(w + high))
            slices = slice(max(first, 0), max(last, 0))
            if len(mask[slices]):
                mask[slices] |= _combined([fill(loop, mask.shape[1:]) for loop in _by_area(loops)])
        return mask
    voxels, uvw = _voxels_near(planes, thickness, frame, geometry)
    for w, loops in planes.items():
        slab = np.flatnonzero((uvw[:, 2] >= w + low) & (uvw[:, 2] < w + high))
        inside = _combined([is_inside(uvw[slab, :2], loop) for loop in _by_area(loops)])
        mask[tuple(voxels[slab[inside]].T)] = True
    return mask


def _voxels_near(
    planes: dict[float, list[np.ndarray]], thickness: float, frame: _Frame, geometry: Geometry
) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (k, j, i) in the box around an ROI, and where they lie in its axes."""
    points = np.concatenate(
        [np.column_stack([loop, np.full(len(loop), w)]) for w, ls in planes.items() for loop in ls]
    )
    ends = np.stack([points.min(axis=0), points.max(axis=0)]) + np.array([[-1.0], [1.0]]) * thickness
    corners = np.array(list(itertools.product(*ends.T)))
    ijk = geometry.ijk_from_lps((corners - frame.to_uvw[:, 3]) @ np.linalg.inv(frame.to_uvw[:, :3]).T)
    first = np.clip(np.floor(ijk.min(axis=0)), 0, geometry.size_ijk).astype(int)
    last = np.clip(np.ceil(ijk.max(axis=0)) + 1, 0, geometry.size_ijk).astype(int)
    i, j, k = (np.arange(a, b) for a, b in zip(first, last))
    voxels = np.stack(np.meshgrid(k, j, i, indexing="ij"), axis=-1).reshape(-1, 3)
    return voxels, frame.uvw(geometry.lps_from_ijk(voxels[:, ::-1]))


def _by_area(loops: Sequence[np.ndarray]) -> list[np.ndarray]:
    return sorted(loops, key=lambda loop: abs(area(loop)), reverse=True)


def _combined(insides: Sequence[np.ndarray]) -> np.ndarray:
    """Loops of one plane, largest first: one inside the result so far is a hole in it, another adds to it."""
    result = insides[0].copy()
    for inside in insides[1:]:
        count = np.count_nonzero(inside)
        is_hole = count and np.count_nonzero(inside & result) >= _WITHIN * count
        if is_hole and not np.array_equal(inside, result):
            result &= ~inside
        else:
            result |= inside
    return result


def _frames_of_reference(dataset: Dataset) -> set[str]:
    """The UIDs of the frames of reference that the structure set was drawn in."""
    items = dataset.get("ReferencedFrameOfReferenceSequence") or []
    return {str(item.get("FrameOfReferenceUID") or "") for item in items} - {""}
