"""Target registration error inside the nodes of phantoms: ours, elastix, ANTs and doing nothing.

    python -m Benchmarks.registration [--cases 30] [--difficulty standard|hard] [--peers-python PYTHON]

PYTHON has itk-elastix and antspyx: an environment of its own, since they need not agree with ours. Without it
only ours and doing nothing are measured. Seeds begin at 950000: nobody trains or tunes on them. Each method
runs in a process of its own, one after the other, on the same images; seconds hold no start-up or reading.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Optional

import numpy as np
import SimpleITK as sitk
from LymphNodeSegLib.phantom import make_phantom

FIRST_SEED = 950_000
WORSE_MM = 0.2  # a case counts as failed when it is worse than doing nothing by more
HERE = Path(__file__).parent


def prepare(seed: int, difficulty: str, folder: Path) -> np.ndarray:
    """Writes one phantom's images and node points; the true places of the points in the DWI, (n, 3)."""
    phantom = make_phantom(seed, difficulty)
    dwi = phantom.dwi_series[0]
    kji = np.argwhere(phantom.labels > 0)
    points = phantom.t2.geometry.lps_from_ijk(kji[:, ::-1])
    truth = points + phantom.displacement_lps_mm[phantom.labels > 0]
    index = dwi.geometry.ijk_from_lps(truth)
    seen = np.all((index >= -0.5) & (index <= np.array(dwi.geometry.size_ijk) - 0.5), axis=1)
    sitk.WriteImage(phantom.t2.to_sitk(), str(folder / "t2.nrrd"))
    sitk.WriteImage(dwi.to_sitk(), str(folder / "dwi.nrrd"))
    (folder / "phase.json").write_text(json.dumps(phantom.phase_encoding_lps))
    np.save(folder / "points.npy", points[seen])
    return truth[seen]


def run(method: str, folder: Path, peers_python: Optional[str]) -> dict:
    """One method on one case: its measurements, and the points as it maps them."""
    if method == "nothing":
        return {"seconds": 0.0, "peak_mib": 0.0, "mapped": np.load(folder / "points.npy")}
    ours = [sys.executable, "-m", "Benchmarks.registration.ours", str(folder)]
    command = ours if method == "ours" else [str(peers_python), str(HERE / "peers.py"), method, str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return {**json.loads((folder / "measured.json").read_text()), "mapped": np.load(folder / "mapped.npy")}


def table_row(method: str, cases: list[dict], nothing: list[dict]) -> str:
    """A line of the table: errors over all node voxels, failures, median seconds, largest memory."""
    errors = np.concatenate([case["error_mm"] for case in cases])
    worse = sum(
        case["error_mm"].mean() > still["error_mm"].mean() + WORSE_MM for case, still in zip(cases, nothing)
    )
    means = [case["error_mm"].mean() for case in cases]
    seconds, peak = np.median([c["seconds"] for c in cases]), max(c["peak_mib"] for c in cases)
    return (
        f"| {method} | {np.mean(means):.2f} | {np.percentile(errors, 95):.2f} | {max(means):.2f} | {worse} | "
        f"{seconds:.1f} | {peak:.0f} |"
    )


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m Benchmarks.registration")
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--difficulty", choices=("standard", "hard"), default="standard")
    parser.add_argument("--peers-python", help="Python with itk-elastix and antspyx")
    options = parser.parse_args()
    methods = ["nothing", "ours"] + (["elastix", "ants"] if options.peers_python else [])
    results: dict[str, list[dict]] = {method: [] for method in methods}
    for seed in range(FIRST_SEED, FIRST_SEED + options.cases):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            truth = prepare(seed, options.difficulty, folder)
            if not len(truth):
                continue
            for method in methods:
                result = run(method, folder, options.peers_python)
                result["error_mm"] = np.linalg.norm(result.pop("mapped") - truth, axis=1)
                results[method].append(result)
                figures = f"{result['error_mm'].mean():.2f} mm, {result['seconds']:.1f} s"
                print(f"{seed} {method}: {figures}", file=sys.stderr, flush=True)
    print(f"{len(results['nothing'])} phantoms, {options.difficulty}, seeds from {FIRST_SEED}\n")
    print("| method | mean TRE mm | 95th percentile mm | worst case mm | worse than nothing | s | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    for method in methods:
        print(table_row(method, results[method], results["nothing"]))


if __name__ == "__main__":
    main()
