"""Training of the second look on the places that a trained ERU-Net suspects; see `network.second_look`."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Optional

import lightning
import numpy as np
import torch
from LymphNodeSegLib import __version__
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.network.eru_net import for_inference
from LymphNodeSegLib.network.inference import pick_device
from LymphNodeSegLib.network.model_file import Model, load_model, save_model
from LymphNodeSegLib.network.second_look import SecondLook
from torch import Tensor, nn
from torch.utils.data import DataLoader

from .cases import split_by_patient
from .config import Config, config_of
from .export import CALIBRATION_CASES, best_peak_of, fitted_scaling, reliability, with_scores
from .learning import VALIDATION_STEPS, optimizer_of, step_chance, strength
from .place_augment import augmented_places
from .places import PlaceCrops, SuspectCase, first_look, prefer_what_is_wrong
from .prepare import cases_of
from .train import trainer_of
from .warm_start import read_checkpoint, second_look_of, start_second_look


def train_second_look(
    model_name: str, config: Config, out: Path, scores: Optional[Path] = None, start_from: str = ""
) -> Path:
    """Train a second look for a model, and write a model file that has both.

    Goes on from ``last.ckpt`` in `out` where that is; where it was finished, only the file is written again.
    ERU-Net stays as it is.

    Args:
        model_name: As `load_model` takes it; a file need not be listed.
        config: Where the cases are, how they are split, and `second_look`'s schedule.
        out: Folder for checkpoints, curves, and ``model.pt``.
        scores: JSON figures to put into the card.
        start_from: Model, as `model_name`, whose second look a new training begins with.

    Returns:
        The model file.

    Raises:
        InputError: there are too few cases, they were prepared for another model, `out` holds another
            training, or `start_from` has no such second look.
    """
    model = load_model(model_name, trust_unlisted=True)
    if model.preprocessing.pixel_mm != config.preprocessing.pixel_mm:
        raise InputError(
            f"The cases have pixels of {config.preprocessing.pixel_mm} mm and model '{model.name}' wants "
            f"{model.preprocessing.pixel_mm}: prepare them with the model's preprocessing."
        )
    last = out / "last.ckpt"
    if last.exists() and read_checkpoint(last)["hyper_parameters"].get("first_look") != model.sha256:
        raise InputError(f"'{out.name}' holds the training of something else: choose another folder.")
    lightning.seed_everything(config.seed, workers=True)
    start = load_model(start_from, trust_unlisted=True) if start_from else None
    places, learner = PlaceData(config, model, start), SecondLearner(config.as_dict(), model.sha256)
    resume = last if last.exists() else None
    if start and not resume:
        start_second_look(learner.network, start, places.example())
    trainer_of(config.second_look, out).fit(learner, datamodule=places, ckpt_path=resume, weights_only=False)
    learner.load_state_dict(read_checkpoint(last)["state_dict"])
    export_second_look(learner, places, model, out / "model.pt")
    if scores:
        with_scores(out / "model.pt", json.loads(scores.read_text(encoding="utf-8")), out / "model.pt")
    return out / "model.pt"


class PlaceData(lightning.LightningDataModule):
    """Places of training and validation cases.

    Args:
        config: The run.
        model: Whose suspects they are.
        start: Model whose second look the training begins with; what it has wrong is drawn the oftener.

    Raises:
        InputError: there are too few prepared cases, the model suspects nothing in them, or `start` has no
            second look.
    """

    def __init__(self, config: Config, model: Model, start: Optional[Model] = None) -> None:
        super().__init__()
        self._config, device = config, pick_device()
        sides = split_by_patient(cases_of(config), config.data.validation_share, config.seed)
        if not all(sides):
            raise InputError("Cases of at least two patients are needed: one is kept for validation.")
        again = second_look_of(start) if start else None
        count, done = sum(map(len, sides)), 0
        suspects: list[list[SuspectCase]] = [[], []]
        for side, found in zip(sides, suspects):
            for case in side:
                found += [one for one in first_look(case, model, device) if one.places]
                done += 1
                print(f"First look: {done} of {count}", flush=True)
        self.training, self.validation = suspects
        if not all(suspects):
            raise InputError(
                f"Model '{model.name}' suspects nothing in the prepared cases: nothing to learn from."
            )
        if start and again:
            for number, one in enumerate(self.training, start=1):
                prefer_what_is_wrong(one, again, start.sha256, device)
                print(f"What is still wrong: {number} of {len(self.training)}", flush=True)

    def example(self) -> Tensor:
        """What the second look sees of the first batch, unchanged."""
        pixel_mm = self._config.preprocessing.pixel_mm
        return augmented_places(next(iter(self.train_dataloader())), pixel_mm, 0.0, torch.Generator())[0]

    def _loader(self, cases: Sequence[SuspectCase], steps: int, seed: int, epoch: int) -> DataLoader:
        schedule = self._config.second_look
        crops = PlaceCrops(cases, steps * schedule.batch, seed, epoch)
        return DataLoader(crops, batch_size=schedule.batch, num_workers=schedule.workers)

    def train_dataloader(self) -> DataLoader:
        """New places for the current epoch."""
        epoch = self.trainer.current_epoch if self.trainer else 0
        return self._loader(self.training, self._config.second_look.steps_per_epoch, self._config.seed, epoch)

    def val_dataloader(self) -> DataLoader:
        """The same places each time."""
        return self._loader(self.validation, VALIDATION_STEPS, self._config.seed + 1, 0)


class SecondLearner(lightning.LightningModule):
    """Trains a second look.

    Args:
        config: The run, as plain values, so that a checkpoint holds it.
        first_look: Hash of the model file whose suspects it learns from.
    """

    def __init__(self, config: dict[str, Any], first_look: str) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.config = config_of(config)
        self.network = SecondLook()

    def on_fit_start(self) -> None:
        """Let the network be compiled where that was asked for."""
        if self.config.second_look.compile:
            self.network.compile()

    def training_step(self, batch: Tensor, index: int) -> Tensor:
        """One batch."""
        share = strength(self.config.second_look, self.global_step)
        chance = step_chance(self, self.config.seed)
        seen, nodes, drawn = augmented_places(batch, self.config.preprocessing.pixel_mm, share, chance)
        loss = loss_where_drawn(self.network(seen).float(), nodes, drawn)
        self.log("loss", loss, prog_bar=True)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Count from nothing."""
        self._counts = torch.zeros(3, device=self.device)

    def validation_step(self, batch: Tensor, index: int) -> None:
        """Count pixels of one batch."""
        chance = torch.Generator(device=self.device).manual_seed(index)
        seen, nodes, drawn = augmented_places(batch, self.config.preprocessing.pixel_mm, 0.0, chance)
        found = (self.network(seen) > 0) & (drawn > 0)
        true = nodes * drawn > 0
        self._counts += torch.stack([(found & true).sum(), (found & ~true).sum(), (~found & true).sum()])

    def on_validation_epoch_end(self) -> None:
        """IoU where the second look may draw, pooled over all pixels."""
        self.log("validation_iou", self._counts[0] / self._counts.sum().clamp(min=1), prog_bar=True)

    def configure_optimizers(self) -> Any:
        """See `optimizer_of`."""
        return optimizer_of(self.network, self.config.second_look)


