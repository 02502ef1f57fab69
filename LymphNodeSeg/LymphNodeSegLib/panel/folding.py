"""Widgets that stand side by side put below each other, where a panel has no room for them."""

from __future__ import annotations

from typing import Any

import qt


def fold(layout: Any, width: int) -> None:
    """Make a layout, with all layouts in it, need no more than some width, as far as that can be done.

    Args:
        layout: Of widgets that somebody else made.
        width: In pixels.
    """
    items = [layout.itemAt(number) for number in range(layout.count())]
    widgets = [item.widget() for item in items]
    for item, widget in zip(items, widgets):
        inner = item.layout() if widget is None else widget.layout()
        if inner is not None:
            fold(inner, width)
        if widget is not None:
            widget.updateGeometry()  # the layout that it is in forgets how wide it was
    if layout.minimumSize().width() <= width:
        return
    if layout.inherits("QBoxLayout"):
        layout.setDirection(qt.QBoxLayout.TopToBottom)
    elif layout.inherits("QFormLayout"):
        layout.setRowWrapPolicy(qt.QFormLayout.WrapAllRows)
    elif layout.inherits("QGridLayout") and None not in widgets:
        for row, widget in enumerate(widgets):
            layout.addWidget(widget, row, 0)
