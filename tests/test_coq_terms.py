"""Expressions and steps as Coq text, and the record of what Coq has checked."""

import json

import pytest
import sympy as sp

from theory.claim import find
from theory.export.coq_ring import ring_identity
from theory.export.coq_steps import coq_step
from theory.export.coq_terms import CoqTerms, NotInCoq
from theory.export.leaves import RationalForms, leaves
from theory.export.record import KernelRecord, StepRecord, TheoremRecord, digest, kernel_summary, recorded, write_record
from theory.export.steps_file import rendered_steps, steps_file
from theory.steps import Identity, Nonnegative, Stationary, Vanishes
from theory.symbols import K, M, R, j, k, n_k, positive, smoothing

x, y = positive("x"), positive("y")
t = sp.Symbol("t", real=True)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (sp.sqrt(x) / 2, "sqrt x / 2"),
        (-x / 6, "- x / 6"),
        (x ** sp.Rational(-3, 2) / (1 + x), "1 / (sqrt x ^ 3 * (x + 1))"),
        (-(x + 1) * y, "y * (- x - 1)"),
        (x ** sp.Rational(2, 3), "Rpower x (2 / 3)"),
        (x**y, "Rpower x y"),
        (sp.exp(-t) + sp.log(x), "ln x + exp (- t)"),
        ((x + 1) ** 2 * 3, "3 * (x + 1) ^ 2"),
        (2 * sp.Max(y, x - 1), "2 * Rmax (x - 1) y"),
        (sp.Piecewise((x, x < 1), (y, True)) + 1, "(if Rlt_dec x 1 then x else y) + 1"),
        (sp.Sum(n_k[k] * k, (k, 1, K)) / K, "sum K (fun k => INR (S k) * n k) / INR K"),
        (
            sp.Sum(x * sp.KroneckerDelta(j, k), (k, 1, K - 1)),
            "sum (K - 1) (fun k => x * (if Nat.eqb j k then 1 else 0))",
        ),
        (n_k[j] * n_k[K] + n_k[j + 1], "n (K - 1) * n j + n (S j)"),
    ],
)
def test_term(expression, text):
    terms = CoqTerms()
    terms.prepare(expression)
    assert terms.real(expression) == text


def test_names_are_kept_apart():
    """A symbol and an indexed base of one name, and a symbol that is called like the real numbers, have names of their own."""
    terms = CoqTerms()
    binders = terms.binders([positive("n") * n_k[1] + R])
    assert [(b.name, b.type, b.assumption) for b in binders] == [
        ("R_", "R", "1 <= R_"),
        ("n", "R", "0 < n"),
        ("n_", "nat -> R", "forall i, 0 < n_ i"),
    ]


def test_assumptions():
    binders = CoqTerms().binders([K * M * smoothing * t * sp.Symbol("s", nonnegative=True)])
    assert {b.name: b.assumption for b in binders} == {
        "K": "2 <= K",
        "M": "1 <= M",
        "alpha": "0 < alpha < 1",
        "s": "0 <= s",
        "t": None,
    }


@pytest.mark.parametrize(
    "expression", [sp.sin(x), sp.Sum(n_k[k], (k, 0, K)), sp.Symbol("A", commutative=False), sp.Float(0.5)]
)
def test_what_has_no_rendering_is_refused(expression):
    with pytest.raises(NotInCoq):
        CoqTerms().real(expression)


