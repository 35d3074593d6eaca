"""Predicted values against direct minimisation of the reduced problem, written here by hand, at drawn instances."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sampling import everything
from scipy.optimize import linear_sum_assignment, minimize, minimize_scalar
from scipy.special import expit

from numerics.backends.ball_evaluation import ball_bindings
from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.bounds.separable import separable_bound
from numerics.training.certified import train
from proofs_check.harness.drawing import REGIMES
from proofs_check.harness.strategies import batches, drawn
from theory.claim import Claim, find
from theory.expressions import Formula, evaluate_exactly
from theory.problem import Instance, TwoUnequalCounts

TO_ROUNDING = {"gtol": 1e-10}
"""Gradient at which a search ends. Values are as small as 1e-3, for which the usual 1e-5 is too large."""
AGREES = 1e-7
"""Relative distance of a predicted value from the numerical minimum. The search stops where rounding hides the descent."""
INSTANCES = 100 if everything() else 25
"""Instances of each claim: a run of all tests takes some from every regime, and all of them where everything is tried."""
SMALL = 30.0
"""The search for the logarithm of a margin begins this far below zero."""
STARTS = 30
"""Random starts where poor local minima are many."""


def least(objective: Callable[[Any], Any], largest: float) -> float:
    """Return the least value of a function on [0, largest], from the best of many brackets on a logarithmic grid."""
    grid = np.unique([0.0, *np.geomspace(largest * 1e-9, largest, 400), *np.linspace(0.0, largest, 4001)])
    values = objective(grid)
    best = int(np.argmin(values))
    low, high = grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)]
    found = minimize_scalar(objective, bounds=(low, high), method="bounded", options={"xatol": 1e-12 * largest})
    return min(float(values[best]), float(found.fun))


def penalised_bias(values: dict) -> float:
    """K − 1 directions with the whole fit, and one with the share of it that the best bias leaves."""
    counts, decay = values["class_counts"], math.sqrt(values["weight_decay"] * values["feature_decay"])
    samples, size = sum(counts), math.sqrt(counts[0])

    def of(weight: float) -> float:
        return least(lambda q: weight * (q - size) ** 2 / (2 * samples) + decay * q, size)

    share = values["bias_decay"] / (1 + values["bias_decay"])
    return (len(counts) - 1) * of(1.0) + of(share)


def regression(values: dict) -> float:
    """One direction for each target within the rank, with the decay of depth + 1 balanced factors."""
    depth, samples, deviations = values["depth"], values["sample_size"], values["theta"]
    rank = min(*values["widths"], len(deviations))
    decays = [*values["weight_decay"], values["feature_decay"]]
    mean_decay = math.exp(sum(map(math.log, decays)) / (depth + 1))

    def of(deviation: float) -> float:
        size = math.sqrt(samples) * deviation

        def objective(q: Any) -> Any:
            return (q - size) ** 2 / (2 * samples) + (depth + 1) / 2 * mean_decay * q ** (2 / (depth + 1))

        return least(objective, size)

    return sum(of(x) for x in deviations[:rank]) + sum(x**2 / 2 for x in deviations[rank:])


def binary(values: dict) -> float:
    """The correct logit x and the wrong ones y of the class means, minimised together: a convex problem in two numbers."""
    counts = values["class_counts"]
    classes, pull = len(counts), math.sqrt(counts[0] * values["weight_decay"] * values["feature_decay"])

    def objective(z: np.ndarray) -> float:
        correct, wrong = z
        fit = np.logaddexp(0, -correct) + (classes - 1) * np.logaddexp(0, wrong)
        return float(fit + pull * ((classes - 1) * abs(correct - wrong) + abs(correct + (classes - 1) * wrong)))

    best = np.inf
    for start in ((0.0, 0.0), (2.0, -2.0), (30.0, -30.0), (-1.0, -1.0)):
        point = np.array(start)
        for _ in range(3):  # the objective has kinks, at which the simplex search is started again
            found = minimize(
                objective, point, method="Nelder-Mead", options={"xatol": 1e-11, "fatol": 1e-15, "maxiter": 4000}
            )
            point, best = found.x, min(best, float(found.fun))
    return best


def frame(values: dict) -> float:
    """A collapsed point: the outputs are q in size, and every factor is an orthogonal frame, with one decay term each."""
    classes, samples = len(values["class_counts"]), values["class_counts"][0]
    decays, factors = [*values["weight_decay"], samples * values["feature_decay"]], values["depth"] + 1
    mean_decay = math.exp(sum(map(math.log, decays)) / factors)

    def objective(q: Any) -> Any:
        return (q - 1) ** 2 / 2 + factors / 2 * classes * mean_decay * q ** (2 / factors)

    return least(objective, 1.0)


def simplex(values: dict) -> float:
    """A simplex ETF of margin t in every layer; a bias, whose entries are equal by symmetry, changes nothing."""
    classes, samples = len(values["class_counts"]), values["class_counts"][0]
    decays, factors = [*values["weight_decay"], values["feature_decay"]], values["depth"] + 1
    mean_decay = math.exp(sum(map(math.log, decays)) / factors)
    weight = factors / 2 * (classes - 1) * mean_decay

    def objective(margin: Any) -> Any:
        return np.log1p((classes - 1) * np.exp(-margin)) + weight * (math.sqrt(samples) * margin) ** (2 / factors)

    # The largest margin may be many decades above the best one: the logarithm of the margin, from its least on, is searched.
    decades = math.log((math.log(classes) / weight) ** (factors / 2) / math.sqrt(samples)) + SMALL
    return min(math.log(classes), least(lambda above: objective(np.exp(above - SMALL)), decades))


def sphere(values: dict) -> float:
    """One feature for each class, which together with the classifier rows is free but for the norms: the logarithm of the loss."""
    classes, width, tau = len(values["class_counts"]), values["widths"], values["temperature"]

    def unit(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        norms = np.linalg.norm(x, axis=1, keepdims=True)
        return x / norms, norms

    def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
        (w, w_norms), (h, h_norms) = map(unit, x.reshape(2, classes, width))
        z = tau * h @ w.T  # one row a class
        wrong = np.exp(z - z.diagonal()[:, None]) * (1 - np.eye(classes))
        sums = wrong.sum(1)
        losses = np.log1p(sums)
        residual = wrong / (1 + sums)[:, None]
        residual = residual - np.diag(residual.sum(1))
        by_w, by_h = tau * residual.T @ h, tau * residual @ w
        slopes = [
            (g - (g * v).sum(1, keepdims=True) * v) / norms for g, v, norms in ((by_w, w, w_norms), (by_h, h, h_norms))
        ]
        return float(np.log(losses.mean())), np.concatenate([s.ravel() for s in slopes]) / losses.sum()

    generator, best = np.random.default_rng(0), np.inf
    for _ in range(2):
        start = generator.normal(size=2 * classes * width)
        options = {"ftol": 0.0, "gtol": 1e-10, "maxiter": 5000}
        best = min(best, float(minimize(objective, start, jac=True, method="L-BFGS-B", options=options).fun))
    return math.exp(best)


def two_margins(values: dict) -> float:
    """The margins that the features of either class give, and the bias: a convex problem in three numbers."""
    larger, smaller = sorted(values["class_counts"], reverse=True)
    shares = np.array([larger, smaller]) / (larger + smaller)
    costs = np.sqrt(np.array([larger, smaller]) * values["weight_decay"] * values["feature_decay"] / 2)
    sides = np.array([1.0, -1.0])

    def objective(at: np.ndarray) -> tuple[float, np.ndarray]:
        of_classes = at[:2] + sides * at[2]
        value = shares @ np.logaddexp(0, -of_classes) + costs @ at[:2]
        slopes = -shares * expit(-of_classes)
        return float(value), np.append(slopes + costs, sides @ slopes)

    options = {"ftol": 0.0, "gtol": 1e-11, "maxiter": 5000}
    bounds = [(0, None), (0, None), (None, None)]
    return float(minimize(objective, np.zeros(3), jac=True, method="L-BFGS-B", bounds=bounds, options=options).fun)


def axes(values: dict) -> float:
    """A mean of some length on an axis of its own for each class, a column of the classifier for each axis, and the bias."""
    counts = np.array(values["class_counts"], dtype=float)
    classes, samples = len(counts), counts.sum()
    decay = math.sqrt(values["weight_decay"] * values["feature_decay"])

    def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
        w, (length, bias) = x[: classes**2].reshape(classes, classes), x[classes**2 :].reshape(2, classes)
        z = w * length + bias[:, None]
        lead = z - z.diagonal()
        largest = lead.max(0)
        wrong = np.exp(lead - largest)
        fit = largest + np.log(wrong.sum(0))
        residual = counts / samples * (wrong / wrong.sum(0) - np.eye(classes))
        value = counts / samples @ fit + decay / 2 * ((w**2).sum() + counts @ length**2)
        slopes = residual * length + decay * w, (residual * w).sum(0) + decay * counts * length, residual.sum(1)
        return float(value), np.concatenate([slope.ravel() for slope in slopes])

    generator, best = np.random.default_rng(0), np.inf
    options = {"ftol": 0.0, "gtol": 1e-11, "maxiter": 5000}
    for size in (0.1, 1.0, 3.0):  # a class whose length is zero stays there
        start = np.concatenate([size * np.eye(classes).ravel(), np.full(classes, size), generator.normal(size=classes)])
        best = min(best, float(minimize(objective, start, jac=True, method="L-BFGS-B", options=options).fun))
    return best


def contrast(values: dict) -> float:
    """Two nonnegative features of unit norm for each class, for one sample and for its others: the logarithm of the loss.

    Of two classes that share a coordinate, neither leaves it by a small step while it costs nothing to stay. So there are many starts.
    """
    counts, width, tau = values["class_counts"], values["widths"], values["temperature"]
    classes = np.repeat(np.arange(len(counts)), 2)
    samples = np.array([m for count in counts for m in (1, count - 1)], dtype=float)
    others = samples[None, :] - np.eye(len(classes))  # samples of a feature beside the one that is compared with them
    own = np.repeat(counts, 2) - 1.0
    positive = (classes[:, None] == classes[None, :]) * others / own[:, None]

    def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
        h = x.reshape(len(classes), width)
        norms = np.linalg.norm(h, axis=1, keepdims=True)
        h = h / norms
        s = h @ h.T / tau
        lead = s - (positive * s).sum(1, keepdims=True)
        shares = others * np.exp(lead)
        excess = np.where(positive > 0, others * np.expm1(lead), shares).sum(1)
        losses = np.log(own) + np.log1p(excess / own)
        residual = shares / (own + excess)[:, None] - positive
        weighted = samples[:, None] * residual / tau
        slope = (weighted + weighted.T) @ h
        slope = (slope - (slope * h).sum(1, keepdims=True) * h) / norms
        total = float(samples @ losses)
        return math.log(total / samples.sum()), slope.ravel() / total

    generator, best = np.random.default_rng(0), np.inf
    for _ in range(STARTS):
        start = np.abs(generator.normal(size=len(classes) * width))
        options = {"ftol": 1e-13, "gtol": 1e-10, "maxiter": 5000}
        bounds = [(1e-12, None)] * len(start)  # a feature of zeros has no direction
        found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        best = min(best, float(found.fun))
    return math.exp(best)


def information(values: dict) -> float:
    """One direction for each latent dimension, in the weights of decoder and encoder and the posterior variance: three numbers."""
    noise = values["eta_dec"] ** 2
    informed, dimensions = values["beta_mi"], values["beta_kl"]

    def of(deviation: float) -> float:
        def objective(at: np.ndarray) -> tuple[float, np.ndarray]:
            decoder, encoder, log_variance = at  # in units of deviation/η_enc, of its inverse, and of η_enc²
            variance = math.exp(log_variance)
            code, left, data = encoder**2 + variance, 1 - decoder * encoder, deviation**2 / noise
            value = data * (left**2 + decoder**2 * variance) + informed * math.log(code / variance)
            by_code = informed / code + dimensions * (1 - 1 / code)
            slopes = (
                2 * data * (decoder * variance - encoder * left),
                2 * (encoder * by_code - data * decoder * left),
                variance * (data * decoder**2 + by_code) - informed,
            )
            return value + dimensions * (code - 1 - math.log(code)), np.array(slopes)

        starts = (np.array([share, share, -share]) for share in (0.0, 0.5, 1.0))
        return min(
            float(minimize(objective, start, jac=True, method="BFGS", options=TO_ROUNDING).fun) for start in starts
        )

    deviations = sorted(values["theta"], reverse=True)
    kept = values["latent_dim"]
    return sum(map(of, deviations[:kept])) + sum(x**2 / noise for x in deviations[kept:])


def covariance(values: dict) -> float:
    """Decoder, encoder, posterior variance and the decoder's variance in units of the data: the same four numbers for each axis."""
    weight = values["beta"]

    def objective(at: np.ndarray) -> tuple[float, np.ndarray]:
        decoder, encoder, log_variance, log_noise = at
        left, variance, precision = 1 - decoder * encoder, math.exp(log_variance), math.exp(-log_noise)
        misfit = (left**2 + decoder**2 * variance) * precision
        value = misfit + log_noise + weight * (encoder**2 + variance - 1 - log_variance)
        slopes = (
            2 * (decoder * variance - left * encoder) * precision,
            2 * (weight * encoder - left * decoder * precision),
            decoder**2 * variance * precision + weight * (variance - 1),
            1 - misfit,
        )
        return value, np.array(slopes)

    starts = np.random.default_rng(0).normal(size=(3, 4))
    least = min(float(minimize(objective, start, jac=True, method="BFGS", options=TO_ROUNDING).fun) for start in starts)
    kept, axes = values["latent_dim"], [2 * math.log(each) for each in values["theta"]]
    living = min(kept, len(axes))
    return sum(axes) + living * least + (len(axes) - living)


