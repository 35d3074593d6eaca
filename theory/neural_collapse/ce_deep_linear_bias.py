"""Cross-entropy, a deep linear network with a last-layer bias, balanced classes: the simplex ETF is beaten from three classes on.

Setting: minimise (1/N) Σ CE(W_M ⋯ W_1 h_i + b, y_i) + Σ_j (λ_j/2) ‖W_j‖² + (λ_H/2) ‖H‖² with n samples in each of K classes; the bias b
is not penalised.
Source: Dang et al., "Neural Collapse in Deep Linear Networks" (ICML 2023), whose theorem on cross-entropy is asked here of a network
with a bias. The classes in pairs that refute it without one need no bias; three classes on a line do.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from theory import symbols as sym
from theory.algebra import ConcreteArrays, Symbols
from theory.claim import Claim, Derivation, Verdict
from theory.expressions import Values
from theory.neural_collapse import ce_deep_linear as without_bias
from theory.neural_collapse import deep_linear
from theory.neural_collapse.ce_deep_linear import LOGIT, WEIGHT, balanced_sizes, p, t
from theory.neural_collapse.deep_linear import deep_linear_problem
from theory.neural_collapse.features import CROSS_ENTROPY, DLN
from theory.point import Point
from theory.problem import ClassCounts, Problem
from theory.proof import Identity, Nonnegative, StepRecorder
from theory.refutation import SHARES, Cases, Factor, Family
from theory.results import Shown
from theory.symbols import K, M, N, decay_product, feature_decay, layer_decay, positive

ENDS = sp.Matrix([[1, 0, -1], [0, 0, 0], [-1, 0, 1]]) / 2
"""The projection on the line of three classes: two at its ends, and one in the middle, which the bias carries."""
LENGTH = 4 * t
"""The singular value of the class means of the logits of three classes on a line."""
ON_A_LINE = (2 * sp.log(1 + sp.exp(-t) + sp.exp(-4 * t)) + sp.log(1 + 2 * sp.exp(-t))) / 3 + WEIGHT * (
    sp.sqrt(sym.n) * LENGTH
) ** p
"""The loss of three classes on a line, the bias of the middle one being t: the ends exceed it by t, and each other by 4t."""


def derive(problem: Problem) -> Derivation:
    """Derive the losses of the published structure and of the counterexamples, and why the latter are lower at every margin."""
    record = StepRecorder()
    without_bias.reduce(record, problem)
    record_best_bias(record)
    record_line(record, problem)
    without_bias.record_smaller_cross_entropy(record)
    without_bias.record_smaller_penalty(record)
    prediction = without_bias.predict()
    named = {**prediction.named, "line": Shown(ON_A_LINE, "a line")}
    return Derivation(without_bias.chain(record), replace(prediction, named=named))


def record_best_bias(record: StepRecorder) -> None:
    """Record that no bias lowers the loss of the published structure: its slope in the bias is zero where there is none."""
    beyond = (K - 1) * sp.exp(-t)
    correct, wrong = 1 / (1 + beyond), sp.exp(-t) / (1 + beyond)
    record(
        Identity(
            "the best bias of a simplex",
            "The cross-entropy is convex in the bias. At a simplex ETF without one, $K n$ times its slope in an entry is $n$ times what is "
            "predicted there, summed over all classes, less one: zero, so that no bias is better than none.",
            (K - 1) * wrong + correct - 1,
            sp.Integer(0),
        )
    )


def record_line(record: StepRecorder, problem: Problem) -> None:
    """Record the loss of three classes on a line, and from how many layers on it is below that of a simplex ETF of the same margin."""
    y, q, above = positive("y"), positive("p"), sp.Symbol("s", nonnegative=True)
    in_powers = {t: 2 * sp.log(y)}  # exponentials of half margins become powers of one symbol
    known = {M: 2, sym.n: 1, decay_product: layer_decay[1] * layer_decay[2] * feature_decay}
    record(
        Identity(
            "the loss of three classes on a line",
            "The loss of two layers, computed from its matrices and the bias, is the formula of its family (with $t = 2 \\log y$).",
            sp.expand(sp.powdenest(sp.expand(loss_on_a_line(problem)))).subs(in_powers),
            ON_A_LINE.subs(known).subs(in_powers),
        )
    )
    x = 1 / (1 + above)
    record(
        Nonnegative(
            "a line fits better",
            "With $e^{-t} = 1/(1+s)$: the middle class has the margins of the ETF, and an end pushes the other one down four times as far.",
            sp.factor(2 * x - (x + x**4)),
        )
    )
    gain = 2 - 4**q
    record(
        Nonnegative(
            "a line: deeper is better",
            "What the Schatten term gains over the ETF of three classes grows as the exponent $p = 2/(M+1)$ falls.",
            -sp.diff(gain, q),
        )
    )
    record(
        Nonnegative(
            "a line: no larger at 3 layers",
            "With three layers the Schatten terms are equal.",
            gain.subs(q, sp.Rational(1, 2)),
        )
    )
    record(
        Nonnegative(
            "a line: where the argument ends",
            "With two layers the Schatten term of a line is larger: the answer may depend on the decays.",
            -gain.subs(q, sp.Rational(2, 3)),
        )
    )


def loss_on_a_line(problem: Problem) -> sp.Expr:
    """Return the loss itself at two balanced layers with one sample in each of three classes on a line, as exact SymPy matrices."""
    third = decay_product ** sp.Rational(1, 6) * LENGTH ** sp.Rational(1, 3) * ENDS
    v = Point(
        W_1=third / sp.sqrt(layer_decay[1]),
        W_2=third / sp.sqrt(layer_decay[2]),
        H=third / sp.sqrt(feature_decay),
        b=sp.Matrix([0, t, 0]),
    )
    xp = ConcreteArrays(3, (0, 1, 2))
    loss = problem.loss(xp, v, problem.given(xp), Symbols({N: sp.Integer(3), M: sp.Integer(2)}))
    return loss.subs(decay_product, layer_decay[1] * layer_decay[2] * feature_decay)


def factors_on_a_line(values: Values) -> dict[str, Factor]:
    """Return the variables of three classes on a line."""
    sizes = balanced_sizes(values)
    factors = {name: Factor(size.subs(LOGIT, LENGTH), ENDS) for name, size in sizes.items()}
    return {**factors, "b": Factor(t, sp.Matrix([0, 1, 0]))}


REFUTATION = replace(
    without_bias.REFUTATION,
    families=(
        *without_bias.REFUTATION.families,
        Family(
            "a line",
            "three classes on a line, the middle one carried by the bias",
            ON_A_LINE,
            where=sp.And(sp.Eq(K, 3), M >= 3),
            factors=factors_on_a_line,
            classes=3,
        ),
    ),
    open_where="$K = 2$ at any depth $M \\ge 2$, and $K = 3, 4, 5$ at $M = 2$, where the answer may depend on the decays",
    cases=Cases(
        margin=3.0,
        samples=2,
        refuted=tuple((*sizes, SHARES) for sizes in ((6, 2), (7, 2), (4, 3), (5, 3), (3, 3), (3, 4))),
        holds=((3, 1, SHARES), (6, 1, SHARES)),
        beyond=((4, 2, (0.25,)), (5, 2, SHARES)),
        still_open=((2, 2, SHARES), (3, 2, SHARES), (4, 2, (0.02,))),
    ),
    shown=tuple(
        {"class_counts": (2,) * classes, "depth": depth, "weight_decay": (0.01,) * depth, "feature_decay": 0.01}
        for classes, depth in (
            (3, 3),
            *((classes, depth) for depth in (1, 2, 3) for classes in (2, 3, 4, 5) if (classes, depth) != (3, 3)),
        )
    ),
)

CLAIM = Claim(
    id="ce-deep-linear-bias",
    title="Cross-entropy, deep linear network with a bias: neural collapse is not optimal",
    short_title="Deep cross-entropy with bias",
    chapter="depth",
    source=DLN,
    verdict=Verdict.REFUTED,
    statement=(
        "The claim: with an unregularised last-layer bias, class means and all layers form simplex ETFs at every global minimiser, at every "
        "depth $M$. For $M = 1$ this holds. For $M \\ge 2$ it is false, whatever the decays, wherever it is false without a bias: at a "
        "simplex ETF of margin $t > 0$ the loss is ${published}$ and no bias lowers it, and the classes in opposite pairs, with the loss "
        "${pairs}$, need none. With the bias it is false for three classes too, from $M = 3$ on: on a line, with the middle class "
        "carried by its bias, three classes have the margin $t$ and the loss ${line}$. For $K = 3, 4, 5$ at $M = 2$ the Schatten term of "
        "these points is larger and no proof covers all decays; training finds certified counterexamples for $K = 5$, and for $K = 4$ where "
        "the decays are not too small. Elsewhere at these sizes, and for $K = 2$, the claim stays open: attacked, nothing better found."
    ),
    setting=deep_linear.SETTING + " The last layer has an unregularised bias $b$.",
    idea=(
        "With several layers the decays add up to a Schatten quasi-norm, which punishes the rank of the logits more than their size. "
        "An unregularised bias costs nothing and is no part of the rank. A simplex has no use for it, by its symmetry; "
        "classes on a line do, because the bias alone tells the middle one from the ends."
    ),
    problem=deep_linear_problem(CROSS_ENTROPY, ClassCounts(balanced=True), with_bias=True),
    derive=derive,
    refutation=REFUTATION,
)
