(** Lower bounds of logarithms that Coq computes in fixed point: the series of ln ((1 + t) / (1 - t)), cut off. *)
From Coq Require Import Reals Lra Lia Arith ZArith.
From Atlas Require Import Sums FixedPoint.
Open Scope R_scope.

(** The first n terms of the series of the inverse hyperbolic tangent. *)
Definition series (n : nat) (t : R) : R := sum n (fun i => t ^ (2 * i + 1) / INR (2 * i + 1)).

(** The slope of the series is a geometric sum. *)
Definition slope (n : nat) (t : R) : R := sum n (fun i => t ^ (2 * i)).

Lemma series_derivative n t : derivable_pt_lim (series n) t (slope n t).
Proof.
  induction n as [| n IH].
  - apply (derivable_pt_lim_const 0).
  - unfold series, slope. cbn [sum].
    apply (derivable_pt_lim_plus (series n) (fun t => t ^ (2 * n + 1) / INR (2 * n + 1)) t (slope n t)); [exact IH |].
    pose proof (derivable_pt_lim_scal _ (/ INR (2 * n + 1)) t _ (derivable_pt_lim_pow t (2 * n + 1))) as term.
    replace (/ INR (2 * n + 1) * (INR (2 * n + 1) * t ^ Nat.pred (2 * n + 1))) with (t ^ (2 * n)) in term.
    + intros eps positive. destruct (term eps positive) as [delta close]. exists delta. intros h not_zero small.
      specialize (close h not_zero small). unfold mult_real_fct in close.
      now replace ((t + h) ^ (2 * n + 1) / INR (2 * n + 1)) with (/ INR (2 * n + 1) * (t + h) ^ (2 * n + 1))
        by (unfold Rdiv; ring);
        replace (t ^ (2 * n + 1) / INR (2 * n + 1)) with (/ INR (2 * n + 1) * t ^ (2 * n + 1)) by (unfold Rdiv; ring).
    + replace (Nat.pred (2 * n + 1)) with (2 * n)%nat by lia. field. apply not_0_INR. lia.
Qed.

Lemma slope_closed n t : (1 - t ^ 2) * slope n t = 1 - t ^ (2 * n).
Proof.
  unfold slope. induction n as [| n IH]; cbn [sum]; [simpl; ring |].
  rewrite Rmult_plus_distr_l, IH. replace (2 * S n)%nat with (2 * n + 2)%nat by lia. rewrite pow_add. ring.
Qed.

(** Cut off, the series lies below the function: all its terms are positive. *)
Lemma series_below n t : 0 <= t < 1 -> 2 * series n t <= ln ((1 + t) / (1 - t)).
Proof.
  intros [low high]. unfold Rdiv. rewrite ln_mult, ln_Rinv by (try apply Rinv_0_lt_compat; lra).
  destruct (Rle_lt_or_eq_dec 0 t low) as [above | <-].
  2: { unfold series. rewrite (sum_zero n); [rewrite Rplus_0_r, Rminus_0_r, ln_1; lra |].
       intros i _. rewrite pow_i by lia. unfold Rdiv. ring. }
  pose (gap := fun x => (ln (1 + x) - ln (1 - x)) - 2 * series n x).
  assert (derivative : forall x, 0 <= x <= t ->
    derivable_pt_lim gap x (/ (1 + x) * 1 - / (1 - x) * (0 - 1) - 2 * slope n x)).
  { intros x inside.
    apply (derivable_pt_lim_minus (fun x => ln (1 + x) - ln (1 - x)) (fun x => 2 * series n x));
      [apply (derivable_pt_lim_minus (fun x => ln (1 + x)) (fun x => ln (1 - x))) |].
    - apply (derivable_pt_lim_comp (fun x => 1 + x) ln); [| apply derivable_pt_lim_ln; lra].
      enough (derivable_pt_lim (fun x => 1 + x) x (0 + 1)) as shifted by (now rewrite Rplus_0_l in shifted).
      exact (derivable_pt_lim_plus (fun _ => 1) id x 0 1 (derivable_pt_lim_const 1 x) (derivable_pt_lim_id x)).
    - apply (derivable_pt_lim_comp (fun x => 1 - x) ln); [| apply derivable_pt_lim_ln; lra].
      exact (derivable_pt_lim_minus (fun _ => 1) id x 0 1 (derivable_pt_lim_const 1 x) (derivable_pt_lim_id x)).
    - apply (derivable_pt_lim_scal (series n)), series_derivative. }
  destruct (MVT_cor2 gap _ 0 t above derivative) as (x & growth & inside).
  assert (start : gap 0 = 0).
  { unfold gap, series. rewrite Rplus_0_r, Rminus_0_r, ln_1. rewrite (sum_zero n); [ring |].
    intros i _. rewrite pow_i by lia. unfold Rdiv. ring. }
  enough (0 <= gap t) by (unfold gap in *; lra).
  replace (gap t) with (gap t - gap 0) by lra. rewrite growth. apply Rmult_le_pos; [| lra].
  assert (positive : 0 < 1 - x ^ 2) by nra. apply (Rmult_le_reg_l (1 - x ^ 2)); [easy |].
  replace ((1 - x ^ 2) * (/ (1 + x) * 1 - / (1 - x) * (0 - 1) - 2 * slope n x))
    with (2 - 2 * ((1 - x ^ 2) * slope n x)) by (field; lra).
  rewrite slope_closed. assert (0 <= x ^ (2 * n)) by (apply pow_le; lra). lra.
