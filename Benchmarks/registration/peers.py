"""Registrations by a peer; runs in an environment of its own that has itk-elastix and antspyx.

    PYTHON peers.py elastix|ants FOLDER

FOLDER holds t2.nrrd, guide.nrrd (what is registered of the DWI) and points.npy (n, 3; LPS mm). A peer
registers rigidly and then with bending; after each it writes mapped.npy and measured.json (seconds so far of
the registration with one image brought onto the T2, peak memory) into FOLDER's elastix-rigid and elastix, or
ants-rigid and ants. Both start where the headers say; Benchmarks/RESULTS.md says how they were set up.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable, Optional

import numpy as np

KNOTS_MM = 64.0  # of elastix' B-spline
PIXEL_MM = 2.5  # about as fine as DWI is: ANTs works on every voxel of the fixed image

Mapped = Callable[[np.ndarray], np.ndarray]  # points of the T2, LPS mm, to points of the DWI


def elastix(t2: Path, guide: Path) -> Iterator[Optional[Mapped]]:
    """The default maps "rigid" and "bspline", set up for thick slices; nothing at first, when all is read."""
    import itk

    fixed, moving = (itk.imread(str(path), itk.F) for path in (t2, guide))
    registration, last = itk.ElastixRegistrationMethod, None
    yield None
    for name in ("rigid", "bspline"):
        parameters = itk.ParameterObject.New()
        settings = dict(parameters.GetDefaultParameterMap(name, 3, KNOTS_MM))
        # By default few slices are left on the coarse levels, and the images' centers are laid on each other.
        schedule = [str(n) for side in (4, 2, 1) for n in (side, side, 1)]
        settings.update(FixedImagePyramidSchedule=schedule, MovingImagePyramidSchedule=schedule)
        settings.update(AutomaticTransformInitialization=["false"], RandomSeed=["1"])
        if name == "bspline":
            # The recursive transform is the same, several times as fast. The bending energy takes most of the
            # time and brought nothing with knots so far apart.
            settings.update(Transform=["RecursiveBSplineTransform"])
            settings.update(Registration=["MultiResolutionRegistration"], Metric=settings["Metric"][:1])
        parameters.AddParameterMap(settings)
        method = registration.New(fixed, moving, parameter_object=parameters)
        if last is not None:
            method.SetExternalInitialTransform(last)
        method.Update()
        last = method.GetCombinationTransform()
        yield lambda points, found=last: np.array([found.TransformPoint(p.tolist()) for p in points])


def ants(t2: Path, guide: Path) -> Iterator[Optional[Mapped]]:
    """ANTs' "Rigid", then its "SyNOnly"; nothing at first, when all is read."""
    import ants as library
    import pandas

    fixed, moving = (library.image_read(str(path)) for path in (t2, guide))
    yield None
    coarse = library.resample_image(fixed, (PIXEL_MM, PIXEL_MM, fixed.spacing[2]), use_voxels=False)
    # By default the images' centers of mass are laid on each other.
    start = "Identity"
    rigid = {
        "aff_iterations": (500, 250, 50),
        "aff_shrink_factors": (4, 2, 1),
        "aff_smoothing_sigmas": (2, 1, 0),
    }
    bending = {"reg_iterations": (40, 0), "flow_sigma": 6, "total_sigma": 3}
    for kind, settings in (("Rigid", rigid), ("SyNOnly", bending)):
        result = library.registration(coarse, moving, kind, initial_transform=start, **settings)
        found = result["fwdtransforms"]
        library.apply_transforms(fixed, moving, found)
        start = found[0]

        def mapped(points: np.ndarray, transforms: list[str] = found) -> np.ndarray:
            table = pandas.DataFrame(points, columns=["x", "y", "z"])
            # Points go from fixed to moving by the transforms that bring the moving image to the fixed.
            return library.apply_transforms_to_points(3, table, transforms)[["x", "y", "z"]].to_numpy()

        yield mapped


def main() -> None:
    """Runs the peer that the command line names."""
    peer, folder = sys.argv[1], Path(sys.argv[2]).resolve()
    points = np.load(folder / "points.npy")
    steps = {"elastix": elastix, "ants": ants}[peer](folder / "t2.nrrd", folder / "guide.nrrd")
    seconds, cpu_seconds = 0.0, 0.0
    next(steps)
    for method in (f"{peer}-rigid", peer):
        begin, cpu = time.perf_counter(), time.process_time()
        mapped = next(steps)
        assert mapped is not None
        seconds += time.perf_counter() - begin
        cpu_seconds += time.process_time() - cpu
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        measured = {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mib": peak_mib}
        (folder / method).mkdir(exist_ok=True)
        np.save(folder / method / "mapped.npy", mapped(points))
        (folder / method / "measured.json").write_text(json.dumps(measured))


if __name__ == "__main__":
    main()
