"""Every domain answers every question about a domain. If an answer is missing, a test named after domain and question fails."""

import dataclasses
import importlib
import pkgutil
import re
from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import strategies as st

import theory.domains
from book.render.markdown import prose
from numerics.backends.ball_evaluation import ball_bindings
from numerics.backends.balls import Ball
from numerics.backends.bindings import stack_bindings
from numerics.searching.adversary import _Displacing, _Moving
from numerics.searching.structure import sweep
from numerics.searching.thresholds import tuned_to
from proofs_check.harness.drawing import LARGE, REGIMES, HypothesisDraws, WideDraws
from proofs_check.harness.strategies import drawn, group_sizes
from theory.claim import find, registry
from theory.cli.arguments import parse_assignments, written_parameters
from theory.domains import Domain
from theory.errors import ParameterError
from theory.problem import Parameter
from theory.symbols import D, beta, k
from theory.threshold import Threshold

for module in pkgutil.iter_modules(theory.domains.__path__):
    importlib.import_module(f"theory.domains.{module.name}")

KINDS = sorted(Domain.__subclasses__(), key=lambda kind: kind.__name__)
USED = {type(p.domain): (claim, p) for claim in registry().values() for p in claim.problem.parameters}


def asked(kind):
    """Return a claim with its parameter of this kind of domain. A domain that no claim uses becomes a further parameter of a claim."""
    if kind in USED:
        return USED[kind]
    claim, parameter = find("mse-imbalanced"), Parameter("further", kind(), "a further parameter")
    return dataclasses.replace(
        claim, problem=dataclasses.replace(claim.problem, parameters=(*claim.problem.parameters, parameter))
    ), parameter


def example(claim):
    """Return an example of each parameter of a claim, in the order of dependence, as a user may give it: with an unsorted list."""
    values = {}
    for parameter in claim.problem.in_dependency_order:
        values[parameter.name] = parameter.domain.example(values)
    listed = claim.problem.sorted_parameter
    return claim.problem.instance(**{**values, listed: values[listed][::-1]})


def known_to(parameter, values):
    """Return the values that a domain has said it depends on."""
    return {name: values[name] for name in parameter.domain.depends()}


def reads_its_example(claim, parameter):
    name, domain, instance = parameter.name, parameter.domain, example(claim)
    value = instance.values[name]
    assert domain.canonical(name, domain.canonical(name, value)) == value
    with pytest.raises(ParameterError, match=name):
        domain.canonical(name, "nonsense")


def fits_sizes(claim, parameter):
    instance = example(claim)
    value = instance.values[parameter.name]
    assert parameter.domain.sized(parameter.name, value, instance.bindings) == value


def tells_whether_it_is_whole(claim, parameter):
    value = example(claim).values[parameter.name]
    assert parameter.domain.whole or type(value) is not int


def is_written_back(claim, parameter):
    """The command line reads the written parameters of an instance again, with the same meaning."""
    instance = example(claim)
    words = written_parameters(claim, instance).replace("'", "").split()
    again = claim.problem.instance(**parse_assignments(words, claim.problem))
    assert (again.values, again.order) == (instance.values, instance.order)


def is_said(claim, parameter):
    says, kind = parameter.domain.says, type(parameter.domain)
    assert says
    assert not kind.__doc__.startswith(f"{kind.__name__}("), "has no docstring"
    assert "\n" not in says
    assert prose(says)


def is_drawn_by_hypothesis(claim, parameter):
    """Each draw is allowed, in every regime and in the large one."""
    name, domain, problem, values = parameter.name, parameter.domain, claim.problem, example(claim).values

    @st.composite
    def whole(draw, regime):
        groups = draw(group_sizes(regime, max(2, claim.problem.fewest_directions)))
        found = {}
        for each in problem.in_dependency_order:
            found[each.name] = each.domain.drawn(
                each.name, HypothesisDraws(draw, regime, groups), known_to(each, found)
            )
        return found

    for regime in (*REGIMES, LARGE):
        for found in drawn(whole(regime), 4, 0):
            domain.canonical(name, found[name])
            problem.instance(**found)
    assert set(values) == set(found)


def is_drawn_over_all_that_is_allowed(claim, parameter):
    random, problem = Random(0), claim.problem
    least = claim.problem.fewest_directions
    for groups in ((1, max(1, least - 1)), (2, max(1, least - 2)), (1, max(3, least - 1))):
        for _ in range(10):
            draws, found = WideDraws(random, groups), {}
            for each in problem.in_dependency_order:
                found[each.name] = each.domain.drawn(each.name, draws, known_to(each, found))
            problem.instance(**found)


def varies_without_changing_sizes(claim, parameter):
    """Instances that differ in their varying parameters can be stacked to one batch."""
    name, domain, instance = parameter.name, parameter.domain, example(claim)
    if not domain.varies:
        return
    random = Random(0)
    anew = [domain.drawn(name, WideDraws(random, (1, 1)), known_to(parameter, instance.values)) for _ in range(4)]
    assert len(set(anew)) > 1
    stack_bindings([claim.problem.instance(**{**instance.values, name: value}) for value in anew])


def scales(claim, parameter):
    domain, value = parameter.domain, example(claim).values[parameter.name]
    for factor in (1e-9, 1e9) if domain.scales else ():
        assert domain.canonical(parameter.name, factor * value) == factor * value


def has_ends_within_it(claim, parameter):
    for end in parameter.domain.extremes():
        assert parameter.domain.canonical(parameter.name, end) == end


