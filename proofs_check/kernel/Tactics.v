(** The tactics that prove the steps of the derivations. A generated proof calls them with terms as hints: a hint cannot make
    a false statement provable, because Coq's kernel checks every proof. *)
From Coq Require Export Reals Lra Lia.
From Coquelicot Require Export Coquelicot.
From Atlas Require Export Sums.
Open Scope R_scope.

(** * Lemmas *)

Lemma root_exists q x : (0 < q)%nat -> 0 < x -> exists r, 0 < r /\ x = r ^ q.
Proof.
  intros positive_q positive_x. exists (Rpower x (/ INR q)). split; [apply exp_pos |].
  rewrite <- Rpower_pow by apply exp_pos. rewrite Rpower_mult.
  replace (/ INR q * INR q) with 1 by (field; apply not_0_INR; lia). now rewrite Rpower_1.
Qed.

Lemma ln_pow_pos x n : 0 < x -> ln (x ^ n) = INR n * ln x.
Proof. intros. rewrite <- Rpower_pow by easy. unfold Rpower. now rewrite ln_exp. Qed.

Lemma ln_sqrt_pos x : 0 < x -> ln (sqrt x) = 1 / 2 * ln x.
Proof. intros. rewrite <- Rpower_sqrt by easy. unfold Rpower. rewrite ln_exp. field. Qed.

Lemma ln_Rpower x e : ln (Rpower x e) = e * ln x.
Proof. unfold Rpower. now rewrite ln_exp. Qed.

Lemma ln_div_pos x y : 0 < x -> 0 < y -> ln (x / y) = ln x - ln y.
Proof.
  intros. unfold Rdiv. rewrite ln_mult, ln_Rinv by (try apply Rinv_0_lt_compat; easy). ring.
Qed.

Lemma numerator_pos f g : 0 < f / g -> 0 < g -> 0 < f.
Proof.
  intros quotient denominator. replace f with (f / g * g) by (field; lra). now apply Rmult_lt_0_compat.
Qed.

Lemma denominator_pos f g : 0 < g / f -> 0 < g -> f <> 0 -> 0 < f.
Proof.
  intros quotient above nonzero. replace f with (g / (g / f)) by (field; lra). now apply Rdiv_lt_0_compat.
Qed.

Lemma square_nonneg x n : 0 <= x ^ (2 * n).
Proof. rewrite pow_mult. apply pow_le, pow2_ge_0. Qed.

Lemma ln_pos x : 1 < x -> 0 < ln x.
Proof. intros. rewrite <- ln_1. apply ln_increasing; lra. Qed.

Lemma ln_plus_one_nonneg x : 0 <= x -> 0 <= ln (x + 1).
Proof.
  intros [above | <-]; [left; apply ln_pos; lra | rewrite Rplus_0_l, ln_1; lra].
Qed.

Lemma sum_pos n f : (0 < n)%nat -> (forall i, 0 < f i) -> 0 < sum n f.
Proof.
  intros some above. destruct n as [| n]; [lia |]. simpl.
  apply Rplus_le_lt_0_compat; [apply sum_nonneg; intros; left; apply above | apply above].
Qed.

(** * Signs *)

(** The exponentials in the goal are positive. *)
Ltac know_exponentials := repeat match goal with
  | |- context [exp ?a] => lazymatch goal with known : 0 < exp a |- _ => fail | _ => pose proof (exp_pos a) end
  end.

Ltac positive_monomials :=
  first [ assumption | apply Rmult_lt_0_compat; positive_monomials | apply pow_lt; positive_monomials
        | apply Rplus_lt_0_compat; positive_monomials | apply exp_pos | apply sqrt_lt_R0; positive_monomials | lra ].

Ltac positive :=
  lazymatch goal with
  | |- 0 < ?x => first
      [ assumption
      | lazymatch x with
        | exp _ => apply exp_pos
        | Rpower _ _ => apply exp_pos
        | sqrt _ => apply sqrt_lt_R0; positive
        | _ ^ _ => apply pow_lt; positive
        | / _ => apply Rinv_0_lt_compat; positive
        | _ / _ => apply Rdiv_lt_0_compat; positive
        | _ * _ => apply Rmult_lt_0_compat; positive
        | ln _ => apply ln_pos; lra
        | sum _ _ => apply sum_pos; [ lia | intros; positive ]
        | ?f ?i => match goal with holds : forall j, 0 < f j |- _ => apply holds end
        end
      | lra
      | lazymatch x with
        | _ + _ => first [ apply Rplus_lt_le_0_compat; [ positive | nonnegative ]
                         | apply Rplus_le_lt_0_compat; [ nonnegative | positive ] ]
        | - _ * _ => rewrite <- Ropp_mult_distr_l
        end
      | solve [ ring_simplify; positive_monomials ]
      | know_exponentials; first [ lra | nra ] ]
  end
with nonnegative :=
  lazymatch goal with
  | |- 0 <= ?x => first
      [ assumption
      | lra
      | lazymatch x with
        | exp _ => left; apply exp_pos
        | sqrt _ => apply sqrt_pos
        | ?y ^ 2 => apply pow2_ge_0
        | ?y ^ 4 => apply (square_nonneg y 2)
        | _ ^ _ => apply pow_le; nonnegative
        | ln (_ + 1) => apply ln_plus_one_nonneg; nonnegative
        | _ / _ => apply Rle_mult_inv_pos; [ nonnegative | positive ]
        | _ * _ => apply Rmult_le_pos; nonnegative
        | _ + _ => apply Rplus_le_le_0_compat; nonnegative
        | ?f ?i => match goal with holds : forall j, 0 <= f j |- _ => apply holds end
        end
      | left; positive ]
  end.

Ltac nonzero :=
  lazymatch goal with
  | |- _ /\ _ => split; nonzero
  | |- _ <> 0 => first [ assumption | apply Rgt_not_eq; red; solve [positive] | lra
                       | match goal with given : _ <> 0 |- _ => intro; apply given; lra end
                       | apply pow_nonzero; nonzero | apply Rmult_integral_contrapositive; split; nonzero ]
  | |- True => exact I
  | _ => idtac
  end.

(** * Equations *)

(** What the hints of a proof have shown of a leaf, and of a root. *)
Definition is_form (leaf form : R) : Prop := leaf = form.
Definition is_root (root : R) (q : nat) (base : R) : Prop := root ^ q = base.

(** An equation of rational functions, in which powers of known roots are rewritten. *)
Ltac rational := first [ reflexivity | ring | (field; nonzero) | (simpl; field; nonzero) ].

Ltac related :=
  match goal with
  | one : is_root ?v ?p _, other : is_root ?w ?q _ |- _ => unfold is_root in one, other; field [one other]; nonzero
  | only : is_root ?w ?q _ |- _ => unfold is_root in only; field [only]; nonzero
  end.

Ltac equation := first [ solve [rational] | solve [related] ].

Ltac expand_ln := repeat match goal with
  | |- context [ln (?a * ?b)] => rewrite (ln_mult a b) by positive
  | |- context [ln (?a / ?b)] => rewrite (ln_div_pos a b) by positive
  | |- context [ln (/ ?a)] => rewrite (ln_Rinv a) by positive
  | |- context [ln (?a ^ ?n)] => rewrite (ln_pow_pos a n) by positive; unfold INR
  | |- context [ln (sqrt ?a)] => rewrite (ln_sqrt_pos a) by positive
  | |- context [ln (Rpower ?a ?e)] => rewrite (ln_Rpower a e)
  | |- context [ln (exp ?a)] => rewrite (ln_exp a)
  | |- context [ln 1] => rewrite ln_1
  end.

Ltac replace_by equal :=
  lazymatch type of equal with ?x = _ => repeat match goal with
    | |- context [x] => rewrite equal
    | given : context [x] |- _ => lazymatch type of given with x = _ => fail | _ => rewrite equal in given end
    end
  end.

(** [as_power x q r] writes the positive number x as r to the power of q. *)
Ltac as_power x q r :=
  let holds := fresh "holds" in let sign := fresh "sign" in
  destruct (root_exists q x) as [r [sign holds]]; [ lia | positive | ];
  first [ subst x | replace_by holds ].

(** * Forms: a leaf such as sqrt (K ^ 2 * n) with the rational function that it equals *)

Lemma form_of leaf form : is_form leaf form -> leaf = form.
Proof. easy. Qed.

(** Replace each leaf by its form, outer leaves before those inside them: the latest form comes first. *)
Ltac forms := repeat match goal with
  | equal : is_form _ _ |- _ => rewrite (form_of _ _ equal)
  end.

Ltac finish := forms; equation.

(** In the following hints, [product] is the argument of the leaf as a product of positive factors. *)
Ltac logarithm leaf argument product form :=
  let equal := fresh "form" in
  assert (equal : is_form leaf form) by
    (unfold is_form; replace argument with product by finish; expand_ln; finish).

Ltac power leaf argument product form :=
  let equal := fresh "form" in
  assert (equal : is_form leaf form) by
    (unfold is_form; replace argument with product by finish;
     apply ln_inv; [ positive | positive | expand_ln; finish ]).

Ltac exponential leaf form :=
  let equal := fresh "form" in
  assert (equal : is_form leaf form) by
    (unfold is_form; apply ln_inv; [ positive | positive | rewrite ln_exp; forms; expand_ln; finish ]).

Ltac absolute leaf form :=
  let equal := fresh "form" in
  assert (equal : is_form leaf form) by
    (unfold is_form; lazymatch leaf with Rabs ?x => replace x with form by finish end;
     apply Rabs_pos_eq; left; positive).

(** [numerator argument factor rest]: the factor is positive because its product with the positive rest is the argument,
    which a hypothesis says to be positive. *)
Ltac numerator argument factor rest :=
  let sign := fresh "sign" in
  assert (sign : 0 < factor) by
    (apply (numerator_pos factor rest);
     [ replace (factor / rest) with argument by finish; assumption | positive ]).

(** The same of a denominator: the argument is rest / factor. *)
Ltac denominator argument factor rest :=
  let sign := fresh "sign" in
  assert (sign : 0 < factor) by
    (apply (denominator_pos factor rest);
     [ replace (rest / factor) with argument by finish; assumption | positive | nonzero ]).

(** A number of at least zero that is not zero, as a hypothesis says. *)
Ltac above_zero factor :=
  let sign := fresh "sign" in
  assert (sign : 0 < factor) by
    (destruct (Rle_lt_or_eq_dec 0 factor);
     [ nonnegative | assumption | match goal with given : _ <> 0 |- _ => exfalso; apply given; lra end ]).

Lemma root_of_power q x : (0 < q)%nat -> 0 < x -> Rpower x (1 / INR q) ^ q = x.
Proof.
  intros. rewrite <- Rpower_pow by apply exp_pos. rewrite Rpower_mult.
  replace (1 / INR q * INR q) with 1 by (field; apply not_0_INR; lia). now apply Rpower_1.
Qed.

Ltac root_unit unit q base :=
  let known := fresh "root" in
  assert (known : is_root unit q base) by
    (unfold is_root; lazymatch unit with
       | sqrt _ => apply pow2_sqrt; left; positive
       | Rpower _ ?e => replace e with (1 / INR q) by (simpl; field); apply root_of_power; [ lia | positive ]
     end).

(** * Goals *)

(** Sizes are natural numbers, and the bounds on them are needed over the real numbers. *)
Ltac sizes := repeat match goal with
  | bound : (_ <= _)%nat |- _ => apply le_INR in bound; simpl in bound
  end.

Ltac at_point x := match goal with equal : x = _ |- _ => subst x end.

(** The derivative of the function in the goal; auto_derive asks where the function has one. *)
Ltac derive := unfold Rdiv, Rminus in *; forms; auto_derive; [ repeat split; try exact I; first [ solve [nonzero] | solve [positive] ] | finish ].

Ltac stationary slope :=
  lazymatch goal with
  | |- is_derive ?f ?x 0 =>
      let zero := fresh "zero" in
      enough (zero : slope = 0);
      [ rewrite <- zero; clear zero
      | ]
  end.

Ltac convex := split; [ derive | split; [ derive | ] ].

Ltac positive_form expression form := replace expression with form by finish; positive.
Ltac nonnegative_form expression form := replace expression with form by finish; nonnegative.

Lemma pow_increasing q x y : 0 < x -> x < y -> x ^ S q < y ^ S q.
Proof.
  intros above less. induction q as [| q IH]; [simpl; lra |].
  change (x * x ^ S q < y * y ^ S q). apply Rmult_le_0_lt_compat; try lra. apply pow_le. lra.
Qed.

Lemma root_between q x low high : 0 < x -> 0 < low -> 0 < high -> low ^ S q <= x ^ S q <= high ^ S q -> low <= x <= high.
Proof.
  intros above above_low above_high [left right].
  split; apply Rnot_lt_le; intros less; apply (pow_increasing q) in less; lra.
Qed.

(** [between x q power low high]: bounds on a root of order q, from its power. *)
Ltac between x q power low high :=
  let known := fresh "between" in
  assert (known : low <= x <= high) by
    (apply (root_between (pred q)); [ positive | lra | lra | replace (x ^ S (pred q)) with power by (simpl pred; finish); simpl; lra ]).

Ltac squares := repeat split; try solve [nonnegative].

(** * Sums *)

Lemma sum_scale_r n c f : sum n f * c = sum n (fun i => f i * c).
Proof. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros. ring. Qed.

Lemma sum_divide n c f : sum n f / c = sum n (fun i => f i / c).
Proof. apply sum_scale_r. Qed.

Lemma sum_opp n f : - sum n f = sum n (fun i => - f i).
Proof. replace (- sum n f) with (-1 * sum n f) by ring. rewrite <- sum_scale. apply sum_ext. intros. ring. Qed.

(** Write a linear combination of sums as one sum, and compare the sums entry by entry. *)
Ltac sums :=
  sizes;
  repeat first [ rewrite sum_opp | rewrite sum_divide | rewrite sum_scale_r | rewrite <- sum_scale
               | rewrite <- sum_plus | rewrite <- sum_minus ];
  lazymatch goal with |- sum _ _ = sum _ _ => apply sum_ext; intros ?k _ end.

(** The same where a length occurs, which is a sum of ones. *)
Ltac sums_with_lengths :=
  repeat match goal with
  | |- context [INR ?n] => lazymatch goal with |- context [sum n _] =>
      replace (INR n) with (sum n (fun _ => 1)) by (rewrite sum_const; ring) end
  end;
  sums.

(** * Matrices: identities in any ring *)

Section Cancellation.
Variable A : Ring.

Lemma cancel_right (x y : A) : plus x (plus (opp x) y) = y.
Proof. now rewrite plus_assoc, plus_opp_r, plus_zero_l. Qed.

Lemma cancel_left (x y : A) : plus (opp x) (plus x y) = y.
Proof. now rewrite plus_assoc, plus_opp_l, plus_zero_l. Qed.

Lemma in_between (x y z : A) : plus x (plus y z) = plus y (plus x z).
Proof. now rewrite !plus_assoc, (plus_comm x y). Qed.

Lemma from_difference (x y : A) : plus x (opp y) = zero -> x = y.
Proof.
  intros difference. rewrite <- (plus_zero_r x), <- (plus_opp_l y), plus_assoc, difference. apply plus_zero_l.
Qed.
End Cancellation.

(** Expand products, so that both sides are sums of products, and each side is bracketed to the right. *)
Ltac expanded := unfold minus;
  repeat first [ rewrite mult_distr_l | rewrite mult_distr_r | rewrite opp_plus | rewrite opp_opp
               | rewrite <- opp_mult_l | rewrite <- opp_mult_r | rewrite mult_one_l | rewrite mult_one_r ];
  rewrite ?mult_assoc, <- ?plus_assoc.

(** The sum [s] without its first term [t]. *)
Ltac without t s :=
  lazymatch s with
  | plus t ?rest => rest
  | plus ?x t => x
  | plus ?x ?rest => let found := without t rest in constr:(plus x found)
  end.

(** A sum is its term [t] plus the other terms. *)
Ltac in_front t :=
  lazymatch goal with
  | |- plus t ?rest = plus t ?rest => reflexivity
  | |- plus ?x t = plus t ?x => apply plus_comm
  | |- plus ?x ?rest = plus t (plus ?x ?others) =>
      transitivity (plus x (plus t others)); [ apply (f_equal (plus x)); in_front t | apply in_between ]
  end.

(** Cancel the terms of a sum that is zero, one after the other, each against its opposite. *)
Ltac cancelled :=
  rewrite ?plus_zero_l, ?plus_zero_r;
  lazymatch goal with
  | |- zero = zero => reflexivity
  | |- plus ?t ?rest = zero =>
      let other := lazymatch t with opp ?x => x | _ => constr:(opp t) end in
      first [ constr_eq rest other; first [ apply plus_opp_r | apply plus_opp_l ]
            | let others := without other rest in
              replace rest with (plus other others) by (symmetry; in_front other);
              first [ rewrite cancel_right | rewrite cancel_left ]; cancelled ]
  end.

Ltac ring_identity :=
  first [ expanded; rewrite ?cancel_right, ?cancel_left, ?plus_opp_r, ?plus_opp_l, ?plus_zero_r; reflexivity
        | apply from_difference; expanded; cancelled ].
