"""A variational autoencoder of pairs that finds by itself which dimensions the two images share."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.models.image.networks import gaussian_kl
from unknot.models.image.vae import VAE
from unknot.representation.gaussian import Gaussian
from unknot.representation.learner import as_images, descend

__all__ = ["AdaGVAE", "shared_dimensions"]

Images = NDArray[np.uint8]

MEMORY = 100
"""Updates that the moving average of what pairs share remembers."""


def shared_dimensions(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return which dimensions two posteriors share: bool (n, d).

    Locatello et al., "Weakly-supervised disentanglement without compromises", 2020, section 4: those whose
    divergence (here the mean of KL both ways, so that order makes no difference) is below the middle between
    the pair's least and greatest.

    Args:
        mean: of q(z | x¹) and q(z | x²), (n, 2, d).
        log_variance: of both, (n, 2, d).
    """
    distance = (mean[:, 0] - mean[:, 1]).square() * (-log_variance).exp().mean(1)
    divergence = (distance + (log_variance[:, 0] - log_variance[:, 1]).cosh() - 1) / 2
    middle = (divergence.amax(1, keepdim=True) + divergence.amin(1, keepdim=True)) / 2
    return divergence < middle


class AdaGVAE(VAE):
    """A β-VAE of pairs whose shared dimensions have one posterior, the mean of both.

    Locatello, Poole, Rätsch, Schölkopf, Bachem and Tschannen, 2020. For pairs of one identity, what all pairs
    share is the identity: the dimensions that more than half of recent pairs shared are its own, the others
    are the observation's.

    Args:
        **settings: of `VAE`.
    """

    share: Tensor
    """(latent_dim,), the moving average of the share of pairs that share each dimension."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.register_buffer("share", torch.full((self.latent_dim,), 0.5))

    def identity_codes(self, number: int) -> Tensor:
        """Sample codes whose identity counts: (number, latent_dim)."""
        return torch.randn(number, self.latent_dim, device=self.share.device)

    observation_codes = identity_codes

    @torch.no_grad()
    def generate(self, identity: Tensor, observation: Tensor) -> Images:
        """Return images, uint8 (n, h, w, c), of one code's dimensions of the identity, another's others."""
        return as_images(self.decode(torch.where(self.share > 0.5, identity, observation)))

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step on pairs.

        Args:
            batch: `observation` and `other`, uint8 (n, h, w, c) each.

        Returns:
            Means over the batch, of both images: `reconstruction` and `kl` in nats; `shared`, how many
            dimensions a pair shares.
        """
        images = torch.stack([self._tensor(batch[name]) for name in ("observation", "other")], 1)
        moments = self._moments(images.flatten(0, 1))
        mean, log_variance = (part.reshape(*images.shape[:2], -1) for part in moments)
        shared = shared_dimensions(mean.detach(), log_variance.detach())
        self.share.lerp_(shared.float().mean(0), 1 / MEMORY)
        mean, log_variance = _averaged(mean, log_variance, shared)
        z = Gaussian(mean, log_variance).sample()
        reconstruction = self.error(self.decoder(z.flatten(0, 1)), images.flatten(0, 1)).mean()
        kl = gaussian_kl(mean, log_variance).sum(-1).mean()
        descend(reconstruction + self.beta * kl, self.optimizers["adam"])
        return {
            "reconstruction": reconstruction.detach(),
            "kl": kl.detach(),
            "shared": shared.float().sum(1).mean(),
        }


def _averaged(mean: Tensor, log_variance: Tensor, shared: Tensor) -> tuple[Tensor, Tensor]:
    """Give both posteriors (n, 2, d) the mean of their moments in shared dimensions (n, d)."""
    variance = log_variance.exp()
    at = shared[:, None]
    return (
        torch.where(at, mean.mean(1, keepdim=True), mean),
        torch.where(at, variance.mean(1, keepdim=True), variance).log(),
    )
