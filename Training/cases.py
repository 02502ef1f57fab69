"""Cases on disk as training reads them: normalized slices at the network's pixel.

A case is a folder with ``t2.npy`` [k, j, i], ``dwi.npy``, ``known.npy`` and ``adc.npy`` [variant, k, j, i],
``nodes.npy`` [k, j, i] and ``case.json``. The variants show the same patient with other b-values or another
residual displacement. Volumes are read from disk as they are needed: the number of cases is not limited by
memory.
"""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Union

import numpy as np
import torch
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.image import Image
from LymphNodeSegLib.network.fusion import Preprocessing, normalized_pair
from LymphNodeSegLib.network.inference import to_working_grid, working_grid


@dataclass(frozen=True)
class AlignedDwi:
    """A DWI on the T2's grid.

    Attributes:
        array: [k, j, i], float32.
        known: Boolean [k, j, i].
        adc: In um2/s [k, j, i], 0 where it is not known; None where there is no map.
    """

    array: np.ndarray = field(repr=False)
    known: np.ndarray = field(repr=False)
    adc: Optional[np.ndarray] = field(default=None, repr=False)


class Case:
    """A case on disk; its volumes are read as they are needed.

    Args:
        folder: As `write_case` left it.

    Attributes:
        t2, nodes: [k, j, i].
        dwi, known: [variant, k, j, i].
    """

    VOLUMES = ("t2", "dwi", "known", "nodes")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.patient: str = json.loads((folder / "case.json").read_text(encoding="utf-8"))["patient"]
        # Copy on write: nothing writes, and torch takes no read-only array.
        self.t2, self.dwi, self.known, self.nodes = (
            torch.from_numpy(np.load(folder / f"{name}.npy", mmap_mode="c")) for name in self.VOLUMES
        )
        self._node_pixels: Optional[dict[int, np.ndarray]] = None

    @property
    def node_pixels(self) -> dict[int, np.ndarray]:
        """For each slice k that shows nodes, their pixels, (n, 2): row and column."""
        if self._node_pixels is None:
            slices = self.nodes.cpu().numpy().view(bool)
            self._node_pixels = {int(k): np.argwhere(slices[k]) for k in np.flatnonzero(slices.any((1, 2)))}
        return self._node_pixels

    @property
    def size_bytes(self) -> int:
        """Memory that its volumes take."""
        return sum(getattr(self, name).nbytes for name in self.VOLUMES)

    def to(self, device: Union[str, torch.device]) -> Case:
        """The same with its volumes in a device's memory."""
        moved = copy.copy(self)
        for name in self.VOLUMES:
            setattr(moved, name, getattr(self, name).to(device))
        return moved


def write_case(
    folder: Path,
    patient: str,
    t2: Image,
    variants: Sequence[AlignedDwi],
    nodes: np.ndarray,
    preprocessing: Preprocessing,
) -> None:
    """Prepare a case and write it; a folder that exists is complete.

    Args:
        folder: Where to.
        patient: Whose it is; cases of one patient stay on one side of the split.
        t2: The T2.
        variants: One or more DWIs on its grid.
        nodes: [k, j, i], not 0 in a lymph node.
        preprocessing: The network's.
    """
    size, pixel_mm = working_grid(t2, preprocessing.pixel_mm)
    t2_fine = to_working_grid(t2.array, size)
    dwis, knowns, adcs = [], [], []
    for one in variants:
        known = (to_working_grid(one.known, size) > 0.5).float()
        dwi_fine = to_working_grid(one.array, size, antialias=False)
        t2_signal, dwi_signal, _ = normalized_pair(t2_fine, dwi_fine, known, pixel_mm)
        dwis.append(dwi_signal.half())
        knowns.append(known.to(torch.uint8))
        adc = np.zeros_like(one.array) if one.adc is None else one.adc
        adcs.append(to_working_grid(adc, size, antialias=False).half())
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    np.save(partial / "t2.npy", t2_signal.half().numpy())
    np.save(partial / "dwi.npy", torch.stack(dwis).numpy())
    np.save(partial / "known.npy", torch.stack(knowns).numpy())
    np.save(partial / "adc.npy", torch.stack(adcs).numpy())
    np.save(partial / "nodes.npy", (to_working_grid(nodes > 0, size) > 0.5).to(torch.uint8).numpy())
    (partial / "case.json").write_text(
        json.dumps({"patient": patient, "pixel_mm": pixel_mm}), encoding="utf-8"
    )
    partial.rename(folder)


def read_cases(folder: Path, known: Optional[dict[Path, Case]] = None) -> list[Case]:
    """All complete cases below a folder, in the order of their names.

    Args:
        folder: Where they lie.
        known: Cases that were read before; those that are new are added.

    Raises:
        InputError: there is none.
    """
    known = {} if known is None else known
    folders = [one.parent for one in sorted(folder.glob("*/case.json")) if one.parent.suffix != ".partial"]
    for one in folders:
        if one not in known:
            known[one] = Case(one)
    cases = [known[one] for one in folders]
    if not cases:
        raise InputError("There are no prepared cases: run `python -m Training prepare` first.")
    return cases


def split_by_patient(
    cases: Sequence[Case], validation_share: float, seed: int
) -> tuple[list[Case], list[Case]]:
    """Training and validation cases; no patient is on both sides, and cases that are added move no patient.

    Args:
        cases: All cases.
        validation_share: Chance of a patient to be kept for validation; one is, unless there is only one.
        seed: Decides which.
    """
    ranked = sorted({one.patient for one in cases}, key=lambda patient: _draw(patient, seed))
    count = max(1, sum(_draw(patient, seed) < validation_share for patient in ranked))
    held_out = set(ranked[: min(count, len(ranked) - 1)])
    return [c for c in cases if c.patient not in held_out], [c for c in cases if c.patient in held_out]


def _draw(patient: str, seed: int) -> float:
    """A number from 0 to 1 that depends on the patient and the seed alone."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{patient}".encode()).digest()[:6], "big") / 2.0**48
