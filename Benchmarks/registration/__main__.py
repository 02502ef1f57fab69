"""Target registration error inside the nodes of phantoms: ours, elastix, ANTs and doing nothing.

    python -m Benchmarks.registration --work DIR [--standard 20] [--hard 10] [--first-seed 970000]
        [--study STUDY] [--methods nothing,ours,elastix,ants] [--peers-python PYTHON] [--threads 1]

PYTHON has itk-elastix and antspyx: an environment of its own, since they need not agree with ours. Nobody
trains or tunes on the seeds from 970000 on. Each method runs in a process of its own, by turns on each case,
on the same images; seconds hold no start-up or reading. What is measured stays in DIR, so that a run that was
broken off goes on; a table's times are of one run only where DIR was empty. A case has failed where the
method gave no result (the DWI is left where it was then) or leaves the nodes more than 5 mm off on average.
STUDY is a patient, whose truth is not known: our judge's figures are given instead.
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

ROWS = {"elastix": ("elastix-rigid", "elastix"), "ants": ("ants-rigid", "ants")}  # what a program leaves
FIRST_SEED = 970_000
WORSE_MM = 0.2  # a case counts as worse when it is worse than doing nothing by more
FAILED_MM = 5.0  # about as wide as a node
LONGEST_S = 1800
HERE = Path(__file__).parent


def run(method: str, folder: Path, peers_python: Optional[str], threads: int) -> None:
    """One method on one case, unless it was run before."""
    missing = [row for row in rows(method) if not (folder / row / "measured.json").exists()]
    if missing and (method == "nothing" or not _ran(method, folder, peers_python, threads)):
        for row in missing:
            (folder / row).mkdir(exist_ok=True)
            np.save(folder / row / "mapped.npy", np.load(folder / "points.npy"))
            nothing = {"seconds": 0.0, "cpu_seconds": 0.0, "peak_mib": 0.0, "no_result": method != "nothing"}
            (folder / row / "measured.json").write_text(json.dumps(nothing))


def rows(method: str) -> tuple[str, ...]:
    """The lines that a method has in the table."""
    return ROWS.get(method, (method,))


def _ran(method: str, folder: Path, peers_python: Optional[str], threads: int) -> bool:
    """Runs a method in a process of its own; whether it gave a result."""
    ours = [sys.executable, "-m", "Benchmarks.registration.ours", str(folder)]
    command = ours if method == "ours" else [str(peers_python), str(HERE / "peers.py"), method, str(folder)]
    limits = dict.fromkeys(("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "OMP_NUM_THREADS"), str(threads))
    try:
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **limits}, timeout=LONGEST_S
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return False
    return True


def measured(method: str, folder: Path) -> dict:
    """What a method did on a phantom: its measurements, and the distance of each point from the truth."""
    mapped = np.load(folder / method / "mapped.npy")
    error_mm = np.linalg.norm(mapped - np.load(folder / "truth.npy"), axis=1)
    return {**json.loads((folder / method / "measured.json").read_text()), "error_mm": error_mm}


def table_row(name: str, cases: list[dict], nothing: list[dict]) -> str:
    """A line of the table: errors, failures, cases worse than doing nothing, median times, largest memory."""
    means = [float(case["error_mm"].mean()) for case in cases]
    failed = sum(case.get("no_result", False) or mean > FAILED_MM for case, mean in zip(cases, means))
    worse = sum(mean > still["error_mm"].mean() + WORSE_MM for mean, still in zip(means, nothing))
    wide = np.percentile(np.concatenate([case["error_mm"] for case in cases]), 95)
    seconds, cpu = (np.median([case[key] for case in cases]) for key in ("seconds", "cpu_seconds"))
    errors = f"{np.mean(means):.2f} | {wide:.2f} | {max(means):.2f} | {failed} | {worse}"
    peak_mib = max(case["peak_mib"] for case in cases)
    return f"| {name} | {len(cases)} | {errors} | {seconds:.1f} | {cpu:.1f} | {peak_mib:.0f} |"


def patient_row(method: str, folder: Path) -> str:
    """How our judge sees a patient's DWI after a method: similarity, overlap of edges."""
    t2, dwi = (Image.from_sitk(sitk.ReadImage(str(folder / name))) for name in ("t2.nrrd", "dwi.nrrd"))
    judge = Judge(t2, dwi)
    shape = (*judge.grid.size_ijk[::-1], 3)
    moved = np.load(folder / method / "mapped.npy") - np.load(folder / "points.npy")
    field = np.moveaxis(moved.reshape(shape), -1, 0).astype(np.float32)
    figures = judge.figures(judge.look(field), judge.body)
    about = json.loads((folder / method / "measured.json").read_text())
    cells = [f"{figures.similarity:.4f}", f"{figures.edge_overlap:.3f}", f"{figures.smallest_jacobian:.2f}"]
    return f"| {' | '.join([method, *cells])} | {about['seconds']:.1f} | {about['cpu_seconds']:.1f} |"


def main() -> None:
    """Measures what is not measured yet, and prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m Benchmarks.registration")
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps cases and results")
    parser.add_argument("--standard", type=int, default=20)
    parser.add_argument("--hard", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--study", type=Path, help="DICOM study of a patient")
    parser.add_argument("--methods", default="nothing,ours,elastix,ants")
    parser.add_argument("--peers-python", help="Python with itk-elastix and antspyx")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    methods = options.methods.split(",")
    lines = [row for method in methods for row in rows(method)]
    folders = {}
    for difficulty, count in (("standard", options.standard), ("hard", options.hard)):
        seeds = range(options.first_seed, options.first_seed + count)
        folders[difficulty] = [options.work / f"{difficulty}_{seed}" for seed in seeds]
        for seed, folder in zip(seeds, folders[difficulty]):
            phantom_case(seed, difficulty, folder)
            for method in methods:
                run(method, folder, options.peers_python, options.threads)
                print(folder.name, method, file=sys.stderr, flush=True)
    errors = "mean TRE mm | 95th percentile mm | worst case mm | failed | worse than nothing"
    for difficulty, cases in folders.items():
        print(
            f"\n{difficulty}:\n\n| method | cases | {errors} | s | processor s | peak MiB |\n|" + "---|" * 10
        )
        for method in lines:
            print(table_row(method, *([measured(m, case) for case in cases] for m in (method, "nothing"))))
    if options.study:
        folder = options.work / options.study.name
        patient_case(load_study(options.study), options.study.name, folder)
        print(f"\n{options.study.name}:\n\n| method | similarity | edges | Jacobian | s | processor s |")
        print("|" + "---|" * 6)
        for method in methods:
            run(method, folder, options.peers_python, options.threads)
            for row in rows(method):
                print(patient_row(row, folder))


if __name__ == "__main__":
    main()
