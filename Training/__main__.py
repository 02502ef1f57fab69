"""Commands of the training: ``python -m Training --help``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer
from LymphNodeSegLib.errors import InputError

app = typer.Typer(help="Train LymphNodeSeg's networks.", no_args_is_help=True, pretty_exceptions_enable=False)
ConfigOption = Annotated[Path, typer.Option(help="The configuration of the run.")]
CONFIG = Path(__file__).parent / "config.yaml"


@app.command()
def prepare(
    config: ConfigOption = CONFIG,
    jobs: Annotated[int, typer.Option(help="Processes that work at the same time.")] = 1,
) -> None:
    """Make the phantoms, or read the folder of cases, into the cache."""
    from .config import read_config
    from .prepare import prepare_cases

    count = prepare_cases(read_config(config), jobs)
    print(f"{count} cases are ready.")


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Where checkpoints and curves go.")],
    config: ConfigOption = CONFIG,
    resume: Annotated[Optional[Path], typer.Option(help="Checkpoint of a run to go on with.")] = None,
    start_from: Annotated[
        str, typer.Option(help="Checkpoint, or name of a bundled model, whose weights a new run begins with.")
    ] = "",
) -> None:
    """Train on the prepared cases."""
    from .config import read_config
    from .train import run_training

    best = run_training(read_config(config), out, resume, start_from)
    print(f"Trained: {best}")


@app.command()
def second_look(
    out: Annotated[
        Path, typer.Option(help="Folder for checkpoints, curves and model.pt, which has both looks.")
    ],
    config: ConfigOption = CONFIG,
    model: Annotated[str, typer.Option(help="The first look: name of a bundled model, or a file.")] = "",
    scores: Annotated[Optional[Path], typer.Option(help="JSON of `evaluate` to put into the card.")] = None,
    start_from: Annotated[
        str, typer.Option(help="Model, as for --model, whose second look a new training begins with.")
    ] = "",
) -> None:
    """Train a second look on what a model suspects in the prepared cases; called again, it goes on."""
    from .config import read_config
    from .second import train_second_look

    print(f"Trained: {train_second_look(model, read_config(config), out, scores, start_from)}")


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint to export.")],
    out: Annotated[Path, typer.Option(help="The model file to write.")],
    scores: Annotated[Optional[Path], typer.Option(help="JSON of `evaluate` to put into the card.")] = None,
    listed: Annotated[bool, typer.Option(help="Add it to the models.json beside it.")] = False,
    held_out: Annotated[
        Optional[Path],
        typer.Option(help="Configuration of cases to calibrate on, if not the run's validation cases."),
    ] = None,
) -> None:
    """Calibrate on the validation cases and write a model file."""
    from .config import read_config
    from .export import export_model

    others = read_config(held_out) if held_out else None
    print(f"sha256 {export_model(checkpoint, out, scores, listed, others)}")


@app.command()
def evaluate(
    model: Annotated[str, typer.Option(help="Name of a bundled model, or a file.")] = "",
    first_seed: Annotated[int, typer.Option(help="First phantom.")] = 800_000,
    cases: Annotated[int, typer.Option(help="Number of phantoms.")] = 12,
    difficulty: Annotated[str, typer.Option(help="standard or hard.")] = "standard",
    registration: Annotated[str, typer.Option(help="deformable, rigid or none.")] = "deformable",
    out: Annotated[Optional[Path], typer.Option(help="JSON file for the figures.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes that work at the same time, on the CPU.")] = 1,
    keep: Annotated[
        Optional[Path], typer.Option(help="Folder that keeps the registered phantoms, for other models.")
    ] = None,
    varied: Annotated[bool, typer.Option(help="Phantoms that show more than the benchmark's.")] = False,
    adc: Annotated[bool, typer.Option(help="Whether the studies have an ADC map.")] = True,
    seeds: Annotated[
        str, typer.Option(help="Phantoms, separated by commas, in place of --first-seed and --cases.")
    ] = "",
) -> None:
    """Run the whole road on phantoms that were never trained on and compare with their truth."""
    from .evaluate import evaluate_phantoms

    wanted = [int(one) for one in seeds.split(",")] if seeds else range(first_seed, first_seed + cases)
    evaluate_phantoms(model, wanted, difficulty, registration, out, jobs, keep, varied, adc)


@app.command()
def compare(
    out: Annotated[Path, typer.Option(help="Folder for the runs and the table.")],
    config: ConfigOption = CONFIG,
    networks: Annotated[str, typer.Option(help="Names, separated by commas; all by default.")] = "",
    seeds: Annotated[int, typer.Option(help="Each network is trained with so many seeds.")] = 3,
    first_seed: Annotated[int, typer.Option(help="First phantom of the tests.")] = 900_000,
    cases: Annotated[int, typer.Option(help="Number of `standard` phantoms to test on.")] = 40,
    hard_cases: Annotated[int, typer.Option(help="Number of `hard` ones.")] = 40,
    keep: Annotated[
        Optional[Path], typer.Option(help="Folder that keeps the registered phantoms, as of `evaluate`.")
    ] = None,
    point_cases: Annotated[
        int,
        typer.Option(help="Further phantoms that set the operating points; 0: each run's validation cases."),
    ] = 0,
) -> None:
    """Train ERU-Net and its rivals on the same cases in the same way, and print one table a difficulty."""
    from .compare import RIVALS, HeldOut
    from .compare import compare as run_comparison
    from .config import read_config

    names = [one.strip() for one in networks.split(",") if one.strip()] or list(RIVALS)
    tests = [
        HeldOut(first_seed, count, difficulty)
        for difficulty, count in (("standard", cases), ("hard", hard_cases))
        if count
    ]
    runs = range(1, seeds + 1)
    print(run_comparison(read_config(config), names, runs, tests, out, keep, point_cases))


@app.command()
def run(
    out: Annotated[Path, typer.Option(help="Folder for checkpoints, curves, model file and scores.")],
    config: ConfigOption = CONFIG,
    jobs: Annotated[int, typer.Option(help="Processes that work at the same time.")] = 1,
    cases: Annotated[int, typer.Option(help="Phantoms of each difficulty to evaluate on.")] = 40,
) -> None:
    """Everything: prepare, train both looks, evaluate; called again, it goes on where it was cut off."""
    from .config import read_config
    from .evaluate import evaluate_phantoms
    from .export import export_model, with_scores
    from .prepare import prepare_cases
    from .second import train_second_look
    from .train import run_training

    chosen, last = read_config(config), out / "last.ckpt"
    prepare_cases(chosen, jobs)
    run_training(chosen, out, last if last.exists() else None)
    first = out / "first.pt"
    if not first.exists() or first.stat().st_mtime < last.stat().st_mtime:
        export_model(last, first)
    both = train_second_look(str(first), chosen, out / "second")
    scores = {
        difficulty: evaluate_phantoms(
            str(both), range(900_000, 900_000 + cases), difficulty, "deformable", jobs=jobs
        )
        for difficulty in ("standard", "hard")
    }
    (out / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    print(f"sha256 {with_scores(both, scores, out / 'model.pt')}")


@app.command()
def limits(
    model: Annotated[str, typer.Option(help="Name of a bundled model, or a file.")] = "",
    first_seed: Annotated[int, typer.Option(help="First phantom.")] = 800_000,
    cases: Annotated[int, typer.Option(help="Number of phantoms.")] = 8,
    difficulty: Annotated[str, typer.Option(help="standard or hard.")] = "standard",
    out: Annotated[Optional[Path], typer.Option(help="JSON file for the figures.")] = None,
) -> None:
    """Tell what limits a model: its wrong voxels by kind, and its figures if one part were ideal."""
    from .limits import measure_limits

    measure_limits(model, range(first_seed, first_seed + cases), difficulty, out)


@app.command()
def pictures(
    out: Annotated[Path, typer.Option(help="Folder for failures.png and reliability.png.")],
    model: Annotated[str, typer.Option(help="Name of a bundled model, or a file.")] = "",
    seeds: Annotated[str, typer.Option(help="Phantoms, separated by commas.")] = "800000,800001,800002",
    difficulty: Annotated[str, typer.Option(help="standard or hard.")] = "standard",
) -> None:
    """Draw a model's failures on phantoms, and its reliability curve."""
    from LymphNodeSegLib.network.model_file import load_model

    from .pictures import draw_failures, draw_reliability

    out.mkdir(parents=True, exist_ok=True)
    draw_reliability(load_model(model, trust_unlisted=True).card, out / "reliability.png")
    draw_failures(model, [int(one) for one in seeds.split(",")], difficulty, out / "failures.png")


