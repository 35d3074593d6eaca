(** The cross-entropy with nonnegative features and any class counts: its minimum, by copositivity, attained at orthogonal means. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Labels CauchySchwarz Softmax Margin Duality SimplexEtf SimplexVertices.
Open Scope R_scope.

(** Of nonnegative numbers the squares sum to at most the square of the sum. *)
Lemma squares_below_square n f : (forall i, (i < n)%nat -> 0 <= f i) -> sum n (fun i => f i ^ 2) <= sum n f ^ 2.
Proof.
  induction n as [| n IH]; intros nonneg; cbn [sum]; [lra |].
  assert (0 <= sum n f) by (apply sum_nonneg; intros; apply nonneg; lia).
  assert (0 <= f n) by (apply nonneg; lia). specialize (IH (fun i below => nonneg i (Nat.lt_lt_succ_r _ _ below))). nra.
Qed.

Section NonnegativeFeatures.
Variables (K N : nat) (label : nat -> nat) (lw lh : R).
Hypotheses (classes : (2 <= K)%nat) (some_sample : (0 < N)%nat) (weight : 0 < lw) (feature : 0 < lh).
Hypotheses (labelled : forall j, (j < N)%nat -> (label j < K)%nat).

Hypotheses (nonempty : forall k, (k < K)%nat -> exists j, (j < N)%nat /\ label j = k).
Local Notation count := (class_count N label).

(** The geometric mean of the decays, and the root of (1 - 1/K) n_k. *)
Definition decay : R := sqrt lh * sqrt lw.
Definition root k : R := sqrt (INR K - 1) * sqrt (count k) / sqrt (INR K).

(** The odds and the margin of class k, and the least loss. *)
Definition class_odds k : R := Rmax 1 (1 - INR K + INR K * (root k / (INR N * decay))).
Definition class_margin k : R := ln (class_odds k).
Definition class_value k : R := count k / INR N * ln (1 + (INR K - 1) / class_odds k) + decay * root k * class_margin k.
Definition least : R := sum K class_value.

(** The loss. *)
Definition relu_loss d W H : R :=
  mean_cross_entropy K N (one_hot label) (product d W H) + lw / 2 * squared_norm K d W + lh / 2 * squared_norm d N H.

(** The loss depends on the entries of the variables alone, inside their shapes. *)
Lemma relu_loss_ext d W W' H H' : (forall k i, (k < K)%nat -> (i < d)%nat -> W k i = W' k i) ->
  (forall i j, (i < d)%nat -> (j < N)%nat -> H i j = H' i j) -> relu_loss d W H = relu_loss d W' H'.
Proof.
  intros same_W same_H. unfold relu_loss. rewrite (squared_norm_ext K d W W'), (squared_norm_ext d N H H') by easy.
  do 2 f_equal. apply mean_cross_entropy_ext. intros k j inside sampled. split; [reflexivity |].
  apply sum_ext. intros i below. now rewrite same_W, same_H.
Qed.

(** The loss of zero is that of equal probabilities. *)
Lemma relu_loss_at_zero d : relu_loss d (fun _ _ => 0) (fun _ _ => 0) = ln (INR K).
Proof.
  unfold relu_loss. rewrite (mean_cross_entropy_ext K N _ (one_hot label) _ (fun _ _ => 0)).
  - rewrite zero_cross_entropy by easy. unfold squared_norm.
    rewrite !(sum_zero _ (fun _ => sum _ (fun _ => 0 ^ 2))) by (intros; apply sum_zero; intros; ring). ring.
  - intros k j _ _. split; [reflexivity |]. apply sum_zero. intros; ring.
Qed.

Let classes_2 : 2 <= INR K. Proof. now apply classes_real. Qed.
Let samples_positive : 0 < INR N. Proof. now apply lt_0_INR. Qed.
Let inverse_below_1 : 0 < 1 - / INR K.
Proof. apply (Rmult_lt_reg_l (INR K)); [lra |]. rewrite Rmult_minus_distr_l, Rinv_r by lra. lra. Qed.

Lemma count_above_0 k : (k < K)%nat -> 0 < count k.
Proof. intros inside. enough (1 <= count k) by lra. apply class_count_at_least_one. auto. Qed.
Lemma decay_positive : 0 < decay. Proof. apply Rmult_lt_0_compat; now apply sqrt_lt_R0. Qed.
Lemma decay_square : decay ^ 2 = lw * lh.
Proof. unfold decay. rewrite Rpow_mult_distr, <- !Rsqr_pow2, !Rsqr_sqrt by lra. ring. Qed.
Lemma root_positive k : (k < K)%nat -> 0 < root k.
Proof.
  intros inside. pose proof (count_above_0 k inside).
  apply Rdiv_lt_0_compat; [apply Rmult_lt_0_compat |]; apply sqrt_lt_R0; lra.
Qed.
Lemma root_square k : (k < K)%nat -> root k ^ 2 = (1 - / INR K) * count k.
Proof.
  intros inside. pose proof (count_above_0 k inside). unfold root.
  assert (0 < sqrt (INR K)) by (apply sqrt_lt_R0; lra).
  replace ((sqrt (INR K - 1) * sqrt (count k) / sqrt (INR K)) ^ 2)
    with ((sqrt (INR K - 1)) ^ 2 * sqrt (count k) ^ 2 / sqrt (INR K) ^ 2) by (field; lra).
  rewrite <- !Rsqr_pow2, !Rsqr_sqrt by lra. field. lra.
Qed.
Lemma class_odds_at_least_1 k : 1 <= class_odds k. Proof. apply Rmax_l. Qed.
Lemma class_margin_nonneg k : 0 <= class_margin k.
Proof.
  unfold class_margin. rewrite <- ln_1. destruct (Rle_lt_or_eq_dec _ _ (class_odds_at_least_1 k)) as [above | <-]; [| lra].
  left. apply ln_increasing; lra.
Qed.

(** Either a class is collapsed, or its slope K wrong root is N decay, at which the margin is stationary. *)
Lemma class_cases k : (k < K)%nat ->
  (class_odds k = 1 /\ root k <= INR N * decay)
  \/ (1 < class_odds k /\ INR K * wrong K (class_odds k) * root k = INR N * decay /\ INR N * decay < root k).
Proof.
  intros inside. pose proof decay_positive. pose proof (root_positive k inside).
  assert (unit : 0 < INR N * decay) by now apply Rmult_lt_0_compat.
  destruct (Rle_lt_dec (root k) (INR N * decay)) as [dead | alive].
  - left. split; [| easy]. apply Rmax_left.
    assert (root k / (INR N * decay) <= 1) by (apply Rmult_le_reg_r with (INR N * decay); [easy | field_simplify; nra]). nra.
  - right. assert (1 < root k / (INR N * decay)) by (apply Rmult_lt_reg_r with (INR N * decay); [easy | field_simplify; nra]).
    assert (class_odds k = 1 - INR K + INR K * (root k / (INR N * decay))) as stationary by (apply Rmax_right; nra).
    split; [rewrite stationary; nra |]. split; [| easy]. unfold wrong. rewrite stationary.
    replace (1 - INR K + INR K * (root k / (INR N * decay)) + INR K - 1) with (INR K * root k / (INR N * decay)) by (field; lra).
    field. repeat split; lra.
Qed.

(** In both cases the slope is at most N decay: the diagonal of the quadratic form is not negative. *)
Lemma diagonal k : (k < K)%nat ->
  INR K * (INR K - 1) * wrong K (class_odds k) ^ 2 * count k <= INR N ^ 2 * (lw * lh).
Proof.
  intros inside. pose proof decay_positive. pose proof (root_positive k inside).
  replace (INR K * (INR K - 1) * wrong K (class_odds k) ^ 2 * count k) with ((INR K * wrong K (class_odds k) * root k) ^ 2)
    by (rewrite Rpow_mult_distr, root_square by easy; field; lra).
  rewrite <- decay_square, <- Rpow_mult_distr. apply pow_incr.
  pose proof (wrong_positive K (class_odds k) classes (class_odds_at_least_1 k)).
  split; [apply Rmult_le_pos; [apply Rmult_le_pos |]; lra |].
  destruct (class_cases k inside) as [[zero dead] | (_ & equal & _)]; [| lra].
  unfold wrong. rewrite zero. replace (INR K * / (1 + INR K - 1)) with 1 by (field; lra). lra.
Qed.

(** The dual point: the probabilities at the margins. *)
Definition relu_dual k j : R := probability K (label j) (class_odds (label j)) k.

(** The sum over a class of one coordinate of its features, times the probability of a wrong class. *)
Definition class_sum x k : R := wrong K (class_odds k) * sum N (fun j => one_hot label k j * x j).

(** A sum over the samples, class by class. *)
Lemma sum_over_classes f : sum N f = sum K (fun k => sum N (fun j => one_hot label k j * f j)).
Proof.
  rewrite sum_swap. apply sum_ext. intros j inside.
  rewrite (sum_one_hot K label j (fun _ => f j)) by now apply labelled. reflexivity.
Qed.

(** What the labels less the probabilities make of one coordinate of the features. *)
Lemma relu_residual x k : (k < K)%nat ->
  sum N (fun j => (one_hot label k j - relu_dual k j) * x j) = INR K * class_sum x k - sum K (class_sum x).
Proof.
  intros inside. unfold class_sum at 2. rewrite (sum_ext K _ (fun c => sum N (fun j => one_hot label c j * (wrong K (class_odds c) * x j))))
    by (intros; rewrite <- sum_scale; apply sum_ext; intros; ring).
  rewrite (sum_ext K _ (fun c => sum N (fun j => one_hot label c j * (wrong K (class_odds (label j)) * x j)))).
  2: { intros c _. apply sum_ext. intros j _. unfold one_hot. destruct (Nat.eqb_spec (label j) c) as [-> | _]; ring. }
  rewrite <- (sum_over_classes (fun j => wrong K (class_odds (label j)) * x j)). unfold class_sum.
  rewrite <- !sum_scale, <- sum_minus. apply sum_ext. intros j _.
  unfold relu_dual, probability, one_hot. destruct (Nat.eqb_spec (label j) k) as [-> | _]; [| ring].
  rewrite <- right_probability by (try apply class_odds_at_least_1; easy). ring.
Qed.

(** Copositivity: the dual point is feasible on nonnegative features, where the off-diagonal terms help. *)
Lemma relu_dual_feasible :
  feasible K N lw lh (one_hot label) relu_dual (fun x => forall j, (j < N)%nat -> 0 <= x j).
Proof.
  apply feasible_on_cone; try easy. intros x nonneg.
  assert (sums_nonneg : forall k, (k < K)%nat -> 0 <= class_sum x k).
  { intros k inside. unfold class_sum. pose proof (wrong_positive K (class_odds k) classes (class_odds_at_least_1 k)).
    apply Rmult_le_pos; [lra |]. apply sum_nonneg. intros j sampled. specialize (nonneg j sampled).
    destruct (one_hot_cases label k j) as [-> | ->]; lra. }
  rewrite (sum_ext K _ (fun k => INR K ^ 2 * class_sum x k ^ 2 + (-2 * INR K * sum K (class_sum x)) * class_sum x k + sum K (class_sum x) ^ 2))
    by (intros; rewrite relu_residual by easy; ring).
  rewrite !sum_plus, !sum_scale, sum_const. set (S := sum K (fun k => class_sum x k)). change (sum K (class_sum x)) with S.
  pose proof (squares_below_square K (class_sum x) sums_nonneg) as together. change (sum K (class_sum x)) with S in together.
  apply Rle_trans with (INR K * (INR K - 1) * sum K (fun k => class_sum x k ^ 2)); [nra |].
  rewrite (sum_over_classes (fun j => x j ^ 2)), <- !sum_scale. apply sum_le. intros k inside. unfold class_sum.
  assert (schwarz : sum N (fun j => one_hot label k j * x j) ^ 2 <= count k * sum N (fun j => one_hot label k j * x j ^ 2)).
  { unfold class_count. pose proof (cauchy_schwarz N (one_hot label k) (fun j => one_hot label k j * x j)) as schwarz.
    cbv beta in schwarz.
    rewrite (sum_ext N (fun j => one_hot label k j * (one_hot label k j * x j)) (fun j => one_hot label k j * x j)) in schwarz
      by (intros; destruct (one_hot_cases label k i) as [-> | ->]; ring).
    rewrite (sum_ext N (fun j => one_hot label k j ^ 2) (one_hot label k)) in schwarz
      by (intros; destruct (one_hot_cases label k i) as [-> | ->]; ring).
    rewrite (sum_ext N (fun j => (one_hot label k j * x j) ^ 2) (fun j => one_hot label k j * x j ^ 2)) in schwarz
      by (intros; destruct (one_hot_cases label k i) as [-> | ->]; ring). exact schwarz. }
  pose proof (diagonal k inside) as bounded. set (Q := sum N (fun j => one_hot label k j * x j ^ 2)) in *.
  assert (0 <= Q).
  { apply sum_nonneg. intros j _. pose proof (pow2_ge_0 (x j)). destruct (one_hot_cases label k j) as [-> | ->]; lra. }
  apply Rle_trans with (INR K * (INR K - 1) * wrong K (class_odds k) ^ 2 * count k * Q); [| now apply Rmult_le_compat_r].
  rewrite Rpow_mult_distr, !Rmult_assoc. do 2 (apply Rmult_le_compat_l; [lra |]).
  apply Rmult_le_compat_l; [apply pow2_ge_0 | easy].
Qed.

(** The entropy of the dual point, at a sample of class k. *)
Lemma relu_dual_entropy j : (j < N)%nat ->
  / INR N * entropy K (fun k => relu_dual k j) = / count (label j) * class_value (label j).
Proof.
  intros sampled. pose proof (labelled j sampled) as inside. set (k := label j) in *. unfold relu_dual. fold k.
  change (/ INR N * entropy K (probability K k (class_odds k)) = / count k * class_value k).
  rewrite margin_entropy by (try apply class_odds_at_least_1; easy). fold (class_margin k). unfold class_value.
  pose proof (count_above_0 k inside). pose proof (root_positive k inside) as positive. pose proof (root_square k inside) as square.
  enough (/ INR N * ((INR K - 1) * wrong K (class_odds k) * class_margin k) = / count k * (decay * root k * class_margin k)) as slope.
  { rewrite !Rmult_plus_distr_l, slope. field. lra. }
  destruct (class_cases k inside) as [[zero _] | (_ & stationary & _)].
  - unfold class_margin. rewrite zero, ln_1. ring.
  - apply Rmult_eq_reg_l with (INR N * count k * (/ INR K * root k)).
    + transitivity (INR K * wrong K (class_odds k) * root k * ((1 - / INR K) * count k) * class_margin k * / INR K); [field; lra |].
      rewrite stationary, <- square. field. lra.
    + apply Rgt_not_eq. pose proof (Rinv_0_lt_compat (INR K)). apply Rmult_lt_0_compat; apply Rmult_lt_0_compat; lra.
Qed.

(** The mean entropy of the dual point is the least loss. *)
Lemma relu_dual_value : / INR N * sum N (fun j => entropy K (fun k => relu_dual k j)) = least.
Proof.
  rewrite <- sum_scale, (sum_ext N _ (fun j => / count (label j) * class_value (label j))) by (apply relu_dual_entropy).
  rewrite (sum_by_class K N label (fun k => / count k * class_value k)) by easy.
  apply sum_ext. intros k inside. pose proof (count_above_0 k inside). field. lra.
Qed.

(** No point with nonnegative features has a smaller loss. *)
Theorem relu_lower_bound d W H :
  (forall i j, (i < d)%nat -> (j < N)%nat -> 0 <= H i j) -> least <= relu_loss d W H.
Proof.
  intros nonneg. rewrite <- relu_dual_value. unfold relu_loss.
  replace (mean_cross_entropy K N (one_hot label) (product d W H))
    with (mean_cross_entropy K N (one_hot label) (fun k j => product d W H k j + 0)).
  2: { apply mean_cross_entropy_ext. intros. split; [reflexivity | ring]. }
  apply weak_duality with (cone := fun x => forall j, (j < N)%nat -> 0 <= x j); try easy; try lia.
  - intros. left. apply probability_positive; [easy | apply class_odds_at_least_1].
  - intros. apply probability_total; [easy | now apply labelled | apply class_odds_at_least_1].
  - exact relu_dual_feasible.
  - intros i below j sampled. now apply nonneg.
  - intros. ring.
Qed.

(** The length h of a class mean and the slope w of the classifier along it: their product is the margin, their decay terms equal. *)
Definition class_sized (w h : nat -> R) : Prop := forall k, (k < K)%nat ->
  w k * h k = class_margin k
  /\ lw * (1 - / INR K) * w k ^ 2 = decay * root k * class_margin k
  /\ lh * count k * h k ^ 2 = decay * root k * class_margin k.

Section Minimiser.
Variables (w h : nat -> R).
Hypothesis sizes : class_sized w h.

(** The minimiser: every class mean on an axis of its own, the classifier in the coordinates of these axes centred. *)
Definition relu_classifier k i : R := if Nat.ltb i K then centring K k i * w i else 0.
Definition relu_features i j : R := one_hot label i j * h i.

Lemma relu_features_nonneg i j : (forall k, 0 <= h k) -> 0 <= relu_features i j.
Proof. intros nonneg. unfold relu_features. apply Rmult_le_pos; [destruct (one_hot_cases label i j) as [-> | ->]; lra | auto]. Qed.

(** The logits of the minimiser. *)
Lemma relu_logits d k j : (K <= d)%nat -> (j < N)%nat ->
  product d relu_classifier relu_features k j = class_margin (label j) * centring K k (label j).
Proof.
  intros wide sampled. pose proof (labelled j sampled) as inside. unfold product.
  rewrite (sum_ext d _ (fun i => identity (label j) i * (relu_classifier k i * h i)))
    by (intros; unfold relu_features, one_hot, identity; ring).
  rewrite identity_pick by lia. unfold relu_classifier. destruct (Nat.ltb_spec (label j) K); [| lia].
  destruct (sizes (label j) inside) as (<- & _ & _). ring.
Qed.

(** The squared norms of the factors of the minimiser. *)
Lemma relu_classifier_norm d : (K <= d)%nat ->
  lw * squared_norm K d relu_classifier = sum K (fun k => decay * root k * class_margin k).
Proof.
  intros wide. unfold squared_norm. rewrite sum_swap, (sum_truncate K d).
  2: easy.
  2: { intros i outside. apply sum_zero. intros k _. unfold relu_classifier. destruct (Nat.ltb_spec i K); [lia | ring]. }
  rewrite <- sum_scale. apply sum_ext. intros i inside. unfold relu_classifier. destruct (Nat.ltb_spec i K); [| lia].
  destruct (sizes i inside) as (_ & <- & _).
  rewrite (sum_ext K _ (fun k => w i ^ 2 * (identity i k * (1 - 2 * / INR K) + / INR K * / INR K))).
  - rewrite sum_scale, sum_plus, identity_pick, sum_const by easy. field. lra.
  - intros k _. unfold centring, identity. rewrite (Nat.eqb_sym k i). destruct Nat.eqb; ring.
Qed.
Lemma relu_features_norm d : (K <= d)%nat ->
  lh * squared_norm d N relu_features = sum K (fun k => decay * root k * class_margin k).
Proof.
  intros wide. unfold squared_norm. rewrite (sum_truncate K d).
  2: easy.
  2: { intros i outside. apply sum_zero. intros j sampled. pose proof (labelled j sampled).
       unfold relu_features, one_hot. destruct (Nat.eqb_spec (label j) i); [lia | ring]. }
  rewrite <- sum_scale. apply sum_ext. intros i inside. destruct (sizes i inside) as (_ & _ & <-). unfold class_count.
  rewrite (sum_ext N _ (fun j => h i ^ 2 * one_hot label i j)).
  - rewrite sum_scale. change (sum N (fun j => one_hot label i j)) with (sum N (one_hot label i)). ring.
  - intros j _. unfold relu_features. destruct (one_hot_cases label i j) as [-> | ->]; ring.
Qed.

(** The minimiser attains the bound, where the feature dimension is at least the number of classes. *)
Theorem relu_attained d : (K <= d)%nat -> relu_loss d relu_classifier relu_features = least.
Proof.
  intros wide. unfold relu_loss.
  replace (lw / 2 * squared_norm K d relu_classifier) with (/ 2 * (lw * squared_norm K d relu_classifier)) by field.
  replace (lh / 2 * squared_norm d N relu_features) with (/ 2 * (lh * squared_norm d N relu_features)) by field.
  rewrite relu_classifier_norm, relu_features_norm by easy. unfold mean_cross_entropy.
  rewrite (sum_ext N _ (fun j => ln (1 + (INR K - 1) / class_odds (label j)))).
  2: { intros j sampled. pose proof (labelled j sampled) as inside.
       rewrite (sum_one_hot K label j (fun k => product d relu_classifier relu_features k j)) by easy.
       apply (margin_cross_entropy K (label j) (class_odds (label j)) classes inside (class_odds_at_least_1 _)
         (fun k => product d relu_classifier relu_features k j) 0).
       intros k _. rewrite relu_logits by easy. unfold centring. rewrite (Nat.eqb_sym k). unfold class_margin. ring. }
  rewrite (sum_by_class K N label (fun k => ln (1 + (INR K - 1) / class_odds k))) by easy.
  unfold least, class_value. rewrite sum_plus, <- sum_scale.
  rewrite (sum_ext K _ (fun k => count k / INR N * ln (1 + (INR K - 1) / class_odds k))); [field |].
  intros k _. field. lra.
Qed.
End Minimiser.

(** Class k collapses exactly where its root is at most N decay. *)
Theorem class_collapse k : (k < K)%nat -> class_margin k = 0 <-> root k <= INR N * decay.
Proof.
  intros inside. unfold class_margin. destruct (class_cases k inside) as [[-> dead] | (alive & _ & above)].
  - rewrite ln_1. easy.
  - split; [| lra]. intros zero. rewrite <- ln_1 in zero. apply ln_inv in zero; lra.
Qed.

(** Zero is optimal exactly where every class collapses. *)
Theorem relu_collapse : least = ln (INR K) <-> forall k, (k < K)%nat -> root k <= INR N * decay.
Proof.
  assert (equal : / INR N * sum N (fun _ => ln (INR K)) = ln (INR K)) by (rewrite sum_const; field; lra).
  assert (term : forall j, (j < N)%nat -> entropy K (fun k => relu_dual k j) <= ln (INR K)
    /\ (INR N * decay < root (label j) -> entropy K (fun k => relu_dual k j) < ln (INR K))
    /\ (root (label j) <= INR N * decay -> entropy K (fun k => relu_dual k j) = ln (INR K))).
  { intros j sampled. pose proof (labelled j sampled) as inside.
    change (entropy K (fun k => relu_dual k j)) with (entropy K (probability K (label j) (class_odds (label j)))).
    pose proof (margin_entropy_strict K (label j) (class_odds (label j)) classes inside (class_odds_at_least_1 _)) as strictly.
    destruct (class_cases (label j) inside) as [[zero dead] | (alive & _ & above)].
    - rewrite margin_entropy, zero, ln_1 by (try apply class_odds_at_least_1; easy).
      replace (1 + (INR K - 1) / 1) with (INR K) by field. repeat split; lra.
    - specialize (strictly alive). repeat split; lra. }
  rewrite <- relu_dual_value. split.
  - intros given k inside. destruct (Rle_lt_dec (root k) (INR N * decay)) as [dead | alive]; [easy |]. exfalso.
    destruct (nonempty k inside) as (j & sampled & of_k).
    subst k. enough (sum N (fun j => entropy K (fun k => relu_dual k j)) < sum N (fun _ => ln (INR K))) as strictly.
    { apply (Rmult_lt_compat_l (/ INR N)) in strictly; [lra | now apply Rinv_0_lt_compat]. }
    apply (sum_lt N _ _ j sampled); [intros; now apply term | now apply term].
  - intros dead. rewrite <- equal. f_equal. apply sum_ext. intros j sampled. apply term; [easy |]. apply dead. now apply labelled.
Qed.
End NonnegativeFeatures.
