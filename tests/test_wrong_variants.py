"""Wrong variants of claims whose file is their whole derivation: each change of a file fails a check."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sampling import everything, sampled

from proofs_check.harness.drawing import REGIMES
from proofs_check.harness.examine import examine, judge
from proofs_check.harness.strategies import batches, drawn
from proofs_check.test_refuted import broken_links, departures, formula_cases, not_better
from theory import sources
from theory.claim import Claim, add_files, find, places
from theory.domains.drawing import Regime
from theory.errors import CheckFailed, ParameterError

WRONG = {
    "bce-balanced": {
        "a correct logit that costs more": (
            "(K - 2) * pull * x",
            "(K - 1) * pull * x",
            "step 'the logits apart' fails",
        ),
        "features along the classifier": (
            "- AVERAGE * sp.simplify(e / common_w)",
            "+ AVERAGE * sp.simplify(e / common_w)",
            "step 'reduction' fails",
        ),
        "classes that become one at half the ratio": (
            "Threshold(\n            1 / (K * PULL)",
            "Threshold(\n            2 / (K * PULL)",
            "predicted and trained collapse differ",
        ),
        "classes that vanish at half the ratio": (
            "Threshold(minimum.ratio.subs(here)",
            "Threshold(2 * minimum.ratio.subs(here)",
            "predicted and trained collapse differ",
        ),
        "wrong logits of the other sign": ("((-wrong, ALIVE)", "((wrong, ALIVE)", "wrong_logit"),
        "another probability of one class": ("sp.Min(PULL + 1 / K", "sp.Min(PULL + 2 / K", "exceeds"),
    },
    "ce-deep-linear-bias": {
        "a shorter line": ("LENGTH = 4 * t", "LENGTH = 3 * t", "step 'the loss of three classes on a line' fails"),
        "ends that are nearer to each other": (
            "+ sp.exp(-4 * t))",
            "+ sp.exp(-2 * t))",
            "step 'the loss of three classes on a line' fails",
        ),
        "half the bias": (
            "b=sp.Matrix([0, t, 0])",
            "b=sp.Matrix([0, t / 2, 0])",
            "step 'the loss of three classes on a line' fails",
        ),
        "ends on one side": (
            "[[1, 0, -1], [0, 0, 0], [-1, 0, 1]]",
            "[[1, 0, 1], [0, 0, 0], [1, 0, 1]]",
            "step 'the loss of three classes on a line' fails",
        ),
        "a mean over two classes": (
            "+ sp.log(1 + 2 * sp.exp(-t))) / 3",
            "+ sp.log(1 + 2 * sp.exp(-t))) / 2",
            "step 'the loss of three classes on a line' fails",
        ),
        "a slope in the bias that counts a class twice": (
            "(K - 1) * wrong + correct - 1",
            "K * wrong + correct - 1",
            "step 'the best bias of a simplex' fails",
        ),
        "a gain over a longer line": (
            "gain = 2 - 4**q",
            "gain = 2 - 5**q",
            "step 'a line: no larger at 3 layers' fails",
        ),
        "a line at two layers": ("sp.Eq(K, 3), M >= 3", "sp.Eq(K, 3), M >= 2", "a line: not better at 3 classes and 2"),
    },
    "ce-relu-bias": {
        "half of the cross-entropy": (
            "fitted = sp.Sum(n_k[k] / N * fit[k], (k, 1, K))",
            "fitted = sp.Sum(2 * n_k[k] / N * fit[k], (k, 1, K))",
            "class means exceeds loss",
        ),
        "features of each class counted in full": (
            "mean_features(xp, v, data) @ data.Y",
            "mean_features(xp, v, data) @ data.Y * 2",
            "class means exceeds loss",
        ),
        "hidden units that cost twice as much": (
            "fitted + sp.sqrt(weight_decay * feature_decay) * sp.Sum(sp.sqrt(",
            "fitted + 2 * sp.sqrt(weight_decay * feature_decay) * sp.Sum(sp.sqrt(",
            "balanced hidden units exceeds class means",
        ),
        "hidden units without the features": (
            "sp.Sum(sp.sqrt(w_squares[j] * h_squares[j]), (j, 1, d))",
            "sp.Sum(w_squares[j], (j, 1, d))",
            "balanced hidden units exceeds class means|not tight",
        ),
        "another split": (
            "- sp.sqrt(weight_decay * feature_decay) * w * h,",
            "- 2 * sp.sqrt(weight_decay * feature_decay) * w * h,",
            "step 'the split between the layers' fails",
        ),
        "scatter that stays": ("Formula(sp.Integer(0))", "Formula(sp.Integer(1))", "within_class_scatter"),
    },
    "ce-relu-bias-balanced": {
        "two classes": ("FEWEST = 3", "FEWEST = 2", "deviates from its prediction"),
        "classes of any size": (
            "ClassCounts(balanced=True, least=FEWEST)",
            "ClassCounts(least=FEWEST)",
            "minimum over the classifier exceeds class means",
        ),
        "features of either sign": (
            "nonnegative_features=True",
            "nonnegative_features=False",
            "predicted value exceeds minimum over the classifier",
        ),
        "residuals of another centre": (
            "SymbolicMatrix.identity(K) * K - SymbolicMatrix.ones(K)",
            "SymbolicMatrix.identity(K) - SymbolicMatrix.ones(K)",
            "step 'the bias drops out' fails",
        ),
        "residuals that add up to ones": (
            "sp.Integer(0),",
            "sp.Integer(1),",
            "step 'the bias drops out' fails",
        ),
        "residuals of one class fewer": (
            "SymbolicMatrix.identity(K) * K -",
            "SymbolicMatrix.identity(K) * (K - 1) -",
            "step 'the bias drops out' fails",
        ),
        "residuals that are not added up": (
            "(residuals @ SymbolicMatrix.ones(K))",
            "(residuals @ SymbolicMatrix.identity(K))",
            "step 'the bias drops out' fails",
        ),
    },
    "ce-relu-bias-two-classes": {
        "another pull": (
            "PULL = sp.sqrt(weight_decay * feature_decay * smaller / 2)",
            "PULL = sp.sqrt(weight_decay * feature_decay * smaller)",
            "step 'reduction' fails",
        ),
        "a threshold at twice the ratio": (
            "Threshold(RATIO, k",
            "Threshold(RATIO / 2, k",
            "predicted and trained collapse differ",
        ),
        "a threshold of the larger class": (
            "RATIO = larger * sp.sqrt(2 * smaller)",
            "RATIO = smaller * sp.sqrt(2 * larger)",
            "step 'the odds of class 1' fails",
        ),
        "a larger class that lives": (
            "within_rank=k > 1",
            "within_rank=k > 0",
            "predicted and trained collapse differ",
        ),
        "features of the larger class": (
            "OF_SMALLER = k - 1",
            "OF_SMALLER = 2 - k",
            "step 'reduction' fails",
        ),
        "a bias of the other sign": ("b=(3 - 2 * k) * x / 2", "b=(2 * k - 3) * x / 2", "step 'reduction' fails"),
        "half the bias": ("b=(3 - 2 * k) * x / 2", "b=(3 - 2 * k) * x / 4", "step 'reduction' fails"),
        "features of either sign": (
            "nonnegative_features=True",
            "nonnegative_features=False",
            "predicted value exceeds minimum over classifier and bias",
        ),
        "probabilities of total collapse": (
            "SHARE = 1 / LARGEST",
            "SHARE = sp.Integer(1)",
            "step 'the smaller class costs nothing when alive' fails",
        ),
        "an inner product that helps": (
            "(gram[1, 1] + gram[2, 2] - 2 * gram[1, 2])",
            "(gram[1, 1] + gram[2, 2] - 4 * gram[1, 2])",
            "minimum over classifier and bias exceeds class means",
        ),
    },
    "ce-sphere": {
        "a temperature that divides": (
            "xp.scale(v.W @ v.H, p[temperature])",
            "xp.scale(v.W @ v.H, 1 / p[temperature])",
            "step 'reduction' fails",
        ),
        "another margin": (
            "margin = temperature * square",
            "margin = temperature * K / (K + 1)",
            "step 'reduction' fails",
        ),
        "rows of norm √K": ("gram.entry(k, k) - 1, u", "gram.entry(k, k) - K, u", "step 'unit norm' fails"),
        "features of any norm": (', unit_norm="columns"', "", "predicted value exceeds duality of the norms"),
        "a classifier of any norm": (', unit_norm="rows"', "", "predicted value exceeds duality of the norms"),
        "classes of any size": (
            "ClassCounts(balanced=True)",
            "ClassCounts()",
            "predicted value exceeds duality of the norms",
        ),
        "a ball of half the radius": (
            "temperature * sp.sqrt(K * N)",
            "temperature * sp.sqrt(K * N) / 2",
            "the lower bound exceeds a value of the loss",
        ),
        "the cosine of an orthogonal frame": (
            "Measured(-1 / (K - 1)",
            "Measured(sp.Integer(0)",
            "cosine, which the statement names, deviates",
        ),
        "a tangent at other probabilities": (
            "epsilon = wrong_probability(margin)",
            "epsilon = wrong_probability(2 * margin)",
            "predicted value exceeds duality of the norms",
        ),
        "a dual bound without the temperature": (
            "entropy(epsilon) - temperature * K * epsilon",
            "entropy(epsilon) - K * epsilon",
            "duality of the norms exceeds tangent",
        ),
    },
    "hvae-anisotropic-variances": {
        "the largest noise for the largest deviation": (
            'sorted(values["sigma1"])',
            'sorted(values["sigma1"], reverse=True)',
            "lies below",
        ),
        "twice the noise": (
            "xp.diagonal(SIGMA, d_1)",
            "xp.scale(xp.diagonal(SIGMA, d_1), 2)",
            "step 'reduction' fails",
        ),
        "an upper level that cannot describe every direction": ("WidthPair(rising=True)", "WidthPair()", "differ|lies"),
        "the smallest noise for every direction": (
            "paired = (1 + gain[k]) * SIGMA[k] ** 2",
            "paired = (1 + gain[k]) * SIGMA[1] ** 2",
            "lower end of its first piece|exceeds",
        ),
        "a lower level that lives at half the ratio": (
            "Threshold(best.code_ratio",
            "Threshold(2 * best.code_ratio",
            "predicted and trained collapse differ",
        ),
        "an upper level that lives at half the ratio": (
            "Threshold(best.top_ratio",
            "Threshold(2 * best.top_ratio",
            "predicted and trained collapse differ",
        ),
        "deviations in place of variances": (
            "sum_over(theta[k] ** 2 / ((1 + gain[k])",
            "sum_over(theta[k] / ((1 + gain[k])",
            "exceeds",
        ),
        "a code without its noise": (
            'reading.diagonal("encoder_gram") + reading.p[SIGMA] ** 2',
            'reading.diagonal("encoder_gram")',
            "code_with",
        ),
        "zero directions of z_1 that have the prior": (
            "sp.Eq(SIGMA[k], eta_dec)",
            "sp.true",
            "z_1: another number of latent directions",
        ),
    },
    "mse-regularised-bias": {
        "K directions that sum to zero": ("summed = (K - 1) *", "summed = K *", "step 'reduction' fails"),
        "the other share": ("return decay / (1 + decay)", "return 1 / (1 + decay)", "step 'reduction' fails"),
        "no bias penalty": ("p[bias_decay] / 2 * xp.squared_norm(v.b)", "0", "step 'reduction' fails"),
        "a whole bias penalty": ("p[bias_decay] / 2 * xp", "p[bias_decay] * xp", "step 'reduction' fails"),
        "a bias that takes the whole mean": ("b + mean / (1 + bias_decay)", "b + mean", "step 'the best bias' fails"),
        "one size for all directions": (
            "((p, 1), (r, gamma))",
            "((p, 1), (r, 1))",
            "trained value .* lies below the predicted",
        ),
        "one threshold for all directions": (
            "Threshold(ratio.subs(here)",
            "Threshold(ratio.subs({**here, mu: 1})",
            "predicted and trained collapse differ",
        ),
        "one weight for all directions": (
            '(common_weight(values["bias_decay"]),)',
            "(1,)",
            "predicted and trained collapse differ",
        ),
        "a first bound that counts the common part in full": (
            "(centred + gamma * common)",
            "(centred + common)",
            "exceeds loss",
        ),
        "all singular values and the common one": (
            "xp.singular_values(xp.centre(over_samples(xp, v.W @ v.H)), p[K])",
            "xp.singular_values(v.W @ v.H, p[K])",
            "sum over directions exceeds best bias, nuclear-norm form",
        ),
    },
    "mse-deep-relu": {
        "no ReLU": (
            "network_loss(MSE, rectified_product)",
            "network_loss(MSE)",
            "step 'the loss at 6 edges, 4 layers' fails",
        ),
        "edges told apart too late": (
            "sp.Rational(1, 2) if b",
            "sp.Rational(1, 3) if b",
            "step 'the loss at 6 edges, 4 layers' fails",
        ),
        "another constant of the edges": (
            "r ** (M - 1) / 2\n",
            "r ** (M - 1) / 3\n",
            "step 'the loss at 6 edges, 4 layers' fails",
        ),
        "another exponent of the frame": (
            "COLLAPSED = K ** (M + 1)",
            "COLLAPSED = K**M",
            "step 'the sizes of the frames cancel' fails",
        ),
        "half the fit": ("(q - 1) ** 2 / 2", "(q - 1) ** 2 / 4", "step 'the published structure' fails"),
        "seven classes on four layers": ("{K: 8 + more, r: 5}", "{K: 7 + more, r: 5}", "on five vertices' fails"),
        "a threshold too wide": (
            "r ** (M - 1) < 2 * K ** (M - 2)",
            "r ** (M - 1) < 3 * K ** (M - 2)",
            "edges: not better at 7 classes and 4 layers",
        ),
        "a search that ends too early": ("LARGEST = (1 / (2 *", "LARGEST = (1 / (4 *", "end is"),
        "factors that are not balanced": (
            "(M + 1) / 2 * (decay_product * size)",
            "(M + 1) * (decay_product * size)",
            "exceeds loss",
        ),
    },
    "vae-learnable-decoder-covariance": {
        "half the normaliser": (
            "misfit + xp.logdet_of_gram(v.L)",
            "misfit + xp.logdet_of_gram(v.L) / 2",
            "step 'reduction' fails",
        ),
        "half the divergence": (
            "p[beta] * vae.twice_kl",
            "p[beta] / 2 * vae.twice_kl",
            "step 'reduction' fails",
        ),
        "information at half its price": (
            "+ 2 * iota * (beta - 1)",
            "+ iota * (beta - 1)",
            "step 'the price of information' fails",
        ),
        "a critical weight of two": (
            "+ 2 * iota * (beta - 1)",
            "+ iota * (beta - 2)",
            "step 'the price of information' fails",
        ),
        "weights below one": (
            "RealAbove(1, ",
            "RealAbove(0.5, ",
            "predicted value exceeds mutual information alone",
        ),
        "a decoder as noisy as the prior": (
            '"L": sp.sqrt(noise)',
            '"L": eta_enc',
            "deviates from its prediction",
        ),
        "a code that knows half a nat": (
            "silent = {iota: slope.point,",
            "silent = {iota: sp.Rational(1, 2),",
            "deviates from its prediction",
        ),
        "information counted twice": (
            "- knows + beta * divergence",
            "- knows / 2 + beta * divergence",
            "minimum over the decoder exceeds minimum over the decoder's covariance",
        ),
        "noise that the decoder does not see": (
            "xp.singular_values(xp.solve(v.S, v.W @ data.root)",
            "xp.singular_values(v.W @ data.root",
            "exceeds",
        ),
    },
    "spectral-contrastive": {
        "half the distance of a pair": (
            "return 4 * p[eta_diff] ** 2 * xp.squared_norm(v.F)",
            "return 2 * p[eta_diff] ** 2 * xp.squared_norm(v.F)",
            "step 'reduction' fails",
        ),
        "another constant in the cost of a direction": (
            "DIRECTION = 4 * eta_diff**2",
            "DIRECTION = 2 * eta_diff**2",
            "step 'reduction' fails",
        ),
        "a correlation of deviations": (
            "CORRELATION = (deviation**2 - eta_diff**2) / (deviation**2 + eta_diff**2)",
            "CORRELATION = (deviation - eta_diff) / (deviation + eta_diff)",
            "step 'what a direction gains' fails",
        ),
        "a gain without its square": (
            "            CORRELATION**2,",
            "            CORRELATION,",
            "step 'what a direction gains' fails",
        ),
        "a threshold at the variance of the difference": (
            'ratio = threshold_ratio(record, "the deviation of the mean", best, deviation)',
            'ratio = threshold_ratio(record, "the deviation of the mean", best, deviation) / eta_diff',
            "predicted and trained collapse differ",
        ),
        "features that vary where pairs oppose": (
            "CORRELATION.subs(here), best.point.subs(here)",
            "CORRELATION.subs(here), best.stationary.subs(here)",
            "exceeds|lies above|not tight",
        ),
        "eigenvalues of the features in other coordinates": (
            "xp.singular_values(white(v, data), p[D]) ** 2",
            "xp.singular_values(v.F, p[D]) ** 2",
            "exceeds",
        ),
        "the covariance for the correlation of a pair": (
            "return xp.solve(data.root, xp.transpose(xp.solve(data.root, covariance)))",
            "return covariance",
            "exceeds",
        ),
        "half of what is left of a direction": (
            "REST = 4 * deviation**2",
            "REST = 2 * deviation**2",
            "step 'what a direction costs' fails",
        ),
    },
    "ce-imbalanced": {
        "a slope without the other classes": ("sum(towards) / 3", "sum(towards) / 2", "step 'the slope at zero' fails"),
        "the zeros in place of the critical points": (
            "critical = x / 3 * sp.diff(sp.Mul(*(x - n for n in counts)), x)",
            "critical = sp.Mul(*(x - n for n in counts))",
            "step 'critical counts' fails",
        ),
        "the directions of the squared error": (
            "import critical_counts",
            "import centred_spectrum as critical_counts",
            "residual, which the statement names, deviates",
        ),
        "a critical point that is not squared": (
            "STEEPEST = sp.sqrt(xi[1]) / N",
            "STEEPEST = xi[1] / N",
            "residual, which the statement names, deviates",
        ),
        "residuals that outgrow the decays": (
            "sp.Min(STEEPEST, DECAY)",
            "sp.Max(STEEPEST, DECAY)",
            "residual, which the statement names, deviates",
        ),
        "a threshold without the samples": (
            "STEEPEST = sp.sqrt(xi[1]) / N",
            "STEEPEST = sp.sqrt(xi[1])",
            "residual, which the statement names, deviates",
        ),
        "total collapse at a quarter of the decay": (
            "collapse_ratio(record, STEEPEST)",
            "collapse_ratio(record, STEEPEST / 2)",
            "on one side of ratio alone",
        ),
        "total collapse at four times the decay": (
            "STEEPEST = sp.sqrt(xi[1]) / N",
            "STEEPEST = 2 * sp.sqrt(xi[1]) / N",
            "residual, which the statement names, deviates",
        ),
        "another singular vector": (
            "root / (n - x) for root",
            "root / (n + x) for root",
            "step 'right singular vector' fails",
        ),
    },
    "ce-soft-labels": {
        "a slope without the other classes": (
            "sp.Add(*towards) / 3",
            "sp.Add(*towards) / 2",
            "step 'the slope at zero' fails",
        ),
        "labels that do not sum to one": (
            "1 - sp.Add(*OF_THREE))",
            "1 - sp.Add(*OF_THREE) / 2)",
            "step 'the slope (at zero|is centred)' fails",
        ),
        "the zeros in place of the critical points": (
            "critical = x / 3 * sp.diff(sp.Mul(*(x - n for n in counts)), x)",
            "critical = sp.Mul(*(x - n for n in counts))",
            "step 'one-hot labels' fails",
        ),
        "smoothing that is not squared": (
            "x * (x - (1 - smoothing) ** 2 * n) ** 2",
            "x * (x - (1 - smoothing) * n) ** 2",
            "step 'smoothed labels' fails",
        ),
        "an eigenvalue that is not squared": (
            "STEEPEST = sp.sqrt(xi[1]) / N",
            "STEEPEST = xi[1] / N",
            "residual, which the statement names, deviates",
        ),
        "the second singular value": (
            "return largest_eigenvalues(gram, 1)",
            "return largest_eigenvalues(gram, 2)[1:]",
            "on one side of ratio alone|residual, which the statement names, deviates",
        ),
        "labels that are not centred": (
            "x - Fraction(1, len(counts)) for x in label",
            "x for x in label",
            "residual, which the statement names, deviates",
        ),
        "class counts in place of their roots": (
            "sum((n * q[i] * q[j] for",
            "sum((n * n * q[i] * q[j] for",
            "residual, which the statement names, deviates",
        ),
        "roots of class counts left out": (
            "sum((n * q[i] * q[j] for",
            "sum((q[i] * q[j] for",
            "residual, which the statement names, deviates",
        ),
        "a threshold without the samples": (
            "STEEPEST = sp.sqrt(xi[1]) / N",
            "STEEPEST = sp.sqrt(xi[1])",
            "residual, which the statement names, deviates",
        ),
        "classes forgotten": (
            "STEEPEST = sp.sqrt(xi[1]) / N",
            "STEEPEST = sp.sqrt(xi[1]) / (N * K)",
            "residual, which the statement names, deviates",
        ),
        "total collapse at a quarter of the decay": (
            "collapse_ratio(record, STEEPEST)",
            "collapse_ratio(record, STEEPEST / 2)",
            "on one side of ratio alone",
        ),
        "residuals that outgrow the decays": (
            "sp.Min(STEEPEST, DECAY)",
            "sp.Max(STEEPEST, DECAY)",
            "residual, which the statement names, deviates",
        ),
        "all classes of one label": (
            "n * (q == label) for",
            "n for",
            "scatter, which the statement names, deviates",
        ),
    },
    "ordinal-cumulative-link": {
        "a loss of the highest class with the odds upside down": (
            "(2 / a, 1 / a), from_it)",
            "(2 * a, a), from_it)",
            "step 'the loss of the highest class' fails",
        ),
        "a slope that falls short twice": (
            "SLOPE = high - low",
            "SLOPE = high - 2 * low",
            "step 'the slope of a class' fails",
        ),
        "an order the other way round": (
            "sp.simplify(-sp.diff(SLOPE, a))",
            "sp.simplify(sp.diff(SLOPE, a))",
            "odds of falling short",
        ),
        "another middle of a class": ("sp.log(a / c) / 2", "sp.log(a / c) / 3", "step 'the middle of a class' fails"),
        "a threshold without the samples": (
            "DECAY - size / N)",
            "DECAY - size)",
            "norm, which the statement names, deviates",
        ),
        "total collapse at a quarter of the decay": (
            "DECAY - size / N)",
            "DECAY - size / (2 * N))",
            "on one side of ratio alone",
        ),
        "another power of the decays": (
            "-size / (N * DECAY) * of_class",
            "-size / (N * DECAY**2) * of_class",
            "latent, which the statement names, deviates",
        ),
        "a classifier that is not balanced": (
            "sp.sqrt(feature_decay / weight_decay) * size",
            "sp.sqrt(weight_decay / feature_decay) * size",
            "classifier, which the statement names, deviates",
        ),
        "features off the line": (
            "xp.scale(xp.cross(v.H, v.H), p[feature_decay])",
            "xp.scale(xp.cross(v.H, v.H), 2 * p[feature_decay])",
            "off_the_line deviates",
        ),
        "a line at twice its cost": (
            '"one line",\n            fitted + DECAY * rho',
            '"one line",\n            fitted + 2 * DECAY * rho',
            "one line exceeds balanced layers",
        ),
        "odds upside down in the equation of the latent values": (
            'exceeding: (*values["odds"], 0),',
            'exceeding: (*(1 / o for o in values["odds"]), 0),',
            "latent, which the statement names, deviates",
        ),
    },
    "supcon-relu": {
        "a temperature that multiplies": (
            "xp.transpose(v.H) @ v.H, 1 / p[temperature]",
            "xp.transpose(v.H) @ v.H, p[temperature]",
            "step 'reduction' fails",
        ),
        "a sample that is its own positive": (
            "{positives: n_k[k] - 1,",
            "{positives: n_k[k],",
            "lies below|deviates|exceeds",
        ),
        "all samples as negatives": ("negatives: N - n_k[k]}", "negatives: N - 1}", "deviates|exceeds"),
        "features of either sign": (
            "nonnegative=True, unit_norm",
            "unit_norm",
            "predicted value exceeds mean similarities",
        ),
        "a frame that has no room": ("Width(K),", "Width(sp.Max(1, K - 1), sp.Max(1, K - 1)),", "not tight|lies above"),
        "a box of half the similarities": (
            "lambda xp, p: xp.labels(), 1 / temperature)",
            "lambda xp, p: xp.labels(), 1 / (2 * temperature))",
            "the lower bound exceeds a value of the loss|outside the certified",
        ),
        "a softmax of the other sign": (
            "positives / negatives * sp.exp(-u)",
            "positives / negatives * sp.exp(u)",
            "step 'the softmax of the means' fails",
        ),
        "a cost that falls": ("sp.diff(cost(u), u)", "-sp.diff(cost(u), u)", "step 'the cost rises' fails"),
        "pairs of a sample with itself": (
            "(n_k[k] * length[k] - 1) / ((",
            "n_k[k] * length[k] / ((",
            "predicted value exceeds mean similarities",
        ),
        "half the cost of the negatives": (
            "sp.log(1 + negatives / positives",
            "sp.log(1 + negatives / 2 / positives",
            "step 'reduction' fails",
        ),
        "a mean longer than its features": ("Measured(sp.Integer(1)", "Measured(sp.Integer(2)", "length"),
    },
    "vae-information-weights": {
        "a whole divergence in place of the mutual information": (
            "p[beta_kl] * dimensions",
            "p[beta_mi] * dimensions",
            "step 'reduction' fails",
        ),
        "a threshold at the weight of the total correlation": (
            "e.xreplace({beta: beta_mi})",
            "e.xreplace({beta: beta_tc})",
            "step 'the marginal variance' fails",
        ),
        "twice the mutual information": (
            "p[beta_mi] * twice_information",
            "2 * p[beta_mi] * twice_information",
            "step 'reduction' fails",
        ),
        "a total correlation that is rewarded": (
            "p[beta_tc] * correlation",
            "-p[beta_tc] * correlation",
            "exceeds loss",
        ),
        "a code as large as the noise of the decoder": (
            "code_variance = best_u * eta_enc**2",
            "code_variance = best_u * eta_dec**2",
            "deviates from its prediction",
        ),
        "another share of noise": ("share = FLOOR / m", "share = eta_dec**2 / m", "step 'the marginal variance' fails"),
        "noise that the decoder does not see": (
            "return xp.solve(v.S, v.W @ data.root)",
            "return v.W @ data.root",
            "exceeds",
        ),
    },
    "mse-regression": {
        "variances without the samples": (
            "samples * deviation * deviation",
            "deviation * deviation",
            "exceeds centred product",
        ),
        "deviations in place of variances": ("samples * deviation * deviation", "samples * deviation", "lies below"),
        "targets half as large": ("xp.diagonal(theta)", "xp.scale(xp.diagonal(theta), 0.5)", "step 'reduction' fails"),
        "features of N samples each": ("identity(K), sp.Integer(1)", "identity(K), N", "step 'reduction' fails"),
        "another number of samples": ("(summed, nu_k, N *", "(summed, nu_k, K *", "step 'reduction' fails"),
        "a bias at the deviations": ("Formula(sp.Integer(0), ((k, K),))", "Formula(theta[k], ((k, K),))", "bias"),
        "one direction fewer": (
            "(TURNING,), K)",
            "(TURNING,), K - 1)",
            "predicted value exceeds sum over singular values",
        ),
    },
}
"""By claim: for each mistake the text of the file that is replaced, what replaces it, and what a check says of it."""
USUAL = REGIMES[-1]
FEWEST = next(regime for regime in REGIMES if regime.directions == 1)
"""The regime that draws the fewest classes or directions that a claim allows."""
A_CLAIM = 3
"""Number of mistakes in each claim that an ordinary run tries."""
CASES = [(claim_id, mistake) for claim_id, mistakes in WRONG.items() for mistake in sampled(mistakes, A_CLAIM)]


@pytest.fixture
def changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str, str], Claim]]:
    """Return a function that adds a claim's file, with one text replaced, to the registry as a claim of its own."""
    monkeypatch.setenv(sources.FILES, "")

    def add(claim_id: str, old: str, new: str) -> Claim:
        derive = find(claim_id).derive
        assert derive is not None
        text = Path(inspect.getfile(derive)).read_text(encoding="utf-8")
        assert text.count(old) == 1
        text = text.replace(old, new).replace(f'id="{claim_id}"', 'id="changed"')
        path = tmp_path / "changed.py"
        path.write_text(text, encoding="utf-8")
        add_files([path])
        return find("changed")

    yield add
    places.cache_clear()


