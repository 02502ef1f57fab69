"""How the time of our registration grows with the number of voxels.

    python -m Benchmarks.registration.growth

One phantom, sampled so that T2 and DWI have 1, 2, 4 and 8 times the voxels over the same place: more columns,
then more rows, then more slices. Processor seconds are given as well: they hardly depend on what else runs.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import SimpleITK as sitk
from LymphNodeSegLib.images.image import Image, StudyImages
from LymphNodeSegLib.phantom import make_phantom
from LymphNodeSegLib.registration.register import register

SEED = 950_000


def finer(image: Image, factors: tuple[int, int, int]) -> Image:
    """The image with so many times the voxels along i, j, k, over the same place."""
    about = np.array(factors)
    grid = sitk.Image([int(n) for n in np.array(image.geometry.size_ijk) * about], sitk.sitkUInt8)
    grid.SetSpacing([float(mm) for mm in np.array(image.geometry.spacing_mm) / about])
    grid.SetDirection(image.geometry.direction_lps)
    first = image.geometry.lps_from_ijk(0.5 / about - 0.5)
    grid.SetOrigin([float(mm) for mm in first])
    still = sitk.Cast(image.to_sitk(), sitk.sitkFloat32)
    return Image.from_sitk(sitk.Resample(still, grid, sitk.Transform(), sitk.sitkLinear), image.acquisition)


def main() -> None:
    """Measures and prints the table."""
    phantom = make_phantom(SEED, "standard")
    series = (phantom.dwi_series[0], phantom.dwi_series[-1])
    study = StudyImages(phantom.t2, series[-1], series)
    register(study)  # what is loaded late is loaded now
    print("| voxels | T2 | DWI | s | processor s | a million T2 voxels, processor s |\n" + "|---" * 6 + "|")
    for factors in ((1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 2, 2)):
        larger = tuple(finer(image, factors) for image in series)
        case = replace(study, t2=finer(study.t2, factors), dwi=larger[-1], dwi_series=larger)
        begin, cpu = time.perf_counter(), time.process_time()
        register(case)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        sizes = ["x".join(map(str, image.geometry.size_ijk)) for image in (case.t2, case.dwi)]
        share = cpu / (case.t2.array.size / 1e6)
        print(
            f"| {np.prod(factors)}x | {' | '.join(sizes)} | {seconds:.1f} | {cpu:.1f} | {share:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
