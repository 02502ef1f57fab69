"""The Lightning module and data module: loss, optimizer, schedule, crops."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Optional

import lightning
import torch
from monai.losses import DiceCELoss
from torch import Tensor, nn
from torch.utils.data import DataLoader

from .architectures import build_network
from .augment import augmented
from .cases import Case, split_by_patient
from .config import Config, Schedule, config_of
from .crops import Crops, batch_of
from .prepare import cases_of

VALIDATION_STEPS = 12
READERS = 4
"""Cases that are read from disk at a time."""
RESIDENT_SHARE = 0.65
"""Of a GPU's memory, for cases; the rest is for the network."""


class CropData(lightning.LightningDataModule):
    """Crops of training and validation cases.

    Cases that were prepared since take part from the next epoch on: `prepare` may run beside a training. On a
    GPU that has room for all of them, cases lie in its memory and crops are cut there.

    Args:
        config: The run.

    Raises:
        InputError: there is no prepared case.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._config = config
        self._read: dict[Path, Case] = {}
        self._there: dict[Path, Case] = {}

    def cases(self) -> tuple[list[Case], list[Case]]:
        """Those to learn from and those of other patients, as far as they are prepared now."""
        data = self._config.data
        return split_by_patient(cases_of(self._config, self._read), data.validation_share, self._config.seed)

    def _loader(self, cases: list[Case], steps: int, seed: int, epoch: int) -> DataLoader:
        config = self._config
        batch, workers = config.schedule.batch, config.schedule.workers
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        if device.type == "cuda" and fits(cases, device):
            cases, workers = self._moved(cases, device), 0
        crops = Crops(
            cases, config.preprocessing, config.data.crop, config.data.node_share, steps * batch, seed, epoch
        )
        return DataLoader(crops, batch_size=batch, num_workers=workers, collate_fn=batch_of)

    def _moved(self, cases: list[Case], device: torch.device) -> list[Case]:
        """The cases in a device's memory; those of an earlier epoch are there already."""
        new = [one for one in cases if one.folder not in self._there]
        with ThreadPoolExecutor(READERS) as readers:
            self._there.update(zip((one.folder for one in new), readers.map(lambda one: one.to(device), new)))
        return [self._there[one.folder] for one in cases]

    def train_dataloader(self) -> DataLoader:
        """New crops for the current epoch."""
        training, _ = self.cases()
        if self.trainer:
            self.trainer.lightning_module.hparams["training_cases"] = len(training)
        epoch = self.trainer.current_epoch if self.trainer else 0
        return self._loader(training, self._config.schedule.steps_per_epoch, self._config.seed, epoch)

    def val_dataloader(self) -> DataLoader:
        """The same crops each time, as long as no case is added."""
        return self._loader(self.cases()[1], VALIDATION_STEPS, self._config.seed + 1, 0)


def fits(cases: list[Case], device: torch.device) -> bool:
    """Whether a GPU holds all cases and has room to train beside them."""
    return sum(one.size_bytes for one in cases) < RESIDENT_SHARE * torch.cuda.mem_get_info(device)[1]


class Learner(lightning.LightningModule):
    """Trains a network.

    Args:
        config: The run, as plain values, so that a checkpoint holds it.
        training_cases: How many cases it learns from, for the model's card; `CropData` keeps it up to date.
    """

    def __init__(self, config: dict[str, Any], training_cases: Optional[int] = None) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.config = config_of(config)
        self.network = build_network(self.config.network, self.config.preprocessing.channels)
        # Dice over the whole batch: most crops hold few nodes or none, and a Dice of each would be noise.
        self.loss = DiceCELoss(sigmoid=True, batch=True)

    def on_fit_start(self) -> None:
        """Let the network be compiled where that was asked for."""
        if self.config.schedule.compile:
            self.network.compile()

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """One batch."""
        chance = step_chance(self, self.config.seed)
        share = strength(self.config.schedule, self.global_step)
        inputs, nodes = augmented(*batch, self.config.preprocessing, share, chance)
        logits = self.network(inputs.contiguous(memory_format=torch.channels_last))
        loss = self.loss(logits.float(), nodes)
        self.log("loss", loss, prog_bar=True)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Count from nothing."""
        self._counts = torch.zeros(3, device=self.device)

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        """Count pixels of one batch."""
        inputs, nodes = batch
        logits = self.network(inputs.contiguous(memory_format=torch.channels_last)).float()
        found = logits > 0
        self._counts += torch.stack(
            [(found * nodes).sum(), (found * (1 - nodes)).sum(), (~found * nodes).sum()]
        )
        self.log("validation_loss", self.loss(logits, nodes))

    def on_validation_epoch_end(self) -> None:
        """Figures of the crops, pooled over all pixels."""
        true, false, missed = self._counts.tolist()
        figures = {
            "iou": true / max(true + false + missed, 1),
            "precision": true / max(true + false, 1),
            "recall": true / max(true + missed, 1),
        }
        self.log_dict({f"validation_{key}": value for key, value in figures.items()}, prog_bar=True)

    def configure_optimizers(self) -> Any:
        """See `optimizer_of`."""
        return optimizer_of(self.network, self.config.schedule)


def optimizer_of(network: nn.Module, schedule: Schedule) -> dict[str, Any]:
    """AdamW; the learning rate rises, then falls as a cosine."""
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay
    )

    def factor(step: int) -> float:
        rise = min(1.0, (step + 1) / max(1, schedule.warmup_steps))
        return rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / schedule.steps))))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def step_chance(learner: lightning.LightningModule, seed: int) -> torch.Generator:
    """Where a step's randomness comes from: the same after a resume."""
    return torch.Generator(device=learner.device).manual_seed(seed * 10_000_000 + learner.global_step)


def strength(schedule: Schedule, step: int) -> float:
    """How strongly to augment: in full, and lightly at the end."""
    return 1.0 if step < schedule.steps * (1 - schedule.light_share) else 0.3


def precision_of(schedule: Schedule) -> Optional[str]:
    """Lightning's name of the number format to train in."""
    if schedule.precision != "auto":
        return schedule.precision
    # Without such instructions a processor takes longer in bfloat16; AVX-512's halve a step.
    instructions = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    quick = torch.cuda.is_available() or any(getattr(torch.cpu, one, bool)() for one in instructions)
    return "bf16-mixed" if quick else "32-true"
