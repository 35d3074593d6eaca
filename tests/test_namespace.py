"""The array namespace: every backend has every operation, and all backends agree on the same small input."""

from __future__ import annotations

import inspect
import itertools
import math

import flint
import pytest
import sympy as sp
import torch

from numerics.backends.ball_arrays import BallArrays
from numerics.backends.ball_spectra import eigenvalues
from numerics.backends.balls import Ball, BallMatrix
from numerics.backends.tensors import TorchArrays
from tests.coq_evaluation import BUILT_IN, meaning
from theory import symbols as sym
from theory.algebra import (
    ConcreteArrays,
    Layered,
    SymbolicArrays,
    SymbolicLayers,
    SymbolicMatrix,
    substitute_indexed,
)
from theory.export.coq_arrays import CoqArrays, CoqMatrix, CoqRow
from theory.export.coq_text import Term
from theory.namespace import ArrayNamespace
from theory.symbols import K, j, k

SIZE, DEPTH = 3, 2
THETA = tuple(map(sp.Rational, ("9/4", "4/3", "1/2")))
GIVEN = sp.MatrixSymbol("G", K, K)
DECAY = sp.IndexedBase("lambda", positive=True)
DECAYS = tuple(map(sp.Rational, ("1/100", "3/50")))
LISTS = {
    "a": (3, 2, 1),
    "b": tuple(map(sp.Rational, ("5/2", "4/3", "6/5"))),
    "u": (1, -2, 4),
    "v": tuple(map(sp.Rational, ("1/3", "2", "-1/5"))),
    "G": (2, -1, 5),
}
"""Entries of the inputs by name: ``a`` and ``b`` of diagonal matrices, ``u`` and ``v`` of a rank-one term and of columns."""
BASES = {name: sp.IndexedBase(name, real=True) for name in LISTS} | {"b": sp.IndexedBase("b", positive=True)}


class Symbolic:
    """Inputs of symbolic size. Results are evaluated at SIZE and at the numbers of LISTS."""

    xp = SymbolicArrays(K)
    lists = BASES

    def diagonal(self, name):
        return SymbolicMatrix.diag(K, BASES[name][k])

    def full(self):
        return SymbolicMatrix(K, BASES["a"][k], ((BASES["u"][k], BASES["v"][k]),))

    def equal(self):
        """Wrong-class logits equal within a column, as the symbolic cross-entropy needs them."""
        return SymbolicMatrix(K, BASES["a"][k], ((sp.Integer(1), BASES["v"][k]),))

    def column(self, name):
        return BASES[name][k]

    row = column

    def layers(self):
        return SymbolicLayers(BASES["b"][k], SymbolicMatrix.identity(K), sp.Integer(DEPTH), DECAY, DECAY[1] * DECAY[2])

    size = K
    depth_decays = DECAY
    theta = sym.theta

    def numbers(self, result):
        if isinstance(result, tuple | list):
            return [self.numbers(part) for part in result]
        if isinstance(result, Layered):
            return [self.numbers(self.at(result.entry, layer)) for layer in range(1, DEPTH + 1)]
        if hasattr(result, "blocks"):
            return [list(itertools.chain(*rows)) for rows in zip(*map(self.numbers, result.blocks), strict=True)]
        if isinstance(result, SymbolicMatrix):
            return [[self.number(result.entry(), {k: a, j: b}) for b in range(1, 4)] for a in range(1, 4)]
        result = sp.sympify(result)
        if k in result.free_symbols:
            return [self.number(result, {k: i}) for i in range(1, SIZE + 1)]
        return self.number(result, {})

    def at(self, entry, layer):
        if not isinstance(entry, SymbolicMatrix):
            return entry.subs(sym.layer, layer)
        terms = tuple(tuple(x.subs(sym.layer, layer) for x in term) for term in entry.rank_one)
        return SymbolicMatrix(entry.size, entry.diagonal.subs(sym.layer, layer), terms)

    def number(self, e, indices):
        e = sp.sympify(e).subs(indices).subs(K, SIZE).doit()
        for name, entries in {**LISTS, "theta": THETA, "lambda": DECAYS}.items():
            base = {**BASES, "theta": sym.theta, "lambda": DECAY}[name]
            e = substitute_indexed(e, base, sp.Piecewise(*((x, sp.Eq(k, i)) for i, x in enumerate(entries, 1))))
        return float(e)


