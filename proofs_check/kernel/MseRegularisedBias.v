(** MSE with balanced classes and a bias that is penalised: the common direction of the labels counts for less.

    The loss less its predicted minimum is a sum of squares, in which the mean of the classifier rows and the bias have
    squares of their own. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From Atlas Require Import Sums Labels SimplexEtf SimplexVertices.
From Atlas Require MseImbalanced.
From Atlas Require Import MseDeepLinearBalancedBias.
From Atlas.generated Require Statement_mse_imbalanced Statement_mse_deep_linear_balanced_bias.
From Atlas.generated Require Import Statement_mse_regularised_bias.
Module Free := Statement_mse_deep_linear_balanced_bias.Depth_1.
Open Scope R_scope.

(** A bias without a penalty allows the same parameters. *)
Lemma allowed_with_free_bias K d N label lambda_W lambda_H lambda_b :
  domain K d N label lambda_W lambda_H lambda_b -> Free.domain K d N label lambda_W lambda_H.
Proof. intros []. constructor; try easy. lia. Qed.

Section Claim.
Variables (K d N : nat) (label : nat -> nat) (lambda_W lambda_H lambda_b : R).
Hypothesis allowed : domain K d N label lambda_W lambda_H lambda_b.
Let free := allowed_with_free_bias _ _ _ _ _ _ _ allowed.
Let unbiased := allowed_without_bias _ _ _ _ _ _ free.
Local Notation n := (class_count N label 0).
Local Notation logit := (MseImbalanced.logit d).
Local Notation decay := (MseImbalanced.decay lambda_W lambda_H).
Local Notation singular_value := (MseImbalanced.singular_value N label lambda_W lambda_H 0).
Local Notation residual := (MseImbalanced.residual N label lambda_W lambda_H 0).
Local Notation multiple := (MseImbalanced.multiple N label lambda_W lambda_H 0).
Local Notation slack := (MseImbalanced.slack N label lambda_W lambda_H 0).
Local Notation mean_row := (mean_row K).
Local Notation centred := (centred K).
Local Notation loss := (loss K d N label lambda_W lambda_H lambda_b).
Local Notation value := (value K d N label lambda_W lambda_H lambda_b).

Lemma penalty_pos : 0 < lambda_b. Proof. apply allowed. Qed.

(** The weight of the common direction, which the bias leaves. *)
Definition common_weight : R := lambda_b / (1 + lambda_b).

(** The predicted singular value of the common direction, and its weighted residual. *)
Definition common_value : R := Rmax 0 (sqrt n - INR N * decay / common_weight).
Definition common_residual : R := common_weight * (1 - common_value / sqrt n).
Definition common_multiple : R := common_residual / (INR N * lambda_H).
Definition common_slack : R := lambda_W - n * (lambda_H * common_multiple ^ 2).

(** The predicted entry of the bias. *)
Definition best_bias : R := common_residual / (INR K * lambda_b).

Lemma common_weight_pos : 0 < common_weight.
Proof. pose proof penalty_pos. apply Rdiv_lt_0_compat; lra. Qed.

(** The common direction has either collapsed, or its residual balances the decay. *)
Lemma common_regimes :
  (sqrt n * common_weight <= INR N * decay /\ common_value = 0 /\ common_residual = common_weight) \/
  (INR N * decay < sqrt n * common_weight /\ common_value = sqrt n - INR N * decay / common_weight
   /\ common_residual = INR N * decay / sqrt n).
Proof.
  pose proof common_weight_pos as weight.
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)) as root.
  assert (scaled : sqrt n = sqrt n * common_weight / common_weight) by (field; lra).
  unfold common_residual, common_value.
  destruct (Rle_lt_dec (sqrt n * common_weight) (INR N * decay)) as [small | large]; [left | right]; repeat split; try easy.
  - apply Rmax_left. rewrite scaled at 1. unfold Rdiv.
    apply (Rmult_le_compat_r (/ common_weight)) in small; [lra | left; now apply Rinv_0_lt_compat].
  - rewrite Rmax_left; [field; lra |]. rewrite scaled at 1. unfold Rdiv.
    apply (Rmult_le_compat_r (/ common_weight)) in small; [lra | left; now apply Rinv_0_lt_compat].
  - apply Rmax_right. rewrite scaled at 1. unfold Rdiv.
    apply (Rmult_lt_compat_r (/ common_weight)) in large; [lra | now apply Rinv_0_lt_compat].
  - rewrite Rmax_right; [field; lra |]. rewrite scaled at 1. unfold Rdiv.
    apply (Rmult_lt_compat_r (/ common_weight)) in large; [lra | now apply Rinv_0_lt_compat].
