"""What is wrong with a claim that fails: the first link, trained against predicted, a wrong threshold, and by what factor.

The answer is for the author of a claim and starts from what failed in the checks; nothing is judged here that they have not
judged already, and what they said is said again where the closer look finds no reason for it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy as sp
import torch
from torch import Tensor

from numerics.bounds.enclosures import predicted_value
from numerics.judging.comparison import (
    VALUE,
    Chain,
    Comparison,
    Crossing,
    Measured,
    crossings_of,
    expected_of,
    measure_starts,
    norms,
    relative_gap,
    unit_of,
)
from numerics.tolerances import INVARIANT, LINK, NEAR_SIZE, NEGLIGIBLE_SIZE, ROUNDED, THRESHOLD_BAND, TIGHT, VALUE_GAP
from numerics.training.optimise import Ending, Solution
from proofs_check.harness.corrections import Correction, Trial, corrections, factors_of, recognised
from proofs_check.harness.examine import NO_CERTIFICATE, Judgement, examine, judge, size_of
from proofs_check.harness.strategies import REGIMES, batches, drawn
from theory.claim import Claim, Derivation
from theory.cli.arguments import written_parameters
from theory.errors import CheckFailed
from theory.expressions import Formula
from theory.problem import KINDS, Instance, Invariant
from theory.proof import Threshold

BATCHES, BATCH_SIZE = 3, 4
"""Further batches, and instances of each for every threshold."""
SHOWN = 6
"""Entries of an invariant that are shown side by side."""
CONFIRMING = 2
"""Batches that a corrected threshold has to be right in; drawn for it, they lie on either side of where it then is."""
CONFIRMED = 2
"""Corrections of a threshold that are trained on either side of it, at most: many factors leave the same directions alive."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: ``about`` what, in one line, where it shows, and lines of detail.

    ``about`` is the same whenever the same is found again.
    """

    about: str
    headline: str
    instance: Instance | None = None
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """What a check of its own said, and the batch it failed at, trained and judged."""

    check: str
    says: str
    judgement: Judgement


def diagnose(claim: Claim, seed: int = 0) -> str:
    """Train a few small batches and return what they show as lines of text; a step that fails is an answer already."""
    return CloserLook(claim, seed).at()


class CloserLook:
    """Looks at what failed of one claim, as often as something fails, and says nothing twice."""

    def __init__(self, claim: Claim, seed: int = 0) -> None:
        self.claim, self.seed = claim, seed
        self.said: dict[str, None] = {}

    @cached_property
    def further(self) -> list[Judgement]:
        """Small batches in which what failed elsewhere may show as well."""
        wide = batches(self.claim, dataclasses.replace(REGIMES[-1], directions=3), BATCH_SIZE)
        return [_judged(self.claim, batch, self.seed) for batch in drawn(wide, BATCHES, self.seed)]

    def at(self, judgements: Iterable[Judgement] = (), failures: Iterable[tuple[str, str, Instance]] = ()) -> str:
        """Return what a closer look shows, as lines of text.

        ``judgements``: batches that the checks have trained. ``failures``: further checks that failed, each with its name, what
        it said and the instance it failed at.
        """
        try:
            self.claim.proof.check()
        except CheckFailed as error:
            return self._new([Finding("derivation", str(error))])
        others = [Failure(check, says, _judged(self.claim, [at], self.seed)) for check, says, at in failures]
        batches_ = [*judgements, *(failure.judgement for failure in others)]
        found = findings(self.claim, batches_, lambda: self.further, others, self.seed)
        failed = [failure for judgement in batches_ for failure in judgement.all_failures()]
        if failed and not found:
            return f"no reason was found for what a check says: {failed[0]}"
        if not found:
            count = sum(len(judgement.comparisons) for judgement in (*batches_, *self.further))
            return f"a closer look at {count} instances shows nothing wrong in chain, value, invariants and thresholds"
        return self._new(found)

    def _new(self, found: Sequence[Finding]) -> str:
        new = [finding for finding in found if finding.about not in self.said]
        self.said |= dict.fromkeys(finding.about for finding in new)
        if not new:
            return (
                f"as said above: {', '.join(finding.about for finding in found if finding.instance or len(found) == 1)}"
            )
        return "\n".join(_lines(self.claim, new))


def _judged(claim: Claim, batch: Sequence[Instance], seed: int) -> Judgement:
    return judge(claim, examine(claim, batch, "cpu", seed))


def _lines(claim: Claim, found: Sequence[Finding]) -> Iterator[str]:
    """Write findings down; an instance that several of them show at is named once."""
    last = None
    for finding in found:
        yield finding.headline
        if finding.instance is not None and finding.instance is not last:
            yield f"    at {written_parameters(claim, finding.instance)}"
            last = finding.instance
        yield from (f"    {line}" for line in finding.details)


@dataclass(frozen=True)
class Trained:
    """A judged batch with the invariants of its starts and its thresholds."""

    claim: Claim
    judgement: Judgement
    measured: Measured
    crossings: tuple[Crossing, ...]

    @property
    def instances(self) -> tuple[Instance, ...]:
        return self.judgement.examination.instances

    @property
    def comparisons(self) -> list[Comparison]:
        return self.judgement.comparisons

    @property
    def entries(self) -> int:
        """Classes or directions."""
        return len(self.instances[0].bindings[self.claim.problem.tied])

    @property
    def size(self) -> int:
        return size_of(self.judgement)

    @cached_property
    def contradicted(self) -> tuple[Tensor, ...]:
        """The directions [I, K] that contradict each threshold."""
        return tuple(crossing.contradicted(self.measured.best) for crossing in self.crossings)

    @cached_property
    def away(self) -> list[bool]:
        """Which instances lie near no threshold: training fixes their structure."""
        near = torch.zeros(len(self.instances), dtype=torch.bool)
        for crossing in self.crossings:
            near |= crossing.near.any(1)
        return (~near).tolist()

    @cached_property
    def lives(self) -> list[bool]:
        """Which instances have a direction that training left alive; all where nothing is said of collapse."""
        if not self.crossings:
            return [True] * len(self.instances)
        return (~self.crossings[0].dead(self.measured.best)).any(1).tolist()

    def part(self, kept: Sequence[bool]) -> list[int]:
        return [member for member, keep in enumerate(kept) if keep]


def _trained(claim: Claim, judgement: Judgement) -> Trained:
    solution = _on_cpu(judgement.examination.solution)
    judgement = dataclasses.replace(
        judgement, examination=dataclasses.replace(judgement.examination, solution=solution)
    )
    measured = measure_starts(claim, solution)
    return Trained(claim, judgement, measured, tuple(crossings_of(claim, measured.evaluator)))


def _on_cpu(solution: Solution) -> Solution:
    """Return a solution where the formulas of the closer look are evaluated, wherever it was trained."""
    kept = {name: v.cpu() for name, v in vars(solution).items() if isinstance(v, Tensor)}
    return dataclasses.replace(solution, **kept, points={name: a.cpu() for name, a in solution.points.items()})


def findings(
    claim: Claim,
    judgements: Sequence[Judgement],
    further: Callable[[], Sequence[Judgement]],
    failures: Sequence[Failure] = (),
    seed: int = 0,
) -> list[Finding]:
    """Return all that is found wrong, what explains it last; empty only where nothing has failed.

    ``further`` trains more batches; it is called where training and prediction differ, or no batch is given.
    """
    known = [_trained(claim, judgement) for judgement in judgements]
    if not known or any(c.differing for t in known for c in t.comparisons) or any(_contradicted(t) for t in known):
        known += [_trained(claim, judgement) for judgement in further()]
    known.sort(key=lambda trained: trained.size)
    quantities = quantities_of(claim)
    different = list(_different(known, quantities))
    value_differs = any(quantity.name == VALUE for quantity, _ in different)
    found = [*_links(claim, known), *_loose(claim, known, value_differs)]
    explained = {quantity.name: explain(quantity, known) for quantity, _ in different}
    found += [_side_by_side(quantity, *case, explained[quantity.name]) for quantity, case in different]
    if different:
        found[-1] = _with_agreeing(found[-1], different[-1][1], quantities)
    thresholds = list(_thresholds(claim, known))
    found += [finding for _, finding in thresholds]
    mended = {name: explanation for name, explanation in explained.items() if explanation.corrections}
    found += _mended(claim, mended, thresholds, known, seed)
    if not all(explanation.found and explanation.everywhere for explanation in explained.values()):
        found += _where_alone(claim, known)
    found += _unexplained(claim, known, found)
    found += [_said_again(failure) for failure in failures if not failure.judgement.all_failures()]
    return found


def _different(known: Sequence[Trained], quantities: Sequence[Quantity]) -> Iterator[tuple[Quantity, Case]]:
    """Yield the quantities that differ somewhere and where: at the smallest failing case where possible, all at the same."""
    cases = [(t, member) for t in known for member in range(len(t.instances)) if t.comparisons[member].differing]
    shared = min(cases, key=lambda case: (*_order(case), -len(case[0].comparisons[case[1]].differing)), default=None)
    for quantity in quantities:
        differs = _differing_in(quantity.name)
        own = shared if shared is not None and differs(*shared) else _smallest(known, differs)
        if own is not None:
            yield quantity, own


Case = tuple[Trained, int]
"""A batch, and the member of it that is meant."""


def _contradicted(trained: Trained) -> bool:
    return any(bool(where.any()) for where in trained.contradicted)


def _smallest(known: Sequence[Trained], fails: Callable[[Trained, int], bool]) -> Case | None:
    """Return the first failing case of the smallest batch that has one, away from thresholds where there is such a case."""
    cases = [(t, member) for t in known for member in range(len(t.instances)) if fails(t, member)]
    return min(cases, key=_order, default=None)


def _order(case: Case) -> tuple[bool, int]:
    """Put instances away from thresholds first, then small ones."""
    trained, member = case
    return not trained.away[member], trained.size


def _differing_in(name: str) -> Callable[[Trained, int], bool]:
    return lambda trained, member: name in trained.comparisons[member].differing


def _links(claim: Claim, known: Sequence[Trained]) -> Iterator[Finding]:
    """Say which link of the chain is the first to fail, and where in the smallest batch that shows it."""
    for trained in known:
        chain = Chain(claim, trained.instances)
        broken = []
        for point in trained.judgement.examination.points:
            run = chain.run(point)
            margins = run.margins().nan_to_num(-1.0)
            for link, member in (margins < -LINK).nonzero().tolist():
                above, below = (float(run.values[row, member]) for row in (link + 1, link))
                broken.append((link, float(margins[link, member]), member, above, below))
        if broken:
            link, _, member, above, below = min(broken)
            upper, lower = run.names[link + 1], run.names[link]
            headline = f"first failing link of the chain: {upper!r} is {above:.9g}, above {lower!r}, {below:.9g}"
            yield Finding(f"link to {upper!r}", headline, trained.instances[member])
            return


def _loose(claim: Claim, known: Sequence[Trained], value_differs: bool) -> Iterator[Finding]:
    """Say which bound is the first that the trained optimum does not reach; not of the last one where the value differs."""
    for trained in known:
        run = Chain(claim, trained.instances).run(trained.judgement.examination.points[-1])
        apart = (run.values[0] - run.values[1:]) / run.values[0].abs()
        near = torch.tensor([c.near_threshold for c in trained.comparisons])
        bad = ~(apart.abs() <= TIGHT) & ~near
        rows = bad.any(1).nonzero()[:, 0].tolist()
        if rows and not (value_differs and rows[0] == len(bad) - 1):
            link = rows[0]
            member = int(bad[link].nonzero()[0])
            side = "above" if float(apart[link, member]) < 0 else "below"
            headline = (
                f"first bound that is not tight: {run.names[link + 1]!r} lies {side} the loss at the trained optimum"
            )
            details = (f"loss {float(run.values[0, member]):.9g}, bound {float(run.values[link + 1, member]):.9g}",)
            yield Finding(f"tightness of {run.names[link + 1]!r}", headline, trained.instances[member], details)
            return


@dataclass(frozen=True)
class Run:
    """A trained and the predicted array of one instance, layers first, and whose they are: the best start's unless said."""

    trained: Tensor
    predicted: Tensor
    of: str = ""


