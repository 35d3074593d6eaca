"""Supervised contrastive loss with ReLU features of unit norm, any class counts: an orthogonal frame at every temperature.

Setting: minimise the mean over the N samples of the supervised contrastive loss

    log Σ_{a ≠ i} exp(⟨h_i, h_a⟩/τ) − (1/(n_k − 1)) Σ_p ⟨h_i, h_p⟩/τ,

where p runs over the other samples of the class k of sample i, over H ≥ 0 (d × N) with columns of norm 1, for n_k ≥ 2 samples in class k
of K classes and a width d ≥ K. Nothing is penalised, and there is no classifier.
Source: Kini et al., "Symmetric Neural-Collapse Representations with Supervised Contrastive Loss: The Impact of ReLU and Batching" (ICLR
2024). Its abstract states that the minimisers form an orthogonal frame under class imbalances; value and proof are derived here.
"""

from __future__ import annotations

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix
from theory.claim import Claim, Derivation, Source, Verdict
from theory.expressions import Bindings, Values
from theory.namespace import ArrayNamespace, Matrix, Number, Row
from theory.neural_collapse.features import mean_features, mean_gram, within_class_scatter
from theory.neural_collapse.lemmas import GIBBS
from theory.neural_collapse.softmax import record_class_means, record_tangent_steps
from theory.point import Point
from theory.problem import ClassCounts, Invariant, Parameter, PositiveReal, Problem, SimilarityBox, Variable, Width
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
from theory.results import Measured, Reading
from theory.symbols import K, N, d, indexed, k, n, n_k, positive

temperature = positive("tau")
"""The cosines are divided by τ."""
COLDEST, HOTTEST = 0.05, 100.0
"""Below the first temperature the other classes are too small a share of the loss for descent in doubles to see, above the second all
cosines are."""
positives, negatives = positive("m"), positive("r")
"""The other samples of the class of a sample, and the samples of other classes."""
OF_CLASS_K = {positives: n_k[k] - 1, negatives: N - n_k[k]}


def similarities(xp: ArrayNamespace, v: Point, p: Bindings) -> Matrix:
    """Hᵀ H/τ, the cosine of each pair of samples over the temperature."""
    return xp.scale(xp.transpose(v.H) @ v.H, 1 / p[temperature])


