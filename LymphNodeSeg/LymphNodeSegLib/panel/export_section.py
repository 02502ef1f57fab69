"""The result as files, and into Slicer's DICOM database."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Optional

import slicer
from slicer.i18n import tr as _

from ..errors import InputError
from ..export_job import (
    DICOM_KINDS,
    HIGHDICOM_KINDS,
    REPORT,
    RTSTRUCT,
    SEG,
    SR,
    TABLE,
    deliver,
    file_names,
    job_of,
)
from ..scene.dicom_files import dicom_files
from ..scene.result import ResultNodes
from ..scene.run_facts import facts_of
from .dicom_database import copy_into_database, file_of_instance, require_database
from .export_process import ExportProcess
from .packages import package_problem
from .section import Services, fill, say


class ExportSection:
    """See `section.Section`."""

    def __init__(self, container: Any, services: Services) -> None:
        self._ui = fill(container, services, "ExportSection.ui")
        self._model = services.nodes
        self._boxes = {
            RTSTRUCT: self._ui.rtstructCheckBox,
            SEG: self._ui.segCheckBox,
            SR: self._ui.srCheckBox,
            TABLE: self._ui.tableCheckBox,
            REPORT: self._ui.reportCheckBox,
        }
        self._files: tuple[Path, ...] = ()
        self._process: Optional[ExportProcess] = None
        self._target: Optional[Path] = None
        self._into_database = False
        self._ui.exportButton.clicked.connect(self._on_export)

    def show(self, result: Optional[ResultNodes]) -> None:
        """See `section.Section`."""
        self._model.show(result)
        self._files, problem = (), ""
        if result is not None:
            try:
                self._files = dicom_files(result.t2, file_of_instance)
            except InputError as error:
                problem = str(error)
        for box in (*(self._boxes[kind] for kind in DICOM_KINDS), self._ui.databaseCheckBox):
            box.setEnabled(bool(self._files))
        self._boxes[REPORT].setEnabled(result is not None and facts_of(result.segmentation) is not None)
        if self._process is None:
            say(self._ui.exportLabel, problem)

    def close(self) -> None:
        """See `section.Section`; what is being written goes on."""

    def _on_export(self, *_args: object) -> None:
        if self._process is not None:
            self._process.cancel()
            return
        try:
            problem = self._start()
        except (InputError, OSError) as error:
            self._process = None
            problem = str(error)
        if problem:
            say(self._ui.exportLabel, problem)

    def _start(self) -> str:
        """Ask what has to be asked, and begin.

        Returns:
            What stands in the way; empty if nothing does.
        """
        nodes = self._model.nodes
        if nodes is None:
            return self._model.problem or _("There is nothing to export: press Apply first.")
        kinds = [kind for kind, box in self._boxes.items() if box.isEnabled() and box.isChecked()]
        folder = self._ui.folderPathLineEdit.currentPath.strip()
        wanted = bool(self._ui.databaseCheckBox.isEnabled() and self._ui.databaseCheckBox.isChecked())
        self._into_database = wanted and bool(set(kinds) & set(DICOM_KINDS))
        if not kinds:
            return _("Choose what to export.")
        if not folder and not self._into_database:
            return _("Choose a folder.")
        self._target = Path(folder) if folder else None
        if self._target is not None and not _may_replace(self._target, file_names(kinds)):
            return _("Nothing was written.")
        if set(kinds) & set(HIGHDICOM_KINDS):
            problem = package_problem("highdicom")
            if problem:
                return problem
        if self._into_database:
            require_database()
        nodes.refresh()
        job = job_of(nodes, kinds, self._files)
        self._process = ExportProcess(self._on_end)
        self._process.start(job)
        self._ui.exportButton.setText(_("Cancel"))
        say(self._ui.exportLabel, _("Writing ..."))
        return ""

    def _on_end(self, problem: str, out: Path) -> None:
        self._process = None
        self._ui.exportButton.setText(_("E&xport"))
        say(self._ui.exportLabel, problem or "<br>".join(self._put(out)))

    def _put(self, out: Path) -> list[str]:
        """Put written files where the user wants them; returns what to say about it."""
        lines = []
        try:
            if self._target is not None:
                written = deliver(out, self._target)
                self._ui.folderPathLineEdit.addCurrentPathToHistory()
                lines.append(_("Written: {names}.").format(names=", ".join(map(_link, written))))
            if self._into_database:
                _import_dicom(out)
                lines.append(_("In Slicer's DICOM database, in the study of the T2."))
        except (InputError, OSError) as error:
            lines.append(str(error))
        return lines


def _link(path: Path) -> str:
    return f'<a href="{path.as_uri()}">{path.name}</a>'


def _may_replace(folder: Path, names: tuple[str, ...]) -> bool:
    """Ask whether files that are there may be replaced; True where there is none."""
    there = [name for name in names if (folder / name).exists()]
    if not there:
        return True
    question = _("{folder} holds these files already: {names}. Replace them?").format(
        folder=folder, names=", ".join(there)
    )
    return bool(slicer.util.confirmYesNoDisplay(question, windowTitle=_("Export")))


def _import_dicom(out: Path) -> None:
    """Copy what is DICOM among written files into Slicer's database."""
    folder = out / "dicom"
    folder.mkdir()
    for path in out.glob("*.dcm"):
        shutil.copyfile(path, folder / path.name)
    copy_into_database(folder)
