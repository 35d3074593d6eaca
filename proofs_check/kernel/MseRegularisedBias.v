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

(** The bias decay is positive. *)
Lemma penalty_pos : 0 < lambda_b. Proof. apply allowed. Qed.

(** The weight of the common direction, which the bias leaves. *)
Definition common_weight : R := lambda_b / (1 + lambda_b).

(** The predicted singular value of the common direction. *)
Definition common_value : R := Rmax 0 (sqrt n - INR N * decay / common_weight).
(** Its residual, weighted. *)
Definition common_residual : R := common_weight * (1 - common_value / sqrt n).
(** The features are this multiple of the mean row, beside that of the centred row. *)
Definition common_multiple : R := common_residual / (INR N * lambda_H).
(** The part of the weight decay of the mean row that the bound does not use. *)
Definition common_slack : R := lambda_W - n * (lambda_H * common_multiple ^ 2).

(** The predicted entry of the bias. *)
Definition best_bias : R := common_residual / (INR K * lambda_b).

(** The weight of the common direction is positive. *)
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

(** The weighted residual is positive. *)
Lemma common_residual_pos : 0 < common_residual.
Proof.
  pose proof common_weight_pos.
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)).
  pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased). pose proof (MseImbalanced.decay_pos _ _ _ _ _ _ unbiased).
  destruct common_regimes as [(_ & _ & ->) | (_ & _ & ->)]; [easy |].
  apply Rdiv_lt_0_compat; [now apply Rmult_lt_0_compat | easy].
Qed.

(** The slack of the common direction in its residual. *)
Lemma common_slack_is :
  common_slack * (INR N ^ 2 * lambda_H) = INR N ^ 2 * (decay * decay) - sqrt n * sqrt n * common_residual ^ 2.
Proof.
  pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased). pose proof (MseImbalanced.lambda_H_pos _ _ _ _ _ _ unbiased).
  rewrite (MseImbalanced.decay_square _ _ _ _ _ _ unbiased).
  rewrite (MseImbalanced.root_square _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)).
  unfold common_slack, common_multiple. field. lra.
Qed.

(** The scale of the slack is positive. *)
Lemma scale_pos : 0 < INR N ^ 2 * lambda_H.
Proof.
  pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased). pose proof (MseImbalanced.lambda_H_pos _ _ _ _ _ _ unbiased).
  apply Rmult_lt_0_compat; [now apply pow_lt | easy].
Qed.

(** The bound uses no more than the weight decay of the mean row. *)
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

(** A common direction that lives leaves no slack. *)
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

(** How far the outputs are from those predicted. *)
Definition misfit (W H : nat -> nat -> R) (b : nat -> R) : R :=
  sum N (fun j => sum K (fun k => (logit W H k j + b k - predicted_output k j) ^ 2)).

(** How far the features are from those that the rows predict. *)
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

(** The centred singular value as the statement writes it. *)
Lemma predicted_centred :
  Rmax 0 (- INR K * sqrt lambda_H * sqrt lambda_W * n + sqrt n) = singular_value.
Proof.
  unfold MseImbalanced.singular_value. f_equal. rewrite (N_is _ _ _ _ _ _ free). unfold MseImbalanced.decay. ring.
Qed.

(** The common singular value as the statement writes it. *)
Lemma predicted_common :
  Rmax 0 (- INR K * sqrt lambda_H * sqrt lambda_W * n * (lambda_b + 1) / lambda_b + sqrt n) = common_value.
Proof.
  pose proof penalty_pos. unfold common_value, common_weight. f_equal. rewrite (N_is _ _ _ _ _ _ free).
  unfold MseImbalanced.decay. field. lra.
Qed.

(** The value is the constant of the excess. *)
Lemma value_is : value = constant.
Proof.
  pose proof (K_pos _ _ _ _ _ _ free) as classes. pose proof penalty_pos as penalty.
  pose proof (first_class _ _ _ _ _ _ free) as first.
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 first) as positive.
  pose proof (MseImbalanced.root_square _ _ _ _ _ _ unbiased 0 first) as square.
  unfold Statement_mse_regularised_bias.value. rewrite predicted_centred, predicted_common.
  change (sqrt lambda_H * sqrt lambda_W) with decay. unfold constant, best_bias.
  destruct (MseImbalanced.regimes _ _ _ _ _ _ unbiased 0 first) as [(_ & -> & ->) | (_ & -> & ->)];
    destruct common_regimes as [(_ & -> & ->) | (_ & -> & ->)];
    rewrite (N_is _ _ _ _ _ _ free); set (root := sqrt n) in *; rewrite <- square; unfold common_weight; field; lra.
Qed.

(** None of the sums of squares is negative. *)
Lemma sums_nonneg W H b :
  0 <= misfit W H b / (2 * INR N) /\ 0 <= lambda_b / 2 * sum K (fun k => (b k - best_bias) ^ 2)
  /\ 0 <= lambda_H / 2 * misalignment W H
  /\ 0 <= slack / 2 * sum K (fun k => sum d (fun i => centred W k i ^ 2))
  /\ 0 <= common_slack / 2 * (INR K * sum d (fun i => mean_row W i ^ 2)).
