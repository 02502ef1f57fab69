"""A synthetic pelvic MRI study with known lymph nodes, from one seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from ..images.image import Acquisition, Image
from .anatomy import Body, add_small_vessels, add_strands, add_trunk
from .cysts import add_female_cysts, add_male_cysts, add_masses
from .details import (
    add_plexus_around,
    add_rectal_folds,
    add_sigmoid_and_loops,
    add_ureters,
    add_varices,
    vary_nerves,
)
from .female import add_female_organs
from .fluid import add_canal_fluid, add_edema, add_fluid_at_bones, add_fluid_beneath
from .frame import add_frame
from .lymph_nodes import LONG_SHARE, PRESSED_SHARE, node_layers, place_nodes
from .male import add_male_organs
from .mixtures import draw_scan, mixture_named
from .planes import combined_planes
from .scanner import displacement_on, scan_dwi, scan_t2
from .tissues import Palette
from .truth import TrueNode, label_nodes
from .tumors import add_female_tumors, add_prostate_cancer
from .vessels import add_vessels
from .viscera import add_bladder, add_bowel, add_haze, add_mesentery, add_rectum
from .warp import BodyWarp, EpiWarp


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


def make_phantom(
    seed: int, difficulty: str = "standard", plane: Optional[str] = None, varied: bool = False
) -> Phantom:
    """A synthetic pelvis, the same for the same arguments, bit for bit.

    Args:
        seed: 0 or more.
        difficulty: "standard" or "hard", see `mixtures.MIXTURES`.
        plane: Acquisition plane of the T2, "axial" or "sagittal"; None draws one.
        varied: With more of what patients have: fluid outside organs, cysts, tumors, winding veins, bowel,
            bright nerves, nodes that are drawn out; the DWI in a plane of its own. For training; the
            benchmark's phantoms are made without.

    Returns:
        Images and truth.

    Raises:
        InputError: unknown difficulty or plane.
    """
    mixture = mixture_named(difficulty)
    rng = np.random.default_rng([seed, sorted(("standard", "hard")).index(difficulty)])
    scan = draw_scan(rng, plane)
    if varied:  # drawn from another source: the pelvis stays the same
        scan = combined_planes(np.random.default_rng([seed, 2]), scan, any_plane=plane is None)
    spread = rng.uniform(0.1, 0.45) if rng.random() < mixture.random_contrast_share else 0.0
    female = bool(rng.random() < 0.6)
    palette, slow_flow = Palette(rng, scan.protocol, spread), rng.uniform(*mixture.slow_flow)
    body = build_body(rng, palette, female, slow_flow, varied)
    warp = BodyWarp(rng, rng.uniform(*mixture.warp_mm))
    count, large_share = int(rng.integers(*mixture.nodes)), rng.uniform(*mixture.large_share)
    drafts = place_nodes(body, warp, scan.t2, count, large_share)
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
    t2 = scan_t2(rng, mixture, scan, layers, warp)
    series, adc = scan_dwi(rng, mixture, scan, layers, warp, epi)
    labels, nodes = label_nodes(drafts, scan.t2)
    phase_lps = (float(phase[0]), float(phase[1]), float(phase[2]))
    acquisitions = [
        Acquisition("DWI", b, description="Phantom DWI", phase_encoding_lps=phase_lps)
        for b in scan.protocol.b_values_s_mm2
    ]
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


def build_body(
    rng: np.random.Generator, palette: Palette, female: bool, slow_flow_share: float, varied: bool
) -> Body:
    """A pelvis without nodes, in anatomy coordinates.

    Args:
        rng: Source of randomness.
        palette: Signal of each tissue.
        female: Which organs.
        slow_flow_share: Probability that a vein flows slowly.
        varied: See `make_phantom`.
    """
    body = Body(rng, palette)
    add_trunk(body)
    add_strands(body, int(rng.integers(40, 110)))
    add_small_vessels(body, int(rng.integers(25, 60)))
    add_haze(body)
    add_mesentery(body)
    if varied:
        body.narrow_mm = rng.uniform(0.0, 12.0)
        body.long_share, body.pressed_share = LONG_SHARE, PRESSED_SHARE
        add_edema(body)
        add_fluid_beneath(body, female)
    add_frame(body)
    if varied:
        add_sigmoid_and_loops(body)
    add_bowel(body)
    bladder = add_bladder(body, 6.0 if female else 16.0)
    uterus = add_female_organs(body, bladder) if female else None
    prostate = None if female else add_male_organs(body)
    rectum = add_rectum(body)
    if varied:
        add_ureters(body)
        add_rectal_folds(body, rectum)
        add_masses(body, bladder, rectum)
        add_canal_fluid(body, female)
        add_fluid_at_bones(body)
        add_varices(body, slow_flow_share)
        if uterus:
            add_female_cysts(body, uterus.cervix)
            add_female_tumors(body, uterus)
        if prostate:
            add_male_cysts(body, prostate)
            add_prostate_cancer(body, prostate)
            add_plexus_around(body, prostate, slow_flow_share)
        vary_nerves(body)
    add_vessels(body, slow_flow_share)
    body.finish()
    return body
