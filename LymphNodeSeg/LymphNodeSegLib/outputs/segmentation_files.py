"""Segmentations from files: .seg.nrrd, label maps, DICOM RTSTRUCT and SEG."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Optional

import numpy as np

from ..errors import InputError
from ..images.files import SUFFIXES, check_right_angles, read_pixels
from ..images.image import Acquisition, Geometry, Image, geometry_of
from ..images.reader import HEAD, looks_like_dicom
from ..nodes.fingerprint import FOUND_TAG
from .dicom_common import quiet
from .segmentation import MOST_SEGMENTS, Painter, Segmentation, enlarged, onto_grid

__all__ = ["Segmentation", "read_segmentation", "read_segmentations"]

_RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
_SEGS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_SEGMENT_KEY = re.compile(r"Segment(\d+)_ID$")


class GridNeededError(InputError):
    """The file holds contours only, and no image says which grid to draw them on."""


def read_segmentation(path: Path, reference: Optional[Image] = None) -> Segmentation:
    """Read a segmentation from any file that we know.

    Args:
        path: A .seg.nrrd as Slicer writes it, a label map (.nrrd, .nii, .nii.gz, .mha; one label a node), a
            DICOM RTSTRUCT or a DICOM SEG.
        reference: The image whose grid the result shall have; an RTSTRUCT needs one. Without it the result
            has the grid of the file.

    Returns:
        The segmentation. A file without a single segment is valid and gives one without labels.

    Raises:
        InputError: the file cannot be used; one line says why.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder: give the file of a segmentation.")
    if not path.is_file():
        raise InputError(f"{path} does not exist: check the path.")
    if path.name.lower().endswith(SUFFIXES):
        return _on_reference(_read_volume(path), reference)
    with quiet():
        return _read_dicom(path, reference)


def read_segmentations(
    first: Path, second: Path, image: Optional[Image] = None
) -> tuple[Segmentation, Segmentation]:
    """Read two segmentations to compare, on one grid: that of the second, made larger to hold the first.

    An RTSTRUCT takes the grid of the other file.

    Args:
        first: Anything that `read_segmentation` takes.
        second: The same.
        image: Its grid is taken for both instead.

    Raises:
        InputError: a file cannot be used, or both are RTSTRUCT and there is no image.
    """
    if image is not None:
        return read_segmentation(first, image), read_segmentation(second, image)
    one, two = _with_own_grid(first), _with_own_grid(second)
    if one is None:
        if two is None:
            raise InputError(
                "Both files are RTSTRUCT and have no voxels: give the image they were drawn on (--image)."
            )
        return read_segmentation(first, two.labels), two
    if two is None:
        return one, read_segmentation(second, one.labels)
    grid = enlarged(two.labels, one.labels)
    return _on_reference(one, grid), _on_reference(two, grid)


def _with_own_grid(path: Path) -> Optional[Segmentation]:
    """The segmentation of a file that has voxels; None for contours."""
    try:
        return read_segmentation(path)
    except GridNeededError:
        return None


def _on_reference(segmentation: Segmentation, reference: Optional[Image]) -> Segmentation:
    """The segmentation on the reference's grid."""
    if reference is None:
        return segmentation
    moved = onto_grid(segmentation.labels, reference)
    present = set(np.unique(moved.array).tolist())
    lost = [segment_id for label, segment_id in segmentation.ids.items() if label not in present]
    notes = segmentation.notes
    if lost:
        notes += (f"Without a voxel on the image's grid, and left out: {', '.join(lost)}.",)
    return Segmentation(
        moved,
        {label: text for label, text in segmentation.ids.items() if label in present},
        {label: text for label, text in segmentation.names.items() if label in present},
        notes,
        segmentation.as_found,
    )


def _read_dicom(path: Path, reference: Optional[Image]) -> Segmentation:
    import pydicom

    from .dicom_seg_reading import segmentation_of_seg
    from .rtstruct_reading import segmentation_of_rtstruct

    try:
        with path.open("rb") as stream:
            unmarked = looks_like_dicom(stream.read(HEAD))  # some planning systems write no preamble
        dataset = pydicom.dcmread(path, force=unmarked)
        sop_class = str(dataset.get("SOPClassUID", ""))
    except Exception as error:
        raise InputError(
            f"{path.name} is no segmentation: give a .seg.nrrd, a label map (.nrrd, .nii.gz, .mha), "
            "or a DICOM RTSTRUCT or SEG."
        ) from error
    if sop_class == _RTSTRUCT:
        if reference is None:
            raise GridNeededError(
                f"{path.name} is an RTSTRUCT and has no voxels: give the image it was drawn on (--image)."
            )
        return segmentation_of_rtstruct(dataset, reference)
    if sop_class in _SEGS:
        return _on_reference(segmentation_of_seg(dataset), reference)
    raise InputError(
        f"{path.name} is DICOM, but neither an RTSTRUCT nor a SEG: give the file of a segmentation."
    )


