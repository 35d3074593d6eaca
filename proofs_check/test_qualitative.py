"""The sentences of the paper on linear VAEs beside its formulas: each is derived, and seen at trained optima."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch
from torch import Tensor

from numerics.backends.bindings import setting, stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.backends.tensors import DTYPE
from numerics.judging.invariants import measure
from numerics.tolerances import BELOW, CERTIFICATE_GAP, CONTRADICTION, INVARIANT, NEGLIGIBLE_SIZE, VALUE_GAP
from numerics.training.certified import train
from numerics.training.optimise import Ending
from theory.claim import Claim, find, registry
from theory.expressions import Formula, equal, evaluate_exactly, provably_nonnegative, provably_positive
from theory.point import Point
from theory.posterior_collapse.linear_gaussian import twice_kl
from theory.problem import REQUIRED, Instance
from theory.proof import Lemma, Threshold
from theory.symbols import beta, eta_dec, eta_enc, k, positive, sigma, theta

STARTS = 3

WEYL = Lemma(
    "Weyl's monotonicity theorem",
    r"If $A \preceq B$ in the Loewner order, then every eigenvalue of $A$, both spectra in descending order, is at most that of $B$.",
    "Horn, Johnson, Matrix Analysis, 4.3.12",
)


@dataclass(frozen=True)
class Trained:
    """A batch of instances that were trained together: the best points and their invariants."""

    claim: Claim
    instances: tuple[Instance, ...]
    point: Point
    measured: dict[str, Tensor]

    def sizes(self, name: str) -> Tensor:
        """Return the diagonal of a Gram matrix, with one entry for each direction of the data: [instances, directions]."""
        return self.measured[name].diagonal(dim1=-2, dim2=-1)

    def alive(self, name: str) -> Tensor:
        """Return which of these sizes are not zero, as far as training tells."""
        return not_zero(self.sizes(name))


def not_zero(sizes: Tensor) -> Tensor:
    """Return which nonnegative sizes exceed the size at which training leaves a zero."""
    return sizes > INVARIANT * sizes.max()


def trained(claim: Claim, settings: Sequence[Mapping[str, Any]]) -> Trained:
    """Train the settings in one batch, and assert that every trained point is certified."""
    instances = [claim.problem.instance(**values) for values in settings]
    training = train(claim, instances, starts=STARTS, seed=0, device="cpu")
    assert training.solution.best_ending() == [Ending.CONVERGED] * len(instances)
    assert all(0 <= certificate.gap <= CERTIFICATE_GAP for certificate in training.certificates)
    point = training.solution.best_point()
    return Trained(claim, tuple(instances), point, measure(claim, instances, point))


def assert_falls(sizes: Tensor) -> None:
    """Assert that no entry rises along the first axis beyond what training leaves open, and that the sum falls from first to last."""
    assert bool((sizes[1:] - sizes[:-1] <= INVARIANT * sizes.max()).all())
    assert float(sizes[-1].sum()) < (1 - CONTRADICTION) * float(sizes[0].sum())


def of_claim(*claim_ids: str) -> pytest.MarkDecorator:
    """Run a test for these claims. This mark stands next to the test, so that ids of claims come first and a claim is derived once."""
    return pytest.mark.parametrize("about", claim_ids)


def alive_branch(expression: sp.Expr) -> sp.Expr:
    """Return a formula with each maximum replaced by its argument in θ: the formula of a direction that is alive."""

    def in_theta(*arguments: sp.Expr) -> sp.Expr:
        (kept,) = [a for a in arguments if a.has(theta)]
        return kept

    return expression.replace(sp.Max, in_theta)


# Input–output correlation drives the collapse of a CVAE.

CORRELATIONS = (0.0, 0.3, 0.5, 0.7, 0.85, 0.98)


@of_claim("cvae")
def test_a_stronger_correlation_leaves_a_smaller_residual(about: str) -> None:
    """The residual τ (1 − ρ²) of one output with variance τ and correlation ρ with its condition falls in ρ, and ω² falls with it."""
    tau, rho = positive("tau"), positive("rho")
    joint = sp.Matrix([[1, rho * sp.sqrt(tau)], [rho * sp.sqrt(tau), tau]])
    residual = joint[1, 1] - joint[1, 0] * joint[0, 1] / joint[0, 0]
    assert equal(residual, tau * (1 - rho**2))
    assert provably_positive(-sp.diff(residual, rho))
    left = positive("theta")
    decoder = alive_branch(find(about).prediction.named["decoder"].expression).subs(theta[k], left)
    assert provably_positive(sp.diff(decoder, left))


@of_claim("cvae")
def test_a_stronger_correlation_leaves_smaller_residual_eigenvalues(about: str) -> None:
    """Scaling all correlations from s up to s + r shrinks vᵀEv for every v, so by Weyl's theorem every eigenvalue falls."""
    s, r = positive("s"), positive("r")
    total, cross = sp.symbols("T Q", commutative=False)
    residual = {scale: total - scale**2 * cross * sp.adjoint(cross) for scale in (s, s + r)}
    gram = sp.expand(residual[s] - residual[s + r]) - sp.expand(((s + r) ** 2 - s**2) * cross * sp.adjoint(cross))
    assert sp.expand(gram) == 0
    assert provably_positive(sp.expand((s + r) ** 2 - s**2))
    drawn = np.random.default_rng(0)
    for _ in range(20):
        larger, part = (a @ a.T for a in (drawn.normal(size=(5, 5)), drawn.normal(size=(5, 2))))
        gap = np.linalg.eigvalsh(larger + part) - np.linalg.eigvalsh(larger)
        assert gap.min() >= -BELOW * np.linalg.norm(larger), WEYL.says


