"""Code on VAEs that computes something else than the minimiser of its objective."""

from __future__ import annotations

import sympy as sp

from theory.expressions import Formula
from theory.posterior_collapse.hierarchy import KAPPA, beta_1, beta_2, sigma_1
from theory.posterior_collapse.hvae_fixed_variances import sigma_2
from theory.reference_code.discrepancy import Lines, ReferenceCode
from theory.symbols import (
    D,
    beta,
    eta_dec,
    eta_enc,
    k,
    sigma,
    theta,
)

VAES = ("thotranhuu99/Posterior_collapse_CVAE_HVAE", "4680514c490baed181a18f3d3137deccbf4d58df")
"""The repository on GitHub, with the commit that was read."""

_ON_A_CONDITION = {"theta": (3.0, 1.5, 0.3), "regression": ((1.0,), (0.5,), (-1.0,))}
_SCALE = sp.sqrt(beta_1 * beta_2) * eta_dec * sigma_2 / eta_enc
"""√(β_1 β_2) c σ_2, as the code groups it."""


CVAE_THRESHOLD = ReferenceCode(
    name="cvae-threshold",
    title="Conditional VAE: the threshold of collapse",
    claim_id="cvae",
    says=(
        r"The released code keeps latent direction $k$ where $\theta_k$ reaches $\sqrt{\beta}\,\eta_{dec}$, as if it were a "
        r"standard deviation; but these $\theta_k$ are eigenvalues of a covariance, and the optimum keeps those above "
        r"$\beta\eta_{dec}^2$. The two thresholds agree only where $\beta\eta_{dec}^2 = 1$: below it the code collapses "
        "directions that live, above it the code keeps directions that have collapsed."
    ),
    lines=(Lines(VAES, "utils.py", 169, 174),),
    quantity="alive",
    formula=Formula(theta[k] >= sp.sqrt(beta) * eta_dec, ((k, D),)),
    derived=lambda prediction: Formula(prediction.threshold.alive, ((k, D),)),
    invariant="encoder_gram",
    read=lambda xp, gram, p: xp.diagonal_of(gram),
    settings=(
        {"theta": (2.0, 0.35, 0.1), "regression": ((1.0,), (0.5,), (-1.0,)), "beta": 0.5, "eta_dec": 0.6},
        {"theta": (6.0, 2.5, 0.4), "regression": ((1.0,), (0.5,), (-1.0,)), "beta": 2.0, "eta_dec": 1.3},
    ),
    agreeing=(
        {"theta": (2.0, 1.3, 0.4), "regression": ((1.0,), (0.5,), (-1.0,)), "beta": 1.0, "eta_dec": 1.0},
        {"theta": (2.0, 1.3, 0.4), "regression": ((1.0,), (0.5,), (-1.0,)), "beta": 4.0, "eta_dec": 0.5},
    ),
)

HIERARCHY_BRANCH = ReferenceCode(
    name="hierarchy-branch",
    title="Two-level VAE with given variances: where both levels are used",
    claim_id="hvae-fixed-variances",
    says=(
        r"The released code uses both levels in direction $k$ where $\theta_k \sigma_1 \ge \beta_2 \sqrt{\beta_1}\, c^2 \sigma_2^2$ "
        r"with $c = \eta_{dec}/\eta_{enc}$, besides a second condition that is right. The optimum wants "
        r"$\theta_k \sigma_1 > \beta_2 c^2 \sigma_2^2/\sqrt{\beta_1}$, and so does the root in the code's own formula for the decoder of "
        r"$z_2$. The two conditions agree at $\beta_1 = 1$. For $\beta_1 > 1$ the code gives up $z_2$ too early, and for $\beta_1 < 1$ it "
        r"can take the root of a negative number. The repository verifies the theorem at $\beta_1 = 1$, and varies $\beta_1$ only with scripts "
        "that use another function: the published figures are not affected."
    ),
    lines=(Lines(VAES, "utils.py", 79, 90),),
    quantity=r"$\lambda_k^2$, the squared singular value of the whitened encoder of $z_1$",
    formula=Formula(
        sp.Piecewise(
            (
                (sigma_1**2 / _SCALE) ** sp.Rational(2, 3)
                * (theta[k] ** sp.Rational(4, 3) - (_SCALE * sigma_1) ** sp.Rational(2, 3)),
                sp.And(
                    theta[k] ** 2 >= _SCALE * sigma_1,
                    theta[k] * sigma_1 >= beta_2 * sp.sqrt(beta_1) * (eta_dec * sigma_2 / eta_enc) ** 2,
                ),
            ),
            (0, sigma_1 >= KAPPA * sigma_2),
            (0, theta[k] < sp.sqrt(beta_1) * sigma_1),
            (sigma_1 * (theta[k] / sp.sqrt(beta_1) - sigma_1), True),
        ),
        ((k, D),),
    ),
    derived=lambda prediction: Formula(prediction.named["encoder"].expression, ((k, D),)),
    invariant="encoder_gram",
    read=lambda xp, gram, p: xp.diagonal_of(gram),
    settings=(
        {"theta": (1.768,), "beta1": 2.0, "sigma1": 0.6},
        {"theta": (1.768,), "beta1": 0.5, "sigma1": 0.6},
    ),
    agreeing=(
        {"theta": (1.768,), "beta1": 1.0, "sigma1": 0.6},
        {"theta": (3.0,), "beta1": 2.0, "sigma1": 0.6},
    ),
)

