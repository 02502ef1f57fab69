"""PyTorch, which the worker needs and Slicer does not bring: by Slicer's own extension for it."""

from __future__ import annotations

import importlib
import importlib.util

import slicer
from slicer.i18n import tr as _

TITLE = "Lymph Node Segmentation"


def has_torch() -> bool:
    """Whether PyTorch is installed; does not import it."""
    return importlib.util.find_spec("torch") is not None


def torch_problem() -> str:
    """Make sure of PyTorch; where it is missing, the user is asked and it is installed.

    Returns:
        What stands in the way, for the user; empty if nothing does.
    """
    if has_torch():
        return ""
    try:
        utilities = importlib.import_module("PyTorchUtils")
    except ModuleNotFoundError:
        return _install_extension()
    try:
        installed = utilities.PyTorchUtilsLogic().installTorch(askConfirmation=True)
    except Exception as error:  # whatever pip or the extension raises
        return _("PyTorch could not be installed: {error}").format(error=error) + "\n" + _offline()
    if installed is None:
        return _("PyTorch was not installed: it is needed to find lymph nodes.") + "\n" + _offline()
    importlib.invalidate_caches()
    return ""


def _install_extension() -> str:
    application = getattr(slicer, "app", None)
    manager = getattr(application, "extensionsManagerModel", lambda: None)()
    question = _(
        "PyTorch is needed to find lymph nodes. Slicer's extension 'PyTorch' installs it. Get that extension "
        "from the internet now?"
    )
    if manager is None or not slicer.util.confirmOkCancelDisplay(question, windowTitle=TITLE):
        return (
            _("PyTorch is needed to find lymph nodes: install the extension 'PyTorch'.") + "\n" + _offline()
        )
    if not manager.installExtensionFromServer("PyTorch", False):
        return _("The extension 'PyTorch' could not be installed.") + "\n" + _offline()
    return _("The extension 'PyTorch' was installed: restart Slicer, then press Apply again.")


def _offline() -> str:
    return _(
        "Without internet: on another computer, get the extension 'PyTorch' for this version of Slicer, and "
        "run 'pip download torch' for Python {python}; then install the extension from its file in the "
        "Extensions Manager, and the wheels by "
        "slicer.util.pip_install('--no-index --find-links FOLDER torch') in the Python console."
    ).format(python=_python_version())


def _python_version() -> str:
    import sys

    return f"{sys.version_info.major}.{sys.version_info.minor}"
