"""A classifier: a body that computes the last features of an image, and a head of one linear layer or several."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from numerics.networks.head import Head
from numerics.networks.models.convolutional import convolutional
from numerics.networks.models.perceptron import perceptron
from numerics.networks.models.residual import residual
from theory.problem import reject

BODIES = {"perceptron": perceptron, "convolutional": convolutional, "residual": residual}
"""How each architecture is built from the shape of an image, the hidden sizes and the number of outputs."""


class Classifier(nn.Module):
    """A body, last features that are rectified or not, and linear layers without an activation between them.

    Arguments:
        body: the module that computes d numbers for each image.
        rectified: whether the last features are the positive parts of these numbers.
        widths: the widths of the inputs of the linear layers, d first.
        classes: the number K of classes.
        bias: whether the last layer has a bias; no other layer of the head has one.
    """

    def __init__(self, body: nn.Module, rectified: bool, widths: list[int], classes: int, bias: bool) -> None:
        super().__init__()
        self.body, self.rectified = body, rectified
        sizes = [*widths, classes]
        last = len(widths) - 1
        self.head = nn.ModuleList(
            nn.Linear(sizes[i], sizes[i + 1], bias=bias and i == last) for i in range(len(widths))
        )

    def features(self, images: Tensor) -> Tensor:
        """Return the last features (N × d) of images (N × channels × height × width)."""
        found = self.body(images)
        return torch.relu(found) if self.rectified else found

    def logits(self, features: Tensor) -> Tensor:
        """Return the logits (N × K) of last features (N × d)."""
        for layer in self.head:
            features = layer(features)
        return features

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))

    @property
    def layers(self) -> list[Tensor]:
        """The weights of the head, from the features upwards."""
        return [layer.get_parameter("weight") for layer in self.head]

    @property
    def bias(self) -> Tensor | None:
        """The bias of the last layer (K), or None."""
        return dict(self.head[-1].named_parameters()).get("bias")

    def read_head(self) -> Head:
        """Return the head as arrays in float64."""
        layers = tuple(weight.detach().cpu().double().numpy() for weight in self.layers)
        return Head(layers, None if self.bias is None else self.bias.detach().cpu().double().numpy())


def built(
    architecture: str,
    shape: tuple[int, ...],
    hidden: list[int],
    rectified: bool,
    widths: list[int],
    classes: int,
    bias: bool,
    seed: int,
) -> Classifier:
    """Return a classifier with parameters drawn by a seed, in the default floating-point type of PyTorch.

    Arguments:
        architecture: ``perceptron``, ``convolutional`` or ``residual``.
        shape: the shape of an image (channels, height, width).
        hidden: the widths of the hidden layers, or the channels of the convolutions.
        rectified, widths, classes, bias: as in ``Classifier``.
        seed: the seed of the draw. The global generator of PyTorch is left as it was.
    Raises ParameterError for an unknown architecture.
    """
    if architecture not in BODIES:
        raise reject("architecture", architecture, f"one of {', '.join(BODIES)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Classifier(BODIES[architecture](shape, hidden, widths[0]), rectified, widths, classes, bias)
