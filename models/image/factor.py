"""FactorVAE."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from unknot.checks import above, at_least, count
from unknot.models.adversarial import dense_discriminator, density_ratio_loss
from unknot.models.image.networks import gaussian_kl
from unknot.models.image.vae import VariationalAutoencoder
from unknot.representation.learner import descend

__all__ = ["FactorVAE", "discriminator_loss", "permute_dims"]

WARM_UP_GAMMA = 40.0
"""γ during the warm-up, for any later γ: enough to align position and size with dimensions."""


class FactorVAE(VariationalAutoencoder):
    """A variational autoencoder with a penalty on the total correlation of its codes.

    Kim and Mnih, "Disentangling by factorising", 2017 (2018), eq. 4 and 5:

        ELBO - γ KL(r(z) || Π_j r(z_j)),    estimated as E_r log D(z) / (1 - D(z)),

    r the distribution of codes over all data, D a discriminator between codes and codes whose dimensions are
    permuted independently over a batch. It has its own optimiser and learns after each step of the
    autoencoder, from new samples of the batch's codes.

    Args:
        gamma: γ, at least 0.
        discriminator_width: units of each layer of the discriminator.
        discriminator_layers: its hidden layers.
        discriminator_updates: per update of the autoencoder; in the paper five were slightly better.
        discriminator_rate: Adam's (β1 = 0.5).
        **settings: of `VariationalAutoencoder`.
    """

    def __init__(
        self,
        *,
        gamma: float = 35.0,
        discriminator_width: int = 1000,
        discriminator_layers: int = 6,
        discriminator_updates: int = 1,
        discriminator_rate: float = 1e-4,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        at_least(0, gamma=gamma)
        above(0, discriminator_rate=discriminator_rate)
        count(
            1,
            discriminator_width=discriminator_width,
            discriminator_layers=discriminator_layers,
            discriminator_updates=discriminator_updates,
        )
        self.gamma, self.discriminator_rate = gamma, discriminator_rate
        self.discriminator_width, self.discriminator_layers = discriminator_width, discriminator_layers
        self.discriminator_updates = discriminator_updates
        self.discriminator = dense_discriminator(self.latent_dim, discriminator_width, discriminator_layers)
        self.optimizers["discriminator"] = torch.optim.Adam(
            self.discriminator.parameters(), discriminator_rate, betas=(0.5, 0.9), fused=True
        )

    def penalty(self, mean: Tensor, log_variance: Tensor, z: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return KL + γ TC (γ is 40 in the warm-up), and the estimate of TC as `total_correlation`: nats."""
        total_correlation = self.discriminator(z).mean()
        kl = gaussian_kl(mean, log_variance).sum(1).mean()
        gamma = WARM_UP_GAMMA if self.warming else self.gamma
        return kl + gamma * total_correlation, {"total_correlation": total_correlation}

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do a step of the autoencoder, then steps of the discriminator.

        Returns:
            The scalars of `VariationalAutoencoder.update`, and `discriminator`, the loss of its last step.
        """
        scalars = super().update(batch)
        with torch.no_grad():
            posterior = self.posterior(batch["observation"])
        for _ in range(self.discriminator_updates):
            loss = discriminator_loss(self.discriminator, posterior.sample())
            descend(loss, self.optimizers["discriminator"])
        return {**scalars, "discriminator": loss.detach()}


def discriminator_loss(network: nn.Module, codes: Tensor) -> Tensor:
    """Return the cross-entropy of a discriminator between codes (n, d) and codes with permuted dimensions.

    At its minimum, the network's output is the log ratio of the two densities (eq. 5).
    """
    return density_ratio_loss(network(codes), network(permute_dims(codes)))


def permute_dims(codes: Tensor) -> Tensor:
    """Permute each dimension of codes (n, d) independently over n, which nearly samples Π_j r(z_j)."""
    order = torch.rand_like(codes).argsort(0)
    return codes.gather(0, order)
