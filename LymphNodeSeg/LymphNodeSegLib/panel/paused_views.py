"""Views that wait while the scene changes in steps: otherwise each of many changes has all of them drawn."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import slicer


def with_views_paused(steps: Generator[None, None, Any]) -> Generator[None, None, Any]:
    """Take steps that change the scene; then draw each view once, in a step of its own.

    Returns:
        What the steps lead to.
    """
    views = _views()
    for view in views:
        view.setRenderPaused(True)
    try:
        value = yield from steps
        while views:
            yield
            views.pop().setRenderPaused(False)
        return value
    finally:
        for view in views:
            view.setRenderPaused(False)


def _views() -> list[Any]:
    """All views of Slicer; none outside of it."""
    layout = getattr(getattr(slicer, "app", None), "layoutManager", lambda: None)()
    if layout is None:
        return []
    slices = [layout.sliceWidget(name).sliceView() for name in layout.sliceViewNames()]
    return slices + [layout.threeDWidget(n).threeDView() for n in range(layout.threeDViewCount)]