@pytest.mark.parametrize(
    ("step", "statement"),
    [
        (
            Identity("", "", x * (x + y), x**2 + x * y),
            "forall (x y : R), 0 < x -> 0 < y -> x * (x + y) = x ^ 2 + x * y",
        ),
        (Vanishes("", "", x - y, x, y), "forall (x y : R), 0 < y -> x = y -> x - y = 0"),
        (Nonnegative("", "", K - 1), "forall (K : R), 2 <= K -> 0 <= K - 1"),
        (
            Stationary("", "", x * t - sp.log(t), t, 1 / x),
            "forall (t x : R), 0 < x -> t = 1 / x -> is_derive (fun t => t * x - ln t) t 0",
        ),
        (
            Vanishes("", "", sp.exp(t) - 1 / x + 1, t, sp.log(1 / x - 1)),
            "forall (t x : R), 0 < x -> t = ln (- 1 + 1 / x) -> 0 < - 1 + 1 / x -> exp t + 1 - 1 / x = 0",
        ),
        (
            Identity("", "", sp.Sum(n_k[k], (k, 1, K)) * 2, sp.Sum(2 * n_k[k], (k, 1, K))),
            "forall (K : nat) (n : nat -> R), (2 <= K)%nat -> (forall i, 0 < n i) -> 2 * sum K (fun k => n k) = "
            "sum K (fun k => 2 * n k)",
        ),
        (
            Identity("", "", *(sp.Symbol("A", commutative=False) * b for b in (sp.Integer(1), sp.Integer(1)))),
            "forall (A : Ring) (A_ : A), A_ = A_",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_statement(step, statement):
    assert coq_step(step).statement == statement


@pytest.mark.parametrize("claim_id", ["ce-deep-linear", "ce-balanced-etf"])
def test_rational_forms_are_equal_to_their_leaves(claim_id):
    """A form, with roots and units written out, has the value of its leaf at random arguments."""
    for step in find(claim_id).proof.steps:
        expressions = [getattr(step, name) for name in ("left", "right", "function") if hasattr(step, name)]
        if any(e.has(sp.Sum, sp.KroneckerDelta) or not e.is_commutative for e in expressions):
            continue
        forms = RationalForms(expressions)
        for leaf in leaves(expressions):
            found = forms.meaning(forms.form(leaf))
            symbols = sorted(leaf.free_symbols, key=str)
            at = {s: sp.Rational(7 + 3 * i, 5 + i) + 2 for i, s in enumerate(symbols)}
            assert abs(sp.N((leaf - found).subs(at), 30)) < 1e-20, leaf


@pytest.mark.parametrize("claim_id", ["ce-balanced-etf", "ce-label-smoothing", "ce-imbalanced-relu"])
def test_hypotheses_on_the_point_hold_somewhere(claim_id):
    """The hypothesis that a margin exists, as 0 < 1/√(n λ_W λ_H) − K + 1 is, holds at small decays: no statement is empty."""
    step = next(s for s in find(claim_id).proof.steps if s.name == "the margin is stationary")
    assert isinstance(step, Stationary)
    (margin,) = step.point.atoms(sp.log)
    small = {s: sp.Rational(1, 10**6) if str(s).startswith("lambda") else 3 for s in margin.free_symbols}
    small |= {s: sp.Rational(1, 10) for s in margin.free_symbols & {smoothing}}
    assert margin.args[0].subs(small) > 0


def test_file_of_steps_holds_every_step():
    claim = find("mse-imbalanced")
    steps = rendered_steps(claim)
    text = steps_file(claim, [*steps[:-1], StepRecord(steps[-1].name, "", "", "", "not stated: a reason")])
    assert text.count("\nLemma step_") == len(steps) - 1
    assert f"(* {steps[-1].name}: not stated: a reason *)" in text


def test_record_is_read_as_it_was_written(tmp_path, monkeypatch):
    steps = (
        StepRecord("first", digest("1 = 1"), "1 = 1", "reflexivity", None),
        StepRecord("second", digest("1 = 2"), "1 = 2", "reflexivity", "not proved: the tactics find no proof"),
    )
    record = KernelRecord(steps, (TheoremRecord("lower_bound", "says", "forall x, x = x", "Claim.v", ("classic",)),))
    path = tmp_path / "record.json"
    monkeypatch.setattr("theory.export.record.RECORD", path)
    write_record({"claim": record}, "8.16.1", path)
    try:
        assert recorded("claim") == record
        assert kernel_summary("claim") == {"steps": 1, "of": 2, "theorems": ["lower_bound"]}
        assert kernel_summary("another") is None
        assert json.loads(path.read_text())["coq"] == "8.16.1"
    finally:
        monkeypatch.undo()
        write_record.__globals__["_loaded"].cache_clear()
        write_record.__globals__["_read"].cache_clear()


def test_an_identity_of_matrices_may_have_powers_and_whole_coefficients():
    g, m = (sp.Symbol(name, commutative=False) for name in ("G", "M"))
    statement, proof = ring_identity((g - m) ** 2, g**2 - 2 * g * m)
    assert statement == (
        "forall (A : Ring) (G M : A), (mult (minus G M) (minus G M)) = (minus (mult G G) (plus (mult G M) (mult G M)))"
    )
    assert proof == "intros; ring_identity"
    for other in (g / 2, g**-1, sp.sqrt(g)):
        with pytest.raises(NotInCoq):
            ring_identity(other, g)
