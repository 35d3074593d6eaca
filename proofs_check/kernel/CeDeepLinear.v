(** The claim ce-deep-linear, refuted for two layers and every even number of classes from six on.

    At any point with the published structure, a simplex ETF in every layer, of a margin above zero, the loss is larger than at
    a point whose classes are opposite in pairs. So no such point is a minimiser, whatever the decays. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Labels CauchySchwarz Softmax Margin Duality SimplexEtf SimplexVertices.
From Atlas.generated Require Import Statement_ce_deep_linear.
Module Statement := Statement_ce_deep_linear.Depth_2.
Open Scope R_scope.

(** A sum of an even number of terms, two by two. *)
Lemma sum_pairs m f : sum (2 * m) f = sum m (fun i => f (2 * i)%nat + f (2 * i + 1)%nat).
Proof.
  induction m as [| m IH]; [reflexivity |]. replace (2 * S m)%nat with (S (S (2 * m))) by lia. cbn [sum].
  rewrite IH. replace (2 * m + 1)%nat with (S (2 * m)) by lia. ring.
Qed.

(** The classes in pairs: class k is at one of the two ends of the axis of its pair. *)
Definition side (k : nat) : R := if Nat.even k then 1 else -1.
Definition end_of_pair (k i : nat) : R := if Nat.eqb (Nat.div2 k) i then side k else 0.

Lemma side_square k : side k ^ 2 = 1.
Proof. unfold side. destruct Nat.even; ring. Qed.

Lemma pick_pair d k f : (Nat.div2 k < d)%nat -> sum d (fun i => end_of_pair k i * f i) = side k * f (Nat.div2 k).
Proof.
  intros inside. rewrite <- (sum_at d (Nat.div2 k) (fun i => side k * f i) inside). apply sum_ext. intros i _.
  unfold end_of_pair. destruct Nat.eqb; ring.
Qed.

(** The logits of pairs, at margin one: opposite in a pair, zero between pairs. *)
Definition pair_logit (k l : nat) : R := if Nat.eqb (Nat.div2 l) (Nat.div2 k) then side k * side l else 0.

(** The cross-entropy of pairs. *)
Lemma pair_cross_entropy m y t : (y < 2 * m)%nat ->
  ln (sum (2 * m) (fun k => exp (t * pair_logit k y))) - t * pair_logit y y
  = ln (1 + (INR (2 * m) - 2) * exp (- t) + exp (- t) ^ 2).
Proof.
  intros inside. assert (pair : (Nat.div2 y < m)%nat) by (rewrite Nat.div2_div; apply Nat.div_lt_upper_bound; lia).
  assert (halves : forall i, Nat.div2 (2 * i) = i /\ Nat.div2 (2 * i + 1) = i).
  { intros i. split; [apply Nat.div2_double |]. rewrite Nat.add_1_r. apply Nat.div2_succ_double. }
  assert (sides : forall i, side (2 * i) = 1 /\ side (2 * i + 1) = -1).
  { intros i. unfold side. rewrite Nat.even_add, Nat.even_mul. now split. }
  rewrite sum_pairs, (sum_ext m _ (fun i => if Nat.eqb (Nat.div2 y) i then exp t + exp (- t) else 2)).
  2: { intros i _. unfold pair_logit. destruct (halves i) as [-> ->], (sides i) as [-> ->].
       destruct Nat.eqb; [| rewrite !Rmult_0_r, exp_0; ring].
       unfold side. destruct Nat.even; [f_equal; f_equal; ring | rewrite Rplus_comm; f_equal; f_equal; ring]. }
  rewrite sum_one_differs by easy. unfold pair_logit. rewrite Nat.eqb_refl.
  replace (side y * side y) with 1 by (rewrite <- (side_square y); ring).
  pose proof (exp_pos t). pose proof (exp_pos (- t)).
  assert (whole : INR (2 * m) = 2 * INR m) by (rewrite mult_INR; simpl; ring).
  assert (1 <= INR m) by (change 1 with (INR 1); apply le_INR; lia).
  replace (exp t + exp (- t) + (INR m - 1) * 2) with (exp t * (1 + (INR (2 * m) - 2) * exp (- t) + exp (- t) ^ 2)).
  - rewrite ln_mult, ln_exp by nra. ring.
  - rewrite whole. assert (unit : exp t * exp (- t) = 1) by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
    transitivity (exp t + (2 * INR m - 2) * (exp t * exp (- t)) + (exp t * exp (- t)) * exp (- t)); [ring |].
    rewrite unit. ring.
Qed.

Section Claim.
Variables (m d_1 d_2 N : nat) (label : nat -> nat) (lambda_1 lambda_2 lambda_H : R).
Local Notation K := (2 * m)%nat.
Hypothesis allowed : Statement.domain K d_1 d_2 N label lambda_1 lambda_2 lambda_H.
Hypotheses (six : (6 <= K)%nat) (first_width : (m <= d_1)%nat) (second_width : (m <= d_2)%nat).
Local Notation loss := (Statement.loss K d_1 d_2 N label lambda_1 lambda_2 lambda_H).
Local Notation n := (class_count N label 0).

Let labelled : forall j, (j < N)%nat -> (label j < K)%nat. Proof. apply allowed. Qed.
Let balanced : forall k, (k < K)%nat -> class_count N label k = n. Proof. apply allowed. Qed.
Let some_sample : (0 < N)%nat.
Proof. destruct (Statement.no_class_empty _ _ _ _ _ _ _ _ allowed 0) as (j & inside & _); lia. Qed.
Let samples : 0 < INR N. Proof. now apply lt_0_INR. Qed.

Lemma classes_real_6 : 6 <= INR K.
Proof. replace 6 with (INR 6) by (simpl; ring). now apply le_INR. Qed.

(** The layers of the pairs, of sizes a, c and g. *)
Definition pair_W_2 (a : R) (k i : nat) : R := a * end_of_pair k i.
Definition pair_W_1 (c : R) (i i1 : nat) : R := if Nat.ltb i m then c * identity i i1 else 0.
Definition pair_H (g : R) (i j : nat) : R := g * end_of_pair (label j) i.

Lemma pair_inside k : (k < K)%nat -> (Nat.div2 k < m)%nat.
Proof. intros inside. rewrite Nat.div2_div. apply Nat.div_lt_upper_bound; lia. Qed.

Lemma pair_product a c g k j : (k < K)%nat -> (j < N)%nat ->
  sum d_2 (fun i => pair_W_2 a k i * sum d_1 (fun i1 => pair_W_1 c i i1 * pair_H g i1 j)) = a * c * g * pair_logit k (label j).
Proof.
  intros row sampled. pose proof (pair_inside k row) as inside. pose proof (pair_inside _ (labelled j sampled)).
  rewrite (sum_ext d_2 _ (fun i => end_of_pair k i * (a * sum d_1 (fun i1 => pair_W_1 c i i1 * pair_H g i1 j))))
    by (intros; unfold pair_W_2; ring).
  rewrite pick_pair by lia. unfold pair_W_1. destruct (Nat.ltb_spec (Nat.div2 k) m); [| lia].
  rewrite (sum_ext d_1 _ (fun i1 => identity (Nat.div2 k) i1 * (c * pair_H g i1 j))) by (intros; ring).
  rewrite identity_pick by lia. unfold pair_H, end_of_pair, pair_logit. destruct Nat.eqb; ring.
Qed.

(** The squared norms of the layers. *)
Lemma pair_norm_2 a : sum K (fun k => sum d_2 (fun i => pair_W_2 a k i ^ 2)) = INR K * a ^ 2.
Proof.
  rewrite <- sum_const. apply sum_ext. intros k row. pose proof (pair_inside k row).
  rewrite (sum_ext d_2 _ (fun i => end_of_pair k i * (a ^ 2 * end_of_pair k i))) by (intros; unfold pair_W_2; ring).
  rewrite pick_pair by lia. unfold end_of_pair. rewrite Nat.eqb_refl. transitivity (a ^ 2 * side k ^ 2); [ring |].
  rewrite side_square. ring.
Qed.
Lemma pair_norm_1 c : sum d_2 (fun i => sum d_1 (fun i1 => pair_W_1 c i i1 ^ 2)) = INR m * c ^ 2.
Proof.
  rewrite (sum_truncate m) by (first [easy | intros i outside; apply sum_zero; intros; unfold pair_W_1; destruct (Nat.ltb_spec i m); [lia | ring]]).
  rewrite <- sum_const. apply sum_ext. intros i inside. unfold pair_W_1. destruct (Nat.ltb_spec i m); [| lia].
  rewrite (sum_ext d_1 _ (fun i1 => identity i i1 * c ^ 2)) by (intros; unfold identity; destruct Nat.eqb; ring).
  rewrite identity_pick by lia. reflexivity.
Qed.
Lemma pair_norm_H g : sum N (fun j => sum d_1 (fun i => pair_H g i j ^ 2)) = INR N * g ^ 2.
Proof.
  rewrite <- sum_const. apply sum_ext. intros j sampled. pose proof (pair_inside _ (labelled j sampled)).
  rewrite (sum_ext d_1 _ (fun i => end_of_pair (label j) i * (g ^ 2 * end_of_pair (label j) i))) by (intros; unfold pair_H; ring).
  rewrite pick_pair by lia. unfold end_of_pair. rewrite Nat.eqb_refl. transitivity (g ^ 2 * side (label j) ^ 2); [ring |].
  rewrite side_square. ring.
Qed.

(** The loss of pairs. *)
Lemma pair_loss a c g t : a * c * g = t ->
  loss (pair_W_1 c) (pair_W_2 a) (pair_H g) = ln (1 + (INR K - 2) * exp (- t) + exp (- t) ^ 2)
    + lambda_1 / 2 * (INR m * c ^ 2) + lambda_2 / 2 * (INR K * a ^ 2) + lambda_H / 2 * (INR N * g ^ 2).
Proof.
  intros size. unfold Statement.loss. rewrite pair_norm_1, pair_norm_2, pair_norm_H.
  rewrite (sum_ext N _ (fun _ => ln (1 + (INR K - 2) * exp (- t) + exp (- t) ^ 2))); [rewrite sum_const; field; lra |].
  intros j sampled. pose proof (labelled j sampled) as inside. rewrite <- (pair_cross_entropy m (label j) t inside). f_equal.
  - f_equal. apply sum_ext. intros k row. now rewrite pair_product, size.
  - f_equal. rewrite <- (sum_one_hot K label j (fun k => t * pair_logit k (label j))) by easy.
    apply sum_ext. intros k row. rewrite pair_product, size by easy. ring.
Qed.

(** The published structure of margin t: the rows of W_2 and of W_2 W_1, and the features, form simplex ETFs of sizes a, v and g,
    and so do the logits. *)
Definition published (W_1 W_2 H : nat -> nat -> R) (a v g t : R) : Prop :=
  (forall k l, (k < K)%nat -> (l < K)%nat -> sum d_2 (fun i => W_2 k i * W_2 l i) = a ^ 2 * centring K k l)
  /\ (forall k l, (k < K)%nat -> (l < K)%nat ->
    sum d_1 (fun i => sum d_2 (fun e => W_2 k e * W_1 e i) * sum d_2 (fun e => W_2 l e * W_1 e i)) = v ^ 2 * centring K k l)
  /\ (forall j j1, (j < N)%nat -> (j1 < N)%nat -> sum d_1 (fun i => H i j * H i j1) = g ^ 2 * centring K (label j) (label j1))
  /\ (forall k j, (k < K)%nat -> (j < N)%nat ->
    sum d_2 (fun i => W_2 k i * sum d_1 (fun i1 => W_1 i i1 * H i1 j)) = t * centring K k (label j)).

Section Published.
Variables (W_1 W_2 H : nat -> nat -> R) (a v g t : R).
Hypotheses (structure : published W_1 W_2 H a v g t) (a_nonneg : 0 <= a) (v_nonneg : 0 <= v) (g_nonneg : 0 <= g) (alive : 0 < t).

Let some_share : 0 < 1 - / INR K.
Proof. pose proof classes_real_6. apply (Rmult_lt_reg_l (INR K)); [lra |]. rewrite Rmult_minus_distr_l, Rinv_r; lra. Qed.

(** The mean cross-entropy of the published structure. *)
Lemma published_loss : loss W_1 W_2 H = ln (1 + (INR K - 1) * exp (- t))
    + lambda_1 / 2 * squared_norm d_2 d_1 W_1 + lambda_2 / 2 * ((INR K - 1) * a ^ 2) + lambda_H / 2 * (INR N * (1 - / INR K) * g ^ 2).
Proof.
  destruct structure as (of_W_2 & _ & of_H & logits). pose proof classes_real_6. unfold Statement.loss.
  rewrite (sum_ext K (fun k => sum d_2 (fun i => W_2 k i ^ 2)) (fun _ => a ^ 2 * (1 - / INR K))).
  2: { intros k row. rewrite (sum_ext d_2 _ (fun i => W_2 k i * W_2 k i)) by (intros; ring). rewrite of_W_2 by easy.
       unfold centring. now rewrite Nat.eqb_refl. }
  rewrite (sum_ext N (fun j => sum d_1 (fun i => H i j ^ 2)) (fun _ => g ^ 2 * (1 - / INR K))).
  2: { intros j sampled. rewrite (sum_ext d_1 _ (fun i => H i j * H i j)) by (intros; ring). rewrite of_H by easy.
       unfold centring. now rewrite Nat.eqb_refl. }
  rewrite !sum_const, (sum_ext N _ (fun _ => ln (1 + (INR K - 1) * exp (- t)))).
  - rewrite sum_const. unfold squared_norm. field. lra.
  - intros j sampled. pose proof (labelled j sampled) as inside.
    pose proof (exp_ineq1_le t) as above.
    replace (1 + (INR K - 1) * exp (- t)) with (1 + (INR K - 1) / exp t) by (rewrite exp_Ropp; reflexivity).
    rewrite <- (margin_cross_entropy K (label j) (exp t) ltac:(lia) inside ltac:(lra)
      (fun k => sum d_2 (fun i => W_2 k i * sum d_1 (fun i1 => W_1 i i1 * H i1 j))) 0).
    + unfold log_sum_exp. f_equal.
      rewrite <- (sum_one_hot K label j (fun k => sum d_2 (fun i => W_2 k i * sum d_1 (fun i1 => W_1 i i1 * H i1 j)))) by easy.
      apply sum_ext. intros; ring.
    + intros k row. rewrite logits, ln_exp by easy. unfold centring. rewrite (Nat.eqb_sym k). ring.
Qed.

(** W_2 stretches no vector by more than its size. *)
Lemma W_2_stretches x : sum K (fun k => sum d_2 (fun i => W_2 k i * x i) ^ 2) <= a ^ 2 * sum d_2 (fun i => x i ^ 2).
Proof.
  destruct structure as (of_W_2 & _). set (y := fun k => sum d_2 (fun i => W_2 k i * x i)).
  change (sum K (fun k => y k ^ 2) <= a ^ 2 * sum d_2 (fun i => x i ^ 2)).
  set (back := fun i => sum K (fun k => y k * W_2 k i)).
  assert (forth : sum K (fun k => y k ^ 2) = sum d_2 (fun i => x i * back i)).
  { transitivity (sum K (fun k => sum d_2 (fun i => x i * (y k * W_2 k i)))).
    - apply sum_ext. intros k _. transitivity (y k * y k); [ring |]. unfold y at 2. rewrite <- sum_scale. apply sum_ext. intros; ring.
    - rewrite sum_swap. apply sum_ext. intros i _. unfold back. now rewrite sum_scale. }
  assert (length : sum d_2 (fun i => back i ^ 2) <= a ^ 2 * sum K (fun k => y k ^ 2)).
  { apply Rle_trans with (sum K (fun k => sum K (fun l => y k * y l * (a ^ 2 * centring K k l)))).
    - right. transitivity (sum d_2 (fun i => sum K (fun k => sum K (fun l => y k * y l * (W_2 k i * W_2 l i))))).
      + apply sum_ext. intros i _. transitivity (back i * back i); [ring |]. unfold back at 1. rewrite Rmult_comm, <- sum_scale.
        apply sum_ext. intros k _. unfold back. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros; ring.
      + rewrite sum_swap. apply sum_ext. intros k row. rewrite sum_swap. apply sum_ext. intros l col.
        rewrite sum_scale, of_W_2 by easy. reflexivity.
    - rewrite (sum_ext K _ (fun k => a ^ 2 * y k * (y k + - / INR K * sum K y))).
      + rewrite (sum_ext K _ (fun k => a ^ 2 * y k ^ 2 + (- (a ^ 2 * / INR K * sum K y)) * y k)) by (intros; ring).
        rewrite sum_plus, !sum_scale. pose proof classes_real_6. pose proof (pow2_ge_0 (a * sum K y)).
        assert (0 < / INR K) by (apply Rinv_0_lt_compat; lra). change (sum K (fun i => y i)) with (sum K y). nra.
      + intros k row. rewrite (sum_ext K _ (fun l => a ^ 2 * y k * (identity k l * y l + - / INR K * y l)))
          by (intros; unfold centring, identity; ring).
        rewrite sum_scale, sum_plus, identity_pick, sum_scale by easy. reflexivity. }
  pose proof (cauchy_schwarz d_2 x back) as schwarz. rewrite <- forth in schwarz.
  set (Y := sum K (fun k => y k ^ 2)) in *. set (X := sum d_2 (fun i => x i ^ 2)) in *.
  assert (0 <= X) by apply sum_of_squares_nonneg. assert (0 <= Y) by apply sum_of_squares_nonneg.
  destruct (Rle_lt_or_eq_dec 0 Y) as [positive | <-]; [easy | | pose proof (pow2_ge_0 a); nra].
  apply Rmult_le_reg_r with Y; [easy |]. assert (X * sum d_2 (fun i => back i ^ 2) <= X * (a ^ 2 * Y)) by now apply Rmult_le_compat_l.
  nra.
Qed.

(** The squared norm of W_1 is at least that of an ETF of size v / a. *)
Lemma W_1_norm : (INR K - 1) * v ^ 2 <= a ^ 2 * squared_norm d_2 d_1 W_1.
Proof.
  destruct structure as (_ & of_layers & _). pose proof classes_real_6. unfold squared_norm. rewrite sum_swap, <- sum_scale.
  apply Rle_trans with (sum d_1 (fun i => sum K (fun k => sum d_2 (fun e => W_2 k e * W_1 e i) ^ 2))).
  - right. rewrite sum_swap, (sum_ext K _ (fun _ => v ^ 2 * (1 - / INR K))).
    + rewrite sum_const. field. lra.
    + intros k row. rewrite (sum_ext d_1 _ (fun i => sum d_2 (fun e => W_2 k e * W_1 e i) * sum d_2 (fun e => W_2 k e * W_1 e i))) by (intros; ring).
      rewrite of_layers by easy. unfold centring. now rewrite Nat.eqb_refl.
  - apply sum_le. intros i _. apply (W_2_stretches (fun e => W_1 e i)).
Qed.

(** The margin is at most the product of the sizes. *)
Lemma margin_from_sizes : t <= v * g.
Proof.
  destruct structure as (_ & of_layers & of_H & logits). set (y := label 0). pose proof (labelled 0 some_sample) as inside. fold y in inside.
  set (row := fun i => sum d_2 (fun e => W_2 y e * W_1 e i)).
  assert (inner : sum d_1 (fun i => row i * H i 0) = t * (1 - / INR K)).
  { transitivity (sum d_2 (fun i => W_2 y i * sum d_1 (fun i1 => W_1 i i1 * H i1 0))).
    - transitivity (sum d_1 (fun i => sum d_2 (fun e => W_2 y e * (W_1 e i * H i 0)))).
      + apply sum_ext. intros i _. unfold row. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros; ring.
      + rewrite sum_swap. apply sum_ext. intros; now rewrite sum_scale.
    - rewrite logits by easy. unfold centring. fold y. now rewrite Nat.eqb_refl. }
  pose proof (cauchy_schwarz d_1 row (fun i => H i 0%nat)) as schwarz. cbv beta in schwarz. rewrite inner in schwarz.
  rewrite (sum_ext d_1 (fun i => row i ^ 2) (fun i => row i * row i)) in schwarz by (intros; ring).
  rewrite (sum_ext d_1 (fun i => H i 0%nat ^ 2) (fun i => H i 0%nat * H i 0%nat)) in schwarz by (intros; ring).
  unfold row in schwarz. rewrite of_layers, of_H in schwarz by easy. fold y in schwarz. unfold centring in schwarz. rewrite Nat.eqb_refl in schwarz.
  apply Rsqr_incr_0_var; [| now apply Rmult_le_pos]. rewrite !Rsqr_pow2.
  apply Rmult_le_reg_r with ((1 - / INR K) ^ 2); [now apply pow_lt |]. nra.
Qed.

(** Pairs of the same margin have a smaller loss. *)
Theorem pairs_are_better : exists W_1' W_2' H', loss W_1' W_2' H' < loss W_1 W_2 H.
Proof.
  pose proof classes_real_6 as six_real. pose proof margin_from_sizes as enough_size. pose proof W_1_norm as first_norm.
  destruct allowed as [_ _ _ _ _ _ first second features].
  assert (v_positive : 0 < v) by nra. assert (g_positive : 0 < g) by nra.
  assert (norm_nonneg : 0 <= squared_norm d_2 d_1 W_1) by (apply sum_nonneg; intros; apply sum_of_squares_nonneg).
  assert (a_positive : 0 < a).
  { destruct (Rle_lt_or_eq_dec 0 a a_nonneg) as [? | zero]; [easy |]. rewrite <- zero in first_norm. pose proof (pow_lt v 2 v_positive). nra. }
  set (c := v / a). assert (c_positive : 0 < c) by now apply Rdiv_lt_0_compat.
  assert (first_size : (INR K - 1) * c ^ 2 <= squared_norm d_2 d_1 W_1).
  { unfold c. apply Rmult_le_reg_l with (a ^ 2); [now apply pow_lt |].
    replace (a ^ 2 * ((INR K - 1) * (v / a) ^ 2)) with ((INR K - 1) * v ^ 2) by (field; lra). easy. }
  set (h := t / v). assert (h_positive : 0 < h) by now apply Rdiv_lt_0_compat.
  assert (h_small : h <= g) by (unfold h; apply Rmult_le_reg_r with v; [easy | field_simplify; lra]).
  assert (exists r, 0 < r /\ r ^ 3 = 2) as (r & r_positive & cube).
  { exists (Rpower 2 (/ 3)). split; [apply exp_pos |]. rewrite <- Rpower_pow by apply exp_pos. rewrite Rpower_mult.
    replace (/ 3 * INR 3) with 1 by (simpl; field). apply Rpower_1. lra. }
  assert (r_square : r ^ 2 <= 5 / 3).
  { apply Rnot_lt_le. intros larger. assert (5 / 3 * r < r ^ 2 * r) by now apply Rmult_lt_compat_r.
    assert (r < 6 / 5) by (simpl in *; lra). nra. }
  assert (root : sqrt 2 ^ 2 = 2) by (rewrite <- Rsqr_pow2; apply Rsqr_sqrt; lra).
  assert (root_positive : 0 < sqrt 2) by (apply sqrt_lt_R0; lra).
  exists (pair_W_1 (r * c)), (pair_W_2 (r * a / sqrt 2)), (pair_H (r * h / sqrt 2)).
  rewrite published_loss. rewrite (pair_loss _ _ _ t).
  2: { transitivity (r ^ 3 * (a * c * h) / sqrt 2 ^ 2); [field; lra |]. rewrite cube, root. unfold c, h. field. lra. }
  assert (whole : INR K = 2 * INR m) by (rewrite mult_INR; simpl; ring).
  assert (half : INR m = INR K / 2) by lra.
  apply Rplus_lt_le_compat; [apply Rplus_lt_le_compat; [apply Rplus_lt_le_compat |] |].
  - assert (decayed : exp (- t) < 1) by (rewrite <- exp_0; apply exp_increasing; lra). pose proof (exp_pos (- t)).
    apply ln_increasing; nra.
  - apply Rmult_le_compat_l; [lra |]. apply Rle_trans with ((INR K - 1) * c ^ 2); [| easy].
    rewrite half. rewrite Rpow_mult_distr, <- Rmult_assoc. apply Rmult_le_compat_r; [apply pow2_ge_0 | nra].
  - apply Rmult_le_compat_l; [lra |]. pose proof (pow2_ge_0 a).
    replace (INR K * (r * a / sqrt 2) ^ 2) with (INR K / 2 * r ^ 2 * a ^ 2).
    + apply Rmult_le_compat_r; nra.
    + transitivity (INR K * (r * a) ^ 2 / sqrt 2 ^ 2); [rewrite root; field | field; lra].
  - apply Rmult_le_compat_l; [lra |]. pose proof (pow2_ge_0 h). assert (h ^ 2 <= g ^ 2) by (apply pow_incr; lra).
    replace (INR N * (r * h / sqrt 2) ^ 2) with (INR N * (r ^ 2 / 2) * h ^ 2).
    + apply Rle_trans with (INR N * (1 - / INR K) * h ^ 2); [| apply Rmult_le_compat_l; [apply Rmult_le_pos; lra | easy]].
      apply Rmult_le_compat_r; [easy |]. apply Rmult_le_compat_l; [lra |].
      assert (/ INR K <= / 6) by (apply Rinv_le_contravar; lra). lra.
    + transitivity (INR N * (r * h) ^ 2 / sqrt 2 ^ 2); [rewrite root; field | field; lra].
Qed.
End Published.
End Claim.

(** A point has the published structure of margin t, at some sizes of its simplex ETFs. *)
Definition has_published_structure (m d_1 d_2 N : nat) (label : nat -> nat) (W_1 W_2 H : nat -> nat -> R) (t : R) : Prop :=
  exists a v g, 0 <= a /\ 0 <= v /\ 0 <= g /\ published m d_1 d_2 N label W_1 W_2 H a v g t.

(** No point with the published structure and a margin above zero is a minimiser, whatever the decays. *)
Theorem published_is_never_optimal m d_1 d_2 N label lambda_1 lambda_2 lambda_H W_1 W_2 H t :
  Statement.domain (2 * m) d_1 d_2 N label lambda_1 lambda_2 lambda_H -> (6 <= 2 * m)%nat -> (m <= d_1)%nat -> (m <= d_2)%nat ->
  has_published_structure m d_1 d_2 N label W_1 W_2 H t -> 0 < t ->
  ~ (forall W_1' W_2' H', Statement.loss (2 * m) d_1 d_2 N label lambda_1 lambda_2 lambda_H W_1 W_2 H
      <= Statement.loss (2 * m) d_1 d_2 N label lambda_1 lambda_2 lambda_H W_1' W_2' H').
Proof.
  intros allowed six first second (a & v & g & a_nonneg & v_nonneg & g_nonneg & structure) alive optimal.
  destruct (pairs_are_better m d_1 d_2 N label lambda_1 lambda_2 lambda_H allowed six first second W_1 W_2 H a v g t
    structure a_nonneg v_nonneg g_nonneg alive) as (W_1' & W_2' & H' & better).
  specialize (optimal W_1' W_2' H'). lra.
Qed.

(** Points with the published structure exist, for every margin. *)
Theorem published_structure_exists m d_1 d_2 N label t : (1 <= m)%nat -> (2 * m - 1 <= d_1)%nat -> (2 * m - 1 <= d_2)%nat ->
  (forall j, (j < N)%nat -> (label j < 2 * m)%nat) -> 0 <= t ->
  has_published_structure m d_1 d_2 N label identity (vertex (2 * m)) (fun i j => t * vertex (2 * m) (label j) i) t.
Proof.
  intros some first second labelled nonneg. exists 1, 1, t. do 3 (split; [lra |]).
  pose proof (vertices_are_etf (2 * m) d_1 ltac:(lia) first) as etf_1. pose proof (vertices_are_etf (2 * m) d_2 ltac:(lia) second) as etf_2.
  assert (beyond : forall k i, (2 * m - 1 <= i)%nat -> vertex (2 * m) k i = 0).
  { intros k i outside. unfold vertex. destruct (Nat.ltb_spec i (2 * m - 1)); [lia | reflexivity]. }
  assert (through : forall k i, sum d_2 (fun e => vertex (2 * m) k e * identity e i) = vertex (2 * m) k i).
  { intros k i. rewrite (sum_ext d_2 _ (fun e => identity i e * vertex (2 * m) k e))
      by (intros; unfold identity; rewrite Nat.eqb_sym; ring).
    destruct (Nat.lt_ge_cases i d_2) as [inside | outside]; [now apply identity_pick |].
    rewrite beyond by lia. apply sum_zero. intros e below. unfold identity. destruct (Nat.eqb_spec i e); [lia | ring]. }
  repeat split.
  - intros k l row col. rewrite etf_2 by easy. ring.
  - intros k l row col. rewrite (sum_ext d_1 _ (fun i => vertex (2 * m) k i * vertex (2 * m) l i)) by (intros; now rewrite !through).
    rewrite etf_1 by easy. ring.
  - intros j j1 sampled sampled1. rewrite (sum_ext d_1 _ (fun i => t ^ 2 * (vertex (2 * m) (label j) i * vertex (2 * m) (label j1) i))) by (intros; ring).
    rewrite sum_scale, etf_1 by auto. reflexivity.
  - intros k j row sampled.
    transitivity (sum d_1 (fun i => t * (vertex (2 * m) k i * vertex (2 * m) (label j) i))).
    + transitivity (sum d_1 (fun i => sum d_2 (fun e => vertex (2 * m) k e * identity e i) * (t * vertex (2 * m) (label j) i))).
      * rewrite (sum_ext d_2 _ (fun e => sum d_1 (fun i => vertex (2 * m) k e * (identity e i * (t * vertex (2 * m) (label j) i)))))
          by (intros; now rewrite sum_scale).
        rewrite sum_swap. apply sum_ext. intros i _.
        transitivity (t * vertex (2 * m) (label j) i * sum d_2 (fun e => vertex (2 * m) k e * identity e i)); [| ring].
        rewrite <- sum_scale. apply sum_ext. intros; ring.
      * apply sum_ext. intros i _. rewrite through. ring.
    + rewrite sum_scale, etf_1 by auto. reflexivity.
Qed.
