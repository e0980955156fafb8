"""Shared by generators of images whose code is of two parts: who it is, and how it is seen."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from unknot.checks import above, count, within
from unknot.representation.learner import Trainable, as_images, image_tensor
from unknot.representation.networks import image_shape

__all__ = ["PairGenerator"]

Images = NDArray[np.uint8]


class PairGenerator(Trainable):
    """A generator G(z_I, z_O) that learns from pairs of images of one identity.

    Donahue et al., "Semantically decomposing the latent spaces of generative adversarial networks", 2017.
    Both codes are uniform in [-1, 1]. A generated pair has one z_I, and a z_O for each image. A subclass has
    `generator`, `averaged` and `optimizers`, and defines the two updates.

    Args:
        shape: (height, width, channels) of the images.
        identity_dim: d_I, dimensions of z_I.
        observation_dim: d_O, dimensions of z_O.
        width: channels of the widest maps.
        average: by how much the averaged generator, which makes samples, keeps its weights at each update; 0
            for the generator itself.
        learning_rate: Adam's, of both.
        momentum: Adam's β1, of both.

    Raises:
        ValueError: an argument out of range.
    """

    generator: nn.Module
    """From codes (n, d_I + d_O) to images (n, c, h, w) in [-1, 1]."""
    step: Tensor
    """Updates so far."""
    averaged: AveragedModel
    """The moving average of the generator, which makes samples."""

    def __init__(
        self,
        *,
        shape: tuple[int, int, int] = (32, 32, 3),
        identity_dim: int = 50,
        observation_dim: int = 50,
        width: int = 32,
        average: float = 0.999,
        learning_rate: float = 2e-4,
        momentum: float = 0.5,
    ) -> None:
        super().__init__()
        count(1, identity_dim=identity_dim, observation_dim=observation_dim, width=width)
        within(0, 0.99999, average=average)
        within(0, 0.999, momentum=momentum)
        above(0, learning_rate=learning_rate)
        self.shape = image_shape(shape)
        self.identity_dim, self.observation_dim, self.width = identity_dim, observation_dim, width
        self.average, self.learning_rate, self.momentum = average, learning_rate, momentum
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    # Use

    def identity_codes(self, number: int) -> Tensor:
        """Sample z_I: (number, d_I)."""
        return self._uniform(number, self.identity_dim)

    def observation_codes(self, number: int) -> Tensor:
        """Sample z_O: (number, d_O)."""
        return self._uniform(number, self.observation_dim)

    @torch.no_grad()
    def generate(self, identity: Tensor, observation: Tensor) -> Images:
        """Return images, uint8 (n, h, w, c), of z_I (n, d_I) and z_O (n, d_O), by the averaged generator."""
        training = self.averaged.training
        images: Tensor = self.averaged.eval()(torch.cat([identity, observation], 1))
        self.averaged.train(training)
        return as_images((images.movedim(1, -1) + 1) / 2)

    # Training

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step of the discriminator, then one of the generator.

        Args:
            batch: `observation` and `other`, pairs of one identity, uint8 (n, h, w, c) each.

        Returns:
            Scalars of both.
        """
        real = self._real(batch)
        scalars = self._update_discriminator(real) | self._update_generator(len(real))
        self.averaged.update_parameters(self.generator)
        self.step += 1
        return scalars

    @abstractmethod
    def _update_discriminator(self, real: Tensor) -> dict[str, float | Tensor]:
        """Do one step of D on real pairs (n, 2, c, h, w) in [-1, 1], and as many generated ones."""

    @abstractmethod
    def _update_generator(self, number: int) -> dict[str, float | Tensor]:
        """Do one step of G on so many pairs."""

    def _real(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the batch's pairs, (n, 2, c, h, w) in [-1, 1]."""
        device = next(self.parameters()).device
        pair = [image_tensor(batch[name], device, self.shape) for name in ("observation", "other")]
        return 2 * torch.stack(pair, 1) - 1

    def _pairs(self, number: int) -> Tensor:
        """Generate pairs of a common z_I, (number, 2, c, h, w)."""
        identity = self.identity_codes(number).repeat_interleave(2, 0)
        images: Tensor = self.generator(torch.cat([identity, self.observation_codes(2 * number)], 1))
        return images.view(number, 2, *images.shape[1:])

    def _uniform(self, number: int, dims: int) -> Tensor:
        return 2 * torch.rand(number, dims, device=next(self.parameters()).device) - 1

    def _adam(self, **networks: nn.Module) -> dict[str, Any]:
        betas = (float(self.momentum), 0.999)
        return {
            name: torch.optim.Adam(network.parameters(), self.learning_rate, betas=betas, fused=True)
            for name, network in networks.items()
        }
