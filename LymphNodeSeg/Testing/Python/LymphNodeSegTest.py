"""The user's story in a real Slicer: load a phantom, Apply, look at the result, save and reopen.

Written for PythonQt; registered by CMake (`slicer_add_python_unittest`), run by `ctest` of a build.
"""

import importlib.util
import shutil
import tempfile
import time
from pathlib import Path

import slicer
import vtk
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleTest

PHANTOM_SEED = 7
RUN_SECONDS = 600.0


class LymphNodeSegTest(ScriptedLoadableModuleTest):
    def setUp(self):
        slicer.mrmlScene.Clear()
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, str(self.folder), True)
        slicer.util.selectModule("LymphNodeSeg")
        self.widget = slicer.util.getModuleWidget("LymphNodeSeg")
        self.ui = self.widget.panel._ui

    def runTest(self):
        self.setUp()
        self.test_research_use_is_always_visible()
        self.setUp()
        self.test_wrong_choices_are_explained()
        self.setUp()
        self.test_from_volumes_to_saved_result()
        self.setUp()
        self.test_cancel_leaves_the_scene_as_it_was()

    def loadPhantom(self):
        from LymphNodeSegLib.phantom import make_phantom, write_nrrd

        write_nrrd(make_phantom(PHANTOM_SEED), self.folder)
        dwi = sorted(self.folder.glob("dwi_b*.nrrd"))[-1]
        names = ("t2.nrrd", dwi.name, "adc.nrrd")
        t2, dwi, adc = (slicer.util.loadVolume(str(self.folder / name)) for name in names)
        self.reopenPanel()
        return t2, dwi, adc

    def reopenPanel(self):
        """The volumes are proposed when the module is entered."""
        slicer.util.selectModule("Data")
        parameters = self.widget.logic.getParameterNode()
        parameters.t2 = parameters.dwi = parameters.adc = None
        slicer.util.selectModule("LymphNodeSeg")

    def waitUntil(self, condition, seconds):
        end = time.time() + seconds
        while not condition():
            self.assertLess(time.time(), end, "it took too long")
            slicer.app.processEvents()

    def test_research_use_is_always_visible(self):
        self.assertTrue(self.ui.noticeLabel.visible)
        self.assertIn("Research use only", self.ui.noticeLabel.text)

    def test_wrong_choices_are_explained(self):
        self.assertFalse(self.ui.applyButton.enabled)
        t2, _, _ = self.loadPhantom()
        self.assertTrue(self.ui.applyButton.enabled, self.ui.inputStatusLabel.text)
        self.ui.dwiSelector.setCurrentNode(t2)
        self.assertFalse(self.ui.applyButton.enabled)
        self.assertIn("same image", self.ui.inputStatusLabel.text)
        self.assertEqual(self.ui.applyButton.toolTip, self.ui.inputStatusLabel.text)

    def test_from_volumes_to_saved_result(self):
        if importlib.util.find_spec("torch") is None:
            self.skipTest("PyTorch is not installed in this Slicer")
        t2, dwi, adc = self.loadPhantom()
        self.assertEqual(self.ui.t2Selector.currentNode(), t2)
        self.assertEqual(self.ui.dwiSelector.currentNode(), dwi)
        self.assertEqual(self.ui.adcSelector.currentNode(), adc)
        self.ui.applyButton.click()
        self.assertEqual(self.ui.applyButton.text, "Cancel")
        self.waitUntil(lambda: self.ui.applyButton.text == "Apply", RUN_SECONDS)

        parameters = self.widget.logic.getParameterNode()
        segmentation = parameters.segmentation
        self.assertIsNotNone(segmentation, self.ui.messageLabel.text + self.ui.logText.plainText)
        self.checkSegmentation(segmentation, t2)
        self.assertEqual(
            parameters.table.GetTable().GetNumberOfRows(),
            segmentation.GetSegmentation().GetNumberOfSegments(),
        )
        composite = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()
        self.assertEqual(composite.GetBackgroundVolumeID(), t2.GetID())
        self.ui.fadeSlider.value = 40
        self.assertAlmostEqual(composite.GetForegroundOpacity(), 0.4)
        self.checkSavedScene(segmentation.GetName(), segmentation.GetSegmentation().GetNumberOfSegments())

    def checkSegmentation(self, segmentation, t2):
        self.assertEqual(segmentation.GetNodeReference("referenceImageGeometryRef"), t2)
        segments = segmentation.GetSegmentation()
        self.assertGreater(segments.GetNumberOfSegments(), 0)
        self.assertEqual(segments.GetNthSegmentID(0), "LN001")
        tag = vtk.mutable("")
        self.assertTrue(segments.GetNthSegment(0).GetTag("TerminologyEntry", tag))
        entry = slicer.vtkSlicerTerminologyEntry()
        logic = slicer.modules.terminologies.logic()
        self.assertTrue(logic.DeserializeTerminologyEntry(str(tag), entry))
        self.assertEqual(entry.GetTypeObject().GetCodeValue(), "59441001")
        tree = slicer.mrmlScene.GetSubjectHierarchyNode()
        self.assertEqual(
            tree.GetItemParent(tree.GetItemByDataNode(segmentation)),
            tree.GetItemParent(tree.GetItemByDataNode(t2)),
        )

    def checkSavedScene(self, name, count):
        path = str(self.folder / "saved.mrb")
        self.assertTrue(slicer.util.saveScene(path))
        slicer.mrmlScene.Clear()
        self.assertTrue(slicer.util.loadScene(path))
        segmentation = slicer.util.getNode(name)
        self.assertEqual(segmentation.GetSegmentation().GetNumberOfSegments(), count)
        self.assertEqual(self.widget.logic.getParameterNode().segmentation, segmentation)
        self.assertTrue(self.ui.applyButton.enabled, self.ui.inputStatusLabel.text)

    def test_cancel_leaves_the_scene_as_it_was(self):
        self.loadPhantom()
        before = slicer.mrmlScene.GetNumberOfNodes()
        if importlib.util.find_spec("torch") is None:
            self.skipTest("PyTorch is not installed in this Slicer")
        temporary = set(Path(tempfile.gettempdir()).glob("lymphnodeseg-*"))
        self.ui.applyButton.click()
        self.waitUntil(lambda: self.ui.progressBar.value > 0, 60.0)
        self.ui.applyButton.click()
        self.assertEqual(self.ui.applyButton.text, "Apply")
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), before)
        self.assertEqual(set(Path(tempfile.gettempdir()).glob("lymphnodeseg-*")), temporary)
