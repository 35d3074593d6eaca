(** Certificates with any class counts: Coq decides that a point is dual feasible, whatever the loss of the logits. *)
From Coq Require Import Reals Lra Lia Arith ZArith List Bool.
From Atlas Require Import Sums Labels Softmax Duality FixedPoint Semidefinite.
Import ListNotations.
Open Scope R_scope.

(** A certificate: the class counts, the product of the decays, and the dual point, with one column a class.

    All numbers are integers: the product of the decays is a fraction, and the entries of the columns share a
    denominator. The factor is that of a Cholesky decomposition; it only helps to decide, and nothing is assumed of it.
    *)
Record certificate := {
  counts : list Z;
  decays_numerator : Z;
  decays_denominator : Z;
  denominator : Z;
  columns : list (list Z);
  factor : list (list Z)
}.

(** The sum of integers f 0, ..., f (n - 1). *)
Fixpoint integer_sum (n : nat) (f : nat -> Z) : Z :=
  match n with
  | O => 0
  | S m => (integer_sum m f + f m)%Z
  end.

Lemma integer_sum_real n f : IZR (integer_sum n f) = sum n (fun i => IZR (f i)).
Proof. induction n as [| n IH]; simpl; [reflexivity |]. now rewrite plus_IZR, IH. Qed.

Section Certificate.
Variable c : certificate.

Definition classes : nat := length (counts c).
Definition count_of (k : nat) : Z := nth k (counts c) 0%Z.
Definition samples : Z := integer_sum classes count_of.
Definition column (k : nat) : list Z := nth k (columns c) [].
Definition numerator (k l : nat) : Z := nth k (column l) 0%Z.

(** The label of class l less its column, times the denominator. *)
Definition residual (l : nat) : list Z :=
  map (fun k => ((if Nat.eqb l k then denominator c else 0) - numerator k l)%Z) (seq 0 classes).

(** The squares that are taken off N^2 lw lh |w|^2: those of the classes, and those of the factor. *)
Definition class_squares : list (Z * list Z) :=
  map (fun l => ((- (decays_denominator c * count_of l))%Z, residual l)) (seq 0 classes).
Definition factor_squares : list (Z * list Z) := map (fun row => ((-1)%Z, row)) (factor c).
Definition scale : Z := (samples ^ 2 * decays_numerator c * denominator c ^ 2)%Z.

(** What Coq decides of a certificate, whatever the loss of the logits. *)
Definition is_feasible : bool :=
  (0 <? classes)%nat && (0 <? decays_denominator c)%Z && (0 <? denominator c)%Z
  && forallb (fun k => 0 <? count_of k)%Z (seq 0 classes)
  && is_nonnegative classes scale (class_squares ++ factor_squares).

(** An instance with the class counts and the product of the decays of the certificate. *)
Record describes (N : nat) (label : nat -> nat) (lw lh : R) : Prop := {
  labelled : forall j, (j < N)%nat -> (label j < classes)%nat;
  counted : forall k, (k < classes)%nat -> class_count N label k = IZR (count_of k);
  decays : IZR (decays_denominator c) * (lw * lh) = IZR (decays_numerator c);
  weight : 0 < lw;
  feature : 0 < lh
}.

(** The entry of class k at a sample of class l. *)
Definition entry (k l : nat) : R := IZR (numerator k l) / IZR (denominator c).

Hypothesis decided : is_feasible = true.

Lemma checked : (0 < classes)%nat /\ (0 < decays_denominator c)%Z /\ (0 < denominator c)%Z
  /\ (forall k, (k < classes)%nat -> (0 < count_of k)%Z)
  /\ is_nonnegative classes scale (class_squares ++ factor_squares) = true.
Proof.
  unfold is_feasible in decided. rewrite !andb_true_iff in decided.
  destruct decided as ((((some & product) & fraction) & each) & form).
  apply Nat.ltb_lt in some. apply Z.ltb_lt in product, fraction. repeat split; try easy.
  intros k inside. rewrite forallb_forall in each. apply Z.ltb_lt, each, in_seq. lia.
Qed.

Lemma denominator_positive : 0 < IZR (denominator c). Proof. apply IZR_lt, checked. Qed.

Variables (label : nat -> nat) (N : nat) (lw lh : R).
Hypothesis described : describes N label lw lh.

Lemma samples_are : INR N = IZR samples.
Proof.
  destruct described as [labelled counted _ _ _]. rewrite <- (sum_class_count classes N label labelled).
  unfold samples. rewrite integer_sum_real. now apply sum_ext.
Qed.

Lemma samples_positive : 0 < INR N.
Proof.
  destruct checked as (some & _ & _ & each & _). destruct described as [labelled counted _ _ _].
  rewrite <- (sum_class_count classes N label labelled).
  apply sum_positive; [easy |]. intros k inside. rewrite counted by easy. apply IZR_lt. now apply each.
Qed.

(** The dual point, one column a sample. *)
Definition dual_point (k j : nat) : R := entry k (label j).

(** The linear form of a class. *)
Definition class_form (w : nat -> R) (l : nat) : R :=
  sum classes (fun k => ((if Nat.eqb l k then 1 else 0) - entry k l) * w k).

