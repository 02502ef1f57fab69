"""The sections on the result, its nodes and their correction, clicked through in real Qt on a real scene."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes.measure import measure_nodes
from LymphNodeSegLib.nodes.node import NodeMask
from LymphNodeSegLib.registration.result import Verdict
from LymphNodeSegLib.resources import resource_path
from LymphNodeSegLib.scene.result import ResultData, add_result, result_of
from LymphNodeSegLib.scene.run_facts import RunFacts, set_facts
from LymphNodeSegLib.scene.segments import write_mask
from LymphNodeSegLib.scene.views import add_slice_views
from LymphNodeSegLib.scene.volumes import add_volume, volume_geometry
from LymphNodeSegLib.settings import Settings

GRID = Geometry((80, 60, 12), (-31.0, -20.0, 8.0), (1.0, 1.0, 3.0))
NODES = (((14, 14, 4), 4.0), ((34, 14, 5), 9.0), ((58, 30, 6), 6.0))
MISSED = ((30, 42, 7), 6.0)


def ball(center_ijk, radius_mm: float) -> np.ndarray:
    k, j, i = np.indices(GRID.size_ijk[::-1])
    offsets = [(axis - c) * s for axis, c, s in zip((i, j, k), center_ijk, GRID.spacing_mm)]
    return sum(offset**2 for offset in offsets) <= radius_mm**2


def ras(index_ijk) -> tuple[float, float, float]:
    return tuple((GRID.lps_from_ijk(np.array(index_ijk)) * [-1.0, -1.0, 1.0]).tolist())


@pytest.fixture
def result(scene):
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


@pytest.fixture
def services(standins, application):
    from LymphNodeSegLib.panel.section import Services

    return Services(lambda name: standins.load_ui(resource_path(f"UI/{name}")), lambda: None, print)


@pytest.fixture
def container(application, standins):
    from PySide6 import QtWidgets

    made = []

    def make():
        box = standins.ctkCollapsibleButton()
        QtWidgets.QVBoxLayout(box)
        made.append(box)
        return box

    return make


@pytest.fixture
def section(services, container, result, until):
    from LymphNodeSegLib.panel.nodes_section import NodesSection

    made = NodesSection(container(), services)
    made.show(result)
    until(lambda: not made._timer_on, 10.0)
    yield made
    made.close()


@pytest.fixture
def correct(section, services, container, result, application):
    from LymphNodeSegLib.panel.correct_section import CorrectSection

    made = CorrectSection(container(), services, Editor)
    made.show(result)
    application.processEvents()
    yield made
    made.close()


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


def test_the_table_shows_what_was_measured(section):
    assert cells(section, "Node") == ["LN001", "LN002", "LN003"]
    assert [float(text) for text in cells(section, "Short")] == pytest.approx([8.0, 18.0, 12.0], abs=1.0)
    assert cells(section, "Size") == ["normal", "target", "enlarged"]
    assert cells(section, "Conf.") == ["95"] * 3
    assert section._ui.countsLabel.text() == "3 nodes: 1 target, 1 enlarged, 1 normal. 0 reviewed."


def test_a_click_takes_every_view_there_and_draws_its_axes(section, scene, services):
    from PySide6 import QtCore, QtTest

    table = section._ui.nodesTable
    table.resize(380, 200)
    place = table.visualItemRect(table.item(1, number_of("Node"))).center()
    QtTest.QTest.mouseClick(table.viewport(), QtCore.Qt.LeftButton, pos=place)
    assert services.nodes.chosen == ("LN002",)
    for center in centers(scene):
        assert center == pytest.approx(ras(NODES[1][0]), abs=0.6)
    line = scene.GetFirstNodeByName("Short axis")
    assert line.GetLineLengthWorld() == pytest.approx(18.0, abs=1.0)
    assert line.GetDisplayNode().GetVisibility()
    # Somewhere else meanwhile; the same row once more.
    from LymphNodeSegLib.scene.views import jump_to

    jump_to(scene, (0.0, 0.0, 0.0))
    QtTest.QTest.mouseClick(table.viewport(), QtCore.Qt.LeftButton, pos=place)
    assert centers(scene)[0] == pytest.approx(ras(NODES[1][0]), abs=0.6)


def test_the_keyboard_goes_from_node_to_node(section, scene, services):
    from PySide6 import QtCore, QtTest

    table = section._ui.nodesTable
    table.setCurrentCell(0, number_of("Node"))
    QtTest.QTest.keyClick(table, QtCore.Qt.Key_Down)
    assert services.nodes.chosen == ("LN002",)
    assert centers(scene)[2] == pytest.approx(ras(NODES[1][0]), abs=0.6)


def test_a_header_sorts_and_sorts_back(section):
    header = section._ui.nodesTable.horizontalHeader()
    header.sectionClicked.emit(number_of("Short"))
    assert cells(section, "Node") == ["LN001", "LN003", "LN002"]
    header.sectionClicked.emit(number_of("Short"))
    assert cells(section, "Node") == ["LN002", "LN003", "LN001"]
    header.sectionClicked.emit(number_of("Size"))
    assert cells(section, "Size") == ["normal", "enlarged", "target"]


def test_an_edit_shows_in_its_row_within_a_second(section, result, until):
    edit(result, "LN001", ball(NODES[0][0], 6.0))
    until(lambda: cells(section, "Node")[0] == "LN001 *" and cells(section, "Size")[0] == "enlarged", 1.0)
    assert float(cells(section, "Short")[0]) == pytest.approx(12.0, abs=1.0)
    assert "2 enlarged" in section._ui.countsLabel.text()


def test_segments_added_and_removed_by_hand_come_and_go(section, result, until):
    segments = result.segmentation.GetSegmentation()
    segments.RemoveSegment("LN002")
    until(lambda: cells(section, "Node") == ["LN001", "LN003"], 1.0)
    segments.AddEmptySegment("Segment_1")
    edit(result, "Segment_1", ball(*MISSED))
    until(
        lambda: (
            cells(section, "Node") == ["LN001", "LN003", "LN004 +"] and cells(section, "Short")[2] != "..."
        ),
        1.0,
    )
    assert float(cells(section, "Short")[2]) == pytest.approx(12.0, abs=1.0)


def test_check_boxes_tick_off_and_hide(section, result, services):
    from PySide6 import QtCore

    table = section._ui.nodesTable
    table.item(1, 0).setCheckState(QtCore.Qt.Checked)
    assert services.nodes.nodes.rows[1].reviewed
    assert "1 reviewed" in section._ui.countsLabel.text()
    table.item(2, 1).setCheckState(QtCore.Qt.Unchecked)
    assert not result.segmentation.GetDisplayNode().GetSegmentVisibility("LN003")
    result.segmentation.GetDisplayNode().SetSegmentVisibility("LN003", True)  # elsewhere in Slicer
    section._on_timer()
    assert table.item(2, 1).checkState() == QtCore.Qt.Checked


def test_side_and_station_are_chosen_for_all_chosen_nodes(section, services, result):
    from LymphNodeSegLib.nodes.stations import STATIONS

    assert not section._ui.stationComboBox.isEnabled()
    services.nodes.choose(["LN001", "LN003"])
    section._ui.stationComboBox.setCurrentIndex(STATIONS.index("external iliac"))
    section._ui.sideComboBox.setCurrentIndex(section._ui.sideComboBox.findText("left"))
    assert cells(section, "Site")[0] == cells(section, "Site")[2] == "L ext. iliac"
    assert "iliac" not in cells(section, "Site")[1]
    name = result.segmentation.GetSegmentation().GetSegment("LN003").GetName()
    assert name == "LN003 left external iliac"
    services.nodes.choose(["LN002"])
    assert section._ui.stationComboBox.currentText() == "unknown"
    assert services.nodes.nodes.row("LN002").station == "unknown"  # looking at it has entered nothing


def test_what_the_reader_sees_in_a_node_gives_its_node_rads(section, services):
    ui = section._ui
    assert not ui.textureComboBox.isEnabled()
    services.nodes.choose(["LN001", "LN003"])  # 8 mm, normal, and 12 mm, enlarged
    for name, text in (("texture", "heterogeneous"), ("border", "irregular")):
        box = getattr(ui, f"{name}ComboBox")
        box.setCurrentIndex(box.findText(text))
    services.nodes.choose(["LN001"])
    assert "Node-RADS" not in ui.detailsLabel.text()  # the shape is missing
    ui.shapeComboBox.setCurrentIndex(1)
    assert "Node-RADS 3 (suggested)" in ui.detailsLabel.text()
    services.nodes.choose(["LN003"])
    assert [ui.textureComboBox.currentIndex(), ui.shapeComboBox.currentIndex()] == [2, 0]
    ui.shapeComboBox.setCurrentIndex(2)
    assert "Node-RADS 5 (suggested)" in ui.detailsLabel.text()
    ui.borderComboBox.setCurrentIndex(0)  # taken back
    assert "Node-RADS" not in ui.detailsLabel.text()
    services.nodes.choose(["LN002"])
    assert ui.textureComboBox.currentIndex() == 0  # looking at it has entered nothing
    assert services.nodes.nodes.row("LN002").configuration == {}


def test_without_reading_aids_there_is_no_node_rads(services, container, result):
    from LymphNodeSegLib.panel.nodes_section import NodesSection
    from LymphNodeSegLib.scene.run_facts import facts_of

    facts = facts_of(result.segmentation)
    set_facts(result.segmentation, replace(facts, settings=Settings(reading_aids=False)))
    made = NodesSection(container(), services)
    made.show(result)
    services.nodes.choose(["LN001"])
    assert made._ui.textureComboBox.isHidden()
    for part in ("texture", "border", "shape"):
        services.nodes.nodes.set_configuration(["LN001"], part, 0)
    services.nodes.update()
    assert "Node-RADS" not in made._ui.detailsLabel.text()
    made.close()


def test_next_goes_through_what_is_not_reviewed(section, services):
    services.nodes.nodes.set_reviewed(["LN002"], True)
    services.nodes.update()
    seen = []
    for _ in range(3):
        section._ui.nextButton.click()
        seen.append(services.nodes.chosen[0])
    assert seen == ["LN001", "LN003", "LN001"]
    services.nodes.nodes.set_reviewed(["LN001", "LN003"], True)
    services.nodes.update()
    assert not section._ui.nextButton.isEnabled()


def test_an_opened_scene_is_measured_bit_by_bit(services, container, result, until):
    from LymphNodeSegLib.panel.nodes_section import NodesSection

    made = NodesSection(container(), services)
    made.show(result_of(result.segmentation))
    assert cells(made, "Short") == ["..."] * 3
    until(lambda: cells(made, "Size") == ["normal", "target", "enlarged"], 5.0)
    made.close()
    assert made._ui.nodesTable.rowCount() == 0


def test_entering_the_module_again_measures_only_what_changed(section, services, result, until, monkeypatch):
    import LymphNodeSegLib.scene.measuring as measuring

    measured = []

    def measure(*args, **named):
        measured.extend(named["only"])
        return measure_nodes(*args, **named)

    monkeypatch.setattr(measuring, "measure_nodes", measure)
    section.close()
    edit(result, "LN003", ball(NODES[2][0], 5.0))
    section.show(result_of(result.segmentation))
    until(lambda: cells(section, "Node") == ["LN001", "LN002", "LN003 *"] and not section._timer_on, 2.0)
    assert measured == [3]
    assert float(cells(section, "Short")[2]) == pytest.approx(10.0, abs=1.0)


def test_without_a_result_the_sections_say_what_to_do(services, container):
    from LymphNodeSegLib.panel.nodes_section import NodesSection

    made = NodesSection(container(), services)
    made.show(None)
    assert "Press Apply" in made._ui.countsLabel.text()


def test_no_node_found_is_said_and_what_it_does_not_mean(services, container, result):
    from LymphNodeSegLib.panel.nodes_section import NodesSection

    for name in ("LN001", "LN002", "LN003"):
        result.segmentation.GetSegmentation().RemoveSegment(name)
    made = NodesSection(container(), services)
    made.show(result)
    assert "does not mean that there is none" in made._ui.countsLabel.text()
    made.close()


def test_closing_lets_go_of_the_scene(section, result, scene):
    section.close()
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsLineNode") == 0
    result.segmentation.GetSegmentation().RemoveSegment("LN001")
    assert not section._timer_on


def test_the_chosen_node_is_the_one_that_is_edited(correct, services):
    services.nodes.choose(["LN003"])
    assert correct._editor.segment == "LN003"
    assert correct._editor.result is not None
    correct._editor.on_segment("LN001")  # chosen in the editor itself
    assert services.nodes.chosen == ("LN001",)


def test_the_editor_is_made_when_the_section_is_opened(section, services, container, result, application):
    from LymphNodeSegLib.panel.correct_section import CorrectSection

    box = container()
    box.setProperty("collapsed", True)
    made = CorrectSection(box, services, Editor)
    made.show(result)
    services.nodes.choose(["LN002"])
    application.processEvents()
    assert made._editor is None
    assert not made._ui.splitButton.isEnabled()
    box.setProperty("collapsed", False)
    assert made._editor.segment == "LN002"
    assert made._ui.splitButton.isEnabled()
    made.close()


def test_a_node_can_be_begun_by_hand(correct, section, services, result, until):
    correct._ui.newButton.click()
    assert services.nodes.chosen == ("LN004",)
    assert correct._editor.segment == "LN004"
    assert "no voxels yet" in section._ui.detailsLabel.text()
    edit(result, "LN004", ball(*MISSED))
    until(lambda: cells(section, "Short")[3] not in ("", "..."), 2.0)
    assert float(cells(section, "Short")[3]) == pytest.approx(12.0, abs=1.0)


def test_buttons_are_there_for_what_can_be_done(correct, services):
    ui = correct._ui

    def enabled() -> list[bool]:
        return [b.isEnabled() for b in (ui.addButton, ui.splitButton, ui.mergeButton, ui.deleteButton)]

    assert enabled() == [True, False, False, False]
    services.nodes.choose(["LN001"])
    assert enabled() == [True, True, False, True]
    services.nodes.choose(["LN001", "LN002"])
    assert enabled() == [True, False, True, True]
    correct.close()
    assert enabled() == [False] * 4


def test_split_merge_delete_and_undo_by_the_buttons(correct, section, services, until):
    ui = correct._ui
    services.nodes.choose(["LN002"])
    ui.splitButton.click()
    until(lambda: cells(section, "Node") == ["LN001", "LN002 *", "LN003", "LN004 +"], 1.0)
    assert services.nodes.chosen == ("LN002", "LN004")
    ui.mergeButton.click()
    until(lambda: cells(section, "Node") == ["LN001", "LN002", "LN003"], 1.0)  # as it was found
    ui.deleteButton.click()
    until(lambda: cells(section, "Node") == ["LN001", "LN003"], 1.0)
    assert services.nodes.chosen == ()
    for expected in (
        ["LN001", "LN002", "LN003"],
        ["LN001", "LN002 *", "LN003", "LN004 +"],
        ["LN001", "LN002", "LN003"],
    ):
        ui.undoButton.click()
        until(lambda expected=expected: sorted(cells(section, "Node")) == expected, 1.0)
    ui.redoButton.click()
    until(lambda: "LN004 +" in cells(section, "Node"), 1.0)


@pytest.fixture
def place(scene):
    """What Slicer does when the user clicks in a view in place mode."""
    import slicer

    for kind in ("vtkMRMLSelectionNode", "vtkMRMLInteractionNode"):
        node = scene.CreateNodeByClass(kind)
        node.UnRegister(scene)
        scene.AddNode(node)

    def click(point):
        selection = scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
        interaction = scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
        assert interaction.GetCurrentInteractionMode() == interaction.Place
        markups = scene.GetNodeByID(selection.GetActivePlaceNodeID())
        markups.AddControlPointWorld(list(point))
        interaction.SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.ViewTransform)

    return click


def test_one_click_adds_the_missed_node(correct, section, services, place, until, scene):
    correct._ui.addButton.click()
    assert "Click on the missed node" in correct._ui.correctLabel.text()
    assert correct._editor.paused == 1
    place(ras((31, 41, 7)))
    until(lambda: "LN004 +" in cells(section, "Node") and cells(section, "Short")[3] != "...", 2.0)
    assert services.nodes.chosen == ("LN004",)
    assert float(cells(section, "Short")[3]) == pytest.approx(12.0, abs=2.0)
    assert not correct._ui.addButton.isChecked()
    assert scene.GetFirstNodeByName("Missed node") is None
    correct._ui.undoButton.click()
    until(lambda: cells(section, "Node") == ["LN001", "LN002", "LN003"], 1.0)


def test_a_click_on_a_known_node_chooses_it_and_says_so(correct, services, place, until):
    correct._ui.addButton.click()
    place(ras(NODES[2][0]))
    until(lambda: "LN003 is there already" in correct._ui.correctLabel.text(), 1.0)
    assert services.nodes.chosen == ("LN003",)


def test_leaving_place_mode_adds_nothing(correct, services, scene, place, until):
    import slicer

    correct._ui.addButton.click()
    interaction = scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
    interaction.SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.ViewTransform)  # Esc
    until(lambda: not correct._ui.addButton.isChecked(), 1.0)
    correct._ui.addButton.click()
    correct._ui.addButton.click()  # pressed again
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform
    assert len(services.nodes.rows()) == 3
    assert scene.GetFirstNodeByName("Missed node") is None


@pytest.fixture
def result_section(services, container, result):
    from LymphNodeSegLib.panel.result_section import ResultSection

    services.nodes.show(result)
    made = ResultSection(container(), services)
    made.show(result)
    return made


def composite(scene):
    return scene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")


def test_the_dwi_fades_in_and_is_compared_with_what_it_was(result_section, result, scene):
    ui = result_section._ui
    ui.fadeSlider.setValue(40)
    assert composite(scene).GetBackgroundVolumeID() == result.t2.GetID()
    assert composite(scene).GetForegroundVolumeID() == result.dwi.GetID()
    assert composite(scene).GetForegroundOpacity() == pytest.approx(0.4)
    ui.beforeRadioButton.click()
    assert composite(scene).GetForegroundVolumeID() == result.dwi_before.GetID()
    assert composite(scene).GetForegroundOpacity() == pytest.approx(0.4)
    result_section.show(result)  # the module was left and entered again
    assert ui.beforeRadioButton.isChecked()
    assert ui.fadeSlider.value() == 40
    ui.afterRadioButton.click()
    assert composite(scene).GetForegroundVolumeID() == result.dwi.GetID()


def test_how_well_it_was_registered_is_told(result_section):
    text = result_section._ui.registrationLabel.text()
    for part in ("1.050 before, 1.100 after", "20% before, 40% after", "up to 7.2 mm; no folding"):
        assert part in text
    assert "left: x 1.5" in result_section._ui.registrationLabel.toolTip()
    assert "It fits." in result_section._ui.summaryLabel.text()


def test_nothing_to_fade_without_a_dwi(result_section, result, scene):
    scene.RemoveNode(result.dwi)
    result_section.show(result_of(result.segmentation))
    assert not result_section._ui.fadeSlider.isEnabled()
    assert not result_section._ui.beforeRadioButton.isEnabled()
    result_section.show(None)
    assert result_section._ui.registrationLabel.text() == ""
