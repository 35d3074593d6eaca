"""Deep linear networks on unconstrained features: the objective, and what the claims on MSE share.

Variables are the features H (d_1 × N), the layers W_1, …, W_M (W_M has K rows) and optionally an unregularised last-layer
bias b. With ℓ the cross-entropy, or ½‖z − e_y‖², the objective is

    L = (1/N) Σ_i ℓ(W_M ⋯ W_1 h_i + b, y_i) + Σ_j (λ_j/2) ‖W_j‖² + (λ_H/2) ‖H‖².
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import sympy as sp

from theory import symbols as sym
from theory.algebra import SymbolicArrays, SymbolicLayers, SymbolicMatrix, substitute_indexed, sum_over
from theory.claim import Derivation
from theory.expressions import Formula
from theory.neural_collapse.features import (
    MSE,
    cross_entropy_losses,
    mean_features,
    squared_losses,
)
from theory.neural_collapse.lemmas import MIRSKY, PROJECTION, SCHATTEN
from theory.point import Point
from theory.problem import (
    ClassCounts,
    Invariant,
    Parameter,
    PositivePerDimension,
    PositiveReal,
    Problem,
    Variable,
    WholeNumber,
    Widths,
)
from theory.proof import (
    ALIVE,
    Bound,
    Identity,
    Lemma,
    Piece,
    Proof,
    Separable,
    Statistic,
    Step,
    StepRecorder,
    StructuredPoint,
    SumOfSquares,
    Threshold,
)
from theory.results import Decides, Measured, Minimised, Reading, Result
from theory.scalar import DeepMinimum, minimise_deep_direction
from theory.secular import centred_spectrum
from theory.symbols import (
    K,
    M,
    N,
    R,
    decay_product,
    feature_decay,
    j,
    k,
    layer,
    layer_decay,
    layer_width,
    n_k,
    nu_k,
    positive,
)

DEEPEST = 8


def layers(v: Any) -> Any:
    """The layers W_1, …, W_M of a point, in this order."""
    if "layers" in v:
        return v.layers
    return tuple(v[f"W_{i}"] for i in range(1, DEEPEST + 1) if f"W_{i}" in v)


def product(xp: Any, v: Any) -> Any:
    return xp.apply_layers(layers(v), v.H)


def logits(xp: Any, v: Any) -> Any:
    """W_M ⋯ W_1 H, plus the bias where the problem has one."""
    z = product(xp, v)
    return xp.add_column(z, v.b) if "b" in v else z


def mean_product(xp: Any, v: Any, data: Any, p: Any) -> Any:
    return xp.class_means(product(xp, v), data.Y)


def deep_linear_problem(fit: str, counts: ClassCounts, with_bias: bool = False) -> Problem:
    """Return the problem with these settings, for depths from 1 to DEEPEST.

    With a bias and unequal classes its directions are those of the centred labels, whose squared sizes are ``nu_k``.
    """
    spectral = with_bias and not counts.balanced
    sample_losses = {MSE: squared_losses}.get(fit, cross_entropy_losses)

    def loss(xp: Any, v: Any, data: Any, p: Any) -> Any:
        fitted = xp.total(sample_losses(xp, logits(xp, v), data)) / p[N]
        decays = xp.layer_decays(layers(v), p[layer_decay])
        return fitted + decays + p[feature_decay] / 2 * xp.total(xp.column_squares(v.H))

    def bind(values: dict[str, Any]) -> dict[sp.Basic, Any]:
        counted, depth = values["class_counts"], values["depth"]
        sides = (*values["widths"], len(counted))
        total = values["feature_decay"]
        for decay in values["weight_decay"]:
            total = total * decay
        return {
            K: len(counted),
            M: depth,
            R: min(*sides, len(counted) - 1 if with_bias else len(counted)),
            N: sum(counted),
            sym.n: counted[0],
            n_k: counted,
            layer_decay: values["weight_decay"],
            feature_decay: values["feature_decay"],
            decay_product: total,
            **({nu_k: centred_spectrum(counted)} if spectral else {}),
            **{layer_width[i]: side for i, side in enumerate(sides, start=1)},
        }

    # The natural size of all singular values: those of a network that fits the largest class, balanced over the factors.
    tied = nu_k if spectral else n_k
    size = (decay_product * tied[1]) ** (1 / (2 * (M + 1)))
    spread = sp.sqrt(K)
    variables = [
        Variable(
            f"W_{i}",
            (layer_width[i + 1], layer_width[i]),
            size / sp.sqrt(layer_decay[i]) / spread,
            exists=lambda values, i=i: i <= values["depth"],
        )
        for i in range(1, DEEPEST + 1)
    ]
    variables.append(Variable("H", (layer_width[1], N), size / sp.sqrt(feature_decay) / sp.sqrt(N)))
    if with_bias:
        variables.append(Variable("b", (K, sp.Integer(1)), sp.Integer(1), offset=True))
    return Problem(
        parameters=(
            Parameter("class_counts", counts, "samples per class, $n_1, …, n_K$"),
            Parameter("depth", WholeNumber(1, DEEPEST), "number $M$ of linear layers", default=1),
            Parameter(
                "widths",
                Widths("depth"),
                "widths $d_1, …, d_M$ of features and hidden layers",
                default=lambda values: (len(values["class_counts"]),) * values["depth"],
            ),
            Parameter(
                "weight_decay", PositivePerDimension("depth", decay=True), r"weight decays $\lambda_1, …, \lambda_M$"
            ),
            Parameter("feature_decay", PositiveReal(decay=True), r"feature decay $\lambda_H$"),
        ),
        variables=tuple(variables),
        loss=loss,
        invariants=_along_label_axes(size) if spectral else _invariants(size) + (_BIAS if with_bias else ()),
        sorted_parameter="class_counts",
        tied=tied,
        bind=bind,
        data=lambda xp: Point(Y=xp.labels()),
        centred=with_bias and not spectral,
        spectral=spectral,
        labelled=(K, layer_width[M + 1]),
        # From two layers on zero is a local minimum: moving one factor alone changes no logit.
        ramped=lambda values: (layer_decay, feature_decay) if values["depth"] > 1 else (),
    )


def _invariants(size: sp.Expr) -> tuple[Invariant, ...]:
    i = sp.Symbol("i", integer=True, positive=True)

    def from_top(xp: Any, v: Any, data: Any, p: Any) -> Any:
        return xp.top_grams(layers(v))

    def from_features(xp: Any, v: Any, data: Any, p: Any) -> Any:
        return xp.bottom_grams(layers(v), mean_features(xp, v, data))

    return (
        Invariant(
            "mean_gram",
            r"$\bar H^T \bar H$",
            lambda xp, v, data, p: xp.transpose(mean_features(xp, v, data)) @ mean_features(xp, v, data),
            unit=size**2 / feature_decay / n_k[1],
            shows_collapse=True,
        ),
        Invariant(
            "classifier_grams",
            r"$P_l P_l^T$ with $P_l = W_M \cdots W_l$, for each layer $l$",
            from_top,
            unit=size ** (2 * (M - layer + 1)) / sp.Product(layer_decay[i], (i, layer, M)),
        ),
        Invariant(
            "feature_grams",
            r"$B_l^T B_l$ with $B_l = W_l \cdots W_1 \bar H$, for each layer $l$",
            from_features,
            unit=size ** (2 * layer + 2) / (feature_decay * n_k[1] * sp.Product(layer_decay[i], (i, 1, layer))),
        ),
        Invariant(
            "layer_spectra",
            "eigenvalues of $W_l W_l^T$, for each layer $l$",
            lambda xp, v, data, p: xp.layer_spectra(layers(v), data.Y),
            kind="spectrum",
            unit=size**2 / layer_decay[layer],
        ),
        Invariant("mean_product", r"class means of $W_M \cdots W_1 H$", mean_product),
        _scatter(size),
    )


def _scatter(size: sp.Expr) -> Invariant:
    return Invariant(
        "within_class_scatter",
        r"$\sum_i \|h_i - \bar h_{y_i}\|^2$",
        lambda xp, v, data, p: xp.total(xp.column_squares(v.H - mean_features(xp, v, data) @ data.Y)),
        kind="scalar",
        unit=size**2 / feature_decay,
    )


def _along_label_axes(size: sp.Expr) -> tuple[Invariant, ...]:
    """The invariants along the singular vectors U, V of the centred labels; those in V are constant on every class."""
    i = sp.Symbol("i", integer=True, positive=True)

    def from_top(xp: Any, v: Any, data: Any, p: Any) -> Any:
        left, _ = xp.label_axes(data.Y)
        return xp.transpose(left) @ xp.top_grams(layers(v)) @ left

    def features(xp: Any, v: Any, data: Any) -> Any:
        return v.H @ xp.label_axes(data.Y)[1]

    def turned_product(xp: Any, v: Any, data: Any, p: Any) -> Any:
        left, right = xp.label_axes(data.Y)
        return xp.transpose(left) @ product(xp, v) @ right

    return (
        Invariant(
            "feature_gram",
            r"$V^T H^T H V$",
            lambda xp, v, data, p: xp.transpose(features(xp, v, data)) @ features(xp, v, data),
            unit=size**2 / feature_decay,
            shows_collapse=True,
        ),
        Invariant(
            "classifier_grams",
            r"$U^T P_l P_l^T U$ with $P_l = W_M \cdots W_l$, for each layer $l$",
            from_top,
            unit=size ** (2 * (M - layer + 1)) / sp.Product(layer_decay[i], (i, layer, M)),
        ),
        Invariant(
            "feature_grams",
            r"$B_l^T B_l$ with $B_l = W_l \cdots W_1 H V$, for each layer $l$",
            lambda xp, v, data, p: xp.bottom_grams(layers(v), features(xp, v, data)),
            unit=size ** (2 * layer + 2) / (feature_decay * sp.Product(layer_decay[i], (i, 1, layer))),
        ),
        Invariant(
            "layer_spectra",
            "eigenvalues of $W_l W_l^T$, for each layer $l$",
            lambda xp, v, data, p: xp.layer_spectra(layers(v), xp.transpose(xp.label_axes(data.Y)[0])),
            kind="spectrum",
            unit=size**2 / layer_decay[layer],
        ),
        Invariant("turned_product", r"$U^T W_M \cdots W_1 H V$", turned_product),
        _scatter(size),
        Invariant("bias", "$b$", lambda xp, v, data, p: xp.entries(v.b), kind="list", unit=1 / K),
    )


_BIAS = (
    Invariant("bias_mean", "mean entry of $b$", lambda xp, v, data, p: xp.mean_entry(v.b), kind="scalar", unit=1 / K),
    Invariant(
        "bias_spread",
        r"$\sum_k (b_k - \bar b)^2$",
        lambda xp, v, data, p: xp.spread(v.b),
        kind="scalar",
        unit=1 / K,
    ),
)


def balanced_layers(q: sp.Expr, frame: SymbolicMatrix, samples: sp.Expr) -> Point:
    """Return W_l = √(μ/λ_l) F and H = √(μ/(λ_H n)) F with μ = Λ^(1/(M+1)) q^(2/(M+1)), the same for all factors."""
    root = decay_product ** (1 / (2 * (M + 1))) * q ** (1 / (M + 1))
    size = root / sp.sqrt(feature_decay * samples)
    h = SymbolicMatrix(frame.size, size * frame.diagonal, tuple((size * a, b) for a, b in frame.rank_one))
    return Point(layers=SymbolicLayers(root, frame, M, layer_decay, decay_product / feature_decay), H=h)


def record_balanced_factors(record: StepRecorder) -> None:
    """Record why all factors of one direction share λ σ²: at a fixed product the sum of the decay terms is smallest."""
    x, y = sp.symbols("x y", positive=True)
    record(
        SumOfSquares(
            "balanced factors",
            r"Moving two factors of a fixed product together, $x = \lambda\sigma^2$, $y = \lambda'\sigma'^2$, lowers the sum of "
            r"their decay terms until $x = y$.",
            (x + y) / 2 - sp.sqrt(x * y),
            ((sp.Rational(1, 2), sp.sqrt(x) - sp.sqrt(y)),),
        )
    )


def record_best_bias(record: StepRecorder) -> None:
    """Record why the best bias is the mean residual."""
    average = sp.Symbol("c", real=True)
    others = sp.symbols("y_1:4", real=True)
    mean = sum(others) / 3
    record(
        SumOfSquares(
            "the best bias",
            "The mean is the best constant: what any other one costs more is a square (three samples, one output shown).",
            sum((sample - average) ** 2 for sample in others) - sum((sample - mean) ** 2 for sample in others),
            ((sp.Integer(3), mean - average),),
        )
    )


class DeepDirections:
    """The derivation that the claims on deep linear MSE share: one direction at every depth, layers, statistics and chain.

    ``record`` collects the steps. ``best`` is the minimiser of one direction, in the class count ``count`` and the singular
    value ``q``. ``counts`` are the class counts of the directions, the squared singular values of the labels.
    """

    count, q = positive("n"), positive("q")

    def __init__(self, counts: sp.IndexedBase = n_k) -> None:
        steps, self.best = self._one_direction()
        self.record, self.counts = StepRecorder(steps), counts

    @classmethod
    @cache
    def _one_direction(cls) -> tuple[list[Step], DeepMinimum]:
        """Minimise one direction, once for all claims."""
        record = StepRecorder()
        best = minimise_deep_direction(record, cls.count, N, decay_product, M, cls.q)
        record_balanced_factors(record)
        return record.steps, best

    def minimum(self, samples: sp.Expr, index: sp.Expr) -> sp.Expr:
        """Return the predicted singular value of the direction with that many samples."""
        alive = sp.sqrt(samples) * self.best.factor.subs(self.count, samples)
        return sp.Piecewise((alive, ALIVE[index] > 0), (sp.Integer(0), True))

    def objective(self, value: sp.Expr) -> sp.Expr:
        """Return the objective of direction k, in its singular value."""
        return self.best.function.subs({self.q: value, self.count: self.counts[k]})

    def threshold(self, kept: sp.Expr, directions: sp.Expr = K) -> Threshold:
        ratio = self.best.ratio.subs(self.count, self.counts[k])
        return Threshold(ratio, k, directions, tuned="feature_decay", within_rank=k <= kept, jump=M > 1)

    def chain(
        self,
        directions: sp.Expr,
        value: sp.Expr,
        first: tuple[Bound, ...],
        lemmas: tuple[Lemma, ...],
        statistics: tuple[Statistic, ...],
        s: sp.IndexedBase,
    ) -> Proof:
        """Return the proof: after the ``first`` bounds the scalar problems in the singular values ``s``, and their minima."""
        size = sp.sqrt(self.counts[k])
        bounds = (
            *first,
            Bound(
                "sum over singular values",
                sp.Sum(self.objective(s[k]), (k, 1, directions)),
                r"$\|Z - Y\|^2$ is at least the sum of the squared differences of singular values; those of the labels are "
                f"${sp.latex(size)}$.",
                (MIRSKY.name,),
            ),
            Bound(
                "predicted value",
                value,
                "Each summand is at least its minimum; at most $R$ singular values of $Z$ are nonzero.",
                ("beyond the fold", "a minimum", "beyond the jump", "the jump lies beyond the fold"),
            ),
        )
        piece = Piece(
            convex=self.best.quadratic.subs(self.count, self.counts[k]),
            concave=self.best.penalty,
            lower=sp.Integer(0),
            upper=size,
        )
        separable = Separable((piece,), self.q, k, directions, free=k <= R, reading=s[k])
        return Proof(tuple(self.record.steps), (SCHATTEN, MIRSKY, *lemmas), statistics, bounds, separable)

    def centred_chain(self, value: sp.Expr, lemmas: tuple[Lemma, ...] = ()) -> Proof:
        """Return the proof with a bias: it leaves the residual centred over the samples, and K − 1 directions of the labels."""
        residual, s = sp.Symbol("rho", nonnegative=True), sp.IndexedBase("sigma", nonnegative=True)
        centred, sc = sp.Symbol("rho_c", nonnegative=True), sp.IndexedBase("tau", nonnegative=True)

        def over_samples(xp: Any, a: Any) -> Any:
            """Subtract from each row the mean of its entries."""
            return xp.transpose(xp.centre(xp.transpose(a)))

        statistics = (
            Statistic(
                residual,
                r"$\|Z + b 1^T - Y\|^2$, $Z = W_M \cdots W_1 H$",
                lambda xp, v, data, p: xp.squared_norm(logits(xp, v) - data.Y),
            ),
            Statistic(
                centred,
                r"$\|(Z - Y)(I - J/N)\|^2$",
                lambda xp, v, data, p: xp.squared_norm(over_samples(xp, product(xp, v) - data.Y)),
            ),
            Statistic(
                s, "singular values of $Z$", lambda xp, v, data, p: xp.singular_values(product(xp, v), data.Y.shape[-2])
            ),
            Statistic(
                sc,
                "singular values of $Z (I - J/N)$",
                lambda xp, v, data, p: xp.singular_values(over_samples(xp, product(xp, v)), data.Y.shape[-2]),
            ),
        )
        penalties = sp.Sum(self.best.penalty.subs(self.q, s[k]), (k, 1, K))
        penalties_centred = sp.Sum(self.best.penalty.subs(self.q, sc[k]), (k, 1, K))
        first = (
            schatten_form(residual / (2 * N) + penalties),
            Bound(
                "best bias",
                centred / (2 * N) + penalties,
                "The best bias makes the rows of the residual sum to zero.",
                ("the best bias",),
            ),
            Bound(
                "centred product",
                centred / (2 * N) + penalties_centred,
                "Centring the samples is a projection, which enlarges no singular value.",
                (PROJECTION.name,),
            ),
        )
        return self.chain(K - 1, value, first, (PROJECTION, *lemmas), statistics, sc)

    def named(self, directions: sp.Expr = K) -> dict[str, Result]:
        """Return the results that statements refer to, for so many directions."""
        of_k, axes, size = {self.count: self.counts[k]}, ((k, directions),), sp.sqrt(self.counts[k])
        q_k = sp.IndexedBase("q", nonnegative=True)

        def first(row: Any, reading: Reading) -> Any:
            """The entries of the directions; without one for the ones there is one less than classes."""
            return row[..., : int(directions.subs(K, reading.p[K]))]

        def shares(reading: Reading) -> Any:
            """λ_l σ² for the singular values σ of each layer."""
            return first(reading.invariants["layer_spectra"], reading) * reading.p[layer_decay][..., None]

        def singular_values(reading: Reading) -> Any:
            return first(reading.xp.singular_values(product(reading.xp, reading.v), reading.p[K]), reading)

        def relative(reading: Reading) -> Any:
            return singular_values(reading) / first(reading.p[self.counts], reading) ** 0.5

        return {
            "singular_value": Measured(
                size * self.best.factor.subs(of_k),
                singular_values,
                axes,
                where=sp.And(k <= R, self.best.ratio.subs(of_k) > 1),
                unit=size,
            ),
            "critical_count": Decides(self.best.critical.subs(of_k), lambda critical: self.counts[k] / critical),
            "jump": Measured(
                self.best.jump,
                relative,
                axes,
                where=k <= R,
                at_threshold=True,
            ),
            "share": Measured(
                decay_product ** (1 / (M + 1)) * q_k[k] ** (2 / (M + 1)),
                shares,
                ((layer, M), *axes),
                unit=(decay_product * self.counts[1]) ** (1 / (M + 1)),
                given={q_k: singular_values},
            ),
            "objective": Minimised(self.best.function.subs(of_k), self.q, singular_values, axes, where=k <= R),
        }


def schatten_form(expression: sp.Expr) -> Bound:
    """Return the bound that replaces the decay terms of all factors by those of their product."""
    return Bound(
        "Schatten form",
        expression,
        "Over all factorisations of the product $Z$ the decay terms are smallest when all factors share its singular "
        "directions and their sizes are balanced.",
        (SCHATTEN.name, "balanced factors"),
    )


def derive_orthogonal_frame(problem: Problem) -> Derivation:
    """Derive the minimiser without a bias, for every depth, all widths and all class counts: an axis for each class."""
    deep = DeepDirections()
    q_k = sp.IndexedBase("q", positive=True)
    v = balanced_layers(q_k[k], SymbolicMatrix.identity(K), n_k[k])
    point = StructuredPoint(problem, SymbolicArrays(K, n_k[k]), v, {q_k: deep.minimum(n_k[k], k)})
    summed = sum_over(deep.objective(q_k[k]), k, K)
    deep.record(
        Identity(
            "reduction",
            "With all layers along the axes of the classes the loss is the sum of the one-direction objectives.",
            point.loss(),
            summed,
        )
    )
    prediction = point.predict(summed, deep.threshold(R), named=deep.named())
    residual, s = sp.Symbol("rho", nonnegative=True), sp.IndexedBase("sigma", nonnegative=True)
    statistics = (
        Statistic(
            residual,
            r"$\|Z - Y\|^2$, $Z = W_M \cdots W_1 H$",
            lambda xp, v, data, p: xp.squared_norm(product(xp, v) - data.Y),
        ),
        Statistic(
            s, "singular values of $Z$", lambda xp, v, data, p: xp.singular_values(product(xp, v), data.Y.shape[-2])
        ),
    )
    penalties = sp.Sum(deep.best.penalty.subs(deep.q, s[k]), (k, 1, K))
    first = (schatten_form(residual / (2 * N) + penalties),)
    proof = deep.chain(K, prediction.value.expression, first, (), statistics, s)
    return Derivation(proof, prediction)


def derive_simplex_frame(problem: Problem) -> Derivation:
    """Derive the minimiser with a last-layer bias and equal classes: a simplex ETF, as far as the rank limit allows."""
    deep = DeepDirections()
    in_n = {deep.count: sym.n}

    # S classes, all alike, in the array algebra of I_S and the ones: the ETF of S = R + 1 kept classes, with b = 1/K.
    kept = sp.Symbol("S", integer=True, positive=True)
    frame = SymbolicMatrix.identity(kept) - SymbolicMatrix.ones(kept) * (1 / kept)
    v = balanced_layers(deep.q, frame, sym.n).extended(b=1 / K)
    best = deep.minimum(sym.n, sp.Integer(1)).xreplace({ALIVE[1]: ALIVE[k]})
    point = StructuredPoint(problem, SymbolicArrays(kept, sym.n), v, {deep.q: best})
    total = R * deep.best.function.subs(in_n) + (K - 1 - R) * sym.n / (2 * N)
    dropped = (
        (K - kept) * sym.n / (2 * N) * (1 - 1 / K)
    )  # the squared distance of a label from 1/K, for each dropped class
    unseen = kept * sym.n / (2 * N) * (K - kept) / K**2  # what the bias leaves at the outputs of the dropped classes
    deep.record(
        Identity(
            "reduction",
            "With $S = R + 1$ classes on a simplex ETF and $b = 1/K$ the loss is $R$ one-direction objectives and what "
            "$K - 1 - R$ empty directions cost.",
            point.loss() + dropped + unseen,
            total.subs(R, kept - 1),
        )
    )
    record_best_bias(deep.record)
    at_kept = point.predict(sp.Integer(0), deep.threshold(R + 1), named=deep.named(K - 1))

    def widened(formula: Formula, kind: str) -> Formula:
        """Put the kept classes in the first R + 1 of K places, with zeros in all others."""
        expression = formula.expression.subs(kept, R + 1)
        axes = tuple((index, K if length == kept else length) for index, length in formula.axes)
        if kind == "matrix":
            expression = sp.Piecewise((expression, sp.And(k <= R + 1, j <= R + 1)), (0, True))
        return Formula(expression, axes)

    kinds = {i.name: i.kind for i in problem.invariants}
    alive = sp.Piecewise((1, deep.best.ratio.subs(in_n) > 1), (0, True))
    value = substitute_indexed(total.subs(deep.q, best), ALIVE, alive)
    branches = {name: widened(f, kinds[name]) for name, f in at_kept.branches.items()}
    invariants = {
        name: f.replace_expression(substitute_indexed(f.expression, ALIVE, alive)) for name, f in branches.items()
    }
    prediction = dataclasses.replace(at_kept, value=Formula(value), invariants=invariants, branches=branches)

    return Derivation(deep.centred_chain(value), prediction)
