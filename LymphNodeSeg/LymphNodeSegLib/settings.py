"""The settings of a run: one validated value, shared by the command line and the panel."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .errors import InputError

DEVICES = ("auto", "cuda", "mps", "cpu")
REGISTRATIONS = ("deformable", "rigid", "none")


@dataclass(frozen=True)
class Settings:
    """What the user can choose about a run.

    Attributes:
        model: Name in ``Resources/Models/models.json``, or the path of a TorchScript file.
            Empty: the first listed model.
        device: Where the network runs; "auto" takes CUDA, then Apple's MPS, then the CPU.
        registration: How far DWI may be moved to fit the T2.
        suspicious_mm: Short axis from which a node counts as enlarged (RECIST 1.1: 10 mm).
        trust_unlisted_model: Load a model file whose hash is not listed. TorchScript is code.
        reading_aids: Show size class, side and station suggestions.
    """

    model: str = ""
    device: str = "auto"
    registration: str = "deformable"
    suspicious_mm: float = 10.0
    trust_unlisted_model: bool = False
    reading_aids: bool = True

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise InputError(f"Unknown device '{self.device}': choose one of {', '.join(DEVICES)}.")
        if self.registration not in REGISTRATIONS:
            raise InputError(
                f"Unknown registration '{self.registration}': choose one of {', '.join(REGISTRATIONS)}."
            )
        if not 1.0 <= self.suspicious_mm <= 100.0:
            raise InputError(
                f"A suspicious short axis of {self.suspicious_mm:g} mm makes no sense: give 1 to 100 mm."
            )

    def as_dict(self) -> dict[str, Any]:
        """The settings as plain values, for ``run.json``."""
        return asdict(self)