def residual(values: dict) -> float:
    """Each residual direction with each given variance, two weights a pair, and the assignment of one to the other that costs least."""
    noise, prior, weight = values["eta_dec"] ** 2, values["eta_enc"] ** 2, values["beta"]
    sigmas, data = values["sigma"], [x / noise for x in values["theta"]]

    def pair(amount: float, variance: float) -> float:
        def objective(at: np.ndarray) -> tuple[float, np.ndarray]:
            decoder, encoder = at
            left = 1 - decoder * encoder
            value = amount * (left**2 + decoder**2 * variance) + weight * (
                encoder**2 + variance - 1 - math.log(variance)
            )
            slopes = (
                2 * amount * (decoder * variance - encoder * left),
                2 * (weight * encoder - amount * decoder * left),
            )
            return value, np.array(slopes)

        starts = (np.array([share, share]) for share in (0.0, 0.5, 1.0))
        return min(
            float(minimize(objective, start, jac=True, method="BFGS", options=TO_ROUNDING).fun) for start in starts
        )

    variances = [x**2 / prior for x in sigmas]
    alone = sum(weight * (variance - 1 - math.log(variance)) for variance in variances)
    gains = [[pair(x, v) - weight * (v - 1 - math.log(v)) - x for v in variances] for x in data]
    rows, columns = linear_sum_assignment(gains)
    return alone + sum(data) + sum(min(0.0, gains[row][column]) for row, column in zip(rows, columns, strict=True))


