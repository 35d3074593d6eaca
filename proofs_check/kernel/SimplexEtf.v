(** The cross-entropy with balanced classes and labels smoothed by alpha: its minimum, attained at every simplex ETF. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Labels Softmax Margin Roots Duality.
Open Scope R_scope.

(** The entry of the centring matrix I - J/K. *)
Definition centring (K k l : nat) : R := (if Nat.eqb k l then 1 else 0) - / INR K.

(** The rows of V, vectors of dimension d, form a simplex ETF: their inner products are the entries of I - J/K. *)
Definition simplex_etf (K d : nat) (V : nat -> nat -> R) : Prop :=
  forall k l, (k < K)%nat -> (l < K)%nat -> sum d (fun i => V k i * V l i) = centring K k l.

Section SimplexEtf.
Variables (K N : nat) (label : nat -> nat) (lw lh n alpha : R).
Hypotheses (classes : (2 <= K)%nat) (some_sample : (0 < N)%nat) (weight : 0 < lw) (feature : 0 < lh).
Hypotheses (labelled : forall j, (j < N)%nat -> (label j < K)%nat).
Hypotheses (balanced : forall k, (k < K)%nat -> class_count N label k = n).
Hypotheses (smoothing_0 : 0 <= alpha) (smoothing_1 : alpha < 1).

(** The smoothed labels. *)
Definition smoothed_label k j : R := (1 - alpha) * one_hot label k j + alpha / INR K.

(** The pull of the decays on the margin, and that of the decays and the smoothing together. *)
Definition pull : R := sqrt lh * sqrt lw * sqrt n.
Definition whole_pull : R := pull + alpha / INR K.

(** The odds of the correct class, the margin and the least loss. *)
Definition odds : R := Rmax 1 (1 - INR K + / whole_pull).
Definition margin : R := ln odds.
Definition value : R := ln (1 + (INR K - 1) / odds) + (INR K - 1) * whole_pull * margin.

(** The loss without its decay terms, and with them. *)
Definition loss d W H b : R :=
  mean_cross_entropy K N smoothed_label (fun k j => product d W H k j + b k)
  + lw / 2 * squared_norm K d W + lh / 2 * squared_norm d N H.

(** The loss depends on the entries of the variables alone. *)
Lemma loss_ext d W W' H H' b : (forall k i, W k i = W' k i) -> (forall i j, H i j = H' i j) -> loss d W H b = loss d W' H' b.
Proof.
  intros same_W same_H. unfold loss. rewrite (squared_norm_ext K d W W'), (squared_norm_ext d N H H') by easy.
  rewrite (mean_cross_entropy_ext K N _ smoothed_label _ (fun k j => product d W' H' k j + b k)).
  - reflexivity.
  - intros. split; [reflexivity |]. unfold product. f_equal. apply sum_ext. intros. now rewrite same_W, same_H.
Qed.

Lemma samples_real : 0 < INR N. Proof. now apply lt_0_INR. Qed.

(** There are K n samples. *)
Lemma samples_per_class : INR N = INR K * n.
Proof. rewrite <- sum_const, <- (sum_class_count K N label labelled). now apply sum_ext. Qed.
Lemma count_positive : 0 < n.
Proof. pose proof samples_per_class. pose proof samples_real. pose proof (classes_real K classes). nra. Qed.
Lemma pull_positive : 0 < pull.
Proof. repeat apply Rmult_lt_0_compat; apply sqrt_lt_R0; try easy. apply count_positive. Qed.
Lemma pull_square : pull ^ 2 = lw * lh * n.
Proof.
  pose proof count_positive. unfold pull. rewrite !Rpow_mult_distr, <- !Rsqr_pow2, !Rsqr_sqrt by lra. ring.
Qed.
Lemma share_nonneg : 0 <= alpha / INR K.
Proof. pose proof (classes_real K classes). apply Rle_mult_inv_pos; lra. Qed.
Lemma odds_at_least_1 : 1 <= odds. Proof. apply Rmax_l. Qed.
Lemma margin_nonneg : 0 <= margin.
Proof.
  unfold margin. rewrite <- ln_1. destruct (Rle_lt_or_eq_dec _ _ odds_at_least_1) as [above | <-]; [| lra].
  left. apply ln_increasing; lra.
Qed.

(** Either the margin is zero, or the probability of a wrong class equals the whole pull. *)
Lemma margin_cases : (odds = 1 /\ / INR K <= whole_pull) \/ (1 < odds /\ wrong K odds = whole_pull /\ whole_pull < / INR K).
Proof.
  pose proof (classes_real K classes). pose proof pull_positive. pose proof share_nonneg.
  assert (positive : 0 < whole_pull) by (unfold whole_pull; lra).
  destruct (Rle_lt_dec (/ INR K) whole_pull) as [dead | alive].
  - left. split; [| easy]. apply Rmax_left. apply Rinv_le_contravar in dead; [| apply Rinv_0_lt_compat; lra].
    rewrite Rinv_inv in dead. lra.
  - right. assert (above : INR K < / whole_pull).
    { rewrite <- (Rinv_inv (INR K)). apply Rinv_lt_contravar; [| easy].
      apply Rmult_lt_0_compat; [easy | apply Rinv_0_lt_compat; lra]. }
    assert (odds = 1 - INR K + / whole_pull) as stationary by (apply Rmax_right; lra).
    split; [lra |]. split; [| easy]. unfold wrong. rewrite stationary.
    replace (1 - INR K + / whole_pull + INR K - 1) with (/ whole_pull) by ring. apply Rinv_inv.
Qed.

(** The dual point: the probabilities at the margin. *)
Definition dual_point k j : R := probability K (label j) odds k.

(** The labels less the probabilities are a multiple of I - J/K, one column a class. *)
Lemma residual k j : smoothed_label k j - dual_point k j = (INR K * wrong K odds - alpha) * (one_hot label k j - / INR K).
Proof.
  pose proof (classes_real K classes). unfold smoothed_label, dual_point, probability, one_hot. rewrite <- right_probability by apply odds_at_least_1 || easy.
  destruct Nat.eqb; field; lra.
Qed.
(** The multiple is neither negative nor larger than the pull of the decays allows. *)
Lemma residual_factor : 0 <= INR K * wrong K odds - alpha <= INR K * pull.
Proof.
  pose proof (classes_real K classes). pose proof pull_positive.
  destruct margin_cases as [[zero dead] | (alive & equal & _)].
  - unfold wrong. rewrite zero. replace (1 + INR K - 1) with (INR K) by ring. rewrite Rinv_r by lra.
    split; [lra |]. apply (Rmult_le_compat_l (INR K)) in dead; [| lra]. rewrite Rinv_r in dead by lra.
    unfold whole_pull in dead. rewrite Rmult_plus_distr_l in dead. replace (INR K * (alpha / INR K)) with alpha in dead by (field; lra). lra.
  - rewrite equal. unfold whole_pull. rewrite Rmult_plus_distr_l. replace (INR K * (alpha / INR K)) with alpha by (field; lra). nra.
Qed.

(** Centring the rows of a classifier shortens them. *)
Lemma centring_shortens w : sum K (fun k => (w k - sum K w / INR K) ^ 2) <= sum K (fun k => w k ^ 2).
Proof.
  pose proof (classes_real K classes). set (m := sum K w / INR K).
  rewrite (sum_ext K _ (fun k => w k ^ 2 + (-2 * m) * w k + m ^ 2)) by (intros; ring).
  rewrite !sum_plus, sum_scale, sum_const. replace (sum K w) with (INR K * m) by (unfold m; field; lra).
  pose proof (pow2_ge_0 m). nra.
Qed.

(** The dual point is feasible. *)
Lemma dual_point_feasible cone : feasible K N lw lh smoothed_label dual_point cone.
Proof.
  pose proof (classes_real K classes). pose proof samples_real. pose proof count_positive.
  apply feasible_by_operator_norm; try easy. intros w. set (f := INR K * wrong K odds - alpha).
  rewrite (sum_ext N _ (fun j => f ^ 2 * sum K (fun k => one_hot label k j * (w k - sum K w / INR K) ^ 2))).
  2: { intros j inside. rewrite (sum_one_hot K label j (fun k => (w k - sum K w / INR K) ^ 2)) by now apply labelled.
       rewrite (sum_ext K _ (fun k => f * (one_hot label k j * w k) + (- f / INR K) * w k)).
       - rewrite sum_plus, !sum_scale, sum_one_hot by now apply labelled. field. lra.
       - intros k _. rewrite residual. fold f. field. lra. }
  rewrite sum_scale, sum_swap, (sum_ext K _ (fun k => n * (w k - sum K w / INR K) ^ 2)).
  2: { intros k inside. rewrite <- (balanced k inside). unfold class_count. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros; ring. }
  rewrite sum_scale. pose proof (centring_shortens w) as shorter. pose proof residual_factor as [low high]. fold f in low, high.
  assert (0 <= sum K (fun k => w k ^ 2)) by (apply sum_nonneg; intros; apply pow2_ge_0).
  apply Rle_trans with (f ^ 2 * (n * sum K (fun k => w k ^ 2))).
  - apply Rmult_le_compat_l; [apply pow2_ge_0 |]. apply Rmult_le_compat_l; [lra | easy].
  - rewrite <- Rmult_assoc. apply Rmult_le_compat_r; [easy |].
    replace (INR N ^ 2 * (lw * lh)) with ((INR K * pull) ^ 2 * n)
      by (rewrite samples_per_class, Rpow_mult_distr, pull_square; ring).
    apply Rmult_le_compat_r; [lra |]. apply pow_incr. lra.
Qed.

(** The entropy of the dual point. *)
Lemma dual_entropy j : (j < N)%nat -> entropy K (fun k => dual_point k j) = value.
Proof.
  intros inside. unfold dual_point, value, margin.
  change (entropy K (probability K (label j) odds) = ln (1 + (INR K - 1) / odds) + (INR K - 1) * whole_pull * ln odds).
  rewrite margin_entropy by (try apply odds_at_least_1; try apply labelled; easy).
  destruct margin_cases as [[-> _] | (_ & -> & _)]; [rewrite ln_1; ring | reflexivity].
Qed.

(** No point has a smaller loss. *)
Theorem lower_bound d W H b : value <= loss d W H b.
Proof.
  pose proof samples_real. unfold loss.
  rewrite <- (Rmult_1_l value), <- (Rinv_l (INR N)), Rmult_assoc, <- sum_const by lra.
  rewrite (sum_ext N (fun _ => value) (fun j => entropy K (fun k => dual_point k j)))
    by (intros; symmetry; now apply dual_entropy).
  apply weak_duality with (cone := fun _ => True); try easy; try lia.
  - intros. left. apply probability_positive; [easy | apply odds_at_least_1].
  - intros. apply probability_total; [easy | now apply labelled | apply odds_at_least_1].
  - apply dual_point_feasible.
  - intros k inside. pose proof samples_per_class. pose proof (classes_real K classes).
    rewrite (sum_ext N _ (fun j => (INR K * wrong K odds - alpha) * (one_hot label k j - / INR K))) by (intros; apply residual).
    pose proof (balanced k inside : sum N (one_hot label k) = n) as of_class.
    rewrite sum_scale, sum_minus, sum_const, of_class.
    replace (n - INR N * / INR K) with 0; [ring |]. rewrite samples_per_class. field. lra.
Qed.

(** The sizes w and h of the classifier and of the features that the margin wants: their product, and their equal decay terms. *)
Definition sized (w h : R) : Prop := w * h = margin /\ lw * w ^ 2 = pull * margin /\ lh * n * h ^ 2 = pull * margin.

(** Such sizes, as fourth roots. *)
Definition classifier_size : R := fourth_root lh * fourth_root n * sqrt margin / fourth_root lw.
Definition feature_size : R := fourth_root lw * sqrt margin / (fourth_root lh * fourth_root n).

Lemma sizes : sized classifier_size feature_size.
Proof.
  pose proof count_positive as count. pose proof (root_squared _ margin_nonneg) as of_margin.
  pose proof (fourth_root_square _ weight) as of_w. pose proof (fourth_root_square _ feature) as of_h.
  pose proof (fourth_root_square _ count) as of_n. pose proof (root_squared _ (Rlt_le _ _ weight)) as roots_w.
  pose proof (root_squared _ (Rlt_le _ _ feature)) as roots_h. pose proof (root_squared _ (Rlt_le _ _ count)) as roots_n.
  pose proof (fourth_root_positive lw). pose proof (fourth_root_positive lh). pose proof (fourth_root_positive n).
  unfold sized, classifier_size, feature_size, pull.
  set (a := fourth_root lw) in *. set (b := fourth_root lh) in *. set (c := fourth_root n) in *. set (r := sqrt margin) in *.
  rewrite <- of_w in *. rewrite <- of_h in *. rewrite <- of_n in *. repeat split; rewrite <- of_margin.
  - field. repeat split; lra.
  - rewrite <- roots_w. field. lra.
  - rewrite <- roots_h, <- roots_n. field. lra.
Qed.

(** A logit of the class means at a simplex ETF. *)
Lemma etf_logits d V w h k j : simplex_etf K d V -> w * h = margin -> (k < K)%nat -> (j < N)%nat ->
  product d (fun k i => w * V k i) (fun i j => h * V (label j) i) k j
  = margin * (one_hot label k j - / INR K).
Proof.
  intros etf size inside sampled. unfold product.
  rewrite (sum_ext d _ (fun i => margin * (V k i * V (label j) i))) by (intros; rewrite <- size; ring).
  rewrite sum_scale, etf by (try apply labelled; easy). unfold centring, one_hot. now rewrite Nat.eqb_sym.
Qed.

(** The cross-entropy of a sample at a simplex ETF. *)
Lemma etf_cross_entropy j Z c : (j < N)%nat ->
  (forall k, (k < K)%nat -> Z k = margin * (one_hot label k j - / INR K) + c) ->
  log_sum_exp K Z - sum K (fun k => smoothed_label k j * Z k)
  = ln (1 + (INR K - 1) / odds) + alpha * (INR K - 1) / INR K * margin.
Proof.
  intros sampled logits. pose proof (classes_real K classes). pose proof (labelled j sampled) as inside.
  rewrite <- (margin_cross_entropy K (label j) odds classes inside odds_at_least_1 Z c logits).
  rewrite (sum_ext K _ (fun k => (1 - alpha) * (one_hot label k j * Z k) + alpha / INR K * Z k))
    by (intros; unfold smoothed_label; ring).
  rewrite sum_plus, !sum_scale, sum_one_hot by easy.
  rewrite (margin_logits_total K (label j) odds classes inside Z c logits), logits by easy.
  unfold one_hot. rewrite Nat.eqb_refl. field. lra.
Qed.

(** The squared norms of the factors of a simplex ETF. *)
Lemma etf_classifier_norm d V w : simplex_etf K d V ->
  squared_norm K d (fun k i => w * V k i) = (INR K - 1) * w ^ 2.
Proof.
  intros etf. pose proof (classes_real K classes). unfold squared_norm.
  rewrite (sum_ext K _ (fun _ => w ^ 2 * (1 - / INR K))).
  - rewrite sum_const. field. lra.
  - intros k inside. rewrite (sum_ext d _ (fun i => w ^ 2 * (V k i * V k i))) by (intros; ring).
    rewrite sum_scale, etf by easy. unfold centring. now rewrite Nat.eqb_refl.
Qed.
Lemma etf_feature_norm d V h : simplex_etf K d V ->
  squared_norm d N (fun i j => h * V (label j) i) = (INR K - 1) * n * h ^ 2.
Proof.
  intros etf. pose proof (classes_real K classes). unfold squared_norm. rewrite sum_swap.
  rewrite (sum_ext N _ (fun _ => h ^ 2 * (1 - / INR K))).
  - rewrite sum_const, samples_per_class. field. lra.
  - intros j inside. rewrite (sum_ext d _ (fun i => h ^ 2 * (V (label j) i * V (label j) i))) by (intros; ring).
    rewrite sum_scale, etf by now apply labelled. unfold centring. now rewrite Nat.eqb_refl.
Qed.

(** Every simplex ETF of the right sizes, in a space of any dimension, attains the bound, with any constant bias. *)
Theorem attained_at_etf d V w h c : simplex_etf K d V -> sized w h ->
  loss d (fun k i => w * V k i) (fun i j => h * V (label j) i) (fun _ => c) = value.
Proof.
  intros etf (size & of_classifier & of_features). pose proof (classes_real K classes). pose proof samples_real. unfold loss, mean_cross_entropy.
  rewrite etf_classifier_norm, etf_feature_norm by easy.
  rewrite (sum_ext N _ (fun _ => ln (1 + (INR K - 1) / odds) + alpha * (INR K - 1) / INR K * margin)).
  2: { intros j sampled. apply (etf_cross_entropy j _ c sampled). intros k inside. now rewrite (etf_logits d V w h). }
  rewrite sum_const.
  replace (lw / 2 * ((INR K - 1) * w ^ 2)) with ((INR K - 1) / 2 * (lw * w ^ 2)) by field.
  replace (lh / 2 * ((INR K - 1) * n * h ^ 2)) with ((INR K - 1) / 2 * (lh * n * h ^ 2)) by field.
  rewrite of_classifier, of_features. unfold value, whole_pull. field. lra.
Qed.

(** The loss of zero is that of equal probabilities. *)
Lemma loss_at_zero d : loss d (fun _ _ => 0) (fun _ _ => 0) (fun _ => 0) = ln (INR K).
Proof.
  unfold loss. rewrite (mean_cross_entropy_ext K N _ smoothed_label _ (fun _ _ => 0)).
  - rewrite zero_cross_entropy by easy. unfold squared_norm.
    rewrite !(sum_zero _ (fun _ => sum _ (fun _ => 0 ^ 2))) by (intros; apply sum_zero; intros; ring). ring.
  - intros k j _ _. split; [reflexivity |]. unfold product. rewrite sum_zero by (intros; ring). ring.
Qed.

(** The whole pull is at least 1/K exactly where this ratio is at most 1. *)
Lemma ratio_at_most_1 : (alpha - 1) ^ 2 / (INR K ^ 2 * lh * lw * n) <= 1 <-> / INR K <= whole_pull.
Proof.
  pose proof (classes_real K classes). pose proof pull_positive as positive. pose proof pull_square as square.
  replace (INR K ^ 2 * lh * lw * n) with ((INR K * pull) ^ 2) by (rewrite Rpow_mult_distr, square; ring).
  assert (scale : 0 < INR K * pull) by (apply Rmult_lt_0_compat; lra).
  replace ((alpha - 1) ^ 2 / (INR K * pull) ^ 2) with (((1 - alpha) / (INR K * pull)) ^ 2) by (field; lra).
  assert (shares : 1 - alpha = (1 - alpha) / (INR K * pull) * (INR K * pull)) by (field; lra).
  assert (0 < (1 - alpha) / (INR K * pull)) by (apply Rdiv_lt_0_compat; lra).
  set (share := (1 - alpha) / (INR K * pull)) in *.
  assert (gap : INR K * (whole_pull - / INR K) = INR K * pull - (1 - alpha)) by (unfold whole_pull; field; lra).
  split; intros given.
  - assert (share <= 1) by nra. assert (0 <= INR K * (whole_pull - / INR K)) by (rewrite gap; nra). nra.
  - assert (0 <= INR K * (whole_pull - / INR K)) by (apply Rmult_le_pos; lra). assert (share <= 1) by nra. nra.
Qed.

(** The cross-entropy of smoothed labels is that of one-hot labels, and alpha times the centred correct logits. *)
Lemma smoothed_cross_entropy Z : mean_cross_entropy K N smoothed_label Z =
  (sum N (fun j => log_sum_exp K (fun k => Z k j) - sum K (fun k => Z k j * one_hot label k j))
   + alpha * sum N (fun j => sum K (fun k => (Z k j - sum K (fun k1 => Z k1 j) / INR K) * one_hot label k j))) / INR N.
Proof.
  pose proof (classes_real K classes). pose proof samples_real. unfold mean_cross_entropy.
  rewrite <- (sum_scale N alpha), <- sum_plus. unfold Rdiv at 1. rewrite Rmult_comm. f_equal. apply sum_ext. intros j sampled.
  enough (sum K (fun k => smoothed_label k j * Z k j) = sum K (fun k => Z k j * one_hot label k j)
    - alpha * sum K (fun k => (Z k j - sum K (fun k1 => Z k1 j) / INR K) * one_hot label k j)) by lra.
  set (mean := sum K (fun k1 => Z k1 j) / INR K).
  rewrite <- (sum_scale K alpha), <- sum_minus.
  rewrite (sum_ext K _ (fun k => (Z k j * one_hot label k j - alpha * ((Z k j - mean) * one_hot label k j))
    + (alpha / INR K * Z k j - alpha * mean * one_hot label k j))) by (intros; unfold smoothed_label; field; lra).
  rewrite sum_plus, (sum_minus K (fun k => alpha / INR K * Z k j)), !sum_scale, one_hot_total by now apply labelled.
  unfold mean. field. lra.
Qed.

(** Zero is optimal exactly where the whole pull is at least 1/K. *)
Theorem collapse : value = ln (INR K) <-> / INR K <= whole_pull.
Proof.
  split; intros given.
  - destruct margin_cases as [[_ dead] | (alive & _ & _)]; [easy |].
    rewrite <- (dual_entropy 0 some_sample) in given.
    pose proof (margin_entropy_strict K (label 0) odds classes (labelled 0 some_sample) odds_at_least_1 alive) as strictly.
    change (entropy K (probability K (label 0) odds) = ln (INR K)) in given. lra.
  - unfold value, margin. destruct margin_cases as [[-> _] | (_ & _ & alive)]; [| lra].
    rewrite ln_1. replace (1 + (INR K - 1) / 1) with (INR K) by field. ring.
Qed.
End SimplexEtf.
