"""A phantom as a study: repeatable, well-formed, with the contrasts of the literature, and quick."""

from __future__ import annotations

import time

import numpy as np
import pytest
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.phantom import Phantom, make_phantom
from LymphNodeSegLib.phantom.mixtures import MIXTURES
from LymphNodeSegLib.phantom.tissues import TISSUES, Protocol, signal_of

PROTOCOL = Protocol(4000, 100, 6000, 70, (0.0, 1000.0))


def t2(name: str) -> float:
    return signal_of(TISSUES[name], PROTOCOL).t2


def b1000(name: str) -> float:
    return float(signal_of(TISSUES[name], PROTOCOL).dwi[1])


def test_same_seed_same_study(axial: Phantom) -> None:
    again = make_phantom(3, plane="axial")
    assert again.nodes == axial.nodes
    for one, other in zip((axial.t2, axial.adc, *axial.dwi_series), (again.t2, again.adc, *again.dwi_series)):
        assert one.geometry == other.geometry
        np.testing.assert_array_equal(one.array, other.array)
    np.testing.assert_array_equal(axial.labels, again.labels)
    np.testing.assert_array_equal(axial.displacement_lps_mm, again.displacement_lps_mm)


def test_another_seed_or_difficulty_is_another_patient(axial: Phantom) -> None:
    hard = make_phantom(3, "hard", plane="axial")
    assert hard.nodes != axial.nodes


def test_unknown_wishes_are_refused() -> None:
    with pytest.raises(InputError, match="difficulty"):
        make_phantom(1, "easy")
    with pytest.raises(InputError, match="plane"):
        make_phantom(1, plane="coronal")


@pytest.mark.parametrize("name", ["axial", "sagittal"])
def test_study_is_well_formed(name: str, request: pytest.FixtureRequest) -> None:
    phantom: Phantom = request.getfixturevalue(name)
    assert name in phantom.t2.geometry.plane
    b_values = [image.acquisition.b_value_s_mm2 for image in phantom.dwi_series]
    assert b_values == sorted(b_values)
    assert 500 <= b_values[-1] <= 1500
    dwi = phantom.dwi_series[-1].geometry
    assert dwi.spacing_mm[0] > 1.5 * phantom.t2.geometry.spacing_mm[0]
    assert phantom.adc.geometry == dwi
    assert phantom.displacement_lps_mm.shape == (*phantom.t2.array.shape, 3)
    present = set(np.unique(phantom.labels)) - {0}
    assert present == {node.label for node in phantom.nodes}
    for image in (phantom.t2, phantom.adc, *phantom.dwi_series):
        assert np.isfinite(image.array).all()
        assert image.array.dtype == np.float32
    assert (phantom.labels.reshape(len(phantom.labels), -1).max(axis=1) == 0).any(), "no slice without a node"


def test_known_nodes_have_their_volume(axial: Phantom, sagittal: Phantom) -> None:
    voxel_true, exact = 0.0, 0.0
    for phantom in (axial, sagittal):
        for node in phantom.nodes:
            if node.complete and node.short_axis_mm > 5:
                exact += node.volume_mm3
                count = (phantom.labels == node.label).sum()
                voxel_true += count * phantom.t2.geometry.voxel_volume_mm3
    assert exact > 0
    assert voxel_true == pytest.approx(exact, rel=0.12)


def test_displacement_is_as_large_as_in_patients() -> None:
    """2 to 8 mm along the phase encoding (prostate 4.4, cervix 3.3, hips 8.1 mm on average)."""
    phantom = make_phantom(11, "hard", plane="axial")
    along = np.abs(phantom.displacement_lps_mm @ np.array(phantom.phase_encoding_lps))
    assert 1.5 < float(np.sqrt((along**2).mean())) < 9.0
    across = np.linalg.norm(phantom.displacement_lps_mm, axis=-1) - along
    assert float(across.max()) < float(along.max())


