"""Matrices of symbolic size against SymPy's own matrices."""

import flint
import pytest
import sympy as sp
import torch

from numerics.backends.ball_arrays import BallArrays
from numerics.backends.balls import BallMatrix
from numerics.backends.bindings import setting, stack_bindings
from numerics.backends.tensors import TorchArrays
from numerics.bounds.enclosures import value_at
from theory import symbols as sym
from theory.algebra import ConcreteArrays, SymbolicArrays, SymbolicMatrix, Symbols, substitute_indexed
from theory.claim import find
from theory.expressions import equal
from theory.point import Point

K, k = sym.K, sym.k
a, b = sp.symbols("a b", positive=True)
x = sp.IndexedBase("x", positive=True)
AIBJ = SymbolicMatrix.identity(K) * a + SymbolicMatrix.ones(K) * b
SCALED = AIBJ @ SymbolicMatrix.diag(K, x[k])


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize(
    ("symbolic", "operation"),
    [
        (AIBJ @ AIBJ, lambda p, q: p * p),
        (SCALED @ AIBJ, lambda p, q: q * p),
        (SCALED @ SCALED.T, lambda p, q: q * q.T),
        (SCALED.T @ SCALED, lambda p, q: q.T * q),
        (SCALED - AIBJ, lambda p, q: q - p),
    ],
)
def test_operations_agree_with_concrete_matrices(size, symbolic, operation):
    expected = operation(AIBJ.concrete(size), SCALED.concrete(size))
    assert (symbolic.concrete(size) - expected).applyfunc(sp.expand) == sp.zeros(size)


def test_trace_agrees_with_concrete_matrices():
    assert (
        sp.expand((SCALED @ SCALED.T).trace().subs(K, 3).doit() - (SCALED.concrete(3) * SCALED.concrete(3).T).trace())
        == 0
    )


def test_a_wrong_product_is_noticed():
    wrong = AIBJ @ AIBJ + SymbolicMatrix.identity(K)
    assert (wrong.concrete(3) - AIBJ.concrete(3) ** 2).applyfunc(sp.expand) != sp.zeros(3)


@pytest.mark.parametrize("claim_id", ["ce-balanced-etf", "ce-label-smoothing", "ce-imbalanced-relu", "mse-imbalanced"])
def test_symbolic_loss_is_the_concrete_loss_of_all_samples(claim_id):
    """The loss at a structured point, one column a class, equals the loss of the full sample matrix."""
    problem = find(claim_id).problem
    counts = (2, 2, 2) if claim_id in ("ce-balanced-etf", "ce-label-smoothing") else (3, 2, 1)
    multiplicity = sp.IndexedBase("n", positive=True)
    h = SymbolicMatrix.diag(K, x[k])
    centring = SymbolicMatrix.identity(K) - SymbolicMatrix.ones(K) * (1 / K)
    xp = SymbolicArrays(K, multiplicity[k])
    v = Point(W=centring * a, H=h, b=sp.Integer(0))
    symbolic = problem.loss(xp, v, problem.given(xp), Symbols()).subs(K, 3).doit()
    symbolic = substitute_indexed(
        symbolic, multiplicity, sp.Piecewise(*[(c, sp.Eq(k, i + 1)) for i, c in enumerate(counts)])
    )
    classes = tuple(i for i, c in enumerate(counts) for _ in range(c))
    concrete_xp = ConcreteArrays(3, classes)
    columns = h.concrete(3)
    full = sp.Matrix.hstack(*[columns[:, c] for c in classes])
    concrete_v = Point(W=v.W.concrete(3), H=full, b=sp.zeros(3, 1))
    concrete = problem.loss(concrete_xp, concrete_v, problem.given(concrete_xp), Symbols())
    numbers = {x[1]: sp.Rational(3, 2), x[2]: sp.Rational(1, 3), x[3]: 2, a: sp.Rational(5, 4)}
    fixed = {sym.N: sum(counts), sym.weight_decay: sp.Rational(1, 10), sym.feature_decay: sp.Rational(1, 20)}
    fixed[sym.smoothing] = sp.Rational(1, 7)
    assert abs(sp.N((symbolic - concrete).subs(numbers).subs(fixed), 30)) < sp.Float("1e-25")


def test_smoothed_cross_entropy_is_the_one_against_the_smoothed_labels():
    """In three namespaces: Σ_i log Σ_k e^(z_k) − ⟨y, z⟩ with y = (1 − α) e_y + (α/K) 1 written out, and the labels themselves."""
    problem = find("ce-label-smoothing").problem
    share, decays = sp.Rational(1, 7), sp.Rational(1, 10)
    instance = problem.instance(class_counts=(2, 2), widths=2, weight_decay=0.1, feature_decay=0.1, smoothing=1 / 7)
    w, h = sp.Matrix([[1, -2], [0, 3]]), sp.Matrix([[1, 0, 2, -1], [0, 1, 1, 1]])
    z, y = w * h, sp.Matrix([[1, 1, 0, 0], [0, 0, 1, 1]]) * (1 - share) + sp.ones(2, 4) * share / 2
    fitted = sum(sp.log(sp.exp(z[0, i]) + sp.exp(z[1, i])) - z[:, i].dot(y[:, i]) for i in range(4)) / 4
    by_hand = sp.N(fitted + decays / 2 * (sum(a**2 for a in w) + sum(a**2 for a in h)), 40)
    xp, p = ConcreteArrays(2, (0, 0, 1, 1)), {sym.N: 4, sym.smoothing: share}
    p |= {sym.weight_decay: decays, sym.feature_decay: decays}
    concrete = problem.loss(xp, Point(W=w, H=h), problem.given(xp), p)
    assert abs(sp.N(concrete - by_hand, 30)) < sp.Float("1e-25")
    assert problem.nuclear_form.labels(xp, p) == y
    point = Point({n: torch.tensor(a.tolist(), dtype=torch.float64) for n, a in (("W", w), ("H", h))})
    balls = value_at(problem, instance, point)
    assert float(balls) == pytest.approx(float(by_hand), rel=1e-15)
    torch_xp, data = setting(problem, stack_bindings([instance]))
    batch = Point(W=point.W[None], H=point.H[None])
    (floating,) = problem.loss(torch_xp, batch, data, stack_bindings([instance])).tolist()
    assert floating == pytest.approx(float(by_hand), rel=1e-14)


