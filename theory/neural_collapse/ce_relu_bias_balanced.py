"""Cross-entropy with ReLU features, a last-layer bias and balanced classes: orthogonal class means, as without the bias.

Setting: minimise (1/N) Σ CE(W h_i + b, y_i) + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² over W (K × d), H ≥ 0 (d × N), d ≥ K, and b, which is not
penalised, with n samples in each of K ≥ 3 classes.
Source: Dang et al., "Neural Collapse for Cross-entropy Class-Imbalanced Learning with Unconstrained ReLU Features Model"
(ICML 2024), whose theorem is about the same problem without a bias.
"""

from __future__ import annotations

import sympy as sp

from theory.algebra import SymbolicMatrix
from theory.claim import Claim, Derivation, Verdict
from theory.neural_collapse import features
from theory.neural_collapse.ce_imbalanced_relu import derive_orthogonal_means
from theory.neural_collapse.features import CEI, CROSS_ENTROPY, features_problem
from theory.problem import ClassCounts, Problem, Width
from theory.proof import Identity, StepRecorder
from theory.symbols import K, j, k

FEWEST = 3
"""With two classes the residuals of both are parallel, and the bias may take any part of either margin on itself."""


def derive(problem: Problem) -> Derivation:
    """Derive why the bias drops out, and the rest as without one."""
    record = StepRecorder()
    residuals = SymbolicMatrix.identity(K) * K - SymbolicMatrix.ones(K)
    record(
        Identity(
            "the bias drops out",
            r"With equal class counts the predicted probabilities of the wrong classes are equal, and the residuals $e_k - p_k = "
            r"\varepsilon (K e_k - 1)$ add up to zero: the tangents do not see the bias.",
            (residuals @ SymbolicMatrix.ones(K)).entry(k, j),
            sp.Integer(0),
        )
    )
    return derive_orthogonal_means(problem, record)


CLAIM = Claim(
    id="ce-relu-bias-balanced",
    title="Cross-entropy with ReLU features and a bias, balanced classes: orthogonal means, and no use for the bias",
    short_title="Cross-entropy, ReLU, bias, balanced",
    chapter="cross-entropy",
    source=CEI,
    verdict=Verdict.HOLDS,
    statement=(
        "Let $r_k = {r}$ and $t_k = {margin}$, the same for every class. With three or more classes of equal size the bias changes "
        "nothing: all its entries are equal at every global minimiser. The features of class $k$ equal their mean $h_k$ (NC1). The class "
        "means form an orthogonal frame, with $\\|h_k\\|^2 = {mean_norm}$ (NC2). The rows of the classifier are $w_k = {classifier_row}$ "
        "with $y_k = \\sqrt{{n_k}} h_k - \\frac{{1}}{{K}} \\sum_m \\sqrt{{n_m}} h_m$, a simplex ETF (NC3). All classes collapse to zero "
        "iff $r_k \\le 1$, that is iff $n_k \\le {critical_count}$."
    ),
    setting=features.SETTING + " Here all $n_k$ are equal. The classifier has a bias $b$, which is not penalised.",
    idea=(
        "Without a bias the residuals of balanced classes already add up to zero, which is all that a bias asks for. So the proof "
        "without a bias holds as it is: the tangents of the cross-entropy at the predicted probabilities do not see the bias. The residuals "
        "of three or more classes point in different directions, so that no bias could take a part of all margins on itself."
    ),
    problem=features_problem(
        CROSS_ENTROPY,
        ClassCounts(balanced=True, least=FEWEST),
        Width(K),
        nonnegative_features=True,
        always_biased=True,
    ),
    derive=derive,
)
