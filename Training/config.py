"""The configuration of a training run, read from one YAML file and validated."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.network.fusion import Preprocessing
from LymphNodeSegLib.network.model_file import PEAK_PROBABILITY

FIRST_BENCHMARK_SEED = 900_000
"""Phantoms from this seed on are for benchmarks and never trained on."""


@dataclass(frozen=True)
class Data:
    """Where cases come from and how crops are drawn; see ``config.yaml``."""

    source: str = "phantom"
    cache: str = "~/.cache/lymphnodeseg-training"
    cases: int = 100
    first_seed: int = 1000
    standard_share: float = 0.7
    varied_share: float = 0.0  # as in checkpoints from before there was any
    validation_share: float = 0.1
    crop: int = 192
    node_share: float = 0.5

    def __post_init__(self) -> None:
        if self.source == "phantom" and self.first_seed + self.cases > FIRST_BENCHMARK_SEED:
            raise InputError(
                f"Seeds from {FIRST_BENCHMARK_SEED} are kept for benchmarks: lower data.first_seed."
            )


@dataclass(frozen=True)
class Network:
    """Which network (see `architectures`), its size, and ERU-Net's ablations."""

    architecture: str = "eru-net"
    width: int = 16
    depth: int = 5
    eca: bool = True
    residual: bool = True


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn; see ``config.yaml``."""

    steps: int = 8000
    steps_per_epoch: int = 200
    batch: int = 8
    learning_rate: float = 2e-3
    warmup_steps: int = 200
    weight_decay: float = 0.01
    ema_decay: float = 0.998
    light_share: float = 0.2
    precision: str = "auto"
    compile: bool = False
    workers: int = 0


SECOND_LOOK = Schedule(
    steps=3000, steps_per_epoch=100, batch=12, warmup_steps=50, ema_decay=0.995, light_share=0.25
)
"""The second look's schedule where a configuration names none."""


@dataclass(frozen=True)
class Export:
    """What the model file says of itself."""

    name: str = "eru-net"
    notice: str = "Research weights: not validated."
    peak_probability: float = PEAK_PROBABILITY


@dataclass(frozen=True)
class Config:
    """A whole training run."""

    seed: int = 1
    data: Data = field(default_factory=Data)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    network: Network = field(default_factory=Network)
    schedule: Schedule = field(default_factory=Schedule)
    second_look: Schedule = field(default_factory=lambda: SECOND_LOOK)
    export: Export = field(default_factory=Export)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def read_config(path: Path) -> Config:
    """Read a YAML file.

    Raises:
        InputError: it is missing, is no YAML, or names something that does not exist.
    """
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"The configuration '{path.name}' cannot be read: {type(error).__name__}.") from None
    return config_of(values)


def config_of(values: dict[str, Any]) -> Config:
    """A configuration from nested plain values, as YAML and checkpoints hold them.

    Raises:
        InputError: a name that does not exist.
    """
    parts = {
        "data": Data,
        "preprocessing": Preprocessing,
        "network": Network,
        "schedule": Schedule,
        "second_look": Schedule,
        "export": Export,
    }
    chosen: dict[str, Any] = {}
    for key, value in values.items():
        kind = parts.get(key)
        if key != "seed" and kind is None:
            raise InputError(f"The configuration has no part '{key}'.")
        if kind is None:
            chosen[key] = int(value)
            continue
        assert is_dataclass(kind)
        unknown = set(value or {}) - {one.name for one in fields(kind)}
        if unknown:
            raise InputError(f"'{key}' has no setting '{sorted(unknown)[0]}'.")
        start = SECOND_LOOK if key == "second_look" else kind()
        chosen[key] = replace(start, **(value or {}))
    return Config(**chosen)
