"""Principal components of images."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.checks import count
from unknot.representation.learner import Learner, image_tensor
from unknot.representation.networks import image_shape

__all__ = ["PCA"]

ROUNDING_STD = 1e-5
"""Directions with a standard deviation up to this, relative to the greatest or to 1, are due to rounding."""


class PCA(Learner):
    """The linear code with the least error: scores along the directions of greatest variance, scaled to 1.

    The baseline of learnt codes. It has no optimiser: one `update` on all images fits it (Halko, Martinsson
    and Tropp, "Finding structure with randomness", 2011).

    Args:
        shape: (height, width, channels) of the images.
        latent_dim: number of directions, from 1 to the number of pixels.
    """

    def __init__(self, *, shape: tuple[int, int, int] = (64, 64, 1), latent_dim: int = 10) -> None:
        super().__init__()
        self.shape = image_shape(shape)
        pixels = int(np.prod(self.shape))
        count(1, latent_dim=latent_dim)
        if latent_dim > pixels:
            raise ValueError(f"latent_dim must be from 1 to the {pixels} pixels, not {latent_dim}")
        self.latent_dim = latent_dim
        self.mean: Tensor
        self.directions: Tensor
        self.deviations: Tensor
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("directions", torch.eye(pixels, latent_dim))
        self.register_buffer("deviations", torch.ones(latent_dim))
        self.optimizers = {}

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return scores (n, latent_dim) of uint8 images (n, h, w, c), of variance 1 over the fitted images.

        They are 0 along directions without variance in the fitted images.
        """
        scores = (self._flat(images) - self.mean) @ self.directions
        varies = self.deviations > ROUNDING_STD * self.deviations[0].clamp(min=1)
        return torch.where(varies, scores / self.deviations, 0)

    def decode(self, codes: Tensor) -> Tensor:
        """Decode scores (n, latent_dim): images, float (n, h, w, c), not limited to [0, 1]."""
        images = self.mean + (codes * self.deviations) @ self.directions.mT
        return images.reshape(-1, *self.shape)

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Fit the images of a batch, independently of earlier fits.

        Args:
            batch: `observation`, uint8 (n, h, w, c), n at least `latent_dim`.

        Returns:
            `explained`, the directions' share of the variance.

        Raises:
            ValueError: fewer images.
        """
        flat = self._flat(batch["observation"])
        if len(flat) < self.latent_dim:
            raise ValueError(f"images must be at least latent_dim={self.latent_dim}, not {len(flat)}")
        self.mean.copy_(flat.mean(0))
        extra = min(self.latent_dim + 10, *flat.shape)
        _, lengths, directions = torch.pca_lowrank(flat, extra, niter=4)
        self.directions.copy_(directions[:, : self.latent_dim])
        self.deviations.copy_(lengths[: self.latent_dim] / len(flat) ** 0.5)
        return {"explained": self.deviations.square().sum() / flat.var(0, correction=0).sum()}

    def _flat(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        return image_tensor(images, self.mean.device, self.shape).movedim(1, -1).flatten(1)
