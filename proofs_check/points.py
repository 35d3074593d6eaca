"""Points a chain is run at: random ones over many scales, optimised ones where a link is tight, and mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import torch

from numerics.arrays import DTYPE, evaluate, stack_bindings
from numerics.compare import Chain
from theory.claim import Claim
from theory.expressions import Formula
from theory.problem import Instance
from theory.symbols import j, k

SCALES = (1e-3, 0.1, 0.5, 1.0, 3.0, 30.0)
TIGHTENING_STEPS = 80
TIGHTENING_RATE = 0.03


def random_point(
    claim: Claim, instances: Sequence[Instance], scale: float, generator: torch.Generator
) -> SimpleNamespace:
    """Draw a point for each instance, entries of the given scale in units of each variable."""
    bindings = stack_bindings(instances)
    sizes = {s: v for s, v in bindings.items() if isinstance(v, int)}
    arrays = {}
    for variable in claim.problem.active_variables(instances[0]):
        rows, columns = (int(side.subs(sizes)) for side in variable.shape)
        unit = evaluate(Formula(variable.scale, ((k, rows), (j, columns))), bindings)
        entries = scale * unit * torch.randn(len(instances), rows, columns, generator=generator, dtype=DTYPE)
        arrays[variable.name] = entries.abs() if variable.nonnegative else entries
    return SimpleNamespace(**arrays)


def mixture(a: SimpleNamespace, b: SimpleNamespace, share: float) -> SimpleNamespace:
    """Return (1 − share) a + share b; entries stay nonnegative where both are."""
    return SimpleNamespace(**{name: (1 - share) * x + share * getattr(b, name) for name, x in vars(a).items()})


def tight_points(
    claim: Claim,
    instances: Sequence[Instance],
    generator: torch.Generator,
    steps: int = TIGHTENING_STEPS,
    links: Sequence[int] | None = None,
) -> list[SimpleNamespace]:
    """Return, for each link, points at which gradient descent from a random start has made the link nearly tight.

    Link i leads to bound i from its predecessor; without ``links``, all of them. A wrong constant in a bound shows where
    the true inequality has no slack to hide it.
    """
    nonnegative = {v.name for v in claim.problem.variables if v.nonnegative}
    chosen, size = torch.tensor(range(len(claim.proof.bounds)) if links is None else links), len(instances)
    repeated = list(instances) * len(chosen)
    chain = Chain(claim, repeated)
    leaves = {
        name: a.clone().requires_grad_() for name, a in vars(random_point(claim, repeated, 1.0, generator)).items()
    }
    optimiser = torch.optim.Adam(
        [{"params": [leaf], "lr": TIGHTENING_RATE * float(leaf.detach().abs().mean())} for leaf in leaves.values()]
    )
    members = torch.arange(len(repeated))
    link = chosen[members // size]
    for _ in range(steps):
        optimiser.zero_grad()
        values = chain.run(SimpleNamespace(**leaves)).values
        slack = (values[link, members] - values[link + 1, members]) / values.detach().abs().max(0).values
        slack.sum().backward()
        for leaf in leaves.values():
            leaf.grad.nan_to_num_(0.0, 0.0, 0.0)  # where singular values coincide the slack has no gradient
        optimiser.step()
        with torch.no_grad():
            for name in nonnegative & leaves.keys():
                leaves[name].clamp_(min=0)
    return [
        SimpleNamespace(**{name: leaf.detach()[i * size : (i + 1) * size] for name, leaf in leaves.items()})
        for i in range(len(chosen))
    ]


def chain_points(
    claim: Claim, instances: Sequence[Instance], trained: SimpleNamespace, seed: int
) -> list[SimpleNamespace]:
    """Return the points a chain is run at: random over SCALES, tight for each link, and between those and the optimum."""
    generator = torch.Generator().manual_seed(seed)
    randoms = [random_point(claim, instances, scale, generator) for scale in SCALES]
    tight = tight_points(claim, instances, generator)
    trained = SimpleNamespace(**{name: array.cpu() for name, array in vars(trained).items()})
    between = [mixture(trained, p, share) for p in (randoms[3], *tight) for share in (0.01, 0.3)]
    return [*randoms, *tight, *between, trained]
