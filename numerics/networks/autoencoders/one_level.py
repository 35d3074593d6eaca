"""VAEs with one level of latent variables, conditional or not: linear ones and ones with networks.

The objective is that of the linear theory, E‖y − decoded code‖²/η_dec² + 2β E KL(q ‖ p), for each setting of a sweep, with the
standard normal prior.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor, nn

from numerics.backends.tensors import DTYPE
from numerics.networks.autoencoders.gaussians import divergence, log_density, standard_normal
from numerics.networks.autoencoders.samples import Samples


class Weights(nn.Module):
    """The weight β of the divergence and the decoder noise η_dec of each setting, both [S, 1]."""

    def __init__(self, beta: Float64[Tensor, " S"], eta_dec: Float64[Tensor, " S"]) -> None:
        super().__init__()
        self.beta: Tensor
        self.eta_dec: Tensor
        self.register_buffer("beta", beta[:, None])
        self.register_buffer("eta_dec", eta_dec[:, None])
        self.prior: Tensor
        self.register_buffer("prior", torch.ones_like(beta)[:, None, None])

    def __len__(self) -> int:
        return len(self.beta)


@dataclass(frozen=True)
class Posterior:
    """The posterior of each sample.

    Arguments:
        mean: its mean, [S, N, d].
        log_deviation: the logarithms of its standard deviations, [S, N, d], or [S, 1, d] where all samples share them.
    """

    mean: Float64[Tensor, "S N d"]
    log_deviation: Float64[Tensor, "S M d"]

    def draw(self, noise: Float64[Tensor, "S N d"]) -> Float64[Tensor, "S N d"]:
        """Return the code of each sample that standard normal noise makes."""
        return self.mean + self.log_deviation.exp() * noise


class Autoencoder(nn.Module):
    """A VAE with one level; subclasses say how it encodes and decodes."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.weights = weights

    def encode(self, samples: Samples) -> Posterior:
        """Return the posterior of each sample."""
        raise NotImplementedError

    def decode(self, code: Float64[Tensor, "S N d"], samples: Samples) -> Float64[Tensor, "S N D"]:
        """Return the decoder's mean for a code of each sample."""
        raise NotImplementedError

    def objective(self, samples: Samples, generator: torch.Generator, share: float = 1.0) -> Float64[Tensor, " S"]:
        """Return the objective of each setting, with two codes drawn for each sample, at opposite noise.

        ``share`` multiplies the weight of the divergence.
        Opposite noise cancels all odd terms of the error, so the gradient varies far less than with independent codes.
        """
        posterior = self.encode(samples)
        noise = standard_normal(posterior.mean.shape, generator)
        decoded = (self.decode(posterior.draw(sign * noise), samples) for sign in (1, -1))
        misfit = sum((samples.target - output).square().sum(-1) for output in decoded) / 2
        rate = divergence(posterior.mean.square(), posterior.log_deviation, self.weights.prior).sum(-1)
        return (misfit / self.weights.eta_dec**2 + 2 * share * self.weights.beta * rate).mean(-1)

    def log_weight(self, samples: Samples, generator: torch.Generator) -> Float64[Tensor, "S N"]:
        """Return log p(y, z) − log q(z) for one code z drawn for each sample from its posterior q."""
        posterior = self.encode(samples)
        code = posterior.draw(standard_normal(posterior.mean.shape, generator))
        misfit = samples.target - self.decode(code, samples)
        likelihood = log_density(misfit, 0.0, self.weights.eta_dec.log()[..., None])
        return likelihood + log_density(code, 0.0, 0.0) - log_density(code, posterior.mean, posterior.log_deviation)

    def reconstruction_error(self, samples: Samples) -> Float64[Tensor, " S"]:
        """Return the mean squared distance of a sample from its reconstruction at the posterior mean."""

        def errors(block: Samples) -> Tensor:
            return (block.target - self.decode(self.encode(block).mean, block)).square().sum(-1)

        return samples.in_blocks(errors).mean(-1)


