"""A small made-up study with three nodes and a missed one, and what the tests of its sections share."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes.measure import measure_nodes
from LymphNodeSegLib.nodes.node import NodeMask
from LymphNodeSegLib.registration.result import Verdict
from LymphNodeSegLib.scene.result import ResultData, ResultNodes, add_result
from LymphNodeSegLib.scene.run_facts import RunFacts, set_facts
from LymphNodeSegLib.scene.segments import write_mask
from LymphNodeSegLib.scene.views import add_slice_views
from LymphNodeSegLib.scene.volumes import add_volume, volume_geometry
from LymphNodeSegLib.settings import Settings

from Testing import balls

GRID = Geometry((80, 60, 12), (-31.0, -20.0, 8.0), (1.0, 1.0, 3.0))
ball = partial(balls.ball, GRID)
ras = partial(balls.ras, GRID)
NODES = (((14, 14, 4), 4.0), ((34, 14, 5), 9.0), ((58, 30, 6), 6.0))
MISSED = ((30, 42, 7), 6.0)


def add_study(scene: Any) -> ResultNodes:
    """Put the study with its result into a scene."""
    rng = np.random.default_rng(5)
    array = np.zeros(GRID.size_ijk[::-1], np.uint16)
    for label, node in enumerate(NODES, start=1):
        array[ball(*node)] = label
    bright = (array > 0) | ball(*MISSED)
    t2 = Image((np.where(bright, 300.0, 600.0) + rng.normal(0, 30, bright.shape)).astype(np.float32), GRID)
    dwi = Image((np.where(bright, 500.0, 120.0) + rng.normal(0, 25, bright.shape)).astype(np.float32), GRID)
    probability = Image(np.where(array > 0, 0.95, 0.01).astype(np.float32), GRID)
    labels = Image(array, GRID)
    nodes = measure_nodes(labels, t2=t2, dwi=dwi, probability=probability)
    t2_node, dwi_node = add_volume(scene, t2, "T2", "T2"), add_volume(scene, dwi, "DWI", "DWI")
    made = add_result(scene, t2_node, ResultData(labels, nodes, dwi, None, probability, dwi_node))
    verdict = Verdict(
        "improved", "It fits.", "deformable", 1.05, 1.1, 0.2, 0.4, 7.25, 0.8, {"left": {"x": 1.5}}
    )
    facts = RunFacts("2026", Settings(), verdict, "m", "0" * 64, {}, "cpu", (), {"a": 2.0})
    set_facts(made.segmentation, facts)
    add_slice_views(scene, t2_node)
    return made


class Editor:
    """Stands for Slicer's Segment Editor; undo is Slicer's own."""

    def __init__(self, layout, on_segment):
        import slicer

        self.on_segment, self.segment, self.paused = on_segment, "", 0
        self.history = slicer.vtkSegmentationHistory()
        self.history.SetMaximumNumberOfStates(20)
        self.result = None

    def show(self, result):
        self.result = result
        self.history.SetSegmentation(result.segmentation.GetSegmentation() if result else None)

    def choose(self, segment_id):
        self.segment = segment_id
        self.on_segment(segment_id)

    def pause(self):
        self.paused += 1

    def save_state(self):
        self.history.SaveState()

    def undo(self):
        self.history.RestorePreviousState()

    def redo(self):
        self.history.RestoreNextState()


def cells(section, column: str) -> list[str]:
    from LymphNodeSegLib.panel.node_columns import COLUMNS

    number = next(n for n, spec in enumerate(COLUMNS) if spec.title.replace("\n", " ").startswith(column))
    table = section._ui.nodesTable
    return [table.item(row, number).text() for row in range(table.rowCount())]


def number_of(title: str) -> int:
    from LymphNodeSegLib.panel.node_columns import COLUMNS

    return next(n for n, column in enumerate(COLUMNS) if column.title.startswith(title))


def centers(scene) -> list[tuple[float, ...]]:
    nodes = [scene.GetNthNodeByClass(n, "vtkMRMLSliceNode") for n in range(3)]
    return [tuple(node.GetSliceToRAS().GetElement(row, 3) for row in range(3)) for node in nodes]


def edit(result, segment_id: str, array: np.ndarray) -> None:
    write_mask(result.segmentation, segment_id, NodeMask(array, (0, 0, 0), volume_geometry(result.t2)))
