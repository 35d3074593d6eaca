"""MSE, a deep network with a ReLU between its layers, balanced classes: deep neural collapse is not optimal.

Setting: minimise (1/2N) ‖W_M relu(W_{M−1} ⋯ relu(W_1 H)) − Y‖² + Σ_j (λ_j/2) ‖W_j‖² + (λ_H/2) ‖H‖² with n samples in each of K
classes, depth M, and any widths.
Source: Súkeník, Lampert and Mondelli, "Neural collapse versus low-rank bias" (arXiv:2405.14468), show that collapse is not optimal,
by classes that are the edges of a complete graph. The constants of the family of points below are derived here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import sympy as sp

from theory import symbols as sym
from theory.algebra import ConcreteArrays, SymbolicArrays, SymbolicMatrix, Symbols
from theory.claim import Claim, Derivation, Source, Verdict
from theory.expressions import Bindings, Values
from theory.namespace import ArrayNamespace, Matrix
from theory.neural_collapse.deep_directions import balanced_layers, record_balanced_factors
from theory.neural_collapse.deep_linear import (
    SETTING,
    natural_size,
    network_bindings,
    network_loss,
    network_parameters,
    network_variables,
)
from theory.neural_collapse.features import MSE, mean_gram, within_class_scatter
from theory.neural_collapse.layers import layers, rectified_product
from theory.neural_collapse.lemmas import NORM_DUALITY, NUCLEAR_NORM, RECTIFIED, SUBMULTIPLICATIVE
from theory.point import Point
from theory.problem import ClassCounts, Invariant, Parameter, Problem
from theory.proof import (
    Bound,
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
from theory.refutation import Factor, Factors, Family, Refutation
from theory.results import Shown
from theory.symbols import K, M, N, decay_product, feature_decay, k, layer, layer_decay, n_k, positive

q = positive("q")
"""The margin, the same for all points that are compared: at size q the class means of the outputs are q I."""
r = sp.Symbol("r", integer=True, positive=True)
"""The least number of vertices of a graph with K edges."""
p = 2 / (M + 1)
FIT = (q - 1) ** 2 / 2
"""What the outputs q I cost."""


def penalty(squares: sp.Expr) -> sp.Expr:
    """Return the least decay terms at margin q: ``squares`` is the product of ‖F‖² over the shapes F of all factors."""
    return (M + 1) / 2 * (sym.n * decay_product * squares) ** (1 / (M + 1)) * q**p


COLLAPSED = K ** (M + 1)
EDGES = K**3 * r ** (M - 1) / 2
"""The products of ‖F‖² of the collapsed point and of the edges."""
WHOLE = K * (M + 1) / 2 * decay_product ** (1 / (M + 1)) * (sp.sqrt(sym.n) * q) ** p
"""The decay terms of a collapsed point, which are the ``penalty`` of its shapes: the (M + 1)-th root of ``COLLAPSED`` is K."""
PUBLISHED = FIT + WHOLE
AS_EDGES = FIT + penalty(EDGES)


def vertices(classes: int) -> int:
    """Return the least number of vertices of a graph with so many edges."""
    return next(count for count in itertools.count(2) if count * (count - 1) // 2 >= classes)


def collapsed_shapes(classes: int, depth: int) -> dict[str, sp.Matrix]:
    """Return the shapes of the factors of the collapsed point: the identity everywhere."""
    return {**{f"W_{i}": sp.eye(classes) for i in range(1, depth + 1)}, "H": sp.eye(classes)}


def edge_shapes(classes: int, depth: int) -> dict[str, sp.Matrix]:
    """Return the shapes of the factors where class k is an edge of the complete graph.

    The features of a class are 1 at the two vertices of its edge. The layers below the last two keep them. W_{M−1} = Bᵀ − J/2, with B
    those features, takes them to 1 for the class itself, 0 for edges that share one vertex with it, and −1 for all others.
    """
    count = vertices(classes)
    edges = list(itertools.islice(itertools.combinations(range(count), 2), classes))
    incidence = sp.Matrix(classes, classes, lambda vertex, edge: int(vertex in edges[edge]))
    kept = sp.diag(sp.eye(count), sp.zeros(classes - count))
    apart = sp.Matrix(classes, classes, lambda a, b: incidence[b, a] - sp.Rational(1, 2) if b < count else 0)
    shapes = {f"W_{i}": kept for i in range(1, depth - 1)}
    return {**shapes, f"W_{depth - 1}": apart, f"W_{depth}": sp.eye(classes), "H": incidence}


def balanced(shapes: dict[str, sp.Matrix]) -> dict[str, Factor]:
    """Return factors of these shapes, with equal decay terms and the outputs q I."""
    squares = {name: sum(x**2 for x in shape) for name, shape in shapes.items()}
    decays = {name: layer_decay[int(name[2:])] if name != "H" else sym.n * feature_decay for name in shapes}
    share = (sym.n * decay_product * q**2 * sp.prod(squares.values())) ** sp.Rational(1, len(shapes))
    return {name: Factor(sp.sqrt(share / (decays[name] * squares[name])), shape) for name, shape in shapes.items()}


def factors_of(shapes: Callable[[int, int], dict[str, sp.Matrix]]) -> Factors:
    """Return the factors of these shapes at the parameters of an instance."""
    return lambda values: balanced(shapes(len(values["class_counts"]), values["depth"]))


def derive(problem: Problem) -> Derivation:
    """Derive the losses of the published structure and of the edges, and where the latter is lower at every margin."""
    record = StepRecorder()
    record_published(record, problem)
    record_edges(record, problem)
    record_smaller(record)
    return Derivation(chain(record), predict())


def record_published(record: StepRecorder, problem: Problem) -> None:
    """Record the loss at the collapsed point, and why no collapsed point of the same size costs less."""
    v = balanced_layers(sp.sqrt(sym.n) * q, SymbolicMatrix.identity(K), sym.n)
    point = StructuredPoint(problem, SymbolicArrays(K, sym.n), v, {}, Symbols({N: K * sym.n}))
    record(
        Identity(
            "the published structure",
            "With an orthogonal frame in every layer the loss is this function of $q$, for every $K$ and $M$.",
            point.loss(),
            PUBLISHED,
        )
    )
    above, below = sp.Symbol("a", nonnegative=True), sp.Symbol("b", nonnegative=True)
    lengths = sp.symbols("c_1:5", positive=True)
    record(
        Nonnegative(
            "a layer between two frames",
            r"Let $X$ and $X' = \mathrm{relu}(WX)$ be frames with columns of length $c$ and $c'$, $K c'^2 = a$, and $b$ what the ReLU removes. "
            r"Then $\|W\|^2 c^2 \ge \|WX\|^2 = a + b$, so that $\|W\|^2 \ge K c'^2/c^2$.",
            (above + below) / lengths[0] ** 2 - above / lengths[0] ** 2,
        )
    )
    shares = [K * layer_decay[i] * lengths[i - 1] ** 2 / lengths[i - 2] ** 2 for i in range(2, 5)]
    first = sp.sqrt(sym.n * layer_decay[1] * feature_decay) * K * lengths[0]
    whole = layer_decay[1] * layer_decay[2] * layer_decay[3] * layer_decay[4] * feature_decay
    record(
        Identity(
            "the sizes of the frames cancel",
            r"The first layer and the features cost at least $\sqrt{n\lambda_1\lambda_H}\,\|W_1 \bar H\|_*$, and $\|W_1 \bar H\|_* \ge "
            r"\langle W_1 \bar H, X\rangle/\|X\|_{op} = K c_1$ for the frame $X = \mathrm{relu}(W_1 \bar H)$. In the product of all decay terms "
            r"(four layers shown, that of the first counted twice, $c_4 = q$) the lengths cancel: by the inequality of the means no collapsed "
            r"point costs less than that with the identity in every layer.",
            sp.prod(shares) * first**2,
            sym.n * whole * COLLAPSED.subs(M, 4) * lengths[3] ** 2,
        )
    )


def record_edges(record: StepRecorder, problem: Problem) -> None:
    """Record that the loss itself, at edges and four or five layers, is the formula of the family."""
    for classes, depth in ((6, 4), (8, 5)):
        total = sp.prod([layer_decay[i] for i in range(1, depth + 1)]) * feature_decay
        known = {K: sp.Integer(classes), M: sp.Integer(depth), N: sp.Integer(classes)}
        factors = balanced(edge_shapes(classes, depth))
        arrays = {name: factor.size * factor.shape for name, factor in factors.items()}
        v = Point(layers=tuple(arrays[f"W_{i}"] for i in range(1, depth + 1)), H=arrays["H"])
        xp = ConcreteArrays(classes, tuple(range(classes)))
        loss = problem.loss(xp, v, problem.given(xp), Symbols(known))
        here = {sym.n: sp.Integer(1), decay_product: total}
        record(
            Identity(
                f"the loss at {classes} edges, {depth} layers",
                "The loss computed from the matrices, the ReLU included, is the formula of the family.",
                loss.subs(here),
                AS_EDGES.subs({**known, r: vertices(classes), **here}),
            )
        )


def record_smaller(record: StepRecorder) -> None:
    """Record where the product of the edges is below that of the collapsed point: r^(M−1) < 2 K^(M−2)."""
    more = sp.Symbol("j", integer=True, nonnegative=True)
    least = ((r - 1) * (r - 2) / 2 + 1).subs(r, 6 + more)
    gain = 2 * K**2 - r**3
    ratio = EDGES / COLLAPSED
    says = "The edges cost less at every margin iff this ratio is below 1: at four layers iff $r^3 < 2K^2$, and each layer multiplies it by $r/K$."
    record(Identity("the ratio at four layers", says, ratio.subs(M, 4), r**3 / (2 * K**2)))
    record(Identity("the ratio at five layers", says, ratio.subs(M, 5), r**3 / (2 * K**2) * r / K))
    for name, found in (
        ("six classes", gain.subs({K: 6, r: 4}) - 1),
        ("eight classes or more on five vertices", gain.subs({K: 8 + more, r: 5}) - 1),
        ("more vertices", sp.expand(gain.subs({K: least, r: 6 + more})) - 1),
        ("seven classes and five layers", (2 * K**3 - r**4).subs({K: 7, r: 5}) - 1),
        ("five classes and six layers", (2 * K**4 - r**5).subs({K: 5, r: 4}) - 1),
        ("deeper is better", sp.expand(((r - 1) * (r - 2) / 2 + 1 - r).subs(r, 4 + more))),
    ):
        record(
            Nonnegative(
                f"smaller: {name}",
                "With $r$ vertices $K \\ge (r-1)(r-2)/2 + 1$: at four layers $2K^2 > r^3$, at five $2K^3 > r^4$, at six $2K^4 > r^5$, and each "
                "further layer multiplies by $K/r \\ge 1$.",
                found,
            )
        )


def predict() -> Prediction:
    """Predict nothing of the minimisers: the claim is refuted. The yardstick is what zero costs over the decay terms of a frame."""
    yardstick = Threshold(LARGEST**p, k, K, tuned="feature_decay")
    named = {"published": Shown(PUBLISHED, "the published structure"), "edges": Shown(AS_EDGES, "edges")}
    return Prediction(None, {}, (), named=named, yardstick=yardstick)


residual, size = sp.Symbol("rho", nonnegative=True), sp.Symbol("z", nonnegative=True)
STATISTICS = (
    Statistic(residual, r"$\|Z - Y\|^2$", lambda xp, v, data, p: xp.squared_norm(rectified_product(xp, v) - data.Y)),
    Statistic(size, r"$\|Z\|^2$", lambda xp, v, data, p: xp.squared_norm(rectified_product(xp, v))),
)
"""What the bounds are written in; Z is what the network computes."""


def chain(record: StepRecorder) -> Proof:
    """Bound the loss at any point from below by what a network of its outputs' norm costs at least."""
    record_balanced_factors(record)
    least = (M + 1) / 2 * (decay_product * size) ** (1 / (M + 1))
    bounds = (
        Bound(
            "norm form",
            residual / (2 * N) + least,
            r"$\|Z\| \le \|W_M\| \cdots \|W_1\| \|H\|$, and the sum of the decay terms is at least their geometric mean.",
            (SUBMULTIPLICATIVE.name, RECTIFIED.name, "balanced factors"),
        ),
    )
    return Proof(tuple(record.steps), (SUBMULTIPLICATIVE, RECTIFIED, NUCLEAR_NORM, NORM_DUALITY), STATISTICS, bounds)


