"""From a folder of one's own cases to a model file that segments a patient nobody trained on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Optional

import numpy as np
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.network.inference import segment_image
from LymphNodeSegLib.network.model_file import load_model

from Training.config import Schedule
from Training.learning import precision_of

REPOSITORY = Path(__file__).resolve().parents[2]
GEOMETRY = Geometry((96, 96, 6), (0.0, 0.0, 0.0), (1.0, 1.0, 4.0))

CONFIG = """
seed: 3
data: {{source: {source}, cache: {cache}, crop: 64, validation_share: 0.25}}
preprocessing: {{pixel_mm: 1.0}}
network: {{width: 8, depth: 3}}
schedule: {{steps: {steps}, steps_per_epoch: 40, batch: 8, warmup_steps: 10, ema_decay: 0.9}}
export: {{name: own, notice: "Own weights."}}
"""


def patient(seed: int) -> tuple[Image, Image, np.ndarray]:
    """T2, DWI and nodes: gray balls in fat, bright on DWI, and one that is bright on both and no node."""
    chance = np.random.default_rng(seed)
    k, j, i = np.meshgrid(*(np.arange(n) for n in (6, 96, 96)), indexing="ij")
    body = np.hypot(j - 47.5, i - 47.5) < 44
    t2, dwi = np.where(body, 200.0, 0.0), np.where(body, 30.0, 0.0)
    t2[:, 60:75, 20:76], dwi[:, 60:75, 20:76] = 60.0, 45.0  # muscle
    nodes = np.zeros(body.shape, dtype=bool)
    for number in range(4):
        center = [chance.uniform(1, 4), chance.uniform(22, 52), 18 + 19 * number + chance.uniform(-3, 3)]
        offset = [(k - center[0]) * 4, j - center[1], i - center[2]]
        ball = np.sqrt(sum(one**2 for one in offset)) < chance.uniform(5, 8)
        t2[ball], dwi[ball] = (110.0, 150.0) if number else (230.0, 150.0)
        if number:
            nodes |= ball
    noise = chance.normal(0, 6, (2, *body.shape))
    t2_image, dwi_image = (
        Image(np.abs(one + extra).astype(np.float32), GEOMETRY) for one, extra in zip((t2, dwi), noise)
    )
    return t2_image, dwi_image, nodes


def overlap_of(found: np.ndarray, nodes: np.ndarray) -> float:
    return np.count_nonzero(found & nodes) / np.count_nonzero(found | nodes)


def run(*arguments: str, module: str = "Training") -> subprocess.CompletedProcess:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-m", module, *arguments]
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("instructions", ["_is_amx_tile_supported", "_is_avx512_bf16_supported", None])
def test_a_processor_trains_in_bfloat16_only_where_it_multiplies_in_it(
    monkeypatch: pytest.MonkeyPatch, instructions: Optional[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for one in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(f"torch.cpu.{one}", lambda has=one == instructions: has, raising=False)
    assert precision_of(Schedule()) == ("bf16-mixed" if instructions else "32-true")
    assert precision_of(Schedule(precision="32-true")) == "32-true"


def write_folder(folder: Path, count: int) -> None:
    endings = (".nrrd", ".nii.gz")
    for seed in range(count):
        t2, dwi, nodes = patient(seed)
        place = folder / f"patient{seed}"
        place.mkdir(parents=True)
        masks = t2.with_array(nodes.astype(np.uint8))
        for name, image in (("t2", t2), ("dwi", dwi), ("mask", masks)):
            sitk.WriteImage(image.to_sitk(), str(place / f"{name}{endings[seed % 2]}"))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_from_own_cases_to_a_model_that_segments(tmp_path: Path) -> None:
    write_folder(tmp_path / "cases", 6)
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(source=tmp_path / "cases", cache=tmp_path / "cache", steps=80))
    prepared = run("prepare", "--config", str(config))
    assert prepared.returncode == 0, prepared.stderr
    assert "6 cases are ready" in prepared.stdout

    out = tmp_path / "run"
    first = run("train", "--config", str(config), "--out", str(out))
    assert first.returncode == 0, first.stderr
    config.write_text(CONFIG.format(source=tmp_path / "cases", cache=tmp_path / "cache", steps=320))
    resumed = run("train", "--config", str(config), "--out", str(out), "--resume", str(out / "last.ckpt"))
    assert resumed.returncode == 0, resumed.stderr
    curves = (out / "curves" / "version_1" / "metrics.csv").read_text()
    assert "validation_iou" in curves
    assert ",99," in curves  # steps count on from the 80 of the first run
    assert ",19," not in curves

    model_file = tmp_path / "own.pt"
    exported = run("export", "--checkpoint", str(out / "last.ckpt"), "--out", str(model_file))
    assert exported.returncode == 0, exported.stderr
    with pytest.raises(InputError, match="--trust-model"):
        load_model(str(model_file))
    model = load_model(str(model_file), trust_unlisted=True)
    assert model.notice == "Own weights."
    assert 1 <= model.card["training"]["cases"] <= 5  # of 6; the rest were held out
    assert model.card["calibration"]["after"]["expected_calibration_error"] < 0.2

    t2, dwi, nodes = patient(seed=77)
    found = segment_image(t2, dwi, np.ones(nodes.shape, dtype=bool), model).array > 0.5
    assert overlap_of(found, nodes) > 0.6

    for name, image in (("t2", t2), ("dwi", dwi)):
        sitk.WriteImage(image.to_sitk(), str(tmp_path / f"{name}.nrrd"))
    inputs = ["--t2", str(tmp_path / "t2.nrrd"), "--dwi", str(tmp_path / "dwi.nrrd")]
    result = tmp_path / "result"
    options = ["--model", str(model_file), "--trust-model", "--registration", "none", "--out", str(result)]
    segmented = run("segment", *inputs, *options, module="LymphNodeSegLib.cli")
    assert segmented.returncode == 0, segmented.stderr
    assert "Own weights." in segmented.stdout
    probability = sitk.GetArrayFromImage(sitk.ReadImage(str(result / "probability.nrrd")))
    assert overlap_of(probability > 0.5, nodes) > 0.6


def test_a_folder_without_cases_is_one_line(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(source=tmp_path, cache=tmp_path / "cache", steps=1))
    result = run("prepare", "--config", str(config))
    assert result.returncode == 2
    assert result.stderr.strip().startswith("Error: There are no cases")
    assert "Traceback" not in result.stderr
