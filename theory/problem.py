"""A problem: variables with shapes, parameters with domains, and the loss written once for every array namespace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal

import sympy as sp

from theory.domains import (
    LARGEST,
    LARGEST_INTEGER,
    SMALLEST,
    ClassCounts,
    DifferentPositiveReals,
    Domain,
    Flag,
    GreaterThan,
    LabelMatrix,
    OrderedClassCounts,
    PositivePerDimension,
    PositiveReal,
    PositiveReals,
    RealAbove,
    RealBetween,
    RealMatrix,
    TwoUnequalCounts,
    WholeNumber,
    Width,
    WidthPair,
    Widths,
    reject,
    unbound,
)
from theory.domains.reading import in_given_order
from theory.errors import ParameterError, quoted
from theory.expressions import Bindings, Values, to_exact
from theory.namespace import ArrayNamespace, Matrix, Measure, Row
from theory.point import Point
from theory.sources import asked
from theory.symbols import D, K, N, n_k
from theory.symbols import d as hidden_units

REQUIRED = object()


@dataclass(frozen=True)
class Parameter:
    """A named parameter with its domain, its meaning, and its default (a value or a function of the other parameters).

    ``meets`` names another parameter, where the claim says something special for equal or close values of the two: a
    posterior that equals its prior, two weights that agree. Instances are then drawn with the two values equal, and
    with values a few per cent apart.
    """

    name: str
    domain: Domain
    means: str
    default: Any = REQUIRED
    meets: str | None = None


@dataclass(frozen=True)
class Variable:
    """A matrix to minimise over.

    ``shape`` is written in the sizes of the problem. ``scale`` is the variable's natural unit, a formula of entry (k,
    j) in the parameters; starts are drawn and steps are measured in this unit. ``nonnegative`` restricts every entry.
    ``exists(values)`` tells whether the variable exists at these parameters (a bias exists only where ``bias`` is
    true). An ``offset``, such as a bias, is added to the outputs and keeps its value where all factors vanish.
    ``unit_norm`` restricts the rows or the columns to norm 1; every point at which anything is evaluated obeys this.
    Raises ParameterError for another ``unit_norm``.
    """

    name: str
    shape: tuple[sp.Expr, sp.Expr]
    scale: sp.Expr = sp.Integer(1)
    nonnegative: bool = False
    exists: Callable[[Values], bool] = lambda values: True
    offset: bool = False
    unit_norm: Literal["rows", "columns"] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.unit_norm not in (None, "rows", "columns"):
            raise reject(f"{self.name}: unit_norm", self.unit_norm, "rows, columns or None")

    @property
    def hidden_axis(self) -> int | None:
        """The axis that runs over the hidden units of one width, or None."""
        return self.shape.index(hidden_units) if hidden_units in self.shape else None


KINDS = {"matrix": 2, "latent": 2, "list": 1, "spectrum": 1, "scalar": 0}
"""Number of axes of each kind of invariant, not counting axes that run over layers."""


@dataclass(frozen=True)
class Invariant:
    """A quantity of a point that is the same at every global minimiser.

    ``measure(xp, v, data, p)`` computes the quantity with the array namespace. ``kind`` says how the quantity is
    compared: a "matrix" has classes or directions on both axes (axes before them run over layers), a "latent" matrix
    has ``latent`` latent directions on both axes, a "list" has one entry for each class, a "spectrum" is in descending
    order, and a "scalar" is one number.
    The latent directions with equal entries of ``noise`` may be rotated into one another. A latent matrix is compared after
    such a rotation, which makes the block of each group diagonal, with its largest entry first.
    ``unit`` is the natural size of the quantity, used where the prediction is zero. ``symbol`` is its LaTeX where ``says``
    does not begin with it. Exactly one matrix of a problem
    ``shows_collapse``: its k-th diagonal entry is zero iff class or direction k has collapsed.
    """

    name: str
    says: str
    measure: Measure
    kind: str = "matrix"
    unit: sp.Expr = sp.Integer(1)
    shows_collapse: bool = False
    symbol: str = ""
    latent: sp.Expr | None = field(default=None, kw_only=True)
    noise: sp.IndexedBase | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if {self.kind == "latent"} != {self.latent is not None, self.noise is not None}:
            raise reject(f"{self.name}: kind", self.kind, '"latent" exactly where latent and noise are given')


CROSS_ENTROPY, BINARY_CROSS_ENTROPY, MSE = "cross-entropy", "binary cross-entropy", "MSE"
"""The losses of a sample that are convex in its logits, and whose dual is known."""


@dataclass(frozen=True)
class NuclearForm:
    """The problem in the logits Z alone: minimise (1/N) Σ ℓ(z_i + b, y_i) + √(λ_W λ_H) ‖Z‖_*.

    The dual of this problem bounds the loss from below. ``loss`` names ℓ: CROSS_ENTROPY, BINARY_CROSS_ENTROPY (the sum over all
    logits), or MSE, which is ½‖z − y‖².
    ``logits(xp, v)`` returns Z, and the variable named ``bias``, where it exists, is the bias b. ``labels(xp, p)``
    returns Y, and ``decays`` are the symbols of λ_W and λ_H. ``copositive`` says that the features are nonnegative and
    the labels one-hot; copositivity of a quadratic form then bounds the loss, too.
    """

    loss: str
    logits: Callable[[ArrayNamespace, Point], Matrix]
    labels: Callable[[ArrayNamespace, Bindings], Matrix]
    decays: tuple[sp.Symbol, sp.Symbol]
    bias: str = "b"
    copositive: bool = False


@dataclass(frozen=True)
class NuclearBall:
    """The problem in the logits Z alone, relaxed: minimise (1/N) Σ CE(z_i, y_i) over ‖Z‖_* ≤ ``radius``.

    The dual of this problem bounds the loss from below. ``logits(xp, v, p)`` returns Z, and ``labels(xp, p)`` the one-hot labels Y.
    ``radius`` is a formula in the parameters.
    """

    logits: Callable[[ArrayNamespace, Point, Bindings], Matrix]
    labels: Callable[[ArrayNamespace, Bindings], Matrix]
    radius: sp.Expr


@dataclass(frozen=True)
class SimilarityBox:
    """The problem in the similarities S of all pairs of samples alone, relaxed: minimise the mean contrastive loss over 0 ≤ s_ij ≤ ``most``.

    The dual of this problem bounds the loss from below. ``similarities(xp, v, p)`` returns S, N × N, and ``labels(xp, p)`` the one-hot
    labels Y. ``most`` is a formula in the parameters.
    """

    similarities: Callable[[ArrayNamespace, Point, Bindings], Matrix]
    labels: Callable[[ArrayNamespace, Bindings], Matrix]
    most: sp.Expr


@dataclass(frozen=True)
class CumulativeForm:
    """The problem in the latent values z alone: minimise (1/N) Σ −log P(y_i | z_i) + √(λ_W λ_H) ‖z‖, a cumulative link model of ordered classes.

    The dual of this problem bounds the loss from below. ``latent(xp, v)`` returns z as a row, ``labels(xp, p)`` the one-hot labels Y,
    ``odds`` is the list of the model, and ``decays`` are the symbols of λ_W and λ_H.
    """

    latent: Callable[[ArrayNamespace, Point], Row]
    labels: Callable[[ArrayNamespace, Bindings], Matrix]
    odds: sp.IndexedBase
    decays: tuple[sp.Symbol, sp.Symbol]


@dataclass(frozen=True)
class Instance:
    """Concrete parameters of a problem, in canonical form.

    ``values`` maps a parameter's name to its value, with lists in descending order. ``order[i]`` is the position at
    which the user gave the i-th largest entry of the sorted parameter. ``bindings`` maps SymPy symbols to values, as
    formulas need them.
    """

    values: Values
    order: tuple[int, ...]
    bindings: Bindings

    def in_user_order(self, array: Any, axes: int = 1) -> Any:
        """Permute the last ``axes`` axes of a nested list from descending order back to the order the user gave."""
        if axes == 0:
            return array
        if _depth(array) > axes:
            return [self.in_user_order(part, axes) for part in array]
        return in_given_order([self.in_user_order(part, axes - 1) for part in array], self.order)


def _exactly(value: Any) -> Any:
    """Return a parameter's real numbers exactly as the user wrote them; integers and truth values are returned unchanged."""
    if isinstance(value, tuple):
        return tuple(map(_exactly, value))
    return to_exact(value) if isinstance(value, float) else value


