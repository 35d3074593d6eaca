"""What a discrepancy between released code and a derivation consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from theory.claim import Claim, find
from theory.expressions import Bindings, Formula
from theory.namespace import ArrayNamespace, Matrix, Row
from theory.proof import Prediction


@dataclass(frozen=True)
class Lines:
    """Lines ``first`` to ``last`` of a file in a repository, which is its name and a commit."""

    repository: tuple[str, str]
    file: str
    first: int
    last: int

    @property
    def url(self) -> str:
        """The address of the lines at their commit."""
        name, commit = self.repository
        return f"https://github.com/{name}/blob/{commit}/{self.file}#L{self.first}-L{self.last}"

    def __str__(self) -> str:
        name, commit = self.repository
        return f"{name} at {commit[:7]}, {self.file}, " + (
            f"line {self.first}" if self.first == self.last else f"lines {self.first} to {self.last}"
        )


@dataclass(frozen=True)
class ReferenceCode:
    """A formula of released code that differs from the derived one.

    ``formula`` is the code's formula for each class or direction: a size, or the condition under which the direction is
    alive. ``letters`` in it stand for longer expressions, of which a later one may use an earlier letter. ``lines`` says where
    the code has it.
    ``derived(prediction)`` is the formula that the claim's derivation gives instead. ``read(xp, measured, p)`` reads
    the same size off the ``invariant`` of a trained point. ``says`` states the difference in two sentences. The two
    formulas differ at each of ``settings`` and agree at each of ``agreeing``. Where ``compares_losses``, the formula
    gives the singular values of a point, and the loss at that point is compared with the trained loss.
    """

    name: str
    title: str
    claim_id: str
    says: str
    lines: tuple[Lines, ...]
    quantity: str
    formula: Formula
    derived: Callable[[Prediction], Formula]
    invariant: str
    read: Callable[[ArrayNamespace, Matrix, Bindings], Row]
    settings: tuple[dict[str, Any], ...]
    agreeing: tuple[dict[str, Any], ...] = ()
    compares_losses: bool = False
    letters: tuple[tuple[sp.Expr, sp.Expr], ...] = ()

    @property
    def claim(self) -> Claim:
        return find(self.claim_id)

    @property
    def in_parameters(self) -> Formula:
        """The code's formula without letters."""
        expression: Any = self.formula.expression
        for letter, meaning in reversed(self.letters):
            expression = expression.xreplace({letter: meaning})
        return self.formula.replace_expression(expression)

    @property
    def is_condition(self) -> bool:
        """Whether the formula says only which classes or directions are alive."""
        return isinstance(self.formula.expression, sp.logic.boolalg.Boolean)