Proof.
  pose proof (K_pos _ _ _ _ _ _ free). pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased).
  pose proof (MseImbalanced.lambda_H_pos _ _ _ _ _ _ unbiased). pose proof penalty_pos. pose proof common_slack_nonneg.
  pose proof (MseImbalanced.slack_nonneg _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)).
  repeat split.
  - apply Rle_mult_inv_pos; [| lra]. apply sum_nonneg. intros. apply sum_of_squares_nonneg.
  - apply Rmult_le_pos; [lra |]. apply sum_of_squares_nonneg.
  - apply Rmult_le_pos; [lra |]. apply sum_nonneg. intros. apply sum_of_squares_nonneg.
  - apply Rmult_le_pos; [lra |]. apply sum_nonneg. intros. apply sum_of_squares_nonneg.
  - repeat apply Rmult_le_pos; try lra. apply sum_of_squares_nonneg.
Qed.

(** No point has a loss below the value. *)
Lemma value_below W H b : value <= loss W H b.
Proof. rewrite value_is, excess. pose proof (sums_nonneg W H b). lra. Qed.

(** A point with the predicted minimum has the predicted outputs, bias and features. *)
Lemma squares_vanish W H b :
  loss W H b = value ->
  (forall k j, (k < K)%nat -> (j < N)%nat -> logit W H k j + b k = predicted_output k j)
  /\ (forall k, (k < K)%nat -> b k = best_bias)
  /\ (forall i j, (i < d)%nat -> (j < N)%nat -> H i j = multiple * centred W (label j) i + common_multiple * mean_row W i).
Proof.
  rewrite value_is, excess. intros zero. pose proof (sums_nonneg W H b).
  pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased). pose proof penalty_pos.
  pose proof (MseImbalanced.lambda_H_pos _ _ _ _ _ _ unbiased).
  assert (fits : misfit W H b * / (2 * INR N) = 0) by (unfold Rdiv in *; lra).
  assert (offsets : lambda_b / 2 * sum K (fun k => (b k - best_bias) ^ 2) = 0) by lra.
  assert (aligned : lambda_H / 2 * misalignment W H = 0) by lra.
  assert (0 < / (2 * INR N)) by (apply Rinv_0_lt_compat; lra).
  apply Rmult_integral in fits, offsets, aligned.
  destruct fits as [fits | wrong]; [| lra]. destruct offsets as [wrong | offsets]; [lra |].
  destruct aligned as [wrong | aligned]; [lra |]. repeat split.
  - intros k j row sample.
    pose proof (sum_nonneg_zero N _ (fun j _ => sum_of_squares_nonneg K _) fits j sample) as of_sample.
    pose proof (sum_nonneg_zero K _ (fun k _ => pow2_ge_0 _) of_sample k row) as square. simpl in square. nra.
  - intros k row. pose proof (sum_nonneg_zero K _ (fun k _ => pow2_ge_0 _) offsets k row) as square.
    simpl in square. nra.
  - intros i j inside sample.
    pose proof (sum_nonneg_zero N _ (fun j _ => sum_of_squares_nonneg d _) aligned j sample) as of_sample.
    pose proof (sum_nonneg_zero d _ (fun i _ => pow2_ge_0 _) of_sample i inside) as square. simpl in square. nra.
Qed.

(** What the weighted residual leaves of the common direction is shared by the rows and the bias. *)
Lemma common_share : 1 - common_residual = common_value / sqrt n + INR K * best_bias.
Proof.
  pose proof (K_pos _ _ _ _ _ _ free). pose proof penalty_pos.
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)).
  unfold best_bias, common_residual, common_weight. field. lra.
Qed.

(** The bias as the statement writes it. *)
Lemma predicted_bias k : minimiser_b K d N label lambda_W lambda_H lambda_b k = best_bias.
Proof.
  pose proof (K_pos _ _ _ _ _ _ free). pose proof penalty_pos.
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)).
  unfold minimiser_b, r. rewrite predicted_common. unfold best_bias, common_residual, common_weight. field. lra.
Qed.

Local Notation root_W := (Rpower lambda_W (1 / 4)).
Local Notation root_H := (Rpower lambda_H (1 / 4)).
Local Notation row_size := (root_H * sqrt singular_value / root_W).
Local Notation mean_size := (root_W * sqrt singular_value / (root_H * sqrt n)).
Local Notation common_row := (root_H * sqrt common_value / root_W).
Local Notation common_mean := (root_W * sqrt common_value / (root_H * sqrt n)).

(** The common direction in the first K of d dimensions. *)
Definition ones (i : nat) : R := if Nat.ltb i K then / INR K else 0.

(** The rows of the predicted point. *)
Lemma minimiser_rows k i :
  minimiser_W K d N label lambda_W lambda_H lambda_b k i = row_size * vertex K k i + common_row * ones i.
