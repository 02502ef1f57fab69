"""Slices sorted into a grid: its geometry, or the reason why they are none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from .elements import Vector
from .headers import Slice
from .image import Geometry

# Two slices closer than this lie at the same place.
SAME_PLACE_MM = 0.01
# Headers give positions to 0.01 mm or better; half a tenth is more than rounding.
UNEVEN_MM = 0.05
UNEVEN_SHARE = 0.02
SHEAR_MM = 0.1
SAME_DIRECTION = 1e-3
PIXEL_MM = (0.01, 50.0)


@dataclass(frozen=True)
class Stack:
    """Slices in the order of k, lowest position along the normal first.

    Attributes:
        slices: For each k the slice, or its repeats (directions, averages).
        geometry: The grid; None if there is a problem.
        problem: Why it cannot be read, in one sentence, or None.
    """

    slices: tuple[tuple[Slice, ...], ...]
    geometry: Optional[Geometry] = None
    problem: Optional[str] = None


def stack_of(
    slices: Sequence[Slice],
    repeats_allowed: bool = False,
    repeats_may_be: str = "a dynamic series, several echoes, or a series stored twice",
) -> Stack:
    """Sort slices of one orientation by their position along the normal.

    Args:
        slices: At least one.
        repeats_allowed: Whether several images of the same place may be averaged (DWI).
        repeats_may_be: What they may be where they are not allowed, for the reason.
    """
    unsorted = tuple((piece,) for piece in slices)
    problem = _problem_of_headers(slices)
    if problem is not None:
        return Stack(unsorted, problem=problem)
    row, column, normal = axes_of(slices[0])
    order = sorted(
        slices, key=lambda piece: (float(normal @ piece.position_lps_mm), piece.repeat, piece.instance_number)
    )
    places = _places(order, normal)
    if len(places) == 1:
        return Stack(tuple(places), problem="There is only one slice.")
    unless = "" if repeats_allowed else repeats_may_be
    problem = _problem_of_repeats(places, unless) or _problem_of_positions(places, normal)
    if problem is not None:
        return Stack(tuple(places), problem=problem)
    first = places[0][0]
    depths = [float(normal @ place[0].position_lps_mm) for place in places]
    spacing_mm = (depths[-1] - depths[0]) / (len(places) - 1)
    return Stack(
        tuple(places),
        Geometry(
            (first.columns, first.rows, len(places)),
            (first.position_lps_mm[0], first.position_lps_mm[1], first.position_lps_mm[2]),
            (first.pixel_spacing_mm[1], first.pixel_spacing_mm[0], spacing_mm),
            tuple(float(value) for value in np.column_stack([row, column, normal]).ravel()),
        ),
    )


def axes_of(piece: Slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors along a row (i), along a column (j) and along the normal (k), exactly orthogonal, LPS."""
    row = np.array(piece.orientation_lps[:3])
    row = row / np.linalg.norm(row)
    column = np.array(piece.orientation_lps[3:])
    column = column - (column @ row) * row
    column = column / np.linalg.norm(column)
    return row, column, np.cross(row, column)


def _problem_of_headers(slices: Sequence[Slice]) -> Optional[str]:
    defects = [(defect, piece) for piece in slices for defect in [_defect(piece)] if defect]
    if defects:
        defect, piece = defects[0]
        if len(defects) == len(slices):
            return defect
        return (
            # By number: some scanners name files by the patient, and this goes into the report.
            f"{len(defects)} of its {len(slices)} images cannot be used "
            f"(instance {piece.instance_number}: {defect})"
        )
    orientations = {piece.orientation_lps for piece in slices}
    for axes in orientations:
        orientation = np.array(axes).reshape(2, 3)
        if np.abs(orientation @ orientation.T - np.eye(2)).max() > SAME_DIRECTION:
            return "The orientation in the headers is broken: rows and columns are not at right angles."
    if len({(piece.rows, piece.columns) for piece in slices}) > 1:
        return "The slices differ in their number of pixels."
    if _differ(orientations, slices[0].orientation_lps):
        return "The slices differ in orientation."
    if _differ({piece.pixel_spacing_mm for piece in slices}, slices[0].pixel_spacing_mm):
        return "The slices differ in pixel size."
    return None


