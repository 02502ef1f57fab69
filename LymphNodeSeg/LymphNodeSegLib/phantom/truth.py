"""What is known exactly of a phantom's lymph nodes: their measurements, and their label map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np

from ..images.image import Geometry
from .shapes import Ellipsoid


@dataclass(frozen=True)
class Draft:
    """A node that has found its place, before it is known whether the T2 sees it."""

    shape: Ellipsoid
    side: str
    station: str
    kind: str
    malignant: bool


@dataclass(frozen=True)
class TrueNode:
    """One lymph node as it really is, before any imaging.

    Attributes:
        label: Its value in `Phantom.labels`.
        center_lps_mm: Center of mass.
        semi_axes_mm: Half axes of the (bent) ellipsoid, along the columns of `axes_lps`.
        axes_lps: 3x3 row-major; columns are the axes in LPS.
        bend_per_mm: Bend of the second axis along the first: ``v = bend * (u**2 - a**2 / 5)``; 0: no bean.
        volume_mm3: 4/3 pi abc, which the bend leaves as it is.
        short_axis_mm, long_axis_mm: RECIST 1.1 in the acquisition plane, on the continuous shape: of all
            planes parallel to the slices, the one with the longest chord; the longest chord across it.
        side: "left", "right" or "midline".
        station: Node station, such as "external_iliac".
        kind: "plain", "hilum" or "necrotic".
        malignant: Drawn as metastatic (lower ADC on average); T2 does not tell.
        complete: The whole node lies inside the T2's grid.
    """

    label: int
    center_lps_mm: tuple[float, float, float]
    semi_axes_mm: tuple[float, float, float]
    axes_lps: tuple[float, ...]
    bend_per_mm: float
    volume_mm3: float
    short_axis_mm: float
    long_axis_mm: float
    side: str
    station: str
    kind: str
    malignant: bool
    complete: bool

    @property
    def shape(self) -> Ellipsoid:
        """The node's shape, in LPS mm."""
        axes = np.array(self.axes_lps).reshape(3, 3)
        return Ellipsoid(self.center_lps_mm, self.semi_axes_mm, axes, self.bend_per_mm)


def unit_sphere(count: int) -> np.ndarray:
    """Evenly spread unit vectors (Fibonacci sphere), (count, 3)."""
    n = np.arange(count) + 0.5
    z = 1.0 - 2.0 * n / count
    angle = np.pi * (1.0 + 5.0**0.5) * n
    return np.column_stack([np.cos(angle) * np.sqrt(1 - z * z), np.sin(angle) * np.sqrt(1 - z * z), z])


def section_ellipse(shape: Ellipsoid, normal: np.ndarray) -> tuple[float, float]:
    """Full axes (short, long) in mm of an unbent ellipsoid's largest section across `normal`.

    The sections of an ellipsoid by parallel planes are similar ellipses, the largest through the center.
    """
    basis = plane_basis(normal)
    quadric = shape.rotation @ np.diag(shape.radii_mm**-2.0) @ shape.rotation.T
    values = np.linalg.eigvalsh(basis.T @ quadric @ basis)
    return 2.0 / float(np.sqrt(values[1])), 2.0 / float(np.sqrt(values[0]))


def plane_basis(normal: np.ndarray) -> np.ndarray:
    """Two orthonormal vectors across `normal`, as columns (3, 2)."""
    normal = np.asarray(normal, dtype=float) / np.linalg.norm(normal)
    helper = np.eye(3)[int(np.argmin(np.abs(normal)))]
    first = np.cross(normal, helper)
    first /= np.linalg.norm(first)
    return np.column_stack([first, np.cross(normal, first)])


def recist_axes(shape: Ellipsoid, normal: np.ndarray) -> tuple[float, float]:
    """Short and long axis in mm by RECIST 1.1 in the planes across `normal`, on the continuous shape.

    Of all parallel sections the one with the longest chord gives the long axis; the short axis is the
    longest chord of that section at right angles to it. Closed form for an ellipsoid; for a bean the
    section's outline is traced to about 0.01 mm.
    """
    if not shape.bend_per_mm:
        return section_ellipse(shape, normal)
    basis = plane_basis(normal)
    unit = np.asarray(normal, dtype=float) / np.linalg.norm(normal)
    heights = (shape.surface(unit_sphere(2000)) - shape.center_mm) @ unit
    longest, level, reach = 0.0, float(heights.mean()), float(np.ptp(heights)) / 2.0
    for count in (13, 9):
        for height in level + reach * np.linspace(-1, 1, count + 2)[1:-1]:
            long, _, _ = longest_chord(_outline(shape, basis, unit * height, 120))
            if long > longest:
                longest, level = long, float(height)
        reach *= 0.15
    outline = _outline(shape, basis, unit * level, 720)
    return longest_chord_across(outline), longest_chord(outline)[0]


def _outline(shape: Ellipsoid, basis: np.ndarray, offset: np.ndarray, count: int) -> np.ndarray:
    """Outline points (count, 2), in the basis, of the section through center + offset; or none."""
    reach = float(np.linalg.norm(shape.box_mm[1] - shape.box_mm[0])) / 2.0
    # In the shape's own axes, where its level costs least.
    start, axes = offset @ shape.rotation, basis.T @ shape.rotation
    grid = np.linspace(-reach, reach, 61)
    points = start[:, None, None] + axes[0, :, None, None] * grid + axes[1, :, None, None] * grid[:, None]
    rows, columns = np.nonzero(shape.level_within(*points) < 1.0)
    if not len(rows):
        return np.empty((0, 2))
    middle = np.array([grid[columns].mean(), grid[rows].mean()])
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    rays = np.column_stack([np.cos(angle), np.sin(angle)])
    center, ways = (start + middle @ axes)[:, None], (rays @ axes).T
    low, high = np.zeros(count), np.full(count, 2 * reach)
    for _ in range(20):
        radius = (low + high) / 2.0
        out = shape.level_within(*(center + radius * ways)) > 1.0
        low, high = np.where(out, low, radius), np.where(out, radius, high)
    return np.asarray(middle + low[:, None] * rays)


