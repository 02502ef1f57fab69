"""Processor seconds that a phantom of 320 x 320 x 24 voxels costs, on one core.

    OMP_NUM_THREADS=1 python -m Benchmarks.phantoms

The seeds are the first ones of each difficulty that draw this matrix. Each is made as for the benchmark, and
varied as for training. Prints Markdown.
"""

from __future__ import annotations

import time
from statistics import median

from LymphNodeSegLib.phantom import make_phantom

SEEDS = {"standard": (46, 52, 58, 61), "hard": (18, 85, 94, 119)}


def main() -> None:
    """Make the phantoms and print what each took."""
    make_phantom(0)  # pays for imports and the noise that all share
    print("| seed | difficulty | plane | T2 | DWI | processor s | varied |\n|---|---|---|---|---|---|---|")
    spent: dict[bool, list[float]] = {False: [], True: []}
    for difficulty, seeds in SEEDS.items():
        for seed in seeds:
            for varied, times in spent.items():
                start = time.process_time()
                phantom = make_phantom(seed, difficulty, varied=varied)
                times.append(time.process_time() - start)
            t2, dwi = phantom.t2.geometry, phantom.dwi_series[0].geometry
            sizes = [" x ".join(map(str, size)) for size in (t2.size_ijk, dwi.size_ijk)]
            images = f"{len(phantom.dwi_series)} of {sizes[1]}"
            print(
                f"| {seed} | {difficulty} | {t2.plane} | {sizes[0]} | {images} "
                f"| {spent[False][-1]:.2f} | {spent[True][-1]:.2f} |",
                flush=True,
            )
    for varied, times in spent.items():
        name = "Varied" if varied else "The benchmark's"
        print(f"\n{name}: median {median(times):.2f}, at most {max(times):.2f} s")


if __name__ == "__main__":
    main()
