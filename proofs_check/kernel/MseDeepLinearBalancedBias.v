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

(** There is a first class. *)
Lemma first_class : (0 < K)%nat. Proof. destruct allowed. lia. Qed.

(** There are classes. *)
Lemma K_pos : 0 < INR K. Proof. apply lt_0_INR, first_class. Qed.

(** Every label is that of a class. *)
Lemma labels j : (j < N)%nat -> (label j < K)%nat. Proof. apply allowed. Qed.

(** Equal class counts add up to the number of samples. *)
Lemma N_is : INR N = INR K * n.
Proof.
  rewrite <- (sum_class_count K N label labels), <- sum_const. apply sum_ext. intros k inside. now apply allowed.
Qed.

(** The mean of the classifier rows. *)
Definition mean_row (W : nat -> nat -> R) (i : nat) : R := sum K (fun k => W k i) / INR K.
(** A classifier row less the mean of the rows. *)
Definition centred (W : nat -> nat -> R) (k i : nat) : R := W k i - mean_row W i.

(** The predicted logit. *)
Definition predicted_logit (k j : nat) : R := (1 - residual) * (one_hot label k j - / INR K) + / INR K.

(** How far the outputs are from those predicted. *)
Definition misfit (W H : nat -> nat -> R) (b : nat -> R) : R :=
  sum N (fun j => sum K (fun k => (logit W H k j + b k - predicted_logit k j) ^ 2)).

(** How far the features are from those that the rows predict. *)
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

(** The prediction in the ratio to the threshold is the singular value of any class. *)
Lemma predicted_singular_value :
  (if Rlt_dec 1 (n / (INR N ^ 2 * lambda_1 * lambda_H))
   then sqrt n * (- INR N * sqrt lambda_1 * sqrt lambda_H / sqrt n + 1) else 0) = singular_value.
Proof.
  pose proof (MseDeepLinearImbalanced.singular_value_of_class _ _ _ _ _ _ unbiased 0 first_class) as cases.
  unfold MseDeepLinearImbalanced.alive in cases.
  destruct Rle_dec as [_ | no]; [| exfalso; apply no, le_INR; pose proof first_class; lia].
  destruct Rlt_dec; destruct cases as [(same & -> & _) | (same & ->)]; try discriminate; ring.
Qed.

(** The value, in the residual. *)
Lemma value_is :
  value K d N label lambda_1 lambda_H = (INR K - 1) * (n * (2 * residual - residual ^ 2)) / (2 * INR N).
Proof.
  pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased). unfold value. rewrite predicted_singular_value.
  replace (sqrt lambda_1 * sqrt lambda_H) with decay by (unfold MseImbalanced.decay; ring).
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 first_class).
  pose proof (MseImbalanced.root_square _ _ _ _ _ _ unbiased 0 first_class) as square.
  replace (n * (2 * residual - residual ^ 2)) with (sqrt n * sqrt n * (2 * residual - residual ^ 2))
    by (now rewrite square).
  destruct (MseImbalanced.regimes _ _ _ _ _ _ unbiased 0 first_class) as [(_ & -> & ->) | (_ & -> & ->)]; field; lra.
Qed.

(** None of the sums of squares is negative. *)
Lemma sums_nonneg W H b :
  0 <= misfit W H b / (2 * INR N) /\ 0 <= lambda_H / 2 * misalignment W H
  /\ 0 <= slack / 2 * sum K (fun k => sum d (fun i => centred W k i ^ 2))
  /\ 0 <= lambda_1 / 2 * (INR K * sum d (fun i => mean_row W i ^ 2)).
Proof.
  pose proof K_pos. pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased).
  pose proof (MseImbalanced.lambda_H_pos _ _ _ _ _ _ unbiased).
  pose proof (MseImbalanced.lambda_W_pos _ _ _ _ _ _ unbiased).
  pose proof (MseImbalanced.slack_nonneg _ _ _ _ _ _ unbiased 0 first_class).
  repeat split.
  - apply Rle_mult_inv_pos; [| lra]. apply sum_nonneg. intros. apply sum_of_squares_nonneg.
  - apply Rmult_le_pos; [lra |]. apply sum_nonneg. intros. apply sum_of_squares_nonneg.
  - apply Rmult_le_pos; [lra |]. apply sum_nonneg. intros. apply sum_of_squares_nonneg.
  - repeat apply Rmult_le_pos; try lra. apply sum_of_squares_nonneg.