def is_enclosed(claim, parameter):
    """The balls of an instance are finite and narrow, and agree with the numbers of the tensors."""
    instance = example(claim)
    balls, tensors = ball_bindings(claim.problem, instance), stack_bindings([instance])
    for symbol, ball in balls.items():
        if isinstance(ball, Ball):
            assert ball.rad() <= 1e-15 * abs(ball)
            assert float(ball) == pytest.approx(float(tensors[symbol][0]), rel=1e-15)


def is_displaced(claim, parameter):
    """A number or list that is moved by any factor stays in its domain, and the factor 1 does not move it."""
    name, domain, instance = parameter.name, parameter.domain, example(claim)
    if not domain.moves:
        return
    for factor in (1e-30, 0.5, 1.0, 1e30):
        start = {each: torch.tensor([instance.values[each]], dtype=torch.float64) for each in (name, *domain.depends())}
        moved = domain.displaced(_Displacing, name, start, torch.tensor(factor, dtype=torch.float64), {})
        assert moved.shape == start[name].shape
        if factor == 1.0:
            torch.testing.assert_close(moved, start[name], rtol=1e-12, atol=0)
        found = tuple(moved[0].tolist()) if moved.ndim > 1 else float(moved[0])
        order = tuple(range(len(instance.order)))
        assert domain.fitted(name, domain.canonical(name, found), instance.values, order) == found


def is_moved_by_the_adversary(claim, parameter):
    instances = [example(claim)] * 2
    moving = _Moving(claim.problem, instances)
    assert (parameter.name in moving.shifts) == parameter.domain.moves
    assert set(moving.bindings()) == set(instances[0].bindings)
    for before, after in zip(instances, moving.moved(), strict=True):
        assert before.values.keys() == after.values.keys()


def is_swept_or_refused_by_name(claim, parameter):
    """A sweep returns as many values as are asked for, or says in one line which parameter allows no sweep."""
    instance, name = example(claim), parameter.name
    given = {each: value for each, value in instance.values.items() if each != name}
    said = None
    try:
        _, found = sweep(claim.problem, given, f"{name}=2:9:4")
        assert len({each.values[name] for each in found.values()}) == len(found) > 1
    except ParameterError as error:
        said = str(error)
    assert said is None or re.fullmatch(rf".*\b{name}\b.*", said)


def states_hypotheses_or_has_none(claim, parameter):
    """The hypotheses of a theorem in Coq have different names; a domain that no theorem is stated for says so."""
    domain = parameter.domain
    if type(domain).hypotheses is theory.domains.Domain.hypotheses:
        with pytest.raises(ValueError, match=f"^{type(domain).__name__} has no hypotheses in Coq$"):
            domain.hypotheses(["x", "y"])
        return
    found = domain.hypotheses(["x", "y"])
    assert len({name for name, _ in found}) == len(found)
    assert all(re.fullmatch(r"[a-z]\w*", name) and text for name, text in found)
    assert bool(found) != bool(domain.cases())


ANSWERS = (
    reads_its_example,
    fits_sizes,
    tells_whether_it_is_whole,
    is_written_back,
    is_said,
    is_drawn_by_hypothesis,
    is_drawn_over_all_that_is_allowed,
    varies_without_changing_sizes,
    scales,
    has_ends_within_it,
    is_enclosed,
    is_displaced,
    is_moved_by_the_adversary,
    is_swept_or_refused_by_name,
    states_hypotheses_or_has_none,
)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.__name__)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_domain_answers(kind, answer):
    answer(*asked(kind))


def test_parameters_that_depend_on_one_another_are_refused():
    problem = find("mse-imbalanced").problem
    first, second = (
        Parameter(name, theory.domains.GreaterThan(other, "as an example"), "") for name, other in ("ab", "ba")
    )
    with pytest.raises(ParameterError, match="a, b: depend on one another"):
        dataclasses.replace(problem, parameters=(*problem.parameters, first, second))


def test_a_number_above_a_limit_is_drawn_close_to_it_and_far_off():
    """The limit itself is refused, with what happens there; the next number is allowed, and so is one tuned close to the limit."""
    claim = find("vae-learnable-decoder-covariance")
    domain = claim.problem.parameter("beta").domain
    least, most = domain.extremes()
    assert 1 < least < 1 + 1e-15
    assert domain.canonical("beta", str(least)) == least
    with pytest.raises(ValueError, match=r"beta: '1' is not allowed; beta is a finite number above 1, .*\(at 1 .*\)"):
        domain.canonical("beta", "1")
    random = Random(0)
    excesses = [domain.drawn("beta", WideDraws(random, (2,)), {}) - 1 for _ in range(200)]
    assert 0 < min(excesses) < 1e-8
    assert 1e8 < max(excesses) < most
    excess = Threshold(1 / (beta - 1), k, D, tuned="beta")
    for ratio in (1e8, 1.0, 1e-8):
        tuned = tuned_to(claim, excess, {"theta": (2.0, 1.0)}, 1, ratio)
        assert 1 / (tuned - 1) == pytest.approx(ratio, rel=1e-6)


def test_draws_depend_on_the_seed_and_not_on_the_modules_that_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy = st.floats(0, 1)
    before = drawn(strategy, 300, seed=5)
    constants = [0.123456 + 1e-4 * i for i in range(1000)]
    (tmp_path / "many_constants.py").write_text(f"CONSTANTS = {constants}\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("many_constants")
    assert drawn(strategy, 300, seed=5) == before
    assert set(before).isdisjoint(constants)
    assert drawn(strategy, 300, seed=6) != before
