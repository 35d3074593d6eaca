"""A multilayer perceptron."""

from __future__ import annotations

import itertools
import math

from torch import nn


def perceptron(shape: tuple[int, ...], hidden: list[int], outputs: int) -> nn.Sequential:
    """Return a perceptron with a ReLU after each hidden layer and none after the last layer.

    Arguments:
        shape: the shape of an image, whose pixels are the inputs.
        hidden: the widths of the hidden layers.
        outputs: the number of outputs.
    """
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, width in itertools.pairwise([math.prod(shape), *hidden]):
        layers += [nn.Linear(inputs, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear([math.prod(shape), *hidden][-1], outputs))
