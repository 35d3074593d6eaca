"""The spectrum of centred labels, exact, in doubles and in balls, and the claim that rests on this spectrum."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
import torch
from scipy.optimize import minimize_scalar

from numerics.backends.ball_evaluation import ball_bindings
from numerics.backends.balls import Ball
from numerics.backends.bindings import stack_bindings
from numerics.backends.tensors import TorchArrays
from theory.claim import find
from theory.cli.commands import predict
from theory.secular import SecularRoot, centred_spectrum, critical_counts
from theory.symbols import nu_k

CLAIM = find("mse-deep-linear-imbalanced-bias")
COUNTS = [(1, 1), (100, 1), (3, 3, 3), (2, 1, 1), (8, 3, 1), (3, 2, 1), (9, 9, 4, 4, 4, 1), (100, 8, 7, 6, 5, 4, 3, 1)]
DECAYS = {"weight_decay": 1e-3, "feature_decay": 2e-4}


def matrix(counts):
    return np.diag(counts) - np.outer(counts, counts) / sum(counts)


@pytest.mark.parametrize("counts", COUNTS)
def test_spectrum_is_that_of_the_matrix(counts):
    eigenvalues = np.linalg.eigvalsh(matrix(counts))[::-1]
    assert [float(x) for x in centred_spectrum(counts)] == pytest.approx(eigenvalues[:-1], rel=1e-13)


@pytest.mark.parametrize("counts", COUNTS)
def test_critical_counts_are_the_eigenvalues_and_the_critical_points(counts):
    found = critical_counts(counts)
    roots = np.sqrt(counts)
    eigenvalues = np.linalg.eigvalsh(np.diag(counts) - np.outer(roots, roots) / len(counts))[::-1]
    assert [float(x) for x in found] == pytest.approx(eigenvalues[:-1], rel=1e-13)
    x = sp.Symbol("x")
    derivative = sp.Poly(sp.prod([x - n for n in counts]), x).diff(x)
    for number in found:
        if isinstance(number, SecularRoot):
            low, high = number.bracket(2**200)
            assert derivative.eval(low) * derivative.eval(high) < 0
        else:
            assert derivative.eval(number) == 0


@pytest.mark.parametrize("scale", [1, 7, 2**50, 2**51, 2**113, 10**40])
@pytest.mark.parametrize("counts", [tuple(range(199, 0, -2)), (10**15, 10**15 - 1, 3), (10**9, 7, 6, 1)])
def test_roots_lie_in_their_brackets(counts, scale):
    """Σ_k n_k / (ν − n_k), in fractions, is not negative at the lower end of a bracket, and negative at the upper one."""
    for number in centred_spectrum(counts)[::9]:
        if isinstance(number, SecularRoot):
            low, high = (Fraction(int(end.p), int(end.q)) for end in number.bracket(scale))
            assert high - low == Fraction(1, scale)
            at_low, at_high = (sum(n / (end - n) for n in counts) if end not in counts else None for end in (low, high))
            assert at_low is None or at_low >= 0
            assert at_high is None or at_high < 0


@pytest.mark.parametrize(("counts", "first"), [((7, 3), 5), ((4, 4, 4), 4), ((9, 9, 4), 9), ((5, 2, 2), 4)])
def test_rational_critical_counts_are_written_as_such(counts, first):
    assert critical_counts(counts)[0] == first


@pytest.mark.parametrize("counts", COUNTS)
def test_enclosures_are_narrow_and_hold_a_root(counts):
    """The characteristic polynomial, from SymPy, changes sign in every bracket, or vanishes at the rational eigenvalue."""
    x = sp.Symbol("x")
    exact = sp.diag(*counts) - sp.Matrix(counts) * sp.Matrix([counts]) / sum(counts)
    polynomial = exact.charpoly(x).as_expr()
    instance = CLAIM.problem.instance(class_counts=counts, **DECAYS)
    for number, ball in zip(centred_spectrum(counts), ball_bindings(CLAIM.problem, instance)[nu_k], strict=True):
        assert ball.rad() < 1e-50
        if isinstance(number, SecularRoot):
            low, high = number.bracket(2**200)
            assert polynomial.subs(x, low) * polynomial.subs(x, high) < 0
            ends = [Ball(int(end.p)) / int(end.q) for end in (low, high)]
            assert ball.overlaps(ends[0].union(ends[1]))
            assert sp.N(number, 50) == pytest.approx(float(number), rel=1e-15)
        else:
            assert polynomial.subs(x, number) == 0


def test_rational_eigenvalues_are_written_as_such():
    """With two different counts the root solves a linear equation and is rational. With more counts few roots are rational."""
    assert centred_spectrum((2, 1, 1)) == (sp.Rational(3, 2), 1)
    assert centred_spectrum((100, 1)) == (sp.Rational(200, 101),)
    assert centred_spectrum((8, 3, 1)) == (sp.Rational(9, 2), sp.Rational(4, 3))
    assert [isinstance(x, SecularRoot) for x in centred_spectrum((12, 6, 4, 3))] == [True, False, True]


@pytest.mark.parametrize("counts", COUNTS)
def test_axes_turn_the_centred_labels_to_a_diagonal(counts):
    instance = CLAIM.problem.instance(class_counts=counts, **DECAYS)
    bindings = stack_bindings([instance])
    xp = TorchArrays(bindings)
    y = xp.labels()
    left, right = xp.label_axes(y)
    turned = left.mT @ (y - y.mean(1, keepdim=True)) @ right
    torch.testing.assert_close(turned, torch.diag(bindings[nu_k][0].sqrt()), rtol=1e-12, atol=1e-12)
    for axes in (left, right):
        torch.testing.assert_close(axes.mT @ axes, torch.eye(len(counts) - 1, dtype=axes.dtype), rtol=0, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_equal_classes_give_the_simplex(depth):
    shared = {"class_counts": (6, 6, 6, 6), "depth": depth, "widths": 2, **DECAYS}
    ours, simplex = (
        predict(claim, claim.problem.instance(**shared)) for claim in (CLAIM, find("mse-deep-linear-balanced-bias"))
    )
    assert ours["value"] == pytest.approx(simplex["value"], rel=1e-14)
    assert ours["invariants"]["bias"] == [0.25] * 4
    spectra = [np.array(result["invariants"]["layer_spectra"]) for result in (ours, simplex)]
    np.testing.assert_allclose(spectra[0], spectra[1][:, :3], rtol=1e-13)
    assert np.abs(spectra[1][:, 3]).max() == 0
    for name in ("classifier_grams", "feature_grams"):
        size = {"classifier_grams": 1, "feature_grams": 6}[name]  # class means average 6 samples, axes have norm one
        ours_there, simplex_there = (np.array(result["invariants"][name]) for result in (ours, simplex))
        traces = (np.trace(ours_there, axis1=-2, axis2=-1), size * np.trace(simplex_there, axis1=-2, axis2=-1))
        np.testing.assert_allclose(*traces, rtol=1e-13)


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("counts", [(9, 4, 1), (50, 5, 5, 2)])
def test_value_by_another_way(counts, depth):
    """The value agrees with LAPACK's eigenvalues and numerical minima of the scalar problems, with the rank cut to two."""
    values = {"class_counts": counts, "depth": depth, "widths": 2, **DECAYS}
    total, decay = sum(counts), DECAYS["weight_decay"] ** depth * DECAYS["feature_decay"]
    expected = 0.0
    for number, size in enumerate(np.sqrt(np.linalg.eigvalsh(matrix(counts))[:0:-1])):

        def objective(q: float, size: float = size) -> float:
            penalty = (depth + 1) / 2 * decay ** (1 / (depth + 1)) * q ** (2 / (depth + 1))
            return (q - size) ** 2 / (2 * total) + penalty

        bounds = (0.5 * size, size)
        best = minimize_scalar(objective, bounds=bounds, method="bounded", options={"xatol": 1e-12}).fun
        expected += min(best, objective(0.0)) if number < 2 else objective(0.0)
    predicted = predict(CLAIM, CLAIM.problem.instance(**values))
    assert predicted["value"] == pytest.approx(expected, rel=1e-12)


def test_only_what_belongs_to_classes_comes_in_the_order_the_user_gave():
    given, ordered = (
        predict(CLAIM, CLAIM.problem.instance(class_counts=counts, **DECAYS)) for counts in ((5, 20, 10), (20, 10, 5))
    )
    assert given["invariants"]["bias"] == pytest.approx([5 / 35, 20 / 35, 10 / 35])
    assert given["invariants"]["classifier_grams"] == ordered["invariants"]["classifier_grams"]
    assert given["collapsed"] == ordered["collapsed"] == [False, False]


def test_collapse_exactly_on_the_threshold_is_decided_exactly():
    """Classes of 9 and 1 give ν = 9/5. With one layer the direction collapses iff ν ≤ N² λ_W λ_H."""
    on, above = (
        predict(CLAIM, CLAIM.problem.instance(class_counts=(9, 1), weight_decay=0.1, feature_decay=decay))
        for decay in (0.18, 0.1799999)
    )
    assert (on["collapsed"], above["collapsed"]) == ([True], [False])
