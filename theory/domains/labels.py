"""The domain of soft labels: probabilities over the classes, one label for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from theory.domains.domain import Domain
from theory.domains.drawing import Draws
from theory.domains.reading import LARGEST, SMALLEST, in_given_order, read_items, read_number, reject
from theory.expressions import Values

Label = tuple[Fraction, ...]
ROUNDING = Fraction(1, 10**12)
"""Most by which the sum of a label may differ from 1: rounded numbers, such as those that a softmax returns, need not sum to 1 exactly."""
FROM_UNIFORM = Fraction(1, 10**6)
"""Least distance of some probability from the uniform one: with less the slope of the loss at zero is lost in the rounding of doubles."""
SHARES = 10**6
"""Drawn probabilities are multiples of 1/SHARES."""
DECADES_SPREAD = (-2.0, -0.3)
"""log10 range of the share of a drawn label that does not belong to its own class, or by which it differs from the uniform label."""


@dataclass(frozen=True)
class LabelMatrix(Domain):
    """Soft labels, one for each entry of the sorted list ``classes``; labels and their entries are sorted along with that list.

    The probabilities are exact fractions.
    """

    matrix = True
    telling = True
    varies = True

    classes: str = "class_counts"

    @property
    def says(self) -> str:
        return (
            f"a label for each entry of {self.classes}, with a probability for each class, such as 0.9,0.1;0,1 or 2/3,1/3;0,1: no "
            "probability is negative, those of a label sum to 1, and some probability is at least 1e-6 off the uniform one; where a sum is off "
            "by at most 1e-12, as rounded numbers give it, the largest probability of the label makes up for it"
        )

    def canonical(self, name: str, value: object) -> tuple[Label, ...]:
        listed = value.split(";") if isinstance(value, str) else read_items(name, value, self.says)
        labels = [tuple(self._probability(name, x, value) for x in read_items(name, y, self.says)) for y in listed]
        sums = [sum(label, Fraction(0)) for label in labels]
        square = all(len(label) == len(labels) for label in labels)
        if not (square and all(abs(total - 1) <= ROUNDING for total in sums)):
            raise reject(name, value, self.says)
        exact = tuple(_summing_to_one(label) for label in labels)
        if all(_is_nearly_uniform(label) for label in exact):
            raise reject(name, value, self.says)
        return exact

    def _probability(self, name: str, value: Any, whole: object) -> Fraction:
        """Return a number that is not negative, exactly as it is written: as a decimal, or as a fraction such as 1/3."""
        if isinstance(value, Fraction):
            number = value
        else:
            parts = value.split("/") if isinstance(value, str) else [value]
            top, *below = (self._written_number(name, part, whole) for part in parts)
            if len(below) > 1 or 0 in below:
                raise reject(name, whole, self.says)
            number = top / below[0] if below else top
        if not 0 <= number <= 2:
            raise reject(name, whole, self.says)
        return number

    def _written_number(self, name: str, value: Any, whole: object) -> Fraction:
        number = read_number(name, value, self.says, whole=whole)
        written = Decimal(value.strip() if isinstance(value, str) else repr(number))
        if written and not SMALLEST <= written <= LARGEST:
            raise reject(name, whole, self.says)
        return Fraction(written) if written else Fraction(0)

    def fitted(self, name: str, value: Any, values: Values, order: tuple[int, ...]) -> tuple[Label, ...]:
        if len(value) != len(order):
            raise reject(name, _written(value), f"{self.says}: {len(order)} labels here")
        return tuple(tuple(value[i][j] for j in order) for i in order)

    def example(self, values: Values) -> tuple[Label, ...]:
        """Return labels of which each gives a tenth to the next class, and the last two classes share a label."""
        count = len(values[self.classes])
        own, rest = Fraction(9, 10), Fraction(1, 10)
        labels = [tuple(own * (i == j) + rest * (j == (i + 1) % count) for j in range(count)) for i in range(count)]
        return (*labels[: max(1, count - 2)], *[labels[-1]] * min(2, count - 1))

    def depends(self) -> tuple[str, ...]:
        return (self.classes,)

    def drawn(self, name: str, draws: Draws, values: Values) -> tuple[Label, ...]:
        """Return one of several kinds of labels, in which some classes may have the same label."""
        count = len(values[self.classes])
        kinds = {"mixed": _mixed, "one-hot": _near_one_hot, "uniform": _near_uniform, "sparse": _sparse, "any": _any}
        draw = kinds[draws.choice(tuple(kinds))]
        labels = [draw(draws, i, count) for i in range(count)]
        if count > 2 and draws.flag():
            labels[draws.integer(1, count - 1)] = labels[0]
        if draws.choice((False, False, False, True)):
            labels = [labels[draws.integer(0, count - 1)]] * count
        if all(map(_is_nearly_uniform, labels)):
            labels[0] = _label([0] * count, 0)
        return tuple(labels)

    def hypotheses(self, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Return that every column of the matrix, which is the label of a class, is a probability vector, and that one is not uniform."""
        return tuple(
            hypothesis
            for q in names
            for hypothesis in (
                (f"{q}_nonnegative", f"forall j k, (j < K)%nat -> (k < K)%nat -> 0 <= {q} j k"),
                (f"{q}_sums_to_one", f"forall k, (k < K)%nat -> sum K (fun j => {q} j k) = 1"),
                (
                    f"{q}_not_uniform",
                    f"exists j k, (j < K)%nat /\\ (k < K)%nat /\\ / 1000000 <= Rabs ({q} j k - / INR K)",
                ),
            )
        )

    def as_given(self, value: tuple[Label, ...], order: tuple[int, ...]) -> list[list[float | str]]:
        return [[_shown(x) for x in in_given_order(label, order)] for label in in_given_order(value, order)]


