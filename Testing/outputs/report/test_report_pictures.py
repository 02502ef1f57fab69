"""Pictures of the report: what is drawn lies where it is in the patient, seen as radiologists see it."""

from __future__ import annotations

import base64
import io
import itertools
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageDraw
from scipy import ndimage
from scipy.spatial.transform import Rotation

# The patient direction (LPS) at the right and the lower edge, by the axis that points out of the picture.
CONVENTION = {0: ((0, 1, 0), (0, 0, -1)), 1: ((1, 0, 0), (0, 0, -1)), 2: ((1, 0, 0), (0, 1, 0))}
LETTERS = {0: ("A", "P", "H", "F"), 1: ("R", "L", "H", "F"), 2: ("R", "L", "A", "P")}
OBLIQUE = Rotation.from_euler("zyx", [9.0, -12.0, 7.0], degrees=True).as_matrix()
# Every assignment of i, j, k to the patient's axes, right- and left-handed, each axis both ways.
TURNS = [
    np.eye(3)[:, list(order)] * signs
    for order in itertools.permutations(range(3))
    for signs in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))
]


@dataclass
class Picture:
    """An SVG of the page, taken apart."""

    label: str
    left_mm: float
    top_mm: float
    width_mm: float
    height_mm: float
    pixels: np.ndarray
    outlines: list[tuple[str, np.ndarray]]
    lines: dict[str, np.ndarray]
    words: list[str]

    def mm_of(self, row_column: np.ndarray) -> np.ndarray:
        """Millimeters (x, y) of pixel centers given as (row, column)."""
        rows, columns = self.pixels.shape[:2]
        x = self.left_mm + (row_column[..., 1] + 0.5) * self.width_mm / columns
        y = self.top_mm + (row_column[..., 0] + 0.5) * self.height_mm / rows
        return np.stack([x, y], axis=-1)

    def filled(self, outline_mm: np.ndarray) -> np.ndarray:
        """The pixels inside an outline."""
        rows, columns = self.pixels.shape[:2]
        scale = np.array([columns / self.width_mm, rows / self.height_mm])
        points = (outline_mm - (self.left_mm, self.top_mm)) * scale - 0.5
        canvas = PillowImage.new("1", (columns, rows))
        ImageDraw.Draw(canvas).polygon([tuple(point) for point in points], fill=1)
        return np.asarray(canvas)


def pictures_of(html: str) -> list[Picture]:
    return [taken_apart(svg) for svg in re.findall(r"<svg.*?</svg>", html, re.S)]


def taken_apart(svg: str) -> Picture:
    left, top, width, height = map(float, re.search(r'viewBox="([^"]+)"', svg)[1].split())
    jpeg = base64.b64decode(re.search(r'href="data:image/jpeg;base64,([^"]+)"', svg)[1])
    outlines = [
        (classes, polygon(data))
        for classes, data in re.findall(r'<path class="outline ([^"]+)" d="([^"]+)"', svg)
    ]
    lines = {
        name: np.array([(x1, y1), (x2, y2)], dtype=float)
        for name, x1, y1, x2, y2 in re.findall(
            r'<line class="axis (\w+)" x1="([^"]+)" y1="([^"]+)" x2="([^"]+)" y2="([^"]+)"', svg
        )
    }
    return Picture(
        re.search(r'aria-label="([^"]+)"', svg)[1],
        left,
        top,
        width,
        height,
        np.asarray(PillowImage.open(io.BytesIO(jpeg))).astype(float),
        outlines,
        lines,
        re.findall(r"<text[^>]*>([^<]*)</text>", svg),
    )


def polygon(data: str) -> np.ndarray:
    """A path of one absolute move and relative lines."""
    start, steps = re.fullmatch(r"M(\S+ \S+)l([^Mz]+)z", data).groups()
    numbers = np.array((start + " " + steps).split(), dtype=float).reshape(-1, 2)
    return np.cumsum(numbers, axis=0)


