"""The DICOM series that a segmentation was drawn on, and which of its images shows which slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from ..errors import InputError
from ..images.image import Geometry
from .dicom_common import REQUIRED, carry_over, quiet

if TYPE_CHECKING:
    from pydicom import Dataset

_NEEDED = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "Rows",
    "Columns",
)
_TOLERANCE_VOXELS = 0.5
"""Scanners round positions and orientations, so that slices may lie a little off the grid read from them."""


class IncompleteSeriesError(InputError):
    """The headers lack what whatever refers to them must carry, as after some de-identifiers."""


@dataclass(frozen=True)
class Plane:
    """One plane of the reference series: an instance, or a frame of a multi-frame instance.

    Attributes:
        file: Index of its file.
        frame: Number of the frame from 1; None in a single-frame file.
        position_lps_mm: Center of the first pixel.
        orientation: Six direction cosines: along a row, along a column.
        spacing_mm: Distance between rows, between columns.
    """

    file: int
    frame: Optional[int]
    position_lps_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, ...]

    def lps_from_ij(self, points_ij: np.ndarray) -> np.ndarray:
        """Columns and rows (n, 2), fractions allowed, to LPS millimeters (n, 3) (PS3.3 C.7.6.2.1.1)."""
        along_row, along_column = np.reshape(self.orientation, (2, 3))
        steps = np.stack([along_row * self.spacing_mm[1], along_column * self.spacing_mm[0]])
        return np.array(self.position_lps_mm) + np.asarray(points_ij, dtype=float) @ steps


@dataclass(frozen=True)
class Reference:
    """The DICOM series that a segmentation was drawn on.

    Attributes:
        headers: The header of each file, without pixels.
        geometry: The grid of the segmentation.
        plane_of_slice: For each slice k of the segmentation the plane it was drawn on.
    """

    headers: Sequence[Dataset] = field(repr=False)
    geometry: Geometry
    plane_of_slice: Sequence[Plane]

    @property
    def header(self) -> Dataset:
        """The first file's header: patient, study, series, frame of reference."""
        return self.headers[0]

    def reference_to_slice(self, k: int) -> Dataset:
        """A reference to the instance, and to the frame in a multi-frame one, of slice k (PS3.3 10.3)."""
        plane = self.plane_of_slice[k]
        item = reference_to(self.headers[plane.file])
        if plane.frame is not None:
            item.ReferencedFrameNumber = plane.frame
        return item


def reference_to(header: Dataset) -> Dataset:
    """A reference to one SOP instance (PS3.3 10.8)."""
    from pydicom import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    return item


def read_reference(files: Sequence[Path], geometry: Geometry) -> Reference:
    """Read the headers of the series that a segmentation refers to, and find the plane of each slice.

    Planes are found by their position, so that the order of the files does not matter.

    Args:
        files: The DICOM files of one series; one for each slice, or one enhanced multi-frame file.
        geometry: The grid of the segmentation.

    Raises:
        IncompleteSeriesError: a header lacks what is needed to refer to it.
        InputError: a file is missing or no DICOM image, the files are not one series, or the series does not
            have the grid of the segmentation.
    """
    with quiet():
        read = [_read_file(index, Path(path)) for index, path in enumerate(files)]
    headers = [header for header, _ in read]
    if not headers:
        raise InputError(
            "The T2 was not read from DICOM: give the DICOM series that the nodes were drawn on."
        )
    if len({(str(header.SeriesInstanceUID), str(header.FrameOfReferenceUID)) for header in headers}) > 1:
        raise InputError("The reference files belong to several DICOM series: give the files of one.")
    if any((header.Columns, header.Rows) != geometry.size_ijk[:2] for header in headers):
        raise InputError(
            "The segmentation and the reference series differ in their number of pixels: "
            "give the series that the nodes were drawn on."
        )
    planes = [plane for _, planes in read for plane in planes]
    return Reference(headers, geometry, [_plane_of(k, geometry, planes) for k in range(geometry.size_ijk[2])])


def _read_file(index: int, path: Path) -> tuple[Dataset, list[Plane]]:
    """The header of a file, all that we need of it parsed, and its planes."""
    import pydicom

    try:
        header = pydicom.dcmread(path, stop_before_pixels=True)
        carry_over(pydicom.Dataset(), header)
    except Exception as error:  # pydicom raises nearly anything over a damaged file.
        raise InputError(f"{path.name} cannot be read as DICOM: give the original DICOM series.") from error
    try:
        absent = [keyword for keyword in _NEEDED if not header.get(keyword)]
        planes = [] if absent else _planes(index, header)
    except Exception as error:
        raise InputError(
            f"{path.name} does not say where its pixels lie: give the original DICOM series."
        ) from error
    for keyword in REQUIRED:  # what may be empty, and de-identifiers remove, must be there in what we write
        if keyword not in header:
            setattr(header, keyword, None)
    if absent:
        raise IncompleteSeriesError(
            f"The headers of its series have no {absent[0]}: give the original DICOM series."
        )
    return header, planes


def _planes(index: int, header: Dataset) -> list[Plane]:
    """The planes of one file."""
    if "PerFrameFunctionalGroupsSequence" not in header:
        return [_plane(index, None, header, header, header)]
    shared = header.get("SharedFunctionalGroupsSequence") or [{}]
    groups = []
    for number, frame in enumerate(header.PerFrameFunctionalGroupsSequence, start=1):
        items = [
            (frame.get(keyword) or shared[0].get(keyword))[0]
            for keyword in ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
        ]
        groups.append(_plane(index, number, *items))
    return groups


def _plane(index: int, frame: Optional[int], position: Any, orientation: Any, measures: Any) -> Plane:
    plane = Plane(
        index,
        frame,
        tuple(float(value) for value in position.ImagePositionPatient),
        tuple(float(value) for value in orientation.ImageOrientationPatient),
        tuple(float(value) for value in measures.PixelSpacing),
    )
    values = (*plane.position_lps_mm, *plane.orientation, *plane.spacing_mm)
    if len(values) != 11 or not np.isfinite(values).all():
        raise ValueError("position, orientation or spacing is broken")
    return plane


def _plane_of(k: int, geometry: Geometry, planes: Sequence[Plane]) -> Plane:
    """The plane that lies where slice k lies; of several at one place (echoes, b-values) the first."""
    columns, rows = geometry.size_ijk[:2]
    corners_ij = np.array([(0, 0), (columns - 1, 0), (0, rows - 1)], dtype=float)
    wanted_ijk = np.column_stack([corners_ij, np.full(3, float(k))])
    found_ijk = [geometry.ijk_from_lps(plane.lps_from_ij(corners_ij)) for plane in planes]
    offsets = [np.abs(corners_ijk - wanted_ijk).max() for corners_ijk in found_ijk]
    nearest = int(np.argmin(offsets))
    if offsets[nearest] > _TOLERANCE_VOXELS:
        raise InputError(
            f"Slice {k + 1} of the segmentation lies on no image of the reference series: "
            "give the series that the nodes were drawn on."
        )
    return planes[nearest]
