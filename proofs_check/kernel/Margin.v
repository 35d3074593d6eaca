(** Logits of a margin: the correct logit exceeds all others, which are equal, by t; the odds of the correct class are exp t. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Softmax.
Open Scope R_scope.

(** A sum over classes of which one has another value than all others. *)
Lemma sum_one_differs K y a b : (y < K)%nat ->
  sum K (fun k => if Nat.eqb y k then a else b) = a + (INR K - 1) * b.
Proof.
  intros inside. rewrite (sum_ext K _ (fun k => b + (if Nat.eqb y k then a - b else 0))).
  - rewrite sum_plus, sum_const, (sum_at K y (fun _ => a - b)) by easy. ring.
  - intros k _. destruct Nat.eqb; ring.
Qed.

(** The number of classes, at least two, as a real number. *)
Lemma classes_real K : (2 <= K)%nat -> 2 <= INR K.
Proof. intros. change 2 with (INR 2). now apply le_INR. Qed.

(** The probability of each wrong class. *)
Definition wrong (K : nat) (odds : R) : R := / (odds + INR K - 1).

(** The probability of class k where y is the correct one. *)
Definition probability (K y : nat) (odds : R) (k : nat) : R := if Nat.eqb y k then odds * wrong K odds else wrong K odds.

Section Margin.
Variables (K y : nat) (odds : R).
Hypotheses (classes : (2 <= K)%nat) (inside : (y < K)%nat) (above : 1 <= odds).

Lemma wrong_positive : 0 < wrong K odds.
Proof. apply Rinv_0_lt_compat. pose proof (classes_real K classes). lra. Qed.

Lemma right_probability : 1 - (INR K - 1) * wrong K odds = odds * wrong K odds.
Proof. unfold wrong. pose proof (classes_real K classes). field. lra. Qed.

Lemma probability_positive k : 0 < probability K y odds k.
Proof. pose proof wrong_positive. unfold probability. destruct Nat.eqb; nra. Qed.

Lemma probability_total : sum K (probability K y odds) = 1.
Proof. unfold probability. rewrite sum_one_differs, <- right_probability by easy. ring. Qed.

(** The cross-entropy at these probabilities, as a difference of logarithms. *)
Lemma log_right_probability : ln (1 + (INR K - 1) / odds) = ln (INR K + odds - 1) - ln odds.
Proof.
  pose proof (classes_real K classes). replace (1 + (INR K - 1) / odds) with ((INR K + odds - 1) * / odds) by (field; lra).
  rewrite ln_mult, ln_Rinv by (try apply Rinv_0_lt_compat; lra). ring.
Qed.

(** The entropy of these probabilities. *)
Lemma margin_entropy :
  entropy K (probability K y odds) = ln (1 + (INR K - 1) / odds) + (INR K - 1) * wrong K odds * ln odds.
Proof.
  pose proof (classes_real K classes). pose proof wrong_positive.
  assert (log_wrong : ln (wrong K odds) = - ln (INR K + odds - 1))
    by (unfold wrong; replace (odds + INR K - 1) with (INR K + odds - 1) by ring; apply ln_Rinv; lra).
  unfold entropy, probability.
  rewrite (sum_ext K _ (fun k => if Nat.eqb y k then odds * wrong K odds * ln (odds * wrong K odds) else wrong K odds * ln (wrong K odds)))
    by (intros; destruct Nat.eqb; reflexivity).
  rewrite sum_one_differs, ln_mult, <- right_probability by (try easy; lra).
  rewrite log_right_probability, log_wrong. ring.
Qed.

(** It is below that of equal probabilities where the odds exceed one. *)
Lemma margin_entropy_strict : 1 < odds -> entropy K (probability K y odds) < ln (INR K).
Proof.
  intros alive. pose proof (classes_real K classes). apply (entropy_below_log K _ y); try easy.
  - intros. apply probability_positive.
  - exact probability_total.
  - unfold probability, wrong. rewrite Nat.eqb_refl. intros equal.
    apply (f_equal (Rmult (INR K * (odds + INR K - 1)))) in equal. field_simplify in equal; nra.
Qed.

(** The cross-entropy at logits of margin ln odds, shifted by any constant c. *)
Lemma margin_cross_entropy Z c :
  (forall k, (k < K)%nat -> Z k = ln odds * ((if Nat.eqb y k then 1 else 0) - / INR K) + c) ->
  log_sum_exp K Z - Z y = ln (1 + (INR K - 1) / odds).
Proof.
  intros logits. pose proof (classes_real K classes). unfold log_sum_exp.
  assert (Z y = ln odds * (1 - / INR K) + c) as top by (rewrite logits, Nat.eqb_refl; easy).
  rewrite (sum_ext K _ (fun k => if Nat.eqb y k then exp (Z y) else exp (Z y) * / odds)).
  2: { intros k below. destruct (Nat.eqb_spec y k) as [-> | other]; [reflexivity |].
       rewrite <- (exp_ln odds), <- exp_Ropp, <- exp_plus by lra. f_equal. rewrite top, logits by easy.
       destruct (Nat.eqb_spec y k); [easy | ring]. }
  rewrite sum_one_differs by easy. pose proof (exp_pos (Z y)).
  replace (exp (Z y) + (INR K - 1) * (exp (Z y) * / odds)) with (exp (Z y) * (1 + (INR K - 1) / odds)) by (field; lra).
  assert (0 < (INR K - 1) / odds) by (apply Rdiv_lt_0_compat; lra).
  rewrite ln_mult, ln_exp by lra. ring.
Qed.

(** The logits of a margin sum to zero but for their shift. *)
Lemma margin_logits_total Z c :
  (forall k, (k < K)%nat -> Z k = ln odds * ((if Nat.eqb y k then 1 else 0) - / INR K) + c) -> sum K Z = INR K * c.
Proof.
  intros logits. pose proof (classes_real K classes).
  rewrite (sum_ext K Z (fun k => if Nat.eqb y k then ln odds * (1 - / INR K) + c else - ln odds * / INR K + c))
    by (intros; rewrite logits by easy; destruct Nat.eqb; ring).
  rewrite sum_one_differs by easy. field. lra.
Qed.

(** Logits whose softmax are these probabilities are those of the margin ln odds, but for their shift. *)
Lemma margin_of_softmax Z :
  (forall k, (k < K)%nat -> exp (Z k) = probability K y odds k * sum K (fun k => exp (Z k))) ->
  forall k, (k < K)%nat -> Z k - sum K Z / INR K = ln odds * ((if Nat.eqb y k then 1 else 0) - / INR K).
Proof.
  intros softmax. pose proof (classes_real K classes). pose proof wrong_positive.
  pose proof (partition_positive K Z ltac:(lia)) as partition. set (S := sum K (fun k => exp (Z k))) in *.
  assert (each : forall k, (k < K)%nat -> Z k = if Nat.eqb y k then ln odds + (ln (wrong K odds) + ln S) else ln (wrong K odds) + ln S).
  { intros k row. rewrite <- (ln_exp (Z k)), (softmax k row). unfold probability. destruct Nat.eqb.
    - assert (0 < odds * wrong K odds) by (apply Rmult_lt_0_compat; lra). rewrite !ln_mult by (easy || lra). ring.
    - now rewrite ln_mult. }
  intros k row. rewrite (sum_ext K Z _ each), sum_one_differs, (each k row) by easy. destruct Nat.eqb; field; lra.
Qed.
End Margin.
