(** The claim ce-imbalanced: the loss in the terms of weak duality, and the collapse of the features of a class. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Labels Softmax Duality ClassMeans.
From Atlas.generated Require Import Statement_ce_imbalanced.
Module Statement := Statement_ce_imbalanced.
Open Scope R_scope.

(** The loss is the mean cross-entropy and the decay terms. *)
Lemma loss_is K d N label lambda_W lambda_H W H : Statement.loss K d N label lambda_W lambda_H W H
  = mean_cross_entropy K N (one_hot label) (product d W H)
    + lambda_W / 2 * squared_norm K d W + lambda_H / 2 * squared_norm d N H.
Proof.
  unfold Statement.loss, mean_cross_entropy, squared_norm, product, log_sum_exp. rewrite (sum_swap d N).
  do 2 f_equal. unfold Rdiv. rewrite Rmult_comm. f_equal. apply sum_ext. intros j _. f_equal.
  apply sum_ext. intros; ring.
Qed.

(** NC1: at every minimiser the features of a sample are the mean of its class, for all class counts. *)
Theorem features_equal_class_means K d N label lambda_W lambda_H W H : domain K d N label lambda_W lambda_H ->
  (forall W' H', Statement.loss K d N label lambda_W lambda_H W H
    <= Statement.loss K d N label lambda_W lambda_H W' H') ->
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
