"""Ideal lymph nodes, their masks on random grids, and their RECIST axes as the shapes themselves define them.

The truth is what RECIST asks for, taken from the formula of the shape and not from its voxels: of the cuts
through the ideal shape at the slice positions of the grid, the one with the longest diameter; that diameter;
and the longest line inside the cut perpendicular to it. For ellipsoids this is solved in closed form; for
beans (ellipsoids bent along a parabola) the outline of the cut is traced to about 0.005 mm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes.axes import TIE_PIXELS

DIAMETERS_MM = (3.0, 30.0)
PIXEL_MM = (0.4, 1.2)
SLICE_MM = (1.0, 6.0)
THINNEST = 0.4  # of the longest diameter, but at least DIAMETERS_MM[0]
BENDS = {"bean": (0.2, 0.5), "pear": (0.0, 0.3)}  # over the longest half axis
TAPERS = (0.2, 0.6)


@dataclass(frozen=True)
class Solid:
    """An ellipsoid, bent by v += bend u^2, narrower towards one end of u, and rotated.

    Attributes:
        half: Half axes along u, v, w in mm.
        bend: In 1/mm.
        rotation: From u, v, w as columns.
        taper: Its width changes by this share from the middle to an end.
    """

    half: np.ndarray
    bend: float
    rotation: np.ndarray
    taper: float = 0.0

    @property
    def reach(self) -> float:
        """No point is farther from the origin."""
        return float(self.half.max() * (1 + self.taper) + abs(self.bend) * self.half[0] ** 2)

    def radius(self, points: np.ndarray) -> np.ndarray:
        """Of points (..., 3) in half axes: 1 on the surface."""
        u, v, w = np.moveaxis(points @ self.rotation, -1, 0)
        v = v + self.bend * (u * u - self.half[0] ** 2 / 3)
        u, v, w = u / self.half[0], v / self.half[1], w / self.half[2]
        width = np.maximum(1 + self.taper * u, 0.05)
        return np.asarray(np.sqrt(u**2 + (v / width) ** 2 + (w / width) ** 2))

    def inside(self, points: np.ndarray) -> np.ndarray:
        """Whether points (..., 3) lie in it."""
        return self.radius(points) <= 1.0


@dataclass(frozen=True)
class IdealNode:
    """A shape and the grid that samples it.

    Attributes:
        kind: "ellipsoid", "bean" or "pear".
        solid: The shape, about the origin.
        centers_mm: Places of the grid's planes, rows and columns.
        mask: Boolean [k, j, i]: voxel centers inside the shape; its bounding box.
        spacing_kji_mm: Voxel spacing.
        long_mm, short_mm: The truth.
        rivals_mm: True short axes of other slices whose true long axis ties with the longest, within what the
            product calls a tie: what another careful reader might measure.
    """

    kind: str
    solid: Solid
    centers_mm: tuple[np.ndarray, np.ndarray, np.ndarray]
    mask: np.ndarray
    spacing_kji_mm: tuple[float, float, float]
    long_mm: float
    short_mm: float
    rivals_mm: tuple[float, ...]

    @property
    def pixel_mm(self) -> float:
        """Side of a square as large as a pixel."""
        return float(np.sqrt(self.spacing_kji_mm[1] * self.spacing_kji_mm[2]))


def ideal_nodes(count: int, seed: int, kinds: tuple[str, ...] = ("ellipsoid", "bean")) -> Iterator[IdealNode]:
    """Nodes of the kinds by turns, of random size, orientation, position and grid.

    A shape that falls between all voxel centers leaves no mask and is drawn again.
    """
    rng = np.random.default_rng(seed)
    made = 0
    while made < count:
        node = _draw(kinds[made % len(kinds)], rng)
        if node is not None:
            made += 1
            yield node


def _draw(kind: str, rng: np.random.Generator) -> IdealNode | None:
    longest = rng.uniform(*DIAMETERS_MM)
    others = np.maximum(longest * rng.uniform(THINNEST, 1.0, 2), DIAMETERS_MM[0])
    half = np.array([longest, *others]) / 2
    bend = 0.0 if kind == "ellipsoid" else rng.uniform(*BENDS[kind]) / half[0]
    solid = Solid(half, bend, _rotation(rng), rng.uniform(*TAPERS) if kind == "pear" else 0.0)
    spacing = np.array([rng.uniform(*SLICE_MM), *rng.uniform(*PIXEL_MM, 2)])
    size = np.ceil(2 * solid.reach / spacing).astype(int) + 2
    offset = rng.uniform(-0.5, 0.5, 3)
    planes, rows, columns = ((np.arange(n) - (n - 1) / 2 + o) * s for n, o, s in zip(size, offset, spacing))
    mask = solid.inside(grid((planes, rows, columns)))
    if not mask.any():
        return None
    tie_mm = TIE_PIXELS * float(spacing[1:].max())
    (long_mm, short_mm), *rivals = true_axes(solid, planes, tie_mm)
    shorts = tuple(short for _, short in rivals)
    return IdealNode(
        kind, solid, (planes, rows, columns), _trimmed(mask), tuple(spacing), long_mm, short_mm, shorts
    )


def grid(centers_mm: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Points [k, j, i, (x, y, z)] at planes, rows and columns."""
    z, y, x = np.meshgrid(*centers_mm, indexing="ij")
    return np.stack([x, y, z], axis=-1)


