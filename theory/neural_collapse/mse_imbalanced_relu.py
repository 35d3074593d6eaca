"""MSE with nonnegative features, one linear layer, any class counts, no bias: the general orthogonal frame on coordinate axes.

Setting: minimise (1/2N) ‖WH − Y‖² + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² over W (K × d) and H ≥ 0 (d × N), class k with n_k samples.
Source: Dang et al., "Neural Collapse in Deep Linear Networks" (ICML 2023), the theorem for imbalanced data at M = 1; that
features after a ReLU, H ≥ 0, leave value and Gram matrices as they are follows from it.

Every bound of the chain holds at all H, so at those with H ≥ 0. It is attained there as well: a rotation of the feature space,
which the loss does not see, takes orthogonal class means to coordinate axes, and so W = diag(w_k), H = diag(h_k) with h_k ≥ 0,
the point put into the loss, is a minimiser of either problem.
"""

from theory.claim import Claim, Verdict
from theory.neural_collapse import features
from theory.neural_collapse.features import DLN, MSE, features_problem
from theory.neural_collapse.mse_imbalanced import derive
from theory.problem import ClassCounts, Width

CLAIM = Claim(
    id="mse-imbalanced-relu",
    title="MSE with ReLU features: a general orthogonal frame on disjoint coordinates",
    short_title="MSE, ReLU features",
    chapter="MSE",
    source=DLN,
    verdict=Verdict.HOLDS,
    statement=(
        "Features that are nonnegative, as after a ReLU, cost nothing: a point is a global minimiser iff it is one without the "
        "constraint and has $H \\ge 0$. Features equal their class mean (NC1), and class means are mutually orthogonal; being "
        "nonnegative, no two of them share a coordinate that is not zero in both. Classifier rows are parallel to them. Class $k$ "
        "has the singular value $q_k = {singular_value}$ and the squared classifier norm ${classifier_norm}$; it collapses to "
        "zero iff $n_k \\le {critical_count}$. With a width $d < K$ only the $d$ largest classes survive; where $d$ cuts through "
        "a group of equal classes the Gram matrix of its means is a multiple of any projection of the rank left there that has "
        "no negative entry: its classes then fall into sets, each on coordinates of its own with its means parallel, or "
        "collapse."
    ),
    setting=features.SETTING,
    idea=(
        "The bound for features of any sign holds for nonnegative features as well, since they are a part of all "
        "features. The bound is attained there, too: a rotation of the feature space, which the loss does not see, "
        "takes orthogonal class means to coordinate axes, where no entry is negative. So the constraint costs "
        "nothing, and it only rules out the other rotations."
    ),
    problem=features_problem(MSE, ClassCounts(), Width(), nonnegative_features=True),
    derive=derive,
)