@app.command()
def finds(
    t2: Annotated[Path, typer.Option(help="The T2 of both results: a file or a DICOM series.")],
    before: Annotated[Path, typer.Option(help="Result folder of one model.")],
    after: Annotated[Path, typer.Option(help="Result folder of another.")],
    out: Annotated[Path, typer.Option(help="The picture to write.")],
) -> None:
    """Draw what two models found in one patient, side by side."""
    from .pictures import draw_finds

    draw_finds(t2, before, after, out)


@app.command()
def beside(
    t2: Annotated[Path, typer.Option(help="The T2 of the result: a file or a DICOM series.")],
    result: Annotated[Path, typer.Option(help="Result folder of `segment`, for its DWI.")],
    out: Annotated[Path, typer.Option(help="The picture to write.")],
    seeds: Annotated[str, typer.Option(help="Phantoms, separated by commas.")] = "1004,1011",
    difficulty: Annotated[str, typer.Option(help="standard or hard.")] = "standard",
) -> None:
    """Draw a patient and varied phantoms in one picture."""
    from .pictures import draw_beside

    draw_beside(t2, result, [int(one) for one in seeds.split(",")], difficulty, out)


def main() -> None:
    """Run a command; a problem with the input is one line and exit code 2."""
    try:
        app()
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)


main()
