"""A plain autoencoder: a baseline without actions."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unknot.checks import above, count, one_of
from unknot.representation.discrete_selectivity import patch_encoder
from unknot.representation.learner import Learner, descend, image_tensor
from unknot.representation.networks import Maps, image_shape
from unknot.representation.scene_selectivity import PlaceEncoder

__all__ = ["ENCODERS", "Autoencoder"]

ENCODERS: dict[str, Callable[[tuple[int, int, int], int], nn.Module]] = {
    "patches": patch_encoder,
    "places": lambda shape, latent_dim: PlaceEncoder(shape, latent_dim, gain=5.0),
}
"""The networks of `DiscreteSelectivity` and of `SceneSelectivity`."""


class Autoencoder(Learner):
    """The baseline of selectivity: the same encoder, trained by reconstruction.

    Args:
        shape: (height, width, channels) of the images; height and width are multiples of 8.
        latent_dim: dimension of the codes.
        encoder: one of `ENCODERS`.
        learning_rate: Adam's.

    Raises:
        ValueError: another shape, an unknown encoder, or a latent dimension below 1.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, int, int] = (40, 40, 1),
        latent_dim: int = 8,
        encoder: str = "patches",
        learning_rate: float = 1e-3,
    ) -> None:
        super().__init__()
        count(1, latent_dim=latent_dim)
        above(0, learning_rate=learning_rate)
        one_of("encoder", encoder, ENCODERS)
        self.shape, self.latent_dim, self.learning_rate = image_shape(shape), latent_dim, learning_rate
        self.network = encoder
        self.encoder = ENCODERS[encoder](self.shape, latent_dim)
        height, width, channels = shape
        cells = (16, height // 4, width // 4)
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, 128),
            nn.ReLU(),
            nn.Linear(128, math.prod(cells)),
            nn.ReLU(),
            Maps(*cells),
            nn.ConvTranspose2d(16, channels, 4, stride=4),
        )
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), learning_rate, fused=True)}

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return codes (n, latent_dim) of uint8 images (n, height, width, channels)."""
        device = next(self.parameters()).device
        codes: Tensor = self.encoder(image_tensor(images, device, self.shape))
        return codes

    def decode(self, codes: Tensor) -> Tensor:
        """Decode codes (n, latent_dim): images, float (n, height, width, channels) in [0, 1]."""
        return torch.sigmoid(self.decoder(codes)).movedim(1, -1)

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step on the first images of transitions.

        Args:
            batch: `observation`, uint8 (n, height, width, channels).

        Returns:
            `reconstruction`: the squared error of an image, summed over its pixels.
        """
        images = batch["observation"]
        error = (self.decode(self.encode(images)) - images / 255).square().flatten(1).sum(1).mean()
        descend(error, self.optimizers["adam"])
        return {"reconstruction": error.detach()}
