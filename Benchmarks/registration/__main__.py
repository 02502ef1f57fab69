"""Target registration error inside the nodes of phantoms: ours, elastix, ANTs and doing nothing.

    python -m Benchmarks.registration --work DIR [--standard 20] [--hard 10] [--study STUDY]
        [--methods nothing,ours,elastix,ants] [--peers-python PYTHON] [--threads 2]

PYTHON has itk-elastix and antspyx: an environment of its own, since they need not agree with ours. Seeds
begin at 960000: nobody trains or tunes on them. Each method runs in a process of its own, one after the
other, on the same images; seconds hold no start-up or reading. What is measured stays in DIR, so that a run
that was broken off goes on; a table's times are of one run only where DIR was empty. STUDY is a patient,
whose truth is not known: our judge's figures are given instead.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Optional

import numpy as np
import SimpleITK as sitk
from LymphNodeSegLib.images.image import Image
from LymphNodeSegLib.images.study import load_study
from LymphNodeSegLib.registration.quality import Judge

from .cases import patient_case, phantom_case

FIRST_SEED = 960_000
WORSE_MM = 0.2  # a case counts as worse when it is worse than doing nothing by more
HERE = Path(__file__).parent


def run(method: str, folder: Path, peers_python: Optional[str], threads: int) -> None:
    """One method on one case, unless it was run before."""
    here = folder / method
    if (here / "measured.json").exists():
        return
    here.mkdir(exist_ok=True)
    if method == "nothing":
        np.save(here / "mapped.npy", np.load(folder / "points.npy"))
        (here / "measured.json").write_text(json.dumps({"seconds": 0.0, "cpu_seconds": 0.0, "peak_mib": 0.0}))
        return
    ours = [sys.executable, "-m", "Benchmarks.registration.ours", str(folder)]
    command = ours if method == "ours" else [str(peers_python), str(HERE / "peers.py"), method, str(folder)]
    limits = dict.fromkeys(("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "OMP_NUM_THREADS"), str(threads))
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **limits})


def measured(method: str, folder: Path) -> dict:
    """What a method did on a phantom: its measurements, and the distance of each point from the truth."""
    mapped = np.load(folder / method / "mapped.npy")
    error_mm = np.linalg.norm(mapped - np.load(folder / "truth.npy"), axis=1)
    return {**json.loads((folder / method / "measured.json").read_text()), "error_mm": error_mm}


def table_row(name: str, cases: list[dict], nothing: list[dict]) -> str:
    """A line of the table: errors, cases worse than doing nothing, median times, largest memory."""
    means = [float(case["error_mm"].mean()) for case in cases]
    worse = sum(mean > still["error_mm"].mean() + WORSE_MM for mean, still in zip(means, nothing))
    wide = np.percentile(np.concatenate([case["error_mm"] for case in cases]), 95)
    seconds, cpu = (np.median([case[key] for case in cases]) for key in ("seconds", "cpu_seconds"))
    return (
        f"| {name} | {len(cases)} | {np.mean(means):.2f} | {wide:.2f} | {max(means):.2f} | {worse} | "
        f"{seconds:.1f} | {cpu:.1f} | {max(case['peak_mib'] for case in cases):.0f} |"
    )


def patient_row(method: str, folder: Path) -> str:
    """How our judge sees a patient's DWI after a method: similarity, overlap of edges."""
    t2, dwi = (Image.from_sitk(sitk.ReadImage(str(folder / name))) for name in ("t2.nrrd", "dwi.nrrd"))
    judge = Judge(t2, dwi)
    shape = (*judge.grid.size_ijk[::-1], 3)
    moved = np.load(folder / method / "mapped.npy") - np.load(folder / "points.npy")
    field = sitk.GetImageFromArray(moved.reshape(shape), isVector=True)
    field.SetOrigin(judge.grid.origin_lps_mm)
    field.SetSpacing(judge.grid.spacing_mm)
    field.SetDirection(judge.grid.direction_lps)
    figures = judge.figures(judge.look(sitk.DisplacementFieldTransform(field)), judge.body)
    about = json.loads((folder / method / "measured.json").read_text())
    cells = [f"{figures.similarity:.4f}", f"{figures.edge_overlap:.3f}", f"{figures.smallest_jacobian:.2f}"]
    return f"| {' | '.join([method, *cells])} | {about['seconds']:.1f} | {about['cpu_seconds']:.1f} |"


def main() -> None:
    """Measures what is not measured yet, and prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m Benchmarks.registration")
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps cases and results")
    parser.add_argument("--standard", type=int, default=20)
    parser.add_argument("--hard", type=int, default=10)
    parser.add_argument("--study", type=Path, help="DICOM study of a patient")
    parser.add_argument("--methods", default="nothing,ours,elastix,ants")
    parser.add_argument("--peers-python", help="Python with itk-elastix and antspyx")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    methods = options.methods.split(",")
    folders = {}
    for difficulty, count in (("standard", options.standard), ("hard", options.hard)):
        folders[difficulty] = [options.work / f"{difficulty}_{FIRST_SEED + n}" for n in range(count)]
        for n, folder in enumerate(folders[difficulty]):
            phantom_case(FIRST_SEED + n, difficulty, folder)
            for method in methods:
                run(method, folder, options.peers_python, options.threads)
                print(folder.name, method, file=sys.stderr, flush=True)
    head = (
        "mean TRE mm | 95th percentile mm | worst case mm | worse than nothing | s | processor s | peak MiB |"
    )
    for difficulty, cases in folders.items():
        print(f"\n{difficulty}:\n\n| method | cases | {head}\n|" + "---|" * 9)
        for method in methods:
            print(table_row(method, *([measured(m, case) for case in cases] for m in (method, "nothing"))))
    if options.study:
        folder = options.work / options.study.name
        patient_case(load_study(options.study), options.study.name, folder)
        print(f"\n{options.study.name}:\n\n| method | similarity | edges | Jacobian | s | processor s |")
        print("|" + "---|" * 6)
        for method in methods:
            run(method, folder, options.peers_python, options.threads)
            print(patient_row(method, folder))


if __name__ == "__main__":
    main()
