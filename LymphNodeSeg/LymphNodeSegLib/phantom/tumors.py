"""Tumors of uterus, ovaries and prostate, an endometrium like one: bright on a high b-value, no lymph nodes.

Whoever has lymph nodes looked for often has such a tumor. Part of a varied pelvis.
"""

from __future__ import annotations

import numpy as np

from .anatomy import SIDES, Body
from .curves import random_rotation
from .cysts import any_fluid, random_direction, round_mass
from .female import Uterus
from .fluid import add_sac
from .layers import Texture
from .shapes import Ellipsoid
from .tissues import Tissue

# ADC of cancers of the endometrium: 0.88 +- 0.16 (Tamai K et al., J Magn Reson Imaging 26:682, 2007), of the
# prostate: 0.94 to 1.30 by grade (Hambrock T et al., Radiology 259:453, 2011). The others are assumptions:
# from a fibroma to a carcinoma of the ovary; a myoma rich in cells; an endometrium on any day of the cycle.
CANCER = Tissue(1450, 92, 0.88, t2_spread=0.2, adc_spread=0.15)
OVARIAN = Tissue(1400, 85, 1.0, t2_spread=0.3, adc_spread=0.22)
CELLULAR_MYOMA = Tissue(1400, 80, 1.0, t2_spread=0.2, adc_spread=0.12)
PROSTATE_CANCER = Tissue(1400, 74, 0.95, t2_spread=0.15, adc_spread=0.18)
LINING = Tissue(1500, 125, 1.15, t2_spread=0.25, adc_spread=0.2)
LOOK = Texture(0.1, (6, 6, 6))


def add_female_tumors(body: Body, uterus: Uterus) -> None:
    """A cancer of the endometrium in three of ten, else an endometrium of any look; myomas, ovarian tumors.

    Args:
        body: The pelvis.
        uterus: Where it lies.
    """
    rng = body.rng
    if rng.random() < 0.3:
        _add_endometrial_cancer(body, uterus)
    else:
        lining = body.palette.other(LINING)
        body.add(uterus.cavity, "endometrium", signal=lining, rough_mm=0.6, soft_mm=1.0, obstacle=False)
    if rng.random() < 0.15:
        spot = _within(body, uterus.corpus, 0.6)
        myoma = body.palette.other(CELLULAR_MYOMA)
        body.add(
            round_mass(body, spot, 4, 14), "tumor", signal=myoma, rough_mm=0.5, soft_mm=0.4, texture=LOOK
        )
    for _, sign in SIDES:
        if rng.random() < 0.08:
            _add_ovarian_tumor(body, sign)


def _add_endometrial_cancer(body: Body, uterus: Uterus) -> None:
    """Fills part of the cavity or widens it, and may grow into the wall."""
    rng, cavity = body.rng, uterus.cavity
    radii = cavity.radii_mm * rng.uniform(0.4, 1.1, 3)
    radii[1] = max(radii[1], rng.uniform(3.0, 0.8 * uterus.corpus.radii_mm[1]))
    place = cavity.center_mm + cavity.rotation @ (rng.uniform(-0.4, 0.4, 3) * cavity.radii_mm)
    signal = body.palette.other(CANCER)
    body.add(
        Ellipsoid(place, radii, cavity.rotation),
        "tumor",
        signal=signal,
        rough_mm=1.2,
        soft_mm=1.0,
        texture=LOOK,
    )


def _add_ovarian_tumor(body: Body, sign: float) -> None:
    """Solid, or a sac of fluid with a solid part."""
    rng = body.rng
    center = np.array([sign * rng.uniform(28, 52), rng.uniform(-5, 32), rng.uniform(36, 68)])
    whole = round_mass(body, center, 7, 28)
    solid = whole
    if rng.random() < 0.5:
        add_sac(body, whole, any_fluid(body), 1.0)
        radii = whole.radii_mm * rng.uniform(0.25, 0.6)
        solid = Ellipsoid(_within(body, whole, 0.6), radii, random_rotation(rng))
    signal = body.palette.other(OVARIAN)
    body.add(solid, "tumor", signal=signal, rough_mm=0.8, soft_mm=0.6, texture=LOOK)


def add_prostate_cancer(body: Body, prostate: Ellipsoid) -> None:
    """One or two foci in four of ten, some of them sharply outlined, or beyond the capsule.

    Args:
        body: The pelvis.
        prostate: Its outline.
    """
    rng = body.rng
    for _ in range(int(rng.integers(1, 3)) if rng.random() < 0.4 else 0):
        focus = round_mass(body, _within(body, prostate, 0.85), 3, 14)
        signal = body.palette.other(PROSTATE_CANCER)
        body.add(
            focus,
            "tumor",
            signal=signal,
            rough_mm=1.0,
            soft_mm=rng.uniform(0.3, 2.0),
            texture=LOOK,
            obstacle=False,
        )


def _within(body: Body, shape: Ellipsoid, share: float) -> np.ndarray:
    """A place at most so far from an ellipsoid's center, of the way to its surface."""
    offset = random_direction(body) * share * body.rng.random()
    return np.asarray(shape.center_mm + shape.rotation @ (offset * shape.radii_mm))
