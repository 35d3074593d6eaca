"""A lower bound of a loss at one instance as a theorem of Coq, which a certificate in integers proves by computation."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from theory.errors import ParameterError
from theory.export.steps_file import file_name

UNIT = 10**18
"""Bounds are stated as multiples of 1/UNIT."""
CHECKERS = {"ce-imbalanced": "CeImbalancedCertificate", "mse-imbalanced": "MseImbalancedCertificate"}
"""The claims whose certificates Coq can check, each with the file of the theorem that an accepted certificate is a lower bound."""


def checker_of(claim_id: str) -> str:
    """Return the name of the file of Coq that checks certificates of a claim. Raises ParameterError for a claim without one."""
    if claim_id not in CHECKERS:
        raise ParameterError(
            f"coq: Coq checks no certificates of {claim_id!r}; the claims whose certificates it checks are "
            f"{' and '.join(CHECKERS)}"
        )
    return CHECKERS[claim_id]


def certificate_theorem(
    claim_id: str,
    decays: tuple[Fraction, Fraction],
    counts: Sequence[int],
    denominator: int,
    columns: Sequence[Sequence[int]],
    factor: Sequence[Sequence[int]],
    bound: int,
) -> str:
    """Return the text of a file that proves that no point of an instance has a loss below ``bound``/UNIT.

    ``decays`` are those of the classifier and of the features. ``columns`` are the dual point, one column a class, as
    numerators over ``denominator``, and the squares of the rows of ``factor`` show that it is feasible. Raises ParameterError
    for a claim without a checker.
    """
    checker, classes, product = checker_of(claim_id), len(counts), decays[0] * decays[1]
    of_classifier, of_features = map(_real, decays)
    setting = f"{', '.join(map(str, counts))} samples a class and the decays {decays[0]} and {decays[1]}"
    return f"""(** {claim_id} with {setting}. Generated from a trained point; do not edit. *)
From Coq Require Import Reals Lra ZArith List.
From Atlas Require Import Labels DualCertificate {checker}.
From Atlas.generated Require Import {file_name("Statement", claim_id)}.
Import ListNotations.
Open Scope R_scope.

Definition found : certificate := {{|
  counts := {_integers(counts)};
  decays_numerator := {product.numerator};
  decays_denominator := {product.denominator};
  denominator := {denominator};
  columns := [{"; ".join(map(_integers, columns))}];
  factor := [{"; ".join(map(_integers, factor))}]
|}}.

(** Coq decides that the columns are a dual point, and computes the bound that follows. *)
Lemma accepted : certifies found {_integer(bound)} = true.
Proof. vm_compute. reflexivity. Qed.

(** No point has a loss below the bound: at every feature dimension, and whatever the order of the samples. *)
Theorem no_loss_below : forall d N label, (forall j, (j < N)%nat -> (label j < {classes})%nat) ->
  (forall k, (k < {classes})%nat -> class_count N label k = IZR (nth k {_integers(counts)} 0%Z)) ->
  forall W H, {_integer(bound)} / {UNIT} <= loss {classes} d N label {of_classifier} {of_features} W H.
Proof.
  intros d N label below counted. apply (certified_bound found {_integer(bound)} d N label _ _ accepted).
  split; [exact below | exact counted | simpl; lra | lra | lra].
Qed.
"""


def _integers(row: Sequence[int]) -> str:
    return f"[{'; '.join(map(_integer, row))}]%Z"


def _integer(x: int) -> str:
    return str(x) if x >= 0 else f"({x})"


def _real(x: Fraction) -> str:
    return f"({x.numerator} / {x.denominator})"