def true_axes(solid: Solid, heights: np.ndarray, tie_mm: float) -> list[tuple[float, float]]:
    """Long and short axes of the cuts at heights that are longest within `tie_mm`, longest first."""
    return (
        _traced_axes(solid, heights, tie_mm) if solid.bend or solid.taper else _ellipse_axes(solid, heights)
    )


@dataclass(frozen=True)
class TiltedNode:
    """A shape on slices that are not axial.

    Attributes:
        labels: Its mask.
        long_mm: True long axis in the true axial plane, of all positions of that plane.
        shorts_mm: True short axes there, of all positions whose long axis is within 0.3 mm of it.
    """

    labels: Image
    long_mm: float
    shorts_mm: tuple[float, ...]


def tilted_nodes(kind: str, count: int, seed: int) -> Iterator[TiltedNode]:
    """Ellipsoids or beans of 5 to 18 mm on slices of 2.5 to 5 mm, tilted by 5 to 85 degrees."""
    rng = np.random.default_rng(seed)
    made = 0
    while made < count:
        half = np.sort(rng.uniform(2.5, 9.0, 3))[::-1]
        rotation, spacing = _rotation(rng), np.array([*rng.uniform(0.4, 1.0, 2), rng.uniform(2.5, 5.0)])
        bend = rng.uniform(*BENDS[kind]) / half[0] if kind == "bean" else 0.0
        solid = Solid(half, bend, rotation)
        tilt = np.radians(rng.uniform(5, 85))
        direction = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
        size = (np.ceil(2 * solid.reach / spacing) + 4).astype(int)
        k, j, i = np.meshgrid(*(np.arange(n) for n in size[::-1]), indexing="ij")
        steps = np.stack([i, j, k], axis=-1) - (size - 1) / 2 + rng.uniform(-0.5, 0.5, 3)
        mask = solid.inside((steps * spacing) @ direction.T)
        if np.count_nonzero(mask) < 8:
            continue
        made += 1
        heights = np.linspace(-solid.reach, solid.reach, 1 + 2 * int(2 * solid.reach))
        axes = true_axes(solid, heights, 0.3)
        geometry = Geometry(
            tuple(size.tolist()), (0.0, 0.0, 0.0), tuple(spacing.tolist()), tuple(direction.ravel().tolist())
        )
        shorts = tuple(short for _, short in axes)
        yield TiltedNode(Image(mask.astype(np.uint16), geometry), axes[0][0], shorts)


def _ellipse_axes(solid: Solid, heights: np.ndarray) -> list[tuple[float, float]]:
    """Closed form: cuts of x^T A x = 1 are similar ellipses; that nearest the middle is the largest."""
    a = solid.rotation @ np.diag(1 / solid.half**2) @ solid.rotation.T
    height = float(np.abs(heights).min())
    rest = 1 - height**2 * (a[2, 2] - a[:2, 2] @ np.linalg.solve(a[:2, :2], a[:2, 2]))
    smallest, largest = np.linalg.eigvalsh(a[:2, :2] / rest)
    # All cuts are similar: as long is as wide, and there are no rivals.
    return [(2 / float(np.sqrt(smallest)), 2 / float(np.sqrt(largest)))]


def _traced_axes(solid: Solid, heights: np.ndarray, tie_mm: float) -> list[tuple[float, float]]:
    """From outlines traced on 1/160 of the solid."""
    rough = [longest_outline(solid, height, 41) for height in heights]
    extents = [0.0 if outline is None else diameter(outline)[0] for outline in rough]
    slack = 4 * 2 * solid.reach / 40
    cuts = [
        longest_outline(solid, height, 161)
        for height, extent in zip(heights, extents)
        if extent >= max(extents) - slack
    ]
    longest = max(diameter(cut)[0] for cut in cuts if cut is not None)
    tied = [cut for cut in cuts if cut is not None and diameter(cut)[0] >= longest - tie_mm]
    return sorted((axes_of(cut) for cut in tied), reverse=True)


