"""The part of the command line that talks to a PACS; imports as little as `cli` does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .cli_options import AsJson
from .errors import Cancelled
from .exit_codes import CANCELLED, fail, with_exit_codes
from .progress_shown import ProgressKind, shown

pacs_app = typer.Typer(
    help="Find and get studies, and put results, by DICOMweb. The login is read from the environment: "
    "LYMPHNODESEG_DICOMWEB_USER and LYMPHNODESEG_DICOMWEB_PASSWORD.",
    no_args_is_help=True,
)

Url = Annotated[str, typer.Argument(help="Root of the DICOMweb service, as http://localhost:8042/dicom-web.")]
ProgressOption = Annotated[ProgressKind, typer.Option(help="How progress is shown.")]


@pacs_app.command()
@with_exit_codes
def find(
    url: Url,
    patient_id: Annotated[str, typer.Option(help="PatientID.", show_default="any")] = "",
    date: Annotated[
        str, typer.Option(help="YYYYMMDD, or a range YYYYMMDD-YYYYMMDD.", show_default="any")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List the MR studies of a server; says nothing of patients."""
    from dataclasses import asdict

    from .console_tables import print_studies
    from .images.pacs import find_studies

    found = find_studies(url, patient_id=patient_id, study_date=date)
    if as_json:
        print(json.dumps({"studies": [asdict(study) for study in found]}, indent=1))
    else:
        print_studies(found)


@pacs_app.command()
@with_exit_codes
def get(
    url: Url,
    study_uid: Annotated[str, typer.Argument(help="StudyInstanceUID, as `find` lists it.")],
    out: Annotated[Path, typer.Option("--out", help="New folder for the study.")],
    progress: ProgressOption = ProgressKind.BAR,
) -> None:
    """Copy a study from a server into a folder."""
    from .images.pacs import retrieve_study

    with shown(progress) as watcher:
        watcher.stage("Getting the study")
        count = retrieve_study(url, study_uid, out, watcher)
    if progress is ProgressKind.JSON:
        print(json.dumps({"event": "result", "out": str(out), "files": count}))
        return
    print(out)


@pacs_app.command()
@with_exit_codes
def put(
    url: Url,
    files: Annotated[list[Path], typer.Argument(help="DICOM files, or folders of them.")],
    progress: ProgressOption = ProgressKind.BAR,
) -> None:
    """Send DICOM files to a server. They go as they are, the patient's name included."""
    from .images.pacs import store

    try:
        with shown(progress) as watcher:
            watcher.stage("Putting files")
            count = store(url, files, watcher)
    except Cancelled as error:  # unlike elsewhere, something may have been written
        fail(str(error), CANCELLED)
    except KeyboardInterrupt:
        fail("cancelled; files may have been stored.", CANCELLED)
    if progress is ProgressKind.JSON:
        print(json.dumps({"event": "result", "files": count}))
        return
    print(f"{count} {'file' if count == 1 else 'files'} stored.")
