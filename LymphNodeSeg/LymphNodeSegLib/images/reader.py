"""The slices of one DICOM file, from its header alone."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from . import b_values, enhanced, mosaic
from .elements import tag_of, text, whole
from .headers import KEYWORDS, Slice, file_header, plain_slice
from .skim import BLOCK, skim

PREAMBLE, HEAD = 128, 132
MAGIC = b"DICM"
# A file without preamble begins with group 0002 or 0008, little or big endian.
FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")
DIRECTORY_UID = "1.2.840.10008.1.3.10"  # a DICOMDIR


class NotDicomError(Exception):
    """The file is no DICOM image file; it is passed over."""


def looks_like_dicom(head: bytes) -> bool:
    """Whether a file that begins so (132 bytes) may be DICOM."""
    if head[PREAMBLE:HEAD] == MAGIC:
        return True
    # Without preamble: group, a low even element, and a VR or a short length.
    return (
        len(head) >= 8
        and head[:2] in FIRST_GROUPS
        and head[3] == 0
        and (head[4:6].isalpha() or head[6:8] == b"\0\0")
    )


def read_slices(path: Path) -> tuple[Slice, ...]:
    """The slices that a file holds; at least one (with its defect) for DICOM without an image.

    Raises:
        NotDicomError: the file is something else.
        Exception: whatever pydicom raises for a broken file; the caller counts it as unreadable.
    """
    import pydicom

    with path.open("rb", buffering=2 * BLOCK) as stream:
        head = stream.read(HEAD)
        if not looks_like_dicom(head):
            raise NotDicomError(path.name)
        size = stream.seek(0, 2)
        forced = head[PREAMBLE:] != MAGIC
        dataset = None if forced else skim(stream, HEAD, size, wanted_tags())
        if dataset is None:
            stream.seek(0)
            wanted = list(wanted_tags().values())
            dataset = pydicom.dcmread(stream, stop_before_pixels=True, specific_tags=wanted, force=forced)
        if forced and not text(dataset, "SeriesInstanceUID"):
            raise NotDicomError(path.name)
        if str(dataset.file_meta.get("MediaStorageSOPClassUID", "")) == DIRECTORY_UID:
            raise NotDicomError(path.name)
        return _slices(dataset, path, size)


@lru_cache(maxsize=1)
def wanted_tags() -> dict[int, Any]:
    """The tags of the top level that a scan reads, as numbers and as pydicom has them."""
    tags = map(tag_of, (*KEYWORDS, *b_values.private_tags(), *mosaic.private_tags()))
    return {int(tag): tag for tag in tags}


def _slices(dataset: Any, path: Path, size: int) -> tuple[Slice, ...]:
    if not text(dataset, "SeriesInstanceUID"):
        raise ValueError("no SeriesInstanceUID")
    file = file_header(dataset, path, _defect(dataset, size))
    if "PerFrameFunctionalGroupsSequence" in dataset and not file.no_image:
        return enhanced.slices_of(dataset, file)
    plain = plain_slice(dataset, file)
    return mosaic.tiles_of(dataset, plain) or (plain,)


def _defect(dataset: Any, size: int) -> str:
    """What keeps a file from being used as an image, as far as its header tells."""
    rows, columns = whole(dataset, "Rows"), whole(dataset, "Columns")
    if not rows or not columns:
        return "It holds no pixel data."
    if whole(dataset, "SamplesPerPixel", 1) != 1:
        return "It is a color picture."
    frames = max(whole(dataset, "NumberOfFrames", 1), 1)
    if frames > 1 and "PerFrameFunctionalGroupsSequence" not in dataset:
        return "It holds several frames and does not say where they lie."
    expected = rows * columns * frames * (whole(dataset, "BitsAllocated", 16) // 8)
    if not _is_compressed(dataset) and size < expected:
        return f"A file is cut off or holds no pixel data ({size} bytes for {expected} bytes of pixels)."
    return ""


def _is_compressed(dataset: Any) -> bool:
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        return False
    # Deflated files are smaller than their pixels too.
    return bool(not syntax.is_private and (syntax.is_compressed or syntax.is_deflated))
