(** The Cauchy-Schwarz inequality for finite sums. *)
From Coq Require Import Reals Lra Lia.
From Atlas Require Import Sums.
Open Scope R_scope.

Lemma cauchy_schwarz n f g : sum n (fun i => f i * g i) ^ 2 <= sum n (fun i => f i ^ 2) * sum n (fun i => g i ^ 2).
Proof.
  induction n as [| n IH]; cbn [sum]; [lra |].
  set (S := sum n (fun i => f i * g i)) in *. set (A := sum n (fun i => f i ^ 2)) in *. set (B := sum n (fun i => g i ^ 2)) in *.
  assert (0 <= A) by (apply sum_nonneg; intros; apply pow2_ge_0). assert (0 <= B) by (apply sum_nonneg; intros; apply pow2_ge_0).
  enough (2 * S * (f n * g n) <= A * g n ^ 2 + B * f n ^ 2) as cross.
  { replace ((S + f n * g n) ^ 2) with (S ^ 2 + 2 * S * (f n * g n) + f n ^ 2 * g n ^ 2) by ring.
    replace ((A + f n ^ 2) * (B + g n ^ 2)) with (A * B + (A * g n ^ 2 + B * f n ^ 2) + f n ^ 2 * g n ^ 2) by ring. lra. }
  pose proof (pow2_ge_0 (f n)). pose proof (pow2_ge_0 (g n)).
  apply Rsqr_incr_0_var; [| nra]. rewrite !Rsqr_pow2.
  pose proof (pow2_ge_0 (A * g n ^ 2 - B * f n ^ 2)). pose proof (pow2_ge_0 (f n * g n)).
  apply Rle_trans with (4 * (A * B) * (f n * g n) ^ 2); [| lra].
  replace ((2 * S * (f n * g n)) ^ 2) with (4 * S ^ 2 * (f n * g n) ^ 2) by ring. nra.
Qed.