Qed.

(** The terms k, ..., k + n - 1 of the series, rounded down, from the square of t and from its power 2 k + 1. *)
Fixpoint fixed_series (n : nat) (k square power : Z) : Z :=
  match n with
  | O => 0
  | S m => power / (2 * k + 1) + fixed_series m (k + 1) square (power * square / unit)
  end.

Lemma fixed_series_below n t square : 0 <= t -> (0 <= square)%Z -> real_of square <= t ^ 2 ->
  forall k power, (0 <= power)%Z -> real_of power <= t ^ (2 * k + 1) ->
  real_of (fixed_series n (Z.of_nat k) square power)
    <= sum n (fun i => t ^ (2 * (k + i) + 1) / INR (2 * (k + i) + 1)).
Proof.
  intros low square_nonneg of_square. pose proof unit_positive as positive.
  induction n as [| n IH]; intros k power nonneg of_power.
  - unfold real_of, fixed_series. cbn [sum]. lra.
  - rewrite sum_head, Nat.add_0_r. cbn [fixed_series]. unfold real_of at 1. rewrite plus_IZR, Rdiv_plus_distr.
    apply Rplus_le_compat.
    + assert (odd : (0 < 2 * Z.of_nat k + 1)%Z) by lia.
      apply Rle_trans with (real_of power / INR (2 * k + 1)).
      * pose proof (quotient_below power _ odd) as below. unfold real_of.
        replace (IZR (2 * Z.of_nat k + 1)) with (INR (2 * k + 1)) in below by (rewrite INR_IZR_INZ; f_equal; lia).
        assert (0 < INR (2 * k + 1)) by (apply lt_0_INR; lia).
        replace (IZR power / IZR unit / INR (2 * k + 1)) with (IZR power / INR (2 * k + 1) * / IZR unit)
          by (field; lra).
        apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat | easy].
      * unfold Rdiv. apply Rmult_le_compat_r; [| easy]. left. apply Rinv_0_lt_compat, lt_0_INR. lia.
    + replace (Z.of_nat k + 1)%Z with (Z.of_nat (S k)) by lia.
      rewrite (sum_ext n _ (fun i => t ^ (2 * (S k + i) + 1) / INR (2 * (S k + i) + 1)))
        by (intros; replace (k + S i)%nat with (S k + i)%nat by lia; reflexivity).
      apply IH; [apply Z.div_pos; [lia | reflexivity] |].
      apply Rle_trans with (real_of power * real_of square).
      * unfold real_of. pose proof (quotient_below (power * square) unit ltac:(reflexivity)) as below.
        rewrite mult_IZR in below.
        replace (IZR power / IZR unit * (IZR square / IZR unit))
          with (IZR power * IZR square / IZR unit * / IZR unit) by (field; lra).
        apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat | easy].
      * replace (2 * S k + 1)%nat with (2 * k + 1 + 2)%nat by lia. rewrite pow_add.
        apply Rmult_le_compat; try easy; unfold real_of; apply Rle_mult_inv_pos; try easy; now apply IZR_le.
Qed.

(** How many terms are kept: each is at most a ninth of the one before, where the argument is at most 2. *)
Definition terms : nat := 18.

(** A lower bound of ln (a / b), for a at least b. *)
Definition log_below (a b : Z) : Z :=
  let t := ((a - b) * unit / (a + b))%Z in 2 * fixed_series terms 0 (t * t / unit) t.

