"""Reading and correcting a result in a real Slicer, on a small made-up study: needs no PyTorch.

Written for PythonQt; registered by CMake (`slicer_add_python_unittest`), run by `ctest` of a build.
"""

import numpy as np
import panel_case
import qt
import slicer
import vtk
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes.measure import measure_nodes
from LymphNodeSegLib.panel.segment_editor import EFFECTS
from LymphNodeSegLib.registration.result import Verdict
from LymphNodeSegLib.scene.result import ResultData, add_result
from LymphNodeSegLib.scene.run_facts import RunFacts, set_facts
from LymphNodeSegLib.scene.views import show_images
from LymphNodeSegLib.scene.volumes import add_volume
from LymphNodeSegLib.settings import Settings

UPDATE_SECONDS = 1.0
GRID = Geometry((160, 140, 24), (-60.0, -50.0, -30.0), (0.8, 0.8, 3.0))
NODES = (((50, 50, 8), 5.0), ((90, 50, 10), 9.0), ((110, 95, 14), 6.0))  # center i, j, k; radius in mm
MISSED = ((50, 95, 14), 6.0)


def ball(center_ijk, radius_mm):
    k, j, i = np.indices(GRID.size_ijk[::-1])
    offsets = [(axis - c) * s for axis, c, s in zip((i, j, k), center_ijk, GRID.spacing_mm)]
    return sum(offset**2 for offset in offsets) <= radius_mm**2


def ras(index_ijk):
    return (GRID.lps_from_ijk(np.array(index_ijk)) * [-1.0, -1.0, 1.0]).tolist()


