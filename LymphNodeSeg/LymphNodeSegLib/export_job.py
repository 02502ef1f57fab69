"""Files of a result as it was corrected in Slicer: what to write, and the process that writes it.

The panel leaves an `ExportJob` in a folder of its own and starts ``main(folder)`` on PythonSlicer, so that
its window never waits; the files come into ``folder/out``, and `deliver` puts them where the user wants them.
"""

from __future__ import annotations

import importlib.util
import json
import pickle
import shutil
import sys
import traceback
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from .errors import InputError
from .exit_codes import DEFECT, DONE, UNUSABLE
from .result_folder import ResultFolder
from .scene.node_list import ADDED, EDITED, FOUND
from .worker_files import BYTES_A_STEP

if TYPE_CHECKING:
    import numpy as np
    import slicer

    from .images.image import Image
    from .nodes.node import Node
    from .registration.result import Registration
    from .scene.node_list import NodeList
    from .scene.run_facts import RunFacts

RTSTRUCT, SEG, SR, TABLE, REPORT = "rtstruct", "seg", "sr", "table", "report"
FILES: dict[str, tuple[str, ...]] = {
    RTSTRUCT: ("rtstruct.dcm",),
    SEG: ("seg.dcm",),
    SR: ("sr.dcm",),
    TABLE: ("measurements.csv", "measurements.json"),
    REPORT: ("report.html",),
}
DICOM_KINDS = (RTSTRUCT, SEG, SR)
HIGHDICOM_KINDS = (SEG, SR)
JOB, OUT = "job.pickle", "out"
NOTE_OF_STATE = {EDITED: "Edited by a reader.", ADDED: "Added by a reader."}
REVIEWED = "Reviewed by a reader."


@dataclass(frozen=True)
class ExportJob:
    """What to write.

    Attributes:
        kinds: Keys of `FILES`.
        t2: The T2; its `source_files` are the DICOM files of the original series, if it has any.
        labels: One label a node, on the T2's own grid (below its transform in the scene), as the series is.
        nodes: The nodes as the reader left them.
        edited_ids: Ids of nodes that the reader changed or made.
        dwi, adc: On the T2 grid.
        dwi_before: The DWI as it was acquired, if it is still there.
        facts: What is known of the run; None for a segmentation without one, which gets no report.
    """

    kinds: tuple[str, ...]
    t2: Image
    labels: Image
    nodes: tuple[Node, ...]
    edited_ids: frozenset[str] = frozenset()
    dwi: Optional[Image] = None
    adc: Optional[Image] = None
    dwi_before: Optional[Image] = None
    facts: Optional[RunFacts] = None


def file_names(kinds: Sequence[str]) -> tuple[str, ...]:
    """The files of the chosen kinds, in the order in which they are written."""
    return tuple(name for kind, names in FILES.items() if kind in kinds for name in names)


def job_of(listed: NodeList, kinds: Sequence[str], files: Sequence[Path] = ()) -> ExportJob:
    """The job that writes a result of the scene as it is now.

    Args:
        listed: The nodes as the reader left them.
        kinds: What to write.
        files: The DICOM files of the T2; DICOM kinds need them.

    Raises:
        InputError: the T2 is under a transform that bends or shears it.
    """
    from .scene.run_facts import facts_of
    from .scene.volumes import image_from_volume, volume_geometry

    result = listed.result
    t2 = image_from_volume(result.t2, "T2")
    grid = volume_geometry(result.t2, in_world=False)
    return ExportJob(
        tuple(kinds),
        t2=replace(t2, acquisition=replace(t2.acquisition, source_files=tuple(files))),
        labels=replace(listed.labels(), geometry=grid),
        nodes=_noted(listed),
        edited_ids=frozenset(row.id for row in listed.rows if row.node and row.state != FOUND),
        dwi=_image_of(result.dwi, "DWI"),
        adc=_image_of(result.adc, "ADC"),
        dwi_before=_image_of(result.dwi_before, "DWI"),
        facts=facts_of(result.segmentation),
    )


def _image_of(node: Optional[slicer.vtkMRMLVolumeNode], role: str) -> Optional[Image]:
    """The image of a volume; None where it was removed, emptied or is no single image (any more)."""
    from .scene.volumes import image_from_volume

    try:
        return image_from_volume(node, role) if node is not None else None
    except InputError:
        return None


def _noted(listed: NodeList) -> tuple[Node, ...]:
    """The nodes, with what the reader did to them among their notes."""
    rows = {row.id: row for row in listed.rows}
    nodes = []
    for node in listed.nodes():
        row = rows[node.id]
        notes = [NOTE_OF_STATE[row.state]] if row.state in NOTE_OF_STATE else []
        notes += [REVIEWED] if row.reviewed else []
        nodes.append(replace(node, notes=(*node.notes, *notes)))
    return tuple(nodes)


def leave_job_steps(job: ExportJob, folder: Path) -> Generator[None, None, None]:
    """Put a job into an empty folder, for `main`, in steps of some milliseconds; both ends are one Python.

    Raises:
        OSError: the disk is full.
    """
    voxels: list[pickle.PickleBuffer] = []  # not copied: a volume at once would hold up the window
    values = pickle.dumps(job, protocol=5, buffer_callback=voxels.append)
    for number, buffer in enumerate(voxels):
        with (folder / f"{number:04d}.raw").open("wb") as stream:
            data = buffer.raw()
            for start in range(0, len(data), BYTES_A_STEP):
                stream.write(data[start : start + BYTES_A_STEP])
                yield
    (folder / JOB).write_bytes(values)


