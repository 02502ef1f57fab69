"""One registration by a peer; runs in an environment of its own that has itk-elastix and antspyx.

    PYTHON peers.py elastix|ants FOLDER

FOLDER holds t2.nrrd, dwi.nrrd and points.npy (n, 3; LPS mm). Writes into its folder of the method's name
mapped.npy and measured.json (seconds of the registration with the DWI brought onto the T2 grid, peak memory).
Each peer runs as its documentation begins: elastix's default rigid and B-spline maps, with its pyramids kept
from thinning the slices; ANTs' "SyNRA". Both start where the headers say.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np


def elastix(folder: Path, points: np.ndarray) -> tuple[np.ndarray, float, float]:
    """The points mapped by elastix, its seconds, its processor seconds."""
    import itk

    fixed, moving = (itk.imread(str(folder / name), itk.F) for name in ("t2.nrrd", "dwi.nrrd"))
    parameters = itk.ParameterObject.New()
    for name in ("rigid", "bspline"):
        parameters.AddParameterMap(parameters.GetDefaultParameterMap(name))
    # By default few slices are left on the coarse levels, and the images' centers are laid on each other.
    schedule = [str(n) for side in (8, 4, 2, 1) for n in (side, side, 1)]
    parameters.SetParameter("FixedImagePyramidSchedule", schedule)
    parameters.SetParameter("MovingImagePyramidSchedule", schedule)
    parameters.SetParameter(0, "AutomaticTransformInitialization", "false")
    parameters.SetParameter("RandomSeed", "1")
    begin, cpu = time.perf_counter(), time.process_time()
    _, transform = itk.elastix_registration_method(fixed, moving, parameter_object=parameters)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    field = itk.GetArrayFromImage(itk.transformix_deformation_field(moving, transform))
    index = [[int(n) for n in fixed.TransformPhysicalPointToIndex(point.tolist())] for point in points]
    i, j, k = np.clip(index, 0, np.array(field.shape[2::-1]) - 1).T
    return points + field[k, j, i], seconds, cpu


def ants(folder: Path, points: np.ndarray) -> tuple[np.ndarray, float, float]:
    """The points mapped by ANTs, its seconds, its processor seconds."""
    import ants as library
    import pandas

    fixed, moving = (library.image_read(str(folder / name)) for name in ("t2.nrrd", "dwi.nrrd"))
    begin, cpu = time.perf_counter(), time.process_time()
    # By default the images' centers of mass are laid on each other.
    found = library.registration(
        fixed, moving, type_of_transform="SyNRA", initial_transform="Identity", random_seed=1
    )
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    table = pandas.DataFrame(points, columns=["x", "y", "z"])
    # Points go the way from fixed to moving by the transforms that bring the moving image to the fixed.
    mapped = library.apply_transforms_to_points(3, table, found["fwdtransforms"])
    return mapped[["x", "y", "z"]].to_numpy(), seconds, cpu


def main() -> None:
    """Runs the method that the command line names."""
    method, folder = sys.argv[1], Path(sys.argv[2]).resolve()
    os.chdir(folder / method)  # elastix writes its field where it stands
    mapped, seconds, cpu = {"elastix": elastix, "ants": ants}[method](folder, np.load(folder / "points.npy"))
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    np.save(folder / method / "mapped.npy", mapped)
    measured = {"seconds": seconds, "cpu_seconds": cpu, "peak_mib": peak_mib}
    (folder / method / "measured.json").write_text(json.dumps(measured))


if __name__ == "__main__":
    main()