@dataclass(frozen=True)
class Quantity:
    """The minimum of the loss, or an invariant: what is predicted of it, and what training found."""

    claim: Claim
    name: str
    formula: Formula
    axes: int
    allowed: float

    @cached_property
    def invariant(self) -> Invariant:
        return next(i for i in self.claim.problem.invariants if i.name == self.name)

    def best(self, trained: Trained) -> Tensor:
        """What the best starts have: [I, …]."""
        if self.name == VALUE:
            return trained.judgement.examination.solution.best_value()
        return trained.measured.best[self.name]

    def predicted(self, trained: Trained) -> Tensor:
        return trained.measured.evaluator.evaluate(self.formula)

    def deviation(self, expected: Tensor, found: Tensor, trained: Trained) -> Tensor:
        """The relative deviation [*, I] from what is expected, [*, I, …], the largest over layers."""
        if self.name == VALUE:
            return (found - expected).abs() / torch.maximum(found.abs(), expected.abs())
        unit = unit_of(self.claim, self.invariant, trained.measured.evaluator)
        size = norms(expected, self.axes)
        relative = norms(found - expected, self.axes) / torch.where(size > NEGLIGIBLE_SIZE * unit, size, unit)
        return relative if unit.ndim == 1 else relative.max(-1).values

    def run(self, trained: Trained, member: int) -> Run:
        """Return the best start, or another that reached the same value where only that one deviates."""
        if self.name == VALUE:
            return Run(self.best(trained)[member], self.predicted(trained)[member])
        measured, candidates = trained.measured, []
        reached = [s for s, r in zip(measured.starts, measured.reached, strict=True) if bool(r[member])]
        for number, start in enumerate((measured.best, *reached)):
            expected = expected_of(self.claim, self.name, start, measured, trained.crossings)
            deviation = float(self.deviation(expected, start[self.name], trained)[member])
            of = "another start that reached the same value" if number else ""
            candidates.append((deviation, Run(start[self.name][member], expected[member], of)))
        allowed = NEAR_SIZE if trained.comparisons[member].near_threshold else self.allowed
        if not candidates[0][0] <= allowed:
            return candidates[0][1]
        return max(candidates, key=lambda candidate: candidate[0])[1]


