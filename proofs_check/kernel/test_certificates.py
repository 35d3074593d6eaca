"""Coq proves lower bounds at trained instances by computation, and rejects bounds and points that are wrong."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from numerics.backends.points import points_of
from numerics.bounds.integer_columns import CONJUGATES, DENOMINATOR
from numerics.bounds.integer_dual import IntegerDual, dual_at
from numerics.commands.main import main
from numerics.tolerances import CERTIFICATE_GAP
from numerics.training.certified import train
from proofs_check.kernel.compiler import KERNEL, available, compile_all, rejected, requirements
from theory.claim import Claim, find
from theory.cli.entry import DONE
from theory.export.coq_certificate import CHECKERS, UNIT, certificate_theorem
from theory.export.coq_statement import statement
from theory.export.steps_file import file_name

pytestmark = pytest.mark.skipif(not available(), reason="Coq is not installed: its proofs are not checked")
SETTINGS = {
    ("ce-imbalanced", "three-classes"): {"class_counts": [20, 10, 5], "weight_decay": 0.01, "feature_decay": 0.0005},
    ("ce-imbalanced", "six-classes"): {
        "class_counts": [40, 20, 9, 5, 2, 1],
        "weight_decay": 0.001,
        "feature_decay": 0.001,
    },
    ("ce-imbalanced", "two-collapsed"): {"class_counts": [50, 1, 1], "weight_decay": 0.1, "feature_decay": 0.01},
    ("mse-imbalanced", "three-classes"): {"class_counts": [20, 10, 5], "weight_decay": 0.01, "feature_decay": 0.0005},
    ("mse-imbalanced", "one-collapsed"): {"class_counts": [40, 20, 9, 2], "weight_decay": 0.02, "feature_decay": 0.04},
    ("mse-imbalanced", "two-features"): {
        "class_counts": [20, 10, 5],
        "widths": 2,
        "weight_decay": 0.01,
        "feature_decay": 0.0005,
    },
}
"""The instances, by claim and name."""
NARROW = {("mse-imbalanced", "two-features")}
"""The instances with so few features that no dual point meets the least loss."""
WRONG_BY = 10**6
"""By how many of 1/UNIT a bound that is too large exceeds the true one: by 1e-12."""


class Trained(NamedTuple):
    """A claim, the least loss that training found at an instance, and a dual point near its logits."""

    claim: Claim
    upper: float
    dual: IntegerDual


@cache
def trained_at(setting: tuple[str, str]) -> Trained:
    """Train a claim at an instance and find a dual point."""
    claim = find(setting[0])
    instance = claim.problem.instance(**SETTINGS[setting])
    training = train(claim, [instance], starts=4, seed=0, device="cpu")
    certificate = training.certificates[0]
    assert certificate is not None
    (point,) = points_of(training.solution.best_point())
    form = claim.problem.nuclear_form
    assert form is not None
    dual = dual_at(form, instance, point)
    assert dual is not None
    return Trained(claim, certificate.upper, dual)


@pytest.fixture(params=SETTINGS, ids="-".join)
def trained(request: pytest.FixtureRequest) -> Trained:
    """A trained instance."""
    return trained_at(request.param)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Coq has accepted the checkers of certificates."""
    folder = tmp_path_factory.mktemp("certificates")
    # What ``make kernel`` has compiled comes along, and is compiled again only where it is older than its text.
    shutil.copytree(KERNEL, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (folder / "generated").mkdir(exist_ok=True)
    for claim_id in CHECKERS:
        path, text = folder / "generated" / f"{file_name('Statement', claim_id)}.v", statement(find(claim_id))
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    needed = {path for checker in CHECKERS.values() for path in requirements(folder, folder / f"{checker}.v")}
    for path in {*folder.rglob("*.v")} - needed:
        path.unlink()
    assert [name for name, found in compile_all(folder, 1).items() if found.complaint] == []
    return folder


def refused(folder: Path, claim: Claim, dual: IntegerDual, bound: int) -> str:
    """Return what Coq says against the theorem that the loss of an instance is never below a bound."""
    text = certificate_theorem(claim.id, dual.decays, dual.counts, DENOMINATOR, dual.columns, dual.factor, bound)
    file = folder / "generated" / "Certificate.v"
    file.write_text(text, encoding="utf-8")
    return rejected(folder, file)


def test_coq_proves_a_bound(folder, trained):
    """The bound that Coq accepts lies below the trained value."""
    claim, upper, dual = trained
    assert not refused(folder, claim, dual, dual.bound)
    assert 0 < dual.bound / UNIT <= upper


@pytest.mark.parametrize("setting", [setting for setting in SETTINGS if setting not in NARROW], ids="-".join)
def test_the_bound_meets_training(setting):
    """With a feature for every class the bound lies below the trained value by no more than a certificate's gap."""
    _, upper, dual = trained_at(setting)
    assert upper - dual.bound / UNIT <= CERTIFICATE_GAP * upper


def test_coq_rejects_a_larger_bound(folder, trained):
    """No certificate proves more than its dual point gives."""
    claim, _, dual = trained
    assert "Unable to unify" in refused(folder, claim, dual, dual.bound + WRONG_BY)


def test_coq_rejects_a_point_that_is_not_feasible(folder, trained):
    """A dual point moved away from the labels raises the bound, and is not feasible."""
    claim, _, dual = trained
    rows = [
        [(DENOMINATOR * (k == label) - column[k]) / DENOMINATOR for label, column in enumerate(dual.columns)]
        for k in range(len(dual.counts))
    ]
    further = (1 + 1e-6) * torch.tensor(rows, dtype=torch.float64)
    infeasible = replace(dual, columns=CONJUGATES[dual.loss].columns(further))
    assert infeasible.bound > dual.bound
    assert "Unable to unify" in refused(folder, claim, infeasible, dual.bound)


def test_coq_rejects_other_decays(folder, trained):
    """A certificate proves nothing about an instance whose decays are smaller."""
    claim, _, dual = trained
    smaller = replace(dual, decays=(dual.decays[0] / 2, dual.decays[1]))
    assert "Unable to unify" in refused(folder, claim, smaller, dual.bound)


@pytest.mark.parametrize("claim_id", CHECKERS)
def test_coq_accepts_the_file_that_the_command_writes(claim_id, folder, capsys):
    """The file compiles as it is, and proves the bound that the command prints."""
    file = folder / f"Written_{claim_id.partition('-')[0]}.v"
    words = [
        claim_id,
        "class_counts=6,3",
        "weight_decay=0.02",
        "feature_decay=0.01",
        "--starts",
        "2",
        "--device",
        "cpu",
    ]
    assert main(["certify", *words, "--coq", str(file), "--json"]) == DONE
    written = json.loads(capsys.readouterr().out)["coq"]
    assert written["file"] == str(file)
    assert 0 <= written["gap"] <= CERTIFICATE_GAP
    assert f"{round(Decimal(written['lower']) * UNIT)} / {UNIT} <= loss" in file.read_text(encoding="utf-8")
    assert not rejected(folder, file)
