"""Two studies of one synthetic patient: the comparison names what changed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes.followup import Comparison, compare_studies, comparison_as_dict
from LymphNodeSegLib.nodes.response import recist_category
from LymphNodeSegLib.nodes.rigid import align
from LymphNodeSegLib.nodes.unpaired import Unpaired
from LymphNodeSegLib.progress import Silent

# Center LPS mm, diameter mm then and now; 0 where there is no node.
NODES = {
    "grown 1": ((-40.0, -10.0, 30.0), 8.0, 12.0),
    "grown 2": ((42.0, 5.0, 12.0), 10.0, 14.0),
    "grown 3": ((-20.0, 25.0, -30.0), 6.0, 8.5),
    "stable 1": ((30.0, -25.0, -12.0), 9.0, 9.0),
    "stable 2": ((0.0, 35.0, 20.0), 5.0, 5.0),
    "vanished": ((-45.0, 20.0, 0.0), 8.0, 0.0),
    "new": ((46.0, 25.0, -32.0), 0.0, 7.0),
}


def rotation(degrees: tuple[float, float, float]) -> np.ndarray:
    a, b, c = np.radians(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def study(geometry: Geometry, when: int, turn: np.ndarray, shift_mm: np.ndarray) -> tuple[Image, Image]:
    """A T2-like image of the patient, moved rigidly, and the label map of the nodes there at that time."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.size_ijk), indexing="ij"), axis=-1)
    points = (geometry.lps_from_ijk(index.transpose(2, 1, 0, 3)) - shift_mm) @ turn  # back into the patient
    x, y, z = np.moveaxis(points, -1, 0)
    body = (x / 85) ** 2 + (y / 60) ** 2 + (z / 150) ** 2 < 1
    waves = np.sin(x / 7) * np.cos(y / 9) + np.sin(z / 8 + x / 15) + np.cos(y / 6 - z / 13)
    organ = ((x - 5) / 22) ** 2 + ((y + 8) / 18) ** 2 + ((z - 10) / 25) ** 2 < 1
    image = np.where(body, 300 + 60 * waves + 250 * organ, 5.0)
    labels = np.zeros(image.shape, np.uint16)
    for center, *diameters in NODES.values():
        inside = ((points - center) ** 2).sum(axis=-1) <= (diameters[when] / 2) ** 2
        if inside.any():
            labels[inside] = labels.max() + 1
            image[inside] = 220.0
    noise = np.random.default_rng(when).normal(0, 12, image.shape)
    t2 = Image((image + noise).astype(np.float32), geometry)
    return t2, t2.with_array(labels)


@pytest.fixture(scope="module")
def two_studies() -> tuple[Image, Image, Image, Image]:
    tilted = rotation((8.0, 0.0, 3.0))
    then = Geometry((140, 110, 32), (-85.0, -65.0, -55.0), (1.2, 1.2, 3.5))
    origin = tuple(float(v) for v in tilted @ (-90.0, -70.0, -60.0))
    now = Geometry((130, 116, 36), origin, (1.35, 1.25, 3.3), tuple(tilted.ravel()))
    moved = study(now, 1, rotation((4.0, -3.0, 6.0)), np.array([9.0, -6.0, 14.0]))
    return (*study(then, 0, np.eye(3), np.zeros(3)), *moved)


@pytest.fixture(scope="module")
def comparison(two_studies: tuple[Image, Image, Image, Image]) -> Comparison:
    return compare_studies(*two_studies)


def name_of(node: object, turn: np.ndarray, shift_mm: np.ndarray) -> str:
    lps = np.array(node.centroid_ras_mm) * (-1, -1, 1)  # type: ignore[attr-defined]
    in_patient = turn.T @ (lps - shift_mm)
    return min(NODES, key=lambda name: float(np.linalg.norm(in_patient - NODES[name][0])))


def test_names_exactly_what_changed(comparison: Comparison) -> None:
    turn, shift_mm = rotation((4.0, -3.0, 6.0)), np.array([9.0, -6.0, 14.0])
    verdicts = {}
    for change in comparison.matched:
        now, then = name_of(change.current, turn, shift_mm), name_of(change.prior, np.eye(3), np.zeros(3))
        assert now == then
        verdicts[now] = change.verdict
    assert verdicts == {name: name.split()[0] for name in NODES if name[:3] in ("gro", "sta")}
    assert [name_of(node, turn, shift_mm) for node in comparison.new] == ["new"]
    assert [name_of(node, np.eye(3), np.zeros(3)) for node in comparison.vanished] == ["vanished"]
    assert comparison.notes == ()


def test_changes_are_those_of_the_nodes(comparison: Comparison) -> None:
    grown = next(c for c in comparison.matched if abs(c.prior.volume_mm3 - 524) < 80 and c.verdict == "grown")
    assert grown.short_axis_change_mm == pytest.approx(4.0, abs=0.6)
    assert grown.volume_change_percent == pytest.approx(100 * (1.4**3 - 1), abs=35)
    assert all(change.distance_mm < 1.0 for change in comparison.matched)