Proof.
  pose proof (K_pos _ _ _ _ _ _ free). destruct (MseImbalanced.quarter_root lambda_W) as [w _]; [apply allowed |].
  unfold minimiser_W, p, r, vertex, centring, ones. rewrite predicted_centred, predicted_common, (Nat.eqb_sym k i).
  destruct Nat.ltb; [field; lra | ring].
Qed.

(** The features of the predicted point. *)
Lemma minimiser_features i j :
  minimiser_H K d N label lambda_W lambda_H lambda_b i j = mean_size * vertex K (label j) i + common_mean * ones i.
Proof.
  pose proof (K_pos _ _ _ _ _ _ free). destruct (MseImbalanced.quarter_root lambda_H) as [h _]; [apply allowed |].
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)).
  unfold minimiser_H, p, r, vertex, centring, ones. rewrite predicted_centred, predicted_common.
  destruct Nat.ltb; [field; lra | ring].
Qed.

(** The squared length of the common direction. *)
Lemma ones_square : sum d (fun i => ones i * ones i) = / INR K.
Proof.
  pose proof (K_pos _ _ _ _ _ _ free). rewrite (sum_truncate K).
  - rewrite (sum_ext K _ (fun _ => / INR K * / INR K)).
    + rewrite sum_const. field. lra.
    + intros i inside. unfold ones. destruct (Nat.ltb_spec i K); [easy | lia].
  - destruct allowed. lia.
  - intros i outside. unfold ones. destruct (Nat.ltb_spec i K); [lia | ring].
Qed.

(** The common direction is orthogonal to the vertices. *)
Lemma ones_vertex k : (k < K)%nat -> sum d (fun i => ones i * vertex K k i) = 0.
Proof.
  intros row. pose proof (K_pos _ _ _ _ _ _ free). rewrite (sum_truncate K).
  - rewrite (sum_ext K _ (fun i => / INR K * (if Nat.eqb k i then 1 else 0) - / INR K * / INR K)).
    + rewrite sum_minus, sum_scale, sum_const, (sum_at K k (fun _ => 1) row). field. lra.
    + intros i inside. unfold ones, vertex, centring. destruct (Nat.ltb_spec i K); [ring | lia].
  - destruct allowed. lia.
  - intros i outside. unfold ones. destruct (Nat.ltb_spec i K); [lia | ring].
Qed.

(** The common singular value splits into the two factors. *)
Lemma common_split :
  common_value * sqrt lambda_W = common_value * (common_multiple * sqrt n * sqrt lambda_H).
Proof.
  pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased). pose proof (MseImbalanced.lambda_H_pos _ _ _ _ _ _ unbiased).
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)).
  destruct common_regimes as [(_ & -> & _) | (_ & _ & lives)]; [ring |]. f_equal.
  unfold common_multiple. rewrite lives. unfold MseImbalanced.decay.
  pose proof (sqrt_sqrt lambda_H ltac:(lra)) as h. rewrite <- h at 2.
  assert (0 < sqrt lambda_H) by now apply sqrt_lt_R0. field. lra.
Qed.

(** The mean features of the predicted point are a multiple of its mean row. *)
Lemma common_aligned : common_mean = common_multiple * common_row.
Proof.
  destruct (MseImbalanced.quarter_root lambda_W) as [w w2]; [apply allowed |].
  destruct (MseImbalanced.quarter_root lambda_H) as [h h2]; [apply allowed |].
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)).
  pose proof common_split as split. rewrite <- w2, <- h2 in split.
  destruct (Rle_lt_or_eq_dec 0 common_value (Rmax_l _ _)) as [lives | <-]; [| rewrite sqrt_0; unfold Rdiv; ring].
  apply Rmult_eq_reg_l in split; [| lra].
  apply Rmult_eq_reg_r with (root_H * root_W * sqrt n); [| MseImbalanced.nonzero].
  transitivity (root_W * root_W * sqrt common_value); [field; lra |]. rewrite split. field. lra.
Qed.

(** The common part of the logits of the predicted point. *)
Lemma common_logit : common_row * common_mean = common_value / sqrt n.
Proof.
  destruct (MseImbalanced.quarter_root lambda_W) as [w _]; [apply allowed |].
  destruct (MseImbalanced.quarter_root lambda_H) as [h _]; [apply allowed |].
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)).
  pose proof (sqrt_sqrt common_value (Rmax_l _ _)) as square. rewrite <- square at 3. field. lra.
Qed.

(** The predicted point has the predicted minimum. *)
Lemma value_attained :
  loss (minimiser_W K d N label lambda_W lambda_H lambda_b) (minimiser_H K d N label lambda_W lambda_H lambda_b)
    (minimiser_b K d N label lambda_W lambda_H lambda_b) = value.
