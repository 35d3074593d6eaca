"""The named lemmas that proofs rest on, tested on random matrices with ties and rank deficiency, and in their cases of equality."""

from __future__ import annotations

from collections.abc import Callable

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from proofs_check.harness.report import Ledger
from theory.claim import find, shipped

ROUNDED = 1e-11
"""Rounding of a singular value decomposition, relative to the size of the terms."""
EXAMPLES = 60


class Draw:
    """Random sizes, numbers and matrices from one seed."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)

    def size(self) -> int:
        return int(self.generator.integers(1, 6))

    def orthogonal(self, size: int) -> np.ndarray:
        return np.linalg.qr(self.generator.normal(size=(size, size)))[0]

    def spectrum(self, count: int) -> np.ndarray:
        """Return descending nonnegative numbers over several decades, often with ties and zeros."""
        levels = 10.0 ** self.generator.uniform(-3, 2, size=count)
        chosen = levels[self.generator.integers(0, count, size=count)]
        return np.sort(np.where(self.generator.random(count) < 0.25, 0.0, chosen))[::-1]

    def matrix(self, rows: int, columns: int) -> np.ndarray:
        values = np.zeros((rows, columns))
        least = min(rows, columns)
        values[range(least), range(least)] = self.spectrum(least)
        return self.orthogonal(rows) @ values @ self.orthogonal(columns)

    def positive(self) -> float:
        return float(10.0 ** self.generator.uniform(-2, 2))

    def definite(self, size: int) -> np.ndarray:
        axes = self.orthogonal(size)
        return (axes * (self.spectrum(size) + self.positive())) @ axes.T


def singular(a: np.ndarray) -> np.ndarray:
    return np.linalg.svd(a, compute_uv=False)


def unrounded(q: np.ndarray) -> np.ndarray:
    """Return singular values with rounding set to zero, since a small power of a small number need not be small."""
    return np.where(q > 1e-12 * q.max(initial=0.0), q, 0.0)


def no_less(larger: float, smaller: float, size: float) -> None:
    assert larger >= smaller - ROUNDED * (size + 1e-300)


def same(a: float, b: float, size: float) -> None:
    assert abs(a - b) <= ROUNDED * (size + 1e-300)


def schatten_form(draw: Draw, depth: int) -> None:
    """Any factorisation costs at least the Schatten form, and the balanced factorisation costs exactly the form."""
    decays = [draw.positive() for _ in range(depth + 1)]
    sides = [draw.size() for _ in range(depth + 2)]
    factors = [draw.matrix(a, b) for a, b in zip(sides[1:], sides[:-1], strict=True)]

    def cost(parts: list[np.ndarray]) -> float:
        return sum(decay / 2 * float((part**2).sum()) for decay, part in zip(decays, parts, strict=True))

    def form(q: np.ndarray) -> float:
        return (depth + 1) / 2 * float(np.prod(decays)) ** (1 / (depth + 1)) * float((q ** (2 / (depth + 1))).sum())

    product = factors[0]
    for factor in factors[1:]:
        product = factor @ product
    no_less(cost(factors), form(unrounded(singular(product))), cost(factors))
    left, q, right = np.linalg.svd(draw.matrix(sides[-1], sides[0]), full_matrices=False)
    q = unrounded(q)
    shared = float(np.prod(decays)) ** (1 / (depth + 1)) * q ** (2 / (depth + 1))
    roots = [np.diag(np.sqrt(shared / decay)) for decay in decays]
    balanced = [roots[0] @ right, *roots[1:-1], left @ roots[-1]]
    rebuilt = balanced[0]
    for factor in balanced[1:]:
        rebuilt = factor @ rebuilt
    assert np.allclose(rebuilt, (left * q) @ right, rtol=1e-9, atol=1e-9 * q.max())
    same(cost(balanced), form(q), cost(balanced))


def nuclear_form(draw: Draw) -> None:
    schatten_form(draw, 1)


def schatten_forms(draw: Draw) -> None:
    schatten_form(draw, int(draw.generator.integers(1, 6)))


def gibbs(draw: Draw) -> None:
    count = draw.size() + 1
    p, s = (draw.generator.dirichlet(np.full(count, 0.3)) + 1e-300 for _ in range(2))
    with np.errstate(over="ignore"):
        terms = p * (np.log(p) - np.log(s))
    no_less(float(terms.sum()), 0.0, float(np.abs(terms).sum()))
    same(float((p * np.log(p / p)).sum()), 0.0, 1.0)


def operator_and_nuclear(draw: Draw) -> None:
    rows, columns = draw.size(), draw.size()
    a, b = draw.matrix(rows, columns), draw.matrix(rows, columns)
    size = float(singular(a)[0] * singular(b).sum())
    no_less(size, float((a * b).sum()), size)
    left, q, right = np.linalg.svd(b, full_matrices=False)
    same(float(((left @ right) * b).sum()), float(q.sum()), float(q.sum()))


def gaussian_posterior(draw: Draw) -> None:
    """A random Gaussian q costs at least the closed form, and the exact posterior costs exactly the closed form."""
    data, latents = draw.size(), draw.size()
    beta, noise, prior = draw.positive() ** 0.5, draw.positive() ** 0.5, draw.positive() ** 0.5
    u, x = draw.matrix(data, latents), draw.generator.normal(size=data)

    def cost(mean: np.ndarray, covariance: np.ndarray) -> float:
        misfit = float(((x - u @ mean) ** 2).sum() + np.trace(u @ covariance @ u.T)) / noise**2
        kl = (float(mean @ mean) + np.trace(covariance)) / prior**2 - latents
        return misfit + beta * (kl + 2 * latents * np.log(prior) - np.linalg.slogdet(covariance)[1])

    m = beta * noise**2 * np.eye(data) + prior**2 * u @ u.T
    least = beta * (x @ np.linalg.solve(m, x) + np.linalg.slogdet(m / (beta * noise**2))[1])
    precision = u.T @ u / (beta * noise**2) + np.eye(latents) / prior**2
    posterior = np.linalg.inv(precision)
    mean = posterior @ u.T @ x / (beta * noise**2)
    size = abs(least) + float(x @ x) / noise**2 + np.linalg.cond(precision) * 1e-3 + 1
    same(cost(mean, posterior), least, size)
    other = mean + draw.generator.normal(size=latents)
    no_less(cost(other, draw.definite(latents)), least, size)


def trace_inequality(draw: Draw) -> None:
    size = draw.size()
    a, b = draw.definite(size), draw.definite(size)
    (a_values, a_axes), b_values = np.linalg.eigh(a), np.linalg.eigvalsh(b)
    paired = float((a_values[::-1] * b_values).sum())
    no_less(float(np.trace(a @ b)), paired, float(np.trace(a @ b)))
    aligned = (a_axes * b_values[::-1]) @ a_axes.T
    same(float(np.trace(a @ aligned)), paired, paired)


def log_majorisation(draw: Draw) -> None:
    """The products of the largest eigenvalues are at least those of the pairs in opposite order, and all are equal where axes are shared."""
    size = draw.size()
    a, b = draw.definite(size), draw.definite(size)
    (a_values, a_axes), (b_values, b_axes) = np.linalg.eigh(a), np.linalg.eigh(b)
    paired = np.sort(np.log(a_values[::-1] * b_values))[::-1].cumsum()
    spread = float(np.sqrt(a_values[-1] / a_values[0] * b_values[-1] / b_values[0]))
    scale = float(np.abs(paired).sum()) + 1 + 1e-3 * spread

    def logs(other: np.ndarray) -> np.ndarray:
        return 2 * np.log(singular((a_axes * np.sqrt(a_values)).T @ (other * np.sqrt(b_values)))).cumsum()

    product = logs(b_axes)
    no_less(float((product - paired).min()), 0.0, scale)
    same(float(product[-1]), float(paired[-1]), scale)
    same(float(np.abs(logs(a_axes[:, ::-1]) - paired).max()), 0.0, scale)


def completed_square(draw: Draw) -> None:
    data, latents, kappa = draw.size(), draw.size(), draw.positive()
    u, w, root = draw.matrix(data, latents), draw.matrix(latents, data), draw.definite(data)

    def cost(w: np.ndarray) -> float:
        return float(((root - u @ w @ root) ** 2).sum() + kappa**2 * ((w @ root) ** 2).sum())

    least = kappa**2 * float(np.trace(root @ np.linalg.solve(u @ u.T + kappa**2 * np.eye(data), root)))
    best = np.linalg.solve(u.T @ u + kappa**2 * np.eye(latents), u.T)
    size = cost(best) + float((root**2).sum()) * (1 + 1e-3 * np.linalg.cond(u.T @ u + kappa**2 * np.eye(latents)))
    same(cost(best), least, size)
    no_less(cost(w), least, size)


def mirsky(draw: Draw) -> None:
    rows, columns = draw.size(), draw.size()
    a, b = draw.matrix(rows, columns), draw.matrix(rows, columns)
    distance, size = float(((singular(a) - singular(b)) ** 2).sum()), float((a**2).sum() + (b**2).sum())
    no_less(float(((a - b) ** 2).sum()), distance, size)
    left, _, right = np.linalg.svd(a, full_matrices=False)
    aligned = (left * singular(b)) @ right
    same(float(((a - aligned) ** 2).sum()), distance, size)


def hoffman_wielandt(draw: Draw) -> None:
    size = draw.size()

    def symmetric() -> np.ndarray:
        axes, signs = draw.orthogonal(size), draw.generator.choice([-1.0, 1.0], size=size)
        return (axes * (signs * draw.spectrum(size))) @ axes.T

    a, b = symmetric(), symmetric()
    (own, axes), other = np.linalg.eigh(a), np.linalg.eigvalsh(b)
    distance, terms = float(((own - other) ** 2).sum()), float((a**2).sum() + (b**2).sum())
    no_less(float(((a - b) ** 2).sum()), distance, terms)
    aligned = (axes * other) @ axes.T
    same(float(((a - aligned) ** 2).sum()), distance, terms)


def projections(draw: Draw) -> None:
    rows, columns = draw.size(), draw.size()
    a, axes = draw.matrix(rows, columns), draw.orthogonal(columns)
    kept = axes[:, : int(draw.generator.integers(0, columns + 1))]
    slack = singular(a) - singular(a @ kept @ kept.T)
    no_less(float(slack.min()), 0.0, float(singular(a)[0]))


def turning(draw: Draw) -> None:
    rows, inner, columns = draw.size(), draw.size(), draw.size()
    w, h, labels = draw.matrix(rows, inner), draw.matrix(inner, columns), draw.matrix(rows, columns)
    left, right = draw.orthogonal(rows), draw.orthogonal(columns)
    turned_w, turned_h, size = left @ w, h @ right.T, float((w**2).sum() * (h**2).sum() + (labels**2).sum())
    for turned, factor in ((turned_w, w), (turned_h, h)):
        same(float((turned**2).sum()), float((factor**2).sum()), float((factor**2).sum()))
    fit, turned_fit = w @ h - labels, turned_w @ turned_h - left @ labels @ right.T
    same(float((turned_fit**2).sum()), float((fit**2).sum()), size)


def pinching(draw: Draw) -> None:
    """Two diagonal blocks, in any two orthonormal bases, are no larger than the matrix; a matrix of two blocks is no larger than they."""
    rows, columns = draw.size() + 1, draw.size() + 1
    above, before = (int(draw.generator.integers(1, size)) for size in (rows, columns))
    a, left, right = draw.matrix(rows, columns), draw.orthogonal(rows), draw.orthogonal(columns)
    p, q = left[:, :above] @ left[:, :above].T, right[:, :before] @ right[:, :before].T
    rest_p, rest_q = np.eye(rows) - p, np.eye(columns) - q
    blocks, squares = (p @ a @ q, rest_p @ a @ rest_q), float((a**2).sum())
    pinched = float(sum(singular(block).sum() for block in blocks))
    no_less(float(singular(a).sum()), pinched, float(singular(a).sum()) + pinched)
    no_less(squares, float(sum((block**2).sum() for block in blocks)), squares)
    same(float(singular(blocks[0] + blocks[1]).sum()), pinched, pinched)


def best_decoder(draw: Draw) -> None:
    """The best decoder leaves exactly the least residual, and any other decoder more by the square of the lemma."""
    outputs, codes = draw.size(), draw.size()
    root, w, noise = draw.matrix(outputs, outputs), draw.matrix(codes, outputs), draw.definite(codes)
    best, least, residual = least_residual(root, w, noise)
    trace, size = float(np.trace(least)), float((root**2).sum())
    same(float((residual(best) ** 2).sum()), trace, size)
    other = best + draw.matrix(outputs, codes)
    left = float((residual(other) ** 2).sum())
    no_less(left, trace, size + left)
    lost = (other - best) @ np.hstack([w @ root, noise])
    excess = residual(other) @ residual(other).T - least - lost @ lost.T
    same(float(np.linalg.norm(excess)), 0.0, size + left + float((lost**2).sum()))
    best_determinant(draw.definite(outputs), w, noise, other)


def least_residual(
    root: np.ndarray, w: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return the best decoder, the matrix that the lemma says it leaves, and the function that gives a root of what a decoder leaves."""
    encoded = w @ root
    factor = np.vstack([np.linalg.solve(noise, encoded), np.eye(len(root))])
    solved = np.linalg.lstsq(np.linalg.qr(factor)[1].T, root.T, rcond=None)[0]
    code = np.hstack([encoded, noise])
    best = np.linalg.lstsq(code.T, np.hstack([root, np.zeros((len(root), len(noise)))]).T, rcond=None)[0].T
    return best, solved.T @ solved, lambda u: np.hstack([root - u @ encoded, u @ noise])


