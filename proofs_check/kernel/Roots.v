(** Fourth roots, in which the sizes of predicted minimisers are written. *)
From Coq Require Import Reals Lra.
Open Scope R_scope.

(** The fourth root of x. *)
Notation fourth_root x := (Rpower x (1 / 4)).

Lemma fourth_root_positive x : 0 < fourth_root x.
Proof. apply exp_pos. Qed.

(** Its square is the square root. *)
Lemma fourth_root_square x : 0 < x -> fourth_root x ^ 2 = sqrt x.
Proof.
  intros positive. rewrite <- Rpower_pow by apply exp_pos. rewrite Rpower_mult, <- Rpower_sqrt by easy.
  f_equal. simpl. field.
Qed.

(** The square of a square root. *)
Lemma root_squared x : 0 <= x -> sqrt x ^ 2 = x.
Proof. intros nonneg. rewrite <- Rsqr_pow2. now apply Rsqr_sqrt. Qed.
