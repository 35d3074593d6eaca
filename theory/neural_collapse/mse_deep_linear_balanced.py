"""MSE, a deep linear network, balanced classes, no bias: an orthogonal frame in every layer.

Setting: minimise (1/2N) ‖W_M ⋯ W_1 H − Y‖² + Σ_j (λ_j/2) ‖W_j‖² + (λ_H/2) ‖H‖² with n samples in each of K classes, depth
M, any widths d_1, …, d_M and any decays.
Source: Dang et al., "Neural Collapse in Deep Linear Networks" (ICML 2023), the theorems for balanced data without bias.
"""

from __future__ import annotations

from theory.claim import Claim, Verdict
from theory.neural_collapse import deep_linear
from theory.neural_collapse.deep_linear import deep_linear_problem
from theory.neural_collapse.features import DLN, MSE
from theory.neural_collapse.orthogonal_frame import derive_orthogonal_frame
from theory.problem import ClassCounts

CLAIM = Claim(
    id="mse-deep-linear-balanced",
    title="MSE, deep linear network, balanced classes: an orthogonal frame in every layer",
    short_title="Deep MSE, balanced",
    chapter="depth",
    source=DLN,
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimiser features equal their class mean (NC1), and the Gram matrices of class means, layers and all "
        "partial products are proportional to $I_K$ (an orthogonal frame), or, with a smallest width $R < K$, to one and the same "
        "projection of rank $R$, a best approximation of $I_K$; which one is free. The singular value $q$ of $W_M \\cdots W_1 H$ "
        "minimises ${objective}$ over $q \\ge 0$, and $\\lambda_j \\sigma^2 = {share}$ for the singular values $\\sigma$ of every "
        "layer. Everything collapses to zero iff $n < {critical_count}$ (for $M = 1$ read $0^0 = 1$); for $M \\ge 2$ it jumps there, "
        "from $q = {jump}\\sqrt{{n}}$, and each direction may be on either side of the jump."
    ),
    setting=deep_linear.SETTING,
    idea=(
        "At the best split between the layers the decays add up to a Schatten quasi-norm of the product, so the loss "
        "is at least a sum of scalar problems, one for each singular value. Each scalar problem is a parabola plus a "
        "concave power, and it has two candidates: zero, and a point beyond the fold of the curve. All classes have "
        "the same size, so all directions face the same choice; from two layers on it jumps where the two candidates "
        "cost the same."
    ),
    problem=deep_linear_problem(MSE, ClassCounts(balanced=True)),
    derive=derive_orthogonal_frame,
)