Lemma residual_dot w l : dot (residual l) (listed classes w) = IZR (denominator c) * class_form w l.
Proof.
  pose proof denominator_positive. unfold residual.
  rewrite dot_listed by (now rewrite map_length, seq_length). unfold class_form. rewrite <- sum_scale.
  apply sum_ext. intros k inside.
  rewrite (nth_indep _ 0%Z ((fun k => ((if Nat.eqb l k then denominator c else 0) - numerator k l)%Z) 0%nat))
    by (now rewrite map_length, seq_length).
  rewrite (map_nth (fun k => ((if Nat.eqb l k then denominator c else 0) - numerator k l)%Z)), seq_nth by easy.
  rewrite Nat.add_0_l, minus_IZR. unfold entry. destruct Nat.eqb; field; lra.
Qed.

Lemma class_squares_are w : squares_of class_squares (listed classes w)
  = - (IZR (decays_denominator c) * IZR (denominator c) ^ 2 * sum classes (fun l => IZR (count_of l) * class_form w l
    ^ 2)).
Proof.
  assert (listed_sum : forall n start f, squares_of (map (fun l => (f l,
    residual l)) (seq start n)) (listed classes w)
    = sum n (fun l => IZR (f (start + l)%nat) * dot (residual (start + l)) (listed classes w) ^ 2)).
  { induction n as [| n IH]; intros start f; [reflexivity |]. rewrite sum_head.
    cbn [seq map squares_of fold_right fst snd].
    change (fold_right _ 0 _) with (squares_of (map (fun l => (f l,
      residual l)) (seq (S start) n)) (listed classes w)).
    rewrite IH, Nat.add_0_r. f_equal. apply sum_ext. intros l _. now rewrite Nat.add_succ_comm. }
  unfold class_squares. rewrite listed_sum, Ropp_mult_distr_l, <- sum_scale. apply sum_ext. intros l _.
  rewrite residual_dot, Nat.add_0_l, opp_IZR, mult_IZR. ring.
Qed.

Lemma factor_squares_are x : squares_of factor_squares x <= 0.
Proof.
  unfold factor_squares. induction (factor c) as [| row rows IH]; simpl; [lra |].
  pose proof (pow2_ge_0 (dot row x)). simpl in *. lra.
Qed.

Lemma squares_of_app first second x : squares_of (first ++ second) x = squares_of first x + squares_of second x.
Proof. induction first as [| [a r] first IH]; simpl; [ring | rewrite IH; ring]. Qed.

(** The dual point is feasible. *)
Lemma certificate_feasible cone : feasible classes N lw lh (one_hot label) dual_point cone.
Proof.
  destruct checked as (some & product & _ & each & form).
  destruct described as [labelled counted decays weight feature]. pose proof samples_positive. pose proof denominator_positive.
  apply IZR_lt in product. apply feasible_by_operator_norm; try easy.
  - apply INR_lt. easy.
  - intros w.
    pose proof (nonnegative classes scale _ (listed classes w) form (listed_length classes w)) as above.
    rewrite squares_of_app, squares_listed, class_squares_are in above.
    pose proof (factor_squares_are (listed classes w)).
    rewrite (sum_ext N _ (fun j => class_form w (label j) ^ 2)).
    + rewrite (sum_by_class classes N label (fun l => class_form w l ^ 2)) by easy.
      rewrite (sum_ext classes _ (fun l => IZR (count_of l) * class_form w l ^ 2)) by (intros; rewrite counted; easy).
      set (S := sum classes (fun l => IZR (count_of l) * class_form w l ^ 2)) in *.
      assert (positive : 0 < IZR (decays_denominator c) * IZR (denominator c) ^ 2)
        by (apply Rmult_lt_0_compat; [easy | now apply pow_lt]).
      apply (Rmult_le_reg_l _ _ _ positive).
      replace (IZR (decays_denominator c) * IZR (denominator c) ^ 2 * (INR N ^ 2 * (lw * lh) * sum classes (fun k =>
        w k ^ 2)))
        with (IZR scale * sum classes (fun k => w k ^ 2)); [lra |].
      unfold scale. rewrite !Z.pow_2_r, !mult_IZR, <- decays, <- samples_are. ring.
    + reflexivity.
Qed.

(** A mean over the samples of what depends only on their classes. *)
Lemma mean_by_class f : / INR N * sum N (fun j => f (label j))
  = sum classes (fun l => IZR (count_of l) * f l) / IZR samples.
Proof.
  destruct described as [labelled counted _ _ _]. rewrite <- samples_are, (sum_by_class classes) by easy.
  unfold Rdiv. rewrite Rmult_comm. f_equal. apply sum_ext. intros l inside. now rewrite counted.
Qed.
End Certificate.

(** What Coq decides of a claimed bound: that it accepts the certificate, and that the bound is at most the one that it
    computes. *)
Definition confirms (accepts : certificate -> bool) (fixed_bound : certificate -> Z) (c : certificate) (bound : Z) :
  bool := accepts c && (bound <=? fixed_bound c)%Z.

Lemma confirmed accepts fixed_bound c bound : confirms accepts fixed_bound c bound = true ->
  accepts c = true /\ IZR bound / IZR unit <= real_of (fixed_bound c).
Proof.
  intros both. apply andb_prop in both as [accepted small]. split; [easy |]. apply Z.leb_le, IZR_le in small.
  apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat, unit_positive | easy].
Qed.
