"""The pictures of RESULTS.md and of the model's card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from LymphNodeSegLib.images.image import Geometry, Image
from PIL import Image as Picture

from Training.pictures import BESIDE_PIXELS, BESIDE_SLICES, draw_beside, draw_reliability


def test_a_patient_beside_a_phantom(tmp_path: Path) -> None:
    geometry = Geometry((40, 40, 6), spacing_mm=(4.0, 4.0, 4.0))
    chance = np.random.default_rng(0)
    for name in ("t2", "dwi_registered"):
        image = Image(chance.normal(100, 20, (6, 40, 40)).astype(np.float32), geometry)
        sitk.WriteImage(image.to_sitk(), str(tmp_path / f"{name}.nrrd"))
    draw_beside(tmp_path / "t2.nrrd", tmp_path, [1004], "standard", tmp_path / "beside.png")
    drawn = np.asarray(Picture.open(tmp_path / "beside.png"))
    assert drawn.shape == (4 * BESIDE_PIXELS, BESIDE_SLICES * BESIDE_PIXELS)
    assert all(row.std() > 10 for row in np.split(drawn.astype(float), 4))


def test_the_curve_is_that_of_the_second_look_where_there_is_one(tmp_path: Path) -> None:
    def curve(shares: list[float]) -> dict:
        return {
            "expected_calibration_error": 0.1,
            "mean_probability": [0.1, 0.5, 0.9],
            "share_of_nodes": shares,
        }

    first, second = curve([0.1, 0.2, 0.3]), curve([0.1, 0.5, 0.9])
    card = {"calibration": {"before": first, "after": first}}
    both = {**card, "second_look": {"calibration": {"before": second, "after": second}}}
    only = {"calibration": both["second_look"]["calibration"]}
    for name, one in (("card", card), ("both", both), ("only", only)):
        draw_reliability(one, tmp_path / f"{name}.png")
    content = {name: (tmp_path / f"{name}.png").read_bytes() for name in ("card", "both", "only")}
    assert content["both"] == content["only"] != content["card"]