class LymphNodeSegReadingTest(panel_case.PanelCase):
    def setUp(self):
        super().setUp()
        self.result = self.makeResult()
        self.parameters.segmentation = self.result.segmentation
        show_images(slicer.mrmlScene, self.result.t2, self.result.dwi)
        slicer.util.resetSliceViews()
        for name in ("result", "nodes", "correct"):
            self.ui(f"{name}CollapsibleButton").collapsed = False
        self.assertEqual(self.nodes(), ["LN001", "LN002", "LN003"])
        self.waitUntil(lambda: "..." not in self.cells("Short"), 10.0)
        self.serve(0.5)

    def makeResult(self):
        rng = np.random.default_rng(5)
        array = np.zeros(GRID.size_ijk[::-1], np.uint16)
        for label, node in enumerate(NODES, start=1):
            array[ball(*node)] = label
        inside = (array > 0) | ball(*MISSED)
        t2 = Image((np.where(inside, 300, 600) + rng.normal(0, 30, inside.shape)).astype(np.float32), GRID)
        dwi = Image((np.where(inside, 500, 120) + rng.normal(0, 25, inside.shape)).astype(np.float32), GRID)
        probability = Image(np.where(array > 0, 0.95, 0.01).astype(np.float32), GRID)
        labels = Image(array, GRID)
        nodes = measure_nodes(labels, t2=t2, dwi=dwi, probability=probability)
        t2_node = add_volume(slicer.mrmlScene, t2, "T2", "T2")
        before = add_volume(slicer.mrmlScene, dwi, "DWI", "DWI")
        result = add_result(
            slicer.mrmlScene, t2_node, ResultData(labels, nodes, dwi, None, probability, before)
        )
        verdict = Verdict("improved", "It fits.", "deformable", 1.05, 1.1)
        set_facts(result.segmentation, RunFacts("2026", Settings(), verdict, "m", "0" * 64, {}, "cpu"))
        return result

    # What the table shows

    def cells(self, title):
        table = self.ui("nodesTable")
        titles = [table.horizontalHeaderItem(column).text() for column in range(table.columnCount)]
        number = next(n for n, text in enumerate(titles) if text.startswith(title))
        return [table.item(row, number).text() for row in range(table.rowCount)]

    def short(self, number):
        """A short axis in mm; 0 while it is being measured."""
        text = self.cells("Short")[number]
        return 0.0 if text in ("", "...") else float(text)

    def nodes(self):
        return self.cells("Node")

    def clickOn(self, number, modifier=qt.Qt.NoModifier):
        """A real click on a row of the table."""
        table = self.ui("nodesTable")
        place = qt.QPointF(table.visualItemRect(table.item(number, 2)).center())
        for kind in (qt.QEvent.MouseButtonPress, qt.QEvent.MouseButtonRelease):
            event = qt.QMouseEvent(kind, place, qt.Qt.LeftButton, qt.Qt.LeftButton, modifier)
            slicer.app.sendEvent(table.viewport(), event)

    def waitForNodes(self, expected):
        try:
            self.waitUntil(lambda: sorted(self.nodes()) == expected, 10.0)
        except AssertionError:
            self.fail(f"{self.nodes()} is not {expected}: {self.ui('correctLabel').text}")

    def editor(self):
        return slicer.util.findChildren(self.widget.parent, className="qMRMLSegmentEditorWidget")[0]

    def grow(self):
        """The chosen node, by the Margin effect."""
        editor = self.editor()
        editor.setActiveEffectByName("Margin")
        editor.activeEffect().setParameter("MarginSizeMm", "2.0")
        editor.activeEffect().self().onApply()

    # The tests

    def test_a_click_takes_all_views_to_the_node(self):
        self.clickOn(1)
        self.serve(0.2)
        for name in ("Red", "Green", "Yellow"):
            matrix = slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode().GetSliceToRAS()
            center = [matrix.GetElement(row, 3) for row in range(3)]
            np.testing.assert_allclose(center, ras(NODES[1][0]), atol=1.6)
        self.assertEqual(self.editor().currentSegmentID(), "LN002")
        lengths = [
            line.GetLineLengthWorld()
            for line in slicer.util.getNodesByClass("vtkMRMLMarkupsLineNode")
            if line.GetDisplayNode().GetVisibility()
        ]
        np.testing.assert_allclose(lengths, [18.0, 18.0], atol=1.5)

    def test_an_edit_is_followed_and_undone(self):
        self.clickOn(0)
        before = self.short(0)
        self.grow()
        seconds = self.waitUntil(lambda: self.nodes()[0] == "LN001 *", 10.0)
        seconds += self.waitUntil(lambda: self.short(0) > before + 2.0, 10.0)
        self.assertLess(seconds, UPDATE_SECONDS)
        self.assertEqual(self.cells("Size")[0], "enlarged")
        self.ui("undoButton").click()
        self.waitForNodes(["LN001", "LN002", "LN003"])
        self.waitUntil(lambda: self.short(0) == before, 10.0)

    def test_no_tool_makes_the_panel_wider(self):
        panel = self.widget.parent
        before = panel.width
        self.clickOn(0)
        for name in EFFECTS:
            self.editor().setActiveEffectByName(name)
            self.serve(0.3)
            options = self.editor().activeEffect().optionsFrame()
            self.assertEqual(panel.width, before, name)
            self.assertGreaterEqual(options.width, options.minimumSizeHint.width(), name)
            self.assertGreaterEqual(options.height, options.minimumSizeHint.height(), name)

    def test_split_merge_and_delete_are_undone_one_by_one(self):
        self.clickOn(1)
        self.ui("splitButton").click()
        self.waitForNodes(["LN001", "LN002 *", "LN003", "LN004 +"])
        self.ui("mergeButton").click()
        self.waitForNodes(["LN001", "LN002", "LN003"])
        self.clickOn(0)
        self.clickOn(2, qt.Qt.ControlModifier)
        self.ui("deleteButton").click()
        self.waitForNodes(["LN002"])
        for expected in (
            ["LN001", "LN002", "LN003"],
            ["LN001", "LN002 *", "LN003", "LN004 +"],
            ["LN001", "LN002", "LN003"],
        ):
            self.ui("undoButton").click()
            self.waitForNodes(expected)
        self.ui("redoButton").click()
        self.waitForNodes(["LN001", "LN002 *", "LN003", "LN004 +"])

    def test_one_click_in_a_view_adds_a_missed_node(self):
        point = ras(MISSED[0])
        self.ui("addButton").click()
        widget = slicer.app.layoutManager().sliceWidget("Red")
        widget.mrmlSliceNode().JumpSliceByCentering(*point)
        self.serve(1.0)
        to_xy = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(widget.mrmlSliceNode().GetXYToRAS(), to_xy)
        x, y = (round(value) for value in to_xy.MultiplyPoint([*point, 1.0])[:2])
        interactor = widget.sliceView().interactor()
        interactor.SetEventInformation(x, y)
        for event in ("EnterEvent", "MouseMoveEvent", "LeftButtonPressEvent", "LeftButtonReleaseEvent"):
            interactor.InvokeEvent(event)
        self.waitForNodes(["LN001", "LN002", "LN003", "LN004 +"])
        self.waitUntil(lambda: self.short(3) > 0.0, 10.0)
        self.assertAlmostEqual(self.short(3), 12.0, delta=2.0)
        self.assertFalse(self.ui("addButton").checked)
        self.ui("undoButton").click()
        self.waitForNodes(["LN001", "LN002", "LN003"])

    def test_the_dwi_fades_and_is_compared(self):
        composite = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()
        self.ui("fadeSlider").value = 40
        self.assertAlmostEqual(composite.GetForegroundOpacity(), 0.4)
        self.assertEqual(composite.GetForegroundVolumeID(), self.result.dwi.GetID())
        self.ui("beforeRadioButton").click()
        self.assertEqual(composite.GetForegroundVolumeID(), self.result.dwi_before.GetID())
        self.assertIn("1.050 before, 1.100 after", self.ui("registrationLabel").text)

    def test_a_saved_reading_is_found_again_and_can_be_gone_on_with(self):
        self.ui("nodesTable").item(0, 0).setCheckState(qt.Qt.Checked)
        self.clickOn(2)
        self.ui("stationComboBox").setCurrentIndex(2)
        self.grow()
        self.waitForNodes(["LN001", "LN002", "LN003 *"])
        self.waitUntil(lambda: self.short(2) > 2.0 * NODES[2][1] + 2.0, 10.0)
        short = self.cells("Short")
        path = str(self.folder / "reading.mrb")
        self.assertTrue(slicer.util.saveScene(path))
        slicer.mrmlScene.Clear()
        self.assertTrue(slicer.util.loadScene(path))
        self.waitForNodes(["LN001", "LN002", "LN003 *"])
        self.waitUntil(lambda: self.cells("Short") == short, 10.0)
        self.assertEqual(self.cells("Site")[2].lstrip("RL "), "ext. iliac")
        self.assertEqual(self.ui("nodesTable").item(0, 0).checkState(), qt.Qt.Checked)
        self.serve(0.5)
        self.clickOn(0)
        self.grow()
        self.waitForNodes(["LN001 *", "LN002", "LN003 *"])
        self.ui("undoButton").click()
        self.waitForNodes(["LN001", "LN002", "LN003 *"])