Proof.
  pose proof (K_pos _ _ _ _ _ _ free) as classes. pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased) as samples.
  destruct (MseImbalanced.quarter_root lambda_W) as [w _]; [apply allowed |].
  set (W := minimiser_W K d N label lambda_W lambda_H lambda_b).
  set (H := minimiser_H K d N label lambda_W lambda_H lambda_b).
  set (b := minimiser_b K d N label lambda_W lambda_H lambda_b).
  assert (mean : forall i, mean_row W i = common_row * ones i).
  { intros i. unfold MseDeepLinearBalancedBias.mean_row, W.
    rewrite (sum_ext K _ (fun k => row_size * vertex K k i + common_row * ones i)) by (intros; apply minimiser_rows).
    rewrite sum_plus, sum_scale, (vertices_sum_to_zero _ _ _ _ _ _ free), sum_const. field. lra. }
  assert (rows : forall k i, centred W k i = row_size * vertex K k i).
  { intros k i. unfold MseDeepLinearBalancedBias.centred. rewrite mean. unfold W. rewrite minimiser_rows. ring. }
  assert (misfit W H b = 0) as fits.
  { apply sum_zero. intros j sample. apply sum_zero. intros k inside. unfold MseImbalanced.logit.
    pose proof (labels _ _ _ _ _ _ free j sample) as below.
    rewrite (sum_ext d _ (fun i => row_size * mean_size * (vertex K k i * vertex K (label j) i)
      + (row_size * common_mean * (ones i * vertex K k i)
      + (common_row * mean_size * (ones i * vertex K (label j) i) + common_row * common_mean * (ones i * ones i)))))
      by (intros; unfold W, H; rewrite minimiser_rows, minimiser_features; ring).
    rewrite !sum_plus, !sum_scale, (vertices _ _ _ _ _ _ free), !ones_vertex, ones_square, common_logit by easy.
    rewrite (sizes_make_logits _ _ _ _ _ _ free). unfold predicted_output, b. rewrite predicted_bias, common_share.
    unfold centring, one_hot. rewrite (Nat.eqb_sym k).
    pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)).
    destruct (MseImbalanced.quarter_root lambda_H) as [h _]; [apply allowed |]. field. lra. }
  assert (misalignment W H = 0) as aligned.
  { apply sum_zero. intros j sample. apply sum_zero. intros i _. rewrite rows, mean. unfold H.
    rewrite minimiser_features, (minimiser_aligned _ _ _ _ _ _ free), common_aligned. ring. }
  assert (slack / 2 * sum K (fun k => sum d (fun i => centred W k i ^ 2)) = 0) as used.
  { rewrite <- sum_scale. apply sum_zero. intros k _. rewrite <- sum_scale. apply sum_zero. intros i _. rewrite rows.
    pose proof (MseImbalanced.slack_of_living _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)) as lives.
    pose proof (sqrt_sqrt singular_value (MseImbalanced.singular_value_nonneg _ _ _ _ _)) as square.
    rewrite <- square in lives.
    transitivity (sqrt singular_value * sqrt singular_value * slack * ((root_H / root_W * vertex K k i) ^ 2 / 2));
      [field; lra | rewrite lives; ring]. }
  assert (common_slack / 2 * (INR K * sum d (fun i => mean_row W i ^ 2)) = 0) as common_used.
  { rewrite <- !sum_scale. apply sum_zero. intros i _. rewrite mean.
    pose proof common_slack_of_living as lives. pose proof (sqrt_sqrt common_value (Rmax_l _ _)) as square.
    rewrite <- square in lives.
    transitivity (sqrt common_value * sqrt common_value * common_slack * ((root_H / root_W * ones i) ^ 2 * INR K / 2));
      [field; lra | rewrite lives; ring]. }
  rewrite excess, value_is, fits, aligned, used, common_used, (sum_zero K (fun k => (b k - best_bias) ^ 2))
    by (intros; unfold b; rewrite predicted_bias; ring).
  field. lra.
Qed.

(** The common direction has collapsed iff its ratio is at most 1. *)
Lemma common_collapsed :
  common_value = 0 <-> common_weight ^ 2 / (INR K ^ 2 * lambda_H * lambda_W * n) <= 1.
Proof.
  pose proof (K_pos _ _ _ _ _ _ free) as classes. pose proof common_weight_pos as weight.
  pose proof (first_class _ _ _ _ _ _ free) as first. pose proof (MseImbalanced.decay_pos _ _ _ _ _ _ unbiased) as pull.
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 first) as root.
  set (level := INR K * sqrt n * decay). assert (0 < level) by (repeat (assumption || apply Rmult_lt_0_compat)).
  pose proof (MseImbalanced.root_square _ _ _ _ _ _ unbiased 0 first) as square.
  assert (scale : INR K ^ 2 * lambda_H * lambda_W * n = level * level).
  { transitivity (INR K ^ 2 * (decay * decay) * (sqrt n * sqrt n)); [| unfold level; ring].
    rewrite square, (MseImbalanced.decay_square _ _ _ _ _ _ unbiased). ring. }
  assert (bound : INR N * decay = sqrt n * level).
  { transitivity (INR K * (sqrt n * sqrt n) * decay); [| unfold level; ring].
    now rewrite square, (N_is _ _ _ _ _ _ free). }
  rewrite scale. replace (common_weight ^ 2 / (level * level))
    with ((common_weight / level) * (common_weight / level)) by (field; lra).
  assert (back : common_weight = common_weight / level * level) by (field; lra).
  assert (0 < common_weight / level) by now apply Rdiv_lt_0_compat.
  destruct common_regimes as [(small & -> & _) | (large & value_is_positive & _)]; rewrite bound in *;
    set (share := common_weight / level) in *.
  - split; [intros _ | easy]. apply Rmult_le_reg_l in small; [| easy]. rewrite back in small.
    assert (share <= 1) by nra. nra.
  - assert (above : level < common_weight) by (apply Rmult_lt_reg_l with (sqrt n); easy). rewrite back in above.
    assert (1 < share) by nra. split; [intros zero | intros; nra].
    exfalso. rewrite value_is_positive in zero.
    assert (sqrt n * level / common_weight = sqrt n) by lra.
    assert (sqrt n * level = sqrt n * common_weight)
      by (transitivity (sqrt n * level / common_weight * common_weight); [field; lra | congruence]).
    lra.
