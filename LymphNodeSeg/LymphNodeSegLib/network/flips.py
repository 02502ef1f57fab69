"""How steady ERU-Net's answer is: the probability of each node, seen as it is and mirrored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .inference import prepare
from .runner import forward

if TYPE_CHECKING:
    from ..images.image import Image
    from .inference import Prepared
    from .model_file import Model

WINDOW_PIXELS = 64
"""Side of what the network sees around a node, 51 mm at 0.8 mm a pixel: whole slices would cost four runs."""

FLIPS: tuple[tuple[int, ...], ...] = ((), (2,), (3,), (2, 3))
"""Axes of [node, channel, row, column] that are mirrored; the network learned from such slices."""


def flip_spread(
    t2: Image, dwi: Image, known: np.ndarray, labels: np.ndarray, model: Model, device: str = "cpu"
) -> Image:
    """Standard deviation of each node's probability over the four mirror images of its surroundings.

    A node is looked at on the slice that shows most of it.

    Args:
        t2: The T2.
        dwi: DWI on the T2's grid.
        known: Boolean [k, j, i]; False where the DWI is not known.
        labels: Integers [k, j, i] on the T2's grid, one label a node, 0 is background.
        model: The network that found them.
        device: As `pick_device` gives it.

    Returns:
        float32 on the T2's grid: 0 to 0.5 inside the nodes on their slices, NaN elsewhere.
    """
    import torch
    from scipy import ndimage

    spread = np.full(labels.shape, np.nan, np.float32)
    places = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            inside = labels[box] == number
            most = int(np.argmax(inside.sum(axis=(1, 2))))
            rows, columns = np.nonzero(inside[most])
            places.append((box[0].start + most, rows + box[1].start, columns + box[2].start))
    if not places:
        return t2.with_array(spread)
    with torch.inference_mode():
        prepared = prepare(t2, dwi, known, model)
        corners, at = zip(*(_window(place, prepared, t2.array.shape, model.stride) for place in places))
        height, width = _window_size(prepared, model.stride)
        windows = torch.cat(
            [
                prepared[k : k + 1][:, :, top : top + height, left : left + width]
                for (k, _, _), (top, left) in zip(places, corners)
            ]
        )
        views = []
        for flip in FLIPS:
            logits = forward(windows.flip(flip), model.network, device).flip(flip)
            views.append(logits.div(model.temperature).add(model.offset).sigmoid())
        deviation = torch.stack(views).std(dim=0, correction=0)[:, 0].numpy()
    for number, ((k, rows, columns), (y, x)) in enumerate(zip(places, at)):
        spread[k, rows, columns] = deviation[number, y, x]
    return t2.with_array(spread)


def _window_size(prepared: Prepared, stride: int) -> tuple[int, int]:
    """Rows and columns of a window: fits the stride, and no larger than the slices."""
    side = -(-WINDOW_PIXELS // stride) * stride
    return min(side, prepared.shape[2]), min(side, prepared.shape[3])


def _window(
    place: tuple[int, np.ndarray, np.ndarray], prepared: Prepared, shape: tuple[int, ...], stride: int
) -> tuple[tuple[int, int], tuple[np.ndarray, np.ndarray]]:
    """First row and column of the window around a node, and the window's pixel for each of its voxels."""
    first, pixels = [], []
    for voxels, axis in ((place[1], 0), (place[2], 1)):
        scale = prepared.working_size[axis] / shape[1 + axis]
        fine = (voxels + 0.5) * scale - 0.5 - prepared.box[2 * axis]
        side = _window_size(prepared, stride)[axis]
        start = round(float(fine.min() + fine.max()) / 2 - side / 2)
        start = min(max(start, 0), prepared.shape[2 + axis] - side)
        first.append(start)
        # A node may reach beyond its window, or beyond the body: the nearest pixel there.
        pixels.append(np.clip(np.rint(fine).astype(int) - start, 0, side - 1))
    return (first[0], first[1]), (pixels[0], pixels[1])
