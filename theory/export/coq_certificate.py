"""A lower bound of ce-imbalanced at one instance as a theorem of Coq, which a certificate in integers proves by computation."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

UNIT = 10**18
"""Bounds are stated as multiples of 1/UNIT."""


def certificate_theorem(
    weight_decay: Fraction,
    feature_decay: Fraction,
    counts: Sequence[int],
    denominator: int,
    columns: Sequence[Sequence[int]],
    factor: Sequence[Sequence[int]],
    bound: int,
) -> str:
    """Return the text of a file that proves that no point of an instance has a loss below ``bound``/UNIT.

    ``columns`` are the probabilities of the dual point, one column a class, as numerators over ``denominator``, and the
    squares of the rows of ``factor`` show that it is feasible.
    """
    classes, decays = len(counts), weight_decay * feature_decay
    setting = f"{', '.join(map(str, counts))} samples a class and the decays {weight_decay} and {feature_decay}"
    return f"""(** ce-imbalanced with {setting}. Generated from a trained point; do not edit. *)
From Coq Require Import Reals Lra ZArith List.
From Atlas Require Import Labels Logarithm DualCertificate CeImbalanced.
From Atlas.generated Require Import Statement_ce_imbalanced.
Import ListNotations.
Open Scope R_scope.

Definition found : certificate := {{|
  counts := {_integers(counts)};
  decays_numerator := {decays.numerator};
  decays_denominator := {decays.denominator};
  denominator := {denominator};
  probabilities := [{"; ".join(map(_integers, columns))}];
  factor := [{"; ".join(map(_integers, factor))}]
|}}.

(** Coq decides that the probabilities are feasible, and computes their entropy. *)
Lemma accepted : certifies found {bound} = true.
Proof. vm_compute. reflexivity. Qed.

(** No point has a loss below the bound: at every feature dimension, and whatever the order of the samples. *)
Theorem no_loss_below : forall d N label, domain {classes} d N label {_real(weight_decay)} {_real(feature_decay)} ->
  (forall k, (k < {classes})%nat -> class_count N label k = IZR (nth k {_integers(counts)} 0%Z)) ->
  forall W H, {bound} / {UNIT} <= loss {classes} d N label {_real(weight_decay)} {_real(feature_decay)} W H.
Proof.
  intros d N label allowed counted. apply (certified_bound found {bound} d N label _ _ accepted allowed).
  split; [exact counted | simpl; lra].
Qed.
"""


def _integers(row: Sequence[int]) -> str:
    return f"[{'; '.join(str(x) if x >= 0 else f'({x})' for x in row)}]%Z"


def _real(x: Fraction) -> str:
    return f"({x.numerator} / {x.denominator})"
