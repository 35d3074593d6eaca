"""MSE, one linear layer, any class counts, no bias: the general orthogonal frame.

Setting: minimise (1/2N) ‖WH − Y‖² + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² over W (K × d) and H (d × N), class k with n_k samples.
Source: Dang et al., "Neural Collapse in Deep Linear Networks" (ICML 2023), the theorem for imbalanced data at M = 1.
"""

from __future__ import annotations

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, sum_over
from theory.claim import Claim, Derivation, Verdict
from theory.neural_collapse.features import DLN, MSE, class_singular_values, features_problem
from theory.neural_collapse.lemmas import MIRSKY, NUCLEAR_NORM
from theory.point import Point
from theory.problem import ClassCounts, Problem, Width
from theory.proof import Bound, Identity, Piece, Proof, Separable, Statistic, StepRecorder, StructuredPoint, Threshold
from theory.results import Decides, Measured
from theory.scalar import minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import K, N, d, feature_decay, k, n_k, positive, weight_decay


def derive(problem: Problem) -> Derivation:
    record = StepRecorder()
    count, q, u = positive("n"), positive("q"), positive("u")
    decay = sp.sqrt(weight_decay * feature_decay)

    # One direction: a classifier row w and a class mean h along it, with w h = q/√n and u = w².
    split = weight_decay * u / 2 + feature_decay * q**2 / (2 * u)
    u_best = stationary_point(record, "the split between the layers", split, u)
    direction = (q - sp.sqrt(count)) ** 2 / (2 * N) + sp.simplify(split.subs(u, u_best))
    best = minimise_on_half_line(record, "the singular value", direction, q, sp.Integer(0))
    ratio = threshold_ratio(record, "the class count", best, count)

    # The same direction for every class at once: W = diag(w_k), H = diag(h_k) in the loss itself.
    q_k = sp.IndexedBase("q", positive=True)
    w = sp.sqrt(u_best.subs(q, q_k[k]))
    h = sp.simplify(q_k[k] / (sp.sqrt(n_k[k]) * w))
    xp = SymbolicArrays(K, n_k[k])
    v = Point(W=SymbolicMatrix.diag(K, w), H=SymbolicMatrix.diag(K, h))
    q_best = sp.Piecewise((best.point.subs(count, n_k[k]), k <= d), (sp.Integer(0), True))
    point = StructuredPoint(problem, xp, v, {q_k: q_best})
    per_class = direction.subs({q: q_k[k], count: n_k[k]})
    record(
        Identity(
            "reduction",
            "At W = diag(w_k), H = diag(h_k) the loss is the sum of the one-direction objectives.",
            point.loss(),
            sum_over(per_class, k, K),
        )
    )

    threshold = Threshold(ratio.subs(count, n_k[k]), k, K, tuned="feature_decay", within_rank=k <= d)
    prediction = point.predict(
        sum_over(per_class, k, K),
        threshold,
        named={
            "singular_value": Measured(
                best.point.subs(count, n_k[k]), class_singular_values, ((k, K),), where=k <= d, unit=sp.sqrt(n_k[1])
            ),
            "critical_count": Decides(sp.simplify(count / ratio), lambda critical: n_k[k] / critical),
            "classifier_norm": Measured(
                u_best.subs(q, best.point.subs(count, n_k[k])),
                lambda reading: reading.diagonal("classifier_gram"),
                ((k, K),),
                where=k <= d,
                unit=sp.sqrt(feature_decay / weight_decay),
            ),
        },
    )

    s, residual = sp.IndexedBase("sigma", nonnegative=True), sp.Symbol("R", nonnegative=True)
    statistics = (
        Statistic(residual, r"$\|WH - Y\|^2$", lambda xp, v, data, p: xp.squared_norm(v.W @ v.H - data.Y)),
        Statistic(s, "singular values of $WH$", lambda xp, v, data, p: xp.singular_values(v.W @ v.H, data.Y.shape[-2])),
    )
    summand = direction.subs(count, n_k[k])
    bounds = (
        Bound(
            "nuclear-norm form",
            residual / (2 * N) + decay * sp.Sum(s[k], (k, 1, K)),
            "Over all factorisations of $Z = WH$ the decay terms are smallest when both factors share the singular values.",
            (NUCLEAR_NORM.name, "the split between the layers is stationary"),
        ),
        Bound(
            "sum over singular values",
            sp.Sum(summand.subs(q, s[k]), (k, 1, K)),
            r"$\|Z - Y\|^2$ is at least the sum of the squared differences of singular values; those of $Y$ are $\sqrt{n_k}$.",
            (MIRSKY.name,),
        ),
        Bound(
            "predicted value",
            prediction.value.expression,
            "Each summand is at least its minimum; at most $d$ singular values of $WH$ are nonzero.",
            ("the singular value is convex", "the singular value is stationary"),
        ),
    )
    separable = Separable((Piece(summand, sp.Integer(0)),), q, k, K, free=k <= d, reading=s[k])
    proof = Proof(tuple(record.steps), (NUCLEAR_NORM, MIRSKY), statistics, bounds, separable)
    return Derivation(proof, prediction)


CLAIM = Claim(
    id="mse-imbalanced",
    title="MSE with imbalanced classes: a general orthogonal frame",
    source=DLN,
    verdict=Verdict.HOLDS,
    statement=(
        "Every global minimiser has within-class features equal to their mean (NC1), mutually orthogonal class means, and "
        "classifier rows parallel to them. Class $k$ has the singular value $q_k = {singular_value}$ and the squared "
        "classifier norm ${classifier_norm}$; it collapses to zero iff $n_k \\le {critical_count}$. With a width "
        "$d < K$ only the $d$ largest classes survive; where $d$ cuts through a group of equal classes this holds up to a "
        "rotation within the group, so that its Gram matrices are any rank-limited projection there."
    ),
    problem=features_problem(MSE, ClassCounts(), Width()),
    derive=derive,
)