def _differ(found: Iterable[Vector], reference: Vector) -> bool:
    return any(np.abs(np.subtract(one, reference)).max() > SAME_DIRECTION for one in found)


def _defect(piece: Slice) -> str:
    """What keeps one slice from having a place in a volume, or empty."""
    if piece.file.defect:
        return piece.file.defect
    if piece.rows < 2 or piece.columns < 2:
        return "It holds no pixel data."
    if not piece.position_lps_mm or not piece.orientation_lps:
        return "The headers do not say where the slices lie in the patient."
    if not piece.pixel_spacing_mm:
        return "The headers do not say how large the pixels are."
    if not all(PIXEL_MM[0] <= size <= PIXEL_MM[1] for size in piece.pixel_spacing_mm):
        height_mm, width_mm = piece.pixel_spacing_mm
        return f"A pixel size of {height_mm:g} x {width_mm:g} mm cannot be true."
    return ""


def _places(order: Sequence[Slice], normal: np.ndarray) -> list[tuple[Slice, ...]]:
    """Slices sorted along the normal, those of the same place together."""
    places: list[list[Slice]] = []
    for piece in order:
        depth = float(normal @ piece.position_lps_mm)
        if places and depth - float(normal @ places[-1][0].position_lps_mm) < SAME_PLACE_MM:
            places[-1].append(piece)
        else:
            places.append([piece])
    return [tuple(place) for place in places]


def _problem_of_repeats(places: Sequence[tuple[Slice, ...]], unless: str) -> Optional[str]:
    counts = Counter(len(place) for place in places)
    if set(counts) == {1}:
        return None
    if len(counts) > 1:
        usual = counts.most_common(1)[0][0]
        odd = next(place for place in places if len(place) != usual)
        if usual == 1:
            more = sum(count for repeats, count in counts.items() if repeats > 1)
            return (
                f"Double slices: {more} of {len(places)} positions are there more than once "
                f"(instances {_instances(odd)})."
            )
        return (
            f"Most positions are there {usual} times, but that of instance {odd[0].instance_number} "
            f"{len(odd)} times."
        )
    if unless:
        return f"Every slice is there {len(places[0])} times ({unless})."
    return None


def _problem_of_positions(places: Sequence[tuple[Slice, ...]], normal: np.ndarray) -> Optional[str]:
    positions = np.array([place[0].position_lps_mm for place in places])
    offsets = positions - positions[0]
    depths = offsets @ normal
    sideways_mm = np.abs(offsets - np.outer(depths, normal)).max()
    if sideways_mm > SHEAR_MM:
        return (
            f"The slices are shifted sideways against each other by up to {sideways_mm:.1f} mm "
            "(a sheared volume, as from a tilted gantry)."
        )
    gaps = np.diff(depths)
    usual = float(np.sort(gaps)[(len(gaps) - 1) // 2])  # the lower median: a gap too wide is no usual one
    tolerance = max(UNEVEN_MM, UNEVEN_SHARE * usual)
    odd = np.flatnonzero(np.abs(gaps - usual) > tolerance)
    if not len(odd):
        return None
    multiples = gaps[odd] / usual
    if np.all(multiples > 1.5) and np.all(np.abs(multiples - np.round(multiples)) * usual <= 2 * tolerance):
        missing = int(np.round(multiples).sum()) - len(odd)
        return _missing_sentence(
            places[odd[0]][0], places[odd[0] + 1][0], missing, float(gaps[odd[0]]), usual
        )
    return (
        f"The slices are unevenly spaced: {gaps.min():.2f} to {gaps.max():.2f} mm apart, "
        f"most of them {usual:.2f} mm."
    )


def _missing_sentence(below: Slice, above: Slice, missing: int, gap_mm: float, usual_mm: float) -> str:
    numbers = sorted((below.instance_number, above.instance_number))
    between = range(numbers[0] + 1, numbers[1])
    names = f" (instance {between[0]})" if missing == 1 and len(between) == 1 else ""
    slices = "1 slice is missing" if missing == 1 else f"{missing} slices are missing"
    return (
        f"{slices}{names}: instances {numbers[0]} and {numbers[1]} lie {gap_mm:.1f} mm apart "
        f"instead of {usual_mm:.1f} mm."
    )


def _instances(place: Sequence[Slice]) -> str:
    return " and ".join(str(piece.instance_number) for piece in place)
