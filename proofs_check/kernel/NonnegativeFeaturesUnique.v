(** Every minimiser of the cross-entropy with nonnegative features has orthogonal class means: the equality cases of copositivity. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Labels CauchySchwarz Softmax Margin Duality DualityEquality SimplexEtf SimplexVertices NonnegativeFeatures.
Open Scope R_scope.

(** Where the squares of nonnegative numbers sum to the square of their sum, all but one of them are zero. *)
Lemma all_but_one_zero n f : (forall i, (i < n)%nat -> 0 <= f i) -> sum n (fun i => f i ^ 2) = sum n f ^ 2 ->
  forall k l, (k < n)%nat -> (l < n)%nat -> k <> l -> f k * f l = 0.
Proof.
  intros nonneg equal k l first second other.
  assert (rest : forall i, (i < n)%nat -> 0 <= f i * (sum n f - f i)).
  { intros i inside. apply Rmult_le_pos; [auto |]. pose proof (sum_ge_term n f i inside nonneg). lra. }
  assert (none : sum n (fun i => f i * (sum n f - f i)) = 0).
  { rewrite (sum_ext n _ (fun i => sum n f * f i - f i ^ 2)) by (intros; ring). rewrite sum_minus, sum_scale, equal.
    change (sum n (fun i => f i)) with (sum n f). ring. }
  pose proof (sum_nonneg_zero n _ rest none k first) as zero. cbv beta in zero.
  assert (two : f k + f l <= sum n f).
  { pose proof (sum_ge_term n (fun i => if Nat.eqb k i then 0 else f i) l second) as term. cbv beta in term.
    rewrite (sum_ext n (fun i => if Nat.eqb k i then 0 else f i) (fun i => f i - (if Nat.eqb k i then f i else 0))) in term
      by (intros i _; destruct (Nat.eqb k i); ring).
    rewrite sum_minus, (sum_at n k f first) in term. destruct (Nat.eqb_spec k l); [easy |].
    change (sum n (fun i => f i)) with (sum n f) in term. enough (f l <= sum n f - f k) by lra. apply term.
    intros i inside. destruct Nat.eqb; [lra | auto]. }
  pose proof (nonneg k first). pose proof (nonneg l second). nra.
Qed.

Section Unique.
Variables (K N : nat) (label : nat -> nat) (lw lh : R).
Hypotheses (classes : (2 <= K)%nat) (some_sample : (0 < N)%nat) (weight : 0 < lw) (feature : 0 < lh).
Hypotheses (labelled : forall j, (j < N)%nat -> (label j < K)%nat).
Hypotheses (nonempty : forall k, (k < K)%nat -> exists j, (j < N)%nat /\ label j = k).
Variables (d : nat) (W H : nat -> nat -> R).
Hypothesis nonneg : forall i j, (i < d)%nat -> (j < N)%nat -> 0 <= H i j.
Hypothesis optimal : relu_loss K N label lw lh d W H = least K N label lw lh.
Local Notation count := (class_count N label).
Local Notation odds_of := (class_odds K N label lw lh).
Local Notation margin_of := (class_margin K N label lw lh).
Local Notation dual := (relu_dual K N label lw lh).
Local Notation sum_of := (class_sum K N label lw lh).
Local Notation root := (root K N label).
Local Notation decay := (decay lw lh).

Let classes_2 : 2 <= INR K. Proof. now apply classes_real. Qed.
Let samples : 0 < INR N. Proof. now apply lt_0_INR. Qed.
Let counted k : (k < K)%nat -> 0 < count k. Proof. apply (count_above_0 K N label nonempty). Qed.
Let share k : 0 < wrong K (odds_of k). Proof. apply wrong_positive; [easy | apply class_odds_at_least_1]. Qed.

(** What equality in weak duality says of a minimiser. *)
Lemma relu_equality :
  (forall k j, (k < K)%nat -> (j < N)%nat -> exp (product d W H k j) = dual k j * sum K (fun k => exp (product d W H k j)))
  /\ (forall i, (i < d)%nat -> gain K N (one_hot label) dual (fun k => W k i) (H i) = cost K N lw lh (fun k => W k i) (H i)).
Proof.
  destruct (weak_duality_equality K N lw lh (one_hot label) dual ltac:(lia) some_sample
    (fun x => forall j, (j < N)%nat -> 0 <= x j)) with (d := d) (W := W) (H := H) (b := fun _ : nat => 0) as [softmax tight].
  - intros. apply probability_positive; [easy | apply class_odds_at_least_1].
  - intros. apply probability_total; [easy | now apply labelled | apply class_odds_at_least_1].
  - now apply relu_dual_feasible.
  - intros i inside j sampled. now apply nonneg.
  - intros. ring.
  - rewrite (relu_dual_value K N label lw lh classes some_sample weight feature labelled nonempty), <- optimal. unfold relu_loss.
    do 2 f_equal. apply mean_cross_entropy_ext. intros. split; [reflexivity | ring].
  - split; [| exact tight]. intros k j row sampled. rewrite <- (Rplus_0_r (product d W H k j)), (softmax k j row sampled). f_equal.
    apply sum_ext. intros l _. now rewrite Rplus_0_r.
Qed.

(** The logits of a minimiser are those of the margins, but for their shifts. *)
Lemma relu_optimal_logits k j : (k < K)%nat -> (j < N)%nat ->
  product d W H k j - sum K (fun l => product d W H l j) / INR K = margin_of (label j) * (one_hot label k j - / INR K).
Proof.
  intros row sampled. destruct relu_equality as [softmax _].
  exact (margin_of_softmax K (label j) (odds_of (label j)) classes (labelled j sampled) (class_odds_at_least_1 _ _ _ _ _ _)
    (fun k => product d W H k j) (fun k inside => softmax k j inside sampled) k row).
Qed.

(** The mean of a coordinate of the features of a class. *)
Definition mean_of (i k : nat) : R := sum N (fun j => one_hot label k j * H i j) / count k.

(** The spread of a coordinate of the features within a class. *)
Lemma spread_within i k : (k < K)%nat -> sum N (fun j => one_hot label k j * (H i j - mean_of i k) ^ 2)
  = sum N (fun j => one_hot label k j * H i j ^ 2) - sum N (fun j => one_hot label k j * H i j) ^ 2 / count k.
Proof.
  intros row. pose proof (counted k row). unfold mean_of. set (S := sum N (fun j => one_hot label k j * H i j)).
  rewrite (sum_ext N _ (fun j => one_hot label k j * H i j ^ 2 + (-2 * (S / count k)) * (one_hot label k j * H i j) + (S / count k) ^ 2 * one_hot label k j))
    by (intros; ring).
  rewrite !sum_plus, !sum_scale. fold S. change (sum N (fun j => one_hot label k j)) with (sum N (one_hot label k)).
  change (sum N (one_hot label k)) with (count k). field. lra.
Qed.

(** In each coordinate the features do not vary within a class, only one class is not zero, and the classifier follows. *)
Lemma relu_coordinate i : (i < d)%nat ->
  (forall j, (j < N)%nat -> H i j = mean_of i (label j))
  /\ (forall k l, (k < K)%nat -> (l < K)%nat -> k <> l -> mean_of i k * mean_of i l = 0)
  /\ (forall k, (k < K)%nat -> W k i = (INR K * sum_of (H i) k - sum K (sum_of (H i))) / (INR N * lw)).
Proof.
  intros inside. destruct relu_equality as [_ tight]. specialize (tight i inside). set (x := H i) in *.
  assert (x_nonneg : forall j, (j < N)%nat -> 0 <= x j) by (intros; now apply nonneg).
  assert (sums_nonneg : forall k, (k < K)%nat -> 0 <= sum_of x k).
  { intros k row. unfold class_sum. apply Rmult_le_pos; [left; apply share |]. apply sum_nonneg. intros j sampled.
    specialize (x_nonneg j sampled). destruct (one_hot_cases label k j) as [-> | ->]; lra. }
  set (scale := INR K * (INR K - 1)). assert (scale_positive : 0 < scale) by (apply Rmult_lt_0_compat; lra).
  set (Q := fun k => sum N (fun j => one_hot label k j * x j ^ 2)). set (U := sum K (sum_of x)).
  assert (Q_nonneg : forall k, 0 <= Q k).
  { intros k. apply sum_nonneg. intros j _. pose proof (pow2_ge_0 (x j)). destruct (one_hot_cases label k j) as [-> | ->]; lra. }
  assert (residuals : sum K (fun k => of_class N (one_hot label) dual x k ^ 2) = INR K ^ 2 * sum K (fun k => sum_of x k ^ 2) - INR K * U ^ 2).
  { rewrite (sum_ext K _ (fun k => INR K ^ 2 * sum_of x k ^ 2 + (-2 * INR K * U) * sum_of x k + U ^ 2)).
    - rewrite !sum_plus, !sum_scale, sum_const. assert (sum K (sum_of x) = U) as -> by reflexivity. ring.
    - intros k row. unfold of_class. rewrite (relu_residual K N label lw lh classes labelled x k row). fold U. ring. }
  assert (together : sum K (fun k => sum_of x k ^ 2) <= U ^ 2) by now apply squares_below_square.
  assert (scatter : forall k, (k < K)%nat -> 0 <= count k * Q k - sum N (fun j => one_hot label k j * x j) ^ 2).
  { intros k row. pose proof (spread_within i k row) as spread. pose proof (counted k row).
    assert (0 <= sum N (fun j => one_hot label k j * (H i j - mean_of i k) ^ 2)).
    { apply sum_nonneg. intros j _. pose proof (pow2_ge_0 (H i j - mean_of i k)). destruct (one_hot_cases label k j) as [-> | ->]; lra. }
    fold x in spread. change (sum N (fun j => one_hot label k j * x j ^ 2)) with (Q k) in spread.
    replace (count k * Q k - sum N (fun j => one_hot label k j * x j) ^ 2)
      with (count k * (Q k - sum N (fun j => one_hot label k j * x j) ^ 2 / count k)) by (field; lra).
    apply Rmult_le_pos; unfold x in *; lra. }
  assert (per_class : forall k, (k < K)%nat -> 0 <= scale * wrong K (odds_of k) ^ 2 * (count k * Q k - sum N (fun j => one_hot label k j * x j) ^ 2)).
  { intros k row. apply Rmult_le_pos; [| now apply scatter]. apply Rmult_le_pos; [lra | apply pow2_ge_0]. }
  assert (diagonals : forall k, (k < K)%nat -> scale * wrong K (odds_of k) ^ 2 * (count k * Q k) <= INR N ^ 2 * (lw * lh) * Q k).
  { intros k row. pose proof (diagonal K N label lw lh classes some_sample weight feature nonempty k row) as bounded. fold scale in bounded.
    rewrite <- Rmult_assoc. apply Rmult_le_compat_r; [apply Q_nonneg |]. exact bounded. }
  assert (all_classes : sum N (fun j => x j ^ 2) = sum K Q) by (exact (sum_over_classes K N label labelled (fun j => x j ^ 2))).
  assert (expanded : sum K (fun k => scale * wrong K (odds_of k) ^ 2 * (count k * Q k - sum N (fun j => one_hot label k j * x j) ^ 2))
    = sum K (fun k => scale * wrong K (odds_of k) ^ 2 * (count k * Q k)) - scale * sum K (fun k => sum_of x k ^ 2)).
  { rewrite <- (sum_scale K scale), <- sum_minus. apply sum_ext. intros k _. unfold class_sum. ring. }
  pose proof (sum_le K _ _ diagonals) as covered. rewrite sum_scale in covered. change (sum K (fun k => Q k)) with (sum K Q) in covered.
  pose proof (sum_nonneg K _ per_class) as scatters.
  destruct (tight_rows K N lw lh (one_hot label) dual some_sample weight (fun k => W k i) x) as [follow attained]; [| exact tight |].
  { rewrite residuals, all_classes. unfold scale in *. rewrite expanded in scatters. nra. }
  rewrite residuals, all_classes in attained.
  assert (square : sum K (fun k => sum_of x k ^ 2) = U ^ 2) by (unfold scale in *; rewrite expanded in scatters; nra).
  assert (no_scatter : sum K (fun k => scale * wrong K (odds_of k) ^ 2 * (count k * Q k - sum N (fun j => one_hot label k j * x j) ^ 2)) = 0)
    by (unfold scale in *; rewrite expanded in *; nra).
  repeat split.
  - intros j sampled. pose proof (labelled j sampled) as row. set (k := label j) in *. pose proof (counted k row).
    pose proof (sum_nonneg_zero K _ per_class no_scatter k row) as zero. cbv beta in zero.
    assert (positive : 0 < scale * wrong K (odds_of k) ^ 2) by (apply Rmult_lt_0_compat; [easy | apply pow_lt, share]).
    assert (tied : count k * Q k = sum N (fun j => one_hot label k j * x j) ^ 2) by (apply Rmult_integral in zero as [? | ?]; lra).
    pose proof (spread_within i k row) as spread. fold x in spread. change (sum N (fun j => one_hot label k j * x j ^ 2)) with (Q k) in spread.
    assert (flat : sum N (fun j => one_hot label k j * (x j - mean_of i k) ^ 2) = 0) by (rewrite spread, <- tied; field; lra).
    assert (terms_nonneg : forall j, (j < N)%nat -> 0 <= one_hot label k j * (x j - mean_of i k) ^ 2).
    { intros j1 _. pose proof (pow2_ge_0 (x j1 - mean_of i k)). destruct (one_hot_cases label k j1) as [-> | ->]; lra. }
    pose proof (sum_nonneg_zero N _ terms_nonneg flat j sampled) as term. cbv beta in term. unfold one_hot in term. fold k in term.
    rewrite Nat.eqb_refl, Rmult_1_l in term. apply Rminus_diag_uniq, Rsqr_0_uniq. rewrite Rsqr_pow2. exact term.
  - intros k l row col other. pose proof (all_but_one_zero K (sum_of x) sums_nonneg square k l row col other) as zero.
    unfold class_sum in zero. unfold mean_of. fold x. pose proof (counted k row). pose proof (counted l col). pose proof (share k). pose proof (share l).
    set (S := sum N (fun j => one_hot label k j * x j)) in *. set (T := sum N (fun j => one_hot label l j * x j)) in *.
    assert (apart : S * T = 0).
    { apply Rmult_eq_reg_l with (wrong K (odds_of k) * wrong K (odds_of l)); [| apply Rgt_not_eq; now apply Rmult_lt_0_compat]. lra. }
    replace (S / count k * (T / count l)) with (S * T / (count k * count l)) by (field; lra). rewrite apart. field. lra.
  - intros k row. rewrite (follow k row). f_equal. unfold of_class. now apply relu_residual.
Qed.

(** The inner products of the class means. *)
Definition mean_gram (k l : nat) : R := sum d (fun i => mean_of i k * mean_of i l).

Lemma means_orthogonal k l : (k < K)%nat -> (l < K)%nat -> k <> l -> mean_gram k l = 0.
Proof.
  intros row col other. apply sum_zero. intros i inside. destruct (relu_coordinate i inside) as (_ & orthogonal & _). auto.
Qed.

(** The sums over the classes, in the class means. *)
Lemma sum_of_mean i k : (k < K)%nat -> sum_of (H i) k = wrong K (odds_of k) * count k * mean_of i k.
Proof. intros row. pose proof (counted k row). unfold class_sum, mean_of. field. lra. Qed.

(** The inner products of the sums over the classes with a class mean, and with each other. *)
Lemma sum_of_products k l : (k < K)%nat -> (l < K)%nat ->
  sum d (fun i => sum_of (H i) k * mean_of i l) = identity k l * (wrong K (odds_of l) * count l * mean_gram l l).
Proof.
  intros row col. rewrite (sum_ext d _ (fun i => wrong K (odds_of k) * count k * (mean_of i k * mean_of i l)))
    by (intros; rewrite sum_of_mean by easy; ring).
  rewrite sum_scale. change (sum d (fun i => mean_of i k * mean_of i l)) with (mean_gram k l). unfold identity.
  destruct (Nat.eqb_spec k l) as [-> | other]; [ring | rewrite means_orthogonal by easy; ring].
Qed.

Lemma relu_product k j : (k < K)%nat -> (j < N)%nat -> product d W H k j
  = (INR K * identity k (label j) - 1) * (wrong K (odds_of (label j)) * count (label j) * mean_gram (label j) (label j) / (INR N * lw)).
Proof.
  intros row sampled. pose proof (labelled j sampled) as col. set (l := label j) in *. unfold product.
  rewrite (sum_ext d _ (fun i => / (INR N * lw) * (INR K * (sum_of (H i) k * mean_of i l) - sum K (fun c => sum_of (H i) c * mean_of i l)))).
  2: { intros i inside. destruct (relu_coordinate i inside) as (flat & _ & follow). rewrite (follow k row), (flat j sampled). fold l.
       rewrite (sum_ext K (fun c => sum_of (H i) c * mean_of i l) (fun c => mean_of i l * sum_of (H i) c)) by (intros; ring).
       rewrite sum_scale. change (sum K (fun c => sum_of (H i) c)) with (sum K (sum_of (H i))). field. lra. }
  rewrite sum_scale, sum_minus, sum_scale, sum_of_products, (sum_swap d K) by easy.
  rewrite (sum_ext K _ (fun c => identity l c * (wrong K (odds_of l) * count l * mean_gram l l)))
    by (intros c below; rewrite sum_of_products by easy; unfold identity; now rewrite Nat.eqb_sym).
  rewrite (identity_pick K l (fun _ => wrong K (odds_of l) * count l * mean_gram l l)) by easy. field. lra.
Qed.

(** The squared length of a class mean, by the margin of the class. *)
Lemma mean_length_by_margin l : (l < K)%nat -> INR K * (wrong K (odds_of l) * count l * mean_gram l l / (INR N * lw)) = margin_of l.
Proof.
  intros col. destruct (nonempty l col) as (j & sampled & of_l). pose proof (relu_optimal_logits l j col sampled) as logits.
  set (q := wrong K (odds_of l) * count l * mean_gram l l / (INR N * lw)).
  assert (each : forall k, (k < K)%nat -> product d W H k j = (INR K * identity k l - 1) * q)
    by (intros k row; rewrite relu_product, of_l by easy; reflexivity).
  rewrite (each l col), (sum_ext K _ _ each), of_l in logits.
  rewrite (sum_ext K _ (fun k => INR K * q * (identity l k * 1) + - q)) in logits
    by (intros k _; unfold identity; rewrite Nat.eqb_sym; ring).
  rewrite sum_plus, sum_scale, identity_pick, sum_const in logits by easy. unfold one_hot, identity in logits.
  rewrite of_l, Nat.eqb_refl in logits.
  assert (some : 0 < 1 - / INR K).
  { apply (Rmult_lt_reg_l (INR K)); [lra |]. rewrite Rmult_minus_distr_l, Rinv_r; lra. }
  apply Rmult_eq_reg_r with (1 - / INR K); [| lra]. rewrite <- logits. field. lra.
Qed.

(** The probability of a wrong class times a margin, which vanishes where the class has collapsed. *)
Lemma wrong_times_margin l : (l < K)%nat -> INR K * wrong K (odds_of l) * root l * margin_of l = INR N * decay * margin_of l.
Proof.
  intros col. destruct (class_cases K N label lw lh classes some_sample weight feature nonempty l col) as [[one _] | (_ & -> & _)]; [| reflexivity].
  unfold class_margin. rewrite one, ln_1. ring.
Qed.

(** The class means are orthogonal, and their squared lengths are those predicted. *)
Theorem relu_optimal_means k l : (k < K)%nat -> (l < K)%nat ->
  mean_gram k l = identity k l * (lw * root l * margin_of l / (decay * count l)).
Proof.
  intros row col. unfold identity. destruct (Nat.eqb_spec k l) as [-> | other]; [| rewrite means_orthogonal by easy; ring].
  pose proof (mean_length_by_margin l col) as length. pose proof (wrong_times_margin l col) as balance.
  pose proof (counted l col). pose proof (share l). pose proof (decay_positive lw lh weight feature) as decays.
  pose proof (root_positive K N label classes nonempty l col) as roots.
  apply Rmult_eq_reg_l with (INR K * wrong K (odds_of l) * count l / (INR N * lw)).
  - transitivity (margin_of l); [rewrite <- length; field; lra |].
    transitivity (INR K * wrong K (odds_of l) * root l * margin_of l / (INR N * decay)); [rewrite balance; field; lra | field; lra].
  - apply Rgt_not_eq, Rdiv_lt_0_compat; [| now apply Rmult_lt_0_compat].
    apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat; lra | easy].
