(** Integer quadratic forms that Coq decides to be nonnegative: less a sum of given squares they are diagonally dominant. *)
From Coq Require Import Reals Lra Lia Arith ZArith List Bool.
From Atlas Require Import Sums.
Import ListNotations.
Open Scope R_scope.

(** A symmetric matrix by its upper triangle: each row starts at the diagonal. *)
Definition triangle := list (list Z).

(** The inner product of integers with real numbers. *)
Fixpoint dot (r : list Z) (x : list R) : R :=
  match r, x with
  | a :: r', y :: x' => IZR a * y + dot r' x'
  | _, _ => 0
  end.

(** The sum of squares of real numbers, weighted by integers. *)
Fixpoint squares (r : list Z) (x : list R) : R :=
  match r, x with
  | a :: r', y :: x' => IZR a * y ^ 2 + squares r' x'
  | _, _ => 0
  end.

(** The quadratic form of a triangle. *)
Fixpoint form (T : triangle) (x : list R) : R :=
  match T, x with
  | (a :: r) :: T', y :: x' => IZR a * y ^ 2 + 2 * y * dot r x' + form T' x'
  | _, _ => 0
  end.

(** T is the triangle of a matrix of n rows. *)
Fixpoint shaped (n : nat) (T : triangle) : Prop :=
  match n, T with
  | O, nil => True
  | S m, r :: T' => length r = S m /\ shaped m T'
  | _, _ => False
  end.

(** The row t plus c times the row r. *)
Fixpoint add_scaled (c : Z) (r t : list Z) : list Z :=
  match r, t with
  | a :: r', b :: t' => (b + c * a)%Z :: add_scaled c r' t'
  | _, _ => t
  end.