def along_correlations() -> list[dict[str, Any]]:
    """Return settings of one output whose correlations with its condition are scaled up step by step."""
    drawn = np.random.default_rng(3)
    axes = np.linalg.qr(drawn.normal(size=(3, 3)))[0]
    total = axes @ np.diag([3.0, 1.8, 1.1]) @ axes.T
    turned = np.linalg.qr(drawn.normal(size=(3, 3)))[0]
    full = np.linalg.cholesky(total) @ turned
    settings = []
    for correlation in CORRELATIONS:
        explained = full * correlation * np.array([1.0, 0.97, 0.93])
        values, vectors = np.linalg.eigh(total - explained @ explained.T)
        descending = np.argsort(-values)
        rows = (vectors.T @ explained)[descending]
        settings.append({"theta": tuple(values[descending]), "regression": tuple(map(tuple, rows))})
    return settings


@of_claim("cvae")
def test_more_correlation_means_more_collapse(about: str) -> None:
    settings = [{**values, "beta": 0.9, "eta_dec": 0.8} for values in along_correlations()]
    totals = [np.array(v["regression"]) @ np.array(v["regression"]).T + np.diag(v["theta"]) for v in settings]
    spectra = np.array([np.linalg.eigvalsh(total) for total in totals])
    np.testing.assert_allclose(spectra, np.tile(spectra[0], (len(spectra), 1)), rtol=VALUE_GAP)
    run = trained(find(about), settings)
    assert_falls(run.sizes("decoder_gram"))
    alive = run.alive("encoder_gram").sum(1).tolist()
    assert alive == sorted(alive, reverse=True)
    assert alive[0] == 3
    assert alive[-1] == 0
    assert len(set(alive)) > 2


# Smaller β and smaller decoder noise give less collapse.

NOISE = {
    "vae-learnable-variance": {"theta": (2.0, 1.2, 0.7)},
    "vae-fixed-variance": {"theta": (2.0, 1.2, 0.7), "sigma": (0.6, 0.9, 1.3)},
    "cvae": {"theta": (4.0, 1.4, 0.5), "regression": ((1.0,), (-0.5,), (0.3,))},
    "cvae-fixed-variance": {
        "theta": (4.0, 1.4, 0.5),
        "regression": ((1.0,), (-0.5,), (0.3,)),
        "sigma": (0.6, 0.9, 1.3),
    },
}
LEVELS = (0.1, 0.4, 0.9, 1.8, 15.0)


@pytest.mark.parametrize("noise", [beta, eta_dec], ids=str)
@of_claim(*NOISE)
def test_less_noise_is_derived_to_collapse_less(about: str, noise: sp.Symbol) -> None:
    """The threshold rises with the noise, and the encoder of a direction that is alive shrinks."""
    named, threshold = find(about).prediction.named, find(about).prediction.threshold
    at = {theta[k]: positive("theta"), sigma[k]: positive("sigma")}
    assert provably_positive(sp.diff(named["critical"].expression.subs(at), noise))
    assert provably_positive(-sp.diff(threshold.ratio.subs(at), noise))
    assert provably_positive(-sp.diff(alive_branch(named["encoder"].expression).subs(at), noise))


@pytest.mark.parametrize("noise", [beta, eta_dec], ids=str)
@of_claim("vae-learnable-variance", "cvae")
def test_less_noise_is_derived_to_enlarge_the_decoder(about: str, noise: sp.Symbol) -> None:
    decoder = alive_branch(find(about).prediction.named["decoder"].expression).subs(theta[k], positive("theta"))
    assert provably_positive(-sp.diff(decoder, noise))