Qed.

(** No point has a loss below the value. *)
Lemma value_below W H b : value K d N label lambda_1 lambda_H <= loss K d N label lambda_1 lambda_H W H b.
Proof. rewrite value_is, excess. pose proof (sums_nonneg W H b). lra. Qed.

(** At zero with the mean of the labels for a bias, all of the fit is left. *)
Lemma loss_at_zero :
  loss K d N label lambda_1 lambda_H (fun _ _ => 0) (fun _ _ => 0) (fun _ => 1 / INR K)
  = (INR K - 1) * n / (2 * INR N).
Proof.
  pose proof K_pos. pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased). unfold loss.
  rewrite (sum_zero K (fun _ => sum d (fun _ => 0 ^ 2))), (sum_zero N (fun _ => sum d (fun _ => 0 ^ 2)))
    by (intros; apply sum_zero; intros; ring).
  rewrite (sum_ext N _ (fun _ => (1 - / INR K) / 2)); [rewrite sum_const, N_is; field |].
  - pose proof (MseImbalanced.n_pos _ _ _ _ _ _ unbiased 0 first_class). lra.
  - intros j sample. rewrite (sum_ext K _ (fun k => one_hot label k j * (1 - 2 * / INR K) + / INR K ^ 2)).
    + rewrite sum_plus, sum_one_hot, sum_const by now apply labels. field. lra.
    + intros k _. rewrite sum_zero by (intros; ring). destruct (one_hot_cases label k j) as [-> | ->]; field; lra.
Qed.

(** Zero has the predicted minimum iff the singular value is zero. *)
Lemma zero_is_best :
  value K d N label lambda_1 lambda_H = (INR K - 1) * n / (2 * INR N) <-> singular_value = 0.
Proof.
  pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased).
  pose proof (MseImbalanced.n_pos _ _ _ _ _ _ unbiased 0 first_class).
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 first_class).
  assert (1 < INR K) by (change 1 with (INR 1); apply lt_INR; destruct allowed; lia).
  assert (gain : value K d N label lambda_1 lambda_H
    = (INR K - 1) * n / (2 * INR N) - (INR K - 1) * singular_value ^ 2 / (2 * INR N)).
  { rewrite value_is. unfold MseImbalanced.residual.
    pose proof (MseImbalanced.root_square _ _ _ _ _ _ unbiased 0 first_class) as square.
    set (root := sqrt n) in *. rewrite <- square. field. lra. }
  rewrite gain. split; [intros same | intros ->; unfold Rdiv; ring].
  assert (zero : (INR K - 1) / (2 * INR N) * (singular_value * singular_value) = 0)
    by (transitivity ((INR K - 1) * singular_value ^ 2 / (2 * INR N)); [field |]; lra).
  apply Rmult_integral in zero. destruct zero as [wrong | zero].
  - assert (0 < (INR K - 1) / (2 * INR N)) by (apply Rdiv_lt_0_compat; lra). lra.
  - apply Rmult_integral in zero. tauto.
Qed.

(** The vertices of a simplex ETF in the first K of d dimensions. *)
Definition vertex (k i : nat) : R := if Nat.ltb i K then centring K k i else 0.

(** The vertices form a simplex ETF. *)
Lemma vertices k l : (k < K)%nat -> (l < K)%nat -> sum d (fun i => vertex k i * vertex l i) = centring K k l.
Proof. apply centring_is_etf; destruct allowed; lia. Qed.

(** The vertices sum to zero. *)
Lemma vertices_sum_to_zero i : sum K (fun k => vertex k i) = 0.
Proof.
  pose proof K_pos. unfold vertex. destruct (Nat.ltb_spec i K) as [inside |]; [| now apply sum_zero].
  unfold centring. rewrite sum_minus, sum_const.
  rewrite (sum_ext K _ (fun k => if Nat.eqb i k then 1 else 0)) by (intros; now rewrite Nat.eqb_sym).
  rewrite (sum_at K i (fun _ => 1) inside). field. lra.
Qed.

Local Notation root_1 := (Rpower lambda_1 (1 / 4)).
Local Notation root_H := (Rpower lambda_H (1 / 4)).
Local Notation row_size := (root_H * sqrt singular_value / root_1).
Local Notation mean_size := (root_1 * sqrt singular_value / (root_H * sqrt n)).

