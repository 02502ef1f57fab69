"""The correction of nodes, clicked through in real Qt on a real scene."""

from __future__ import annotations

import pytest

from Testing.panel.panel_reading import MISSED, NODES, Editor, ball, cells, edit, ras


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
