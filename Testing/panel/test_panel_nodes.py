"""The table of nodes, clicked through in real Qt on a real scene."""

from __future__ import annotations

from dataclasses import replace

import pytest
from LymphNodeSegLib.nodes.measure import measure_nodes
from LymphNodeSegLib.scene.result import result_of
from LymphNodeSegLib.scene.run_facts import set_facts
from LymphNodeSegLib.settings import Settings

from Testing.panel.panel_reading import MISSED, NODES, ball, cells, centers, edit, number_of, ras


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
