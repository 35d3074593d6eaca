(** Finite sums of real numbers, the sums in which every loss is written. *)
From Coq Require Import Reals Lra Lia Arith.
Open Scope R_scope.

(** The sum of f 0, ..., f (n - 1). *)
Fixpoint sum (n : nat) (f : nat -> R) : R :=
  match n with
  | O => 0
  | S m => sum m f + f m
  end.

Lemma sum_ext n f g : (forall i, (i < n)%nat -> f i = g i) -> sum n f = sum n g.
Proof.
  induction n as [| n IH]; simpl; intros same; [reflexivity |].
  rewrite IH by (intros; apply same; lia). now rewrite (same n) by lia.
Qed.

Lemma sum_const n c : sum n (fun _ => c) = INR n * c.
Proof.
  induction n as [| n IH]; [simpl; lra |]. rewrite S_INR. simpl sum. rewrite IH. lra.
Qed.

Lemma sum_zero n f : (forall i, (i < n)%nat -> f i = 0) -> sum n f = 0.
Proof. intros zero. rewrite (sum_ext n f (fun _ => 0) zero), sum_const. lra. Qed.

Lemma sum_plus n f g : sum n (fun i => f i + g i) = sum n f + sum n g.
Proof. induction n as [| n IH]; simpl; [| rewrite IH]; lra. Qed.

Lemma sum_scale n c f : sum n (fun i => c * f i) = c * sum n f.
Proof. induction n as [| n IH]; simpl; [| rewrite IH]; lra. Qed.

Lemma sum_minus n f g : sum n (fun i => f i - g i) = sum n f - sum n g.
Proof. induction n as [| n IH]; simpl; [| rewrite IH]; lra. Qed.

Lemma sum_le n f g : (forall i, (i < n)%nat -> f i <= g i) -> sum n f <= sum n g.
Proof.
  induction n as [| n IH]; simpl; intros below; [lra |].
  apply Rplus_le_compat; [apply IH; intros; apply below; lia | apply below; lia].
Qed.

Lemma sum_nonneg n f : (forall i, (i < n)%nat -> 0 <= f i) -> 0 <= sum n f.
Proof.
  intros nonneg. apply Rle_trans with (sum n (fun _ => 0)); [rewrite sum_const; lra |]. now apply sum_le.
Qed.

Lemma sum_swap n m f : sum n (fun i => sum m (fun j => f i j)) = sum m (fun j => sum n (fun i => f i j)).
Proof.
  induction n as [| n IH]; simpl; [now rewrite sum_const, Rmult_0_r |]. now rewrite IH, <- sum_plus.
Qed.

(** The sum of a function that is zero everywhere but at a. *)
Lemma sum_at n a f : (a < n)%nat -> sum n (fun i => if Nat.eqb a i then f i else 0) = f a.
Proof.
  intros inside. induction n as [| n IH]; [lia |]. simpl sum.
  destruct (Nat.eqb_spec a n) as [-> | other].
  - rewrite sum_zero; [lra |]. intros i below. destruct (Nat.eqb_spec n i); [lia | reflexivity].
  - rewrite IH by lia. lra.
Qed.

(** Nonnegative numbers that sum to zero are all zero. *)
Lemma sum_nonneg_zero n f :
  (forall i, (i < n)%nat -> 0 <= f i) -> sum n f = 0 -> forall i, (i < n)%nat -> f i = 0.
Proof.
  induction n as [| n IH]; [lia |]. simpl. intros nonneg zero i inside.
  assert (0 <= sum n f) by (apply sum_nonneg; auto).
  assert (0 <= f n) by auto.
  destruct (Nat.eq_dec i n) as [-> | other]; [lra |].
  apply IH; [auto | lra | lia].
Qed.

(** A sum of squares is not negative. *)
Lemma sum_of_squares_nonneg n f : 0 <= sum n (fun i => f i ^ 2).
Proof. apply sum_nonneg. intros i _. apply pow2_ge_0. Qed.

(** The first term of a sum, and the others. *)
Lemma sum_head n f : sum (S n) f = f 0%nat + sum n (fun i => f (S i)).
Proof. induction n as [| n IH]; [simpl; ring |]. cbn [sum] in *. rewrite IH. ring. Qed.
