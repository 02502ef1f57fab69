"""Commands of the training: ``python -m Training --help``."""

from __future__ import annotations

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
        Optional[Path], typer.Option(help="Checkpoint whose weights a new run begins with.")
    ] = None,
) -> None:
    """Train on the prepared cases."""
    from .config import read_config
    from .train import run_training

    best = run_training(read_config(config), out, resume, start_from)
    print(f"Trained: {best}")


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
) -> None:
    """Run the whole road on phantoms that were never trained on and compare with their truth."""
    from .evaluate import evaluate_phantoms

    evaluate_phantoms(model, range(first_seed, first_seed + cases), difficulty, registration, out)


def main() -> None:
    """Run a command; a problem with the input is one line and exit code 2."""
    try:
        app()
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)


main()
