"""Predictions over the whole allowed range of the parameters, against the same formulas evaluated term by term in long decimals.

The reference uses none of the short cuts of ``theory.enclosure``: it evaluates every term with mpmath, and finds roots and minima
by halving.

The module is long because the independent evaluation of formulas stands beside the tests, where nothing else can come to use it.
"""

import math
import os
from functools import cache, lru_cache
from random import Random

import mpmath
import pytest
import sympy as sp

from numerics.backends.bindings import stack_bindings
from proofs_check.harness.drawing import REGIMES, WideDraws, drawn_values
from theory.claim import find, registry
from theory.cli.commands import predict
from theory.errors import ParameterError
from theory.expressions import Formula, evaluate_exactly
from theory.scalar import Shrinkage
from theory.secular import SecularRoot

DRAWS = int(os.environ.get("PREDICTIONS", "12"))
"""Number of points for each claim. The environment variable PREDICTIONS sets another number."""
SEED = 20230301
DIGITS = ((60, 90), (400, 500), (1200, 1500))
"""Decimals of the reference: pairs are tried until both numbers of decimals give the same. The parameters span 100 decades, and
their products cancel."""
DECIDING = 200
"""Decimals for conditions. Two sides that agree in all but the last twenty decimals count as equal."""
SAME = 1e-14
"""Largest distance of two references that are both right to all digits of a double, relative to the largest entry."""
EXACT = 1e-12
"""Largest error of a prediction, relative to the largest entry of an array: a few thousand roundings of a double."""
SHOWN = (2.3e-308, 1.7e308)
"""Range of the numbers that float64 holds with all digits, slightly narrowed."""


def wide_draws(random, least=2):
    """Return draws over all allowed values for two to four classes or directions, some of which may be equal.

    If a claim allows no fewer than ``least``, there are up to twice as many.
    """
    size = random.randint(least, 2 * least)
    groups = [random.randint(1, size)]
    while sum(groups) < size:
        groups.append(random.randint(1, size - sum(groups)))
    return WideDraws(random, groups)


def reference(e, bound, place=None, sums=None):
    """Evaluate an expression at bindings, term by term. A part that is bound as a whole has the value to which it is bound.

    ``sums`` keeps the value of each sum at each place of its free indices: a sum inside of another may not depend on its index.
    """
    place, sums = place or {}, {} if sums is None else sums
    if e.args and e in bound:
        return bound[e]

    def of(part):
        return reference(part, bound, place, sums)

    def over(e):
        def run(limits, here):
            if not limits:
                return [reference(e.function, bound, here, sums)]
            *inner, (index, first, last) = limits
            ends = [int(reference(end, bound, here, sums)) for end in (first, last)]
            return [x for i in range(ends[0], ends[1] + 1) for x in run(inner, {**here, index: i})]

        return run(list(e.limits), place)

    match e:
        case sp.Rational():
            return mpmath.mpf(e.p) / e.q
        case sp.Symbol():
            return mpmath.mpf(place[e]) if e in place else number_of(bound[e])
        case sp.Indexed():
            return number_of(bound[e.base][int(of(e.indices[0])) - 1])
        case sp.Add():
            return sum(of(a) for a in e.args)
        case sp.Mul():
            return mpmath.fprod(of(a) for a in e.args)
        case sp.Pow():
            base, exponent = of(e.base), of(e.exp)
            return mpmath.mpf(1) if exponent == 0 else base**exponent
        case sp.log():
            return mpmath.log(of(e.args[0]))
        case sp.exp():
            return mpmath.exp(of(e.args[0]))
        case sp.Max():
            return max(of(a) for a in e.args)
        case sp.Min():
            return min(of(a) for a in e.args)
        case sp.KroneckerDelta():
            return mpmath.mpf(int(of(e.args[0]) == of(e.args[1])))
        case sp.Sum():
            known = e, mpmath.mp.dps, tuple((s, place[s]) for s in place if e.has(s))
            if known not in sums:
                sums[known] = sum(over(e))
            return sums[known]
        case sp.Product():
            return mpmath.fprod(over(e))
        case sp.Piecewise():
            return next(of(value) for value, condition in e.args if holds(condition, bound, place, sums))
        case Shrinkage():
            return halved_shrinkage(*map(of, e.args), mpmath.mp.dps)
    raise NotImplementedError(f"no reference for {type(e).__name__}")


