"""Cross-entropy, one linear layer, balanced classes, with or without bias: the simplex ETF.

Setting: minimise (1/N) Σ CE(W h_i + b, y_i) + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² with n samples in each of K classes and a
feature dimension d ≥ K − 1.
Source: Zhu et al., "A Geometric Analysis of Neural Collapse with Unconstrained Features" (NeurIPS 2021), Theorem 3.1.
"""

from theory.claim import Claim, Source, Verdict
from theory.neural_collapse import features
from theory.neural_collapse.features import CROSS_ENTROPY, features_problem
from theory.neural_collapse.simplex_etf import derive_etf
from theory.problem import ClassCounts, Width
from theory.proof import StepRecorder
from theory.symbols import K

CLAIM = Claim(
    id="ce-balanced-etf",
    title="Cross-entropy with balanced classes: a simplex ETF",
    short_title="Cross-entropy, balanced",
    chapter="cross-entropy",
    source=Source(
        "Zhu, Ding, Zhou, Li, You, Sulam, Qu",
        "A Geometric Analysis of Neural Collapse with Unconstrained Features",
        "NeurIPS 2021",
        "2105.02375",
    ),
    verdict=Verdict.HOLDS,
    statement=(
        "Every global minimiser has within-class features equal to their mean (NC1); class means and classifier rows form "
        "simplex ETFs (NC2) and are parallel (NC3). The margin between the correct logit and any other is $t = {margin}$, "
        "the squared norm of a classifier row ${classifier_norm}$. All of it collapses to zero iff ${ratio} \\le 1$. An "
        "unregularised bias changes nothing: at the minimum its entries are equal."
    ),
    setting=features.SETTING,
    idea=(
        "The decays add up to a nuclear norm of the logits, and what is left is a convex problem in the logits alone. "
        "The tangent of the cross-entropy at the predicted probabilities gives a dual point, and by the symmetry of "
        "balanced classes it is a multiple of the projection that removes the mean. The dual point is feasible, and "
        "its value is the loss of the simplex; so no point lies below the simplex."
    ),
    problem=features_problem(CROSS_ENTROPY, ClassCounts(balanced=True), Width(K - 1), with_bias=True),
    derive=lambda problem: derive_etf(problem, StepRecorder()),
)