Qed.

Lemma common_residual_pos : 0 < common_residual.
Proof.
  pose proof common_weight_pos.
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)).
  pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased). pose proof (MseImbalanced.decay_pos _ _ _ _ _ _ unbiased).
  destruct common_regimes as [(_ & _ & ->) | (_ & _ & ->)]; [easy |].
  apply Rdiv_lt_0_compat; [now apply Rmult_lt_0_compat | easy].
Qed.

Lemma common_slack_is :
  common_slack * (INR N ^ 2 * lambda_H) = INR N ^ 2 * (decay * decay) - sqrt n * sqrt n * common_residual ^ 2.
Proof.
  pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased). pose proof (MseImbalanced.lambda_H_pos _ _ _ _ _ _ unbiased).
  rewrite (MseImbalanced.decay_square _ _ _ _ _ _ unbiased).
  rewrite (MseImbalanced.root_square _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)).
  unfold common_slack, common_multiple. field. lra.
Qed.

Lemma scale_pos : 0 < INR N ^ 2 * lambda_H.
Proof.
  pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased). pose proof (MseImbalanced.lambda_H_pos _ _ _ _ _ _ unbiased).
  apply Rmult_lt_0_compat; [now apply pow_lt | easy].
Qed.

Lemma common_slack_nonneg : 0 <= common_slack.
Proof.
  pose proof scale_pos. pose proof common_weight_pos.
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)).
  apply Rmult_le_reg_r with (INR N ^ 2 * lambda_H); [easy |]. rewrite common_slack_is.
  destruct common_regimes as [(small & _ & ->) | (_ & _ & ->)].
  - assert ((sqrt n * common_weight) * (sqrt n * common_weight) <= (INR N * decay) * (INR N * decay)).
    { apply Rmult_le_compat; try easy; left; now apply Rmult_lt_0_compat. }
    nra.
  - right. field. lra.
Qed.

Lemma common_slack_of_living : common_value * common_slack = 0.
Proof.
  pose proof scale_pos as scale.
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)).
  destruct common_regimes as [(_ & -> & _) | (_ & _ & lives)]; [ring |].
  pose proof common_slack_is as known. rewrite lives in known.
  assert (none : common_slack * (INR N ^ 2 * lambda_H) = 0) by (rewrite known; field; lra).
  apply Rmult_integral in none. destruct none as [-> | wrong]; [ring | lra].
Qed.

(** The predicted output for class k at sample j. *)
Definition predicted_output (k j : nat) : R :=
  (1 - residual) * (one_hot label k j - / INR K) + (1 - common_residual) * / INR K.

Definition misfit (W H : nat -> nat -> R) (b : nat -> R) : R :=
  sum N (fun j => sum K (fun k => (logit W H k j + b k - predicted_output k j) ^ 2)).

Definition misalignment (W H : nat -> nat -> R) : R :=
  sum N (fun j => sum d (fun i => (H i j - (multiple * centred W (label j) i + common_multiple * mean_row W i)) ^ 2)).

(** What the predicted minimum is, in the residuals. *)
Definition constant : R :=
  ((INR K - 1) * (n * (2 * residual - residual ^ 2)) + n * (2 * common_residual - common_residual ^ 2)) / (2 * INR N)
  - INR K * lambda_b * best_bias ^ 2 / 2.

