"""Cross-entropy with features and classifier rows of unit norm, balanced classes: the simplex ETF at every temperature.

Setting: minimise (1/N) Σ_i CE(τ W h_i, y_i) over W (K × d) with rows of norm 1 and H (d × N) with columns of norm 1, for n samples in
each of K classes and a width d ≥ max(2, K − 1). Nothing is penalised. On the two points of the line (d = 1) the claim holds for two
classes, and there is nothing to descend on.
Source: Yaras et al., "Neural Collapse with Normalized Features: A Geometric Analysis over the Riemannian Manifold" (NeurIPS 2022). The
temperature τ multiplies the cosines. The bound is derived here, for every d ≥ K − 1.
"""

from __future__ import annotations

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, Symbols
from theory.claim import Claim, Derivation, Source, Verdict
from theory.expressions import Bindings, Values
from theory.namespace import ArrayNamespace, Matrix, Number, Row
from theory.neural_collapse.features import margins, mean_gram, within_class_scatter
from theory.neural_collapse.lemmas import GIBBS, NORM_DUALITY, NUCLEAR_NORM
from theory.neural_collapse.softmax import entropy, record_tangent_steps, wrong_probability
from theory.point import Point
from theory.problem import ClassCounts, Invariant, NuclearBall, Parameter, PositiveReal, Problem, Variable, Width
from theory.proof import (
    Bound,
    Identity,
    Nonnegative,
    Prediction,
    Proof,
    Statistic,
    StepRecorder,
    StructuredPoint,
    Threshold,
)
from theory.results import Letter, Measured, Reading
from theory.symbols import K, N, d, j, k, n, n_k, positive

temperature = positive("tau")
"""The length of the logits: τ times a cosine."""
HOTTEST = 100.0
"""Beyond this temperature the loss is so small beside the decrease that descent in doubles can see, that no point is found."""
t = positive("t")
"""The margin: by how much the correct logit exceeds every other."""
CENTRING = SymbolicMatrix.identity(K) - SymbolicMatrix.ones(K) * (1 / K)
BALANCED = Symbols({N: K * n})


def logits(xp: ArrayNamespace, v: Point, p: Bindings) -> Matrix:
    """τ W H."""
    return xp.scale(v.W @ v.H, p[temperature])


def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """The mean cross-entropy. Norms are no part of it: the variables have norm 1."""
    return xp.total(xp.column_cross_entropy(logits(xp, v, p), data.Y)) / p[N]


