"""The nodes of a result as the reader sees them: kept in step with the segmentation, whoever edits it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from ..images.image import Image
from ..nodes.node import Node, NodeMask, Point
from ..nodes.reading import CONFIGURATIONS, Configuration
from ..settings import Settings
from .measuring import Measuring
from .result import FOUND_ATTRIBUTE, ResultNodes
from .run_facts import facts_of
from .segmentation import dress, segment_name
from .segments import (
    CONFIGURATION_TAGS,
    FOUND_TAG,
    ID_TAG,
    REVIEWED_TAG,
    SIDE_TAG,
    STATION_TAG,
    SegmentMasks,
    configuration_in,
    is_as_found,
    notes_of,
    segment_ids,
    set_tag,
    tag_of,
)
from .table import fill_table

if TYPE_CHECKING:
    import slicer

FOUND, EDITED, ADDED = "found", "edited", "added"
_NODE_ID = re.compile(r"LN(\d{3,})")


@dataclass(frozen=True, eq=False)
class Row:
    """One segment as the reader sees it.

    Attributes:
        segment_id: The segment.
        id: The node's id, "LN001"; unique.
        state: FOUND as the software left it, EDITED since, or ADDED by hand.
        reviewed: The reader has ticked it off.
        visible: It is shown in the views.
        side, station: As measured, or as the reader entered them.
        configuration: The points of Node-RADS that the reader entered, by the names of `CONFIGURATIONS`.
        node: Its measurements; None as long as they are waited for, and for a segment without voxels.
        waiting: Whether it will be measured.
    """

    segment_id: str
    id: str
    state: str
    reviewed: bool
    visible: bool
    side: str = ""
    station: str = ""
    node: Optional[Node] = None
    waiting: bool = False
    configuration: Mapping[str, int] = field(default_factory=dict)


class NodeList:
    """The rows of a result.

    Call `refresh` when the segmentation may have changed, then `measure_some` until nothing waits: it takes
    some 20 ms a call, and measures only what changed. Names, colors and the table in the scene follow.

    Args:
        result: The result.

    Attributes:
        reading_aids: Whether suggestions are shown, as the run was set.

    Raises:
        InputError: the T2 is under a transform that bends or shears it.
    """

    def __init__(self, result: ResultNodes) -> None:
        self.result = result
        self._masks = SegmentMasks(result.segmentation, result.t2)
        facts = facts_of(result.segmentation)
        settings = facts.settings if facts else Settings()
        self.reading_aids = settings.reading_aids
        self._measuring = Measuring(result, settings)
        self._measured: dict[str, Node] = {}
        self._notes: dict[str, dict[str, str]] = {}
        self._waiting: list[str] = []
        self._current: dict[str, NodeMask] = {}
        self.rows: tuple[Row, ...] = ()
        handed_over = {node.id: node for node in result.nodes}
        masks = self._masks.look()
        for segment_id in masks.keys() & handed_over.keys():
            if _same(handed_over[segment_id].mask, masks[segment_id]):
                self._measured[segment_id] = handed_over[segment_id]
        self.refresh()

    def refresh(self) -> bool:
        """Look at the segmentation.

        Returns:
            Whether a row has changed.
        """
        before = [_key(row) for row in self.rows]
        self._current = self._masks.look()
        present = segment_ids(self.result.segmentation)
        self._measured = {name: node for name, node in self._measured.items() if name in self._current}
        self._notes = {name: notes for name, notes in self._notes.items() if name in present}
        self._waiting = [
            name
            for name, mask in self._current.items()
            if name not in self._measured or not _same(self._measured[name].mask, mask)
        ]
        self._measuring.update(self._current)
        self._adopt(present)
        self.rows = tuple(self._row(name, n) for n, name in enumerate(present, start=1))
        self._dress()
        changed = [_key(row) for row in self.rows] != before
        if changed:
            self._fill_table()
        return changed

    def measure_some(self) -> bool:
        """Measure some of the rows that wait.

        Returns:
            Whether more of them wait.
        """
        if self._waiting and not self._measuring.get_ready():
            measured = self._measuring.measure(self._waiting)
            self._measured.update(measured)
            self._waiting = [name for name in self._waiting if name not in measured]
            self.rows = tuple(self._row(row.segment_id, n) for n, row in enumerate(self.rows, start=1))
            self._dress()
            self._fill_table()
        return bool(self._waiting)

    def nodes(self) -> tuple[Node, ...]:
        """All nodes with side and station as the reader has them; what waits is measured first."""
        while self.measure_some():
            pass
        return tuple(row.node for row in self.rows if row.node is not None)

    def labels(self) -> Image:
        """One label a node on the grid of the T2, as `nodes` has them; of two that overlap the later one."""
        return self._measuring.label_map(self.nodes())

    def at(self, point_ras_mm: Point) -> Optional[Row]:
        """The row of the node that holds a point."""
        return self.row(self._measuring.segment_at(point_ras_mm) or "")

    def grow(self, point_ras_mm: Point) -> Optional[NodeMask]:
        """What the images show at a point; see `nodes.grow`."""
        return self._measuring.grow(point_ras_mm)

    def mask(self, segment_id: str) -> Optional[NodeMask]:
        """The voxels of a segment; None if it has none."""
        return self._current.get(segment_id)

    def row(self, segment_id: str) -> Optional[Row]:
        """The row of a segment."""
        return next((row for row in self.rows if row.segment_id == segment_id), None)

    def set_reviewed(self, segment_ids: Iterable[str], reviewed: bool) -> None:
        """Tick nodes off, or no longer."""
        self._set(segment_ids, REVIEWED_TAG, "yes" if reviewed else "")

    def set_side(self, segment_ids: Iterable[str], side: str) -> None:
        """Enter the side of nodes; see `nodes.stations`."""
        self._set(segment_ids, SIDE_TAG, side)

    def set_station(self, segment_ids: Iterable[str], station: str) -> None:
        """Enter the station of nodes, one of `nodes.stations.STATIONS`."""
        self._set(segment_ids, STATION_TAG, station)

    def set_configuration(self, segment_ids: Iterable[str], part: str, points: Optional[int]) -> None:
        """Enter what the reader sees in nodes.

        Args:
            segment_ids: The nodes.
            part: One of `nodes.reading.CONFIGURATIONS`.
            points: See there; None takes back what was entered.
        """
        self._set(segment_ids, CONFIGURATION_TAGS[part], "" if points is None else str(points))

    def set_visible(self, segment_ids: Iterable[str], visible: bool) -> None:
        """Show nodes in the views, or hide them."""
        for segment_id in segment_ids:
            self.result.segmentation.GetDisplayNode().SetSegmentVisibility(segment_id, visible)
        self.refresh()

    def next_id(self) -> str:
        """The first id after all that are taken, or were when the run ended."""
        names = [row.id for row in self.rows] + found_ids(self.result)
        return _after(names)

    def _set(self, segment_ids: Iterable[str], tag: str, value: str) -> None:
        for segment_id in segment_ids:
            segment = self._segment(segment_id)
            set_tag(segment, tag, value)
            self._notes[segment_id] = notes_of(segment)
        self.refresh()

    def _segment(self, segment_id: str) -> slicer.vtkSegment:
        return self.result.segmentation.GetSegmentation().GetSegment(segment_id)

    def _adopt(self, present: list[str]) -> None:
        """Give segments that were added by hand an id, and what was noted back to those that lost it.

        Slicer's undo brings a segment's notes back with its voxels; what the reader has ticked or entered
        since, on this node or another, is not part of the edit that is undone.
        """
        ids = {name: tag_of(self._segment(name), ID_TAG) for name in present}
        taken = [*present, *ids.values(), *found_ids(self.result)]
        seen: set[str] = set()
        for name in present:
            segment = self._segment(name)
            # A segment that was copied by hand has the id of the other.
            if not _NODE_ID.fullmatch(name) and (not ids[name] or ids[name] in seen):
                ids[name] = _after(taken)
                taken.append(ids[name])
                set_tag(segment, ID_TAG, ids[name])
            seen.add(ids[name])
            if name in self._notes:
                for tag, value in self._notes[name].items():
                    set_tag(segment, tag, value)
            self._notes[name] = notes_of(segment)

    def _row(self, segment_id: str, label: int) -> Row:
        segment = self._segment(segment_id)
        node_id = tag_of(segment, ID_TAG) or segment_id
        notes = self._notes[segment_id]
        side, station, entered = notes[SIDE_TAG], notes[STATION_TAG], configuration_in(notes)
        mask = self._current.get(segment_id)
        state = ADDED
        if tag_of(segment, FOUND_TAG):
            state = FOUND if is_as_found(segment, mask) else EDITED
        node = self._measured.get(segment_id)
        if node is not None:
            side, station = side or node.side, station or node.station
            whole = len(entered) == len(CONFIGURATIONS) and self.reading_aids
            seen = Configuration(**entered) if whole else None
            node = replace(node, id=node_id, label=label, side=side, station=station, configuration=seen)
        return Row(
            segment_id,
            node_id,
            state,
            bool(notes[REVIEWED_TAG]),
            bool(self.result.segmentation.GetDisplayNode().GetSegmentVisibility(segment_id)),
            side,
            station,
            node,
            segment_id in self._waiting,
            entered,
        )

    def _dress(self) -> None:
        """Keep names and colors right; nothing is written that is right already."""
        for row in self.rows:
            if not row.waiting:
                name = segment_name(row.id, row.side, row.station)
                dress(self._segment(row.segment_id), name, row.node.size_class if row.node else "")

    def _fill_table(self) -> None:
        if self.result.table is not None and not self._waiting:
            fill_table(self.result.table, [row.node for row in self.rows if row.node])


def found_ids(result: ResultNodes) -> list[str]:
    """The ids of the segments that the run made, those that were deleted since included."""
    return (result.segmentation.GetAttribute(FOUND_ATTRIBUTE) or "").split()


def is_corrected(result: ResultNodes) -> bool:
    """Whether a reader's work would be lost with this result: edits, reviews, sides or stations."""
    masks = SegmentMasks(result.segmentation, result.t2).look()
    present = segment_ids(result.segmentation)
    if present != found_ids(result):
        return True
    segments = result.segmentation.GetSegmentation()
    for name in present:
        segment = segments.GetSegment(name)
        if not is_as_found(segment, masks.get(name)) or any(notes_of(segment).values()):
            return True
    return False


def _key(row: Row) -> tuple[Any, ...]:
    """What differs between two looks; a node that was measured again has a new mask."""
    shown = (row.segment_id, row.id, row.state, row.reviewed, row.visible, row.side, row.station, row.waiting)
    return (*shown, *row.configuration.items(), None if row.node is None else id(row.node.mask))


def _after(names: Iterable[str]) -> str:
    matches = [_NODE_ID.fullmatch(name) for name in names]
    return f"LN{max((int(match.group(1)) for match in matches if match), default=0) + 1:03d}"


def _same(one: NodeMask, other: NodeMask) -> bool:
    return (
        one.start_ijk == other.start_ijk
        and np.array_equal(one.array, other.array)
        and one.geometry.is_close(other.geometry, 1e-3)
    )