def _depth(array: Any) -> int:
    return 1 + _depth(array[0]) if isinstance(array, list) else 0


@dataclass(frozen=True)
class Problem:
    """Minimise ``loss(xp, v, data, p)`` over the variables.

    ``xp`` is the array namespace (``theory.namespace.ArrayNamespace``), ``v`` and ``data`` are points of the variables
    and of the given arrays, and ``p`` maps parameter symbols to their values.
    ``sorted_parameter`` names the list that sets the order of classes or directions. ``bind(values)`` returns the SymPy
    bindings. Real numbers reach ``bind`` exactly as they were written, and as balls or tensors where a computation uses
    these.
    ``data(xp)`` returns the given arrays (labels, a covariance root) in that backend.
    ``tied`` is the indexed symbol whose equal entries make the problem invariant under rotations among them. Where
    ``centred``, only rotations that keep the all-ones vector do so. ``partner``, if there is one, is the indexed symbol
    whose entries are paired with those of ``tied``; it may tell tied entries apart.
    ``data_view`` names the parameters that a data source is asked for: the "spectrum" of one sample, or the
    "conditional" spectrum of one part of a sample given the rest.
    ``ramped(values)`` returns the parameters that training raises from small values: those of a penalty that makes
    doing nothing a local minimum, whatever the data. Where ``spectral``, directions and matrices run over singular
    directions, which belong to no one entry of the sorted parameter. ``nuclear_form`` is the nuclear form of the
    problem, where there is one; lower bounds of the problem follow from it, as they do from its ``nuclear_ball``, its
    ``similarity_box`` and its ``cumulative_form``.
    ``labelled`` lists the sizes of variables that run over classes or directions. ``samples`` has the size that runs
    over samples, and the symbol of the numbers of samples per class.
    ``objective`` names the code of the loss in a few words; problems that share this code have the same name.
    Raises ParameterError for a list, other than the sorted one, whose domain sorts, and for parameters that depend on
    one another.
    """

    parameters: tuple[Parameter, ...]
    variables: tuple[Variable, ...]
    loss: Measure
    invariants: tuple[Invariant, ...]
    sorted_parameter: str
    tied: sp.IndexedBase
    bind: Callable[[Values], Bindings]
    data: Callable[[ArrayNamespace], Point | SimpleNamespace]
    centred: bool = field(default=False, kw_only=True)
    partner: sp.IndexedBase | None = field(default=None, kw_only=True)
    data_view: str = field(default="spectrum", kw_only=True)
    ramped: Callable[[Values], tuple[sp.Basic, ...]] = field(default=lambda values: (), kw_only=True)
    spectral: bool = field(default=False, kw_only=True)
    nuclear_form: NuclearForm | None = field(default=None, kw_only=True)
    nuclear_ball: NuclearBall | None = field(default=None, kw_only=True)
    similarity_box: SimilarityBox | None = field(default=None, kw_only=True)
    cumulative_form: CumulativeForm | None = field(default=None, kw_only=True)
    labelled: tuple[sp.Expr, ...] = field(default=(K, D), kw_only=True)
    samples: tuple[sp.Expr, sp.IndexedBase] = field(default=(N, n_k), kw_only=True)
    objective: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        for parameter in self.parameters:
            if parameter.domain.sorts and parameter.name != self.sorted_parameter:
                raise ParameterError(
                    f"{parameter.name}: its domain {type(parameter.domain).__name__} is for the list that is sorted, which is "
                    f"{self.sorted_parameter}"
                )
        _ = self.in_dependency_order

    @property
    def in_dependency_order(self) -> tuple[Parameter, ...]:
        """The parameters, each after the parameters that its domain depends on."""
        ordered: list[Parameter] = []
        waiting = list(self.parameters)
        while waiting:
            names = {parameter.name for parameter in waiting}
            ready = [parameter for parameter in waiting if names.isdisjoint(parameter.domain.depends())]
            if not ready:
                raise ParameterError(f"{', '.join(p.name for p in waiting)}: depend on one another")
            ordered += ready
            waiting = [parameter for parameter in waiting if parameter not in ready]
        return tuple(ordered)

    @property
    def fewest_directions(self) -> int:
        """The fewest classes or directions that the parameters allow."""
        return max(parameter.domain.fewest for parameter in self.parameters)

    @property
    def has_bound(self) -> bool:
        """Whether the form of the problem alone gives a lower bound."""
        forms = (self.nuclear_form, self.nuclear_ball, self.similarity_box, self.cumulative_form)
        return any(form is not None for form in forms)

    def is_labelled(self, side: sp.Expr, instance: Instance) -> bool:
        """Tell whether a side of a variable runs over classes or directions."""
        known = {s: v for s, v in instance.bindings.items() if isinstance(s, sp.Symbol) and isinstance(v, int)}
        # The index of an entry contains the depth, which the instance fixes.
        return any(side == (size.subs(known) if isinstance(size, sp.Indexed) else size) for size in self.labelled)

    def parameter(self, name: str) -> Parameter:
        """Return the parameter with this name. Raises ParameterError when there is none."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        known = ", ".join(p.name for p in self.parameters)
        raise ParameterError(f"{quoted(name)}: no such parameter; the parameters are {known}")

    def instance(self, /, **given: Any) -> Instance:
        """Validate parameters and return them in canonical form.

        Raises ParameterError, a ValueError, with one line that names the parameter, its value and what is allowed.
        """
        for name in given:
            self.parameter(name)
        values: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.name in given:
                values[parameter.name] = parameter.domain.canonical(parameter.name, given[parameter.name])
            elif parameter.default is REQUIRED:
                raise ParameterError(f"{parameter.name}: missing; {parameter.name} is {parameter.domain.says}")
            else:
                default = parameter.default
                said = f"{parameter.name}: default"
                values[parameter.name] = asked(said, default, values) if callable(default) else default
        unsorted = values[self.sorted_parameter]
        order = tuple(sorted(range(len(unsorted)), key=lambda i: -unsorted[i]))
        values[self.sorted_parameter] = tuple(unsorted[i] for i in order)
        for parameter in self.parameters:
            values[parameter.name] = parameter.domain.fitted(parameter.name, values[parameter.name], values, order)
        bindings = asked("bind", self.bind, {name: _exactly(value) for name, value in values.items()})
        if not isinstance(bindings, Mapping):
            raise ParameterError(
                f"bind: {quoted(bindings)} is not allowed; bind gives a dictionary from symbols to values"
            )
        for parameter in self.parameters:
            parameter.domain.sized(parameter.name, values[parameter.name], bindings)
        return Instance(values, order, bindings)

    def given(self, xp: ArrayNamespace) -> Point:
        """Return the given arrays in the backend ``xp`` of the array namespace.

        Raises ParameterError where ``data`` gives no Point or does not run, then with the line of the claim's file.
        """
        held = asked("data", self.data, xp)
        if isinstance(held, SimpleNamespace):
            held = Point(vars(held))
        if not isinstance(held, Point):
            raise ParameterError(f"data: {quoted(held)} is not allowed; data gives a Point of the given arrays")
        return held

    def require_sizes(self, instance: Instance) -> None:
        """Raise ParameterError for a variable whose shape the bindings do not make integers."""
        known = {symbol: value for symbol, value in instance.bindings.items() if isinstance(value, int)}
        for variable in self.active_variables(instance):
            for side in variable.shape:
                try:
                    int(sp.sympify(side).subs(known))
                except (TypeError, sp.SympifyError):
                    raise ParameterError(f"variable {variable.name}: {unbound(side, instance.bindings)}") from None

    def active_variables(self, instance: Instance) -> tuple[Variable, ...]:
        """Return the variables that exist at these parameters."""
        return tuple(v for v in self.variables if asked(f"{v.name}: exists", v.exists, instance.values))

    @property
    def telling(self) -> str:
        """The name of the matrix invariant that shows the collapse."""
        return next(i.name for i in self.invariants if i.shows_collapse)
