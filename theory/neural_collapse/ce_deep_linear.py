"""Cross-entropy, a deep linear network, balanced classes: the published simplex ETF is not optimal from two layers on.

Setting: minimise (1/N) Σ CE(W_M ⋯ W_1 h_i, y_i) + Σ_j (λ_j/2) ‖W_j‖² + (λ_H/2) ‖H‖² with n samples in each of K classes.
Source: Dang et al., "Neural Collapse in Deep Linear Networks" (ICML 2023), the theorem on cross-entropy; that low rank is
favoured, against it, is shown by Garrod and Keating, "The Persistence of Neural Collapse Despite Low-Rank Bias"
(arXiv:2410.23169).
"""

from __future__ import annotations

from collections import Counter

import sympy as sp

from theory import symbols as sym
from theory.algebra import ConcreteArrays, SymbolicArrays, SymbolicMatrix, Symbols
from theory.claim import Claim, Derivation, Verdict
from theory.expressions import Values
from theory.neural_collapse import deep_linear
from theory.neural_collapse.deep_directions import balanced_layers, record_balanced_factors
from theory.neural_collapse.deep_linear import deep_linear_problem
from theory.neural_collapse.features import CROSS_ENTROPY, DLN
from theory.neural_collapse.layers import logits, product
from theory.neural_collapse.lemmas import SCHATTEN
from theory.neural_collapse.schatten_chain import schatten_form
from theory.point import Point
from theory.problem import ClassCounts, Problem
from theory.proof import (
    Identity,
    Nonnegative,
    Piece,
    Prediction,
    Proof,
    Separable,
    Statistic,
    StepRecorder,
    StructuredPoint,
    Threshold,
)
from theory.refutation import Family, SimplexRefutation
from theory.results import Shown
from theory.symbols import K, M, N, decay_product, feature_decay, k, layer_decay, positive

t = positive("t")
"""The margin, the same for all points that are compared."""
p = 2 / (M + 1)
WEIGHT = (M + 1) / 2 * decay_product ** (1 / (M + 1))
"""The exponent of the Schatten quasi-norm, and its factor in the loss."""


def block_cross_entropy(size: int) -> sp.Expr:
    """Return the cross-entropy of a class in a simplex of ``size`` classes: its correct logit is t, those of other simplices are 0."""
    return sp.log(1 + (size - 1) * sp.exp(-t * sp.Rational(size, size - 1)) + (K - size) * sp.exp(-t))


def block_penalty(size: int) -> sp.Expr:
    """Return Σ σ^p over the singular values of the logits of one such simplex, divided by t^p."""
    return (size - 1) * sp.Rational(size, size - 1) ** p


def family_objective(counts: dict[int, sp.Expr]) -> sp.Expr:
    """Return the loss at simplices of these sizes, so many of each: the mean cross-entropy and the Schatten term."""
    fitted = sum(count * size * block_cross_entropy(size) for size, count in counts.items()) / K
    penalty = sum(count * block_penalty(size) for size, count in counts.items())
    return fitted + WEIGHT * (sp.sqrt(sym.n) * t) ** p * penalty


PAIRS = family_objective({2: K / 2})
PAIRS_AND_TRIPLE = family_objective({2: (K - 3) / 2, 3: sp.Integer(1)})
"""The losses of the counterexamples: all classes in pairs, or all but three, which form a triangle."""


def loss_of_blocks(problem: Problem, sizes: list[int]) -> sp.Expr:
    """Return the loss itself at two balanced layers with one sample a class, as exact SymPy matrices."""
    classes = sum(sizes)
    root = decay_product ** sp.Rational(1, 6)

    def factor(exponent: sp.Expr) -> sp.Matrix:
        """Return one of the factors W_1, W_2 and H, over the root of its decay: a power of the blocks of the logits."""
        blocks = [
            (t * sp.Rational(size, size - 1)) ** exponent * (sp.eye(size) - sp.ones(size, size) / size)
            for size in sizes
        ]
        return root * sp.diag(*blocks)

    third = factor(sp.Rational(1, 3))
    v = Point(
        W_1=third / sp.sqrt(layer_decay[1]), W_2=third / sp.sqrt(layer_decay[2]), H=third / sp.sqrt(feature_decay)
    )
    xp = ConcreteArrays(classes, tuple(range(classes)))
    known = {N: sp.Integer(classes), M: sp.Integer(2)}
    loss = problem.loss(xp, v, problem.given(xp), Symbols(known))
    return loss.subs(decay_product, layer_decay[1] * layer_decay[2] * feature_decay)


def derive(problem: Problem) -> Derivation:
    """Derive the losses of the published structure and of the counterexamples, and why the latter are lower at every margin."""
    record = StepRecorder()
    reduce(record, problem)
    record_smaller_cross_entropy(record)
    record_smaller_penalty(record)
    return Derivation(chain(record), predict())


