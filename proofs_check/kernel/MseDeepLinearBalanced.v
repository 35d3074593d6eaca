(** MSE with a deep linear network and balanced classes, for a single layer, at widths d >= K: a case of any class counts. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Labels.
From Atlas Require MseDeepLinearImbalanced.
From Atlas.generated Require Statement_mse_deep_linear_imbalanced.
From Atlas.generated Require Import Statement_mse_deep_linear_balanced.
Import Depth_1.
Open Scope R_scope.

(** Balanced classes are allowed where any class counts are. *)
Lemma allowed_with_any_counts K d N label lambda_1 lambda_H :
  domain K d N label lambda_1 lambda_H ->
  Statement_mse_deep_linear_imbalanced.Depth_1.domain K d N label lambda_1 lambda_H.
Proof. intros []. now constructor. Qed.

Theorem lower_bound : Depth_1.lower_bound.
Proof.
  intros K d N label lambda_1 lambda_H allowed. apply allowed_with_any_counts in allowed.
  exact (MseDeepLinearImbalanced.lower_bound _ _ _ _ _ _ allowed).
Qed.

Theorem attained : Depth_1.attained.
Proof.
  intros K d N label lambda_1 lambda_H allowed. apply allowed_with_any_counts in allowed.
  exact (MseDeepLinearImbalanced.attained _ _ _ _ _ _ allowed).
Qed.

Theorem threshold : Depth_1.threshold.
Proof.
  intros K d N label lambda_1 lambda_H allowed. apply allowed_with_any_counts in allowed.
  exact (MseDeepLinearImbalanced.threshold _ _ _ _ _ _ allowed).
Qed.

Theorem unique_structure : Depth_1.unique_structure.
Proof.
  intros K d N label lambda_1 lambda_H allowed. apply allowed_with_any_counts in allowed.
  exact (MseDeepLinearImbalanced.unique_structure _ _ _ _ _ _ allowed).
Qed.

(** Two classes of one sample each. *)
Theorem domain_not_empty : Depth_1.domain_not_empty.
Proof.
  exists 2%nat, 2%nat, 2%nat, (fun j => j), 1, 1. constructor; try lra; try lia.
  - intros k inside. now exists k.
  - intros [| [| k]] inside; [easy | | lia]. unfold class_count, one_hot. simpl. lra.
Qed.
