"""Runs from the Apply button to the result in the scene, and every way in which they can end."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.scene.volumes import fill_volume

from Testing.panel.panel_cases import GEOMETRY, STAGES, played, section


@pytest.fixture(autouse=True)
def no_traces(tmp_path, monkeypatch):
    """Whatever happens, no folder with images is left behind."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


@pytest.fixture
def play(monkeypatch):
    import LymphNodeSegLib.panel.worker_process as worker_process

    def use(*args, **kwargs):
        monkeypatch.setattr(worker_process, "PROGRAM", played(*args, **kwargs))

    return use


@pytest.fixture
def slowly(monkeypatch):
    """One step at a time, so that a test can come between two."""
    import LymphNodeSegLib.panel.stepper as stepper

    monkeypatch.setattr(stepper, "SECONDS_AT_A_TIME", 0.0)


def idle(panel) -> bool:
    return not panel.runner.running


def nodes_of(scene) -> int:
    return scene.GetNumberOfNodes()


def start(panel, until, stage: str) -> int:
    """Press Apply and wait for a stage; returns the worker's pid."""
    panel._ui.applyButton.click()
    assert panel._ui.applyButton.text() == "C&ancel"
    until(lambda: panel._ui.progressBar.format().startswith(stage))
    return panel.runner.worker.pid


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def check_idle(panel, text: str) -> None:
    ui = panel._ui
    assert text in ui.messageLabel.text()
    assert ui.applyButton.text() == "&Apply"
    assert ui.applyButton.isEnabled()
    assert ui.progressBar.isHidden()


def test_apply_runs_the_pipeline_and_shows_its_result(panel, volumes, scene, until):
    """The real worker on the real pipeline; the images are noise, so any number of nodes is right."""
    panel._ui.registrationComboBox.setCurrentIndex(2)
    panel._ui.deviceComboBox.setCurrentIndex(3)
    panel._ui.applyButton.click()
    assert panel._ui.applyButton.text() == "C&ancel"
    assert not panel._ui.progressBar.isHidden()
    until(lambda: idle(panel), 120.0)
    log = panel._ui.logText.toPlainText()
    assert panel._ui.messageLabel.text() == "", log
    check_idle(panel, "")

    segmentation = scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    dwi = scene.GetFirstNodeByName("DWI registered")
    assert panel._parameters.segmentation is segmentation
    assert segmentation.GetNodeReference("referenceImageGeometryRef") is volumes[0]
    assert dwi.GetImageData().GetDimensions() == GEOMETRY.size_ijk
    count = segmentation.GetSegmentation().GetNumberOfSegments()
    assert ("No lymph node" in section(panel, "result")._ui.summaryLabel.text()) == (count == 0)
    assert "Registering DWI to T2" in log


def test_a_second_run_goes_to_the_same_process_and_keeps_the_first_result(panel, scene, until, play):
    play()
    panel._ui.applyButton.click()
    until(lambda: idle(panel))
    first, pid = panel._parameters.segmentation, panel.runner.worker.pid
    panel._ui.applyButton.click()
    until(lambda: idle(panel))
    assert panel.runner.worker.pid == pid
    assert panel._parameters.segmentation is not first
    assert first.GetSegmentation().GetNumberOfSegments() == 2


@pytest.mark.parametrize("stage", STAGES)
def test_cancel_is_idle_within_a_second_in_each_stage(panel, scene, until, play, stage):
    before = nodes_of(scene)
    play(stage, "time.sleep(600)")
    pid = start(panel, until, stage)
    began = time.monotonic()
    panel._ui.applyButton.click()
    assert idle(panel)
    until(lambda: not is_alive(pid), 1.0)
    assert time.monotonic() - began < 1.0
    check_idle(panel, "Cancelled.")
    assert nodes_of(scene) == before


def test_cancel_before_the_images_are_handed_over(panel, scene, play, until):
    before = nodes_of(scene)
    play()
    panel._ui.applyButton.click()
    panel._ui.applyButton.click()
    check_idle(panel, "Cancelled.")
    assert nodes_of(scene) == before
    panel._ui.applyButton.click()  # and a new run can start
    until(lambda: idle(panel))
    assert panel._parameters.segmentation is not None