LARGEST = (1 / (2 * WHOLE.subs(q, 1))) ** (1 / p)
"""Beyond this size the decay terms of a collapsed point alone exceed 1/2, the loss at zero."""

REFUTATION = Refutation(
    t=q,
    published=PUBLISHED,
    least=Separable(
        (Piece(convex=FIT, concave=WHOLE, lower=sp.Integer(0), upper=LARGEST),),
        q,
        k,
        sp.Integer(1),
        free=sp.true,
        reading=q,
    ),
    families=(
        Family(
            "edges",
            "the classes as edges of a complete graph, of rank r up to the ReLU that tells them apart",
            AS_EDGES,
            where=sp.And(M >= 4, r ** (M - 1) < 2 * K ** (M - 2)),
            factors=factors_of(edge_shapes),
        ),
    ),
    logits=rectified_product,
    holds_where=sp.Eq(M, 1),
    open_where="$M = 2, 3$; $K \\le 4$; $K = 5$ at $M \\le 5$; $K = 7$ at $M = 4$",
    factors=factors_of(collapsed_shapes),
    shown=tuple(
        {"class_counts": (1,) * classes, "depth": depth, "weight_decay": (0.004,) * depth, "feature_decay": 0.004}
        for classes, depth in ((10, 4), (6, 4), (8, 4), (12, 4), (6, 5), (10, 5), (3, 1), (2, 2), (4, 3))
    ),
)