(** The triangle T plus c times the square of the linear form r. *)
Fixpoint add_square (c : Z) (r : list Z) (T : triangle) : triangle :=
  match r, T with
  | a :: r', (b :: t) :: T' => ((b + c * a * a)%Z :: add_scaled (c * a) r' t) :: add_square c r' T'
  | _, _ => T
  end.

Lemma add_scaled_length c r t : length (add_scaled c r t) = length t.
Proof. revert t. induction r as [| a r IH]; intros [| b t]; simpl; congruence. Qed.

Lemma dot_add_scaled c r t x : length r = length t -> dot (add_scaled c r t) x = dot t x + IZR c * dot r x.
Proof.
  revert t x. induction r as [| a r IH]; intros [| b t] [| y x]; simpl; intros same; try discriminate; try ring.
  rewrite IH by congruence. rewrite plus_IZR, mult_IZR. ring.
Qed.

Lemma squares_add_scaled c r t x : length r = length t -> squares (add_scaled c r t) x = squares t x + IZR c * squares r x.
Proof.
  revert t x. induction r as [| a r IH]; intros [| b t] [| y x]; simpl; intros same; try discriminate; try ring.
  rewrite IH by congruence. rewrite plus_IZR, mult_IZR. ring.
Qed.

Lemma add_square_shaped n c r T : shaped n T -> shaped n (add_square c r T).
Proof.
  revert n r. induction T as [| row T IH]; intros [| n] [| a r]; simpl; try tauto.
  intros [size rest]. destruct row as [| b t]; [discriminate |]. simpl. rewrite add_scaled_length. auto.
Qed.

(** Adding a square to the triangle adds it to the form. *)
Lemma form_add_square n c r T x : shaped n T -> length r = n -> length x = n ->
  form (add_square c r T) x = form T x + IZR c * dot r x ^ 2.
Proof.
  revert n r x. induction T as [| row T IH]; intros [| n] [| a r] [| y x]; simpl; try tauto; try discriminate; intros shape size_r size_x.
  - ring.
  - destruct shape as [size shape]. destruct row as [| b t]; [discriminate |]. simpl in *.
    rewrite (IH n r x) by (try tauto; lia). rewrite dot_add_scaled by lia. rewrite plus_IZR, !mult_IZR. ring.
Qed.

(** The multiple s of the identity matrix. *)
Fixpoint scalar (n : nat) (s : Z) : triangle :=
  match n with
  | O => nil
  | S m => (s :: repeat 0%Z m) :: scalar m s
  end.

Lemma scalar_shaped n s : shaped n (scalar n s).
Proof. induction n as [| n IH]; simpl; [easy |]. rewrite repeat_length. auto. Qed.

Lemma dot_zero m x : dot (repeat 0%Z m) x = 0.
Proof. revert x. induction m as [| m IH]; intros [| y x]; simpl; try reflexivity. rewrite IH. ring. Qed.

Lemma form_scalar n s x : length x = n -> form (scalar n s) x = squares (repeat s n) x.
Proof.
  revert x. induction n as [| n IH]; intros [| y x]; simpl; intros size; try discriminate; try reflexivity.
  rewrite dot_zero, IH by lia. ring.
Qed.

(** The sum of the absolute values of a row. *)
Definition total_abs (r : list Z) : Z := fold_right (fun a rest => (Z.abs a + rest)%Z) 0%Z r.

(** Every diagonal entry is at least the sum of the absolute values beside it; the debts are those of the rows above. *)
Fixpoint dominant (T : triangle) (debts : list Z) : bool :=
  match T, debts with
  | (a :: r) :: T', debt :: rest => (total_abs r + debt <=? a)%Z && dominant T' (add_scaled 1 (map Z.abs r) rest)
  | nil, nil => true
  | _, _ => false
  end.

(** The products of one variable with others, against their squares. *)
Lemma cross_terms r y x : - (IZR (total_abs r) * y ^ 2) - squares (map Z.abs r) x <= 2 * y * dot r x.
Proof.
  assert (nonneg : forall r, 0 <= IZR (total_abs r)).
  { intros l. apply IZR_le. induction l as [| a l IH]; simpl; lia. }
  revert x. induction r as [| a r IH]; intros x.
  - simpl. lra.
  - destruct x as [| z x].
    + pose proof (nonneg (a :: r)). pose proof (pow2_ge_0 y). cbn [dot squares map]. nra.
    + specialize (IH x). simpl. rewrite plus_IZR, abs_IZR.
      enough (- (Rabs (IZR a) * y ^ 2) - Rabs (IZR a) * z ^ 2 <= 2 * y * (IZR a * z)) by (simpl in *; lra).
      pose proof (pow2_ge_0 (y + z)). pose proof (pow2_ge_0 (y - z)).
      destruct (Rcase_abs (IZR a)) as [negative | positive].
      * rewrite Rabs_left by easy. nra.
      * rewrite Rabs_right by easy. nra.
Qed.

(** A diagonally dominant form is nonnegative. *)
Lemma dominant_form n T debts x : shaped n T -> length debts = n -> length x = n -> dominant T debts = true ->
  squares debts x <= form T x.
Proof.
  revert n debts x. induction T as [| row T IH]; intros [| n] [| debt debts] [| y x]; simpl; try tauto; try discriminate;
    intros shape size_debts size_x decided; try lra.
  destruct shape as [size shape]. destruct row as [| a r]; [discriminate |]. simpl in *.
  apply andb_prop in decided as [covered rest]. apply Z.leb_le, IZR_le in covered. rewrite plus_IZR in covered.
  assert (same : length (map Z.abs r) = length debts) by (rewrite map_length; lia).
  pose proof (IH n (add_scaled 1 (map Z.abs r) debts) x shape ltac:(rewrite add_scaled_length; lia) ltac:(lia) rest) as below.
  rewrite squares_add_scaled in below by easy. pose proof (cross_terms r y x). pose proof (pow2_ge_0 y). simpl in *. nra.
Qed.

(** The form s |x|^2 plus squares of linear forms, each with its factor. *)
Definition with_squares (n : nat) (s : Z) (terms : list (Z * list Z)) : triangle :=
  fold_right (fun term T => add_square (fst term) (snd term) T) (scalar n s) terms.

(** The value of these squares. *)
Definition squares_of (terms : list (Z * list Z)) (x : list R) : R :=
  fold_right (fun term rest => IZR (fst term) * dot (snd term) x ^ 2 + rest) 0 terms.

Definition sizes_are (n : nat) (terms : list (Z * list Z)) : bool := forallb (fun term => Nat.eqb (length (snd term)) n) terms.

Lemma with_squares_form n s terms x : sizes_are n terms = true -> length x = n ->
  shaped n (with_squares n s terms) /\ form (with_squares n s terms) x = squares (repeat s n) x + squares_of terms x.
Proof.
  intros sizes size_x. induction terms as [| [c r] terms IH]; simpl in *.
  - split; [apply scalar_shaped | rewrite form_scalar by easy; ring].
  - apply andb_prop in sizes as [size sizes]. apply Nat.eqb_eq in size. destruct (IH sizes) as [shape equal].
    split; [now apply add_square_shaped |]. rewrite (form_add_square n) by easy. rewrite equal. ring.
Qed.

(** What Coq decides of such a form. *)
Definition is_nonnegative (n : nat) (s : Z) (terms : list (Z * list Z)) : bool :=
  sizes_are n terms && dominant (with_squares n s terms) (repeat 0%Z n).

Theorem nonnegative n s terms x : is_nonnegative n s terms = true -> length x = n ->
  0 <= squares (repeat s n) x + squares_of terms x.
Proof.
  intros decided size_x. apply andb_prop in decided as [sizes dominates].
  destruct (with_squares_form n s terms x sizes size_x) as [shape <-].
  apply Rle_trans with (squares (repeat 0%Z n) x); [| apply (dominant_form n); try easy; apply repeat_length].
  clear. revert x. induction n as [| n IH]; intros [| y x]; simpl; try lra. specialize (IH x). lra.
Qed.

(** The numbers w 0, ..., w (n - 1) as a list, and the sums above as sums over indices. *)
Definition listed (n : nat) (w : nat -> R) : list R := map w (seq 0 n).

Lemma listed_length n w : length (listed n w) = n.
Proof. unfold listed. now rewrite map_length, seq_length. Qed.

Lemma dot_listed n w r : length r = n -> dot r (listed n w) = sum n (fun k => IZR (nth k r 0%Z) * w k).
Proof.
  unfold listed. enough (forall start, length r = n ->
    dot r (map w (seq start n)) = sum n (fun k => IZR (nth k r 0%Z) * w (start + k)%nat)) as shifted by (intros; now apply shifted).
  revert r. induction n as [| n IH]; intros [| a r] start; simpl length; intros size; try discriminate; [reflexivity |].
  rewrite sum_head. cbn [seq map dot nth]. rewrite Nat.add_0_r, IH by lia. f_equal.
  apply sum_ext. intros k _. now rewrite Nat.add_succ_comm.
Qed.

Lemma squares_listed n w s : squares (repeat s n) (listed n w) = IZR s * sum n (fun k => w k ^ 2).
Proof.
  unfold listed. enough (forall start, squares (repeat s n) (map w (seq start n)) = IZR s * sum n (fun k => w (start + k)%nat ^ 2))
    as shifted by (intros; apply shifted).
  induction n as [| n IH]; intros start; [simpl; ring |]. rewrite sum_head. cbn [repeat seq map squares].
  rewrite IH, Nat.add_0_r. rewrite (sum_ext n (fun k => w (S start + k)%nat ^ 2) (fun i => w (start + S i)%nat ^ 2)).
  - ring.
  - intros k _. now rewrite Nat.add_succ_comm.
Qed.
