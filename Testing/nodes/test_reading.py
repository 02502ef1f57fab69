"""Reading aids: the published rules, each labeled a suggestion."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes.measure import measure_nodes
from LymphNodeSegLib.nodes.reading import (
    Configuration,
    figo_suggestion,
    mr_positive,
    node_rads,
    size_class,
)
from LymphNodeSegLib.nodes.stations import Landmarks, find_landmarks, side_of
from LymphNodeSegLib.settings import Settings


@pytest.mark.parametrize(
    ("short_mm", "threshold", "expected"),
    [
        (9.99, 10, "normal"),
        (10.0, 10, "enlarged"),
        (14.99, 10, "enlarged"),
        (15.0, 10, "target"),
        (8.0, 8, "enlarged"),
        (7.9, 8, "normal"),
        (16.0, 18, "normal"),
        (None, 10, ""),
    ],
)
def test_size_class(short_mm: float, threshold: float, expected: str) -> None:
    assert size_class(short_mm, threshold) == expected


def test_mr_positive_from_ten_millimeters() -> None:
    assert [mr_positive(mm) for mm in (9.9, 10.0, None)] == [False, True, None]


def fake(
    axial_mm: float, longest_mm: float = 12.0, station: str = "", name: str = "LN001"
) -> SimpleNamespace:
    return SimpleNamespace(
        id=name,
        axial_short_axis_mm=axial_mm,
        short_axis_mm=axial_mm,
        long_axis_mm=longest_mm,
        max_diameter_3d_mm=longest_mm,
        station=station,
    )


@pytest.mark.parametrize(
    ("node", "points", "expected"),
    # The table of Elsholtz 2021: rows normal, enlarged, bulk; columns 0, 1, 2, 3 and more points.
    [
        *[(fake(9.9), (0, 0, 0), 1), (fake(9.9), (1, 0, 0), 2), (fake(9.9), (1, 1, 0), 3)],
        *[(fake(9.9), (1, 1, 1), 4), (fake(10), (0, 0, 0), 2), (fake(10), (0, 1, 0), 3)],
        *[(fake(10), (2, 0, 0), 4), (fake(10), (3, 1, 1), 5)],
        *[(fake(10, 30), (0, 0, 0), 5), (fake(5, 31), (3, 1, 1), 5)],
        *[(fake(14.9, station="inguinal"), (0, 0, 0), 1), (fake(15, station="inguinal"), (0, 0, 0), 2)],
        *[(fake(4.9, station="obturator"), (0, 0, 0), 1), (fake(5, station="mesorectal"), (0, 0, 0), 2)],
    ],
)
def test_node_rads(node: SimpleNamespace, points: tuple[int, int, int], expected: int) -> None:
    assert node_rads(node, Configuration(*points)) == expected


def test_growth_makes_a_node_enlarged() -> None:
    assert node_rads(fake(7), Configuration(0, 0, 0), growth_mm=2.0) == 2
    assert node_rads(fake(7), Configuration(0, 0, 0), growth_mm=1.9) == 1


def test_configuration_is_checked() -> None:
    with pytest.raises(InputError, match="border of 2"):
        Configuration(0, 2, 0)


@pytest.mark.parametrize(
    ("stations", "expected"),
    [
        (["external iliac", "para-aortic"], "possible FIGO IIIC2 (r)"),
        (["external iliac"], "possible FIGO IIIC1 (r)"),
        (["unknown"], "if the enlarged nodes are pelvic"),
    ],
)
def test_figo_is_a_suggestion(stations: list[str], expected: str) -> None:
    sentence = figo_suggestion([fake(12, station=s) for s in stations], 10)
    assert expected in sentence
    assert sentence.startswith("Suggestion")


def test_figo_says_nothing_without_an_enlarged_regional_node() -> None:
    assert figo_suggestion([fake(9, station="para-aortic")], 10) == ""
    assert figo_suggestion([fake(12, station="inguinal")], 10) == ""


@pytest.mark.parametrize(("x_ras", "side"), [(-60, "left"), (-25, "midline"), (20, "right")])
def test_side_is_told_from_the_body_not_from_the_scanner(x_ras: float, side: str) -> None:
    """The body's middle lies 30 mm to the left of the scanner's zero."""
    assert side_of((x_ras, 0, 0), Landmarks(30.0, 0.6)) == side
    assert side_of((x_ras, 0, 0), Landmarks(None, 0.1)) == "unknown"


def pelvis(middle_mm: float, noise: float = 10.0) -> Image:
    """Two hips, a bladder, and a mass on one side; sagittally oblique grid would do as well."""
    geometry = Geometry((90, 80, 20), (middle_mm - 95, -80.0, -40.0), (2.1, 2.1, 4.0))
    index = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.size_ijk), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(geometry.lps_from_ijk(index.transpose(2, 1, 0, 3)), -1, 0)
    x = x - middle_mm
    image = np.full(x.shape, 100.0)
    image[(abs(x) - 70) ** 2 + y**2 < 30**2] = 250
    image[x**2 + (y + 30) ** 2 + z**2 < 25**2] = 400
    image[(x - 40) ** 2 + (y - 30) ** 2 + z**2 < 12**2] = 300
    return Image(image + np.random.default_rng(0).normal(0, noise, image.shape), geometry)


@pytest.mark.parametrize("middle_mm", [-22.0, 0.0, 35.0])
def test_plane_of_symmetry(middle_mm: float) -> None:
    landmarks = find_landmarks(pelvis(middle_mm))
    assert landmarks.midline_lps_mm == pytest.approx(middle_mm, abs=3.0)


def test_no_symmetry_no_side() -> None:
    image = pelvis(0.0)
    noise = image.with_array(np.random.default_rng(1).normal(100, 20, image.array.shape))
    assert find_landmarks(noise).midline_lps_mm is None


def test_real_patient_lies_off_center(prostatex: Path) -> None:
    """In ProstateX-0000 the symphysis and the anal canal lie 36 mm left of the scanner's zero."""
    from LymphNodeSegLib.images.study import load_study

    landmarks = find_landmarks(load_study(prostatex).t2)
    assert landmarks.midline_lps_mm == pytest.approx(36.5, abs=4.0)


