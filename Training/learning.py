"""The Lightning module and data module: loss, optimizer, schedule, crops."""

from __future__ import annotations

import math
from typing import Any, Optional

import lightning
import torch
from monai.losses import DiceCELoss
from torch import Tensor
from torch.utils.data import DataLoader

from .architectures import build_network
from .augment import augmented
from .cases import Case
from .config import Config, config_of
from .crops import Crops


class CropData(lightning.LightningDataModule):
    """Crops of training and validation cases.

    Args:
        config: The run.
        training: Cases to learn from.
        validation: Cases of other patients.
    """

    def __init__(self, config: Config, training: list[Case], validation: list[Case]) -> None:
        super().__init__()
        self._config, self._training, self._validation = config, training, validation

    def _loader(self, cases: list[Case], steps: int, seed: int, epoch: int) -> DataLoader:
        config = self._config
        batch = config.schedule.batch
        crops = Crops(
            cases, config.preprocessing, config.data.crop, config.data.node_share, steps * batch, seed, epoch
        )
        return DataLoader(crops, batch_size=batch, num_workers=config.schedule.workers)

    def train_dataloader(self) -> DataLoader:
        """New crops for the current epoch."""
        epoch = self.trainer.current_epoch if self.trainer else 0
        return self._loader(self._training, self._config.schedule.steps_per_epoch, self._config.seed, epoch)

    def val_dataloader(self) -> DataLoader:
        """The same crops each time."""
        return self._loader(self._validation, 12, self._config.seed + 1, 0)


class Learner(lightning.LightningModule):
    """Trains a network.

    Args:
        config: The run, as plain values, so that a checkpoint holds it.
        training_cases: How many cases it learns from, for the model's card.
    """

    def __init__(self, config: dict[str, Any], training_cases: Optional[int] = None) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.config = config_of(config)
        self.network = build_network(self.config.network, self.config.preprocessing.channels)
        # Dice over the whole batch: most crops hold few nodes or none, and a Dice of each would be noise.
        self.loss = DiceCELoss(sigmoid=True, batch=True)

    def strength(self) -> float:
        """How strongly to augment now: in full, and lightly at the end."""
        schedule = self.config.schedule
        return 1.0 if self.global_step < schedule.steps * (1 - schedule.light_share) else 0.3

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """One batch."""
        chance = torch.Generator(device=self.device)
        chance.manual_seed(self.config.seed * 10_000_000 + self.global_step)
        inputs, nodes = augmented(*batch, self.config.preprocessing, self.strength(), chance)
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
        """AdamW; the learning rate rises, then falls as a cosine."""
        schedule = self.config.schedule
        optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay
        )

        def factor(step: int) -> float:
            rise = min(1.0, (step + 1) / max(1, schedule.warmup_steps))
            return rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / schedule.steps))))

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def precision_of(config: Config) -> Optional[str]:
    """Lightning's name of the number format to train in."""
    if config.schedule.precision != "auto":
        return config.schedule.precision
    if torch.cuda.is_available():
        return "bf16-mixed"
    return "bf16-mixed" if getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)() else "32-true"