(** Of the losses of a sample, the part that is linear in its outputs. *)
Lemma fit_of_sample (z : nat -> R) j :
  (j < N)%nat ->
  sum K (fun k => (z k - one_hot label k j) ^ 2) =
  sum K (fun k => (z k - predicted_output k j) ^ 2)
  + ((1 - / INR K) * (2 * residual - residual ^ 2) + / INR K * (2 * common_residual - common_residual ^ 2))
  - 2 * residual * (z (label j) - sum K z / INR K) - 2 * common_residual * (sum K z / INR K).
Proof.
  intros sample. pose proof (K_pos _ _ _ _ _ _ free). set (shift := (residual - common_residual) * / INR K).
  rewrite (sum_ext K _ (fun k => (z k - predicted_output k j) ^ 2
    + (one_hot label k j * (2 * residual - residual ^ 2 - 2 * (1 - residual) * shift - 2 * residual * z k)
    + (2 * shift * z k + - shift ^ 2)))).
  - rewrite !sum_plus, sum_one_hot, sum_scale, sum_const by now apply (labels _ _ _ _ _ _ free). unfold shift. field. lra.
  - intros k _. unfold predicted_output, shift. destruct (one_hot_cases label k j) as [-> | ->]; field; lra.
Qed.

(** The centred rows and their mean are orthogonal over the classes. *)
Lemma centred_rows_sum_to_zero (W : nat -> nat -> R) i : sum K (fun k => centred W k i) = 0.
Proof.
  pose proof (K_pos _ _ _ _ _ _ free). unfold MseDeepLinearBalancedBias.centred, MseDeepLinearBalancedBias.mean_row.
  rewrite sum_minus, sum_const. field. lra.
Qed.

(** A sum over the samples of what depends only on their classes. *)
Lemma sum_over_samples (f : nat -> R) : sum N (fun j => f (label j)) = n * sum K f.
Proof.
  rewrite (sum_by_class K N label f (labels _ _ _ _ _ _ free)), <- sum_scale. apply sum_ext.
  intros k inside. f_equal. now apply allowed.
Qed.

(** The loss exceeds its constant by sums of squares. *)
Theorem excess W H b :
  loss W H b = constant + misfit W H b / (2 * INR N) + lambda_b / 2 * sum K (fun k => (b k - best_bias) ^ 2)
  + lambda_H / 2 * misalignment W H
  + slack / 2 * sum K (fun k => sum d (fun i => centred W k i ^ 2))
  + common_slack / 2 * (INR K * sum d (fun i => mean_row W i ^ 2)).