class Written:
    """Inputs as SymPy matrices of SIZE. The other backends take the same numbers from this class."""

    xp = ConcreteArrays(SIZE, (0, 1, 2), THETA)
    size = SIZE
    depth_decays = DECAY
    theta = sym.theta

    def made(self, matrix):
        return matrix

    def diagonal(self, name):
        return self.made(sp.diag(*LISTS[name]))

    def _full(self, left):
        return sp.diag(*LISTS["a"]) + sp.Matrix(left) * sp.Matrix([LISTS["v"]])

    def full(self):
        return self.made(self._full(LISTS["u"]))

    def equal(self):
        return self.made(self._full([1] * SIZE))

    def column(self, name):
        return self.made(sp.Matrix(LISTS[name]))

    def row(self, name):
        return self.made(sp.Matrix([LISTS[name]]))

    def layers(self):
        return tuple(self.made(sp.diag(*LISTS["b"]) / sp.sqrt(decay)) for decay in DECAYS)

    def numbers(self, result):
        if isinstance(result, tuple | list):
            return [self.numbers(part) for part in result]
        if isinstance(result, sp.MatrixBase):
            rows = [[float(sp.re(sp.N(self.number(x), 30))) for x in row] for row in result.tolist()]
            return rows[0] if len(rows) == 1 else rows
        return float(self.number(result))

    def number(self, e):
        e = sp.sympify(e).subs({DECAY[i]: x for i, x in enumerate(DECAYS, 1)})
        return e.subs({BASES["G"][i]: x for i, x in enumerate(LISTS["G"], 1)})


class Tensors(Written):
    xp = TorchArrays(
        {
            sym.n_k: torch.ones(SIZE, dtype=torch.float64),
            sym.theta: torch.tensor([[float(x) for x in THETA]], dtype=torch.float64),
            GIVEN: torch.diag(torch.tensor(LISTS["G"], dtype=torch.float64)),
            K: SIZE,
        }
    )
    depth_decays = torch.tensor([float(x) for x in DECAYS], dtype=torch.float64)

    def made(self, matrix):
        return torch.tensor([[float(x) for x in row] for row in matrix.tolist()], dtype=torch.float64)

    def row(self, name):
        return self.made(sp.Matrix([LISTS[name]]))[0]

    def numbers(self, result):
        if isinstance(result, tuple):
            return [self.numbers(part) for part in result]
        if not isinstance(result, torch.Tensor):
            return float(result)
        return (result[0] if result.ndim == 3 and len(result) == 1 else result).tolist()


class Balls(Written):
    xp = BallArrays(
        {
            sym.n_k: (1,) * SIZE,
            sym.theta: tuple(Ball(flint.fmpq(int(x.p), int(x.q))) for x in THETA),
            GIVEN: [[LISTS["G"][a] if a == b else 0 for b in range(SIZE)] for a in range(SIZE)],
            K: SIZE,
        }
    )
    depth_decays = tuple(Ball(flint.fmpq(int(x.p), int(x.q))) for x in DECAYS)

    def ball(self, x):
        x = sp.sympify(x)
        return Ball(flint.fmpq(int(x.p), int(x.q))) if x.is_Rational else self.ball(x**2).sqrt()

    def made(self, matrix):
        return BallMatrix.of([[self.ball(x) for x in row] for row in matrix.tolist()])

    def numbers(self, result):
        if isinstance(result, tuple | list):
            return [self.numbers(part) for part in result]
        if isinstance(result, BallMatrix):
            rows = [[self.numbers(x) for x in row] for row in result.tolist()]
            return rows[0] if len(rows) == 1 else rows
        assert isinstance(result, int) or result.rad() <= Ball(1e-40) * (1 + abs(result)) or not result.is_finite()
        return float(result)


