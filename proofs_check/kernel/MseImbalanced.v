(** MSE with one linear layer and any class counts, at widths d >= K.

    The loss less its predicted minimum is a sum of squares. The minimum, the point that attains it, the threshold and
    the structure of every minimiser all follow from this one identity. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From Atlas Require Import Sums Labels.
From Atlas.generated Require Import Statement_mse_imbalanced.
Open Scope R_scope.

Section Claim.
Variables (K d N : nat) (label : nat -> nat) (lambda_W lambda_H : R).
Hypothesis allowed : domain K d N label lambda_W lambda_H.
Local Notation loss := (loss K d N label lambda_W lambda_H).
Local Notation value := (value K d N label lambda_W lambda_H).
Local Notation n := (class_count N label).

(** The weight of the nuclear norm. *)
Definition decay : R := sqrt lambda_H * sqrt lambda_W.

(** The predicted singular value of class k. *)
Definition singular_value (k : nat) : R := Rmax 0 (sqrt (n k) - INR N * decay).

(** How far the correct logit of class k stays below 1. *)
Definition residual (k : nat) : R := 1 - singular_value k / sqrt (n k).

(** The features of class k are this multiple of its classifier row. *)
Definition multiple (k : nat) : R := residual k / (INR N * lambda_H).

(** The part of the weight decay of row k that the bound does not use. *)
Definition slack (k : nat) : R := lambda_W - n k * (lambda_H * multiple k ^ 2).

Definition logit (W H : nat -> nat -> R) (k j : nat) : R := sum d (fun i => W k i * H i j).

Lemma lambda_W_pos : 0 < lambda_W. Proof. apply allowed. Qed.
Lemma lambda_H_pos : 0 < lambda_H. Proof. apply allowed. Qed.

Lemma labels j : (j < N)%nat -> (label j < K)%nat. Proof. apply allowed. Qed.

Lemma N_pos : 0 < INR N.
Proof.
  apply lt_0_INR. destruct allowed as [two _ no_empty _ _ _ _].
  destruct (no_empty 0%nat) as (j & inside & _); lia.
Qed.

Lemma n_pos k : (k < K)%nat -> 0 < n k.
Proof.
  intros inside. enough (1 <= n k) by lra. apply class_count_at_least_one. now apply allowed.
Qed.

Lemma root_pos k : (k < K)%nat -> 0 < sqrt (n k).
Proof. intros inside. apply sqrt_lt_R0. now apply n_pos. Qed.

Lemma root_square k : (k < K)%nat -> sqrt (n k) * sqrt (n k) = n k.
Proof. intros inside. apply sqrt_sqrt. left. now apply n_pos. Qed.

Lemma decay_pos : 0 < decay.
Proof. apply Rmult_lt_0_compat; apply sqrt_lt_R0; [apply lambda_H_pos | apply lambda_W_pos]. Qed.

Lemma decay_square : decay * decay = lambda_H * lambda_W.
Proof.
  unfold decay. pose proof (sqrt_sqrt lambda_H (Rlt_le _ _ lambda_H_pos)) as h.
  pose proof (sqrt_sqrt lambda_W (Rlt_le _ _ lambda_W_pos)) as w. nra.
Qed.

(** Class k has either collapsed, or its residual balances the decay. *)
Lemma regimes k :
  (k < K)%nat ->
  (sqrt (n k) <= INR N * decay /\ singular_value k = 0 /\ residual k = 1) \/
  (INR N * decay < sqrt (n k) /\ singular_value k = sqrt (n k) - INR N * decay
   /\ residual k = INR N * decay / sqrt (n k)).
Proof.
  intros inside. pose proof (root_pos k inside) as root. unfold residual, singular_value.
  destruct (Rle_lt_dec (sqrt (n k)) (INR N * decay)) as [small | large]; [left | right]; repeat split; try lra.
  - rewrite Rmax_left; lra.
  - rewrite Rmax_left by lra. field. lra.
  - rewrite Rmax_right; lra.
  - rewrite Rmax_right by lra. field. lra.
Qed.

Lemma singular_value_nonneg k : 0 <= singular_value k. Proof. apply Rmax_l. Qed.

Lemma residual_pos k : (k < K)%nat -> 0 < residual k.
Proof.
  intros inside. pose proof N_pos. pose proof decay_pos. pose proof (root_pos k inside).
  destruct (regimes k inside) as [(_ & _ & ->) | (_ & _ & ->)]; [lra |].
  apply Rdiv_lt_0_compat; [now apply Rmult_lt_0_compat | easy].
Qed.

Lemma slack_is k :
  slack k = lambda_W - n k * residual k ^ 2 / (INR N ^ 2 * lambda_H).
Proof. pose proof N_pos. pose proof lambda_H_pos. unfold slack, multiple. field. lra. Qed.

Lemma slack_nonneg k : (k < K)%nat -> 0 <= slack k.
Proof.
  intros inside. pose proof N_pos. pose proof lambda_H_pos. pose proof decay_pos.
  pose proof (root_pos k inside) as root. pose proof decay_square as square.
  assert (positive : 0 < INR N ^ 2 * lambda_H) by (apply Rmult_lt_0_compat; [nra | easy]).
  rewrite slack_is. apply Rmult_le_reg_r with (INR N ^ 2 * lambda_H); [easy |].
  replace ((lambda_W - n k * residual k ^ 2 / (INR N ^ 2 * lambda_H)) * (INR N ^ 2 * lambda_H))
    with (INR N ^ 2 * (decay * decay) - n k * residual k ^ 2) by (rewrite square; field; lra).
  rewrite <- (root_square k inside).
  destruct (regimes k inside) as [(small & _ & ->) | (_ & _ & ->)].
  - assert (sqrt (n k) * sqrt (n k) <= (INR N * decay) * (INR N * decay)) by (apply Rmult_le_compat; lra). nra.
  - right. field. lra.
Qed.

(** A class that lives leaves no slack. *)
Lemma slack_of_living k : (k < K)%nat -> singular_value k * slack k = 0.
Proof.
  intros inside. pose proof N_pos. pose proof lambda_H_pos. pose proof (root_pos k inside).
  destruct (regimes k inside) as [(_ & -> & _) | (_ & _ & lives)]; [ring |].
  rewrite slack_is, <- (root_square k inside), lives.
  replace (lambda_W - _) with (lambda_W - decay * decay / lambda_H) by (field; lra).
  rewrite decay_square. field. lra.
Qed.

(** The width reaches every class. *)
Lemma within_width (k : nat) (x y : R) : (k < K)%nat -> (if Rle_dec (INR (S k)) (INR d) then x else y) = x.
Proof.
  intros inside. pose proof (wide _ _ _ _ _ _ allowed). destruct Rle_dec as [| outside]; [reflexivity |].
  exfalso. apply outside, le_INR. lia.
Qed.

(** The value, in the residuals. *)
Lemma value_in_residuals : value = sum K (fun k => n k * (2 * residual k - residual k ^ 2)) / (2 * INR N).
Proof.
  pose proof N_pos. unfold Rdiv. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros k inside.
  rewrite within_width by easy. pose proof (root_pos k inside) as root.
  replace (- INR N * sqrt lambda_H * sqrt lambda_W + sqrt (n k)) with (sqrt (n k) - INR N * decay)
    by (unfold decay; ring).
  change (Rmax 0 (sqrt (n k) - INR N * decay)) with (singular_value k).
  change (sqrt lambda_H * sqrt lambda_W) with decay.
  replace (n k * (2 * residual k - residual k ^ 2)) with (sqrt (n k) * sqrt (n k) * (2 * residual k - residual k ^ 2))
    by (now rewrite root_square).
  destruct (regimes k inside) as [(_ & -> & ->) | (_ & -> & ->)]; field; lra.
Qed.

(** Of the losses of sample j, the part that is linear in its correct logit. *)
Lemma fit_of_sample W H j :
  (j < N)%nat ->
  sum K (fun k => (logit W H k j - one_hot label k j) ^ 2) =
  sum K (fun k => (logit W H k j - (1 - residual k) * one_hot label k j) ^ 2)
  + (2 * residual (label j) - residual (label j) ^ 2)
  - 2 * (residual (label j) * logit W H (label j) j).
Proof.
  intros inside.
  rewrite (sum_ext K _ (fun k => (logit W H k j - (1 - residual k) * one_hot label k j) ^ 2
    + one_hot label k j * (2 * residual k - residual k ^ 2 - 2 * (residual k * logit W H k j)))).
  - rewrite sum_plus, sum_one_hot by now apply labels. ring.
  - intros k _. destruct (one_hot_cases label k j) as [-> | ->]; ring.
Qed.

(** The squared distance of the features of sample j from the multiple of the classifier row of its class. *)
Lemma distance_from_row (W H : nat -> nat -> R) j (c : R) k :
  sum d (fun i => (H i j - c * W k i) ^ 2) =
  sum d (fun i => H i j ^ 2) - 2 * c * logit W H k j + c ^ 2 * sum d (fun i => W k i ^ 2).
Proof.
  unfold logit. rewrite <- !sum_scale, <- sum_minus, <- sum_plus. apply sum_ext. intros; ring.
Qed.

(** The loss exceeds the value by three sums of squares. *)
Theorem excess W H :
  loss W H = value
  + sum N (fun j => sum K (fun k => (logit W H k j - (1 - residual k) * one_hot label k j) ^ 2)) / (2 * INR N)
  + lambda_H / 2 * sum N (fun j => sum d (fun i => (H i j - multiple (label j) * W (label j) i) ^ 2))
  + sum K (fun k => slack k * sum d (fun i => W k i ^ 2)) / 2.
Proof.
  pose proof N_pos. pose proof lambda_H_pos.
  set (pulled := sum N (fun j => residual (label j) * logit W H (label j) j)).
  set (held := sum K (fun k => n k * (multiple k ^ 2 * sum d (fun i => W k i ^ 2)))).
  set (constant := sum K (fun k => n k * (2 * residual k - residual k ^ 2))).
  assert (fit : sum N (fun j => sum K (fun k => (logit W H k j - one_hot label k j) ^ 2)) =
    sum N (fun j => sum K (fun k => (logit W H k j - (1 - residual k) * one_hot label k j) ^ 2))
    + constant - 2 * pulled).
  { unfold constant. rewrite <- (sum_by_class K N label (fun k => 2 * residual k - residual k ^ 2)) by apply labels.
    unfold pulled. rewrite <- sum_scale, <- sum_plus, <- sum_minus. apply sum_ext.
    intros j inside. now apply fit_of_sample. }
  assert (features : sum N (fun j => sum d (fun i => (H i j - multiple (label j) * W (label j) i) ^ 2)) =
    sum N (fun j => sum d (fun i => H i j ^ 2)) - 2 / (INR N * lambda_H) * pulled + held).
  { unfold held.
    rewrite <- (sum_by_class K N label (fun k => multiple k ^ 2 * sum d (fun i => W k i ^ 2))) by apply labels.
    unfold pulled. rewrite <- sum_scale, <- sum_minus, <- sum_plus. apply sum_ext.
    intros j _. rewrite distance_from_row. unfold multiple. field. lra. }
  assert (rows : sum K (fun k => slack k * sum d (fun i => W k i ^ 2)) =
    lambda_W * sum K (fun k => sum d (fun i => W k i ^ 2)) - lambda_H * held).
  { unfold held. rewrite <- !sum_scale, <- sum_minus. apply sum_ext. intros k _. unfold slack. ring. }
  rewrite features, rows, value_in_residuals. fold constant. unfold Statement_mse_imbalanced.loss.
  rewrite (sum_ext N _ (fun j => / 2 * sum K (fun k => (logit W H k j - one_hot label k j) ^ 2)))
    by (intros; unfold logit, Rdiv; ring).
  rewrite sum_scale, fit. field. lra.
Qed.
End Claim.
