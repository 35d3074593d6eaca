"""Coq proves a lower bound of ce-imbalanced at trained instances by computation, and rejects bounds and points that are wrong."""

from __future__ import annotations

import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from numerics.backends.points import points_of
from numerics.bounds.integer_dual import DENOMINATOR, IntegerDual, integer_dual
from numerics.tolerances import CERTIFICATE_GAP
from numerics.training.certified import train
from proofs_check.kernel.compiler import KERNEL, available, rejected, requirements
from theory.claim import find
from theory.export.coq_certificate import UNIT, certificate_theorem
from theory.export.coq_statement import statement
from theory.problem import Instance
from theory.symbols import feature_decay, weight_decay

pytestmark = pytest.mark.skipif(not available(), reason="Coq is not installed: its proofs are not checked")
CLAIM = find("ce-imbalanced")
SETTINGS = {
    "three-classes": {"class_counts": [20, 10, 5], "weight_decay": 0.01, "feature_decay": 0.0005},
    "six-classes": {"class_counts": [40, 20, 9, 5, 2, 1], "weight_decay": 0.001, "feature_decay": 0.001},
    "two-collapsed": {"class_counts": [50, 1, 1], "weight_decay": 0.1, "feature_decay": 0.01},
}
WRONG_BY = 10**6
"""By how many of 1/UNIT a bound that is too large exceeds the true one: by 1e-12."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Coq has accepted the checker of certificates."""
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "generated").mkdir()
    for path in KERNEL.glob("*.v"):
        shutil.copy(path, folder)
    (folder / "generated" / "Statement_ce_imbalanced.v").write_text(statement(CLAIM), encoding="utf-8")
    for path in requirements(folder, folder / "CeImbalanced.v"):
        assert not rejected(folder, path)
    return folder


@pytest.fixture(scope="module", params=SETTINGS)
def trained(request: pytest.FixtureRequest) -> tuple[Instance, float, IntegerDual]:
    """An instance, the least loss that training found, and a dual point near its logits."""
    instance = CLAIM.problem.instance(**SETTINGS[request.param])
    training = train(CLAIM, [instance], starts=4, seed=0, device="cpu")
    certificate = training.certificates[0]
    assert certificate is not None
    (point,) = points_of(training.solution.best_point())
    decays = decays_of(instance)
    counts = instance.values["class_counts"]
    of_class = (point.W @ point.H).split(counts, dim=1)
    mean_logits = torch.stack([z.mean(1) for z in of_class], 1)
    dual = integer_dual(mean_logits, counts, decays[0] * decays[1])
    assert dual is not None
    return instance, certificate.upper, dual


def decays_of(instance: Instance) -> tuple[Fraction, Fraction]:
    """Return the weight decay and the feature decay of an instance."""
    weight, feature = (instance.bindings[symbol] for symbol in (weight_decay, feature_decay))
    return Fraction(weight.p, weight.q), Fraction(feature.p, feature.q)


def refused(folder: Path, instance: Instance, dual: IntegerDual, bound: int) -> str:
    """Return what Coq says against the theorem that the loss of an instance is never below a bound."""
    text = certificate_theorem(*decays_of(instance), dual.counts, DENOMINATOR, dual.columns, dual.factor, bound)
    file = folder / "generated" / "Certificate.v"
    file.write_text(text, encoding="utf-8")
    return rejected(folder, file)


def test_coq_proves_a_bound_that_meets_training(folder, trained):
    """The bound that Coq accepts lies below the trained value by no more than a certificate's gap."""
    instance, upper, dual = trained
    assert not refused(folder, instance, dual, dual.bound)
    assert 0 <= upper - dual.bound / UNIT <= CERTIFICATE_GAP * upper


def test_coq_rejects_a_larger_bound(folder, trained):
    """No certificate proves more than the entropy of its dual point."""
    instance, _, dual = trained
    assert "Unable to unify" in refused(folder, instance, dual, dual.bound + WRONG_BY)


def test_coq_rejects_a_point_that_is_not_feasible(folder, trained):
    """Probabilities moved away from the labels raise the entropy, and are not feasible."""
    instance, _, dual = trained
    moved = []
    for label, column in enumerate(dual.columns):
        further = [x + x // 10**6 for x in column]
        further[label] = DENOMINATOR - sum(x for k, x in enumerate(further) if k != label)
        moved.append(further)
    infeasible = replace(dual, columns=moved)
    assert infeasible.bound > dual.bound
    assert "Unable to unify" in refused(folder, instance, infeasible, dual.bound)


def test_coq_rejects_other_decays(folder, trained):
    """A certificate proves nothing about an instance whose decays are smaller."""
    instance, _, dual = trained
    smaller = CLAIM.problem.instance(**{**instance.values, "weight_decay": instance.values["weight_decay"] / 2})
    assert "Unable to unify" in refused(folder, smaller, dual, dual.bound)
