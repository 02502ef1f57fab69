"""ERU-Net and the networks it is compared with: the same data, budget, schedule and test, one table."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional

import torch
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.network import inference
from LymphNodeSegLib.network.model_file import Model
from LymphNodeSegLib.network.runner import forward
from LymphNodeSegLib.nodes.evaluation import pool
from torchmetrics.classification import BinaryAveragePrecision

from .config import Config
from .evaluate import Registered, evaluate_found, held_out_case, line_of
from .export import best_point, calibrated
from .prepare import cases_of, prepare_cases
from .train import run_training
from .warm_start import read_checkpoint

BANDS = ("<5", "5-10", ">=10")
TIMED_RUNS = 3
THRESHOLDS = 141
"""Of the curve behind the average precision: evenly spaced logits."""


@dataclass(frozen=True)
class Rival:
    """A row of the table.

    Attributes:
        title: What the table calls it.
        network: Fields of `config.Network` that differ from the configuration's.
        preprocessing: Fields of `Preprocessing` that do.
    """

    title: str
    network: dict[str, Any]
    preprocessing: dict[str, Any]


RIVALS = {
    "eru-net": Rival("ERU-Net, stacked channels", {}, {}),
    "eru-net-weighted": Rival("ERU-Net, weighted fusion", {}, {"fusion": "weighted"}),
    "eru-net-t2": Rival("ERU-Net, T2 only", {}, {"fusion": "t2"}),
    "eru-net-dwi": Rival("ERU-Net, DWI only", {}, {"fusion": "dwi"}),
    "eru-net-no-eca": Rival("ERU-Net without ECA", {"eca": False}, {}),
    "eru-net-no-residual": Rival("ERU-Net without residuals", {"residual": False}, {}),
    "u-net": Rival("U-Net (MONAI)", {"architecture": "u-net"}, {}),
    "residual-u-net": Rival("residual U-Net (MONAI)", {"architecture": "residual-u-net"}, {}),
    "attention-u-net": Rival("Attention U-Net (MONAI)", {"architecture": "attention-u-net"}, {}),
    "u-net++": Rival("U-Net++ (MONAI)", {"architecture": "u-net++"}, {}),
    "nnu-net": Rival("nnU-Net's network", {"architecture": "nnu-net"}, {}),
}


@dataclass(frozen=True)
class HeldOut:
    """What every network is tested on: the first phantom, how many, and of which difficulty."""

    first_seed: int
    cases: int
    difficulty: str


def compare(
    config: Config,
    names: Sequence[str],
    seeds: Sequence[int],
    tests: Sequence[HeldOut],
    out: Path,
    keep: Optional[Path] = None,
    point_cases: int = 0,
) -> str:
    """Train all, then test all; what is there from an earlier call is used, a run that was cut off goes on.

    Args:
        config: Data, budget and schedule of every network; its seed is replaced.
        names: Of `RIVALS`.
        seeds: Each network is trained with each of these.
        tests: Phantoms that no network was trained on.
        out: Folder for the runs and ``table.md``.
        keep: Folder of registered phantoms, see `evaluate.held_out_case`; by default one in `out`.
        point_cases: So many phantoms, those after the configuration's, set the operating points; 0 leaves
            that to each run's validation cases, of which there are few: then it is a matter of chance.

    Returns:
        A table for each test, Markdown; of the runs asked for.

    Raises:
        InputError: an unknown name; no prepared cases.
    """
    unknown = [name for name in names if name not in RIVALS]
    if unknown:
        raise InputError(f"Unknown network '{unknown[0]}': choose among {', '.join(RIVALS)}.")
    held_out = _those_after(config, point_cases) if point_cases else None
    cases_of(config)  # before anything is trained
    if held_out:
        prepare_cases(held_out)
    for seed in seeds:
        for name in names:
            _trained(config_of_run(config, RIVALS[name], seed), out / name / str(seed))
    scores = {
        (name, seed): _scores(out / name / str(seed), tests, keep or out / "test", held_out)
        for seed in seeds
        for name in names
    }
    tables = [budget_line(config, held_out)]
    for n, test in enumerate(tests):
        tables.append(table_of({name: [scores[name, seed][n] for seed in seeds] for name in names}, test))
    table = "\n".join(tables)
    (out / "table.md").write_text(table, encoding="utf-8")
    return table


def _those_after(config: Config, count: int) -> Config:
    """The phantoms that follow a configuration's."""
    data = config.data
    if data.source != "phantom":
        raise InputError("Operating points on further phantoms need a comparison on phantoms.")
    return replace(config, data=replace(data, first_seed=data.first_seed + data.cases, cases=count))


def budget_line(config: Config, held_out: Optional[Config] = None) -> str:
    """What each network was given, in one line."""
    data, schedule, count = config.data, config.schedule, len(cases_of(config))
    point = f"of which about {data.validation_share:.0%} set its operating point alone"
    if held_out:
        point = f"its operating point set on {held_out.data.cases} others"
    return (
        f"Each network: {schedule.steps} steps of {schedule.batch} crops of {data.crop} x {data.crop} pixels "
        f"of {config.preprocessing.pixel_mm} mm, width {config.network.width}, {count} cases, {point}.\n"
    )


