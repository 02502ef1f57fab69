"""DWI onto the T2 grid: by physical space, then rigid, then free of EPI distortion; each step is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..images.image import Image, StudyImages
from ..progress import Part, Progress, Silent
from .align import find_distortion, find_rigid
from .check import better_turned, check_images, coarse_similarity, starts
from .fat import without_fat
from .guide import guide_of
from .quality import Figures, Judge, Seen
from .resample import Resampler, displacement_on, unmoved
from .result import Registration, Verdict
from .space import binned
from .transform import compose, rigid_transform, spline_transform

if TYPE_CHECKING:
    import SimpleITK

LEAST_GAIN = 1.01  # the excess over independence must grow by so much for a step to be taken
NOT_THE_SAME = 1.002  # similarity under which the images cannot be told to show the same


@dataclass(frozen=True)
class Candidate:
    """A transform that may be used, and what the DWI looks like through it."""

    method: str
    transform: SimpleITK.Transform
    seen: Seen
    figures: Figures


def register(study: StudyImages, method: str = "deformable", progress: Progress = Silent()) -> Registration:  # noqa: B008
    """Brings every b-value and the ADC onto the T2 grid.

    What guides it is made of two b-values, or of one and the ADC (`guide_of`), or of one less the fat that is
    left on it (`without_fat`); the transform found is applied once to each image. A step that does not make
    the DWI fit better is dropped.

    Args:
        study: The images; the T2's grid is the grid of every result.
        method: "deformable", "rigid" or "none" (physical space alone).
        progress: Told of the stage's progress.

    Raises:
        InputError: the images cannot be registered (empty, not finite, no overlap, swapped).
        Cancelled: the user asked to stop.
    """
    check_images(study.t2, *study.dwi_series[:1], study.dwi)
    t2, guide = binned(study.t2), guide_of(study)
    judge = Judge(t2, guide)
    begin = starts(t2, guide, judge.overlap)
    trusted = len(begin) == 1 and np.array_equal(begin[0], np.eye(4))
    progress.fraction(0.05)
    guides, axes = [guide], phase_encoding_axes(guide)
    shows_fat = any(guide is one for one in (study.dwi, *study.dwi_series))  # no difference was to be had
    if shows_fat and trusted and method != "none":
        water = without_fat(t2, guide, axes)
        if water is not None:
            guide, axes = water.image, [water.axis]
            guides, judge = [*guides, guide], Judge(t2, guide)
    found = [_candidate(judge, "none", compose())]
    turned, rigid = False, begin[0]
    if method == "rigid" or not trusted:
        rigid = _best_rigid(t2, guide, begin, not trusted, Part(progress, 0.05, 0.25))
        found.append(_candidate(judge, "rigid", compose(rigid_transform(rigid))))
    if method != "none":
        # With its fat, or with little water left, a DWI may seem turned by chance.
        turned = all(better_turned(t2, one, rigid) for one in guides)
    if method == "deformable" and not turned:
        found += _deformable(judge, t2, guide, axes, rigid, shows_fat, Part(progress, 0.25, 0.75))
    best = found[0] if turned else _best(found)
    verdict = _verdict(judge, found[0], best, method, turned, shows_fat)
    return _resampled(study, best.transform, verdict, Part(progress, 0.75, 1.0))


def _candidate(judge: Judge, method: str, transform: SimpleITK.Transform) -> Candidate:
    seen = judge.look(displacement_on(transform, judge.grid))
    return Candidate(method, transform, seen, judge.figures(seen, judge.body))


def _best_rigid(t2: Image, dwi: Image, begin: list[np.ndarray], far: bool, progress: Progress) -> np.ndarray:
    """The rigid movement that fits best, of those found from each start."""
    found = []
    for number, start in enumerate(begin):
        part = Part(progress, number / len(begin), (number + 1) / len(begin))
        found.append(find_rigid(t2, dwi, start, far, part))
    if len(found) == 1:
        return found[0]
    return max(found, key=lambda rigid: coarse_similarity(t2, dwi, rigid))


def _deformable(
    judge: Judge,
    t2: Image,
    dwi: Image,
    axes: Sequence[int],
    rigid: np.ndarray,
    shows_fat: bool,
    progress: Progress,
) -> list[Candidate]:
    """A candidate for each axis along which EPI may have displaced."""
    found = []
    for number, axis in enumerate(axes):
        part = Part(progress, number / len(axes), (number + 1) / len(axes))
        alignment = find_distortion(t2, dwi, rigid, axis, shows_fat, part)
        spline = spline_transform(alignment.coefficients_mm, alignment.space, axis, alignment.grid)
        transform = compose(rigid_transform(alignment.rigid), spline)
        found.append(_candidate(judge, "deformable", transform))
    return found


def _best(found: list[Candidate]) -> Candidate:
    """The candidate that fits best; one that folds is none, and a gain within the noise is none."""
    best = found[0]
    for candidate in found[1:]:
        gain = (candidate.figures.similarity - 1.0) / max(best.figures.similarity - 1.0, 1e-9)
        if gain > LEAST_GAIN and candidate.figures.smallest_jacobian > 0.0:
            best = candidate
    return best


def _verdict(
    judge: Judge, before: Candidate, after: Candidate, method: str, turned: bool, shows_fat: bool
) -> Verdict:
    moved = after is not before
    if turned:
        decision, reason = (
            "rejected",
            (
                "The DWI would fit the T2 clearly better mirrored or turned: its orientation seems "
                "to be wrong, and it was left where its header says; check the series."
            ),
        )
    elif method == "none":
        decision, reason = "kept", "No registration was asked for; the DWI lies where its header says."
    elif after.figures.similarity < NOT_THE_SAME:
        decision, reason = "rejected", "T2 and DWI do not seem to show the same anatomy; check the series."
    elif not moved:
        decision, reason = "kept", "No movement made the DWI fit better; it lies where its header says."
    else:
        decision, reason = (
            "improved",
            (
                f"The DWI was moved by up to {after.figures.largest_displacement_mm:.1f} mm "
                f"({after.method}) and fits the T2 better."
            ),
        )
        if shows_fat:
            reason += " One b-value without an ADC map may be drawn off by fat: look at the fit."
    regions = {}
    for name, part in judge.regions().items():
        first, last = judge.figures(before.seen, part), judge.figures(after.seen, part)
        regions[name] = {
            "similarity_before": first.similarity,
            "similarity_after": last.similarity,
            "edge_overlap_before": first.edge_overlap,
            "edge_overlap_after": last.edge_overlap,
            "largest_displacement_mm": last.largest_displacement_mm,
            "smallest_jacobian": last.smallest_jacobian,
        }
    return Verdict(
        decision,
        reason,
        after.method,
        before.figures.similarity,
        after.figures.similarity,
        before.figures.edge_overlap,
        after.figures.edge_overlap,
        after.figures.largest_displacement_mm,
        after.figures.smallest_jacobian,
        regions,
    )


def _resampled(
    study: StudyImages, transform: SimpleITK.Transform, verdict: Verdict, progress: Progress
) -> Registration:
    """Every image on the T2 grid."""
    grid = study.t2.geometry
    placed = Resampler(displacement_on(transform, grid), grid)
    progress.fraction(0.3)
    series = placed.signals(study.dwi_series)
    progress.fraction(0.8)
    chosen = [moved for moved, image in zip(series, study.dwi_series) if image is study.dwi]
    dwi = chosen[0] if chosen else placed.signals([study.dwi])[0]
    adc = None if study.adc is None else placed.quantity(study.adc)
    known = placed.known(study.dwi)
    progress.fraction(0.9)
    unregistered = dwi if verdict.method == "none" else unmoved(study.dwi, grid)
    progress.fraction(1.0)
    return Registration(transform, dwi, unregistered, tuple(series), adc, known, verdict)


def phase_encoding_axes(dwi: Image) -> list[int]:
    """The image axes along which EPI may have displaced: the one DICOM names, or both in the plane."""
    known = dwi.acquisition.phase_encoding_lps
    if known is None:
        return [1, 0]
    return [int(np.argmax(np.abs(dwi.geometry.direction.T @ np.array(known))[:2]))]
