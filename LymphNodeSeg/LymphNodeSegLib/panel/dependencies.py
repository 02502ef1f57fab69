"""What the worker needs and Slicer does not bring: PyTorch, by Slicer's own extension for it."""

from __future__ import annotations

import importlib
import importlib.util

from slicer.i18n import tr as _


def torch_problem() -> str:
    """Make sure of PyTorch; where it is missing, the user is asked and it is installed.

    Returns:
        What stands in the way, for the user; empty if nothing does.
    """
    if importlib.util.find_spec("torch") is not None:
        return ""
    try:
        utilities = importlib.import_module("PyTorchUtils")
    except ModuleNotFoundError:
        return _(
            "PyTorch is needed: install the extension 'PyTorch' in the Extensions Manager, restart Slicer. "
            "Without internet: install that extension from a file, and PyTorch's wheel with "
            "slicer.util.pip_install."
        )
    if utilities.PyTorchUtilsLogic().installTorch(askConfirmation=True) is None:
        return _(
            "PyTorch was not installed: it is needed to find lymph nodes. Try again, or see the error log."
        )
    importlib.invalidate_caches()
    return ""
