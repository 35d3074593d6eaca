(** Real numbers in fixed point: integers that count a common unit, so that Coq can compute bounds. *)
From Coq Require Import Reals Lra ZArith.
Open Scope R_scope.

(** The unit of all fixed-point numbers. *)
Definition unit : Z := 10 ^ 18.

(** The real number that a fixed-point number stands for. *)
Definition real_of (z : Z) : R := IZR z / IZR unit.

Lemma unit_positive : 0 < IZR unit. Proof. apply IZR_lt. reflexivity. Qed.

(** A quotient of integers rounds down. *)
Lemma quotient_below a b : (0 < b)%Z -> IZR (a / b) <= IZR a / IZR b.
Proof.
  intros positive. pose proof (IZR_lt 0 b positive). apply Rmult_le_reg_r with (IZR b); [easy |].
  replace (IZR a / IZR b * IZR b) with (IZR a) by (field; lra). rewrite <- mult_IZR. apply IZR_le.
  rewrite Z.mul_comm. now apply Z.mul_div_le.
Qed.