class Text(Written):
    """Inputs as text: every matrix is a function of Coq, evaluated at the same numbers."""

    xp = CoqArrays("K", "K")

    def __init__(self):
        self.names = {**BUILT_IN, "K": SIZE, "label": lambda j: j, "lambda_1": DECAYS[0], "lambda_2": DECAYS[1]}

    def made(self, matrix):
        name = f"input_{len(self.names)}"
        self.names[name] = lambda a: lambda b: float(matrix[a, b])
        rows, columns = ("1" if side == 1 else "K" for side in matrix.shape)
        return CoqMatrix(rows, columns, lambda a, b: Term(f"{name} {a} {b}", Term.APPLIED))

    def row(self, name):
        held = self.made(sp.Matrix([LISTS[name]]))
        return CoqRow("K", lambda b: held.entry("0", b))

    def numbers(self, result):
        if isinstance(result, list):
            return [self.numbers(part) for part in result]
        if isinstance(result, CoqMatrix):
            columns = range(1 if result.columns == "1" else SIZE)
            return [[self.numbers(result.entry(str(a), str(b))) for b in columns] for a in range(SIZE)]
        if isinstance(result, CoqRow):
            return [self.numbers(result.entry(str(b))) for b in range(SIZE)]
        return float(meaning(result.text)(self.names))


BACKENDS = {"symbolic": Symbolic(), "concrete": Written(), "tensors": Tensors(), "balls": Balls(), "text": Text()}
NO_SUMS = {
    "given",
    "diagonal",
    "diagonal_root",
    "beside",
    "solve",
    "column_cumulative_link",
    "logdet_of_gram",
    "explained",
    "singular_values",
    "smallest_first",
    "divergences",
    "layer_spectra",
}
"""Operations that text lacks, since they are no finite sums of entries; a given matrix keeps its name there."""
EQUAL_LABELS = "with equal class counts the singular vectors of the labels are not unique"

CALLS = {
    "labels": lambda xp, i: xp.labels(),
    "diagonal": lambda xp, i: xp.diagonal(i.theta),
    "diagonal_root": lambda xp, i: xp.diagonal_root(i.theta),
    "given": lambda xp, i: xp.given(GIVEN),
    "eye": lambda xp, i: xp.eye(K),
    "zeros": lambda xp, i: xp.zeros(K, K),
    "identity": lambda xp, i: xp.identity(i.full()),
    "beside": lambda xp, i: xp.beside(i.diagonal("a"), i.full()),
    "transpose": lambda xp, i: xp.transpose(i.full()),
    "cross": lambda xp, i: xp.cross(i.full(), i.diagonal("b")),
    "scale": lambda xp, i: xp.scale(i.full(), 3),
    "solve": lambda xp, i: xp.solve(i.diagonal("a"), i.full()),
    "add_column": lambda xp, i: xp.add_column(i.full(), i.column("v")),
    "centre": lambda xp, i: xp.centre(i.full()),
    "relu": lambda xp, i: xp.relu(i.diagonal("u")),
    "class_means": lambda xp, i: xp.class_means(i.full(), xp.labels()),
    "rows": lambda xp, i: xp.rows(i.full()),
    "column_squares": lambda xp, i: xp.column_squares(i.full()),
    "column_inner": lambda xp, i: xp.column_inner(i.full(), i.diagonal("b")),
    "column_sums": lambda xp, i: xp.column_sums(i.full()),
    "column_cross_entropy": lambda xp, i: xp.column_cross_entropy(i.equal(), xp.labels()),
    "column_softmax": lambda xp, i: xp.column_softmax(i.equal()),
    "column_binary_cross_entropy": lambda xp, i: xp.column_binary_cross_entropy(i.equal(), xp.labels()),
    "column_cumulative_link": lambda xp, i: xp.column_cumulative_link(i.row("v"), xp.labels(), i.theta),
    "diagonal_of": lambda xp, i: xp.diagonal_of(i.full()),
    "entries": lambda xp, i: xp.entries(i.column("u")),
    "total": lambda xp, i: xp.total(i.row("v")),
    "sum_of_entries": lambda xp, i: xp.sum_of_entries(i.full()),
    "mean_entry": lambda xp, i: xp.mean_entry(i.column("u")),
    "spread": lambda xp, i: xp.spread(i.column("v")),
    "squared_norm": lambda xp, i: xp.squared_norm(i.full()),
    "norm": lambda xp, i: xp.norm(i.full()),
    "inner": lambda xp, i: xp.inner(i.full(), i.diagonal("b")),
    "log": lambda xp, i: xp.log(xp.squared_norm(i.full())),
    "logdet_of_gram": lambda xp, i: xp.logdet_of_gram(i.diagonal("b")),
    "log_of_row_squares": lambda xp, i: xp.log_of_row_squares(i.full()),
    "explained": lambda xp, i: xp.explained(i.diagonal("a"), i.diagonal("b")),
    "singular_values": lambda xp, i: xp.singular_values(i.diagonal("b"), i.size),
    "smallest_first": lambda xp, i: xp.smallest_first(i.diagonal("b"), i.size),
    "divergences": lambda xp, i: xp.divergences(i.diagonal("a"), i.diagonal("b")),
    "apply_layers": lambda xp, i: xp.apply_layers(i.layers(), i.full()),
    "apply_rectified": lambda xp, i: xp.apply_rectified(i.layers(), i.diagonal("b")),
    "layer_decays": lambda xp, i: xp.layer_decays(i.layers(), i.depth_decays),
    "top_grams": lambda xp, i: xp.top_grams(i.layers()),
    "bottom_grams": lambda xp, i: xp.bottom_grams(i.layers(), i.full()),
    "layer_spectra": lambda xp, i: xp.layer_spectra(i.layers(), xp.labels()),
}
"""A call of each operation. ``label_axes`` has a test of its own, since its vectors are unique only for unequal classes, and so have
``standard_rows``, which the symbolic backend writes along their own axes, and ``column_contrastive_loss``, which needs two samples a class."""

