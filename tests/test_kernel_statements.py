"""Coq rejects the proofs of a claim once the claim is changed: its loss, its prediction, its threshold or its domain."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import sympy as sp

from proofs_check.kernel.compiler import KERNEL, available, rejected, requirements
from theory import symbols as sym
from theory.claim import Claim, Derivation, find, registry
from theory.export.coq_statement import statement
from theory.export.record import recorded
from theory.prediction import Prediction
from theory.problem import Parameter, RealBetween

pytestmark = pytest.mark.skipif(not available(), reason="Coq is not installed: its proofs are not checked")

Change = Callable[[Claim], Claim]


def statement_file(claim_id: str) -> str:
    """Return the name of the generated file that states a claim."""
    return f"Statement_{claim_id.replace('-', '_')}"


def proof_of(claim_id: str) -> Path | None:
    """Return the hand-written file that proves what is stated of a claim, if there is one."""
    uses = re.compile(rf"Require Import {statement_file(claim_id)}\.")
    return next((path for path in sorted(KERNEL.glob("*.v")) if uses.search(path.read_text(encoding="utf-8"))), None)


PROVED = {claim_id: path for claim_id in registry() if (path := proof_of(claim_id))}
"""The hand-written file of each claim about which Coq proves a theorem."""


def with_loss(claim: Claim, more: Callable) -> Claim:
    """Return a claim whose loss has one more term, with the derivation as it was."""
    loss = claim.problem.loss
    changed = replace(claim.problem, loss=lambda xp, v, data, p: loss(xp, v, data, p) + more(xp, v, data, p))
    return replace(claim, problem=changed, derive=lambda _: claim.derivation)


def with_prediction(claim: Claim, change: Callable[[Prediction], Prediction]) -> Claim:
    """Return a claim with another prediction."""
    derivation = Derivation(claim.proof, change(claim.prediction))
    return replace(claim, derive=lambda _: derivation)


def with_value(claim: Claim, change: Callable[[sp.Expr], sp.Expr]) -> Claim:
    """Return a claim that predicts another minimum."""

    def changed(prediction: Prediction) -> Prediction:
        assert prediction.value is not None
        return replace(prediction, value=prediction.value.replace_expression(change(prediction.minimum)))

    return with_prediction(claim, changed)


def with_domain(claim: Claim, name: str, domain: RealBetween) -> Claim:
    """Return a claim with another domain of one of its parameters."""

    def changed(parameter: Parameter) -> Parameter:
        return replace(parameter, domain=domain) if parameter.name == name else parameter

    problem = replace(claim.problem, parameters=tuple(map(changed, claim.problem.parameters)))
    return replace(claim, problem=problem, derive=lambda _: claim.derivation)


def with_ratio(claim: Claim, factor: sp.Expr) -> Claim:
    """Return a claim whose ratio is another multiple of the class count."""

    def changed(prediction: Prediction) -> Prediction:
        threshold = prediction.threshold
        return replace(prediction, thresholds=(replace(threshold, ratio=threshold.ratio * factor),))

    return with_prediction(claim, changed)


def with_gram(claim: Claim) -> Claim:
    """Return a claim whose class means are twice as long."""

    def changed(prediction: Prediction) -> Prediction:
        gram = prediction.invariants["mean_gram"]
        twice = gram.replace_expression(4 * gram.number)
        return replace(prediction, invariants={**prediction.invariants, "mean_gram": twice})

    return with_prediction(claim, changed)


def with_unknown(claim: Claim) -> Claim:
    """Return a claim that predicts another point: its unknown is larger by a thousandth."""

    def changed(prediction: Prediction) -> Prediction:
        assert prediction.point is not None
        unknowns = {u: formula * sp.Rational(1001, 1000) for u, formula in prediction.point.unknowns.items()}
        return replace(prediction, point=replace(prediction.point, unknowns=unknowns))

    return with_prediction(claim, changed)


def with_any_width(claim: Claim) -> Claim:
    """Return a claim that is said to hold at widths below the number of classes as it does above."""
    return with_prediction(
        claim, lambda p: replace(p, thresholds=(replace(p.threshold, within_rank=sp.true), *p.thresholds[1:]))
    )


EVERYWHERE: dict[str, Change] = {
    "the feature decay counts one and a half times": lambda claim: with_loss(
        claim, lambda xp, v, data, p: p[sym.feature_decay] / 4 * xp.squared_norm(v.H)
    ),
    "the minimum is larger by 1e-9": lambda claim: with_value(claim, lambda value: value + sp.Rational(1, 10**9)),
    "the threshold is twice as high": lambda claim: with_ratio(claim, sp.Rational(1, 2)),
    "the predicted point is larger by a thousandth": with_unknown,
}
"""Changes that every claim has to notice."""
WITH_SQUARED_ERROR: dict[str, Change] = {
    "the weight decay counts one and a half times": lambda claim: with_loss(
        claim, lambda xp, v, data, p: p[sym.weight_decay] / 4 * xp.squared_norm(v.W)
    ),
    "the loss has a term in the correct logits": lambda claim: with_loss(
        claim, lambda xp, v, data, p: xp.inner(data.Y, v.W @ v.H) / p[sym.N]
    ),
    "the features are not regularised": lambda claim: with_loss(
        claim, lambda xp, v, data, p: -1 * p[sym.feature_decay] / 2 * xp.squared_norm(v.H)
    ),
    "the minimum is lower by 1e-9": lambda claim: with_value(claim, lambda value: value - sp.Rational(1, 10**9)),
    "the number of samples is twice as large": lambda claim: with_value(
        claim, lambda value: value.subs(sym.N, 2 * sym.N)
    ),
    "small classes have negative singular values": lambda claim: with_value(
        claim, lambda value: value.replace(sp.Max, lambda low, q: q if low == 0 else low)
    ),
    "class means are twice as long": with_gram,
    "the features may be rewarded": lambda claim: with_domain(claim, "feature_decay", RealBetween(-1, 1)),
    "the width is free": with_any_width,
}
"""Further changes of the claim on the squared error with any class counts."""


def is_predicted(claim_id: str) -> bool:
    """Tell by the record whether a theorem says what the minimum of a claim is."""
    record = recorded(claim_id)
    return record is not None and any(theorem.name.split(".")[-1] == "lower_bound" for theorem in record.theorems)


PREDICTED = [claim_id for claim_id in PROVED if is_predicted(claim_id)]
"""The claims about which a theorem says what the minimum is. To derive all claims here would delay every run of the checks."""
MUTANTS = [(claim_id, name) for claim_id in PREDICTED for name in EVERYWHERE]
MUTANTS += [(claim_id, "the features are not regularised") for claim_id in PROVED if claim_id not in PREDICTED]
MUTANTS += [("mse-imbalanced", name) for name in WITH_SQUARED_ERROR]
ALL_MUTANTS = "COLLAPSE_ATLAS_ALL_MUTANTS"
SAMPLED = 12
"""Number of changes that are tried unless the variable ALL_MUTANTS is set: each of them takes Coq some seconds."""
if not os.environ.get(ALL_MUTANTS):
    MUTANTS = sorted(Random(0).sample(MUTANTS, SAMPLED))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all statements and proofs, as ``make kernel`` left them, and compiled where all of those are up to date.

    To state every claim anew would derive every claim in each process. ``accepted`` does so for the claim that is tested.
    """
    folder = tmp_path_factory.mktemp("kernel")
    (folder / "generated").mkdir()
    for path in KERNEL.glob("*.v"):
        shutil.copy2(path, folder)
    for claim_id in PROVED:
        name = f"{statement_file(claim_id)}.v"
        made = KERNEL / "generated" / name
        if made.exists():
            shutil.copy2(made, folder / "generated")
        else:
            (folder / "generated" / name).write_text(statement(find(claim_id)), encoding="utf-8")
    compiled = [path.with_suffix(".vo") for path in (*KERNEL.glob("*.v"), *KERNEL.glob("generated/Statement_*.v"))]
    if all(up_to_date(path) for path in compiled):
        for path in compiled:
            shutil.copy2(path, folder / path.relative_to(KERNEL))
    return folder