def screen_axes(direction: np.ndarray, normal: int = 2) -> tuple[np.ndarray, np.ndarray, int]:
    """Unit vectors (LPS) along the picture's x and y, and the patient axis that points out of it."""
    patient_axis = int(np.argmax(np.abs(direction[:, normal])))
    found = []
    for wanted in CONVENTION[patient_axis]:
        fits = [(direction[:, axis] @ wanted) for axis in range(3) if axis != normal]
        axis = [axis for axis in range(3) if axis != normal][int(np.argmax(np.abs(fits)))]
        found.append(direction[:, axis] * np.sign(direction[:, axis] @ wanted))
    return found[0], found[1], patient_axis


def bright_spots(picture: Picture) -> list[np.ndarray]:
    """Bright pieces of a picture, the largest first, as boolean pictures."""
    labels, count = ndimage.label(picture.pixels > 0.6 * picture.pixels.max())
    pieces = [labels == number for number in range(1, count + 1)]
    return sorted((piece for piece in pieces if piece.sum() > 30), key=np.sum, reverse=True)


def center_mm(picture: Picture, piece: np.ndarray) -> np.ndarray:
    return picture.mm_of(np.argwhere(piece)).mean(axis=0)


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: "".join(f"{int(x):+d}" for x in turn.ravel() if x))
def test_strip_shows_the_patient_in_radiological_convention(builder, page, turn: np.ndarray) -> None:
    direction = OBLIQUE @ turn
    right, down, patient_axis = screen_axes(direction)
    case = builder(direction, markers_mm=[11.0 * right + 14.0 * down])
    t2 = pictures_of(page(case.report()))[3]
    assert t2.label.startswith("LN001 outlined on T2")
    node, marker = bright_spots(t2)

    # The outline is where the bright ball is, to a fraction of a pixel.
    ((classes, outline),) = t2.outlines
    assert "own" in classes
    inside = t2.filled(outline)
    assert (inside & node).sum() / (inside | node).sum() > 0.9
    assert center_mm(t2, inside) == pytest.approx(center_mm(t2, node), abs=0.2)

    # The marker lies to the right and below, at its true distance: pixels are not square, the picture is.
    assert center_mm(t2, marker) - center_mm(t2, node) == pytest.approx((11.0, 14.0), abs=0.5)

    # The axes end where the measurement ended.
    middle = t2.mm_of(np.argwhere(inside)).mean(axis=0)
    for name, axis in (("long", case.nodes[0].long_axis), ("short", case.nodes[0].short_axis)):
        ends = np.array([axis.start_ras_mm, axis.end_ras_mm]) * (-1, -1, 1) - case.center_lps_mm
        expected = middle + np.stack([ends @ right, ends @ down], axis=-1)
        assert t2.lines[name] == pytest.approx(expected, abs=0.25)
        assert np.linalg.norm(np.diff(t2.lines[name], axis=0)) == pytest.approx(axis.length_mm, abs=0.03)

    assert t2.words == [*LETTERS[patient_axis], "T2", "10 mm"]


def test_all_panes_show_the_same_place(builder, page) -> None:
    case = builder(OBLIQUE, markers_mm=[(9.0, 9.0, 0.0)])
    colors = np.repeat(np.clip(case.t2.array / 4, 0, 255).astype(np.uint8)[..., None], 3, axis=-1)
    panes = [one for one in pictures_of(page(case.report(fused=colors))) if one.label.startswith("LN001")]
    assert [one.label.split(" on ")[1].split(",")[0] for one in panes] == [
        "T2",
        "DWI b800",
        "ADC",
        "T2 + DWI",
    ]
    frames = {(one.left_mm, one.top_mm, one.width_mm, one.height_mm) for one in panes}
    assert len(frames) == 1
    t2, dwi, adc, fused = panes
    for other in (dwi.pixels, fused.pixels.mean(axis=-1)):
        assert np.corrcoef(t2.pixels.ravel(), other.ravel())[0, 1] > 0.95
    assert adc.pixels.mean() == pytest.approx(255 * 900 / 2500, abs=2)
    assert all(np.array_equal(one.outlines[0][1], t2.outlines[0][1]) for one in panes)


