"""Mosaics: all slices of a volume as tiles of one picture (UIH, Siemens)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from . import b_values
from .csa import read_csa
from .elements import Vector, number, numbers
from .headers import Slice

UIH_TILES = (0x0065, 0x51)
SIEMENS_TILE_COUNT = (0x0019, 0x0A)
MOST_TILES = 4096


def private_tags() -> list[tuple[int, int]]:
    """The private tags that a scan has to read to find mosaics."""
    return [
        (group, block << 8 | element)
        for group, element in (UIH_TILES, SIEMENS_TILE_COUNT)
        for block in b_values.BLOCKS
    ]


def tiles_of(dataset: Any, whole: Slice) -> tuple[Slice, ...]:
    """The tiles of a mosaic as slices; empty if the file is none.

    UIH names a mosaic by VFRAME in ImageType and keeps each tile's position in a private sequence;
    Siemens by MOSAIC, and has one position for the middle of all.
    """
    if "VFRAME" in whole.image_type:
        tiles = b_values.private_value(dataset, UIH_TILES) or ()
        return _cut(whole, [numbers(tile, "ImagePositionPatient", 3) for tile in tiles])
    if "MOSAIC" in whole.image_type:
        return _cut(whole, _siemens_positions(dataset, whole))
    return ()


def _cut(whole: Slice, positions: Sequence[Vector]) -> tuple[Slice, ...]:
    """Tiles in reading order: 20 of them lie 5 across and 4 down, those of Siemens in a square."""
    count = len(positions)
    if not count:
        return ()
    across = math.ceil(math.sqrt(count))
    down = across if "MOSAIC" in whole.image_type else math.ceil(count / across)
    rows, columns = whole.rows // down, whole.columns // across
    return tuple(
        replace(
            whole,
            tile_origin=(index // across * rows, index % across * columns),
            rows=rows,
            columns=columns,
            position_lps_mm=position,
        )
        for index, position in enumerate(positions)
    )


def _siemens_positions(dataset: Any, whole: Slice) -> list[Vector]:
    """ImagePositionPatient is that of a picture as large as the mosaic around the first slice's center."""
    csa = read_csa(b_values.csa_bytes(dataset))
    count = b_values.as_number(b_values.private_value(dataset, SIEMENS_TILE_COUNT))
    count = int(count or csa.get("NumberOfImagesInMosaic", (0.0,))[0])
    spacing_mm = number(dataset, "SpacingBetweenSlices")
    if not 0 < count <= MOST_TILES:
        return []
    if not spacing_mm or not (whole.position_lps_mm and whole.orientation_lps and whole.pixel_spacing_mm):
        return [()] * count
    row, column = np.reshape(whole.orientation_lps, (2, 3))
    normal = np.cross(row, column)
    named = csa.get("SliceNormalVector", ())
    if len(named) == 3 and float(normal @ named) < 0:
        normal = -normal
    across = math.ceil(math.sqrt(count))
    first = (
        np.array(whole.position_lps_mm)
        + row * whole.pixel_spacing_mm[1] * (whole.columns - whole.columns // across) / 2
        + column * whole.pixel_spacing_mm[0] * (whole.rows - whole.rows // across) / 2
    )
    return [tuple(float(value) for value in first + k * spacing_mm * normal) for k in range(count)]