def _summing_to_one(label: Label) -> Label:
    """Return a label whose largest entry is what the others leave."""
    largest = label.index(max(label))
    return tuple(x + (1 - sum(label) if j == largest else 0) for j, x in enumerate(label))


def _is_nearly_uniform(label: Label) -> bool:
    return all(abs(x - Fraction(1, len(label))) < FROM_UNIFORM for x in label)


def _shown(x: Fraction) -> float | str:
    """Return a probability as a double where the digits of the double are those of the probability, and as a fraction otherwise."""
    return float(x) if Fraction(repr(float(x))) == x else str(x)


def _written(labels: Sequence[Label]) -> str:
    shown = ([_shown(x) for x in label] for label in labels)
    return ";".join(",".join(x if isinstance(x, str) else f"{x:g}" for x in label) for label in shown)


def _label(shares: Sequence[int], own: int) -> Label:
    """Return the label with these multiples of 1/SHARES; the entry ``own`` takes what the others leave."""
    others = sum(x for j, x in enumerate(shares) if j != own)
    return tuple(Fraction(SHARES - others if j == own else x, SHARES) for j, x in enumerate(shares))


def _near_one_hot(draws: Draws, own: int, count: int) -> Label:
    """Return a label with most of its weight on its own class."""
    spread = draws.number(DECADES_SPREAD) / count
    return _label([int(SHARES * spread * draws.choice((1.0, 0.5, 0.1))) for _ in range(count)], own)


def _near_uniform(draws: Draws, own: int, count: int) -> Label:
    """Return a label close to the uniform one, with a little more on its own class."""
    spread = draws.number(DECADES_SPREAD)
    return _label([int(SHARES * (1 - spread * draws.choice((1.0, 0.5))) / count) for _ in range(count)], own)


def _sparse(draws: Draws, own: int, count: int) -> Label:
    """Return a label with at most two probabilities that are not zero; it need not prefer its own class."""
    first, second = draws.integer(0, count - 1), draws.integer(0, count - 1)
    share = draws.choice((0.7, 0.5, 0.1, 1.0))
    return _label([int(SHARES * share) * (j == second) for j in range(count)], first)


def _mixed(draws: Draws, own: int, count: int) -> Label:
    """Return a mixture of the label of the own class, that of the next one, and the uniform label."""
    nexts, uniform = draws.choice((0.2, 0.1, 0.4)), draws.choice((0.1, 0.0, 0.3))
    return _label([int(SHARES * (nexts * (j == (own + 1) % count) + uniform / count)) for j in range(count)], own)


def _any(draws: Draws, own: int, count: int) -> Label:
    """Return a label with weights of any ratio."""
    weights = [(1 + j) * draws.number((-1.0, 1.0)) for j in range(count)]
    return _label([int(SHARES * w / sum(weights)) for w in weights], own)
