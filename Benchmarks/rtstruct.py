"""RTSTRUCT writers side by side: what is left of a mask when others read it back.

    python -m Benchmarks.rtstruct [--rt-utils PYTHON] [--dcmrtstruct2nii PYTHON] [--markdown FILE]

PYTHON is the interpreter of a virtual environment that has the package (rt-utils 1.2.7;
dcmrtstruct2nii 5 with pydicom 2.4.5 and numpy 1.26.4). Readers: plastimatch, and dcmrtstruct2nii where given.
Six ellipsoids of axes s x 1.4 s x 1.4 s on a series of each geometry; and shapes with holes, islands, single
voxels. Printed for each: mean and smallest Dice of the nodes, and the error of their summed volume.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.outputs.rtstruct import write_rtstruct

from .dicom_cases import GRIDS, SHORT_AXES_MM, awkward_shapes, ellipsoids, nodes_of, write_t2_series
from .rtstruct_referees import dice, read_by_dcmrtstruct2nii, read_by_plastimatch, write_by_rt_utils

SEEDS = (0, 1, 2)

Writer = Callable[[Image, Path, Path], None]
Reader = Callable[[Path, Path, Geometry], dict[str, np.ndarray]]
Nodes = list[tuple[np.ndarray, np.ndarray]]


def write_ours(labels: Image, series: Path, path: Path) -> None:
    """Write by this project's own writer."""
    write_rtstruct(labels, nodes_of(labels), sorted(series.iterdir()), path)


def write_theirs(python: Path, labels: Image, series: Path, path: Path) -> None:
    """Write by rt-utils."""
    write_by_rt_utils(python, labels.array, series, path)


def label_maps(geometry: Geometry) -> Iterator[tuple[str, np.ndarray]]:
    """What is drawn, and the label map."""
    for short_axis_mm in SHORT_AXES_MM:
        for seed in SEEDS:
            yield f"{short_axis_mm:g} mm", ellipsoids(geometry, short_axis_mm, seed)
    yield "holes, single voxels", awkward_shapes(geometry)


def round_trips(write: Writer, read: Reader, grid: str) -> dict[str, Nodes]:
    """By what was drawn, the mask of each node before and after; a node that is not found is empty."""
    geometry = GRIDS[grid]
    found: dict[str, Nodes] = {}
    with tempfile.TemporaryDirectory() as name:
        series, path = Path(name) / "t2", Path(name) / "rtstruct.dcm"
        t2 = write_t2_series(series, geometry)
        for what, array in label_maps(geometry):
            labels = t2.with_array(array)
            write(labels, series, path)
            masks = read(path, series, geometry)
            for node in nodes_of(labels):
                truth = array == node.label
                found.setdefault(what, []).append((truth, masks.get(node.id, np.zeros_like(truth))))
    return found


def cell_of(nodes: Nodes) -> str:
    """Mean and smallest Dice, error of the volume."""
    overlaps = [dice(*pair) for pair in nodes]
    before, after = (sum(np.count_nonzero(pair[side]) for pair in nodes) for side in (0, 1))
    return f"{np.mean(overlaps):.3f} ({min(overlaps):.3f}), {100 * (after - before) / before:+.1f} %"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rt-utils", type=Path, metavar="PYTHON")
    parser.add_argument("--dcmrtstruct2nii", type=Path, metavar="PYTHON")
    parser.add_argument("--markdown", type=Path, help="append the table to this file")
    options = parser.parse_args()
    writers: dict[str, Writer] = {"LymphNodeSeg": write_ours}
    if options.rt_utils:
        writers["rt-utils"] = partial(write_theirs, options.rt_utils)
    readers: dict[str, Reader] = {"plastimatch": read_by_plastimatch}
    if options.dcmrtstruct2nii:
        readers["dcmrtstruct2nii"] = partial(read_by_dcmrtstruct2nii, options.dcmrtstruct2nii)
    pairs = [(writer, reader) for writer in writers for reader in readers]
    lines = [
        "| series | nodes | " + " | ".join(f"{writer}, read by {reader}" for writer, reader in pairs) + " |",
        "|---" * (len(pairs) + 2) + "|",
    ]
    print("\n".join(lines))
    for grid in GRIDS:
        trips = [round_trips(writers[writer], readers[reader], grid) for writer, reader in pairs]
        for what in trips[0]:
            cells = " | ".join(cell_of(trip[what]) for trip in trips)
            lines.append(f"| {grid} | {what} | {cells} |")
            print(lines[-1], flush=True)
    if options.markdown:
        with options.markdown.open("a", encoding="utf-8") as file:
            file.write("\n".join(["", *lines, ""]))


if __name__ == "__main__":
    main()
