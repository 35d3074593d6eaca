(** The cross-entropy of any number of classes: log-sum-exp, the entropy, and Gibbs' inequality between them. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums.
Open Scope R_scope.

(** The logarithm of the partition function of the logits z. *)
Definition log_sum_exp (K : nat) (z : nat -> R) : R := ln (sum K (fun k => exp (z k))).

(** The entropy of the probabilities p. *)
Definition entropy (K : nat) (p : nat -> R) : R := - sum K (fun k => p k * ln (p k)).

(** The logarithm lies below its tangent at one. *)
Lemma ln_tangent x : 0 < x -> ln x <= x - 1.
Proof. intros positive. pose proof (exp_ineq1_le (ln x)) as above. rewrite exp_ln in above by easy. lra. Qed.

(** The logarithm meets its tangent at one nowhere else. *)
Lemma ln_tangent_strict x : 0 < x -> x <> 1 -> ln x < x - 1.
Proof.
  intros positive other. pose proof (exp_ineq1 (ln x)) as above. rewrite exp_ln in above by easy.
  assert (ln x <> 0) by (intros zero; apply other, ln_inv; [easy | lra | now rewrite ln_1]). lra.
Qed.

(** A sum of positive numbers is positive. *)
Lemma sum_positive n f : (0 < n)%nat -> (forall i, (i < n)%nat -> 0 < f i) -> 0 < sum n f.
Proof.
  destruct n as [| n]; [lia |]. intros _ positive. simpl. apply Rplus_le_lt_0_compat; [| auto].
  apply sum_nonneg. intros i below. left. auto.
Qed.

(** A sum of nonnegative numbers is at least each of them. *)
Lemma sum_ge_term n f i : (i < n)%nat -> (forall j, (j < n)%nat -> 0 <= f j) -> f i <= sum n f.
Proof.
  intros inside nonneg. rewrite <- (sum_at n i f inside). apply sum_le. intros j below.
  destruct (Nat.eqb_spec i j) as [-> | _]; [lra | auto].
Qed.

(** A sum is strictly smaller where every term is smaller and one of them strictly. *)
Lemma sum_lt n f g i :
  (i < n)%nat -> (forall j, (j < n)%nat -> f j <= g j) -> f i < g i -> sum n f < sum n g.
Proof.
  intros inside below strictly. pose proof (sum_ge_term n (fun j => g j - f j) i inside) as gain.
  rewrite sum_minus in gain. simpl in gain. enough (g i - f i <= sum n g - sum n f) by lra.
  apply gain. intros j small. specialize (below j small). lra.
Qed.

(** The partition function is positive. *)
Lemma partition_positive K z : (0 < K)%nat -> 0 < sum K (fun k => exp (z k)).
Proof. intros some. apply sum_positive; [easy |]. intros. apply exp_pos. Qed.

(** One term of Gibbs' inequality, for a probability p, a logit z and a partition function S. *)
Lemma gibbs_term p z S : 0 <= p -> 0 < S -> p * z - p * ln p - p * ln S <= / S * exp z - p.
Proof.
  intros nonneg positive. destruct (Rle_lt_or_eq_dec 0 p nonneg) as [alive | <-].
  - assert (inside : 0 < exp z / (p * S)) by (apply Rdiv_lt_0_compat; [apply exp_pos | now apply Rmult_lt_0_compat]).
    pose proof (ln_tangent _ inside) as below. unfold Rdiv in below at 1.
    rewrite ln_mult, ln_exp, ln_Rinv, ln_mult in below
      by (try apply exp_pos; try apply Rinv_0_lt_compat; try apply Rmult_lt_0_compat; easy).
    apply (Rmult_le_compat_l p) in below; [| lra].
    replace (p * (exp z / (p * S) - 1)) with (/ S * exp z - p) in below by (field; lra). lra.
  - pose proof (exp_pos z). pose proof (Rinv_0_lt_compat S positive). rewrite !Rmult_0_l. nra.
Qed.

(** Gibbs' inequality: log-sum-exp lies above each of its tangents, one for each vector of probabilities p. *)
Theorem gibbs K z p : (0 < K)%nat -> (forall k, (k < K)%nat -> 0 <= p k) -> sum K p = 1 ->
  entropy K p + sum K (fun k => p k * z k) <= log_sum_exp K z.
Proof.
  intros some nonneg total. unfold entropy, log_sum_exp. set (S := sum K (fun k => exp (z k))).
  assert (positive : 0 < S) by now apply partition_positive.
  assert (below : sum K (fun k => p k * z k - p k * ln (p k) - ln S * p k) <= sum K (fun k => / S * exp (z k) - p k)).
  { apply sum_le. intros k inside. rewrite (Rmult_comm (ln S)). apply gibbs_term; auto. }
  rewrite !sum_minus, !sum_scale, total in below. fold S in below. rewrite Rinv_l in below by lra. lra.
Qed.

(** Gibbs' inequality is an equality only where the probabilities are the softmax of the logits. *)
Theorem gibbs_equality K z p : (0 < K)%nat -> (forall k, (k < K)%nat -> 0 < p k) -> sum K p = 1 ->
  entropy K p + sum K (fun k => p k * z k) = log_sum_exp K z ->
  forall k, (k < K)%nat -> exp (z k) = p k * sum K (fun k => exp (z k)).
Proof.
  intros some positive total equal k inside. unfold entropy, log_sum_exp in equal.
  pose proof (partition_positive K z some) as partition. set (S := sum K (fun k => exp (z k))) in *.
  assert (gaps : sum K (fun k => (/ S * exp (z k) - p k) - (p k * z k - p k * ln (p k) - p k * ln S)) = 0).
  { rewrite (sum_ext K _ (fun k => (/ S * exp (z k) - p k) - ((p k * z k - p k * ln (p k)) - ln S * p k))) by (intros; ring).
    rewrite !sum_minus, !sum_scale, total. fold S. rewrite Rinv_l by lra. lra. }
  assert (nonneg : forall k, (k < K)%nat -> 0 <= (/ S * exp (z k) - p k) - (p k * z k - p k * ln (p k) - p k * ln S)).
  { intros i below. specialize (positive i below). pose proof (gibbs_term (p i) (z i) S (Rlt_le _ _ positive) partition). lra. }
  pose proof (sum_nonneg_zero K _ nonneg gaps k inside) as gap.
  cbv beta in gap. specialize (positive k inside).
  assert (ratio : 0 < exp (z k) / (p k * S)) by (apply Rdiv_lt_0_compat; [apply exp_pos | now apply Rmult_lt_0_compat]).
  destruct (Req_dec (exp (z k) / (p k * S)) 1) as [one | other].
  - assert (back : exp (z k) = exp (z k) / (p k * S) * (p k * S)) by (field; split; lra). rewrite back, one. ring.
  - exfalso. pose proof (ln_tangent_strict _ ratio other) as below. unfold Rdiv in below at 1.
    rewrite ln_mult, ln_exp, ln_Rinv, ln_mult in below
      by (try apply exp_pos; try apply Rinv_0_lt_compat; try apply Rmult_lt_0_compat; easy).
    apply (Rmult_lt_compat_l (p k)) in below; [| easy].
    replace (p k * (exp (z k) / (p k * S) - 1)) with (/ S * exp (z k) - p k) in below by (field; lra). lra.
Qed.

(** Of all probabilities the equal ones have the largest entropy: it is smaller where one of them is not 1/K. *)
Theorem entropy_below_log K p k0 : (forall k, (k < K)%nat -> 0 < p k) -> sum K p = 1 ->
  (k0 < K)%nat -> p k0 <> / INR K -> entropy K p < ln (INR K).
Proof.
  intros positive total inside other. unfold entropy.
  assert (some : 0 < INR K) by (apply lt_0_INR; lia).
  assert (inverse : forall k, (k < K)%nat -> 0 < / (p k * INR K)).
  { intros k below. apply Rinv_0_lt_compat, Rmult_lt_0_compat; auto. }
  assert (logarithm : forall k, (k < K)%nat -> ln (/ (p k * INR K)) = - ln (p k) - ln (INR K)).
  { intros k below. specialize (positive k below). rewrite ln_Rinv, ln_mult by (try apply Rmult_lt_0_compat; easy). ring. }
  assert (bound : forall k, (k < K)%nat -> p k * (/ (p k * INR K) - 1) = / INR K - p k).
  { intros k below. specialize (positive k below). field. split; lra. }
  assert (gap : sum K (fun k => - (p k * ln (p k)) - ln (INR K) * p k) < sum K (fun k => / INR K - p k)).
  { apply (sum_lt K _ _ k0 inside).
    - intros k below. rewrite <- bound by easy. pose proof (ln_tangent _ (inverse k below)) as tangent.
      rewrite logarithm in tangent by easy. specialize (positive k below). nra.
    - rewrite <- bound by easy. assert (away : / (p k0 * INR K) <> 1).
      { intros equal. apply other, (Rmult_eq_reg_r (INR K)); [| lra]. rewrite Rinv_l by lra.
        now rewrite <- (Rinv_inv (p k0 * INR K)), equal, Rinv_1. }
      pose proof (ln_tangent_strict _ (inverse k0 inside) away) as tangent. rewrite logarithm in tangent by easy.
      specialize (positive k0 inside). nra. }
  rewrite !sum_minus, sum_scale, sum_const, total in gap. rewrite Rinv_r in gap by lra.
  replace (sum K (fun k => - (p k * ln (p k)))) with (- sum K (fun k => p k * ln (p k))) in gap
    by (rewrite <- (Rmult_1_l (- sum _ _)), <- Ropp_mult_distr_r, Ropp_mult_distr_l, <- sum_scale; apply sum_ext; intros; ring).
  lra.
Qed.
