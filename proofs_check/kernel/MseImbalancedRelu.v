(** MSE with one linear layer, nonnegative features and any class counts, at widths d >= K.

    The loss, its value and the predicted point are those without the constraint, and the point has no negative feature. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Labels.
From Atlas Require MseImbalanced.
From Atlas.generated Require Statement_mse_imbalanced.
From Atlas.generated Require Import Statement_mse_imbalanced_relu.
Open Scope R_scope.

(** Both claims allow the same parameters. *)
Lemma allowed_without_constraint K d N label lambda_W lambda_H :
  domain K d N label lambda_W lambda_H -> Statement_mse_imbalanced.domain K d N label lambda_W lambda_H.
Proof. intros []. now constructor. Qed.

(** The features of the predicted point are not negative. *)
Lemma minimiser_feasible K d N label lambda_W lambda_H :
  domain K d N label lambda_W lambda_H ->
  feasible K d N label lambda_W lambda_H
    (minimiser_W K d N label lambda_W lambda_H) (minimiser_H K d N label lambda_W lambda_H).
Proof.
  intros allowed i j _ sample. unfold minimiser_H. pose proof (labels_below _ _ _ _ _ _ allowed j sample) as below.
  destruct (Nat.eqb_spec (label j) i) as [<- | other]; [| unfold Rdiv; lra].
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ (allowed_without_constraint _ _ _ _ _ _ allowed) _ below).
  apply Rle_mult_inv_pos.
  - repeat apply Rmult_le_pos; try (left; apply exp_pos); try apply sqrt_pos. lra.
  - apply Rmult_lt_0_compat; [apply exp_pos | easy].
Qed.

Theorem lower_bound : Statement_mse_imbalanced_relu.lower_bound.
Proof.
  intros K d N label lambda_W lambda_H allowed W H _.
  exact (MseImbalanced.lower_bound _ _ _ _ _ _ (allowed_without_constraint _ _ _ _ _ _ allowed) W H).
Qed.

Theorem attained : Statement_mse_imbalanced_relu.attained.
Proof.
  intros K d N label lambda_W lambda_H allowed. split; [now apply minimiser_feasible |].
  exact (MseImbalanced.attained _ _ _ _ _ _ (allowed_without_constraint _ _ _ _ _ _ allowed)).
Qed.

Theorem threshold : Statement_mse_imbalanced_relu.threshold.
Proof.
  intros K d N label lambda_W lambda_H allowed.
  exact (MseImbalanced.threshold _ _ _ _ _ _ (allowed_without_constraint _ _ _ _ _ _ allowed)).
Qed.

Theorem unique_structure : Statement_mse_imbalanced_relu.unique_structure.
Proof.
  intros K d N label lambda_W lambda_H allowed W H _.
  exact (MseImbalanced.unique_structure _ _ _ _ _ _ (allowed_without_constraint _ _ _ _ _ _ allowed) W H).
Qed.

(** Two classes of one sample each. *)
Theorem domain_not_empty : Statement_mse_imbalanced_relu.domain_not_empty.
Proof.
  exists 2%nat, 2%nat, 2%nat, (fun j => j), 1, 1. constructor; try lra; try lia.
  intros k inside. now exists k.
Qed.
