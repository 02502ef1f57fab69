"""Whether a node still has the very voxels that the software gave it."""

from __future__ import annotations

import zlib

import numpy as np

from .node import NodeMask

FOUND_TAG = "LymphNodeSeg.Found"
"""The tag of a segment that keeps its fingerprint, in .seg.nrrd files too."""


def fingerprint(mask: NodeMask) -> str:
    """What a mask is known by, also when its file was read again and the axes of the grid run backward.

    The same voxels of the grid have the same fingerprint: a checksum, and the first voxel's index counted
    towards the patient's right, front and head.
    """
    direction_ras = np.diag([-1.0, -1.0, 1.0]) @ mask.geometry.direction
    backward = np.array([axis[np.argmax(np.abs(axis))] < 0 for axis in direction_ras.T])
    array = np.flip(mask.array, tuple(2 - axis for axis in range(3) if backward[axis]))
    start = np.array(mask.start_ijk)
    from_the_end = np.array(mask.geometry.size_ijk) - start - mask.array.shape[::-1]
    first = np.where(backward, from_the_end, start).tolist()
    checksum = zlib.crc32(np.packbits(array).tobytes() + repr(array.shape).encode())
    return " ".join(map(str, [f"{checksum:08x}", *first]))
