"""What the extension adds to other modules of a real Slicer: Sample Data and Segment Statistics.

Written for PythonQt; registered by CMake (`slicer_add_python_unittest`), run by `ctest` of a build.
"""

import numpy as np
import panel_case
import SampleData
import slicer
from DICOMLib import DICOMUtils
from LymphNodeSegLib.panel import sample_data, segment_statistics
from SegmentStatistics import SegmentStatisticsLogic

AXES = "LymphNodeAxesStatisticsPlugin."


class LymphNodeSegSurroundingsTest(panel_case.PanelCase):
    def setUp(self):
        super().setUp()
        # Registered when Slicer has started; a test may run before that.
        sample_data.register()
        segment_statistics.register()

    def test_the_phantom_is_a_button_in_sample_data(self):
        slicer.util.selectModule("SampleData")
        widget = slicer.util.getModuleWidget("SampleData")
        SampleData.SampleDataWidget.setCategoriesFromSampleDataSources(
            widget.categoryLayout, slicer.modules.sampleDataSources, widget.logic
        )
        button = slicer.util.findChild(widget.parent, sample_data.VOLUMES + "PushButton")
        self.assertFalse(button.icon.isNull())
        button.click()
        names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")]
        self.assertEqual(names, ["T2", "DWI b50", "DWI b1400", "ADC"])
        truth = slicer.util.getNode("Phantom truth")
        self.assertFalse(truth.GetDisplayNode().GetVisibility())

    def test_the_dicom_phantom_is_in_the_database(self):
        with DICOMUtils.TemporaryDICOMDatabase():
            nodes = sample_data.load_dicom_study()
            uids = nodes[0].GetAttribute("DICOM.instanceUIDs").split()
            self.assertEqual(len(uids), nodes[0].GetImageData().GetDimensions()[2])
            self.assertTrue(all(slicer.dicomDatabase.fileForInstance(uid) for uid in uids))

    def test_segment_statistics_has_short_and_long_axis_with_their_codes(self):
        segmentation = self.makeBar()
        logic = SegmentStatisticsLogic()
        logic.getParameterNode().SetParameter("Segmentation", segmentation.GetID())
        logic.computeStatistics()
        statistics = logic.getStatistics()
        segment_id = segmentation.GetSegmentation().GetNthSegmentID(0)
        self.assertAlmostEqual(
            statistics[segment_id, AXES + "long_axis_mm"], float(np.hypot(9.6, 4.0)), delta=0.8
        )
        short = 4.0 * float(np.hypot(9.6, 4.0)) / 9.6
        self.assertAlmostEqual(statistics[segment_id, AXES + "short_axis_mm"], short, delta=0.8)
        info = statistics["MeasurementInfo"][AXES + "short_axis_mm"]
        entry = slicer.vtkCodedEntry()
        entry.SetFromString(info["DICOM.QuantityCode"])
        self.assertEqual(entry.GetCodeValue(), "103340004")
        table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")
        logic.exportToTable(table)
        titles = [table.GetColumnName(column) for column in range(table.GetNumberOfColumns())]
        self.assertTrue(any("Short axis" in title for title in titles), titles)

    def test_segment_statistics_shows_our_options(self):
        slicer.util.selectModule("SegmentStatistics")
        widget = slicer.util.getModuleWidget("SegmentStatistics")
        names = [plugin.name for plugin in widget.logic.plugins]
        self.assertIn("Lymph node axes", names)

    def makeBar(self):
        """A segment of 9.6 x 4 x 3 mm."""
        array = np.zeros((5, 20, 30), np.uint8)
        array[2, 5:10, 8:20] = 1
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
        volume.SetSpacing(0.8, 0.8, 3.0)
        slicer.util.updateVolumeFromArray(volume, array)
        segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        segmentation.CreateDefaultDisplayNodes()
        slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(volume, segmentation)
        return segmentation
