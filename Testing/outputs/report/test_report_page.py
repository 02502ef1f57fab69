"""The report as a page: complete, self-contained, correct HTML whatever comes in."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from LymphNodeSegLib.colors import SIZE_CLASS_COLORS
from LymphNodeSegLib.nodes.node import Diameter
from LymphNodeSegLib.nodes.reading import Configuration
from LymphNodeSegLib.settings import Settings

VOID = {"meta", "br", "input", "img", "hr", "link"}
NASTY = "<script>alert('1')</script> & \"é\" \x00\x1b \u202e \udcff ]]> -->"


class Checker(HTMLParser):
    """Reads a page, checks that its tags are balanced and its ids unique, and keeps what is visible."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"
        ids = [values["id"] for _, values in self.tags if "id" in values]
        assert len(ids) == len(set(ids))

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "title"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def row(self, node_id: str) -> list[str]:
        """Cells of a node's row in the table; needs the words in order."""
        start = self.words.index(node_id, self.words.index("Measurements"))
        return self.words[start : start + 10]


def test_summary_names_count_enlarged_and_largest(builder, page) -> None:
    case = builder(np.eye(3), [(0, 0, 0), (20, 4, 0)], (8.5, 4.0), spacing_mm=(0.6, 0.6, 2.0))
    seen = Checker(page(case.report())).text
    assert "2 lymph nodes, 1 enlarged" in seen
    assert re.search(r"Largest short axis 1[67]\.\d mm \( ?LN001", seen)
    assert "Research use only. Not a medical device." in seen
    assert "Demonstration weights." in seen
    assert seen.index("not a medical device".capitalize()[1:]) < seen.index("2 lymph nodes")


def test_table_lists_the_largest_first(case, page) -> None:
    report = case.report(nodes=case.nodes[::-1])
    order = re.findall(r'<tr><th scope="row"><a href="#(LN\d+)"', page(report))
    assert order == ["LN001", "LN002"]
    html = page(report)
    assert f"<strong>{case.nodes[0].short_axis_mm:.1f}</strong>" in html
    # On a telephone each figure stands under its column's head.
    assert f'<td data-head="Volume, mm³">{case.nodes[1].volume_mm3:.0f}</td>' in html
    assert '<td data-head="Mean ADC, 10⁻³ mm²/s">0.90</td>' in html  # ADC of 900 um2/s


def test_every_link_and_picture_is_inside_the_page(case, page) -> None:
    html = page(case.report(comparison={"nodes": [{"status": "new", "id": "LN001"}]}))
    checker = Checker(html)
    ids = {values["id"] for _, values in checker.tags if "id" in values}
    for tag, values in checker.tags:
        assert tag not in {"script", "link", "iframe", "object", "base", "form"}
        assert not any(name.startswith("on") for name in values)
        for name in ("href", "src", "xlink:href", "data", "action"):
            target = values.get(name)
            if target is not None:
                assert target.startswith("data:image/jpeg;base64,") or target[1:] in ids
    style = re.search(r"<style>(.*?)</style>", html, re.S)[1]
    assert "url(" not in style
    assert "@import" not in style
    assert "http" not in re.sub(r"base64,[^\"]+", "", html)


def test_accessible(case, page) -> None:
    html = page(case.report())
    checker = Checker(html)
    assert ("html", {"lang": "en"}) in checker.tags
    pictures = [values for tag, values in checker.tags if tag == "svg"]
    assert len(pictures) == 3 + 2 * 3 + 2
    assert all(values["role"] == "img" and values["aria-label"] for values in pictures)
    heads = [values for tag, values in checker.tags if tag == "th"]
    assert {values["scope"] for values in heads} == {"col", "row"}
    assert html.count("<table>") == html.count("<caption>") == 3
    levels = [int(tag[1]) for tag, _ in checker.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:]))


def test_no_node_is_said_plainly(case, page) -> None:
    seen = Checker(page(case.report(nodes=()))).text
    assert "No lymph node found" in seen
    assert "does not exclude lymph nodes" in seen
    assert "Measurements" not in seen
    assert "Registration of DWI to T2" in seen


