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
SCHEDULE = Path("/proc/thread-self/schedstat")


class Heartbeat:
    """Measures how long the window was held, in milliseconds, while the event loop runs.

    The time in which other programs had the processor does not count (Linux tells it); on a busy machine it
    is most of it.

    Args:
        doing: Says what was going on.
    """

    INTERVAL_MS = 5

    def __init__(self, doing=lambda: ""):
        self.longest_ms, self.while_doing = 0.0, ""
        self._doing, self._text = doing, doing()
        self._last_ms = own_time_ms()
        self._timer = qt.QTimer()
        self._timer.setInterval(self.INTERVAL_MS)
        self._timer.connect("timeout()", self._beat)
        self._timer.start()

    def _beat(self):
        now_ms, text = own_time_ms(), self._doing()
        if now_ms - self._last_ms > self.longest_ms:
            self.longest_ms, self.while_doing = now_ms - self._last_ms, f"{self._text} -> {text}"
        self._last_ms, self._text = now_ms, text

    def stop(self):
        self._timer.stop()
        return self.longest_ms

    def __str__(self):
        return f"window held for {self.longest_ms:.0f} ms at most ({self.while_doing})"


def own_time_ms():
    """A clock that stands while this thread waits for a processor."""
    try:
        waited_ns = int(SCHEDULE.read_text().split()[1])
    except OSError:
        waited_ns = 0
    return 1000.0 * time.perf_counter() - waited_ns / 1e6


class PanelCase(ScriptedLoadableModuleTest):
    """An empty scene, the panel open, a folder that goes away."""

    def setUp(self):
        slicer.mrmlScene.Clear()
        # As a user has it: without a layout that is set, the views stay empty under Xvfb.
        slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
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
        self.serve(0.5)  # what was loaded is drawn before anybody presses a button
        return nodes

    def waitUntil(self, condition, seconds, message="it took too long"):
        """Serve the window until a condition holds.

        Returns:
            How long it took, in seconds.
        """
        start = time.perf_counter()
        timer = qt.QTimer()
        timer.start(5)  # so that there is an event to wait for
        while not condition():
            self.assertLess(time.perf_counter() - start, seconds, message)
            slicer.app.processEvents(qt.QEventLoop.WaitForMoreEvents)
        timer.stop()
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
            Seconds, and the heartbeat that was measured.
        """
        self.requireTorch()
        bar, button = self.ui("progressBar"), self.ui("applyButton")
        heartbeat = Heartbeat(lambda: bar.text)
        button.click()
        self.assertTrue(self.isRunning(), self.ui("messageLabel").text)
        seconds = self.waitUntil(lambda: "Cancel" not in button.text.replace("&", ""), RUN_SECONDS)
        heartbeat.stop()
        self.assertIsNotNone(
            self.parameters.segmentation, self.ui("messageLabel").text + self.ui("logText").plainText
        )
        return seconds, heartbeat
