"""The sub-pixel outline of a mask in a plane.

A mask knows only which pixel centers lie inside. Wherever a center inside has a neighbor outside, the true
outline passes somewhere between the two; halfway is the best guess for each such crossing, half a pixel off
at worst and right on average. But the longest of many noisy diameters is always too long: an outline through
the halfway points, as marching squares draws it, makes nodes about 0.4 pixels longer than they are.

So the outline here is the smoothest closed curve that still has the same centers inside: a Fourier curve
fitted to the halfway points by orthogonal least squares, with the fewest harmonics that leave every center on
its side (within a tolerance). One harmonic is an ellipse; a bean needs two to four; a mask whose outline no
short series can follow (a square) keeps its halfway points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .linear import solve
from .packed import Pack

TOLERANCE_PIXELS = 0.15
"""How far the curve may leave a pixel center on its wrong side."""

SAMPLES = 128
"""Points on a fitted curve; its polygon is then 0.03 % of a diameter inside the curve at worst."""

FEW_POINTS, LONGER_PIXELS = 16, 0.3
"""A curve through so few halfway points may swing out beyond them, as where two pixels touch by a corner.
Where it is longer than they are by more, they are kept."""

MOST_HARMONICS = 16
_BATCH = 64
_RESTLESS = 4  # harmonics from which a curve may swing out between its points
_ROUNDS = 4  # of moving the points' parameters to the nearest place on the curve, at each order

# For each 2x2 cell (bits: 1 top left, 2 top right, 4 bottom left, 8 bottom right) the line's piece as
# (from side, to side), inside on the same hand all along; sides: 0 top, 1 right, 2 bottom, 3 left.
_FROM = np.array([0, 0, 1, 1, 3, 0, 1, 1, 2, 0, 2, 2, 3, 0, 3, 0])
_TO = np.array([0, 3, 0, 3, 2, 2, 2, 2, 1, 1, 0, 3, 1, 1, 0, 0])
# The second piece of the cells whose inside corners touch by a corner only: they hang together.
_SECOND = {9: (2, 3), 6: (3, 0)}


@dataclass(frozen=True)
class Loops:
    """The outer outlines of all connected pieces of several masks, one after the other.

    Attributes:
        points: The halfway points of all loops, each loop in order, (n, 2), in rows and columns of its mask.
        outward: For each point the unit step (row, column) from the center inside to the one outside.
        first: Where each loop begins; one entry more than there are loops.
        owner: The mask of each loop.
        plane: The plane of each loop.
    """

    points: np.ndarray
    outward: np.ndarray
    first: np.ndarray
    owner: np.ndarray
    plane: np.ndarray

    def __len__(self) -> int:
        return len(self.owner)


def outer_loops(packs: Sequence[Pack]) -> Loops:
    """The outlines of packed masks [plane, row, column] in their planes; outlines of holes are left out."""
    every = [_outer_loops(pack) for pack in packs]
    if len(every) == 1:
        return every[0]
    start = np.cumsum([0, *(len(loops.points) for loops in every)])
    first = [loops.first[:-1] + base for loops, base in zip(every, start)]
    return Loops(
        np.concatenate([loops.points for loops in every]),
        np.concatenate([loops.outward for loops in every]),
        np.concatenate([*first, start[-1:]]),
        np.concatenate([loops.owner for loops in every]),
        np.concatenate([loops.plane for loops in every]),
    )


def _outer_loops(pack: Pack) -> Loops:
    flat = pack.voxels.ravel()
    right, down, _ = pack.strides
    code = flat[:-right] | flat[right:] << 1
    code = code[:-down] | code[down:] << 2
    corner = np.flatnonzero((code > 0) & (code < 15))
    code = code[corner]
    # A crossing's number: twice the voxel before it, plus 1 for a step down a column.
    sides = (2 * corner + np.array([[0], [2 * right + 1], [2 * down], [1]])).T
    every = np.arange(len(code))
    crossings, ends = [sides[every, _FROM[code]]], [sides[every, _TO[code]]]
    for case, (start, end) in _SECOND.items():
        cells = np.flatnonzero(code == case)
        crossings.append(sides[cells, start])
        ends.append(sides[cells, end])
    chains, first = chained(np.concatenate(crossings), np.concatenate(ends))
    voxel, downwards = chains >> 1, chains & 1
    x, y, plane, owner = pack.places(voxel)
    points = np.stack([y + 0.5 * downwards, x + 0.5 * (1 - downwards)], axis=1)
    sign = 2.0 * flat[voxel] - 1
    outward = np.stack([sign * downwards, sign * (1 - downwards)], axis=1)
    heads = first[:-1]
    loops = Loops(points, outward, first, pack.numbers[owner[heads]], plane[heads])
    return chosen(loops, np.flatnonzero(_signed_areas(loops) < 0))  # holes run the other way round


def chosen(loops: Loops, numbers: np.ndarray) -> Loops:
    """Some of the loops."""
    lengths = np.diff(loops.first)[numbers]
    first = np.concatenate([[0], np.cumsum(lengths)])
    index = np.arange(first[-1]) + np.repeat(loops.first[:-1][numbers] - first[:-1], lengths)
    return Loops(loops.points[index], loops.outward[index], first, loops.owner[numbers], loops.plane[numbers])


def chained(starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directed pieces as closed chains of crossings, one after the other, and where each begins."""
    follows = dict(zip(starts.tolist(), ends.tolist()))
    chain: list[int] = []
    first = [0]
    follow = follows.pop
    while follows:
        start, current = follows.popitem()
        chain.append(start)
        while current != start:
            chain.append(current)
            current = follow(current)
        first.append(len(chain))
    return np.array(chain, dtype=np.int64), np.array(first)


