"""The minimisers that claims predict, as autoencoders on data along their principal axes: they are read as trained ones are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.backends.points import predicted_point
from numerics.backends.tensors import DTYPE
from numerics.networks.autoencoders.one_level import LinearAutoencoder, Weights
from numerics.networks.autoencoders.samples import PrincipalAxes, Samples, canonical, principal_axes, stacked
from numerics.networks.autoencoders.two_levels import HierarchyWeights, LinearHierarchy
from theory.claim import Claim
from theory.expressions import Formula


@dataclass(frozen=True)
class Predicted:
    """The predicted minimiser of each setting of a sweep.

    Arguments:
        model: the linear model at the predicted point, in the coordinates of ``samples``.
        samples: the data along their principal axes.
        values: the predicted minimum of the objective at each setting.
        live: by level, for each setting, whether each latent direction is predicted to carry something.
    """

    model: LinearAutoencoder | LinearHierarchy
    samples: Samples
    values: list[float]
    live: dict[str, list[list[bool]]]


def predicted(
    claim: Claim, data: Sequence[Tensor], settings: Sequence[dict[str, Any]], largest: Sequence[float] | None = None
) -> Predicted:
    """Return what a claim on linear VAEs predicts for data [N, D], one data set for each setting or one for all.

    ``settings`` are the parameters of the claim except those of the data, for each setting; they hold ``latent_dim``.
    ``largest`` are the variances against which those of the data count as zero, which matters for residuals.
    """
    axes = [principal_axes(part, None if largest is None else largest[number]) for number, part in enumerate(data)]
    every = axes if len(axes) == len(settings) else axes * len(settings)
    # A conditional VAE is given variances, and any other the deviations.
    conditional = claim.problem.data_view == "conditional"
    spectra = [tuple((a.variances if conditional else a.variances.sqrt()).tolist()) for a in every]
    instances = [claim.problem.instance(theta=theta, **own) for theta, own in zip(spectra, settings, strict=True)]
    bindings = stack_bindings(instances)
    point = predicted_point(claim, instances)
    samples = stacked([canonical(part, a) for part, a in zip(data, axes, strict=True)])
    return Predicted(
        _hierarchy(point, every, settings) if "U_2" in point else _one_level(point, every, settings),
        samples,
        evaluate(_value(claim), bindings).tolist(),
        _live(claim, bindings, settings[0]["latent_dim"]),
    )


def _value(claim: Claim) -> Formula:
    assert claim.prediction.value is not None
    return claim.prediction.value


def _live(claim: Claim, bindings: Any, latent: int | tuple[int, int]) -> dict[str, list[list[bool]]]:
    """Return by level which latent directions live; those beyond the directions of the data carry nothing."""
    widths = {"z": latent} if isinstance(latent, int) else dict(zip(("z_1", "z_2"), latent, strict=True))
    zeros = {of: ~evaluate(formula, bindings).bool() for of, formula in claim.prediction.zeros.items()}
    live = {}
    for of, width in widths.items():
        given = zeros[of][:, :width] if of in zeros else torch.zeros(len(next(iter(zeros.values()))), width).bool()
        live[of] = torch.nn.functional.pad(given, (0, width - given.shape[1])).tolist()
    return live


def _per_setting(settings: Sequence[dict[str, Any]], name: str, default: float) -> Tensor:
    return torch.tensor([float(own.get(name, default)) for own in settings], dtype=DTYPE)


def _whitened(encoder: Tensor, axes: Sequence[PrincipalAxes]) -> Tensor:
    """Return an encoder of coordinates of unit variance from one of coordinates along the principal axes."""
    return encoder * torch.stack([a.variances.sqrt() for a in axes])[:, None]


def _one_level(point: Any, axes: Sequence[PrincipalAxes], settings: Sequence[dict[str, Any]]) -> LinearAutoencoder:
    """Return the predicted VAE; a conditional one is that on the residual."""
    weights = Weights(_per_setting(settings, "beta", 1.0), _per_setting(settings, "eta_dec", 1.0))
    decoder, encoder = (point["U"], point["W"]) if "U" in point else (point["U_1"], point["W_2"])
    given = [own.get("sigma") for own in settings]
    deviation = point["S"].diagonal(dim1=-2, dim2=-1) if "S" in point else torch.tensor(given, dtype=DTYPE)
    skip = decoder.new_zeros(*decoder.shape[:2], 0)
    return LinearAutoencoder(weights, _whitened(encoder, axes), decoder, skip, deviation[:, None].log())


def _hierarchy(point: Any, axes: Sequence[PrincipalAxes], settings: Sequence[dict[str, Any]]) -> LinearHierarchy:
    names = ("beta1", "beta2", "eta_dec", "eta_enc", "sigma1")
    weights = HierarchyWeights(**{name: _per_setting(settings, name, 1.0) for name in names})
    if "S_2" in point:
        deviation = point["S_2"].diagonal(dim1=-2, dim2=-1)
    else:
        deviation = _per_setting(settings, "sigma2", 1.0)[:, None].expand(-1, point["W_2"].shape[1])
    return LinearHierarchy(
        weights,
        _whitened(point["W_1"], axes),
        point["U_1"],
        point["W_2"],
        point["U_2"],
        deviation[:, None].log().clone(),
    )
