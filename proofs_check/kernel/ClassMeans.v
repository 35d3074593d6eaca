(** Features that vary within a class are not optimal under the cross-entropy: their class means have a smaller loss. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Labels Softmax Duality.
Open Scope R_scope.

(** The softmax of logits. *)
Definition softmax (K : nat) (z : nat -> R) (k : nat) : R := exp (z k) / sum K (fun k => exp (z k)).

Lemma softmax_positive K z k : (0 < K)%nat -> 0 < softmax K z k.
Proof. intros some. apply Rdiv_lt_0_compat; [apply exp_pos | now apply partition_positive]. Qed.

Lemma softmax_total K z : (0 < K)%nat -> sum K (softmax K z) = 1.
Proof.
  intros some. pose proof (partition_positive K z some). unfold softmax, Rdiv.
  rewrite (sum_ext K _ (fun k => / sum K (fun k => exp (z k)) * exp (z k))) by (intros; ring).
  rewrite sum_scale. field. lra.
Qed.

(** At the softmax of the logits Gibbs' inequality is an equality. *)
Lemma gibbs_attained K z : (0 < K)%nat -> entropy K (softmax K z) + sum K (fun k => softmax K z k * z k) = log_sum_exp K z.
Proof.
  intros some. pose proof (partition_positive K z some) as positive. unfold entropy.
  rewrite (sum_ext K (fun k => softmax K z k * ln (softmax K z k)) (fun k => softmax K z k * z k - log_sum_exp K z * softmax K z k)).
  - rewrite sum_minus, sum_scale. rewrite (softmax_total K z some). ring.
  - intros k _. unfold softmax at 2. unfold Rdiv. rewrite ln_mult, ln_exp, ln_Rinv by (try apply exp_pos; try apply Rinv_0_lt_compat; easy).
    unfold log_sum_exp. ring.
Qed.

Section ClassMeans.
Variables (K N d : nat) (label : nat -> nat) (lw lh : R) (W H : nat -> nat -> R).
Hypotheses (classes : (2 <= K)%nat) (some_sample : (0 < N)%nat) (feature : 0 < lh).
Hypotheses (labelled : forall j, (j < N)%nat -> (label j < K)%nat).
Hypotheses (nonempty : forall k, (k < K)%nat -> exists j, (j < N)%nat /\ label j = k).
Local Notation count := (class_count N label).

(** The mean of a coordinate of the features of a class, and the features replaced by their class means. *)
Definition feature_mean (i k : nat) : R := sum N (fun j => H i j * one_hot label k j) / count k.
Definition collapsed (i j : nat) : R := feature_mean i (label j).

(** The sum of the squared distances of the features from their class means. *)
Definition scatter : R := squared_norm d N (fun i j => H i j - collapsed i j).

Let counted k : (k < K)%nat -> 0 < count k.
Proof. intros inside. enough (1 <= count k) by lra. apply class_count_at_least_one. auto. Qed.

(** A coordinate of the features and that of their class means have the same sum, weighted by any function of the class. *)
Lemma same_sums i f : sum N (fun j => f (label j) * H i j) = sum N (fun j => f (label j) * collapsed i j).
Proof.
  unfold collapsed. rewrite (sum_by_class K N label (fun k => f k * feature_mean i k)) by easy.
  transitivity (sum N (fun j => sum K (fun k => one_hot label k j * (f k * H i j)))).
  - apply sum_ext. intros j sampled. now rewrite (sum_one_hot K label j (fun k => f k * H i j)) by auto.
  - rewrite sum_swap. apply sum_ext. intros k row. pose proof (counted k row). unfold feature_mean.
    rewrite (sum_ext N _ (fun j => f k * (H i j * one_hot label k j))) by (intros; ring). rewrite sum_scale. field. lra.
Qed.

(** The same for the logits. *)
Lemma same_logits k f : sum N (fun j => f (label j) * product d W H k j) = sum N (fun j => f (label j) * product d W collapsed k j).
Proof.
  unfold product.
  rewrite (sum_ext N (fun j => f (label j) * sum d (fun i => W k i * H i j)) (fun j => sum d (fun i => W k i * (f (label j) * H i j))))
    by (intros; rewrite <- sum_scale; apply sum_ext; intros; ring).
  rewrite (sum_ext N (fun j => f (label j) * sum d (fun i => W k i * collapsed i j)) (fun j => sum d (fun i => W k i * (f (label j) * collapsed i j))))
    by (intros; rewrite <- sum_scale; apply sum_ext; intros; ring).
  rewrite (sum_swap N d), (sum_swap N d). apply sum_ext. intros i _. now rewrite !sum_scale, same_sums.
Qed.

(** The squared norm of the features is that of the class means and the scatter. *)
Lemma norm_splits : squared_norm d N H = squared_norm d N collapsed + scatter.
Proof.
  unfold scatter, squared_norm. rewrite <- sum_plus. apply sum_ext. intros i _.
  pose proof (same_sums i (feature_mean i)) as cross. change (fun j => feature_mean i (label j) * H i j) with (fun j => collapsed i j * H i j) in cross.
  change (fun j => feature_mean i (label j) * collapsed i j) with (fun j => collapsed i j * collapsed i j) in cross.
  rewrite <- sum_plus, (sum_ext N (fun j => collapsed i j ^ 2 + (H i j - collapsed i j) ^ 2)
    (fun j => H i j ^ 2 - 2 * (collapsed i j * H i j) + 2 * (collapsed i j * collapsed i j))) by (intros; ring).
  rewrite sum_plus, sum_minus, !sum_scale, cross. ring.
Qed.

(** The cross-entropy is convex: at the class means it is not larger. *)
Lemma cross_entropy_of_means :
  mean_cross_entropy K N (one_hot label) (product d W collapsed) <= mean_cross_entropy K N (one_hot label) (product d W H).
Proof.
  assert (samples : 0 < INR N) by now apply lt_0_INR.
  unfold mean_cross_entropy. apply Rmult_le_compat_l; [left; now apply Rinv_0_lt_compat |]. rewrite !sum_minus.
  set (at_mean := fun y k => sum d (fun i => W k i * feature_mean i y)).
  assert (own : sum N (fun j => sum K (fun k => one_hot label k j * product d W collapsed k j))
    = sum N (fun j => sum K (fun k => one_hot label k j * product d W H k j))).
  { rewrite !(sum_swap N K). apply sum_ext. intros k _. symmetry.
    exact (same_logits k (fun y => if Nat.eqb y k then 1 else 0)). }
  rewrite own. enough (sum N (fun j => log_sum_exp K (fun k => product d W collapsed k j)) <= sum N (fun j => log_sum_exp K (fun k => product d W H k j))) by lra.
  apply Rle_trans with (sum N (fun j => entropy K (softmax K (at_mean (label j))) + sum K (fun k => softmax K (at_mean (label j)) k * product d W H k j))).
  - right. rewrite sum_plus, (sum_swap N K).
    rewrite (sum_ext K _ (fun k => sum N (fun j => softmax K (at_mean (label j)) k * product d W collapsed k j)))
      by (intros k _; exact (same_logits k (fun y => softmax K (at_mean y) k))).
    rewrite <- (sum_swap N K), <- sum_plus. apply sum_ext. intros j _.
    exact (eq_sym (gibbs_attained K (at_mean (label j)) ltac:(lia))).
  - apply sum_le. intros j _. apply (gibbs K (fun k => product d W H k j)); [lia | | apply softmax_total; lia].
    intros k _. left. apply softmax_positive. lia.
Qed.

(** The class means have a loss that is smaller by the decay of the scatter. *)
Theorem means_are_better :
  mean_cross_entropy K N (one_hot label) (product d W collapsed) + lw / 2 * squared_norm K d W + lh / 2 * squared_norm d N collapsed
  + lh / 2 * scatter
  <= mean_cross_entropy K N (one_hot label) (product d W H) + lw / 2 * squared_norm K d W + lh / 2 * squared_norm d N H.
Proof. pose proof cross_entropy_of_means. rewrite norm_splits. lra. Qed.
End ClassMeans.
