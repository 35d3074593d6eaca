"""Recorded steps as Coq statements over the real numbers, each with a proof by a few fixed tactics.

All symbols are quantified with their assumptions. Integers are quantified as real numbers unless they bound a sum, which
proves more. Where a statement has a logarithm, a root or a denominator whose sign SymPy does not know from these
assumptions, this sign is a hypothesis of the statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import sympy as sp

from theory.export.coq_ring import ring_identity
from theory.export.coq_terms import CoqTerms, NotInCoq
from theory.export.hints import Hints
from theory.expressions import provably_positive
from theory.steps import Convex, Identity, Nonnegative, Stationary, Step, SumOfSquares, Vanishes


@dataclass(frozen=True)
class CoqStep:
    """The Coq text of a step: its statement, and the tactic that proves it."""

    statement: str
    proof: str


@singledispatch
def coq_step(step: Step) -> CoqStep:
    """Return the Coq statement of a step and the proof to be tried. Raises NotInCoq for a formula that has no rendering."""
    raise NotInCoq(f"steps of kind {type(step).__name__} have no rendering in Coq")


@coq_step.register
def _(step: Identity) -> CoqStep:
    if not (step.left.is_commutative and step.right.is_commutative):
        return CoqStep(*ring_identity(step.left, step.right))
    goal = _Goal((step.left, step.right))
    left, right = goal.expressions
    return goal.step(f"{goal.terms.real(left)} = {goal.terms.real(right)}", goal.equation(left, right))


@coq_step.register
def _(step: Vanishes) -> CoqStep:
    goal = _Goal((step.function,), {step.variable: step.point})
    (function,) = goal.expressions
    return goal.step(f"{goal.terms.real(function)} = 0", goal.equation(function))


@coq_step.register
def _(step: Stationary) -> CoqStep:
    goal = _Goal((step.function, sp.diff(step.function, step.variable)), {step.variable: step.point})
    function, slope = goal.expressions
    hints = Hints(goal.terms, (function, slope))
    derive = "; ".join([*hints.roots(), *hints.leaves(), "derive"])
    proof = [*goal.signs(), f"stationary {goal.terms.argument(slope)}"]
    proof.append(f"[ {derive} | {'; '.join(goal.equation(slope))} ]")
    return goal.step(f"{goal.derivative(function, step.variable)} 0", proof)


@coq_step.register
def _(step: Convex) -> CoqStep:
    slope = sp.diff(step.function, step.variable)
    goal = _Goal((step.function, slope, sp.diff(slope, step.variable)))
    function, slope, curvature = goal.expressions
    conclusion = " /\\ ".join(
        [
            f"{goal.derivative(function, step.variable)} {goal.terms.argument(slope)}",
            f"{goal.derivative(slope, step.variable)} {goal.terms.argument(curvature)}",
            f"0 < {goal.terms.real(curvature)}",
        ]
    )
    form = sp.factor(sp.simplify(curvature))
    hints = Hints(goal.terms, (*goal.expressions, form))
    tactics = [*hints.roots(), *hints.leaves(), "convex", f"positive_form {hints.old(curvature)} {hints.new(form)}"]
    return goal.step(conclusion, tactics)


@coq_step.register
def _(step: Nonnegative) -> CoqStep:
    goal = _Goal((step.expression,))
    (expression,) = goal.expressions
    symbols = sorted((s for s in expression.free_symbols if s.is_nonnegative), key=str)
    forms = (sp.factor(sp.simplify(expression)), sp.collect(sp.expand(expression), symbols))
    hints = Hints(goal.terms, (expression, *forms))
    before = [*hints.roots(), *hints.leaves(), *hints.numbers(expression)]
    others = [form for form in dict.fromkeys(forms) if form != expression]
    by_forms = [f"nonnegative_form {hints.old(expression)} {hints.new(form)}" for form in others]
    proof = " | ".join(["nonnegative", "forms; nonnegative", *by_forms])
    return goal.step(f"0 <= {goal.terms.real(expression)}", [*before, f"first [ {proof} ]"])


@coq_step.register
def _(step: SumOfSquares) -> CoqStep:
    goal = _Goal((step.expression, *(part for pair in step.squares for part in pair)))
    real, argument = goal.terms.real, goal.terms.argument
    expression, *parts = goal.expressions
    weights, bases = parts[::2], parts[1::2]
    total = " + ".join(f"{argument(w)} * {argument(base)} ^ 2" for w, base in zip(weights, bases, strict=True))
    signs = [f"0 <= {real(w)}" for w in weights if not w.is_number]
    conclusion = " /\\ ".join([f"{real(expression)} = {total}", *signs])
    return goal.step(conclusion, ["squares", *goal.equation(*goal.expressions)])


class _Goal:
    """A statement in the making: its expressions, the values of its variables, and the printer of both."""

    def __init__(self, expressions: Iterable[sp.Expr], values: dict[sp.Symbol, sp.Expr] | None = None) -> None:
        self.expressions = tuple(map(_with_scalar_entries, expressions))
        self.values = {variable: _with_scalar_entries(value) for variable, value in (values or {}).items()}
        self.terms = CoqTerms()
        self._binders = self.terms.binders((*self.expressions, *self.values, *self.values.values()))

    def step(self, conclusion: str, proof: Iterable[str]) -> CoqStep:
        """Return the statement with this conclusion, with the proof."""
        names = {kind: [b.name for b in self._binders if b.type == kind] for kind in ("nat", "R", "nat -> R")}
        quantified = " ".join(f"({' '.join(found)} : {kind})" for kind, found in names.items() if found)
        fixed = {self.terms.name(variable) for variable in self.values}
        hypotheses = [_premise(b.assumption) for b in self._binders if b.assumption and b.name not in fixed]
        hypotheses += [f"{self.terms.name(v)} = {self.terms.real(point)}" for v, point in self.values.items()]
        hypotheses += self._domain()
        before = f"forall {quantified}, " if quantified else ""
        return CoqStep(before + "".join(f"{h} -> " for h in hypotheses) + conclusion, "; ".join(["intros", *proof]))

    def derivative(self, function: sp.Expr, variable: sp.Symbol) -> str:
        """Return the beginning of the proposition that a function has a derivative at its variable."""
        name = self.terms.name(variable)
        return f"is_derive (fun {name} => {self.terms.real(function)}) {name}"

    def equation(self, *expressions: sp.Expr) -> list[str]:
        """Return the tactics that prove an equation between these expressions."""
        before = [f"at_point {self.terms.name(variable)}" for variable in self.values]
        sums = [part for e in expressions for part in e.atoms(sp.Sum)]
        terms = self.terms
        if sums and not self.values:
            before = ["sums_with_lengths" if _adds_a_length(*expressions) else "sums"]
            indices = {limit[0] for part in sums for limit in part.limits}
            terms = CoqTerms(self.terms.names, self.terms.counts, self.terms.positions | indices)
        hints = Hints(terms, expressions, self.values)
        return [*before, *hints.roots(), *hints.leaves(), "finish"]

    def signs(self) -> Iterator[str]:
        """Yield the tactics that show logarithms, roots and denominators of the variable to be positive at its point."""
        every = {part for e in self.expressions for part, _ in _partial(e) if part.has(*self.values)}
        parts = {part for part in every if not self._positive_anywhere(part)}
        parts |= {sp.fraction(sp.together(part))[0] for part in parts}
        for part in sorted(parts, key=str):
            hints = Hints(self.terms, (part,), self.values)
            before = [f"at_point {self.terms.name(variable)}" for variable in self.values]
            tactics = [
                *before,
                *hints.roots(),
                *hints.leaves(),
                f"positive_form {hints.old(part)} ({hints.product(part)})",
            ]
            yield f"assert (0 < {self.terms.real(part)}) by ({'; '.join(tactics)})"

    def _domain(self) -> Iterator[str]:
        """Yield the hypotheses on logarithms, roots and denominators whose sign SymPy does not know."""
        seen: set[sp.Expr] = set()
        for expression in (*self.values.values(), *self.expressions):
            for part, must_be_positive in _partial(expression):
                known = part in seen or self._positive_anywhere(part) or provably_positive(part.subs(self.values))
                seen.add(part)
                if not known:
                    yield f"0 < {self.terms.real(part)}" if must_be_positive else f"{self.terms.real(part)} <> 0"

    def _positive_anywhere(self, part: sp.Expr) -> bool:
        """Tell whether a part is positive wherever its variable may be, and not only at its point."""
        return provably_positive(part.xreplace({v: sp.Symbol(v.name, real=True) for v in self.values}))


def _premise(proposition: str) -> str:
    return f"({proposition})" if proposition.startswith("forall") else proposition


def _partial(expression: sp.Expr) -> Iterator[tuple[sp.Expr, bool]]:
    """Yield the parts that must be positive, or nonzero, for the expression to have a value, and which of the two."""
    for part in sp.preorder_traversal(expression):
        if isinstance(part, sp.log):
            yield part.args[0], True
        elif isinstance(part, sp.Pow) and not part.exp.is_nonnegative:
            yield part.base, not part.exp.is_Integer
        elif isinstance(part, sp.Pow) and not part.exp.is_Integer:
            yield part.base, True


def _with_scalar_entries(expression: Any) -> sp.Expr:
    """Replace each entry with a number as index, such as λ_1, by a symbol with its assumptions."""
    entries = [e for e in sp.sympify(expression).atoms(sp.Indexed) if all(i.is_Integer for i in e.indices)]
    return sp.sympify(expression).xreplace(
        {e: sp.Symbol("_".join(map(str, (e.base, *e.indices))), positive=e.is_positive) for e in entries}
    )


def _adds_a_length(left: sp.Expr, right: sp.Expr) -> bool:
    """Tell whether two sides differ by more than sums: by a length, which is the sum of ones."""
    return any(not term.has(sp.Sum) for term in sp.Add.make_args(sp.expand(left - right)))