class LinearAutoencoder(Autoencoder):
    """A linear VAE, whose objective is also known exactly; its posterior variances are those of all samples.

    ``encoder`` [S, d, e] and ``decoder`` [S, D, d] are its matrices, ``skip`` [S, D, c] is the decoder's own use of the
    condition, and ``log_deviation`` [S, 1, d] holds log σ, which is given where ``learnable`` is false.
    """

    def __init__(
        self,
        weights: Weights,
        encoder: Float64[Tensor, "S d e"],
        decoder: Float64[Tensor, "S D d"],
        skip: Float64[Tensor, "S D c"],
        log_deviation: Float64[Tensor, "S 1 d"],
        learnable: bool = True,
    ) -> None:
        super().__init__(weights)
        self.encoder, self.decoder = nn.Parameter(encoder), nn.Parameter(decoder)
        self.skip = nn.Parameter(skip)
        self.log_deviation = nn.Parameter(log_deviation, requires_grad=learnable)

    def encode(self, samples: Samples) -> Posterior:
        return Posterior(samples.seen @ self.encoder.mT, self.log_deviation)

    def decode(self, code: Float64[Tensor, "S N d"], samples: Samples) -> Float64[Tensor, "S N D"]:
        return code @ self.decoder.mT + samples.condition @ self.skip.mT

    def exact_objective(self, samples: Samples) -> Float64[Tensor, " S"]:
        """Return the objective of each setting with the expectation over codes in closed form."""
        posterior = self.encode(samples)
        misfit = (samples.target - self.decode(posterior.mean, samples)).square().sum(-1).mean(-1)
        noise = (self.decoder * self.log_deviation.exp()).square().sum((-2, -1))
        rate = divergence(posterior.mean.square(), posterior.log_deviation, self.weights.prior).sum(-1).mean(-1)
        eta_dec, beta = self.weights.eta_dec[:, 0], self.weights.beta[:, 0]
        return (misfit + noise) / eta_dec**2 + 2 * beta * rate


def random_linear(
    weights: Weights, samples: Samples, latent: int, generator: torch.Generator, log_deviation: float | None = None
) -> LinearAutoencoder:
    """Return a linear VAE with random matrices; without ``log_deviation`` its variances are learnable and start at 1."""
    settings, seen, told, outputs = len(weights), samples.seen, samples.condition, samples.target

    def drawn(rows: int, columns: int) -> Tensor:
        matrix = torch.randn(rows, columns, generator=generator, dtype=DTYPE) / math.sqrt(columns)
        return matrix.expand(settings, rows, columns).clone()

    return LinearAutoencoder(
        weights,
        drawn(latent, seen.shape[-1]),
        outputs.std() * drawn(outputs.shape[-1], latent),
        outputs.std() * drawn(outputs.shape[-1], told.shape[-1])
        if told.shape[-1]
        else told.new_zeros(settings, outputs.shape[-1], 0),
        torch.full((settings, 1, latent), log_deviation or 0.0, dtype=DTYPE),
        learnable=log_deviation is None,
    )


class NetworkAutoencoder(Autoencoder):
    """A VAE whose encoder and decoder are networks.

    Arguments:
        weights: β and η_dec of each setting.
        encoder: maps what is seen to the posterior means, and to log deviations beside them where ``log_deviation`` is None.
        decoder: maps codes, and the condition beside them, to outputs.
        log_deviation: log σ of all samples, [S, 1, d], or None where each sample has its own.
        learnable: whether that log σ is trained.
    """

    def __init__(
        self,
        weights: Weights,
        encoder: nn.Module,
        decoder: nn.Module,
        log_deviation: Float64[Tensor, "S 1 d"] | None,
        learnable: bool = True,
    ) -> None:
        super().__init__(weights)
        self.encoder, self.decoder = encoder, decoder
        shared = log_deviation is not None
        self.log_deviation = nn.Parameter(log_deviation, requires_grad=learnable) if shared else None

    def encode(self, samples: Samples) -> Posterior:
        encoded = self.encoder(samples.seen)
        if self.log_deviation is not None:
            return Posterior(encoded, self.log_deviation)
        return Posterior(*encoded.chunk(2, -1))

    def decode(self, code: Float64[Tensor, "S N d"], samples: Samples) -> Float64[Tensor, "S N D"]:
        told = samples.condition.expand(len(code), -1, -1)
        return self.decoder(torch.cat([code, told], -1) if told.shape[-1] else code)
