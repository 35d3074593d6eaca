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
