"""One registration by LymphNodeSeg, with the files of `peers`; all b-values, as a study has them."""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib import import_module
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from LymphNodeSegLib.images.image import Acquisition, Image, StudyImages
from LymphNodeSegLib.registration.register import register

STARTED = ("scipy.interpolate", "scipy.ndimage", "scipy.spatial.transform")  # what is imported late otherwise


def main() -> None:
    """Registers the images of the folder that the command line names."""
    folder = Path(sys.argv[1])
    about = json.loads((folder / "case.json").read_text())
    names = ["dwi.nrrd"] + [f"dwi_{number}.nrrd" for number in range(1, len(about["b_values"]))]
    phase = tuple(about["phase_encoding_lps"])
    series = tuple(
        Image.from_sitk(sitk.ReadImage(str(folder / name)), Acquisition("DWI", b, phase_encoding_lps=phase))
        for name, b in zip(names, about["b_values"])
    )
    t2 = Image.from_sitk(sitk.ReadImage(str(folder / "t2.nrrd")), Acquisition("T2"))
    for name in STARTED:
        import_module(name)
    begin, cpu = time.perf_counter(), time.process_time()
    found = register(StudyImages(t2, series[-1], series))
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    points = np.load(folder / "points.npy")
    mapped = [found.transform.TransformPoint(point.tolist()) for point in points]
    (folder / "ours").mkdir(exist_ok=True)
    np.save(folder / "ours" / "mapped.npy", mapped)
    measured = {"seconds": seconds, "cpu_seconds": cpu, "peak_mib": peak_mib}
    measured["decision"] = found.verdict.decision
    (folder / "ours" / "measured.json").write_text(json.dumps(measured))


if __name__ == "__main__":
    main()
