(** The claim ce-label-smoothing, proved for all sizes: the cross-entropy with balanced classes and smoothed labels. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Labels Softmax Margin Roots Duality SimplexEtf SimplexVertices SimplexEtfUnique.
From Atlas.generated Require Import Statement_ce_label_smoothing.
Module Statement := Statement_ce_label_smoothing.
Open Scope R_scope.

Section Claim.
Variables (K d N : nat) (label : nat -> nat) (lambda_W lambda_H alpha : R).
Hypothesis allowed : domain K d N label lambda_W lambda_H alpha.
Local Notation n := (class_count N label 0).
Local Notation etf_loss := (SimplexEtf.loss K N label lambda_W lambda_H alpha d).
Local Notation loss := (Statement.loss K d N label lambda_W lambda_H alpha).
Local Notation value := (Statement.value K d N label lambda_W lambda_H alpha).
Local Notation w := (classifier_size K lambda_W lambda_H n alpha).
Local Notation h := (feature_size K lambda_W lambda_H n alpha).

Let classes : (2 <= K)%nat. Proof. apply allowed. Qed.
Let labelled : forall j, (j < N)%nat -> (label j < K)%nat. Proof. apply allowed. Qed.
Let balanced : forall k, (k < K)%nat -> class_count N label k = n. Proof. apply allowed. Qed.
Let weight : 0 < lambda_W. Proof. apply allowed. Qed.
Let feature : 0 < lambda_H. Proof. apply allowed. Qed.
Let above_0 : 0 <= alpha. Proof. destruct (alpha_between _ _ _ _ _ _ _ allowed). lra. Qed.
Let below_1 : alpha < 1. Proof. apply (alpha_between _ _ _ _ _ _ _ allowed). Qed.
Let some_sample : (0 < N)%nat.
Proof. destruct (no_class_empty _ _ _ _ _ _ _ allowed 0) as (j & inside & _); lia. Qed.

(** The loss is the cross-entropy of the smoothed labels, with the decay terms. *)
Lemma loss_is W H : loss W H = etf_loss W H (fun _ => 0).
Proof.
  unfold SimplexEtf.loss.
  rewrite (mean_cross_entropy_ext K N _ (smoothed_label K label alpha) _ (product d W H)) by (intros; split; [reflexivity | ring]).
  rewrite (smoothed_cross_entropy K N label alpha classes some_sample labelled).
  unfold Statement.loss, squared_norm, product, log_sum_exp. now rewrite (sum_swap d N).
Qed.

(** The odds of the statement. *)
Lemma odds_are : Rmax 1 (- INR K + INR K / (INR K * sqrt lambda_H * sqrt lambda_W * sqrt n + alpha) + 1)
  = odds K lambda_W lambda_H n alpha.
Proof.
  pose proof (classes_real K classes).
  pose proof (pull_positive K N label _ _ _ classes some_sample weight feature labelled balanced) as positive.
  assert (0 < INR K * pull lambda_W lambda_H n) by (apply Rmult_lt_0_compat; lra).
  unfold odds, whole_pull. replace (INR K * sqrt lambda_H * sqrt lambda_W * sqrt n) with (INR K * pull lambda_W lambda_H n)
    by (unfold pull; ring).
  f_equal. field. lra.
Qed.

Lemma value_is : value = SimplexEtf.value K lambda_W lambda_H n alpha.
Proof.
  pose proof (classes_real K classes). unfold Statement.value. rewrite odds_are. unfold SimplexEtf.value.
  rewrite log_right_probability by (try apply odds_at_least_1; easy). unfold margin, whole_pull, pull. field. lra.
Qed.

Lemma value_below W H : value <= loss W H.
Proof. rewrite value_is, loss_is. now apply SimplexEtf.lower_bound. Qed.

Lemma value_attained V : simplex_etf K d V -> loss (fun k i => w * V k i) (fun i j => h * V (label j) i) = value.
Proof. intros etf. rewrite value_is, loss_is. apply attained_at_etf; try easy. now apply (sizes K N label). Qed.

(** The minimiser of the statement is the simplex ETF of the rows of the centring matrix. *)
Lemma minimiser_is :
  loss (minimiser_W K d N label lambda_W lambda_H alpha) (minimiser_H K d N label lambda_W lambda_H alpha)
  = loss (fun k i => w * (if Nat.ltb i K then centring K k i else 0))
      (fun i j => h * (if Nat.ltb i K then centring K (label j) i else 0)).
Proof.
  pose proof (classes_real K classes).
  pose proof (fourth_root_positive lambda_W). pose proof (fourth_root_positive lambda_H). pose proof (fourth_root_positive n).
  rewrite !loss_is. apply loss_ext; [intros k i | intros i j].
  - unfold minimiser_W, t, classifier_size, margin, centring. rewrite odds_are, (Nat.eqb_sym i k).
    destruct (Nat.ltb i K), (Nat.eqb k i); field; lra.
  - unfold minimiser_H, t, feature_size, margin, centring. rewrite odds_are.
    destruct (Nat.ltb i K), (Nat.eqb (label j) i); field; repeat split; lra.
Qed.

Lemma zero_is_best : value = loss (fun _ _ => 0) (fun _ _ => 0) <-> ratio K d N label lambda_W lambda_H alpha <= 1.
Proof.
  rewrite value_is, loss_is, loss_at_zero by easy. rewrite (SimplexEtf.collapse K N label) by easy.
  now rewrite <- (ratio_at_most_1 K N label) by easy.
Qed.

(** Every minimiser has the structure of the statement. *)
Lemma structure_of_minimiser W H : loss W H = value -> structure K d N label lambda_W lambda_H alpha W H.
Proof.
  intros optimal. rewrite value_is, loss_is in optimal. pose proof (classes_real K classes).
  assert (nonempty : forall k, (k < K)%nat -> exists j, (j < N)%nat /\ label j = k) by apply allowed.
  assert (count : 0 < n) by now apply (count_positive K N label).
  pose proof (sqrt_lt_R0 _ weight) as root_W. pose proof (sqrt_lt_R0 _ feature) as root_H. pose proof (sqrt_lt_R0 _ count) as root_n.
  pose proof (root_squared _ (Rlt_le _ _ feature)) as square_H. pose proof (root_squared _ (Rlt_le _ _ count)) as square_n.
  repeat split.
  - intros k l row col. unfold predicted_classifier_gram. rewrite odds_are. fold (margin K lambda_W lambda_H n alpha).
    transitivity (lambda_H * n / pull lambda_W lambda_H n * margin K lambda_W lambda_H n alpha * centring K k l).
    + now apply (optimal_classifier K N label lambda_W lambda_H n alpha) with (b := fun _ => 0) (H := H).
    + unfold pull, centring. rewrite (Nat.eqb_sym l k). rewrite <- square_H, <- square_n at 1. destruct Nat.eqb; field; repeat split; lra.
  - intros k l row col. unfold predicted_mean_gram. rewrite odds_are. fold (margin K lambda_W lambda_H n alpha).
    transitivity (pull lambda_W lambda_H n / (lambda_H * n) * margin K lambda_W lambda_H n alpha * centring K k l).
    + now apply (measured_gram K N label lambda_W lambda_H n alpha) with (b := fun _ => 0) (W := W).
    + unfold pull, centring. rewrite (Nat.eqb_sym l k).
      replace (lambda_H * n) with (sqrt lambda_H ^ 2 * sqrt n ^ 2) by (now rewrite square_H, square_n).
      destruct Nat.eqb; field; repeat split; lra.
  - intros k l row col. unfold predicted_mean_logits. rewrite odds_are. fold (margin K lambda_W lambda_H n alpha).
    transitivity (margin K lambda_W lambda_H n alpha * centring K k l).
    + rewrite <- (measured_logits K N label lambda_W lambda_H n alpha classes some_sample weight feature labelled balanced
        above_0 below_1 d W H (fun _ => 0) optimal k l row col). unfold mean_logits, product.
      f_equal; [| f_equal; apply sum_ext; intros k1 _]; unfold Rdiv; f_equal; apply sum_ext; intros j _; now rewrite Rplus_0_r.
    + unfold centring. rewrite (Nat.eqb_sym l k). field. lra.
  - now apply (measured_scatter K N label lambda_W lambda_H n alpha) with (b := fun _ => 0) (W := W).
Qed.
End Claim.

Theorem lower_bound : Statement.lower_bound.
Proof. intros K d N label lambda_W lambda_H alpha allowed. now apply value_below. Qed.

Theorem attained_at_every_width : Statement.attained_at_every_width.
Proof.
  intros K d N label lambda_W lambda_H alpha allowed. do 2 eexists. apply (value_attained _ _ _ _ _ _ _ allowed (vertex K)).
  apply vertices_are_etf; apply allowed.
Qed.

Theorem attained : Statement.attained.
Proof.
  intros K d N label lambda_W lambda_H alpha allowed wide. rewrite minimiser_is by easy. apply value_attained; [easy |].
  apply centring_is_etf; [destruct allowed; lia | easy].
Qed.

Theorem threshold : Statement.threshold.
Proof. intros K d N label lambda_W lambda_H alpha allowed. now apply zero_is_best. Qed.

Theorem unique_structure : Statement.unique_structure.
Proof. intros K d N label lambda_W lambda_H alpha allowed W H. now apply structure_of_minimiser. Qed.

(** Two classes of one sample each. *)
Theorem domain_not_empty : Statement.domain_not_empty.
Proof.
  exists 2%nat, 2%nat, 2%nat, (fun j => j), 1, 1, (/ 2). constructor; try lra; try lia.
  - intros k inside. now exists k.
  - intros k inside. destruct k as [| [| k]]; [reflexivity | | lia]. unfold class_count, one_hot. simpl. lra.
Qed.
