(** Every minimiser of the cross-entropy with balanced classes is a simplex ETF: the equality cases of the lower bound. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Labels Softmax Margin Duality DualityEquality SimplexEtf SimplexVertices.
Open Scope R_scope.

Section Unique.
Variables (K N : nat) (label : nat -> nat) (lw lh n alpha : R).
Hypotheses (classes : (2 <= K)%nat) (some_sample : (0 < N)%nat) (weight : 0 < lw) (feature : 0 < lh).
Hypotheses (labelled : forall j, (j < N)%nat -> (label j < K)%nat).
Hypotheses (nonempty : forall k, (k < K)%nat -> exists j, (j < N)%nat /\ label j = k).
Hypotheses (balanced : forall k, (k < K)%nat -> class_count N label k = n).
Hypotheses (smoothing_0 : 0 <= alpha) (smoothing_1 : alpha < 1).
Variables (d : nat) (W H : nat -> nat -> R) (b : nat -> R).
Hypothesis optimal : loss K N label lw lh alpha d W H b = value K lw lh n alpha.
Local Notation margin := (margin K lw lh n alpha).
Local Notation odds := (odds K lw lh n alpha).
Local Notation pull := (pull lw lh n).
Local Notation labels := (smoothed_label K label alpha).
Local Notation dual := (dual_point K label lw lh n alpha).

(** The factor of I - J/K in the labels less the probabilities. *)
Definition residual_size : R := INR K * wrong K odds - alpha.

Let classes_2 : 2 <= INR K. Proof. now apply classes_real. Qed.
Let samples : 0 < INR N. Proof. now apply lt_0_INR. Qed.
Let count : 0 < n. Proof. now apply (count_positive K N label). Qed.
Let pulled : 0 < pull. Proof. now apply (pull_positive K N label). Qed.
Let per_class : INR N = INR K * n. Proof. now apply (samples_per_class K N label). Qed.

(** What equality in weak duality says of a minimiser. *)
Lemma equality :
  (forall k j, (k < K)%nat -> (j < N)%nat ->
    exp (product d W H k j + b k) = dual k j * sum K (fun k => exp (product d W H k j + b k)))
  /\ (forall i, (i < d)%nat -> gain K N labels dual (fun k => W k i) (H i) = cost K N lw lh (fun k => W k i) (H i)).
Proof.
  apply (weak_duality_equality K N lw lh labels dual) with (cone := fun _ => True); try easy; try lia.
  - intros. apply probability_positive; [easy | apply odds_at_least_1].
  - intros. apply probability_total; [easy | now apply labelled | apply odds_at_least_1].
  - now apply dual_point_feasible.
  - intros k inside. rewrite (sum_ext N _ (fun j => residual_size * (one_hot label k j - / INR K)))
      by (intros; unfold residual_size; now apply residual).
    pose proof (balanced k inside : sum N (one_hot label k) = n) as of_class.
    rewrite sum_scale, sum_minus, sum_const, of_class. replace (n - INR N * / INR K) with 0; [ring |]. rewrite per_class. field. lra.
  - unfold loss in optimal. rewrite optimal.
    rewrite (sum_ext N _ (fun _ => value K lw lh n alpha)) by (intros; now apply (dual_entropy K N label)).
    rewrite sum_const. field. lra.
Qed.

(** The logits of a minimiser are those of the margin, but for their shift. *)
Lemma optimal_logits k j : (k < K)%nat -> (j < N)%nat ->
  product d W H k j + b k - sum K (fun l => product d W H l j + b l) / INR K = margin * (one_hot label k j - / INR K).
Proof.
  intros row sampled. destruct equality as [softmax _].
  exact (margin_of_softmax K (label j) odds classes (labelled j sampled) (odds_at_least_1 _ _ _ _ _)
    (fun k => product d W H k j + b k) (fun k inside => softmax k j inside sampled) k row).
Qed.

(** The residuals along one coordinate of the classifier. *)
Lemma residual_along w j : (j < N)%nat -> of_sample K labels dual w j = residual_size * (w (label j) - sum K w / INR K).
Proof.
  intros sampled. unfold of_sample.
  rewrite (sum_ext K _ (fun k => residual_size * (one_hot label k j * w k) + (- residual_size / INR K) * w k)).
  - rewrite sum_plus, !sum_scale, sum_one_hot by now apply labelled. change (sum K (fun i => w i)) with (sum K w). field. lra.
  - intros k _. rewrite (residual K label lw lh n alpha classes). fold residual_size. field. lra.
Qed.

Lemma residual_norm w : sum N (fun j => of_sample K labels dual w j ^ 2)
  = residual_size ^ 2 * n * sum K (fun k => (w k - sum K w / INR K) ^ 2).
Proof.
  pose (f := fun k => residual_size ^ 2 * (w k - sum K w / INR K) ^ 2).
  rewrite (sum_ext N _ (fun j => f (label j))) by (intros; rewrite residual_along by easy; unfold f; ring).
  rewrite (sum_by_class K N label f), <- sum_scale by easy.
  apply sum_ext. intros k inside. rewrite balanced by easy. unfold f. ring.
Qed.

(** The columns of the classifier sum to zero, its features follow it, and it vanishes unless the operator norm is attained. *)
Lemma coordinate i : (i < d)%nat ->
  sum K (fun k => W k i) = 0
  /\ (forall j, (j < N)%nat -> H i j = residual_size / (INR N * lh) * W (label j) i)
  /\ (residual_size = INR K * pull \/ forall k, (k < K)%nat -> W k i = 0).
Proof.
  intros inside. destruct equality as [_ tight]. specialize (tight i inside). set (w := fun k => W k i) in *.
  pose proof (residual_factor K N label lw lh n alpha classes some_sample weight feature labelled balanced smoothing_0 smoothing_1) as [low high].
  fold residual_size in low, high.
  set (mean := sum K w / INR K). assert (mean_is : sum K w = INR K * mean) by (unfold mean; field; lra).
  assert (centred : sum K (fun k => (w k - mean) ^ 2) = sum K (fun k => w k ^ 2) - INR K * mean ^ 2).
  { rewrite (sum_ext K _ (fun k => w k ^ 2 + (-2 * mean) * w k + mean ^ 2)) by (intros; ring).
    rewrite !sum_plus, sum_scale, sum_const. change (sum K (fun k => w k)) with (sum K w). rewrite mean_is. ring. }
  assert (limit : INR N ^ 2 * (lw * lh) = (INR K * pull) ^ 2 * n).
  { pose proof (pull_square K N label lw lh n classes some_sample weight feature labelled balanced) as square.
    rewrite per_class, !Rpow_mult_distr. change (SimplexEtf.pull lw lh n) with pull in square. rewrite square. ring. }
  assert (squares : 0 <= sum K (fun k => w k ^ 2)) by apply sum_of_squares_nonneg.
  assert (scale : 0 < INR K * pull) by (apply Rmult_lt_0_compat; lra).
  assert (factors : residual_size ^ 2 <= (INR K * pull) ^ 2) by (apply pow_incr; lra).
  pose proof (pow2_ge_0 mean). pose proof (pow_lt _ 2 scale) as scale_square.
  assert (spread : 0 <= sum K (fun k => (w k - mean) ^ 2)) by apply sum_of_squares_nonneg.
  destruct (tight_features K N lw lh labels dual some_sample feature w (H i)) as [follow attained]; [| exact tight |].
  { rewrite residual_norm, limit. fold mean. apply Rle_trans with ((INR K * pull) ^ 2 * n * sum K (fun k => (w k - mean) ^ 2)).
    - apply Rmult_le_compat_r; [easy |]. apply Rmult_le_compat_r; lra.
    - apply Rmult_le_compat_l; [apply Rmult_le_pos; lra |]. rewrite centred. nra. }
  rewrite residual_norm, limit in attained. fold mean in attained. rewrite centred in attained.
  assert (balance : residual_size ^ 2 * (sum K (fun k => w k ^ 2) - INR K * mean ^ 2) = (INR K * pull) ^ 2 * sum K (fun k => w k ^ 2))
    by (apply Rmult_eq_reg_r with n; [| lra]; lra).
  rewrite centred in spread.
  assert (no_mean : mean = 0).
  { assert ((INR K * pull) ^ 2 * (INR K * mean ^ 2) <= 0) by nra. assert (INR K * mean ^ 2 <= 0) by nra. assert (mean ^ 2 = 0) by nra.
    apply Rsqr_0_uniq. now rewrite Rsqr_pow2. }
  rewrite no_mean in *. repeat split.
  - change (sum K w = 0). rewrite mean_is. ring.
  - intros j sampled. rewrite (follow j sampled), residual_along by easy. fold mean. rewrite no_mean. unfold w. field. lra.
  - destruct (Req_dec residual_size (INR K * pull)) as [equal | other]; [now left | right].
    assert (strictly : residual_size ^ 2 < (INR K * pull) ^ 2) by nra.
    assert (none : sum K (fun k => w k ^ 2) = 0) by nra.
    intros k row. pose proof (sum_nonneg_zero K _ (fun k _ => pow2_ge_0 _) none k row) as square. simpl in square.
    apply Rsqr_0_uniq. unfold Rsqr. change (W k i) with (w k). lra.
Qed.

(** The inner products of the rows of the classifier. *)
Definition row_gram (k l : nat) : R := sum d (fun i => W k i * W l i).

Lemma product_is k j : (j < N)%nat -> product d W H k j = residual_size / (INR N * lh) * row_gram k (label j).
Proof.
  intros sampled. unfold product, row_gram. rewrite <- sum_scale. apply sum_ext. intros i inside.
  destruct (coordinate i inside) as (_ & follow & _). rewrite (follow j sampled). ring.
Qed.

Lemma row_gram_total l : sum K (fun k => row_gram k l) = 0.
Proof.
  unfold row_gram. rewrite sum_swap. apply sum_zero. intros i inside. destruct (coordinate i inside) as (none & _ & _).
  rewrite (sum_ext K _ (fun k => W l i * W k i)) by (intros; ring). rewrite sum_scale, none. ring.
Qed.

(** All rows of the classifier together, seen from the features: the logits without the bias. *)
Lemma gram_and_bias k l : (k < K)%nat -> (l < K)%nat ->
  residual_size / (INR N * lh) * row_gram k l + (b k - sum K b / INR K) = margin * centring K k l.
Proof.
  intros row col. destruct (nonempty l col) as (j & sampled & of_l). pose proof (optimal_logits k j row sampled) as logits.
  rewrite sum_plus in logits. rewrite (sum_ext K (fun k => product d W H k j) (fun k => residual_size / (INR N * lh) * row_gram k l)) in logits
    by (intros; rewrite product_is, of_l by easy; reflexivity).
  rewrite product_is, of_l, sum_scale, row_gram_total in logits by easy. unfold one_hot in logits. rewrite of_l in logits.
  unfold centring. rewrite (Nat.eqb_sym k l). rewrite <- logits. change (sum K (fun l => b l)) with (sum K b). field. lra.
Qed.

(** The bias is constant. *)
Lemma optimal_bias k : (k < K)%nat -> b k = sum K b / INR K.
Proof.
  intros row. assert (summed : sum K (fun l => residual_size / (INR N * lh) * row_gram k l + (b k - sum K b / INR K))
    = sum K (fun l => margin * centring K k l)) by (apply sum_ext; intros; now apply gram_and_bias).
  assert (total : sum K (row_gram k) = 0).
  { rewrite <- (row_gram_total k). apply sum_ext. intros l _. unfold row_gram. apply sum_ext. intros; ring. }
  rewrite sum_plus, !sum_scale, sum_const, total in summed.
  unfold centring in summed. rewrite sum_minus, sum_const, (sum_at K k (fun _ => 1)) in summed by easy.
  rewrite Rinv_r, Rmult_0_r in summed by lra.
  enough (b k - sum K b / INR K = 0) by lra. apply Rmult_eq_reg_l with (INR K); lra.
Qed.

(** Either the operator norm is attained, or there is no classifier and no margin. *)
Lemma attained_or_collapsed : residual_size = INR K * pull \/ (margin = 0 /\ forall k i, (k < K)%nat -> (i < d)%nat -> W k i = 0).
Proof.
  destruct (Req_dec residual_size (INR K * pull)) as [equal | other]; [now left | right]. split.
  - destruct (margin_cases K N label lw lh n alpha classes some_sample weight feature labelled balanced smoothing_0)
      as [[one _] | (_ & equal & _)]; [unfold SimplexEtf.margin; now rewrite one, ln_1 |].
    exfalso. apply other. unfold residual_size. rewrite equal. unfold whole_pull. field. lra.
  - intros k i row inside. destruct (coordinate i inside) as (_ & _ & [equal | none]); [easy | auto].
Qed.

(** The rows of the classifier form a simplex ETF. *)
Theorem optimal_classifier k l : (k < K)%nat -> (l < K)%nat -> row_gram k l = lh * n / pull * margin * centring K k l.
Proof.
  intros row col. destruct attained_or_collapsed as [attained | [-> none]].
  - pose proof (gram_and_bias k l row col) as gram. rewrite <- (optimal_bias k row), Rminus_diag_eq, Rplus_0_r, attained, per_class in gram by reflexivity.
    rewrite (Rmult_assoc (lh * n / pull)), <- gram. field. repeat split; lra.
  - unfold row_gram. rewrite sum_zero; [ring |]. intros i inside. rewrite none by easy. ring.
Qed.

(** The features of a sample are those of its class. *)
Definition class_mean (i k : nat) : R := residual_size / (INR N * lh) * W k i.

Lemma optimal_features i j : (i < d)%nat -> (j < N)%nat -> H i j = class_mean i (label j).
Proof. intros inside sampled. destruct (coordinate i inside) as (_ & follow & _). now apply follow. Qed.

(** The class means form a simplex ETF. *)
Theorem optimal_means k l : (k < K)%nat -> (l < K)%nat ->
  sum d (fun i => class_mean i k * class_mean i l) = pull / (lh * n) * margin * centring K k l.
Proof.
  intros row col. unfold class_mean.
  rewrite (sum_ext d _ (fun i => (residual_size / (INR N * lh)) ^ 2 * (W k i * W l i))) by (intros; ring). rewrite sum_scale.
  change (sum d (fun i => W k i * W l i)) with (row_gram k l). rewrite optimal_classifier by easy.
  destruct attained_or_collapsed as [-> | [-> _]]; [| ring]. rewrite per_class. field. repeat split; lra.
Qed.

(** The mean of the features of a class. *)
Lemma measured_mean i k : (i < d)%nat -> (k < K)%nat ->
  sum N (fun j => H i j * one_hot label k j) / class_count N label k = class_mean i k.
Proof.
  intros inside row. rewrite (sum_ext N _ (fun j => class_mean i (label j) * one_hot label k j))
    by (intros; now rewrite optimal_features).
  rewrite (sum_of_class N label k (class_mean i)), balanced by easy. field. lra.
Qed.

(** The centred mean logits of a class. *)
Lemma measured_logits k l : (k < K)%nat -> (l < K)%nat ->
  sum N (fun j => (product d W H k j + b k) * one_hot label l j) / class_count N label l
  - sum K (fun k1 => sum N (fun j => (product d W H k1 j + b k1) * one_hot label l j) / class_count N label l) / INR K
  = margin * centring K k l.
Proof.
  intros row col. rewrite balanced by easy.
  rewrite (sum_ext K _ (fun k1 => / n * sum N (fun j => (product d W H k1 j + b k1) * one_hot label l j))) by (intros; unfold Rdiv; ring).
  rewrite sum_scale, sum_swap.
  transitivity (/ n * sum N (fun j => margin * centring K k (label j) * one_hot label l j)).
  - rewrite (sum_ext N (fun j => margin * centring K k (label j) * one_hot label l j)
      (fun j => (product d W H k j + b k) * one_hot label l j
        + - / INR K * sum K (fun k1 => (product d W H k1 j + b k1) * one_hot label l j))).
    + rewrite sum_plus, sum_scale. unfold Rdiv. ring.
    + intros j sampled. pose proof (optimal_logits k j row sampled) as logits. unfold one_hot at 1 in logits.
      unfold centring. rewrite (Nat.eqb_sym k). rewrite <- logits.
      rewrite (sum_ext K (fun k1 => (product d W H k1 j + b k1) * one_hot label l j) (fun k1 => one_hot label l j * (product d W H k1 j + b k1)))
        by (intros; ring).
      rewrite sum_scale. unfold Rdiv. ring.
  - rewrite (sum_of_class N label l (fun y => margin * centring K k y)), balanced by easy. field. lra.
Qed.

(** The features do not vary within a class. *)
Lemma measured_scatter : sum N (fun j => sum d (fun i =>
  (H i j - sum K (fun k => sum N (fun j => H i j * one_hot label k j) / class_count N label k * one_hot label k j)) ^ 2)) = 0.
Proof.
  apply sum_zero. intros j sampled. apply sum_zero. intros i inside.
  rewrite (sum_ext K _ (fun k => one_hot label k j * class_mean i k)) by (intros; rewrite measured_mean by easy; ring).
  rewrite sum_one_hot, optimal_features by auto. ring.
Qed.

(** The inner products of the class means. *)
Lemma measured_gram k l : (k < K)%nat -> (l < K)%nat ->
  sum d (fun i => sum N (fun j => H i j * one_hot label k j) / class_count N label k
    * (sum N (fun j => H i j * one_hot label l j) / class_count N label l)) = pull / (lh * n) * margin * centring K k l.
Proof.
  intros row col. rewrite <- optimal_means by easy. apply sum_ext. intros i inside. now rewrite !measured_mean.
Qed.
End Unique.
