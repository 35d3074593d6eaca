(** The claim ce-deep-linear, refuted for two layers and every number of classes from six on.

    At any point with the published structure, a simplex ETF in every layer, of a margin above zero, the loss is larger than
    at a point whose classes are opposite in pairs, with three of them on a triangle where their number is odd. So no such
    point is a minimiser, whatever the decays. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Labels SimplexEtf SimplexVertices DeepLinearRival ClassBlocks.
From Atlas.generated Require Import Statement_ce_deep_linear.
Module Statement := Statement_ce_deep_linear.Depth_2.
Open Scope R_scope.

(** A point has the published structure of margin t, at some sizes of its simplex ETFs. *)
Definition has_published_structure (K d_1 d_2 N : nat) (label : nat -> nat) (W_1 W_2 H : nat -> nat -> R) (t : R) : Prop :=
  exists a v g, 0 <= a /\ 0 <= v /\ 0 <= g /\ published K d_1 d_2 N label W_1 W_2 H a v g t.

(** The loss of the statement, by its logits. *)
Lemma loss_is K d_1 d_2 N label lambda_1 lambda_2 lambda_H W_1 W_2 H :
  Statement.loss K d_1 d_2 N label lambda_1 lambda_2 lambda_H W_1 W_2 H
  = deep_loss K d_1 d_2 N label lambda_1 lambda_2 lambda_H W_1 W_2 H.
Proof. reflexivity. Qed.

(** From six classes on there is a better rival, which needs no more axes than a simplex ETF. *)
Lemma better_rival_exists K : (6 <= K)%nat -> exists r q E, (r <= K - 1)%nat /\ better_rival K r q E.
Proof.
  intros six. destruct (Nat.Even_or_Odd K) as [[m ->] | [m ->]].
  - exists m. destruct (pairs_are_better m ltac:(lia)) as (q & E & better). exists q, E. split; [lia | easy].
  - exists (m - 1 + 2)%nat. destruct (triangle_is_better (m - 1) ltac:(lia)) as (q & E & better). exists q, E.
    split; [lia |]. now replace (2 * m + 1)%nat with (2 * (m - 1) + 3)%nat by lia.
Qed.

(** No point with the published structure and a margin above zero is a minimiser, whatever the decays. *)
Theorem published_is_never_optimal K d_1 d_2 N label lambda_1 lambda_2 lambda_H W_1 W_2 H t :
  Statement.domain K d_1 d_2 N label lambda_1 lambda_2 lambda_H ->
  (6 <= K)%nat -> (K - 1 <= d_1)%nat -> (K - 1 <= d_2)%nat ->
  has_published_structure K d_1 d_2 N label W_1 W_2 H t -> 0 < t ->
  ~ (forall W_1' W_2' H', Statement.loss K d_1 d_2 N label lambda_1 lambda_2 lambda_H W_1 W_2 H
      <= Statement.loss K d_1 d_2 N label lambda_1 lambda_2 lambda_H W_1' W_2' H').
Proof.
  intros allowed six first second (a & v & g & a_nonneg & v_nonneg & g_nonneg & structure) alive optimal.
  destruct (better_rival_exists K six) as (r & q & E & few & better).
  destruct allowed as [classes labelled nonempty balanced _ _ first_decay second_decay feature_decay].
  assert (some : (0 < N)%nat) by (destruct (nonempty 0%nat ltac:(lia)) as (j & inside & _); lia).
  destruct (rivals_are_better K d_1 d_2 N label lambda_1 lambda_2 lambda_H classes some labelled balanced
    first_decay second_decay feature_decay W_1 W_2 H a v g t structure a_nonneg v_nonneg g_nonneg alive
    r q E better ltac:(lia) ltac:(lia)) as (W_1' & W_2' & H' & smaller).
  specialize (optimal W_1' W_2' H'). rewrite loss_is, (loss_is _ _ _ _ _ _ _ _ W_1') in optimal. lra.
Qed.

(** Points with the published structure exist, for every margin. *)
Theorem published_structure_exists K d_1 d_2 N label t : (2 <= K)%nat -> (K - 1 <= d_1)%nat ->
  (K - 1 <= d_2)%nat ->
  (forall j, (j < N)%nat -> (label j < K)%nat) -> 0 <= t ->
  has_published_structure K d_1 d_2 N label identity (vertex K) (fun i j => t * vertex K (label j) i) t.
Proof.
  intros some first second labelled nonneg. exists 1, 1, t. do 3 (split; [lra |]).
  pose proof (vertices_are_etf K d_1 ltac:(lia) first) as etf_1.
  pose proof (vertices_are_etf K d_2 ltac:(lia) second) as etf_2.
  assert (beyond : forall k i, (K - 1 <= i)%nat -> vertex K k i = 0).
  { intros k i outside. unfold vertex. destruct (Nat.ltb_spec i (K - 1)); [lia | reflexivity]. }
  assert (through : forall k i, sum d_2 (fun e => vertex K k e * identity e i) = vertex K k i).
  { intros k i. rewrite (sum_ext d_2 _ (fun e => identity i e * vertex K k e))
      by (intros; unfold identity; rewrite Nat.eqb_sym; ring).
    destruct (Nat.lt_ge_cases i d_2) as [inside | outside]; [now apply identity_pick |].
    rewrite beyond by lia. apply sum_zero. intros e below. unfold identity.
    destruct (Nat.eqb_spec i e); [lia | ring]. }
  repeat split.
  - intros k l row col. rewrite etf_2 by easy. ring.
  - intros k l row col. rewrite (sum_ext d_1 _ (fun i => vertex K k i * vertex K l i))
      by (intros; now rewrite !through).
    rewrite etf_1 by easy. ring.
  - intros j j1 sampled sampled1.
    rewrite (sum_ext d_1 _ (fun i => t ^ 2 * (vertex K (label j) i * vertex K (label j1) i)))
      by (intros; ring).
    rewrite sum_scale, etf_1 by auto. reflexivity.
  - intros k j row sampled.
    transitivity (sum d_1 (fun i => t * (vertex K k i * vertex K (label j) i))).
    + transitivity (sum d_1 (fun i => sum d_2 (fun e => vertex K k e * identity e i) * (t * vertex K
        (label j) i))).
      * rewrite (sum_ext d_2 _ (fun e => sum d_1 (fun i => vertex K k e * (identity e i * (t * vertex K
          (label j) i)))))
          by (intros; now rewrite sum_scale).
        rewrite sum_swap. apply sum_ext. intros i _.
        transitivity (t * vertex K (label j) i * sum d_2 (fun e => vertex K k e * identity e i));
          [| ring].
        rewrite <- sum_scale. apply sum_ext. intros; ring.
      * apply sum_ext. intros i _. rewrite through. ring.
    + rewrite sum_scale, etf_1 by auto. reflexivity.
Qed.
