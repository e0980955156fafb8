"""Principal components of images."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.representation.learner import Learner, image_tensor

__all__ = ["PCA"]

NOTHING = 1e-5
"""Deviation, in shares of the greatest or of one pixel, up to which a direction is one of rounding."""


class PCA(Learner):
    """The linear code that loses least: scores along the directions of the greatest variance, scaled to 1.

    The floor that a learnt code is compared with. It has no optimiser: one `update`, on all the images that
    there are, finds it (Halko, Martinsson and Tropp, "Finding structure with randomness", 2011).

    Args:
        shape: (height, width, channels) of the images.
        latent_dim: how many directions, at least 1 and at most the pixels.
    """

    def __init__(self, *, shape: tuple[int, int, int] = (64, 64, 1), latent_dim: int = 10) -> None:
        super().__init__()
        pixels = int(np.prod(shape))
        if not 1 <= latent_dim <= pixels:
            raise ValueError(f"latent_dim must be from 1 to the {pixels} pixels, not {latent_dim}")
        self.shape: tuple[int, int, int] = (shape[0], shape[1], shape[2])
        self.latent_dim = latent_dim
        self.mean: Tensor
        self.directions: Tensor
        self.deviations: Tensor
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("directions", torch.eye(pixels, latent_dim))
        self.register_buffer("deviations", torch.ones(latent_dim))
        self.optimizers = {}

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return scores (n, latent_dim), of variance 1 over what was fitted, of uint8 images (n, h, w, c).

        Along directions in which what was fitted does not vary they are 0.
        """
        scores = (self._flat(images) - self.mean) @ self.directions
        varies = self.deviations > NOTHING * self.deviations[0].clamp(min=1)
        return torch.where(varies, scores / self.deviations, 0)

    def decode(self, codes: Tensor) -> Tensor:
        """Draw scores (n, latent_dim): images, float (n, h, w, c), which may leave [0, 1]."""
        images = self.mean + (codes * self.deviations) @ self.directions.mT
        return images.reshape(-1, *self.shape)

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Fit the images of a batch, whatever was before.

        Args:
            batch: `observation`, uint8 (n, h, w, c), n at least `latent_dim`.

        Returns:
            `explained`, the share of the variance that the directions have.

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