Lemma log_below_is_below a b : (0 < b <= a)%Z -> real_of (log_below a b) <= ln (IZR a / IZR b).
Proof.
  intros [positive above]. pose proof (IZR_lt _ _ positive). pose proof (IZR_le _ _ above).
  pose proof unit_positive as units.
  unfold log_below. set (t := ((a - b) * unit / (a + b))%Z). set (x := (IZR a - IZR b) / (IZR a + IZR b)).
  assert (inside : 0 <= x < 1).
  { unfold x. split; [apply Rle_mult_inv_pos; lra |]. apply Rmult_lt_reg_r with (IZR a + IZR b); [lra |].
    field_simplify; lra. }
  assert (t_nonneg : (0 <= t)%Z) by (apply Z.div_pos; [apply Z.mul_nonneg_nonneg; [lia | discriminate] | lia]).
  assert (of_t : real_of t <= x).
  { unfold real_of, t, x. pose proof (quotient_below ((a - b) * unit) (a + b) ltac:(lia)) as below.
    rewrite mult_IZR, minus_IZR, plus_IZR in below. apply Rmult_le_reg_r with (IZR unit); [easy |].
    replace (IZR ((a - b) * unit / (a + b)) / IZR unit * IZR unit) with (IZR ((a - b) * unit / (a + b)))
      by (field; lra).
    replace ((IZR a - IZR b) / (IZR a + IZR b) * IZR unit) with ((IZR a - IZR b) * IZR unit / (IZR a + IZR b))
      by (field; lra).
    exact below. }
  assert (real_nonneg : 0 <= real_of t) by (unfold real_of; apply Rle_mult_inv_pos; [now apply IZR_le | easy]).
  assert (of_square : real_of (t * t / unit) <= x ^ 2).
  { apply Rle_trans with (real_of t * real_of t).
    - unfold real_of. pose proof (quotient_below (t * t) unit ltac:(reflexivity)) as below. rewrite mult_IZR in below.
      replace (IZR t / IZR unit * (IZR t / IZR unit)) with (IZR t * IZR t / IZR unit * / IZR unit) by (field; lra).
      apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat | easy].
    - simpl. rewrite Rmult_1_r. now apply Rmult_le_compat. }
  pose proof (fixed_series_below terms x (t * t / unit) (proj1 inside) ltac:(apply Z.div_pos;
    [lia | reflexivity]) of_square
    0%nat t t_nonneg ltac:(simpl; lra)) as below.
  change (real_of (fixed_series terms 0 (t * t / unit) t) <= series terms x) in below.
  pose proof (series_below terms x inside) as cut.
  replace ((1 + x) / (1 - x)) with (IZR a / IZR b) in cut by (unfold x; field; lra).
  unfold real_of in *. rewrite mult_IZR. unfold Rdiv in *. lra.
Qed.

(** A lower bound of -ln (p / q) for a probability p / q: the logarithm of q / p is m ln 2 and that of a number below
    2. *)
Definition surprise_below (p q : Z) : Z :=
  let m := Z.log2 (q / p) in
  if (p * 2 ^ m <=? q)%Z then m * log_below 2 1 + log_below q (p * 2 ^ m) else 0.

Lemma surprise_below_is_below p q : (0 < p <= q)%Z -> real_of (surprise_below p q) <= - ln (IZR p / IZR q).
Proof.
  intros [positive small]. unfold surprise_below. set (m := Z.log2 (q / p)).
  pose proof (IZR_lt _ _ positive). pose proof (IZR_le _ _ small). pose proof unit_positive.
  assert (inverse : - ln (IZR p / IZR q) = ln (IZR q) - ln (IZR p)).
  { unfold Rdiv. rewrite ln_mult, ln_Rinv by (try apply Rinv_0_lt_compat; lra). ring. }
  rewrite inverse. destruct (Z.leb_spec (p * 2 ^ m) q) as [below | _].
  - assert (nonneg : (0 <= m)%Z) by apply Z.log2_nonneg.
    assert (power : (0 < 2 ^ m)%Z) by (apply Z.pow_pos_nonneg; lia). pose proof (IZR_lt _ _ power).
    assert (logs : ln (IZR (2 ^ m)) = IZR m * ln 2).
    { rewrite <- (Z2Nat.id m) at 1 by easy. rewrite <- pow_IZR, <- Rpower_pow by lra. unfold Rpower.
      rewrite ln_exp, INR_IZR_INZ, Z2Nat.id by easy. reflexivity. }
    assert (scaled : (0 < p * 2 ^ m)%Z) by (apply Z.mul_pos_pos; lia).
    pose proof (log_below_is_below 2 1 ltac:(lia)) as two. replace (IZR 2 / IZR 1) with 2 in two by field.
    pose proof (log_below_is_below q (p * 2 ^ m) ltac:(lia)) as rest. unfold Rdiv in rest.
    rewrite mult_IZR, ln_mult, ln_Rinv, ln_mult, logs in rest
      by (try apply Rinv_0_lt_compat; try apply Rmult_lt_0_compat; lra).
    apply IZR_le in nonneg. pose proof (Rmult_le_compat_l _ _ _ nonneg two) as twos.
    unfold real_of in *. rewrite plus_IZR, mult_IZR, Rdiv_plus_distr.
    replace (IZR m * IZR (log_below 2 1) / IZR unit) with (IZR m * (IZR (log_below 2 1) / IZR unit))
      by (field; lra). lra.
  - unfold real_of. replace (IZR 0 / IZR unit) with 0 by (field; lra).
    enough (ln (IZR p) <= ln (IZR q)) by lra.
    destruct (Rle_lt_or_eq_dec (IZR p) (IZR q)) as [less | ->]; [easy | | lra].
    left. now apply ln_increasing.
Qed.
