"""Wrong theorems on purpose: mutants of the predicted expressions and of the bounds. Each mutant must turn the checks red."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sympy as sp
import torch

from numerics.bounds.enclosures import predicted_value
from numerics.judging.chain import Chain, ChainRun
from numerics.judging.comparison import compare
from numerics.judging.known import Known
from numerics.judging.measured import Measured, measure_starts
from numerics.searching.adversary import tight_points
from proofs_check.harness.examine import Examination, chain_failures
from theory.claim import Claim, Derivation
from theory.errors import CheckFailed
from theory.expressions import Formula
from theory.point import Point
from theory.refutation import Refutation
from theory.results import Level

MOVED = (sp.Rational(21, 20), sp.Rational(1003, 1000))
"""Factors by which a threshold is moved up and down."""
UNEVALUABLE = (ArithmeticError, IndexError, RuntimeError, TypeError, ValueError)
"""Errors that the evaluation of a mutant may raise. Such an error refutes the mutant too."""
ATTACK_STEPS = 300
"""Descent steps on each link of a mutated bound that no trained or drawn point has refuted."""


Change = tuple[str, Callable[[], sp.Basic]]
"""The words for a change of an expression, and the function that builds the changed expression."""


@dataclass(frozen=True)
class Mutant:
    """One change of one expression of a claim: ``target`` names the expression, and ``change`` says how it was changed."""

    claim: Claim
    target: str
    change: str
    original: sp.Basic
    expression: sp.Basic

    @property
    def name(self) -> tuple[str, str, str]:
        return self.claim.id, self.target, self.change

    @property
    def of_bound(self) -> bool:
        return self.target.startswith("bound ")

    def __str__(self) -> str:
        return ": ".join(self.name)


def mutations(expression: sp.Basic, most: int | None = None) -> Iterator[tuple[str, sp.Basic]]:
    """Yield the mutations of an expression, each with the words for the change.

    Constants, signs, factors, powers, Max, conditions, summation limits and parameters are changed. With ``most``, about so many
    mutations are yielded, evenly spaced over the tree of the expression; the others are not built.
    """
    changes = [*_local(expression), *_swaps(expression)]
    step = max(1, len(changes) // most) if most else 1
    seen = {expression}
    for change, build in changes[::step]:
        try:
            mutated = build()
        except (TypeError, ValueError):
            continue  # the result is no expression, such as a condition in the place of a number
        if isinstance(mutated, sp.Eq) and mutated.reversed in seen:
            continue  # the same equation with its sides exchanged
        if mutated not in seen:
            seen.add(mutated)
            yield change, mutated


def _local(e: sp.Basic) -> Iterator[Change]:
    if e.is_Number:
        yield f"constant {e} to {e + 1}", lambda: e + 1
        return
    if isinstance(e, sp.Add):
        for term in e.args:
            yield f"sign of {term}", lambda term=term: e - 2 * term
    if isinstance(e, sp.Mul):
        for factor in e.args:
            if factor != -1:
                yield f"drop factor {factor}", lambda factor=factor: sp.Mul(*[f for f in e.args if f != factor])
        yield f"sign of {e}", lambda: -e
    if isinstance(e, sp.Pow):
        yield f"drop power of {e}", lambda: e.base
    if isinstance(e, (sp.Max, sp.Min)):
        other = sp.Min if isinstance(e, sp.Max) else sp.Max
        yield f"{e.func.__name__} to {other.__name__}", lambda: other(*e.args)
        for argument in e.args:
            yield f"{e.func.__name__} to its argument {argument}", lambda argument=argument: argument
    if isinstance(e, sp.core.relational.Relational):
        for other in (sp.Gt, sp.Lt):
            if not isinstance(e, other):
                yield f"{e} to {other.__name__}", lambda other=other: other(*e.args)
    if isinstance(e, sp.Sum):
        for limit in e.limits:
            shorter = [(i, a, b - 1) if i == limit[0] else (i, a, b) for i, a, b in e.limits]
            yield (
                f"drop last term of the sum over {limit[0]}",
                lambda shorter=shorter: sp.Sum(e.function, *shorter),
            )
        for change, build in _local(e.function):
            yield change, lambda build=build: sp.Sum(build(), *e.limits)
        return
    if isinstance(e, (sp.Indexed, sp.Symbol, sp.KroneckerDelta)):
        return
    for position, argument in enumerate(e.args):
        for change, build in _local(argument):
            yield (
                change,
                lambda position=position, build=build: e.func(*e.args[:position], build(), *e.args[position + 1 :]),
            )


def _swaps(e: sp.Basic) -> Iterator[Change]:
    indices = {i for s in e.atoms(sp.Indexed) for i in s.indices} | {
        limit[0] for s in e.atoms(sp.Sum) for limit in s.limits
    }
    bases = {s.base.label for s in e.atoms(sp.Indexed)}
    symbols = sorted(e.free_symbols - indices - bases - e.atoms(sp.Indexed), key=str)
    # Sizes are not swapped: with K and D exchanged, sums run beyond the last class and cannot be evaluated.
    for a, b in itertools.combinations([s for s in symbols if isinstance(s, sp.Symbol) and not s.is_integer], 2):
        yield f"swap {a} and {b}", lambda a=a, b=b: e.subs({a: b, b: a}, simultaneous=True)


def mutants(claim: Claim, most: int | None = None) -> Iterator[Mutant]:
    """Yield the mutants of a claim.

    The value, the invariants and their branches at a jump, the thresholds, the bounds, the named results and the conditions of
    collapse are mutated. With ``most``, about so many mutants of each are yielded, and half as many of each named result.
    """
    prediction = claim.prediction
    targets = {} if prediction.value is None else {"value": prediction.value.expression}
    targets |= {f"invariant {name}": formula.expression for name, formula in prediction.invariants.items()}
    targets |= {f"branch {name}": formula.expression for name, formula in prediction.branches.items()}
    thresholds = dict(zip(_threshold_targets(claim), (t.ratio for t in prediction.thresholds), strict=True))
    targets |= thresholds
    targets |= {f"bound {b.name}": b.expression for b in claim.proof.bounds}
    named = {f"named {name}": result.expression for name, result in prediction.named.items()}
    conditions = {f"level {level.name}": level.keeps_prior for level in prediction.levels}
    for target, expression in (targets | conditions | named).items():
        for change, mutated in mutations(expression, most and (most + 1) // 2 if target in named else most):
            yield Mutant(claim, target, change, expression, mutated)
    for target, condition in conditions.items():
        for always in (sp.true, sp.false):
            if condition != always:
                yield Mutant(claim, target, f"always {str(always).lower()}", condition, always)
    for level in prediction.levels:
        for others in _other_thresholds(claim, level):
            yield Mutant(claim, f"level {level.name}", f"thresholds {others}", level.keeps_prior, sp.Tuple(*others))
    for target, ratio in thresholds.items():
        for factor in (*MOVED, *(1 / m for m in MOVED)):
            yield Mutant(claim, target, f"moved by {float(factor):.3f}", ratio, ratio * factor)


def refutation_mutants(claim: Claim, most: int | None = None) -> Iterator[tuple[str, Claim]]:
    """Yield refuted claims with one loss formula mutated, each with the words for the change: about ``most`` for each formula."""
    replace, refutation, least = dataclasses.replace, claim.refutation, claim.refutation.least
    formulas = {"published": (refutation.published, lambda e: replace(refutation, published=e))}
    for number, piece in enumerate(least.pieces):
        for part in ("convex", "concave", "upper"):

            def of_piece(e: sp.Expr, number: int = number, part: str = part) -> Refutation:
                pieces = [replace(p, **{part: e}) if i == number else p for i, p in enumerate(least.pieces)]
                return replace(refutation, least=replace(least, pieces=tuple(pieces)))

            formulas[f"least, {part} part of piece {number + 1}"] = getattr(piece, part), of_piece
    for number, family in enumerate(refutation.families):

        def of_family(e: sp.Expr, number: int = number) -> Refutation:
            families = [replace(f, objective=e) if i == number else f for i, f in enumerate(refutation.families)]
            return replace(refutation, families=tuple(families))

        formulas[family.name] = family.objective, of_family
    for name, (expression, put) in formulas.items():
        for change, mutated in mutations(expression, most):
            yield f"{name}: {change}", replace(claim, refutation=put(mutated))


def _other_thresholds(claim: Claim, level: Level) -> Iterator[tuple[int, ...]]:
    """Yield all sets of thresholds but the set on which a level rests, as positions."""
    positions = range(len(claim.prediction.thresholds))
    for size in range(len(positions) + 1):
        yield from (others for others in itertools.combinations(positions, size) if others != level.thresholds)


def _threshold_targets(claim: Claim) -> list[str]:
    """Return the names of the thresholds. A threshold beyond the claim's own is named after the invariant that shows its collapse."""
    return ["threshold" if t.telling is None else f"threshold of {t.telling}" for t in claim.prediction.thresholds]