def loss_where_drawn(logits: Tensor, nodes: Tensor, drawn: Tensor) -> Tensor:
    """Cross entropy and Dice over the batch, of the pixels where the second look may draw.

    Args:
        logits: [N, slices, rows, columns].
        nodes: 0 or 1, the same.
        drawn: The same.
    """
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, nodes, drawn, reduction="sum")
    found, true = torch.sigmoid(logits) * drawn, nodes * drawn
    dice = (2.0 * (found * true).sum() + 1.0) / (found.sum() + true.sum() + 1.0)
    return entropy / drawn.sum().clamp(min=1.0) + 1.0 - dice


def export_second_look(learner: SecondLearner, places: PlaceData, model: Model, out: Path) -> None:
    """Scale the second look's probability on held-out cases and write a model file with both looks.

    Args:
        learner: As it was trained.
        places: What it learned from, and what it did not.
        model: The first look.
        out: The model file (.pt).
    """
    second, held_out = for_inference(learner.network), places.validation[:CALIBRATION_CASES]
    sure = [one.answer(second, pick_device()) for one in held_out]
    drawn = [one.drawn((0, 0, 0), one.nodes.shape) for one in held_out]
    logits = torch.cat([torch.logit(one[where], 1e-6) for one, where in zip(sure, drawn)])
    nodes = torch.cat([one.nodes[where].float() for one, where in zip(held_out, drawn)])
    temperature, offset = fitted_scaling(logits, nodes)

    def scaled() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for case, one, where in zip(held_out, sure, drawn):
            probability = torch.sigmoid(torch.logit(one, 1e-6) / temperature + offset)
            yield torch.where(where, probability, one).numpy(), case.nodes.numpy()

    card = {
        **model.card,
        "peak_probability": best_peak_of(scaled()),
        "second_look": {
            "cases": len({one.patient for one in places.training}),
            "first_look": model.sha256,
            "schedule": learner.config.as_dict()["second_look"],
            "calibration": {
                "cases": len({one.patient for one in held_out}),
                "before": reliability(logits, nodes, 1.0, 0.0),
                "after": reliability(logits, nodes, temperature, offset),
            },
            "lymphnodeseg": __version__,
            "date": date.today().isoformat(),
        },
        "scores": {},
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    save_model(model.network, card, out, scaled_second_look(second, temperature, offset))


def scaled_second_look(second: nn.Module, temperature: float, offset: float) -> nn.Module:
    """A copy whose logits are divided by `temperature`, and to which `offset` is added."""
    scaled: Any = copy.deepcopy(second)
    with torch.no_grad():
        scaled.temperature.fill_(temperature)
        scaled.offset.fill_(offset)
    return scaled
