"""A convolutional autoencoder of natural images with a penalised code.

Kågebäck and Mogren, "Disentanglement by penalizing correlation", 2017, section 3.4.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unknot.checks import above, at_least, count, one_of
from unknot.models.penalties import PENALTIES
from unknot.representation import Learner, descend
from unknot.representation.learner import image_tensor
from unknot.representation.networks import Maps

__all__ = ["PenalisedAutoencoder"]

SHAPE = (32, 32, 3)


class PenalisedAutoencoder(Learner):
    """Two convolutional and two fully connected layers to a linear code, mirrored in the decoder.

    The paper gives the number of layers, the 84 dimensions of the code and the total of half a million
    parameters, but no widths. With those here it has 0.49 million.

    Args:
        code_dim: dimensions of the code.
        penalty: of the code, a name in `unknot.models.penalties.PENALTIES`.
        weight: λ; 0 for a plain autoencoder.
        learning_rate: Adam's.

    Raises:
        ValueError: an unknown penalty.
    """

    def __init__(
        self,
        *,
        code_dim: int = 84,
        penalty: str = "covariance",
        weight: float = 0.08,
        learning_rate: float = 1e-3,
    ) -> None:
        super().__init__()
        one_of("penalty", penalty, PENALTIES)
        count(1, code_dim=code_dim)
        at_least(0, weight=weight)
        above(0, learning_rate=learning_rate)
        self.code_dim, self.penalty, self.weight = code_dim, penalty, weight
        self.learning_rate = learning_rate
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 8 * 8, 104),
            nn.ReLU(),
            nn.Linear(104, code_dim),
        )
        self.decoder = nn.Sequential(
            nn.Linear(code_dim, 104),
            nn.ReLU(),
            nn.Linear(104, 32 * 8 * 8),
            nn.ReLU(),
            Maps(32, 8, 8),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 3, 4, stride=2, padding=1),
        )
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), learning_rate, fused=True)}

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return codes (n, code_dim) of uint8 images (n, 32, 32, 3)."""
        codes: Tensor = self.encoder(image_tensor(images, next(self.parameters()).device, SHAPE))
        return codes

    def decode(self, codes: Tensor) -> Tensor:
        """Decode codes (n, code_dim): images, float (n, 32, 32, 3), approximately in [0, 1]."""
        images: Tensor = self.decoder(codes)
        return images.movedim(1, -1)

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step on mean squared error + λ penalty.

        Args:
            batch: `observation`, uint8 (n, 32, 32, 3), n at least 2.

        Returns:
            `error`, the mean over pixels in [0, 1] and channels, and `penalty`, unweighted.
        """
        images = batch["observation"]
        codes = self.encode(images)
        error = (self.decode(codes) - images / 255).square().mean()
        penalty = PENALTIES[self.penalty](codes)
        descend(error + self.weight * penalty, self.optimizers["adam"])
        return {"error": error.detach(), "penalty": penalty.detach()}