def _signed_areas(loops: Loops) -> np.ndarray:
    """Twice the area of each loop, negative where the inside is on the right."""
    if not len(loops):
        return np.zeros(0)
    ahead = np.arange(1, len(loops.points) + 1)
    ahead[loops.first[1:] - 1] = loops.first[:-1]
    (y, x), (next_y, next_x) = loops.points.T, loops.points[ahead].T
    return np.asarray(np.add.reduceat(y * next_x - x * next_y, loops.first[:-1]))


def smooth_outlines(loops: Loops) -> list[np.ndarray]:
    """The smoothest closed curve for each loop, as a polygon (n, 2) in rows and columns.

    Loops of similar length are fitted together.
    """
    from scipy.spatial.distance import pdist

    outlines = [loops.points[a:b] for a, b in zip(loops.first[:-1].tolist(), loops.first[1:].tolist())]
    lengths = np.diff(loops.first)
    order = np.argsort(lengths, kind="stable")
    while len(order):
        # A batch: up to 1.5 times the shortest, and few enough to stay in the processor's cache.
        size = int(np.searchsorted(lengths[order], 1.5 * lengths[order[0]] + 8))
        batch, order = order[: min(size, _BATCH)], order[min(size, _BATCH) :]
        for number, curve in _fit(loops, batch):
            points = outlines[batch[number]]
            if len(points) > FEW_POINTS or pdist(curve).max() <= pdist(points).max() + LONGER_PIXELS:
                outlines[batch[number]] = curve
    return outlines