(** The rows of the predicted point. *)
Lemma minimiser_rows k i : minimiser_W_1 K d N label lambda_1 lambda_H k i = row_size * vertex k i.
Proof.
  pose proof K_pos. destruct (MseImbalanced.quarter_root lambda_1) as [w _]; [apply allowed |].
  unfold minimiser_W_1, q, vertex, centring. rewrite predicted_singular_value, (Nat.eqb_sym k i).
  destruct Nat.ltb; [field; lra | ring].
Qed.

(** The features of the predicted point. *)
Lemma minimiser_features i j : minimiser_H K d N label lambda_1 lambda_H i j = mean_size * vertex (label j) i.
Proof.
  pose proof K_pos. destruct (MseImbalanced.quarter_root lambda_H) as [h _]; [apply allowed |].
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 first_class).
  unfold minimiser_H, q, vertex, centring. rewrite predicted_singular_value.
  destruct Nat.ltb; [field; lra | ring].
Qed.

(** The features of the predicted point are multiples of its rows. *)
Lemma minimiser_aligned : mean_size = multiple * row_size.
Proof.
  destruct (MseImbalanced.quarter_root lambda_1) as [w w2]; [apply allowed |].
  destruct (MseImbalanced.quarter_root lambda_H) as [h h2]; [apply allowed |].
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 first_class).
  pose proof (MseImbalanced.split_of_factors _ _ _ _ _ _ unbiased 0 first_class) as split.
  rewrite <- w2, <- h2 in split.
  destruct (Rle_lt_or_eq_dec 0 singular_value (MseImbalanced.singular_value_nonneg _ _ _ _ _)) as [lives | <-];
    [| rewrite sqrt_0; unfold Rdiv; ring].
  apply Rmult_eq_reg_l in split; [| lra].
  apply Rmult_eq_reg_r with (root_H * root_1 * sqrt n); [| MseImbalanced.nonzero].
  transitivity (root_1 * root_1 * sqrt singular_value); [field; lra |]. rewrite split. field. lra.
Qed.

(** The sizes of rows and features make the logits. *)
Lemma sizes_make_logits : row_size * mean_size = 1 - residual.
Proof.
  destruct (MseImbalanced.quarter_root lambda_1) as [w _]; [apply allowed |].
  destruct (MseImbalanced.quarter_root lambda_H) as [h _]; [apply allowed |].
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 first_class).
  pose proof (sqrt_sqrt singular_value (MseImbalanced.singular_value_nonneg _ _ _ _ _)) as square.
  unfold MseImbalanced.residual. rewrite <- square at 3. field. lra.
Qed.

(** The predicted point has the predicted minimum. *)
Lemma value_attained :
  loss K d N label lambda_1 lambda_H (minimiser_W_1 K d N label lambda_1 lambda_H)
    (minimiser_H K d N label lambda_1 lambda_H) (minimiser_b K d N label lambda_1 lambda_H)
  = value K d N label lambda_1 lambda_H.
Proof.
  pose proof K_pos as classes. pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased) as samples.
  set (W := minimiser_W_1 K d N label lambda_1 lambda_H). set (H := minimiser_H K d N label lambda_1 lambda_H).
  assert (mean : forall i, mean_row W i = 0).
  { intros i. unfold mean_row, W. rewrite (sum_ext K _ (fun k => row_size * vertex k i))
      by (intros; apply minimiser_rows).
    rewrite sum_scale, vertices_sum_to_zero. unfold Rdiv. ring. }
  assert (rows : forall k i, centred W k i = row_size * vertex k i).
  { intros k i. unfold centred. rewrite mean. unfold W. rewrite minimiser_rows. ring. }
  assert (misfit W H (minimiser_b K d N label lambda_1 lambda_H) = 0) as fits.
  { apply sum_zero. intros j sample. apply sum_zero. intros k inside. unfold MseImbalanced.logit.
    rewrite (sum_ext d _ (fun i => row_size * mean_size * (vertex k i * vertex (label j) i)))
      by (intros; unfold W, H; rewrite minimiser_rows, minimiser_features; ring).
    rewrite sum_scale, vertices, sizes_make_logits by (try easy; now apply labels).
    unfold predicted_logit, centring, one_hot, minimiser_b. rewrite (Nat.eqb_sym k). field. lra. }
  assert (misalignment W H = 0) as aligned.
  { apply sum_zero. intros j sample. apply sum_zero. intros i _. rewrite rows. unfold H.
    rewrite minimiser_features, minimiser_aligned. ring. }
  assert (slack / 2 * sum K (fun k => sum d (fun i => centred W k i ^ 2)) = 0) as used.
  { rewrite <- sum_scale. apply sum_zero. intros k _. rewrite <- sum_scale. apply sum_zero. intros i _. rewrite rows.
    pose proof (MseImbalanced.slack_of_living _ _ _ _ _ _ unbiased 0 first_class) as lives.
    pose proof (sqrt_sqrt singular_value (MseImbalanced.singular_value_nonneg _ _ _ _ _)) as square.
    rewrite <- square in lives. destruct (MseImbalanced.quarter_root lambda_1) as [w _]; [apply allowed |].
    transitivity (sqrt singular_value * sqrt singular_value * slack * ((root_H / root_1 * vertex k i) ^ 2 / 2));
      [field; lra | rewrite lives; ring]. }
  rewrite excess, value_is, fits, aligned, used, (sum_zero d (fun i => mean_row W i ^ 2))
    by (intros; rewrite mean; ring).
  field. lra.
