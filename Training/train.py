"""One training run: from prepared cases to checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import lightning
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

from .config import Config, Schedule
from .learning import CropData, Learner, precision_of
from .warm_start import start_weights


def run_training(config: Config, out: Path, resume: Optional[Path] = None, start_from: str = "") -> Path:
    """Train; Lightning picks CPU, one GPU or several.

    Args:
        config: The run.
        out: Where checkpoints and curves go.
        resume: Checkpoint of this run to go on with, the schedule included.
        start_from: Checkpoint, or name of a bundled model, whose weights a new run begins with.

    Returns:
        The last checkpoint; its weights are the moving average.
    """
    lightning.seed_everything(config.seed, workers=True)
    crops = CropData(config)
    crops.cases()  # there may be none: known before anything is set up
    learner = Learner(config.as_dict())
    if start_from:
        start_weights(learner, start_from, lambda: next(iter(crops.train_dataloader()))[0])
    trainer_of(config.schedule, out).fit(learner, datamodule=crops, ckpt_path=resume, weights_only=False)
    return out / "last.ckpt"


def trainer_of(schedule: Schedule, out: Path) -> lightning.Trainer:
    """Lightning's trainer for a schedule; checkpoints and curves go to `out`."""
    # No counter: in a folder that was moved it would write "last-v1.ckpt", and an old "last.ckpt" be read.
    checkpoints = ModelCheckpoint(
        dirpath=out,
        filename="{step}",
        save_last=True,
        every_n_epochs=1,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    return lightning.Trainer(
        max_steps=schedule.steps,
        precision=precision_of(schedule),  # type: ignore[arg-type]
        callbacks=[EMAWeightAveraging(decay=schedule.ema_decay), checkpoints],
        logger=CSVLogger(out, name="curves"),
        gradient_clip_val=5.0,
        reload_dataloaders_every_n_epochs=1,
        check_val_every_n_epoch=2,
        num_sanity_val_steps=0,
        log_every_n_steps=20,
        enable_progress_bar=False,
        enable_model_summary=False,
        deterministic="warn",
    )
