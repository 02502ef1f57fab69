"""The one place that loads a network.

A model file is TorchScript (fp16, the weights shortened, deflated) with ``model.json`` inside: preprocessing,
temperature, what it was trained on, scores. ``Resources/Models/models.json`` lists the files that belong to
the project by hash. A file that is not listed there is not loaded unless the user says so, because
TorchScript is code.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from ..errors import InputError
from ..resources import resource_path
from .fusion import Preprocessing

if TYPE_CHECKING:
    import torch
    from torch import nn

CARD_FILE = "model.json"
PEAK_PROBABILITY = 0.9
"""How sure a network must be somewhere inside a node, where its card names no other value."""
KEPT_BITS = 7
"""Of fp16's ten bits after the point, in the weights of a file, as bfloat16 has: it deflates by a quarter."""
CARD_KEYS = ("name", "notice", "preprocessing", "temperature", "stride", "training", "scores")


@dataclass(frozen=True)
class ModelEntry:
    """A model that comes with the project.

    Attributes:
        name: What the user calls it.
        path: Its file.
        sha256: Hash of the file, hexadecimal.
        card: Path of its model card, relative to ``Resources/Models``.
        notice: One line that every result made with it shows.
    """

    name: str
    path: Path
    sha256: str
    card: str
    notice: str


@dataclass(frozen=True)
class Model:
    """A network that is ready to run, and what is known of it.

    Attributes:
        network: Slices [N, channels, H, W] to logits [N, 1, H, W]; float32, on the CPU.
        preprocessing: What it wants as input.
        stride: H and W are multiples of this.
        temperature: Logits are divided by this, and then
        offset: this is added, to make probabilities; 0.5 is the decision that the model was tuned for.
        peak: A find is a node only where the probability reaches this (`nodes.separate.find_nodes`).
        name: Its name.
        notice: One line that every result made with it shows.
        sha256: Hash of the file.
        card: Everything that ``model.json`` says.
        second: `second_look.SecondLook`, where the file has one; float32, on the CPU.
    """

    network: nn.Module = field(repr=False)
    preprocessing: Preprocessing
    stride: int = 1
    temperature: float = 1.0
    offset: float = 0.0
    peak: float = PEAK_PROBABILITY
    name: str = ""
    notice: str = ""
    sha256: str = ""
    card: dict[str, Any] = field(default_factory=dict, repr=False)
    second: Optional[nn.Module] = field(default=None, repr=False)


def listed_models(folder: Optional[Path] = None) -> list[ModelEntry]:
    """The models that come with the project, the default first. Imports no torch.

    Args:
        folder: Where ``models.json`` lies; by default ``Resources/Models``.

    Raises:
        InputError: the list is missing or damaged.
    """
    folder = folder or resource_path("Models")
    try:
        entries = json.loads((folder / "models.json").read_text(encoding="utf-8"))["models"]
        return [
            ModelEntry(one["name"], folder / one["file"], one["sha256"], one["card"], one["notice"])
            for one in entries
        ]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            "The list of bundled models is missing or damaged: install LymphNodeSeg again."
        ) from None


def read_card(path: Path) -> dict[str, Any]:
    """What a model file says of itself. Imports no torch, and runs nothing of the file.

    Raises:
        InputError: it is no model file.
    """
    import zipfile

    try:
        with zipfile.ZipFile(path) as parts:
            name = next(name for name in parts.namelist() if name.endswith(f"/extra/{CARD_FILE}"))
            card = json.loads(parts.read(name))
    except (OSError, ValueError, StopIteration, zipfile.BadZipFile):
        raise InputError(f"'{path.name}' is no model file of LymphNodeSeg.") from None
    if not isinstance(card, dict):
        raise InputError(f"'{path.name}' has no readable card.")
    return card