def test_symbolic_vae_loss_is_the_concrete_loss():
    problem = find("vae-learnable-variance").problem
    entries = sp.symbols("p1:3 q1:3 r1:3 s1:3", positive=True)
    p, q, r, s = entries[:2], entries[2:4], entries[4:6], entries[6:]

    def diagonal(values):
        return SymbolicMatrix.diag(sym.D, sp.Piecewise((values[0], sp.Eq(k, 1)), (values[1], True)))

    xp = SymbolicArrays(sym.D)
    symbolic = problem.loss(xp, Point(U=diagonal(p), W=diagonal(q), S=diagonal(r)), problem.given(xp), Symbols())
    symbolic = symbolic.subs(sym.D, 2).doit().subs({sym.theta[1]: s[0], sym.theta[2]: s[1]})
    concrete_xp = ConcreteArrays(2, entries=s)
    v = Point(U=sp.diag(*p), W=sp.diag(*q), S=sp.diag(*r))
    concrete = problem.loss(concrete_xp, v, problem.given(concrete_xp), Symbols())
    assert equal(symbolic, concrete)


def test_symbolic_loss_of_a_conditional_vae_is_the_concrete_one():
    """Two blocks of columns, side by side, against the matrices written out."""
    problem, size = find("cvae").problem, 3
    variables = ("U_1", "U_2", "W_1", "W_2", "S")
    entries = {name: sp.symbols(f"{name}_1:{size + 1}", positive=True) for name in (*variables, "theta")}
    bases = {name: sym.theta if name == "theta" else sp.IndexedBase(name, positive=True) for name in entries}
    symbolic, concrete = SymbolicArrays(sym.D), ConcreteArrays(size, entries=entries["theta"])
    v = Point({name: SymbolicMatrix.diag(sym.D, bases[name][k]) for name in variables})
    w = Point({name: sp.diag(*entries[name]) for name in variables})
    written_out = problem.loss(symbolic, v, problem.given(symbolic), Symbols()).subs(sym.D, size).doit()
    written_out = written_out.subs({bases[name][i + 1]: e for name in entries for i, e in enumerate(entries[name])})
    difference = written_out - problem.loss(concrete, w, problem.given(concrete), Symbols())
    assert sp.expand(sp.expand_log(sp.expand(difference))) == 0
    cross = symbolic.cross(problem.given(symbolic).A_y, problem.given(symbolic).A_x).concrete(size)
    assert cross == concrete.cross(problem.given(concrete).A_y, problem.given(concrete).A_x)


NUMBERS = (sp.Integer(2), sp.Rational(-1, 3), sp.Rational(5, 4))
IN_K = sp.Piecewise(*((number, sp.Eq(k, i + 1)) for i, number in enumerate(NUMBERS)))
OF_COLUMNS = {
    "squared_norm": sum(x**2 for x in NUMBERS),
    "sum_of_entries": sum(NUMBERS),
    "mean_entry": sum(NUMBERS) / 3,
    "spread": sum((x - sum(NUMBERS) / 3) ** 2 for x in NUMBERS),
}


@pytest.mark.parametrize(("name", "expected"), OF_COLUMNS.items(), ids=OF_COLUMNS)
def test_operations_on_columns_agree_in_every_namespace(name, expected):
    """A column with unequal entries, such as a bias; and with samples that must not count, four a class."""
    written = sp.IndexedBase("b", real=True)
    symbolic = getattr(SymbolicArrays(K, sp.Integer(4)), name)(written[k])
    assert substitute_indexed(symbolic.subs(K, 3).doit(), written, IN_K) == expected
    assert getattr(ConcreteArrays(3, (0, 0, 1, 2)), name)(sp.Matrix(NUMBERS)) == expected
    tensor = torch.tensor([[[float(x)] for x in NUMBERS]] * 2, dtype=torch.float64)
    assert getattr(TorchArrays({}), name)(tensor).tolist() == pytest.approx([float(expected)] * 2, rel=1e-15)
    exact = BallMatrix.of([[flint.fmpq(int(x.p), int(x.q))] for x in NUMBERS])
    assert getattr(BallArrays({}), name)(exact).overlaps(flint.arb(flint.fmpq(int(expected.p), int(expected.q))))


@pytest.mark.parametrize(
    ("name", "expected"), {"squared_norm": K * b**2, "sum_of_entries": K * b, "mean_entry": b, "spread": 0}.items()
)
def test_operations_on_columns_of_equal_entries_are_in_closed_form(name, expected):
    assert getattr(SymbolicArrays(K, sym.n), name)(b) == expected


def test_entries_of_a_column_are_a_row_in_every_namespace():
    written = sp.IndexedBase("b", real=True)
    assert SymbolicArrays(K).entries(written[k]) == written[k]
    assert ConcreteArrays(3).entries(sp.Matrix(NUMBERS)) == sp.Matrix([NUMBERS])
    assert TorchArrays({}).entries(torch.ones(2, 3, 1, dtype=torch.float64)).shape == (2, 3)
    assert BallArrays({}).entries(BallMatrix.of([[1], [2], [3]])).shape == (1, 3)