def quantities_of(claim: Claim) -> list[Quantity]:
    """Return everything that is predicted of a minimum."""
    prediction = claim.prediction
    value = [] if prediction.value is None else [Quantity(claim, VALUE, prediction.value, 0, VALUE_GAP)]
    return value + [
        Quantity(claim, i.name, prediction.invariants[i.name], KINDS[i.kind], INVARIANT)
        for i in claim.problem.invariants
        if i.name in prediction.invariants
    ]


@dataclass(frozen=True)
class Explanation:
    """By what a quantity is off: a factor of the whole, or corrections of one part of its formula; with neither nothing is known.

    ``everywhere``: they mend all trained instances, and not only those at which the quantity differs.
    """

    factor: sp.Expr | None = None
    corrections: tuple[Correction, ...] = ()
    everywhere: bool = True
    searched: bool = False

    @property
    def found(self) -> bool:
        return self.factor is not None or bool(self.corrections)


def explain(quantity: Quantity, known: Sequence[Trained]) -> Explanation:
    """Look for a factor that mends the quantity at all instances away from thresholds, or else at those at which it differs."""
    differs = _differing_in(quantity.name)
    everywhere = [(t, t.part(t.away)) for t in known]
    failing = [(t, [m for m in members if differs(t, m)]) for t, members in everywhere]
    if sum(len(members) for _, members in failing) < 2:
        return Explanation()
    scopes = [everywhere] if failing == everywhere else [everywhere, failing]
    for scope in scopes:
        used = [(t, members) for t, members in scope if members]
        factor = _whole(quantity, used)
        if factor is not None:
            return Explanation(factor, everywhere=scope is everywhere)
        found = corrections(quantity.formula, [_trial(quantity, t, members) for t, members in used])
        if found:
            return Explanation(corrections=tuple(found), everywhere=scope is everywhere)
    return Explanation(searched=True)


