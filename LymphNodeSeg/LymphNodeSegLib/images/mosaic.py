"""Mosaics: all slices of a volume as tiles of one picture (UIH, Siemens)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from . import b_values
from .headers import Slice, numbers

UIH_TILES = (0x0065, 0x51)
UIH_TILE_COUNT = (0x0065, 0x50)


def private_tags() -> list[tuple[int, int]]:
    """The private tags that a scan has to read to find mosaics."""
    return [
        (group, block << 8 | element)
        for group, element in (UIH_TILES, UIH_TILE_COUNT)
        for block in b_values.BLOCKS
    ]


def tiles_of(dataset: Any, whole: Slice) -> tuple[Slice, ...]:
    """The tiles of a mosaic as slices; empty if the file is none.

    UIH names it by VFRAME in ImageType and keeps each tile's position in a private sequence.
    """
    if "VFRAME" not in whole.image_type:
        return ()
    tiles = b_values.private_value(dataset, UIH_TILES)
    if not tiles:
        return ()
    per_side = math.ceil(math.sqrt(len(tiles)))
    across, down = _layout(len(tiles), whole, per_side)
    rows, columns = whole.rows // down, whole.columns // across
    return tuple(
        replace(
            whole,
            tile_origin=(index // across * rows, index % across * columns),
            rows=rows,
            columns=columns,
            position_lps_mm=numbers(tile, "ImagePositionPatient", 3),
        )
        for index, tile in enumerate(tiles)
    )


def _layout(count: int, whole: Slice, per_side: int) -> tuple[int, int]:
    """Tiles across and down: 20 tiles lie 5 across and 4 down."""
    return per_side, math.ceil(count / per_side)