def test_nodes_come_in_all_sizes_and_at_all_stations() -> None:
    from LymphNodeSegLib.phantom.lymph_nodes import draw_short_axis

    rng = np.random.default_rng(0)
    sizes = np.array([draw_short_axis(rng, 0.3) for _ in range(2000)])
    assert sizes.min() < 2.5
    assert sizes.max() > 20
    assert 0.2 < (sizes >= 8).mean() < 0.5


def test_t2_contrast_follows_the_table() -> None:
    dark_to_bright = ["cortex", "muscle", "junctional_zone", "myometrium", "node", "ovary", "urine"]
    values = [t2(name) for name in dark_to_bright]
    assert values == sorted(values)
    assert t2("follicle") == pytest.approx(2.0, rel=0.15)
    assert t2("muscle") == pytest.approx(0.09, abs=0.03)
    assert t2("myometrium") == pytest.approx(0.74, abs=0.08)
    assert t2("cervix") == pytest.approx(0.78, abs=0.08)
    assert t2("flow_void") < 0.1
    assert t2("marrow") < t2("fat")


def test_high_b_contrast_follows_the_table() -> None:
    """Relative to a metastatic node: myometrium 0.38, cervix 0.33, water 0.16, endometrium 0.73."""
    node = b1000("node") * np.exp(TISSUES["node"].adc - 0.77)
    assert b1000("myometrium") / node == pytest.approx(0.38, abs=0.1)
    assert b1000("cervix") / node == pytest.approx(0.33, abs=0.1)
    assert b1000("urine") / node == pytest.approx(0.16, abs=0.08)
    assert b1000("endometrium") / node == pytest.approx(0.73, abs=0.15)
    assert b1000("muscle") / node < 0.15
    assert b1000("flow_void") / node < 0.01
    assert b1000("blood") / node > 0.4, "a slow vein must be able to fool a reader"


def test_t2_does_not_tell_malignant_from_benign() -> None:
    from LymphNodeSegLib.phantom.anatomy import Body
    from LymphNodeSegLib.phantom.lymph_nodes import node_layers
    from LymphNodeSegLib.phantom.shapes import Ellipsoid
    from LymphNodeSegLib.phantom.tissues import Palette
    from LymphNodeSegLib.phantom.truth import Draft

    rng = np.random.default_rng(2)
    body = Body(rng, Palette(rng, PROTOCOL, 0.0))
    shape = Ellipsoid((0, 0, 0), (5, 5, 5))
    seen = {
        malignant: np.array(
            [
                (layer.signal.t2, layer.signal.dwi[1] / layer.signal.dwi[0])
                for layer in (
                    node_layers(body, Draft(shape, "left", "obturator", "plain", malignant))[0]
                    for _ in range(300)
                )
            ]
        ).mean(axis=0)
        for malignant in (False, True)
    }
    assert seen[True][0] == pytest.approx(seen[False][0], rel=0.05)
    assert seen[True][1] > 1.15 * seen[False][1]


def test_hard_is_harder_in_every_respect() -> None:
    standard, hard = MIXTURES["standard"], MIXTURES["hard"]
    for name in (
        "displacement_mm",
        "gas_mm",
        "t2_noise",
        "dwi_noise",
        "residual_fat",
        "fat_failure",
        "ghost",
    ):
        assert sum(getattr(hard, name)) > sum(getattr(standard, name)), name


@pytest.mark.slow  # a time: it wants the machine for itself
def test_speed() -> None:
    """About 2.5 s of one core in itself; here against numpy's own work, as the machine may be busy."""
    start = time.process_time()
    a = np.linspace(0, 1, 320 * 320, dtype=np.float32)
    for _ in range(400):
        np.sqrt(a * a + a)
    unit = time.process_time() - start
    start = time.process_time()
    make_phantom(21, plane="axial")
    spent = time.process_time() - start
    assert spent < max(6.0, 60 * unit)
