"""``python -m book.landing``: train what the figure on the first page shows, and write ``results/landing.json``.

A network with two features learns three digits, first with equal class counts and then with ever fewer samples of two
of the classes.
Beside it stands the optimum that the suite's own training finds for the same counts and decays. A linear VAE on the spectrum of the
digits is trained at rising β.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from book.experiments import rounded
from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.backends.points import points_of
from numerics.judging.invariants import measure
from numerics.networks.runs.provenance import environment
from numerics.training.certified import train
from theory.claim import find

RESULTS = Path(__file__).resolve().parent / "results" / "landing.json"
SEED, STARTS = 0, 6
DIGITS = 4
"""Significant digits of the numbers that are drawn."""
CLASSES, MAJORITY = 3, 60
MINORITY = (60, 50, 42, 36, 31, 27, 24, 21, 18, 16, 14, 12, 11, 10, 9, 8, 7, 6, 5, 4)
"""Numbers of samples of the second and of the third class."""
DECAY = 0.032
"""Weight decay of the head, and decay of the features."""
STAGES = (0, 5, 10, 20, 40, 70, 100, 130, 160, 190, 220, 260, 300, 350, 420, 500, 600, 800)
"""Steps of Adam after which the features of balanced classes are kept."""
RATE, LAST_STEPS = 0.003, 600
"""Step size of Adam, and most steps of L-BFGS, which ends each training."""
SPREAD = 4.0
"""Factor of the features before training, so that the cloud they start from can be seen."""
CLASSIFIER, AUTOENCODER = "ce-imbalanced", "vae-learnable-variance"
DIRECTIONS, SHOWN = 12, (3, 0, 7)
"""Latent directions, and the digits whose reconstruction is shown."""
BETAS = tuple(float(f"{beta:.2g}") for beta in np.geomspace(1, 200, 25))


class Network(torch.nn.Module):
    """A perceptron with two features and a linear head without bias, with the penalties of the theory on both."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, CLASSES - 1))
        self.head = torch.nn.Linear(CLASSES - 1, CLASSES, bias=False)
        self.double()
        with torch.no_grad():
            self.body[2].weight *= SPREAD

    def objective(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean cross-entropy with the decays of the head and of the features."""
        features = self.body(x)
        fit = torch.nn.functional.cross_entropy(self.head(features), y)
        return fit + DECAY / 2 * (self.head.weight.square().sum() + features.square().sum())

    def descend(self, x: Tensor, y: Tensor, optimiser: torch.optim.Optimizer, steps: int = 1) -> None:
        """Take steps of an optimiser."""

        def closure() -> Tensor:
            optimiser.zero_grad()
            value = self.objective(x, y)
            value.backward()
            return value

        for _ in range(steps):
            optimiser.step(closure)

    def settle(self, x: Tensor, y: Tensor) -> None:
        """Minimise to the end, by L-BFGS."""
        last = torch.optim.LBFGS(
            self.parameters(), max_iter=LAST_STEPS, history_size=50, tolerance_grad=1e-10, tolerance_change=0,
            line_search_fn="strong_wolfe",
        )  # fmt: skip
        self.descend(x, y, last)


def samples(minority: int) -> tuple[Tensor, Tensor]:
    """Return images and labels: MAJORITY samples of one digit, and ``minority`` samples of two others each."""
    images, digits = load_digits(return_X_y=True)
    counts = (MAJORITY, minority, minority)
    chosen = np.concatenate([np.flatnonzero(digits == digit)[:count] for digit, count in enumerate(counts)])
    return torch.tensor(images[chosen] / 16), torch.tensor(digits[chosen])


def class_means(features: Tensor, y: Tensor) -> Tensor:
    """Return the class means [classes, d] of features [samples, d]."""
    return torch.stack([features[y == label].mean(0) for label in range(CLASSES)])


def frame(network: Network, x: Tensor, y: Tensor, with_samples: bool) -> dict[str, Any]:
    """Return what one picture shows: loss, class means, and the features of all samples if asked for."""
    with torch.no_grad():
        features = network.body(x)
        found = {"value": network.objective(x, y).item(), "means": rounded(class_means(features, y).tolist(), DIGITS)}
    scatter = (features - class_means(features, y)[y]).norm() / features.norm()
    found["scatter"] = scatter.item()
    return found | ({"labels": y.tolist(), "features": rounded(features.tolist(), DIGITS)} if with_samples else {})


def turned_onto(points: Tensor, means: Tensor) -> Tensor:
    """Return points [classes, d] turned and reflected into the plane, as close to the means [classes, 2] as they get."""
    left, _, right = torch.linalg.svd(points.mT @ means, full_matrices=False)
    return points @ left @ right


def classifier() -> dict[str, Any]:
    """Train the network on equal classes and then on ever fewer samples of two classes, beside certified optima."""
    torch.manual_seed(SEED)
    network = Network()
    x, y = samples(MAJORITY)
    adam, learning, done = torch.optim.Adam(network.parameters(), lr=RATE), [], 0
    for stage in STAGES:
        network.descend(x, y, adam, stage - done)
        done = stage
        learning.append({"steps": stage, **frame(network, x, y, with_samples=True)})
    claim, shrinking = find(CLASSIFIER), []
    for minority in MINORITY:
        counts = (MAJORITY, minority, minority)
        x, y = samples(minority)
        network.settle(x, y)
        found = frame(network, x, y, with_samples=False)
        instance = claim.problem.instance(class_counts=counts, weight_decay=DECAY, feature_decay=DECAY)
        training = train(claim, [instance], STARTS, SEED, "cpu")
        (point,), (certificate,) = points_of(training.solution.best_point()), training.certificates
        assert certificate is not None
        optimum = turned_onto(class_means(point.H.mT, y), torch.tensor(found["means"], dtype=torch.float64))
        certified = {"upper": certificate.upper, "lower": certificate.lower}
        shrinking.append({"counts": counts, **found, "optimum": rounded(optimum.tolist(), DIGITS), **certified})
    return {"claim": CLASSIFIER, "decay": DECAY, "learning": learning, "shrinking": shrinking}


def autoencoder() -> dict[str, Any]:
    """Train a linear VAE on the leading principal axes of the digits, at each β, and reconstruct some digits with it."""
    claim = find(AUTOENCODER)
    images, digits = load_digits(return_X_y=True)
    mean = torch.tensor(images.mean(0))
    _, deviations, axes = torch.linalg.svd(torch.tensor(images) - mean, full_matrices=False)
    theta = tuple((deviations[:DIRECTIONS] / len(images) ** 0.5).tolist())
    shown = torch.tensor(images[[int(np.flatnonzero(digits == digit)[0]) for digit in SHOWN]])
    parts = (shown - mean) @ axes[:DIRECTIONS].mT
    instances = [claim.problem.instance(theta=theta, beta=beta) for beta in BETAS]
    training = train(claim, instances, STARTS, SEED, "cpu")
    points = points_of(training.solution.best_point())
    decoded = torch.stack([mean + parts @ (point.U @ point.W).mT @ axes[:DIRECTIONS] for point in points])
    telling = claim.problem.telling
    measured = measure(claim, instances, training.solution.best_point())[telling]
    predicted = evaluate(claim.prediction.invariants[telling], stack_bindings(instances))
    return {
        "claim": AUTOENCODER,
        "theta": rounded(list(theta), DIGITS),
        "beta": BETAS,
        "digits": SHOWN,
        "images": shown.int().tolist(),
        "decoded": decoded.clamp(0, 16).round(decimals=1).tolist(),
        "trained": rounded(measured.diagonal(dim1=-2, dim2=-1).tolist(), DIGITS),
        "predicted": rounded(predicted.diagonal(dim1=-2, dim2=-1).tolist(), DIGITS),
        "gap": max(c.gap for c in training.certificates if c is not None),
    }


def main() -> None:
    torch.set_num_threads(1)
    found = {"environment": environment(torch.device("cpu")), "classifier": classifier(), "autoencoder": autoencoder()}
    RESULTS.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