def _fit(loops: Loops, batch: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Curves for those loops of a batch that a short series can follow, with their places in the batch."""
    lengths = np.diff(loops.first)[batch]
    place = np.arange(int(lengths.max()))
    used = (place < lengths[:, None]).astype(float)
    # Padding repeats the first point, so that the way back to it is counted once.
    index = loops.first[:-1][batch][:, None] + np.where(used > 0, place, 0)
    points, outward = loops.points[index], loops.outward[index]
    angle, weight = _parameters(points, used, lengths)
    points, outward = points.transpose(0, 2, 1).copy(), outward.transpose(0, 2, 1)
    done: list[tuple[int, np.ndarray]] = []
    left = np.arange(len(batch))
    grid = np.arange(SAMPLES) * (2 * np.pi / SAMPLES)
    for order in range(1, MOST_HARMONICS + 1):
        left = left[(2 * order + 1 <= 0.7 * lengths[left]) | (order == 1)]
        if not len(left):
            break
        p, w = points[left], weight[left]
        for _ in range(_ROUNDS):
            basis = _basis(angle[left], order)
            coefficients = _least_squares(basis, p, w)
            both = np.concatenate([coefficients, _derived(coefficients)], axis=1) @ basis.transpose(1, 0, 2)
            along_y, along_x = both[:, 2], both[:, 3]
            off_y, off_x = (p - both[:, :2]).transpose(1, 0, 2)
            speed = along_y * along_y + along_x * along_x + 1e-12
            angle[left] += np.clip((off_y * along_y + off_x * along_x) / speed, -0.3, 0.3)
        speed = np.sqrt(speed)
        off = (off_x * along_y - off_y * along_x) / speed
        half = 0.5 * (outward[left, 1] * along_y - outward[left, 0] * along_x) / speed
        # Inside centers must not lie beyond the curve, outside centers not within it.
        wrong = np.maximum(off - half, -(off + half)) * used[left] - 1e9 * (1 - used[left])
        good = wrong.max(axis=1) <= TOLERANCE_PIXELS
        if good.any():
            curves = (coefficients[good] @ _basis(grid, order)).transpose(0, 2, 1)
            if order >= _RESTLESS:
                calm = [_stays_near(curve, loop.T) for curve, loop in zip(curves, p[good])]
                curves, good[good] = curves[calm], calm
            done += list(zip(left[good].tolist(), curves))
            left = left[~good]
    return done


def _stays_near(curve: np.ndarray, points: np.ndarray) -> bool:
    """Whether a curve keeps to its points between them, too: a high order may swing out."""
    squared = ((curve[:, None] - points[None]) ** 2).sum(axis=2)
    return bool(squared.min(axis=1).max() <= 1.0)


def _parameters(points: np.ndarray, used: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each point lies along its curve, 0 to 2 pi, and how much curve it stands for.

    By arc length after a linear map that makes the second moments of the points equal: an ellipse becomes a
    circle, on which arc length is the parameter of one harmonic.
    """
    center = (points * used[..., None]).sum(axis=1) / lengths[:, None]
    centered = (points - center[:, None]) * used[..., None]
    moments = centered.transpose(0, 2, 1) @ centered / lengths[:, None, None]
    values, vectors = np.linalg.eigh(moments + 0.05 * np.eye(2))
    round_ = (points - center[:, None]) @ (vectors / np.sqrt(values)[:, None, :])
    ahead = np.empty_like(round_)
    ahead[:, :-1] = round_[:, 1:]
    ahead[:, -1] = round_[:, 0]
    step = np.linalg.norm(ahead - round_, axis=2)
    along = np.cumsum(step, axis=1)
    total = along[:, -1:]
    angle = (along - step) * (2 * np.pi / total)
    before = np.roll(step, 1, axis=1)
    before[:, 0] = step[np.arange(len(step)), lengths.astype(int) - 1]
    return angle, used * (step + before) / total


def _basis(angle: np.ndarray, order: int) -> np.ndarray:
    """1, cos t, sin t, cos 2t, ... along a new first axis: 2 order + 1 functions."""
    basis = np.empty((2 * order + 1, *angle.shape))
    basis[0] = 1.0
    cosine, sine = np.cos(angle), np.sin(angle)
    basis[1], basis[2] = cosine, sine
    for n in range(3, 2 * order + 1, 2):
        basis[n] = basis[n - 2] * cosine - basis[n - 1] * sine
        basis[n + 1] = basis[n - 1] * cosine + basis[n - 2] * sine
    return basis


def _derived(coefficients: np.ndarray) -> np.ndarray:
    """The coefficients (batch, 2, functions) of the curves' derivatives."""
    order = np.arange(1, coefficients.shape[2] // 2 + 1)
    derived = np.zeros_like(coefficients)
    derived[..., 1::2] = order * coefficients[..., 2::2]
    derived[..., 2::2] = -order * coefficients[..., 1::2]
    return derived


def _least_squares(basis: np.ndarray, points: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Coefficients (batch, 2, functions) of the curve nearest to the points (batch, 2, n)."""
    weighted = (basis * weight).transpose(1, 0, 2)
    gram = weighted @ basis.transpose(1, 2, 0)
    gram += 1e-9 * np.eye(len(basis))
    return solve(gram, weighted @ points.transpose(0, 2, 1)).transpose(0, 2, 1)
