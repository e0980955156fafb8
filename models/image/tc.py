"""β-TCVAE."""

import math
from typing import Any

from torch import Tensor

from unknot.models.image.networks import gaussian_kl
from unknot.models.image.vae import VAE

__all__ = ["BetaTCVAE", "total_correlation"]


class BetaTCVAE(VAE):
    """A variational autoencoder with a weight for the total correlation in its KL.

    Chen, Li, Grosse and Duvenaud, "Isolating sources of disentanglement in variational autoencoders", 2018,
    eq. 4 with α = γ = 1:

        E log p(x | z) - I(z; x) - β TC(z) - Σ_j KL(q(z_j) || p(z_j)),

    which is the ELBO minus (β - 1) TC.

    Args:
        beta: β, at least 0.
        **settings: of `VariationalAutoencoder`.
    """

    def __init__(self, *, beta: float = 6.0, **settings: Any) -> None:
        super().__init__(beta=beta, **settings)

    def penalty(self, mean: Tensor, log_variance: Tensor, z: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return KL + (β - 1) TC, and the estimate of TC as `total_correlation`, in nats."""
        correlation = total_correlation(z, mean, log_variance)
        kl = gaussian_kl(mean, log_variance).sum(1).mean()
        return kl + (self.beta - 1) * correlation, {"total_correlation": correlation}


def total_correlation(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(q(z) || Π_j q(z_j)) in nats, where q(z) is the mixture of a batch's posteriors.

    The authors' minibatch-weighted sampling differs by constants that depend on the number of data.

    Args:
        z: samples of the posteriors, (n, d).
        mean: of the posteriors, (n, d).
        log_variance: of the posteriors, (n, d).
    """
    gap = z[:, None] - mean
    log_density = -(gap.square() * (-log_variance).exp() + log_variance + math.log(2 * math.pi)) / 2
    count = math.log(len(z))
    joint = log_density.sum(2).logsumexp(1) - count
    marginals = (log_density.logsumexp(1) - count).sum(1)
    return (joint - marginals).mean()
