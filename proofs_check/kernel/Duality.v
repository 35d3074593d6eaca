(** Weak duality with decay: a feasible matrix pays for the slope of the fit, so that every feasible matrix of
    probabilities bounds the cross-entropy from below. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Softmax.
Open Scope R_scope.

(** The entry of W H. *)
Definition product (d : nat) (W H : nat -> nat -> R) (k j : nat) : R := sum d (fun i => W k i * H i j).

(** The squared Frobenius norm of a matrix. *)
Definition squared_norm (m n : nat) (A : nat -> nat -> R) : R := sum m (fun i => sum n (fun j => A i j ^ 2)).

Lemma squared_norm_ext m n A B :
  (forall i j, (i < m)%nat -> (j < n)%nat -> A i j = B i j) -> squared_norm m n A = squared_norm m n B.
Proof. intros same. apply sum_ext. intros i row. apply sum_ext. intros j column. now rewrite same. Qed.

(** The mean cross-entropy of the logits Z against the labels Y, whose columns sum to one. *)
Definition mean_cross_entropy (K N : nat) (Y Z : nat -> nat -> R) : R :=
  / INR N * sum N (fun j => log_sum_exp K (fun k => Z k j) - sum K (fun k => Y k j * Z k j)).

(** The mean cross-entropy depends on the entries of the labels and of the logits alone. *)
Lemma mean_cross_entropy_ext K N Y Y' Z Z' :
  (forall k j, (k < K)%nat -> (j < N)%nat -> Y k j = Y' k j /\ Z k j = Z' k j) ->
  mean_cross_entropy K N Y Z = mean_cross_entropy K N Y' Z'.
Proof.
  intros same. unfold mean_cross_entropy, log_sum_exp. f_equal. apply sum_ext. intros j sampled.
  rewrite (sum_ext K (fun k => exp (Z k j)) (fun k => exp (Z' k j))) by (intros; f_equal; now apply same).
  f_equal. apply sum_ext. intros k inside. destruct (same k j inside sampled) as [-> ->]. reflexivity.
Qed.

(** The mean cross-entropy of equal probabilities, whatever the labels. *)
Lemma zero_cross_entropy K N Y : (0 < N)%nat -> mean_cross_entropy K N Y (fun _ _ => 0) = ln (INR K).
Proof.
  intros some. assert (0 < INR N) by now apply lt_0_INR. unfold mean_cross_entropy, log_sum_exp.
  rewrite (sum_ext N _ (fun _ => ln (INR K))); [rewrite sum_const; field; lra |]. intros j _.
  rewrite exp_0, sum_const, (sum_zero K (fun k => Y k j * 0)), Rmult_1_r by (intros; ring). ring.
Qed.

(** The inequality between the arithmetic and the geometric mean of two squares. *)
Lemma mean_of_squares c a b : 0 < c -> a * b <= / (2 * c) * a ^ 2 + c / 2 * b ^ 2.
Proof.
  intros positive. pose proof (pow2_ge_0 (a - c * b)) as square. apply Rmult_le_reg_l with (2 * c); [lra |].
  replace (2 * c * (/ (2 * c) * a ^ 2 + c / 2 * b ^ 2)) with (a ^ 2 + (c * b) ^ 2) by (field; lra).
  replace (2 * c * (a * b)) with (2 * a * (c * b)) by ring. nra.
Qed.

Section Duality.
Variables (K N : nat) (lw lh : R) (Y P : nat -> nat -> R) (cone : (nat -> R) -> Prop).
Hypotheses (some_class : (0 < K)%nat) (some_sample : (0 < N)%nat) (weight : 0 < lw) (feature : 0 < lh).

(** P is dual feasible: on every coordinate of the features that lies in the cone, the decay terms pay for the slope.
    *)
Definition feasible : Prop := forall w x, cone x ->
  / INR N * sum N (fun j => sum K (fun k => (Y k j - P k j) * (w k * x j)))
  <= lw / 2 * sum K (fun k => w k ^ 2) + lh / 2 * sum N (fun j => x j ^ 2).

Let samples_positive : 0 < INR N.
Proof. now apply lt_0_INR. Qed.

(** P is feasible, whatever the cone, where the operator norm of Y - P is at most N sqrt(lw lh). *)
Lemma feasible_by_operator_norm :
  (forall w, sum N (fun j => sum K (fun k => (Y k j - P k j) * w k) ^ 2)
    <= INR N ^ 2 * (lw * lh) * sum K (fun k => w k ^ 2)) ->
  feasible.
Proof.
  intros bounded w x _. specialize (bounded w).
  apply Rle_trans with
    (sum N (fun j => / (2 * lh * INR N ^ 2) * sum K (fun k => (Y k j - P k j) * w k) ^ 2 + lh / 2 * x j ^ 2)).
  - rewrite <- sum_scale. apply sum_le. intros j _. set (g := sum K (fun k => (Y k j - P k j) * w k)).
    replace (sum K (fun k => (Y k j - P k j) * (w k * x j))) with (g * x j)
      by (unfold g; rewrite Rmult_comm, <- sum_scale; apply sum_ext; intros; ring).
    pose proof (mean_of_squares lh (g / INR N) (x j) feature) as split.
    replace (/ (2 * lh) * (g / INR N) ^ 2) with (/ (2 * lh * INR N ^ 2) * g ^ 2) in split by (field; lra).
    unfold Rdiv in *. lra.
  - rewrite sum_plus, !sum_scale. apply Rplus_le_compat_r.
    replace (lw / 2 * sum K (fun k => w k ^ 2))
      with (/ (2 * lh * INR N ^ 2) * (INR N ^ 2 * (lw * lh) * sum K (fun k => w k ^ 2))) by (field; lra).
    apply Rmult_le_compat_l; [| easy]. left. apply Rinv_0_lt_compat.
    apply Rmult_lt_0_compat; [lra | now apply pow_lt].
Qed.

(** The same on the cone alone: P is feasible where Y - P maps no x of the cone to more than N sqrt(lw lh) times its
    length. *)
Lemma feasible_on_cone :
  (forall x, cone x ->
    sum K (fun k => sum N (fun j => (Y k j - P k j) * x j) ^ 2)
      <= INR N ^ 2 * (lw * lh) * sum N (fun j => x j ^ 2)) ->
  feasible.
Proof.
  intros bounded w x inside. specialize (bounded x inside). rewrite sum_swap.
  apply Rle_trans with
    (sum K (fun k => lw / 2 * w k ^ 2 + / (2 * lw * INR N ^ 2) * sum N (fun j => (Y k j - P k j) * x j) ^ 2)).
  - rewrite <- sum_scale. apply sum_le. intros k _. set (g := sum N (fun j => (Y k j - P k j) * x j)).
    replace (sum N (fun j => (Y k j - P k j) * (w k * x j))) with (g * w k)
      by (unfold g; rewrite Rmult_comm, <- sum_scale; apply sum_ext; intros; ring).
    pose proof (mean_of_squares lw (g / INR N) (w k) weight) as split.
    replace (/ (2 * lw) * (g / INR N) ^ 2) with (/ (2 * lw * INR N ^ 2) * g ^ 2) in split by (field; lra).
    unfold Rdiv in *. lra.
  - rewrite sum_plus, !sum_scale. apply Rplus_le_compat_l.
    replace (lh / 2 * sum N (fun j => x j ^ 2))
      with (/ (2 * lw * INR N ^ 2) * (INR N ^ 2 * (lw * lh) * sum N (fun j => x j ^ 2))) by (field; lra).
    apply Rmult_le_compat_l; [| easy]. left. apply Rinv_0_lt_compat.
    apply Rmult_lt_0_compat; [lra | now apply pow_lt].
Qed.

(** The slope along the logits W H + b is that of one coordinate of the features after the other: the bias drops out.
    *)
Lemma slope_by_coordinates d W H b : (forall k, (k < K)%nat -> b k * sum N (fun j => Y k j - P k j) = 0) ->
  sum N (fun j => sum K (fun k => (Y k j - P k j) * (product d W H k j + b k)))
  = sum d (fun i => sum N (fun j => sum K (fun k => (Y k j - P k j) * (W k i * H i j)))).
Proof.
  intros unseen.
  rewrite (sum_ext N _ (fun j => sum K (fun k => (Y k j - P k j) * product d W H k j)
    + sum K (fun k => b k * (Y k j - P k j))))
    by (intros; rewrite <- sum_plus; apply sum_ext; intros; ring).
  rewrite sum_plus, (sum_swap N K (fun j k => b k * (Y k j - P k j))).
  rewrite (sum_zero K) by (intros; rewrite sum_scale; now apply unseen). rewrite Rplus_0_r.
  rewrite (sum_swap d N). apply sum_ext. intros j _. rewrite (sum_swap d K). apply sum_ext. intros k _.
  unfold product. now rewrite sum_scale.
Qed.

(** The decay terms pay for the slope along the logits W H + b, where P is feasible. A bias wants rows of Y - P that sum
    to zero. *)
Lemma slope_below_decays d W H b : feasible -> (forall i, (i < d)%nat -> cone (H i)) ->
  (forall k, (k < K)%nat -> b k * sum N (fun j => Y k j - P k j) = 0) ->
  / INR N * sum N (fun j => sum K (fun k => (Y k j - P k j) * (product d W H k j + b k)))
  <= lw / 2 * squared_norm K d W + lh / 2 * squared_norm d N H.
Proof.
  intros dual inside unseen. rewrite (slope_by_coordinates d W H b unseen).
  unfold squared_norm. rewrite (sum_swap K d), <- !sum_scale, <- sum_plus. apply sum_le. intros i below.
  exact (dual (fun k => W k i) (H i) (inside i below)).
Qed.

Hypothesis probabilities : forall k j, (k < K)%nat -> (j < N)%nat -> 0 <= P k j.
Hypothesis total : forall j, (j < N)%nat -> sum K (fun k => P k j) = 1.

(** The cross-entropy lies above its tangent at P: the mean entropy less the slope. *)
Lemma above_tangent Z :
  / INR N * sum N (fun j => entropy K (fun k => P k j)) - / INR N * sum N (fun j => sum K (fun k => (Y k j
    - P k j) * Z k j))
  <= mean_cross_entropy K N Y Z.
Proof.
  unfold mean_cross_entropy. rewrite <- Rmult_minus_distr_l, <- sum_minus.
  apply Rmult_le_compat_l; [left; now apply Rinv_0_lt_compat |]. apply sum_le. intros j inside.
  pose proof (gibbs K (fun k => Z k j) (fun k => P k j) some_class
    (fun k below => probabilities k j below inside) (total j inside)) as tangent. simpl in tangent.
  rewrite (sum_ext K (fun k => (Y k j - P k j) * Z k j) (fun k => Y k j * Z k j - P k j * Z k j)) by (intros; ring).
  rewrite sum_minus. lra.
Qed.

(** Weak duality: the mean entropy of feasible P is a lower bound of the loss. A bias wants rows of Y - P that sum to
    zero. *)
Theorem weak_duality d W H b : feasible -> (forall i, (i < d)%nat -> cone (H i)) ->
  (forall k, (k < K)%nat -> b k * sum N (fun j => Y k j - P k j) = 0) ->
  / INR N * sum N (fun j => entropy K (fun k => P k j))
  <= mean_cross_entropy K N Y (fun k j => product d W H k j + b k)
     + lw / 2 * squared_norm K d W + lh / 2 * squared_norm d N H.
Proof.
  intros dual inside unseen. pose proof (above_tangent (fun k j => product d W H k j + b k)) as tangent.
  pose proof (slope_below_decays d W H b dual inside unseen). cbv beta in tangent. lra.
Qed.
End Duality.
