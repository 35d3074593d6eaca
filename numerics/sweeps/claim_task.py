"""A claim at the cells of a sweep: predicted, trained and certified there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np

from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import Evaluator
from numerics.bounds.enclosures import predicted_value
from numerics.judging.comparison import Comparison, compare
from numerics.judging.crossing import crossings_of
from numerics.judging.validation import require_well_posed
from numerics.searching.best_structure import best_structures
from numerics.sweeps.grid import as_text, cells
from numerics.sweeps.samples import sample
from numerics.sweeps.specification import COMPUTED, SAMPLE, Specification
from numerics.sweeps.task import Column, Position, empty
from numerics.training.certified import train
from theory.claim import Claim, Verdict, add_files, find
from theory.cli.arguments import parse_assignments
from theory.errors import ParameterError
from theory.problem import Instance

VERDICTS = ("none", *map(str, Verdict))
"""The names of the codes of a verdict. Where a check failed there is none."""
DIRECTION, THRESHOLD, GROUP = "direction", "threshold", "group"


@dataclass(frozen=True)
class ClaimTask:
    """A claim at the parameters of a specification.

    Arguments:
        specification: the claim, its parameters, and what is computed.
        directions: most classes or directions of a cell.
        files: files with claims, which every process that computes has to find.
    """

    specification: Specification
    directions: int = 1
    files: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave out what is cached, since claims cannot be sent to other processes."""
        return ClaimTask, (self.specification, self.directions, self.files)

    @cached_property
    def claim(self) -> Claim:
        if self.files:
            add_files(self.files)
        return find(self.specification.name)

    @cached_property
    def computed(self) -> tuple[str, ...]:
        """What is computed: all that the specification asks for, or all that the claim has."""
        wanted, refuted = self.specification.compute, self.claim.refutation is not None
        if refuted and wanted not in ((), ("certify",)):
            raise ParameterError(
                f"compute: {','.join(wanted)!r} is not allowed; compute is certify for {self.claim.id}, which is refuted"
            )
        return ("certify",) if refuted else wanted or COMPUTED

    @property
    def axes(self) -> dict[str, Sequence[Any]]:
        if self.specification.samples is not None:
            return {SAMPLE: range(self.specification.samples)}
        return {axis.name: axis.labels for axis in self.specification.axes}

    @property
    def labels(self) -> dict[str, list[Any]]:
        if self.specification.samples is None:
            return {}
        drawn = [self._sample(number) for number in range(self.specification.samples)]
        names = [parameter.name for parameter in self.claim.problem.parameters if parameter.name not in self._fixed]
        return {name: _labels([values[name] for values in drawn]) for name in names}

    @property
    def further(self) -> dict[str, Sequence[Any]]:
        axes: dict[str, Sequence[Any]] = {}
        if self.claim.prediction.thresholds:
            axes[THRESHOLD] = [threshold.of for threshold in self.claim.prediction.thresholds]
            axes[DIRECTION] = range(1, self.directions + 1)
        if self.claim.refutation is not None:
            axes[GROUP] = range(1, self.directions // 2 + 1)
        return axes

    @property
    def columns(self) -> dict[str, Column]:
        if self.claim.refutation is not None:
            return {
                "verdict": Column("the verdict", words=VERDICTS),
                "value": Column("a double not below the loss at the best point found"),
                "lower": Column("a double not above the loss at any point of the published structure"),
                "certificate_gap": Column("a double not below (value − lower) / |value|; a negative one refutes"),
                "rank": Column("the rank of the mean logits of the best point found", counts=True),
                "groups": Column(
                    "sizes of the groups of classes that form a simplex each; 0 where there is none",
                    (GROUP,),
                    counts=True,
                ),
            }
        has_value, has_threshold = self.claim.prediction.value is not None, bool(self.claim.prediction.thresholds)
        columns: dict[str, Column] = {}
        if "predict" in self.computed:
            if has_value:
                columns["predicted"] = Column("the predicted minimum of the loss")
            if has_threshold:
                columns["ratio"] = Column("the ratio of each direction to its threshold", (THRESHOLD, DIRECTION))
                columns["alive_predicted"] = Column(
                    "the number of directions predicted to be alive", (THRESHOLD,), counts=True
                )
        if "train" in self.computed:
            columns["value"] = Column("the lowest trained loss")
            if has_value:
                columns["gap"] = Column("(value − predicted) / max(|value|, |predicted|)")
            columns["deviation"] = Column("the largest relative deviation of an invariant from its prediction")
            if has_threshold:
                columns["alive"] = Column(
                    "the number of directions alive at the trained point", (THRESHOLD,), counts=True
                )
        if "certify" in self.computed:
            columns["verdict"] = Column("the verdict", words=VERDICTS)
            columns["lower"] = Column("a double not above the minimum of the loss, proved")
            columns["certificate_gap"] = Column(
                "a double not below the relative gap between the trained loss and the lower bound"
            )
        if self.computed != ("predict",):
            columns["failures"] = Column("the number of checks that failed", counts=True)
        return columns

    @cached_property
    def _fixed(self) -> dict[str, Any]:
        """The fixed parameters as texts, with those of a data source."""
        words = [f"{name}={as_text(value)}" for name, value in self.specification.fixed.items()]
        return parse_assignments(words, self.claim.problem)

    def _sample(self, number: int) -> dict[str, Any]:
        problem = self.claim.problem
        given = {name: problem.parameter(name).domain.canonical(name, value) for name, value in self._fixed.items()}
        return sample(problem, given, self.specification.seed, number)

    def instance(self, position: Position) -> Instance:
        """Return the instance of a cell. Raises ParameterError, which names the parameter, for one outside the domain."""
        if self.specification.samples is not None:
            return self.claim.problem.instance(**self._sample(position[0]))
        axes = zip(self.specification.axes, position, strict=True)
        given = self._fixed | {axis.name: as_text(axis.values[i]) for axis, i in axes}
        given |= {name: given[other] for name, other in self.specification.same.items()}
        return self.claim.problem.instance(**given)

    def checked(self) -> ClaimTask:
        """Return the task after every cell was validated, with its number of directions.

        Raises ParameterError for a parameter outside its domain, and where the loss cannot be evaluated.
        """
        _ = self.computed
        shape = [slice(0, len(labels)) for labels in self.axes.values()]
        every = cells(shape)
        problem, directions = self.claim.problem, 1
        for position in every:
            instance = self.instance(position)
            directions = max(directions, len(instance.bindings[problem.tied]))
        for position in (every[0], every[-1]):  # the largest sizes are at one end
            require_well_posed(self.claim, self.instance(position))
        return ClaimTask(self.specification, directions, self.files)

    def compute(self, positions: Sequence[Position]) -> dict[str, np.ndarray]:
        """Return the columns at these cells; cells of equal sizes are trained together.

        The random starts of such a batch depend on its first cell and the seed of the sweep.
        """
        found = empty(self, len(positions))
        instances = [self.instance(position) for position in positions]
        for rows in _equal_sizes(instances):
            batch = [instances[i] for i in rows]
            seed = _seed(self.specification.seed, positions[rows[0]])
            into = _Rows(found, rows)
            if self.claim.refutation is not None:
                self._compare_structures(batch, seed, into)
            else:
                self._compute(batch, seed, into)
        return found

    def _compare_structures(self, batch: Sequence[Instance], seed: int, into: _Rows) -> None:
        for number, best in enumerate(best_structures(self.claim, batch, self.specification.starts, seed)):
            into.put("verdict", number, VERDICTS.index(str(best.verdict)))
            into.put("value", number, best.found.upper)
            into.put("lower", number, best.found.lower)
            into.put("certificate_gap", number, best.found.gap)
            into.put("rank", number, best.rank)
            into.put("groups", number, [*best.groups, *[0] * (self.directions // 2 - len(best.groups))])

    def _compute(self, batch: Sequence[Instance], seed: int, into: _Rows) -> None:
        if "predict" in self.computed:
            self._predict(batch, into)
        if self.computed == ("predict",):
            return
        training = train(self.claim, batch, self.specification.starts, seed, self.specification.device)
        comparisons = compare(self.claim, training.solution)
        for number, (instance, comparison) in enumerate(zip(batch, comparisons, strict=True)):
            failures = list(comparison.failures)
            if "train" in self.computed:
                self._record_training(number, comparison, into)
            if "certify" in self.computed:
                certificate = training.certificates[number]
                if certificate is None:
                    raise ParameterError(
                        f"compute: 'certify' is not allowed for {self.claim.id}, which has no lower bound here"
                    )
                failures += certificate.failures(predicted_value(self.claim, instance), comparison.near_threshold)
                into.put("lower", number, certificate.lower)
                into.put("certificate_gap", number, certificate.gap)
                into.put("verdict", number, 0 if failures else VERDICTS.index(str(self.claim.verdict)))
            into.put("failures", number, len(failures))

    def _predict(self, batch: Sequence[Instance], into: _Rows) -> None:
        evaluator, value = Evaluator(stack_bindings(batch)), self.claim.prediction.value
        if value is not None:
            for number, predicted in enumerate(evaluator.evaluate(value).tolist()):
                into.put("predicted", number, predicted)
        for place, crossing in enumerate(crossings_of(self.claim, evaluator)):
            ratios, alive = crossing.ratio.tolist(), (~crossing.collapsed).sum(1).tolist()
            for number, instance in enumerate(batch):
                row = ratios[number] if self.claim.problem.spectral else instance.in_user_order(ratios[number])
                into.put("ratio", number, [*row, *[math.nan] * (self.directions - len(row))], place)
                into.put("alive_predicted", number, alive[number], place)

    def _record_training(self, number: int, comparison: Comparison, into: _Rows) -> None:
        into.put("value", number, comparison.value)
        if self.claim.prediction.value is not None:
            into.put("gap", number, comparison.gap)
        into.put("deviation", number, max(comparison.deviations.values(), default=math.nan))
        for place, zero in enumerate(comparison.zero.values()):
            into.put("alive", number, sum(not each for each in zero), place)


class _Rows:
    """The rows of the columns that belong to one batch."""

    def __init__(self, columns: Mapping[str, np.ndarray], rows: Sequence[int]) -> None:
        self.columns, self.rows = columns, rows

    def put(self, name: str, number: int, value: Any, *place: int) -> None:
        """Store a value of the ``number``-th member of the batch."""
        self.columns[name][(self.rows[number], *place)] = value


def _equal_sizes(instances: Sequence[Instance]) -> Iterator[list[int]]:
    """Yield the positions of instances that can be trained together, in their order."""
    groups: dict[Any, list[int]] = {}
    for i, instance in enumerate(instances):
        groups.setdefault(_sizes(instance), []).append(i)
    yield from groups.values()


def _sizes(instance: Instance) -> tuple[Any, ...]:
    """Return the integers and truth values of an instance and the lengths of its lists."""
    whole = [(name, value) for name, value in instance.values.items() if isinstance(value, bool)]
    return (*whole, *((str(symbol), _size(value)) for symbol, value in instance.bindings.items()))


def _size(value: Any) -> Any:
    if isinstance(value, Sequence):
        return tuple(map(_size, value))
    return value if isinstance(value, int) else None


def _seed(seed: int, position: Position) -> int:
    """Return the seed of the random starts of a batch."""
    return int.from_bytes(blake2b(f"{seed} {position}".encode(), digest_size=6).digest())


def _labels(values: Sequence[Any]) -> list[Any]:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return list(values) if numbers else [as_text(value) for value in values]
