"""A panel in real Qt on a real MRML scene, with thin stand-ins for what only Slicer has."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def standins() -> Any:
    qt = pytest.importorskip("PySide6", reason="PySide6 is not installed")
    pytest.importorskip(
        "PySide6.QtWidgets", reason="Qt lacks a library of the system (libEGL?)", exc_type=ImportError
    )
    # Each processEvents() of 6.12.0 loses a reference to None, which ends Python before 3.12 sooner or later.
    if qt.__version__ == "6.12.0" and sys.version_info < (3, 12):
        pytest.skip("PySide6 6.12.0 crashes this Python: install another version")
    module = _load(Path(__file__).with_name("panel_standins.py"))
    module.install()
    return module


@pytest.fixture(scope="session")
def application(standins: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from PySide6 import QtCore, QtWidgets

    # The user's own settings are left alone.
    QtCore.QSettings.setDefaultFormat(QtCore.QSettings.Format.IniFormat)
    scope, folder = QtCore.QSettings.Scope.UserScope, str(tmp_path_factory.mktemp("settings"))
    QtCore.QSettings.setPath(QtCore.QSettings.Format.IniFormat, scope, folder)
    QtCore.QCoreApplication.setOrganizationName("LymphNodeSeg")
    QtCore.QCoreApplication.setApplicationName("Testing")
    return QtWidgets.QApplication.instance() or QtWidgets.QApplication([])


@pytest.fixture
def scene(standins: Any) -> Iterator[Any]:
    import slicer
    from LymphNodeSegLib.scene.session import Session

    session = Session()
    before = getattr(slicer, "mrmlScene", None)
    slicer.mrmlScene = session.scene
    yield session.scene
    session.scene.Clear(True)
    slicer.mrmlScene = before


@pytest.fixture
def volumes(scene: Any) -> tuple[Any, Any]:
    """A T2 and a DWI, by their names."""
    from Testing.panel.panel_cases import add

    return add(scene, "t2_tse", 1), add(scene, "dwi_b800", 2)


@pytest.fixture
def module(
    application: Any, standins: Any, scene: Any, volumes: Any, module_file: Any, until: Any
) -> Iterator[Any]:
    """The module's widget, set up as Slicer would; what it uses of Qt is real."""
    from PySide6 import QtWidgets

    parent = QtWidgets.QWidget()
    QtWidgets.QVBoxLayout(parent)
    parent.isEntered = True
    widget = module_file.LymphNodeSegWidget(parent)
    widget.setup()
    yield widget
    widget.cleanup()
    until(lambda: not widget.panel.runner.worker.alive, 10.0)


@pytest.fixture
def panel(module: Any) -> Any:
    return module.panel


@pytest.fixture
def until(application: Any) -> Callable[..., None]:
    """Runs Qt's event loop until a condition holds."""

    def wait(condition: Callable[[], bool], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it took too long"
            application.processEvents()
            time.sleep(0.005)

    return wait


@pytest.fixture
def ui_widget(application: Any, standins: Any) -> Any:
    from LymphNodeSegLib.resources import resource_path

    return standins.load_ui(resource_path("UI/LymphNodeSeg.ui"))


@pytest.fixture(scope="session")
def module_file(standins: Any) -> Any:
    """LymphNodeSeg.py, as Slicer would load it."""
    return _load(Path(__file__).resolve().parents[2] / "LymphNodeSeg" / "LymphNodeSeg.py")


@pytest.fixture
def result(scene: Any) -> Any:
    """A result in the scene; see `panel_reading`."""
    from Testing.panel.panel_reading import add_study

    return add_study(scene)


@pytest.fixture
def services(standins: Any, application: Any) -> Any:
    """What the sections are built with."""
    from LymphNodeSegLib.panel.section import Services
    from LymphNodeSegLib.resources import resource_path

    return Services(lambda name: standins.load_ui(resource_path(f"UI/{name}")), lambda: None, print)


@pytest.fixture
def container(application: Any, standins: Any) -> Callable[[], Any]:
    """Makes what a section is put into."""
    from PySide6 import QtWidgets

    made = []

    def make() -> Any:
        box = standins.ctkCollapsibleButton()
        QtWidgets.QVBoxLayout(box)
        made.append(box)
        return box

    return make


@pytest.fixture
def section(services: Any, container: Any, result: Any, until: Any) -> Iterator[Any]:
    """The table of nodes, showing the result."""
    from LymphNodeSegLib.panel.nodes_section import NodesSection

    made = NodesSection(container(), services)
    made.show(result)
    until(lambda: not made._timer_on, 10.0)
    yield made
    made.close()


@pytest.fixture
def correct(section: Any, services: Any, container: Any, result: Any, application: Any) -> Iterator[Any]:
    """The section that corrects it."""
    from LymphNodeSegLib.panel.correct_section import CorrectSection

    from Testing.panel import panel_reading

    made = CorrectSection(container(), services, panel_reading.Editor)
    made.show(result)
    application.processEvents()
    yield made
    made.close()


@pytest.fixture
def no_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever happens, no folder with images is left behind."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has the worker play its computation; see `panel_cases.played`."""
    import LymphNodeSegLib.panel.worker_process as worker_process

    from Testing.panel.panel_cases import played

    def use(*args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(worker_process, "PROGRAM", played(*args, **kwargs))

    return use