Qed.

Section Minimiser.
Variables (W H : nat -> nat -> R) (b : nat -> R).
Hypothesis least : loss K d N label lambda_1 lambda_H W H b = value K d N label lambda_1 lambda_H.

(** At a minimiser the classifier rows sum to zero. *)
Lemma rows_sum_to_zero i : (i < d)%nat -> sum K (fun k => W k i) = 0.
Proof.
  intros inside. pose proof least as zero. rewrite value_is, excess in zero. pose proof (sums_nonneg W H b).
  pose proof K_pos. pose proof (MseImbalanced.lambda_W_pos _ _ _ _ _ _ unbiased).
  assert (means : lambda_1 / 2 * INR K * sum d (fun i => mean_row W i ^ 2) = 0) by lra.
  apply Rmult_integral in means. destruct means as [wrong | means].
  - assert (0 < lambda_1 / 2 * INR K) by (apply Rmult_lt_0_compat; lra). lra.
  - pose proof (sum_nonneg_zero d _ (fun i _ => pow2_ge_0 _) means i inside) as square. simpl in square.
    assert (mean : mean_row W i = 0) by nra. unfold mean_row in mean.
    apply Rmult_eq_reg_r with (/ INR K); [unfold Rdiv in mean; lra | apply Rinv_neq_0_compat; lra].
Qed.

(** At a minimiser the features are a multiple of the classifier row of their class. *)
Lemma features_along_rows i j : (i < d)%nat -> (j < N)%nat -> H i j = multiple * W (label j) i.
Proof.
  intros inside sample. pose proof least as zero. rewrite value_is, excess in zero. pose proof (sums_nonneg W H b).
  pose proof (MseImbalanced.lambda_H_pos _ _ _ _ _ _ unbiased).
  assert (lambda_H / 2 * misalignment W H = 0) as aligned by lra.
  apply Rmult_integral in aligned. destruct aligned as [wrong | aligned]; [lra |].
  pose proof (sum_nonneg_zero N _ (fun j _ => sum_of_squares_nonneg d _) aligned j sample) as of_sample.
  pose proof (sum_nonneg_zero d _ (fun i _ => pow2_ge_0 _) of_sample i inside) as square. simpl in square.
  unfold centred, mean_row in square. rewrite rows_sum_to_zero in square by easy. unfold Rdiv in square. nra.
Qed.

(** At a minimiser the logits are those predicted. *)
Lemma logits_at_minimiser k j : (k < K)%nat -> (j < N)%nat -> logit W H k j + b k = predicted_logit k j.
Proof.
  intros inside sample. pose proof least as zero. rewrite value_is, excess in zero. pose proof (sums_nonneg W H b).
  pose proof (MseImbalanced.N_pos _ _ _ _ _ _ unbiased).
  assert (misfit W H b * / (2 * INR N) = 0) as fits by (unfold Rdiv in *; lra).
  apply Rmult_integral in fits. destruct fits as [fits | wrong].
  - pose proof (sum_nonneg_zero N _ (fun j _ => sum_of_squares_nonneg K _) fits j sample) as of_sample.
    pose proof (sum_nonneg_zero K _ (fun k _ => pow2_ge_0 _) of_sample k inside) as square. simpl in square. nra.
  - assert (0 < / (2 * INR N)) by (apply Rinv_0_lt_compat; lra). lra.