Qed.

(** What class k adds to the inner products of the rows of the classifier. *)
Definition row_share (k : nat) : R := decay * count k * margin_of k / (root k * lw).

Lemma sum_of_gram k l : (k < K)%nat -> (l < K)%nat ->
  sum d (fun i => sum_of (H i) k * sum_of (H i) l) = identity k l * ((INR N * lw) ^ 2 / INR K ^ 2 * row_share l).
Proof.
  intros row col. rewrite (sum_ext d _ (fun i => wrong K (odds_of l) * count l * (sum_of (H i) k * mean_of i l)))
    by (intros; rewrite (sum_of_mean i l) by easy; ring).
  rewrite sum_scale, sum_of_products by easy. pose proof (mean_length_by_margin l col) as length. pose proof (wrong_times_margin l col) as balance.
  pose proof (counted l col). pose proof (root_positive K N label classes nonempty l col) as roots.
  transitivity (identity k l * (wrong K (odds_of l) * count l * (INR N * lw) / INR K * margin_of l)); [rewrite <- length; field; lra |].
  f_equal. unfold row_share.
  transitivity (count l * (INR N * lw) / (INR K ^ 2 * root l) * (INR K * wrong K (odds_of l) * root l * margin_of l)); [field; lra |].
  rewrite balance. field. lra.
