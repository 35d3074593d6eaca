"""MSE, a deep linear network, any class counts, no bias: the general orthogonal frame in every layer.

Setting: minimise (1/2N) ‖W_M ⋯ W_1 H − Y‖² + Σ_j (λ_j/2) ‖W_j‖² + (λ_H/2) ‖H‖² with class k of n_k samples, depth M, any
widths d_1, …, d_M and any decays.
Source: Dang et al., "Neural Collapse in Deep Linear Networks" (ICML 2023), the theorems for imbalanced data.
"""

from __future__ import annotations

from theory.claim import Claim, Verdict
from theory.neural_collapse import deep_linear
from theory.neural_collapse.deep_linear import deep_linear_problem
from theory.neural_collapse.features import DLN, MSE
from theory.neural_collapse.orthogonal_frame import derive_orthogonal_frame
from theory.problem import ClassCounts

CLAIM = Claim(
    id="mse-deep-linear-imbalanced",
    title="MSE, deep linear network, imbalanced classes: orthogonal frames and a jump to zero",
    short_title="Deep MSE, imbalanced",
    chapter="imbalance",
    source=DLN,
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimiser features equal their class mean (NC1), and all layers share the singular directions of the "
        "product $Z = W_M \\cdots W_1 H$, one for each class. Class $k$ has the singular value $q_k$ that minimises ${objective}$ "
        "over $q \\ge 0$, and $\\lambda_j \\sigma^2 = {share}$ for the singular value $\\sigma$ of every layer there: class means and "
        "all partial products are general orthogonal frames. The class collapses to zero iff $n_k < {critical_count}$ (with "
        "$n = n_k$; for $M = 1$ read $0^0 = 1$). For $M \\ge 2$ the minimiser jumps there, from $q_k = {jump}\\sqrt{{n_k}}$ to zero, and "
        "both are global. With a smallest width $R < K$ the $R$ largest classes survive; where $R$ cuts through a group of equal "
        "classes this holds up to a rotation within the group."
    ),
    setting=deep_linear.SETTING,
    idea=(
        "At the best split between the layers the decays add up to a Schatten quasi-norm of the product, so the loss "
        "is at least a sum of scalar problems, one for each class. Each of them is a parabola plus a concave power, "
        "and it has two candidates: zero, and a point beyond the fold of the curve. Large classes choose the second, "
        "small classes choose zero, and from two layers on a class jumps where both cost the same."
    ),
    problem=deep_linear_problem(MSE, ClassCounts()),
    derive=derive_orthogonal_frame,
)
