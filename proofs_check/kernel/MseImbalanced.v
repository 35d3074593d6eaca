(** MSE with one linear layer and any class counts, at widths d >= K.

    The loss less its predicted minimum is a sum of squares. The minimum, the point that attains it, the threshold and
    the structure of every minimiser all follow from this one identity. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From Atlas Require Import Sums Labels.
From Atlas.generated Require Import Statement_mse_imbalanced.
Open Scope R_scope.

(** A product of numbers that are known to be positive is not zero. *)
Ltac nonzero := apply Rgt_not_eq; repeat (assumption || apply Rmult_lt_0_compat).

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
  intros inside. pose proof (d_wide _ _ _ _ _ _ allowed). destruct Rle_dec as [| outside]; [reflexivity |].
  exfalso. apply outside, le_INR. lia.
Qed.

(** The value, in the singular values of the classes. *)
Lemma value_of_classes :
  value = sum K (fun k => decay * singular_value k + (singular_value k - sqrt (n k)) ^ 2 / (2 * INR N)).
Proof.
  apply sum_ext. intros k inside. rewrite within_width by easy.
  replace (- INR N * sqrt lambda_H * sqrt lambda_W + sqrt (n k)) with (sqrt (n k) - INR N * decay)
    by (unfold decay; ring).
  change (Rmax 0 (sqrt (n k) - INR N * decay)) with (singular_value k).
  change (sqrt lambda_H * sqrt lambda_W) with decay. f_equal. f_equal. f_equal. ring.
Qed.

(** The value, in the residuals. *)
Lemma value_in_residuals : value = sum K (fun k => n k * (2 * residual k - residual k ^ 2)) / (2 * INR N).
Proof.
  pose proof N_pos. rewrite value_of_classes.
  transitivity (/ (2 * INR N) * sum K (fun k => n k * (2 * residual k - residual k ^ 2))); [| unfold Rdiv; ring].
  rewrite <- sum_scale. apply sum_ext. intros k inside. pose proof (root_pos k inside) as root.
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

(** How far the logits are from those predicted. *)
Definition misfit (W H : nat -> nat -> R) : R :=
  sum N (fun j => sum K (fun k => (logit W H k j - (1 - residual k) * one_hot label k j) ^ 2)).

(** How far the features are from the multiples of their classifier rows. *)
Definition misalignment (W H : nat -> nat -> R) : R :=
  sum N (fun j => sum d (fun i => (H i j - multiple (label j) * W (label j) i) ^ 2)).

(** The decay of the rows of classes that have collapsed. *)
Definition unused (W : nat -> nat -> R) : R := sum K (fun k => slack k * sum d (fun i => W k i ^ 2)).

(** The loss exceeds the value by three sums of squares. *)
Theorem excess W H :
  loss W H = value + misfit W H / (2 * INR N) + lambda_H / 2 * misalignment W H + unused W / 2.
Proof.
  pose proof N_pos. pose proof lambda_H_pos. unfold misfit, misalignment, unused.
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

Lemma misfit_nonneg W H : 0 <= misfit W H.
Proof. apply sum_nonneg. intros. apply sum_of_squares_nonneg. Qed.

Lemma misalignment_nonneg W H : 0 <= misalignment W H.
Proof. apply sum_nonneg. intros. apply sum_of_squares_nonneg. Qed.

Lemma unused_nonneg W : 0 <= unused W.
Proof.
  apply sum_nonneg. intros k inside. apply Rmult_le_pos; [now apply slack_nonneg | apply sum_of_squares_nonneg].
Qed.

Lemma value_below W H : value <= loss W H.
Proof.
  rewrite excess. pose proof N_pos. pose proof lambda_H_pos. pose proof (unused_nonneg W).
  pose proof (Rle_mult_inv_pos _ (2 * INR N) (misfit_nonneg W H) ltac:(lra)) as fits.
  pose proof (misalignment_nonneg W H). unfold Rdiv in *. nra.
Qed.

(** At a minimiser the sums of squares vanish. *)
Lemma squares_vanish W H : loss W H = value -> misfit W H = 0 /\ misalignment W H = 0.
Proof.
  rewrite excess. intros least. pose proof N_pos. pose proof lambda_H_pos. pose proof (unused_nonneg W).
  pose proof (misfit_nonneg W H) as fits. pose proof (misalignment_nonneg W H).
  pose proof (Rle_mult_inv_pos _ (2 * INR N) fits ltac:(lra)).
  assert (0 < / (2 * INR N)) by (apply Rinv_0_lt_compat; lra). unfold Rdiv in *. split; nra.
Qed.

(** At a minimiser the features of a sample are a multiple of the classifier row of its class. *)
Lemma features_along_rows W H i j :
  loss W H = value -> (i < d)%nat -> (j < N)%nat -> H i j = multiple (label j) * W (label j) i.
Proof.
  intros least row column. destruct (squares_vanish W H least) as [_ zero].
  pose proof (sum_nonneg_zero N _ (fun j _ => sum_of_squares_nonneg d _) zero j column) as of_sample.
  pose proof (sum_nonneg_zero d _ (fun i _ => pow2_ge_0 _) of_sample i row) as of_entry. simpl in of_entry. nra.
Qed.

(** At a minimiser every logit of a sample is zero, but the correct one, which falls short of 1 by the residual. *)
Lemma logits_at_minimiser W H k j :
  loss W H = value -> (k < K)%nat -> (j < N)%nat -> logit W H k j = (1 - residual k) * one_hot label k j.
Proof.
  intros least row column. destruct (squares_vanish W H least) as [zero _].
  pose proof (sum_nonneg_zero N _ (fun j _ => sum_of_squares_nonneg K _) zero j column) as of_sample.
  pose proof (sum_nonneg_zero K _ (fun k _ => pow2_ge_0 _) of_sample k row) as of_entry. simpl in of_entry. nra.
Qed.

(** The value, in the singular values: zero costs the first sum. *)
Lemma value_in_singular_values : value = (INR N - sum K (fun k => singular_value k ^ 2)) / (2 * INR N).
Proof.
  rewrite value_in_residuals. f_equal. rewrite <- (sum_class_count K N label labels), <- sum_minus.
  apply sum_ext. intros k inside. unfold residual. pose proof (root_pos k inside).
  replace (n k) with (sqrt (n k) * sqrt (n k)) at 1 4 by now apply root_square. field. lra.
Qed.

Lemma loss_at_zero : loss (fun _ _ => 0) (fun _ _ => 0) = INR N / (2 * INR N).
Proof.
  pose proof N_pos. unfold Statement_mse_imbalanced.loss.
  rewrite (sum_zero K (fun _ => sum d (fun _ => 0 ^ 2))), (sum_zero N (fun _ => sum d (fun _ => 0 ^ 2)))
    by (intros; apply sum_zero; intros; ring).
  rewrite (sum_ext N _ (fun _ => / 2)); [rewrite sum_const; field; lra |].
  intros j inside. rewrite (sum_ext K _ (fun k => one_hot label k j * 1)).
  - rewrite sum_one_hot by now apply labels. field.
  - intros k _. rewrite sum_zero by (intros; ring). pose proof (one_hot_square label k j). nra.
Qed.

(** A class has collapsed iff its ratio is at most 1. *)
Lemma collapsed k :
  (k < K)%nat -> singular_value k = 0 <-> ratio K d N label lambda_W lambda_H k <= 1.
Proof.
  intros inside. pose proof N_pos. pose proof decay_pos. pose proof (root_pos k inside) as root.
  assert (scale : INR N ^ 2 * lambda_H * lambda_W = (INR N * decay) * (INR N * decay))
    by (transitivity (INR N ^ 2 * (decay * decay)); [rewrite decay_square |]; ring).
  assert (0 < INR N * decay) by now apply Rmult_lt_0_compat.
  unfold ratio. rewrite scale, <- (root_square k inside).
  replace (sqrt (n k) * sqrt (n k) / (INR N * decay * (INR N * decay)))
    with ((sqrt (n k) / (INR N * decay)) * (sqrt (n k) / (INR N * decay))) by (field; lra).
  assert (back : sqrt (n k) = sqrt (n k) / (INR N * decay) * (INR N * decay)) by (field; lra).
  assert (0 < sqrt (n k) / (INR N * decay)) by now apply Rdiv_lt_0_compat.
  set (share := sqrt (n k) / (INR N * decay)) in *.
  destruct (regimes k inside) as [(small & -> & _) | (large & -> & _)]; rewrite back in *; split; intros; nra.
Qed.

Local Notation minimiser_W := (minimiser_W K d N label lambda_W lambda_H).
Local Notation minimiser_H := (minimiser_H K d N label lambda_W lambda_H).

Lemma quarter_root x : 0 < x -> 0 < Rpower x (1 / 4) /\ Rpower x (1 / 4) * Rpower x (1 / 4) = sqrt x.
Proof.
  intros positive. split; [apply exp_pos |].
  rewrite <- Rpower_plus, <- Rpower_sqrt by easy. f_equal. lra.
Qed.

Lemma predicted_singular_value k : (k < K)%nat -> q K d N label lambda_W lambda_H k = singular_value k.
Proof.
  intros inside. unfold q. rewrite within_width by easy. unfold singular_value, decay. f_equal. ring.
Qed.

(** The singular value splits into the two factors and leaves the residual. *)
Lemma split_of_factors k :
  (k < K)%nat -> singular_value k * sqrt lambda_W = singular_value k * (multiple k * sqrt (n k) * sqrt lambda_H).
Proof.
  intros inside. pose proof N_pos. pose proof lambda_H_pos. pose proof (root_pos k inside).
  destruct (regimes k inside) as [(_ & -> & _) | (_ & _ & lives)]; [ring |]. f_equal.
  unfold multiple. rewrite lives. unfold decay.
  pose proof (sqrt_sqrt lambda_H ltac:(lra)) as h. rewrite <- h at 2.
  assert (0 < sqrt lambda_H) by now apply sqrt_lt_R0. field. lra.
Qed.

Lemma minimiser_logit k j :
  (k < K)%nat -> logit minimiser_W minimiser_H k j = (1 - residual k) * one_hot label k j.
Proof.
  intros inside. pose proof (root_pos k inside). pose proof (d_wide _ _ _ _ _ _ allowed).
  destruct (quarter_root _ lambda_H_pos) as [h _]. destruct (quarter_root _ lambda_W_pos) as [w _].
  transitivity (sum d (fun i => if Nat.eqb k i then minimiser_W k k * minimiser_H k j else 0)).
  - apply sum_ext. intros i _. unfold Statement_mse_imbalanced.minimiser_W at 1. rewrite (Nat.eqb_sym i k).
    destruct (Nat.eqb_spec k i) as [<- | other]; [| unfold Rdiv; ring].
    unfold Statement_mse_imbalanced.minimiser_W. now rewrite Nat.eqb_refl.
  - rewrite (sum_at d k (fun _ => minimiser_W k k * minimiser_H k j)) by lia.
    unfold Statement_mse_imbalanced.minimiser_W, Statement_mse_imbalanced.minimiser_H.
    rewrite Nat.eqb_refl, predicted_singular_value by easy. fold (one_hot label k j).
    pose proof (sqrt_sqrt _ (singular_value_nonneg k)) as square.
    unfold residual. rewrite <- square at 3. field. lra.
Qed.

Lemma minimiser_along_rows i j :
  (j < N)%nat -> minimiser_H i j = multiple (label j) * minimiser_W (label j) i.
Proof.
  intros inside. pose proof (labels j inside) as below. pose proof (root_pos _ below).
  destruct (quarter_root _ lambda_H_pos) as [h h2]. destruct (quarter_root _ lambda_W_pos) as [w w2].
  unfold Statement_mse_imbalanced.minimiser_W, Statement_mse_imbalanced.minimiser_H.
  rewrite (Nat.eqb_sym i). destruct (Nat.eqb_spec (label j) i) as [<- | other]; [| unfold Rdiv; ring].
  rewrite predicted_singular_value by easy. pose proof (split_of_factors _ below) as split.
  rewrite <- h2, <- w2 in split.
  destruct (Rle_lt_or_eq_dec 0 _ (singular_value_nonneg (label j))) as [lives | <-];
    [| rewrite sqrt_0; unfold Rdiv; ring].
  apply Rmult_eq_reg_l in split; [| lra].
  set (a := Rpower lambda_H (1 / 4)) in *. set (b := Rpower lambda_W (1 / 4)) in *.
  apply Rmult_eq_reg_r with (a * b * sqrt (n (label j))); [| nonzero].
  transitivity (b * b * sqrt (singular_value (label j))); [field; lra |]. rewrite split. field. lra.
Qed.

(** The predicted point has the predicted value. *)
Lemma value_attained : loss minimiser_W minimiser_H = value.
Proof.
  pose proof N_pos.
  assert (misfit minimiser_W minimiser_H = 0) as fits.
  { apply sum_zero. intros j _. apply sum_zero. intros k inside. rewrite minimiser_logit by easy. ring. }
  assert (misalignment minimiser_W minimiser_H = 0) as aligned.
  { apply sum_zero. intros j inside. apply sum_zero. intros i _. rewrite <- minimiser_along_rows by easy. ring. }
  assert (unused minimiser_W = 0) as used.
  { apply sum_zero. intros k inside. rewrite <- sum_scale. apply sum_zero. intros i _.
    unfold Statement_mse_imbalanced.minimiser_W.
    rewrite predicted_singular_value by easy. pose proof (slack_of_living k inside) as lives.
    pose proof (sqrt_sqrt _ (singular_value_nonneg k)) as square. rewrite <- square in lives.
    destruct (quarter_root _ lambda_W_pos) as [w _].
    transitivity (sqrt (singular_value k) * sqrt (singular_value k) * slack k
      * (Rpower lambda_H (1 / 4) * (if Nat.eqb i k then 1 else 0) / Rpower lambda_W (1 / 4)) ^ 2);
      [field; lra | rewrite lives; ring]. }
  rewrite excess, fits, aligned, used. field. lra.
Qed.

Section Minimiser.
Variables W H : nat -> nat -> R.
Hypothesis least : loss W H = value.

(** The mean of class k is a multiple of its classifier row. *)
Lemma class_mean k i :
  (k < K)%nat -> (i < d)%nat -> sum N (fun j => H i j * one_hot label k j) / n k = multiple k * W k i.
Proof.
  intros below inside. pose proof (n_pos k below).
  rewrite (sum_ext N _ (fun j => multiple (label j) * W (label j) i * one_hot label k j)).
  - rewrite (sum_of_class N label k (fun l => multiple l * W l i)). field. lra.
  - intros j sample. now rewrite (features_along_rows W H i j least inside sample).
Qed.

Lemma multiple_pos k : (k < K)%nat -> 0 < multiple k.
Proof.
  intros inside. apply Rdiv_lt_0_compat; [now apply residual_pos |].
  apply Rmult_lt_0_compat; [apply N_pos | apply lambda_H_pos].
Qed.

(** The classifier rows are orthogonal. *)
Lemma rows_gram k l :
  (k < K)%nat -> (l < K)%nat ->
  sum d (fun i => W k i * W l i) = (if Nat.eqb l k then 1 else 0) * (1 - residual k) / multiple l.
Proof.
  intros row other. pose proof (multiple_pos l other).
  destruct (no_class_empty _ _ _ _ _ _ allowed l other) as (j & sample & here).
  pose proof (logits_at_minimiser W H k j least row sample) as at_sample. unfold logit, one_hot in at_sample.
  rewrite here in at_sample.
  rewrite (sum_ext d _ (fun i => multiple l * (W k i * W l i))) in at_sample.
  - rewrite sum_scale in at_sample. apply Rmult_eq_reg_l with (multiple l); [| lra]. rewrite at_sample. field. lra.
  - intros i inside. rewrite (features_along_rows W H i j least inside sample), here. ring.
Qed.

Lemma gram_value k :
  (k < K)%nat -> (1 - residual k) / multiple k = sqrt lambda_H * singular_value k / sqrt lambda_W.
Proof.
  intros inside. pose proof (multiple_pos k inside). pose proof (root_pos k inside).
  pose proof (split_of_factors k inside) as split. assert (0 < sqrt lambda_W) by (apply sqrt_lt_R0, lambda_W_pos).
  apply Rmult_eq_reg_r with (multiple k * sqrt lambda_W * sqrt (n k));
    [| nonzero].
  transitivity (singular_value k * sqrt lambda_W); [unfold residual; field; lra |]. rewrite split. field. lra.
Qed.

Lemma predicted_entry k : (k < K)%nat ->
  (if Rle_dec (INR (S k)) (INR d) then Rmax 0 (- INR N * sqrt lambda_H * sqrt lambda_W + sqrt (n k)) else 0)
  = singular_value k.
Proof. intros inside. now rewrite <- predicted_singular_value. Qed.

Lemma structure_at_minimiser : structure K d N label lambda_W lambda_H W H.
Proof.
  assert (0 < sqrt lambda_W) by (apply sqrt_lt_R0, lambda_W_pos).
  assert (0 < sqrt lambda_H) by (apply sqrt_lt_R0, lambda_H_pos).
  split; [| split; [| split]].
  - intros k l row other. unfold classifier_gram, predicted_classifier_gram.
    rewrite rows_gram, predicted_entry by easy.
    destruct (Nat.eqb_spec l k) as [-> |]; [| unfold Rdiv; ring].
    pose proof (gram_value k row) as known. transitivity ((1 - residual k) / multiple k); [unfold Rdiv; ring |].
    rewrite known. unfold Rdiv. ring.
  - intros k l row other. unfold mean_gram, predicted_mean_gram. rewrite predicted_entry by easy.
    pose proof (multiple_pos k row). pose proof (multiple_pos l other).
    pose proof (n_pos k row). pose proof (root_pos k row).
    rewrite (sum_ext d _ (fun i => multiple k * multiple l * (W k i * W l i))) by
      (intros i inside; rewrite !class_mean by easy; ring).
    rewrite sum_scale, rows_gram by easy. destruct (Nat.eqb_spec l k) as [-> |]; [| unfold Rdiv; ring].
    apply Rmult_eq_reg_r with (sqrt lambda_H * (sqrt (n k) * sqrt (n k))); 
      [| nonzero].
    transitivity (singular_value k * (multiple k * sqrt (n k) * sqrt lambda_H)); [unfold residual; field; lra |].
    rewrite <- split_of_factors, root_square by easy. field. lra.
  - intros k l row other. unfold mean_logits, predicted_mean_logits. rewrite predicted_entry by easy.
    pose proof (n_pos l other). pose proof (root_pos k row).
    rewrite (sum_ext N _ (fun j => (1 - residual k) * (if Nat.eqb (label j) k then 1 else 0) * one_hot label l j)).
    + rewrite (sum_of_class N label l (fun m => (1 - residual k) * (if Nat.eqb m k then 1 else 0))).
      unfold residual. field. lra.
    + intros j sample. fold (logit W H k j). now rewrite (logits_at_minimiser W H k j least row sample).
  - unfold within_class_scatter, predicted_within_class_scatter.
    apply sum_zero. intros j sample. apply sum_zero. intros i inside.
    rewrite (sum_ext K _ (fun k => one_hot label k j * (multiple k * W k i))).
    + rewrite sum_one_hot by now apply labels. rewrite (features_along_rows W H i j least inside sample). ring.
    + intros k row. rewrite class_mean by easy. ring.
Qed.
End Minimiser.
End Claim.

Theorem lower_bound : Statement_mse_imbalanced.lower_bound.
Proof. exact value_below. Qed.

Theorem attained : Statement_mse_imbalanced.attained.
Proof. exact value_attained. Qed.

Theorem unique_structure : Statement_mse_imbalanced.unique_structure.
Proof. exact structure_at_minimiser. Qed.

Theorem threshold : Statement_mse_imbalanced.threshold.
Proof.
  intros K d N label lambda_W lambda_H allowed. pose proof (N_pos _ _ _ _ _ _ allowed).
  rewrite (value_in_singular_values _ _ _ _ _ _ allowed), (loss_at_zero _ _ _ _ _ _ allowed). split.
  - intros same k inside. apply (collapsed _ _ _ _ _ _ allowed k inside).
    assert (zero : sum K (fun k => singular_value N label lambda_W lambda_H k ^ 2) = 0).
    { apply Rmult_eq_reg_r with (/ (2 * INR N)); [| apply Rinv_neq_0_compat; lra]. unfold Rdiv in same. nra. }
    pose proof (sum_nonneg_zero K _ (fun k _ => pow2_ge_0 _) zero k inside) as square. simpl in square. nra.
  - intros small. rewrite (sum_zero K); [f_equal; ring |]. intros k inside.
    rewrite (proj2 (collapsed _ _ _ _ _ _ allowed k inside)) by auto. ring.
Qed.

(** Two classes of one sample each. *)
Theorem domain_not_empty : Statement_mse_imbalanced.domain_not_empty.
Proof.
  exists 2%nat, 2%nat, 2%nat, (fun j => j), 1, 1. constructor; try lra; try lia.
  intros k inside. now exists k.
Qed.