@dataclass(frozen=True)
class _Facts:
    """One trained batch with all that does not depend on the mutant: the measured invariants and the chain at all points.

    ``values`` [bounds, B] and ``statistics`` belong to the points of the examination, stacked to one batch with the trained optimum
    last. ``away`` says which instances lie away from thresholds.
    """

    examination: Examination
    measured: Measured
    known: Known
    away: list[bool]
    chain: Chain
    statistics: dict[sp.Basic, torch.Tensor]
    values: torch.Tensor


def _gather(claim: Claim, examination: Examination) -> _Facts:
    points = examination.points
    stacked = Point({name: torch.cat([p[name] for p in points]) for name in points[0]})
    chain = Chain(claim, list(examination.instances) * len(points))
    measured, known = measure_starts(claim, examination.solution), Known()
    away = [not c.near_threshold for c in compare(claim, examination.solution, measured, known)]
    statistics = {s.symbol: s.measure(chain.xp, stacked, chain.data, chain.bindings) for s in claim.proof.statistics}
    return _Facts(examination, measured, known, away, chain, statistics, chain.run(stacked).values)


class Evidence:
    """A trained batch of a claim, with the chain run at all points, on which mutants are judged."""

    def __init__(self, claim: Claim, examination: Examination) -> None:
        self.claim = claim
        self.facts = _gather(claim, examination)

    def first_failure(self, mutant: Mutant) -> str | None:
        """Return the first failure that the checks find in a mutant, or None when the mutant survives."""
        judge = self._against_bound if mutant.of_bound else self._against_prediction
        try:
            failures = judge(mutant, self.facts)
        except UNEVALUABLE as error:
            return f"cannot be evaluated: {error}"  # for example, an entry beyond the last class is read
        return failures[0] if failures else None

    def attack(self, mutant: Mutant) -> str | None:
        """Descend on the slack of the links on either side of a mutated bound, and return the violation found, or None."""
        bounds = self.claim.proof.bounds
        changed = self._row(mutant) - 1
        mutated = (
            *bounds[:changed],
            dataclasses.replace(bounds[changed], expression=mutant.expression),
            *bounds[changed + 1 :],
        )
        derivation = Derivation(dataclasses.replace(self.claim.proof, bounds=mutated), self.claim.prediction)
        claim = dataclasses.replace(self.claim, derive=lambda problem: derivation)
        links = [link for link in (changed, changed + 1) if link < len(bounds)]
        generator = torch.Generator().manual_seed(0)
        instances = self.facts.examination.instances
        chain = Chain(claim, instances)
        for point in tight_points(claim, instances, generator, ATTACK_STEPS, links):
            violations = chain.judged(point).violations()
            if violations:
                return violations[0]
        return None

    def _row(self, mutant: Mutant) -> int:
        return 1 + [f"bound {b.name}" for b in self.claim.proof.bounds].index(mutant.target)

    def _against_bound(self, mutant: Mutant, facts: _Facts) -> list[str]:
        values = facts.values.clone()
        values[self._row(mutant)] = facts.chain.evaluator.evaluate(Formula(mutant.expression), facts.statistics)
        size = len(facts.away)
        names = facts.chain.names
        everywhere = ChainRun(names, values)
        return everywhere.violations() or chain_failures([ChainRun(names, values[:, -size:])], facts.away)

    def _against_prediction(self, mutant: Mutant, facts: _Facts) -> list[str]:
        claim = mutated_claim(mutant)
        try:
            claim.check_named()
        except CheckFailed as error:
            return [str(error)]
        comparisons = compare(claim, facts.examination.solution, facts.measured, facts.known)
        failures = [failure for c in comparisons for failure in c.failures]
        if mutant.target == "value" and not failures:
            for comparison, certificate in zip(comparisons, facts.examination.certificates, strict=True):
                predicted = predicted_value(claim, comparison.instance)
                failures += certificate.failures(predicted, comparison.near_threshold)
        return failures