def test_node_without_figures(case, page, bare_node) -> None:
    html = page(case.report(nodes=(bare_node,)))
    checker = Checker(html)
    assert "1 lymph node, none enlarged" in checker.text
    assert not re.search(r"\b(None|nan)\b", checker.text)
    assert "–" in checker.row("LN001")
    assert "Too small to be measured." in checker.text
    assert 'class="axis' not in html


def test_not_a_number_is_a_dash(case, page) -> None:
    node = replace(case.nodes[0], mean_adc_um2_s=float("nan"), confidence=float("inf"))
    seen = Checker(page(case.report(nodes=(node,)))).text
    assert not re.search(r"\b(nan|inf)\b", seen)


def test_text_from_outside_is_shown_and_never_run(case, page) -> None:
    nasty = replace(case.t2, acquisition=replace(case.t2.acquisition, description=NASTY))
    registration = replace(
        case.registration, verdict=replace(case.registration.verdict, decision="rejected", reason=NASTY)
    )
    node = replace(case.nodes[0], station=NASTY, side='"><b>', notes=(NASTY,))
    html = page(
        case.report(
            t2=nasty,
            registration=registration,
            nodes=(node,),
            model_name=NASTY,
            model_card={"notice": NASTY, NASTY: {NASTY: NASTY}},
            choices=(NASTY,),
            warnings=("$notice ${main} %s {0}", NASTY),
            seconds={NASTY: 1.0},
            created=NASTY,
            comparison={"prior": NASTY, "reason": NASTY, "nodes": [{"status": NASTY, "id": NASTY}]},
        )
    )
    checker = Checker(html)
    assert not {"script", "b"} & {tag for tag, _ in checker.tags}
    assert "<script>alert('1')</script> & \"é\"" in checker.text
    assert "$notice ${main} %s {0}" in checker.text
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\ud800-\udfff]", html)


def test_reading_aids_can_be_left_out(case, page) -> None:
    nodes = tuple(replace(node, side="left", station="obturator", size_class="target") for node in case.nodes)
    shown = Checker(page(case.report(nodes=nodes))).text
    assert "suggested" in shown
    assert "left obturator" in shown
    hidden = page(case.report(nodes=nodes, settings=Settings(reading_aids=False)))
    body = hidden[hidden.index("<body>") :]
    for word in ("obturator", "target", "enlarged", "suggest"):
        assert word not in re.sub(r"base64,[^\"]+", "", body)


def test_model_card_is_summarized(case, page) -> None:
    card = {
        "training": {"cases": 60, "config": {"lr": 0.002}, "curve": [0.1] * 99},
        "stride": 16,
        "seen": [1, 2],
    }
    seen = Checker(page(case.report(model_card=card))).text
    assert "training cases 60 stride 16 seen 1, 2" in seen


def test_unknown_station_is_no_place(case, page) -> None:
    node = replace(case.nodes[0], side="left", station="unknown")
    seen = Checker(page(case.report(nodes=(node,)))).text
    assert "( LN001 , left)" in seen
    assert "left, station unknown" in seen  # the table says so
    assert "left unknown" not in seen


def test_node_rads_waits_for_the_readers_configuration(case, page) -> None:
    small, large, bulky = (
        replace(
            case.nodes[0],
            id=name,
            axial_short_axis=Diameter(mm, (0, 0, 0), (mm, 0, 0)),
            max_diameter_3d_mm=longest,
        )
        for name, mm, longest in (("LN001", 6.0, 8.0), ("LN002", 11.0, 14.0), ("LN003", 12.0, 31.0))
    )
    report = case.report(nodes=(small, large, bulky))
    seen = " ".join(Checker(page(report)).text.split())
    assert "LN003 5 5 5 5 LN002 2 3 4 5 LN001 1 2 3 4" in seen
    assert "Node-RADS 1.0 suggested" in seen
    entered = replace(large, configuration=Configuration(1, 0, 1))
    seen = " ".join(Checker(page(case.report(nodes=(small, entered)))).text.split())
    assert "LN002: 4 (texture heterogeneous, border smooth, shape round without hilum)" in seen
    assert "LN001 1 2 3 4" in seen
    assert "LN002 2 3 4 5" not in seen
    hidden = page(case.report(nodes=(small,), settings=Settings(reading_aids=False)))
    assert "Node-RADS" not in Checker(hidden).text


