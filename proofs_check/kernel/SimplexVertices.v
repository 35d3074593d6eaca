(** A simplex ETF of K vectors exists in every space of at least K - 1 dimensions. *)
From Coq Require Import Reals Lra Lia Arith.
From Atlas Require Import Sums Softmax Duality SimplexEtf.
Open Scope R_scope.

(** A sum does not see the zeros behind its first n terms. *)
Lemma sum_truncate n m f : (n <= m)%nat -> (forall i, (n <= i < m)%nat -> f i = 0) -> sum m f = sum n f.
Proof.
  intros shorter zero. induction shorter as [| m longer IH]; [reflexivity |]. simpl.
  rewrite IH by (intros; apply zero; lia). rewrite zero by lia. ring.
Qed.

(** The identity matrix. *)
Definition identity (k l : nat) : R := if Nat.eqb k l then 1 else 0.

Lemma identity_pick n k f : (k < n)%nat -> sum n (fun i => identity k i * f i) = f k.
Proof.
  intros inside. rewrite <- (sum_at n k f inside). apply sum_ext. intros. unfold identity. destruct Nat.eqb; ring.
Qed.

(** The rows of the centring matrix itself form a simplex ETF in K dimensions or more. *)
Lemma centring_is_etf K d : (1 <= K)%nat -> (K <= d)%nat ->
  simplex_etf K d (fun k i => if Nat.ltb i K then centring K k i else 0).
Proof.
  intros some wide k l first second. assert (0 < INR K) by (apply lt_0_INR; lia).
  rewrite (sum_truncate K) by (first [easy | intros i outside; destruct (Nat.ltb_spec i K); [lia | ring]]).
  rewrite (sum_ext K _ (fun i => identity k i * centring K l i + - / INR K * (identity l i * 1) + / INR K * / INR K)).
  2: { intros i inside. destruct (Nat.ltb_spec i K); [| lia]. unfold centring, identity.
       destruct (Nat.eqb k i), (Nat.eqb l i); ring. }
  rewrite !sum_plus, sum_scale, !identity_pick, sum_const by easy. unfold centring. rewrite (Nat.eqb_sym l k). field. lra.
Qed.

(** The vertices of a regular simplex in K - 1 dimensions: coordinate vectors shifted along the diagonal, and one on it. *)
Definition vertex (K k i : nat) : R :=
  if Nat.ltb i (K - 1)
  then if Nat.ltb k (K - 1) then identity k i - (1 - / sqrt (INR K)) / (INR K - 1) else - / sqrt (INR K)
  else 0.

Lemma vertices_are_etf K d : (2 <= K)%nat -> (K - 1 <= d)%nat -> simplex_etf K d (vertex K).
Proof.
  intros some wide k l first second. assert (two : 2 <= INR K) by (change 2 with (INR 2); now apply le_INR).
  assert (rest : INR (K - 1) = INR K - 1) by (rewrite minus_INR by lia; reflexivity).
  rewrite (sum_truncate (K - 1)) by (first [easy | intros i outside; unfold vertex; destruct (Nat.ltb_spec i (K - 1)); [lia | ring]]).
  set (r := / sqrt (INR K)). assert (square : r * r = / INR K).
  { unfold r. rewrite <- Rinv_mult, sqrt_sqrt by lra. reflexivity. }
  set (x := (1 - r) / (INR K - 1)).
  rewrite (sum_ext (K - 1) _ (fun i =>
    (if Nat.ltb k (K - 1) then identity k i - x else - r) * (if Nat.ltb l (K - 1) then identity l i - x else - r)))
    by (intros i inside; unfold vertex; destruct (Nat.ltb_spec i (K - 1)); [reflexivity | lia]).
  assert (shift : (INR K - 1) * x = 1 - r) by (unfold x; field; lra).
  unfold centring. rewrite <- square. assert (squares : r * r * INR K = 1) by (rewrite square; field; lra).
  destruct (Nat.ltb_spec k (K - 1)) as [k_in | k_out], (Nat.ltb_spec l (K - 1)) as [l_in | l_out].
  - rewrite (sum_ext (K - 1) _ (fun i => identity k i * (identity l i - x) + - x * (identity l i * 1) + x * x)) by (intros; ring).
    rewrite !sum_plus, sum_scale, !identity_pick, sum_const, rest by easy. unfold identity. rewrite (Nat.eqb_sym l k).
    replace ((INR K - 1) * (x * x)) with ((1 - r) * x) by (rewrite <- shift; ring).
    enough (x * (1 + r) = r * r) by lra. unfold x. apply Rmult_eq_reg_r with (INR K - 1); [| lra]. field_simplify; lra.
  - rewrite (sum_ext (K - 1) _ (fun i => - r * (identity k i * 1) + r * x)) by (intros; ring).
    rewrite sum_plus, sum_scale, identity_pick, sum_const, rest by easy. destruct (Nat.eqb_spec k l); [lia |].
    replace ((INR K - 1) * (r * x)) with ((1 - r) * r) by (rewrite <- shift; ring). ring.
  - rewrite (sum_ext (K - 1) _ (fun i => - r * (identity l i * 1) + r * x)) by (intros; ring).
    rewrite sum_plus, sum_scale, identity_pick, sum_const, rest by easy. destruct (Nat.eqb_spec k l); [lia |].
    replace ((INR K - 1) * (r * x)) with ((1 - r) * r) by (rewrite <- shift; ring). ring.
  - rewrite sum_const, rest. destruct (Nat.eqb_spec k l); [| lia].
    replace ((INR K - 1) * (- r * - r)) with (r * r * INR K - r * r) by ring. rewrite squares. ring.
Qed.
