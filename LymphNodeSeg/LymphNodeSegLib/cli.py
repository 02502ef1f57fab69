"""The command line. Research use only; not a medical device.

Exit codes: 0 done (no node found included), 2 the input can't be used, 3 cancelled, 1 a defect.
Slow packages are imported inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Optional

import typer

from . import NOTICE, __version__
from .cli_options import AsJson, Device, Difficulty, Format, ImageFormat, OutFolder, RegistrationMethod
from .cli_pacs import pacs_app
from .errors import InputError
from .exit_codes import with_exit_codes
from .progress_shown import ProgressKind, shown
from .settings import Settings

app = typer.Typer(
    name="lymphnodeseg",
    help=f"Pelvic lymph nodes from T2- and diffusion-weighted MRI. {NOTICE}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(pacs_app, name="pacs")


def print_notes(notes: Sequence[str]) -> None:
    """What a file's reader had to say (segments that overlap or were left out), apart from the results."""
    for note in notes:
        print(f"lymphnodeseg: {note}", file=sys.stderr)


def print_end(out: Path, model_notice: str) -> None:
    """Where the report lies, and what the result is not."""
    print(f"Report: {out / 'report.html'}")
    print(f"{model_notice} {NOTICE}")


def version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        print(f"lymphnodeseg {__version__}")
        raise typer.Exit


