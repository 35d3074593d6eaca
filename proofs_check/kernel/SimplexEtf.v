(** The cross-entropy with balanced classes and labels smoothed by alpha: its minimum, attained at every simplex ETF. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Softmax Duality.
Open Scope R_scope.

(** A sum over classes of which one has another value than all others. *)
Lemma sum_one_differs K (label : nat -> nat) j a b : (label j < K)%nat ->
  sum K (fun k => if Nat.eqb (label j) k then a else b) = a + (INR K - 1) * b.
Proof.
  intros inside. rewrite (sum_ext K _ (fun k => b + (a - b) * one_hot label k j)).
  - rewrite sum_plus, sum_const, sum_scale, one_hot_sum by easy. ring.
  - intros k _. unfold one_hot. destruct Nat.eqb; ring.
Qed.

(** The entry of the centring matrix I - J/K. *)
Definition centring (K k l : nat) : R := (if Nat.eqb k l then 1 else 0) - / INR K.

(** The rows of V, vectors of dimension d, form a simplex ETF: their inner products are the entries of I - J/K. *)
Definition simplex_etf (K d : nat) (V : nat -> nat -> R) : Prop :=
  forall k l, (k < K)%nat -> (l < K)%nat -> sum d (fun i => V k i * V l i) = centring K k l.

Section SimplexEtf.
Variables (K N : nat) (label : nat -> nat) (lw lh n alpha : R).
Hypotheses (classes : (2 <= K)%nat) (some_sample : (0 < N)%nat) (weight : 0 < lw) (feature : 0 < lh).
Hypotheses (labelled : forall j, (j < N)%nat -> (label j < K)%nat).
Hypotheses (balanced : forall k, (k < K)%nat -> sum N (fun j => one_hot label k j) = n).
Hypotheses (smoothing_0 : 0 <= alpha) (smoothing_1 : alpha < 1).

(** The smoothed labels. *)
Definition smoothed_label k j : R := (1 - alpha) * one_hot label k j + alpha / INR K.

(** The pull of the decays on the margin, and that of the decays and the smoothing together. *)
Definition pull : R := sqrt (lw * lh * n).
Definition whole_pull : R := pull + alpha / INR K.

(** The exponential of the margin, the margin, the probability of each wrong class, and the least loss. *)
Definition odds : R := Rmax 1 (1 - INR K + / whole_pull).
Definition margin : R := ln odds.
Definition wrong : R := / (odds + INR K - 1).
Definition value : R := ln (1 + (INR K - 1) * exp (- margin)) + (INR K - 1) * whole_pull * margin.

(** The loss without its decay terms, and with them. *)
Definition loss d W H b : R :=
  mean_cross_entropy K N smoothed_label (fun k j => product d W H k j + b k)
  + lw / 2 * squared_norm K d W + lh / 2 * squared_norm d N H.

Lemma classes_real : 2 <= INR K. Proof. change 2 with (INR 2). now apply le_INR. Qed.
Lemma samples_real : 0 < INR N. Proof. now apply lt_0_INR. Qed.

(** There are K n samples. *)
Lemma samples_per_class : INR N = INR K * n.
Proof.
  rewrite <- sum_const, (sum_ext K (fun _ => n) (fun k => sum N (fun j => one_hot label k j)))
    by (intros; symmetry; now apply balanced).
  rewrite sum_swap, (sum_ext N _ (fun _ => 1)) by (intros; apply one_hot_sum; now apply labelled).
  rewrite sum_const. ring.
Qed.
Lemma count_positive : 0 < n.
Proof. pose proof samples_per_class. pose proof samples_real. pose proof classes_real. nra. Qed.
Lemma pull_positive : 0 < pull.
Proof. apply sqrt_lt_R0. repeat apply Rmult_lt_0_compat; try easy. apply count_positive. Qed.
Lemma pull_square : pull ^ 2 = lw * lh * n.
Proof.
  unfold pull. rewrite <- Rsqr_pow2. apply Rsqr_sqrt. left.
  repeat apply Rmult_lt_0_compat; try easy. apply count_positive.
Qed.
Lemma share_nonneg : 0 <= alpha / INR K.
Proof. pose proof classes_real. apply Rle_mult_inv_pos; lra. Qed.
Lemma odds_at_least_1 : 1 <= odds. Proof. apply Rmax_l. Qed.
Lemma exp_margin : exp margin = odds.
Proof. apply exp_ln. pose proof odds_at_least_1. lra. Qed.
Lemma margin_nonneg : 0 <= margin.
Proof.
  unfold margin. rewrite <- ln_1. destruct (Rle_lt_or_eq_dec _ _ odds_at_least_1) as [above | <-]; [| lra].
  left. apply ln_increasing; lra.
Qed.
Lemma wrong_positive : 0 < wrong.
Proof. apply Rinv_0_lt_compat. pose proof odds_at_least_1. pose proof classes_real. lra. Qed.
(** The correct class is as many times more probable as the odds say. *)
Lemma right_probability : 1 - (INR K - 1) * wrong = odds * wrong.
Proof. unfold wrong. pose proof odds_at_least_1. pose proof classes_real. field. lra. Qed.

(** Either the margin is zero, or the probability of a wrong class equals the whole pull. *)
Lemma margin_cases : (odds = 1 /\ / INR K <= whole_pull) \/ (1 < odds /\ wrong = whole_pull /\ whole_pull < / INR K).
Proof.
  pose proof classes_real. pose proof pull_positive. pose proof share_nonneg.
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
Definition probability k j : R := if Nat.eqb (label j) k then odds * wrong else wrong.

Lemma probability_positive k j : 0 < probability k j.
Proof.
  pose proof wrong_positive. pose proof odds_at_least_1. unfold probability. destruct Nat.eqb; [| easy].
  apply Rmult_lt_0_compat; lra.
Qed.
Lemma probability_total j : (j < N)%nat -> sum K (fun k => probability k j) = 1.
Proof.
  intros inside. unfold probability. rewrite sum_one_differs by now apply labelled.
  rewrite <- right_probability. ring.
Qed.

(** The labels less the probabilities are a multiple of I - J/K, one column a class. *)
Lemma residual k j : smoothed_label k j - probability k j = (INR K * wrong - alpha) * (one_hot label k j - / INR K).
Proof.
  pose proof classes_real. unfold smoothed_label, probability, one_hot. rewrite <- right_probability.
  destruct Nat.eqb; field; lra.
Qed.
(** The multiple is neither negative nor larger than the pull of the decays allows. *)
Lemma residual_factor : 0 <= INR K * wrong - alpha <= INR K * pull.
Proof.
  pose proof classes_real. pose proof pull_positive.
  destruct margin_cases as [[zero dead] | (alive & equal & _)].
  - unfold wrong. rewrite zero. replace (1 + INR K - 1) with (INR K) by ring. rewrite Rinv_r by lra.
    split; [lra |]. apply (Rmult_le_compat_l (INR K)) in dead; [| lra]. rewrite Rinv_r in dead by lra.
    unfold whole_pull in dead. rewrite Rmult_plus_distr_l in dead. replace (INR K * (alpha / INR K)) with alpha in dead by (field; lra). lra.
  - rewrite equal. unfold whole_pull. rewrite Rmult_plus_distr_l. replace (INR K * (alpha / INR K)) with alpha by (field; lra). nra.
Qed.

(** Centring the rows of a classifier shortens them. *)
Lemma centring_shortens w : sum K (fun k => (w k - sum K w / INR K) ^ 2) <= sum K (fun k => w k ^ 2).
Proof.
  pose proof classes_real. set (m := sum K w / INR K).
  rewrite (sum_ext K _ (fun k => w k ^ 2 + (-2 * m) * w k + m ^ 2)) by (intros; ring).
  rewrite !sum_plus, sum_scale, sum_const. replace (sum K w) with (INR K * m) by (unfold m; field; lra).
  pose proof (pow2_ge_0 m). nra.
Qed.

(** The probabilities at the margin are dual feasible. *)
Lemma probability_feasible cone : feasible K N lw lh smoothed_label probability cone.
Proof.
  pose proof classes_real. pose proof samples_real. pose proof count_positive.
  apply feasible_by_operator_norm; try easy. intros w. set (f := INR K * wrong - alpha).
  rewrite (sum_ext N _ (fun j => f ^ 2 * sum K (fun k => one_hot label k j * (w k - sum K w / INR K) ^ 2))).
  2: { intros j inside. rewrite (one_hot_pick K label j (fun k => (w k - sum K w / INR K) ^ 2)) by now apply labelled.
       rewrite (sum_ext K _ (fun k => f * (one_hot label k j * w k) + (- f / INR K) * w k)).
       - rewrite sum_plus, !sum_scale, one_hot_pick by now apply labelled. field. lra.
       - intros k _. rewrite residual. fold f. field. lra. }
  rewrite sum_scale, sum_swap, (sum_ext K _ (fun k => n * (w k - sum K w / INR K) ^ 2)).
  2: { intros k inside. rewrite <- (balanced k inside), Rmult_comm, <- sum_scale. apply sum_ext. intros; ring. }
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
Lemma dual_entropy j : (j < N)%nat -> entropy K (fun k => probability k j) = value.
Proof.
  intros inside. pose proof classes_real. pose proof odds_at_least_1. pose proof wrong_positive.
  assert (log_wrong : ln wrong = - ln (odds + INR K - 1)) by (unfold wrong; apply ln_Rinv; lra).
  transitivity (- ln wrong - odds * wrong * margin).
  - unfold entropy, probability.
    rewrite (sum_ext K _ (fun k => if Nat.eqb (label j) k then odds * wrong * ln (odds * wrong) else wrong * ln wrong))
      by (intros; destruct Nat.eqb; reflexivity).
    rewrite sum_one_differs by now apply labelled. rewrite ln_mult by lra. fold margin.
    rewrite <- right_probability. ring.
  - unfold value. rewrite exp_Ropp, exp_margin.
    replace (1 + (INR K - 1) * / odds) with ((odds + INR K - 1) * / odds) by (field; lra).
    rewrite ln_mult, ln_Rinv by (try apply Rinv_0_lt_compat; lra). fold margin. rewrite log_wrong.
    destruct margin_cases as [[zero _] | (_ & equal & _)].
    + assert (margin = 0) as -> by (unfold margin; rewrite zero; apply ln_1). ring.
    + rewrite <- equal, <- right_probability. ring.
Qed.

(** No point has a smaller loss. *)
Theorem lower_bound d W H b : value <= loss d W H b.
Proof.
  pose proof samples_real. unfold loss.
  rewrite <- (Rmult_1_l value), <- (Rinv_l (INR N)), Rmult_assoc, <- sum_const by lra.
  rewrite (sum_ext N (fun _ => value) (fun j => entropy K (fun k => probability k j)))
    by (intros; symmetry; now apply dual_entropy).
  apply weak_duality with (cone := fun _ => True); try easy; try lia.
  - intros. left. apply probability_positive.
  - apply probability_total.
  - apply probability_feasible.
  - intros k inside. pose proof samples_per_class. pose proof classes_real.
    rewrite (sum_ext N _ (fun j => (INR K * wrong - alpha) * (one_hot label k j - / INR K))) by (intros; apply residual).
    rewrite sum_scale, sum_minus, sum_const, balanced by easy.
    replace (n - INR N * / INR K) with 0; [ring |]. rewrite samples_per_class. field. lra.
Qed.

(** The sizes of a classifier row and of a class mean, times the vertices of a simplex ETF. *)
Definition classifier_size : R := sqrt (margin * pull / lw).
Definition feature_size : R := sqrt (margin * pull / (lh * n)).

Lemma classifier_square : lw * classifier_size ^ 2 = margin * pull.
Proof.
  pose proof margin_nonneg. pose proof pull_positive. unfold classifier_size.
  rewrite <- Rsqr_pow2, Rsqr_sqrt by (apply Rle_mult_inv_pos; nra). field. lra.
Qed.
Lemma feature_square : lh * n * feature_size ^ 2 = margin * pull.
Proof.
  pose proof margin_nonneg. pose proof pull_positive. pose proof count_positive.
  assert (0 < lh * n) by now apply Rmult_lt_0_compat. unfold feature_size.
  rewrite <- Rsqr_pow2, Rsqr_sqrt by (apply Rle_mult_inv_pos; nra). field. lra.
Qed.
Lemma size_product : classifier_size * feature_size = margin.
Proof.
  pose proof margin_nonneg. pose proof pull_positive. pose proof count_positive.
  assert (0 < lw * lh * n) by (repeat apply Rmult_lt_0_compat; easy).
  apply Rsqr_inj; [apply Rmult_le_pos; apply sqrt_pos | easy |]. rewrite !Rsqr_pow2, Rpow_mult_distr.
  apply Rmult_eq_reg_l with (lw * lh * n); [| lra].
  transitivity ((lw * classifier_size ^ 2) * (lh * n * feature_size ^ 2)); [ring |].
  rewrite classifier_square, feature_square, <- pull_square. ring.
Qed.

(** A logit of the class means at a simplex ETF. *)
Lemma etf_logits d V k j : simplex_etf K d V -> (k < K)%nat -> (j < N)%nat ->
  product d (fun k i => classifier_size * V k i) (fun i j => feature_size * V (label j) i) k j
  = margin * (one_hot label k j - / INR K).
Proof.
  intros etf inside sampled. unfold product.
  rewrite (sum_ext d _ (fun i => margin * (V k i * V (label j) i))) by (intros; rewrite <- size_product; ring).
  rewrite sum_scale, etf by (try apply labelled; easy). unfold centring, one_hot. now rewrite Nat.eqb_sym.
Qed.

(** The cross-entropy of a sample at a simplex ETF. *)
Lemma etf_cross_entropy j Z c : (j < N)%nat ->
  (forall k, (k < K)%nat -> Z k = margin * (one_hot label k j - / INR K) + c) ->
  log_sum_exp K Z - sum K (fun k => smoothed_label k j * Z k)
  = ln (1 + (INR K - 1) * exp (- margin)) + alpha * (INR K - 1) / INR K * margin.
Proof.
  intros sampled logits. pose proof classes_real. pose proof (labelled j sampled) as inside. unfold log_sum_exp.
  set (top := margin * (1 - / INR K) + c).
  rewrite (sum_ext K (fun k => exp (Z k)) (fun k => if Nat.eqb (label j) k then exp top else exp top * exp (- margin))).
  2: { intros k below. rewrite logits by easy. unfold one_hot, top. destruct Nat.eqb; [reflexivity |].
       rewrite <- exp_plus. f_equal. ring. }
  rewrite sum_one_differs by easy. pose proof (exp_pos (- margin)). pose proof (exp_pos top).
  replace (exp top + (INR K - 1) * (exp top * exp (- margin))) with (exp top * (1 + (INR K - 1) * exp (- margin))) by ring.
  rewrite ln_mult, ln_exp by nra.
  rewrite (sum_ext K _ (fun k => (1 - alpha) * (one_hot label k j * Z k) + alpha / INR K * (margin * one_hot label k j + (c - margin * / INR K)))).
  - rewrite sum_plus, !sum_scale, one_hot_pick, logits, sum_plus, sum_scale, one_hot_sum, sum_const by easy.
    unfold one_hot. rewrite Nat.eqb_refl. unfold top. field. lra.
  - intros k below. unfold smoothed_label. rewrite (logits k below). ring.
Qed.

(** The squared norms of the factors of a simplex ETF. *)
Lemma etf_classifier_norm d V : simplex_etf K d V ->
  squared_norm K d (fun k i => classifier_size * V k i) = (INR K - 1) * classifier_size ^ 2.
Proof.
  intros etf. pose proof classes_real. unfold squared_norm.
  rewrite (sum_ext K _ (fun _ => classifier_size ^ 2 * (1 - / INR K))).
  - rewrite sum_const. field. lra.
  - intros k inside. rewrite (sum_ext d _ (fun i => classifier_size ^ 2 * (V k i * V k i))) by (intros; ring).
    rewrite sum_scale, etf by easy. unfold centring. now rewrite Nat.eqb_refl.
Qed.
Lemma etf_feature_norm d V : simplex_etf K d V ->
  squared_norm d N (fun i j => feature_size * V (label j) i) = (INR K - 1) * n * feature_size ^ 2.
Proof.
  intros etf. pose proof classes_real. unfold squared_norm. rewrite sum_swap.
  rewrite (sum_ext N _ (fun _ => feature_size ^ 2 * (1 - / INR K))).
  - rewrite sum_const, samples_per_class. field. lra.
  - intros j inside. rewrite (sum_ext d _ (fun i => feature_size ^ 2 * (V (label j) i * V (label j) i))) by (intros; ring).
    rewrite sum_scale, etf by now apply labelled. unfold centring. now rewrite Nat.eqb_refl.
Qed.

(** Every simplex ETF of the right sizes, in a space of any dimension, attains the bound, with any constant bias. *)
Theorem attained_at_etf d V c : simplex_etf K d V ->
  loss d (fun k i => classifier_size * V k i) (fun i j => feature_size * V (label j) i) (fun _ => c) = value.
Proof.
  intros etf. pose proof classes_real. pose proof samples_real. unfold loss, mean_cross_entropy.
  rewrite etf_classifier_norm, etf_feature_norm by easy.
  rewrite (sum_ext N _ (fun _ => ln (1 + (INR K - 1) * exp (- margin)) + alpha * (INR K - 1) / INR K * margin)).
  2: { intros j sampled. apply (etf_cross_entropy j _ c sampled). intros k inside. now rewrite etf_logits. }
  rewrite sum_const.
  replace (lw / 2 * ((INR K - 1) * classifier_size ^ 2)) with ((INR K - 1) / 2 * (lw * classifier_size ^ 2)) by field.
  replace (lh / 2 * ((INR K - 1) * n * feature_size ^ 2)) with ((INR K - 1) / 2 * (lh * n * feature_size ^ 2)) by field.
  rewrite classifier_square, feature_square. unfold value, whole_pull. field. lra.
Qed.

(** Zero is optimal exactly where the whole pull is at least 1/K. *)
Theorem collapse : value = ln (INR K) <-> / INR K <= whole_pull.
Proof.
  pose proof classes_real. split; intros given.
  - destruct margin_cases as [[_ dead] | (alive & _ & _)]; [easy |].
    assert (first : (0 < N)%nat) by easy. rewrite <- (dual_entropy 0 first) in given.
    enough (entropy K (fun k => probability k 0) < ln (INR K)) by lra.
    apply (entropy_below_log K _ (label 0)).
    + intros. apply probability_positive.
    + now apply probability_total.
    + now apply labelled.
    + unfold probability. rewrite Nat.eqb_refl. unfold wrong. intros equal.
      apply (f_equal (Rmult (INR K * (odds + INR K - 1)))) in equal. field_simplify in equal; nra.
  - unfold value. destruct margin_cases as [[zero _] | (_ & _ & alive)]; [| lra].
    unfold margin. rewrite zero, ln_1, Ropp_0, exp_0.
    replace (1 + (INR K - 1) * 1) with (INR K) by ring. ring.
Qed.
End SimplexEtf.
