"""Steps within a trust region: held against the conditions of a minimum over a ball, and against each other."""

import pytest
import torch

from numerics.training.optimise import Ending, minimise
from numerics.training.trust_region import by_conjugate_gradients, by_eigenvalues
from theory.claim import find

RUNS, ENTRIES = 40, 12
ROUGH = 1e-3
"""Share of the radius by which a step may miss it: where the radius is large, the shift is known to rounding of the eigenvalues."""
ROUNDING = 1e-13
"""Share of the terms of a sum that their rounding may leave of it."""


def quadratics(lowest: float):
    """Return matrices with the eigenvalues ``lowest``, 1, 2, …, gradients, and a mask that holds two entries of every other run."""
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(RUNS, ENTRIES, ENTRIES + 1, generator=generator, dtype=torch.float64)
    directions = torch.linalg.qr(normal[:, :, :ENTRIES]).Q
    values = torch.arange(ENTRIES, dtype=torch.float64).index_fill(0, torch.tensor(0), lowest)
    held = torch.zeros(RUNS, ENTRIES, dtype=torch.bool)
    held[::2, 3:5] = True
    return directions * values @ directions.mT, normal[:, :, -1].masked_fill(held, 0.0), held


def check_minimum(matrix, slope, held, step, radius):
    """Check that a step is a global minimum over the ball.

    That is so iff there is a shift λ ≥ 0 with (H + λ) s = −slope, for which H + λ has no negative eigenvalue on the free entries,
    and which is 0 where the step is shorter than the radius.
    """
    free = ~held
    pulled = -(slope + (matrix @ step[:, None])[:, 0])[free]
    inside, size = step[free], step.norm()
    shift = float(pulled @ inside / (inside @ inside))
    terms = float(slope.norm() + torch.linalg.matrix_norm(matrix, 2) * size)
    assert float((pulled - shift * inside).norm()) <= ROUNDING * terms
    assert torch.equal(step[held], torch.zeros(int(held.sum()), dtype=torch.float64))
    assert float(torch.linalg.eigvalsh(matrix[free][:, free])[0]) + shift >= -1e-12
    assert size <= radius * (1 + ROUNDING)
    assert abs(shift) <= ROUNDING * terms / size or (shift > 0 and size >= radius * (1 - ROUGH))


@pytest.mark.parametrize("lowest", [1e-9, 1.0, -1.0])
@pytest.mark.parametrize("radius", [0.1, 3.0, 1e3, 1e10])
def test_an_exact_step_is_the_minimum_over_the_ball(lowest, radius):
    matrix, slope, held = quadratics(lowest)
    radii = torch.full((RUNS,), radius, dtype=torch.float64)
    steps, promised = by_eigenvalues(matrix, slope, held, radii)
    for row in range(RUNS):
        step = steps[row]
        check_minimum(matrix[row], slope[row], held[row], step, radius)
        decrease = -(slope[row] @ step + 0.5 * step @ matrix[row] @ step)
        terms = float(torch.linalg.matrix_norm(matrix[row], 2) * step.square().sum())
        assert float(promised[row]) == pytest.approx(float(decrease), abs=ROUNDING * terms, rel=1e-12)


def test_a_saddle_is_left_along_its_negative_curvature():
    """Where the gradient says nothing of the direction downhill, the step goes along it as far as the radius."""
    matrix = torch.diag_embed(torch.tensor([[-2.0, 1.0, 3.0]], dtype=torch.float64))
    slope = torch.tensor([[0.0, 0.5, 0.0]], dtype=torch.float64)
    step, promised = by_eigenvalues(
        matrix, slope, torch.zeros(1, 3, dtype=torch.bool), torch.ones(1, dtype=torch.float64)
    )
    assert float(step.norm()) == pytest.approx(1)
    assert float(step[0, 1]) == pytest.approx(-0.5 / 3)
    assert float(promised[0]) == pytest.approx(-float(slope[0] @ step[0] + 0.5 * step[0] @ matrix[0] @ step[0]))


def test_flat_directions_are_left_alone():
    """Rounding of a gradient along a direction in which the loss is constant moves nothing."""
    matrix = torch.diag_embed(torch.tensor([[0.0, 1e-18, 1.0]], dtype=torch.float64))
    slope = torch.tensor([[1e-17, 1e-17, 0.5]], dtype=torch.float64)
    step, _ = by_eigenvalues(
        matrix, slope, torch.zeros(1, 3, dtype=torch.bool), torch.full((1,), 10, dtype=torch.float64)
    )
    assert step.tolist() == [[0.0, 0.0, -0.5]]


def test_second_derivatives_that_are_not_finite_promise_nothing():
    matrix, slope, held = quadratics(1.0)
    matrix[1, 2, 2] = torch.nan
    steps, promised = by_eigenvalues(matrix, slope, held, torch.ones(RUNS, dtype=torch.float64))
    assert promised.isnan().nonzero().tolist() == [[1]]
    assert bool(steps.isfinite().all())


def test_both_ways_agree_where_curvatures_are_alike():
    matrix, slope, held = quadratics(1.0)
    radius = torch.full((RUNS,), 1e3, dtype=torch.float64)

    def curvature(v):
        return (matrix @ v[..., None])[..., 0]

    exact, promised = by_eigenvalues(matrix, slope, held, radius)
    step, also_promised, cut_short = by_conjugate_gradients(
        curvature, slope, held, radius, torch.full_like(radius, 1e-12)
    )
    assert not cut_short.any()
    assert torch.allclose(step, exact, rtol=0, atol=1e-10)
    assert torch.allclose(promised, also_promised, rtol=1e-10)


def test_conjugate_gradients_say_when_they_are_cut_short():
    """With curvatures over thirteen decades, rounding keeps them from the flattest direction; the exact step finds it."""
    normal = torch.randn(60, 60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    directions, values = torch.linalg.qr(normal).Q, 10.0 ** torch.linspace(-13, 0, 60, dtype=torch.float64)
    matrix = directions * values @ directions.mT
    slope, held = (directions @ values.sqrt())[None], torch.zeros(1, 60, dtype=torch.bool)
    radius, forcing = torch.full((1,), 1e9, dtype=torch.float64), torch.full((1,), 1e-3, dtype=torch.float64)
    _, less, cut_short = by_conjugate_gradients(lambda v: v @ matrix, slope, held, radius, forcing)
    _, most = by_eigenvalues(matrix[None], slope, held, radius)
    assert cut_short.all()
    assert float(most[0]) == pytest.approx(30, rel=0.01)  # half the sum of slope² / curvature
    assert float(less[0]) < 0.9 * float(most[0])


def test_training_ends_where_conjugate_gradients_are_cut_short():
    """A direction at its threshold beside a large regression: 600 steps with conjugate gradients alone do not get there."""
    problem = find("cvae").problem
    regression = 2 * torch.randn(8, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    instance = problem.instance(
        theta=(1.1, 1.1, 0.66, 0.48, 0.3, 0.26, 0.26, 0.2),
        regression=tuple(map(tuple, regression.tolist())),
        latent_dim=5,
        beta=0.3 / 2.94**2,
        eta_dec=2.94,
        eta_enc=2.58,
    )
    solution = minimise(problem, [instance], starts=1)
    assert solution.best_ending() == [Ending.CONVERGED]
    assert int(solution.iterations[0, 0]) <= 600
