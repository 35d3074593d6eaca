(** Certificates of the cross-entropy with any class counts: Coq decides that probabilities are dual feasible, and computes
    the lower bound of the loss that follows. *)
From Coq Require Import Reals Lra Lia Arith ZArith List Bool.
From Atlas Require Import Sums Labels Softmax Duality Logarithm Semidefinite.
Import ListNotations.
Open Scope R_scope.

(** A certificate: the class counts, the product of the decays, and the dual point, with one column of probabilities a class.

    All numbers are integers: the product of the decays is a fraction, and the probabilities share a denominator. The factor
    is that of a Cholesky decomposition; it only helps to decide, and nothing is assumed of it. *)
Record certificate := {
  counts : list Z;
  decays_numerator : Z;
  decays_denominator : Z;
  denominator : Z;
  probabilities : list (list Z);
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
Definition column (k : nat) : list Z := nth k (probabilities c) [].
Definition numerator (k l : nat) : Z := nth k (column l) 0%Z.

(** The label of class l less its probabilities, times the denominator. *)
Definition residual (l : nat) : list Z :=
  map (fun k => ((if Nat.eqb l k then denominator c else 0) - numerator k l)%Z) (seq 0 classes).

(** The squares that are taken off N^2 lw lh |w|^2: those of the classes, and those of the factor. *)
Definition class_squares : list (Z * list Z) :=
  map (fun l => ((- (decays_denominator c * count_of l))%Z, residual l)) (seq 0 classes).
Definition factor_squares : list (Z * list Z) := map (fun row => ((-1)%Z, row)) (factor c).
Definition scale : Z := (samples ^ 2 * decays_numerator c * denominator c ^ 2)%Z.

(** Whether each column has positive entries that sum to the denominator. *)
Definition is_probability (k : nat) : bool :=
  forallb (fun l => (0 <? numerator l k) && (numerator l k <=? denominator c))%Z (seq 0 classes)
  && (integer_sum classes (fun l => numerator l k) =? denominator c)%Z.

(** What Coq decides of a certificate. *)
Definition is_certificate : bool :=
  (0 <? classes)%nat && (0 <? decays_denominator c)%Z && (0 <? denominator c)%Z
  && forallb (fun k => (0 <? count_of k)%Z && is_probability k) (seq 0 classes)
  && is_nonnegative classes scale (class_squares ++ factor_squares).

(** The lower bound, in fixed point: the mean entropy, rounded down. *)
Definition fixed_bound : Z :=
  (integer_sum classes (fun l => count_of l
    * integer_sum classes (fun k => numerator k l * surprise_below (numerator k l) (denominator c)))
  / (samples * denominator c))%Z.

Hypothesis decided : is_certificate = true.

Lemma checked : (0 < classes)%nat /\ (0 < decays_denominator c)%Z /\ (0 < denominator c)%Z
  /\ (forall k, (k < classes)%nat -> (0 < count_of k)%Z /\ is_probability k = true)
  /\ is_nonnegative classes scale (class_squares ++ factor_squares) = true.
Proof.
  unfold is_certificate in decided. rewrite !andb_true_iff in decided. destruct decided as ((((some & product) & fraction) & each) & form).
  apply Nat.ltb_lt in some. apply Z.ltb_lt in product, fraction. repeat split; try easy;
    rewrite forallb_forall in each; specialize (each k ltac:(apply in_seq; lia)); apply andb_prop in each as [positive ?]; [now apply Z.ltb_lt | easy].
Qed.

Lemma numerators k l : (k < classes)%nat -> (l < classes)%nat -> (0 < numerator k l <= denominator c)%Z.
Proof.
  intros row col. destruct checked as (_ & _ & _ & each & _). destruct (each l col) as [_ probability].
  apply andb_prop in probability as [entries _]. rewrite forallb_forall in entries.
  specialize (entries k ltac:(apply in_seq; lia)). apply andb_prop in entries as [positive small].
  apply Z.ltb_lt in positive. apply Z.leb_le in small. lia.
Qed.

(** The probability of class k at a sample of class l. *)
Definition probability_of (k l : nat) : R := IZR (numerator k l) / IZR (denominator c).

Lemma denominator_positive : 0 < IZR (denominator c). Proof. apply IZR_lt, checked. Qed.

Lemma probability_of_positive k l : (k < classes)%nat -> (l < classes)%nat -> 0 < probability_of k l.
Proof.
  intros row col. apply Rdiv_lt_0_compat; [| apply denominator_positive]. apply IZR_lt. now apply numerators.
Qed.

Lemma probability_of_total l : (l < classes)%nat -> sum classes (fun k => probability_of k l) = 1.
Proof.
  intros col. destruct checked as (_ & _ & _ & each & _). destruct (each l col) as [_ probability].
  apply andb_prop in probability as [_ total]. apply Z.eqb_eq in total. pose proof denominator_positive.
  unfold probability_of, Rdiv. rewrite (sum_ext classes _ (fun k => / IZR (denominator c) * IZR (numerator k l))) by (intros; ring).
  rewrite sum_scale, <- integer_sum_real, total. field. lra.
Qed.

(** The entropy of a class is at least what Coq computes. *)
Lemma entropy_of_class l : (l < classes)%nat ->
  sum classes (fun k => probability_of k l * real_of (surprise_below (numerator k l) (denominator c)))
  <= entropy classes (fun k => probability_of k l).
Proof.
  intros col. unfold entropy.
  apply Rle_trans with (sum classes (fun k => -1 * (probability_of k l * ln (probability_of k l)))); [| rewrite sum_scale; lra].
  apply sum_le. intros k row. pose proof (probability_of_positive k l row col).
  pose proof (surprise_below_is_below _ _ (numerators k l row col)) as below. fold (probability_of k l) in below. nra.
Qed.

Variables (label : nat -> nat) (N : nat) (lw lh : R).
Hypotheses (weight : 0 < lw) (feature : 0 < lh).
Hypothesis decays : IZR (decays_denominator c) * (lw * lh) = IZR (decays_numerator c).
Hypothesis labelled : forall j, (j < N)%nat -> (label j < classes)%nat.
Hypothesis counted : forall k, (k < classes)%nat -> class_count N label k = IZR (count_of k).

Lemma samples_are : INR N = IZR samples.
Proof.
  rewrite <- (sum_class_count classes N label labelled). unfold samples. rewrite integer_sum_real. now apply sum_ext.
Qed.

Lemma samples_positive : 0 < INR N.
Proof.
  destruct checked as (some & _ & _ & each & _). rewrite <- (sum_class_count classes N label labelled).
  apply sum_positive; [easy |]. intros k inside. rewrite counted by easy. apply IZR_lt. now apply each.
Qed.

(** The dual point, one column a sample. *)
Definition dual_point (k j : nat) : R := probability_of k (label j).

(** The linear form of a class. *)
Definition class_form (w : nat -> R) (l : nat) : R :=
  sum classes (fun k => ((if Nat.eqb l k then 1 else 0) - probability_of k l) * w k).

Lemma residual_dot w l : dot (residual l) (listed classes w) = IZR (denominator c) * class_form w l.
Proof.
  pose proof denominator_positive. unfold residual.
  rewrite dot_listed by (now rewrite map_length, seq_length). unfold class_form. rewrite <- sum_scale. apply sum_ext. intros k inside.
  rewrite (nth_indep _ 0%Z ((fun k => ((if Nat.eqb l k then denominator c else 0) - numerator k l)%Z) 0%nat)) by (now rewrite map_length, seq_length).
  rewrite (map_nth (fun k => ((if Nat.eqb l k then denominator c else 0) - numerator k l)%Z)), seq_nth by easy.
  rewrite Nat.add_0_l, minus_IZR. unfold probability_of. destruct Nat.eqb; field; lra.
Qed.

Lemma class_squares_are w : squares_of class_squares (listed classes w)
  = - (IZR (decays_denominator c) * IZR (denominator c) ^ 2 * sum classes (fun l => IZR (count_of l) * class_form w l ^ 2)).
Proof.
  assert (listed_sum : forall n start f, squares_of (map (fun l => (f l, residual l)) (seq start n)) (listed classes w)
    = sum n (fun l => IZR (f (start + l)%nat) * dot (residual (start + l)) (listed classes w) ^ 2)).
  { induction n as [| n IH]; intros start f; [reflexivity |]. rewrite sum_head. cbn [seq map squares_of fold_right fst snd].
    change (fold_right _ 0 _) with (squares_of (map (fun l => (f l, residual l)) (seq (S start) n)) (listed classes w)).
    rewrite IH, Nat.add_0_r. f_equal. apply sum_ext. intros l _. now rewrite Nat.add_succ_comm. }
  unfold class_squares. rewrite listed_sum, Ropp_mult_distr_l, <- sum_scale. apply sum_ext. intros l _.
  rewrite residual_dot, Nat.add_0_l, opp_IZR, mult_IZR. ring.
Qed.

Lemma factor_squares_are x : squares_of factor_squares x <= 0.
Proof.
  unfold factor_squares. induction (factor c) as [| row rows IH]; simpl; [lra |]. pose proof (pow2_ge_0 (dot row x)). simpl in *. lra.
Qed.

Lemma squares_of_app first second x : squares_of (first ++ second) x = squares_of first x + squares_of second x.
Proof. induction first as [| [a r] first IH]; simpl; [ring | rewrite IH; ring]. Qed.

(** The dual point is feasible. *)
Lemma certificate_feasible cone : feasible classes N lw lh (one_hot label) dual_point cone.
Proof.
  destruct checked as (some & product & _ & each & form). pose proof samples_positive. pose proof denominator_positive.
  apply IZR_lt in product. apply feasible_by_operator_norm; try easy.
  - apply INR_lt. easy.
  - intros w.
    pose proof (nonnegative classes scale _ (listed classes w) form (listed_length classes w)) as above.
    rewrite squares_of_app, squares_listed, class_squares_are in above. pose proof (factor_squares_are (listed classes w)).
    rewrite (sum_ext N _ (fun j => class_form w (label j) ^ 2)).
    + rewrite (sum_by_class classes N label (fun l => class_form w l ^ 2)) by easy.
      rewrite (sum_ext classes _ (fun l => IZR (count_of l) * class_form w l ^ 2)) by (intros; rewrite counted; easy).
      set (S := sum classes (fun l => IZR (count_of l) * class_form w l ^ 2)) in *.
      assert (positive : 0 < IZR (decays_denominator c) * IZR (denominator c) ^ 2)
        by (apply Rmult_lt_0_compat; [easy | now apply pow_lt]).
      apply (Rmult_le_reg_l _ _ _ positive).
      replace (IZR (decays_denominator c) * IZR (denominator c) ^ 2 * (INR N ^ 2 * (lw * lh) * sum classes (fun k => w k ^ 2)))
        with (IZR scale * sum classes (fun k => w k ^ 2)); [lra |].
      unfold scale. rewrite !Z.pow_2_r, !mult_IZR, <- decays, <- samples_are. ring.
    + reflexivity.
Qed.

(** The bound that Coq computes is at most the mean entropy of the dual point. *)
Lemma bound_below_entropy : real_of (fixed_bound) <= / INR N * sum N (fun j => entropy classes (fun k => dual_point k j)).
Proof.
  pose proof samples_positive as positive. pose proof denominator_positive. pose proof unit_positive. unfold dual_point.
  rewrite (sum_by_class classes N label (fun l => entropy classes (fun k => probability_of k l))) by easy.
  apply Rle_trans with (/ INR N * sum classes (fun l => class_count N label l
    * sum classes (fun k => probability_of k l * real_of (surprise_below (numerator k l) (denominator c))))).
  - unfold fixed_bound. set (total := integer_sum classes _). unfold real_of at 1.
    assert (divisor : (0 < samples * denominator c)%Z).
    { apply lt_IZR. rewrite mult_IZR, <- samples_are. now apply Rmult_lt_0_compat. }
    pose proof (quotient_below total _ divisor) as below. rewrite mult_IZR, <- samples_are in below.
    apply Rle_trans with (IZR total / (INR N * IZR (denominator c)) * / IZR unit).
    + apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat | easy].
    + right. unfold total. rewrite integer_sum_real.
      transitivity (/ (INR N * IZR (denominator c) * IZR unit) * sum classes (fun l => IZR (count_of l * integer_sum classes
        (fun k => (numerator k l * surprise_below (numerator k l) (denominator c))%Z)))); [field; lra |].
      replace (/ INR N) with (/ (INR N * IZR (denominator c) * IZR unit) * (IZR (denominator c) * IZR unit)) by (field; lra).
      rewrite (Rmult_assoc _ (IZR (denominator c) * IZR unit)). f_equal. rewrite <- sum_scale. apply sum_ext. intros l col.
      rewrite counted, mult_IZR, integer_sum_real by easy.
      rewrite (sum_ext classes (fun k => probability_of k l * _)
        (fun k => / (IZR (denominator c) * IZR unit) * IZR ((numerator k l * surprise_below (numerator k l) (denominator c))%Z))).
      * rewrite sum_scale. field. lra.
      * intros k _. rewrite mult_IZR. unfold probability_of, real_of. field. lra.
  - apply Rmult_le_compat_l; [left; now apply Rinv_0_lt_compat |]. apply sum_le. intros l col.
    apply Rmult_le_compat_l; [rewrite counted by easy; apply IZR_le; destruct (checked) as (_ & _ & _ & each & _); now apply Z.lt_le_incl, each |].
    now apply entropy_of_class.
Qed.

(** No point has a loss below the bound: at any feature dimension, and whatever the order of the samples. *)
Theorem certified d W H : real_of fixed_bound <=
  mean_cross_entropy classes N (one_hot label) (product d W H) + lw / 2 * squared_norm classes d W + lh / 2 * squared_norm d N H.
Proof.
  pose proof bound_below_entropy as below. destruct checked as (some & _).
  assert (some_sample : (0 < N)%nat) by (apply INR_lt, samples_positive).
  eapply Rle_trans; [exact below |].
  rewrite (mean_cross_entropy_ext _ _ _ (one_hot label) (product d W H) (fun k j => product d W H k j + 0))
    by (intros; split; [reflexivity | ring]).
  apply weak_duality with (cone := fun _ => True); try easy.
  - intros k j row sampled. left. apply probability_of_positive; auto.
  - intros j sampled. apply probability_of_total. auto.
  - apply certificate_feasible.
  - intros. ring.
Qed.
End Certificate.
