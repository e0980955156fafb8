"""Embed to control."""

from typing import Any

import torch
from torch import Tensor

from unknot.checks import at_least
from unknot.representation.gaussian import Gaussian
from unknot.representation.locally_linear import Encoding, LocallyLinear, reconstruction

__all__ = ["E2C"]


class E2C(LocallyLinear):
    """Embed to control: Watter, Springenberg, Boedecker and Riedmiller, 2015, in the networks of RCE.

    The loss is their eqs. 10 to 12: reconstruction of x and of x' from the predicted latent, KL to a unit
    Gaussian, and `consistency` times the KL between the predicted latent and the encoding of x'. Images
    without actions, if any, are autoencoded with the same unit prior. The covariance of the prediction is
    that of q(z | x), since A is near I and the dynamics add no noise.

    Args:
        consistency: their λ.
        settings: of `LocallyLinear`; `content_dim` must be 0.
    """

    def __init__(self, *, consistency: float = 1.0, **settings: Any) -> None:
        super().__init__(**settings)
        if self.content_dim:
            raise ValueError(f"content_dim must be 0 for E2C, not {self.content_dim}")
        at_least(0, consistency=consistency)
        self.consistency = consistency
        self.optimizers = self._adam()

    def objective(
        self, here: Encoding, after: Encoding, passive: Encoding, u: Tensor, free: Tensor, images: Tensor
    ) -> dict[str, Tensor]:
        """Return the terms of E2C's loss; blocked moves don't train the transition."""
        n = len(u)
        z, v = here.dynamics.sample(), passive.dynamics.sample()
        predicted = self.matrices(z).apply(here.dynamics.mean, u)
        z_hat = predicted + z - here.dynamics.mean
        decoded, decoded_next, decoded_passive = self.decoder(torch.cat([z, z_hat, v])).split([n, n, len(v)])
        prior = Gaussian(torch.zeros_like(z), torch.zeros_like(z))
        consistency = Gaussian(predicted, here.dynamics.log_variance).kl(after.dynamics)
        terms = {
            "reconstruction": reconstruction(decoded, images[:n]).mean(),
            "prediction": (free * reconstruction(decoded_next, images[n : 2 * n])).mean(),
            "kl": here.dynamics.kl(prior).mean(),
            "consistency": self.consistency * (free * consistency).mean(),
        }
        if len(v):
            prior = Gaussian(torch.zeros_like(v), torch.zeros_like(v))
            terms["reconstruction_passive"] = reconstruction(decoded_passive, images[2 * n :]).mean()
            terms["kl_passive"] = passive.dynamics.kl(prior).mean()
        return terms
