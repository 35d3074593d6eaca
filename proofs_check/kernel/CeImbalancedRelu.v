(** The claim ce-imbalanced-relu, proved for all sizes: the cross-entropy with nonnegative features and any class counts. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Labels Softmax Margin Roots Duality SimplexEtf SimplexVertices NonnegativeFeatures NonnegativeFeaturesUnique.
From Atlas.generated Require Import Statement_ce_imbalanced_relu.
Module Statement := Statement_ce_imbalanced_relu.
Open Scope R_scope.

Section Claim.
Variables (K d N : nat) (label : nat -> nat) (lambda_W lambda_H : R).
Hypothesis allowed : domain K d N label lambda_W lambda_H.
Local Notation n := (class_count N label).
Local Notation loss := (Statement.loss K d N label lambda_W lambda_H).
Local Notation value := (Statement.value K d N label lambda_W lambda_H).
Local Notation margin_of := (class_margin K N label lambda_W lambda_H).

Let classes : (2 <= K)%nat. Proof. apply allowed. Qed.
Let labelled : forall j, (j < N)%nat -> (label j < K)%nat. Proof. apply allowed. Qed.
Let nonempty : forall k, (k < K)%nat -> exists j, (j < N)%nat /\ label j = k. Proof. apply allowed. Qed.
Let wide : (K <= d)%nat. Proof. apply allowed. Qed.
Let weight : 0 < lambda_W. Proof. apply allowed. Qed.
Let feature : 0 < lambda_H. Proof. apply allowed. Qed.
Let some_sample : (0 < N)%nat. Proof. destruct (nonempty 0) as (j & inside & _); lia. Qed.
Let samples : 0 < INR N. Proof. now apply lt_0_INR. Qed.

Lemma loss_is W H : loss W H = relu_loss K N label lambda_W lambda_H d W H.
Proof.
  unfold Statement.loss, relu_loss, mean_cross_entropy, squared_norm, product, log_sum_exp. rewrite (sum_swap d N).
  do 2 f_equal. unfold Rdiv. rewrite Rmult_comm. f_equal. apply sum_ext. intros j _. f_equal.
  apply sum_ext. intros; ring.
Qed.

(** The odds of the statement. *)
Lemma odds_are k : Rmax 1 ((sqrt (INR K) ^ 3 * sqrt (n k) - sqrt (INR K) * sqrt (n k)
    - INR N * sqrt lambda_H * sqrt lambda_W * sqrt (INR K - 1) ^ 3)
    / (INR N * sqrt lambda_H * sqrt lambda_W * sqrt (INR K - 1)))
  = class_odds K N label lambda_W lambda_H k.
Proof.
  pose proof (classes_real K classes). pose proof (sqrt_lt_R0 _ weight). pose proof (sqrt_lt_R0 _ feature).
  assert (of_K : sqrt (INR K) ^ 2 = INR K) by (apply root_squared; lra).
  assert (of_rest : sqrt (INR K - 1) ^ 2 = INR K - 1) by (apply root_squared; lra).
  assert (0 < sqrt (INR K)) by (apply sqrt_lt_R0; lra). assert (0 < sqrt (INR K - 1)) by (apply sqrt_lt_R0; lra).
  unfold class_odds, root, decay. f_equal.
  set (a := sqrt (INR K)) in *. set (b := sqrt (INR K - 1)) in *.
  replace (a ^ 3 * sqrt (n k) - a * sqrt (n k)) with (a * sqrt (n k) * (a ^ 2 - 1)) by ring.
  replace (a ^ 2 - 1) with (b ^ 2) by lra. replace (1 - INR K) with (- b ^ 2) by lra. rewrite <- of_K.
  field. repeat split; lra.
Qed.

Lemma value_is : value = least K N label lambda_W lambda_H.
Proof.
  pose proof (classes_real K classes). assert (0 < sqrt (INR K)) by (apply sqrt_lt_R0; lra).
  unfold Statement.value, least. apply sum_ext. intros k _. rewrite odds_are.
  unfold class_value, class_margin, decay, root. rewrite (Rplus_comm 1). field. lra.
Qed.

Lemma value_below W H : Statement.feasible K d N label lambda_W lambda_H W H -> value <= loss W H.
Proof. intros nonneg. rewrite value_is, loss_is. now apply relu_lower_bound. Qed.

(** The sizes of the statement's minimiser. *)
Definition slope k : R := fourth_root (INR K) * fourth_root lambda_H * fourth_root (n k) * sqrt (margin_of k)
  / (fourth_root lambda_W * fourth_root (INR K - 1)).
Definition mean_size k : R := fourth_root lambda_W * fourth_root (INR K - 1) * sqrt (margin_of k)
  / (fourth_root (INR K) * fourth_root lambda_H * fourth_root (n k)).

Lemma slopes_and_sizes : class_sized K N label lambda_W lambda_H slope mean_size.
Proof.
  intros k inside. pose proof (classes_real K classes) as two.
  assert (positive_K : 0 < INR K) by lra. assert (positive_rest : 0 < INR K - 1) by lra.
  pose proof (count_above_0 K N label nonempty k inside) as count.
  pose proof (root_squared _ (class_margin_nonneg K N label lambda_W lambda_H k)) as of_margin.
  pose proof (fourth_root_square _ weight) as of_w. pose proof (fourth_root_square _ feature) as of_h.
  pose proof (fourth_root_square _ count) as of_n. pose proof (fourth_root_square _ positive_K) as of_K.
  pose proof (fourth_root_square _ positive_rest) as of_rest.
  pose proof (root_squared _ (Rlt_le _ _ weight)) as roots_w. pose proof (root_squared _ (Rlt_le _ _ feature)) as roots_h.
  pose proof (root_squared _ (Rlt_le _ _ count)) as roots_n. pose proof (root_squared _ (Rlt_le _ _ positive_K)) as roots_K.
  pose proof (root_squared _ (Rlt_le _ _ positive_rest)) as roots_rest.
  pose proof (fourth_root_positive lambda_W). pose proof (fourth_root_positive lambda_H). pose proof (fourth_root_positive (n k)).
  pose proof (fourth_root_positive (INR K)). pose proof (fourth_root_positive (INR K - 1)).
  unfold slope, mean_size, decay, root. set (r := sqrt (margin_of k)) in *.
  set (a := fourth_root lambda_W) in *. set (b := fourth_root lambda_H) in *. set (c := fourth_root (n k)) in *.
  set (e := fourth_root (INR K)) in *. set (f := fourth_root (INR K - 1)) in *.
  rewrite <- of_w in *. rewrite <- of_h in *. rewrite <- of_n in *. rewrite <- of_K in *. rewrite <- of_rest in *.
  replace (1 - / INR K) with ((f ^ 2) ^ 2 / (e ^ 2) ^ 2) by (rewrite roots_rest, roots_K; field; lra).
  repeat split; rewrite <- of_margin.
  - field. repeat split; lra.
  - rewrite <- roots_w. field. repeat split; lra.
  - rewrite <- roots_h, <- roots_n. field. repeat split; lra.
Qed.

(** The entries of the statement's minimiser. *)
Lemma minimiser_W_is k i : (k < K)%nat -> (i < d)%nat ->
  minimiser_W K d N label lambda_W lambda_H k i = relu_classifier K slope k i.
Proof.
  intros row column. pose proof (classes_real K classes). pose proof (fourth_root_positive lambda_W).
  pose proof (fourth_root_positive (INR K)). pose proof (fourth_root_positive (INR K - 1)).
  assert (three_quarters : Rpower (INR K) (3 / 4) = INR K / fourth_root (INR K)).
  { apply Rmult_eq_reg_r with (fourth_root (INR K)); [| lra]. rewrite <- Rpower_plus.
    replace (3 / 4 + 1 / 4) with 1 by field. rewrite Rpower_1 by lra. field. lra. }
  unfold minimiser_W, relu_classifier, slope, t. rewrite three_quarters, !odds_are. change (ln (class_odds K N label lambda_W lambda_H i)) with (margin_of i).
  unfold centring. rewrite (Nat.eqb_sym i k). destruct (Nat.ltb_spec i K); [| reflexivity].
  destruct (Nat.eqb_spec k i) as [-> | _]; unfold class_margin; field; repeat split; lra.
Qed.

Lemma minimiser_H_is i j : minimiser_H K d N label lambda_W lambda_H i j = relu_features label mean_size i j.
Proof. unfold minimiser_H, relu_features, mean_size, one_hot, t. rewrite odds_are. unfold class_margin, Rdiv. ring. Qed.

Lemma value_attained : Statement.feasible K d N label lambda_W lambda_H (minimiser_W K d N label lambda_W lambda_H) (minimiser_H K d N label lambda_W lambda_H)
  /\ loss (minimiser_W K d N label lambda_W lambda_H) (minimiser_H K d N label lambda_W lambda_H) = value.
Proof.
  split.
  - intros i j _ _. rewrite minimiser_H_is. apply relu_features_nonneg. intros k. unfold mean_size.
    pose proof (fourth_root_positive lambda_W). pose proof (fourth_root_positive lambda_H). pose proof (fourth_root_positive (n k)).
    pose proof (fourth_root_positive (INR K)). pose proof (fourth_root_positive (INR K - 1)).
    apply Rle_mult_inv_pos; [| repeat apply Rmult_lt_0_compat; easy].
    apply Rmult_le_pos; [apply Rmult_le_pos; lra | apply sqrt_pos].
  - rewrite value_is, <- (relu_attained K N label lambda_W lambda_H classes some_sample labelled slope mean_size slopes_and_sizes d wide), loss_is.
    apply relu_loss_ext; [exact minimiser_W_is | intros; apply minimiser_H_is].
Qed.

(** A class has collapsed where its ratio is at most 1. *)
Lemma ratio_at_most_1 k : (k < K)%nat ->
  ratio K d N label lambda_W lambda_H k <= 1 <-> root K N label k <= INR N * decay lambda_W lambda_H.
Proof.
  intros inside. pose proof (classes_real K classes). pose proof (root_square K N label classes nonempty k inside) as square.
  pose proof (root_positive K N label classes nonempty k inside) as positive.
  pose proof (decay_positive lambda_W lambda_H weight feature). pose proof (decay_square lambda_W lambda_H weight feature) as decays.
  set (x := root K N label k) in *. set (y := INR N * decay lambda_W lambda_H). assert (0 < y) by now apply Rmult_lt_0_compat.
  assert (is_square : ratio K d N label lambda_W lambda_H k = (x / y) ^ 2).
  { replace ((x / y) ^ 2) with (x ^ 2 / (INR N ^ 2 * decay lambda_W lambda_H ^ 2)) by (unfold y; field; lra).
    rewrite square, decays. unfold ratio. field. repeat split; lra. }
  rewrite is_square. assert (back : x = x / y * y) by (field; lra).
  assert (0 < x / y) by now apply Rdiv_lt_0_compat. set (share := x / y) in *. split; intros; nra.
Qed.

Lemma zero_is_best : value = loss (fun _ _ => 0) (fun _ _ => 0)
  <-> forall k, (k < K)%nat -> ratio K d N label lambda_W lambda_H k <= 1.
Proof.
  rewrite value_is, loss_is, relu_loss_at_zero by easy. rewrite relu_collapse by easy.
  split; intros small k inside; specialize (small k inside); now apply ratio_at_most_1.
Qed.

(** Every minimiser has the structure of the statement. *)
Lemma structure_of_minimiser W H : Statement.feasible K d N label lambda_W lambda_H W H -> loss W H = value ->
  structure K d N label lambda_W lambda_H W H.
Proof.
  intros nonneg optimal. rewrite value_is, loss_is in optimal. pose proof (classes_real K classes).
  pose proof (sqrt_lt_R0 _ weight) as root_W. pose proof (sqrt_lt_R0 _ feature) as root_H.
  assert (root_K : 0 < sqrt (INR K)) by (apply sqrt_lt_R0; lra). assert (root_rest : 0 < sqrt (INR K - 1)) by (apply sqrt_lt_R0; lra).
  assert (square_K : sqrt (INR K) ^ 2 = INR K) by (apply root_squared; lra).
  pose proof (root_squared _ (Rlt_le _ _ weight)) as square_W.
  assert (counted : forall k, (k < K)%nat -> 0 < sqrt (n k) /\ sqrt (n k) ^ 2 = n k).
  { intros k row. pose proof (count_above_0 K N label nonempty k row). split; [now apply sqrt_lt_R0 | apply root_squared; lra]. }
  assert (share_is : forall k, (k < K)%nat -> row_share K N label lambda_W lambda_H k / INR K ^ 2
    = sqrt lambda_H * (margin_of k * sqrt (n k)) / (sqrt (INR K) ^ 3 * sqrt lambda_W * sqrt (INR K - 1))).
  { intros k row. destruct (counted k row) as [root_n square_n]. unfold row_share, root, decay.
    set (m := margin_of k). set (c := sqrt (n k)) in *. set (a := sqrt (INR K)) in *. set (e := sqrt (INR K - 1)) in *.
    set (u := sqrt lambda_W) in *. rewrite <- square_n, <- square_W, <- square_K. field. repeat split; lra. }
  repeat split.
  - intros k l row col. unfold classifier_gram, predicted_classifier_gram. rewrite !odds_are.
    change (ln (class_odds K N label lambda_W lambda_H k)) with (margin_of k). change (ln (class_odds K N label lambda_W lambda_H l)) with (margin_of l).
    set (scale := sqrt lambda_H / (sqrt (INR K) ^ 3 * sqrt lambda_W * sqrt (INR K - 1))).
    set (total := sum K (fun c => margin_of c * sqrt (n c))).
    match goal with |- context [sum K ?f] => replace (sum K f) with total by (apply sum_ext; intros; now rewrite odds_are) end.
    set (share := row_share K N label lambda_W lambda_H) in *.
    assert (shares : sum K share / INR K ^ 2 = scale * total).
    { unfold Rdiv, total. rewrite Rmult_comm, <- !sum_scale. apply sum_ext. intros c below.
      transitivity (share c / INR K ^ 2); [unfold Rdiv; ring |]. rewrite share_is by easy. unfold scale. field. lra. }
    transitivity (INR K ^ 2 * (identity k l * (share l / INR K ^ 2)) - INR K * (share k / INR K ^ 2) - INR K * (share l / INR K ^ 2)
      + sum K share / INR K ^ 2).
    + rewrite (relu_optimal_classifier K N label lambda_W lambda_H) with (H := H) by easy. fold share. field. lra.
    + rewrite shares, !share_is by easy. unfold scale, identity. rewrite (Nat.eqb_sym l k).
      destruct (Nat.eqb_spec k l) as [-> | _]; field; repeat split; lra.
  - intros k l row col. unfold Statement.mean_gram, predicted_mean_gram. rewrite !odds_are.
    transitivity (NonnegativeFeaturesUnique.mean_gram N label d H k l);
      [apply sum_ext; intros i _; now rewrite !measured_mean_of |].
    rewrite (relu_optimal_means K N label lambda_W lambda_H) with (W := W) by easy.
    destruct (counted l col) as [root_n square_n]. unfold root, decay, identity. rewrite (Nat.eqb_sym l k).
    destruct (Nat.eqb_spec k l) as [-> | _]; [| unfold Rdiv; ring]. change (ln (class_odds K N label lambda_W lambda_H l)) with (margin_of l).
    replace (n l) with (sqrt (n l) ^ 2) at 2 by easy. replace lambda_W with (sqrt lambda_W ^ 2) at 1 by easy. field. repeat split; lra.
  - intros k l row col. unfold mean_logits, predicted_mean_logits. rewrite !odds_are.
    change (ln (class_odds K N label lambda_W lambda_H k)) with (margin_of k). change (ln (class_odds K N label lambda_W lambda_H l)) with (margin_of l).
    transitivity (margin_of l * centring K k l).
    + now apply (relu_measured_logits K N label lambda_W lambda_H).
    + unfold centring. rewrite (Nat.eqb_sym l k). destruct (Nat.eqb_spec k l) as [-> | _]; field; lra.
  - now apply (relu_measured_scatter K N label lambda_W lambda_H) with (W := W).
Qed.
End Claim.

Theorem lower_bound : Statement.lower_bound.
Proof. intros K d N label lambda_W lambda_H allowed. now apply value_below. Qed.

Theorem attained : Statement.attained.
Proof. intros K d N label lambda_W lambda_H allowed. now apply value_attained. Qed.

Theorem threshold : Statement.threshold.
Proof. intros K d N label lambda_W lambda_H allowed. now apply zero_is_best. Qed.

Theorem unique_structure : Statement.unique_structure.
Proof. intros K d N label lambda_W lambda_H allowed W H. now apply structure_of_minimiser. Qed.

(** Two classes of one sample each. *)
Theorem domain_not_empty : Statement.domain_not_empty.
Proof.
  exists 2%nat, 2%nat, 2%nat, (fun j => j), 1, 1. constructor; try lra; try lia.
  - intros k inside. now exists k.
Qed.
