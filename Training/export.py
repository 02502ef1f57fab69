"""From a checkpoint to a model file: fold, calibrate, write the card."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Optional

import numpy as np
import torch
from LymphNodeSegLib import __version__
from LymphNodeSegLib.network.eru_net import for_inference
from LymphNodeSegLib.network.fusion import fuse
from LymphNodeSegLib.network.inference import pick_device
from LymphNodeSegLib.network.model_file import CARD_FILE, save_model, write_script
from LymphNodeSegLib.network.runner import forward
from LymphNodeSegLib.nodes.separate import components, without_holes
from torch import Tensor, nn

from .cases import Case, split_by_patient
from .config import Config
from .learning import Learner
from .prepare import cases_of
from .warm_start import read_checkpoint

BINS = 15
CALIBRATION_CASES = 24
NEARLY_BEST = 0.97
LEVEL_SHIFTS = (0.0, -1.5, -1.0, -0.5, 0.5, 1.0, 1.5)
"""Added to scaled logits to look for the best outline; of two alike the first is taken."""
PEAKS = tuple(round(1.0 / (1.0 + math.exp(-step / 4)), 4) for step in range(29))
"""Evenly spaced logits from 0 to 7."""


@dataclass(frozen=True)
class Calibrated:
    """A trained network, ready to run.

    Attributes:
        learner: As it was trained.
        network: Its network for inference.
        temperature, offset: See `fitted_scaling`.
        steps: How long it was trained.
        cases: How many held-out cases it was calibrated on.
        logits, nodes: Of every pixel of these, flat.
        shapes: Slices, rows and columns of each of these cases.
    """

    learner: Learner
    network: nn.Module
    temperature: float
    offset: float
    steps: int
    cases: int
    logits: Tensor
    nodes: Tensor
    shapes: list[torch.Size]

    @property
    def stride(self) -> int:
        """Height and width of its input are multiples of this."""
        return 2 ** (self.learner.config.network.depth - 1)


def calibrated(checkpoint: Path, held_out: Optional[Config] = None) -> Calibrated:
    """The network of a checkpoint, with its probability scaled on cases that it did not learn from.

    Args:
        checkpoint: Of a training run.
        held_out: Calibrate on all prepared cases of this configuration instead of the run's validation cases.
    """
    values = read_checkpoint(checkpoint)
    learner = Learner(**values["hyper_parameters"])
    learner.load_state_dict(values["state_dict"])
    config = learner.config
    network = for_inference(learner.network)
    validation = cases_of(held_out) if held_out else _own_validation(config)
    logits, nodes, shapes = held_out_logits(network, validation, config)
    temperature, offset = fitted_scaling(logits, nodes)
    steps = int(values["global_step"])
    return Calibrated(learner, network, temperature, offset, steps, len(validation), logits, nodes, shapes)


def _own_validation(config: Config) -> list[Case]:
    """Cases of a run that it did not learn from; at most `CALIBRATION_CASES`."""
    _, validation = split_by_patient(cases_of(config), config.data.validation_share, config.seed)
    return validation[:CALIBRATION_CASES]


def export_model(
    checkpoint: Path,
    out: Path,
    scores: Optional[Path] = None,
    listed: bool = False,
    held_out: Optional[Config] = None,
) -> str:
    """Write a model file.

    Args:
        checkpoint: Of a training run.
        out: The model file (.pt).
        scores: JSON figures to put into the card.
        listed: Add the file to the ``models.json`` beside it.
        held_out: Calibrate on all prepared cases of this configuration instead of the run's validation cases.

    Returns:
        The file's sha256.
    """
    ready = calibrated(checkpoint, held_out)
    config, logits, nodes = ready.learner.config, ready.logits, ready.nodes
    card = {
        "name": config.export.name,
        "notice": config.export.notice,
        "preprocessing": config.preprocessing.as_dict(),
        "temperature": round(ready.temperature, 4),
        "offset": round(ready.offset, 4),
        "peak_probability": config.export.peak_probability,
        "stride": ready.stride,
        "network": config.as_dict()["network"],
        "training": {
            "cases": ready.learner.hparams.get("training_cases"),
            "source": "synthetic pelvises" if config.data.source == "phantom" else "own cases",
            "steps": ready.steps,
            "config": _told(config),
            "lymphnodeseg": __version__,
            "date": date.today().isoformat(),
        },
        "calibration": {
            "cases": ready.cases,
            "before": reliability(logits, nodes, 1.0, 0.0),
            "after": reliability(logits, nodes, ready.temperature, ready.offset),
        },
        "scores": json.loads(scores.read_text(encoding="utf-8")) if scores else {},
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    sha256 = save_model(ready.network, card, out)
    if listed:
        list_model(out, card, sha256)
    return sha256


def _told(config: Config) -> dict[str, Any]:
    """What a card says of a configuration: no path of this machine, no schedule of another network."""
    values = config.as_dict()
    del values["second_look"]
    return {**values, "data": {**values["data"], "cache": "", "source": ""}}


def with_scores(model_file: Path, scores: dict[str, Any], out: Path) -> str:
    """Write a model file again, with figures in its card.

    Args:
        model_file: Of `export_model` or `second.train_second_look`.
        scores: Plain values.
        out: The file to write.

    Returns:
        Its sha256.
    """
    extra = {CARD_FILE: ""}
    network = torch.jit.load(str(model_file), map_location="cpu", _extra_files=extra)
    card = {**json.loads(extra[CARD_FILE]), "scores": scores}
    return write_script(network, card, out)


def held_out_logits(
    network: nn.Module, cases: list[Case], config: Config
) -> tuple[Tensor, Tensor, list[torch.Size]]:
    """Logits and truth of every pixel of whole validation slices, flat; and the shape of each case."""
    logits, nodes, shapes = [], [], []
    stride, device = 2 ** (config.network.depth - 1), pick_device()
    with torch.inference_mode():
        for case in cases:
            t2, dwi, known = (one.float() for one in (case.t2, case.dwi[0], case.known[0]))
            height, width = (n - n % stride for n in t2.shape[1:])
            inputs = fuse(t2, dwi, known, config.preprocessing)[:, :, :height, :width]
            logits.append(forward(inputs, network, device).flatten())
            shown = case.nodes[:, :height, :width]
            nodes.append(shown.flatten().float())
            shapes.append(shown.shape)
    return torch.cat(logits), torch.cat(nodes), shapes


def fitted_scaling(logits: Tensor, nodes: Tensor) -> tuple[float, float]:
    """Temperature and offset that make a probability of a network's logits.

    The offset puts 0.5 where the Dice of all held-out slices is highest, in the middle of where it hardly
    changes: its ends draw nodes too large or too small. Crops show more nodes than whole slices do; and a
    probability that were a frequency would pass 0.5 only where the network is hardly ever wrong, which costs
    most of the nodes. The temperature is that of the smallest cross entropy with this offset (Guo C et al.,
    ICML 2017).
    """
    levels = torch.linspace(-6.0, 8.0, 57).tolist()
    sure = logits[nodes > 0]
    dice = [2 * int((sure > one).sum()) / max(len(sure) + int((logits > one).sum()), 1) for one in levels]
    level = float(np.mean([one for one, value in zip(levels, dice) if value >= NEARLY_BEST * max(dice)]))
    candidates = torch.exp(torch.linspace(-1.5, 1.5, 61)).tolist()
    shifted = logits - level
    losses = [
        nn.functional.binary_cross_entropy_with_logits(shifted / one, nodes).item() for one in candidates
    ]
    temperature = float(candidates[int(np.argmin(losses))])
    return temperature, -level / temperature


def best_point(ready: Calibrated) -> tuple[float, float]:
    """Offset and peak (`nodes.separate.find_nodes`) that together give the highest Dice on held-out cases.

    The scaling's own offset is that of the best outline with all false finds in; without them a lower level
    may be better.
    """
    ends = np.cumsum([shape.numel() for shape in ready.shapes])[:-1].tolist()
    truths = [one.view(shape).numpy() for shape, one in zip(ready.shapes, ready.nodes.tensor_split(ends))]
    best = []
    for shift in LEVEL_SHIFTS:
        sure = torch.sigmoid(ready.logits / ready.temperature + ready.offset + shift)
        parts = (one.view(shape).numpy() for shape, one in zip(ready.shapes, sure.tensor_split(ends)))
        dice = _dice_of_peaks(zip(parts, truths))
        best.append((max(dice), ready.offset + shift, PEAKS[int(np.argmax(dice))]))
    return max(best, key=lambda one: one[0])[1:]


def best_peak_of(cases: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    """The peak with the highest Dice, of probabilities and truths, each [k, j, i]."""
    return PEAKS[int(np.argmax(_dice_of_peaks(cases)))]


def _dice_of_peaks(cases: Iterable[tuple[np.ndarray, np.ndarray]]) -> list[float]:
    """Dice over all cases with each of `PEAKS`."""
    peaks, sizes, hits, true = [], [], [], 0.0
    for sure, truth in cases:
        for mask, box in components(sure >= 0.5):
            whole = without_holes(mask)
            peaks.append(sure[box][mask].max())
            sizes.append(np.count_nonzero(whole))
            hits.append(np.count_nonzero(truth[box][whole]))
        true += np.count_nonzero(truth)
    peak, size, hit = (np.array(one) for one in (peaks, sizes, hits))
    kept = [peak >= level for level in PEAKS]
    return [2 * hit[one].sum() / max(size[one].sum() + true, 1.0) for one in kept]


def reliability(logits: Tensor, nodes: Tensor, temperature: float, offset: float) -> dict[str, Any]:
    """Reliability curve and expected calibration error of the pixels with a probability of 1 % or more.

    Nearly all pixels are background that nobody doubts: with them, any network would look calibrated.
    """
    probability = torch.sigmoid(logits / temperature + offset)
    doubtful = probability >= 0.01
    probability, truth = probability[doubtful], nodes[doubtful]
    bins = (probability * BINS).long().clamp(max=BINS - 1)
    count = torch.bincount(bins, minlength=BINS)
    mean = torch.bincount(bins, probability, BINS) / count.clamp(min=1)
    share = torch.bincount(bins, truth, BINS) / count.clamp(min=1)
    error = float(((mean - share).abs() * count).sum() / count.sum().clamp(min=1))
    return {
        "expected_calibration_error": round(error, 4),
        "mean_probability": [round(one, 3) for one in mean.tolist()],
        "share_of_nodes": [round(one, 3) for one in share.tolist()],
    }


def list_model(path: Path, card: dict[str, Any], sha256: str) -> None:
    """Put a model file into the ``models.json`` beside it; one of the same name is replaced."""
    models_file = path.with_name("models.json")
    listed = json.loads(models_file.read_text(encoding="utf-8"))["models"] if models_file.exists() else []
    entry = {
        "name": card["name"],
        "file": path.name,
        "sha256": sha256,
        "card": "MODEL_CARD.md",
        "notice": card["notice"],
    }
    others = [one for one in listed if one["name"] != entry["name"]]
    models_file.write_text(json.dumps({"models": [entry, *others]}, indent=2) + "\n", encoding="utf-8")