def _trial(quantity: Quantity, trained: Trained, members: Sequence[int]) -> Trial:
    """Return a trial on a batch that counts these members alone."""
    counted = torch.zeros(len(trained.instances), dtype=torch.bool)
    counted[list(members)] = True
    found = quantity.best(trained)

    def agrees(values: Tensor) -> Tensor:
        return (quantity.deviation(values, found, trained) <= quantity.allowed) | ~counted

    return Trial(trained.instances, agrees, trained.entries)


def _whole(quantity: Quantity, scope: Sequence[tuple[Trained, list[int]]]) -> sp.Expr | None:
    """Return the factor by which trained and predicted differ as a whole; none where one of them is zero and the other is not."""
    sides: tuple[list[Tensor], list[Tensor]] = [], []
    factors: dict[sp.Basic, list[float]] = {}
    for trained, members in scope:
        pair = [_telling(quantity, a[members]) for a in (quantity.best(trained), quantity.predicted(trained))]
        for side, array in zip(sides, pair, strict=True):
            side.append(array.flatten())
        for member in members:
            for factor, values in factors_of(trained.instances[member], pair[0].shape[1]):
                factors.setdefault(factor, []).extend(values)
    found, predicted = map(torch.cat, sides)
    zero = [a.abs() <= INVARIANT * a.abs().max() for a in (found, predicted)]
    if bool((zero[0] != zero[1]).any()):
        return None
    return recognised(found, predicted, {f: torch.tensor(v, dtype=torch.float64) for f, v in factors.items()})