def holds(condition, bound, place, sums):
    match condition:
        case sp.logic.boolalg.BooleanTrue() | sp.logic.boolalg.BooleanFalse():
            return bool(condition)
        case sp.Not():
            return not holds(condition.args[0], bound, place, sums)
        case sp.And():
            return all(holds(a, bound, place, sums) for a in condition.args)
        case sp.Or():
            return any(holds(a, bound, place, sums) for a in condition.args)
    with mpmath.workdps(max(DECIDING, mpmath.mp.dps)):
        left, right = (reference(a, bound, place, sums) for a in condition.args)
        same = abs(left - right) <= mpmath.mpf(10) ** (20 - mpmath.mp.dps) * abs(left)
    order = 0 if same else 1 if left > right else -1
    return {sp.Gt: order > 0, sp.Ge: order >= 0, sp.Lt: order < 0, sp.Le: order <= 0, sp.Eq: order == 0}[
        type(condition)
    ]


def number_of(number):
    if isinstance(number, mpmath.mpf):
        return number
    if isinstance(number, SecularRoot):
        return halved_secular(number.root, mpmath.mp.dps)
    exact = sp.Rational(repr(number)) if isinstance(number, float) else sp.Rational(number)
    return mpmath.mpf(exact.p) / exact.q


def halved(falling, low, high):
    """Return the root of a falling function between ``low`` and ``high``."""
    for _ in range(int(3.4 * mpmath.mp.dps)):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


@cache
def halved_secular(root, digits):
    counts, weights = root.secular.counts, root.secular.weights
    above, below = (mpmath.mpf(counts[root.number - i]) for i in (1, 0))

    def secular(x):
        return sum(w / (x - a) for a, w in zip(counts, weights, strict=True))

    return halved(secular, below, above)


@lru_cache(maxsize=10000)
def halved_shrinkage(depth, kappa, digits):
    if depth == 1:
        return 1 - kappa
    fold = (depth - 1) / (2 * depth)
    return halved(lambda u: (1 - u) * u ** ((depth - 1) / (depth + 1)) - kappa, fold, mpmath.mpf(1))


def reference_array(formula, bound):
    sums = {}

    def entries(axes, place):
        if not axes:
            if isinstance(formula.expression, sp.logic.boolalg.Boolean):
                return holds(formula.expression, bound, place, sums)
            return reference(sp.sympify(formula.expression), bound, place, sums)
        (index, length), *rest = axes
        return [entries(rest, {**place, index: i}) for i in range(1, int(reference(sp.sympify(length), bound)) + 1)]

    return entries(list(formula.axes), {})


def flat(array):
    return [x for part in array for x in flat(part)] if isinstance(array, list) else [array]


def distance(found, expected):
    """Return the largest difference of two arrays, relative to the largest entry of the second."""
    assert len(found) == len(expected)
    largest, off = max(map(abs, expected)), max(abs(a - b) for a, b in zip(found, expected, strict=True))
    return off / largest if largest else mpmath.mpf(0 if off == 0 else 1)


def settled(formula, bound, digits=DIGITS):
    """Return the flat entries of the reference, with so many digits that further digits change nothing, or exact zeros."""
    for fewer, more in digits:
        found = []
        for number in (fewer, more):
            with mpmath.workdps(number):
                found.append(flat(reference_array(formula, bound)))
        if isinstance(found[0][0], bool):
            return found[1]
        with mpmath.workdps(more):
            if distance(*found) <= SAME:
                return found[1]
            # A value that falls with every added digit is rounding of zero. So is a value that is zero with a thousand digits or more.
            least, most = sorted(max(map(abs, entries)) for entries in found)
            if (
                most == max(map(abs, found[0]))
                and fewer > 100
                and least <= mpmath.mpf(10) ** ((fewer - more) / 2) * most
            ):
                return [mpmath.mpf(0)] * len(found[1])
            if least == 0 and fewer > 1000:
                return [mpmath.mpf(0)] * len(found[1])
    raise AssertionError(f"no digit of {formula.expression} is known")