def longest_chord(outline: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Length and ends of the longest line between two points of an outline (n, 2); 0 for an empty one."""
    if not len(outline):
        return 0.0, np.zeros(2), np.zeros(2)
    squared = (outline**2).sum(axis=1)
    apart = squared[:, None] + squared[None] - 2.0 * outline @ outline.T
    n, m = np.unravel_index(int(np.argmax(apart)), apart.shape)
    return float(np.sqrt(max(apart[n, m], 0.0))), outline[n], outline[m]


def longest_chord_across(outline: np.ndarray) -> float:
    """The longest line within a closed outline (n, 2) at right angles to its longest chord."""
    long, start, end = longest_chord(outline)
    along = (end - start) / max(long, 1e-9)
    u, v = outline @ along, outline @ np.array([-along[1], along[0]])
    stations = np.linspace(u.min(), u.max(), 401)[1:-1, None]
    u1, v1 = np.roll(u, -1), np.roll(v, -1)
    hit = (stations >= np.minimum(u, u1)) & (stations <= np.maximum(u, u1)) & (u != u1)
    share = (stations - u) / np.where(u == u1, 1.0, u1 - u)
    height = v + share * (v1 - v)
    top = np.where(hit, height, -np.inf).max(axis=1)
    bottom = np.where(hit, height, np.inf).min(axis=1)
    return float((top - bottom).max())


def label_nodes(drafts: list[Draft], geometry: Geometry) -> tuple[np.ndarray, tuple[TrueNode, ...]]:
    """The label map, and the nodes that own at least one voxel of it."""
    labels = np.zeros(geometry.size_ijk[::-1], dtype=np.uint16)
    most = np.full(labels.shape, 0.5, dtype=np.float32)
    found: list[TrueNode] = []
    for draft in drafts:
        covered = covered_share(draft.shape, geometry)
        if covered is None:
            continue
        window, share, complete = covered
        mine = share >= most[window]
        if not mine.any():
            continue
        number = len(found) + 1
        labels[window][mine] = number
        most[window][mine] = share[mine]
        found.append(true_node(draft, number, geometry.normal_lps, complete))
    present = np.bincount(labels.ravel(), minlength=len(found) + 1) > 0
    return labels, tuple(node for node in found if present[node.label])


def covered_share(
    shape: Ellipsoid, geometry: Geometry
) -> Optional[tuple[tuple[slice, slice, slice], np.ndarray, bool]]:
    """How much of each voxel a node fills.

    Args:
        shape: The node's, in LPS mm.
        geometry: The voxel grid.

    Returns:
        The window [k, j, i] of the grid around it, the share of each voxel there, 0 to 1, and whether the
        whole node lies inside the grid; None where nothing of it does.
    """
    size, to_ijk = np.array(geometry.size_ijk), np.linalg.inv(geometry.ijk_to_lps)
    low, high = shape.box_mm
    corners = np.array(
        [(x, y, z, 1.0) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    )
    ijk = (corners @ to_ijk.T)[:, :3]
    first, last = np.floor(ijk.min(axis=0)).astype(int) - 1, np.ceil(ijk.max(axis=0)).astype(int) + 2
    complete = bool((ijk.min(axis=0) >= -0.5).all() and (ijk.max(axis=0) <= size - 0.5).all())
    first, last = np.clip(first, 0, size), np.clip(last, 0, size)
    if (last <= first).any():
        return None
    counts = (2, 2, 6) if shape.radii_mm.min() < 5.0 else (1, 1, 5)
    steps = [(np.arange(c) + 0.5) / c - 0.5 for c in counts]
    axes = [(np.arange(a, b)[:, None] + step).ravel() for a, b, step in zip(first, last, steps)]
    grid = np.stack(np.meshgrid(*axes[::-1], indexing="ij")[::-1], axis=-1)
    points = geometry.lps_from_ijk(grid)
    inside = shape.level(points[..., 0], points[..., 1], points[..., 2]) < 1.0
    n = (last - first)[::-1]
    share = inside.reshape(n[0], counts[2], n[1], counts[1], n[2], counts[0]).mean(axis=(1, 3, 5))
    slices = [slice(a, b) for a, b in zip(first[::-1], last[::-1])]
    return (slices[0], slices[1], slices[2]), share, complete


def true_node(draft: Draft, label: int, normal_lps: np.ndarray, complete: bool) -> TrueNode:
    """A node with its exact measurements in the acquisition plane."""
    shape = draft.shape
    short, long = recist_axes(shape, normal_lps)
    center = tuple(float(v) for v in shape.center_mm)
    radii = tuple(float(v) for v in shape.radii_mm)
    return TrueNode(
        label,
        center,  # type: ignore[arg-type]
        radii,  # type: ignore[arg-type]
        tuple(float(v) for v in shape.rotation.ravel()),
        shape.bend_per_mm,
        float(4.0 / 3.0 * np.pi * np.prod(shape.radii_mm)),
        short,
        long,
        draft.side,
        draft.station,
        draft.kind,
        draft.malignant,
        complete,
    )
