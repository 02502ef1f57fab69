"""Registration error in the nodes of phantoms of all b-values, or of one, with its ADC map or without.

    python -m Benchmarks.registration.one_b_value [--standard 10] [--hard 10] [--first-seed 960000]
        [--study STUDY]

The one b-value is what the application would choose: the highest up to 1000 s/mm2. "nothing" leaves the DWI
where its header says. STUDY is a patient, whose truth is not known: the distance is that from what all of its
b-values give, over the T2.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from LymphNodeSegLib.images.image import StudyImages
from LymphNodeSegLib.images.study import load_study
from LymphNodeSegLib.phantom import Phantom, make_phantom
from LymphNodeSegLib.registration.register import register
from LymphNodeSegLib.registration.resample import displacement_on

from Training.evaluate import preferred_dwi

FAR_MM = 2.0


def errors_mm(phantom: Phantom) -> dict[str, float]:
    """Mean distance from the truth over all node voxels, by what the study holds."""
    truth = np.moveaxis(phantom.displacement_lps_mm, -1, 0)
    study = StudyImages(phantom.t2, preferred_dwi(phantom), phantom.dwi_series, phantom.adc)
    nodes = phantom.labels > 0
    return {
        name: float(np.linalg.norm(mapped - truth, axis=0)[nodes].mean())
        for name, mapped in displacements(study).items()
    }


def displacements(study: StudyImages) -> dict[str, np.ndarray]:
    """The displacement [3, k, j, i] that is found, by what the study holds."""
    one = replace(study, dwi_series=(study.dwi,))
    held = {"all b-values": study, "one, with ADC": one, "one alone": replace(one, adc=None)}
    found = {
        name: displacement_on(register(images).transform, study.t2.geometry) for name, images in held.items()
    }
    return {"nothing": np.zeros_like(found["one alone"]), **found}


def main() -> None:
    """Prints a line for each phantom and a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--standard", type=int, default=10)
    parser.add_argument("--hard", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=960_000)
    parser.add_argument("--study", type=Path)
    arguments = parser.parse_args()
    if arguments.study:
        found = displacements(load_study(arguments.study))
        for name, mapped in found.items():
            away = np.linalg.norm(mapped - found["all b-values"], axis=0)
            print(f"| {arguments.study.name} | {name} | {away.mean():.2f} | {np.percentile(away, 95):.2f} |")
    for difficulty in ("standard", "hard"):
        rows = []
        for seed in range(arguments.first_seed, arguments.first_seed + getattr(arguments, difficulty)):
            rows.append(errors_mm(make_phantom(seed, difficulty)))
            print(difficulty, seed, {name: round(value, 2) for name, value in rows[-1].items()}, flush=True)
        for name in rows[0] if rows else ():
            values = np.array([row[name] for row in rows])
            far = int((values > FAR_MM).sum())
            print(
                f"| {difficulty}, {len(rows)} | {name} | {values.mean():.2f} | {values.max():.2f} "
                f"| {far} over {FAR_MM:g} mm |"
            )


if __name__ == "__main__":
    main()