def failures(claim: Claim, regimes: Sequence[Regime]) -> str:
    """Return the failures of the checks of a batch in the first regime that has any, or of a refutation's formulas, as one text."""
    try:
        claim.proof.check()
        claim.check_named()
        if claim.refutation is not None:
            return "\n".join(failures_of_refutation(claim))
        return next(filter(None, (failures_in(claim, regime) for regime in regimes)), "")
    except (CheckFailed, ParameterError) as error:
        return str(error)


def failures_in(claim: Claim, regime: Regime) -> str:
    """Return the failures of the checks of one batch in a regime."""
    (batch,) = drawn(batches(claim, regime), 1, seed=0)
    return "\n".join(judge(claim, examine(claim, batch, "cpu")).all_failures())


def failures_of_refutation(claim: Claim) -> list[str]:
    """Return where a formula is not the loss, where a family is not better than said, and where the chain breaks."""
    (classes, depth, _), *_ = formula_cases(claim)
    return [*departures(claim, classes, depth, 1.0), *not_better(claim), *broken_links(claim)]


@pytest.mark.parametrize("claim_id", WRONG)
def test_a_claim_as_it_is_fails_nothing(claim_id, changed):
    """The checks of every claim draw the fewest directions as well, so that an ordinary run need not train them here again."""
    regimes = (USUAL, FEWEST) if everything() else (USUAL,)
    assert failures(changed(claim_id, "CLAIM = Claim(", "CLAIM = Claim("), regimes) == ""


@pytest.mark.parametrize(("claim_id", "mistake"), CASES, ids=lambda value: value.replace(" ", "_"))
def test_a_wrong_variant_fails(claim_id, mistake, changed):
    old, new, said = WRONG[claim_id][mistake]
    found = failures(changed(claim_id, old, new), (USUAL, FEWEST))
    assert found
    assert re.search(said, found)
