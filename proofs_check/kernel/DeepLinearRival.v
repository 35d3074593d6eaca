(** Deep linear networks under the cross-entropy: when logits of lower rank are better than a simplex ETF of the same margin. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Labels CauchySchwarz Softmax Margin Duality SimplexEtf SimplexVertices.
Open Scope R_scope.

(** The logits of two layers, and the loss. *)
Definition deep_logit (d_1 d_2 : nat) (W_1 W_2 H : nat -> nat -> R) (k j : nat) : R :=
  sum d_2 (fun i => W_2 k i * sum d_1 (fun i1 => W_1 i i1 * H i1 j)).
Definition deep_loss (K d_1 d_2 N : nat) (label : nat -> nat) (lambda_1 lambda_2 lambda_H : R)
    (W_1 W_2 H : nat -> nat -> R) : R :=
  sum N (fun j => ln (sum K (fun k => exp (deep_logit d_1 d_2 W_1 W_2 H k j)))
    - sum K (fun k => deep_logit d_1 d_2 W_1 W_2 H k j * one_hot label k j)) / INR N
  + (lambda_1 / 2 * squared_norm d_2 d_1 W_1 + lambda_2 / 2 * squared_norm K d_2 W_2)
  + lambda_H / 2 * sum N (fun j => sum d_1 (fun i => H i j ^ 2)).

(** The logits of a rival of margin one: class k has the coordinates E k i on r axes, and axis i the scale q i in each layer. *)
Definition rival_logit (r : nat) (q : nat -> R) (E : nat -> nat -> R) (k l : nat) : R :=
  sum r (fun i => q i ^ 3 * (E k i * E l i)).

(** The squared norm of the classifier of a rival. *)
Definition rival_norm (K r : nat) (q : nat -> R) (E : nat -> nat -> R) : R :=
  sum K (fun k => sum r (fun i => (q i * E k i) ^ 2)).

(** A rival is better than a simplex ETF: its layers are no larger, and its cross-entropy is smaller at every margin. *)
Definition better_rival (K r : nat) (q : nat -> R) (E : nat -> nat -> R) : Prop :=
  rival_norm K r q E <= INR K - 1
  /\ sum r (fun i => q i ^ 2) <= INR K - 1
  /\ (forall y t, (y < K)%nat -> 0 < t ->
    ln (sum K (fun k => exp (t * rival_logit r q E k y))) - t * rival_logit r q E y y < ln (1 + (INR K - 1) * exp (- t))).

Section Rival.
Variables (K d_1 d_2 N : nat) (label : nat -> nat) (lambda_1 lambda_2 lambda_H : R).
Hypotheses (classes : (2 <= K)%nat) (some_sample : (0 < N)%nat).
Hypotheses (labelled : forall j, (j < N)%nat -> (label j < K)%nat).
Hypotheses (balanced : forall k, (k < K)%nat -> class_count N label k = class_count N label 0).
Hypotheses (first : 0 < lambda_1) (second : 0 < lambda_2) (features : 0 < lambda_H).
Local Notation loss := (deep_loss K d_1 d_2 N label lambda_1 lambda_2 lambda_H).
Local Notation n := (class_count N label 0).

Let samples : 0 < INR N. Proof. now apply lt_0_INR. Qed.
Let per_class : INR N = INR K * n. Proof. now apply (samples_per_class K N label). Qed.
Let count : 0 < n. Proof. now apply (count_positive K N label). Qed.

Lemma classes_real_2 : 2 <= INR K. Proof. now apply classes_real. Qed.

Section Layers.
Variables (r : nat) (q : nat -> R) (E : nat -> nat -> R).
Hypotheses (first_width : (r <= d_1)%nat) (second_width : (r <= d_2)%nat).

(** The layers of a rival, of sizes a, c and h. *)
Definition rival_W_2 (a : R) (k i : nat) : R := if Nat.ltb i r then a * (q i * E k i) else 0.
Definition rival_W_1 (c : R) (i i1 : nat) : R := if Nat.ltb i r then identity i i1 * (c * q i) else 0.
Definition rival_H (h : R) (i j : nat) : R := if Nat.ltb i r then h * (q i * E (label j) i) else 0.

(** A sum over a layer's units stops at the axes of the rival. *)
Lemma sum_over_axes d f g : (r <= d)%nat -> (forall i, (i < r)%nat -> f i = g i) -> (forall i, (r <= i)%nat -> f i = 0) ->
  sum d f = sum r g.
Proof. intros wide same zero. rewrite (sum_truncate r d) by (easy || (intros; apply zero; lia)). now apply sum_ext. Qed.

Lemma rival_product a c h k j :
  sum d_2 (fun i => rival_W_2 a k i * sum d_1 (fun i1 => rival_W_1 c i i1 * rival_H h i1 j))
  = a * c * h * rival_logit r q E k (label j).
Proof.
  unfold rival_logit. rewrite <- sum_scale. apply sum_over_axes; [easy | |].
  - intros i inside. unfold rival_W_2, rival_W_1. destruct (Nat.ltb_spec i r); [| lia].
    rewrite (sum_ext d_1 _ (fun i1 => identity i i1 * (c * q i * rival_H h i1 j))) by (intros; ring).
    rewrite identity_pick by lia. unfold rival_H. destruct (Nat.ltb_spec i r); [ring | lia].
  - intros i outside. unfold rival_W_2. destruct (Nat.ltb_spec i r); [lia | ring].
Qed.

(** The squared norms of the layers. *)
Lemma rival_norm_2 a : sum K (fun k => sum d_2 (fun i => rival_W_2 a k i ^ 2)) = a ^ 2 * rival_norm K r q E.
Proof.
  unfold rival_norm. rewrite <- sum_scale. apply sum_ext. intros k _. rewrite <- sum_scale. apply sum_over_axes; [easy | |];
    intros i side; unfold rival_W_2; destruct (Nat.ltb_spec i r); (lia || ring).
Qed.
Lemma rival_norm_1 c : sum d_2 (fun i => sum d_1 (fun i1 => rival_W_1 c i i1 ^ 2)) = c ^ 2 * sum r (fun i => q i ^ 2).
Proof.
  rewrite <- sum_scale. apply sum_over_axes; [easy | |].
  - intros i inside. unfold rival_W_1. destruct (Nat.ltb_spec i r); [| lia].
    rewrite (sum_ext d_1 _ (fun i1 => identity i i1 * (c * q i) ^ 2)) by (intros; unfold identity; destruct Nat.eqb; ring).
    rewrite identity_pick by lia. ring.
  - intros i outside. apply sum_zero. intros i1 _. unfold rival_W_1. destruct (Nat.ltb_spec i r); [lia | ring].
Qed.
Lemma rival_norm_H h : sum N (fun j => sum d_1 (fun i => rival_H h i j ^ 2)) = h ^ 2 * (n * rival_norm K r q E).
Proof.
  set (row := fun k => sum r (fun i => (q i * E k i) ^ 2)).
  rewrite (sum_ext N _ (fun j => h ^ 2 * row (label j))).
  - rewrite sum_scale, (sum_by_class K N label row) by easy. f_equal. unfold rival_norm. rewrite <- sum_scale.
    apply sum_ext. intros k inside. now rewrite balanced.
  - intros j _. unfold row. rewrite <- sum_scale. apply sum_over_axes; [easy | |];
      intros i side; unfold rival_H; destruct (Nat.ltb_spec i r); (lia || ring).
Qed.

(** The loss of a rival of margin t is below that of its layers and the cross-entropy of a simplex ETF. *)
Lemma rival_loss a c h t : better_rival K r q E -> 0 < t -> a * c * h = t ->
  loss (rival_W_1 c) (rival_W_2 a) (rival_H h) < ln (1 + (INR K - 1) * exp (- t))
    + lambda_1 / 2 * ((INR K - 1) * c ^ 2) + lambda_2 / 2 * ((INR K - 1) * a ^ 2) + lambda_H / 2 * ((INR K - 1) * n * h ^ 2).
Proof.
  intros (small & axes & fits) alive size.
  unfold deep_loss, deep_logit, squared_norm. rewrite rival_norm_1, rival_norm_2, rival_norm_H.
  set (fit := fun y => ln (sum K (fun k => exp (t * rival_logit r q E k y))) - t * rival_logit r q E y y).
  rewrite (sum_ext N _ (fun j => fit (label j))).
  2: { intros j sampled. pose proof (labelled j sampled) as inside. unfold fit. f_equal.
       - f_equal. apply sum_ext. intros k _. now rewrite rival_product, size.
       - f_equal. rewrite <- (sum_one_hot K label j (fun k => t * rival_logit r q E k (label j))) by easy.
         apply sum_ext. intros k _. rewrite rival_product, size. ring. }
  assert (fitted : sum N (fun j => fit (label j)) / INR N < ln (1 + (INR K - 1) * exp (- t))).
  { apply Rmult_lt_reg_r with (INR N); [easy |]. replace (sum N (fun j => fit (label j)) / INR N * INR N)
      with (sum N (fun j => fit (label j))) by (field; lra). rewrite Rmult_comm, <- sum_const.
    apply (sum_lt N _ _ 0 some_sample); [intros j sampled; left |]; apply fits; auto. }
  assert (lambda_1 / 2 * (c ^ 2 * sum r (fun i => q i ^ 2)) <= lambda_1 / 2 * ((INR K - 1) * c ^ 2)).
  { apply Rmult_le_compat_l; [lra |]. rewrite (Rmult_comm (INR K - 1)). apply Rmult_le_compat_l; [apply pow2_ge_0 | easy]. }
  assert (lambda_2 / 2 * (a ^ 2 * rival_norm K r q E) <= lambda_2 / 2 * ((INR K - 1) * a ^ 2)).
  { apply Rmult_le_compat_l; [lra |]. rewrite (Rmult_comm (INR K - 1)). apply Rmult_le_compat_l; [apply pow2_ge_0 | easy]. }
  assert (lambda_H / 2 * (h ^ 2 * (n * rival_norm K r q E)) <= lambda_H / 2 * ((INR K - 1) * n * h ^ 2)).
  { apply Rmult_le_compat_l; [lra |]. rewrite (Rmult_comm ((INR K - 1) * n)). apply Rmult_le_compat_l; [apply pow2_ge_0 |].
    rewrite (Rmult_comm (INR K - 1)). apply Rmult_le_compat_l; [lra | easy]. }
  lra.
Qed.
End Layers.

(** The published structure of margin t: the rows of W_2 and of W_2 W_1, and the features, form simplex ETFs of sizes a, v and g,
    and so do the logits. *)
Definition published (W_1 W_2 H : nat -> nat -> R) (a v g t : R) : Prop :=
  (forall k l, (k < K)%nat -> (l < K)%nat -> sum d_2 (fun i => W_2 k i * W_2 l i) = a ^ 2 * centring K k l)
  /\ (forall k l, (k < K)%nat -> (l < K)%nat ->
    sum d_1 (fun i => sum d_2 (fun e => W_2 k e * W_1 e i) * sum d_2 (fun e => W_2 l e * W_1 e i))
      = v ^ 2 * centring K k l)
  /\ (forall j j1, (j < N)%nat -> (j1 < N)%nat ->
    sum d_1 (fun i => H i j * H i j1) = g ^ 2 * centring K (label j) (label j1))
  /\ (forall k j, (k < K)%nat -> (j < N)%nat ->
    sum d_2 (fun i => W_2 k i * sum d_1 (fun i1 => W_1 i i1 * H i1 j)) = t * centring K k (label j)).

Section Published.
Variables (W_1 W_2 H : nat -> nat -> R) (a v g t : R).
Hypotheses (structure : published W_1 W_2 H a v g t) (a_nonneg : 0 <= a) (v_nonneg : 0 <= v) (g_nonneg : 0 <= g).
Hypothesis alive : 0 < t.

Let some_share : 0 < 1 - / INR K.
Proof. pose proof classes_real_2. apply (Rmult_lt_reg_l (INR K)); [lra |]. rewrite Rmult_minus_distr_l, Rinv_r; lra.
Qed.

(** The mean cross-entropy of the published structure. *)
Lemma published_loss : loss W_1 W_2 H = ln (1 + (INR K - 1) * exp (- t))
    + lambda_1 / 2 * squared_norm d_2 d_1 W_1 + lambda_2 / 2 * ((INR K - 1) * a ^ 2) + lambda_H / 2 * (INR N * (1
        - / INR K) * g ^ 2).
Proof.
  destruct structure as (of_W_2 & _ & of_H & logits). pose proof classes_real_2. unfold deep_loss, deep_logit, squared_norm.
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
      rewrite <- (sum_one_hot K label j (fun k => sum d_2 (fun i => W_2 k i * sum d_1 (fun i1 => W_1 i i1 * H i1
        j)))) by easy.
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
    - apply sum_ext. intros k _. transitivity (y k * y k); [ring |]. unfold y at 2. rewrite <- sum_scale.
      apply sum_ext. intros; ring.
    - rewrite sum_swap. apply sum_ext. intros i _. unfold back. now rewrite sum_scale. }
  assert (length : sum d_2 (fun i => back i ^ 2) <= a ^ 2 * sum K (fun k => y k ^ 2)).
  { apply Rle_trans with (sum K (fun k => sum K (fun l => y k * y l * (a ^ 2 * centring K k l)))).
    - right. transitivity (sum d_2 (fun i => sum K (fun k => sum K (fun l => y k * y l * (W_2 k i * W_2 l i))))).
      + apply sum_ext. intros i _. transitivity (back i * back i); [ring |]. unfold back at 1.
        rewrite Rmult_comm, <- sum_scale.
        apply sum_ext. intros k _. unfold back. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros; ring.
      + rewrite sum_swap. apply sum_ext. intros k row. rewrite sum_swap. apply sum_ext. intros l col.
        rewrite sum_scale, of_W_2 by easy. reflexivity.
    - rewrite (sum_ext K _ (fun k => a ^ 2 * y k * (y k + - / INR K * sum K y))).
      + rewrite (sum_ext K _ (fun k => a ^ 2 * y k ^ 2 + (- (a ^ 2 * / INR K * sum K y)) * y k)) by (intros; ring).
        rewrite sum_plus, !sum_scale. pose proof classes_real_2. pose proof (pow2_ge_0 (a * sum K y)).
        assert (0 < / INR K) by (apply Rinv_0_lt_compat; lra). change (sum K (fun i => y i)) with (sum K y). nra.
      + intros k row. rewrite (sum_ext K _ (fun l => a ^ 2 * y k * (identity k l * y l + - / INR K * y l)))
          by (intros; unfold centring, identity; ring).
        rewrite sum_scale, sum_plus, identity_pick, sum_scale by easy. reflexivity. }
  pose proof (cauchy_schwarz d_2 x back) as schwarz. rewrite <- forth in schwarz.
  set (Y := sum K (fun k => y k ^ 2)) in *. set (X := sum d_2 (fun i => x i ^ 2)) in *.
  assert (0 <= X) by apply sum_of_squares_nonneg. assert (0 <= Y) by apply sum_of_squares_nonneg.
  destruct (Rle_lt_or_eq_dec 0 Y) as [positive | <-]; [easy | | pose proof (pow2_ge_0 a); nra].
  apply Rmult_le_reg_r with Y; [easy |].
  assert (X * sum d_2 (fun i => back i ^ 2) <= X * (a ^ 2 * Y)) by now apply Rmult_le_compat_l.
  nra.
Qed.

(** The squared norm of W_1 is at least that of an ETF of size v / a. *)
Lemma W_1_norm : (INR K - 1) * v ^ 2 <= a ^ 2 * squared_norm d_2 d_1 W_1.
Proof.
  destruct structure as (_ & of_layers & _). pose proof classes_real_2. unfold squared_norm.
  rewrite sum_swap, <- sum_scale.
  apply Rle_trans with (sum d_1 (fun i => sum K (fun k => sum d_2 (fun e => W_2 k e * W_1 e i) ^ 2))).
  - right. rewrite sum_swap, (sum_ext K _ (fun _ => v ^ 2 * (1 - / INR K))).
    + rewrite sum_const. field. lra.
    + intros k row. rewrite (sum_ext d_1 _ (fun i => sum d_2 (fun e => W_2 k e * W_1 e i) * sum d_2 (fun e => W_2 k e
        * W_1 e i))) by (intros; ring).
      rewrite of_layers by easy. unfold centring. now rewrite Nat.eqb_refl.
  - apply sum_le. intros i _. apply (W_2_stretches (fun e => W_1 e i)).
Qed.

(** The margin is at most the product of the sizes. *)
Lemma margin_from_sizes : t <= v * g.
Proof.
  destruct structure as (_ & of_layers & of_H & logits). set (y := label 0).
  pose proof (labelled 0 some_sample) as inside. fold y in inside.
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
  unfold row in schwarz. rewrite of_layers, of_H in schwarz by easy. fold y in schwarz. unfold centring in schwarz.
  rewrite Nat.eqb_refl in schwarz.
  apply Rsqr_incr_0_var; [| now apply Rmult_le_pos]. rewrite !Rsqr_pow2.
  apply Rmult_le_reg_r with ((1 - / INR K) ^ 2); [now apply pow_lt |]. nra.
Qed.

(** Where there is a better rival, the published structure is not optimal. *)
Theorem rivals_are_better r q E : better_rival K r q E -> (r <= d_1)%nat -> (r <= d_2)%nat ->
  exists W_1' W_2' H', loss W_1' W_2' H' < loss W_1 W_2 H.
Proof.
  intros better first_width second_width.
  pose proof classes_real_2 as two. pose proof margin_from_sizes as enough_size. pose proof W_1_norm as first_norm.
 
  assert (v_positive : 0 < v) by nra. assert (g_positive : 0 < g) by nra.
  assert (norm_nonneg : 0 <= squared_norm d_2 d_1 W_1) by (apply sum_nonneg; intros; apply sum_of_squares_nonneg).
  assert (a_positive : 0 < a).
  { destruct (Rle_lt_or_eq_dec 0 a a_nonneg) as [? | zero]; [easy |]. rewrite <- zero in first_norm.
    pose proof (pow_lt v 2 v_positive). nra. }
  set (c := v / a). set (h := t / v). assert (h_positive : 0 < h) by now apply Rdiv_lt_0_compat.
  assert (first_size : (INR K - 1) * c ^ 2 <= squared_norm d_2 d_1 W_1).
  { unfold c. apply Rmult_le_reg_l with (a ^ 2); [now apply pow_lt |].
    replace (a ^ 2 * ((INR K - 1) * (v / a) ^ 2)) with ((INR K - 1) * v ^ 2) by (field; lra). easy. }
  assert (h_small : h ^ 2 <= g ^ 2).
  { apply pow_incr. split; [lra |]. unfold h. apply Rmult_le_reg_r with v; [easy |]. field_simplify; lra. }
  exists (rival_W_1 r q c), (rival_W_2 r q E a), (rival_H r q E h). rewrite published_loss.
  eapply Rlt_le_trans; [apply (rival_loss r q E first_width second_width a c h t better alive); unfold c, h; field; lra |].
  assert (lambda_1 / 2 * ((INR K - 1) * c ^ 2) <= lambda_1 / 2 * squared_norm d_2 d_1 W_1) by (apply Rmult_le_compat_l; lra).
  assert (lambda_H / 2 * ((INR K - 1) * n * h ^ 2) <= lambda_H / 2 * (INR N * (1 - / INR K) * g ^ 2)).
  { apply Rmult_le_compat_l; [lra |]. replace (INR N * (1 - / INR K)) with ((INR K - 1) * n) by (rewrite per_class; field; lra).
    apply Rmult_le_compat_l; [apply Rmult_le_pos; lra | easy]. }
  lra.
Qed.
End Published.
End Rival.