def losses(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Row:
    """The supervised contrastive loss of each sample."""
    return xp.column_contrastive_loss(similarities(xp, v, p), data.Y)


def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """The mean of the supervised contrastive losses. Norms are no part of it: the features have norm 1."""
    return xp.total(losses(xp, v, data, p)) / p[N]


def derive(problem: Problem) -> Derivation:
    """Predict the loss of an orthogonal frame, and bound the loss of any nonnegative unit vectors from below by this."""
    record = StepRecorder()
    frame = StructuredPoint(problem, SymbolicArrays(K, n_k[k]), Point(H=SymbolicMatrix.identity(K)), {})
    least = cost(-1 / temperature)
    value = reduce(record, frame, least)
    return Derivation(chain(record, value), predict(frame, least, value))


def cost(excess: sp.Expr) -> sp.Expr:
    """Return what a sample costs whose similarity with each negative exceeds that with each positive by ``excess``."""
    return sp.log(positives) + sp.log(1 + negatives / positives * sp.exp(excess))


def reduce(record: StepRecorder, frame: StructuredPoint, least: sp.Expr) -> sp.Expr:
    """Return the loss of an orthogonal frame, the mean over the samples of what a sample of its class costs."""
    of_class_k = frame.measure(losses)
    record(
        Identity(
            "reduction",
            "With one unit vector a class, orthogonal to the others, cosines are 1 within a class and 0 between classes. So each sample "
            "has $m$ others at cosine 1 and $r$ at cosine 0.",
            of_class_k.subs({N: n_k[k] + negatives}).subs({n_k[k]: positives + 1}),
            least,
        )
    )
    return frame.loss()


def predict(frame: StructuredPoint, least: sp.Expr, value: sp.Expr) -> Prediction:
    """Predict the value and the invariants of an orthogonal frame.

    No class collapses at any temperature. The yardstick only sees to it that small and large temperatures are drawn.
    """
    prediction = frame.predict(
        value,
        named={
            "class_loss": Measured(least.subs(OF_CLASS_K), class_losses, ((k, K),)),
            "length": Measured(sp.Integer(1), lambda reading: reading.diagonal("mean_gram"), ((k, K),)),
        },
    )
    yardstick = Threshold((2 * temperature) ** 4, k, K, tuned="temperature")
    return Prediction(
        prediction.value, prediction.invariants, (), prediction.named, yardstick=yardstick, point=prediction.point
    )


def class_losses(reading: Reading) -> Row:
    """Measure the mean of the losses of each class."""
    row = losses(reading.xp, reading.v, reading.data, reading.p)
    return reading.xp.class_means(row[..., None, :], reading.data.Y)[..., 0, :]


def record_pairs(record: StepRecorder) -> None:
    """Record the sums over pairs of samples of the same class in the class means, and that they are at most those of equal samples."""
    samples = sp.symbols("h_1:4", real=True)
    pairs = sp.Add(*(2 * a * b for i, a in enumerate(samples) for b in samples[:i]))
    record(
        Identity(
            "pairs of a class",
            r"The ordered pairs of different samples add up to $n_k^2 \|\bar h_k\|^2 - n_k$ (three samples, one coordinate shown).",
            sp.expand(sp.Add(*samples) ** 2) - sp.Add(*(x**2 for x in samples)),
            pairs,
        )
    )
    record_class_means(
        record,
        r"So $\|\bar h_k\|^2 \le 1$ for features of norm 1: a mean is no longer (three samples, one coordinate shown).",
    )


def record_averages(record: StepRecorder) -> None:
    """Record the tangent at the softmax of the mean similarities, which is what they cost, and that the cost rises with the excess."""
    u = sp.Symbol("u", real=True)
    wrong = 1 / (1 + positives / negatives * sp.exp(-u))
    like, unlike = (1 - wrong) / positives, wrong / negatives
    record(
        Identity(
            "the softmax of the means",
            r"Equal similarities within the class and, larger by $u$, with others have the softmax $(1-\varepsilon)/m$ and $\varepsilon/r$ …",
            unlike / like,
            sp.exp(u),
        )
    )
    record(
        Identity(
            "its logarithm",
            r"… whose logarithms are minus the cost, and $u$ more …",
            sp.exp(-cost(u)),
            like,
        )
    )
    record(
        Identity(
            "the tangent at the means",
            r"… so that the tangent there, linear in all similarities, is the cost at their means.",
            positives * like * cost(u) + negatives * unlike * (cost(u) - u) + wrong * u,
            cost(u),
        )
    )
    record(Nonnegative("the cost rises", "A larger excess costs more.", sp.diff(cost(u), u)))


def of_others(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Row:
    """The inner products of each class mean with all samples of other classes, summed."""
    means = mean_features(xp, v, data)
    counts = data.Y @ xp.transpose(data.Y)
    return xp.column_sums(xp.transpose(v.H) @ means) - xp.diagonal_of(xp.transpose(means) @ means @ counts)


def number_of_others(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Row:
    """The number of samples of other classes, for each class. All samples are as many as the squares of their features, of norm 1, sum to."""
    counts = data.Y @ xp.transpose(data.Y)
    return xp.diagonal_of(xp.scale(xp.identity(counts), xp.squared_norm(v.H)) - counts)


length, others, rest = (indexed(name, nonnegative=True) for name in "gcr")
STATISTICS = (
    Statistic(length, r"$\|\bar h_k\|^2$", lambda xp, v, data, p: xp.diagonal_of(mean_gram(xp, v, data, p))),
    Statistic(others, r"$\sum_i \langle h_i, \bar h_k\rangle$ over the samples of other classes", of_others),
    Statistic(rest, "the number of samples of other classes than $k$", number_of_others),
)
"""What the bounds are written in."""


def chain(record: StepRecorder, value: sp.Expr) -> Proof:
    """Bound the loss of any nonnegative unit vectors from below: by their mean similarities, and these by their ends."""
    record_tangent_steps(record)
    record_averages(record)
    record_pairs(record)
    between = others[k] / (rest[k] * temperature)
    within = (n_k[k] * length[k] - 1) / ((n_k[k] - 1) * temperature)
    bounds = (
        Bound(
            "mean similarities of each class",
            sp.Sum(n_k[k] * cost(between - within).subs(OF_CLASS_K), (k, 1, K)) / N,
            "The loss of a sample is the mean of cross-entropies, one for each positive as the label. They lie above their tangents at "
            "the softmax of the mean similarities, by a Kullback–Leibler divergence, and averaged over the class these tangents see "
            "the mean similarities alone.",
            (
                GIBBS.name,
                "the tangent of the cross-entropy",
                "logarithm below its tangent",
                "tangent point of the logarithm",
                "the softmax of the means",
                "its logarithm",
                "the tangent at the means",
                "pairs of a class",
            ),
        ),
        Bound(
            "predicted value",
            value,
            "Nonnegative features have nonnegative inner products, and no class mean is longer than its features.",
            ("the cost rises", "class means suffice", "reduction"),
        ),
    )
    return Proof(tuple(record.steps), (GIBBS,), STATISTICS, bounds)


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
        Parameter("class_counts", ClassCounts(samples=2), "samples per class, $n_1, …, n_K$"),
        Parameter(
            "widths",
            Width(K),
            "feature dimension $d$",
            default=lambda values: len(values["class_counts"]),
        ),
        Parameter(
            "temperature",
            PositiveReal(least=COLDEST, most=HOTTEST),
            r"temperature $\tau$, by which the cosines are divided",
        ),
    ),
    variables=(Variable("H", (d, N), nonnegative=True, unit_norm="columns"),),
    loss=loss,
    invariants=(
        Invariant("mean_gram", r"$\bar H^T \bar H$", mean_gram, shows_collapse=True),
        Invariant("within_class_scatter", r"$\sum_i \|h_i - \bar h_{y_i}\|^2$", within_class_scatter, kind="scalar"),
    ),
    sorted_parameter="class_counts",
    tied=n_k,
    bind=bind,
    data=lambda xp: Point(Y=xp.labels()),
    similarity_box=SimilarityBox(similarities, lambda xp, p: xp.labels(), 1 / temperature),
    objective="supervised contrastive loss, unit norms",
)

CLAIM = Claim(
    id="supcon-relu",
    title="Supervised contrastive loss with ReLU features: an orthogonal frame for any class counts",
    short_title="Supervised contrastive loss",
    chapter="imbalance",
    source=Source(
        "Kini, Vakilian, Behnia, Gill, Thrampoulidis",
        "Symmetric Neural-Collapse Representations with Supervised Contrastive Loss: The Impact of ReLU and Batching",
        "ICLR 2024",
        "2306.07960",
    ),
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimiser all features of class $k$ equal their mean $h_k$ (NC1). The class means are mutually orthogonal, with "
        "$\\|h_k\\|^2 = {length}$ (NC2): an orthogonal frame, whatever the class counts and the temperature. The minimum is the mean over "
        "the samples of what a sample costs, ${class_loss}$ for one of class $k$. No class collapses to zero."
    ),
    setting=(
        "The columns $y_i$ of $Y$ are the one-hot labels of $N$ samples, $n_k \\ge 2$ of them from class $k$ of $K$. The features, the "
        "columns $h_i$ of $H$, are nonnegative, as after a ReLU, and normalised. To each sample the other samples of its class, its "
        "positives, should be more similar than all samples of other classes, its negatives. There is no classifier."
    ),
    idea=(
        "The loss of a sample is convex in its similarities, so it is at least what their means cost: those within the class, and those "
        "with other classes. The cost rises with the second and falls with the first. Nonnegative features have no cosine below 0, and "
        "no cosine exceeds 1. An orthogonal frame attains both ends at once, and for this the class counts do not matter. Without the "
        "ReLU cosines between classes may be negative, and then the counts do matter."
    ),
    problem=PROBLEM,
    derive=derive,
)