def load_model(name_or_path: str = "", trust_unlisted: bool = False, folder: Optional[Path] = None) -> Model:
    """Load a model by its name in the list, or from a file.

    Args:
        name_or_path: A listed name, or a path; empty for the first listed model.
        trust_unlisted: Load a file whose hash is not listed.
        folder: Where ``models.json`` lies; by default ``Resources/Models``.

    Raises:
        InputError: no such model; the file is damaged, not listed, or not a model file.
    """
    listed = listed_models(folder)
    by_name = {one.name: one for one in listed}
    entry = by_name.get(name_or_path) if name_or_path else (listed[0] if listed else None)
    path = entry.path if entry else Path(name_or_path)
    if not name_or_path and not entry:
        raise InputError("No model is bundled: give a model file.")
    try:
        content = path.read_bytes()
    except OSError:
        names = ", ".join(by_name) or "none"
        raise InputError(
            f"There is no model '{name_or_path or path.name}': give a file, or one of: {names}."
        ) from None
    content_hash = hashlib.sha256(content).hexdigest()
    if entry and content_hash != entry.sha256:
        raise InputError(
            f"The file of model '{entry.name}' differs from the published one: install LymphNodeSeg again."
        )
    if not trust_unlisted and content_hash not in {one.sha256 for one in listed}:
        raise InputError(
            f"Model file '{path.name}' is not one of LymphNodeSeg's own, and a model file can run any code. "
            "If you trust where it comes from, allow it (--trust-model) and run again."
        )
    return _read(path.name, content, content_hash)


@lru_cache(maxsize=1)
def _read(name: str, content: bytes, content_hash: str) -> Model:
    """A model from the very bytes whose hash was checked: the file could have changed since.

    Kept for the next study.
    """
    import io

    import torch

    extra = {CARD_FILE: ""}
    try:
        network = torch.jit.load(io.BytesIO(content), map_location="cpu", _extra_files=extra)
    except (RuntimeError, ValueError, EOFError, OSError):
        raise InputError(f"Model file '{name}' is damaged, or it is no TorchScript file.") from None
    try:
        card = json.loads(extra[CARD_FILE])
        missing = [key for key in CARD_KEYS if key not in card]
        if missing:
            raise ValueError(f"its card lacks {', '.join(missing)}")
        network = network.float().eval()
        second = getattr(network, "second", None)
        return Model(
            network if second is None else network.first,
            Preprocessing(**card["preprocessing"]),
            int(card["stride"]),
            float(card["temperature"]),
            float(card.get("offset", 0.0)),
            float(card.get("peak_probability", PEAK_PROBABILITY)),
            str(card["name"]),
            str(card["notice"]),
            content_hash,
            card,
            second,
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        reason = str(error) if "lacks" in str(error) else "it has no readable card"
        raise InputError(
            f"Model file '{name}' cannot be used, {reason}: export it with Training's export command."
        ) from None


def save_model(
    network: nn.Module, card: dict[str, Any], path: Path, second: Optional[nn.Module] = None
) -> str:
    """Write a network as a model file: TorchScript, fp16, its weights shortened, with its card inside.

    Args:
        network: Scriptable; as `eru_net.for_inference` gives it.
        card: What `CARD_KEYS` names, and more; plain values.
        path: The file to write.
        second: The second look that learned from this network's suspects, in the same way.

    Returns:
        The file's sha256, for ``models.json``.
    """
    import copy

    import torch

    from .second_look import BothLooks

    whole = network if second is None else BothLooks(network, second)
    scripted = torch.jit.script(_shortened(copy.deepcopy(whole).eval().half()))
    return write_script(scripted, card, path)


def _shortened(network: nn.Module) -> nn.Module:
    """The same network, its weights (not offsets) in fp16 rounded to `KEPT_BITS`, in place."""
    import torch

    step = 1 << (10 - KEPT_BITS)
    with torch.no_grad():
        for weight in network.parameters():
            if weight.dim() > 1:
                # Sign and size lie apart: rounding the bits as an integer rounds the size.
                bits = weight.data.view(torch.int16)
                bits.add_(step // 2).bitwise_and_(-step)
    return network


def write_script(scripted: torch.jit.ScriptModule, card: dict[str, Any], path: Path) -> str:
    """Write TorchScript with its card inside, deflated: torch reads that by itself.

    TorchScript notes for its error messages where the code lay. That is left out: whoever passes a model on
    need not tell the folders of their machine.

    Args:
        scripted: The network.
        card: Plain values.
        path: The file to write.

    Returns:
        The file's sha256.
    """
    import io
    import zipfile

    import torch

    whole = io.BytesIO()
    torch.jit.save(scripted, whole, _extra_files={CARD_FILE: json.dumps(card, indent=1)})
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for record in source.infolist():
            if not record.filename.endswith(".debug_pkl"):
                target.writestr(record, source.read(record), zipfile.ZIP_DEFLATED, compresslevel=9)
    return hashlib.sha256(path.read_bytes()).hexdigest()