def _telling(quantity: Quantity, array: Tensor) -> Tensor:
    """The entries that stand for one class or direction each, [I, entries]: of a matrix those on the diagonal."""
    kept = array.diagonal(dim1=-2, dim2=-1) if quantity.axes == 2 else array
    return kept.reshape(len(array), -1)


def _side_by_side(quantity: Quantity, trained: Trained, member: int, explanation: Explanation) -> Finding:
    """Set trained and predicted numbers side by side, and name the factor between them where there is one."""
    run = quantity.run(trained, member)
    headline = f"{quantity.name} differs"
    if explanation.factor is not None:
        headline += f": trained / predicted = {explanation.factor}"
        headline += "" if explanation.everywhere else ", at the instances where it differs"
    where, found, predicted = _shown(run, quantity.axes)
    near = "near a threshold" if trained.comparisons[member].near_threshold else ""
    place = ", ".join(filter(None, (where, near, run.of)))
    details = [place] if place else []
    details += [f"trained   {found}", f"predicted {predicted}"]
    if quantity.name == VALUE:
        details[-1] += f"  (relative gap {relative_gap(float(run.trained), float(run.predicted)):.1e})"
    if explanation.searched:
        details.append("no single factor was found that mends its formula")
    about = quantity.name if explanation.factor is None else f"{quantity.name} off by {explanation.factor}"
    return Finding(about, headline, trained.instances[member], tuple(details))


