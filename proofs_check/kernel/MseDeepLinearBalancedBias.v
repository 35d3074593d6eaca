(** MSE with a deep linear network, a bias and balanced classes, for a single layer, at widths d >= K.

    The loss less its predicted minimum is again a sum of squares: of the logits, of the features against the centred
    classifier rows, and of the mean of these rows. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From Atlas Require Import Sums Labels Roots SimplexEtf SimplexVertices.
From Atlas Require MseImbalanced MseDeepLinearImbalanced.
From Atlas.generated Require Statement_mse_imbalanced.
From Atlas.generated Require Import Statement_mse_deep_linear_balanced_bias.
Import Depth_1.
Open Scope R_scope.

(** The problem without a bias allows the same parameters. *)
Lemma allowed_without_bias K d N label lambda_1 lambda_H :
  domain K d N label lambda_1 lambda_H -> Statement_mse_imbalanced.domain K d N label lambda_1 lambda_H.
Proof. intros []. now constructor. Qed.

Section Claim.
Variables (K d N : nat) (label : nat -> nat) (lambda_1 lambda_H : R).
Hypothesis allowed : domain K d N label lambda_1 lambda_H.
Let unbiased := allowed_without_bias _ _ _ _ _ _ allowed.
Local Notation n := (class_count N label 0).
Local Notation logit := (MseImbalanced.logit d).
Local Notation decay := (MseImbalanced.decay lambda_1 lambda_H).
Local Notation singular_value := (MseImbalanced.singular_value N label lambda_1 lambda_H 0).
Local Notation residual := (MseImbalanced.residual N label lambda_1 lambda_H 0).
Local Notation multiple := (MseImbalanced.multiple N label lambda_1 lambda_H 0).
Local Notation slack := (MseImbalanced.slack N label lambda_1 lambda_H 0).

Lemma first_class : (0 < K)%nat. Proof. destruct allowed. lia. Qed.

Lemma K_pos : 0 < INR K. Proof. apply lt_0_INR, first_class. Qed.

Lemma labels j : (j < N)%nat -> (label j < K)%nat. Proof. apply allowed. Qed.

(** Equal class counts add up to the number of samples. *)
Lemma N_is : INR N = INR K * n.
Proof.
  rewrite <- (sum_class_count K N label labels), <- sum_const. apply sum_ext. intros k inside. now apply allowed.
Qed.

(** The mean of the classifier rows, and the rows less their mean. *)
Definition mean_row (W : nat -> nat -> R) (i : nat) : R := sum K (fun k => W k i) / INR K.
Definition centred (W : nat -> nat -> R) (k i : nat) : R := W k i - mean_row W i.

(** The predicted logit. *)
Definition predicted_logit (k j : nat) : R := (1 - residual) * (one_hot label k j - / INR K) + / INR K.

Definition misfit (W H : nat -> nat -> R) (b : nat -> R) : R :=
  sum N (fun j => sum K (fun k => (logit W H k j + b k - predicted_logit k j) ^ 2)).

Definition misalignment (W H : nat -> nat -> R) : R :=
  sum N (fun j => sum d (fun i => (H i j - multiple * centred W (label j) i) ^ 2)).

(** Squares around a mean. *)
Lemma squares_around_mean (x : nat -> R) :
  sum K (fun k => x k ^ 2) = sum K (fun k => (x k - sum K x / INR K) ^ 2) + INR K * (sum K x / INR K) ^ 2.
Proof.
  pose proof K_pos. set (m := sum K x / INR K).
  rewrite (sum_ext K _ (fun k => (x k - m) ^ 2 + (2 * m * x k - m ^ 2))) by (intros; ring).
  rewrite sum_plus, sum_minus, sum_scale, sum_const. replace (sum K x) with (INR K * m) by (unfold m; field; lra). ring.
Qed.

(** Of the losses of a sample, the part that is linear in its logits. *)
Lemma fit_of_sample (z : nat -> R) j :
  (j < N)%nat ->
  sum K (fun k => (z k - one_hot label k j) ^ 2) =
  sum K (fun k => (z k - predicted_logit k j) ^ 2) + (1 - / INR K) * (2 * residual - residual ^ 2)
  - 2 * residual * (z (label j) - sum K z / INR K).
Proof.
  intros sample. pose proof K_pos.
  rewrite (sum_ext K _ (fun k => (z k - predicted_logit k j) ^ 2
    + (one_hot label k j * (2 * residual * (1 - / INR K) - residual ^ 2 * (1 - 2 * / INR K) - 2 * residual * z k)
    + (2 * residual * / INR K * z k - residual ^ 2 * / INR K ^ 2)))).
  - rewrite !sum_plus, sum_one_hot, sum_minus, sum_scale, sum_const by now apply labels. field. lra.
  - intros k _. unfold predicted_logit. destruct (one_hot_cases label k j) as [-> | ->]; field; lra.
Qed.

(** What the centred row of a class makes of a sample. *)
Lemma centred_logit (W H : nat -> nat -> R) k j :
  sum d (fun i => centred W k i * H i j) = logit W H k j - sum K (fun l => logit W H l j) / INR K.
Proof.
  pose proof K_pos. unfold MseImbalanced.logit at 2. rewrite sum_swap. unfold Rdiv. rewrite Rmult_comm, <- sum_scale.
  unfold MseImbalanced.logit. rewrite <- sum_minus. apply sum_ext. intros i _. unfold centred, mean_row.
  rewrite (sum_ext K (fun l => W l i * H i j) (fun l => H i j * W l i)) by (intros; ring). rewrite sum_scale. field. lra.
Qed.

(** With equal class counts a bias has no part that the labels correlate with. *)
Lemma bias_cancels (b : nat -> R) : sum N (fun j => b (label j) - sum K b / INR K) = 0.
Proof.
  pose proof K_pos. rewrite sum_minus, sum_const, (sum_by_class K N label b labels).
  rewrite (sum_ext K _ (fun k => n * b k)) by (intros k inside; f_equal; now apply allowed).
  rewrite sum_scale, N_is. field. lra.
Qed.

(** The loss exceeds its constant by sums of squares. *)
Theorem excess W H b :
  loss K d N label lambda_1 lambda_H W H b =
  (INR K - 1) * (n * (2 * residual - residual ^ 2)) / (2 * INR N)
  + misfit W H b / (2 * INR N) + lambda_H / 2 * misalignment W H
  + slack / 2 * sum K (fun k => sum d (fun i => centred W k i ^ 2))
  + lambda_1 / 2 * (INR K * sum d (fun i => mean_row W i ^ 2)).
Proof.
  pose proof K_pos. pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased).
  pose proof (MseImbalanced.lambda_H_pos _ _ _ _ _ _ unbiased).
  set (pulled := sum N (fun j => sum d (fun i => centred W (label j) i * H i j))).
  set (rows := sum K (fun k => sum d (fun i => centred W k i ^ 2))).
  assert (fit : sum N (fun j => sum K (fun k => (logit W H k j + b k - one_hot label k j) ^ 2)) =
    misfit W H b + (INR K - 1) * (n * (2 * residual - residual ^ 2)) - 2 * residual * pulled).
  { transitivity (misfit W H b + INR N * ((1 - / INR K) * (2 * residual - residual ^ 2))
      - 2 * residual * (pulled + sum N (fun j => b (label j) - sum K b / INR K))).
    - unfold pulled, misfit. rewrite <- sum_const, <- !sum_plus, <- sum_scale, <- sum_minus. apply sum_ext.
      intros j sample. rewrite (fit_of_sample (fun k => logit W H k j + b k) j sample), centred_logit, sum_plus.
      field. lra.
    - rewrite bias_cancels, N_is. field. lra. }
  assert (features : misalignment W H =
    sum N (fun j => sum d (fun i => H i j ^ 2)) - 2 * multiple * pulled + multiple ^ 2 * (n * rows)).
  { assert (n * rows = sum N (fun j => sum d (fun i => centred W (label j) i ^ 2))) as ->.
    { rewrite (sum_by_class K N label (fun k => sum d (fun i => centred W k i ^ 2)) labels). unfold rows.
      rewrite <- sum_scale. apply sum_ext. intros k inside. f_equal. symmetry. now apply allowed. }
    unfold pulled, misalignment. rewrite <- !sum_scale, <- sum_minus, <- sum_plus. apply sum_ext. intros j _.
    rewrite <- !sum_scale, <- sum_minus, <- sum_plus. apply sum_ext. intros i _. ring. }
  assert (weights : sum K (fun k => sum d (fun i => W k i ^ 2)) = rows + INR K * sum d (fun i => mean_row W i ^ 2)).
  { unfold rows. rewrite (sum_swap K d), (sum_swap K d (fun k i => centred W k i ^ 2)), <- sum_scale, <- sum_plus.
    apply sum_ext. intros i _. exact (squares_around_mean (fun k => W k i)). }
  rewrite features. unfold MseImbalanced.slack, loss.
  rewrite (sum_ext N _ (fun j => / 2 * sum K (fun k => (logit W H k j + b k - one_hot label k j) ^ 2)))
    by (intros; unfold MseImbalanced.logit, Rdiv; ring).
  rewrite sum_scale, fit, weights. unfold MseImbalanced.multiple. field. lra.
Qed.
End Claim.
