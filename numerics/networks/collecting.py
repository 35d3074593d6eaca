"""Collection of the features of a PyTorch module by a forward hook."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from theory.errors import ParameterError
from theory.problem import reject


def collect(
    module: nn.Module,
    layer: nn.Module | str,
    loader: Iterable[tuple[Any, Tensor]],
    *,
    inputs: bool = False,
    device: torch.device | str = "cpu",
) -> tuple[np.ndarray, np.ndarray]:
    """Collect the features that a layer of a module computes for the batches of a loader, and the labels of the batches.

    ``layer`` is a submodule or its dotted name. The features are its outputs, or with ``inputs`` its inputs: for the
    linear head of a network, its inputs are what ``measure`` takes. They are flattened to (N, d). The loader yields
    pairs of inputs and labels; an unshuffled one keeps the order of the samples. The module is evaluated in evaluation
    mode, without gradients, and its mode is restored. Raises ParameterError for an unknown layer, for a layer that does
    not run exactly once for each batch, and for a loader without batches.
    """
    watched = _layer(module, layer)
    seen: list[Tensor] = []

    def keep(_: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
        seen.append((given[0] if inputs else result).detach())

    features: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    modes = [(part, part.training) for part in module.modules()]
    hook = watched.register_forward_hook(keep)
    try:
        module.eval()
        with torch.no_grad():
            for batch, of_batch in loader:
                seen.clear()
                module(batch.to(device))
                if len(seen) != 1:
                    raise reject(
                        "layer", f"a layer that runs {len(seen)} times", "a layer that runs once for each batch"
                    )
                features.append(seen[0].flatten(1).cpu().numpy())
                labels.append(of_batch.cpu().numpy())
    finally:
        hook.remove()
        for part, training in modes:
            part.training = training
    if not features:
        raise ParameterError("loader: yields no batch; loader is an iterable of pairs of inputs and labels")
    return np.concatenate(features), np.concatenate(labels)


def _layer(module: nn.Module, layer: nn.Module | str) -> nn.Module:
    named = dict(module.named_modules())
    if isinstance(layer, str):
        if layer not in named:
            raise reject("layer", layer, f"one of {', '.join(name for name in named if name)}")
        return named[layer]
    if all(part is not layer for part in named.values()):
        raise reject("layer", type(layer).__name__, "a part of the module")
    return layer
