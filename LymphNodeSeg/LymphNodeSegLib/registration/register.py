"""DWI onto the T2 grid: by physical space, then rigid, then without the EPI distortion; each step is proven."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..images.image import Image, StudyImages
from ..progress import Part, Progress, Silent
from .descriptor import self_similarity
from .distortion import refine, sweep
from .quality import edge_overlap, largest_displacement_mm, normalized_mutual_information, smallest_jacobian
from .resample import Resampler
from .result import Registration, Verdict
from .rigid import rigid_step
from .space import Pair, bring_together
from .transform import compose, spline_transform

if TYPE_CHECKING:
    import SimpleITK

FINE_MM = 1.5
COARSE_MM = 3.0
KNOT_MM = 4.5
REACH_MM = 15.0
LEAST_GAIN = 1e-4


def register(study: StudyImages, method: str = "deformable", progress: Progress = Silent()) -> Registration:  # noqa: B008
    """Brings every b-value and the ADC onto the T2 grid.

    The lowest measured b-value, which resembles the T2 most, is aligned; the transform found is applied
    once to each image. A step that lowers the similarity is dropped.

    Args:
        study: The images; the T2's grid is the grid of every result.
        method: "deformable", "rigid" or "none" (physical space alone).
        progress: Told of the stage's progress.

    Raises:
        InputError: the images cannot be registered (no overlap, empty, not finite).
        Cancelled: the user asked to stop.
    """
    guide = study.dwi_series[0] if study.dwi_series else study.dwi
    for image in (study.t2, guide, study.dwi):
        _check(image)
    identity = compose()
    steps: list[SimpleITK.Transform] = []
    before = _agreement(study.t2, guide, identity)
    if before.pair.both.mean() == 0.0:
        raise InputError("T2 and DWI do not overlap in space: choose series of the same examination.")
    best = before
    applied = "none"
    if method in ("rigid", "deformable"):
        rigid = find_rigid(study.t2, guide, Part(progress, 0.05, 0.35))
        candidate = _agreement(study.t2, guide, compose(rigid))
        if candidate.similarity > best.similarity + LEAST_GAIN:
            best, applied, steps = candidate, "rigid", [rigid]
    if method == "deformable":
        base = steps[0] if steps else _nothing()
        spline = find_distortion(study.t2, guide, base, Part(progress, 0.35, 0.75))
        candidate = _agreement(study.t2, guide, compose(base, spline))
        if candidate.similarity > best.similarity + LEAST_GAIN and candidate.jacobian > 0.0:
            best, applied, steps = candidate, "deformable", [base, spline]
    verdict = _verdict(before, best, method, applied)
    return _resampled(study, compose(*steps), verdict, Part(progress, 0.75, 1.0))


def find_rigid(t2: Image, dwi: Image, progress: Progress) -> SimpleITK.Transform:
    """The rigid movement from T2 points to DWI points, coarse to fine."""
    rigid = _nothing()
    for number, spacing_mm in enumerate((COARSE_MM, FINE_MM)):
        part = Part(progress, 0.5 * number, 0.5 * (number + 1))
        pair = bring_together(t2, dwi, rigid, spacing_mm)
        fixed, moving = _descriptors(pair)
        movement = rigid_step(fixed, moving, pair.both.astype(np.float32), pair.grid, 15, part.fraction)
        rigid = _joined(rigid, movement)
    return rigid


def find_distortion(
    t2: Image, dwi: Image, rigid: SimpleITK.Transform, progress: Progress
) -> SimpleITK.Transform:
    """The displacement along the phase-encoding axis, as a B-spline that follows the rigid transform."""
    axes = _phase_axes(dwi)
    found = []
    for number, axis in enumerate(axes):
        part = Part(progress, number / len(axes), (number + 1) / len(axes))
        spline = _distortion_along(t2, dwi, rigid, axis, part)
        found.append((_agreement(t2, dwi, compose(rigid, spline)).similarity, spline))
    return max(found, key=lambda pair: pair[0])[1]


def _distortion_along(
    t2: Image, dwi: Image, rigid: SimpleITK.Transform, axis: int, progress: Progress
) -> SimpleITK.Transform:
    pair = bring_together(t2, dwi, rigid, FINE_MM)
    fixed, moving = _descriptors(pair)
    turn = 2 - axis + 1  # the array axis of the channels that becomes the last
    fixed, moving = np.moveaxis(fixed, turn, -1).copy(), np.moveaxis(moving, turn, -1).copy()
    weight = np.moveaxis(pair.both, turn - 1, -1).astype(np.float32)
    reach = int(round(REACH_MM / pair.grid.spacing_mm[axis]))
    start = sweep(fixed, moving, weight, reach, (1.0, 4.0, 4.0), Part(progress, 0.1, 0.6).fraction)
    stiffness = (0.02, 0.05, 0.05)
    fine = refine(fixed, moving, weight, start, stiffness, 10, Part(progress, 0.6, 1.0).fraction)
    field = np.moveaxis(fine, -1, turn - 1) * pair.grid.spacing_mm[axis]
    return spline_transform(field, axis, pair.grid, KNOT_MM)


def _descriptors(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    reach = (1, 1, 1)
    sigma = (0.5, 1.0, 1.0)
    return self_similarity(pair.t2, pair.both, reach, sigma), self_similarity(
        pair.dwi, pair.both, reach, sigma
    )


class _Agreement:
    """How well the DWI fits the T2 under one transform."""

    def __init__(
        self, pair: Pair, similarity: float, edges: float, jacobian: float, largest_mm: float
    ) -> None:
        self.pair, self.similarity, self.edges = pair, similarity, edges
        self.jacobian, self.largest_mm = jacobian, largest_mm


def _agreement(t2: Image, dwi: Image, transform: SimpleITK.Transform) -> _Agreement:
    pair = bring_together(t2, dwi, _nothing(), FINE_MM)
    moved = Resampler(transform, pair.grid)
    array = moved.quantity(dwi).array
    both = pair.both & moved.known(dwi)
    return _Agreement(
        pair,
        normalized_mutual_information(pair.t2, array, both),
        edge_overlap(pair.t2, array, both),
        smallest_jacobian(transform, pair.grid, both),
        largest_displacement_mm(transform, pair.grid, both),
    )


def _verdict(before: _Agreement, after: _Agreement, method: str, applied: str) -> Verdict:
    if method == "none":
        decision, reason = "kept", "No registration was asked for; DWI lies where its header says."
    elif applied == "none":
        decision, reason = "kept", "No movement made the DWI fit better; it lies where its header says."
    else:
        decision = "improved"
        reason = f"DWI moved by up to {after.largest_mm:.1f} mm ({applied})."
    return Verdict(
        decision,
        reason,
        applied,
        before.similarity,
        after.similarity,
        before.edges,
        after.edges,
        after.largest_mm,
        after.jacobian,
    )


def _resampled(
    study: StudyImages, transform: SimpleITK.Transform, verdict: Verdict, progress: Progress
) -> Registration:
    grid = study.t2.geometry
    placed, unmoved = Resampler(transform, grid), Resampler(compose(), grid)
    progress.fraction(0.2)
    series = []
    for number, image in enumerate(study.dwi_series):
        series.append(placed.signal(image))
        progress.fraction(0.2 + 0.6 * (number + 1) / len(study.dwi_series))
    chosen = [moved for moved, image in zip(series, study.dwi_series) if image is study.dwi]
    dwi = chosen[0] if chosen else placed.signal(study.dwi)
    adc = placed.optional_quantity(study.adc)
    known = placed.known(study.dwi)
    progress.fraction(0.9)
    unregistered = unmoved.signal(study.dwi)
    progress.fraction(1.0)
    return Registration(transform, dwi, unregistered, tuple(series), adc, known, verdict)


def _phase_axes(dwi: Image) -> list[int]:
    """The image axes along which EPI may have displaced: the one DICOM names, or both in the plane."""
    known = dwi.acquisition.phase_encoding_lps
    if known is None:
        return [1, 0]
    return [int(np.argmax(np.abs(dwi.geometry.direction.T @ np.array(known))))]


def _check(image: Image) -> None:
    name = image.acquisition.role or "image"
    if not np.all(np.isfinite(image.array)):
        raise InputError(f"The {name} holds voxels that are not numbers: export it again.")
    if float(image.array.max()) == float(image.array.min()):
        raise InputError(f"The {name} is empty (all voxels are the same): choose another series.")


def _nothing() -> SimpleITK.Transform:
    import SimpleITK as sitk

    return sitk.Euler3DTransform()


def _joined(first: SimpleITK.Transform, second: SimpleITK.Transform) -> SimpleITK.Transform:
    """One rigid transform that applies the first, then the second."""
    import SimpleITK as sitk

    one, two = sitk.AffineTransform(3), sitk.AffineTransform(3)
    for affine, rigid in ((one, first), (two, second)):
        origin = np.array(rigid.TransformPoint((0.0, 0.0, 0.0)))
        columns = np.stack([np.array(rigid.TransformPoint(e)) - origin for e in np.eye(3).tolist()], axis=1)
        affine.SetMatrix(columns.ravel().tolist())
        affine.SetTranslation(origin.tolist())
    matrix = np.array(two.GetMatrix()).reshape(3, 3) @ np.array(one.GetMatrix()).reshape(3, 3)
    u, _, vt = np.linalg.svd(matrix)
    result = sitk.Euler3DTransform()
    result.SetMatrix((u @ vt).ravel().tolist(), 1e-6)
    result.SetTranslation(
        (
            np.array(two.GetMatrix()).reshape(3, 3) @ np.array(one.GetTranslation()) + two.GetTranslation()
        ).tolist()
    )
    return result
