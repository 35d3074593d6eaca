"""Validation of a claim before training: one line says what cannot be evaluated."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import sympy as sp
import torch
from torch import Tensor

from numerics.backends.bindings import setting, stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.backends.points import random_point
from numerics.backends.tensors import TorchArrays
from numerics.training.optimise import require_memory
from theory.claim import Claim
from theory.errors import ParameterError
from theory.expressions import Formula
from theory.namespace import ArrayNamespace
from theory.point import Point
from theory.problem import KINDS, Instance
from theory.proof import Separable
from theory.sources import located
from theory.symbols import BETWEEN

SAME = 1e-12
"""Relative distance at which numbers count as the same up to rounding."""
FARTHEST_UNIT = 1e6
"""Largest ratio of the unit of an invariant to its size at a random point, which is a point of natural size."""


def require_well_posed(claim: Claim, instance: Instance) -> None:
    """Evaluate the loss, the invariants and the statistics of a claim at random points, and the formulas of the claim.

    Raises ParameterError with one line that says what cannot be evaluated: shapes that do not fit, matrices that are
    singular, names that are not declared, symbols that ``bind`` does not give, a loss that is no number or not finite.
    """
    problem, instances = claim.problem, [instance, instance]
    if sum(i.shows_collapse for i in problem.invariants) != 1 and claim.prediction.thresholds:
        raise ParameterError(f"{claim.id}: invariants: exactly one of them has to say shows_collapse=True")
    problem.require_sizes(instance)
    require_memory(problem, instances, 1, torch.device("cpu"))
    bindings = stack_bindings(instances)
    xp = cast(ArrayNamespace, _Operations(TorchArrays(bindings)))  # which answers for every operation
    try:
        data = problem.given(xp)
    except ParameterError as error:
        raise ParameterError(f"{claim.id}: {error}") from None
    point = random_point(claim, instances, 1.0, torch.Generator().manual_seed(0))
    given = (xp, _Named("v", point, "variables"), _Named("data", data, "given arrays"), _Bound(bindings))
    value = _evaluated(f"{claim.id}: loss", problem.loss, given, point)
    if not isinstance(value, Tensor) or value.shape != (2,):
        shape = tuple(value.shape[1:]) if isinstance(value, Tensor) else type(value).__name__
        raise ParameterError(f"{claim.id}: loss: gives {shape} at a point, and has to give one number")
    if not bool(value.isfinite().all()):
        raise ParameterError(f"{claim.id}: loss: is {float(value[0])} at a random point, and has to be finite")
    _require_ends(claim, instance)
    _require_ties(claim, instance)
    for invariant in problem.invariants:
        measured = _evaluated(f"{claim.id}: invariant {invariant.name}", invariant.measure, given, point)
        if invariant.kind not in KINDS:
            raise ParameterError(
                f"{claim.id}: invariant {invariant.name}: kind {invariant.kind!r} is not one of {', '.join(KINDS)}"
            )
        shape = tuple(measured.shape[1:])
        if len(shape) < KINDS[invariant.kind] or (invariant.kind == "matrix" and shape[-1] != shape[-2]):
            raise ParameterError(
                f"{claim.id}: invariant {invariant.name}: has shape {shape}, and is no {invariant.kind}"
            )
    _require_one_count(claim, instance)
    found = {}
    for statistic in claim.proof.statistics:
        name = f"{claim.id}: statistic {statistic.symbol}"
        measured = _evaluated(name, statistic.measure, given, point)
        if measured.shape == value.shape and bool(((measured - value).abs() <= SAME * value.abs()).all()):
            raise ParameterError(f"{name}: is the loss itself, and a chain from the loss to itself says nothing")
        found[statistic.symbol] = measured
    _require_bound(claim, bindings)
    if claim.proof.separable is not None:
        _require_range(claim, claim.proof.separable, {**bindings, **found})


def _require_ends(claim: Claim, instance: Instance) -> None:
    """Raise ParameterError for a parameter that may take values which the assumptions on its symbol exclude."""
    for parameter in claim.problem.parameters:
        domain = parameter.domain
        for end in domain.extremes():
            for symbol, value in claim.problem.bind({**instance.values, parameter.name: end}).items():
                low, high = BETWEEN.get(symbol, (0 if getattr(symbol, "is_positive", False) else -math.inf, math.inf))
                if isinstance(value, float) and not low < value < high:
                    raise ParameterError(
                        f"{claim.id}: {parameter.name}: may be {end:g} ({domain.says}), and {symbol} is assumed to lie strictly "
                        f"between {low} and {high}"
                    )


def _require_ties(claim: Claim, instance: Instance) -> None:
    """Raise ParameterError where ``tied`` has equal entries for directions whose entries in the sorted list differ."""
    problem = claim.problem
    if problem.tied not in instance.bindings:
        known = ", ".join(map(str, instance.bindings))
        raise ParameterError(f"{claim.id}: tied: {problem.tied} is not bound; bind gives {known}")
    tied, listed = instance.bindings[problem.tied], instance.values[problem.sorted_parameter]
    if problem.spectral or len(tied) != len(listed):
        return
    for i, j in itertools.combinations(range(len(tied)), 2):
        if tied[i] == tied[j] and listed[i] != listed[j]:
            raise ParameterError(
                f"{claim.id}: {problem.tied}, which is tied, is the same for directions {i + 1} and {j + 1}, and "
                f"{problem.sorted_parameter} is not: what tells them apart would not be compared"
            )


def require_sight(claim: Claim, instance: Instance) -> None:
    """Raise ParameterError for an invariant that is the same at two random points, or negligible in its own unit.

    The instance has to let every invariant vary: with one sample for each class nothing is scattered.
    """
    instances = [instance, instance]
    bindings = stack_bindings(instances)
    xp, data = setting(claim.problem, bindings)
    point = random_point(claim, instances, 1.0, torch.Generator().manual_seed(0))
    for invariant in claim.problem.invariants:
        name, measured = f"{claim.id}: invariant {invariant.name}", invariant.measure(xp, point, data, bindings)
        if bool((measured[0] == measured[1]).all()):
            raise ParameterError(f"{name}: is the same at two random points, so that it tells nothing")
        formula = claim.prediction.invariants.get(invariant.name)
        if formula is None:
            continue
        unit = evaluate(Formula(invariant.unit, formula.axes[: len(formula.axes) - KINDS[invariant.kind]]), bindings)
        size, unit = (float(batch.reshape(2, -1).norm(dim=1).min()) for batch in (measured, unit))
        if not size * FARTHEST_UNIT >= unit:
            raise ParameterError(f"{name}: is {size:.1e} at a random point, negligible in its unit, {unit:.1e}")


def _require_range(claim: Claim, separable: Separable, known: dict[sp.Basic, Any]) -> None:
    """Raise ParameterError where the variable of the separable bound, read at a random point, lies before the first piece."""
    before = separable.reading - separable.pieces[0].lower
    least = evaluate(Formula(before, ((separable.index, separable.count),)), known).min()
    if not bool(least >= -SAME):
        raise ParameterError(
            f"{claim.id}: separable bound: {separable.variable} is {float(-least):.3g} below the lower end of its first piece "
            "at a random point"
        )


def _require_one_count(claim: Claim, instance: Instance) -> None:
    """Raise ParameterError unless thresholds, separable bound and ``tied`` have the same directions.

    Index k means the same direction in all three.
    """
    sizes = {s: v for s, v in instance.bindings.items() if isinstance(s, sp.Symbol) and isinstance(v, int)}
    tied = len(instance.bindings[claim.problem.tied])
    counts = {f"threshold {t.telling or 'of the claim'}": t.count for t in claim.prediction.thresholds}
    if claim.proof.separable is not None:
        counts["separable bound"] = claim.proof.separable.count
    for name, count in counts.items():
        number = int(sp.sympify(count).subs(sizes))
        if number > tied or (name.startswith("threshold") and number < tied):
            raise ParameterError(
                f"{claim.id}: {name}: has {number} directions where {claim.problem.tied}, which is tied, has {tied}; direction k "
                "has to be the same one in thresholds, in the separable bound and on the diagonal of the matrix that shows_collapse"
            )


def _require_bound(claim: Claim, bindings: dict[sp.Basic, Any]) -> None:
    """Raise ParameterError for a formula of the claim with a symbol that has no value."""
    prediction, measured = claim.prediction, {s.symbol for s in claim.proof.statistics}
    formulas = {f"invariant {name}": formula for name, formula in prediction.invariants.items()}
    if prediction.value is not None:
        formulas["value"] = prediction.value
    bounds = {f"bound {bound.name}": Formula(bound.expression) for bound in claim.proof.bounds}
    for name, formula in (formulas | bounds).items():
        known = {*bindings, *(measured if name in bounds else ()), *(index for index, _ in formula.axes)}
        missing = _free(formula.expression) - known
        if missing:
            raise ParameterError(
                f"{claim.id}: {name}: {', '.join(sorted(map(str, missing)))} has no value; it is no parameter that bind "
                "gives and no statistic"
            )
    for name, formula in formulas.items():
        try:
            evaluate(formula, bindings)
        except (ArithmeticError, IndexError, RuntimeError, TypeError, ValueError) as error:
            raise ParameterError(f"{claim.id}: {name}: cannot be evaluated: {' '.join(str(error).split())}") from error


def _free(expression: sp.Basic) -> set[sp.Basic]:
    """Return the symbols and lists whose values an expression needs."""
    lists: set[sp.Basic] = {entry.base for entry in expression.atoms(sp.Indexed)}
    labels = {base.label for base in lists if isinstance(base, sp.IndexedBase)}
    return lists | {s for s in expression.free_symbols if isinstance(s, sp.Symbol) and s not in labels}


def _evaluated(what: str, function: Callable[..., Any], given: Sequence[Any], point: Point) -> Any:
    try:
        return function(*given)
    except ParameterError as error:
        raise ParameterError(f"{what}: {error}") from None
    except torch.linalg.LinAlgError as error:  # pyright: ignore[reportPrivateImportUsage] (documented, although the import marks it as private)
        raise ParameterError(
            f"{what}: a matrix is singular at a random point: {' '.join(str(error).split())}"
        ) from error
    except RuntimeError as error:
        shapes = ", ".join(f"{name} is {a.shape[-2]}×{a.shape[-1]}" for name, a in point.items())
        raise ParameterError(f"{what}: shapes do not fit ({shapes}): {' '.join(str(error).split())}") from error
    except (Exception, SystemExit) as error:
        raise ParameterError(f"{what}: {located(error, function.__code__.co_filename)}") from error


class _Named(Point):
    """A point that lists its arrays when it is asked for an array that it lacks."""

    __slots__ = ("_kind", "_name")

    def __init__(self, name: str, held: Point, kind: str) -> None:
        super().__init__(held)
        self._name, self._kind = name, kind

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(f"{self._name}.{name} is not declared; the {self._kind} are {', '.join(self) or 'none'}")


class _Operations:
    """The array namespace, which lists its operations when it is asked for an operation that it lacks."""

    def __init__(self, xp: Any) -> None:
        self._xp = xp

    def solve(self, a: Tensor, b: Tensor) -> Tensor:
        """Solve linear equations, as the namespace does, or raise for a singular matrix, which the namespace does not."""
        torch.linalg.solve(a, a)
        return self._xp.solve(a, b)

    def __getattr__(self, name: str) -> Any:
        xp = self.__dict__["_xp"]
        if hasattr(xp, name):
            return getattr(xp, name)
        known = ", ".join(n for n in dir(xp) if not n.startswith("_") and callable(getattr(xp, n)))
        raise AttributeError(f"xp.{name} is not an operation; there are {known}")


class _Bound(dict):
    """The parameters, which list their symbols when they are asked for a symbol that they lack."""

    def __missing__(self, symbol: sp.Basic) -> Any:
        raise ParameterError(f"p[{symbol}] is not bound; bind gives {', '.join(map(str, self))}")
