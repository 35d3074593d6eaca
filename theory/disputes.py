"""Disputed statements: who says what, and the settings at which trained and certified optima decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from theory.claim import Claim, Source, find
from theory.errors import ParameterError
from theory.posterior_collapse.vae_learnable_decoder_covariance import VU


@dataclass(frozen=True)
class Case:
    """Settings of one claim, of equal sizes, and what they show in a few words."""

    claim_id: str
    shows: str
    settings: tuple[dict[str, Any], ...]

    @property
    def claim(self) -> Claim:
        return find(self.claim_id)


@dataclass(frozen=True)
class Tasks:
    """A setting of the regression claim with all targets together, and one setting for each target alone, with the same samples.

    ``shows`` tells in a few words what the setting shows. The deviations of the single targets are those along the coordinates of the
    data. Along its principal axes the same data have the deviations of the setting with all targets.
    """

    shows: str
    together: dict[str, Any]
    alone: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Dispute:
    """A published statement that the derivation of a claim contradicts.

    ``says`` is the statement in other words, ``read`` the part of the paper that was read, and ``sentence`` what the suite
    establishes, in a form that can be quoted. ``tasks`` are settings that compare targets learned together with targets learned alone.
    """

    name: str
    title: str
    source: Source
    read: str
    says: str
    sentence: str
    cases: tuple[Case, ...] = ()
    tasks: tuple[Tasks, ...] = ()


INFORMATION = Dispute(
    name="information",
    title="Does a weight above 1 drive the information of a linear VAE to zero?",
    source=VU,
    read="abstract",
    says=(
        r"In a linear-Gaussian $\beta$-VAE with $\beta > 1$, stationarity contracts the gain of the encoder and drives the mutual information of "
        "latent variables and factors to zero. The abstract does not say whether the noise of the decoder is given or learned."
    ),
    sentence=(
        r"With the noise of the decoder given, every global minimum of the linear $\beta$-VAE has positive mutual information for all "
        r"$\beta$ below $\theta_1^2/\eta_{dec}^2$, however large that is, and none from there on. With one learned noise variance and fewer latent "
        r"directions than the data have, the bound is the largest variance of the data over the mean one. It is 1 exactly where all variances "
        r"are equal: only then does $\beta > 1$ alone decide. With the whole covariance of the decoder learned it always does: every global "
        r"minimum with $\beta > 1$ is without information, and at $\beta = 1$ every amount of information has the same loss."
    ),
    cases=(
        Case(
            "vae-learnable-variance",
            "noise of the decoder given: information above $\\beta = 1$",
            tuple({"theta": (2.0, 1.0), "eta_dec": 0.5, "beta": weight} for weight in (1.5, 3.0, 15.0, 17.0)),
        ),
        Case(
            "vae-learnable-decoder-variance",
            "noise learned, variances of the data unequal: information above $\\beta = 1$",
            tuple({"theta": (2.0, 1.0, 0.5), "beta": weight} for weight in (1.5, 2.2, 2.4)),
        ),
        Case(
            "vae-learnable-decoder-variance",
            "noise learned, variances of the data equal: none above $\\beta = 1$",
            tuple({"theta": (1.0, 1.0, 1.0), "beta": weight} for weight in (0.9, 1.1)),
        ),
        Case(
            "vae-learnable-decoder-covariance",
            "whole covariance learned, variances of the data unequal: none above $\\beta = 1$",
            tuple({"theta": (2.0, 1.0, 0.5), "beta": weight} for weight in (1.05, 1.5, 2.2)),
        ),
    ),
)

CONTINUITY = Dispute(
    name="continuity",
    title="Does the KL divergence jump where a VAE collapses?",
    source=Source(
        "Li, Zhang, Zhang, Chen",
        "Posterior Collapse as a Phase Transition in Variational Autoencoders",
        "preprint",
        "2510.01621",
    ),
    read="abstract, first and second version",
    says=(
        "Collapse sets in where the variance of the decoder exceeds the largest eigenvalue of the covariance of the data, and this boundary is "
        "marked by a discontinuity of the KL divergence of posterior and prior. The second version adds that the divergence and its derivatives are "
        "not analytic there."
    ),
    sentence=(
        r"In the linear VAE the KL divergence at the global minimum is continuous in $\beta$ and in $\eta_{dec}$ and is zero at the threshold; its "
        r"first derivative jumps. The minimum is continuously differentiable in $\beta$, and its second derivative goes from $-1/\beta$ to 0 as a "
        "direction collapses: a transition of second order. The place of the threshold is the published one."
    ),
    cases=(
        Case(
            "vae-learnable-variance",
            "the noise of the decoder crosses the largest deviation of the data",
            tuple({"theta": (2.0, 1.0), "beta": 1.0, "eta_dec": noise} for noise in (1.8, 1.98, 1.998, 2.002, 2.2)),
        ),
    ),
)

REGRESSION = "mse-regression"
"""The claim that decides on targets learned together."""
TARGETS, ALONE = (1.4, 0.2), (1.0, 1.0)
"""Deviations of two targets along their principal axes, and by themselves: their correlation is 0.96."""


def _learned(shows: str, decay: float, stronger: float = 1.0) -> Tasks:
    """Return two correlated targets with this weight decay, and each of them alone with one that is ``stronger`` by a factor."""
    common = {"sample_size": 5, "feature_decay": 0.1}
    return Tasks(
        shows,
        {"theta": TARGETS, "weight_decay": decay, **common},
        tuple({"theta": (deviation,), "weight_decay": stronger * decay, **common} for deviation in ALONE),
    )


TASKS = Dispute(
    name="tasks",
    title="Is the training error of targets learned together strictly smaller?",
    source=Source(
        "Andriopoulos, Basnet, Guevara, Guo, Ross",
        "Neural Multivariate Regression: Qualitative Insights from the Unconstrained Feature Model",
        "preprint",
        "2505.09308",
    ),
    read="abstract, first and second version",
    says=(
        "In the unconstrained feature model, multi-task models achieve strictly smaller training MSE than multiple single-task models "
        "when the same or stronger regularization is applied to the latter. The abstract names no further condition."
    ),
    sentence=(
        r"With one linear layer, at least as wide as there are targets, let $c = N \lambda_W \lambda_H$ ($\lambda_W \lambda_H$ if the penalty on the "
        r"features is a mean over the samples), and let the targets have a covariance with the eigenvalues $\mu_i$ and the diagonal "
        r"$\sigma_{jj}$. At the global minimum targets learned together have the training MSE $\sum_i \min(\mu_i, c)$, and targets "
        r"learned one by one with the same decays $\sum_j \min(\sigma_{jj}, c)$. The first is never the larger one. The two are equal where no "
        r"eigenvalue lies below $c$, as with small decays, and where none lies above: with the same regularization, strictly smaller needs an "
        r"eigenvalue on either side of $c$. With stronger regularization of the single tasks it holds unless no eigenvalue exceeds $c$. "
        "The regularized loss, in contrast to the MSE, is smaller together for all correlated targets if the decays are small."
    ),
    tasks=(
        _learned("same decays, every eigenvalue above $c$: the same training MSE", 0.02),
        _learned("same decays, an eigenvalue on either side of $c$: smaller together", 0.5),
        _learned("same decays, no eigenvalue above $c$: the same training MSE", 8.0),
        _learned("single tasks decayed more, every eigenvalue above $c$: smaller together", 0.02, stronger=2.0),
        _learned("single tasks decayed more, no eigenvalue above $c$: the same training MSE", 8.0, stronger=2.0),
    ),
)

DISPUTES = {dispute.name: dispute for dispute in (INFORMATION, CONTINUITY, TASKS)}


def dispute(name: str) -> Dispute:
    """Return the dispute with this name. Raises ParameterError when there is none."""
    if name not in DISPUTES:
        raise ParameterError(f"{name!r}: no such dispute; they are {', '.join(DISPUTES)}")
    return DISPUTES[name]
