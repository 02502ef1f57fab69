"""A synthetic pelvic MRI study with known lymph nodes, from one seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from ..images.image import Acquisition, Geometry, Image
from .anatomy import Body, add_small_vessels, add_strands, add_trunk
from .artifacts import acquire, add_ghosts, coil_shading, fit_adc
from .female import add_female_organs
from .fields import smooth_noise
from .frame import add_frame
from .lymph_nodes import Draft, TrueNode, node_layers, place_nodes, recist_axes
from .male import add_male_organs
from .mixtures import Mixture, Scan, draw_scan, mixture_named
from .render import Layer, Sampling, paint
from .tissues import Palette
from .vessels import add_vessels
from .viscera import add_bladder, add_bowel, add_mesentery, add_rectum
from .warp import BodyWarp, EpiWarp

SCALE = 400.0  # scanner units of node cortex


@dataclass(frozen=True)
class Phantom:
    """A synthetic study and the whole truth about it. No patient was involved.

    Attributes:
        seed, difficulty: What it was made from.
        female: Which pelvis.
        t2: T2-weighted image; its grid is the grid of the truth.
        dwi_series: One image per b-value, lowest b first, on the DWI's own, coarser grid.
        adc: ADC fitted to `dwi_series`, um2/s, on the DWI grid; 0 where there is too little signal.
        labels: uint16 [k, j, i] on the T2 grid: `TrueNode.label` where at least half of the voxel lies in
            that node.
        nodes: The nodes with at least one voxel in `labels`.
        displacement_lps_mm: float32 [k, j, i, 3] on the T2 grid, in LPS mm: what lies at the T2's point p is
            found in the DWI at p + d(p). It holds the motion between both scans and the distortion of
            the DWI, and is the displacement of SimpleITK's resampling transform that brings the DWI onto
            the T2 grid (`registration.result.Registration.transform`).
        phase_encoding_lps: Unit vector along which the DWI is distorted.
    """

    seed: int
    difficulty: str
    female: bool
    t2: Image
    dwi_series: tuple[Image, ...]
    adc: Image
    labels: np.ndarray = field(repr=False)
    nodes: tuple[TrueNode, ...] = field(repr=False)
    displacement_lps_mm: np.ndarray = field(repr=False)
    phase_encoding_lps: tuple[float, float, float] = (0.0, 1.0, 0.0)


def make_phantom(seed: int, difficulty: str = "standard", plane: Optional[str] = None) -> Phantom:
    """A synthetic pelvis, the same for the same arguments, bit for bit.

    Args:
        seed: 0 or more.
        difficulty: "standard" or "hard", see `mixtures.MIXTURES`.
        plane: Acquisition plane of the T2, "axial" or "sagittal"; None draws one.

    Returns:
        Images and truth.

    Raises:
        InputError: unknown difficulty or plane.
    """
    mixture = mixture_named(difficulty)
    rng = np.random.default_rng([seed, sorted(("standard", "hard")).index(difficulty)])
    scan = draw_scan(rng, plane)
    spread = rng.uniform(0.1, 0.45) if rng.random() < mixture.random_contrast_share else 0.0
    female = bool(rng.random() < 0.6)
    body = build_body(rng, Palette(rng, scan.protocol, spread), female, rng.uniform(*mixture.slow_flow))
    warp = BodyWarp(rng, rng.uniform(*mixture.warp_mm))
    drafts = place_nodes(
        body,
        warp.to_patient,
        warp.to_anatomy,
        int(rng.integers(*mixture.nodes)),
        rng.uniform(*mixture.large_share),
    )
    layers = body.layers + [layer for draft in drafts for layer in node_layers(body, draft)]
    phase = scan.dwi.direction[:, scan.phase_axis]
    gas = np.array(body.gas).reshape(-1, 4)
    gas[:, :3] = warp.to_patient(gas[:, :3]) if len(gas) else gas[:, :3]
    epi = EpiWarp(
        rng,
        phase,
        rng.uniform(*mixture.displacement_mm),
        rng.uniform(60, 120),
        list(gas),
        rng.uniform(*mixture.gas_mm),
        mixture.motion_mm,
    )
    t2 = _t2_image(rng, mixture, scan, layers, warp)
    series = _dwi_images(rng, mixture, scan, layers, warp, epi)
    labels, nodes = label_nodes(drafts, scan.t2)
    phase_lps = (float(phase[0]), float(phase[1]), float(phase[2]))
    acquisitions = [
        Acquisition("DWI", b, description="Phantom DWI", phase_encoding_lps=phase_lps)
        for b in scan.protocol.b_values_s_mm2
    ]
    adc = fit_adc(series, scan.protocol.b_values_s_mm2, rng.uniform(0.07, 0.2) * SCALE)
    return Phantom(
        seed,
        difficulty,
        female,
        Image(t2, scan.t2, Acquisition("T2", description="Phantom T2")),
        tuple(Image(array, scan.dwi, about) for array, about in zip(series, acquisitions)),
        Image(adc, scan.dwi, Acquisition("ADC", description="Phantom ADC", phase_encoding_lps=phase_lps)),
        labels,
        nodes,
        displacement_on(scan.t2, epi),
        phase_lps,
    )


def build_body(rng: np.random.Generator, palette: Palette, female: bool, slow_flow_share: float) -> Body:
    """A pelvis without nodes, in anatomy coordinates.

    Args:
        rng: Source of randomness.
        palette: Signal of each tissue.
        female: Which organs.
        slow_flow_share: Probability that a vein flows slowly.
    """
    body = Body(rng, palette)
    add_trunk(body)
    add_strands(body, int(rng.integers(60, 160)))
    add_small_vessels(body, int(rng.integers(40, 90)))
    add_mesentery(body)
    add_frame(body)
    add_bowel(body)
    bladder = add_bladder(body, 6.0 if female else 16.0)
    if female:
        add_female_organs(body, bladder)
    else:
        add_male_organs(body)
    add_rectum(body)
    add_vessels(body, slow_flow_share)
    body.finish()
    return body


def _t2_image(
    rng: np.random.Generator, mixture: Mixture, scan: Scan, layers: list[Layer], warp: BodyWarp
) -> np.ndarray:
    sampling = Sampling(scan.t2, None, warp.to_anatomy)
    image = paint(sampling, layers, lambda signal: np.array([signal.t2]), int(rng.integers(2**31)))[0]
    spacing = scan.t2.spacing_mm[::-1]
    for scale_mm in (1.6, 5.0):
        image *= 1.0 + rng.uniform(0.01, 0.05) * smooth_noise(rng, image.shape, spacing, scale_mm)
    image *= coil_shading(rng, image.shape, spacing, rng.uniform(*mixture.shading))
    axis = 2 - scan.t2_phase_axis
    period = int(image.shape[axis] * rng.uniform(0.08, 0.5))
    amount = rng.uniform(*mixture.ghost)
    add_ghosts(image, axis, [period, -period], [amount, amount])
    noise = rng.uniform(*mixture.t2_noise)
    kept = [rng.uniform(0.85, 1.0)] * 2
    kept[0 if axis == 1 else 1] *= rng.uniform(0.65, 1.0)
    levels = _edge_slices(rng, image)
    return np.rint(SCALE * acquire(rng, image, noise * levels, (kept[0], kept[1]), rng.uniform(0.0, 0.6)))


def _edge_slices(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Weaker outermost slices, and slices that differ a little, in place; returns factors for the noise."""
    factors = np.exp(rng.normal(0.0, 0.02, len(image)))
    if rng.random() < 0.5:
        factors[[0, -1]] *= rng.uniform(0.6, 1.0, 2)
    image *= factors.astype(np.float32)[:, None, None]
    return np.ones(len(image))


