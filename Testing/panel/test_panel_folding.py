"""Somebody else's widgets in a narrow panel."""

from __future__ import annotations

import pytest

WIDTH = 280
TEXTS = ("Sphere brush", "Edit in 3D views", "Erase all segments", "Split islands to segments")


@pytest.fixture
def fold(application, standins):
    from LymphNodeSegLib.panel.folding import fold

    return fold


def test_boxes_forms_and_grids_fit_and_keep_their_order(fold):
    from PySide6 import QtWidgets

    outer = QtWidgets.QWidget()
    form = QtWidgets.QFormLayout(outer)
    row, grid = QtWidgets.QHBoxLayout(), QtWidgets.QGridLayout()
    for number, text in enumerate(TEXTS):
        row.addWidget(QtWidgets.QCheckBox(text))
        grid.addWidget(QtWidgets.QRadioButton(text), number % 2, number // 2)
    inner = QtWidgets.QFrame()
    inner.setLayout(row)
    form.addRow(inner)
    form.addRow(grid)
    field = QtWidgets.QSpinBox()
    field.setMinimumWidth(200)
    form.addRow("Apply to visible segments:", field)
    assert outer.minimumSizeHint().width() > WIDTH
    fold(form, WIDTH)
    outer.resize(WIDTH + 20, 600)
    outer.show()
    assert outer.minimumSizeHint().width() <= WIDTH + 20
    for kind in (QtWidgets.QCheckBox, QtWidgets.QRadioButton):
        boxes = outer.findChildren(kind)
        tops = {box.text(): box.mapTo(outer, box.rect().topLeft()).y() for box in boxes}
        assert sorted(tops, key=tops.get) == list(TEXTS)


def test_what_fits_is_left_alone(fold):
    from PySide6 import QtWidgets

    outer = QtWidgets.QWidget()
    row = QtWidgets.QHBoxLayout(outer)
    for text in ("On", "Off"):
        row.addWidget(QtWidgets.QCheckBox(text))
    fold(row, WIDTH)
    assert row.direction() == QtWidgets.QBoxLayout.Direction.LeftToRight
