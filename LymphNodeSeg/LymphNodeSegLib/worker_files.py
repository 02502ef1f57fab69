"""What the panel and its worker process hand each other: files in a folder that the panel makes and removes.

Both ends run the same code on the same Python, and nobody else writes there, so that plain values go as
they are (pickle); images go as uncompressed .nrrd.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from .images.image import Image
from .job import Job
from .settings import Settings

if TYPE_CHECKING:
    from .job import Reading
    from .nodes.node import Node
    from .registration.result import Verdict

SETTINGS, VALUES = "settings.pickle", "values.pickle"
T2, DWI, ADC = "t2.nrrd", "dwi.nrrd", "adc.nrrd"
LABELS, PROBABILITY = "labels.nrrd", "probability.nrrd"
REGISTERED_DWI, REGISTERED_ADC = "dwi_registered.nrrd", "adc_registered.nrrd"


@dataclass(frozen=True)
class WorkerResult:
    """What comes back; the images are on the T2 grid.

    Attributes:
        labels: One label a node, uint16.
        probability: Calibrated probability of lymph node, float32.
        dwi: The chosen b-value, float32.
        adc: ADC in um2/s, if there was one.
        nodes: The measured nodes.
        verdict: How good the registration is.
        model: Name of the network that was used, the hash of its file, and what its card says.
        device: Where it ran.
        warnings: What the user should know.
        seconds: Wall time of each stage.
    """

    labels: Image
    probability: Image
    dwi: Image
    adc: Optional[Image]
    nodes: tuple[Node, ...]
    verdict: Verdict
    model: str
    model_sha256: str
    model_card: Mapping[str, Any]
    device: str
    warnings: tuple[str, ...]
    seconds: Mapping[str, float]


def write_request(folder: Path, t2: Image, dwi: Image, adc: Optional[Image], settings: Settings) -> None:
    """Put what the worker needs into an empty folder.

    Raises:
        RuntimeError: SimpleITK could not write an image.
    """
    _write_image(t2, folder / T2)
    _write_image(dwi, folder / DWI)
    if adc is not None:
        _write_image(adc, folder / ADC)
    (folder / SETTINGS).write_bytes(pickle.dumps(settings))


def read_request(folder: Path) -> Job:
    """The job that the panel put into a folder; its results go there too."""
    settings: Settings = pickle.loads((folder / SETTINGS).read_bytes())
    adc = folder / ADC
    return Job(folder, t2=folder / T2, dwi=folder / DWI, adc=adc if adc.exists() else None, settings=settings)


def write_result(folder: Path, reading: Reading) -> None:
    """Put what the panel shows into the folder."""
    _write_image(reading.labels, folder / LABELS)
    _write_image(reading.probability, folder / PROBABILITY)
    _write_image(reading.registration.dwi, folder / REGISTERED_DWI)
    if reading.registration.adc is not None:
        _write_image(reading.registration.adc, folder / REGISTERED_ADC)
    values: dict[str, Any] = {
        "nodes": reading.nodes,
        "verdict": reading.registration.verdict,
        "model": reading.model.name,
        "model_sha256": reading.model.sha256,
        "model_card": reading.model.card,
        "device": reading.device,
        "warnings": reading.warnings,
        "seconds": reading.seconds,
    }
    (folder / VALUES).write_bytes(pickle.dumps(values))


def read_result(folder: Path) -> WorkerResult:
    """What the worker found.

    Raises:
        OSError, RuntimeError: the worker did not finish.
    """
    values = pickle.loads((folder / VALUES).read_bytes())
    adc = folder / REGISTERED_ADC
    return WorkerResult(
        labels=_read_image(folder / LABELS),
        probability=_read_image(folder / PROBABILITY),
        dwi=_read_image(folder / REGISTERED_DWI),
        adc=_read_image(adc) if adc.exists() else None,
        **values,
    )


def _write_image(image: Image, path: Path) -> None:
    import SimpleITK as sitk

    sitk.WriteImage(image.to_sitk(), str(path), useCompression=False)


def _read_image(path: Path) -> Image:
    import SimpleITK as sitk

    return Image.from_sitk(sitk.ReadImage(str(path)))