def _dwi_images(
    rng: np.random.Generator, mixture: Mixture, scan: Scan, layers: list[Layer], warp: BodyWarp, epi: EpiWarp
) -> list[np.ndarray]:
    sampling = Sampling(scan.dwi, epi.to_t2, warp.to_anatomy)
    painted = paint(sampling, layers, lambda signal: signal.dwi, int(rng.integers(2**31)))
    shape, spacing = painted.shape[1:], scan.dwi.spacing_mm[::-1]
    painted *= compression_on(scan.dwi, epi)
    axis = 2 - scan.phase_axis
    left = np.full(shape, rng.uniform(*mixture.residual_fat), dtype=np.float32)
    if rng.random() < 0.5:
        failure = smooth_noise(rng, shape, spacing, 70.0) + rng.uniform(0.5, 2.0) * _rim(shape)
        failure = np.clip(failure - rng.uniform(0.5, 1.5), 0.0, 1.5)
        left += rng.uniform(*mixture.fat_failure) * failure
    shift = round(float(rng.choice([-1, 1]) * rng.uniform(6, 26) / spacing[axis]))
    fat = np.roll(painted[-1], shift, axis=axis) * left
    fat = fat.astype(np.float32)
    shading = coil_shading(rng, shape, spacing, 0.8 * rng.uniform(*mixture.shading))
    ghost = rng.uniform(*mixture.ghost)
    noise = rng.uniform(*mixture.dwi_noise)
    kept = (rng.uniform(0.8, 1.0), rng.uniform(0.8, 1.0))
    edges = np.exp(rng.normal(0.0, 0.03, shape[0])).astype(np.float32)[:, None, None]
    series = []
    for n, b in enumerate(scan.protocol.b_values_s_mm2):
        image = (painted[n] + fat * np.float32(np.exp(-b * 5e-5))) * shading * edges
        add_ghosts(image, axis, [image.shape[axis] // 2], [ghost])
        averages = np.sqrt(1.0 + b / 300.0)
        measured = acquire(rng, image, np.array(noise / averages), kept, rng.uniform(0.0, 0.6))
        series.append(np.rint(SCALE * measured))
    return series


def _rim(shape: tuple[int, ...]) -> np.ndarray:
    """0 in the middle of each slice, 1 at the middle of its edges; the shim is worst at the rim."""
    rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape[1:])
    return np.broadcast_to(np.maximum(rows[:, None] ** 2, columns**2), shape)


def displacement_on(geometry: Geometry, epi: EpiWarp) -> np.ndarray:
    """The displacement T2 point -> DWI point at each voxel of a T2 grid, float32 [k, j, i, 3], LPS mm."""
    return _upsampled(geometry, lambda points: epi.to_dwi(points) - points)


def compression_on(geometry: Geometry, epi: EpiWarp) -> np.ndarray:
    """How much signal is compressed into each voxel of the distorted DWI: the Jacobian of DWI -> T2."""
    shown = _upsampled(geometry, epi.to_t2)
    phase = epi.phase_encoding_lps
    along = shown @ phase.astype(np.float32)
    gradients = np.gradient(along, *geometry.spacing_mm[::-1])
    slope = sum(g * float(c) for g, c in zip(gradients[::-1], geometry.direction.T @ phase))
    return np.clip(slope, 0.2, 4.0).astype(np.float32)


def _upsampled(geometry: Geometry, function) -> np.ndarray:  # type: ignore[no-untyped-def]
    """A smooth function of points (n, 3) -> (n, 3) at every voxel, by way of every sixth."""
    sampling = Sampling(geometry, function, lambda points: points)
    return np.stack([np.moveaxis(sampling.slice_points(k)[0], 0, -1) for k in range(geometry.size_ijk[2])])


def label_nodes(drafts: list[Draft], geometry: Geometry) -> tuple[np.ndarray, tuple[TrueNode, ...]]:
    """The label map, and the nodes that own at least one voxel of it."""
    width, height, depth = geometry.size_ijk
    size = np.array(geometry.size_ijk)
    labels = np.zeros((depth, height, width), dtype=np.uint16)
    most = np.full(labels.shape, 0.5, dtype=np.float32)
    to_ijk = np.linalg.inv(geometry.ijk_to_lps)
    found: list[TrueNode] = []
    for draft in drafts:
        low, high = draft.shape.box_mm
        corners = np.array(
            [(x, y, z, 1.0) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
        )
        ijk = (corners @ to_ijk.T)[:, :3]
        first, last = np.floor(ijk.min(axis=0)).astype(int) - 1, np.ceil(ijk.max(axis=0)).astype(int) + 2
        complete = bool((ijk.min(axis=0) >= -0.5).all() and (ijk.max(axis=0) <= size - 0.5).all())
        first, last = np.clip(first, 0, size), np.clip(last, 0, size)
        if (last <= first).any():
            continue
        counts = (2, 2, 6) if draft.shape.radii_mm.min() < 5.0 else (1, 1, 5)
        steps = [(np.arange(c) + 0.5) / c - 0.5 for c in counts]
        axes = [(np.arange(a, b)[:, None] + step).ravel() for a, b, step in zip(first, last, steps)]
        grid = np.stack(np.meshgrid(*axes[::-1], indexing="ij")[::-1], axis=-1)
        points = geometry.lps_from_ijk(grid)
        inside = draft.shape.level(points[..., 0], points[..., 1], points[..., 2]) < 1.0
        n = (last - first)[::-1]
        share = inside.reshape(n[0], counts[2], n[1], counts[1], n[2], counts[0]).mean(axis=(1, 3, 5))
        window = tuple(slice(a, b) for a, b in zip(first[::-1], last[::-1]))
        mine = share >= most[window]
        if not mine.any():
            continue
        number = len(found) + 1
        labels[window][mine] = number
        most[window][mine] = share[mine]
        found.append(true_node(draft, number, geometry.normal_lps, complete))
    present = np.bincount(labels.ravel(), minlength=len(found) + 1) > 0
    return labels, tuple(node for node in found if present[node.label])


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