def longest_outline(solid: Solid, height: float, samples: int) -> np.ndarray | None:
    """The outline (n, 2) of the piece of the cut at a height that has the longest diameter."""
    from skimage.measure import find_contours

    side = np.linspace(-solid.reach, solid.reach, samples)
    field = 1 - solid.radius(grid((np.array([height]), side, side))[0])
    contours = [c for c in find_contours(np.pad(field, 1, constant_values=-1), 0.0) if len(c) > 4]
    if not contours:
        return None
    longest = max(contours, key=lambda contour: diameter(contour)[0])
    return (longest[:-1, ::-1] - 1) * (side[1] - side[0]) + side[0]


def axes_of(outline: np.ndarray) -> tuple[float, float]:
    """Long and short axis of a dense outline (n, 2)."""
    long_mm, ends = diameter(outline)
    return long_mm, _longest_run(outline, (ends[1] - ends[0]) / long_mm)


def short_axes_of_equals(node: IdealNode, within_mm: float) -> list[float]:
    """True short axes across all diameters of the longest cut that are its longest within `within_mm`.

    A nearly round cut has many: RECIST does not say which of them to take.
    """
    cuts = [longest_outline(node.solid, height, 161) for height in node.centers_mm[0]]
    cut = max((one for one in cuts if one is not None), key=lambda one: diameter(one)[0])
    hull = _hull(cut)
    steps = (hull[:, None] - hull[None]).reshape(-1, 2)
    lengths = np.hypot(*steps.T)
    steps = steps[lengths >= lengths.max() - within_mm]
    angles = np.unique(np.round(np.degrees(np.arctan2(*steps.T[::-1]))) % 180)
    return [_longest_run(cut, np.array([np.cos(angle), np.sin(angle)])) for angle in np.radians(angles)]


def diameter(outline: np.ndarray) -> tuple[float, np.ndarray]:
    """The largest distance between two points, and these."""
    hull = _hull(outline)
    squared = ((hull[:, None] - hull[None]) ** 2).sum(axis=2)
    ends = hull[list(np.unravel_index(int(np.argmax(squared)), squared.shape))]
    return float(np.sqrt(squared.max())), ends


def _hull(outline: np.ndarray) -> np.ndarray:
    """The points of an outline that are corners of its convex hull."""
    from scipy.spatial import ConvexHull

    return outline[ConvexHull(outline, qhull_options="QJ").vertices]


def _longest_run(outline: np.ndarray, along: np.ndarray) -> float:
    """Longest line inside the outline perpendicular to a direction, by the even-odd rule on 800 lines."""
    t, s = outline @ along, outline @ np.array([-along[1], along[0]])
    t0, t1, s0, s1 = t, np.roll(t, -1), s, np.roll(s, -1)
    best = 0.0
    for line in np.linspace(t.min(), t.max(), 801)[1:-1]:
        crossed = (t0 <= line) != (t1 <= line)
        meets = np.sort(s0[crossed] + (line - t0[crossed]) * (s1[crossed] - s0[crossed]) / (t1 - t0)[crossed])
        best = max(best, float((meets[1::2] - meets[::2]).max()))
    return best


def _rotation(rng: np.random.Generator) -> np.ndarray:
    """A rotation drawn evenly from all rotations."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else q[:, ::-1]


def _trimmed(mask: np.ndarray) -> np.ndarray:
    """The mask's bounding box."""
    where = np.argwhere(mask)
    low, high = where.min(axis=0), where.max(axis=0) + 1
    return mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]]


def crowd(
    count: int, shape_kji: tuple[int, int, int], spacing_mm: tuple[float, float, float], seed: int
) -> np.ndarray:
    """A label map [k, j, i] of ellipsoids and beans by turns, of 4 to 16 mm, that do not touch.

    The spacing runs along i, j, k.
    """
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape_kji, np.uint16)
    spacing_kji = np.array(spacing_mm[::-1])
    extent = np.array(shape_kji) * spacing_kji
    made = 0
    while made < count:
        half = rng.uniform(2.0, 8.0, 3)
        bend = rng.uniform(0.2, 0.5) / half[0] if made % 2 else 0.0
        reach = Solid(half, bend, np.eye(3)).reach
        center = rng.uniform(13.0, extent - 13.0)
        low = np.ceil((center - reach) / spacing_kji).astype(int)
        high = np.floor((center + reach) / spacing_kji).astype(int) + 1
        box = tuple(slice(a, b) for a, b in zip(low, high))
        if labels[box].any():
            continue
        planes, rows, columns = (
            np.arange(a, b) * s - c for a, b, s, c in zip(low, high, spacing_kji, center)
        )
        made += 1
        labels[box][Solid(half, bend, _rotation(rng)).inside(grid((planes, rows, columns)))] = made
    return labels
