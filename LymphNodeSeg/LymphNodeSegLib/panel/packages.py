"""Python packages that Slicer does not bring, installed when they are first needed and the user agrees."""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from importlib import metadata
from pathlib import Path
from subprocess import CalledProcessError

import qt
import slicer
from slicer.i18n import tr as _

REQUESTER = "Lymph Node Segmentation"


def package_problem(package: str) -> str:
    """Make sure of a package; where it is missing, the user is asked and it is installed.

    Nothing that is installed is replaced: pip may add packages only (Slicer's own numpy, SimpleITK or vtk
    in another version would break it).

    Args:
        package: Its name, of the distribution and the module alike.

    Returns:
        What stands in the way, for the user; empty if nothing does.
    """
    if importlib.util.find_spec(package) is not None:
        return ""
    question = _(
        "The Python package '{package}' is needed and will be downloaded from the internet (PyPI). "
        "Packages that are installed stay as they are. Install it?"
    ).format(package=package)
    if not slicer.util.confirmOkCancelDisplay(question, windowTitle=REQUESTER):
        return _("The Python package '{package}' was not installed.").format(package=package)
    with tempfile.TemporaryDirectory() as folder:
        try:
            _install(package, write_constraints(Path(folder)))
        except (CalledProcessError, RuntimeError, OSError):
            return _(
                "The Python package '{package}' could not be installed: the Python console says why. On a "
                "machine without internet, get it with 'pip download {package}' elsewhere, and install the "
                "files with slicer.util.pip_install."
            ).format(package=package)
    importlib.invalidate_caches()
    return ""


def write_constraints(folder: Path) -> Path:
    """A file that holds pip to the versions of all packages that are installed."""
    versions = {one.metadata["Name"]: one.version for one in metadata.distributions()}
    path = folder / "constraints.txt"
    path.write_text("".join(f"{name}=={version}\n" for name, version in versions.items() if name), "utf-8")
    return path


def _install(package: str, constraints: Path) -> None:
    try:
        packaging = importlib.import_module("slicer.packaging")  # Slicer 5.12 and newer: shows progress
    except ModuleNotFoundError:
        pass
    else:
        packaging.pip_install(package, constraints=constraints, requester=REQUESTER)
        return
    slicer.app.setOverrideCursor(qt.Qt.WaitCursor)
    try:
        slicer.util.pip_install(["--constraint", str(constraints), package])
    finally:
        slicer.app.restoreOverrideCursor()