def mean_logits(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
    """The class means of the logits without the shift that the cross-entropy does not see."""
    return xp.centre(xp.class_means(logits(xp, v, p), data.Y))


def derive(problem: Problem) -> Derivation:
    """Find the simplex ETF of unit vectors, predict its loss, and bound the loss of any unit vectors from below by this."""
    record = StepRecorder()
    square = unit_square(record)
    at = at_etf(problem, square)
    margin = temperature * square
    value = reduce(record, at, margin)
    prediction = predict(at, margin, value)
    wrong = Letter(
        positive("varepsilon"), wrong_probability(margin), says="the predicted probability of each wrong class"
    )
    uncertainty = Letter(positive("S"), entropy(wrong.meaning), says="the entropy of the predicted probabilities")
    return Derivation(chain(record, margin, value), prediction, (wrong, uncertainty))


def unit_square(record: StepRecorder) -> sp.Expr:
    """Return w² at which the rows of w (I − J/K) have norm 1."""
    u = positive("u")
    gram = CENTRING @ CENTRING * u
    (square,) = sp.solve(gram.entry(k, k) - 1, u)
    record(
        Identity(
            "unit norm",
            rf"The rows of $w(I - J/K)$ have norm 1 iff $w^2 = {sp.latex(square)}$. So have its columns, since it is symmetric.",
            gram.entry(k, k).subs(u, square),
            sp.Integer(1),
        )
    )
    return square


def at_etf(problem: Problem, square: sp.Expr) -> StructuredPoint:
    """Return W = H = w (I − J/K), one column a class in H, with w² = ``square``, for every K at once."""
    simplex = CENTRING * sp.sqrt(square)
    return StructuredPoint(problem, SymbolicArrays(K, n), Point(W=simplex, H=simplex), {}, BALANCED)


def reduce(record: StepRecorder, at: StructuredPoint, margin: sp.Expr) -> sp.Expr:
    """Return the loss of the simplex ETF, a function of the margin between its logits."""
    value = sp.log(1 + (K - 1) * sp.exp(-margin))
    record(
        Identity(
            "reduction",
            rf"At the simplex ETF every margin is $t = {sp.latex(margin)}$, and the loss is $\log(1 + (K-1) e^{{-t}})$.",
            at.loss(),
            value,
        )
    )
    return value


def predict(at: StructuredPoint, margin: sp.Expr, value: sp.Expr) -> Prediction:
    """Predict the value and the invariants of the simplex ETF of unit vectors.

    No class collapses at any temperature. The yardstick only sees to it that small and large temperatures are drawn.
    """
    prediction = at.predict(
        value,
        named={
            "margin": Measured(margin, margins, ((k, K),)),
            "cosine": Measured(-1 / (K - 1), mean_cosines, ((k, K),)),
            "minimum": Measured(value, class_losses, ((k, K),)),
        },
    )
    yardstick = Threshold(temperature**4, k, K, tuned="temperature")
    return Prediction(
        prediction.value, prediction.invariants, (), prediction.named, yardstick=yardstick, point=prediction.point
    )


def mean_cosines(reading: Reading) -> Row:
    """Measure the mean cosine between the classifier row of each class and the others."""
    gram = reading.invariants["classifier_gram"]
    return (reading.xp.column_sums(gram) - reading.diagonal("classifier_gram")) / (reading.p[K] - 1)


def class_losses(reading: Reading) -> Row:
    """Measure the cross-entropy of each class at the mean of its logits."""
    labels = reading.xp.class_means(reading.data.Y, reading.data.Y)
    return reading.xp.column_cross_entropy(reading.invariants["mean_logits"], labels)


def record_dual_point(record: StepRecorder, margin: sp.Expr, value: sp.Expr) -> None:
    """Record the operator norm of Y − P at the predicted probabilities P, and that the bound there is the predicted value."""
    epsilon, x = positive("epsilon"), positive("x")
    one_hot, ones = SymbolicMatrix.identity(K), SymbolicMatrix.ones(K)
    probabilities = one_hot * (1 - K * epsilon) + ones * epsilon
    record(
        Identity(
            "the gradient",
            r"With wrong-class probabilities $\varepsilon$, $Y - P = K\varepsilon\,(I - J/K)$, one column a class.",
            (one_hot - probabilities).entry(k, j),
            (CENTRING * (K * epsilon)).entry(k, j),
        )
    )
    record(
        Identity(
            "the gradient is a projection",
            r"$(I - J/K)^2 = I - J/K$, so $\|Y - P\|_{op} = K\varepsilon\sqrt n$.",
            (CENTRING @ CENTRING).entry(k, j),
            CENTRING.entry(k, j),
        )
    )
    record(
        Identity(
            "the largest nuclear norm",
            r"With $c = \sqrt n$, $K$ rows and $K n$ columns of norm 1 give $\|WH\|_* \le \tfrac12(c\|W\|^2 + \|H\|^2/c) = K\sqrt n$.",
            (sp.sqrt(n) * K + K * n / sp.sqrt(n)) / 2,
            K * sp.sqrt(n),
        )
    )
    record(
        Nonnegative(
            "a larger nuclear norm only lowers the bound",
            r"The factor $\tau K\varepsilon\sqrt n/N$ of the nuclear norm, with $\varepsilon = 1/x$, is not negative.",
            temperature * K / x * sp.sqrt(n) / (K * n),
        )
    )
    record(
        Identity(
            "the dual value",
            r"With $\varepsilon = 1/(x + K - 1)$ and $t = \log x$ the entropy less $(K-1)\varepsilon t$ is the loss at margin $t$ …",
            entropy(wrong_probability(sp.log(x))) - (K - 1) * wrong_probability(sp.log(x)) * sp.log(x),
            sp.log(1 + (K - 1) / x),
        )
    )
    record(
        Identity(
            "the margin in the bound",
            r"… and $(K-1)\varepsilon t$ is $\tau K\varepsilon$, what the nuclear norm costs.",
            (K - 1) * margin,
            temperature * K,
        )
    )


nuclear = sp.Symbol("s", nonnegative=True)
correct, every = sp.symbols("a c", real=True)
STATISTICS = (
    Statistic(correct, r"$\sum_i z_{i,y_i}$", lambda xp, v, data, p: xp.inner(data.Y, logits(xp, v, p))),
    Statistic(every, r"$\sum_{i,j} z_{i,j}$", lambda xp, v, data, p: xp.sum_of_entries(logits(xp, v, p))),
    Statistic(
        nuclear,
        r"$\|WH\|_*$",
        lambda xp, v, data, p: xp.total(xp.singular_values(v.W @ v.H, data.Y.shape[-2])),
    ),
)
"""What the bounds are written in."""


def chain(record: StepRecorder, margin: sp.Expr, value: sp.Expr) -> Proof:
    """Bound the loss of any unit vectors from below by the value of the dual point."""
    record_tangent_steps(record)
    record_dual_point(record, margin, value)
    epsilon = wrong_probability(margin)
    bounds = (
        Bound(
            "tangent at the predicted probabilities",
            entropy(epsilon) + epsilon / N * (every - K * correct),
            r"Each cross-entropy lies above its tangent at the predicted probabilities, by a Kullback–Leibler divergence.",
            (
                GIBBS.name,
                "the tangent of the cross-entropy",
                "logarithm below its tangent",
                "tangent point of the logarithm",
            ),
        ),
        Bound(
            "duality of the norms",
            entropy(epsilon) - temperature * K * epsilon * sp.sqrt(n) / N * nuclear,
            r"$\langle Y - P, WH\rangle \le \|Y - P\|_{op}\|WH\|_*$.",
            (NORM_DUALITY.name, "the gradient", "the gradient is a projection"),
        ),
        Bound(
            "predicted value",
            value,
            "Unit norms bound the nuclear norm of $WH$.",
            (
                NUCLEAR_NORM.name,
                "unit norm",
                "the largest nuclear norm",
                "a larger nuclear norm only lowers the bound",
                "the dual value",
                "the margin in the bound",
                "reduction",
            ),
        ),
    )
    return Proof(tuple(record.steps), (NUCLEAR_NORM, GIBBS, NORM_DUALITY), STATISTICS, bounds)


def bind(values: Values) -> Bindings:
    counts = values["class_counts"]
    return {
        K: len(counts),
        d: values["widths"],
        N: sum(counts),
        n: counts[0],
        n_k: counts,
        temperature: values["temperature"],
    }


PROBLEM = Problem(
    parameters=(
        Parameter("class_counts", ClassCounts(balanced=True), "samples per class, $n_1, …, n_K$"),
        Parameter(
            "widths",
            Width(sp.Max(2, K - 1)),
            "feature dimension $d$",
            default=lambda values: len(values["class_counts"]),
        ),
        Parameter("temperature", PositiveReal(most=HOTTEST), r"temperature $\tau$, which multiplies the cosines"),
    ),
    variables=(Variable("W", (K, d), unit_norm="rows"), Variable("H", (d, N), unit_norm="columns")),
    loss=loss,
    invariants=(
        Invariant("classifier_gram", "$W W^T$", lambda xp, v, data, p: v.W @ xp.transpose(v.W)),
        Invariant("mean_gram", r"$\bar H^T \bar H$", mean_gram, shows_collapse=True),
        Invariant(
            "mean_logits", "class means of the logits, each centred over the classes", mean_logits, symbol=r"\bar Z"
        ),
        Invariant("within_class_scatter", r"$\sum_i \|h_i - \bar h_{y_i}\|^2$", within_class_scatter, kind="scalar"),
    ),
    sorted_parameter="class_counts",
    tied=n_k,
    bind=bind,
    data=lambda xp: Point(Y=xp.labels()),
    nuclear_ball=NuclearBall(logits, lambda xp, p: xp.labels(), temperature * sp.sqrt(K * N)),
    objective="cross-entropy, unit norms",
)

CLAIM = Claim(
    id="ce-sphere",
    title="Cross-entropy with unit norms and a temperature: a simplex ETF",
    short_title="Cross-entropy on the sphere",
    chapter="cross-entropy",
    source=Source(
        "Yaras, Wang, Zhu, Balzano, Qu",
        "Neural Collapse with Normalized Features: A Geometric Analysis over the Riemannian Manifold",
        "NeurIPS 2022",
        "2209.09211",
    ),
    verdict=Verdict.HOLDS,
    statement=(
        "Every global minimiser has features equal to their class mean (NC1), and class means and classifier rows form the same "
        "simplex ETF (NC2, NC3): two classes have the cosine ${cosine}$. The correct logit exceeds every other by ${margin}$, and the "
        "minimum is ${minimum}$. No class collapses to zero, whatever the temperature."
    ),
    setting=(
        "The columns $y_i$ of $Y$ are the one-hot labels of $N$ samples, $n$ of them from each of $K$ classes. Features, the columns "
        "$h_i$ of $H$, and the rows of $W$ are normalised, as in a network with a cosine classifier, so that a logit is $\\tau$ times a "
        "cosine. No weight decay is needed: unit norms bound the logits."
    ),
    idea=(
        "The tangent of the cross-entropy at the probabilities of the simplex is linear in $WH$, and by the symmetry of balanced classes "
        "its gradient is a multiple of a projection. So the tangent falls at most with the nuclear norm of $WH$, and unit norms "
        "bound this norm. The simplex attains both bounds at once."
    ),
    problem=PROBLEM,
    derive=derive,
)
