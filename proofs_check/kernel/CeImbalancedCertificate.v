(** The claim ce-imbalanced: a certificate that Coq accepts is a lower bound of the claim's own loss. *)
From Coq Require Import Reals ZArith.
From Atlas Require Import Duality FixedPoint DualCertificate CrossEntropyCertificate CeImbalanced.
From Atlas.generated Require Import Statement_ce_imbalanced.
Module Statement := Statement_ce_imbalanced.
Open Scope R_scope.

(** Every certificate that Coq accepts bounds the loss from below, at every feature dimension and order of the
    samples. *)
Theorem certificate_is_lower_bound c d N label lambda_W lambda_H : is_certificate c = true ->
  describes c N label lambda_W lambda_H ->
  forall W H, real_of (fixed_bound c) <= Statement.loss (classes c) d N label lambda_W lambda_H W H.
Proof. intros accepted described W H. rewrite loss_is. now apply certified. Qed.

(** What Coq decides of an instance: that the certificate is one, and that its bound is at least the one that is
    claimed. *)
Definition certifies : certificate -> Z -> bool := confirms is_certificate fixed_bound.

(** A claimed bound that Coq confirms is a lower bound of the loss. *)
Theorem certified_bound c bound d N label lambda_W lambda_H : certifies c bound = true ->
  describes c N label lambda_W lambda_H ->
  forall W H, IZR bound / IZR unit <= Statement.loss (classes c) d N label lambda_W lambda_H W H.
Proof.
  intros both described W H. apply confirmed in both as [accepted below].
  eapply Rle_trans; [exact below | now apply certificate_is_lower_bound].
Qed.