def test_cancel_while_the_result_is_taken_in_leaves_nothing_half_made(panel, scene, play, until, slowly):
    before = nodes_of(scene)
    play()
    panel._ui.applyButton.click()
    until(lambda: nodes_of(scene) > before)
    panel._ui.applyButton.click()
    check_idle(panel, "Cancelled.")
    assert nodes_of(scene) == before


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_worker_is_a_message(panel, scene, until, play, stage):
    before = nodes_of(scene)
    play(stage, "time.sleep(600)")
    pid = start(panel, until, stage)
    os.kill(pid, signal.SIGKILL)
    until(lambda: idle(panel), 10.0)
    check_idle(panel, "ended from outside or crashed")
    assert stage in panel._ui.messageLabel.text()
    assert nodes_of(scene) == before


def test_after_a_crash_the_next_run_works(panel, until, play):
    play(STAGES[1], "os.abort()")
    panel._ui.applyButton.click()
    until(lambda: idle(panel))
    check_idle(panel, "crashed")
    play()
    panel._ui.applyButton.click()
    until(lambda: idle(panel))
    check_idle(panel, "")
    assert panel._parameters.segmentation is not None


LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32)); "


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (LIMIT + "np.ones(2**40)", "Not enough memory"),
        ("raise RuntimeError('CUDA out of memory. Tried to allocate 2 GiB')", "Not enough memory"),
        ("raise InputError('The DWI is a single slice.')", "The DWI is a single slice."),
        ("import a_package_that_is_not_there", "'a_package_that_is_not_there' is not installed"),
        ("raise ZeroDivisionError('oops')", "ZeroDivisionError: oops"),
        ("sys.exit(7)", "ended unexpectedly (exit code 7)"),
    ],
)
def test_what_goes_wrong_in_the_worker_is_a_message(panel, scene, until, play, event, text):
    before = nodes_of(scene)
    play(STAGES[2], event)
    panel._ui.applyButton.click()
    until(lambda: idle(panel))
    check_idle(panel, text)
    assert nodes_of(scene) == before


@pytest.mark.parametrize("garbage", ["bytes(range(256)) * 4000", "b'x' * 5_000_000", 'b\'{"event": "done"\''])
def test_garbage_on_the_workers_output_does_no_harm(panel, until, play, garbage):
    """Written to the pipe itself, behind the worker's back."""
    play(STAGES[2], f"lines._stream.buffer.write({garbage} + b'\\n'); lines._stream.flush()")
    panel._ui.applyButton.click()
    until(lambda: idle(panel))
    check_idle(panel, "")
    assert panel._parameters.segmentation is not None


@pytest.mark.parametrize("file", ["labels_found.raw", "result.pickle"])
def test_a_result_that_is_damaged_is_a_message(panel, scene, until, play, monkeypatch, file):
    import LymphNodeSegLib.panel.runner as runner

    def damaged(folder: Path):
        os.truncate(folder / file, 100)
        return read_result(folder)

    before, read_result = nodes_of(scene), runner.read_result
    monkeypatch.setattr(runner, "read_result", damaged)
    play()
    panel._ui.applyButton.click()
    until(lambda: idle(panel))
    check_idle(panel, "could not be read")
    assert nodes_of(scene) == before


def test_closing_the_scene_ends_the_run_and_the_worker(panel, scene, until, play):
    play(STAGES[1], "time.sleep(600)")
    pid = start(panel, until, STAGES[1])
    scene.Clear(False)
    assert idle(panel)
    until(lambda: not is_alive(pid), 1.0)
    assert not panel._ui.applyButton.isEnabled()
    assert "Choose the T2" in panel._ui.inputStatusLabel.text()


def test_a_t2_removed_in_mid_run_is_said_and_nothing_is_added(panel, volumes, scene, until, play):
    play(STAGES[1], "time.sleep(600)")
    pid = start(panel, until, STAGES[1])
    before = nodes_of(scene)
    scene.RemoveNode(volumes[0])
    assert idle(panel)
    assert "T2 was removed" in panel._ui.messageLabel.text()
    until(lambda: not is_alive(pid), 1.0)
    assert nodes_of(scene) == before - 1


