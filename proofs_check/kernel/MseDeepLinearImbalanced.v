(** MSE with a deep linear network and any class counts, for a single layer, at widths d >= K.

    The problem is that of one linear layer; the prediction is written in the ratio of each class to the threshold. *)
From Coq Require Import Reals Lra Lia Arith FunctionalExtensionality.
From Atlas Require Import Sums Labels.
From Atlas Require MseImbalanced.
From Atlas.generated Require Statement_mse_imbalanced.
From Atlas.generated Require Import Statement_mse_deep_linear_imbalanced.
Import Depth_1.
Open Scope R_scope.

(** The prediction of one class in the ratio to the threshold, as the claims on deep networks write it. *)
Definition alive (K N : nat) (label : nat -> nat) (lambda_1 lambda_H : R) (k : nat) : bool :=
  andb (if Rle_dec (INR (S k)) (INR K) then true else false)
    (if Rlt_dec 1 (class_count N label k / (INR N ^ 2 * lambda_1 * lambda_H)) then true else false).

Section Claim.
Variables (K d N : nat) (label : nat -> nat) (lambda_1 lambda_H : R).
Hypothesis allowed : Statement_mse_imbalanced.domain K d N label lambda_1 lambda_H.
Local Notation singular_value := (MseImbalanced.singular_value N label lambda_1 lambda_H).
Local Notation n := (class_count N label).
Local Notation factor k := (- INR N * sqrt lambda_1 * sqrt lambda_H / sqrt (n k) + 1).

(** A class lives iff its singular value is not zero, which then is that of the shrunken labels. *)
Lemma singular_value_of_class k :
  (k < K)%nat ->
  (alive K N label lambda_1 lambda_H k = true /\ singular_value k = factor k * sqrt (n k) /\ 0 < singular_value k) \/
  (alive K N label lambda_1 lambda_H k = false /\ singular_value k = 0).
Proof.
  intros inside. pose proof (MseImbalanced.root_pos _ _ _ _ _ _ allowed k inside) as root.
  pose proof (MseImbalanced.collapsed _ _ _ _ _ _ allowed k inside) as collapsed.
  unfold alive. destruct Rle_dec as [_ | no]; [| exfalso; apply no, le_INR; lia].
  unfold Statement_mse_imbalanced.ratio in collapsed.
  replace (INR N ^ 2 * lambda_H * lambda_1) with (INR N ^ 2 * lambda_1 * lambda_H) in collapsed by ring.
  destruct Rlt_dec as [more | less]; [left | right]; (split; [reflexivity |]).
  - destruct (MseImbalanced.regimes _ _ _ _ _ _ allowed k inside) as [(_ & zero & _) | (large & -> & _)].
    + apply collapsed in zero. lra.
    + split; [| lra]. unfold MseImbalanced.decay. field. lra.
  - apply collapsed. lra.
Qed.

Lemma value_is : value K d N label lambda_1 lambda_H = Statement_mse_imbalanced.value K d N label lambda_1 lambda_H.
Proof.
  rewrite (MseImbalanced.value_of_classes _ _ _ _ _ _ allowed). apply sum_ext. intros k inside.
  fold (alive K N label lambda_1 lambda_H k). pose proof (MseImbalanced.N_pos _ _ _ _ _ _ allowed).
  pose proof (MseImbalanced.root_square _ _ _ _ _ _ allowed k inside) as square.
  destruct (singular_value_of_class k inside) as [(-> & -> & _) | (-> & ->)].
  - unfold MseImbalanced.decay. ring.
  - rewrite <- square at 1. field. lra.
Qed.

(** A class beyond the last has no samples. *)
Lemma no_samples k : (K <= k)%nat -> n k = 0.
Proof.
  intros outside. apply sum_zero. intros j sample. unfold one_hot.
  pose proof (MseImbalanced.labels _ _ _ _ _ _ allowed j sample). destruct (Nat.eqb_spec (label j) k); [lia | easy].
Qed.