def best_determinant(root: np.ndarray, w: np.ndarray, noise: np.ndarray, other: np.ndarray) -> None:
    """The determinant that the best decoder leaves is that of the lemma, and no other decoder leaves a smaller one."""
    best, _, residual = least_residual(root, w, noise)
    factor = np.linalg.solve(noise, w @ root)
    least = float(2 * np.linalg.slogdet(root)[1] - np.log1p(singular(factor) ** 2).sum())
    left = singular(residual(best))
    cancelled = float(np.linalg.norm(root) + np.linalg.norm(best) * np.linalg.norm(w @ root)) / float(left[-1])
    size = 1 + abs(least) + 1e-3 * cancelled
    same(2 * float(np.log(left).sum()), least, size)
    no_less(2 * float(np.log(singular(residual(other))).sum()), least, size)


def stein(draw: Draw) -> None:
    a = draw.definite(draw.size())
    values = np.linalg.eigvalsh(a)
    trace, logs = float(np.trace(a)), np.log(values)
    no_less(trace - len(a), float(logs.sum()), trace + float(np.abs(logs).sum()) + len(a))
    same(float(np.trace(np.eye(len(a)))) - len(a), float(np.linalg.slogdet(np.eye(len(a)))[1]), 1.0)


def hadamard(draw: Draw) -> None:
    a = draw.definite(draw.size())
    logs = np.log(np.diag(a)), np.log(np.linalg.eigvalsh(a))
    no_less(float(logs[0].sum()), float(logs[1].sum()), float(sum(np.abs(part).sum() for part in logs)) + 1)
    diagonal = np.diag(np.diag(a))
    same(float(np.linalg.slogdet(diagonal)[1]), float(logs[0].sum()), float(np.abs(logs[0]).sum()) + 1)