Qed.

(** Zero with the predicted bias makes the predicted outputs iff every direction has collapsed. *)
Lemma zero_is_best :
  value = loss (fun _ _ => 0) (fun _ _ => 0) (minimiser_b K d N label lambda_W lambda_H lambda_b)
  <-> singular_value = 0 /\ common_value = 0.
Proof.
  pose proof (K_pos _ _ _ _ _ _ free) as classes. pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased) as samples.
  pose proof (first_class _ _ _ _ _ _ free) as first.
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 first) as root.
  assert (several : / INR K < 1).
  { rewrite <- Rinv_1. apply Rinv_lt_contravar; [lra |]. change 1 with (INR 1). apply lt_INR. destruct allowed. lia. }
  assert (output : forall k j, logit (fun _ _ => 0) (fun _ _ => 0) k j
    + minimiser_b K d N label lambda_W lambda_H lambda_b k - predicted_output k j
    = - (singular_value / sqrt n * (one_hot label k j - / INR K) + common_value / sqrt n * / INR K)).
  { intros k j. unfold MseImbalanced.logit. rewrite sum_zero by (intros; ring). rewrite predicted_bias.
    unfold predicted_output. rewrite common_share. unfold MseImbalanced.residual. field. lra. }
  split.
  - intros same. destruct (squares_vanish _ _ _ (eq_sym same)) as (outputs & _ & _).
    destruct (no_class_empty _ _ _ _ _ _ _ allowed 0%nat first) as (j & sample & here).
    pose proof (output 0%nat j) as known. rewrite (outputs 0%nat j first sample) in known.
    unfold one_hot in known. rewrite here in known. simpl Nat.eqb in known. cbv iota in known.
    assert (0 < / INR K) by now apply Rinv_0_lt_compat.
    pose proof (MseImbalanced.singular_value_nonneg N label lambda_W lambda_H 0) as p_nonneg.
    pose proof (Rmax_l 0 (sqrt n - INR N * decay / common_weight)) as r_nonneg. fold common_value in r_nonneg.
    pose proof (Rle_mult_inv_pos _ _ p_nonneg root) as p_share. pose proof (Rle_mult_inv_pos _ _ r_nonneg root) as r_share.
    assert (p_zero : singular_value * / sqrt n = 0) by (unfold Rdiv in known; nra).
    assert (r_zero : common_value * / sqrt n = 0) by (unfold Rdiv in known; nra).
    assert (/ sqrt n <> 0) by (apply Rinv_neq_0_compat; lra).
    apply Rmult_integral in p_zero, r_zero. tauto.
  - intros [p_zero r_zero]. rewrite value_is, excess.
    assert (misfit (fun _ _ => 0) (fun _ _ => 0) (minimiser_b K d N label lambda_W lambda_H lambda_b) = 0) as ->.
    { apply sum_zero. intros j _. apply sum_zero. intros k _. rewrite output, p_zero, r_zero. unfold Rdiv. ring. }
    assert (mean : forall i, mean_row (fun _ _ => 0) i = 0).
    { intros i. unfold MseDeepLinearBalancedBias.mean_row. rewrite sum_zero by easy. unfold Rdiv. ring. }
    assert (rows : forall k i, centred (fun _ _ => 0) k i = 0).
    { intros k i. unfold MseDeepLinearBalancedBias.centred. rewrite mean. ring. }
    assert (misalignment (fun _ _ => 0) (fun _ _ => 0) = 0) as ->.
    { apply sum_zero. intros j _. apply sum_zero. intros i _. rewrite rows, mean. ring. }
    rewrite (sum_zero K (fun k => (_ - best_bias) ^ 2)) by (intros; rewrite predicted_bias; ring).
    rewrite (sum_zero K (fun k => sum d (fun i => centred (fun _ _ => 0) k i ^ 2)))
      by (intros; apply sum_zero; intros; rewrite rows; ring).
    rewrite (sum_zero d (fun i => mean_row (fun _ _ => 0) i ^ 2)) by (intros; rewrite mean; ring).
    field. lra.
Qed.

Section Minimiser.
Variables (W H : nat -> nat -> R) (b : nat -> R).
Hypothesis least : loss W H b = value.
Local Notation inner x y := (sum d (fun i => x i * y i)).

