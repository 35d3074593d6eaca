"""VAEs with two levels of latent variables x → z_1 → z_2: linear ones and ones with networks.

The objective is that of the linear theory, E‖x − decoded z_1‖²/η_dec² + 2β_1 E[log q(z_1|x) − log p(z_1|z_2)]
+ 2β_2 E KL(q(z_2|z_1) ‖ p(z_2)), for each setting of a sweep. The variance σ_1² of z_1 given x is given.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float64
from torch import Tensor, nn

from numerics.backends.tensors import DTYPE
from numerics.networks.autoencoders.gaussians import divergence, log_density, standard_normal
from numerics.networks.autoencoders.one_level import Posterior
from numerics.networks.autoencoders.samples import Samples


class HierarchyWeights(nn.Module):
    """β_1, β_2, the noise η_dec of both decoders, the prior scale η_enc of z_2 and σ_1 of each setting, all [S, 1]."""

    def __init__(self, **values: Float64[Tensor, " S"]) -> None:
        super().__init__()
        self.beta1: Tensor
        self.beta2: Tensor
        self.eta_dec: Tensor
        self.eta_enc: Tensor
        self.sigma1: Tensor
        for name in ("beta1", "beta2", "eta_dec", "eta_enc", "sigma1"):
            self.register_buffer(name, values[name][:, None])

    def __len__(self) -> int:
        return len(self.beta1)


class Hierarchy(nn.Module):
    """A VAE with two levels; subclasses say how each level encodes and decodes."""

    def __init__(self, weights: HierarchyWeights) -> None:
        super().__init__()
        self.weights = weights

    def code(self, samples: Samples) -> Float64[Tensor, "S N d_1"]:
        """Return the posterior mean of z_1."""
        raise NotImplementedError

    def top(self, code: Float64[Tensor, "S N d_1"]) -> Posterior:
        """Return the posterior of z_2 given z_1."""
        raise NotImplementedError

    def explain(self, top: Float64[Tensor, "S N d_2"]) -> Float64[Tensor, "S N d_1"]:
        """Return the decoder's mean of z_1 given z_2."""
        raise NotImplementedError

    def decode(self, code: Float64[Tensor, "S N d_1"]) -> Float64[Tensor, "S N D"]:
        """Return the decoder's mean of x given z_1."""
        raise NotImplementedError

    def cost(self, misfit: Tensor, surprise: Tensor, rate: Tensor, width: int, share: float = 1.0) -> Tensor:
        """Return the objective from E‖x − decoded z_1‖², E‖z_1 − decoded z_2‖², E KL of z_2 and the width of z_1.

        ``share`` multiplies the weights of both levels.
        """
        w = self.weights
        eta_dec, sigma1, beta1, beta2 = (scale[:, 0] for scale in (w.eta_dec, w.sigma1, w.beta1, w.beta2))
        of_code = surprise / eta_dec**2 - width * (1 + 2 * (sigma1 / eta_dec).log())
        return misfit / eta_dec**2 + share * (beta1 * of_code + 2 * beta2 * rate)

    def objective(self, samples: Samples, generator: torch.Generator, share: float = 1.0) -> Float64[Tensor, " S"]:
        """Return the objective of each setting, with two z_1 and z_2 drawn for each sample, at opposite noise.

        ``share`` multiplies the weights of both levels.
        """
        mean = self.code(samples)
        noise, of_top = standard_normal(mean.shape, generator), None
        costs = []
        for sign in (1, -1):
            code = mean + sign * self.weights.sigma1[..., None] * noise
            posterior = self.top(code)
            of_top = standard_normal(posterior.mean.shape, generator) if of_top is None else of_top
            surprise = (code - self.explain(posterior.draw(sign * of_top))).square().sum(-1).mean(-1)
            misfit = (samples.target - self.decode(code)).square().sum(-1).mean(-1)
            rate = divergence(posterior.mean.square(), posterior.log_deviation, self.weights.eta_enc[..., None])
            costs.append(self.cost(misfit, surprise, rate.sum(-1).mean(-1), code.shape[-1], share))
        return (costs[0] + costs[1]) / 2

    def log_weight(self, samples: Samples, generator: torch.Generator) -> Float64[Tensor, "S N"]:
        """Return log p(x, z_1, z_2) − log q(z_1, z_2) for codes drawn for each sample from their posterior q."""
        w, mean = self.weights, self.code(samples)
        noise, narrow, wide = (scale.log()[..., None] for scale in (w.eta_dec, w.sigma1, w.eta_enc))
        code = mean + w.sigma1[..., None] * standard_normal(mean.shape, generator)
        posterior = self.top(code)
        top = posterior.draw(standard_normal(posterior.mean.shape, generator))
        joint = log_density(samples.target, self.decode(code), noise) + log_density(code, self.explain(top), noise)
        joint = joint + log_density(top, 0.0, wide)
        return joint - log_density(code, mean, narrow) - log_density(top, posterior.mean, posterior.log_deviation)

    def reconstruction_error(self, samples: Samples) -> Float64[Tensor, " S"]:
        """Return the mean squared distance of a sample from its reconstruction at the posterior mean."""

        def errors(block: Samples) -> Tensor:
            return (block.target - self.decode(self.code(block))).square().sum(-1)

        return samples.in_blocks(errors).mean(-1)


