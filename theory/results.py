"""What a statement names and which levels collapse: formulas with what they are held against at a trained point."""

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


@dataclass(frozen=True)
class Reading:
    """A point as a named result reads it.

    ``xp`` is the array namespace, ``v`` the variables, ``data`` the given arrays and ``p`` the parameters, as a loss has them;
    ``invariants`` are those of the problem, measured there: where equal classes or directions may be rotated into one another,
    at the representative that the claim writes down.
    """

    xp: ArrayNamespace
    v: Point
    data: Point
    p: Bindings
    invariants: Mapping[str, Any]

    def diagonal(self, name: str) -> Row:
        """Return the diagonal of an invariant that is a matrix, one entry a class or direction."""
        return self.xp.diagonal_of(self.invariants[name])


Read = Callable[[Reading], Any]
"""What measures a quantity at a point: a number, or a row with one number for each index."""
Axes = tuple[tuple[sp.Symbol, sp.Expr], ...]


@dataclass(frozen=True)
class Letter:
    """A letter that a statement writes for a quantity that recurs: a margin t_k, a ratio r_k.

    ``symbol`` stands for ``meaning``. In a formula ``part`` is written as ``written``, an expression in the letter; without the
    two it is the meaning that is written as the letter. Raises ParameterError unless ``part`` and ``written`` are equal.
    """

    symbol: sp.Expr
    meaning: sp.Expr
    part: sp.Expr | None = None
    written: sp.Expr | None = None

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
        """What is replaced in a formula, and by what."""
        return (
            self.meaning if self.part is None else self.part,
            self.symbol if self.written is None else self.written,
        )


@dataclass(frozen=True)
class Result(ABC):
    """A formula under a name that a statement may use. Each kind says what the formula is held against.

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
            # ``subs`` also rewrites powers of a part; of a meaning only what is there as such has its letter.
            shown = shown.xreplace({part: written}) if letter.part is None else sp.simplify(shown.subs(part, written))
        return shown


def with_letters(results: Mapping[str, Result], *letters: Letter) -> dict[str, Result]:
    """Return named results that show each of the letters wherever what it stands for is a part of the formula."""
    return {
        name: replace(result, letters=tuple(x for x in letters if replace(result, letters=(x,)).shown.has(x.symbol)))
        for name, result in results.items()
    }


@dataclass(frozen=True)
class Measured(Result):
    """``expression`` is what ``read`` measures at every global minimiser, for each index for which ``where`` holds.

    ``axes`` are (index, length), none for a number. ``unit`` is the natural size, used where the formula is zero. ``given`` maps
    symbols of the expression to what is measured for them. ``at_threshold``: the formula speaks of the directions that lie on
    the first threshold, on the side where they live.
    """

    read: Read
    axes: Axes = ()
    where: Boolean = sp.true
    unit: sp.Expr = sp.Integer(1)
    given: Mapping[sp.Basic, Read] = field(default_factory=dict)
    at_threshold: bool = False


@dataclass(frozen=True)
class Decides(Result):
    """Direction k lives iff ``ratio(expression)`` > 1, within the rank limit: a way of writing a threshold.

    ``threshold`` is the position of that threshold among those of the prediction. It is compared where ``where`` holds.
    ``given`` maps symbols of the ratio to what is measured for them.
    """

    ratio: Callable[[sp.Expr], sp.Expr]
    threshold: int = 0
    where: Boolean = sp.true
    given: Mapping[sp.Basic, Read] = field(default_factory=dict)


@dataclass(frozen=True)
class Minimised(Result):
    """What ``read`` measures at a global minimiser minimises ``expression`` over ``variable`` ≥ 0, for each index where ``where`` holds."""

    variable: sp.Symbol
    read: Read
    axes: Axes
    where: Boolean = sp.true


@dataclass(frozen=True)
class Shown(Result):
    """``expression`` stands in the step of that name, or is that formula of the refutation: a fact about more than the minimisers."""

    by: str


@dataclass(frozen=True)
class Level:
    """The latent directions of one level, and which of them have collapsed: their posterior is the prior for every input.

    ``name`` is the latent variable and ``latent`` the number of its directions. Direction k is zero where none of the ``thresholds``,
    positions among those of the prediction, has it alive. It has collapsed where in addition its posterior ``keeps_prior``, a
    condition in k that holds for latent directions beyond those of the data, too.
    ``divergences(xp, v, data, p)`` measures twice the expected divergence of each latent direction from its prior, in nats, in
    descending order: zero iff it has collapsed.
    """

    name: str
    thresholds: tuple[int, ...]
    latent: sp.Expr
    divergences: Measure
    keeps_prior: Boolean = sp.true
