"""What is wrong with a claim that fails: the first link, the smallest instance, trained against predicted, and by what factor.

The answer is for the author of a claim; nothing is judged here that the checks have not judged already.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from numerics.compare import Chain, Measured, compare, measure_starts
from numerics.tolerances import INVARIANT, VALUE_GAP
from proofs_check.examine import Examination, examine
from proofs_check.strategies import REGIMES, batches, drawn
from theory.claim import Claim
from theory.errors import CheckFailed
from theory.problem import Instance
from theory.symbols import D, K, M, N

BATCHES = 4
BATCH_SIZE = 4
EXPONENTS = tuple(sp.Rational(s * e, 4) for e in (4, 2, 8, 1, 3) for s in (1, -1))
"""Powers in which a factor is looked for, the likely ones first."""
FITS = 1e-4
"""Relative distance at which a ratio counts as that factor: a hundred times what an invariant may deviate by over ten."""
SHOWN = 6
"""Entries of an invariant that are shown side by side."""


def diagnose(claim: Claim, seed: int = 0) -> str:
    """Train a few small batches and return the answer as lines of text; a step that fails is an answer already."""
    try:
        claim.proof.check()
    except CheckFailed as error:
        return str(error)
    wide = batches(claim, dataclasses.replace(REGIMES[-1], directions=3), BATCH_SIZE)
    examined = sorted((examine(claim, batch, "cpu", seed) for batch in drawn(wide, BATCHES, seed)), key=_size)
    lines = [*_first_link(claim, examined), *_against_training(claim, examined)]
    return "\n".join(lines) if lines else "the batches drawn to look closer show nothing wrong"


def _size(examination: Examination) -> int:
    return sum(array[0, 0].numel() for array in examination.solution.points.values())


def _written(instance: Instance) -> str:
    words = ((n, ",".join(map(str, v)) if isinstance(v, tuple) else str(v)) for n, v in instance.values.items())
    return " ".join(f"{name}={value}" for name, value in words)


def _first_link(claim: Claim, examined: list[Examination]) -> Iterator[str]:
    """Say which link of the chain is the first to fail, and at which of the smallest instances."""
    broken: list[tuple[int, float, str, Instance]] = []
    for examination in examined:
        chain = Chain(claim, examination.instances)
        for point in examination.points:
            run = chain.run(point)
            margins = run.margins().nan_to_num(-1.0)
            bad = (margins < -VALUE_GAP).any(1)
            if bool(bad.any()):
                link = int(bad.nonzero()[0])
                member = int(margins[link].argmin())
                what = (
                    f"{run.names[link + 1]!r} is {float(run.values[link + 1, member]):.9g}, above {run.names[link]!r}, "
                    f"{float(run.values[link, member]):.9g}"
                )
                broken.append((link, float(margins[link, member]), what, examination.instances[member]))
        if broken:
            break
    if broken:
        _, _, what, instance = min(broken, key=lambda found: found[:2])
        yield f"first failing link of the chain: {what}\n    at {_written(instance)}"


@dataclass(frozen=True)
class _Samples:
    """Trained and predicted numbers, and the value of every candidate factor at each of them."""

    trained: Tensor
    predicted: Tensor
    factors: dict[sp.Basic, Tensor]


def _against_training(claim: Claim, examined: list[Examination]) -> Iterator[str]:
    """Set value and invariants side by side at the smallest instance that fails, with the factor between them if it has a name."""
    measured = [measure_starts(claim, examination.solution) for examination in examined]
    failing = None
    for number, (examination, found) in enumerate(zip(examined, measured, strict=True)):
        comparisons = compare(claim, examination.solution, found)
        bad = [i for i, c in enumerate(comparisons) if c.failures and not c.near_threshold]
        if bad:
            failing = number, bad[0], comparisons[bad[0]]
            break
    if failing is None:
        return
    number, member, comparison = failing
    yield f"smallest instance that fails: {_written(comparison.instance)}"
    if claim.prediction.value is not None and abs(comparison.gap) <= VALUE_GAP:
        yield "  value agrees"
    elif claim.prediction.value is not None:
        samples = [_values(claim, e, m) for e, m in zip(examined, measured, strict=True)]
        yield from _side_by_side("value", samples, number, slice(member, member + 1))
    for name, deviation in comparison.deviations.items():
        if deviation <= INVARIANT:
            yield f"  {name} agrees"
            continue
        samples = [_entries(claim, name, e, m) for e, m in zip(examined, measured, strict=True)]
        per_instance = len(samples[number].trained) // len(examined[number].instances)
        here = slice(member * per_instance, (member + 1) * per_instance)
        yield from _side_by_side(name, samples, number, here)


def _side_by_side(name: str, samples: list[_Samples], number: int, here: slice) -> Iterator[str]:
    trained, predicted = samples[number].trained[here], samples[number].predicted[here]
    factor = recognised(
        torch.cat([s.trained for s in samples]),
        torch.cat([s.predicted for s in samples]),
        {f: torch.cat([s.factors[f] for s in samples]) for f in samples[0].factors},
    )
    yield f"  {name} differs" + ("" if factor is None else f": trained / predicted = {factor}")
    yield f"    trained   {_row(trained)}"
    yield f"    predicted {_row(predicted)}"


def _row(numbers: Tensor) -> str:
    shown = "  ".join(f"{x:.6g}" for x in numbers[:SHOWN].tolist())
    return shown + ("  …" if len(numbers) > SHOWN else "")


def _values(claim: Claim, examination: Examination, measured: Measured) -> _Samples:
    predicted = measured.evaluator.evaluate(claim.prediction.value)
    return _Samples(examination.solution.best_value(), predicted, _factors(claim, examination, 1))


def _entries(claim: Claim, name: str, examination: Examination, measured: Measured) -> _Samples:
    """The entries of an invariant that stand for one class or direction each: of a matrix those on the diagonal."""
    invariant = next(i for i in claim.problem.invariants if i.name == name)
    predicted = measured.evaluator.evaluate(claim.prediction.invariants[name])
    trained = measured.best[name]
    if invariant.kind == "matrix":
        trained, predicted = (a.diagonal(dim1=-2, dim2=-1) for a in (trained, predicted))
    trained, predicted = (a.reshape(len(examination.instances), -1) for a in (trained, predicted))
    return _Samples(trained.flatten(), predicted.flatten(), _factors(claim, examination, trained.shape[1]))


def _factors(claim: Claim, examination: Examination, entries: int) -> dict[sp.Basic, Tensor]:
    """The value of each candidate factor at each entry: sizes, parameters, and of a list what belongs to the entry's index."""
    found: dict[sp.Basic, list[float]] = {}
    for instance in examination.instances:
        for factor, of_entries in _of_instance(instance.bindings, entries):
            found.setdefault(factor, []).extend(of_entries)
    return {factor: torch.tensor(values, dtype=torch.float64) for factor, values in found.items()}


