"""Named results of a statement, and levels of collapse: formulas with the measurements at a trained point that check them."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean

from theory.errors import ParameterError
from theory.expressions import Bindings, equal
from theory.namespace import ArrayNamespace, Measure, Row
from theory.point import Point
from theory.symbols import k
from theory.threshold import Threshold


@dataclass(frozen=True)
class Reading:
    """A point with its measured invariants, from which a named result is read.

    ``xp`` is the array namespace, ``v`` the variables, ``data`` the given arrays and ``p`` the parameters, as in a
    loss. ``invariants`` are the invariants of the problem, measured at the point. Where equal classes or directions may
    be rotated into one another, they are measured at the representative that the claim writes down.
    """

    xp: ArrayNamespace
    v: Point
    data: Point
    p: Bindings
    invariants: Mapping[str, Any]

    def diagonal(self, name: str) -> Row:
        """Return the diagonal of a matrix invariant, with one entry for each class or direction."""
        return self.xp.diagonal_of(self.invariants[name])


Read = Callable[[Reading], Any]
"""A function that measures a quantity at a point, as a number or as a row with one number for each index."""
Axes = tuple[tuple[sp.Symbol, sp.Expr], ...]


@dataclass(frozen=True)
class Letter:
    """A letter that a statement writes for a quantity that recurs: a margin t_k, a ratio r_k.

    ``symbol`` stands for ``meaning``. A formula shows ``written``, an expression in the letter, in place of ``part``.
    Without these two, a formula shows the letter in place of its meaning. ``says`` tells in words what the quantity is.
    Raises ParameterError unless ``part`` and ``written`` are equal.
    """

    symbol: sp.Expr
    meaning: sp.Expr
    part: sp.Expr | None = None
    written: sp.Expr | None = None
    says: str = ""

    def __post_init__(self) -> None:
        part, written = self.replacement
        if part != self.meaning and not equal(part, written.subs(self.symbol, self.meaning)):
            raise ParameterError(f"letter: {self.symbol} stands for {self.meaning}, and {part} is not {written} then")

    @property
    def name(self) -> str:
        """The letter without an index."""
        return str(self.symbol.base.label if isinstance(self.symbol, sp.Indexed) else self.symbol)

    @property
    def replacement(self) -> tuple[sp.Expr, sp.Expr]:
        """The part of a formula that is replaced, and the expression that replaces it."""
        return (
            self.meaning if self.part is None else self.part,
            self.symbol if self.written is None else self.written,
        )


@dataclass(frozen=True)
class Result(ABC):
    """A named formula that a statement may use. Each subclass says which measurement checks the formula.

    The statement shows the formula with ``letters`` for some of its parts.
    """

    expression: sp.Expr
    letters: tuple[Letter, ...] = field(default=(), kw_only=True)

    @cached_property
    def shown(self) -> sp.Expr:
        """The formula as the statement writes it."""
        shown = self.expression
        for letter in self.letters:
            part, written = letter.replacement
            # ``subs`` also rewrites powers of a part. A meaning is replaced only where it occurs as such.
            shown = shown.xreplace({part: written}) if letter.part is None else sp.simplify(shown.subs(part, written))
        return shown


def with_letters(results: Mapping[str, Result], *letters: Letter) -> dict[str, Result]:
    """Return named results, each with those of the letters that replace a part of its formula."""
    return {
        name: replace(result, letters=tuple(x for x in letters if replace(result, letters=(x,)).shown.has(x.symbol)))
        for name, result in results.items()
    }


@dataclass(frozen=True)
class Measured(Result):
    """A formula for the value that ``read`` measures at every global minimiser, for each index at which ``where`` holds.

    ``axes`` lists (index, length), and is empty for a number. ``unit`` is the natural size, used where the formula is
    zero. ``given`` maps symbols of the formula to the functions that measure them. Where ``at_threshold``, the formula
    describes the directions that lie on the first threshold, on the side where they live.
    """

    read: Read
    axes: Axes = ()
    where: Boolean = sp.true
    unit: sp.Expr = sp.Integer(1)
    given: Mapping[sp.Basic, Read] = field(default_factory=dict)
    at_threshold: bool = False


@dataclass(frozen=True)
class Decides(Result):
    """A threshold in another form: direction k lives iff ``ratio(expression)`` > 1, within the rank limit.

    ``threshold`` is the position of the threshold in ``Prediction.thresholds``. The two forms are compared where
    ``where`` holds.
    ``given`` maps symbols of the ratio to the functions that measure them.
    """

    ratio: Callable[[sp.Expr], sp.Expr]
    threshold: int = 0
    where: Boolean = sp.true
    given: Mapping[sp.Basic, Read] = field(default_factory=dict)


@dataclass(frozen=True)
class Minimised(Result):
    """A function of ``variable`` ≥ 0 that is least at the value which ``read`` measures at a global minimiser.

    This holds for each index at which ``where`` holds.
    """

    variable: sp.Symbol
    read: Read
    axes: Axes
    where: Boolean = sp.true


@dataclass(frozen=True)
class TotalCollapse(Result):
    """A ratio, one number: everything is zero at every global minimiser iff it is at most 1.

    ``read`` measures a size of order 1 that is zero only where everything is. Moving the parameter named ``tuned`` crosses the
    threshold.
    """

    read: Read
    tuned: str

    @property
    def threshold(self) -> Threshold:
        """The ratio as the threshold of one direction, which stands for everything."""
        return Threshold(self.expression, k, sp.Integer(1), self.tuned)


@dataclass(frozen=True)
class Shown(Result):
    """A formula that is part of the step named ``by``, or the objective of the family of that name.

    Such a formula is a fact about more than the minimisers.
    """

    by: str


@dataclass(frozen=True)
class Level:
    """The latent directions of one level, with the condition of collapse: the posterior is the prior for every input.

    ``name`` is the latent variable and ``latent`` the number of its directions. ``thresholds`` are positions in
    ``Prediction.thresholds``; direction k is zero where none of these thresholds has it alive. A zero direction has
    collapsed where its posterior also ``keeps_prior``, a condition in k that applies to latent directions beyond those
    of the data, too.
    ``divergences(xp, v, data, p)`` measures twice the expected divergence of each latent direction from its prior, in
    nats, in descending order: zero iff the direction has collapsed.
    """

    name: str
    thresholds: tuple[int, ...]
    latent: sp.Expr
    divergences: Measure
    keeps_prior: Boolean = sp.true