class LinearHierarchy(Hierarchy):
    """A linear hierarchy, whose objective is also known exactly.

    ``W_1`` [S, d_1, e], ``U_1`` [S, D, d_1], ``W_2`` [S, d_2, d_1] and ``U_2`` [S, d_1, d_2] are its matrices, and
    ``log_deviation`` [S, 1, d_2] holds log σ_2, which is given where ``learnable`` is false.
    """

    def __init__(
        self,
        weights: HierarchyWeights,
        W_1: Tensor,
        U_1: Tensor,
        W_2: Tensor,
        U_2: Tensor,
        log_deviation: Float64[Tensor, "S 1 d_2"],
        learnable: bool = True,
    ) -> None:
        super().__init__(weights)
        self.W_1, self.U_1, self.W_2, self.U_2 = map(nn.Parameter, (W_1, U_1, W_2, U_2))
        self.log_deviation = nn.Parameter(log_deviation, requires_grad=learnable)

    def code(self, samples: Samples) -> Float64[Tensor, "S N d_1"]:
        return samples.seen @ self.W_1.mT

    def top(self, code: Float64[Tensor, "S N d_1"]) -> Posterior:
        return Posterior(code @ self.W_2.mT, self.log_deviation)

    def explain(self, top: Float64[Tensor, "S N d_2"]) -> Float64[Tensor, "S N d_1"]:
        return top @ self.U_2.mT

    def decode(self, code: Float64[Tensor, "S N d_1"]) -> Float64[Tensor, "S N D"]:
        return code @ self.U_1.mT

    def code_root(self, samples: Samples) -> Float64[Tensor, "S M d_1"]:
        """Return M rows whose squares sum to the second moments of z_1, drawn noise included."""
        mean = self.code(samples) / len(samples) ** 0.5
        noise = self.weights.sigma1[..., None] * torch.eye(mean.shape[-1], dtype=DTYPE, device=mean.device)
        return torch.cat([mean, noise], 1)

    def surprise_root(self, samples: Samples) -> Float64[Tensor, "S M d_1"]:
        """Return M rows whose squares sum to the second moments of z_1 − decoded z_2."""
        root = self.code_root(samples)
        return torch.cat([root - self.explain(root @ self.W_2.mT), (self.U_2 * self.log_deviation.exp()).mT], 1)

    def exact_objective(self, samples: Samples) -> Float64[Tensor, " S"]:
        """Return the objective of each setting with the expectation over codes in closed form."""
        w, mean = self.weights, self.code(samples)
        misfit = (samples.target - self.decode(mean)).square().sum(-1).mean(-1)
        misfit = misfit + (w.sigma1[..., None] * self.U_1).square().sum((-2, -1))
        surprise = self.surprise_root(samples).square().sum((-2, -1))
        square = (self.code_root(samples) @ self.W_2.mT).square().sum(1, keepdim=True)
        rate = divergence(square, self.log_deviation, w.eta_enc[..., None]).sum((-2, -1))
        return self.cost(misfit, surprise, rate, mean.shape[-1])


def random_linear_hierarchy(
    weights: HierarchyWeights,
    samples: Samples,
    latent: tuple[int, int],
    generator: torch.Generator,
    log_deviation: float | None = None,
) -> LinearHierarchy:
    """Return a linear hierarchy with random matrices; without ``log_deviation`` σ_2 is learnable and starts at η_enc."""
    settings, (below, above) = len(weights), latent

    def drawn(rows: int, columns: int) -> Tensor:
        matrix = torch.randn(rows, columns, generator=generator, dtype=DTYPE) / math.sqrt(columns)
        return matrix.expand(settings, rows, columns).clone()

    start = weights.eta_enc.log() if log_deviation is None else torch.full_like(weights.eta_enc, log_deviation)
    return LinearHierarchy(
        weights,
        drawn(below, samples.seen.shape[-1]),
        samples.target.std() * drawn(samples.target.shape[-1], below),
        drawn(above, below),
        drawn(below, above),
        start[..., None].expand(-1, -1, above).clone(),
        learnable=log_deviation is None,
    )


class NetworkHierarchy(Hierarchy):
    """A hierarchy whose encoders and decoders are networks; each z_1 has its own variances of z_2."""

    def __init__(
        self, weights: HierarchyWeights, code: nn.Module, top: nn.Module, explain: nn.Module, decode: nn.Module
    ) -> None:
        super().__init__(weights)
        self.to_code, self.to_top, self.from_top, self.from_code = code, top, explain, decode

    def code(self, samples: Samples) -> Float64[Tensor, "S N d_1"]:
        return self.to_code(samples.seen)

    def top(self, code: Float64[Tensor, "S N d_1"]) -> Posterior:
        return Posterior(*self.to_top(code).chunk(2, -1))

    def explain(self, top: Float64[Tensor, "S N d_2"]) -> Float64[Tensor, "S N d_1"]:
        return self.from_top(top)

    def decode(self, code: Float64[Tensor, "S N d_1"]) -> Float64[Tensor, "S N D"]:
        return self.from_code(code)