def _shown(run: Run, axes: int) -> tuple[str, str, str]:
    """Return which entries are shown, and both rows: those on the diagonal, or off it where only they differ."""
    found, predicted, words = run.trained, run.predicted, []
    if found.ndim > axes:
        distances = norms(found - predicted, axes) / norms(predicted, axes).clamp(min=torch.finfo(found.dtype).tiny)
        layer = int(distances.argmax())
        words.append(f"layer {layer + 1}")
        found, predicted = found[layer], predicted[layer]
    names = [str(i + 1) for i in range(found.shape[-1])] if axes else []
    if axes == 2:
        scale = INVARIANT * torch.maximum(found.norm(), predicted.norm())
        off = (found - predicted).diagonal().abs() <= scale
        if bool(off.all()) and len(found) > 1:
            rows, columns = torch.triu_indices(*found.shape, offset=1)
            names = [f"({i + 1},{j + 1})" for i, j in zip(rows.tolist(), columns.tolist(), strict=True)]
            found, predicted = found[rows, columns], predicted[rows, columns]
            words.append("off the diagonal")
        else:
            found, predicted = found.diagonal(), predicted.diagonal()
    found, predicted = found.reshape(-1), predicted.reshape(-1)
    if len(found) > SHOWN:
        worst = (found - predicted).abs().nan_to_num(math.inf).topk(SHOWN).indices.sort().values
        words.append(f"entries {', '.join(names[i] for i in worst.tolist())}")
        found, predicted = found[worst], predicted[worst]
    largest = float(torch.maximum(found.abs().max(), predicted.abs().max()))
    rows = (["0" if abs(x) <= ROUNDED * largest else f"{x:.6g}" for x in side.tolist()] for side in (found, predicted))
    return ", ".join(words), *map("  ".join, rows)


def _with_agreeing(finding: Finding, case: Case, quantities: Sequence[Quantity]) -> Finding:
    """Add which quantities agree at the instance of a finding."""
    trained, member = case
    names = [q.name for q in quantities if q.name not in trained.comparisons[member].differing]
    line = [f"{_listed(names)} {_agree(names)} there"] if names else []
    return dataclasses.replace(finding, details=(*finding.details, *line))


def _name(claim: Claim, threshold: Threshold) -> str:
    return f"the threshold of {threshold.telling or claim.problem.telling}"


def _thresholds(claim: Claim, known: Sequence[Trained]) -> Iterator[tuple[int, Finding]]:
    """Name each threshold that trained directions contradict, with the direction that does so most clearly."""
    for number, threshold in enumerate(claim.prediction.thresholds):
        case = _smallest(known, lambda t, member, n=number: bool(t.contradicted[n][member].any()))
        if case is None:
            continue
        trained, member = case
        name = _name(claim, threshold)
        limit = "" if threshold.within_rank == sp.true else f" and {threshold.within_rank}"
        headline = f"{name} is wrong: predicted alive iff ratio > 1{limit}"
        details = (_direction(trained, number, member), *_crossing_point(number, known))
        yield number, Finding(f"{name} is wrong", headline, trained.instances[member], details)


def _direction(trained: Trained, number: int, member: int) -> str:
    """Say of the direction farthest from the threshold, of those that contradict it, what is predicted and what training found."""
    crossing, contradicted = trained.crossings[number], trained.contradicted[number][member]
    ratio = crossing.ratio[member]
    distance = torch.where(contradicted, ratio.log().abs().nan_to_num(math.inf), -torch.inf)
    at = int(distance.argmax())
    sizes = crossing.sizes(trained.measured.best[crossing.telling])[member]
    what = [f"direction {at + 1} has ratio {float(ratio[at]):.6g}"]
    if not bool(crossing.within[member, at]):
        what.append("lies beyond the rank limit")
    fate = {True: "collapsed", False: "alive"}
    predicted = bool(crossing.collapsed[member, at])
    dead = bool(crossing.dead(trained.measured.best)[member, at])
    shows = f"{crossing.telling} {float(sizes[at]):.6g}"
    found = f"trained it {'has collapsed' if dead else 'is alive'} ({shows})"
    if dead == predicted:
        found += f", and the predicted {crossing.telling} there is {float(crossing.predicted[member, at]):.6g}"
    return f"{' and '.join(what)}, so it is predicted {fate[predicted]}; {found}"