def reduce(record: StepRecorder, problem: Problem) -> None:
    """Record that the loss at the published structure, and at blocks of classes, is a function of the margin t."""
    frame = SymbolicMatrix.identity(K) - SymbolicMatrix.ones(K) * (1 / K)
    v = balanced_layers(sp.sqrt(sym.n) * t, frame, sym.n)
    etf = StructuredPoint(problem, SymbolicArrays(K, sym.n), v, {}, Symbols({N: K * sym.n}))
    record(
        Identity(
            "the published structure",
            "At a simplex ETF of margin $t$ in every layer the loss is this function of $t$, for every $K$ and $M$.",
            etf.loss(),
            PUBLISHED,
        )
    )
    record_blocks(record, problem, [2, 2], PAIRS, "two pairs")
    record_blocks(record, problem, [2, 3], PAIRS_AND_TRIPLE, "a pair and a triple")


def record_blocks(record: StepRecorder, problem: Problem, sizes: list[int], objective: sp.Expr, says: str) -> None:
    """Record that the loss itself, at blocks of these sizes and two layers, is the formula of their family."""
    known = {K: sum(sizes), M: 2, sym.n: 1, decay_product: layer_decay[1] * layer_decay[2] * feature_decay}
    in_powers = {t: 2 * sp.log(positive("y"))}  # exponentials of half margins become powers of one symbol
    record(
        Identity(
            f"the loss of {says}",
            f"The loss of two layers at {says} of classes, computed from its matrices, is the formula of its family "
            r"(with $t = 2 \log y$).",
            sp.expand(sp.powdenest(sp.expand(loss_of_blocks(problem, sizes)))).subs(in_powers),
            objective.subs(known).subs(in_powers),
        )
    )


def predict() -> Prediction:
    """Predict nothing of the minimisers: the claim is refuted.

    No threshold is claimed. The yardstick, what zero costs over the decay terms of a simplex ETF of margin 3, only sees to it that
    instances are drawn from far below to far above total collapse.
    """
    yardstick = Threshold((LARGEST_MARGIN / 3) ** p, k, K, tuned="feature_decay")
    named = {"published": Shown(PUBLISHED, "the published structure"), "pairs": Shown(PAIRS, "pairs")}
    return Prediction(None, {}, (), named=named, yardstick=yardstick)


fit, s = sp.Symbol("f", nonnegative=True), sym.indexed("sigma", nonnegative=True)
STATISTICS = (
    Statistic(
        fit,
        "mean cross-entropy",
        lambda xp, v, data, p: xp.total(xp.column_cross_entropy(logits(xp, v), data.Y)) / p[N],
    ),
    Statistic(s, "singular values of $Z$", lambda xp, v, data, p: xp.singular_values(product(xp, v), data.Y.shape[-2])),
)
"""What the bound is written in."""


def chain(record: StepRecorder) -> Proof:
    """Bound the loss at any point from below by its Schatten form, in which refutations and certificates are stated."""
    record_balanced_factors(record)
    bound = schatten_form(fit + WEIGHT * sp.Sum(s[k] ** p, (k, 1, K)))
    return Proof(tuple(record.steps), (SCHATTEN,), STATISTICS, (bound,))


def record_smaller_cross_entropy(record: StepRecorder) -> None:
    """Record that the cross-entropy of blocks is below that of a simplex ETF of the same margin."""
    above = sp.Symbol("s", nonnegative=True)
    x = 1 / (1 + above)
    record(
        Nonnegative(
            "pairs fit better",
            "With $e^{-t} = 1/(1+s)$: a wrong logit within the pair is pushed down twice as far, all others as in the ETF.",
            sp.factor((K - 1) * x - ((K - 2) * x + x**2)),
        )
    )
    record(
        Nonnegative(
            "a triple fits better",
            "With $e^{-t} = 1/(1+s)^2$: the two wrong logits within the triple are pushed down by half as much again.",
            sp.factor((K - 1) * x**2 - ((K - 3) * x**2 + 2 * x**3)),
        )
    )


def record_smaller_penalty(record: StepRecorder) -> None:
    """Record from how many classes and layers on the Schatten term of blocks is below that of a simplex ETF of the same margin."""
    q, more = positive("p"), sp.Symbol("j", integer=True, nonnegative=True)
    pairs = (K - 1) - K / 2 * 2**q
    triple = (K - 1) - (K - 3) / 2 * 2**q - 2 * sp.Rational(3, 2) ** q
    for name, gain, least in (("pairs", pairs, 4), ("pairs and a triple", triple, 5)):
        record(
            Nonnegative(
                f"{name}: deeper is better",
                "What the Schatten term gains over the ETF grows as the exponent $p = 2/(M+1)$ falls.",
                -sp.diff(gain, q).subs(K, least + more),
            )
        )
        for depth, classes in ((2, least + 2), (3, least)):
            record(
                Nonnegative(
                    f"{name}: smaller at {depth} layers",
                    f"With {depth} layers it is a gain from $K = {classes}$ on.",
                    sp.expand(gain.subs({q: sp.Rational(2, depth + 1), K: classes + more})),
                )
            )
        record(
            Nonnegative(
                f"{name}: where the argument ends",
                f"With 2 layers and $K = {least}$ the Schatten term is larger than that of the ETF: the answer may depend on the decays.",
                -gain.subs({q: sp.Rational(2, 3), K: least}),
            )
        )


