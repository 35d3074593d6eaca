(** The claim ce-balanced-etf, proved for all sizes: the cross-entropy with balanced classes, without and with a bias. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Labels Softmax Margin Roots Duality SimplexEtf SimplexVertices SimplexEtfUnique.
From Atlas.generated Require Import Statement_ce_balanced_etf.
Open Scope R_scope.

Section Claim.
Variables (K d N : nat) (label : nat -> nat) (lambda_W lambda_H : R).
Hypothesis allowed : With_bias.domain K d N label lambda_W lambda_H.
Local Notation n := (class_count N label 0).
Local Notation etf_value := (SimplexEtf.value K lambda_W lambda_H n 0).
Local Notation etf_loss := (SimplexEtf.loss K N label lambda_W lambda_H 0 d).
Local Notation loss := (With_bias.loss K d N label lambda_W lambda_H).

Let classes : (2 <= K)%nat. Proof. apply allowed. Qed.
Let labelled : forall j, (j < N)%nat -> (label j < K)%nat. Proof. apply allowed. Qed.
Let balanced : forall k, (k < K)%nat -> class_count N label k = n. Proof. apply allowed. Qed.
Let weight : 0 < lambda_W. Proof. apply allowed. Qed.
Let feature : 0 < lambda_H. Proof. apply allowed. Qed.
Let some_sample : (0 < N)%nat.
Proof. destruct (With_bias.no_class_empty _ _ _ _ _ _ allowed 0) as (j & inside & _); lia. Qed.
Let count : 0 < n. Proof. now apply (count_positive K N label). Qed.

(** The loss is that of labels that are not smoothed. *)
Lemma loss_is W H b : loss W H b = etf_loss W H b.
Proof.
  pose proof (lt_0_INR N some_sample). unfold SimplexEtf.loss.
  rewrite (smoothed_cross_entropy K N label 0 classes some_sample labelled).
  unfold With_bias.loss, squared_norm, product, log_sum_exp. rewrite (sum_swap d N), Rmult_0_l, Rplus_0_r. reflexivity.
Qed.

(** The odds and the margin of the statement. *)
Lemma odds_are :
  Rmax 1 (- INR K + 1 + 1 / (sqrt lambda_H * sqrt lambda_W * sqrt n)) = odds K lambda_W lambda_H n 0.
Proof.
  pose proof (sqrt_lt_R0 _ weight). pose proof (sqrt_lt_R0 _ feature). pose proof (sqrt_lt_R0 _ count).
  unfold odds, whole_pull, pull, Rdiv. rewrite Rmult_0_l, Rplus_0_r. f_equal. ring.
Qed.

Lemma value_is : With_bias.value K d N label lambda_W lambda_H = etf_value.
Proof.
  pose proof (classes_real K classes). unfold With_bias.value. rewrite odds_are. unfold SimplexEtf.value.
  rewrite log_right_probability by (try apply odds_at_least_1; easy). unfold margin, whole_pull, pull. field. lra.
Qed.

Lemma value_below W H b : With_bias.value K d N label lambda_W lambda_H <= loss W H b.
Proof. rewrite value_is, loss_is. apply SimplexEtf.lower_bound; try easy; lra. Qed.

Local Notation w := (classifier_size K lambda_W lambda_H n 0).
Local Notation h := (feature_size K lambda_W lambda_H n 0).

Lemma value_attained V : simplex_etf K d V ->
  loss (fun k i => w * V k i) (fun i j => h * V (label j) i) (fun _ => 0)
  = With_bias.value K d N label lambda_W lambda_H.
Proof. intros etf. rewrite value_is, loss_is. apply attained_at_etf; try easy. now apply (sizes K N label). Qed.

Lemma minimiser_is : (K <= d)%nat ->
  loss (With_bias.minimiser_W K d N label lambda_W lambda_H) (With_bias.minimiser_H K d N label lambda_W lambda_H) (fun _ => 0)
  = loss (fun k i => w * (if Nat.ltb i K then centring K k i else 0))
      (fun i j => h * (if Nat.ltb i K then centring K (label j) i else 0)) (fun _ => 0).
Proof.
  intros wide. pose proof (classes_real K classes).
  pose proof (fourth_root_positive lambda_W). pose proof (fourth_root_positive lambda_H). pose proof (fourth_root_positive n).
  assert (same_W : forall k i, With_bias.minimiser_W K d N label lambda_W lambda_H k i
    = w * (if Nat.ltb i K then centring K k i else 0)).
  { intros k i. unfold With_bias.minimiser_W, With_bias.t, classifier_size, margin, centring. rewrite odds_are. rewrite (Nat.eqb_sym i k).
    destruct (Nat.ltb i K), (Nat.eqb k i); field; lra. }
  assert (same_H : forall i j, With_bias.minimiser_H K d N label lambda_W lambda_H i j
    = h * (if Nat.ltb i K then centring K (label j) i else 0)).
  { intros i j. unfold With_bias.minimiser_H, With_bias.t, feature_size, margin, centring. rewrite odds_are.
    destruct (Nat.ltb i K), (Nat.eqb (label j) i); field; repeat split; lra. }
  rewrite !loss_is. now apply loss_ext.
Qed.

Lemma zero_is_best : With_bias.value K d N label lambda_W lambda_H = loss (fun _ _ => 0) (fun _ _ => 0) (fun _ => 0)
  <-> With_bias.ratio K d N label lambda_W lambda_H <= 1.
Proof.
  rewrite value_is, loss_is, loss_at_zero by easy.
  rewrite (SimplexEtf.collapse K N label) by (try easy; lra).
  rewrite <- (ratio_at_most_1 K N label) by (try easy; lra). unfold With_bias.ratio.
  now replace ((0 - 1) ^ 2) with 1 by ring.
Qed.

(** Every minimiser has the structure of the statement. *)
Lemma structure_of_minimiser W H b : loss W H b = With_bias.value K d N label lambda_W lambda_H ->
  With_bias.structure K d N label lambda_W lambda_H W H b.
Proof.
  intros optimal. rewrite value_is, loss_is in optimal. pose proof (classes_real K classes).
  assert (nonempty : forall k, (k < K)%nat -> exists j, (j < N)%nat /\ label j = k) by apply allowed.
  pose proof (sqrt_lt_R0 _ weight) as root_W. pose proof (sqrt_lt_R0 _ feature) as root_H. pose proof (sqrt_lt_R0 _ count) as root_n.
  pose proof (root_squared _ (Rlt_le _ _ feature)) as square_H. pose proof (root_squared _ (Rlt_le _ _ count)) as square_n.
  assert (above_0 : 0 <= 0) by lra. assert (below_1 : 0 < 1) by lra.
  repeat split.
  - intros k l row col. unfold With_bias.predicted_classifier_gram. rewrite odds_are. fold (margin K lambda_W lambda_H n 0).
    transitivity (lambda_H * n / pull lambda_W lambda_H n * margin K lambda_W lambda_H n 0 * centring K k l).
    + now apply (optimal_classifier K N label lambda_W lambda_H n 0) with (b := b) (H := H).
    + unfold pull, centring. rewrite (Nat.eqb_sym l k). rewrite <- square_H, <- square_n at 1. destruct Nat.eqb; field; repeat split; lra.
  - intros k l row col. unfold With_bias.predicted_mean_gram. rewrite odds_are. fold (margin K lambda_W lambda_H n 0).
    transitivity (pull lambda_W lambda_H n / (lambda_H * n) * margin K lambda_W lambda_H n 0 * centring K k l).
    + now apply (measured_gram K N label lambda_W lambda_H n 0) with (b := b) (W := W).
    + unfold pull, centring. rewrite (Nat.eqb_sym l k).
      replace (lambda_H * n) with (sqrt lambda_H ^ 2 * sqrt n ^ 2) by (now rewrite square_H, square_n).
      destruct Nat.eqb; field; repeat split; lra.
  - intros k l row col. unfold With_bias.predicted_mean_logits. rewrite odds_are. fold (margin K lambda_W lambda_H n 0).
    transitivity (margin K lambda_W lambda_H n 0 * centring K k l).
    + now apply (measured_logits K N label lambda_W lambda_H n 0).
    + unfold centring. rewrite (Nat.eqb_sym l k). field. lra.
  - now apply (measured_scatter K N label lambda_W lambda_H n 0) with (b := b) (W := W).
Qed.
End Claim.

Module With_bias.
Theorem lower_bound : Statement_ce_balanced_etf.With_bias.lower_bound.
Proof. intros K d N label lambda_W lambda_H allowed. now apply value_below. Qed.

Theorem attained_at_every_width : Statement_ce_balanced_etf.With_bias.attained_at_every_width.
Proof.
  intros K d N label lambda_W lambda_H allowed. do 3 eexists. apply (value_attained _ _ _ _ _ _ allowed (vertex K)).
  apply vertices_are_etf; apply allowed.
Qed.

Theorem attained : Statement_ce_balanced_etf.With_bias.attained.
Proof.
  intros K d N label lambda_W lambda_H allowed wide. change (With_bias.minimiser_b K d N label lambda_W lambda_H) with (fun _ : nat => 0).
  rewrite minimiser_is by easy. apply value_attained; [easy |]. apply centring_is_etf; [destruct allowed; lia | easy].
Qed.

Theorem threshold : Statement_ce_balanced_etf.With_bias.threshold.
Proof. intros K d N label lambda_W lambda_H allowed. now apply zero_is_best. Qed.

Theorem unique_structure : Statement_ce_balanced_etf.With_bias.unique_structure.
Proof.
  intros K d N label lambda_W lambda_H allowed W H b. now apply structure_of_minimiser.
Qed.

(** Two classes of one sample each. *)
Theorem domain_not_empty : Statement_ce_balanced_etf.With_bias.domain_not_empty.
Proof.
  exists 2%nat, 2%nat, 2%nat, (fun j => j), 1, 1. constructor; try lra; try lia.
  - intros k inside. now exists k.
  - intros k inside. destruct k as [| [| k]]; [reflexivity | | lia]. unfold class_count, one_hot. simpl. lra.
Qed.
End With_bias.

Section Without_a_bias.
Variables (K d N : nat) (label : nat -> nat) (lambda_W lambda_H : R).
Local Notation without := (Statement_ce_balanced_etf.Without_bias.loss K d N label lambda_W lambda_H).
Local Notation with_bias := (Statement_ce_balanced_etf.With_bias.loss K d N label lambda_W lambda_H).

(** The parameters allowed are the same without a bias. *)
Lemma allowed_with_bias : Statement_ce_balanced_etf.Without_bias.domain K d N label lambda_W lambda_H ->
  Statement_ce_balanced_etf.With_bias.domain K d N label lambda_W lambda_H.
Proof. intros []. now constructor. Qed.

(** The loss without a bias is that of the bias zero. *)
Lemma loss_without_bias W H : without W H = with_bias W H (fun _ => 0).
Proof.
  unfold Statement_ce_balanced_etf.Without_bias.loss, Statement_ce_balanced_etf.With_bias.loss.
  do 2 f_equal. unfold Rdiv. f_equal. apply sum_ext. intros j _. f_equal; [f_equal |];
    apply sum_ext; intros k _; now rewrite Rplus_0_r.
Qed.
End Without_a_bias.

Module Without_bias.
Theorem lower_bound : Statement_ce_balanced_etf.Without_bias.lower_bound.
Proof.
  intros K d N label lambda_W lambda_H allowed W H. rewrite loss_without_bias.
  exact (With_bias.lower_bound _ _ _ _ _ _ (allowed_with_bias _ _ _ _ _ _ allowed) W H _).
Qed.

Theorem attained_at_every_width : Statement_ce_balanced_etf.Without_bias.attained_at_every_width.
Proof.
  intros K d N label lambda_W lambda_H allowed. do 2 eexists. rewrite loss_without_bias.
  apply (value_attained _ _ _ _ _ _ (allowed_with_bias _ _ _ _ _ _ allowed) (vertex K)).
  apply vertices_are_etf; apply allowed.
Qed.

Theorem attained : Statement_ce_balanced_etf.Without_bias.attained.
Proof.
  intros K d N label lambda_W lambda_H allowed wide. rewrite loss_without_bias.
  exact (With_bias.attained _ _ _ _ _ _ (allowed_with_bias _ _ _ _ _ _ allowed) wide).
Qed.

Theorem threshold : Statement_ce_balanced_etf.Without_bias.threshold.
Proof.
  intros K d N label lambda_W lambda_H allowed. rewrite loss_without_bias.
  exact (With_bias.threshold _ _ _ _ _ _ (allowed_with_bias _ _ _ _ _ _ allowed)).
Qed.

Theorem unique_structure : Statement_ce_balanced_etf.Without_bias.unique_structure.
Proof.
  intros K d N label lambda_W lambda_H allowed W H optimal. rewrite loss_without_bias in optimal.
  destruct (structure_of_minimiser _ _ _ _ _ _ (allowed_with_bias _ _ _ _ _ _ allowed) W H _ optimal) as (classifier & means & logits & scatter).
  repeat split; try easy. intros k l row col.
  transitivity (Statement_ce_balanced_etf.With_bias.mean_logits K d N label lambda_W lambda_H W H (fun _ => 0) k l); [| now apply logits].
  unfold Statement_ce_balanced_etf.Without_bias.mean_logits, Statement_ce_balanced_etf.With_bias.mean_logits.
  f_equal; [| f_equal; apply sum_ext; intros k1 _]; unfold Rdiv; f_equal; apply sum_ext; intros j _; now rewrite Rplus_0_r.
Qed.

(** Two classes of one sample each. *)
Theorem domain_not_empty : Statement_ce_balanced_etf.Without_bias.domain_not_empty.
Proof.
  exists 2%nat, 2%nat, 2%nat, (fun j => j), 1, 1. constructor; try lra; try lia.
  - intros k inside. now exists k.
  - intros k inside. destruct k as [| [| k]]; [reflexivity | | lia]. unfold class_count, one_hot. simpl. lra.
Qed.
End Without_bias.
