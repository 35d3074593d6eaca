"""Class counts of imbalanced data, and samples drawn so that each class has its count."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from numerics.data.labelled import Labelled
from theory.problem import reject


def long_tail(largest: int, smallest: int, classes: int) -> list[int]:
    """Return counts that fall geometrically from the ``largest`` to the ``smallest``, rounded.

    Raises ParameterError unless 1 ≤ smallest ≤ largest and there are at least 2 classes.
    """
    _require_classes(classes)
    _require_order(largest, smallest)
    return [round(largest * (smallest / largest) ** (k / (classes - 1))) for k in range(classes)]


def step(majority: int, minority: int, classes: int, minorities: int) -> list[int]:
    """Return counts of which the last ``minorities`` are ``minority`` and all others ``majority``.

    Raises ParameterError unless 1 ≤ minority ≤ majority, there are at least 2 classes, and 0 ≤ minorities ≤ classes.
    """
    _require_classes(classes)
    _require_order(majority, minority)
    if not 0 <= minorities <= classes:
        raise reject("minorities", minorities, f"an integer from 0 to {classes}")
    return [majority] * (classes - minorities) + [minority] * minorities


def _require_classes(classes: int) -> None:
    if classes < 2:
        raise reject("classes", classes, "an integer of at least 2")


def _require_order(larger: int, smaller: int) -> None:
    if not 1 <= smaller <= larger:
        raise reject("counts", f"{larger}, {smaller}", "a larger count and then a smaller one, both at least 1")


def draw(
    samples: Labelled, class_counts: Sequence[int], seed: int, test: int | None = None
) -> tuple[Labelled, Labelled]:
    """Draw a training part with these class counts, and a test part from the rest.

    Arguments:
        samples: the samples to draw from.
        class_counts: the number of training samples of each class (K).
        seed: the seed of the draw.
        test: the largest number of test samples; all that is left, if None.
    Raises ParameterError for another number of classes, for a count below 1, and for one above the samples of the class.
    """
    if len(class_counts) != samples.classes:
        raise reject("class_counts", list(class_counts), f"a list of {samples.classes} counts, one a class")
    for label, (count, available) in enumerate(zip(class_counts, samples.counts, strict=True)):
        if not 1 <= count <= available:
            raise reject("class_counts", f"{count} for class {label}", f"an integer from 1 to {available} there")
    shuffled = torch.randperm(len(samples), generator=torch.Generator().manual_seed(seed))
    labels = samples.labels[shuffled]
    of_class = [shuffled[labels == label] for label in range(samples.classes)]
    chosen = torch.cat([rows[:count] for rows, count in zip(of_class, class_counts, strict=True)])
    taken = torch.zeros(len(samples), dtype=torch.bool)
    taken[chosen] = True
    return samples.chosen(chosen), samples.chosen(shuffled[~taken[shuffled]][:test])
