(** Certificates of the MSE: Coq decides that the dual point is feasible, and computes the lower bound of the loss that
    follows. *)
From Coq Require Import Reals Lra Lia Arith ZArith Bool.
From Atlas Require Import Sums Labels Duality FixedPoint DualCertificate.
Open Scope R_scope.

(** The mean over the samples of half the squared distance between the logits Z and the labels Y. *)
Definition mean_squared_error (K N : nat) (Y Z : nat -> nat -> R) : R :=
  / INR N * sum N (fun j => sum K (fun k => (Z k j - Y k j) ^ 2) / 2).

(** The MSE lies above its tangent at P. *)
Lemma above_tangent K N Y P Z : (0 < N)%nat ->
  / INR N * sum N (fun j => (sum K (fun k => Y k j ^ 2) - sum K (fun k => P k j ^ 2)) / 2)
    - / INR N * sum N (fun j => sum K (fun k => (Y k j - P k j) * Z k j))
  <= mean_squared_error K N Y Z.
Proof.
  intros some. unfold mean_squared_error. rewrite <- Rmult_minus_distr_l, <- sum_minus.
  apply Rmult_le_compat_l; [left; now apply Rinv_0_lt_compat, lt_0_INR |]. apply sum_le. intros j _.
  apply Rmult_le_reg_l with 2; [lra |].
  replace (2 * (sum K (fun k => (Z k j - Y k j) ^ 2) / 2)) with (sum K (fun k => (Z k j - Y k j) ^ 2)) by field.
  apply Rle_trans with (sum K (fun k => Y k j ^ 2 - P k j ^ 2 - 2 * ((Y k j - P k j) * Z k j))).
  - rewrite !sum_minus, sum_scale. lra.
  - apply sum_le. intros k _. pose proof (pow2_ge_0 (Z k j - P k j)). nra.
Qed.

Section Certificate.
Variable c : certificate.
Local Notation classes := (classes c).

(** What a class gives to the bound: twice its part of the dual value, times the square of the denominator. *)
Definition gain (l : nat) : Z := (denominator c ^ 2 - integer_sum classes (fun k => numerator c k l ^ 2))%Z.

(** The lower bound, in fixed point: the dual value, rounded down. *)
Definition fixed_bound : Z :=
  (unit * integer_sum classes (fun l => count_of c l * gain l) / (2 * samples c * denominator c ^ 2))%Z.

Hypothesis decided : is_feasible c = true.
Variables (label : nat -> nat) (N : nat) (lw lh : R).
Hypothesis described : describes c N label lw lh.

(** The squared norm of a label less that of its column. *)
Lemma gain_is l : IZR (gain l) / IZR (denominator c) ^ 2 = 1 - sum classes (fun k => entry c k l ^ 2).
Proof.
  pose proof (denominator_positive c decided). unfold gain. rewrite minus_IZR, integer_sum_real, Z.pow_2_r, mult_IZR.
  rewrite (sum_ext classes (fun k => entry c k l ^ 2)
    (fun k => / IZR (denominator c) ^ 2 * IZR (numerator c k l ^ 2))).
  - rewrite sum_scale. field. lra.
  - intros k _. rewrite Z.pow_2_r, mult_IZR. unfold entry. field. lra.
Qed.

(** The bound that Coq computes is at most the dual value. *)
Lemma bound_below_dual : real_of fixed_bound
  <= / INR N * sum N (fun j => (sum classes (fun k => one_hot label k j ^ 2)
    - sum classes (fun k => dual_point c label k j ^ 2)) / 2).
Proof.
  pose proof (samples_positive c decided _ _ _ _ described) as positive. pose proof unit_positive.
  pose proof (denominator_positive c decided).
  rewrite (sum_ext N _ (fun j => IZR (gain (label j)) / IZR (denominator c) ^ 2 / 2)).
  - rewrite (mean_by_class c label N lw lh described (fun l => IZR (gain l) / IZR (denominator c) ^ 2 / 2)).
    rewrite (samples_are c label N lw lh described) in positive.
    rewrite (sum_ext classes _ (fun l => / (2 * IZR (denominator c) ^ 2) * IZR (count_of c l * gain l)))
      by (intros; rewrite mult_IZR; field; lra).
    rewrite sum_scale, <- integer_sum_real. unfold fixed_bound, real_of.
    set (total := integer_sum classes _).
    assert (divisor : (0 < 2 * samples c * denominator c ^ 2)%Z).
    { apply lt_IZR. rewrite Z.pow_2_r, !mult_IZR. repeat apply Rmult_lt_0_compat; lra. }
    pose proof (quotient_below (unit * total) _ divisor) as below. rewrite Z.pow_2_r, !mult_IZR in below.
    apply Rmult_le_reg_r with (IZR unit); [easy |]. unfold Rdiv at 1. rewrite Rmult_assoc, Rinv_l by lra.
    rewrite Rmult_1_r. eapply Rle_trans; [rewrite Z.pow_2_r; exact below |]. right. field. lra.
  - intros j sampled. rewrite gain_is. unfold dual_point. f_equal. f_equal.
    rewrite <- (one_hot_total classes label j) by now apply described. apply sum_ext. intros k _.
    destruct (one_hot_cases label k j) as [-> | ->]; ring.
Qed.

(** No point has a loss below the bound: at any feature dimension, and whatever the order of the samples. *)
Theorem certified d W H : real_of fixed_bound <=
  mean_squared_error classes N (one_hot label) (product d W H) + lw / 2 * squared_norm classes d W
    + lh / 2 * squared_norm d N H.
Proof.
  assert (some : (0 < N)%nat) by (apply INR_lt, (samples_positive c decided _ _ _ _ described)).
  pose proof bound_below_dual. pose proof (above_tangent classes N (one_hot label) (dual_point c label)
    (product d W H) some) as tangent.
  pose proof (slope_below_decays classes N lw lh (one_hot label) (dual_point c label) (fun _ => True) d W H (fun _ => 0)
    (certificate_feasible c decided _ _ _ _ described _) (fun _ _ => I) (fun _ _ => Rmult_0_l _)) as paid. cbv beta in paid.
  rewrite (sum_ext N _ (fun j => sum classes (fun k => (one_hot label k j - dual_point c label k j)
    * product d W H k j))) in paid by (intros; apply sum_ext; intros; ring).
  lra.
Qed.
End Certificate.