OPERATIONS = [name for name, f in inspect.getmembers(ArrayNamespace, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_has_every_operation_with_the_same_arguments(backend, operation):
    own = getattr(type(BACKENDS[backend].xp), operation, None)
    assert own is not None, f"{backend} lacks {operation}"
    assert len(inspect.signature(own).parameters) == len(
        inspect.signature(getattr(ArrayNamespace, operation)).parameters
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_backend_has_operations_of_its_own(backend):
    """An operation of a backend belongs to the namespace, so that every backend has it."""
    offered = {n for n, f in inspect.getmembers(type(BACKENDS[backend].xp)) if callable(f) and not n.startswith("_")}
    assert offered == set(OPERATIONS)


@pytest.mark.parametrize(
    "operation", sorted(set(OPERATIONS) - {"label_axes", "standard_rows", "column_contrastive_loss"})
)
def test_all_backends_agree(operation):
    found = {
        backend: flattened(inputs.numbers(CALLS[operation](inputs.xp, inputs)))
        for backend, inputs in BACKENDS.items()
        if backend != "text" or operation not in NO_SUMS
    }
    expected = found["concrete"]
    assert any(expected) == (operation != "zeros")
    for backend, numbers in found.items():
        assert numbers == pytest.approx(expected, rel=1e-13, abs=1e-13), backend


@pytest.mark.parametrize("operation", sorted(NO_SUMS - {"given"}))
def test_text_says_what_is_no_finite_sum(operation):
    inputs = BACKENDS["text"]
    with pytest.raises(ValueError, match="is no finite sum of entries"):
        CALLS[operation](inputs.xp, inputs)


def flattened(numbers):
    if isinstance(numbers, list):
        return [x for part in numbers for x in flattened(part)]
    return [numbers]


def full_input(backend):
    """Return a 2 × 3 matrix that is not diagonal, in a backend with concrete sizes."""
    return BACKENDS[backend].made(sp.Matrix([[1, -2, 3], [sp.Rational(1, 2), 4, 0]]))


@pytest.mark.parametrize(
    "call",
    {
        "singular_values": lambda xp, a: xp.singular_values(a, 3),
        "smallest_first": lambda xp, a: xp.smallest_first(a, 3),
        "explained": lambda xp, a: xp.explained(a, xp.transpose(a) @ a),
        "relu": lambda xp, a: xp.relu(a),
        "apply_rectified": lambda xp, a: xp.apply_rectified((a, xp.transpose(a), a), xp.transpose(a)),
        "divergences": lambda xp, a: xp.divergences(a @ xp.transpose(a), a),
        "solve": lambda xp, a: xp.solve(a @ xp.transpose(a), a),
        "logdet_of_gram": lambda xp, a: xp.logdet_of_gram(a @ xp.transpose(a)),
        "logdet_of_gram of a wide matrix": lambda xp, a: xp.logdet_of_gram(a),
    }.items(),
    ids=lambda item: item[0],
)
def test_what_is_diagonal_symbolically_agrees_on_full_matrices(call):
    _, operation = call
    written = BACKENDS["concrete"]
    expected = flattened(written.numbers(operation(written.xp, full_input("concrete"))))
    for backend in ("tensors", "balls"):
        inputs = BACKENDS[backend]
        found = flattened(inputs.numbers(operation(inputs.xp, full_input(backend))))
        assert found == pytest.approx(expected, rel=1e-12), backend


def test_the_determinant_of_diagonal_matrices_beside_each_other_agrees():
    found = [
        i.numbers(i.xp.logdet_of_gram(i.xp.beside(i.diagonal("a"), i.diagonal("b"))))
        for backend, i in BACKENDS.items()
        if backend != "text"
    ]
    assert found == pytest.approx([found[0]] * len(found), rel=1e-13)


def test_the_axes_of_unequal_labels_agree():
    """Singular vectors are unique up to signs, so the projection on each vector is compared."""
    classes = (0, 0, 0, 1, 1, 2)
    counts = [classes.count(c) for c in range(3)]
    spaces = {
        "concrete": ConcreteArrays(SIZE, classes),
        "tensors": TorchArrays({sym.n_k: torch.tensor(counts, dtype=torch.float64)}),
        "balls": BallArrays({sym.n_k: tuple(counts)}),
    }
    found = {}
    for backend, xp in spaces.items():
        axes = xp.label_axes(xp.labels())
        numbers = [torch.tensor(BACKENDS[backend].numbers(part), dtype=torch.float64) for part in axes]
        found[backend] = [torch.outer(v, v) for part in numbers for v in part.T]
    for backend in ("tensors", "balls"):
        for own, written in zip(found[backend], found["concrete"], strict=True):
            torch.testing.assert_close(own, written, rtol=0, atol=1e-13)


@pytest.mark.parametrize("classes", [(0, 0, 0, 1, 1), (0, 0, 1, 1, 2, 2)])
def test_contrastive_losses_agree(classes):
    """Similarities need not be symmetric, nor those of one class equal; the last sample is as similar to itself as to nothing else."""
    counts, size = [classes.count(c) for c in range(max(classes) + 1)], len(classes)
    similarities = sp.Matrix(size, size, lambda a, b: sp.Rational((3 * a + 5 * b) % 7 - 3, 2) + 90 * (a == b))
    spaces = {
        "concrete": ConcreteArrays(len(counts), classes),
        "tensors": TorchArrays({sym.n_k: torch.tensor(counts, dtype=torch.float64)}),
        "balls": BallArrays({sym.n_k: tuple(counts)}),
    }
    found = {}
    for backend, xp in spaces.items():
        inputs = BACKENDS[backend]
        found[backend] = flattened(inputs.numbers(xp.column_contrastive_loss(inputs.made(similarities), xp.labels())))
    xp, held = CoqArrays(), CoqMatrix("N", "N", lambda a, b: Term(f"s {a} {b}", Term.APPLIED))
    names = {**BUILT_IN, "K": len(counts), "N": size, "label": classes.__getitem__}
    names["s"] = lambda a: lambda b: float(similarities[a, b])
    losses = xp.column_contrastive_loss(held, xp.labels())
    found["text"] = [float(meaning(losses.entry(str(i)).text)(names)) for i in range(size)]
    assert len(set(found["concrete"])) > 2
    for backend, numbers in found.items():
        assert numbers == pytest.approx(found["concrete"], rel=1e-13), backend


def test_the_symbolic_contrastive_loss_is_that_of_equal_samples():
    n = sp.Symbol("n", integer=True, positive=True)
    inputs, written = Symbolic(), BACKENDS["concrete"]
    symbolic = SymbolicArrays(K, n).column_contrastive_loss(inputs.equal(), SymbolicMatrix.identity(K))
    samples = tuple(c for c in range(SIZE) for _ in range(4))
    concrete = ConcreteArrays(SIZE, samples)
    repeated = sp.Matrix(len(samples), len(samples), lambda a, b: written.equal()[samples[a], samples[b]])
    expected = written.numbers(concrete.column_contrastive_loss(repeated, concrete.labels()))
    assert [x for x in inputs.numbers(symbolic.subs(n, 4)) for _ in range(4)] == pytest.approx(expected, rel=1e-13)
    counts = SymbolicArrays(K, sym.n_k[k]).column_contrastive_loss(
        SymbolicMatrix.identity(K), SymbolicMatrix.identity(K)
    )
    assert counts.has(sym.N)


def test_a_tiny_contrastive_loss_keeps_its_digits():
    """Two samples a class, as similar as can be: the loss is log(1 + 2 e^−40)."""
    xp = TorchArrays({sym.n_k: torch.tensor([2.0, 2.0], dtype=torch.float64)})
    labels = xp.labels()
    losses = xp.column_contrastive_loss(40 * labels.mT @ labels, labels)
    assert losses.tolist() == pytest.approx([math.log1p(2 * math.exp(-40))] * 4, rel=1e-14)


def test_a_contrastive_loss_of_large_similarities_is_finite():
    xp = TorchArrays({sym.n_k: torch.tensor([2.0, 2.0], dtype=torch.float64)})
    similarities = (-2000 * xp.labels().mT @ xp.labels()).requires_grad_()
    losses = xp.column_contrastive_loss(similarities, xp.labels())
    losses.sum().backward()
    assert losses.tolist() == pytest.approx([2000 + math.log(2)] * 4)
    assert similarities.grad is not None
    assert bool(similarities.grad.isfinite().all())


def test_a_tiny_cumulative_link_loss_keeps_its_digits():
    """The lowest class far below its threshold, and the highest far above: nothing cancels, and the second derivatives are finite."""
    odds = (2.0, 0.5)
    xp = TorchArrays({sym.n_k: torch.ones(3, dtype=torch.float64), sym.theta: torch.tensor(odds, dtype=torch.float64)})
    z = torch.tensor([-50.0, 0.0, 50.0], dtype=torch.float64)
    losses = xp.column_cumulative_link(z, xp.labels(), sym.theta)
    middle = -math.log(1 / 1.5 - 1 / 3)
    assert losses.tolist() == pytest.approx([2 * math.exp(-50), middle, 2 * math.exp(-50)], rel=1e-14)
    curvature = torch.autograd.functional.hessian(
        lambda x: xp.column_cumulative_link(x, xp.labels(), sym.theta).sum(), z
    )
    assert bool(torch.as_tensor(curvature).isfinite().all())


def test_a_factor_that_is_a_float_keeps_its_digits():
    scaled = BACKENDS["tensors"].xp.scale(torch.ones(1, 1, dtype=torch.float64), 0.1)
    assert scaled.item() == 0.1


def test_standard_rows_are_uncorrelated_and_of_variance_one():
    rows, columns = 2, 5
    spaces = {
        "concrete": ConcreteArrays(rows, (0,) * columns),
        "tensors": TorchArrays({K: rows, sym.N: columns, sym.theta: torch.ones(1, dtype=torch.float64)}),
        "balls": BallArrays({K: rows, sym.N: columns}),
    }
    for backend, xp in spaces.items():
        axes = torch.tensor(BACKENDS[backend].numbers(xp.standard_rows(K, sym.N)), dtype=torch.float64)
        torch.testing.assert_close(axes @ axes.T / columns, torch.eye(rows, dtype=torch.float64), rtol=0, atol=1e-14)
        torch.testing.assert_close(axes.sum(1), torch.zeros(rows, dtype=torch.float64), rtol=0, atol=1e-14)
        assert axes[0] == pytest.approx([math.sqrt(2) * math.cos(math.pi * (2 * b + 1) / 10) for b in range(5)])


def test_balls_enclose_eigenvalues_that_are_equal():
    """The eigenvalues 3 and 3, which no isolation tells apart, are enclosed. A radius of the input enlarges the output."""
    twice = eigenvalues(BallMatrix.of([[2, 1, 0], [1, 2, 0], [0, 0, 3]]))
    assert all(x.contains(e) and x.rad() < Ball(1e-50) for x, e in zip(twice, (3, 3, 1), strict=True))
    wide = eigenvalues(BallMatrix.of([[Ball(2, 0.1), 0], [0, 1]]))
    assert wide[0].contains(2.09)
    assert wide[0].contains(1.91)


@pytest.mark.parametrize("operation", ["solve", "divergences", "logdet_of_gram", "smallest_first", "explained"])
def test_what_a_backend_cannot_do_is_said(operation):
    full = Symbolic().full()
    arguments = (full,) * (len(inspect.signature(getattr(ArrayNamespace, operation)).parameters) - 1)
    with pytest.raises(ValueError, match="is defined for diagonal matrices"):
        getattr(SymbolicArrays(K), operation)(*arguments)