def hierarchy(values: dict) -> float:
    """Each direction with each lower variance, four weights a pair, and the assignment of one to the other that costs least."""
    noise, prior, lower, upper = values["eta_dec"] ** 2, values["eta_enc"] ** 2, values["beta1"], values["beta2"]
    variances, top = [x**2 for x in values["sigma1"]], values["sigma2"] ** 2
    data = [x**2 / noise for x in values["theta"]]

    def pair(amount: float, variance: float) -> float:
        """Return the least cost over the code and the decoder of z_2, the other two weights being the best for these."""

        def objective(at: np.ndarray) -> float:
            code, size = variance * math.exp(at[0]), unit * math.expm1(at[1])
            encoder = math.sqrt(size) / (size + unit)
            surprise = (1 - math.sqrt(size) * encoder) ** 2 * code + size * top
            return amount * variance / code + lower * surprise / noise + upper * encoder**2 * code / prior

        unit = upper * noise / (lower * prior)
        bounds, options = [(0.0, None), (0.0, None)], {"ftol": 1e-15, "gtol": 1e-10}
        starts = ((0.0, 0.0), (1.0, 1.0))
        return min(float(minimize(objective, s, bounds=bounds, method="L-BFGS-B", options=options).fun) for s in starts)

    costs = [[pair(x, v) - x for v in variances] for x in data]
    rows, columns = linear_sum_assignment(costs)
    own = sum(lower * (math.log(noise / v) - 1) for v in variances)
    own += values["latent_dim"][1] * upper * (top / prior - 1 - math.log(top / prior))
    return sum(data) + sum(costs[row][column] for row, column in zip(rows, columns, strict=True)) + own


