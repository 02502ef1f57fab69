"""A node that one study outlines: new or gone, or also seen on the other one's images, not outlined there."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes import followup
from LymphNodeSegLib.nodes.followup import Comparison, compare_studies, comparison_as_dict
from LymphNodeSegLib.nodes.response import recist_category
from LymphNodeSegLib.nodes.rigid import Alignment
from LymphNodeSegLib.nodes.unpaired import Unpaired
from LymphNodeSegLib.outputs.report.comparison_page import rows_of, write_comparison_page

# Center LPS mm, diameter mm then and now; 0 where there is no node.
NODES = {
    "stays": ((-30.0, 0.0, 0.0), 9.0, 9.0),
    "beside a vessel": ((22.0, 7.5, 4.0), 11.0, 11.0),
    "grows": ((-8.0, -18.0, -8.0), 8.0, 11.0),
    "new": ((28.0, -18.0, -4.0), 0.0, 11.0),
    "gone": ((-24.0, 20.0, 8.0), 8.0, 0.0),
}
THEN, NOW = 0, 1
MOVED = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.05, -0.04, 0.09, (6.0, -4.0, 8.0))  # from now to then
# Signal of fat, muscle, vessel, node.
T2, DWI = (400.0, 110.0, 60.0, 240.0), (15.0, 35.0, 8.0, 160.0)


@dataclass(frozen=True)
class Study:
    """Images of the patient, and which node each label is."""

    t2: Image
    dwi: Image
    labels: Image
    who: dict[str, str]


@cache
def study(when: int) -> Study:
    """The patient then or now: now on other pixels and slices, turned and moved, of another intensity."""
    if when == THEN:
        grid, to_then, scale = Geometry((110, 90, 16), (-44.0, -36.0, -24.0), (0.8, 0.8, 3.3)), None, 1.0
    else:
        grid, to_then, scale = Geometry((80, 66, 13), (-46.0, -30.0, -32.0), (1.0, 1.05, 4.0)), MOVED, 0.37
    k, j, i = np.indices(grid.size_ijk[::-1])
    points = grid.lps_from_ijk(np.stack([i, j, k], axis=-1))
    if to_then is not None:
        turn = np.array(to_then.GetMatrix()).reshape(3, 3)
        points = points @ turn.T + np.array(to_then.GetTranslation())
    x, y, z = np.moveaxis(points, -1, 0)
    tissue = np.zeros(x.shape, int)
    tissue[(np.abs(x + 0.3 * z) > 38) | (y > 30 + 2 * np.sin(x / 6))] = 1
    for across, along in ((22.0, -2.0), (-16.0, 3.0)):
        tissue[(x - across) ** 2 + (y - along - 0.2 * z) ** 2 < 4.0**2] = 2
    labels, who = np.zeros(x.shape, np.uint16), {}
    for name, (center, *diameters) in NODES.items():
        inside = ((points - center) ** 2).sum(axis=-1) < (diameters[when] / 2) ** 2
        if inside.any():
            tissue[inside] = 3
            labels[inside] = len(who) + 1
            who[f"LN{len(who) + 1:03d}"] = name
    waves = 1 + 0.05 * np.sin(x / 4) * np.cos(y / 5 + z / 6)
    rng = np.random.default_rng(when)
    t2, dwi = (
        Image((scale * (np.array(v)[tissue] * waves + rng.normal(0, n, x.shape))).astype(np.float32), grid)
        for v, n in ((T2, 14.0), (DWI, 6.0))
    )
    return Study(t2, dwi, t2.with_array(labels), who)


def without(one: Study, *names: str) -> Study:
    """The study with nodes that nobody outlined."""
    gone = [int(name[2:]) for name, who in one.who.items() if who in names]
    return replace(
        one, labels=one.labels.with_array(np.where(np.isin(one.labels.array, gone), 0, one.labels.array))
    )


def compared(then: Study, now: Study, with_dwi: bool = True) -> Comparison:
    ids = [{int(name[2:]): name for name in one.who} for one in (then, now)]
    dwi = {"prior_dwi": then.dwi, "current_dwi": now.dwi} if with_dwi else {}
    with mock.patch.object(followup, "align", return_value=Alignment(MOVED, 0.5, 0.9)):
        return compare_studies(
            then.t2, then.labels, now.t2, now.labels, prior_ids=ids[0], current_ids=ids[1], **dwi
        )


def names(one: Study, nodes: tuple) -> list[str]:
    return [one.who[node.id] for node in nodes]


@pytest.mark.parametrize("with_dwi", [True, False])
def test_what_is_new_or_gone_stays_so(with_dwi: bool) -> None:
    then, now = study(THEN), study(NOW)
    found = compared(then, now, with_dwi)
    assert names(now, found.new) == ["new"]
    assert names(then, found.vanished) == ["gone"]
    assert found.not_outlined_before == found.not_outlined_now == ()
    assert found.surely_new == {found.new[0].id}
    assert found.surely_vanished == {found.vanished[0].id}


@pytest.mark.parametrize("with_dwi", [True, False])
@pytest.mark.parametrize("missed", ["stays", "beside a vessel"])
def test_a_node_that_nobody_outlined_before_is_not_new(missed: str, with_dwi: bool) -> None:
    then, now = without(study(THEN), missed), study(NOW)
    found = compared(then, now, with_dwi)
    assert names(now, found.new) == ["new"]
    assert names(now, found.not_outlined_before) == [missed]


def test_a_node_that_grew_is_known_again() -> None:
    """By DWI; from T2 alone nothing is sure of it."""
    then, now = without(study(THEN), "grows"), study(NOW)
    assert names(now, compared(then, now).not_outlined_before) == ["grows"]
    alone = compared(then, now, with_dwi=False)
    assert {now.who[name] for name in alone.surely_new} == {"new"}


@pytest.mark.parametrize("with_dwi", [True, False])
@pytest.mark.parametrize("missed", ["stays", "beside a vessel"])
def test_a_node_that_nobody_outlined_now_has_not_vanished(missed: str, with_dwi: bool) -> None:
    then, now = study(THEN), without(study(NOW), missed)
    found = compared(then, now, with_dwi)
    assert names(then, found.vanished) == ["gone"]
    assert names(then, found.not_outlined_now) == [missed]


def test_a_missed_pathological_node_is_no_progress() -> None:
    """Of 11 mm in both studies: until it is outlined in both, nothing is said of the response."""
    then, now = without(study(THEN), "beside a vessel", "grows"), without(study(NOW), "new", "grows")
    found = compared(then, now)
    assert found.recist == "not evaluable"
    (node,) = found.not_outlined_before
    assert found.recist_reason == (
        f"Also seen on the prior images, not outlined there: {node.id} of the current study; outline there "
        "and compare again."
    )


def test_a_surely_new_node_is_progress() -> None:
    found = compared(without(study(THEN), "beside a vessel"), study(NOW))
    assert found.recist == "progressive disease"
    assert found.recist_reason == (
        f"New node of at least 10 mm: {found.new[0].id}; the prior images show no such thing."
    )


def test_where_the_images_do_not_tell_it_may_have_been_missed() -> None:
    """The prior T2 is void there: nothing is known of the place."""
    then, now = without(study(THEN), "beside a vessel"), without(study(NOW), "new")
    t2 = then.t2.array.copy()
    t2[:, 40:, 60:] = 0.0
    found = compared(replace(then, t2=then.t2.with_array(t2)), now)
    assert names(now, found.new) == ["beside a vessel"]
    assert (found.surely_new, found.not_outlined_before) == (frozenset(), ())
    assert found.recist_reason.endswith("unless it was missed in the prior study.")


def test_studies_that_align_poorly_are_not_looked_at() -> None:
    then, now = without(study(THEN), "stays"), study(NOW)
    with mock.patch.object(followup, "align", return_value=Alignment(MOVED, 0.1, 0.2)):
        found = compare_studies(then.t2, then.labels, now.t2, now.labels)
    assert (len(found.new), found.surely_new, found.not_outlined_before) == (2, frozenset(), ())


def test_files_say_what_is_uncertain(tmp_path: Path) -> None:
    then, now = without(study(THEN), "stays"), without(study(NOW), "beside a vessel")
    found = compared(then, now)
    plain = json.loads(json.dumps(comparison_as_dict(found)))
    (before,), (after,) = plain["not_outlined_before"], plain["not_outlined_now"]
    assert before["verdict"] == after["verdict"] == "uncertain"
    assert before["reason"].startswith("not outlined before: also seen on the prior images")
    assert after["reason"].startswith("not outlined now: also seen on the current images")
    assert [node["reason"] for node in plain["new"]] == ["the prior images show no such thing"]
    rows = [row for row in rows_of(found)["nodes"] if row["reason"].startswith("not outlined")]
    assert [(row["status"], row["id"], row["prior_id"]) for row in rows] == [
        ("uncertain", before["id"], None),
        ("uncertain", None, after["id"]),
    ]
    page = tmp_path / "comparison.html"
    write_comparison_page(page, found, then.t2, now.t2, "2026-11-27T01:00:00+00:00")
    html = page.read_text(encoding="utf-8")
    assert "<h1>1 new, 1 vanished, 1 grown, 2 uncertain</h1>" in html
    assert html.count("Nothing outlined at the same place on Prior T2") == 2
    for node in (before, after):
        assert html.count(f"<li>{node['reason']}</li>") == 1


def pathological(mm: float, name: str) -> object:
    from types import SimpleNamespace

    return SimpleNamespace(short_axis_mm=mm, id=name)


def test_a_node_of_the_prior_study_that_was_missed_leaves_the_response_open() -> None:
    """Unless the targets have grown enough without it."""
    pair, missed = (pathological(20, "LN001"), pathological(9, "LN001")), pathological(12, "LN002")
    category, reason = recist_category([pair], Unpaired(), Unpaired(seen=(missed,)))
    assert (category, reason[:34]) == ("not evaluable", "Also seen on the current images, n")
    small = Unpaired(seen=(pathological(6, "LN002"),))
    assert recist_category([pair], Unpaired(), small)[0] == "complete response"
    grown = (pathological(20, "LN001"), pathological(40, "LN001"))
    assert recist_category([grown], Unpaired(), Unpaired(seen=(missed,)))[0] == "progressive disease"


def test_one_surely_new_node_is_enough() -> None:
    nodes = (pathological(12, "LN001"), pathological(11, "LN002"))
    category, reason = recist_category([], Unpaired(nodes, frozenset({"LN002"})), Unpaired())
    assert category == "progressive disease"
    assert reason == "New node of at least 10 mm: LN002; the prior images show no such thing."


def test_a_response_that_rests_on_a_node_the_images_do_not_tell_of_says_so() -> None:
    gone = (pathological(18, "LN003"),)
    assert "unless" not in recist_category([], Unpaired(), Unpaired(gone, frozenset({"LN003"})))[1]
    category, reason = recist_category([], Unpaired(), Unpaired(gone))
    assert category == "complete response"
    assert reason.endswith("LN003 counts as vanished, unless it was missed in the current study.")
