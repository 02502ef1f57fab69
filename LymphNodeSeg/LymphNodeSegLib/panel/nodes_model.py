"""What the sections on nodes share: the list, its order, and which nodes are chosen. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, Optional

from slicer.i18n import tr as _

from ..errors import InputError
from ..scene.node_list import NodeList, Row
from ..scene.result import ResultNodes
from ..scene.watch import Watch
from .node_columns import COLUMNS


class NodesModel:
    """Follows the nodes of the shown result.

    Attributes:
        nodes: The list of the result's nodes; None as long as there is nothing to show.
        problem: Why there is nothing to show, for the user; empty if nothing is wrong.
        chosen: Segment ids of the chosen nodes.
        column: Number of the column that the rows are sorted by.
        descending: Whether they are sorted from large to small.
        wake: Called when `look` should be called soon; set by who owns a timer.
    """

    def __init__(self) -> None:
        self.nodes: Optional[NodeList] = None
        self.problem = ""
        self.chosen: tuple[str, ...] = ()
        self.column, self.descending = 2, False
        self.wake: Callable[[], None] = lambda: None
        self._watch: Optional[Watch] = None
        self._kept: Optional[NodeList] = None
        self._stale = False
        self._on_rows: list[Callable[[], None]] = []
        self._on_chosen: list[Callable[[bool], None]] = []

    def follow(
        self,
        on_rows: Optional[Callable[[], None]] = None,
        on_chosen: Optional[Callable[[bool], None]] = None,
    ) -> None:
        """Be told of changes.

        Args:
            on_rows: Called when rows have changed.
            on_chosen: Called when other nodes are chosen; with True where the views should go there.
        """
        self._on_rows += [on_rows] if on_rows else []
        self._on_chosen += [on_chosen] if on_chosen else []

    def show(self, result: Optional[ResultNodes]) -> None:
        """Follow a result; None: follow nothing. Showing the same result again changes nothing."""
        shown = None if self.nodes is None else self.nodes.result.segmentation
        if result is not None and shown is result.segmentation:
            return
        self.close()
        kept, self._kept = self._kept, None
        if result is not None:
            try:
                known = kept is not None and kept.result.segmentation is result.segmentation
                self.nodes = kept if known else NodeList(result)
                self._watch = Watch(result, self._touched)
                self._touched()  # in an opened scene all rows wait to be measured
            except InputError as error:
                self.problem = str(error)
        self._tell_rows()

    def close(self) -> None:
        """Follow nothing."""
        if self._watch is not None:
            self._watch.close()
        # What was measured is still right, mostly, when the module is entered again.
        self._kept = self.nodes or self._kept
        self.nodes = self._watch = None
        self.problem, self._stale = "", False
        self.choose((), go=False)

    def rows(self) -> list[Row]:
        """The rows as they are sorted; rows without a value come last."""
        if self.nodes is None:
            return []
        key = COLUMNS[self.column].key
        known = [row for row in self.nodes.rows if key(row) is not None]
        unknown = [row for row in self.nodes.rows if key(row) is None]
        return sorted(known, key=key, reverse=self.descending) + unknown

    def sort_by(self, column: int) -> None:
        """Sort by a column; once more: the other way round."""
        self.descending = not self.descending if column == self.column else False
        self.column = column
        self._tell_rows()

    def choose(self, segment_ids: Sequence[str], go: bool = True) -> None:
        """Choose nodes.

        Args:
            segment_ids: Their segments.
            go: Whether the views should go there.
        """
        if tuple(segment_ids) != self.chosen or go:
            self.chosen = tuple(segment_ids)
            for listener in self._on_chosen:
                listener(go)

    def chosen_rows(self) -> list[Row]:
        """The rows of the chosen nodes."""
        return [row for row in self.rows() if row.segment_id in self.chosen]

    def next_unreviewed(self) -> str:
        """The next node in the order of the rows that is not ticked off; empty if all are."""
        rows = self.rows()
        here = [n for n, row in enumerate(rows) if row.segment_id in self.chosen]
        start = here[-1] + 1 if here else 0
        return next((row.segment_id for row in rows[start:] + rows[:start] if not row.reviewed), "")

    def look(self) -> bool:
        """Bring the rows up to date, in some 20 ms.

        Returns:
            Whether to call again soon: more nodes wait to be measured.
        """
        if self.nodes is None:
            return False
        changed = False
        try:
            if self._stale:
                self._stale = False
                changed = self.nodes.refresh()
            # In the same go: in between, Slicer would draw all its views.
            before = self.nodes.rows
            more = self.nodes.measure_some()
            changed = changed or self.nodes.rows is not before
        except InputError as error:
            self.problem, changed, more = str(error), True, False
        if changed:
            self.update()
        return more

    def update(self) -> None:
        """The list was changed through its own methods: tell everybody."""
        present = {row.segment_id for row in self.rows()}
        self._tell_rows()
        if not set(self.chosen) <= present:
            self.choose([name for name in self.chosen if name in present], go=False)

    def _touched(self) -> None:
        self._stale = True
        self.wake()

    def _tell_rows(self) -> None:
        for listener in self._on_rows:
            listener()


def no_result() -> str:
    """What the sections on nodes say as long as there is no result."""
    return _("Press Apply, or open a scene with a result.")