Lemma unknown_is k : q K d N label lambda_1 lambda_H k = Statement_mse_imbalanced.q K d N label lambda_1 lambda_H k.
Proof.
  unfold q. fold (alive K N label lambda_1 lambda_H k). destruct (le_lt_dec K k) as [outside | inside].
  - unfold alive. destruct Rle_dec as [wrong |]; [apply INR_le in wrong; lia |]. simpl andb. cbv iota.
    unfold Statement_mse_imbalanced.q. destruct Rle_dec; [| easy]. rewrite no_samples, sqrt_0, Rmax_left by
      (try easy; pose proof (MseImbalanced.N_pos _ _ _ _ _ _ allowed); pose proof (sqrt_pos lambda_1);
       pose proof (sqrt_pos lambda_H); assert (0 <= INR N * sqrt lambda_H * sqrt lambda_1) by
       (repeat apply Rmult_le_pos; lra); lra). easy.
  - rewrite (MseImbalanced.predicted_singular_value _ _ _ _ _ _ allowed k inside).
    now destruct (singular_value_of_class k inside) as [(-> & -> & _) | (-> & ->)].
Qed.

Lemma minimiser_is :
  minimiser_W_1 K d N label lambda_1 lambda_H = Statement_mse_imbalanced.minimiser_W K d N label lambda_1 lambda_H /\
  minimiser_H K d N label lambda_1 lambda_H = Statement_mse_imbalanced.minimiser_H K d N label lambda_1 lambda_H.
Proof.
  split; apply functional_extensionality; intros i; apply functional_extensionality; intros j.
  - unfold minimiser_W_1. now rewrite unknown_is.
  - unfold minimiser_H. now rewrite unknown_is.
Qed.

(** The factor of a class is what its residual leaves of the label. *)
Lemma factor_is k :
  (k < K)%nat ->
  (if alive K N label lambda_1 lambda_H k then factor k ^ 2 * n k else 0) / n k
  = (1 - MseImbalanced.residual N label lambda_1 lambda_H k) ^ 2.
Proof.
  intros inside. pose proof (MseImbalanced.root_pos _ _ _ _ _ _ allowed k inside) as root.
  pose proof (MseImbalanced.root_square _ _ _ _ _ _ allowed k inside) as square.
  pose proof (MseImbalanced.n_pos _ _ _ _ _ _ allowed k inside) as positive.
  unfold MseImbalanced.residual.
  destruct (singular_value_of_class k inside) as [(-> & -> & _) | (-> & ->)]; field; lra.
Qed.

Section Minimiser.
Variables W H : nat -> nat -> R.
Hypothesis least : Statement_mse_imbalanced.loss K d N label lambda_1 lambda_H W H
  = Statement_mse_imbalanced.value K d N label lambda_1 lambda_H.

(** What the network makes of the mean of a class. *)
Lemma logits_of_mean m k :
  (m < K)%nat -> (k < K)%nat ->
  sum d (fun i => W m i * (sum N (fun j => H i j * one_hot label k j) / n k))
  = if Nat.eqb k m then 1 - MseImbalanced.residual N label lambda_1 lambda_H k else 0.
Proof.
  intros row below. pose proof (MseImbalanced.multiple_pos _ _ _ _ _ _ allowed k below) as positive.
  rewrite (sum_ext d _ (fun i => MseImbalanced.multiple N label lambda_1 lambda_H k * (W m i * W k i))).
  - rewrite sum_scale, (MseImbalanced.rows_gram _ _ _ _ _ _ allowed W H least m k row below).
    destruct (Nat.eqb_spec k m) as [-> | other]; field; lra.
  - intros i inside. rewrite (MseImbalanced.class_mean _ _ _ _ _ _ allowed W H least k i below inside). ring.
Qed.

