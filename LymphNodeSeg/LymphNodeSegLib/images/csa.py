"""Siemens's private CSA header: what the classic headers leave out of mosaics and of old DWI.

Source: nibabel's description of the format (nipy.org/nibabel/dicom/siemens_csa.html); our reader takes
the "SV10" layout, which scanners write since about 2003.
"""

from __future__ import annotations

import struct

MAGIC = b"SV10"
NAME_LENGTH = 64
MOST_TAGS = 1024
WANTED = ("B_value", "NumberOfImagesInMosaic", "SliceNormalVector")


def read_csa(data: bytes) -> dict[str, tuple[float, ...]]:
    """The wanted numbers of a CSA image header by name; empty if it is damaged or of another layout."""
    try:
        return dict(_tags(data)) if data[:4] == MAGIC else {}
    except (struct.error, ValueError, IndexError):
        return {}


def _tags(data: bytes) -> list[tuple[str, tuple[float, ...]]]:
    (count,) = struct.unpack_from("<I", data, 8)
    found = []
    at = 16
    for _ in range(min(count, MOST_TAGS)):
        name = data[at : at + NAME_LENGTH].split(b"\0")[0].decode("latin-1")
        (items,) = struct.unpack_from("<i", data, at + NAME_LENGTH + 12)
        at += NAME_LENGTH + 20
        values = []
        for _ in range(min(max(items, 0), MOST_TAGS)):
            (length,) = struct.unpack_from("<i", data, at + 4)
            at += 16
            if not 0 <= length <= len(data) - at:
                raise ValueError("an item runs over the end")
            values.append(data[at : at + length].split(b"\0")[0].strip())
            at += (length + 3) // 4 * 4
        if name in WANTED:
            numbers = tuple(float(value) for value in values if value)
            if numbers:
                found.append((name, numbers))
    return found