CONDITIONAL_SCALE = ReferenceCode(
    name="conditional-scale",
    title="Conditional VAE on matrices: the scale of the prior",
    claim_id="cvae",
    says=(
        r"The released script sets $c = \eta_{enc}/\eta_{dec}$ where its loss uses $c$ as $\eta_{dec}/\eta_{enc}$. So it minimises the "
        r"objective with the prior scale $\eta_{dec}^2/\eta_{enc}$, and the decoder that it finds is the one below; the formulas that the "
        r"script compares with are those of $\eta_{enc}$. The two agree where $\eta_{enc} = \eta_{dec}$, and which directions collapse "
        r"does not depend on the prior's scale. The script's defaults are $\eta_{enc} = \eta_{dec} = 1$, and the repository runs it with "
        r"these: its published verification is not affected."
    ),
    lines=(Lines(VAES, "matrix_CVAE.py", 19, 19), Lines(VAES, "matrix_CVAE.py", 48, 54)),
    quantity=r"$\omega_k^2$, the squared singular value of the decoder",
    formula=Formula((sp.Max(theta[k], beta * eta_dec**2) - beta * eta_dec**2) * eta_enc**2 / eta_dec**4, ((k, D),)),
    derived=lambda prediction: Formula(prediction.named["decoder"].expression, ((k, D),)),
    invariant="decoder_gram",
    read=lambda xp, gram, p: xp.diagonal_of(gram),
    settings=(
        {**_ON_A_CONDITION, "beta": 2.0, "eta_dec": 0.5, "eta_enc": 1.0},
        {**_ON_A_CONDITION, "beta": 1.0, "eta_dec": 0.8, "eta_enc": 0.5},
    ),
    agreeing=(
        {**_ON_A_CONDITION, "beta": 2.0, "eta_dec": 1.0, "eta_enc": 1.0},
        {**_ON_A_CONDITION, "beta": 1.0, "eta_dec": 0.7, "eta_enc": 0.7},
    ),
)

HALVED_DIVERGENCE = ReferenceCode(
    name="halved-divergence",
    title="VAEs with ReLU: half of the divergence",
    claim_id="vae-learnable-variance",
    says=(
        r"The scripts of the non-linear models halve the divergence and leave the reconstruction as in the linear models, which charge the "
        r"whole divergence: the weight that a non-linear script calls $\beta$ is $\beta/2$ in the objective of the theorems. The rows below "
        r"show what this does in the linear model, where both thresholds are known: a direction between them is kept with the "
        r"halved divergence and collapses with the whole. Curves against $\beta$ keep their shape, on an axis that is stretched by two; a "
        r"comparison with a threshold, or of a non-linear script with a linear one, is at two weights."
    ),
    lines=(
        Lines(VAES, "MNIST_VAE_Relu_learnable_sigma.py", 71, 89),
        Lines(VAES, "MNIST_CVAE_Relu.py", 87, 105),
        Lines(VAES, "MNIST_HVAE_Relu.py", 145, 150),
    ),
    quantity="alive",
    formula=Formula(theta[k] ** 2 > beta * eta_dec**2 / 2, ((k, D),)),
    derived=lambda prediction: Formula(prediction.threshold.alive, ((k, D),)),
    invariant="encoder_gram",
    read=lambda xp, gram, p: xp.diagonal_of(gram),
    settings=(
        {"theta": (2.0, 0.9, 0.4), "beta": 1.0, "eta_dec": 1.0},
        {"theta": (2.0, 1.2, 0.9), "beta": 2.0, "eta_dec": 1.0},
    ),
    agreeing=(
        {"theta": (2.0, 1.2, 0.5), "beta": 1.0, "eta_dec": 1.0},
        {"theta": (1.0, 0.7, 0.1), "beta": 0.4, "eta_dec": 0.5},
    ),
)

_t, _v = (sp.IndexedBase(letter, positive=True)[k] for letter in "tv")
_LINEAR = _t * eta_enc + sp.S.Half
"""Half of the coefficient of −v in the equation 2 η_enc² v² − (2 t η_enc + 1) v + 1 = 0, by which the objective is stationary."""