(** The features are a positive multiple of the mean row. *)
Lemma common_multiple_pos : 0 < common_multiple.
Proof.
  apply Rdiv_lt_0_compat; [apply common_residual_pos |].
  apply Rmult_lt_0_compat; [apply (MseImbalanced.N_pos _ _ _ _ _ _ unbiased) |
    apply (MseImbalanced.lambda_H_pos _ _ _ _ _ _ unbiased)].
Qed.

(** The products of rows with the mean features of a class. *)
Lemma row_products k l :
  (k < K)%nat -> (l < K)%nat ->
  multiple * inner (W k) (centred W l) + common_multiple * inner (W k) (mean_row W)
  = (1 - residual) * centring K k l + common_value / sqrt n * / INR K.
Proof.
  intros row other. destruct (squares_vanish W H b least) as (outputs & biases & features).
  destruct (no_class_empty _ _ _ _ _ _ _ allowed l other) as (j & sample & here).
  pose proof (K_pos _ _ _ _ _ _ free) as classes.
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)) as root.
  pose proof (outputs k j row sample) as known. rewrite (biases k row) in known.
  unfold predicted_output, one_hot in known. rewrite here, common_share in known.
  unfold centring. rewrite (Nat.eqb_sym k l).
  transitivity (logit W H k j).
  - unfold MseImbalanced.logit. rewrite <- !sum_scale, <- sum_plus. apply sum_ext. intros i inside.
    rewrite (features i j inside sample), here. ring.
  - replace (logit W H k j) with ((1 - residual) * ((if Nat.eqb l k then 1 else 0) - / INR K)
      + (common_value / sqrt n + INR K * best_bias) * / INR K - best_bias) by lra. field. lra.
Qed.

(** The columns of the centring matrix sum to zero. *)
Lemma centring_sums_to_zero l : (l < K)%nat -> sum K (fun k => centring K k l) = 0.
Proof.
  intros inside. pose proof (K_pos _ _ _ _ _ _ free). unfold centring. rewrite sum_minus, sum_const.
  rewrite (sum_ext K _ (fun k => if Nat.eqb l k then 1 else 0)) by (intros; now rewrite Nat.eqb_sym).
  rewrite (sum_at K l (fun _ => 1) inside). field. lra.
Qed.

(** The same for the mean of the rows. *)
Lemma mean_products l :
  (l < K)%nat ->
  multiple * inner (mean_row W) (centred W l) + common_multiple * inner (mean_row W) (mean_row W)
  = common_value / sqrt n * / INR K.
Proof.
  intros other. pose proof (K_pos _ _ _ _ _ _ free) as classes.
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)) as root.
  assert (spread : forall x : nat -> R, sum K (fun k => inner (W k) x) = INR K * inner (mean_row W) x).
  { intros x. rewrite sum_swap, <- sum_scale. apply sum_ext. intros i _. unfold MseDeepLinearBalancedBias.mean_row.
    rewrite (sum_ext K _ (fun k => x i * W k i)) by (intros; ring). rewrite sum_scale. field. lra. }
  assert (total : sum K (fun k => multiple * inner (W k) (centred W l) + common_multiple * inner (W k) (mean_row W))
    = sum K (fun k => (1 - residual) * centring K k l + common_value / sqrt n * / INR K))
    by (apply sum_ext; intros; now apply row_products).
  rewrite !sum_plus, !sum_scale, sum_const, centring_sums_to_zero, !spread in total by easy.
  apply Rmult_eq_reg_l with (INR K); lra.
Qed.

(** The mean of the rows is orthogonal to the centred rows, and this is its square. *)
Lemma mean_square : common_multiple * inner (mean_row W) (mean_row W) = common_value / sqrt n * / INR K.
Proof.
  pose proof (K_pos _ _ _ _ _ _ free) as classes.
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 (first_class _ _ _ _ _ _ free)) as root.
  assert (total : sum K (fun l => multiple * inner (mean_row W) (centred W l)
      + common_multiple * inner (mean_row W) (mean_row W)) = sum K (fun _ => common_value / sqrt n * / INR K))
    by (apply sum_ext; intros; now apply mean_products).
  rewrite sum_plus, sum_scale, !sum_const, sum_swap, (sum_zero d) in total.
  - apply Rmult_eq_reg_l with (INR K); lra.
  - intros i _. rewrite (sum_scale K (mean_row W i) (fun l => centred W l i)), centred_rows_sum_to_zero. ring.
Qed.

(** The mean of the rows is orthogonal to the centred rows. *)
Lemma mean_orthogonal l : (l < K)%nat -> inner (mean_row W) (centred W l) = 0.
Proof.
  intros other. pose proof (mean_products l other) as known. rewrite mean_square in known.
  pose proof (multiple_pos _ _ _ _ _ _ free) as positive.
  assert (none : multiple * inner (mean_row W) (centred W l) = 0) by lra.
  apply Rmult_integral in none. destruct none as [wrong | none]; [lra | easy].
Qed.

(** The Gram matrix of the centred rows. *)
Lemma centred_products k l :
  (k < K)%nat -> (l < K)%nat -> multiple * inner (centred W k) (centred W l) = (1 - residual) * centring K k l.
