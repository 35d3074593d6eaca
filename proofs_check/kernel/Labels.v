(** The labels of samples, and the class counts that follow from them. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums.
Open Scope R_scope.

(** The label of sample j as a unit vector: 1 at its class, and 0 at every other class k. *)
Definition one_hot (label : nat -> nat) (k j : nat) : R := if Nat.eqb (label j) k then 1 else 0.

(** The number of samples of class k. *)
Definition class_count (N : nat) (label : nat -> nat) (k : nat) : R := sum N (one_hot label k).

Lemma one_hot_cases label k j : one_hot label k j = 0 \/ one_hot label k j = 1.
Proof. unfold one_hot. destruct Nat.eqb; auto. Qed.

Lemma one_hot_square label k j : one_hot label k j * one_hot label k j = one_hot label k j.
Proof. destruct (one_hot_cases label k j) as [-> | ->]; ring. Qed.

(** A sum over the classes, weighted by a label, is the summand of the class of the sample. *)
Lemma sum_one_hot K label j f :
  (label j < K)%nat -> sum K (fun k => one_hot label k j * f k) = f (label j).
Proof.
  intros below. rewrite <- (sum_at K (label j) f below). apply sum_ext. intros k _. unfold one_hot.
  destruct Nat.eqb; ring.
Qed.

(** The entries of a label sum to one. *)
Lemma one_hot_total K label j : (label j < K)%nat -> sum K (fun k => one_hot label k j) = 1.
Proof. intros below. exact (sum_at K (label j) (fun _ => 1) below). Qed.

(** A sum over the samples of what depends only on their classes. *)
Lemma sum_by_class K N label f :
  (forall j, (j < N)%nat -> (label j < K)%nat) ->
  sum N (fun j => f (label j)) = sum K (fun k => class_count N label k * f k).
Proof.
  intros below. transitivity (sum N (fun j => sum K (fun k => one_hot label k j * f k))).
  - apply sum_ext. intros j inside. symmetry. apply sum_one_hot. auto.
  - rewrite sum_swap. apply sum_ext. intros k _. unfold class_count.
    rewrite (sum_ext N _ (fun j => f k * one_hot label k j)) by (intros; ring). rewrite sum_scale. ring.
Qed.

(** The class counts add up to the number of samples. *)
Lemma sum_class_count K N label :
  (forall j, (j < N)%nat -> (label j < K)%nat) -> sum K (class_count N label) = INR N.
Proof.
  intros below. transitivity (sum N (fun _ => 1)); [| rewrite sum_const; ring].
  rewrite (sum_by_class K N label (fun _ => 1) below). apply sum_ext. intros; ring.
Qed.

(** A class with a sample counts at least one. *)
Lemma class_count_at_least_one N label k :
  (exists j, (j < N)%nat /\ label j = k) -> 1 <= class_count N label k.
Proof.
  intros (j & inside & same). unfold class_count. rewrite <- (sum_at N j (fun _ => 1) inside). apply sum_le.
  intros i _. destruct (Nat.eqb_spec j i) as [<- | other].
  - unfold one_hot. rewrite same, Nat.eqb_refl. lra.
  - destruct (one_hot_cases label k i) as [-> | ->]; lra.
Qed.

(** The sum of a column of a matrix over the samples of one class, where the entries depend only on the class. *)
Lemma sum_of_class N label k f :
  sum N (fun j => f (label j) * one_hot label k j) = class_count N label k * f k.
Proof.
  unfold class_count. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros j _. unfold one_hot.
  destruct (Nat.eqb_spec (label j) k) as [-> |]; ring.
Qed.