SAMPLED_VARIANCE = ReferenceCode(
    name="sampled-variance",
    title="VAE with ReLU and learned variance: the deviation of the sampled code",
    claim_id="vae-learnable-variance",
    says=(
        r"The script for the learned variance charges the divergence of a posterior with the variance $\Sigma_k$, and samples the code with "
        r"$\Sigma_k$ as its standard deviation; the other scripts sample with the root. So a variance below 1 brings less noise than "
        r"it is charged for. In the linear model a direction that is kept then has $\Sigma_k = v_k \eta_{enc}^2$ with the $v_k$ below. Whether it is "
        r"kept is decided between two minima: at $\eta_{enc} = 1$, that of the published runs, with a jump at $t_k \approx 0.93$. "
        r"At $\theta_k = 2$ and $\beta = \eta_{dec} = \eta_{enc} = 1$ the variance that is charged is 0.219 instead of 0.25, that of the sampled "
        r"code 0.048, and the squared length of the decoder 8.12 instead of 3. Of what the repository reports, the log-likelihood, "
        r"the divergence and the number of active directions, the last one then differs for directions close to the threshold alone."
    ),
    lines=(
        Lines(VAES, "MNIST_VAE_Relu_learnable_sigma.py", 61, 61),
        Lines(VAES, "MNIST_VAE_Relu_learnable_sigma.py", 70, 76),
    ),
    quantity="alive",
    formula=Formula(sp.And(eta_enc * _v < _t, (eta_enc * _v) ** 2 - sp.log(_v) < _t**2), ((k, D),)),
    letters=(
        (_t, theta[k] / (sp.sqrt(beta) * eta_dec)),
        (_v, (_LINEAR - sp.sqrt(_LINEAR**2 - 2 * eta_enc**2)) / (2 * eta_enc**2)),
    ),
    derived=lambda prediction: Formula(prediction.threshold.alive, ((k, D),)),
    invariant="encoder_gram",
    read=lambda xp, gram, p: xp.diagonal_of(gram),
    settings=(
        {"theta": (2.0, 0.98, 0.4)},
        {"theta": (2.0, 0.7, 0.4), "eta_enc": 0.5},
        {"theta": (3.0, 1.0, 0.6), "beta": 0.5, "eta_dec": 1.2, "eta_enc": 2.0},
    ),
    agreeing=(
        {"theta": (2.0, 1.2, 0.4)},
        {"theta": (1.0, 0.7, 0.1), "beta": 0.4, "eta_dec": 0.5},
    ),
)

GIVEN_DIMENSION = 5
"""The latent dimension of the released script for the given variance, which writes out that many entries of the variance."""

GIVEN_VARIANCE = ReferenceCode(
    name="given-variance",
    title="VAEs with learned and with given variance: the pair that is compared",
    claim_id="vae-fixed-variance",
    says=(
        r"To compare learned with given variance the repository runs two scripts with the same arguments. The one for the learned variance "
        r"has ReLU networks, 16 latent directions and half of the divergence. The one for the given variance, although named after ReLU too, "
        r"is a linear model with 5 latent directions and the whole divergence. So the pair differs in more than the variance, and a "
        r"comparison like for like needs one model, one dimension and one weight. The rows below make it in the linear model. There $\beta$ is "
        r"half of the weight that both scripts are given, as in the objective of the script for the learned variance; its counterpart with a "
        r"given variance is trained, and held against what the released script keeps. The difference can turn the order round: in the "
        r"first row the learned variance keeps 6 directions, more than the 5 of the released script and fewer than the 7 of the "
        r"counterpart. At the same weight and dimension a given $\sigma \le \eta_{enc}$ never keeps fewer directions than a learned one. What "
        r"the pair is meant to show does not depend on this: the posterior of a direction that is given up equals the prior with a learned "
        r"variance, and with a given $\sigma \ne \eta_{enc}$ it does not. The experiments on VAEs train the counterpart with ReLU networks."
    ),
    lines=(
        Lines(VAES, "README.md", 43, 48),
        Lines(VAES, "MNIST_VAE_Relu_learnable_sigma.py", 34, 54),
        Lines(VAES, "MNIST_VAE_Relu_learnable_sigma.py", 87, 89),
        Lines(VAES, "MNIST_VAE_Relu_learnable_sigma.py", 269, 269),
        Lines(VAES, "MNIST_VAE_Relu_nonlearnable_sigma.py", 27, 57),
        Lines(VAES, "MNIST_VAE_Relu_nonlearnable_sigma.py", 134, 134),
    ),
    quantity="alive",
    formula=Formula(
        sp.And(k <= GIVEN_DIMENSION, theta[k] > sp.sqrt(2 * beta) * eta_dec * sigma[k] / eta_enc), ((k, D),)
    ),
    derived=lambda prediction: Formula(prediction.threshold.alive, ((k, D),)),
    invariant="encoder_gram",
    read=lambda xp, gram, p: xp.diagonal_of(gram),
    settings=(
        {"theta": (2.0, 1.5, 1.2, 0.9, 0.8, 0.75, 0.4), "sigma": 0.5, "beta": 0.5},
        {"theta": (2.0, 1.0, 0.4), "sigma": 0.5, "beta": 0.5},
    ),
    agreeing=(
        {"theta": (2.0, 1.5, 1.2, 0.9, 0.8, 0.3, 0.2), "sigma": 0.5, "beta": 0.5},
        {"theta": (2.0, 1.0, 0.3), "sigma": 0.5, "beta": 0.5},
    ),
)

WITHOUT_EFFECT = (Lines(VAES, "MNIST_HVAE_Relu.py", 125, 129), Lines(VAES, "MNIST_HVAE_Relu.py", 145, 148))
"""Lines that look like a difference and do not move the optimum: a trace that is counted twice, and divergences that are clamped."""
