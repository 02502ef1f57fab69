"""Runs from the Apply button to the result in the scene, and every way in which they can end."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

from Testing.panel.panel_cases import GEOMETRY, STAGES, check_idle, idle, section

pytestmark = pytest.mark.usefixtures("no_traces")


@pytest.fixture
def slowly(monkeypatch):
    """One step at a time, so that a test can come between two."""
    import LymphNodeSegLib.panel.stepper as stepper

    monkeypatch.setattr(stepper, "SECONDS_AT_A_TIME", 0.0)


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
