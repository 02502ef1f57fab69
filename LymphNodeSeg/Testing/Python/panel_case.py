"""What the tests of the panel in a real Slicer share; written for PythonQt."""

import importlib.util
import shutil
import tempfile
import time
from pathlib import Path

import qt
import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleTest

RUN_SECONDS = 900.0
LONGEST_HOLD_MS = 100.0


class Heartbeat:
    """Measures how long the window was not served, in milliseconds, while the event loop runs."""

    INTERVAL_MS = 5

    def __init__(self):
        self.longest_ms = 0.0
        self._last = time.perf_counter()
        self._timer = qt.QTimer()
        self._timer.setInterval(self.INTERVAL_MS)
        self._timer.connect("timeout()", self._beat)
        self._timer.start()

    def _beat(self):
        now = time.perf_counter()
        self.longest_ms = max(self.longest_ms, 1000.0 * (now - self._last))
        self._last = now

    def stop(self):
        self._timer.stop()
        return self.longest_ms


class PanelCase(ScriptedLoadableModuleTest):
    """An empty scene, the panel open, a folder that goes away."""

    def setUp(self):
        slicer.mrmlScene.Clear()
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, str(self.folder), True)
        slicer.util.selectModule("LymphNodeSeg")
        self.widget = slicer.util.getModuleWidget("LymphNodeSeg")

    def ui(self, name):
        """A widget of the panel or of one of its sections, by its name in the .ui file."""
        found = slicer.util.findChildren(self.widget.parent, name=name)
        self.assertEqual(len(found), 1, name)
        return found[0]

    @property
    def parameters(self):
        return self.widget.logic.getParameterNode()

    def loadPhantom(self, dicom=False):
        """As a click in Sample Data does; then the module is entered again, and proposes the volumes."""
        from LymphNodeSegLib.panel import sample_data

        nodes = sample_data.load_dicom_study() if dicom else sample_data.load_volumes()
        slicer.util.selectModule("Data")
        slicer.util.selectModule("LymphNodeSeg")
        return nodes

    def waitUntil(self, condition, seconds, message="it took too long"):
        """Serve the window until a condition holds.

        Returns:
            How long it took, in seconds.
        """
        start = time.perf_counter()
        while not condition():
            self.assertLess(time.perf_counter() - start, seconds, message)
            slicer.app.processEvents()
            time.sleep(0.002)
        return time.perf_counter() - start

    def serve(self, seconds):
        """Serve the window for some time."""
        end = time.perf_counter() + seconds
        self.waitUntil(lambda: time.perf_counter() > end, seconds + 60.0)

    def requireTorch(self):
        if importlib.util.find_spec("torch") is None:
            self.skipTest("PyTorch is not installed in this Slicer")

    def isRunning(self):
        return self.ui("applyButton").text.replace("&", "") == "Cancel"

    def apply(self):
        """Press Apply and wait for the result; the window is served all the time.

        Returns:
            Seconds, and the longest time that the window was not served, in milliseconds.
        """
        self.requireTorch()
        heartbeat = Heartbeat()
        self.ui("applyButton").click()
        self.assertTrue(self.isRunning(), self.ui("messageLabel").text)
        seconds = self.waitUntil(lambda: not self.isRunning(), RUN_SECONDS)
        longest_ms = heartbeat.stop()
        self.assertIsNotNone(
            self.parameters.segmentation, self.ui("messageLabel").text + self.ui("logText").plainText
        )
        return seconds, longest_ms
