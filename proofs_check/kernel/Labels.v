(** The labels of samples, and the class counts that follow from them. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums.
Open Scope R_scope.

(** The label of sample j as a unit vector: 1 at its class, and 0 at every other class k. *)
Definition one_hot (label : nat -> nat) (k j : nat) : R := if Nat.eqb (label j) k then 1 else 0.

(** The number of samples of class k. *)
Definition class_count (N : nat) (label : nat -> nat) (k : nat) : R := sum N (one_hot label k).
