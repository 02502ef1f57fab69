"""What a run is asked to do, and what it found out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from .errors import InputError
from .settings import Settings

if TYPE_CHECKING:
    from .images.choose import Wanted
    from .images.image import Image, StudyImages
    from .network.model_file import Model
    from .nodes.node import Node
    from .registration.result import Registration


@dataclass(frozen=True)
class Job:
    """What one run is asked to do.

    Attributes:
        out: The result folder.
        study: A folder (or DICOMDIR, or .zip) with a DICOM study; or
        t2, dwi, adc: single images, each a file or a folder of one DICOM series.
        settings: What the user chose.
        wanted: Series and b-value of the study that the user has set.

    Raises:
        InputError: neither a study nor a pair of images is given, or both are; or a series is set without
            a study.
    """

    out: Path
    study: Optional[Path] = None
    t2: Optional[Path] = None
    dwi: Optional[Path] = None
    adc: Optional[Path] = None
    settings: Settings = field(default_factory=Settings)
    wanted: Optional[Wanted] = None

    def __post_init__(self) -> None:
        images = [path for path in (self.t2, self.dwi, self.adc) if path is not None]
        if self.study is not None and images:
            raise InputError("Give either --study or --t2 with --dwi, not both.")
        if self.study is None and (self.t2 is None or self.dwi is None):
            raise InputError("Give --study, or both --t2 and --dwi.")
        if self.study is None and self.wanted is not None:
            raise InputError(
                "--t2-series, --dwi-series, --adc-series and --b-value choose from a --study: give it."
            )
        for path in (self.study, *images):
            if path is not None and not path.exists():
                raise InputError(f"{path} does not exist: check the path.")


@dataclass(frozen=True)
class Reading:
    """All that a run found out, in memory.

    Attributes:
        study: The images it worked on.
        registration: DWI and ADC on the T2 grid.
        probability: Calibrated probability of lymph node, float32 on the T2 grid.
        labels: One label a node, uint16 on the T2 grid.
        nodes: The measured nodes.
        model: The network that was used.
        device: Where it ran.
        warnings: What the user should know.
        seconds: Wall time of each stage.
    """

    study: StudyImages
    registration: Registration
    probability: Image
    labels: Image
    nodes: tuple[Node, ...]
    model: Model
    device: str
    warnings: tuple[str, ...]
    seconds: dict[str, float]