Qed.

(** The inner products of the rows of the classifier. *)
Theorem relu_optimal_classifier k l : (k < K)%nat -> (l < K)%nat -> sum d (fun i => W k i * W l i)
  = (INR K ^ 2 * (identity k l * row_share l) - INR K * row_share k - INR K * row_share l + sum K row_share) / INR K ^ 2.
Proof.
  intros row col.
  rewrite (sum_ext d _ (fun i => / (INR N * lw) ^ 2 * (INR K ^ 2 * (sum_of (H i) k * sum_of (H i) l)
    - INR K * sum K (fun c => sum_of (H i) k * sum_of (H i) c) - INR K * sum K (fun c => sum_of (H i) l * sum_of (H i) c)
    + sum K (fun c => sum K (fun e => sum_of (H i) c * sum_of (H i) e))))).
  2: { intros i inside. destruct (relu_coordinate i inside) as (_ & _ & follow). rewrite (follow k row), (follow l col).
       rewrite !sum_scale. rewrite (sum_ext K (fun c => sum K (fun e => sum_of (H i) c * sum_of (H i) e))
         (fun c => sum K (sum_of (H i)) * sum_of (H i) c)) by (intros; rewrite sum_scale; change (sum K (fun e => sum_of (H i) e)) with (sum K (sum_of (H i))); ring).
       rewrite sum_scale. change (sum K (fun c => sum_of (H i) c)) with (sum K (sum_of (H i))). field. lra. }
  set (unit := (INR N * lw) ^ 2 / INR K ^ 2).
  assert (rows : forall c, (c < K)%nat -> sum d (fun i => sum K (fun e => sum_of (H i) c * sum_of (H i) e)) = unit * row_share c).
  { intros c below. rewrite sum_swap, (sum_ext K _ (fun e => identity c e * (unit * row_share e))) by (intros; now apply sum_of_gram).
    now apply identity_pick. }
  rewrite sum_scale, sum_plus, !sum_minus, !sum_scale, sum_of_gram, !rows by easy.
  rewrite (sum_swap d K), (sum_ext K _ (fun c => unit * row_share c)), sum_scale by (intros; now apply rows).
  change (sum K (fun c => row_share c)) with (sum K row_share). unfold unit. field. lra.
