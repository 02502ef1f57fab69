"""How long it takes to find the series of a large study, beside a bare read of its headers.

    python -m Benchmarks.scan STUDY_DIR [--files 5000]

Copies the files of a study, with new UIDs, until there are as many as wanted. Printed: how long pydicom takes
to read every header, and the product to find series, roles and b-values, in one process by turns.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Callable

import pydicom
from LymphNodeSegLib.images.quiet import quietly
from LymphNodeSegLib.images.study import scan_study

FILES, ROUNDS = 5000, 3


def make_large_study(source: Path, folder: Path, files: int = FILES) -> None:
    """Copies of a study's files, each round of them with series of its own, in names of no order."""
    datasets = [pydicom.dcmread(path) for path in sorted(source.rglob("*.dcm"))]
    uids = [(str(one.SeriesInstanceUID), str(one.SOPInstanceUID)) for one in datasets]
    for count in range(files):
        number, which = divmod(count, len(datasets))
        dataset = datasets[which]
        dataset.SeriesInstanceUID, dataset.SOPInstanceUID = (f"{uid[:55]}.{number}" for uid in uids[which])
        dataset.save_as(folder / f"{count * 7919 % 10007:05d}")


def read_headers(folder: Path) -> None:
    """Every header by pydicom, and nothing done with it."""
    with quietly():
        for path in folder.iterdir():
            pydicom.dcmread(path, stop_before_pixels=True)


def seconds(work: Callable[[Path], object], folder: Path) -> tuple[float, float]:
    """By the clock, and of the processor."""
    started = time.perf_counter(), time.process_time()
    work(folder)
    return time.perf_counter() - started[0], time.process_time() - started[1]


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path)
    parser.add_argument("--files", type=int, default=FILES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_large_study(options.study, folder, options.files)
        print("| files | pydicom, headers only, s (of processor) | LymphNodeSeg, series and roles, s |")
        print("|---|---|---|")
        for _ in range(ROUNDS):
            bare, ours = (seconds(work, folder) for work in (read_headers, scan_study))
            print(
                f"| {options.files} | {bare[0]:.1f} ({bare[1]:.1f}) | {ours[0]:.1f} ({ours[1]:.1f}) |",
                flush=True,
            )


if __name__ == "__main__":
    main()
