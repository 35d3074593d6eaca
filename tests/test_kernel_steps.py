"""Coq rejects steps and files that are wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import sympy as sp

from proofs_check.kernel.compiler import KERNEL, available, compile_all
from proofs_check.kernel.theorems import axioms, forbidden_words
from theory.claim import find, shipped
from theory.export.attempt import attempted, compile_tactics, copy_tactics
from theory.export.coq_steps import coq_step
from theory.export.record import StepRecord, digest
from theory.steps import Convex, Identity, Nonnegative, Stationary, Step, SumOfSquares, Vanishes
from theory.symbols import K, beta, eta_dec, feature_decay

ALL_MUTANTS = "COLLAPSE_ATLAS_ALL_MUTANTS"
FEW = 6
SECONDS_WRONG = 10
"""How long Coq may try a wrong step: no right step takes as long on one core."""
with_coq = pytest.mark.skipif(not available(), reason="Coq is not installed: no step is tried")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the compiled tactics."""
    folder = tmp_path_factory.mktemp("steps")
    copy_tactics(folder)
    compile_tactics(folder)
    return folder


def as_record(step: Step) -> StepRecord:
    """Return a step as Coq text."""
    text = coq_step(step)
    return StepRecord(step.name, digest(text.statement), text.statement, text.proof, None)


def made_wrong(step: Step) -> Step:
    """Return a step that says something false: one more, or a sign the other way round."""
    if isinstance(step, Identity):
        return replace(step, right=step.right + 1)
    if isinstance(step, Stationary):
        return replace(step, function=step.function + step.variable)
    if isinstance(step, Vanishes):
        return replace(step, function=step.function + 1)
    if isinstance(step, Nonnegative):
        return replace(step, expression=-1 - step.expression)
    if isinstance(step, Convex):
        return replace(step, function=-step.function)
    assert isinstance(step, SumOfSquares)
    return replace(step, expression=step.expression + 1)


def own_steps(claim_id: str) -> Iterator[Step]:
    """Yield the steps of a claim that no claim before it in the alphabet has."""
    before = {step for other in shipped() if other < claim_id for step in find(other).proof.steps}
    yield from (step for step in find(claim_id).proof.steps if step not in before)


@with_coq
@pytest.mark.parametrize("claim_id", shipped() if os.environ.get(ALL_MUTANTS) else Random(0).sample(shipped(), FEW))
def test_no_wrong_step_is_proved(claim_id: str, folder: Path) -> None:
    """One step of a few claims is tried, or all steps of all claims where the variable ALL_MUTANTS is set: that takes half an hour."""
    every = os.environ.get(ALL_MUTANTS)
    tried = list(own_steps(claim_id)) if every else [Random(claim_id).choice(find(claim_id).proof.steps)]
    wrong = [as_record(made_wrong(step)) for step in tried]
    assert [step.name for step in attempted(folder, wrong, SECONDS_WRONG) if step.checked] == []


def step_of(claim_id: str, name: str) -> Step:
    return next(step for step in find(claim_id).proof.steps if step.name == name)


MUTANTS: dict[str, tuple[str, str, Callable]] = {
    "a constant in the point": (
        "mse-imbalanced",
        "the singular value is stationary",
        lambda s: replace(s, point=s.point + feature_decay),
    ),
    "a sign in the point": (
        "mse-imbalanced",
        "the split between the layers is stationary",
        lambda s: replace(s, point=-s.point),
    ),
    "a factor in the threshold": (
        "mse-imbalanced",
        "the class count is critical",
        lambda s: replace(s, point=2 * s.point),
    ),
    "a constant in the threshold": (
        "ce-balanced-etf",
        "the feature decay is critical",
        lambda s: replace(s, point=s.point.subs(K, K + 1)),
    ),
    "a factor in the margin": ("ce-balanced-etf", "the margin is stationary", lambda s: replace(s, point=2 * s.point)),
    "a constant in the loss": (
        "ce-balanced-etf",
        "the margin is stationary",
        lambda s: replace(s, function=s.function + s.variable / 1000),
    ),
    "a stronger value": (
        "ce-balanced-etf",
        "the entropy is the value when collapsed",
        lambda s: replace(s, right=s.right + sp.Rational(1, 10**9)),
    ),
    "a sign in an identity": ("ce-imbalanced-relu", "reduction", lambda s: replace(s, right=-s.right)),
    "a weight of a square": (
        "ce-imbalanced-relu",
        "completing the square in W",
        lambda s: replace(s, squares=tuple((2 * weight, base) for weight, base in s.squares)),
    ),
    "a power of a decay": (
        "vae-learnable-variance",
        "the data variance is critical",
        lambda s: replace(s, point=beta * eta_dec),
    ),
    "a concave function": (
        "vae-learnable-variance",
        "the log marginal variance is convex",
        lambda s: replace(s, function=s.function - s.variable**2),
    ),
    "a stronger inequality": (
        "ce-deep-linear",
        "pairs: where the argument ends",
        lambda s: replace(s, expression=s.expression - 1),
    ),
}


@with_coq
@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutant_of_a_step_is_rejected(mutant: str, folder: Path) -> None:
    claim_id, name, change = MUTANTS[mutant]
    step = step_of(claim_id, name)
    right, wrong = attempted(folder, [as_record(step), as_record(change(step))], SECONDS_WRONG)
    assert right.checked
    assert not wrong.checked


@with_coq
def test_axiom_is_listed_and_files_are_compiled_once(tmp_path: Path) -> None:
    (tmp_path / "First.v").write_text("Axiom anything : 1 = 2.\nLemma one : 1 = 1. Proof. reflexivity. Qed.\n")
    (tmp_path / "Second.v").write_text(
        "From Atlas Require Import First.\nLemma two : 1 = 2. Proof. exact anything. Qed.\n"
    )
    compiled = compile_all(tmp_path, 2)
    assert {name: file.complaint for name, file in compiled.items()} == {"First.v": "", "Second.v": ""}
    assert all(file.seconds == 0 for file in compile_all(tmp_path, 2).values())
    files, proofs = ["Atlas.First", "Atlas.Second"], ["Atlas.First.one", "Atlas.Second.two", "Atlas.First.anything"]
    for jobs in (1, 2):
        assert axioms(tmp_path, files, proofs, jobs) == [(), ("First.anything",), ("First.anything",)]
    assert forbidden_words(tmp_path) == ["First.v: Axiom"]


@with_coq
def test_file_behind_a_rejected_file_is_not_compiled(tmp_path: Path) -> None:
    (tmp_path / "First.v").write_text("Lemma one : 1 = 2. Proof. reflexivity. Qed.\n")
    (tmp_path / "Second.v").write_text("From Atlas Require Import First.\n")
    compiled = compile_all(tmp_path, 2)
    assert "Unable to unify" in compiled["First.v"].complaint
    assert compiled["Second.v"].complaint == "requires First.v, which Coq rejects"


def test_files_say_no_forbidden_word(tmp_path: Path) -> None:
    assert forbidden_words(KERNEL) == []
    (tmp_path / "Wrong.v").write_text("(* Admitted in a comment *)\nLemma one : 1 = 2.\nAdmitted.\n")
    assert forbidden_words(tmp_path) == ["Wrong.v: Admitted"]
