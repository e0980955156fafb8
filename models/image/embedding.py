"""Embeddings that separate classes of images, by one of four losses."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unknot.checks import above, count, one_of, within
from unknot.models.image.embedding_losses import binomial_deviance_loss, histogram_loss, triplet_loss
from unknot.models.image.f_statistic import f_statistic_loss
from unknot.models.image.networks import conv_encoder
from unknot.representation.learner import Learner, descend, image_tensor
from unknot.representation.networks import image_shape

__all__ = ["LOSSES", "Embedding"]

LOSSES = ("f_statistic", "triplet", "histogram", "binomial_deviance")
"""The losses by name."""
ON_SPHERE = ("histogram", "binomial_deviance")
"""Losses of angles, whose embeddings lie on the unit sphere."""


class Embedding(Learner):
    """A convolutional embedding, learnt from batches with several images of each of some classes.

    Ridgeway and Mozer, 2017, sections 2 and 3. The encoder is that of our other models, not that of
    Reed et al. (2015), whose widths the paper does not give.

    Args:
        loss: a name in `LOSSES`.
        shape: (height, width, channels) of the images, a square whose side is a power of 2.
        latent_dim: dimensions of the embedding.
        dimensions: d of the F-statistic loss; ignored by the others.
        width: channels of the convolutions.
        hidden: units of the layers after them.
        learning_rate: Adam's.

    Raises:
        ValueError: an unknown loss, or d above the embedding's dimensions.
    """

    def __init__(
        self,
        *,
        loss: str = "f_statistic",
        shape: tuple[int, int, int] = (32, 32, 3),
        latent_dim: int = 22,
        dimensions: int = 2,
        width: int = 32,
        hidden: int = 256,
        learning_rate: float = 1e-3,
    ) -> None:
        super().__init__()
        one_of("loss", loss, LOSSES)
        count(1, latent_dim=latent_dim, dimensions=dimensions, width=width, hidden=hidden)
        within(1, latent_dim, dimensions=dimensions)
        above(0, learning_rate=learning_rate)
        self.loss, self.latent_dim, self.dimensions = loss, latent_dim, dimensions
        self.shape = image_shape(shape)
        self.width, self.hidden, self.learning_rate = width, hidden, learning_rate
        self.encoder = conv_encoder(self.shape, latent_dim, width, hidden)
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), learning_rate, fused=True)}

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return embeddings (n, latent_dim) of uint8 images (n, height, width, channels)."""
        codes: Tensor = self.encoder(image_tensor(images, next(self.parameters()).device, self.shape))
        return functional.normalize(codes, dim=1) if self.loss in ON_SPHERE else codes

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step.

        Args:
            batch: `observation`, uint8 (n, height, width, channels), and `label` (n,), integers, each at
                least twice.

        Returns:
            `loss`.
        """
        loss = self._loss(self.encode(batch["observation"]), batch["label"])
        descend(loss, self.optimizers["adam"])
        return {"loss": loss.detach()}

    def _loss(self, codes: Tensor, labels: Tensor) -> Tensor:
        if self.loss == "f_statistic":
            return f_statistic_loss(codes, labels, self.dimensions)
        losses = {
            "triplet": triplet_loss,
            "histogram": histogram_loss,
            "binomial_deviance": binomial_deviance_loss,
        }
        return losses[self.loss](codes, labels)
