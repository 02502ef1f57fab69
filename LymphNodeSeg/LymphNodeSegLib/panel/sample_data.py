"""A synthetic pelvis in Slicer's module Sample Data, made on this machine: nothing is downloaded."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Callable

import qt
import slicer
from slicer.i18n import tr as _

from ..errors import InputError
from ..resources import resource_path
from ..scene.phantom_volumes import add_phantom, add_truth
from ..scene.views import show_images
from .dicom_database import copy_into_database
from .temporary import new_folder
from .worker_process import MODULE_FOLDER, python_executable

CATEGORY = "Lymph Node Segmentation"
VOLUMES, DICOM_STUDY = "Pelvis phantom", "Pelvis phantom (DICOM)"
SEED = 8  # axial, as most pelvic studies
PROGRAM = (
    "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); "
    "from LymphNodeSegLib.phantom import make_phantom, write_dicom; "
    "write_dicom(make_phantom(int(sys.argv[2])), Path(sys.argv[3]))"
)
POLL_MS = 50


def register() -> None:
    """Make both samples appear: as volumes only, and as a study in Slicer's DICOM database too."""
    import SampleData

    for name, load in ((VOLUMES, load_volumes), (DICOM_STUDY, load_dicom_study)):
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category=CATEGORY,
            sampleName=name,
            uris="",
            fileNames="",
            nodeNames=name,
            customDownloader=load,
            thumbnailFileName=str(resource_path("Icons/PelvisPhantom.png")),
        )


def load_volumes(source: object = None) -> list[Any]:
    """Make the phantom and load it.

    Args:
        source: What Sample Data hands over.

    Returns:
        The volumes: T2, DWI by b-value, ADC.

    Raises:
        InputError, OSError: it failed; the user was told.
    """
    return _load(lambda study: None)


def load_dicom_study(source: object = None) -> list[Any]:
    """The same, and the study goes into Slicer's DICOM database: so that results can refer to it."""
    return _load(copy_into_database)


def _load(before_loading: Callable[[Path], None]) -> list[Any]:
    folder = new_folder()
    try:
        with slicer.util.tryWithErrorDisplay(_("The phantom could not be made."), waitCursor=True):
            _say(_("Making a synthetic pelvis on this machine; this takes some seconds ..."))
            _make(folder / "phantom")
            before_loading(folder / "phantom" / "study")
            nodes = add_phantom(slicer.mrmlScene, folder / "phantom", VOLUMES)
            add_truth(slicer.mrmlScene, folder / "phantom", nodes[0])
            show_images(slicer.mrmlScene, nodes[0], nodes[-2])  # the DWI of the highest b-value
            slicer.util.resetSliceViews()
            _say(
                _("Loaded: {names}. Synthetic images; no patient.").format(
                    names=", ".join(node.GetName() for node in nodes)
                )
            )
            return nodes
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make(folder: Path) -> None:
    """Run the phantom in a process of its own; Slicer goes on drawing, as it does for a download."""
    process = qt.QProcess()
    process.start(python_executable(), ["-c", PROGRAM, str(MODULE_FOLDER), str(SEED), str(folder)])
    while not process.waitForFinished(POLL_MS):
        if process.state() == qt.QProcess.NotRunning:
            break
        slicer.app.processEvents(qt.QEventLoop.ExcludeUserInputEvents)
    if process.exitStatus() == qt.QProcess.CrashExit or process.exitCode() != 0 or not folder.exists():
        errors = bytes(process.readAllStandardError().data()).decode("utf-8", errors="replace")
        raise InputError(errors.strip().rsplit("\n", 1)[-1] or _("Slicer's Python could not be started."))


def _say(text: str) -> None:
    """In Sample Data's own log, if that module is open, and in the status bar."""
    slicer.util.showStatusMessage(text, 5000)
    widget = slicer.modules.sampledata.widgetRepresentation()
    if widget is not None:
        widget.self().logMessage(text)
    slicer.app.processEvents(qt.QEventLoop.ExcludeUserInputEvents)
