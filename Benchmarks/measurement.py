"""Short and long axis against ideal nodes, and speed, beside SimpleITK and pyradiomics.

    python -m Benchmarks.measurement [--count 1000] [--seed 2026] [--pyradiomics PYTHON]
    python -m Benchmarks.measurement --outliers SEED ...
    python -m Benchmarks.measurement --speed

--outliers counts our short axes beyond a pixel for each seed, and those that no method can tell
(`measurement_undecidable`). --speed takes only the times; they want a machine that does nothing else.
PYTHON is an interpreter of an environment that has pyradiomics, which does not go with current numpy.
The truth is in `measurement_shapes`. Prints Markdown.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes.measure import measure_nodes

from .measurement_shapes import IdealNode, TiltedNode, crowd, ideal_nodes, tilted_nodes
from .measurement_undecidable import other_truth

PEER = Path(__file__).with_name("measurement_pyradiomics.py")


def ours(node: IdealNode) -> tuple[float, float, float]:
    """Long axis, short axis, and largest short axis of the slices that tie, as the product measures them."""
    kji = node.spacing_kji_mm
    geometry = Geometry(node.mask.shape[::-1], spacing_mm=(kji[2], kji[1], kji[0]))
    measured = measure_nodes(Image(node.mask.astype(np.uint16), geometry))[0]
    assert measured.long_axis_mm is not None
    assert measured.short_axis_mm is not None
    assert measured.largest_tied_short_axis_mm is not None
    return measured.long_axis_mm, measured.short_axis_mm, measured.largest_tied_short_axis_mm


def simpleitk(node: IdealNode) -> tuple[tuple[float, float], tuple[float, float]]:
    """LabelShapeStatistics in each slice: Feret and the oriented box's smaller side; the ellipse's axes.

    Of the slice with the largest Feret diameter, and of the one with the longest ellipse.
    """
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.ComputeFeretDiameterOn()
    shape.ComputeOrientedBoundingBoxOn()
    boxes, ellipses = [], []
    for plane in np.pad(node.mask, ((0, 0), (1, 1), (1, 1))):
        if plane.any():
            image = sitk.GetImageFromArray(plane.astype(np.uint8))
            image.SetSpacing((node.spacing_kji_mm[2], node.spacing_kji_mm[1]))
            shape.Execute(image)
            boxes.append((shape.GetFeretDiameter(1), min(shape.GetOrientedBoundingBoxSize(1))))
            small, large = sorted(shape.GetEquivalentEllipsoidDiameter(1))
            ellipses.append((large, small))
    return max(boxes), max(ellipses)


def pyradiomics(nodes: list[IdealNode], python: str) -> np.ndarray:
    """Maximum2DDiameterSlice and MinorAxisLength (shape2D, that slice) of all nodes, (n, 2)."""
    with tempfile.TemporaryDirectory() as folder:
        masks, answers = Path(folder) / "masks.npz", Path(folder) / "answers.npy"
        arrays = {f"mask{n}": node.mask for n, node in enumerate(nodes)}
        np.savez(masks, spacing=np.array([node.spacing_kji_mm for node in nodes]), **arrays)
        subprocess.run([python, str(PEER), str(masks), str(answers)], check=True)
        return np.asarray(np.load(answers))


def accuracy_rows(nodes: list[IdealNode], python: str | None) -> list[str]:
    """The table of errors as Markdown rows."""
    truth = np.array([(node.long_mm, node.short_mm, max((node.short_mm, *node.rivals_mm))) for node in nodes])
    pixel = np.array([node.pixel_mm for node in nodes])
    peers = [simpleitk(node) for node in nodes]
    found = {
        "LymphNodeSeg": np.array([ours(node) for node in nodes]),
        "SimpleITK Feret, oriented box": np.array([boxes for boxes, _ in peers]),
        "SimpleITK equivalent ellipse": np.array([ellipses for _, ellipses in peers]),
    }
    if python:
        found["pyradiomics Maximum2DDiameterSlice, MinorAxisLength"] = pyradiomics(nodes, python)
    rows = []
    for axis, name in enumerate(("long axis", "short axis", "short axis, largest of the slices that tie")):
        for method, values in found.items():
            if axis >= values.shape[1]:
                continue
            error = values[:, axis] - truth[:, axis]
            known = np.isfinite(error)
            pixels = np.abs(error / pixel)[known]
            rivals = _beyond_all_rivals(nodes, values[:, axis]) if axis == 1 else pixels > 1
            rows.append(
                f"| {name} | {method} | {error[known].mean():+.3f} | {pixels.mean():.3f} | "
                f"{np.percentile(pixels, 99):.2f} | {pixels.max():.2f} | {np.count_nonzero(pixels > 1)} | "
                f"{np.count_nonzero(rivals)} | {np.count_nonzero(~known)} |"
            )
    return rows


def _beyond_all_rivals(nodes: list[IdealNode], short_mm: np.ndarray) -> np.ndarray:
    """Whether a short axis is off by over a pixel on every slice that may count as the longest."""
    return np.array(
        [
            all(abs(value - true) > node.pixel_mm for true in (node.short_mm, *node.rivals_mm))
            for node, value in zip(nodes, short_mm)
            if np.isfinite(value)
        ]
    )


def outlier_row(name: str, nodes: list[IdealNode]) -> str:
    """Our errors of the short axis, as a Markdown row."""
    found = np.array([ours(node)[1] for node in nodes])
    error = found - [node.short_mm for node in nodes]
    pixels = np.abs(error) / [node.pixel_mm for node in nodes]
    beyond = np.flatnonzero(pixels > 1).tolist()
    undecidable = sum(other_truth(nodes[n], float(found[n])) is not None for n in beyond)
    return f"| {name} | {error.mean():+.3f} | {pixels.mean():.3f} | {len(beyond)} | {undecidable} |"


def by_size(nodes: list[IdealNode]) -> list[str]:
    """Our errors by true short axis, as Markdown rows."""
    rows = []
    error = np.array([np.array(ours(node)[:2]) - (node.long_mm, node.short_mm) for node in nodes])
    short = np.array([node.short_mm for node in nodes])
    pixel = np.array([node.pixel_mm for node in nodes])
    for low, high in ((0, 3), (3, 5), (5, 10), (10, 30)):
        at = (short >= low) & (short < high)
        row = [f"{low}-{high} mm ({np.count_nonzero(at)})"]
        for axis in (0, 1):
            pixels = np.abs(error[at, axis]) / pixel[at]
            row += [f"{error[at, axis].mean():+.3f}", f"{pixels.mean():.3f}", f"{pixels.max():.2f}"]
        rows.append("| " + " | ".join(row) + " |")
    return rows


def axial_rows(count: int, seed: int) -> list[str]:
    """Our errors in the true axial plane of tilted slices, as Markdown rows."""
    rows = []
    for kind in ("ellipsoid", "bean"):
        errors = np.array([axial_errors_mm(node) for node in tilted_nodes(kind, count, seed)])
        for name, error in zip(("long axis", "short axis"), errors.T):
            rows.append(
                f"| {kind} | {name} | {error.mean():+.3f} | {np.abs(error).mean():.3f} "
                f"| {np.percentile(np.abs(error), 95):.2f} | {np.abs(error).max():.2f} |"
            )
    return rows


def axial_errors_mm(node: TiltedNode) -> tuple[float, float]:
    """How much too long the axes in the true axial plane come out."""
    measured = measure_nodes(node.labels)[0]
    assert measured.axial_long_axis is not None
    assert measured.axial_short_axis is not None
    short_mm = measured.axial_short_axis.length_mm
    off = min((short_mm - true for true in node.shorts_mm), key=abs)
    return measured.axial_long_axis.length_mm - node.long_mm, off


def milliseconds(work: Callable[[], object], runs: int = 15) -> tuple[float, float]:
    """Median time of a call on the clock and of the processor, ms."""
    work()
    times = []
    for _ in range(runs):
        clock, processor = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - clock, time.process_time() - processor))
    clock_s, processor_s = np.median(times, axis=0)
    return 1000 * float(clock_s), 1000 * float(processor_s)


def speed_rows() -> list[str]:
    """Time to measure 60 nodes in 512x512x40, as Markdown rows."""
    spacing = (0.6, 0.6, 3.5)
    labels = crowd(60, (40, 512, 512), spacing, seed=1)
    tilt = np.radians(20)
    oblique = (1, 0, 0, 0, np.cos(tilt), -np.sin(tilt), 0, np.sin(tilt), np.cos(tilt))
    sagittal = (0, 0, 1, 1, 0, 0, 0, -1, 0)
    rows = []
    for name, direction in (
        ("axial", tuple(np.eye(3).ravel())),
        ("axial tilted by 20 degrees", oblique),
        ("sagittal", sagittal),
    ):
        image = Image(labels, Geometry((512, 512, 40), spacing_mm=spacing, direction_lps=direction))
        every = milliseconds(lambda image=image: measure_nodes(image))  # type: ignore[misc]
        one = milliseconds(lambda image=image: measure_nodes(image, only=[7]))  # type: ignore[misc]
        rows.append(
            f"| LymphNodeSeg, {name} | {every[0]:.0f} | {every[1]:.0f} | {one[0]:.1f} | {one[1]:.1f} |"
        )
    volume = Image(labels, Geometry((512, 512, 40), spacing_mm=spacing)).to_sitk()
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.SetNumberOfThreads(1)
    for feret in (False, True):
        shape.SetComputeFeretDiameter(feret)
        shape.SetComputeOrientedBoundingBox(True)
        every = milliseconds(lambda: shape.Execute(volume), runs=5)
        name = "Feret and oriented box" if feret else "oriented box"
        rows.append(f"| SimpleITK LabelShapeStatistics, {name} | {every[0]:.0f} | {every[1]:.0f} | | |")
    return rows


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--pyradiomics", metavar="PYTHON")
    parser.add_argument("--outliers", metavar="SEED", type=int, nargs="+")
    parser.add_argument("--speed", action="store_true", help="take only the times")
    options = parser.parse_args()
    if options.outliers:
        _print_outliers(options)
        return
    if not options.speed:
        _print_accuracy(options)
    print(
        "\n| 60 nodes in 512x512x40, one core | all, ms | processor ms | one edited node, ms | processor ms |"
    )
    print("|---|---|---|---|---|")
    print("\n".join(speed_rows()))


def _print_outliers(options: argparse.Namespace) -> None:
    """Print how many short axes are beyond a pixel."""
    print("| short axis, seed | bias mm | mean abs error px | beyond 1 px | of these, two truths |")
    print("|---|---|---|---|---|")
    for kinds in (("ellipsoid", "bean"), ("pear",)):
        for seed in options.outliers:
            nodes = list(ideal_nodes(options.count, seed, kinds))
            print(outlier_row(f"{' and '.join(f'{kind}s' for kind in kinds)}, {seed}", nodes), flush=True)


def _print_accuracy(options: argparse.Namespace) -> None:
    """Print the tables of errors."""
    nodes = list(ideal_nodes(options.count, options.seed))
    print(
        "| value | method | bias mm | mean abs error px | 99th px | largest px | beyond 1 px "
        "| of these, no tie | no value |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    print("\n".join(accuracy_rows(nodes, options.pyradiomics)))
    print(
        "\n| true short axis | long: bias mm | MAE px | largest px | short: bias mm | MAE px | largest px |"
    )
    print("|---|---|---|---|---|---|---|")
    print("\n".join(by_size(nodes)))
    print("\n| axial plane of tilted slices | value | bias mm | mean abs error mm | 95th mm | largest mm |")
    print("|---|---|---|---|---|---|")
    print("\n".join(axial_rows(options.count // 5, options.seed)))


if __name__ == "__main__":
    main()
