"""The panel's state: kept in the scene, saved and restored with it."""

# No `from __future__ import annotations`: the wrapper reads the types of the members.
from typing import Annotated, Any

from slicer import vtkMRMLNode, vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper

from ..scene.inputs import AUTOMATIC_B
from ..settings import DEVICES, REGISTRATIONS, Settings


@parameterNodeWrapper
class LymphNodeSegParameterNode:
    """What the user chose, and the result that is shown.

    Attributes:
        t2: The T2-weighted volume.
        dwi: The diffusion-weighted volume, or a sequence or multi-volume of several b-values.
        adc: The ADC map; without one, more is found that is no node.
        bValue: Of the DWI, where it holds several; see `scene.frames.frame_at`.
        model: Name of a listed model, or the path of the user's own; empty for the first listed one.
        device: Where the network runs.
        registration: How far DWI may be moved to fit the T2.
        suspiciousMm: Short axis from which a node counts as enlarged.
        readingAids: Whether a run suggests size class, side and Node-RADS.
        segmentation: The lymph nodes of the result that is shown; `scene.result.result_of` gives the rest.
    """

    t2: vtkMRMLScalarVolumeNode
    dwi: vtkMRMLNode
    adc: vtkMRMLScalarVolumeNode
    bValue: float = AUTOMATIC_B
    model: str = ""
    device: Annotated[str, Choice(list(DEVICES))] = "auto"
    registration: Annotated[str, Choice(list(REGISTRATIONS))] = "deformable"
    suspiciousMm: Annotated[float, WithinRange(1.0, 100.0)] = 10.0
    readingAids: bool = True
    segmentation: vtkMRMLSegmentationNode


def settings_of(parameters: LymphNodeSegParameterNode, trust_model: bool = False) -> Settings:
    """The settings of a run as the user chose them.

    Args:
        parameters: The panel's state.
        trust_model: The user trusts the model file, which is not listed.

    Raises:
        InputError: a setting is out of its range.
    """
    return Settings(
        model=parameters.model,
        trust_unlisted_model=trust_model,
        device=parameters.device,
        registration=parameters.registration,
        suspicious_mm=parameters.suspiciousMm,
        reading_aids=parameters.readingAids,
    )


def connect(parameters: LymphNodeSegParameterNode, ui: Any) -> Any:
    """Keep widgets and parameter node in step; returns what ``disconnectGui`` takes.

    ``connectGui`` does the same, but keeps that to itself in Slicer 5.8, so that nothing could be let go.
    """
    named = ((widget.property("SlicerParameterName"), widget) for widget in vars(ui).values())
    return parameters.connectParametersToGui({name: widget for name, widget in named if name})
