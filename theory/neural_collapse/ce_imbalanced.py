"""Cross-entropy, one linear layer, any class counts, features of either sign: collapse within classes, and a closed form for that of all.

Setting: minimise (1/N) Σ CE(W h_i, y_i) + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² over W (K × d) and H (d × N), d ≥ K − 1, class k with
n_k samples.
Source: Dang et al., "Neural Collapse for Cross-entropy Class-Imbalanced Learning with Unconstrained ReLU Features Model"
(ICML 2024), where this case motivates the restriction to nonnegative features; Fang et al., "Exploring deep neural networks
via layer-peeled model" (PNAS 2021). The decay at which everything collapses is derived here.
"""

from __future__ import annotations

import dataclasses

import sympy as sp

from theory.algebra import ConcreteArrays, Symbols
from theory.claim import Claim, Derivation, Verdict
from theory.neural_collapse import features
from theory.neural_collapse.ce_total_collapse import DECAY, collapse_prediction, collapse_ratio, convex_chain, xi
from theory.neural_collapse.features import CEI, CROSS_ENTROPY, features_problem
from theory.point import Point
from theory.problem import ClassCounts, Problem, Width
from theory.proof import Identity, Prediction, StepRecorder, Threshold
from theory.secular import critical_counts
from theory.symbols import K, N, feature_decay, k, weight_decay

STEEPEST = sp.sqrt(xi[1]) / N
"""The largest singular value of the slope at zero; here ξ are the critical points of Π_k (ξ − n_k), from the largest down."""


def derive(problem: Problem) -> Derivation:
    """Derive that features equal their class means, and when everything is zero, by bounds that hold at every point."""
    record = StepRecorder()
    record_slope_at_zero(record, problem)
    ratio = collapse_ratio(record, STEEPEST)
    of_slope = "the slope at zero", "critical counts", "right singular vector", "left singular vector"
    return Derivation(convex_chain(record, of_slope), predict(ratio))


def record_slope_at_zero(record: StepRecorder, problem: Problem) -> None:
    """Record the slope of the loss at zero logits, from the loss itself, and its singular values with their vectors."""
    t, towards, counts = sp.Symbol("t", real=True), sp.symbols("a_1:4", real=True), sp.symbols("n_1:4", positive=True)
    xp = ConcreteArrays(3, (0,))
    point = Point(W=t * sp.Matrix(towards), H=sp.Matrix([[1]]))
    own = problem.loss(xp, point, problem.given(xp), Symbols({N: 1, weight_decay: 0, feature_decay: 0}))
    pull = "At zero logits the cross-entropy changes along $a$ by the mean entry less the correct one (three classes shown)."
    record(Identity("the slope at zero", pull, sp.diff(own, t).subs(t, 0), sum(towards) / 3 - towards[0]))
    x, roots = sp.Symbol("xi", real=True), sp.Matrix([sp.sqrt(n) for n in counts])
    gram = sp.diag(*counts) - roots * roots.T / 3
    critical = x / 3 * sp.diff(sp.Mul(*(x - n for n in counts)), x)
    says = (
        r"So the slope with respect to $\bar Z \, \mathrm{diag}(\sqrt n)$ is $\frac1N (J/K - I)\, \mathrm{diag}(\sqrt n)$, and its squared "
        r"singular values times $N^2$ are the eigenvalues of $\mathrm{diag}(n) - \sqrt n \sqrt n^T/K$: zero and the critical points $\xi$ of "
        r"$\prod_k (\xi - n_k)$ (three classes shown)."
    )
    record(Identity("critical counts", says, (x * sp.eye(3) - gram).det(), critical))
    right = sp.Matrix([root / (n - x) for root, n in zip(roots, counts, strict=True)])
    left = sp.Matrix([n / (n - x) for n in counts])
    rest = 1 - sum(left) / 3
    vectors = (
        r"The right singular vector has the entries $\sqrt{n_k}/(n_k - \xi)$, since $\sum_k n_k/(n_k - \xi) = K$ at a critical point (first "
        r"entry of three shown) …"
    )
    record(Identity("right singular vector", vectors, (gram * right - x * right)[0], roots[0] * rest))
    centred = left[0] - sum(left) / 3
    record(
        Identity(
            "left singular vector",
            r"… and the left one, $\sqrt{n_k}$ times that and centred, is in proportion to $1/(n_k - \xi)$.",
            centred,
            x / (counts[0] - x) + rest,
        )
    )


def predict(ratio: sp.Expr) -> Prediction:
    """Predict the size of the residuals, and total collapse. Instances are drawn at, and far from, each of the critical points."""
    yardstick = Threshold(ratio.subs(xi[1], xi[k]), k, K - 1, tuned="feature_decay")
    return collapse_prediction(ratio, sp.Min(STEEPEST, DECAY), yardstick)


def problem() -> Problem:
    """Return the problem, in which the critical points of the class counts have values too."""
    free = features_problem(CROSS_ENTROPY, ClassCounts(), Width(K - 1))
    return dataclasses.replace(
        free, bind=lambda values: {**free.bind(values), xi: critical_counts(values["class_counts"])}
    )


CLAIM = Claim(
    id="ce-imbalanced",
    title="Cross-entropy with imbalanced classes: collapse within classes, and of everything where the decays are strong",
    short_title="Cross-entropy, imbalanced",
    chapter="imbalance",
    source=CEI,
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimiser features equal their class mean (NC1). Everything collapses to zero iff ${ratio} \\le 1$, where $\\xi_1$ "
        "is the largest critical point of $\\prod_k (\\xi - n_k)$. It lies between the two largest class counts, and is $N/2$ for two "
        "classes. At every global minimiser the matrix with the columns $\\sqrt{{n_k}}\\,(p_k - e_k)/N$, where $p_k$ is the "
        "softmax of the logits of class $k$, has the operator norm ${residual}$. Where $n_1 > n_2$, what leaves zero first as the decays "
        "fall are logits in proportion to $1/(n_k - \\xi_1)$: the largest class is set apart from all others. Beyond that the minimum has no "
        "closed form: each trained optimum comes with a lower bound from convex duality that meets it. For $K \\ge 3$ and unequal class "
        "counts the class means of a minimiser that is not zero do not form a simplex ETF; this is not proved for all class counts but "
        "certified instance by instance: the least loss over all points with class means on a simplex ETF is bounded from below, and lies "
        "above the trained value. For $K = 2$ they do form one, whatever the class counts."
    ),
    setting=features.SETTING,
    idea=(
        "The cross-entropy is convex, so replacing the features of a class by their mean cannot raise the loss, and "
        "it lowers the loss unless they agree. What is left is a convex problem in the class means of the logits, "
        "with a nuclear norm for the decays. The problem has no closed form for unequal classes, so each trained "
        "optimum is certified by a dual point instead. The decay at which everything collapses has one: the slope of the loss at zero is a "
        "matrix whose largest singular value the decays have to outweigh."
    ),
    problem=problem(),
    derive=derive,
)
