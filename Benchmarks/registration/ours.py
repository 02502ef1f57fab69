"""One registration by LymphNodeSeg, with the files of `peers`."""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from LymphNodeSegLib.images.image import Image, StudyImages
from LymphNodeSegLib.registration.register import register


def main() -> None:
    """Registers the images of the folder that the command line names."""
    folder = Path(sys.argv[1])
    t2, dwi = (Image.from_sitk(sitk.ReadImage(str(folder / name))) for name in ("t2.nrrd", "dwi.nrrd"))
    phase = tuple(json.loads((folder / "phase.json").read_text()))
    dwi = replace(dwi, acquisition=replace(dwi.acquisition, phase_encoding_lps=phase))
    begin, cpu = time.perf_counter(), time.process_time()
    found = register(StudyImages(t2, dwi, (dwi,)))
    seconds = time.perf_counter() - begin
    points = np.load(folder / "points.npy")
    np.save(folder / "mapped.npy", [found.transform.TransformPoint(point.tolist()) for point in points])
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    measured = {"seconds": seconds, "cpu_seconds": time.process_time() - cpu, "peak_mib": peak_mib}
    measured["method"] = found.verdict.method
    (folder / "measured.json").write_text(json.dumps(measured))


if __name__ == "__main__":
    main()