def test_reading_aids_name_the_cancer_they_are_for(builder, page) -> None:
    case = builder(np.eye(3), [(0, 0, 0), (20, 4, 0)], (7.0, 4.0), spacing_mm=(0.6, 0.6, 2.0))
    nodes = [replace(node, station="obturator") for node in case.nodes]
    seen = Checker(page(case.report(nodes=nodes))).text
    assert "possible FIGO IIIC1 (r)" in seen
    assert "(Wu 2020): LN001." in seen
    assert "Only if this is a study of cervical cancer." in seen
    assert "FIGO" not in Checker(page(case.report(nodes=nodes[1:]))).text
    assert "FIGO" not in Checker(page(case.report(nodes=nodes, settings=Settings(reading_aids=False)))).text


def test_colors_are_those_of_the_segments(case, page) -> None:
    html = page(case.report())
    for name, (red, green, blue) in SIZE_CLASS_COLORS.items():
        assert f".{name}{{--class:rgb({red} {green} {blue})}}" in html


def test_warnings_come_before_the_pictures(case, page) -> None:
    seen = Checker(page(case.report(warnings=("The GPU ran out of memory.",)))).text
    assert seen.index("The GPU ran out of memory.") < seen.index("Overview")
    assert "Please note" not in Checker(page(case.report())).text


def test_rejected_registration_is_a_warning(case, page) -> None:
    verdict = replace(case.registration.verdict, decision="rejected", reason="It folded.", method="rigid")
    seen = Checker(page(case.report(registration=replace(case.registration, verdict=verdict)))).text
    assert seen.index("It folded.") < seen.index("Overview")


def test_follow_up(case, page) -> None:
    comparison = {
        "prior": "the study of March",
        "category": "progressive disease",
        "reason": "The sum of short axes rose by 25 %.",
        "nodes": [
            {
                "status": "grown",
                "id": "LN001",
                "prior_id": "LN004",
                "short_axis_mm": 12.0,
                "prior_short_axis_mm": 9.6,
                "volume_mm3": 900.0,
                "prior_volume_mm3": 1000.0,
            },
            {"status": "new", "id": "LN002", "short_axis_mm": 6.0, "volume_mm3": 110.0},
            {"status": "vanished", "prior_id": "LN007", "prior_short_axis_mm": 5.0, "prior_volume_mm3": 60.0},
        ],
    }
    seen = Checker(page(case.report(comparison=comparison))).text
    assert "1 new, 1 vanished, 1 grown" in seen
    assert "suggested: progressive disease" in seen
    assert "+2.4 (+25)" in seen
    assert "−100 (−10)" in seen
    assert "Follow-up" not in Checker(page(case.report())).text


def test_tilted_slices_show_both_short_axes(case, page) -> None:
    assert "Short axis, axial" not in Checker(page(case.report())).text
    node = replace(case.nodes[0], axial_short_axis=replace(case.nodes[0].short_axis, length_mm=3.4))
    assert "3.4" in Checker(page(case.report(nodes=(node,)))).row("LN001")


def test_sixty_nodes_stay_small(builder, page) -> None:
    places = [(x, y, z) for x in (-24, -12, 0, 12, 24) for y in (-24, -12, 0, 12) for z in (-12, 0, 12)]
    case = builder(np.eye(3), places, [3.0] * 60)
    html = page(case.report(fused=np.zeros((*case.t2.array.shape, 3), dtype=np.uint8)))
    assert html.count('<article class="strip"') == 60
    assert len(html) < 12e6  # noise everywhere: real images are smaller


@pytest.mark.parametrize("adc", [True, False])
def test_without_adc(case, page, adc: bool) -> None:
    registration = case.registration if adc else replace(case.registration, adc=None)
    assert (" on ADC" in page(case.report(registration=registration))) is adc


def test_images_without_contrast(case, page) -> None:
    flat = case.t2.with_array(np.zeros_like(case.t2.array))
    holes = case.t2.with_array(np.full_like(case.t2.array, np.nan))
    nowhere = np.zeros_like(case.registration.known)
    for image in (flat, holes):
        registration = replace(case.registration, dwi=image, dwi_unregistered=image, adc=image, known=nowhere)
        assert "2 lymph nodes" in Checker(page(case.report(t2=image, registration=registration))).text
