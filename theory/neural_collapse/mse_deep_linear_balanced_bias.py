"""MSE, a deep linear network with a last-layer bias, balanced classes: a simplex ETF in every layer.

Setting: minimise (1/2N) ‖W_M ⋯ W_1 H + b 1ᵀ − Y‖² + Σ_j (λ_j/2) ‖W_j‖² + (λ_H/2) ‖H‖² with n samples in each of K classes,
depth M, any widths d_1, …, d_M and any decays; the bias b is not regularised.
Source: Dang et al., "Neural Collapse in Deep Linear Networks" (ICML 2023), the theorems for balanced data with bias.
"""

from __future__ import annotations

from theory.claim import Claim, Verdict
from theory.neural_collapse.deep_linear import deep_linear_problem, derive_simplex_frame
from theory.neural_collapse.features import DLN, MSE
from theory.problem import ClassCounts

CLAIM = Claim(
    id="mse-deep-linear-balanced-bias",
    title="MSE, deep linear network with bias, balanced classes: a simplex ETF in every layer",
    source=DLN,
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimiser $b = 1/K$, features equal their class mean (NC1), and the Gram matrices of class means, layers "
        "and all partial products are proportional to $I_K - J_K/K$ (a simplex ETF), or, with a smallest width $R < K - 1$, to one "
        "and the same projection of rank $R$ on vectors that sum to zero; which one is free. The singular value $q$ of $W_M "
        "\\cdots W_1 H$ minimises ${objective}$ over $q \\ge 0$, and $\\lambda_j \\sigma^2 = {share}$ for the singular values "
        "$\\sigma$ of every layer. Everything collapses to zero iff $n < {critical_count}$ (for $M = 1$ read $0^0 = 1$); for "
        "$M \\ge 2$ it jumps there, from $q = {jump}\\sqrt{{n}}$, and each direction may be on either side of the jump."
    ),
    problem=deep_linear_problem(MSE, ClassCounts(balanced=True), with_bias=True),
    derive=derive_simplex_frame,
)
