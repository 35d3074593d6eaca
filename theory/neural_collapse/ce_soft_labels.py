"""Cross-entropy against soft labels of any kind, one linear layer, any class counts: which labels collapse to zero, and when.

Setting: minimise (1/N) Σ CE(W h_i, q_{y_i}) + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² over W (K × d) and H (d × N), d ≥ K − 1, class k with
n_k samples, all of which carry the label q_k, a probability vector over the K classes. CE(z, q) = log Σ_j exp(z_j) − ⟨q, z⟩.
Source: Fisher, Meng, Papyan, "Pushing Boundaries: Mixup's Influence on Neural Collapse" (ICLR 2024), who study free features under the
mixed labels of mixup; Guo et al., "Cross Entropy versus Label Smoothing: A Neural Collapse Perspective" (TMLR 2025), whose smoothed
labels are a special case. What is claimed here for labels of any kind is derived here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from functools import cache

import sympy as sp

from theory.algebra import ConcreteArrays, Symbols
from theory.claim import Claim, Derivation, Source, Verdict
from theory.expressions import Bindings, Values
from theory.namespace import Number
from theory.neural_collapse.ce_total_collapse import DECAY, collapse_prediction, collapse_ratio, convex_chain, xi
from theory.neural_collapse.features import BALANCE, CROSS_ENTROPY, features_problem, mean_features
from theory.point import Point
from theory.problem import ClassCounts, Problem, Width
from theory.proof import Identity, Prediction, StepRecorder, Threshold
from theory.results import Measured, Reading
from theory.spectra import largest_eigenvalues
from theory.symbols import K, N, feature_decay, k, positive, smoothing, weight_decay

STEEPEST = sp.sqrt(xi[1]) / N
"""The largest singular value of the slope at zero; here ξ_1 is the largest eigenvalue of (Q − J/K) diag(n) (Q − J/K)ᵀ."""
MERGED = sp.MatrixSymbol("P", K, K)
"""The weights with which the mean over all classes of the same label, column k for class k, is taken of the class means."""
OF_THREE = positive("q_1"), positive("q_2")
LABEL = (*OF_THREE, 1 - sp.Add(*OF_THREE))
"""The label of one of three classes."""


def derive(problem: Problem) -> Derivation:
    """Derive that features equal the mean of their label, and when everything is zero, by bounds that hold at every point."""
    record = StepRecorder()
    record_slope_at_zero(record, problem)
    record_known_labels(record)
    ratio = collapse_ratio(record, STEEPEST)
    of_slope = "the slope at zero", "the slope is centred", "one-hot labels", "smoothed labels"
    proof = convex_chain(record, of_slope, LABEL, alike="that have the same label, of one class or of several,")
    return Derivation(proof, predict(ratio))


def record_slope_at_zero(record: StepRecorder, problem: Problem) -> None:
    """Record the slope of the loss at zero logits, from the loss itself."""
    t, towards = sp.Symbol("t", real=True), sp.symbols("a_1:4", real=True)
    xp = ConcreteArrays(3, (0,))
    point = Point(W=t * sp.Matrix(towards), H=sp.Matrix([[1]]))
    data = Point(Y=xp.labels(), T=sp.Matrix(LABEL))
    own = problem.loss(xp, point, data, Symbols({N: 1, weight_decay: 0, feature_decay: 0}))
    pull = "At zero logits the cross-entropy changes along $a$ by the mean entry less the one that the label expects (three classes shown)."
    expected = sp.Add(*(x * a for x, a in zip(LABEL, towards, strict=True)))
    slope = sp.expand(sp.diff(own, t).subs(t, 0))
    record(Identity("the slope at zero", pull, slope, sp.expand(sp.Add(*towards) / 3 - expected)))
    says = (
        r"So the slope with respect to $\bar Z \, \mathrm{diag}(\sqrt n)$ is $\frac1N (J/K - Q)\, \mathrm{diag}(\sqrt n)$, and its squared "
        r"singular values times $N^2$ are the eigenvalues of $(Q - J/K)\, \mathrm{diag}(n)\, (Q - J/K)^T$. One of them is zero, since the "
        "entries of a label sum to 1 (three classes shown)."
    )
    record(
        Identity(
            "the slope is centred", says, sp.Add(*(x - sp.Rational(1, 3) for x in LABEL), evaluate=False), sp.Integer(0)
        )
    )


def record_known_labels(record: StepRecorder) -> None:
    """Record the eigenvalues for one-hot labels, and what smoothing makes of them."""
    x, counts = sp.Symbol("xi", real=True), sp.symbols("n_1:4", positive=True)
    centred = sp.eye(3) - sp.ones(3, 3) / 3
    gram = centred * sp.diag(*counts) * centred
    critical = x / 3 * sp.diff(sp.Mul(*(x - n for n in counts)), x)
    says = r"For one-hot labels the eigenvalues are zero and the critical points of $\prod_k (\xi - n_k)$ (three classes shown)."
    record(Identity("one-hot labels", says, (x * sp.eye(3) - gram).det(), critical))
    n = positive("n")
    smoothed = (1 - smoothing) * sp.eye(3) + smoothing * sp.ones(3, 3) / 3 - sp.ones(3, 3) / 3
    says = (
        r"For smoothed labels and $n$ samples in each class they are zero and $(1 - \alpha)^2 n$ (three classes shown)."
    )
    of_smoothed = (x * sp.eye(3) - n * smoothed * smoothed.T).det()
    record(Identity("smoothed labels", says, of_smoothed, x * (x - (1 - smoothing) ** 2 * n) ** 2))


def scatter_within_labels(reading: Reading) -> Number:
    """Return the sum of the squared distances of the features from the mean of the features with the same label."""
    means = mean_features(reading.xp, reading.v, reading.data) @ reading.xp.given(MERGED)
    return reading.xp.total(reading.xp.column_squares(reading.v.H - means @ reading.data.Y))


def predict(ratio: sp.Expr) -> Prediction:
    """Predict the size of the residuals, total collapse, and that features with the same label are equal."""
    yardstick = Threshold(ratio, k, sp.Integer(1), tuned="feature_decay")
    same = Measured(sp.Integer(0), scatter_within_labels, unit=BALANCE**-2)
    return collapse_prediction(ratio, sp.Min(STEEPEST, DECAY), yardstick, {"scatter": same})


@cache
def steepest(labels: tuple[Sequence[Fraction], ...], counts: tuple[int, ...]) -> tuple[sp.Expr, ...]:
    """Return the largest eigenvalue of (Q − J/K) diag(n) (Q − J/K)ᵀ for the columns q_k of Q, alone in a list."""
    classes = range(len(counts))
    off = [[x - Fraction(1, len(counts)) for x in label] for label in labels]
    gram = [
        [sum((n * q[i] * q[j] for n, q in zip(counts, off, strict=True)), Fraction(0)) for j in classes]
        for i in classes
    ]
    return largest_eigenvalues(gram, 1)


def merging(labels: Sequence[Sequence[Fraction]], counts: Sequence[int]) -> tuple[tuple[sp.Rational, ...], ...]:
    """Return the share of class i among the samples that carry the label of class k, for all i (rows) and k."""
    together = [[n * (q == label) for n, q in zip(counts, labels, strict=True)] for label in labels]
    return tuple(tuple(sp.Rational(share[i], sum(share)) for share in together) for i in range(len(counts)))


def problem() -> Problem:
    """Return the problem, in which the largest eigenvalue of the centred labels, and the classes of the same label, have values too."""
    free = features_problem(CROSS_ENTROPY, ClassCounts(), Width(K - 1), soft=True)

    def bind(values: Values) -> Bindings:
        given = values["soft_labels"], values["class_counts"]
        return {**free.bind(values), xi: steepest(*given), MERGED: merging(*given)}

    return dataclasses.replace(free, bind=bind)


CLAIM = Claim(
    id="ce-soft-labels",
    title="Cross-entropy with soft labels of any kind: collapse within labels, and of everything where the decays are strong",
    short_title="Cross-entropy, soft labels",
    chapter="cross-entropy",
    source=Source(
        "Fisher, Meng, Papyan", "Pushing Boundaries: Mixup's Influence on Neural Collapse", "ICLR 2024", "2402.06171"
    ),
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimiser features equal their class mean (NC1), and classes that carry the same label have the same class mean: "
        "the sum of the squared distances from the mean of the features with the same label is ${scatter}$. Everything collapses to zero "
        "iff ${ratio} \\le 1$, where $\\xi_1$ is the largest eigenvalue of $(Q - J/K)\\,\\mathrm{{diag}}(n)\\,(Q - J/K)^T$ with the labels "
        "$q_k$ as the columns of $Q$ and the matrix of ones $J$. At every global minimiser the matrix with the columns "
        "$\\sqrt{{n_k}}\\,(p_k - q_k)/N$, where $p_k$ is the softmax of the logits of class $k$, has the operator norm ${residual}$. Where "
        "$\\xi_1$ is a simple eigenvalue, what leaves zero first as the decays fall are logits in proportion to $u$, its eigenvector, with the "
        "factor $\\langle q_k, u \\rangle$ for class $k$. For one-hot labels $\\xi_1$ is the largest critical point of "
        "$\\prod_k (\\xi - n_k)$. For smoothed labels and $n$ samples in each class it is $(1 - \\alpha)^2 n$. The minimum has no closed "
        "form: each trained optimum comes with a lower bound from convex duality that meets it."
    ),
    setting=(
        "The columns $y_i$ of $Y$ are the one-hot classes of $N$ samples, $n_k$ of them from class $k$ of $K$. All samples of class $k$ "
        "carry the label $q_k$, the column $k$ of $Q$: probabilities that sum to 1, as smoothing, mixing, a teacher or several annotators "
        "give them. Column $t_i$ of $T$ is the label of sample $i$. Some label is not uniform. The features $H$, one column $h_i$ for each "
        "sample, are variables themselves: a network that can produce any features stands behind them."
    ),
    idea=(
        "The labels enter the cross-entropy linearly, so it is as convex as with one-hot labels. Replacing the features of all samples "
        "with the same label by their mean cannot raise the loss, and it lowers the loss unless they agree. What is left is a convex "
        "problem in the class means of the logits, with a nuclear norm for the decays. Each trained optimum is certified by a dual point. "
        "The decay at which everything collapses has a closed form: the slope of the loss at zero is a matrix whose largest singular "
        "value the decays have to outweigh. Only the distance of the labels from the uniform label counts for it."
    ),
    problem=problem(),
    derive=derive,
)