def test_node_at_the_border_and_node_larger_than_the_field_of_view(builder, page) -> None:
    case = builder(np.eye(3), [(-30.0, -34.0, 0.0), (14.0, 5.0, 0.0)], (5.0, 24.0), size_ijk=(110, 84, 17))
    for one in pictures_of(page(case.report())):
        if " on T2" in one.label:
            (own,) = [outline for classes, outline in one.outlines if "own" in classes]
            low, high = own.min(axis=0), own.max(axis=0)
            assert low[0] >= one.left_mm
            assert low[1] >= one.top_mm
            assert high[0] <= one.left_mm + one.width_mm
            assert high[1] <= one.top_mm + one.height_mm
            piece = max(bright_spots(one), key=lambda spot: (spot & one.filled(own)).sum())
            assert center_mm(one, piece) == pytest.approx(center_mm(one, one.filled(own)), abs=0.4)


def test_neighbors_are_outlined_too(case, page) -> None:
    first = next(
        one for one in pictures_of(page(case.report())) if one.label.startswith("LN001 outlined on T2")
    )
    (other,) = [outline for classes, outline in first.outlines if "other" in classes]
    (own,) = [outline for classes, outline in first.outlines if "own" in classes]
    assert other.mean(axis=0) - own.mean(axis=0) == pytest.approx((15.0, 4.0), abs=0.4)


@pytest.mark.parametrize(
    "turn", TURNS[::3], ids=lambda turn: "".join(f"{int(x):+d}" for x in turn.ravel() if x)
)
def test_maps_show_where_the_nodes_are(builder, page, turn: np.ndarray) -> None:
    direction = OBLIQUE @ turn
    place = np.array([12.0, 8.0, 6.0])
    case = builder(direction, [place], (5.0,), spacing_mm=(0.9, 1.1, 2.0), size_ijk=(90, 70, 40))
    maps = {one.label.split()[0]: one for one in pictures_of(page(case.report()))[:3]}
    for name, patient_axis in (("Sagittal", 0), ("Coronal", 1), ("Axial", 2)):
        one = maps[name]
        normal = int(np.argmax(np.abs(direction[patient_axis])))
        right, down, _ = screen_axes(direction, normal)
        ((_, outline),) = one.outlines
        center = (outline.min(axis=0) + outline.max(axis=0)) / 2
        middle = (one.left_mm + one.width_mm / 2, one.top_mm + one.height_mm / 2)
        assert center - middle == pytest.approx((place @ right, place @ down), abs=0.8)
        assert one.words == ["1", *LETTERS[patient_axis], name, "50 mm"]
        # True proportions: a ball is round.
        assert np.ptp(outline, axis=0) == pytest.approx((10.0, 10.0), abs=2.2)


def test_registration_pictures(builder, page) -> None:
    case = builder(np.eye(3), radii_mm=[9.0])
    shifted = case.registration.dwi.with_array(np.roll(case.registration.dwi.array, 9, axis=1))
    moved = replace(case.registration, dwi_unregistered=shifted)
    before, after = pictures_of(page(case.report(registration=moved, nodes=())))[3:]
    spots = []
    for one in (before, after):
        blue = one.pixels[..., 2]  # the edges have none
        spots.append(np.median(one.mm_of(np.argwhere(blue > 0.8 * blue.max())), axis=0))
    assert spots[0] - spots[1] == pytest.approx((0.0, 9 * 0.9), abs=0.6)
    # The edges of the T2 are the same in both, and run around the bright ball after registration.
    edges = [one.pixels[..., 0] - one.pixels[..., 2] > 120 for one in (before, after)]
    assert (edges[0] & edges[1]).sum() > 0.8 * edges[0].sum() > 0
    ring = np.linalg.norm(after.mm_of(np.argwhere(edges[1])) - spots[1], axis=-1)
    assert np.count_nonzero(np.abs(ring - 9.0) < 1.5) > 60


def test_nothing_moved_shows_one_picture(case, page) -> None:
    still = replace(
        case.registration, verdict=replace(case.registration.verdict, decision="kept", method="none")
    )
    assert len(pictures_of(page(case.report(registration=still, nodes=())))) == 3 + 1
