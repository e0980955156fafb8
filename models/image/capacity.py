"""β-VAE with growing capacity."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from unknot.checks import at_least, count
from unknot.models.image.networks import gaussian_kl
from unknot.models.image.vae import VariationalAutoencoder

__all__ = ["CapacityVAE"]


class CapacityVAE(VariationalAutoencoder):
    """A variational autoencoder whose KL is kept at a target C, which grows during training.

    Burgess et al., "Understanding disentangling in β-VAE", 2018, eq. 8:

        E log p(x | z) - γ |KL(q(z | x) || p(z)) - C|.

    C rises linearly from 0 to `capacity` over `growth` updates and stays there.

    Args:
        gamma: γ, at least 0.
        capacity: the final C, in nats, at least 0.
        growth: updates over which C rises, at least 1.
        **settings: of `VariationalAutoencoder`.
    """

    def __init__(
        self, *, gamma: float = 1000.0, capacity: float = 25.0, growth: int = 100_000, **settings: Any
    ) -> None:
        super().__init__(**settings)
        at_least(0, gamma=gamma, capacity=capacity)
        count(1, growth=growth)
        self.gamma, self.capacity, self.growth = gamma, capacity, growth
        self.grown: Tensor
        self.register_buffer("grown", torch.tensor(0))

    def target(self) -> Tensor:
        """Return C of the next update, in nats."""
        return self.capacity * (self.grown / self.growth).clamp_max(1)

    def penalty(self, mean: Tensor, log_variance: Tensor, z: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return γ |KL - C|, and C as `target`."""
        target = self.target()
        kl = gaussian_kl(mean, log_variance).sum(1).mean()
        return self.gamma * (kl - target).abs(), {"target": target}

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step, and increase C."""
        scalars = super().update(batch)
        self.grown += 1
        return scalars