def _crossing_point(number: int, known: Sequence[Trained]) -> Iterator[str]:
    """Say between which ratios trained directions come alive."""
    ratios, dead = [], []
    for trained in known:
        crossing = trained.crossings[number]
        ratios.append(crossing.ratio[crossing.within])
        dead.append(crossing.dead(trained.measured.best)[crossing.within])
    ratio, collapsed = torch.cat(ratios), torch.cat(dead)
    if bool(collapsed.all()) or not bool(collapsed.any()):
        yield f"all {len(ratio)} trained directions within the rank limit are {'dead' if bool(collapsed.all()) else 'alive'}"
        return
    if bool((ratio[collapsed] > 1).all()) and bool((ratio[~collapsed] < 1).all()):
        yield f"it is the other way round at all {len(ratio)} trained directions: alive where the ratio is below 1"
        return
    low, high = float(ratio[~collapsed].min()), float(ratio[collapsed].max())
    yield f"of {len(ratio)} trained directions the collapsed ones have ratios up to {high:.4g}, those alive from {low:.4g} on"


def _mended(
    claim: Claim,
    mended: dict[str, Explanation],
    thresholds: Sequence[tuple[int, Finding]],
    known: Sequence[Trained],
    seed: int,
) -> Iterator[Finding]:
    """Name the corrections that mend most, each with all it mends, until nothing is left that one of them mends."""
    of_thresholds = {
        _name(claim, claim.prediction.thresholds[number]): (number, _threshold_corrections(claim, number, known))
        for number, _ in thresholds
    }
    left = dict(mended)
    while left:
        candidates = [c for own in left.values() for c in own.corrections]
        # The first of those that mend most.
        chosen = max(candidates, key=lambda c: sum(c in own.corrections for own in left.values()))
        names = [name for name, own in left.items() if chosen in own.corrections]
        everywhere = all(left.pop(name).everywhere for name in names)
        also = [name for name, (_, own) in of_thresholds.items() if chosen in own]
        of_thresholds = {name: own for name, own in of_thresholds.items() if name not in also}
        mends = [*names, *also]
        where = "" if everywhere else f" where {'it differs' if len(names) == 1 else 'they differ'}, and not elsewhere"
        yield Finding(str(chosen), f"one explanation: {chosen}, {_listed(mends)} {_agree(mends)} with training{where}")
    for name, (number, own) in of_thresholds.items():
        confirmed = next((c for c in own[:CONFIRMED] if _confirmed(claim, number, c, seed)), None)
        if confirmed is not None:
            says = "it is right in all that was trained, on either side of where it then lies too"
            yield Finding(
                f"{name}: {confirmed}", f"one explanation of {name}: {_of_ratio(confirmed, claim, number)}, {says}"
            )


def _of_ratio(correction: Correction, claim: Claim, number: int) -> str:
    if correction.part == claim.prediction.thresholds[number].ratio:
        return f"with its ratio multiplied by {correction.factor}"
    return str(correction)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _agree(names: Sequence[str]) -> str:
    return "agrees" if len(names) == 1 else "agree"


def _threshold_corrections(claim: Claim, number: int, known: Sequence[Trained]) -> list[Correction]:
    """Return the corrections of a threshold's ratio with which all trained directions live or collapse as predicted.

    Those of the ratio as a whole come first: one of a part may do the same in some regimes and not in others.
    """
    threshold = claim.prediction.thresholds[number]

    def trial(trained: Trained) -> Trial:
        crossing = trained.crossings[number]
        alive = ~crossing.dead(trained.measured.best)

        def agrees(ratio: Tensor) -> Tensor:
            undecided = (ratio.log().abs() < THRESHOLD_BAND) & crossing.within
            return (((ratio > 1) & crossing.within == alive) | undecided).all(-1)

        return Trial(trained.instances, agrees, trained.entries)

    formula = Formula(threshold.ratio, ((threshold.index, threshold.count),))
    found = corrections(formula, [trial(trained) for trained in known])
    return sorted(found, key=lambda correction: correction.part != threshold.ratio)