def shown(formula, bindings):
    """Return the flat entries of a prediction and None, or None and the message of its refusal."""
    try:
        return flat(evaluate_exactly(formula, bindings)), None
    except ParameterError as error:
        return None, str(error)


def points(claim_id):
    random = Random(f"{SEED} {claim_id}")
    claim = find(claim_id)
    for _ in range(DRAWS):
        yield claim.problem.instance(
            **drawn_values(claim.problem, wide_draws(random, max(2, claim.problem.fewest_directions)))
        )


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("claim_id", registry())
def test_predictions_over_the_whole_range(claim_id):
    """Every predicted number agrees with the reference, or is refused in one line because it leaves the range of float64."""
    claim = find(claim_id)
    prediction = claim.prediction
    formulas = {**prediction.invariants, "collapsed": prediction.collapsed}
    if prediction.value is not None:
        formulas["value"] = prediction.value
    refused = 0
    for instance in points(claim_id):
        for name, formula in formulas.items():
            found, refusal = shown(formula, instance.bindings)
            if refusal is not None:
                sizes = [abs(x) for x in settled(formula, instance.bindings, DIGITS[-1:]) if x != 0]
                beyond = sizes and (min(sizes) < SHOWN[0] or max(sizes) > SHOWN[1])
                assert beyond, f"{name} at {instance.values}: {refusal}"
                assert "\n" not in refusal
                refused += 1
                continue
            expected = settled(formula, instance.bindings)
            if isinstance(expected[0], bool):
                assert found == expected, f"{name} at {instance.values}"
                continue
            with mpmath.workdps(DIGITS[0][0]):
                off = distance([mpmath.mpf(x) for x in found], expected)
            assert off <= EXACT, f"{name} at {instance.values}: off by {float(off):.1e}"
    print(f"{claim_id}: {DRAWS} points, {refused} formulas refused")


def without(variable, e):
    """Yield the largest parts of an expression that do not contain the variable."""
    if variable not in e.free_symbols:
        yield e
    else:
        for part in e.args:
            yield from without(variable, part)


def least(piece, variable, bound, place):
    """Return the least value of a piece, from its stationary points and ends, and the point at which it is taken."""
    function, slope = piece.function, sp.diff(piece.function, variable)
    low = reference(piece.lower, bound, place)
    # Halving evaluates function and slope more than a thousand times, and only the variable changes from one time to the next.
    fixed = {
        part for e in (function, slope) for part in without(variable, e) if isinstance(part, sp.Expr) and part.args
    }
    known = {**bound, **{part: reference(part, bound, place) for part in fixed}}

    def at(e, x):
        known[variable] = x
        return reference(e, known, place)

    if piece.upper == sp.oo:
        high = low + 1
        while at(slope, high) < 0:
            high = low + (high - low) * 1024
    else:
        high = reference(piece.upper, bound, place)
    if high <= low:
        return mpmath.inf, low
    grid = [low + (high - low) * i / 64 for i in range(1, 65)]
    rising = [at(slope, x) >= 0 for x in grid]
    turns = [
        (a, b) for a, b, before, after in zip(grid, grid[1:], rising, rising[1:], strict=False) if after and not before
    ]
    if rising[0]:
        turns.append((low, grid[0]))
    candidates = [low, high, *(halved(lambda x: -at(slope, x), *ends) for ends in turns)]
    return min((at(function, x), x) for x in candidates)


SCALAR_DIGITS = 400
"""Decimals for the scalar problems: halving starts from brackets of up to 200 decades, and minima lie close to the ends."""


SHARED_DIGITS = 30
"""Decimals where the directions share a number, which is halved around all of them."""
SHARED_RANGE = 500
"""The logarithm of a variance between this and its negative."""


SHARED_CLOSE = mpmath.mpf(1e-8)
"""Distance to which the shared number is halved. The value is second order in this distance."""


def directions_at_their_least(separable, bound):
    """Yield the index, the least value and the point where it is taken, for each direction of a separable bound."""
    for number in range(1, int(reference(sp.sympify(separable.count), bound)) + 1):
        place = {separable.index: number}
        if holds(sp.sympify(separable.free), bound, place, {}):
            yield place, *min(least(piece, separable.variable, bound, place) for piece in separable.pieces)
        else:
            first = separable.pieces[0]
            start = reference(first.lower, bound, place)
            yield place, reference(first.function, {**bound, separable.variable: start}, place), start


