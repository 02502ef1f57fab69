"""A trained network as the start of another training: a checkpoint, or a model file's first or second look.

A model file holds a network whose normalization was folded into its convolutions. In training each one takes
mean and deviation from the batch again; they are set so that on a given batch the network answers as it did.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.network.model_file import Model, listed_models, load_model
from LymphNodeSegLib.network.second_look import SecondLook
from torch import Tensor, nn

from .learning import Learner


def start_weights(learner: Learner, source: str, batch: Callable[[], Tensor]) -> None:
    """Give a learner the weights of a trained network.

    Args:
        learner: Whose network gets them.
        source: The name of a bundled model, or a checkpoint.
        batch: Gives inputs [N, channels, H, W] as this training shows them; asked for a model alone.

    Raises:
        InputError: it is missing or damaged, or the weights of another network.
    """
    try:
        if source in {one.name for one in listed_models()}:
            unfold(load_model(source).network, learner.network, batch())
        else:
            learner.load_state_dict(read_checkpoint(Path(source))["state_dict"])
    except (RuntimeError, KeyError):
        raise InputError(
            f"'{Path(source).name}' holds another network than the configuration names: "
            "width, depth, neighbors and fusion must be the same."
        ) from None


def start_second_look(network: SecondLook, model: Model, batch: Tensor) -> None:
    """Give a second look that is to be trained the weights of a trained one; its scaling is undone.

    Args:
        network: Gets them.
        model: Whose second look it is.
        batch: What a second look sees, [N, slices, channels, rows, columns], as this training shows it.

    Raises:
        InputError: the model has no second look, or one of another shape.
    """
    try:
        unfold(second_look_of(model), network, batch)
    except (RuntimeError, KeyError):
        raise InputError(f"The second look of model '{model.name}' has another shape.") from None
    network.temperature.fill_(1.0)  # type: ignore[operator]
    network.offset.zero_()  # type: ignore[operator]


def second_look_of(model: Model) -> nn.Module:
    """A model's second look.

    Raises:
        InputError: it has none.
    """
    if model.second is None:
        raise InputError(f"Model '{model.name}' has no second look to begin with.")
    return model.second


def read_checkpoint(path: Path) -> dict:
    """A checkpoint's values.

    Raises:
        InputError: it is missing or damaged.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError):
        raise InputError(f"The checkpoint '{path.name}' is missing or damaged.") from None


def unfold(trained: nn.Module, network: nn.Module, batch: Tensor) -> None:
    """Put the weights of a folded network into one that is to be trained.

    Args:
        trained: As `load_model` gives it.
        network: Of the same shape, its normalization not folded.
        batch: Inputs on which, in training mode, both answer the same afterwards.

    Raises:
        RuntimeError: the networks differ in shape.
    """
    folded = dict(trained.state_dict())
    norms = {name: one for name, one in network.named_modules() if isinstance(one, nn.BatchNorm2d)}
    biases = {name: folded.pop(name.replace("norm", "conv") + ".bias") for name in norms}
    own = {f"{name}.{key}" for name, one in norms.items() for key in one.state_dict()}
    missing, unexpected = network.load_state_dict(folded, strict=False)
    if unexpected or set(missing) - own:
        raise RuntimeError("The networks differ.")
    hooks = [
        one.register_forward_pre_hook(
            lambda norm, inputs, bias=biases[name]: _take_over(norm, inputs[0], bias)
        )
        for name, one in norms.items()
    ]
    try:
        with torch.no_grad():
            network.train()(batch)
    finally:
        for hook in hooks:
            hook.remove()


def _take_over(norm: nn.BatchNorm2d, features: Tensor, bias: Tensor) -> None:
    """Let a norm add `bias` to these features and change nothing else."""
    variance, mean = torch.var_mean(features, (0, 2, 3), correction=0)
    norm.weight.copy_((variance + norm.eps).sqrt())
    norm.bias.copy_(mean + bias)
    norm.running_mean.copy_(mean)  # type: ignore[union-attr]
    norm.running_var.copy_(variance)  # type: ignore[union-attr]
