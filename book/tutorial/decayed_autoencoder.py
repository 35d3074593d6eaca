"""A linear autoencoder with weight decay, on data with the covariance C = diag(θ_i²)."""

import sympy as sp

from theory import proof
from theory.algebra import SymbolicArrays, SymbolicMatrix
from theory.claim import Claim, Derivation, Source, Verdict
from theory.neural_collapse.lemmas import MIRSKY, NUCLEAR_NORM
from theory.point import Point
from theory.posterior_collapse.linear_gaussian import deviations_parameter, latent_dim_parameter
from theory.problem import Invariant, Parameter, PositiveReal, Problem, Variable
from theory.results import Measured
from theory.symbols import D, d, indexed, k, positive, theta

decay, q, c, s = positive("lambda"), positive("q"), positive("c"), indexed("s", nonnegative=True)


def loss(xp, v, data, p):
    return xp.squared_norm(data.root - v.U @ v.W @ data.root) + p[decay] * (xp.squared_norm(v.U) + xp.squared_norm(v.W))


SIZE, RATIO = theta[k] - decay / theta[k], theta[k] ** 2 / decay  # the guess: SIZE where RATIO > 1, otherwise 0
COST = (theta[k] - q) ** 2 + 2 * decay * q / theta[k]  # the bound: what a size q costs at least
LEMMA = proof.Lemma("products", r"$\|AB\|_* \ge \sum_k \sigma_k(A)\sigma_{D+1-k}(B)$", "Bhatia, Matrix Analysis, III.4")


def derive(problem):
    diagonal = SymbolicMatrix.diag(D, sp.sqrt(s[k] / theta[k]))
    guess = {s: sp.Piecewise((sp.Max(0, SIZE), k <= d), (0, True))}
    point = proof.StructuredPoint(problem, SymbolicArrays(D), Point(U=diagonal, W=diagonal), guess)
    named = {"share": Measured(sp.Max(0, SIZE) / theta[k], lambda at: at.diagonal("gram"), ((k, D),), k <= d)}
    prediction = point.predict(point.loss(), proof.Threshold(RATIO, k, D, "weight_decay", k <= d), named=named)
    kept = proof.SumOfSquares("kept", "No q costs less than the guess.", COST - COST.subs(q, SIZE), ((1, q - SIZE),))
    dropped = proof.Nonnegative("dropped", "Else zero is best.", (COST - theta[k] ** 2).subs(decay, theta[k] ** 2 + c))
    sizes = proof.Statistic(s, "sizes", lambda xp, v, data, p: xp.singular_values(v.U @ v.W @ data.root, p[D]))
    lemmas, total = (NUCLEAR_NORM, LEMMA, MIRSKY), sp.Sum(COST.subs(q, s[k]), (k, 1, D))
    first = proof.Bound("sum over sizes", total, "Only singular values matter.", tuple(lemma.name for lemma in lemmas))
    last = proof.Bound("predicted value", prediction.minimum, "At most d of them are positive.", ("kept", "dropped"))
    separable = proof.Separable((proof.Piece(COST, sp.Integer(0)),), q, k, D, free=k <= d, reading=s[k])
    return Derivation(proof.Proof((kept, dropped), lemmas, (sizes,), (first, last), separable), prediction)


CLAIM = Claim(
    id="decayed-autoencoder",
    title="Linear autoencoder with weight decay: which directions are dropped",
    source=Source("Kunin et al.", "Loss Landscapes of Regularized Linear Autoencoders", "ICML 2019", "1901.08168"),
    verdict=Verdict.HOLDS,
    statement="Each of the first $d$ directions is kept up to the share ${share}$; the others are dropped.",
    problem=Problem(
        parameters=(deviations_parameter(), latent_dim_parameter(), Parameter("weight_decay", PositiveReal(), "λ")),
        variables=(Variable("U", (D, d)), Variable("W", (d, D))),
        loss=loss,
        invariants=(Invariant("gram", "$U U^T$", lambda xp, v, data, p: v.U @ xp.transpose(v.U), shows_collapse=True),),
        sorted_parameter="theta",
        tied=theta,
        bind=lambda v: {D: len(v["theta"]), d: v["latent_dim"], theta: v["theta"], decay: v["weight_decay"]},
        data=lambda xp: Point(root=xp.diagonal(theta)),
    ),
    derive=derive,
)
