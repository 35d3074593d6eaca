"""Corrections of a formula: a factor that the whole formula lacks, or that one part of it lacks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import Evaluator
from numerics.backends.tensors import DTYPE
from numerics.tolerances import INVARIANT
from theory import symbols as sym
from theory.expressions import Formula
from theory.problem import Instance
from theory.symbols import D, K, M, N, positive

EXPONENTS = tuple(sp.Rational(s * e, 4) for e in (4, 2, 8, 1, 3) for s in (1, -1))
"""Powers of a factor that are tried, the likely ones first."""
FITS = 1e-4
"""Relative distance at which a ratio counts as a factor: ten times what an invariant may deviate by."""
LARGEST_DENOMINATOR = 16
"""Largest denominator of a fraction that counts as a forgotten number."""
MOST_PLACES = 24
"""Most parts of a formula that are tried. Each part is evaluated with all factors at once, in a few milliseconds."""
LONGEST_PART = 70
"""Longest part of a formula, in characters, that is written out both before and after its correction."""
OF_ENTRY = sp.IndexedBase("multiplier", positive=True)
OF_ALL = positive("multiplier")
"""Symbols that stand for the factor at a part of a formula: one for each class or direction, or one for all."""
UNEVALUABLE = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
"""Errors that the evaluation of a changed formula may raise. Such a change explains nothing."""


@dataclass(frozen=True)
class Correction:
    """A part of a formula, and the factor that this part lacks wherever it stands."""

    part: sp.Basic
    factor: sp.Expr

    def applied(self, expression: sp.Basic) -> sp.Basic:
        """Return an expression with the part corrected."""
        return multiplied(expression, self.part, self.factor)

    def __str__(self) -> str:
        if len(str(self.part)) <= LONGEST_PART:
            return f"with {self.part} replaced by {self.part * self.factor}"
        return f"with {str(self.part)[:LONGEST_PART]}… multiplied by {self.factor}"


@dataclass(frozen=True)
class Trial:
    """A trained batch that a changed formula is tried on.

    ``agrees`` tells from the formula's values [changes, I, *axes] where training agrees, [changes, I]. ``entries`` is the number
    of classes or directions.
    """

    instances: Sequence[Instance]
    agrees: Callable[[Tensor], Tensor]
    entries: int


def factors_of(instance: Instance, entries: int) -> Iterator[tuple[sp.Basic, list[float]]]:
    """Yield candidate factors with their values for each class or direction: sizes, parameters, and entries of lists."""
    yield sp.Integer(2), [2.0] * entries
    bindings: Mapping[sp.Basic, Any] = instance.bindings
    for symbol, value in bindings.items():
        if isinstance(value, int | float | sp.Expr) and isinstance(symbol, sp.Symbol):
            yield symbol, [float(value)] * entries
            if symbol in (K, D, N, M) and value > 1:
                yield symbol - 1, [value - 1.0] * entries
        elif isinstance(symbol, sp.IndexedBase) and value and len(value) and entries % len(value) == 0:
            yield symbol[sym.k], [float(x) for x in value] * (entries // len(value))


def recognised(trained: Tensor, predicted: Tensor, factors: Mapping[sp.Basic, Tensor]) -> sp.Expr | None:
    """Return the simplest product of one or two powers of factors by which all predictions are off, or None.

    Entries that are zero on either side are left out. A ratio that is the same everywhere counts as a number. A factor that is
    the same everywhere is not tried, since 9 samples cannot be told from the number 9.
    """
    both = (trained.abs() > INVARIANT * trained.abs().max()) & (predicted.abs() > INVARIANT * predicted.abs().max())
    if int(both.sum()) < 2:
        return None
    ratio = trained[both] / predicted[both]
    sign = 1 if bool((ratio > 0).all()) else -1
    if not bool((sign * ratio > 0).all()):
        return None
    wanted = (sign * ratio).log()
    logs = {factor: values[both].log() for factor, values in factors.items() if len(values) == len(both)}
    if bool((wanted.abs() <= FITS).all()):
        return sp.Integer(sign) if sign < 0 else None
    if bool(((wanted - wanted[0]).abs() <= FITS).all()):
        return sign * _number(float(wanted.mean().exp()))
    told = {factor: log for factor, log in logs.items() if factor.is_number or bool((log != log[0]).any())}
    powers = [(factor**e, float(e) * log) for e in EXPONENTS for factor, log in told.items()]
    for expression, log in powers:
        if bool(((log - wanted).abs() <= FITS).all()):
            return sign * expression
    for (one, log_one), (other, log_other) in itertools.combinations(powers, 2):
        if bool(((log_one + log_other - wanted).abs() <= FITS).all()):
            return sign * one * other
    return None


def _number(value: float) -> sp.Expr:
    """Return a value as a fraction of small whole numbers if it is one, and to six digits otherwise."""
    near = Fraction(value).limit_denominator(LARGEST_DENOMINATOR)
    return sp.Rational(near) if abs(float(near) - value) <= FITS * value else sp.Float(value, 6)


def parts(formula: Formula) -> list[sp.Basic]:
    """Return the parts of a formula that may lack a factor, at most MOST_PLACES.

    These are the formula itself, its symbols, the terms of its sums, and the arguments of Max and other functions. A factor
    of a product is no part of its own, since the product lacks what the factor lacks.
    """
    indices = {index for index, _ in formula.axes} | _indices(formula.expression)
    symbols = {e for e in _walk(formula.expression) if isinstance(e, sp.Symbol | sp.Indexed)}
    found = {formula.expression: None, **dict.fromkeys(sorted(symbols, key=str))}
    for e in _walk(formula.expression):
        if isinstance(e, sp.Add | sp.Max | sp.Min | sp.Function) and not isinstance(e, sp.Piecewise):
            found.update(dict.fromkeys(e.args))
    kept = [e for e in found if e not in indices and not e.is_number and isinstance(e, sp.Expr)]
    return kept[:MOST_PLACES]


def _indices(e: sp.Basic) -> set[sp.Basic]:
    limits = {limit[0] for s in e.atoms(sp.Sum, sp.Product) for limit in s.limits}
    return limits | {i for indexed in e.atoms(sp.Indexed) for i in indexed.indices}


def _counts(e: sp.Basic) -> bool:
    """Return whether an expression is a condition on sizes and indices, in which no factor can be missing."""
    return isinstance(e, sp.core.relational.Relational | sp.KroneckerDelta) and all(
        s.is_integer for s in e.free_symbols
    )


def _walk(e: sp.Basic) -> Iterator[sp.Basic]:
    """Yield the parts of an expression that stand for numbers: neither limits of sums nor conditions on sizes and indices."""
    if _counts(e):
        return
    yield e
    if isinstance(e, sp.Indexed):
        return
    for argument in e.args[:1] if isinstance(e, sp.Sum | sp.Product) else e.args:
        yield from _walk(argument)


def multiplied(e: sp.Basic, part: sp.Basic, factor: sp.Expr) -> sp.Basic:
    """Return an expression in which a part is multiplied by a factor wherever the part stands for a number."""
    if e == part:
        return part * factor
    if not e.args or _counts(e) or isinstance(e, sp.Indexed):
        return e
    if isinstance(e, sp.Sum | sp.Product):
        return e.func(multiplied(e.function, part, factor), *e.limits)
    changed = [multiplied(argument, part, factor) for argument in e.args]
    return e if all(a is b for a, b in zip(changed, e.args, strict=True)) else e.func(*changed)


class _Bench:
    """A trial with all powers of all factors side by side, so that a changed formula is evaluated once."""

    def __init__(self, trial: Trial) -> None:
        self.trial, instances = trial, list(trial.instances)
        tables = [dict(factors_of(instance, trial.entries)) for instance in instances]
        values = {f: torch.tensor([table[f] for table in tables], dtype=DTYPE) for f in tables[0]}
        found = {-sp.Integer(1): -torch.ones(len(instances), trial.entries, dtype=DTYPE)}
        for exponent in EXPONENTS:
            for factor, value in values.items():
                found.setdefault(factor**exponent, value ** float(exponent))
        self.factors = list(found)
        self.of_entry = torch.cat(list(found.values()))
        self.same = torch.tensor([bool((v == v[:, :1]).all()) for v in found.values()])
        self.ends = [(float(v.min()), float(v.max())) for v in found.values()]
        self.evaluator = Evaluator(stack_bindings(instances * len(found)))

    def mended_by(self, changed: Formula, of_all: bool) -> set[sp.Expr]:
        """Return the factors with which the changed formula agrees. Raises the errors of the evaluation."""
        varying = {OF_ENTRY: self.of_entry, OF_ALL: self.of_entry[:, 0]}
        values = self.evaluator.evaluate(changed, varying)
        values = values.reshape(len(self.factors), len(self.trial.instances), *values.shape[1:])
        good = self.trial.agrees(values).all(1)
        if of_all:
            good &= self.same
        return {factor for factor, fine in zip(self.factors, good.tolist(), strict=True) if fine}


def corrections(formula: Formula, trials: Sequence[Trial]) -> list[Correction]:
    """Return the corrections of one part by one factor with which a formula agrees in all trials, the simplest first."""
    benches = [_Bench(trial) for trial in trials]
    varied = _varied(benches)
    found = []
    for place, part in enumerate(parts(formula)):
        for rank, factor in _mending(formula, part, benches):
            if factor in varied:
                index = min(_indices(part), key=str, default=sym.k)
                correction = Correction(part, factor.subs(sym.k, index))
                new = len(correction.factor.free_symbols - part.free_symbols)
                found.append((new, rank, place, correction))
    return [correction for *_, correction in sorted(found, key=lambda item: item[:3])]


def _varied(benches: Sequence[_Bench]) -> set[sp.Expr]:
    """Return the factors that are numbers or vary. A factor that is the same everywhere cannot be told from a number."""
    ends: dict[sp.Expr, set[float]] = {}
    for bench in benches:
        for factor, both in zip(bench.factors, bench.ends, strict=True):
            ends.setdefault(factor, set()).update(both)
    return {factor for factor, values in ends.items() if factor.is_number or len(values) > 1}


def _mending(formula: Formula, part: sp.Basic, benches: Sequence[_Bench]) -> list[tuple[int, sp.Expr]]:
    """Return the factors that mend a formula at one part in all trials, each with its rank in the order of likelihood."""
    for stand_in in (OF_ENTRY[min(_indices(part), key=str, default=sym.k)], OF_ALL):
        kept: set[sp.Expr] | None = None
        try:
            changed = formula.replace_expression(multiplied(formula.expression, part, stand_in))
            for bench in benches:
                fine = bench.mended_by(changed, stand_in is OF_ALL)
                kept = fine if kept is None else kept & fine
                if not kept:
                    break
        except UNEVALUABLE:
            continue  # there is no class or direction in scope, or nothing of the changed formula is real
        ranked = enumerate(benches[0].factors)
        return [(rank, factor) for rank, factor in ranked if factor in (kept or ())]
    return []