Qed.

(** The features of a class are a positive multiple of its row. *)
Lemma multiple_pos : 0 < multiple. Proof. apply (MseImbalanced.multiple_pos _ _ _ _ _ _ unbiased), first_class. Qed.

(** The Gram matrix of the rows and the bias make the logits of each class. *)
Lemma gram_and_bias k l :
  (k < K)%nat -> (l < K)%nat ->
  multiple * sum d (fun i => W k i * W l i) + b k = (1 - residual) * centring K k l + / INR K.
Proof.
  intros row other. destruct (no_class_empty _ _ _ _ _ _ allowed l other) as (j & sample & here).
  pose proof (logits_at_minimiser k j row sample) as known. unfold predicted_logit, one_hot in known.
  unfold centring. rewrite (Nat.eqb_sym k l). rewrite here in known. rewrite <- known. f_equal.
  unfold MseImbalanced.logit. rewrite <- sum_scale. apply sum_ext. intros i inside.
  rewrite (features_along_rows i j inside sample), here. ring.
Qed.

(** The bias takes the mean of the labels on itself. *)
Lemma bias_is k : (k < K)%nat -> b k = / INR K.
Proof.
  intros row. pose proof K_pos.
  assert (total : sum K (fun l => multiple * sum d (fun i => W k i * W l i) + b k)
    = sum K (fun l => (1 - residual) * centring K k l + / INR K))
    by (apply sum_ext; intros; now apply gram_and_bias).
  rewrite !sum_plus, !sum_scale, !sum_const, sum_swap in total.
  rewrite (sum_zero d) in total.
  2:{ intros i inside. rewrite (sum_scale K (W k i) (fun l => W l i)), rows_sum_to_zero by easy. ring. }
  unfold centring in total. rewrite sum_minus, sum_const, (sum_at K k (fun _ => 1) row) in total.
  apply Rmult_eq_reg_l with (INR K); [| lra].
  replace (INR K * / INR K) with 1 in * by (field; lra). lra.
Qed.

(** The Gram matrix of the rows. *)
Lemma rows_gram k l :
  (k < K)%nat -> (l < K)%nat -> sum d (fun i => W k i * W l i) = (1 - residual) / multiple * centring K k l.
Proof.
  intros row other. pose proof multiple_pos. pose proof (gram_and_bias k l row other) as known.
  rewrite bias_is in known by easy. apply Rmult_eq_reg_l with multiple; [| lra].
  transitivity ((1 - residual) * centring K k l); [lra | field; lra].
Qed.

(** The mean features of a class. *)
Lemma class_mean k i :
  (k < K)%nat -> (i < d)%nat -> sum N (fun j => H i j * one_hot label k j) / class_count N label k = multiple * W k i.
Proof.
  intros below inside. pose proof (MseImbalanced.n_pos _ _ _ _ _ _ unbiased k below).
  rewrite (sum_ext N _ (fun j => multiple * W (label j) i * one_hot label k j)).
  - rewrite (sum_of_class N label k (fun l => multiple * W l i)). field. lra.
  - intros j sample. now rewrite (features_along_rows i j inside sample).
Qed.

(** The logits of the mean features of a class. *)
Lemma logits_of_mean m k :
  (m < K)%nat -> (k < K)%nat ->
  sum d (fun i => W m i * (sum N (fun j => H i j * one_hot label k j) / class_count N label k))
  = (1 - residual) * centring K k m.
Proof.
  intros row below. pose proof multiple_pos.
  rewrite (sum_ext d _ (fun i => multiple * (W m i * W k i))) by (intros i inside; rewrite class_mean by easy; ring).
  rewrite sum_scale, rows_gram by easy. unfold centring. rewrite (Nat.eqb_sym k). field.
  pose proof K_pos. lra.
Qed.

(** Both indices are those of classes, which the widths keep. *)
Lemma of_classes k l (x y : R) :
  (k < K)%nat -> (l < K)%nat ->
  (if andb (if Rle_dec (INR (S l)) (INR K) then true else false) (if Rle_dec (INR (S k)) (INR K) then true else false)
   then x else y) = x.