def up_to_date(compiled: Path) -> bool:
    """Return whether a compiled file is there and newer than its source."""
    source = compiled.with_suffix(".v")
    return compiled.exists() and compiled.stat().st_mtime >= source.stat().st_mtime


def accepted(folder: Path, claim_id: str) -> Path:
    """Return the file that proves a claim, after Coq has accepted it and all that it requires, with the present statement."""
    stated, text = folder / "generated" / f"{statement_file(claim_id)}.v", statement(find(claim_id))
    if stated.read_text(encoding="utf-8") != text:
        stated.write_text(text, encoding="utf-8")
        for path in folder.rglob("*.vo"):  # any of them may rest on the statement as it was
            path.unlink()
    proof = folder / PROVED[claim_id].name
    for path in requirements(folder, proof):
        assert path.with_suffix(".vo").exists() or not rejected(folder, path)
    return proof


@contextmanager
def restated(folder: Path, claim_id: str, text: str) -> Iterator[None]:
    """Put another statement of a claim in place, and afterwards the one that was there, as compiled as it was."""
    stated = folder / "generated" / f"{statement_file(claim_id)}.v"
    kept = {path: path.read_bytes() for path in stated.parent.glob(f"{stated.stem}.*")}
    try:
        stated.write_text(text, encoding="utf-8")
        assert not rejected(folder, stated)
        yield
    finally:
        for path, content in kept.items():
            path.write_bytes(content)


@pytest.mark.parametrize(("claim_id", "change"), MUTANTS, ids=lambda value: value.replace(" ", "-"))
def test_a_changed_claim_is_not_proved(folder, claim_id, change):
    """The changed statement is one that Coq reads; its proof, which Coq accepted for the claim as it is, is rejected."""
    text = statement({**EVERYWHERE, **WITH_SQUARED_ERROR}[change](find(claim_id)))
    assert text != statement(find(claim_id))
    proof = accepted(folder, claim_id)
    with restated(folder, claim_id, text):
        said = rejected(folder, proof)
    assert f'"./{proof.name}"' in said
    # A file between the statement and the proof would only be out of date.
    assert "inconsistent assumptions" not in said


def test_a_proof_is_accepted_again_once_the_claim_is_back(folder):
    """What the tests above put in place of a statement leaves nothing behind."""
    assert not rejected(folder, accepted(folder, "mse-imbalanced"))


def test_no_proof_is_left_open():
    """No hand-written file admits what it does not prove, or assumes an axiom."""
    for path in KERNEL.glob("*.v"):
        text = re.sub(r"\(\*.*?\*\)", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"\b(Admitted|admit|Axiom|Parameter|Conjecture)s?\b", text), path.name