def config_of_run(config: Config, rival: Rival, seed: int) -> Config:
    """The configuration of one network and seed."""
    return replace(
        config,
        seed=seed,
        network=replace(config.network, **rival.network),
        preprocessing=replace(config.preprocessing, **rival.preprocessing),
    )


def _trained(config: Config, folder: Path) -> None:
    last = folder / "last.ckpt"
    if not (last.exists() and read_checkpoint(last)["global_step"] >= config.schedule.steps):
        run_training(config, folder, last if last.exists() else None)


def _scores(
    folder: Path, tests: Sequence[HeldOut], keep: Path, held_out: Optional[Config]
) -> list[dict[str, Any]]:
    """Figures of a trained run in each test; level and peak are those of the best Dice on held-out cases.

    The average precision over the voxels needs neither: the level of few cases is a matter of chance.
    """
    point = f"-point-{held_out.data.cases}" if held_out else ""
    files = [folder / f"scores-{one.difficulty}-{one.first_seed}-{one.cases}{point}.json" for one in tests]
    if not all(file.exists() for file in files):
        ready = calibrated(folder / "last.ckpt", held_out)
        (offset, peak), preprocessing = best_point(ready), ready.learner.config.preprocessing
        model = Model(ready.network, preprocessing, ready.stride, ready.temperature, offset, peak)
        parameters = sum(one.numel() for one in ready.learner.network.parameters())
        for test, file in zip(tests, files):
            if not file.exists():
                figures = {**_tested(model, test, keep), "peak": peak, "parameters": parameters}
                print(
                    f"{folder.parent.name}/{folder.name}, {test.difficulty}: {line_of(figures)}", flush=True
                )
                file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def _tested(model: Model, test: HeldOut, keep: Path) -> dict[str, Any]:
    device = inference.pick_device()
    curve = BinaryAveragePrecision(thresholds=torch.sigmoid(torch.linspace(-7.0, 7.0, THRESHOLDS)))
    results = []
    for seed in range(test.first_seed, test.first_seed + test.cases):
        case = held_out_case(seed, test.difficulty, "deformable", keep)
        probability = inference.segment_image(case.t2, case.dwi, case.known, model, device)
        results.append(evaluate_found(probability, case, model))
        sure = torch.from_numpy(probability.array).nan_to_num().flatten()
        curve.update(sure, torch.from_numpy(case.truth.array > 0).flatten())
    return {
        **pool(results),
        "average_precision": float(curve.compute()),
        "cpu_ms_per_slice": _cpu_ms_per_slice(model, case),
    }


def _cpu_ms_per_slice(model: Model, case: Registered) -> float:
    """Median processor time of the network itself on one thread, over all slices of a case."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            slices = inference.prepare(case.t2, case.dwi, case.known, model)[:]
            spent = []
            for _ in range(TIMED_RUNS + 1):  # the first warms up
                began = time.process_time()
                forward(slices, model.network, "cpu")
                spent.append(1000 * (time.process_time() - began) / len(slices))
    finally:
        torch.set_num_threads(threads)
    return statistics.median(spent[1:])


def table_of(rows: dict[str, list[dict[str, Any]]], test: HeldOut) -> str:
    """One row a network: mean and, with several seeds, standard deviation over them.

    Args:
        rows: For each name of `RIVALS`, the figures of each seed.
        test: What they were tested on.
    """
    columns = {
        "average precision": ("average_precision",),
        "LN IoU": ("iou",),
        "Dice": ("dice",),
        "precision": ("precision",),
        "recall": ("recall",),
        "mean IoU": ("mean_iou",),
        "mean accuracy": ("mean_pixel_accuracy",),
        **{f"found {band} mm": ("sensitivity", band) for band in BANDS},
        **{f"false a case {band} mm": ("false_positives_per_case", band) for band in BANDS},
    }
    head = ["network", *columns, "parameters", "CPU ms a slice"]
    seeds = max(len(scores) for scores in rows.values())
    spread = f"{seeds} training seeds: mean and standard deviation over seeds"
    lines = [
        f"{test.cases} phantoms of difficulty `{test.difficulty}` from seed {test.first_seed}, "
        f"{spread if seeds > 1 else 'one training seed: no spread'}.",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
    ]
    for name, scores in rows.items():
        cells = [_spread([_at(one, path) for one in scores], 2) for path in columns.values()]
        cells.append(f"{scores[0]['parameters'] / 1e6:.2f} M")
        cells.append(_spread([one["cpu_ms_per_slice"] for one in scores], 0))
        lines.append(f"| {' | '.join([RIVALS[name].title, *cells])} |")
    return "\n".join(lines) + "\n"


def _at(figures: dict[str, Any], path: tuple[str, ...]) -> Optional[float]:
    value: Any = figures
    for key in path:
        value = value[key]
    return value


def _spread(values: Sequence[Optional[float]], digits: int) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    mean = f"{statistics.mean(known):.{digits}f}"
    return mean if len(known) < 2 else f"{mean} ± {statistics.stdev(known):.{digits}f}"
