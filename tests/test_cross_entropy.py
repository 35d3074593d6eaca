"""The cross-entropy on tensors: its gradient is written out, and agrees with that of the formula."""

import pytest
import torch

from numerics.backends.ball_arrays import BallArrays
from numerics.backends.balls import BallMatrix
from numerics.backends.tensors import TorchArrays

LABELS = torch.nn.functional.one_hot(torch.tensor([0, 2, 1, 0, 2]), 3).to(torch.float64).mT


def losses(z):
    return TorchArrays({}).column_cross_entropy(z, LABELS)


def logits(size):
    return size * torch.randn(2, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_values_and_gradients_are_those_of_the_formula():
    for size in (1e-3, 1.0, 1e2):
        z = logits(size).requires_grad_()
        expected = torch.logsumexp(z, -2) - (z * LABELS).sum(-2)
        torch.testing.assert_close(losses(z), expected, rtol=1e-12, atol=1e-13 * size)
        ours, plain = (torch.autograd.grad(f.sum(), z)[0] for f in (losses(z), expected))
        torch.testing.assert_close(ours, plain, rtol=1e-10, atol=1e-14)


def test_a_small_loss_keeps_its_digits():
    """Where the correct logit leads by 50 both wrong ones add e⁻⁵⁰, and so does each to the gradient."""
    z = (50 * LABELS).requires_grad_()
    small = torch.exp(torch.tensor(-50.0, dtype=torch.float64))
    torch.testing.assert_close(losses(z), (2 * small).expand(5), rtol=1e-12, atol=0)
    (gradient,) = torch.autograd.grad(losses(z).sum(), z)
    torch.testing.assert_close(gradient, small * (1 - 3 * LABELS), rtol=1e-12, atol=0)


def test_first_and_second_derivatives_agree_with_differences():
    z = logits(1.0).requires_grad_()
    assert torch.autograd.gradcheck(losses, z)
    assert torch.autograd.gradgradcheck(losses, z)


SOFT = {
    "mixed": [[0.7, 0.2, 0.1], [1 / 3, 1 / 3, 1 / 3], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0], [0.25, 0.75, 0.0]],
    "almost one-hot": [
        [1 - 1e-12, 5e-13, 5e-13],
        [1e-12, 1 - 2e-12, 1e-12],
        [0.0, 1e-12, 1 - 1e-12],
        [1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
    ],
}


@pytest.mark.parametrize("kind", SOFT)
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e2])
def test_labels_may_be_any_probabilities(kind, size):
    """Tensors and balls agree with the formula, and so do gradient and curvature of the tensors."""
    y, z = torch.tensor(SOFT[kind], dtype=torch.float64).mT, logits(size).requires_grad_()
    found, expected = TorchArrays({}).column_cross_entropy(z, y), torch.logsumexp(z, -2) - (z * y).sum(-2)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13 * size)
    ours, plain = (torch.autograd.grad(f.sum(), z, create_graph=True)[0] for f in (found, expected))
    torch.testing.assert_close(ours, plain, rtol=1e-10, atol=1e-14)
    direction = logits(1.0).flip(0)
    curved, as_plain = (torch.autograd.grad((g * direction).sum(), z)[0] for g in (ours, plain))
    torch.testing.assert_close(curved, as_plain, rtol=1e-10, atol=1e-14)
    for one, values in zip(z.detach(), found.detach(), strict=True):
        balls = BallArrays({}).column_cross_entropy(BallMatrix.from_tensor(one), BallMatrix.from_tensor(y))
        assert [float(x) for x in balls.tolist()[0]] == pytest.approx(values.tolist(), rel=1e-12, abs=1e-13 * size)


def test_a_small_loss_against_an_almost_one_hot_label_keeps_its_digits():
    share = 1e-12
    y = torch.tensor([[1 - 2 * share], [share], [share]], dtype=torch.float64)
    z = torch.tensor([[50.0], [0.0], [0.0]], dtype=torch.float64)
    expected = 2 * (share * 50 + torch.exp(torch.tensor(-50.0, dtype=torch.float64)))
    torch.testing.assert_close(TorchArrays({}).column_cross_entropy(z, y)[0], expected, rtol=1e-12, atol=0)
