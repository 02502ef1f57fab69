"""Whether the volumes that the user picked can be used, said in one line; and which to propose."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Optional

from ..errors import InputError
from ..images.checks import check_image, check_not_labels, check_pair, overlap
from ..images.image import Geometry, Image
from ..images.ranking import (
    LOWEST_SUITABLE_B,
    SMALLEST_OVERLAP,
    adc_rank,
    dwi_family,
    dwi_rank,
    fits,
    t2_rank,
)
from ..images.roles import ADC, DWI, T2
from .candidates import Candidate, FileOfInstance, candidate_of, candidates
from .frames import Frame, frame_at, frames_of
from .translation import tr as _
from .volumes import ACQUISITION_TRANSFORM, image_from_volume

if TYPE_CHECKING:
    import slicer

AUTOMATIC_B = -1000.0
"""Stands for a b-value that the user has not chosen."""
LOOKED_AT = 1_000_000
"""Voxels of a volume that are looked at before a run; the run looks at all of them."""


@dataclass(frozen=True)
class Inputs:
    """What the selected volumes amount to.

    Attributes:
        text: For the user: what was chosen, or what is wrong.
        t2, dwi, adc: The images; None where they can't be used.
        frames: The b-values of the DWI, where its node holds several.
        chosen: Which of them `dwi` is.
    """

    text: str
    t2: Optional[Image] = None
    dwi: Optional[Image] = None
    adc: Optional[Image] = None
    frames: tuple[Frame, ...] = ()
    chosen: int = 0

    @property
    def usable(self) -> bool:
        """Whether a run can start."""
        return self.t2 is not None and self.dwi is not None


def no_database(uid: str) -> str:
    """For scenes without a DICOM database."""
    return ""


def examine(
    t2: Optional[slicer.vtkMRMLVolumeNode],
    dwi: Optional[slicer.vtkMRMLNode],
    adc: Optional[slicer.vtkMRMLVolumeNode],
    b_value_s_mm2: float = AUTOMATIC_B,
    file_of_instance: FileOfInstance = no_database,
) -> Inputs:
    """Look at the selected volumes; parent transforms are honored. Takes some milliseconds.

    Args:
        t2: The selected T2; None if none is, as below.
        dwi: The selected DWI; a sequence or multi-volume of several b-values too.
        adc: The selected ADC map; it is not needed.
        b_value_s_mm2: Of the DWI, see `frames.frame_at`.
        file_of_instance: Asks Slicer's DICOM database.

    Returns:
        The images with lines that say plane, spacing and overlap, or a line that says what is wrong.
    """
    if t2 is None:
        return Inputs(_("Choose the T2-weighted volume."))
    if dwi is None:
        return Inputs(_("Choose the diffusion-weighted volume."))
    frames: tuple[Frame, ...] = ()
    chosen = 0
    try:
        if t2 is dwi:
            raise InputError(_("T2 and DWI are the same image: choose the diffusion-weighted one as DWI."))
        frames = frames_of(dwi, file_of_instance)
        chosen = frame_at(frames, b_value_s_mm2) if frames else 0
        t2_image = _image(t2, T2)
        dwi_image = frames[chosen].parts[0] if frames else _image(dwi, DWI)
        adc_image = _image(adc, ADC) if adc is not None else None
        warnings = _check(t2_image, dwi_image, adc_image)
    except InputError as error:
        return Inputs(str(error), frames=frames, chosen=chosen)
    covered = 100.0 * overlap(t2_image.geometry, dwi_image.geometry)
    name = _("DWI at {frame}").format(frame=frames[chosen].name) if frames else "DWI"
    lines = [
        f"T2: {describe(t2_image.geometry)}{_moved(t2)}.",
        _("{name}: {geometry}, covers {share:.0f} % of the T2.").format(
            name=name, geometry=describe(dwi_image.geometry) + _moved(dwi), share=covered
        ),
        *warnings,
        *_doubts(t2, dwi, adc, frames, chosen, file_of_instance),
    ]
    return Inputs("\n".join(lines), t2_image, dwi_image, adc_image, frames, chosen)


def describe(geometry: Geometry) -> str:
    """Plane, voxel size and matrix: "oblique axial, 0.50 x 0.50 x 3.00 mm, 320 x 320 x 40"."""
    spacing = " x ".join(f"{value:.2f}" for value in geometry.spacing_mm)
    return f"{geometry.plane}, {spacing} mm, {' x '.join(map(str, geometry.size_ijk))}"


def propose(
    scene: slicer.vtkMRMLScene, file_of_instance: FileOfInstance = no_database
) -> dict[str, slicer.vtkMRMLNode]:
    """The volumes of a scene that look like T2, DWI and ADC, and fit each other best.

    Args:
        scene: The scene.
        file_of_instance: Asks Slicer's DICOM database.

    Returns:
        Node by role; a role that nothing fits is absent.
    """
    there = candidates(scene, file_of_instance)
    by_role = {role: [one for one in there if one.series.role == role] for role in (T2, DWI, ADC)}
    found: dict[str, Candidate] = {}
    if by_role[DWI]:
        found[DWI] = max(by_role[DWI], key=lambda one: dwi_rank(one.series))
    for role, rank in ((T2, t2_rank), (ADC, adc_rank)):
        beside = found.get(DWI)
        fitting = [one for one in by_role[role] if beside is None or _fits(one, beside)]
        if fitting:
            found[role] = max(
                fitting,
                key=lambda one, rank=rank, beside=beside: (  # type: ignore[misc]
                    beside is not None and fits(one.series, beside.series),
                    *rank(one.series, (beside or one).series),
                ),
            )
    return {role: one.node for role, one in found.items()}


def b_values_for_run(
    scene: slicer.vtkMRMLScene, dwi: slicer.vtkMRMLNode, inputs: Inputs, file_of_instance: FileOfInstance
) -> tuple[tuple[Image, ...], int]:
    """Every b-value of the acquisition that the DWI belongs to, as the registration wants them.

    Args:
        scene: Where b-values that were loaded as volumes of their own are looked for.
        dwi: The selected DWI.
        inputs: What `examine` made of it.
        file_of_instance: Asks Slicer's DICOM database.

    Returns:
        The images, lowest b-value first, and which of them is the chosen one.
    """
    assert inputs.dwi is not None
    own = candidate_of(dwi, file_of_instance)
    if inputs.frames:
        images = [
            replace(frame.image(), acquisition=own.acquisition(n)) if own else frame.image()
            for n, frame in enumerate(inputs.frames)
        ]
        return tuple(images), inputs.chosen
    if own is None:
        return (inputs.dwi,), 0
    chosen = replace(inputs.dwi, acquisition=own.acquisition(0))
    others = {id(one.series): one for one in candidates(scene, file_of_instance) if one.node is not dwi}
    series = [own.series, *(one.series for one in others.values() if not one.frames)]
    images = []
    for member, _volume in dwi_family(own.series, own.series.volumes[0].b_value, series):
        other = others.get(id(member))
        images.append(
            chosen if other is None else replace(_image(other.node, DWI), acquisition=other.acquisition(0))
        )
    where = [n for n, image in enumerate(images) if image is chosen]
    return (tuple(images), where[0]) if where else ((chosen,), 0)


def _fits(one: Candidate, other: Candidate) -> bool:
    if fits(one.series, other.series):
        return True
    a, b = one.series.geometry, other.series.geometry
    known = one.series.first.file.study_uid and other.series.first.file.study_uid
    return not known and a is not None and b is not None and overlap(a, b) >= SMALLEST_OVERLAP


def _image(node: slicer.vtkMRMLVolumeNode, role: str) -> Image:
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        raise InputError(
            _("{role} '{name}' is a label map: choose the image.").format(role=role, name=node.GetName())
        )
    if not node.IsA("vtkMRMLVolumeNode"):
        raise InputError(
            _("{role} '{name}' holds no volume: choose another.").format(role=role, name=node.GetName())
        )
    return image_from_volume(node, role)


def _check(t2: Image, dwi: Image, adc: Optional[Image]) -> tuple[str, ...]:
    """As `checks` does, on a part of the voxels."""
    images = [_thinned(image) for image in (t2, dwi, adc) if image is not None]
    for image, role in zip(images, (T2, DWI, ADC)):
        check_image(image, role)
        check_not_labels(image, role)
    return check_pair(*images)


def _thinned(image: Image) -> Image:
    """Every n-th row and column."""
    step = math.isqrt(max(1, image.array.size // LOOKED_AT))
    if step < 2:
        return image
    array = image.array[:, ::step, ::step]
    i, j, k = image.geometry.spacing_mm
    geometry = replace(image.geometry, size_ijk=array.shape[::-1], spacing_mm=(i * step, j * step, k))
    return replace(image, array=array, geometry=geometry)


def _moved(node: slicer.vtkMRMLNode) -> str:
    transform = node.GetParentTransformNode() if node.IsA("vtkMRMLTransformableNode") else None
    if transform is None or ACQUISITION_TRANSFORM in transform.GetName():
        return ""
    return _(", moved by '{transform}'").format(transform=transform.GetName())


def _doubts(
    t2: slicer.vtkMRMLNode,
    dwi: slicer.vtkMRMLNode,
    adc: Optional[slicer.vtkMRMLNode],
    frames: tuple[Frame, ...],
    chosen: int,
    file_of_instance: FileOfInstance,
) -> list[str]:
    """What speaks against the choice without forbidding it."""
    lines = []
    for node, role in ((t2, T2), (dwi, DWI), (adc, ADC)):
        known = candidate_of(node, file_of_instance) if node is not None else None
        if node is None or known is None:
            continue
        if known.series.role in (T2, DWI, ADC) and known.series.role != role:
            line = _("'{name}' looks like {kind}, not like {role}.")
            lines.append(line.format(name=node.GetName(), kind=known.series.kind, role=role))
        if role == DWI:
            b_value = known.series.volumes[chosen if frames else 0].b_value
            if b_value is not None and b_value < LOWEST_SUITABLE_B:
                line = _("b = {b_value:g} s/mm2 is low: nodes stand out from b = {lowest:g} on.")
                lines.append(line.format(b_value=b_value, lowest=LOWEST_SUITABLE_B))
    return lines
