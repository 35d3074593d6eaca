"""Cross-entropy with smoothed labels, one linear layer, balanced classes: the simplex ETF, of a margin that stays bounded.

Setting: minimise (1/N) Σ CE(W h_i, y_i) + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² with n samples in each of K classes, a feature
dimension d ≥ K − 1 and the labels y = (1 − α) e_y + (α/K) 1 for a smoothing α strictly between 0 and 1.
Source: Guo et al., "Cross Entropy versus Label Smoothing: A Neural Collapse Perspective" (TMLR 2025), the global minimisers
under label smoothing.
"""

from __future__ import annotations

import sympy as sp

from theory.claim import Claim, Derivation, Source, Verdict
from theory.neural_collapse import features
from theory.neural_collapse.features import CROSS_ENTROPY, features_problem
from theory.neural_collapse.simplex_etf import derive_etf
from theory.problem import ClassCounts, Problem, Width
from theory.proof import Identity, StepRecorder
from theory.symbols import K, smoothing


def derive(problem: Problem) -> Derivation:
    """Derive the minimiser as for one-hot labels, once it is recorded what smoothing adds to the loss."""
    record = StepRecorder()
    record_smoothing(record)
    return derive_etf(problem, record, smoothing)


def record_smoothing(record: StepRecorder) -> None:
    """Record that a smoothed label adds a linear term to the cross-entropy."""
    z = sp.symbols("z_1:4", real=True)
    mean = sum(z) / 3
    label = [(1 - smoothing) * int(i == 0) + smoothing / 3 for i in range(3)]
    log_partition = sp.log(sum(sp.exp(x) for x in z))
    record(
        Identity(
            "smoothed labels",
            r"The labels enter linearly: the cross-entropy against the smoothed label is that against $e_y$ plus $\alpha$ times the "
            "correct logit less the mean logit (three classes shown).",
            sp.expand(sum((y * (log_partition - x) for y, x in zip(label, z, strict=True)), sp.Integer(0))),
            sp.expand(log_partition - z[0] + smoothing * (z[0] - mean)),
        )
    )


CLAIM = Claim(
    id="ce-label-smoothing",
    title="Cross-entropy with smoothed labels: a simplex ETF of bounded margin",
    short_title="Cross-entropy, smoothed labels",
    chapter="cross-entropy",
    source=Source(
        "Guo, Andriopoulos, Zhao, Dong, Ling, Ross",
        "Cross Entropy versus Label Smoothing: A Neural Collapse Perspective",
        "TMLR 2025",
        "2402.03979",
    ),
    verdict=Verdict.HOLDS,
    statement=(
        "With balanced classes and labels $(1 - \\alpha) e_y + (\\alpha/K) 1$ every global minimiser has within-class features equal "
        "to their mean (NC1); class means and classifier rows form simplex ETFs (NC2) and are parallel (NC3). The margin between "
        "the correct logit and any other is $t = {margin}$, the squared norm of a classifier row ${classifier_norm}$. All of it "
        "collapses to zero iff ${ratio} \\le 1$: smoothing acts on the margin as decay does, and however small the decays are the "
        "margin stays below that at which the softmax is the smoothed label."
    ),
    setting=features.SETTING,
    idea=(
        "Smoothing adds a linear term in the logits, which preserves the symmetry between the classes; the decays "
        "still add up to a nuclear norm. The tangent of the cross-entropy at the predicted probabilities gives a dual "
        "point, as without smoothing, and it is feasible. Smoothing works like a further decay on the margin, which "
        "is why the margin stays bounded however small the decays are."
    ),
    problem=features_problem(CROSS_ENTROPY, ClassCounts(balanced=True), Width(K - 1), smoothed=True),
    derive=derive,
)