def product_norm(draw: Draw) -> None:
    """A product is no larger than its factors together, and as large where both have rank one along one direction."""
    rows, inner, columns = draw.size(), draw.size(), draw.size()
    a, b = draw.matrix(rows, inner), draw.matrix(inner, columns)
    bound = float(np.linalg.norm(a) * np.linalg.norm(b))
    no_less(bound, float(np.linalg.norm(a @ b)), bound)
    left, middle, right = (draw.generator.normal(size=size) for size in (rows, inner, columns))
    a, b = np.outer(left, middle), np.outer(middle, right)
    bound = float(np.linalg.norm(a) * np.linalg.norm(b))
    same(float(np.linalg.norm(a @ b)), bound, bound)


def rectified(draw: Draw) -> None:
    """The ReLU takes away a part that is orthogonal to what it leaves, so that it enlarges no norm."""
    a = draw.matrix(draw.size(), draw.size())
    kept, size = np.maximum(a, 0.0), float((a**2).sum())
    same(float((kept * (a - kept)).sum()), 0.0, size)
    same(float((kept**2).sum() + ((a - kept) ** 2).sum()), size, size)
    no_less(size, float((kept**2).sum()), size)


CHECKS = {
    "the norm of a product": product_norm,
    "the ReLU enlarges no norm": rectified,
    "variational form of the nuclear norm": nuclear_form,
    "variational form of the Schatten quasi-norm": schatten_forms,
    "Gibbs' inequality": gibbs,
    "duality of operator and nuclear norm": operator_and_nuclear,
    "Gibbs variational principle for Gaussians": gaussian_posterior,
    "von Neumann's trace inequality for positive matrices": trace_inequality,
    "log-majorisation of a product of positive matrices": log_majorisation,
    "Completing the square": completed_square,
    "Mirsky's inequality": mirsky,
    "the Hoffman-Wielandt inequality": hoffman_wielandt,
    "a projection enlarges no singular value": projections,
    "the Frobenius norm sees no rotation": turning,
    "pinching": pinching,
    "the best linear decoder": best_decoder,
    "Hadamard's inequality": hadamard,
    "Stein's loss is not negative": stein,
}


@pytest.mark.parametrize("claim_id", shipped())
def test_every_lemma_that_a_proof_rests_on_is_tested(claim_id: str) -> None:
    assert {lemma.name for lemma in find(claim_id).proof.lemmas} <= set(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_lemma(name: str, ledger: Ledger) -> None:
    """Each function of CHECKS asserts its lemma on random matrices that it draws."""

    @hypothesis.seed(ledger.seed)
    @hypothesis.settings(max_examples=EXAMPLES)
    @hypothesis.given(st.integers(0, 2**32))
    def holds(seed: int) -> None:
        CHECKS[name](Draw(seed))

    holds()