def output_means(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
    """The class means of what the network computes."""
    return xp.class_means(rectified_product(xp, v), data.Y)


def _bind(values: Values) -> Bindings:
    counts = values["class_counts"]
    classes = len(counts)
    return {
        **network_bindings(values, classes, classes),
        N: sum(counts),
        sym.n: counts[0],
        n_k: counts,
        r: vertices(classes),
    }


def deep_relu_problem() -> Problem:
    """Return the problem of a deep network with a ReLU between its layers, for depths from 1 to DEEPEST."""
    unit = natural_size(n_k)
    return Problem(
        parameters=(
            Parameter("class_counts", ClassCounts(balanced=True), "samples per class, $n_1, …, n_K$"),
            *network_parameters(lambda values: len(values["class_counts"])),
        ),
        variables=network_variables(unit, None),
        loss=network_loss(MSE, rectified_product),
        invariants=(
            Invariant(
                "mean_gram", r"$\bar H^T \bar H$", mean_gram, unit=unit**2 / feature_decay / n_k[1], shows_collapse=True
            ),
            Invariant("output_means", "class means of the outputs", output_means),
            Invariant(
                "layer_spectra",
                "eigenvalues of $W_l W_l^T$, for each layer $l$",
                lambda xp, v, data, p: xp.layer_spectra(layers(v), data.Y),
                kind="spectrum",
                unit=unit**2 / layer_decay[layer],
            ),
            Invariant(
                "within_class_scatter",
                r"$\sum_i \|h_i - \bar h_{y_i}\|^2$",
                within_class_scatter,
                kind="scalar",
                unit=unit**2 / feature_decay,
            ),
        ),
        sorted_parameter="class_counts",
        tied=n_k,
        bind=_bind,
        data=lambda xp: Point(Y=xp.labels()),
        # From two layers on zero is a local minimum: moving one factor alone changes no output.
        ramped=lambda values: (layer_decay, feature_decay) if values["depth"] > 1 else (),
    )


CLAIM = Claim(
    id="mse-deep-relu",
    title="MSE, deep ReLU network: deep neural collapse is not optimal",
    short_title="Deep ReLU, MSE",
    chapter="depth",
    source=Source(
        "Súkeník, Lampert, Mondelli",
        "Neural Collapse versus Low-rank Bias: Is Deep Neural Collapse Really Optimal?",
        "NeurIPS 2024",
        "2405.14468",
    ),
    verdict=Verdict.REFUTED,
    statement=(
        "Deep neural collapse: at every global minimiser what leaves each ReLU collapses to one point a class, and these points form an "
        "orthogonal frame. For $M = 1$, where there is no ReLU, this holds. Earlier work has it for two layers and for two classes "
        "(arXiv:2305.13165); that is not proved here. For more classes it is false from $M = 4$ on, whatever the decays: no "
        "collapsed point whose class means of the outputs have the size of $q I$ costs less than ${published}$. Let the classes be edges of a "
        "complete graph on the least number $r$ of vertices with $r(r-1)/2 \\ge K$, with features 1 at the two vertices of an edge. A "
        "layer and a ReLU tell the edges apart, and the layers below need rank $r$ only. These points cost ${edges}$, which is less at every "
        "$q > 0$ iff $r^{{M-1}} < 2 K^{{M-2}}$: for $K = 6$ and $K \\ge 8$ at $M = 4$, for $K \\ge 6$ at $M = 5$, and for "
        "$K \\ge 5$ from $M = 6$ on. So no collapsed point but zero is a global minimiser there. The edges need not be optimal "
        "either: training finds points that are lower still. Elsewhere "
        "the claim stays open here."
    ),
    setting=SETTING + " Between two layers, entries below zero are set to zero (ReLU).",
    idea=(
        "The decay of a layer that keeps a frame grows with the number of classes. Before the last ReLU the classes need not have a dimension "
        "each: $K$ edges live in $r$ dimensions, about $\\sqrt{2K}$, and one layer followed by a ReLU takes them to an orthogonal frame, since "
        "two different edges share at most one vertex. Each further layer below saves more."
    ),
    problem=deep_relu_problem(),
    derive=derive,
    refutation=REFUTATION,
)
