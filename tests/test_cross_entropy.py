"""The cross-entropy on tensors: its gradient is written out, and agrees with that of the formula."""

import torch

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