def learned_noise(values: dict) -> float:
    """Three numbers for each latent dimension, and the logarithm of the decoder variance that they share."""
    deviations = np.array(sorted(values["theta"], reverse=True))
    kept, weight = values["latent_dim"], values["beta"]

    def objective(at: np.ndarray) -> tuple[float, np.ndarray]:
        log_noise, (decoder, encoder, log_variance) = at[0], at[1:].reshape(3, kept)
        data, variance = deviations**2 * math.exp(-log_noise), np.exp(log_variance)
        living, left = data[:kept], 1 - decoder * encoder
        misfit = living * (left**2 + decoder**2 * variance)
        value = len(data) * log_noise + misfit.sum() + data[kept:].sum()
        value += weight * (encoder**2 + variance - 1 - log_variance).sum()
        slopes = (
            [len(data) - misfit.sum() - data[kept:].sum()],
            2 * living * (decoder * variance - encoder * left),
            2 * (weight * encoder - living * decoder * left),
            variance * (living * decoder**2 + weight) - weight,
        )
        return float(value), np.concatenate(slopes)

    spread = math.log(np.mean(deviations**2))
    starts = (np.concatenate([[spread], np.full(2 * kept, share), np.full(kept, -share)]) for share in (0.0, 0.5, 1.0))
    return min(float(minimize(objective, start, jac=True, method="BFGS", options=TO_ROUNDING).fun) for start in starts)


