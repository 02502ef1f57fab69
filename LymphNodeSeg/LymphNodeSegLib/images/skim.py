"""The wanted elements of an ordinary DICOM header, without parsing what lies between them.

pydicom splits every sequence that it passes over into items and elements, which takes most of the time that a
large study needs. Here sequences are jumped over (DICOM PS3.5 chapter 7), and what is wanted comes back as
pydicom's own raw elements. At the first thing that is unusual it gives up, and pydicom has to read the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from struct import Struct, error
from typing import Any, BinaryIO, Optional

BLOCK = 1 << 14
LONGEST_HEAD = 12
UNDEFINED_LENGTH = 0xFFFFFFFF
ITEMS = 0xFFFE
ITEM = 0xFFFEE000
ENDS = (0xFFFEE00D, 0xFFFEE0DD)  # of an item, of a sequence
ITEM_HEADS = (b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0")
CHARACTER_SET = 0x00080005
META_TAGS = (0x00020002, 0x00020010)  # MediaStorageSOPClassUID, TransferSyntaxUID
META_END = 0x00030000
PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)  # FloatPixelData, DoubleFloatPixelData, PixelData
FILE_END = 0
SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())

_HEAD, _LENGTH = Struct("<HH2sH"), Struct("<I")


class _UnusualError(Exception):
    """The file is left to pydicom."""


def skim(stream: BinaryIO, start: int, size: int, wanted: Mapping[int, Any]) -> Optional[Any]:
    """Some elements of a file as a pydicom Dataset with file_meta, equal to what ``dcmread`` gives.

    Args:
        stream: The file.
        start: Where its file meta information begins.
        size: Bytes of the file.
        wanted: Tags of the top level, each as a number and as pydicom's BaseTag.

    Returns:
        None if the file is no ordinary one: big endian, deflated, damaged or cut off, or a wanted sequence's
        length is undefined.

    Raises:
        Exception: whatever pydicom raises for a broken character set.
    """
    try:
        meta, start, _ = _elements(stream, start, size, _meta_tags(), META_END, implicit=False)
        file_meta, implicit = _file_meta(tuple(meta.values()))
        if implicit and _says_explicit(stream, start):
            return None
        found, _, last = _elements(stream, start, size, wanted, PIXELS[0], implicit)
    except (error, _UnusualError):
        return None
    if last not in (*PIXELS, FILE_END):
        return None
    from pydicom import Dataset

    dataset = Dataset(found)
    dataset.set_original_encoding(implicit, True, _encodings(found.get(CHARACTER_SET)))
    dataset.file_meta = file_meta
    return dataset


@cache
def _meta_tags() -> dict[int, Any]:
    from pydicom.tag import BaseTag

    return {tag: BaseTag(tag) for tag in META_TAGS}


@lru_cache(maxsize=256)
def _file_meta(elements: tuple[Any, ...]) -> tuple[Any, bool]:
    """The file meta information, and whether what follows is in implicit VR."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    meta = FileMetaDataset({element.tag: element for element in elements})
    syntax = UID(str(meta.get("TransferSyntaxUID", "")))
    if (
        syntax.is_private
        or not syntax.is_transfer_syntax
        or syntax.is_deflated
        or not syntax.is_little_endian
    ):
        raise _UnusualError
    return meta, syntax.is_implicit_VR


@lru_cache(maxsize=256)
def _encodings(element: Any) -> Any:
    """Python's names of a file's character sets."""
    from pydicom import Dataset
    from pydicom.charset import convert_encodings, default_encoding

    return (
        convert_encodings(Dataset({element.tag: element})[element.tag].value) if element else default_encoding
    )


def _says_explicit(stream: BinaryIO, start: int) -> bool:
    """Whether the first element has a VR, whatever the transfer syntax says."""
    stream.seek(start + 4)
    vr = stream.read(2)
    return vr.isalpha() and vr.isupper()


def _elements(
    stream: BinaryIO, start: int, size: int, wanted: Mapping[int, Any], beyond: int, implicit: bool
) -> tuple[dict[Any, Any], int, int]:
    """The wanted elements up to the first tag from `beyond` on, where that one begins, and which it is.

    Raises:
        _UnusualError, struct.error: this is for pydicom.
    """
    from pydicom.dataelem import RawDataElement, empty_value_for_VR

    head_at, length_at = _HEAD.unpack_from, _LENGTH.unpack_from
    found: dict[Any, Any] = {}
    block, at = b"", 0  # bytes of the file from `start` on, and a place in them
    depth = 0  # sequences and items of undefined length that are open
    while True:
        if at + LONGEST_HEAD > len(block):
            start, at = start + at, 0
            stream.seek(start)
            block = stream.read(BLOCK)
            if start == size and not depth:
                return found, start, FILE_END
        group, number, code, length = head_at(block, at)
        tag = group << 16 | number
        if tag >= beyond and not depth:
            return found, start + at, tag
        at += 8
        if implicit or group == ITEMS:
            (length,) = length_at(block, at - 4)
        elif code in LONG_VRS:
            (length,) = length_at(block, at)
            at += 4
        elif code not in SHORT_VRS:
            raise _UnusualError
        if length == UNDEFINED_LENGTH:
            is_sequence = code == b"SQ" or (implicit and block[at : at + 4] in ITEM_HEADS)
            if tag != ITEM and (tag in wanted or not is_sequence):
                raise _UnusualError
            depth += 1
        elif tag in ENDS:
            if length:
                raise _UnusualError
            depth -= 1
        elif depth or tag not in wanted:
            at += length
        else:
            if at + length > len(block):
                start, at = start + at, 0
                stream.seek(start)
                block = stream.read(max(length, BLOCK))
            value: Any = block[at : at + length]
            if len(value) < length:
                raise _UnusualError
            vr = None if implicit else code.decode()
            value = value or empty_value_for_VR(vr, raw=True)
            found[wanted[tag]] = RawDataElement(wanted[tag], vr, length, value, 0, implicit, True)
            at += length