def test_alignment_is_the_movement(comparison: Comparison) -> None:
    turn, shift_mm = rotation((4.0, -3.0, 6.0)), np.array([9.0, -6.0, 14.0])
    for corner in np.array(np.meshgrid([-60.0, 60.0], [-40.0, 40.0], [-40.0, 40.0])).reshape(3, -1).T:
        now = turn @ corner + shift_mm
        assert np.linalg.norm(np.array(comparison.alignment.transform.TransformPoint(now)) - corner) < 1.0


def test_the_same_studies_align_the_same(
    two_studies: tuple[Image, Image, Image, Image], comparison: Comparison
) -> None:
    prior_t2, _, current_t2, _ = two_studies
    again = align(prior_t2, current_t2, Silent()).transform
    assert again.GetParameters() == pytest.approx(comparison.alignment.transform.GetParameters(), abs=1e-9)


def test_plain_values_for_the_file(comparison: Comparison) -> None:
    import json

    plain = json.loads(json.dumps(comparison_as_dict(comparison)))
    assert len(plain["matched"]) == 5
    assert [node["id"] for node in plain["new"]] == ["LN006"]
    assert plain["recist"]["suggestion"] is True


def test_nothing_is_concluded_from_studies_that_do_not_align(
    two_studies: tuple[Image, Image, Image, Image],
) -> None:
    """Of two patients, or with the wrong series: new nodes of 10 mm there would be progressive disease."""
    prior_t2, prior_labels, current_t2, current_labels = two_studies
    noise = np.random.default_rng(5).normal(300, 60, prior_t2.array.shape).astype(np.float32)
    compared = compare_studies(prior_t2.with_array(noise), prior_labels, current_t2, current_labels)
    assert compared.recist == "not evaluable"
    assert compared.recist_reason == "The two studies align poorly."
    assert "are they of one patient?" in compared.notes[0]


def test_labels_off_their_t2_are_refused(two_studies: tuple[Image, Image, Image, Image]) -> None:
    prior_t2, _, current_t2, current_labels = two_studies
    with pytest.raises(InputError, match="does not lie on the prior T2"):
        compare_studies(prior_t2, current_labels, current_t2, current_labels)


def node(short_mm: float) -> object:
    from types import SimpleNamespace

    return SimpleNamespace(short_axis_mm=short_mm, id="LN001")


@pytest.mark.parametrize(
    ("pairs", "new", "vanished", "category"),
    [
        ([(20, 12)], [], [], "partial response"),  # 40 % less
        ([(20, 15)], [], [], "stable disease"),  # 25 % less
        ([(20, 24.5)], [], [], "stable disease"),  # 22 % more, but only 4.5 mm
        ([(20, 26)], [], [], "progressive disease"),
        ([(20, 9)], [], [], "complete response"),
        ([(20, 9), (12, 11)], [], [], "partial response"),
        ([(20, 9)], [11], [], "progressive disease"),
        ([(20, 16)], [8], [], "stable disease"),
        ([], [], [18], "complete response"),
        ([(6, 7)], [], [], "not evaluable"),
        ([(16, 16), (17, 17), (30, 40)], [], [], "progressive disease"),  # two largest: 47 to 57
    ],
)
def test_recist_category(
    pairs: list[tuple[float, float]], new: list[float], vanished: list[float], category: str
) -> None:
    matched = [(node(a), node(b)) for a, b in pairs]
    alone = [Unpaired(tuple(map(node, sizes))) for sizes in (new, vanished)]
    assert recist_category(matched, *alone)[0] == category


def test_a_normal_node_that_becomes_pathological_is_named() -> None:
    category, reason = recist_category([(node(8), node(13)), (node(16), node(16))], Unpaired(), Unpaired())
    assert category == "stable disease"
    assert "from below 10 mm to above: LN001" in reason


def test_a_new_node_may_have_been_missed_before() -> None:
    category, reason = recist_category([(node(16), node(16))], Unpaired((node(12),)), Unpaired())
    assert category == "progressive disease"
    assert reason == "New node of at least 10 mm: LN001, unless it was missed in the prior study."


def test_alignment_of_two_real_scans_of_one_patient(shared_data: Path) -> None:
    """Two T2 of one prostate on different grids; moving one by a known amount moves the answer by it."""
    import SimpleITK as sitk
    from LymphNodeSegLib.images.study import load_series, scan_study

    prior, current = (load_series(series) for series in scan_study(shared_data / "slicetracker")[:2])
    still = align(prior, current, Silent())
    assert still.correlation_after > still.correlation_before
    known = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.05, -0.03, 0.06, (6.0, -9.0, 7.0))
    moved = prior.to_sitk()
    moved.SetOrigin(known.TransformPoint(moved.GetOrigin()))
    turn = np.array(known.GetMatrix()).reshape(3, 3) @ np.array(moved.GetDirection()).reshape(3, 3)
    moved.SetDirection(turn.ravel().tolist())
    again = align(Image.from_sitk(moved), current, Silent())
    middle = current.geometry.corners_lps_mm().mean(axis=0)
    for offset in np.array([(0, 0, 0), (40, 0, 0), (0, 40, 0), (0, 0, 15)]):
        point = (middle + offset).tolist()
        expected = known.TransformPoint(still.transform.TransformPoint(point))
        assert np.linalg.norm(np.subtract(again.transform.TransformPoint(point), expected)) < 1.5
