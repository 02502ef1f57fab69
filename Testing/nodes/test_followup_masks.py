"""Follow-up of true masks on two grids: exactly what changed is named, whatever the slices hit or miss."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from LymphNodeSegLib import cli
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes import followup
from LymphNodeSegLib.nodes.followup import Comparison, compare_studies
from LymphNodeSegLib.nodes.rigid import Alignment
from scipy import ndimage
from typer.testing import CliRunner

from Benchmarks.followup import patient


@pytest.mark.parametrize("seed", [0, 1, 2, *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, 14))])
def test_names_exactly_what_changed(seed: int) -> None:
    """Three grown, one vanished, one new, among nodes down to 2 mm; the alignment a millimeter off."""
    assert patient(seed).wrong() == []


def ball(labels: np.ndarray, where: Geometry, label: int, center_mm: tuple[float, ...], mm: float) -> None:
    k, j, i = np.indices(labels.shape)
    points = np.stack([i, j, k], axis=-1) * where.spacing_mm
    labels[((points - np.array(center_mm)) ** 2).sum(axis=-1) <= mm * mm / 4] = label


def compared(
    monkeypatch: pytest.MonkeyPatch,
    then: list[tuple[tuple[float, ...], float]],
    now: list[tuple[tuple[float, ...], float]],
) -> Comparison:
    """Balls then and now on one grid, in the same place."""
    where = Geometry((80, 80, 20), spacing_mm=(1.0, 1.0, 4.0))
    images = []
    for balls in (then, now):
        array = np.zeros((20, 80, 80), np.uint16)
        for label, (center_mm, mm) in enumerate(balls, start=1):
            ball(array, where, label, center_mm, mm)
        images.append(Image(array, where))
    monkeypatch.setattr(followup, "align", lambda *_: Alignment(sitk.Euler3DTransform(), 1.0, 1.0))
    return compare_studies(images[0], images[0], images[1], images[1])


def test_a_node_cut_by_the_field_of_view_has_not_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    found = compared(monkeypatch, [((40.0, 40.0, 8.0), 14.0)], [((40.0, 40.0, 0.0), 14.0)])
    (change,) = found.matched
    assert change.volume_change_percent < -20
    assert (change.verdict, change.reason) == ("uncertain", "cut by the field of view")


def test_a_node_thinner_than_the_slices_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    (change,) = compared(monkeypatch, [((40.0, 40.0, 40.0), 2.2)], [((40.0, 40.0, 40.0), 3.9)]).matched
    assert (change.verdict, change.reason) == ("uncertain", "thinner than its slices are apart")


def test_a_small_node_seen_once_is_not_new_but_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = compared(
        monkeypatch, [((40.0, 40.0, 40.0), 9.0)], [((40.0, 40.0, 40.0), 9.0), ((60.0, 60.0, 40.0), 2.5)]
    )
    assert found.new == ()
    assert any("so small: LN002 of the current study" in note for note in found.notes)


def test_a_node_divided_otherwise_is_no_new_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """One node then; the same place as two now: nothing is new, and nothing has shrunk."""
    halves = [((32.0, 40.0, 40.0), 9.0), ((41.0, 40.0, 40.0), 9.0)]
    found = compared(monkeypatch, [((37.0, 40.0, 40.0), 18.0)], halves)
    assert (found.new, found.vanished) == ((), ())
    (change,) = found.matched
    assert (change.verdict, change.reason) == ("uncertain", "divided into nodes otherwise in the other study")
    assert any("is a part of LN001 of the prior one" in note for note in found.notes)


def test_two_t2_with_their_segmentations_from_the_command_line(tmp_path: Path) -> None:
    """No result folders: the T2 and its nodes in one place each, as another program may have written them."""
    rng = np.random.default_rng(4)
    where = Geometry((60, 60, 16), spacing_mm=(1.5, 1.5, 4.0))
    t2 = Image(ndimage.gaussian_filter(rng.normal(size=(16, 60, 60)), 2).astype(np.float32), where)
    arguments = ["compare"]
    for name, mm in (("prior", 9.0), ("current", 14.0)):
        labels = np.zeros((16, 60, 60), np.uint16)
        ball(labels, where, 1, (45.0, 45.0, 32.0), mm)
        sitk.WriteImage(t2.to_sitk(), str(tmp_path / f"{name}.nrrd"))
        sitk.WriteImage(Image(labels, where).to_sitk(), str(tmp_path / f"{name}-nodes.nii.gz"))
        arguments += [
            str(tmp_path / f"{name}.nrrd"),
            f"--{name}-segmentation",
            str(tmp_path / f"{name}-nodes.nii.gz"),
        ]
    run = CliRunner().invoke(cli.app, [*arguments, "--out", str(tmp_path / "out"), "--progress", "none"])
    assert run.exit_code == 0, run.output
    (pair,) = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))["matched"]
    assert pair["verdict"] == "grown"
    bare = CliRunner().invoke(cli.app, [*arguments[:2], arguments[1], "--out", str(tmp_path / "again")])
    assert bare.exit_code == 2
    assert "run segment first" in bare.output
    assert not (tmp_path / "again").exists()