@app.callback()
def common(
    show_version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the program itself."""


@app.command()
@with_exit_codes
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the study and the results.")] = Path("demo"),
    progress: Annotated[ProgressKind, typer.Option(help="How progress is shown.")] = ProgressKind.BAR,
) -> None:
    """Make a synthetic pelvis as a DICOM study, find its nodes, and compare them with the truth."""
    from .console_tables import print_nodes
    from .demo import RESULT, run_demo

    with shown(progress) as watcher:
        reading, comparison = run_demo(out, watcher)
    print_nodes(reading.nodes)
    print("\n".join(comparison))
    print_end(out / RESULT, reading.model.notice)


@app.command()
@with_exit_codes
def series(
    study_dir: Annotated[Path, typer.Argument(help="Folder, DICOMDIR or .zip of a DICOM study.")],
    as_json: AsJson = False,
) -> None:
    """List the series of a study, and which of them would be used."""
    from .console_tables import print_series
    from .images.choose import choose_series, series_as_dict
    from .images.study import scan_study

    with shown(ProgressKind.NONE if as_json else ProgressKind.BAR) as watcher:
        watcher.stage("Reading headers")
        found = scan_study(study_dir, watcher)
    try:
        choice = choose_series(found)
    except InputError as error:  # the list is what was asked for; that nothing can be run on it comes with it
        choice = None
        print(f"lymphnodeseg: {error}", file=sys.stderr)
    if as_json:
        print(json.dumps(series_as_dict(found, choice), indent=1))
    else:
        print_series(found, choice)


@app.command()
@with_exit_codes
def segment(
    out: OutFolder,
    study: Annotated[
        Optional[Path], typer.Option(help="Folder, DICOMDIR or .zip of a DICOM study.", show_default=False)
    ] = None,
    t2: Annotated[
        Optional[Path], typer.Option(help="T2-weighted image: a file or a folder of one DICOM series.")
    ] = None,
    dwi: Annotated[Optional[Path], typer.Option(help="Diffusion-weighted image, likewise.")] = None,
    adc: Annotated[Optional[Path], typer.Option(help="ADC map, likewise.")] = None,
    t2_series: Annotated[
        str, typer.Option(help="SeriesInstanceUID of the study's T2, where the choice is not yours.")
    ] = "",
    dwi_series: Annotated[str, typer.Option(help="Of its DWI, likewise.")] = "",
    adc_series: Annotated[str, typer.Option(help="Of its ADC map, likewise.")] = "",
    b_value: Annotated[Optional[float], typer.Option(help="b-value of the DWI in s/mm2, likewise.")] = None,
    model: Annotated[
        str, typer.Option(help="Name of a bundled model, or a TorchScript file.", show_default="bundled")
    ] = "",
    trust_model: Annotated[
        bool, typer.Option("--trust-model", help="Run a model file that is not listed: it is code.")
    ] = False,
    device: Annotated[Device, typer.Option(help="Where the network runs.")] = Device.auto,  # type: ignore[attr-defined]
    registration: Annotated[
        RegistrationMethod, typer.Option(help="How far DWI may be moved to fit the T2.")
    ] = RegistrationMethod.deformable,  # type: ignore[attr-defined]
    suspicious_mm: Annotated[
        float, typer.Option(help="Short axis from which a node counts as enlarged.")
    ] = 10.0,
    reading_aids: Annotated[
        bool, typer.Option("--reading-aids/--no-reading-aids", help="Suggest size class, side and more.")
    ] = True,
    progress: Annotated[ProgressKind, typer.Option(help="How progress is shown.")] = ProgressKind.BAR,
) -> None:
    """Find, separate and measure the lymph nodes of one study."""
    from . import pipeline
    from .console_tables import print_nodes
    from .images.choose import Wanted
    from .job import Job

    settings = Settings(
        model=model,
        device=device.value,
        registration=registration.value,
        suspicious_mm=suspicious_mm,
        trust_unlisted_model=trust_model,
        reading_aids=reading_aids,
    )
    wanted = Wanted(t2_series, dwi_series, adc_series, b_value)
    job = Job(
        out=out,
        study=study,
        t2=t2,
        dwi=dwi,
        adc=adc,
        settings=settings,
        wanted=None if wanted == Wanted() else wanted,
    )
    with shown(progress) as watcher:
        reading = pipeline.segment(job, watcher)
    if progress is ProgressKind.JSON:
        print(json.dumps({"event": "result", "out": str(out), "nodes": len(reading.nodes)}))
        return
    print_nodes(reading.nodes)
    print_end(out, reading.model.notice)


@app.command()
@with_exit_codes
def compare(
    prior: Annotated[Path, typer.Argument(help="Result folder of the earlier study; or its T2.")],
    current: Annotated[Path, typer.Argument(help="Result folder of the later study; or its T2.")],
    out: OutFolder,
    prior_segmentation: Annotated[
        Optional[Path],
        typer.Option(help="Its nodes, as `measure` takes them: corrected elsewhere, or of a T2."),
    ] = None,
    current_segmentation: Annotated[Optional[Path], typer.Option(help="Likewise.")] = None,
    progress: Annotated[ProgressKind, typer.Option(help="How progress is shown.")] = ProgressKind.BAR,
) -> None:
    """Compare the nodes of two studies of one patient."""
    from .comparison import compare as compare_results
    from .console_tables import print_comparison

    with shown(progress) as watcher:
        comparison = compare_results(prior, current, out, watcher, prior_segmentation, current_segmentation)
    if progress is ProgressKind.JSON:
        print(json.dumps({"event": "result", "out": str(out)}))
        return
    print_comparison(comparison)
    print(f"Page: {out / 'comparison.html'}\n{NOTICE}")


@app.command()
@with_exit_codes
def measure(
    segmentation: Annotated[Path, typer.Argument(help=".seg.nrrd, label map, DICOM RTSTRUCT or SEG.")],
    image: Annotated[
        Optional[Path],
        typer.Option(help="T2 image: the grid of an RTSTRUCT or SEG, and hints from its signal."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the nodes of a segmentation."""
    from .console_tables import print_nodes
    from .images.files import read_image
    from .nodes.measure import measure_nodes
    from .outputs.segmentation_files import read_segmentation
    from .outputs.table import measurements_as_dict

    t2 = read_image(image, "T2") if image is not None else None
    masks = read_segmentation(segmentation, t2)
    print_notes(masks.notes)
    same_grid = t2 is not None and t2.geometry.is_close(masks.labels.geometry)
    nodes = measure_nodes(masks.labels, t2=t2 if same_grid else None, ids=masks.ids)
    if as_json:
        print(json.dumps(measurements_as_dict(nodes), indent=1, allow_nan=False))
    else:
        print_nodes(nodes)


@app.command()
@with_exit_codes
def export(
    segmentation: Annotated[Path, typer.Argument(help=".seg.nrrd, label map, DICOM RTSTRUCT or SEG.")],
    reference: Annotated[Path, typer.Option(help="Folder of the DICOM series the segmentation belongs to.")],
    output_format: Annotated[Format, typer.Option("--format", help="What to write.")],
    out: Annotated[Path, typer.Option("--out", help="The DICOM file to write.")],
    label_map: Annotated[
        bool, typer.Option("--label-map", help="SEG as a label map: smaller, but few programs read it.")
    ] = False,
) -> None:
    """Write a segmentation as DICOM that refers to the original series."""
    from .outputs.export import export_segmentation

    if label_map and output_format is not Format.SEG:
        raise InputError("--label-map goes with --format seg only.")
    print_notes(export_segmentation(segmentation, reference, output_format.value, out, label_map))
    print(out)


@app.command()
@with_exit_codes
def phantom(
    out: OutFolder,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same pelvis.")] = 0,
    difficulty: Annotated[
        Difficulty, typer.Option(help="Mixture of anatomies and artifacts.")
    ] = Difficulty.STANDARD,
    image_format: Annotated[ImageFormat, typer.Option("--format", help="Files to write.")] = ImageFormat.NRRD,
) -> None:
    """Make a synthetic pelvis with known lymph nodes."""
    from .phantom import make_phantom, write_dicom, write_nrrd

    write = write_dicom if image_format is ImageFormat.DICOM else write_nrrd
    write(make_phantom(seed, difficulty.value), out)
    print(out)


@app.command()
@with_exit_codes
def evaluate(
    prediction: Annotated[Path, typer.Argument(help=".seg.nrrd, label map, DICOM RTSTRUCT or SEG.")],
    truth: Annotated[Path, typer.Argument(help="The same kinds.")],
    image: Annotated[
        Optional[Path], typer.Option(help="T2 image: the grid for both, where both are RTSTRUCT.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare a segmentation with the truth."""
    from .console_tables import print_evaluation
    from .images.files import read_image
    from .nodes.evaluation import evaluate as compare_masks
    from .outputs.segmentation_files import read_segmentations

    both = read_segmentations(prediction, truth, read_image(image, "T2") if image is not None else None)
    print_notes([note for one in both for note in one.notes])
    result = compare_masks(*(one.labels for one in both))
    if as_json:
        print(json.dumps(result, indent=1, allow_nan=False))
    else:
        print_evaluation(result)


def main() -> None:
    """Entry point of the ``lymphnodeseg`` command."""
    for stream in (sys.stdout, sys.stderr):  # a name in another script must not end a run on an old console
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    app()


if __name__ == "__main__":
    main()