def _of_instance(bindings: Mapping[sp.Basic, Any], entries: int) -> Iterator[tuple[sp.Basic, list[float]]]:
    yield sp.Integer(2), [2.0] * entries
    for symbol, value in bindings.items():
        if isinstance(value, int | float | sp.Expr) and isinstance(symbol, sp.Symbol):
            yield symbol, [float(value)] * entries
            if symbol in (K, D, N, M) and value > 1:
                yield symbol - 1, [value - 1.0] * entries
        elif isinstance(symbol, sp.IndexedBase) and value and len(value) and entries % len(value) == 0:
            yield sp.Symbol(f"{symbol}_k"), [float(x) for x in value] * (entries // len(value))


def recognised(trained: Tensor, predicted: Tensor, factors: Mapping[sp.Basic, Tensor]) -> sp.Expr | None:
    """Return the simplest product of one or two powers of factors by which all predictions are off, or None.

    Entries that either side takes for zero say nothing and are left out.
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
    powers = [
        (factor**e, float(e) * log) for e in EXPONENTS for factor, log in logs.items() if bool((log.abs() > FITS).any())
    ]
    for expression, log in powers:
        if bool(((log - wanted).abs() <= FITS).all()):
            return sign * expression
    for (one, log_one), (other, log_other) in itertools.combinations(powers, 2):
        if bool(((log_one + log_other - wanted).abs() <= FITS).all()):
            return sign * one * other
    return None
