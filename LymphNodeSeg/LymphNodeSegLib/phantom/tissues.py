"""What each tissue looks like on T2- and diffusion-weighted images.

Relaxation times and ADC: de Bazelaire 2004 (pelvis at 1.5 and 3 T) and the means of published node and
uterus studies; where no measurement was found the value is an assumption made to fit clinical images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tissue:
    """Mean properties of a tissue at 3 T, and how much they vary between patients.

    Attributes:
        t1_ms, t2_ms: Relaxation times.
        adc: Apparent diffusion coefficient in um2/ms (1e-3 mm2/s).
        density: Proton density relative to water.
        t2_spread, adc_spread: Relative standard deviation from patient to patient.
        fat: Share of the signal that is fat (suppressed and shifted on DWI).
    """

    t1_ms: float
    t2_ms: float
    adc: float
    density: float = 1.0
    t2_spread: float = 0.1
    adc_spread: float = 0.08
    fat: float = 0.0


TISSUES: dict[str, Tissue] = {
    "air": Tissue(1000, 30, 1.0, density=0.0),
    "gas": Tissue(1000, 30, 1.0, density=0.02),
    "fat": Tissue(382, 68, 0.05, density=0.95, t2_spread=0.12, fat=0.97),
    "septum": Tissue(900, 35, 1.0, density=0.75, fat=0.3),
    "skin": Tissue(900, 38, 1.0, density=0.8, fat=0.1),
    "muscle": Tissue(898, 31.5, 1.5, t2_spread=0.18),
    "tendon": Tissue(900, 15, 1.0, density=0.6),
    "cortex": Tissue(900, 8, 0.8, density=0.25),
    "marrow": Tissue(586, 53, 0.3, density=0.92, t2_spread=0.13, fat=0.93),
    "red_marrow": Tissue(900, 50, 0.6, density=0.85, t2_spread=0.15, fat=0.75),
    "cartilage": Tissue(1200, 36, 1.3, density=0.85),
    "urine": Tissue(3800, 800, 2.9, density=0.95, t2_spread=0.3, adc_spread=0.03),
    "bladder_wall": Tissue(1100, 48, 1.55, t2_spread=0.15),
    "rectal_wall": Tissue(1200, 50, 1.4, t2_spread=0.2, adc_spread=0.15),
    "mucosa": Tissue(1400, 74, 1.5, t2_spread=0.2, adc_spread=0.2),
    "stool": Tissue(900, 46, 1.1, density=0.7, t2_spread=0.45, adc_spread=0.4),
    "bowel_fluid": Tissue(2500, 300, 2.2, t2_spread=0.4, adc_spread=0.15),
    "blood": Tissue(1600, 150, 1.6, t2_spread=0.3, adc_spread=0.3),
    "flow_void": Tissue(1600, 60, 12.0, density=0.1, t2_spread=0.3),
    "vessel_wall": Tissue(1000, 40, 1.4, density=0.8),
    "nerve": Tissue(1100, 66, 1.25, density=0.9, t2_spread=0.2, adc_spread=0.15, fat=0.1),
    "ganglion": Tissue(1300, 90, 1.2, t2_spread=0.15, adc_spread=0.12),
    "transition_zone": Tissue(1450, 76, 1.35, t2_spread=0.15, adc_spread=0.1),
    "peripheral_zone": Tissue(1550, 108, 1.6, t2_spread=0.18, adc_spread=0.1),
    "prostate_capsule": Tissue(1000, 38, 1.2),
    "seminal_vesicle": Tissue(2000, 170, 1.7, t2_spread=0.3, adc_spread=0.12),
    "myometrium": Tissue(1514, 79, 1.53, t2_spread=0.15),
    "junctional_zone": Tissue(1300, 50, 1.15, t2_spread=0.12),
    "endometrium": Tissue(1500, 140, 1.3, t2_spread=0.3, adc_spread=0.12),
    "cervix": Tissue(1616, 83, 1.71, t2_spread=0.15),
    "cervix_stroma": Tissue(1200, 45, 1.5),
    "vagina": Tissue(1200, 60, 1.5, t2_spread=0.15),
    "ovary": Tissue(1481, 110, 1.35, t2_spread=0.15),
    "follicle": Tissue(2267, 603, 2.5, t2_spread=0.2),
    "tumor": Tissue(1400, 88, 0.85, t2_spread=0.15, adc_spread=0.12),
    "node": Tissue(1435, 102, 0.98, t2_spread=0.16, adc_spread=0.15),
    "hilum": Tissue(714, 80, 0.4, density=0.95, fat=0.8),
    "necrosis": Tissue(2200, 260, 1.9, t2_spread=0.3, adc_spread=0.15),
}


@dataclass(frozen=True)
class Protocol:
    """How the signal is weighted.

    Attributes:
        t2_tr_ms, t2_te_ms: Of the T2-weighted turbo spin echo.
        dwi_tr_ms, dwi_te_ms: Of the diffusion-weighted EPI.
        b_values_s_mm2: Lowest first.
        fat_brightening: By how much a refocusing train makes fat brighter than its T2 says (J-coupling).
    """

    t2_tr_ms: float
    t2_te_ms: float
    dwi_tr_ms: float
    dwi_te_ms: float
    b_values_s_mm2: tuple[float, ...]
    fat_brightening: float = 2.0


@dataclass(frozen=True)
class Signal:
    """Signal of one tissue in this study: node cortex on T2, and on b0, is about 1.

    Attributes:
        t2: Of the T2-weighted image.
        dwi: Water signal at each b-value, then the fat signal before suppression (float32).
    """

    t2: float
    dwi: np.ndarray


def spin_echo(tissue: Tissue, t2_factor: float, tr_ms: float, te_ms: float) -> float:
    """Signal of a spin echo: density * (1 - exp(-TR/T1)) * exp(-TE/T2)."""
    return float(
        tissue.density * (1 - np.exp(-tr_ms / tissue.t1_ms)) * np.exp(-te_ms / (tissue.t2_ms * t2_factor))
    )


def signal_of(tissue: Tissue, protocol: Protocol, t2_factor: float = 1.0, adc_factor: float = 1.0) -> Signal:
    """The signal of a tissue whose T2 and ADC differ from the mean by the given factors."""
    node = TISSUES["node"]
    reference = spin_echo(node, 1.0, protocol.t2_tr_ms, protocol.t2_te_ms)
    t2 = spin_echo(tissue, t2_factor, protocol.t2_tr_ms, protocol.t2_te_ms) / reference
    t2 *= 1.0 + tissue.fat * (protocol.fat_brightening - 1.0)
    reference = spin_echo(node, 1.0, protocol.dwi_tr_ms, protocol.dwi_te_ms)
    b0 = spin_echo(tissue, t2_factor, protocol.dwi_tr_ms, protocol.dwi_te_ms) / reference
    b = np.asarray(protocol.b_values_s_mm2) * 1e-3
    water = (1.0 - tissue.fat) * b0 * np.exp(-b * tissue.adc * adc_factor)
    return Signal(float(t2), np.append(water, tissue.fat * b0).astype(np.float32))


class Palette:
    """Draws the signal of each tissue once per study, and of single structures beside it.

    Args:
        rng: Source of randomness.
        protocol: The weighting.
        contrast_spread: Standard deviation of the logarithm by which each tissue's T2-weighted signal
            leaves its physical value: 0 for real contrast, above 0.2 for contrasts of no real scanner.
    """

    def __init__(self, rng: np.random.Generator, protocol: Protocol, contrast_spread: float) -> None:
        self._rng, self.protocol = rng, protocol
        self._spread = contrast_spread
        self._factors = {
            name: (self._factor(t.t2_spread), self._factor(t.adc_spread), self._factor(contrast_spread))
            for name, t in TISSUES.items()
        }

    def _factor(self, spread: float) -> float:
        return float(np.exp(spread * np.clip(self._rng.standard_normal(), -2.5, 2.5)))

    def signal(self, name: str, variation: float = 0.0) -> Signal:
        """The signal of a tissue by name.

        Args:
            name: Key of `TISSUES`.
            variation: Relative spread of T2 and ADC of this one structure around the study's tissue.
        """
        t2_factor, adc_factor, contrast = self._factors[name]
        if variation:
            t2_factor, adc_factor = t2_factor * self._factor(variation), adc_factor * self._factor(variation)
        signal = signal_of(TISSUES[name], self.protocol, t2_factor, adc_factor)
        return Signal(signal.t2 * contrast, signal.dwi)

    def other(self, tissue: Tissue) -> Signal:
        """The signal of a tissue that is not one of `TISSUES`; each time another draw."""
        factors = self._factor(tissue.t2_spread), self._factor(tissue.adc_spread)
        signal = signal_of(tissue, self.protocol, *factors)
        return Signal(signal.t2 * self._factor(self._spread), signal.dwi)
