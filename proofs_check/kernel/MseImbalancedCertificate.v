(** The claim mse-imbalanced: a certificate that Coq accepts is a lower bound of the claim's own loss. *)
From Coq Require Import Reals ZArith.
From Atlas Require Import Sums Labels Duality FixedPoint DualCertificate MseCertificate.
From Atlas.generated Require Import Statement_mse_imbalanced.
Module Statement := Statement_mse_imbalanced.
Open Scope R_scope.

(** The loss is the MSE and the decay terms. *)
Lemma loss_is K d N label lambda_W lambda_H W H : Statement.loss K d N label lambda_W lambda_H W H
  = mean_squared_error K N (one_hot label) (product d W H)
    + lambda_W / 2 * squared_norm K d W + lambda_H / 2 * squared_norm d N H.
Proof.
  unfold Statement.loss, mean_squared_error, squared_norm, product. rewrite (sum_swap d N).
  do 2 f_equal. apply Rmult_comm.
Qed.

(** Every certificate that Coq accepts bounds the loss from below, at every feature dimension and order of the
    samples. *)
Theorem certificate_is_lower_bound c d N label lambda_W lambda_H : is_feasible c = true ->
  describes c N label lambda_W lambda_H ->
  forall W H, real_of (fixed_bound c) <= Statement.loss (classes c) d N label lambda_W lambda_H W H.
Proof. intros accepted described W H. rewrite loss_is. now apply certified. Qed.

(** What Coq decides of an instance: that the certificate is one, and that its bound is at least the one that is
    claimed. *)
Definition certifies : certificate -> Z -> bool := confirms is_feasible fixed_bound.

(** A claimed bound that Coq confirms is a lower bound of the loss. *)
Theorem certified_bound c bound d N label lambda_W lambda_H : certifies c bound = true ->
  describes c N label lambda_W lambda_H ->
  forall W H, IZR bound / IZR unit <= Statement.loss (classes c) d N label lambda_W lambda_H W H.
Proof.
  intros both described W H. apply confirmed in both as [accepted below].
  eapply Rle_trans; [exact below | now apply certificate_is_lower_bound].
Qed.