PUBLISHED = sp.log(1 + (K - 1) * sp.exp(-t)) + WEIGHT * (K - 1) * (sp.sqrt(sym.n) * t) ** p
"""The loss of the published structure, a simplex ETF in every layer."""
LARGEST_MARGIN = (sp.log(K) / (WEIGHT * (K - 1))) ** (1 / p) / sp.sqrt(sym.n)
"""Beyond this margin the Schatten term alone exceeds log K, the loss at margin zero."""
DEEP_ENOUGH = sp.Or(sp.And(M >= 3, K >= 4), sp.And(M >= 2, K >= 6))
"""Where the Schatten term of pairs is below that of a simplex ETF of the same margin."""
LOGIT = sp.Symbol("s", nonnegative=True)
"""A singular value of the class means of the logits."""


def balanced_sizes(values: Values) -> dict[str, sp.Expr]:
    """Return the singular values of balanced layers and class means whose product has the singular value LOGIT."""
    shared = (decay_product * sym.n * LOGIT**2) ** (1 / (2 * (M + 1)))
    layers = {f"W_{i}": shared / sp.sqrt(layer_decay[i]) for i in range(1, values["depth"] + 1)}
    return {**layers, "H": shared / sp.sqrt(feature_decay * sym.n)}


REFUTATION = SimplexRefutation(
    t=t,
    published=PUBLISHED,
    least=Separable(
        (
            Piece(
                convex=sp.log(1 + (K - 1) * sp.exp(-t)),
                concave=WEIGHT * (K - 1) * (sp.sqrt(sym.n) * t) ** p,
                lower=sp.Integer(0),
                upper=LARGEST_MARGIN,
            ),
        ),
        t,
        k,
        sp.Integer(1),
        free=sp.true,
        reading=t,
    ),
    families=(
        Family(
            "pairs",
            "the classes in pairs, each pair opposite",
            PAIRS,
            lambda classes: [2] * (classes // 2),
            sp.And(sp.Eq(sp.Mod(K, 2), 0), DEEP_ENOUGH),
        ),
        Family(
            "pairs and a triple",
            "three classes on a triangle, all others in pairs",
            PAIRS_AND_TRIPLE,
            lambda classes: [2] * ((classes - 3) // 2) + [3],
            sp.And(sp.Eq(sp.Mod(K, 2), 1), sp.Or(sp.And(M >= 3, K >= 5), sp.And(M >= 2, K >= 7))),
        ),
    ),
    objective=lambda blocks: family_objective({size: sp.Integer(count) for size, count in Counter(blocks).items()}),
    logits=product,
    logit=LOGIT,
    factors=balanced_sizes,
    holds_where=sp.Eq(M, 1),
    open_where="$K \\le 3$ at any depth $M \\ge 2$, and $K = 4, 5$ at $M = 2$, where the answer may depend on the decays",
    shown=tuple(
        {"class_counts": (2,) * classes, "depth": depth, "weight_decay": (0.03,) * depth, "feature_decay": 0.03}
        for classes, depth in ((6, 2), *((classes, depth) for depth in (1, 2, 3) for classes in (3, 4, 5, 7)))
    ),
)

CLAIM = Claim(
    id="ce-deep-linear",
    title="Cross-entropy, deep linear network: neural collapse is not optimal",
    short_title="Deep cross-entropy",
    chapter="depth",
    source=DLN,
    verdict=Verdict.REFUTED,
    statement=(
        "As published: at every global minimiser class means and all layers form simplex ETFs, at every depth $M$. For $M = 1$ this "
        "holds. For $M \\ge 2$ it is false whatever the decays: at any margin $t > 0$ the loss of a simplex ETF is ${published}$, "
        "while classes in opposite pairs have at the same margin a smaller cross-entropy and, for even $K \\ge 6$ at $M = 2$ and "
        "even $K \\ge 4$ at $M \\ge 3$, a smaller Schatten term: the loss ${pairs}$. With three classes on a triangle and the others "
        "in pairs the same is true for odd $K \\ge 7$ at $M = 2$ and odd $K \\ge 5$ at $M \\ge 3$. So no simplex ETF but zero is a "
        "global minimiser there. For $K = 4, 5$ at $M = 2$ the Schatten term of these points is larger and no proof covers all decays; "
        "training finds certified counterexamples there too, for $K = 4$ only where the decays are not too small. For $K = 3$ it finds "
        "some from $M = 5$ on, where the decays are large. Elsewhere at these sizes, and for $K = 2$, the claim stays open: attacked, "
        "nothing better found."
    ),
    setting=deep_linear.SETTING,
    idea=(
        "With several layers the decays add up to a Schatten quasi-norm, which punishes the rank of the logits more "
        "than their size. Classes in opposite pairs need about half the rank of a simplex, and at the same margin "
        "they even have a smaller cross-entropy. So from two layers on, and for enough classes, the pairs lie below "
        "the best simplex at every margin."
    ),
    problem=deep_linear_problem(CROSS_ENTROPY, ClassCounts(balanced=True)),
    derive=derive,
    refutation=REFUTATION,
)
