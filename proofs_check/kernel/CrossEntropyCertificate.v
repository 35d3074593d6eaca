(** Certificates of the cross-entropy: Coq decides that the dual point consists of probabilities and is feasible, and
    computes the lower bound of the loss that follows. *)
From Coq Require Import Reals Lra Lia Arith ZArith List Bool.
From Atlas Require Import Sums Labels Softmax Duality FixedPoint Logarithm Semidefinite DualCertificate.
Open Scope R_scope.

Section Certificate.
Variable c : certificate.
Local Notation classes := (classes c).
Local Notation numerator := (numerator c).
Local Notation entry := (entry c).

(** Whether each column has positive entries that sum to the denominator. *)
Definition is_probability (l : nat) : bool :=
  forallb (fun k => (0 <? numerator k l) && (numerator k l <=? denominator c))%Z (seq 0 classes)
  && (integer_sum classes (fun k => numerator k l) =? denominator c)%Z.

(** What Coq decides of a certificate. *)
Definition is_certificate : bool := is_feasible c && forallb is_probability (seq 0 classes).

(** The lower bound, in fixed point: the mean entropy, rounded down. *)
Definition fixed_bound : Z :=
  (integer_sum classes (fun l => count_of c l
    * integer_sum classes (fun k => numerator k l * surprise_below (numerator k l) (denominator c)))
  / (samples c * denominator c))%Z.

Hypothesis decided : is_certificate = true.

Lemma feasibility_decided : is_feasible c = true.
Proof. now apply andb_prop in decided. Qed.

Lemma column_decided l : (l < classes)%nat -> is_probability l = true.
Proof.
  intros inside. apply andb_prop in decided as [_ each]. rewrite forallb_forall in each. apply each, in_seq. lia.
Qed.

Lemma numerators k l : (k < classes)%nat -> (l < classes)%nat -> (0 < numerator k l <= denominator c)%Z.
Proof.
  intros row column. pose proof (column_decided l column) as probability.
  apply andb_prop in probability as [entries _]. rewrite forallb_forall in entries.
  specialize (entries k ltac:(apply in_seq; lia)). apply andb_prop in entries as [positive small].
  apply Z.ltb_lt in positive. apply Z.leb_le in small. lia.
Qed.

Lemma entry_positive k l : (k < classes)%nat -> (l < classes)%nat -> 0 < entry k l.
Proof.
  intros row column. apply Rdiv_lt_0_compat; [| apply denominator_positive, feasibility_decided].
  apply IZR_lt. now apply numerators.
Qed.

Lemma column_total l : (l < classes)%nat -> sum classes (fun k => entry k l) = 1.
Proof.
  intros column. pose proof (column_decided l column) as probability.
  apply andb_prop in probability as [_ total]. apply Z.eqb_eq in total.
  pose proof (denominator_positive c feasibility_decided). unfold DualCertificate.entry, Rdiv.
  rewrite (sum_ext classes _ (fun k => / IZR (denominator c) * IZR (numerator k l))) by (intros; ring).
  rewrite sum_scale, <- integer_sum_real, total. field. lra.
Qed.

(** The entropy of a class is at least what Coq computes. *)
Lemma entropy_of_class l : (l < classes)%nat ->
  sum classes (fun k => entry k l * real_of (surprise_below (numerator k l) (denominator c)))
  <= entropy classes (fun k => entry k l).
Proof.
  intros column. unfold entropy.
  apply Rle_trans with (sum classes (fun k => -1 * (entry k l * ln (entry k l)))); [| rewrite sum_scale; lra].
  apply sum_le. intros k row. pose proof (entry_positive k l row column).
  pose proof (surprise_below_is_below _ _ (numerators k l row column)) as below. fold (entry k l) in below. nra.
Qed.

Variables (label : nat -> nat) (N : nat) (lw lh : R).
Hypothesis described : describes c N label lw lh.

(** The bound that Coq computes is at most the mean entropy of the dual point. *)
Lemma bound_below_entropy : real_of fixed_bound
  <= / INR N * sum N (fun j => entropy classes (fun k => dual_point c label k j)).
Proof.
  pose proof feasibility_decided as feasible. pose proof (samples_positive c feasible _ _ _ _ described) as positive.
  pose proof (denominator_positive c feasible). pose proof unit_positive. unfold dual_point.
  rewrite (mean_by_class c label N lw lh described (fun l => entropy classes (fun k => entry k l))).
  rewrite (samples_are c label N lw lh described) in positive.
  apply Rle_trans with (sum classes (fun l => IZR (count_of c l)
    * sum classes (fun k => entry k l * real_of (surprise_below (numerator k l) (denominator c)))) / IZR (samples c)).
  - unfold fixed_bound. set (total := integer_sum classes _). unfold real_of at 1.
    assert (divisor : (0 < samples c * denominator c)%Z).
    { apply lt_IZR. rewrite mult_IZR. now apply Rmult_lt_0_compat. }
    pose proof (quotient_below total _ divisor) as below. rewrite mult_IZR in below.
    apply Rle_trans with (IZR total / (IZR (samples c) * IZR (denominator c)) * / IZR unit).
    + apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat | easy].
    + right. unfold total. rewrite integer_sum_real.
      transitivity (sum classes (fun l => / (IZR (denominator c) * IZR unit)
        * IZR (count_of c l * integer_sum classes
          (fun k => (numerator k l * surprise_below (numerator k l) (denominator c))%Z))) / IZR (samples c));
        [rewrite sum_scale; field; lra |].
      f_equal. apply sum_ext. intros l column. rewrite mult_IZR, integer_sum_real.
      rewrite (sum_ext classes (fun k => entry k l * _) (fun k => / (IZR (denominator c) * IZR unit)
        * IZR ((numerator k l * surprise_below (numerator k l) (denominator c))%Z))); [rewrite sum_scale; ring |].
      intros k _. rewrite mult_IZR. unfold DualCertificate.entry, real_of. field. lra.
  - apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat |]. apply sum_le. intros l column.
    apply Rmult_le_compat_l; [| now apply entropy_of_class].
    apply IZR_le, Z.lt_le_incl. now apply (checked c feasible).
Qed.

(** No point has a loss below the bound: at any feature dimension, and whatever the order of the samples. *)
Theorem certified d W H : real_of fixed_bound <=
  mean_cross_entropy classes N (one_hot label) (product d W H) + lw / 2 * squared_norm classes d W
    + lh / 2 * squared_norm d N H.
Proof.
  pose proof feasibility_decided as feasible. pose proof (samples_positive c feasible _ _ _ _ described).
  eapply Rle_trans; [exact bound_below_entropy |].
  rewrite (mean_cross_entropy_ext _ _ _ (one_hot label) (product d W H) (fun k j => product d W H k j + 0))
    by (intros; split; [reflexivity | ring]).
  apply weak_duality with (cone := fun _ => True); try easy.
  - apply (checked c feasible).
  - now apply INR_lt.
  - intros k j row sampled. left. apply entry_positive; [easy | now apply described].
  - intros j sampled. apply column_total. now apply described.
  - now apply certificate_feasible.
  - intros. ring.
Qed.
End Certificate.
