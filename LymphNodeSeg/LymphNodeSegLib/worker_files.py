"""What the panel and its worker process hand each other: files in a folder that the panel makes and removes.

Both ends run the same code on the same Python, and nobody else writes there, so that plain values go as
they are (pickle). Voxels go as raw files, which are written in short steps and read without a copy.
"""

from __future__ import annotations

import pickle
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from .images.image import Acquisition, Geometry, Image
from .settings import Settings

if TYPE_CHECKING:
    from .job import Reading
    from .nodes.node import Node
    from .registration.result import Verdict

REQUEST, RESULT = "request.pickle", "result.pickle"
BYTES_A_STEP = 8_000_000


@dataclass(frozen=True)
class Request:
    """What the panel asks for.

    Attributes:
        t2: The T2.
        dwi_series: Every measured b-value of one acquisition, lowest b first.
        chosen: Which of them to find nodes in.
        adc: The ADC map in any unit, if there is one.
        settings: What the user chose.
    """

    t2: Image
    dwi_series: tuple[Image, ...]
    chosen: int
    adc: Optional[Image]
    settings: Settings


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


@dataclass(frozen=True)
class _Voxels:
    """An image without its voxels, which lie in a file."""

    file: str
    dtype: str
    geometry: Geometry
    acquisition: Acquisition


def write_request_steps(folder: Path, request: Request) -> Generator[None, None, None]:
    """Put what the worker needs into an empty folder, in steps of some milliseconds.

    Raises:
        OSError: the disk is full.
    """
    images = {"t2": request.t2, "adc": request.adc}
    images.update({f"dwi{n}": image for n, image in enumerate(request.dwi_series)})
    values: dict[str, Any] = {"chosen": request.chosen, "settings": request.settings}
    for name, image in images.items():
        if image is not None:
            values[name] = _without_voxels(image, name)
            yield from _write_steps(image.array, folder / values[name].file)
    (folder / REQUEST).write_bytes(pickle.dumps(values))


def read_request(folder: Path) -> Request:
    """What the panel put into a folder.

    Raises:
        OSError: it is not there.
    """
    values = pickle.loads((folder / REQUEST).read_bytes())
    t2, adc = values.pop("t2"), values.pop("adc", None)
    series = [values.pop(name) for name in sorted(values) if name.startswith("dwi")]
    return Request(
        t2=_read(folder, t2),
        dwi_series=tuple(_read(folder, image) for image in series),
        adc=_read(folder, adc) if adc is not None else None,
        **values,
    )


def write_result(folder: Path, reading: Reading) -> None:
    """Put what the panel shows into the folder.

    Raises:
        OSError: the disk is full.
    """
    images = {
        "labels": reading.labels,
        "probability": reading.probability,
        "dwi": reading.registration.dwi,
        "adc": reading.registration.adc,
    }
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
    for name, image in images.items():
        values[name] = None
        if image is not None:
            values[name] = _without_voxels(image, f"{name}_found")
            for _ in _write_steps(image.array, folder / values[name].file):
                pass
    (folder / RESULT).write_bytes(pickle.dumps(values))


def read_result(folder: Path) -> WorkerResult:
    """What the worker found; voxels are read from the folder as they are used.

    Raises:
        OSError, ValueError: the worker did not finish.
    """
    values = pickle.loads((folder / RESULT).read_bytes())
    values.update({name: _read(folder, part) for name, part in values.items() if isinstance(part, _Voxels)})
    return WorkerResult(**values)


def _without_voxels(image: Image, name: str) -> _Voxels:
    return _Voxels(f"{name}.raw", image.array.dtype.str, image.geometry, image.acquisition)


def _write_steps(array: np.ndarray, path: Path) -> Generator[None, None, None]:
    """Slab by slab: a volume at once would hold up the window."""
    thickness = max(1, BYTES_A_STEP // max(1, array[0].nbytes))
    with path.open("wb") as stream:
        for start in range(0, len(array), thickness):
            stream.write(np.ascontiguousarray(array[start : start + thickness]).data)
            yield


def _read(folder: Path, image: _Voxels) -> Image:
    shape = image.geometry.size_ijk[::-1]
    voxels = np.memmap(folder / image.file, image.dtype, "r", shape=shape)
    return Image(np.asarray(voxels), image.geometry, image.acquisition)