Qed.

(** The mean of a coordinate, as it is measured. *)
Lemma measured_mean_of i k : sum N (fun j => H i j * one_hot label k j) / count k = mean_of i k.
Proof. unfold mean_of, Rdiv. f_equal. apply sum_ext. intros; ring. Qed.

(** The features do not vary within a class. *)
Lemma relu_measured_scatter : sum N (fun j => sum d (fun i =>
  (H i j - sum K (fun k => sum N (fun j => H i j * one_hot label k j) / count k * one_hot label k j)) ^ 2)) = 0.
Proof.
  apply sum_zero. intros j sampled. apply sum_zero. intros i inside.
  rewrite (sum_ext K _ (fun k => one_hot label k j * mean_of i k)) by (intros; rewrite measured_mean_of; ring).
  destruct (relu_coordinate i inside) as (flat & _ & _). rewrite sum_one_hot, (flat j sampled) by auto. ring.
Qed.

(** The centred mean logits of a class. *)
Lemma relu_measured_logits k l : (k < K)%nat -> (l < K)%nat ->
  sum N (fun j => product d W H k j * one_hot label l j) / count l
  - sum K (fun k1 => sum N (fun j => product d W H k1 j * one_hot label l j) / count l) / INR K
  = margin_of l * centring K k l.
