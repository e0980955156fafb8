"""A classifier of several factors at once, which tells what images show."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unknot.checks import above, count
from unknot.models.image.networks import conv_encoder
from unknot.representation.learner import Learner, descend, image_tensor
from unknot.representation.networks import image_shape

__all__ = ["FactorReader"]


class FactorReader(Learner):
    """Convolutions with an output for each value of each factor.

    It measures what generators of images make: train it on true images, then read generated ones.

    Args:
        sizes: the number of values of each factor, by its name.
        shape: (height, width, channels) of the images, a square whose side is a power of 2 from 8.
        width: channels of the convolutions.
        hidden: units of the layers after them.
        learning_rate: Adam's.
    """

    def __init__(
        self,
        *,
        sizes: Mapping[str, int],
        shape: tuple[int, int, int] = (32, 32, 3),
        width: int = 32,
        hidden: int = 256,
        learning_rate: float = 1e-3,
    ) -> None:
        super().__init__()
        _check_sizes(sizes)
        count(1, width=width, hidden=hidden)
        above(0, learning_rate=learning_rate)
        self.sizes, self.shape = dict(sizes), image_shape(shape)
        self.network = conv_encoder(self.shape, sum(self.sizes.values()), width, hidden)
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), learning_rate, fused=True)}

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return log odds of all values, one factor after the other, of uint8 images (n, h, w, c)."""
        odds: Tensor = self.network(image_tensor(images, next(self.parameters()).device, self.shape))
        return odds

    @torch.no_grad()
    def read(self, images: NDArray[np.uint8]) -> dict[str, NDArray[np.int64]]:
        """Return the likeliest value of each factor, (n,) by name, of uint8 images (n, h, w, c)."""
        parts = [self.encode(images[k : k + 500]) for k in range(0, len(images), 500)]
        odds = torch.split(torch.cat(parts), list(self.sizes.values()), 1)
        return {name: each.argmax(1).numpy(force=True) for name, each in zip(self.sizes, odds, strict=True)}

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step.

        Args:
            batch: `observation`, uint8 (n, h, w, c), and each factor by its name, (n,), from 0.

        Returns:
            `loss`, the cross-entropy of all factors in nats, over that of guessing.
        """
        odds = torch.split(self.encode(batch["observation"]), list(self.sizes.values()), 1)
        loss = odds[0].new_zeros(())
        for (name, size), each in zip(self.sizes.items(), odds, strict=True):
            truth = batch[name].to(each.device).long()
            loss = loss + functional.cross_entropy(each, truth) / (math.log(size) * len(self.sizes))
        descend(loss, self.optimizers["adam"])
        return {"loss": loss.detach()}


def _check_sizes(sizes: Any) -> None:
    """Refuse what is not numbers of values by the factors' names, at least one."""
    if not isinstance(sizes, Mapping) or not sizes or not all(isinstance(name, str) for name in sizes):
        raise ValueError(f"sizes must be how many values each factor has, by its name, not {sizes!r:.200}")
    for name, size in sizes.items():
        count(2, **{f"sizes[{name!r}]": size})