Lemma structure_at_minimiser : structure K d N label lambda_1 lambda_H W H.
Proof.
  destruct (MseImbalanced.structure_at_minimiser _ _ _ _ _ _ allowed W H least) as (grams & means & logits & scatter).
  pose proof (MseImbalanced.predicted_entry _ _ _ _ _ _ allowed) as entry.
  split; [| split; [| split; [| split]]].
  - intros k l row other. transitivity (Statement_mse_imbalanced.predicted_mean_gram K d N label lambda_1 lambda_H k l);
      [now apply means |]. pose proof (MseImbalanced.root_pos _ _ _ _ _ _ allowed k row) as root.
    unfold Statement_mse_imbalanced.predicted_mean_gram, predicted_mean_gram. rewrite entry by easy.
    fold (alive K N label lambda_1 lambda_H k).
    destruct (singular_value_of_class k row) as [(-> & same & lives) | (-> & ->)]; [| easy].
    replace (INR N * sqrt lambda_1 * sqrt lambda_H / sqrt (n k) - 1) with (- factor k) by (field; lra).
    assert (0 < factor k) by nra. rewrite Rabs_Ropp, Rabs_pos_eq, same by lra. easy.
  - intros k l row other.
    transitivity (Statement_mse_imbalanced.predicted_classifier_gram K d N label lambda_1 lambda_H k l);
      [now apply grams |].
    unfold Statement_mse_imbalanced.predicted_classifier_gram, predicted_classifier_grams. rewrite entry by easy.
    fold (alive K N label lambda_1 lambda_H k).
    now destruct (singular_value_of_class k row) as [(-> & -> & lives) | (-> & ->)].
  - intros k l row other. unfold feature_grams, predicted_feature_grams.
    pose proof (MseImbalanced.n_pos _ _ _ _ _ _ allowed k row) as positive.
    fold (alive K N label lambda_1 lambda_H k).
    set (left := 1 - MseImbalanced.residual N label lambda_1 lambda_H k).
    rewrite (sum_ext K _ (fun m => if Nat.eqb k m then left * (if Nat.eqb l k then left else 0) else 0)).
    + rewrite (sum_at K k (fun _ => left * (if Nat.eqb l k then left else 0)) row).
      pose proof (factor_is k row) as same. fold left in same.
      destruct (Nat.eqb l k).
      * transitivity (left ^ 2); [ring |]. rewrite <- same. unfold Rdiv. ring.
      * unfold Rdiv. ring.
    + intros m inside. rewrite !logits_of_mean by easy. fold left.
      destruct (Nat.eqb_spec k m) as [<- |]; [| ring]. destruct (Nat.eqb_spec l k) as [-> |]; reflexivity.
  - intros k l row other. transitivity (Statement_mse_imbalanced.predicted_mean_logits K d N label lambda_1 lambda_H k l);
      [now apply logits |].
    unfold Statement_mse_imbalanced.predicted_mean_logits, predicted_mean_product. rewrite entry by easy.
    fold (alive K N label lambda_1 lambda_H k).
    now destruct (singular_value_of_class k row) as [(-> & -> & lives) | (-> & ->)].
  - exact scatter.
Qed.
End Minimiser.
End Claim.

(** Both claims allow the same parameters, where there is one layer. *)
Lemma allowed_with_one_layer K d N label lambda_1 lambda_H :
  domain K d N label lambda_1 lambda_H -> Statement_mse_imbalanced.domain K d N label lambda_1 lambda_H.
Proof. intros []. now constructor. Qed.

Theorem lower_bound : Depth_1.lower_bound.
Proof.
  intros K d N label lambda_1 lambda_H allowed W H. apply allowed_with_one_layer in allowed.
  rewrite value_is by easy. exact (MseImbalanced.lower_bound _ _ _ _ _ _ allowed W H).
Qed.

Theorem attained : Depth_1.attained.
Proof.
  intros K d N label lambda_1 lambda_H allowed. apply allowed_with_one_layer in allowed.
  rewrite value_is by easy. destruct (minimiser_is _ _ _ _ _ _ allowed) as [-> ->].
  exact (MseImbalanced.attained _ _ _ _ _ _ allowed).
Qed.

Theorem threshold : Depth_1.threshold.
Proof.
  intros K d N label lambda_1 lambda_H allowed. apply allowed_with_one_layer in allowed.
  rewrite value_is by easy.
  assert (same : forall k, ratio K d N label lambda_1 lambda_H k
    = Statement_mse_imbalanced.ratio K d N label lambda_1 lambda_H k).
  { intros k. unfold ratio, Statement_mse_imbalanced.ratio. f_equal. ring. }
  pose proof (MseImbalanced.threshold _ _ _ _ _ _ allowed) as known.
  split; intros given; [intros k; rewrite same; revert k |]; apply known; [easy |].
  intros k. rewrite <- same. now revert k.
Qed.

Theorem unique_structure : Depth_1.unique_structure.
Proof.
  intros K d N label lambda_1 lambda_H allowed W H. apply allowed_with_one_layer in allowed.
  rewrite value_is by easy. now apply structure_at_minimiser.
Qed.

(** Two classes of one sample each. *)
Theorem domain_not_empty : Depth_1.domain_not_empty.
Proof.
  exists 2%nat, 2%nat, 2%nat, (fun j => j), 1, 1. constructor; try lra; try lia.
  intros k inside. now exists k.
Qed.