def _read_job(folder: Path) -> ExportJob:
    voxels = [bytearray(path.read_bytes()) for path in sorted(folder.glob("*.raw"))]
    job: ExportJob = pickle.loads((folder / JOB).read_bytes(), buffers=voxels)
    return job


def main(folder: str) -> int:
    """Write the files of the job in a folder into its ``out``; tell on standard output, in one JSON line.

    Returns:
        The exit code, as the command line's.
    """
    lines, sys.stdout = sys.stdout, sys.stderr  # a library's chatter does not belong before that line
    text, code = "", DONE
    try:
        job = _read_job(Path(folder))
        out = Path(folder) / OUT
        out.mkdir()
        write_files(job, out)
    except InputError as error:
        text, code = str(error), UNUSABLE
    except ModuleNotFoundError as error:
        text, code = f"The Python package '{error.name}' is not installed.", UNUSABLE
    except MemoryError:
        text, code = "Not enough memory to export: close other programs.", UNUSABLE
    except Exception as error:
        traceback.print_exc()
        text, code = f"{type(error).__name__}: {error}", DEFECT
    lines.write(json.dumps({"text": " ".join(text.split())}) + "\n")
    lines.flush()
    return code


def write_files(job: ExportJob, folder: Path) -> None:
    """Write the files of a job into an empty folder, by the same writers as the command line.

    Raises:
        InputError: one of them can't be written; what was written before it stays in the folder.
    """
    try:
        _write_dicom(job, folder)
        if TABLE in job.kinds:
            _write_table(job, folder)
        if REPORT in job.kinds:
            _write_report(job, folder / FILES[REPORT][0])
    except OSError as error:
        raise InputError(f"The files could not be written ({error.strerror or error}).") from error


def _write_dicom(job: ExportJob, folder: Path) -> None:
    from .outputs.dicom_seg import write_dicom_seg
    from .outputs.rtstruct import write_rtstruct
    from .outputs.structured_report import write_structured_report

    files = job.t2.acquisition.source_files
    rtstruct, seg, sr = (folder / FILES[kind][0] for kind in DICOM_KINDS)
    if RTSTRUCT in job.kinds:
        write_rtstruct(job.labels, job.nodes, files, rtstruct, job.edited_ids)
    if SEG in job.kinds:
        write_dicom_seg(job.labels, job.nodes, files, seg, job.edited_ids)
    if SR in job.kinds:
        write_structured_report(job.labels, job.nodes, files, sr, seg if SEG in job.kinds else None)


def _write_table(job: ExportJob, folder: Path) -> None:
    from .outputs.table import write_measurements

    facts = job.facts
    extra: dict[str, Any] = {"edited": sorted(job.edited_ids)}
    if facts is not None:
        notice = facts.model_card.get("notice", "")
        extra |= {"created": facts.created, "model": facts.model, "model_notice": notice}
    csv, json_file = (folder / name for name in FILES[TABLE])
    write_measurements(job.nodes, csv, json_file, extra)


def _write_report(job: ExportJob, path: Path) -> None:
    from .outputs.report import ReportInput, write_report

    facts = job.facts
    if facts is None or job.dwi is None:
        raise InputError("A report needs the run that found the nodes: press Apply first.")
    registration = _registration(job)
    report = ReportInput(
        t2=job.t2,
        registration=registration,
        nodes=job.nodes,
        settings=facts.settings,
        model_name=facts.model,
        model_card=facts.model_card,
        created=facts.created,
        model_sha256=facts.model_sha256,
        fused=_fused(job.t2, registration),
        device=facts.device,
        warnings=(*facts.warnings, *_edits(job.edited_ids)),
        seconds=facts.seconds,
    )
    write_report(path, report)


def _registration(job: ExportJob) -> Registration:
    """The registration, of which the scene holds the images; the report does not ask for the transform."""
    import SimpleITK as sitk

    from .registration.resample import unmoved
    from .registration.result import Registration
    from .registration.space import inside

    assert job.facts is not None
    assert job.dwi is not None
    before, known = job.dwi, job.dwi.array != 0
    if job.dwi_before is not None:
        before = unmoved(job.dwi_before, job.dwi.geometry)
        known = inside(job.dwi_before.geometry, job.dwi.geometry)
    transform = sitk.Transform(3, sitk.sitkIdentity)
    return Registration(transform, job.dwi, before, (job.dwi,), job.adc, known, job.facts.verdict)


def _fused(t2: Image, registration: Registration) -> Optional[np.ndarray]:
    """The fused picture; None where there is no torch to make it."""
    if importlib.util.find_spec("torch") is None:
        return None
    from .network.fusion import fused_picture

    return fused_picture(t2, registration.dwi, registration.known)


def _edits(edited_ids: frozenset[str]) -> tuple[str, ...]:
    return (f"Edited by a reader: {', '.join(sorted(edited_ids))}.",) if edited_ids else ()


def deliver(written: Path, target: Path) -> tuple[Path, ...]:
    """Put written files into the user's folder, which is made if need be: all of them or none.

    Files of the same names are replaced: ask before.

    Args:
        written: The folder that holds them.
        target: Where they go.

    Returns:
        Their new paths.

    Raises:
        InputError: the folder can't be written to; it is as it was.
    """
    names = sorted(path.name for path in written.iterdir())
    with ResultFolder(target) as folder:
        for name in names:
            shutil.copyfile(written / name, folder.staging / name)
        folder.publish()
    return tuple(target / name for name in names)
