"""What is known of the volumes of a scene: by DICOM where they came from there, by name, by contrast."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Optional

import numpy as np

from ..errors import InputError
from ..images.b_values import of_description
from ..images.headers import FileHeader, Slice
from ..images.image import Acquisition, Geometry
from ..images.roles import ADC, DWI, OTHER, T2, Role, role_of
from ..images.series import Series, Volume
from ..images.stack import Stack
from .dicom_files import dicom_files
from .frames import Frame, frames_of
from .volumes import ROLE_ATTRIBUTE, placed_in_world, volume_geometry

if TYPE_CHECKING:
    import slicer

FileOfInstance = Callable[[str], str]
"""Gives the file of a SOP instance UID in Slicer's DICOM database, "" if it has none."""

KINDS = (
    "vtkMRMLScalarVolumeNode",
    "vtkMRMLDiffusionWeightedVolumeNode",
    "vtkMRMLMultiVolumeNode",
)
_NAMES = (
    (ADC, re.compile(r"(?<![a-z])d?adc(?![a-z])", re.IGNORECASE)),
    (DWI, re.compile(r"dwi|diff|(?<![a-z])trace|(?<![a-z])b[ =_-]?\d{2,4}(?!\d)", re.IGNORECASE)),
    (T2, re.compile(r"(?<![a-z])t2(?!\d|[ _]*\*|[ _-]*(?:star|map))", re.IGNORECASE)),
)
# An unnamed T2 is told from a DWI by its finer pixels and by tissue that is not dark beside the brightest;
# an ADC map by the air that was set to 0 and by the values of tissue. Seen on two scanners and the phantoms.
T2_PIXEL_MM, DWI_PIXEL_MM = 1.1, 1.2
T2_MEDIAN_SHARE, DWI_MEDIAN_SHARE = 0.19, 0.35
ADC_AIR_SHARE = 0.25
ADC_MEDIAN_UM2_S = (400.0, 1900.0)
SAMPLES = 50_000


@dataclass(frozen=True)
class Candidate:
    """A volume, sequence or multi-volume of a scene.

    Attributes:
        node: What the user selects.
        series: What is known of it; its volumes are the b-values.
        frames: Its b-values, where it holds several.
    """

    node: slicer.vtkMRMLNode
    series: Series
    frames: tuple[Frame, ...] = field(default=(), repr=False)

    def acquisition(self, n: int) -> Acquisition:
        """What is known of how the n-th b-value was acquired; a parent transform turns its axes along."""
        from ..images.volume import acquisition_of

        volume = self.series.volumes[n]
        known = acquisition_of(self.series, volume)
        if known.phase_encoding_lps is None or not self.node.IsA("vtkMRMLVolumeNode"):
            return known
        unit = Geometry((1, 1, 1))
        turn = placed_in_world(unit, self.node).direction
        axis = (turn @ np.array(known.phase_encoding_lps)).tolist()
        return replace(known, phase_encoding_lps=(axis[0], axis[1], axis[2]))


def candidates(scene: slicer.vtkMRMLScene, file_of_instance: FileOfInstance) -> list[Candidate]:
    """The volumes of a scene that may be used; results of earlier runs are left out."""
    return [one for one in (candidate_of(node, file_of_instance) for node in _volumes(scene)) if one]


def candidate_of(node: slicer.vtkMRMLNode, file_of_instance: FileOfInstance) -> Optional[Candidate]:
    """What is known of a volume; None if it is a result, or cannot be used."""
    if node.GetAttribute(ROLE_ATTRIBUTE):
        return None
    try:
        frames = frames_of(node, file_of_instance)
        geometry = frames[0].geometry if frames else volume_geometry(node)
    except (InputError, AttributeError):  # no voxels at all
        return None
    header = _header(node, file_of_instance)
    piece = header or _without_header(node.GetName())
    traits = _traits(node, piece, bool(frames)) if header is None else role_of([piece])
    b_values: list[Optional[float]] = [frame.b_value_s_mm2 for frame in frames]
    if not frames:
        b_value = piece.b_value if header is not None else None
        b_values = [of_description(node.GetName()) if b_value is None else b_value]
    volumes = tuple(Volume(b_value, Stack(((piece,),), geometry)) for b_value in b_values)
    series = Series(
        uid=piece.file.series_uid,
        description=piece.file.description or node.GetName(),
        role=traits.role,
        kind=traits.kind,
        plane=geometry.plane,
        b_values=tuple(b_value for b_value in b_values if b_value is not None),
        computed=traits.computed,
        files=1,
        problem=None,
        volumes=volumes,
        traits=traits,
        number=piece.file.series_number,
    )
    return Candidate(node, series, frames)


