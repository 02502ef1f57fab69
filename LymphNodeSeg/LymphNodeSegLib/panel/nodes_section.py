"""The table of nodes, and the chosen one in the views."""

from __future__ import annotations

from typing import Any, Optional

import qt
import slicer

from ..colors import color_of
from ..nodes.stations import STATIONS, UNKNOWN
from ..scene.axis_lines import AxisLines, place_of
from ..scene.node_list import Row
from ..scene.result import ResultNodes
from ..scene.views import jump_to
from .configuration_controls import ConfigurationControls
from .node_columns import (
    COLUMNS,
    SIDES,
    SITE,
    SIZE_CLASS,
    counts_line,
    details,
    side_name,
    site_in_words,
    station_name,
)
from .nodes_model import no_result
from .section import Services, fill, say

SOON_MS = 50
"""After an edit: strokes of a brush that follow each other are looked at together."""

_CELL_PADDING_PIXELS, _TITLE_PADDING_PIXELS = 8, 5
_CHECK_BOX_PIXELS = 20


class NodesSection:
    """See `section.Section`."""

    def __init__(self, container: Any, services: Services) -> None:
        self._ui = fill(container, services, "NodesSection.ui")
        self._model = services.nodes
        self._shown: list[Row] = []
        self._items: dict[tuple[int, int], Any] = {}
        self._lines: Optional[AxisLines] = None
        self._filling = False
        self._timer_on = False
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._on_timer)
        self._set_up_table()
        self._fill_choices()
        self._configuration = ConfigurationControls(self._ui, self._model)
        ui = self._ui
        ui.nodesTable.itemSelectionChanged.connect(self._on_selection)
        ui.nodesTable.cellClicked.connect(self._on_click)
        ui.nodesTable.cellChanged.connect(self._on_check)
        ui.nodesTable.horizontalHeader().sectionClicked.connect(self._on_header)
        ui.sideComboBox.currentIndexChanged.connect(self._on_side)
        ui.stationComboBox.currentIndexChanged.connect(self._on_station)
        ui.nextButton.clicked.connect(self._on_next)
        self._model.wake = self._wake
        self._model.follow(self._fill, self._on_chosen)
        self._fill()

    def show(self, result: Optional[ResultNodes]) -> None:
        """See `section.Section`."""
        if self._lines is None and result is not None:
            self._lines = AxisLines(slicer.mrmlScene)
        self._model.show(result)

    def close(self) -> None:
        """See `section.Section`."""
        self._timer.stop()
        self._timer_on = False
        self._model.close()
        if self._lines is not None:
            self._lines.close()
            self._lines = None
        self._fill()

    def _set_up_table(self) -> None:
        table = self._ui.nodesTable
        table.setColumnCount(len(COLUMNS))
        table.setHorizontalHeaderLabels([column.title for column in COLUMNS])
        metrics = qt.QFontMetrics(table.property("font"))
        for number, column in enumerate(COLUMNS):
            table.horizontalHeaderItem(number).setToolTip(column.tooltip)
            titles = [metrics.boundingRect(text).width() for text in column.title.split("\n")]
            cell = metrics.boundingRect(column.sample).width() + _CELL_PADDING_PIXELS
            table.setColumnWidth(number, max(_CHECK_BOX_PIXELS, cell, max(titles) + _TITLE_PADDING_PIXELS))
        table.horizontalHeader().setStretchLastSection(True)
        table.horizontalHeader().setHighlightSections(False)  # which makes them bold, and too wide
        table.horizontalHeader().setSortIndicatorShown(True)
        table.horizontalHeader().setDefaultAlignment(qt.Qt.AlignLeft | qt.Qt.AlignVCenter)

    def _fill_choices(self) -> None:
        for box, values, name_of in (
            (self._ui.sideComboBox, SIDES, side_name),
            (self._ui.stationComboBox, STATIONS, station_name),
        ):
            for value in values:
                box.addItem(name_of(value))

    def _wake(self) -> None:
        if not self._timer_on:
            self._timer_on = True
            self._timer.start(SOON_MS)

    def _on_timer(self) -> None:
        self._timer_on = False
        if self._model.look():
            self._timer_on = True
            self._timer.start(0)

    def _fill(self) -> None:
        """Show the rows as they are now."""
        table, self._shown = self._ui.nodesTable, self._model.rows()
        self._filling = True
        table.setRowCount(len(self._shown))
        self._items = {place: item for place, item in self._items.items() if place[0] < len(self._shown)}
        for number, row in enumerate(self._shown):
            for column in range(len(COLUMNS)):
                self._fill_cell(number, column, row)
        order = qt.Qt.DescendingOrder if self._model.descending else qt.Qt.AscendingOrder
        table.horizontalHeader().setSortIndicator(self._model.column, order)
        self._filling = False
        self._select()
        nothing = self._model.problem or (no_result() if self._model.nodes is None else "")
        say(self._ui.countsLabel, nothing or counts_line(self._shown))
        self._ui.nextButton.setEnabled(bool(self._model.next_unreviewed()))
        self._describe()

    def _fill_cell(self, number: int, column: int, row: Row) -> None:
        spec = COLUMNS[column]
        item = self._items.get((number, column))
        if item is None:
            item = self._items[number, column] = qt.QTableWidgetItem()
            kind = qt.Qt.ItemIsUserCheckable if spec.check else qt.Qt.ItemIsEnabled
            item.setFlags(kind | qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
            item.setToolTip(spec.tooltip)
            self._ui.nodesTable.setItem(number, column, item)
        if spec.check:
            item.setCheckState(qt.Qt.Checked if getattr(row, spec.check) else qt.Qt.Unchecked)
            return
        item.setText(spec.text(row))
        if column == SITE:
            item.setToolTip(site_in_words(row) or spec.tooltip)
        if column == SIZE_CLASS and row.node is not None and row.node.size_class:
            item.setBackground(qt.QBrush(qt.QColor(*color_of(row.node.size_class))))
            item.setForeground(qt.QBrush(qt.QColor(0, 0, 0)))
        elif column == SIZE_CLASS:
            item.setBackground(qt.QBrush())

    def _select(self) -> None:
        """Select the rows of the chosen nodes."""
        self._filling = True
        table = self._ui.nodesTable
        table.clearSelection()
        flags = qt.QItemSelectionModel.Select | qt.QItemSelectionModel.Rows
        for number, row in enumerate(self._shown):
            if row.segment_id in self._model.chosen:
                table.selectionModel().select(table.model().index(number, 0), flags)
        self._filling = False

    def _describe(self) -> None:
        """Show what there is to say of the chosen nodes, and their axes."""
        rows = self._model.chosen_rows()
        self._filling = True
        say(self._ui.detailsLabel, details(rows) if self._shown else "")
        for box, values, chosen in (
            (self._ui.sideComboBox, SIDES, {row.side or UNKNOWN for row in rows}),
            (self._ui.stationComboBox, STATIONS, {row.station or UNKNOWN for row in rows}),
        ):
            box.setEnabled(bool(rows))
            value = chosen.pop() if len(chosen) == 1 else ""
            box.setCurrentIndex(values.index(value) if value in values else -1)
        self._configuration.show(rows)
        self._filling = False
        if self._lines is not None:
            self._lines.show(rows[0].node if len(rows) == 1 else None)

    def _on_chosen(self, go: bool) -> None:
        self._select()
        for number, row in enumerate(self._shown):
            if row.segment_id in self._model.chosen:
                self._ui.nodesTable.scrollToItem(self._items[number, 0])
        self._describe()
        rows = self._model.chosen_rows()
        if go and len(rows) == 1 and self._model.nodes is not None:
            mask = self._model.nodes.mask(rows[0].segment_id)
            if mask is not None:
                jump_to(slicer.mrmlScene, place_of(mask, rows[0].node))

    def _on_selection(self) -> None:
        if not self._filling:
            numbers = {index.row() for index in self._ui.nodesTable.selectionModel().selectedRows()}
            self._model.choose([row.segment_id for n, row in enumerate(self._shown) if n in numbers])

    def _on_click(self, number: int, column: int) -> None:
        if self._model.chosen == (self._shown[number].segment_id,) and not COLUMNS[column].check:
            self._model.choose(self._model.chosen)  # go there again

    def _on_check(self, number: int, column: int) -> None:
        if self._filling or not COLUMNS[column].check or self._model.nodes is None:
            return
        checked = self._items[number, column].checkState() == qt.Qt.Checked
        set_to = {"reviewed": self._model.nodes.set_reviewed, "visible": self._model.nodes.set_visible}
        set_to[COLUMNS[column].check]([self._shown[number].segment_id], checked)
        self._model.update()

    def _on_header(self, column: int) -> None:
        self._model.sort_by(column)

    def _on_side(self, *_args: object) -> None:
        index = int(self._ui.sideComboBox.property("currentIndex"))
        if not self._filling and self._model.nodes is not None and index >= 0:
            self._model.nodes.set_side(self._model.chosen, SIDES[index])
            self._model.update()

    def _on_station(self, *_args: object) -> None:
        index = int(self._ui.stationComboBox.property("currentIndex"))
        if not self._filling and self._model.nodes is not None and index >= 0:
            self._model.nodes.set_station(self._model.chosen, STATIONS[index])
            self._model.update()

    def _on_next(self, *_args: object) -> None:
        name = self._model.next_unreviewed()
        if name:
            self._model.choose([name])
