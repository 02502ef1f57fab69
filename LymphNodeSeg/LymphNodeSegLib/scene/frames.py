"""The images of a node that holds several of one place, such as a DWI at each of its b-values."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Optional

import numpy as np

from ..errors import InputError
from ..images.b_values import GE_OFFSET, clean, of_description
from ..images.image import Acquisition, Geometry, Image
from ..images.ranking import HIGHEST_SUITABLE_B
from ..images.roles import DWI
from ..images.series import Series, Volume, group_into_series
from .dicom_files import dicom_files
from .translation import tr as _
from .volumes import image_from_volume, placed_in_world, volume_geometry

if TYPE_CHECKING:
    import slicer

# b-values of one shell differ a little by the imaging gradients.
SHELL_S_MM2 = 10
# What Slicer's importer of multi-volumes calls what tells the frames apart: "Siemens.B-value" and the like.
_B_VALUE_TAG = re.compile(r"b[ _-]?val", re.IGNORECASE)
_TAG_NAME, _LABELS = "MultiVolume.FrameIdentifyingDICOMTagName", "MultiVolume.FrameLabels"


@dataclass(frozen=True)
class Frame:
    """One image of a node.

    Attributes:
        name: What the user reads: "b = 800 s/mm2", or the number of the frame where no b-value is known.
        b_value_s_mm2: Its diffusion weighting, if known.
        geometry: Its grid.
        load: Gives the image; several at one b-value in different directions. May raise InputError.
    """

    name: str
    b_value_s_mm2: Optional[float]
    geometry: Geometry
    load: Callable[[], tuple[Image, ...]] = field(repr=False)

    @cached_property
    def parts(self) -> tuple[Image, ...]:
        """See `load`."""
        return self.load()

    def image(self) -> Image:
        """The image; of several directions their geometric mean, which is the trace-weighted image."""
        first = self.parts[0]
        if len(self.parts) == 1:
            return first
        mean = np.zeros(first.array.shape, np.float64)
        for part in self.parts:
            with np.errstate(divide="ignore"):
                mean += np.log(np.maximum(part.array, 0).astype(np.float64)) / len(self.parts)
        return first.with_array(np.exp(mean).astype(np.float32))


def frames_of(
    node: slicer.vtkMRMLNode, file_of_instance: Callable[[str], str] = lambda uid: ""
) -> tuple[Frame, ...]:
    """The images that a node holds, lowest b-value first; empty for a plain volume.

    Args:
        node: A sequence, a volume that shows a sequence, a multi-volume, a diffusion-weighted volume, a
            DICOM series whose b-values Slicer stacked into one volume, or any other volume.
        file_of_instance: Asks Slicer's DICOM database.

    Raises:
        InputError: they cannot be used (see `volumes.image_from_volume`).
    """
    sequence = node if node.IsA("vtkMRMLSequenceNode") else _sequence_shown_by(node)
    if sequence is not None:
        return _sorted(_of_sequence(sequence, node))
    if not node.IsA("vtkMRMLVolumeNode") or node.GetImageData() is None:
        return ()
    if node.IsA("vtkMRMLDiffusionWeightedVolumeNode"):
        return _sorted(_of_gradients(node))
    if node.GetAttribute(_LABELS) is not None and node.GetImageData().GetNumberOfScalarComponents() > 1:
        return _sorted(_of_multi_volume(node))
    return tuple(_of_dicom(node, file_of_instance))


def best_frame(frames: tuple[Frame, ...]) -> int:
    """Which frame nodes are best seen in: the highest b-value up to 1500 s/mm2."""
    suitable = [n for n, frame in enumerate(frames) if (frame.b_value_s_mm2 or 0.0) <= HIGHEST_SUITABLE_B]
    return max(suitable or range(len(frames)), key=lambda n: (frames[n].b_value_s_mm2 or 0.0, n))


def frame_at(frames: tuple[Frame, ...], b_value_s_mm2: float) -> int:
    """The frame at the b-value, or the number of a frame, that the user chose; else the best one.

    Args:
        frames: There is at least one.
        b_value_s_mm2: A b-value; negative for the number of a frame without one, counted from -1.
    """
    for n, frame in enumerate(frames):
        if key_of(frames, n) == b_value_s_mm2:
            return n
        if frame.b_value_s_mm2 is not None and abs(frame.b_value_s_mm2 - b_value_s_mm2) < 0.5:
            return n
    return best_frame(frames)


def key_of(frames: tuple[Frame, ...], n: int) -> float:
    """A number that tells a frame from the others, also in a scene that is opened again."""
    b_value = frames[n].b_value_s_mm2
    return -1.0 - n if b_value is None else b_value


def _sequence_shown_by(node: slicer.vtkMRMLNode) -> Optional[slicer.vtkMRMLSequenceNode]:
    scene = node.GetScene()
    kind = "vtkMRMLSequenceBrowserNode"
    for n in range(scene.GetNumberOfNodesByClass(kind) if scene is not None else 0):
        sequence = scene.GetNthNodeByClass(n, kind).GetSequenceNode(node)
        if sequence is not None and sequence.GetNumberOfDataNodes() > 1:
            return sequence
    return None


def _of_sequence(sequence: slicer.vtkMRMLSequenceNode, shown: slicer.vtkMRMLNode) -> list[Frame]:
    told = f"{sequence.GetIndexName()} {sequence.GetAttribute(_TAG_NAME) or ''}"
    by_b_value = bool(_B_VALUE_TAG.search(told) or re.fullmatch(r"\s*b\s*", sequence.GetIndexName() or ""))
    found = []
    for n in range(sequence.GetNumberOfDataNodes()):
        volume = sequence.GetNthDataNode(n)
        if not volume.IsA("vtkMRMLVolumeNode"):
            raise InputError(f"'{sequence.GetName()}' is no sequence of volumes: choose another.")
        b_value = _number(sequence.GetNthIndexValue(n)) if by_b_value else of_description(volume.GetName())
        image = image_from_volume(volume)
        if shown.IsA("vtkMRMLVolumeNode"):  # a transform is put over what is shown
            image = replace(image, geometry=volume_geometry(volume, placed_as=shown))
        found.append(_frame(n, b_value, (image,)))
    return found


def _of_gradients(node: slicer.vtkMRMLDiffusionWeightedVolumeNode) -> list[Frame]:
    """One frame for each shell: gradient directions of one b-value belong together."""
    shells: dict[int, list[int]] = defaultdict(list)
    for n in range(node.GetImageData().GetNumberOfScalarComponents()):
        b_value = node.GetBValue(n) if n < node.GetNumberOfGradients() else 0.0
        shells[round(b_value / SHELL_S_MM2) * SHELL_S_MM2].append(n)
    images = _components(node)
    return [
        _frame(n, float(b_value), tuple(images[one] for one in members))
        for n, (b_value, members) in enumerate(shells.items())
    ]


def _of_multi_volume(node: slicer.vtkMRMLVolumeNode) -> list[Frame]:
    by_b_value = _B_VALUE_TAG.search(node.GetAttribute(_TAG_NAME) or "") is not None
    labels = (node.GetAttribute(_LABELS) or "").split(",")
    images = _components(node)
    fits = by_b_value and len(labels) == len(images)
    return [_frame(n, _number(labels[n]) if fits else None, (image,)) for n, image in enumerate(images)]


def _components(node: slicer.vtkMRMLVolumeNode) -> list[Image]:
    """Each component of a volume as an image; views, nothing is copied."""
    from vtk.util.numpy_support import vtk_to_numpy

    data = node.GetImageData()
    scalars = vtk_to_numpy(data.GetPointData().GetScalars())
    arrays = scalars.reshape(*data.GetDimensions()[::-1], data.GetNumberOfScalarComponents())
    geometry, acquisition = volume_geometry(node), Acquisition(description=node.GetName())
    return [Image(arrays[..., n], geometry, acquisition) for n in range(arrays.shape[-1])]


def _frame(n: int, b_value: Optional[float], parts: tuple[Image, ...]) -> Frame:
    name = _("frame {n}").format(n=n + 1) if b_value is None else f"b = {b_value:g} s/mm2"
    return Frame(name, b_value, parts[0].geometry, lambda: parts)


def _of_dicom(node: slicer.vtkMRMLVolumeNode, file_of_instance: Callable[[str], str]) -> Iterator[Frame]:
    """The b-values of a series that was read as one volume, from its files: a slice of each in turn."""
    try:
        files = dicom_files(node, file_of_instance)
        if len(_b_values((*files[:3], files[-1]))) > 1:
            for series in _series_in(files):
                for volume in series.usable:
                    yield _frame_of_files(series, volume, node)
    except (InputError, OSError):  # not from DICOM, or its files are gone
        return


def _frame_of_files(series: Series, volume: Volume, node: slicer.vtkMRMLVolumeNode) -> Frame:
    stacked = volume.stack.geometry
    assert stacked is not None  # as it is usable
    geometry = placed_in_world(stacked, node)

    def load() -> tuple[Image, ...]:
        return (replace(_pixels(series, volume.b_value), geometry=geometry),)

    return Frame(f"b = {volume.b_value or 0.0:g} s/mm2", volume.b_value, geometry, load)


@lru_cache(maxsize=8)
def _series_in(files: tuple[Path, ...]) -> tuple[Series, ...]:
    """The DWI of several b-values that files belong to; at most one."""
    from ..images.reader import read_slices

    found = group_into_series(piece for path in files for piece in read_slices(path))
    return tuple(one for one in found if one.role == DWI and len(one.usable) > 1)[:1]


@lru_cache(maxsize=3)
def _pixels(series: Series, b_value: Optional[float]) -> Image:
    from ..images.volume import load_series

    return load_series(series, b_value)


@lru_cache(maxsize=64)
def _b_values(files: tuple[Path, ...]) -> frozenset[Optional[float]]:
    from ..images.reader import NotDicomError, read_slices

    try:
        return frozenset(piece.b_value for path in files for piece in read_slices(path)[:1])
    except (NotDicomError, ValueError):
        return frozenset()


def _number(text: str) -> Optional[float]:
    r"""A b-value as Slicer's importer wrote it; GE's comes as ``1000000800\8\0\0``."""
    found = re.match(r"\s*(\d+(?:\.\d+)?)", text or "")
    if found is None:
        return None
    value = float(found.group(1))
    return clean(value % GE_OFFSET if value >= GE_OFFSET else value)


def _sorted(frames: list[Frame]) -> tuple[Frame, ...]:
    return tuple(sorted(frames, key=lambda one: -1.0 if one.b_value_s_mm2 is None else one.b_value_s_mm2))
