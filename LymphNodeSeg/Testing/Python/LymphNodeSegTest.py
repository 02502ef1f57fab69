"""The user's story in a real Slicer: from Sample Data to a corrected, exported and saved result.

Written for PythonQt; registered by CMake (`slicer_add_python_unittest`), run by `ctest` of a build.
"""

import csv
import importlib.util
import sys
import time

import panel_case
import pydicom
import qt
import slicer
import vtk
from DICOMLib import DICOMUtils
from LymphNodeSegLib.scene.run_facts import facts_of
from panel_case import LONGEST_HOLD_MS, RUN_SECONDS, Heartbeat

UPDATE_SECONDS = 1.0
OVERHEAD_SECONDS = 0.5
OPEN_SECONDS = 0.5


class LymphNodeSegTest(panel_case.PanelCase):
    def test_research_use_is_always_visible(self):
        self.assertTrue(self.ui("noticeLabel").visible)
        self.assertIn("Research use only", self.ui("noticeLabel").text)

    def test_wrong_choices_are_explained(self):
        self.assertFalse(self.ui("applyButton").enabled)
        t2 = self.loadPhantom()[0]
        self.assertTrue(self.ui("applyButton").enabled, self.ui("inputStatusLabel").text)
        self.ui("dwiSelector").setCurrentNode(t2)
        self.assertFalse(self.ui("applyButton").enabled)
        self.assertIn("same image", self.ui("inputStatusLabel").text)
        self.assertIn(self.ui("inputStatusLabel").text, self.ui("applyButton").toolTip)  # Slicer adds <p>

    def test_from_volumes_to_exported_and_saved_result(self):
        with DICOMUtils.TemporaryDICOMDatabase():
            t2, *dwis, adc = self.loadPhantom(dicom=True)
            self.checkProposals(t2, dwis[-1], adc)
            seconds, heartbeat = self.apply()
            print(f"first run: {seconds:.1f} s, {heartbeat}")
            self.assertLess(heartbeat.longest_ms, LONGEST_HOLD_MS, str(heartbeat))
            segmentation = self.parameters.segmentation
            self.checkSegmentation(segmentation, t2)
            self.checkViews(t2)
            self.ui("correctCollapsibleButton").collapsed = False  # the editor is made when it is needed
            self.serve(0.5)
            self.checkTable(segmentation, t2)
            self.checkEdit()
            self.checkCorrections(segmentation)
            self.checkExport(segmentation, t2)
            self.checkSecondRun(segmentation)
            self.checkSavedScene(segmentation)

    def checkProposals(self, t2, dwi, adc):
        self.assertEqual(self.ui("t2Selector").currentNode(), t2)
        self.assertEqual(self.ui("dwiSelector").currentNode(), dwi)
        self.assertEqual(self.ui("adcSelector").currentNode(), adc)

    def checkSegmentation(self, node, t2):
        self.assertEqual(node.GetNodeReference("referenceImageGeometryRef"), t2)
        segments = node.GetSegmentation()
        self.assertGreater(segments.GetNumberOfSegments(), 0)
        self.assertEqual(segments.GetNthSegmentID(0), "LN001")
        tag = vtk.mutable("")
        self.assertTrue(segments.GetNthSegment(0).GetTag("TerminologyEntry", tag))
        entry = slicer.vtkSlicerTerminologyEntry()
        self.assertTrue(slicer.modules.terminologies.logic().DeserializeTerminologyEntry(str(tag), entry))
        self.assertEqual(entry.GetTypeObject().GetCodeValue(), "59441001")
        tree = slicer.mrmlScene.GetSubjectHierarchyNode()
        studies = [tree.GetItemParent(tree.GetItemByDataNode(one)) for one in (node, t2)]
        self.assertEqual(studies[0], studies[1])

    def checkViews(self, t2):
        composite = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()
        self.assertEqual(composite.GetBackgroundVolumeID(), t2.GetID())
        self.ui("fadeSlider").value = 40
        self.assertAlmostEqual(composite.GetForegroundOpacity(), 0.4)
        self.ui("fadeSlider").value = 0

    # The table of nodes

    def rows(self):
        """What the table shows, row by row: header -> text; check boxes as booleans."""
        table = self.ui("nodesTable")
        titles = [table.horizontalHeaderItem(column).text() for column in range(table.columnCount)]
        rows = []
        for number in range(table.rowCount):
            items = [table.item(number, column) for column in range(table.columnCount)]
            checks = [item.checkState() == qt.Qt.Checked for item in items[:2]]
            rows.append(dict(zip(titles, [*checks, *(item.text() for item in items[2:])])))
        return rows

    def row(self, node_id):
        return next((row for row in self.rows() if row["Node"].split()[0] == node_id), None)

    def choose(self, *node_ids):
        """Select rows, as clicks (with Ctrl) do."""
        table = self.ui("nodesTable")
        table.clearSelection()
        flags = qt.QItemSelectionModel.Select | qt.QItemSelectionModel.Rows
        for number, row in enumerate(self.rows()):
            if row["Node"].split()[0] in node_ids:
                table.selectionModel().select(table.model().index(number, 0), flags)

    def checkTable(self, segmentation, t2):
        count = segmentation.GetSegmentation().GetNumberOfSegments()
        rows = self.rows()
        self.assertEqual(len(rows), count)
        self.assertTrue(all(float(row["Short\nmm"]) > 0.0 for row in rows), rows)
        self.assertIn(f"{count} node", self.ui("countsLabel").text)
        last = rows[-1]["Node"]
        self.choose(last)
        self.serve(0.2)
        center_ras = segmentation.GetSegmentCenterRAS(last)
        thickness_mm = t2.GetSpacing()[2]
        offset_mm = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode().GetSliceOffset()
        self.assertAlmostEqual(offset_mm, center_ras[2], delta=2.0 * thickness_mm)
        self.assertEqual(self.editor().currentSegmentID(), last)
        lines = slicer.util.getNodesByClass("vtkMRMLMarkupsLineNode")
        lengths = sorted(line.GetLineLengthWorld() for line in lines)
        shown = [float(self.row(last)[title]) for title in ("Short\nmm", "Long\nmm")]
        for length, text in zip(lengths, shown):
            self.assertAlmostEqual(length, text, delta=0.06)
        number = [row["Node"] for row in rows].index(last)
        self.ui("nodesTable").item(number, 0).setCheckState(qt.Qt.Checked)
        self.ui("sideComboBox").setCurrentIndex(1)
        self.ui("stationComboBox").setCurrentIndex(2)
        self.assertIn("1 reviewed", self.ui("countsLabel").text)
        self.assertEqual(self.row(last)["Site"], "L ext. iliac")
        self.assertEqual(
            segmentation.GetSegmentation().GetSegment(last).GetName(), f"{last} left external iliac"
        )

    # Correction

    def editor(self):
        return slicer.util.findChildren(self.widget.parent, className="qMRMLSegmentEditorWidget")[0]

    def waitForRows(self, condition, message):
        """Wait until the table shows something; edits have to show within a second."""
        seconds = self.waitUntil(condition, 60.0, message)
        print(f"{message}: {seconds:.2f} s")
        self.assertLess(seconds, UPDATE_SECONDS, message)

    def grow(self, node_id):
        """Edit a node with the Margin effect of the Segment Editor in the panel."""
        self.choose(node_id)
        editor = self.editor()
        editor.setActiveEffectByName("Margin")
        effect = editor.activeEffect()
        effect.setParameter("MarginSizeMm", "2.0")
        effect.self().onApply()
        editor.setActiveEffect(None)

    def checkEdit(self):
        before = self.row("LN001")
        self.grow("LN001")
        self.waitForRows(lambda: self.row("LN001")["Node"] == "LN001 *", "an edit is marked")
        self.waitForRows(
            lambda: float(self.row("LN001")["Short\nmm"]) > float(before["Short\nmm"]), "an edit is measured"
        )
        self.ui("undoButton").click()
        self.waitForRows(lambda: self.row("LN001") == before, "an edit is undone")
        self.ui("redoButton").click()
        self.waitForRows(lambda: self.row("LN001")["Node"] == "LN001 *", "an edit is made again")

    def checkCorrections(self, segmentation):
        count = len(self.rows())
        self.choose("LN001")
        self.ui("splitButton").click()
        self.waitForRows(lambda: len(self.rows()) == count + 1, "a node is split")
        new = next(row["Node"] for row in self.rows() if row["Node"].endswith("+")).split()[0]
        self.choose("LN001", new)
        self.ui("mergeButton").click()
        self.waitForRows(lambda: len(self.rows()) == count, "nodes are merged")
        self.choose("LN002")
        center_ras = segmentation.GetSegmentCenterRAS("LN002")
        self.ui("deleteButton").click()
        self.waitForRows(lambda: self.row("LN002") is None, "a node is deleted")
        self.addAt(center_ras)
        self.waitForRows(lambda: len(self.rows()) == count, "a node is added by a click")
        self.ui("undoButton").click()
        self.waitForRows(lambda: len(self.rows()) == count - 1, "the added node is undone")
        self.ui("undoButton").click()
        self.waitForRows(lambda: self.row("LN002") is not None, "the deleted node is back")

    def addAt(self, point_ras):
        """Click on a place in the red slice view."""
        self.ui("addButton").click()
        self.assertTrue(self.ui("addButton").checked)
        slice_widget = slicer.app.layoutManager().sliceWidget("Red")
        slice_node = slice_widget.mrmlSliceNode()
        slice_node.JumpSliceByCentering(*point_ras)
        self.serve(0.5)
        to_xy = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(slice_node.GetXYToRAS(), to_xy)
        x, y = (round(value) for value in to_xy.MultiplyPoint([*point_ras, 1.0])[:2])
        interactor = slice_widget.sliceView().interactor()
        interactor.SetEventInformation(x, y)
        for event in ("MouseMoveEvent", "LeftButtonPressEvent", "LeftButtonReleaseEvent"):
            interactor.InvokeEvent(event)

    def checkSecondRun(self, corrected):
        rows = self.rows()
        facts = facts_of(corrected)
        seconds, heartbeat = self.apply()
        self.assertLess(heartbeat.longest_ms, LONGEST_HOLD_MS, str(heartbeat))
        self.assertNotEqual(self.parameters.segmentation, corrected)
        self.assertIsNotNone(corrected.GetScene(), "a corrected segmentation is never overwritten")
        pipeline_seconds = sum(facts_of(self.parameters.segmentation).seconds.values())
        print(f"second run: {seconds:.2f} s, of which the pipeline {pipeline_seconds:.2f} s, {heartbeat}")
        self.assertLess(seconds - pipeline_seconds, OVERHEAD_SECONDS)
        self.assertIsNotNone(facts)
        self.parameters.segmentation = corrected
        self.serve(UPDATE_SECONDS)
        self.assertEqual(self.rows(), rows)

    def checkExport(self, segmentation, t2):
        folder = self.folder / "exported"
        self.ui("folderPathLineEdit").currentPath = str(folder)
        for name in ("rtstructCheckBox", "tableCheckBox", "reportCheckBox", "databaseCheckBox"):
            self.ui(name).checked = True
        highdicom = importlib.util.find_spec("highdicom") is not None
        for name in ("segCheckBox", "srCheckBox"):
            self.ui(name).checked = highdicom
        heartbeat = Heartbeat()
        self.ui("exportButton").click()
        self.assertEqual(self.ui("exportButton").text, "Cancel", self.ui("exportLabel").text)
        seconds = self.waitUntil(lambda: self.ui("exportButton").text != "Cancel", RUN_SECONDS)
        heartbeat.stop()
        print(f"export: {seconds:.1f} s, {heartbeat}")
        names = {path.name for path in folder.iterdir()}
        expected = {"rtstruct.dcm", "measurements.csv", "measurements.json", "report.html"}
        self.assertEqual(names, expected | ({"seg.dcm", "sr.dcm"} if highdicom else set()))
        count = segmentation.GetSegmentation().GetNumberOfSegments()
        structures = pydicom.dcmread(str(folder / "rtstruct.dcm"))
        self.assertEqual(len(structures.StructureSetROISequence), count)
        kinds = {roi.ROIGenerationAlgorithm for roi in structures.StructureSetROISequence}
        self.assertIn("SEMIAUTOMATIC", kinds)
        series = structures.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
        referenced = series.RTReferencedSeriesSequence[0].ContourImageSequence
        self.assertEqual(
            {item.ReferencedSOPInstanceUID for item in referenced},
            set(t2.GetAttribute("DICOM.instanceUIDs").split()),
        )
        with (folder / "measurements.csv").open(encoding="utf-8") as file:
            self.assertEqual(len(list(csv.DictReader(file))), count)
        self.assertTrue(slicer.dicomDatabase.fileForInstance(structures.SOPInstanceUID))

    def checkSavedScene(self, segmentation):
        name = segmentation.GetName()
        count = segmentation.GetSegmentation().GetNumberOfSegments()
        rows = self.rows()
        path = str(self.folder / "saved.mrb")
        self.assertTrue(slicer.util.saveScene(path))
        slicer.mrmlScene.Clear()
        self.assertTrue(slicer.util.loadScene(path))
        again = slicer.util.getNode(name)
        self.assertEqual(again.GetSegmentation().GetNumberOfSegments(), count)
        self.assertEqual(self.parameters.segmentation, again)
        self.assertTrue(self.ui("applyButton").enabled, self.ui("inputStatusLabel").text)
        self.serve(UPDATE_SECONDS)
        self.assertEqual(self.rows(), rows)

    def test_opening_the_panel_is_quick_and_imports_no_torch(self):
        start = time.perf_counter()
        slicer.util.getNewModuleWidget("LymphNodeSeg")
        seconds = time.perf_counter() - start
        print(f"opening the panel: {seconds:.2f} s")
        self.assertLess(seconds, OPEN_SECONDS)
        self.assertNotIn("torch", sys.modules)