Proof.
  pose proof (K_pos _ _ _ _ _ _ free) as classes. pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased) as samples.
  pose proof (MseImbalanced.lambda_H_pos _ _ _ _ _ _ unbiased) as decays. pose proof penalty_pos as penalty.
  pose proof (MseImbalanced.n_pos _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)) as some.
  set (pulled := sum N (fun j => sum d (fun i => centred W (label j) i * H i j))).
  set (common := sum N (fun j => sum K (fun k => logit W H k j) / INR K)).
  set (rows := sum K (fun k => sum d (fun i => centred W k i ^ 2))).
  set (means := sum d (fun i => mean_row W i ^ 2)).
  assert (fit : sum N (fun j => sum K (fun k => (logit W H k j + b k - one_hot label k j) ^ 2)) =
    misfit W H b + ((INR K - 1) * (n * (2 * residual - residual ^ 2))
      + n * (2 * common_residual - common_residual ^ 2))
    - 2 * residual * pulled - 2 * common_residual * (common + n * sum K b)).
  { transitivity (misfit W H b + INR N * ((1 - / INR K) * (2 * residual - residual ^ 2)
        + / INR K * (2 * common_residual - common_residual ^ 2))
      - 2 * residual * (pulled + sum N (fun j => b (label j) - sum K b / INR K))
      - 2 * common_residual * (common + INR N * (sum K b / INR K))).
    - unfold pulled, misfit, common.
      rewrite <- !sum_const, <- !sum_plus, <- !sum_scale, <- !sum_minus. apply sum_ext.
      intros j sample. rewrite (fit_of_sample (fun k => logit W H k j + b k) j sample),
        (centred_logit _ _ _ _ _ _ free), sum_plus. field. lra.
    - rewrite (bias_cancels _ _ _ _ _ _ free), (N_is _ _ _ _ _ _ free). field. lra. }
  assert (along : common = sum N (fun j => sum d (fun i => mean_row W i * H i j))).
  { apply sum_ext. intros j _. unfold MseImbalanced.logit. rewrite sum_swap. unfold Rdiv at 1.
    rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros i _. unfold MseDeepLinearBalancedBias.mean_row.
    rewrite (sum_ext K (fun l => W l i * H i j) (fun l => H i j * W l i)) by (intros; ring). rewrite sum_scale. field. lra. }
  assert (features : misalignment W H = sum N (fun j => sum d (fun i => H i j ^ 2))
    - 2 * multiple * pulled - 2 * common_multiple * common
    + (multiple ^ 2 * (n * rows) + common_multiple ^ 2 * (INR N * means))).
  { assert (cross : sum N (fun j => sum d (fun i => centred W (label j) i * mean_row W i)) = 0).
    { rewrite (sum_over_samples (fun k => sum d (fun i => centred W k i * mean_row W i))), sum_swap.
      rewrite (sum_zero d); [ring |]. intros i _.
      rewrite (sum_ext K _ (fun k => mean_row W i * centred W k i)) by (intros; ring).
      rewrite sum_scale, centred_rows_sum_to_zero. ring. }
    assert (n * rows = sum N (fun j => sum d (fun i => centred W (label j) i ^ 2))) as ->
      by (symmetry; apply (sum_over_samples (fun k => sum d (fun i => centred W k i ^ 2)))).
    rewrite along. unfold misalignment, pulled.
    transitivity (sum N (fun j => sum d (fun i => H i j ^ 2))
      - 2 * multiple * sum N (fun j => sum d (fun i => centred W (label j) i * H i j))
      - 2 * common_multiple * sum N (fun j => sum d (fun i => mean_row W i * H i j))
      + (multiple ^ 2 * sum N (fun j => sum d (fun i => centred W (label j) i ^ 2))
         + common_multiple ^ 2 * sum N (fun _ => means))
      + 2 * multiple * common_multiple * sum N (fun j => sum d (fun i => centred W (label j) i * mean_row W i))).
    - unfold means. rewrite <- !sum_scale, <- !sum_minus, <- !sum_plus. apply sum_ext. intros j _.
      rewrite <- !sum_scale, <- !sum_minus, <- !sum_plus. apply sum_ext. intros i _. ring.
    - rewrite cross, sum_const. ring. }
  assert (weights : sum K (fun k => sum d (fun i => W k i ^ 2)) = rows + INR K * means).
  { unfold rows, means. rewrite (sum_swap K d), (sum_swap K d (fun k i => centred W k i ^ 2)), <- sum_scale, <- sum_plus.
    apply sum_ext. intros i _. exact (squares_around_mean _ _ _ _ _ _ free (fun k => W k i)). }
  assert (offsets : sum K (fun k => (b k - best_bias) ^ 2)
    = sum K (fun k => b k ^ 2) - 2 * best_bias * sum K b + INR K * best_bias ^ 2).
  { rewrite <- sum_const, <- sum_scale, <- sum_minus, <- sum_plus. apply sum_ext. intros; ring. }
  rewrite features, offsets. unfold MseImbalanced.slack, common_slack, constant, Statement_mse_regularised_bias.loss.
  unfold MseImbalanced.logit in fit. rewrite fit, weights. fold rows. fold means.
  unfold best_bias, common_multiple, MseImbalanced.multiple. rewrite (N_is _ _ _ _ _ _ free). field. repeat split; lra.
Qed.
End Claim.