def agreeing(values: dict) -> float:
    """One weight of the feature along each axis: how far the two views are apart, and the distance of its variance from one."""
    deviations = sorted(values["theta"], reverse=True)
    living = min(values["latent_dim"], len(deviations))

    def of(deviation: float) -> float:
        share = values["eta_diff"] ** 2 / (deviation**2 + values["eta_diff"] ** 2)
        return least(lambda weight: 4 * share * weight**2 + (weight**2 - 1) ** 2, 2.0)

    return sum(map(of, deviations[:living])) + len(deviations) - living


def soft(instance: Instance) -> float:
    """A mean of the features for each class and the classifier, in which the problem has no local minima that are not global.

    The size of the start is that at which both decay terms are alike.
    """
    values = instance.values
    q, counts = np.array(values["soft_labels"], dtype=float).T, np.array(values["class_counts"], dtype=float)
    classes, shares = len(counts), counts / counts.sum()
    decay = math.sqrt(values["weight_decay"] * values["feature_decay"])

    def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
        w, h = x.reshape(2, classes, classes)
        z = w @ h
        powers = np.exp(z - z.max(0))
        fit = z.max(0) + np.log(powers.sum(0)) - (q * z).sum(0)
        slope = shares * (powers / powers.sum(0) - q)
        value = shares @ fit + decay / 2 * ((w**2).sum() + (h**2).sum(0) @ counts)
        return float(value), np.concatenate(
            [(slope @ h.T + decay * w).ravel(), (w.T @ slope + decay * counts * h).ravel()]
        )

    generator, best = np.random.default_rng(0), math.log(classes)
    options = {"ftol": 0.0, "gtol": 1e-12, "maxiter": 20000, "maxcor": 50}
    for size in (1.0, 0.1):
        start = size * generator.normal(size=(2, classes, classes))
        start[1] /= np.sqrt(counts)
        best = min(best, float(minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", options=options).fun))
    return best


REDUCED = {
    "cvae-fixed-variance": residual,
    "hvae-anisotropic-variances": hierarchy,
    "vae-learnable-decoder-variance": learned_noise,
    "bce-balanced": binary,
    "ce-deep-linear-bias": simplex,
    "ce-relu-bias-balanced": axes,
    "ce-relu-bias-two-classes": two_margins,
    "ce-sphere": sphere,
    "mse-deep-relu": frame,
    "mse-regularised-bias": penalised_bias,
    "mse-regression": regression,
    "spectral-contrastive": agreeing,
    "supcon-relu": contrast,
    "vae-information-weights": information,
    "vae-learnable-decoder-covariance": covariance,
}


def instances(claim_id: str) -> list[Instance]:
    """Return drawn instances of a claim, from all regimes in turn."""
    claim, found = find(claim_id), []
    for regime in REGIMES:
        found += [i for batch in drawn(batches(claim, regime), 8, seed=1) for i in batch]
    step = max(1, len(found) // INSTANCES)
    return found[::step][:INSTANCES]


def predicted(claim: Claim, instance: Instance) -> float:
    """Return the predicted minimum, or for a refuted claim that of the published structure."""
    if claim.refutation is not None:
        return float(separable_bound(claim.refutation.least, ball_bindings(claim.problem, instance)))
    return float(evaluate(claim.prediction.value, stack_bindings([instance])))


@pytest.mark.parametrize("claim_id", REDUCED)
def test_predicted_value_is_the_minimum_of_the_reduced_problem(claim_id):
    claim, compared = find(claim_id), instances(claim_id)
    assert len(compared) == INSTANCES
    sizes = {len(instance.values[claim.problem.sorted_parameter]) for instance in compared}
    assert len(sizes) > 2 or claim.problem.parameter("class_counts").domain == TwoUnequalCounts()
    for instance in compared:
        assert predicted(claim, instance) == pytest.approx(REDUCED[claim_id](instance.values), rel=AGREES), (
            instance.values
        )


FARTHER = 1e-3
"""Relative distance from the threshold of total collapse beyond which the minimum tells on which side an instance lies."""


def test_soft_labels_collapse_where_the_reduced_problem_does_and_have_its_minimum():
    """The minimum of the reduced problem lies between certified bounds, and is that of zero, log K, exactly where the ratio says so."""
    claim, compared = find("ce-soft-labels"), instances("ce-soft-labels")
    assert len(compared) == INSTANCES
    ratio = Formula(claim.prediction.named["ratio"].expression)
    sides = []
    for instance in compared:
        least, zero = soft(instance), math.log(len(instance.values["class_counts"]))
        found = evaluate_exactly(ratio, instance.bindings)
        (certificate,) = train(claim, [instance], 2, 0, "cpu").certificates
        assert certificate is not None
        assert least == pytest.approx(certificate.upper, rel=AGREES), instance.values
        assert least >= certificate.lower * (1 - 1e-13)
        if abs(found - 1) > FARTHER:
            sides.append(found > 1)
            assert (least < zero * (1 - 1e-13)) == (found > 1), (found, instance.values)
    assert min(sides.count(True), sides.count(False)) > INSTANCES / 8
