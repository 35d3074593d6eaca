(** Where weak duality is an equality: the logits have the probabilities of the dual point, and the decay terms are what they must be. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Softmax Duality.
Open Scope R_scope.

Section Equality.
Variables (K N : nat) (lw lh : R) (Y P : nat -> nat -> R).
Hypotheses (some_class : (0 < K)%nat) (some_sample : (0 < N)%nat) (weight : 0 < lw) (feature : 0 < lh).
Let samples_positive : 0 < INR N. Proof. now apply lt_0_INR. Qed.

(** What one coordinate of the classifier and of the features gains along the slope, and what its decay costs. *)
Definition gain (w x : nat -> R) : R := / INR N * sum N (fun j => sum K (fun k => (Y k j - P k j) * (w k * x j))).
Definition cost (w x : nat -> R) : R := lw / 2 * sum K (fun k => w k ^ 2) + lh / 2 * sum N (fun j => x j ^ 2).

(** The residuals of a sample along a classifier, and of a class along the features. *)
Definition of_sample (w : nat -> R) (j : nat) : R := sum K (fun k => (Y k j - P k j) * w k).
Definition of_class (x : nat -> R) (k : nat) : R := sum N (fun j => (Y k j - P k j) * x j).

(** The cost less the gain, once as squares of features, once as squares of classifier rows. *)
Lemma cost_by_features w x : cost w x - gain w x
  = lh / 2 * sum N (fun j => (x j - of_sample w j / (INR N * lh)) ^ 2)
    + (INR N ^ 2 * (lw * lh) * sum K (fun k => w k ^ 2) - sum N (fun j => of_sample w j ^ 2)) / (2 * INR N ^ 2 * lh).
Proof.
  unfold cost, gain.
  rewrite (sum_ext N (fun j => sum K (fun k => (Y k j - P k j) * (w k * x j))) (fun j => of_sample w j * x j)).
  2: { intros j _. unfold of_sample. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros; ring. }
  rewrite (sum_ext N (fun j => (x j - of_sample w j / (INR N * lh)) ^ 2)
    (fun j => x j ^ 2 + (-2 / (INR N * lh)) * (of_sample w j * x j) + / (INR N * lh) ^ 2 * of_sample w j ^ 2)) by (intros; field; lra).
  rewrite !sum_plus, !sum_scale. field. lra.
Qed.
Lemma cost_by_rows w x : cost w x - gain w x
  = lw / 2 * sum K (fun k => (w k - of_class x k / (INR N * lw)) ^ 2)
    + (INR N ^ 2 * (lw * lh) * sum N (fun j => x j ^ 2) - sum K (fun k => of_class x k ^ 2)) / (2 * INR N ^ 2 * lw).
Proof.
  unfold cost, gain. rewrite sum_swap.
  rewrite (sum_ext K (fun k => sum N (fun j => (Y k j - P k j) * (w k * x j))) (fun k => of_class x k * w k)).
  2: { intros k _. unfold of_class. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros; ring. }
  rewrite (sum_ext K (fun k => (w k - of_class x k / (INR N * lw)) ^ 2)
    (fun k => w k ^ 2 + (-2 / (INR N * lw)) * (of_class x k * w k) + / (INR N * lw) ^ 2 * of_class x k ^ 2)) by (intros; field; lra).
  rewrite !sum_plus, !sum_scale. field. lra.
Qed.

(** Two nonnegative parts of zero are zero. *)
Lemma parts_zero (c a b e : R) : 0 < c -> 0 <= a -> 0 <= b -> 0 < e -> c * a + b / e = 0 -> a = 0 /\ b = 0.
Proof.
  intros c_positive a_nonneg b_nonneg e_positive zero. pose proof (Rle_mult_inv_pos b e b_nonneg e_positive) as share.
  assert (b = b / e * e) as back by (field; lra). assert (0 <= c * a) by (apply Rmult_le_pos; lra).
  assert (b / e = 0) as none by (unfold Rdiv in *; lra). split; [nra | rewrite back, none; ring].
Qed.

(** Where the gain equals the cost, the features follow the classifier and the operator norm is attained. *)
Lemma tight_features w x : sum N (fun j => of_sample w j ^ 2) <= INR N ^ 2 * (lw * lh) * sum K (fun k => w k ^ 2) ->
  gain w x = cost w x ->
  (forall j, (j < N)%nat -> x j = of_sample w j / (INR N * lh))
  /\ sum N (fun j => of_sample w j ^ 2) = INR N ^ 2 * (lw * lh) * sum K (fun k => w k ^ 2).
Proof.
  intros bounded tight. pose proof (cost_by_features w x) as parts. rewrite tight, Rminus_diag_eq in parts by reflexivity.
  assert (0 < INR N ^ 2) by now apply pow_lt.
  destruct (parts_zero (lh / 2) _ _ (2 * INR N ^ 2 * lh) ltac:(lra) (sum_of_squares_nonneg N _) (Rge_le _ _ (Rge_minus _ _ (Rle_ge _ _ bounded)))
    ltac:(apply Rmult_lt_0_compat; lra) (eq_sym parts)) as [squares equal].
  split; [| lra]. intros j inside. pose proof (sum_nonneg_zero N _ (fun j _ => pow2_ge_0 _) squares j inside) as square. simpl in square. nra.
Qed.

(** The same for the classifier, which follows the features. *)
Lemma tight_rows w x : sum K (fun k => of_class x k ^ 2) <= INR N ^ 2 * (lw * lh) * sum N (fun j => x j ^ 2) ->
  gain w x = cost w x ->
  (forall k, (k < K)%nat -> w k = of_class x k / (INR N * lw))
  /\ sum K (fun k => of_class x k ^ 2) = INR N ^ 2 * (lw * lh) * sum N (fun j => x j ^ 2).
Proof.
  intros bounded tight. pose proof (cost_by_rows w x) as parts. rewrite tight, Rminus_diag_eq in parts by reflexivity.
  assert (0 < INR N ^ 2) by now apply pow_lt.
  destruct (parts_zero (lw / 2) _ _ (2 * INR N ^ 2 * lw) ltac:(lra) (sum_of_squares_nonneg K _) (Rge_le _ _ (Rge_minus _ _ (Rle_ge _ _ bounded)))
    ltac:(apply Rmult_lt_0_compat; lra) (eq_sym parts)) as [squares equal].
  split; [| lra]. intros k inside. pose proof (sum_nonneg_zero K _ (fun k _ => pow2_ge_0 _) squares k inside) as square. simpl in square. nra.
Qed.

Variable cone : (nat -> R) -> Prop.
Hypothesis probabilities : forall k j, (k < K)%nat -> (j < N)%nat -> 0 < P k j.
Hypothesis total : forall j, (j < N)%nat -> sum K (fun k => P k j) = 1.

(** Where weak duality is an equality, every sample has the probabilities of the dual point, and every coordinate is tight. *)
Theorem weak_duality_equality d W H b : feasible K N lw lh Y P cone -> (forall i, (i < d)%nat -> cone (H i)) ->
  (forall k, (k < K)%nat -> b k * sum N (fun j => Y k j - P k j) = 0) ->
  / INR N * sum N (fun j => entropy K (fun k => P k j))
  = mean_cross_entropy K N Y (fun k j => product d W H k j + b k) + lw / 2 * squared_norm K d W + lh / 2 * squared_norm d N H ->
  (forall k j, (k < K)%nat -> (j < N)%nat ->
    exp (product d W H k j + b k) = P k j * sum K (fun k => exp (product d W H k j + b k)))
  /\ (forall i, (i < d)%nat -> gain (fun k => W k i) (H i) = cost (fun k => W k i) (H i)).
Proof.
  intros dual inside unseen equal. set (Z := fun k j => product d W H k j + b k) in *.
  set (gap := fun j => (log_sum_exp K (fun k => Z k j) - sum K (fun k => Y k j * Z k j))
    - (entropy K (fun k => P k j) - sum K (fun k => (Y k j - P k j) * Z k j))).
  assert (gap_is : forall j, gap j = log_sum_exp K (fun k => Z k j) - (entropy K (fun k => P k j) + sum K (fun k => P k j * Z k j))).
  { intros j. unfold gap. rewrite (sum_ext K (fun k => (Y k j - P k j) * Z k j) (fun k => Y k j * Z k j - P k j * Z k j)) by (intros; ring).
    rewrite sum_minus. ring. }
  assert (gap_nonneg : forall j, (j < N)%nat -> 0 <= gap j).
  { intros j sampled. rewrite gap_is.
    pose proof (gibbs K (fun k => Z k j) (fun k => P k j) some_class (fun k below => Rlt_le _ _ (probabilities k j below sampled)) (total j sampled)).
    lra. }
  assert (spare_nonneg : forall i, (i < d)%nat -> 0 <= cost (fun k => W k i) (H i) - gain (fun k => W k i) (H i)).
  { intros i below. pose proof (dual (fun k => W k i) (H i) (inside i below)). unfold cost, gain. lra. }
  assert (whole : / INR N * sum N gap + sum d (fun i => cost (fun k => W k i) (H i) - gain (fun k => W k i) (H i)) = 0).
  { assert (gains : sum d (fun i => gain (fun k => W k i) (H i)) = / INR N * sum N (fun j => sum K (fun k => (Y k j - P k j) * Z k j))).
    { unfold Z. rewrite (slope_by_coordinates K N Y P d W H b unseen), <- sum_scale. reflexivity. }
    assert (costs : sum d (fun i => cost (fun k => W k i) (H i)) = lw / 2 * squared_norm K d W + lh / 2 * squared_norm d N H).
    { unfold cost, squared_norm. rewrite sum_plus, !sum_scale, (sum_swap K d). reflexivity. }
    rewrite sum_minus, gains, costs. unfold gap. rewrite !sum_minus. unfold mean_cross_entropy in equal. rewrite sum_minus in equal. lra. }
  assert (0 <= sum N gap) by now apply sum_nonneg. assert (0 <= sum d (fun i => cost (fun k => W k i) (H i) - gain (fun k => W k i) (H i))) by now apply sum_nonneg.
  pose proof (Rinv_0_lt_compat _ samples_positive). assert (0 <= / INR N * sum N gap) by (apply Rmult_le_pos; lra).
  assert (no_gap : sum N gap = 0) by (apply Rmult_eq_reg_l with (/ INR N); lra).
  assert (no_spare : sum d (fun i => cost (fun k => W k i) (H i) - gain (fun k => W k i) (H i)) = 0) by lra. split.
  - intros k j row sampled. pose proof (sum_nonneg_zero N gap gap_nonneg no_gap j sampled) as none. rewrite gap_is in none.
    apply (gibbs_equality K (fun k => Z k j) (fun k => P k j)); auto. simpl. lra.
  - intros i below. pose proof (sum_nonneg_zero d _ spare_nonneg no_spare i below) as none. simpl in none. lra.
Qed.
End Equality.