Proof.
  intros row col. pose proof (counted l col).
  rewrite (sum_ext K _ (fun k1 => / count l * sum N (fun j => product d W H k1 j * one_hot label l j))) by (intros; unfold Rdiv; ring).
  rewrite sum_scale, sum_swap.
  transitivity (/ count l * sum N (fun j => margin_of (label j) * centring K k (label j) * one_hot label l j)).
  - rewrite (sum_ext N (fun j => margin_of (label j) * centring K k (label j) * one_hot label l j)
      (fun j => product d W H k j * one_hot label l j + - / INR K * sum K (fun k1 => product d W H k1 j * one_hot label l j))).
    + rewrite sum_plus, sum_scale. unfold Rdiv. ring.
    + intros j sampled. pose proof (relu_optimal_logits k j row sampled) as logits. unfold one_hot at 1 in logits.
      unfold centring. rewrite (Nat.eqb_sym k). rewrite <- logits.
      rewrite (sum_ext K (fun k1 => product d W H k1 j * one_hot label l j) (fun k1 => one_hot label l j * product d W H k1 j))
        by (intros; ring).
      rewrite sum_scale. unfold Rdiv. ring.
  - rewrite (sum_of_class N label l (fun y => margin_of y * centring K k y)). field. lra.
Qed.
End Unique.