def test_a_t2_removed_while_the_result_is_taken_in(panel, volumes, scene, until, play, slowly):
    play()
    panel._ui.applyButton.click()
    before = nodes_of(scene)
    until(lambda: nodes_of(scene) > before)
    scene.RemoveNode(volumes[0])
    assert idle(panel)
    assert "T2 was removed" in panel._ui.messageLabel.text()
    assert nodes_of(scene) == before - 1


def test_a_dwi_removed_in_mid_run_does_no_harm(panel, volumes, scene, until, play):
    play(STAGES[1], "time.sleep(1)")
    start(panel, until, STAGES[1])
    scene.RemoveNode(volumes[1])
    until(lambda: idle(panel))
    assert panel._parameters.segmentation is not None


def test_another_module_may_be_shown_while_a_run_is_on(panel, until, play):
    play(STAGES[1], "time.sleep(0.5)")
    start(panel, until, STAGES[1])
    panel.close()
    until(lambda: idle(panel))
    panel.open()
    assert panel._parameters.segmentation is not None
    until(lambda: section(panel, "result")._ui.summaryLabel.text() != "")


class Heartbeat:
    """Longest time between two beats of a timer in the window's thread, by the clock and in work done."""

    def __init__(self) -> None:
        from PySide6 import QtCore

        self.wall_s = self.work_s = 0.0
        self._last = time.perf_counter(), time.thread_time()
        self._timer = QtCore.QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(1)

    def _beat(self) -> None:
        now = time.perf_counter(), time.thread_time()
        self.wall_s = max(self.wall_s, now[0] - self._last[0])
        self.work_s = max(self.work_s, now[1] - self._last[1])
        self._last = now

    def stop(self) -> None:
        self._timer.stop()


@pytest.mark.slow  # a time: it wants the machine for itself
def test_the_window_is_never_held_up_during_a_run(panel, volumes, scene, play, application):
    """Large images and 60 nodes: handed over, computed, taken in.

    Where other programs want the processors too, they hold up beats by the clock: the work done between two
    beats counts then.
    """
    geometry = Geometry((512, 512, 48), spacing_mm=(0.5, 0.5, 3.0))
    rng = np.random.default_rng(0)
    for node in volumes:
        fill_volume(node, Image(rng.integers(1, 900, (48, 512, 512)).astype(np.int16), geometry))
    play(nodes=60, pace_s=0.02)
    for _ in range(2):
        panel._ui.applyButton.click()
        beat = Heartbeat()
        end = time.monotonic() + 120
        while not idle(panel):
            assert time.monotonic() < end
            application.processEvents()
        beat.stop()
        check_idle(panel, "")
        assert beat.work_s < 0.1
        assert beat.wall_s < 0.1 or os.getloadavg()[0] > os.cpu_count()


@pytest.mark.slow
def test_the_second_run_does_not_pay_for_the_start(panel, volumes, until):
    """A whole phantom study: what the panel adds to the stages that compute, from click to result."""
    from LymphNodeSegLib.phantom import make_phantom
    from LymphNodeSegLib.scene.run_facts import facts_of

    phantom = make_phantom(8)
    for node, image in zip(volumes, (phantom.t2, phantom.dwi_series[-1])):
        fill_volume(node, image)
    added = []
    for _ in range(3):
        began = time.monotonic()
        panel._ui.applyButton.click()
        until(lambda: idle(panel), 300.0)
        took = time.monotonic() - began
        check_idle(panel, "")
        seconds = facts_of(panel._parameters.segmentation).seconds
        bare = sum(seconds[stage] for stage in STAGES[1:4])
        added.append(took - bare)
        print(f"from click to result {took:.2f} s, of it bare pipeline {bare:.2f} s, added {added[-1]:.2f} s")
    assert min(added[1:]) < max(0.5, 0.1 * bare)  # a tenth where others want the processors too


def test_images_that_a_crash_left_behind_are_removed(standins, tmp_path):
    from LymphNodeSegLib.panel.temporary import new_folder

    folder = Path(tempfile.gettempdir())
    for name, age_s in (("lymphnodeseg-old", 2 * 24 * 3600), ("lymphnodeseg-new", 60), ("other", 10**6)):
        (folder / name).mkdir()
        os.utime(folder / name, (time.time() - age_s,) * 2)
    made = new_folder()
    assert {path.name for path in folder.iterdir()} == {"lymphnodeseg-new", "other", made.name}
    for path in folder.iterdir():
        path.rmdir()
