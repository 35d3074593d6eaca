"""Every domain answers every question that is asked of one; a domain that is missing an answer fails by its name."""

import pytest
import torch

from numerics.searching.adversary import _Displacing
from theory.claim import registry
from theory.domains import Domain
from theory.errors import ParameterError

KINDS = {type(p.domain): (claim, p) for claim in registry().values() for p in claim.problem.parameters}


def example(claim):
    """Return parameters of a claim, each the example of its domain, after those it depends on."""
    values = {}
    for parameter in sorted(claim.problem.parameters, key=lambda p: len(p.domain.depends())):
        values[parameter.name] = parameter.domain.example(values)
    return claim.problem.instance(**values)


def test_every_kind_of_domain_is_asked():
    assert set(KINDS) == set(Domain.__subclasses__())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_domain_answers(kind):
    claim, parameter = KINDS[kind]
    name, domain = parameter.name, parameter.domain
    instance = example(claim)
    value = instance.values[name]
    assert domain.says
    # What is shown to the user is taken again, and means the same.
    assert domain.fitted(
        name, domain.canonical(name, domain.as_given(value, instance.order)), instance.values, instance.order
    ) == (value if not domain.sorts else tuple(domain.as_given(value, instance.order)))
    assert domain.sized(name, value, instance.bindings) == value
    assert set(domain.depends()) <= set(instance.values)
    for end in domain.extremes():
        assert domain.canonical(name, end) == end
    with pytest.raises(ParameterError, match=name):
        domain.canonical(name, "nonsense")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.moves], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("factor", [1e-30, 0.5, 1.0, 1e30])
def test_what_is_displaced_stays_in_the_domain(kind, factor):
    claim, parameter = KINDS[kind]
    instance, domain = example(claim), parameter.domain
    start = {
        name: torch.tensor([instance.values[name]], dtype=torch.float64) for name in (parameter.name, *domain.depends())
    }
    moved = domain.displaced(_Displacing, parameter.name, start, torch.tensor(factor, dtype=torch.float64), {})
    assert moved.shape == start[parameter.name].shape
    if factor == 1.0:
        torch.testing.assert_close(moved, start[parameter.name], rtol=1e-12, atol=0)
    found = tuple(moved[0].tolist()) if moved.ndim > 1 else float(moved[0])
    assert (
        domain.fitted(parameter.name, domain.canonical(parameter.name, found), instance.values, instance.order) == found
    )