def scalar_minimum(separable, bound):
    """Return the least value of a separable bound, without a formula for the minimiser."""
    if separable.shared is None:
        with mpmath.workdps(SCALAR_DIGITS):
            return sum(value for _, value, _ in directions_at_their_least(separable, bound))
    shared, across = separable.shared, sp.diff(separable.pieces[0].function, separable.shared.variable)

    def falling(at):
        there = {**bound, shared.variable: at}
        slope = reference(sp.diff(shared.rest, shared.variable), there)
        for place, _, x in directions_at_their_least(separable, there):
            slope += reference(across, {**there, separable.variable: x}, place)
        return -slope

    with mpmath.workdps(SHARED_DIGITS):
        low, high = mpmath.mpf(-SHARED_RANGE), mpmath.mpf(SHARED_RANGE)
        assert falling(low) > 0 > falling(high)
        while high - low > SHARED_CLOSE:
            middle = (low + high) / 2
            low, high = (middle, high) if falling(middle) > 0 else (low, middle)
        there = {**bound, shared.variable: low}
        each = directions_at_their_least(separable, there)
        return sum((value for _, value, _ in each), reference(shared.rest, there))


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("claim_id", registry())
def test_values_are_those_of_the_scalar_problems(claim_id):
    """The value is the sum of the scalar minima, each found by halving the slope, without a formula for the minimiser."""
    claim = find(claim_id)
    separable = claim.proof.separable
    if separable is None or claim.prediction.value is None:
        # The test ends here, and is not left out when tests are collected, since deriving every claim costs each process seconds.
        assert claim.prediction.value is None or claim.problem.has_bound
        return
    for instance in list(points(claim_id))[: max(1, DRAWS // 4)]:
        bound = instance.bindings
        found, refusal = shown(claim.prediction.value, bound)
        if refusal is not None:
            continue
        (found,) = found
        total = scalar_minimum(separable, bound)
        with mpmath.workdps(SCALAR_DIGITS):
            assert abs(found - total) <= EXACT * abs(total), f"{instance.values}: {found} and {mpmath.nstr(total, 17)}"


DEEP = "mse-deep-linear-imbalanced"


def prediction(claim_id, **values):
    claim = find(claim_id)
    return predict(claim, claim.problem.instance(**values))


def test_a_product_of_decays_beyond_float64_is_exact():
    """The value is compared with the minima of the scalar problems of the classes. The product of the decays is 4.1e-322."""
    given = {"class_counts": (3, 2), "depth": 7, "weight_decay": 1.7e-40, "feature_decay": 1e-43}
    with mpmath.workdps(60):
        mean = (mpmath.mpf("1.7e-40") ** 7 * mpmath.mpf("1e-43")) ** mpmath.mpf("0.125")

        def objective(u, n):
            return n * (u - 1) ** 2 / 10 + 4 * mean * (mpmath.sqrt(n) * u) ** mpmath.mpf("0.25")

        def falls(u, n):
            return -n * (u - 1) / 5 - mean * n ** mpmath.mpf("0.125") * u ** mpmath.mpf("-0.75")

        expected = sum(
            objective(halved(lambda u, n=n: falls(u, n), mpmath.mpf("0.5"), mpmath.mpf(1)), n) for n in (3, 2)
        )
    assert prediction(DEEP, **given)["value"] == pytest.approx(float(expected), rel=EXACT, abs=0)


@pytest.mark.parametrize(
    ("decay", "depth", "alive"), [(1e-50, 6, True), (1e-50, 8, True), (1e50, 6, False), (1e50, 8, False)]
)
def test_decays_at_the_ends_of_their_range(decay, depth, alive):
    found = prediction(DEEP, class_counts=(3, 2), depth=depth, weight_decay=decay, feature_decay=decay)
    assert found["collapsed"] == [not alive] * 2
    if not alive:
        assert found["value"] == 0.5


@pytest.mark.parametrize("decay", [1.8, 1.7999999999999998])
def test_a_jump_is_decided_exactly(decay):
    """With two layers the class n = 3 of N = 5 jumps at Λ = n²/(16 N³) = 0.0045 = 0.05 · 0.05 · 1.8. The threshold has a root of Λ."""
    given = {"class_counts": (3, 2), "depth": 2, "weight_decay": (0.05, 0.05), "feature_decay": decay}
    assert prediction(DEEP, **given)["collapsed"] == [decay >= 1.8, True]


def test_a_tie_of_irrational_numbers_is_a_tie():
    """At n_k = N² λ_W λ_H, with decays without a rational root, the margin is the difference of two equal roots."""
    found = prediction("mse-imbalanced", class_counts=(9, 1), weight_decay=0.3, feature_decay=1 / 32)
    on = prediction("mse-imbalanced", class_counts=(8, 2), weight_decay=0.1, feature_decay=0.2)
    assert found["collapsed"] == [False, False]
    assert on["collapsed"] == [False, True]
    assert on["invariants"]["mean_gram"][1][1] == 0


def test_an_irrational_case_between_two_sums_of_roots():
    """√2 + √8 = √18 cannot be decided by any number of digits."""
    x = sp.IndexedBase("x", positive=True)
    root = sp.sqrt(x[1]) + sp.sqrt(x[2])
    for third, equal in ((18, True), (18.000000000000004, False)):
        at = {x: (2, 8, third)}
        assert evaluate_exactly(Formula(sp.Max(0, sp.sqrt(x[3]) - root)), at) == pytest.approx(
            0 if equal else 4e-15 / (2 * 18**0.5), rel=1e-9, abs=0
        )
        assert evaluate_exactly(Formula(sp.Eq(root, sp.sqrt(x[3]))), at) is equal


def test_an_irrational_number_is_rounded_to_the_nearest_double():
    """The square root of the processor is rounded to the nearest one, too."""
    assert [evaluate_exactly(Formula(sp.sqrt(x)), {}) for x in range(1, 300)] == [math.sqrt(x) for x in range(1, 300)]


def test_a_parameter_by_itself_is_a_number():
    width = sp.Symbol("x", positive=True)
    assert evaluate_exactly(Formula(width), {width: 0.25}) == 0.25
    assert evaluate_exactly(Formula(width > 1), {width: 0.25}) is False


@pytest.mark.parametrize("claim_id", registry())
def test_more_terms_than_sympy_expands(claim_id):
    """Many equal classes or directions cost as much as few: equal terms of the value and equal entries are evaluated once."""
    random, claim, groups = Random(f"{SEED} {claim_id}"), find(claim_id), (60, 41)
    narrow = next(regime for regime in REGIMES if regime.narrow and not regime.cut and regime.directions > 1)
    values = drawn_values(claim.problem, WideDraws(random, groups, narrow, different=2))
    instance = claim.problem.instance(**values)
    directions = len(values[claim.problem.sorted_parameter])
    assert directions in (sum(groups), 2)  # a claim on two classes has no more
    found = predict(claim, instance)
    if claim.prediction.thresholds:
        assert len(found["collapsed"]) == directions - int(claim.problem.spectral)
    if claim.prediction.value is not None:
        (expected,) = settled(claim.prediction.value, instance.bindings)
        assert abs(found["value"] - expected) <= EXACT * abs(expected)


def test_what_leaves_float64_is_refused_by_name():
    with pytest.raises(
        ParameterError, match=r"transported_top_gram: is 2\.\d+e\+359 here, which leaves the range of float64"
    ):
        prediction("hvae-learnable-top-variance", theta=(1e40, 1.0), eta_dec=1.44e-50)
    small = sp.Symbol("x", positive=True)
    for formula in (small**7, sp.sqrt(2) * small**7, sp.exp(-1 / small)):
        with pytest.raises(ParameterError, match=r"is \d.*e-\d+ here, which leaves the range of float64"):
            evaluate_exactly(Formula(formula), {small: 1e-50})
    assert evaluate_exactly(Formula(small**7 - small**7 * sp.sqrt(4) / 2), {small: 1e-50}) == 0


def test_tensors_refuse_a_number_that_float64_does_not_hold():
    instance = find(DEEP).problem.instance(class_counts=(3, 2), depth=7, weight_decay=1.7e-40, feature_decay=1e-43)
    with pytest.raises(ParameterError, match=r"Lambda: 4\.10339E-322 is not allowed for tensors"):
        stack_bindings([instance])
