"""A window that waits while the scene changes in steps: each of many changes would have all of it drawn."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import slicer


def with_views_paused(steps: Generator[None, None, Any]) -> Generator[None, None, Any]:
    """Take steps that change the scene; then draw each view once, and the window, each in a step of its own.

    The window answers meanwhile, for some tenths of a second, but shows what it showed before.

    Returns:
        What the steps lead to.
    """
    views, window = _views(), _window()
    for view in views:
        view.setRenderPaused(True)
    if window is not None:
        window.setUpdatesEnabled(False)
    try:
        value = yield from steps
        while views:
            yield
            views.pop().setRenderPaused(False)
        yield
        return value
    finally:
        for view in views:
            view.setRenderPaused(False)
        if window is not None:
            window.setUpdatesEnabled(True)


def _views() -> list[Any]:
    """All views of Slicer; none outside of it."""
    layout = getattr(getattr(slicer, "app", None), "layoutManager", lambda: None)()
    if layout is None:
        return []
    slices = [layout.sliceWidget(name).sliceView() for name in layout.sliceViewNames()]
    return slices + [layout.threeDWidget(n).threeDView() for n in range(layout.threeDViewCount)]


def _window() -> Any:
    """Slicer's window; None outside of it."""
    return slicer.util.mainWindow() if getattr(slicer, "app", None) is not None else None