def _confirmed(claim: Claim, number: int, correction: Correction, seed: int) -> bool:
    """Train batches that cross the corrected threshold, and tell whether their directions live and collapse as that says."""
    thresholds = list(claim.prediction.thresholds)
    thresholds[number] = dataclasses.replace(thresholds[number], ratio=correction.applied(thresholds[number].ratio))
    derivation = Derivation(claim.proof, dataclasses.replace(claim.prediction, thresholds=tuple(thresholds)))
    changed = dataclasses.replace(claim, derive=lambda problem: derivation)
    wide = batches(changed, dataclasses.replace(REGIMES[-1], directions=3), BATCH_SIZE)
    for batch in drawn(wide, CONFIRMING, seed):
        trained = _trained(changed, _judged(changed, batch, seed))
        if bool(trained.contradicted[number].any()):
            return False
    return True


def _where_alone(claim: Claim, known: Sequence[Trained]) -> Iterator[Finding]:
    """Say which whole number or truth value all instances that fail have, and none of the others, where there is one.

    Of the others those count that lie away from thresholds and have something alive: elsewhere little can go wrong.
    """
    cases = [
        (t.instances[m], bool(t.comparisons[m].failures))
        for t in known
        for m in range(len(t.instances))
        if t.comparisons[m].failures or (t.away[m] and t.lives[m])
    ]
    for parameter in claim.problem.parameters:
        sides = {
            failed: {i.values[parameter.name] for i, fails in cases if fails == failed} for failed in (True, False)
        }
        simple = all(isinstance(value, int) for side in sides.values() for value in side)
        if simple and len(sides[True]) == 1 and sides[False] and not sides[True] & sides[False]:
            failing, fine = (", ".join(str(v).lower() for v in sorted(sides[failed])) for failed in (True, False))
            says = f"{parameter.name} is {failing} at every trained instance that fails, and {fine} at the others"
            yield Finding(says, says)


def _unexplained(claim: Claim, known: Sequence[Trained], found: Sequence[Finding]) -> Iterator[Finding]:
    """Say again what the checks say of training and certificates where neither chain, value, invariant nor threshold explains it."""
    seen: set[str] = set()
    for trained in known:
        for member, comparison in enumerate(trained.comparisons):
            for check, says in _remaining(claim, trained, member, found):
                if check not in seen:
                    seen.add(check)
                    yield Finding(
                        f"{check} alone", f"{check} fails: {says}", comparison.instance, (_agreement(comparison),)
                    )


def _remaining(claim: Claim, trained: Trained, member: int, found: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    comparison = trained.comparisons[member]
    contradicted = any(bool(where[member].any()) for where in trained.contradicted)
    threshold_wrong = any(finding.about.startswith("the threshold of") for finding in found)
    if comparison.ending is not Ending.CONVERGED:
        yield "trained", f"the best start {comparison.ending.name.lower()}"
    elif comparison.failures and not comparison.differing and not contradicted and not threshold_wrong:
        yield "trained", comparison.failures[0]
    certificate = trained.judgement.examination.certificates[member]
    if certificate is None:
        failures = [f for f in trained.judgement.failures["certified"] if f.endswith(NO_CERTIFICATE)]
    else:
        failures = certificate.failures(predicted_value(claim, comparison.instance), comparison.near_threshold)
    chain_fails = any(finding.about.startswith(("link to", "tightness of")) for finding in found)
    if failures and not chain_fails and VALUE not in comparison.differing:
        yield "certified", NO_CERTIFICATE if certificate is None else failures[0]


def _agreement(comparison: Comparison) -> str:
    """Say what agrees at an instance, in numbers."""
    names = [name for name in (VALUE, *comparison.deviations) if name not in comparison.differing]
    if not names:
        return "nothing else agrees there"
    largest = max((d for name, d in comparison.deviations.items() if name in names), default=0.0)
    return (
        f"{_listed(names)} {_agree(names)} there (relative gap {comparison.gap:.1e}, largest deviation {largest:.1e})"
    )


def _said_again(failure: Failure) -> Finding:
    """Say again what a check of its own said, where nothing that was compared at its instance fails."""
    (comparison,) = failure.judgement.comparisons
    says = f"{failure.check} fails: {failure.says}"
    return Finding(f"{failure.check} alone", says, comparison.instance, (_agreement(comparison),))
