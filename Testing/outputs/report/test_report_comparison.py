"""The follow-up page: every node then and now, at the same place of the patient."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.nodes.followup import Comparison, NodeChange
from LymphNodeSegLib.nodes.rigid import Alignment
from LymphNodeSegLib.outputs.report.comparison_page import write_comparison_page
from PIL import Image as PillowImage
from scipy import ndimage

SHIFT_MM = np.array([4.0, -7.0, 2.0])  # from the current study to the prior one
CREATED = "2026-11-21T09:30:00+00:00"


def pictures(html: str) -> dict[str, np.ndarray]:
    """Gray pixels of each picture, by what it says it shows."""
    found = re.findall(r'aria-label="([^"]+)"><image href="data:image/jpeg;base64,([^"]+)"', html)
    return {
        label: np.asarray(PillowImage.open(io.BytesIO(base64.b64decode(jpeg)))).astype(float)
        for label, jpeg in found
    }


def from_middle_mm(picture: np.ndarray) -> np.ndarray:
    """Where the bright spot in the middle of a picture of 50 mm lies, from that middle, x and y."""
    labels, _ = ndimage.label(picture > 0.6 * picture.max())
    rows, columns = picture.shape
    number = labels[rows // 2, columns // 2]
    assert number, "nothing bright in the middle"
    row, column = ndimage.center_of_mass(labels == number)
    return (np.array([column, row]) + 0.5 - np.array([columns, rows]) / 2) * 50 / rows


@pytest.fixture
def html(builder, tmp_path: Path) -> str:
    """One node that grew, one new, one vanished; the prior study on another grid, moved as a whole."""
    places = np.array([(-14.0, 0.0, 0.0), (14.0, 6.0, 3.0), (0.0, -22.0, 0.0)])
    now = builder(np.eye(3), places[:2], (6.0, 4.0), markers_mm=places[2:])
    turn = np.array([[-1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])
    then = builder(
        turn,
        [places[0] + SHIFT_MM, places[2] + SHIFT_MM],
        (4.5, 2.5),
        markers_mm=[places[1] + SHIFT_MM],
    )
    alignment = Alignment(sitk.TranslationTransform(3, SHIFT_MM.tolist()), 0.2, 0.9)
    change = NodeChange(then.nodes[0], now.nodes[0], 0.5, 3.0, 120.0, "grown")
    comparison = Comparison(
        (change,), (now.nodes[1],), (then.nodes[1],), "progressive disease", "<New> node.", alignment
    )
    path = tmp_path / "comparison.html"
    write_comparison_page(path, comparison, then.t2, now.t2, CREATED)
    return path.read_text(encoding="utf-8")


def test_leads_with_what_changed(html: str) -> None:
    assert "<h1>1 new, 1 vanished, 1 grown</h1>" in html
    assert "suggested: <strong>progressive disease</strong>" in html
    assert "&lt;New&gt; node." in html
    assert "Research use only" in html
    assert "suggestions: check each on the images" in html


def test_each_node_is_shown_in_both_studies(html: str) -> None:
    found = pictures(html)
    assert [label.split(",")[0] for label in found] == [
        "Nothing outlined at the same place on Prior T2",
        "LN002 outlined on Current T2",
        "LN002 outlined on Prior T2",
        "Nothing outlined at the same place on Current T2",
        "LN001 outlined on Prior T2",
        "LN001 outlined on Current T2",
    ]
    for picture in found.values():
        assert from_middle_mm(picture) == pytest.approx((0.0, 0.0), abs=1.0)


def test_place_beyond_the_other_study_is_said(builder, tmp_path: Path) -> None:
    now = builder(np.eye(3))
    alignment = Alignment(sitk.TranslationTransform(3, (0.0, 0.0, 90.0)), 0.2, 0.9)
    path = tmp_path / "comparison.html"
    write_comparison_page(path, Comparison((), now.nodes, (), "", "", alignment), now.t2, now.t2, CREATED)
    assert "outside the field of view" in path.read_text(encoding="utf-8")


def test_nothing_to_compare(builder, tmp_path: Path) -> None:
    case = builder(np.eye(3))
    path = tmp_path / "comparison.html"
    alignment = Alignment(sitk.TranslationTransform(3), 0.9, 0.9)
    write_comparison_page(path, Comparison((), (), (), "", "", alignment), case.t2, case.t2, CREATED)
    assert "<h1>No nodes</h1>" in path.read_text(encoding="utf-8")