def _read_volume(path: Path) -> Segmentation:
    image = read_pixels(path, f"'{path.name}'")
    if image.GetDimension() != 3:
        raise InputError(f"{path.name} has {image.GetDimension()} dimensions: a segmentation has three.")
    check_right_angles(geometry_of(image), path.name)
    metadata = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    numbers = sorted(int(match.group(1)) for match in map(_SEGMENT_KEY.match, metadata) if match)
    if numbers or "Segmentation_ContainedRepresentationNames" in metadata:
        return _slicer_segmentation(image, metadata, numbers, path.name)
    return _label_map(image, path.name)


def _whole_numbers(array: np.ndarray, name: str) -> np.ndarray:
    """The array as uint16, if it holds nothing but labels."""
    if array.size and (
        not np.isfinite(array).all() or array.min() < 0 or array.max() > np.iinfo(np.uint16).max
    ):
        raise InputError(f"{name} is no label map: labels are whole numbers from 0 to 65535.")
    labels = array.astype(np.uint16)
    if not np.array_equal(labels, array):
        raise InputError(f"{name} is no label map: it holds values that are not whole numbers.")
    return labels


def _label_map(image: Any, name: str) -> Segmentation:
    import SimpleITK as sitk

    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f"{name} has several values a voxel: a label map has one.")
    array = _whole_numbers(sitk.GetArrayViewFromImage(image), name)
    labels = [label for label in np.unique(array).tolist() if label]
    if len(labels) > MOST_SEGMENTS:
        raise InputError(f"{name} holds {len(labels)} different values: this is an image, not a label map.")
    ids = {label: f"LN{label:03d}" for label in labels}
    notes = _one_label_note(array, name) if len(labels) == 1 else ()
    return Segmentation(
        Image(array, geometry_of(image), Acquisition(description=name)), ids, dict(ids), notes
    )


def _one_label_note(array: np.ndarray, name: str) -> tuple[str, ...]:
    """What to say of a mask of all nodes, which has no label of its own for each."""
    from scipy import ndimage

    _, pieces = ndimage.label(array, structure=np.ones((3, 3, 3)))
    if pieces == 1:
        return ()
    return (
        f"{name} holds one label, in {pieces} pieces that do not touch: it counts as one node; "
        "give each node a label of its own.",
    )


def _slicer_segmentation(image: Any, metadata: dict[str, str], numbers: list[int], name: str) -> Segmentation:
    """A .seg.nrrd: layers of label maps, cropped to where segments are; metadata say which is which."""
    import SimpleITK as sitk

    components = image.GetNumberOfComponentsPerPixel()
    array = _whole_numbers(sitk.GetArrayViewFromImage(image), name)
    layers = array if components > 1 else array[..., None]
    geometry, placed = _uncropped(geometry_of(image), metadata.get("Segmentation_ConversionParameters", ""))
    painter = Painter(geometry)
    for index, number in enumerate(numbers):
        text = {
            key: metadata.get(f"Segment{number}_{key}", "")
            for key in ("ID", "Name", "LabelValue", "Layer", "Tags")
        }
        # Before Slicer 4.11 each segment had a layer of its own, with the value 1.
        layer = int(text["Layer"] or (index if components > 1 else 0))
        value = int(text["LabelValue"] or 1)
        if layer >= components:
            raise InputError(f"{name} names a layer that it does not have: write it again from Slicer.")
        mask = np.zeros(geometry.size_ijk[::-1], dtype=bool)
        mask[placed] = layers[..., layer] == value
        tags = dict(tag.split(":", 1) for tag in text["Tags"].split("|") if ":" in tag)
        painter.paint(mask, text["Name"], text["ID"], tags.get(FOUND_TAG, ""))
    return painter.finish(Acquisition(description=name))


def _uncropped(stored: Geometry, parameters: str) -> tuple[Geometry, tuple[slice, ...]]:
    """The grid that a .seg.nrrd was drawn on, and where in it the stored voxels lie.

    Slicer stores only the box that holds segments, and the whole grid as text: "Reference image geometry|",
    16 numbers of the IJK-to-RAS matrix, six of the extent.
    """
    everything = (slice(None),) * 3
    match = re.search(r"Reference image geometry\|([^|&]*)", parameters)
    values = [float(part) for part in match.group(1).split(";") if part.strip()] if match else []
    if len(values) != 22:
        return stored, everything
    matrix = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.array(values[:16]).reshape(4, 4)
    extent = np.array(values[16:], dtype=int).reshape(3, 2)
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    if not spacing.all():
        return stored, everything
    origin = matrix[:3, 3] + matrix[:3, :3] @ extent[:, 0]
    size = extent[:, 1] - extent[:, 0] + 1
    whole = Geometry(
        tuple(size.tolist()),
        tuple(origin.tolist()),
        tuple(spacing.tolist()),
        tuple((matrix[:3, :3] / spacing).ravel().tolist()),
    )
    start = whole.ijk_from_lps(np.array(stored.origin_lps_mm))
    first = np.rint(start).astype(int)
    end = first + stored.size_ijk
    same_axes = np.allclose(whole.ijk_to_lps[:3, :3], stored.ijk_to_lps[:3, :3], atol=1e-4)
    if not same_axes or np.abs(start - first).max() > 1e-2 or first.min() < 0 or (end > size).any():
        return stored, everything
    return whole, tuple(slice(a, b) for a, b in zip(first[::-1].tolist(), end[::-1].tolist()))