Proof.
  intros row other. destruct Rle_dec as [_ | no]; [| exfalso; apply no, le_INR; lia].
  destruct Rle_dec as [_ | no]; [easy | exfalso; apply no, le_INR; lia].
Qed.

(** The singular value as the statement writes it with an absolute value. *)
Lemma predicted_absolute :
  (if Rlt_dec 1 (n / (INR N ^ 2 * lambda_1 * lambda_H))
   then sqrt n * Rabs (INR N * sqrt lambda_1 * sqrt lambda_H / sqrt n - 1) else 0) = singular_value.
Proof.
  rewrite <- predicted_singular_value. pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 first_class) as root.
  pose proof (MseImbalanced.singular_value_nonneg N label lambda_1 lambda_H 0) as nonneg.
  rewrite <- predicted_singular_value in nonneg. destruct Rlt_dec; [| easy]. f_equal.
  replace (INR N * sqrt lambda_1 * sqrt lambda_H / sqrt n - 1)
    with (- (- INR N * sqrt lambda_1 * sqrt lambda_H / sqrt n + 1)) by (field; lra).
  rewrite Rabs_Ropp, Rabs_pos_eq; nra.
Qed.

(** The square of the singular value as the statement writes it. *)
Lemma predicted_square :
  (if Rlt_dec 1 (n / (INR N ^ 2 * lambda_1 * lambda_H))
   then n * (- INR N * sqrt lambda_1 * sqrt lambda_H / sqrt n + 1) ^ 2 else 0) = singular_value ^ 2.
Proof.
  rewrite <- predicted_singular_value. destruct Rlt_dec; [| ring].
  rewrite <- (MseImbalanced.root_square _ _ _ _ _ _ unbiased 0 first_class) at 1. ring.
Qed.

(** A point with the predicted minimum has the predicted invariants. *)
Lemma structure_at_minimiser : structure K d N label lambda_1 lambda_H W H b.
Proof.
  pose proof K_pos. pose proof multiple_pos. pose proof (MseImbalanced.n_pos _ _ _ _ _ _ unbiased 0 first_class).
  pose proof (MseImbalanced.root_pos _ _ _ _ _ _ unbiased 0 first_class).
  pose proof (MseImbalanced.root_square _ _ _ _ _ _ unbiased 0 first_class) as square.
  assert (0 < sqrt lambda_1) by (apply sqrt_lt_R0, allowed). assert (0 < sqrt lambda_H) by (apply sqrt_lt_R0, allowed).
  pose proof (MseImbalanced.split_of_factors _ _ _ _ _ _ unbiased 0 first_class) as split.
  pose proof (MseImbalanced.gram_value _ _ _ _ _ _ unbiased 0 first_class) as gram.
  split; [| split; [| split; [| split; [| split; [| split]]]]].
  - intros k l row other. unfold mean_gram, predicted_mean_gram. rewrite of_classes, predicted_absolute by easy.
    rewrite (sum_ext d _ (fun i => multiple * multiple * (W k i * W l i))) by
      (intros i inside; rewrite !class_mean by easy; ring).
    rewrite sum_scale, rows_gram by easy. unfold centring. rewrite (Nat.eqb_sym k l).
    set (same := if Nat.eqb l k then 1 else 0).
    transitivity (singular_value * (multiple * sqrt n * sqrt lambda_H) * (INR K * same - 1)
      / (INR K * sqrt lambda_H * (sqrt n * sqrt n))); [unfold MseImbalanced.residual; field; lra |].
    rewrite <- split, square. field. lra.
  - intros k l row other. unfold classifier_grams, predicted_classifier_grams.
    rewrite of_classes, predicted_absolute, predicted_singular_value by easy. rewrite rows_gram, gram by easy.
    unfold centring. rewrite (Nat.eqb_sym k l).
    assert (lambda_1 = sqrt lambda_1 * sqrt lambda_1) as twice by (symmetry; apply sqrt_sqrt; left; apply allowed).
    replace (INR K * lambda_1) with (INR K * (sqrt lambda_1 * sqrt lambda_1)) by (now rewrite <- twice). field. lra.
  - intros k l row other. unfold feature_grams, predicted_feature_grams. rewrite of_classes, predicted_square by easy.
    rewrite (sum_ext K _ (fun m => (1 - residual) ^ 2 * ((if Nat.ltb m K then centring K k m else 0)
      * (if Nat.ltb m K then centring K l m else 0)))).
    + rewrite sum_scale, (centring_is_etf K K) by (try easy; pose proof first_class; lia).
      unfold centring, MseImbalanced.residual. rewrite (Nat.eqb_sym k l).
      replace ((1 - (1 - singular_value / sqrt n)) ^ 2) with (singular_value ^ 2 / (sqrt n * sqrt n)) by (field; lra).
      rewrite square. field. lra.
    + intros m inside. rewrite !logits_of_mean by easy. destruct (Nat.ltb_spec m K); [ring | lia].
  - intros k l row other. unfold mean_product, predicted_mean_product.
    rewrite of_classes, predicted_singular_value by easy.
    pose proof (MseImbalanced.n_pos _ _ _ _ _ _ unbiased l other).
    rewrite (sum_ext N _ (fun j => (1 - residual) * ((if Nat.eqb (label j) k then 1 else 0) - / INR K) * one_hot label l j)).
    + rewrite (sum_of_class N label l (fun m => (1 - residual) * ((if Nat.eqb m k then 1 else 0) - / INR K))).
      unfold MseImbalanced.residual. field. lra.
    + intros j sample. f_equal. pose proof (logits_at_minimiser k j row sample) as known.
      rewrite bias_is in known by easy. unfold predicted_logit, one_hot in known. unfold MseImbalanced.logit in known. lra.
  - unfold within_class_scatter, predicted_within_class_scatter.
    apply sum_zero. intros j sample. apply sum_zero. intros i inside.
    rewrite (sum_ext K _ (fun k => one_hot label k j * (multiple * W k i))).
    + rewrite sum_one_hot by now apply labels. rewrite (features_along_rows i j inside sample). ring.
    + intros k row. rewrite class_mean by easy. ring.
  - unfold bias_mean, predicted_bias_mean. rewrite (sum_ext K _ (fun _ => / INR K)) by (intros; now apply bias_is).
    rewrite sum_const. field. lra.
  - unfold bias_spread, predicted_bias_spread. apply sum_zero. intros k row.
    rewrite (sum_ext K (fun m => b m) (fun _ => / INR K)) by (intros; now apply bias_is).
    rewrite bias_is, sum_const by easy. field. lra.