def role_of_name(name: str) -> str:
    """The role that a volume's name tells: "T2", "DWI", "ADC" or "".

    An ADC map's name often holds the word diffusion too, so that it is asked for first.
    """
    return next((role for role, pattern in _NAMES if pattern.search(name)), "")


def role_of_contrast(sample: np.ndarray, geometry: Geometry) -> str:
    """The role that an image looks like: "T2", "DWI", "ADC" or "".

    Args:
        sample: Some of its voxels.
        geometry: Its grid.
    """
    values = sample[np.isfinite(sample)].astype(np.float32)
    if not values.size or values.max() <= 0:
        return ""
    inside = values[values > 0.02 * np.percentile(values, 99)]
    median, bright = np.percentile(inside, (50, 99.5))
    pixel_mm = max(geometry.spacing_mm[:2])
    low, high = ADC_MEDIAN_UM2_S
    if float((values <= 0).mean()) > ADC_AIR_SHARE and any(
        low <= median * unit <= high for unit in (1.0, 1e3, 1e6)
    ):
        return ADC
    if pixel_mm < T2_PIXEL_MM and median > T2_MEDIAN_SHARE * bright:
        return T2
    return DWI if pixel_mm > DWI_PIXEL_MM and median < DWI_MEDIAN_SHARE * bright else ""


def _volumes(scene: slicer.vtkMRMLScene) -> Iterator[slicer.vtkMRMLVolumeNode]:
    for kind in KINDS:
        for n in range(scene.GetNumberOfNodesByClass(kind)):
            node = scene.GetNthNodeByClass(n, kind)
            if node.GetClassName() == kind and not node.GetHideFromEditors():
                yield node


def _traits(node: slicer.vtkMRMLNode, piece: Slice, several: bool) -> Role:
    role = role_of_name(piece.file.description) or (DWI if several else "")
    if role:
        return replace(role_of([piece]), role=role, kind=role)
    if node.IsA("vtkMRMLVolumeNode") and node.GetImageData() is not None:
        from vtk.util.numpy_support import vtk_to_numpy

        voxels = vtk_to_numpy(node.GetImageData().GetPointData().GetScalars())
        role = role_of_contrast(voxels[:: max(1, len(voxels) // SAMPLES)], volume_geometry(node))
    return Role(role or OTHER, role or "other")


def _header(node: slicer.vtkMRMLNode, file_of_instance: FileOfInstance) -> Optional[Slice]:
    """The header of one of the DICOM files that a node came from; None if there is none any more."""
    if not node.IsA("vtkMRMLVolumeNode"):
        return None
    try:
        path = dicom_files(node, file_of_instance)[0]
        return _read_header(path, path.stat().st_mtime_ns)
    except (InputError, OSError):
        return None


@lru_cache(maxsize=256)
def _read_header(path: Path, _modified: int) -> Optional[Slice]:
    from ..images.reader import read_slices

    try:
        return read_slices(path)[0]
    except Exception:  # whatever pydicom raises for a broken file
        return None


def _without_header(name: str) -> Slice:
    return Slice(
        FileHeader(
            path=Path(name),
            study_uid="",
            series_uid="",
            sop_instance_uid="",
            frame_of_reference_uid="",
            series_number=0,
            description=name,
            protocol="",
            modality="",
            manufacturer="",
            scanning_sequence=(),
            sequence_name="",
            scan_options=(),
            acquisition_type="",
            contrast="",
            echo_time_ms=None,
            repetition_time_ms=None,
            inversion_time_ms=None,
            phase_encoding="",
        )
    )
