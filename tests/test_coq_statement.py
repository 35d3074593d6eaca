"""The statements in Coq say what the suite says: their text, evaluated, agrees with the loss, the value and the invariants."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from tests.coq_evaluation import BUILT_IN, applied, definitions, meaning
from theory.algebra import ConcreteArrays, Symbols
from theory.claim import find, registry
from theory.export.coq_arrays import CoqArrays, CoqMatrix
from theory.export.coq_statement import CoqStatement, modules, statement, statements
from theory.export.coq_text import Term
from theory.expressions import Formula, evaluate_exactly
from theory.point import Point

ROUNDED = 1e-12
"""Rounding of sums of some hundred terms, relative to their size."""
PREDICTED = (
    "ce-balanced-etf",
    "ce-imbalanced-relu",
    "ce-label-smoothing",
    "ce-relu-bias-balanced",
    "mse-deep-linear-balanced",
    "mse-deep-linear-balanced-bias",
    "mse-deep-linear-imbalanced",
    "mse-imbalanced",
    "mse-imbalanced-relu",
    "mse-regularised-bias",
)
"""Claims whose predictions are stated; a deep linear network at depth 1."""
UNPREDICTED = (
    "ce-deep-linear",
    "ce-deep-linear-bias",
    "ce-imbalanced",
    "ce-relu-bias",
    "ce-soft-labels",
    "ce-sphere",
    "mse-deep-relu",
    "supcon-relu",
)
"""Claims without a closed form of the minimum, or without a threshold, of which only the problem is stated."""
UNSTATED = {
    "bce-balanced": "the minimum is given by cases",
    "ce-relu-bias-two-classes": "only structured points that are matrices of size K are stated",
    "mse-deep-linear-imbalanced-bias": "is an entry of a list that has no name in Coq",
    "ordinal-cumulative-link": "only problems of labelled samples are stated",
}
"""Claims of labelled samples that have no statement, with what is said of them."""


def cases(*claims: str, shallow: bool = False):
    """Return each module about these claims, by the names of both; where ``shallow``, those of one layer."""
    return [
        pytest.param((claim_id, module), id=f"{claim_id}-{module}".strip("-"))
        for claim_id in claims
        for module, chosen in modules(find(claim_id).problem).items()
        if not shallow or chosen.get("depth", 1) == 1
    ]


@pytest.fixture
def what(request):
    """Return what is stated of a claim in a module."""
    claim_id, module = request.param
    return statements(find(claim_id))[module]


class _WithMatrices(ConcreteArrays):
    """Concrete arrays with the matrices among the parameters, which a derivation knows as symbols."""

    bound: dict

    def given(self, matrix: sp.MatrixSymbol) -> sp.Matrix:
        return sp.Matrix(self.bound[matrix])


class Case:
    """Concrete parameters of a statement, in the suite and as arguments of the functions in Coq."""

    def __init__(self, what: CoqStatement, decay: float) -> None:
        problem, self.what = what.claim.problem, what
        domain = problem.parameter("class_counts").domain
        usual = (2,) * max(3, problem.fewest_directions) if domain.balanced else (5, 2, 1)
        self.counts = tuple(max(domain.samples, count) for count in usual)
        values = {**what.chosen, "class_counts": self.counts}
        for p in problem.in_dependency_order:
            if p.name == "weight_decay" and "depth" in values:
                values[p.name] = tuple(decay * (1 + 0.25 * i) for i in range(values["depth"]))
            elif p.name in ("weight_decay", "feature_decay"):
                values[p.name] = decay * (1.5 if p.name == "feature_decay" else 1)
            elif p.name == "widths":
                values[p.name] = (4,) * values["depth"] if "depth" in values else max(4, len(self.counts))
            else:
                values.setdefault(p.name, p.domain.example(values))
        self.instance = problem.instance(**values)
        self.labels = [k for k, count in enumerate(self.counts) for _ in range(count)]
        sizes = [self.size(what.parameters.size(s)) for s in what.parameters.sizes]
        bound = self.instance.bindings
        known = {str(symbol): value for symbol, value in bound.items() if isinstance(symbol, sp.Symbol)}
        known |= {f"lambda[{i}]": v for i, v in enumerate(values["weight_decay"], 1)} if "depth" in values else {}
        reals = [float(known[str(symbol)]) for symbol in what.parameters.reals]
        self.matrices = {m.name: np.array(bound[m], dtype=float) for m in what.parameters.matrices}
        matrices = [_as_function(matrix) for matrix in self.matrices.values()]
        self.arguments = [*sizes, self.labels.__getitem__, *matrices, *reals]
        text = "\n".join(what.definitions())
        self.names = definitions(text)

    def size(self, name: str) -> int:
        return {"K": len(self.counts), "N": sum(self.counts), "1": 1}.get(name, 4)

    def shape(self, variable) -> tuple[int, ...]:
        rows, columns = (self.size(self.what.parameters.size(side)) for side in variable.shape)
        return (rows,) if variable.shape[1] == 1 else (rows, columns)

    def drawn(self, seed: int) -> dict[str, np.ndarray]:
        generator = np.random.default_rng(seed)
        drawn = {v.name: generator.normal(size=self.shape(v)) for v in self.what.problem.variables}
        return {v.name: abs(drawn[v.name]) if v.nonnegative else drawn[v.name] for v in self.what.problem.variables}

    def evaluated(self, name: str, point: dict[str, np.ndarray] | None = None):
        """Return a definition at the parameters and, where asked, at a point; indices are still to come."""
        return applied(self.names[name], *self.arguments, *map(_as_function, (point or {}).values()))

    def best(self) -> dict[str, np.ndarray]:
        """Return the predicted minimiser by the definitions in Coq."""
        found = {}
        for v in self.what.problem.variables:
            entry = self.evaluated(f"minimiser_{v.name}")
            found[v.name] = np.array([applied(entry, *i) for i in np.ndindex(self.shape(v))]).reshape(self.shape(v))
        return found

    def exact(self, measure, point: dict[str, np.ndarray]):
        """Return a measure of the problem at a point, computed by SymPy on rational numbers."""
        xp = _WithMatrices(len(self.counts), tuple(self.labels))
        xp.bound = self.instance.bindings
        v = Point(
            {name: sp.Matrix(np.atleast_2d(array.T).T.tolist()).applyfunc(sp.Rational) for name, array in point.items()}
        )
        bound = {s: sp.nsimplify(x) if isinstance(x, float) else x for s, x in self.instance.bindings.items()}
        return measure(xp, v, self.what.claim.problem.given(xp), Symbols({**bound, **self._lists(bound)}))

    def _lists(self, bound):
        """Return the lists of numbers so that they count from 1, as indexed symbols do."""
        return {s: (None, *x) for s, x in bound.items() if isinstance(s, sp.IndexedBase)}


def _as_function(array: np.ndarray):
    return (lambda i: float(array[i])) if array.ndim == 1 else lambda i: lambda j: float(array[i, j])


@pytest.mark.parametrize("what", cases(*PREDICTED, *UNPREDICTED), indirect=True)
def test_the_loss_in_coq_is_the_loss(what):
    case = Case(what, 0.05)
    for seed in range(2):
        point = case.drawn(seed)
        expected = float(case.exact(what.claim.problem.loss, point))
        assert case.evaluated("loss", point) == pytest.approx(expected, rel=ROUNDED)


@pytest.mark.parametrize("decay", [0.01, 0.1, 2.0], ids="decay {}".format)
@pytest.mark.parametrize("what", cases(*PREDICTED, shallow=True), indirect=True)
def test_the_prediction_in_coq_is_the_prediction(what, decay):
    """The value and the ratio agree, and at the minimiser the loss has the value and the invariants are as predicted."""
    case = Case(what, decay)
    prediction, bound = what.claim.prediction, case.instance.bindings
    value = case.evaluated("value")
    assert value == pytest.approx(evaluate_exactly(prediction.value, bound), rel=ROUNDED)
    threshold = prediction.threshold
    ratios = evaluate_exactly(Formula(threshold.ratio, ((threshold.index, threshold.count),)), bound)
    ratio = case.evaluated("ratio")
    assert [ratio(k) if callable(ratio) else ratio for k in range(len(case.counts))] == pytest.approx(
        ratios, rel=ROUNDED
    )
    best = case.best()
    assert case.evaluated("loss", best) == pytest.approx(value, rel=ROUNDED)
    assert all((best[v.name] >= 0).all() for v in what.problem.variables if v.nonnegative)
    compared = [name for name in prediction.invariants if f"predicted_{name}" in case.names]
    assert len(compared) >= 4
    for name in compared:
        measured, predicted = case.evaluated(name, best), case.evaluated(f"predicted_{name}")
        assert matrix(measured, case) == pytest.approx(matrix(predicted, case), rel=1e-9, abs=1e-12), name
        layered = what.chosen.get("depth") is not None
        exact = evaluate_exactly(prediction.invariants[name], bound)
        exact = exact[0] if layered and np.ndim(exact) == 3 else exact
        assert matrix(predicted, case) == pytest.approx(np.ravel(exact).tolist(), rel=1e-9, abs=1e-12), name


@pytest.mark.parametrize("what", cases(*PREDICTED, shallow=True), indirect=True)
def test_the_invariants_in_coq_are_the_invariants(what):
    case = Case(what, 0.05)
    point = case.drawn(3)
    for invariant in what.claim.problem.invariants:
        if invariant.name in case.names:
            exact = case.exact(invariant.measure, point)
            exact = exact[0] if isinstance(exact, list) else exact
            numbers = [float(x) for x in exact] if isinstance(exact, sp.MatrixBase) else [float(exact)]
            assert matrix(case.evaluated(invariant.name, point), case) == pytest.approx(numbers, rel=1e-11), (
                invariant.name
            )


def matrix(entry, case: Case) -> list[float]:
    """Return all entries of a matrix of classes, or the one number."""
    classes = range(len(case.counts))
    return [entry(a)(b) for a in classes for b in classes] if callable(entry) else [entry]


@pytest.mark.parametrize("claim_id", UNSTATED)
def test_what_has_no_statement_is_said(claim_id):
    with pytest.raises(ValueError, match=UNSTATED[claim_id]):
        statement(find(claim_id))


def test_every_claim_of_labelled_samples_is_stated_or_has_a_reason():
    labelled = {i for i, claim in registry().items() if "class_counts" in {p.name for p in claim.problem.parameters}}
    assert labelled == {*PREDICTED, *UNPREDICTED, *UNSTATED}


@pytest.mark.parametrize("what", cases(*PREDICTED, *UNPREDICTED), indirect=True)
def test_the_minimiser_is_stated_where_it_has_a_closed_form(what):
    assert what.predicted == (what.claim.id in PREDICTED and what.chosen.get("depth", 1) == 1)


def test_a_statement_names_every_hypothesis_of_the_domain():
    text = statement(find("mse-imbalanced"))
    record = re.search(r"Record domain.*?\{\n(.*?)\n\}", text, re.DOTALL).group(1)
    assert [line.split(" :")[0].strip() for line in record.split("\n")] == [
        "two_classes",
        "labels_below",
        "no_class_empty",
        "d_width",
        "lambda_W_positive",
        "lambda_H_positive",
        "d_wide",
    ]


def test_a_changed_loss_changes_the_statement():
    claim = find("mse-imbalanced")
    loss = claim.problem.loss
    changed = replace(claim.problem, loss=lambda xp, v, data, p: loss(xp, v, data, p) + xp.squared_norm(v.W))
    assert statement(replace(claim, problem=changed, derive=lambda _: claim.derivation)) != statement(claim)


def test_a_problem_without_labels_has_no_statement():
    with pytest.raises(ValueError, match="only problems of labelled samples are stated"):
        statement(find("vae-fixed-variance"))


def test_names_of_nested_sums_differ():
    """The index of an inner sum never hides one that the summand uses."""
    a = CoqMatrix("K", "K", lambda r, c: Term(f"a {r} {c}", Term.APPLIED))
    text = CoqArrays().squared_norm(a @ a @ a).text
    numbers = [[1.0, 2.0], [-3.0, 0.5]]
    cube = np.linalg.matrix_power(np.array(numbers), 3)
    names = {**BUILT_IN, "K": 2, "a": lambda i: lambda j: numbers[i][j]}
    assert meaning(text)(names) == pytest.approx((cube**2).sum())


@pytest.mark.parametrize(
    ("text", "value"), [("2 - 1 - 1", 0), ("8 / 2 / 2", 2), ("- 2 ^ 2", -4), ("2 * - 3 + 1", -5), ("- 2 * 3", -6)]
)
def test_terms_are_evaluated_as_coq_reads_them(text, value):
    assert meaning(text)({}) == value


@pytest.mark.parametrize(
    ("term", "text"),
    [
        (Term("a", Term.ATOM) - (Term("b", Term.ATOM) - Term("c", Term.ATOM)), "a - (b - c)"),
        (Term("a", Term.ATOM) / (Term("b", Term.ATOM) * Term("c", Term.ATOM)), "a / (b * c)"),
        ((Term("a", Term.ATOM) + 1) ** 2, "(a + 1) ^ 2"),
        (Term("f a", Term.APPLIED) ** 2, "f a ^ 2"),
        (-Term("a", Term.ATOM) * 2, "(- a) * 2"),
        ((Term("a", Term.ATOM) ** 2).applied("sqrt"), "sqrt (a ^ 2)"),
        (1 / Term("f a", Term.APPLIED), "1 / f a"),
    ],
)
def test_brackets_stand_where_the_grammar_needs_them(term, text):
    assert term.text == text