Proof.
  intros row other. pose proof (row_products k l row other) as known.
  assert (split : forall x : nat -> R, inner (W k) x = inner (centred W k) x + inner (mean_row W) x).
  { intros x. rewrite <- sum_plus. apply sum_ext. intros i _. unfold MseDeepLinearBalancedBias.centred. ring. }
  rewrite !split, mean_orthogonal in known by easy. pose proof mean_square.
  assert (cross : inner (centred W k) (mean_row W) = 0).
  { rewrite (sum_ext d _ (fun i => mean_row W i * centred W k i)) by (intros; ring). now apply mean_orthogonal. }
  rewrite cross in known. lra.
Qed.

(** The mean features of a class. *)
Lemma class_mean k i :
  (k < K)%nat -> (i < d)%nat ->
  sum N (fun j => H i j * one_hot label k j) / class_count N label k
  = multiple * centred W k i + common_multiple * mean_row W i.
Proof.
  intros below inside. destruct (squares_vanish W H b least) as (_ & _ & features).
  pose proof (MseImbalanced.n_pos _ _ _ _ _ _ unbiased k below).
  rewrite (sum_ext N _ (fun j => (multiple * centred W (label j) i + common_multiple * mean_row W i) * one_hot label k j)).
  - rewrite (sum_of_class N label k (fun l => multiple * centred W l i + common_multiple * mean_row W i)). field. lra.
  - intros j sample. now rewrite (features i j inside sample).
Qed.

(** A point with the predicted minimum has the predicted invariants. *)
Lemma structure_at_minimiser : structure K d N label lambda_W lambda_H lambda_b W H b.
Proof.
  pose proof (K_pos _ _ _ _ _ _ free) as classes. pose proof penalty_pos as penalty.
  pose proof (first_class _ _ _ _ _ _ free) as first. pose proof (multiple_pos _ _ _ _ _ _ free) as positive.
  pose proof common_multiple_pos as common_positive.
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 first) as root.
  pose proof (MseImbalanced.n_pos _ _ _ _ _ _ unbiased 0 first) as some.
  pose proof (MseImbalanced.root_square _ _ _ _ _ _ unbiased 0 first) as square.
  assert (weight : 0 < sqrt lambda_W) by (apply sqrt_lt_R0, allowed).
  assert (feature : 0 < sqrt lambda_H) by (apply sqrt_lt_R0, allowed).
  pose proof (MseImbalanced.split_of_factors _ _ _ _ _ _ unbiased 0 first) as split. pose proof common_split as share.
  assert (cross : forall k, (k < K)%nat -> inner (centred W k) (mean_row W) = 0).
  { intros k row. rewrite (sum_ext d _ (fun i => mean_row W i * centred W k i)) by (intros; ring).
    now apply mean_orthogonal. }
  destruct (squares_vanish W H b least) as (_ & biases & features).
  split; [| split; [| split; [| split]]].
  - intros k l row other. unfold classifier_gram, predicted_classifier_gram. rewrite predicted_centred, predicted_common.
    pose proof (centred_products k l row other) as centred_known. pose proof mean_square as mean_known.
    transitivity (inner (centred W k) (centred W l) + inner (mean_row W) (mean_row W)).
    { transitivity (inner (centred W k) (centred W l) + inner (centred W k) (mean_row W)
        + (inner (mean_row W) (centred W l) + inner (mean_row W) (mean_row W))).
      - rewrite <- !sum_plus. apply sum_ext. intros i _. unfold MseDeepLinearBalancedBias.centred. ring.
      - rewrite cross, mean_orthogonal by easy. ring. }
    apply Rmult_eq_reg_r with (sqrt lambda_W); [| lra].
    assert (one : inner (centred W k) (centred W l) * sqrt lambda_W = sqrt lambda_H * singular_value * centring K k l).
    { apply Rmult_eq_reg_l with (multiple * sqrt n); [| MseImbalanced.nonzero].
      transitivity (multiple * inner (centred W k) (centred W l) * sqrt n * sqrt lambda_W); [ring |].
      rewrite centred_known. transitivity (singular_value * sqrt lambda_W * centring K k l);
        [unfold MseImbalanced.residual; field; lra |]. rewrite split. ring. }
    assert (other_one : inner (mean_row W) (mean_row W) * sqrt lambda_W = sqrt lambda_H * common_value * / INR K).
    { apply Rmult_eq_reg_l with (common_multiple * sqrt n); [| MseImbalanced.nonzero].
      transitivity (common_multiple * inner (mean_row W) (mean_row W) * sqrt n * sqrt lambda_W); [ring |].
      rewrite mean_known. transitivity (common_value * sqrt lambda_W * / INR K); [field; lra |]. rewrite share. ring. }
    rewrite Rmult_plus_distr_r, one, other_one. unfold centring. rewrite (Nat.eqb_sym k l). field. lra.
  - intros k l row other. unfold mean_gram, predicted_mean_gram. rewrite predicted_centred, predicted_common.
    pose proof (centred_products k l row other) as centred_known. pose proof mean_square as mean_known.
    transitivity (multiple * (multiple * inner (centred W k) (centred W l))
      + common_multiple * (common_multiple * inner (mean_row W) (mean_row W))).
    { transitivity (multiple * multiple * inner (centred W k) (centred W l)
        + (multiple * common_multiple * inner (centred W k) (mean_row W)
        + (multiple * common_multiple * inner (mean_row W) (centred W l)
        + common_multiple * common_multiple * inner (mean_row W) (mean_row W)))).
      - rewrite <- !sum_scale, <- !sum_plus. apply sum_ext. intros i inside. rewrite !class_mean by easy. ring.
      - rewrite cross, mean_orthogonal by easy. ring. }
    rewrite centred_known, mean_known.
    transitivity ((singular_value * (multiple * sqrt n * sqrt lambda_H) * centring K k l
      + common_value * (common_multiple * sqrt n * sqrt lambda_H) * / INR K) / (sqrt lambda_H * (sqrt n * sqrt n)));
      [unfold MseImbalanced.residual; field; lra |].
    rewrite <- split, <- share, square. unfold centring. rewrite (Nat.eqb_sym k l). field. lra.
  - unfold within_class_scatter, predicted_within_class_scatter.
    apply sum_zero. intros j sample. apply sum_zero. intros i inside.
    rewrite (sum_ext K _ (fun k => one_hot label k j * (multiple * centred W k i + common_multiple * mean_row W i))).
    + rewrite sum_one_hot by now apply (labels _ _ _ _ _ _ free). rewrite (features i j inside sample). ring.
    + intros k row. rewrite class_mean by easy. ring.
  - unfold bias_mean, predicted_bias_mean. rewrite predicted_common.
    rewrite (sum_ext K _ (fun _ => best_bias)) by (intros; now apply biases). rewrite sum_const.
    unfold best_bias, common_residual, common_weight. field. lra.
  - unfold bias_spread, predicted_bias_spread. apply sum_zero. intros k row.
    rewrite (sum_ext K (fun m => b m) (fun _ => best_bias)) by (intros; now apply biases).
    rewrite biases, sum_const by easy. field. lra.