def hinted(inside: float, center: tuple[float, float]) -> tuple[str, ...]:
    """Notes of a node of 12 mm on fat, with a bright spot of 5 mm at an offset from its middle."""
    geometry = Geometry((60, 60, 9), (0, 0, 0), (0.6, 0.6, 3.0))
    k, j, i = np.meshgrid(np.arange(9), np.arange(60), np.arange(60), indexing="ij")
    x, y, z = i * 0.6 - 18, j * 0.6 - 18, k * 3.0 - 12
    labels = (x**2 + y**2 + z**2 <= 36).astype(np.uint16)
    image = np.where(labels > 0, 200.0, 500.0) + np.random.default_rng(0).normal(0, 12, labels.shape)
    spot = (x - center[0]) ** 2 + (y - center[1]) ** 2 + z**2 <= 2.5**2
    image[spot & (labels > 0)] += inside
    return measure_nodes(Image(labels, geometry), t2=Image(image, geometry))[0].notes


def test_hints_from_the_inside_of_a_node() -> None:
    for center in ((0, 0), (4.5, 0)):
        (note,) = hinted(250, center)
        assert note.startswith("Hint")
        assert "fatty hilum, or necrosis" in note
    assert hinted(0, (0, 0)) == ()


@pytest.mark.parametrize(
    ("adc_um2_s", "aids", "wanted"), [(2579, True, 1), (1400, True, 0), (2579, False, 0)]
)
def test_an_adc_near_that_of_fluid_is_hinted_at(adc_um2_s: float, aids: bool, wanted: int) -> None:
    labels = np.zeros((4, 20, 20), np.uint16)
    labels[1:3, 8:13, 8:14] = 1
    image = Image(labels, Geometry((20, 20, 4), (0, 0, 0), (0.6, 0.6, 3.0)))
    adc = image.with_array(np.full(labels.shape, adc_um2_s, np.float32))
    (node,) = measure_nodes(image, adc=adc, settings=Settings(reading_aids=aids))
    assert len(node.notes) == wanted
    assert all(note.startswith("Hint") and "2.58 x 10⁻³ mm²/s" in note for note in node.notes)


@pytest.mark.parametrize(("flags", "wanted"), [([], True), (["--no-reading-aids"], False)])
def test_one_setting_turns_the_reading_aids_off(
    flags: list[str], wanted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from LymphNodeSegLib import cli, pipeline
    from LymphNodeSegLib.errors import Cancelled
    from LymphNodeSegLib.job import Job
    from typer.testing import CliRunner

    jobs: list[Job] = []

    def run(job: Job, progress: object) -> None:
        jobs.append(job)
        raise Cancelled

    monkeypatch.setattr(pipeline, "segment", run)
    arguments = ["segment", "--study", str(tmp_path), "--out", str(tmp_path / "out"), "--progress", "none"]
    assert CliRunner().invoke(cli.app, [*arguments, *flags]).exit_code == 3
    assert jobs[0].settings.reading_aids is wanted