Qed.
End Minimiser.
End Claim.

Theorem lower_bound : Statement_mse_deep_linear_balanced_bias.Depth_1.lower_bound.
Proof. exact value_below. Qed.

Theorem threshold : Statement_mse_deep_linear_balanced_bias.Depth_1.threshold.
Proof.
  intros K d N label lambda_1 lambda_H allowed. pose proof (allowed_without_bias _ _ _ _ _ _ allowed) as unbiased.
  pose proof (first_class _ _ _ _ _ _ allowed) as first.
  unfold minimiser_b. rewrite (loss_at_zero _ _ _ _ _ _ allowed), (zero_is_best _ _ _ _ _ _ allowed).
  pose proof (MseImbalanced.collapsed _ _ _ _ _ _ unbiased 0 first) as collapsed.
  assert (same : forall k, (k < K)%nat -> ratio K d N label lambda_1 lambda_H k
    = Statement_mse_imbalanced.ratio K d N label lambda_1 lambda_H 0).
  { intros k inside. unfold ratio, Statement_mse_imbalanced.ratio. rewrite (balanced _ _ _ _ _ _ allowed k inside).
    f_equal. ring. }
  rewrite collapsed. split; [intros small k inside; now rewrite same | intros small].
  rewrite <- (same 0%nat first). now apply small.
Qed.

Theorem attained : Statement_mse_deep_linear_balanced_bias.Depth_1.attained.
Proof. exact value_attained. Qed.

Theorem unique_structure : Statement_mse_deep_linear_balanced_bias.Depth_1.unique_structure.
Proof. exact structure_at_minimiser. Qed.

(** Two classes of one sample each. *)
Theorem domain_not_empty : Statement_mse_deep_linear_balanced_bias.Depth_1.domain_not_empty.
Proof.
  exists 2%nat, 2%nat, 2%nat, (fun j => j), 1, 1. constructor; try lra; try lia.
  - intros k inside. now exists k.
  - intros [| [| k]] inside; [easy | | lia]. unfold class_count, one_hot. simpl. lra.
Qed.
