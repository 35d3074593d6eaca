"""Wrong theorems on purpose: mutants of the predicted expressions and of the bounds, each of which must turn the checks red."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sympy as sp
import torch

from numerics.compare import Chain, ChainRun, compare
from proofs_check.examine import Examination, chain_failures
from proofs_check.points import tight_points
from theory.claim import Claim, Derivation
from theory.expressions import Formula

MOVED = (sp.Rational(21, 20), sp.Rational(1003, 1000))
"""Factors by which a threshold is moved, up and down."""
ATTACK_STEPS = 300
"""Descent steps on each link of a mutated chain that the ready points did not refute."""


@dataclass(frozen=True)
class Mutant:
    """One change of one expression: ``target`` says which, ``change`` what was done to it."""

    claim: Claim
    target: str
    change: str
    original: sp.Basic
    expression: sp.Basic

    def __str__(self) -> str:
        return f"{self.claim.id}: {self.target}: {self.change}"


def mutations(expression: sp.Basic) -> Iterator[tuple[str, sp.Basic]]:
    """Yield every mutation of a tree: constants, signs, factors, terms, Max, conditions, summation limits, parameters."""
    seen = {expression}
    for change, mutated in itertools.chain(_local(expression), _swaps(expression)):
        if mutated not in seen:
            seen.add(mutated)
            yield change, mutated


def _local(e: sp.Basic) -> Iterator[tuple[str, sp.Basic]]:
    if e.is_Number:
        yield f"constant {e} to {e + 1}", e + 1
        return
    if isinstance(e, sp.Add):
        for term in e.args:
            yield f"sign of {term}", e - 2 * term
    if isinstance(e, sp.Mul):
        for factor in e.args:
            if factor != -1:
                yield f"drop factor {factor}", sp.Mul(*[f for f in e.args if f != factor])
        yield f"sign of {e}", -e
    if isinstance(e, sp.Pow):
        yield f"drop power of {e}", e.base
    if isinstance(e, (sp.Max, sp.Min)):
        other = sp.Min if isinstance(e, sp.Max) else sp.Max
        yield f"{e.func.__name__} to {other.__name__}", other(*e.args)
        for argument in e.args:
            yield f"{e.func.__name__} to its argument {argument}", argument
    if isinstance(e, sp.core.relational.Relational):
        for other in (sp.Gt, sp.Lt):
            if not isinstance(e, other):
                yield f"{e} to {other.__name__}", other(*e.args)
    if isinstance(e, sp.Sum):
        for limit in e.limits:
            shorter = [(i, a, b - 1) if i == limit[0] else (i, a, b) for i, a, b in e.limits]
            yield f"drop last term of the sum over {limit[0]}", sp.Sum(e.function, *shorter)
        for change, mutated in _local(e.function):
            yield change, sp.Sum(mutated, *e.limits)
        return
    if isinstance(e, (sp.Indexed, sp.Symbol, sp.KroneckerDelta)):
        return
    for position, argument in enumerate(e.args):
        for change, mutated in _local(argument):
            try:
                yield change, e.func(*e.args[:position], mutated, *e.args[position + 1 :])
            except (TypeError, ValueError):
                continue  # not an expression any more, such as a condition in the place of a number


def _swaps(e: sp.Basic) -> Iterator[tuple[str, sp.Basic]]:
    indices = {i for s in e.atoms(sp.Indexed) for i in s.indices} | {
        limit[0] for s in e.atoms(sp.Sum) for limit in s.limits
    }
    bases = {s.base.label for s in e.atoms(sp.Indexed)}
    symbols = sorted(e.free_symbols - indices - bases - e.atoms(sp.Indexed), key=str)
    # Sizes are left alone: exchanging K and D gives sums beyond the last class, which is no expression to judge.
    for a, b in itertools.combinations([s for s in symbols if isinstance(s, sp.Symbol) and not s.is_integer], 2):
        yield f"swap {a} and {b}", e.subs({a: b, b: a}, simultaneous=True)


def mutants(claim: Claim) -> Iterator[Mutant]:
    """Yield every mutant of a claim: of its value, invariants, threshold and bounds."""
    prediction = claim.prediction
    targets = {"value": prediction.value.expression}
    targets |= {f"invariant {name}": formula.expression for name, formula in prediction.invariants.items()}
    targets |= {"threshold": prediction.threshold.ratio}
    targets |= {f"bound {b.name}": b.expression for b in claim.proof.bounds}
    for target, expression in targets.items():
        for change, mutated in mutations(expression):
            yield Mutant(claim, target, change, expression, mutated)
    ratio = prediction.threshold.ratio
    for factor in (*MOVED, *(1 / m for m in MOVED)):
        yield Mutant(claim, "threshold", f"moved by {float(factor):.3f}", ratio, ratio * factor)


class Evidence:
    """Trained batches of a claim with its chain already run at all their points, on which mutants are judged."""

    def __init__(self, claim: Claim, examinations: Sequence[Examination]) -> None:
        self.claim = claim
        self.examinations = examinations
        self.chains = [Chain(claim, e.instances) for e in examinations]
        self.runs = [[chain.run(p) for p in e.points] for chain, e in zip(self.chains, examinations, strict=True)]
        self.statistics = [
            [
                {s.symbol: s.measure(chain.xp, p, chain.data, chain.bindings) for s in claim.proof.statistics}
                for p in e.points
            ]
            for chain, e in zip(self.chains, examinations, strict=True)
        ]
        self.away = [[not c.near_threshold for c in compare(claim, e.solution)] for e in examinations]

    def first_failure(self, mutant: Mutant) -> str | None:
        """Return what the checks say against a mutant, or None when it survives."""
        judge = self._against_bound if mutant.target.startswith("bound ") else self._against_prediction
        for number in range(len(self.examinations)):
            try:
                failures = judge(mutant, number)
            except (ArithmeticError, IndexError, RuntimeError, TypeError, ValueError) as error:
                failures = [f"cannot be evaluated: {error}"]  # such as an entry beyond the last class
            if failures:
                return failures[0]
        return self._attack(mutant) if mutant.target.startswith("bound ") else None

    def _attack(self, mutant: Mutant) -> str | None:
        """Descend on the slack of every link of the mutated chain itself, and return the violation found, if any."""
        bounds = tuple(
            dataclasses.replace(b, expression=mutant.expression) if f"bound {b.name}" == mutant.target else b
            for b in self.claim.proof.bounds
        )
        derivation = Derivation(dataclasses.replace(self.claim.proof, bounds=bounds), self.claim.prediction)
        claim = dataclasses.replace(self.claim, derive=lambda problem: derivation)
        generator = torch.Generator().manual_seed(0)
        for examination in self.examinations:
            chain = Chain(claim, examination.instances)
            for point in tight_points(claim, examination.instances, generator, ATTACK_STEPS):
                violations = chain.run(point).violations()
                if violations:
                    return violations[0]
        return None

    def _against_bound(self, mutant: Mutant, number: int) -> list[str]:
        row = 1 + [f"bound {b.name}" for b in self.claim.proof.bounds].index(mutant.target)
        formula = Formula(mutant.expression)
        optimum = len(self.runs[number]) - 1
        for position in (optimum, *range(optimum)):
            run = self.runs[number][position]
            values = run.values.clone()
            values[row] = self.chains[number].evaluator.evaluate(formula, self.statistics[number][position])
            changed = ChainRun(run.names, values)
            failures = chain_failures([changed], self.away[number]) if position == optimum else changed.violations()
            if failures:
                return failures
        return []

    def _against_prediction(self, mutant: Mutant, number: int) -> list[str]:
        claim = mutated_claim(mutant)
        examination = self.examinations[number]
        comparisons = compare(claim, examination.solution)
        failures = [failure for c in comparisons for failure in c.failures]
        for comparison, certificate in zip(comparisons, examination.certificates, strict=True):
            failures += certificate.failures(comparison.predicted, comparison.near_threshold)
        return failures


def mutated_claim(mutant: Mutant) -> Claim:
    """Return the claim with the mutated expression in place."""
    claim, prediction = mutant.claim, mutant.claim.prediction
    if mutant.target == "value":
        changed = dataclasses.replace(prediction, value=Formula(mutant.expression))
    elif mutant.target == "threshold":
        changed = dataclasses.replace(
            prediction, threshold=dataclasses.replace(prediction.threshold, ratio=mutant.expression)
        )
    else:
        name = mutant.target.removeprefix("invariant ")
        formula = prediction.invariants[name].replace_expression(mutant.expression)
        changed = dataclasses.replace(prediction, invariants={**prediction.invariants, name: formula})
    derivation = Derivation(claim.proof, changed)
    return dataclasses.replace(claim, derive=lambda problem: derivation)
