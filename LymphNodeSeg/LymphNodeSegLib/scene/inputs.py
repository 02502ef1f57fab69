"""Whether the volumes that the user picked can be used, said in one line; and which to propose."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from ..errors import InputError
from ..images.checks import check_image, check_not_labels, check_pair, overlap
from ..images.image import Geometry, Image
from .volumes import ROLE_ATTRIBUTE, image_from_volume

if TYPE_CHECKING:
    import slicer

_NAMES = (
    ("ADC", re.compile(r"(?<![a-z])d?adc(?![a-z])", re.IGNORECASE)),
    ("DWI", re.compile(r"dwi|diff|(?<![a-z])trace|(?<![a-z])b[ =_-]?\d{2,4}(?!\d)", re.IGNORECASE)),
    ("T2", re.compile(r"(?<![a-z])t2(?!\d|[ _]*\*|[ _-]*(?:star|map))", re.IGNORECASE)),
)
_B_VALUE = re.compile(r"(?<![a-z])b[ =_-]?(\d{2,4})(?!\d)", re.IGNORECASE)


@dataclass(frozen=True)
class Inputs:
    """What the selected volumes amount to.

    Attributes:
        text: One line for the user: what was chosen, or what is wrong.
        t2, dwi, adc: The images; None where they can't be used.
    """

    text: str
    t2: Optional[Image] = None
    dwi: Optional[Image] = None
    adc: Optional[Image] = None

    @property
    def usable(self) -> bool:
        """Whether a run can start."""
        return self.t2 is not None and self.dwi is not None


def examine(
    t2: Optional[slicer.vtkMRMLVolumeNode],
    dwi: Optional[slicer.vtkMRMLVolumeNode],
    adc: Optional[slicer.vtkMRMLVolumeNode],
) -> Inputs:
    """Look at the selected volumes; parent transforms are honored.

    Args:
        t2: The selected T2; None if none is, as below.
        dwi: The selected DWI.
        adc: The selected ADC map; it is not needed.

    Returns:
        The images with a line that says plane, spacing and overlap, or a line that says what is wrong.
    """
    if t2 is None:
        return Inputs("Choose the T2-weighted volume.")
    if dwi is None:
        return Inputs("Choose the diffusion-weighted volume.")
    try:
        images = [_image(node, role) for node, role in ((t2, "T2"), (dwi, "DWI"), (adc, "ADC")) if node]
        warnings = check_pair(*images)
    except InputError as error:
        return Inputs(str(error))
    t2_image, dwi_image = images[:2]
    covered = 100.0 * overlap(t2_image.geometry, dwi_image.geometry)
    lines = [
        f"T2: {describe(t2_image.geometry)}.",
        f"DWI: {describe(dwi_image.geometry)}, covers {covered:.0f} % of the T2.",
        *warnings,
    ]
    return Inputs(" ".join(lines), t2_image, dwi_image, images[2] if adc else None)


def describe(geometry: Geometry) -> str:
    """Plane, voxel size and matrix: "oblique axial, 0.50 x 0.50 x 3.00 mm, 320 x 320 x 40"."""
    spacing = " x ".join(f"{value:.2f}" for value in geometry.spacing_mm)
    return f"{geometry.plane}, {spacing} mm, {' x '.join(map(str, geometry.size_ijk))}"


def propose(scene: slicer.vtkMRMLScene) -> dict[str, slicer.vtkMRMLScalarVolumeNode]:
    """The volumes of a scene that look like T2, DWI and ADC by their names.

    Results of earlier runs are left out. Of several DWIs the one with the highest b-value in its name is
    taken, of several others the first.

    Returns:
        Node by role; a role that nothing fits is absent.
    """
    found: dict[str, slicer.vtkMRMLScalarVolumeNode] = {}
    nodes = [scene.GetNthNodeByClass(n, "vtkMRMLScalarVolumeNode") for n in _count(scene)]
    for node in nodes:
        if node.GetClassName() != "vtkMRMLScalarVolumeNode" or node.GetAttribute(ROLE_ATTRIBUTE):
            continue
        role = role_of_name(node.GetName())
        if role == "DWI" and role in found and _b_value(node) <= _b_value(found[role]):
            continue
        if role and (role not in found or role == "DWI"):
            found[role] = node
    return found


def role_of_name(name: str) -> str:
    """The role that a volume's name tells: "T2", "DWI", "ADC" or "".

    An ADC map's name often holds the word diffusion too, so that it is asked for first.
    """
    return next((role for role, pattern in _NAMES if pattern.search(name)), "")


def _count(scene: slicer.vtkMRMLScene) -> range:
    return range(scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode"))


def _b_value(node: slicer.vtkMRMLScalarVolumeNode) -> int:
    match = _B_VALUE.search(node.GetName())
    return int(match.group(1)) if match else -1


def _image(node: slicer.vtkMRMLVolumeNode, role: str) -> Image:
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        raise InputError(f"{role} '{node.GetName()}' is a label map: choose the image.")
    image = image_from_volume(node, role)
    check_image(image, role)
    check_not_labels(image, role)
    return image