@of_claim("vae-fixed-variance")
def test_with_given_variance_the_decoder_is_largest_half_way_to_the_threshold(about: str) -> None:
    """With a given variance less noise need not enlarge the decoder: ω² rises up to half the critical √β η_dec, and falls beyond."""
    at = {theta[k]: positive("theta"), sigma[k]: positive("sigma")}
    decoder = alive_branch(find(about).prediction.named["decoder"].expression).subs(at)
    critical = find(about).prediction.named["critical"].expression.subs(at)
    (turning,) = sp.solve(sp.diff(decoder, eta_dec), eta_dec)
    (collapse,) = sp.solve(critical - at[theta[k]], eta_dec)
    assert equal(turning, collapse / 2)
    assert provably_positive(-sp.diff(decoder, eta_dec, 2))
    values = {**NOISE[about], "eta_dec": LEVELS[0]}
    first = find(about).problem.instance(**values)
    half = float(
        turning.subs(
            {at[theta[k]]: first.bindings[theta][0], at[sigma[k]]: first.bindings[sigma][0], beta: 1, eta_enc: 1}
        )
    )
    sizes = trained(find(about), [{**values, "eta_dec": share * half} for share in (0.5, 1.0, 1.5)]).sizes(
        "decoder_gram"
    )
    assert float(sizes[1, 0]) > (1 + CONTRADICTION) * float(sizes[[0, 2], 0].max())


@pytest.mark.parametrize("noise", ["beta", "eta_dec"])
@of_claim(*NOISE)
def test_less_noise_collapses_less(about: str, noise: str) -> None:
    run = trained(find(about), [{**NOISE[about], noise: level} for level in LEVELS])
    assert_falls(run.sizes("encoder_gram"))
    alive = run.alive("encoder_gram").sum(1).tolist()
    assert alive == sorted(alive, reverse=True)
    assert alive[0] == 3
    assert alive[-1] == 0


# With a learnable variance the collapse is exact, with a given variance it is not.