Qed.
End Minimiser.
End Claim.

Theorem lower_bound : Statement_mse_regularised_bias.lower_bound.
Proof. exact value_below. Qed.

Theorem attained : Statement_mse_regularised_bias.attained.
Proof. exact value_attained. Qed.

Theorem unique_structure : Statement_mse_regularised_bias.unique_structure.
Proof. exact structure_at_minimiser. Qed.

Theorem threshold : Statement_mse_regularised_bias.threshold.
Proof.
  intros K d N label lambda_W lambda_H lambda_b allowed.
  pose proof (allowed_with_free_bias _ _ _ _ _ _ _ allowed) as free.
  pose proof (allowed_without_bias _ _ _ _ _ _ free) as unbiased.
  pose proof (first_class _ _ _ _ _ _ free) as first. pose proof (K_pos _ _ _ _ _ _ free) as classes.
  pose proof (MseImbalanced.n_pos _ _ _ _ _ _ unbiased 0 first) as some.
  pose proof (MseImbalanced.lambda_W_pos _ _ _ _ _ _ unbiased) as weight.
  pose proof (MseImbalanced.lambda_H_pos _ _ _ _ _ _ unbiased) as feature.
  pose proof (penalty_pos _ _ _ _ _ _ _ allowed) as penalty.
  rewrite (zero_is_best _ _ _ _ _ _ _ allowed), (MseImbalanced.collapsed _ _ _ _ _ _ unbiased 0 first),
    (common_collapsed _ _ _ _ _ _ _ allowed).
  unfold Statement_mse_imbalanced.ratio. rewrite (N_is _ _ _ _ _ _ free).
  replace (class_count N label 0 / ((INR K * class_count N label 0) ^ 2 * lambda_H * lambda_W))
    with (1 / (INR K ^ 2 * lambda_H * lambda_W * class_count N label 0)) by (field; repeat split; lra).
  unfold ratio, common_weight.
  replace ((lambda_b / (1 + lambda_b)) ^ 2) with (lambda_b ^ 2 / (lambda_b + 1) ^ 2) by (field; lra).
  split.
  - intros [centred common] k inside. destruct Rlt_dec; easy.
  - intros all. split.
    + pose proof (all 0%nat first) as known. destruct Rlt_dec as [| no]; [easy |].
      exfalso. apply no, lt_INR. destruct allowed. lia.
    + pose proof (all (K - 1)%nat ltac:(lia)) as known. destruct Rlt_dec as [wrong |]; [| easy].
      exfalso. apply INR_lt in wrong. lia.
Qed.

(** Two classes of one sample each. *)
Theorem domain_not_empty : Statement_mse_regularised_bias.domain_not_empty.
Proof.
  exists 2%nat, 2%nat, 2%nat, (fun j => j), 1, 1, 1. constructor; try lra; try lia.
  - intros k inside. now exists k.
  - intros [| [| k]] inside; [easy | | lia]. unfold class_count, one_hot. simpl. lra.
Qed.
