(** Classes in pairs, and three of them on a triangle: logits of low rank that fit better than a simplex ETF. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Labels Softmax Margin SimplexEtf SimplexVertices DeepLinearRival.
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

(** A positive number with a given cube. *)
Lemma cube_root x : 0 < x -> exists r, 0 < r /\ r ^ 3 = x.
Proof.
  intros positive. exists (Rpower x (/ 3)). split; [apply exp_pos |]. rewrite <- Rpower_pow by apply exp_pos.
  rewrite Rpower_mult. replace (/ 3 * INR 3) with 1 by (simpl; field). now apply Rpower_1.
Qed.

(** A cube bounds the square of its root. *)
Lemma square_of_cube_root r u v : 0 < r -> 0 < u -> r ^ 3 <= v -> v <= u ^ 3 -> r ^ 2 <= u ^ 2.
Proof.
  intros positive u_positive cube above. apply pow_incr. split; [lra |]. apply Rnot_lt_le. intros larger.
  assert (u ^ 3 < r ^ 3); [| lra]. apply Rlt_trans with (u ^ 2 * r).
  - replace (u ^ 3) with (u ^ 2 * u) by ring. apply Rmult_lt_compat_l; [now apply pow_lt | easy].
  - replace (r ^ 3) with (r ^ 2 * r) by ring. apply Rmult_lt_compat_r; [easy |]. nra.
Qed.

Lemma pair_inside m k : (k < 2 * m)%nat -> (Nat.div2 k < m)%nat.
Proof. intros inside. rewrite Nat.div2_div. apply Nat.div_lt_upper_bound; lia. Qed.

(** The partition function of pairs. *)
Lemma pair_partition m y t : (y < 2 * m)%nat ->
  sum (2 * m) (fun k => exp (t * pair_logit k y)) = exp t + exp (- t) + (INR m - 1) * 2.
Proof.
  intros inside. pose proof (pair_inside m y inside) as pair.
  assert (halves : forall i, Nat.div2 (2 * i) = i /\ Nat.div2 (2 * i + 1) = i).
  { intros i. split; [apply Nat.div2_double |]. rewrite Nat.add_1_r. apply Nat.div2_succ_double. }
  assert (sides : forall i, side (2 * i) = 1 /\ side (2 * i + 1) = -1).
  { intros i. unfold side. rewrite Nat.even_add, Nat.even_mul. now split. }
  rewrite sum_pairs, (sum_ext m _ (fun i => if Nat.eqb (Nat.div2 y) i then exp t + exp (- t) else 2)).
  2: { intros i _. unfold pair_logit. destruct (halves i) as [-> ->], (sides i) as [-> ->].
       destruct Nat.eqb; [| rewrite !Rmult_0_r, exp_0; ring].
       unfold side. destruct Nat.even; [f_equal; f_equal; ring | rewrite Rplus_comm; f_equal; f_equal; ring]. }
  now rewrite sum_one_differs.
Qed.

(** The correct logit of a pair. *)
Lemma pair_logit_own y : pair_logit y y = 1.
Proof. unfold pair_logit. rewrite Nat.eqb_refl, <- (side_square y). ring. Qed.

(** A partition function below that of a simplex ETF gives a smaller cross-entropy. *)
Lemma smaller_partition S K t : 0 < S -> 1 <= K -> S < exp t + (K - 1) -> ln S - t < ln (1 + (K - 1) * exp (- t)).
Proof.
  intros positive some below. pose proof (exp_pos t). pose proof (exp_pos (- t)).
  assert (unit : exp t * exp (- t) = 1) by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
  replace (1 + (K - 1) * exp (- t)) with ((exp t + (K - 1)) * exp (- t)) by (rewrite Rmult_plus_distr_r, unit; ring).
  rewrite ln_mult, ln_exp by lra. pose proof (ln_increasing S _ positive below). lra.
Qed.

Lemma decayed t : 0 < t -> exp (- t) < 1.
Proof. intros positive. rewrite <- exp_0. apply exp_increasing. lra. Qed.

(** The coordinates of the ends of pairs have the inner products of their logits, and half the length. *)
Definition pair_coordinate (k i : nat) : R := end_of_pair k i / sqrt 2.

Lemma half_square x y : x / sqrt 2 * (y / sqrt 2) = x * y / 2.
Proof.
  assert (0 < sqrt 2) by (apply sqrt_lt_R0; lra). assert (root : sqrt 2 * sqrt 2 = 2) by (apply sqrt_sqrt; lra).
  transitivity (x * y / (sqrt 2 * sqrt 2)); [field; lra | now rewrite root].
Qed.

Lemma pair_products m k l : (k < 2 * m)%nat -> sum m (fun i => 2 * (pair_coordinate k i * pair_coordinate l i)) = pair_logit k l.
Proof.
  intros row. pose proof (pair_inside m k row). rewrite (sum_ext m _ (fun i => end_of_pair k i * end_of_pair l i)).
  - rewrite pick_pair by easy. unfold end_of_pair, pair_logit. destruct Nat.eqb; ring.
  - intros i _. unfold pair_coordinate. rewrite half_square. field.
Qed.

Lemma pair_length m k : (k < 2 * m)%nat -> sum m (fun i => pair_coordinate k i ^ 2) = / 2.
Proof.
  intros row. pose proof (pair_products m k k row) as products. rewrite sum_scale, pair_logit_own in products.
  rewrite (sum_ext m _ (fun i => pair_coordinate k i * pair_coordinate k i)) by (intros; ring). lra.
Qed.

(** Classes in pairs are a better rival, for every even number of classes from six on. *)
Theorem pairs_are_better m : (3 <= m)%nat -> exists q E, better_rival (2 * m) m q E.
Proof.
  intros three. destruct (cube_root 2 ltac:(lra)) as (r & positive & cube).
  assert (at_most : r ^ 2 <= 5 / 3).
  { apply Rle_trans with ((129 / 100) ^ 2); [| lra]. apply (square_of_cube_root r (129 / 100) 2); lra. }
  assert (three_real : 3 <= INR m) by (replace 3 with (INR 3) by (simpl; ring); now apply le_INR).
  assert (whole : INR (2 * m) = 2 * INR m) by (rewrite mult_INR; simpl; ring).
  exists (fun _ => r), pair_coordinate. unfold better_rival, rival_norm, rival_logit. rewrite whole. repeat split.
  - rewrite (sum_ext (2 * m) _ (fun _ => r ^ 2 / 2)).
    + rewrite sum_const, whole. nra.
    + intros k row. rewrite (sum_ext m _ (fun i => r ^ 2 * pair_coordinate k i ^ 2)) by (intros; ring).
      rewrite sum_scale, pair_length by easy. field.
  - rewrite sum_const. nra.
  - intros y t inside alive. pose proof (decayed t alive). pose proof (exp_pos t). pose proof (exp_pos (- t)).
    rewrite (sum_ext (2 * m) _ (fun k => exp (t * pair_logit k y)))
      by (intros k row; now rewrite cube, pair_products).
    rewrite cube, pair_products, pair_logit_own, Rmult_1_r, pair_partition by easy. apply smaller_partition; lra.
Qed.

(** A sum in two parts. *)
Lemma sum_parts n p f : sum (n + p) f = sum n f + sum p (fun i => f (n + i)%nat).
Proof.
  induction p as [| p IH]; [rewrite Nat.add_0_r; simpl; ring |]. rewrite Nat.add_succ_r. cbn [sum]. rewrite IH. ring.
Qed.

Section Triple.
Variables (m : nat) (r s : R).
Hypotheses (two : (2 <= m)%nat) (r_positive : 0 < r) (s_positive : 0 < s) (r_cube : r ^ 3 = 2) (s_cube : s ^ 3 = 3 / 2).
Local Notation K := (2 * m + 3)%nat.

(** Classes in m pairs, and the last three on a triangle of two more axes. *)
Definition triple_scale (i : nat) : R := if Nat.ltb i m then r else s.
Definition triple_coordinate (k i : nat) : R :=
  if Nat.ltb i m then if Nat.ltb k (2 * m) then pair_coordinate k i else 0
  else if Nat.ltb k (2 * m) then 0 else vertex 3 (k - 2 * m) (i - m).

(** Sums over the axes: those of the pairs, and those of the triangle. *)
Lemma over_axes f : sum (m + 2) f = sum m f + sum 2 (fun i => f (m + i)%nat).
Proof. apply sum_parts. Qed.

Lemma first_axes k i : (i < m)%nat ->
  triple_scale i = r /\ triple_coordinate k i = if Nat.ltb k (2 * m) then pair_coordinate k i else 0.
Proof. intros inside. unfold triple_scale, triple_coordinate. destruct (Nat.ltb_spec i m); [easy | lia]. Qed.
Lemma last_axes k i : triple_scale (m + i) = s
  /\ triple_coordinate k (m + i) = if Nat.ltb k (2 * m) then 0 else vertex 3 (k - 2 * m) i.
Proof.
  unfold triple_scale, triple_coordinate. destruct (Nat.ltb_spec (m + i) m); [lia |].
  replace (m + i - m)%nat with i by lia. easy.
Qed.

(** The logits of a triangle. *)
Lemma triangle k l : (k < 3)%nat -> (l < 3)%nat -> sum 2 (fun i => vertex 3 k i * vertex 3 l i) = centring 3 k l.
Proof. intros row col. apply (vertices_are_etf 3 2); lia. Qed.

(** The logits: opposite in a pair, those of a triangle among the last three, and zero elsewhere. *)
Lemma triple_logits k l : (k < K)%nat -> (l < K)%nat -> rival_logit (m + 2) triple_scale triple_coordinate k l =
  if Nat.ltb k (2 * m) then if Nat.ltb l (2 * m) then pair_logit k l else 0
  else if Nat.ltb l (2 * m) then 0 else 3 / 2 * centring 3 (k - 2 * m) (l - 2 * m).
Proof.
  intros row col. unfold rival_logit. rewrite over_axes.
  rewrite (sum_ext m _ (fun i => if Nat.ltb k (2 * m) then if Nat.ltb l (2 * m) then 2 * (pair_coordinate k i * pair_coordinate l i) else 0 else 0)).
  2: { intros i inside. destruct (first_axes k i inside) as [-> ->], (first_axes l i inside) as [_ ->]. rewrite r_cube.
       destruct Nat.ltb, Nat.ltb; ring. }
  rewrite (sum_ext 2 _ (fun i => if Nat.ltb k (2 * m) then 0 else if Nat.ltb l (2 * m) then 0
    else 3 / 2 * (vertex 3 (k - 2 * m) i * vertex 3 (l - 2 * m) i))).
  2: { intros i _. destruct (last_axes k i) as [-> ->], (last_axes l i) as [_ ->]. rewrite s_cube.
       destruct (Nat.ltb k (2 * m)), (Nat.ltb l (2 * m)); ring. }
  destruct (Nat.ltb_spec k (2 * m)), (Nat.ltb_spec l (2 * m)); rewrite ?(sum_zero m), ?(sum_zero 2) by easy; rewrite ?Rplus_0_l, ?Rplus_0_r; try reflexivity.
  - now apply pair_products.
  - rewrite sum_scale, triangle by lia. reflexivity.
Qed.

(** The squared norm of the classifier. *)
Lemma triple_norm : rival_norm K (m + 2) triple_scale triple_coordinate = INR m * r ^ 2 + 2 * s ^ 2.
Proof.
  unfold rival_norm. rewrite sum_parts.
  rewrite (sum_ext (2 * m) _ (fun _ => r ^ 2 / 2)).
  2: { intros k row. rewrite over_axes. rewrite (sum_ext m _ (fun i => r ^ 2 * pair_coordinate k i ^ 2)).
       - rewrite sum_scale, pair_length, sum_zero by (easy || (intros i _; destruct (last_axes k i) as [_ ->];
           destruct (Nat.ltb_spec k (2 * m)); [ring | lia])). field.
       - intros i inside. destruct (first_axes k i inside) as [-> ->]. destruct (Nat.ltb_spec k (2 * m)); [ring | lia]. }
  rewrite (sum_ext 3 _ (fun _ => s ^ 2 * (2 / 3))).
  - rewrite !sum_const, mult_INR. simpl. field.
  - intros k row. rewrite over_axes, (sum_zero m).
    + rewrite (sum_ext 2 _ (fun i => s ^ 2 * (vertex 3 k i * vertex 3 k i))).
      * rewrite sum_scale, triangle by easy. unfold centring. rewrite Nat.eqb_refl. simpl. field.
      * intros i _. destruct (last_axes (2 * m + k) i) as [-> ->]. destruct (Nat.ltb_spec (2 * m + k) (2 * m)); [lia |].
        replace (2 * m + k - 2 * m)%nat with k by lia. ring.
    + intros i inside. destruct (first_axes (2 * m + k) i inside) as [_ ->].
      destruct (Nat.ltb_spec (2 * m + k) (2 * m)); [lia | ring].
Qed.

(** The squares of the scales. *)
Lemma triple_axes : sum (m + 2) (fun i => triple_scale i ^ 2) = INR m * r ^ 2 + 2 * s ^ 2.
Proof.
  rewrite over_axes, (sum_ext m _ (fun _ => r ^ 2)), (sum_ext 2 _ (fun _ => s ^ 2)).
  - rewrite !sum_const. simpl. ring.
  - intros i _. now destruct (last_axes 0 i) as [-> _].
  - intros i inside. now destruct (first_axes 0 i inside) as [-> _].
Qed.

(** The partition function is below that of a simplex ETF. *)
Lemma triple_partition y t : (y < K)%nat -> 0 < t ->
  sum K (fun k => exp (t * rival_logit (m + 2) triple_scale triple_coordinate k y)) < exp t + (INR K - 1).
Proof.
  intros inside alive. pose proof (decayed t alive) as small. pose proof (decayed (t / 2) ltac:(lra)) as half.
  assert (whole : INR K = 2 * INR m + 3) by (rewrite plus_INR, mult_INR; simpl; ring).
  rewrite sum_parts. destruct (Nat.lt_ge_cases y (2 * m)) as [pair | last].
  - rewrite (sum_ext (2 * m) _ (fun k => exp (t * pair_logit k y))), (sum_ext 3 _ (fun _ => 1)).
    + rewrite pair_partition, sum_const, whole by easy. replace (INR 3) with 3 by (simpl; ring). lra.
    + intros k row. rewrite triple_logits by lia. destruct (Nat.ltb_spec (2 * m + k) (2 * m)); [lia |].
      destruct (Nat.ltb_spec y (2 * m)); [| lia]. rewrite Rmult_0_r. apply exp_0.
    + intros k row. rewrite triple_logits by lia. destruct (Nat.ltb_spec k (2 * m)), (Nat.ltb_spec y (2 * m)); easy || lia.
  - rewrite (sum_ext (2 * m) _ (fun _ => 1)), (sum_ext 3 _ (fun k => if Nat.eqb (y - 2 * m) k then exp t else exp (- (t / 2)))).
    + rewrite sum_const, sum_one_differs, whole, mult_INR by lia.
      replace (INR 3) with 3 by (simpl; ring). replace (INR 2) with 2 by (simpl; ring). lra.
    + intros k row. rewrite triple_logits by lia. destruct (Nat.ltb_spec (2 * m + k) (2 * m)); [lia |].
      destruct (Nat.ltb_spec y (2 * m)); [lia |]. replace (2 * m + k - 2 * m)%nat with k by lia. unfold centring.
      rewrite (Nat.eqb_sym k). destruct Nat.eqb; f_equal; simpl; field.
    + intros k row. rewrite triple_logits by lia. destruct (Nat.ltb_spec k (2 * m)); [| lia].
      destruct (Nat.ltb_spec y (2 * m)); [lia |]. rewrite Rmult_0_r. apply exp_0.
Qed.

(** The correct logit is the margin. *)
Lemma triple_own y : (y < K)%nat -> rival_logit (m + 2) triple_scale triple_coordinate y y = 1.
Proof.
  intros inside. rewrite triple_logits by easy. destruct (Nat.ltb_spec y (2 * m)); [apply pair_logit_own |].
  unfold centring. rewrite Nat.eqb_refl. simpl. field.
Qed.

Lemma triple_is_better : better_rival K (m + 2) triple_scale triple_coordinate.
Proof.
  assert (r_square : r ^ 2 <= 5 / 3).
  { apply Rle_trans with ((129 / 100) ^ 2); [| lra]. apply (square_of_cube_root r (129 / 100) 2); lra. }
  assert (s_square : s ^ 2 <= 4 / 3).
  { apply Rle_trans with ((115 / 100) ^ 2); [| lra]. apply (square_of_cube_root s (115 / 100) (3 / 2)); lra. }
  assert (two_real : 2 <= INR m) by (change 2 with (INR 2); now apply le_INR).
  assert (whole : INR K = 2 * INR m + 3) by (rewrite plus_INR, mult_INR; simpl; ring).
  unfold better_rival. rewrite triple_norm, triple_axes. split; [rewrite whole; nra |]. split; [rewrite whole; nra |].
  intros y t inside alive. rewrite triple_own, Rmult_1_r by easy.
  apply smaller_partition; [| rewrite whole; lra | now apply triple_partition].
  apply partition_positive. lia.
Qed.
End Triple.

(** Pairs and a triangle are a better rival, for every odd number of classes from seven on. *)
Theorem triangle_is_better m : (2 <= m)%nat -> exists q E, better_rival (2 * m + 3) (m + 2) q E.
Proof.
  intros two. destruct (cube_root 2 ltac:(lra)) as (r & r_positive & r_cube).
  destruct (cube_root (3 / 2) ltac:(lra)) as (s & s_positive & s_cube).
  exists (triple_scale m r s), (triple_coordinate m). now apply triple_is_better.
Qed.