def divergences(run: Trained, number: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return for each latent direction the mean KL divergence from posterior to prior, the variance and the squared encoder weight.

    The latent directions are the principal axes of Σ, along which posterior and prior are products. The sum of the divergences
    is asserted to be the divergence in the loss itself.
    """
    instance = run.instances[number]
    bindings = stack_bindings([instance])
    xp, data = setting(run.claim.problem, bindings)
    root = data.root[0]
    noise = run.point.S[number] if "S" in run.point else data.S[0]
    encoded = run.point.W[number] @ root
    variances, axes = torch.linalg.eigh(noise @ noise.mT)
    weights = (axes.mT @ encoded).square().sum(1)
    prior = instance.values["eta_enc"] ** 2
    each = ((weights + variances) / prior - 1 - torch.log(variances / prior)) / 2
    whole = twice_kl(xp, encoded, noise, {eta_enc: bindings[eta_enc][0]}) / 2
    assert float(each.sum()) == pytest.approx(float(whole), rel=VALUE_GAP)
    return each, variances, weights


@pytest.mark.parametrize("eta", [1.0, 1.7])
@of_claim("vae-learnable-variance")
def test_with_learnable_variance_collapse_is_exact(about: str, eta: float) -> None:
    """Directions without encoder weight have the prior's variance and no divergence. The other directions have a divergence."""
    run = trained(find(about), [{"theta": (2.0, 1.5, 0.9, 0.4), "beta": 1.1, "eta_dec": 0.95, "eta_enc": eta}])
    each, variances, weights = divergences(run, 0)
    zero = ~not_zero(weights)
    assert zero.sum() == 2
    assert bool((each[zero].abs() <= NEGLIGIBLE_SIZE).all())
    assert bool(((variances[zero] / eta**2 - 1).abs() <= INVARIANT).all())
    assert bool((each[~zero] > CONTRADICTION).all())
    assert bool((variances[~zero] < (1 - CONTRADICTION) * eta**2).all())


@pytest.mark.parametrize("eta", [1.0, 1.7])
@of_claim("vae-fixed-variance")
def test_with_given_variance_a_zero_direction_keeps_its_divergence(about: str, eta: float) -> None:
    """Of three directions without encoder weight, only the one with the prior's variance has no divergence."""
    given = (0.4 * eta, 0.8 * eta, eta, 1.6 * eta)
    settings = {"theta": (2.0, 0.7, 0.5, 0.4), "sigma": given, "beta": 1.1, "eta_dec": 0.95, "eta_enc": eta}
    run = trained(find(about), [settings])
    each, variances, weights = divergences(run, 0)
    zero = ~not_zero(weights)
    assert zero.tolist() == [False, True, True, True]
    own = ((variances / eta**2) - 1 - torch.log(variances / eta**2)) / 2
    torch.testing.assert_close(each[zero], own[zero], rtol=INVARIANT, atol=NEGLIGIBLE_SIZE)
    assert (each > CONTRADICTION).tolist() == [True, True, False, True]
    assert float(each[2].abs()) <= NEGLIGIBLE_SIZE
    collapsed = evaluate_exactly(find(about).prediction.collapsed, run.instances[0].bindings)
    assert (each <= NEGLIGIBLE_SIZE).tolist() == collapsed


# In the hierarchy a larger β_1 or a smaller β_2 keeps z_2 alive.

WEIGHTS = ("beta1", "beta2")
HIERARCHIES = [
    claim.id
    for claim in registry().values()
    if set(WEIGHTS) <= {parameter.name for parameter in claim.problem.parameters if parameter.domain.scales}
]
"""The claims in which β_1 may be the larger or the smaller weight."""
STEPS = (0.2, 1.0, 5.0)
GIVEN = {"theta": (2.0, 1.2), "sigma1": (0.8, 1.1)}
"""The parameters of these claims without a default."""


def required(claim: Claim) -> dict[str, tuple[float, ...]]:
    """Return values of the parameters of a claim without a default."""
    return {p.name: GIVEN[p.name] for p in claim.problem.parameters if p.default is REQUIRED}


def symbol_of(claim: Claim, name: str) -> sp.Symbol:
    """Return the symbol that a parameter sets."""
    before, after = (claim.problem.instance(**required(claim), **{name: v}).bindings for v in (1.0, 2.0))
    (symbol,) = [s for s in before if before[s] != after[s]]
    return symbol


def branches(expression: sp.Expr) -> list[sp.Expr]:
    """Return the formulas without cases, minima and maxima from which a formula is pieced together."""
    for cases, arguments in (
        (sp.Piecewise, lambda e: [value for value, _ in e.args]),
        (sp.Max, lambda e: list(e.args)),
        (sp.Min, lambda e: list(e.args)),
    ):
        for part in expression.atoms(cases):
            return [branch for a in arguments(part) for branch in branches(expression.xreplace({part: a}))]
    return [expression]


def of_the_top(claim: Claim) -> Threshold:
    """Return the threshold that says which directions of z_2 are alive: its matrix vanishes with the decoder of z_2."""
    instance = claim.problem.instance(**required(claim))
    bindings = stack_bindings([instance])
    xp, data = setting(claim.problem, bindings)
    drawn = torch.Generator().manual_seed(0)
    shapes = {v.name: tuple(int(side.subs(instance.bindings)) for side in v.shape) for v in claim.problem.variables}
    point = {name: torch.randn(1, *shape, generator=drawn, dtype=DTYPE) for name, shape in shapes.items()}
    point["U_2"] = torch.zeros_like(point["U_2"])
    found = {i.name: i.measure(xp, Point(point), data, bindings) for i in claim.problem.invariants}
    (threshold,) = [t for t in claim.prediction.thresholds if not found[t.telling or claim.problem.telling].any()]
    return threshold


@pytest.mark.parametrize(("weight", "sign"), [("beta1", 1), ("beta2", -1)])
@pytest.mark.parametrize("about", HIERARCHIES)
def test_which_weights_are_derived_to_keep_the_top_alive(about: str, weight: str, sign: int) -> None:
    """The ratio of z_2 to its threshold, alive above 1, rises in β_1 and falls in β_2."""
    claim = find(about)
    threshold, symbol = of_the_top(claim), symbol_of(claim, weight)
    plain = {entry: positive(f"x_{i}") for i, entry in enumerate(threshold.ratio.atoms(sp.Indexed))}
    for branch in branches(threshold.ratio.xreplace(plain)):
        assert provably_nonnegative(sp.simplify(sign * sp.diff(branch, symbol))), branch
    settings = [{**required(claim), weight: step} for step in STEPS]
    bindings = stack_bindings([claim.problem.instance(**values) for values in settings])
    ratios = evaluate(Formula(threshold.ratio, ((threshold.index, threshold.count),)), bindings)
    assert bool((sign * (ratios[1:] - ratios[:-1]) > 0).all())


@pytest.mark.parametrize(("weight", "sign"), [("beta1", 1), ("beta2", -1)])
@pytest.mark.parametrize("about", HIERARCHIES)
def test_which_weights_keep_the_top_alive(about: str, weight: str, sign: int) -> None:
    """At trained optima the decoder of z_2 uses no fewer directions as β_1 grows, and no more as β_2 grows."""
    claim = find(about)
    run = trained(claim, [{**required(claim), weight: step} for step in STEPS])
    alive = not_zero(torch.linalg.svdvals(run.point.U_2) ** 2).sum(1).tolist()
    assert alive == sorted(alive, reverse=sign < 0)
    assert len(set(alive)) > 1
