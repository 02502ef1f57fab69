"""The panel's state: kept in the scene, saved and restored with it."""

# No `from __future__ import annotations`: the wrapper reads the types of the members.
from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode, vtkMRMLTableNode
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper

from ..settings import DEVICES, REGISTRATIONS, Settings


@parameterNodeWrapper
class LymphNodeSegParameterNode:
    """What the user chose, and the latest result.

    Attributes:
        t2: The T2-weighted volume.
        dwi: The diffusion-weighted volume.
        adc: The ADC map; none is needed.
        device: Where the network runs.
        registration: How far DWI may be moved to fit the T2.
        suspiciousMm: Short axis from which a node counts as enlarged.
        segmentation: The nodes that the latest run found.
        table: Their measurements.
    """

    t2: vtkMRMLScalarVolumeNode
    dwi: vtkMRMLScalarVolumeNode
    adc: vtkMRMLScalarVolumeNode
    device: Annotated[str, Choice(list(DEVICES))] = "auto"
    registration: Annotated[str, Choice(list(REGISTRATIONS))] = "deformable"
    suspiciousMm: Annotated[float, WithinRange(1.0, 100.0)] = 10.0
    segmentation: vtkMRMLSegmentationNode
    table: vtkMRMLTableNode


def settings_of(parameters: LymphNodeSegParameterNode) -> Settings:
    """The settings of a run as the user chose them.

    Raises:
        InputError: a setting is out of its range.
    """
    return Settings(
        device=parameters.device,
        registration=parameters.registration,
        suspicious_mm=parameters.suspiciousMm,
    )
