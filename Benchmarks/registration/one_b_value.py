"""Registration error in the nodes of phantoms of all b-values, or of one, with its ADC map or without.

    python -m Benchmarks.registration.one_b_value [--standard 10] [--hard 10] [--first-seed 960000]

The one b-value is what the application would choose: the highest up to 1000 s/mm2. "nothing" leaves the DWI
where its header says.
"""

from __future__ import annotations

import argparse

import numpy as np
from LymphNodeSegLib.images.image import StudyImages
from LymphNodeSegLib.phantom import Phantom, make_phantom
from LymphNodeSegLib.registration.register import register
from LymphNodeSegLib.registration.resample import displacement_on

from Training.evaluate import preferred_dwi

FAR_MM = 2.0


def errors_mm(phantom: Phantom) -> dict[str, float]:
    """Mean distance from the truth over all node voxels, by what the study holds."""
    dwi, truth = preferred_dwi(phantom), np.moveaxis(phantom.displacement_lps_mm, -1, 0)
    nodes = phantom.labels > 0
    studies = {
        "all b-values": StudyImages(phantom.t2, dwi, phantom.dwi_series, phantom.adc),
        "one, with ADC": StudyImages(phantom.t2, dwi, (dwi,), phantom.adc),
        "one alone": StudyImages(phantom.t2, dwi, (dwi,)),
    }
    found = {"nothing": float(np.linalg.norm(truth, axis=0)[nodes].mean())}
    for name, study in studies.items():
        mapped = displacement_on(register(study).transform, phantom.t2.geometry)
        found[name] = float(np.linalg.norm(mapped - truth, axis=0)[nodes].mean())
    return found


def main() -> None:
    """Prints a line for each phantom and a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--standard", type=int, default=10)
    parser.add_argument("--hard", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=960_000)
    arguments = parser.parse_args()
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
