(** The claim ce-imbalanced: a certificate that Coq accepts is a lower bound of the claim's own loss. *)
From Coq Require Import Reals Lra Lia Arith ZArith.
From Atlas Require Import Sums Labels Softmax Duality ClassMeans Logarithm DualCertificate.
From Atlas.generated Require Import Statement_ce_imbalanced.
Module Statement := Statement_ce_imbalanced.
Open Scope R_scope.

Lemma loss_is K d N label lambda_W lambda_H W H : Statement.loss K d N label lambda_W lambda_H W H
  = mean_cross_entropy K N (one_hot label) (product d W H)
    + lambda_W / 2 * squared_norm K d W + lambda_H / 2 * squared_norm d N H.
Proof.
  unfold Statement.loss, mean_cross_entropy, squared_norm, product, log_sum_exp. rewrite (sum_swap d N).
  do 2 f_equal. unfold Rdiv. rewrite Rmult_comm. f_equal. apply sum_ext. intros j _. f_equal.
  apply sum_ext. intros; ring.
Qed.

(** The samples have the class counts of the certificate, and the decays its product. *)
Definition describes (c : certificate) (N : nat) (label : nat -> nat) (lambda_W lambda_H : R) : Prop :=
  (forall k, (k < classes c)%nat -> class_count N label k = IZR (count_of c k))
  /\ IZR (decays_denominator c) * (lambda_W * lambda_H) = IZR (decays_numerator c).

(** Every certificate that Coq accepts bounds the loss from below, at every feature dimension and order of the samples. *)
Theorem certificate_is_lower_bound c d N label lambda_W lambda_H : is_certificate c = true ->
  domain (classes c) d N label lambda_W lambda_H -> describes c N label lambda_W lambda_H ->
  forall W H, real_of (fixed_bound c) <= Statement.loss (classes c) d N label lambda_W lambda_H W H.
Proof.
  intros accepted [_ labelled _ _ weight feature] [counted decays] W H. rewrite loss_is. now apply certified.
Qed.

(** What Coq decides of an instance: that the certificate is one, and that its bound is at least the one that is claimed. *)
Definition certifies (c : certificate) (bound : Z) : bool := is_certificate c && (bound <=? fixed_bound c)%Z.

(** A claimed bound that Coq confirms is a lower bound of the loss. *)
Theorem certified_bound c bound d N label lambda_W lambda_H : certifies c bound = true ->
  domain (classes c) d N label lambda_W lambda_H -> describes c N label lambda_W lambda_H ->
  forall W H, IZR bound / IZR unit <= Statement.loss (classes c) d N label lambda_W lambda_H W H.
Proof.
  intros confirmed allowed described W H. apply andb_prop in confirmed as [accepted small].
  apply Z.leb_le, IZR_le in small. pose proof unit_positive as positive.
  apply Rle_trans with (real_of (fixed_bound c)); [| now apply certificate_is_lower_bound].
  unfold real_of. apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat | easy].
Qed.

(** NC1: at every minimiser the features of a sample are the mean of its class, for all class counts. *)
Theorem features_equal_class_means K d N label lambda_W lambda_H W H : domain K d N label lambda_W lambda_H ->
  (forall W' H', Statement.loss K d N label lambda_W lambda_H W H <= Statement.loss K d N label lambda_W lambda_H W' H') ->
  forall i j, (i < d)%nat -> (j < N)%nat -> H i j = feature_mean N label H i (label j).
Proof.
  intros allowed optimal i j row sampled. destruct allowed as [classes labelled nonempty _ _ feature].
  specialize (optimal W (collapsed N label H)). rewrite !loss_is in optimal.
  pose proof (means_are_better K N d label lambda_W lambda_H W H classes ltac:(lia) labelled nonempty) as better.
  assert (nonneg : 0 <= scatter N d label H) by (apply sum_nonneg; intros; apply sum_of_squares_nonneg).
  assert (none : scatter N d label H = 0) by nra.
  pose proof (sum_nonneg_zero d _ (fun i _ => sum_of_squares_nonneg N _) none i row) as of_row.
  pose proof (sum_nonneg_zero N _ (fun j _ => pow2_ge_0 _) of_row j sampled) as square. cbv beta in square.
  apply Rminus_diag_uniq, Rsqr_0_uniq. rewrite Rsqr_pow2. exact square.
Qed.
