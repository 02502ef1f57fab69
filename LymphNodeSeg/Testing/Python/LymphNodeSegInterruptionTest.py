"""Runs that do not end well, in a real Slicer: cancelled in each stage, killed, left without a scene.

Written for PythonQt; registered by CMake (`slicer_add_python_unittest`), run by `ctest` of a build.
"""

import os
import signal
import tempfile
import time

import panel_case
import slicer
from LymphNodeSegLib.pipeline import STAGES
from panel_case import RUN_SECONDS

CANCEL_SECONDS = 1.0


class LymphNodeSegInterruptionTest(panel_case.PanelCase):
    def setUp(self):
        super().setUp()
        # Of its own: other programs leave theirs in the usual one.
        self.temporary = self.folder / "temporary"
        self.temporary.mkdir()
        usual, tempfile.tempdir = tempfile.tempdir, str(self.temporary)
        self.addCleanup(setattr, tempfile, "tempdir", usual)

    def test_cancel_in_each_stage(self):
        self.requireTorch()
        self.loadPhantom()
        before = slicer.mrmlScene.GetNumberOfNodes()
        for stage in STAGES:
            with self.subTest(stage=stage):
                seconds = self.cancelIn(stage)
                print(f"cancel while {stage.lower()}: {seconds:.2f} s")
                self.assertLess(seconds, CANCEL_SECONDS)
                self.serve(0.5)
                self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), before)
                self.assertEqual(list(self.temporary.iterdir()), [])
        self.apply()  # and the next run succeeds

    def cancelIn(self, stage):
        """Press Apply, and Cancel as soon as the log names a stage.

        Returns:
            Seconds until the panel was idle.
        """
        log, button, times = self.ui("logText"), self.ui("applyButton"), []

        def cancel():
            if stage in log.plainText and self.isRunning() and not times:
                times.append(time.perf_counter())
                button.click()
                self.waitUntil(lambda: not self.isRunning(), 60.0)
                times.append(time.perf_counter())

        log.connect("textChanged()", cancel)
        try:
            button.click()
            self.waitUntil(lambda: len(times) == 2 or not self.isRunning(), RUN_SECONDS)
        finally:
            log.disconnect("textChanged()", cancel)
        self.assertEqual(len(times), 2, "the run ended before that stage was seen")
        return times[1] - times[0]

    def test_a_dead_worker_is_a_message(self):
        self.requireTorch()
        self.loadPhantom()
        before = slicer.mrmlScene.GetNumberOfNodes()
        self.ui("applyButton").click()
        worker = self.widget.panel.runner.worker
        self.waitUntil(lambda: worker.pid is not None and self.ui("progressBar").value > 0, RUN_SECONDS)
        os.kill(worker.pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
        self.waitUntil(lambda: not self.isRunning(), 60.0)
        self.assertNotEqual(self.ui("messageLabel").text, "")
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), before)
        self.apply()

    def test_a_scene_that_closes_ends_the_run(self):
        self.requireTorch()
        self.loadPhantom()
        self.ui("applyButton").click()
        self.waitUntil(lambda: self.ui("progressBar").value > 0, RUN_SECONDS)
        slicer.mrmlScene.Clear()
        self.assertFalse(self.isRunning())
        self.serve(1.0)
        self.assertEqual(slicer.util.getNodesByClass("vtkMRMLSegmentationNode"), [])