def mutated_claim(mutant: Mutant) -> Claim:
    """Return the claim with the mutated expression in place."""
    claim, prediction = mutant.claim, mutant.claim.prediction
    if mutant.target == "value":
        changed = dataclasses.replace(prediction, value=Formula(mutant.expression))
    elif mutant.target in (targets := _threshold_targets(claim)):
        position = targets.index(mutant.target)
        thresholds = list(prediction.thresholds)
        thresholds[position] = dataclasses.replace(thresholds[position], ratio=mutant.expression)
        changed = dataclasses.replace(prediction, thresholds=tuple(thresholds))
    elif mutant.target.startswith("named "):
        name = mutant.target.removeprefix("named ")
        result = dataclasses.replace(prediction.named[name], expression=mutant.expression)
        changed = dataclasses.replace(prediction, named={**prediction.named, name: result})
    elif mutant.target.startswith("level "):
        name = mutant.target.removeprefix("level ")
        part = "thresholds" if isinstance(mutant.expression, sp.Tuple) else "keeps_prior"
        value = tuple(map(int, mutant.expression)) if part == "thresholds" else mutant.expression
        levels = [dataclasses.replace(x, **{part: value}) if x.name == name else x for x in prediction.levels]
        changed = dataclasses.replace(prediction, levels=tuple(levels))
    else:
        kind, _, name = mutant.target.partition(" ")
        field = {"invariant": "invariants", "branch": "branches"}[kind]
        formulas = getattr(prediction, field)
        formula = formulas[name].replace_expression(mutant.expression)
        changed = dataclasses.replace(prediction, **{field: {**formulas, name: formula}})
    derivation = Derivation(claim.proof, changed)
    return dataclasses.replace(claim, derive=lambda problem: derivation)
