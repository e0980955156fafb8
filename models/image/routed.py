"""Experts that are told mechanisms and originals: the ceiling of those that compete."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unknot.checks import above, count, one_of
from unknot.models.image.experts import NORMS, Experts
from unknot.representation.learner import Trainable, anneal, as_images, descend, image_tensor
from unknot.representation.networks import image_shape

__all__ = ["RoutedExperts"]


class RoutedExperts(Trainable):
    """One network for each mechanism, which learns to undo it from pairs of images.

    It routes by label, so it does not encode. Its networks are those of `CompetingExperts`, and so is the
    fall of its learning rate. They minimise the cross-entropy of pixels, which is least at the same images as
    the squared error, and whose slope does not vanish where a network paints everything black.

    Args:
        shape: (height, width, channels) of the images.
        experts: number of mechanisms.
        width: channels of an expert's convolutions.
        layers: an expert's convolutions, at least 2.
        norm: "batch" or "none".
        steps: updates over which the learning rate falls to 0, along half a cosine.
        learning_rate: Adam's, at first.
    """

    step: Tensor

    def __init__(
        self,
        *,
        shape: tuple[int, int, int] = (28, 28, 1),
        experts: int = 10,
        width: int = 32,
        layers: int = 5,
        norm: str = "batch",
        steps: int = 2000,
        learning_rate: float = 1e-3,
    ) -> None:
        super().__init__()
        count(1, experts=experts, width=width, steps=steps)
        count(2, layers=layers)
        one_of("norm", norm, NORMS)
        above(0, learning_rate=learning_rate)
        self.shape = image_shape(shape)
        self.steps, self.learning_rate = steps, learning_rate
        self.experts = Experts(experts, shape[2], width, layers, norm)
        self.optimizers = {"adam": torch.optim.Adam(self.experts.parameters(), learning_rate, fused=True)}
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def undo(self, images: NDArray[np.uint8] | Tensor, mechanisms: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return uint8 images (n, h, w, c) of any size with mechanisms (n,), their numbers, undone."""
        tensor = image_tensor(images, self.step.device)
        undone = self.experts.chosen(tensor, torch.from_numpy(mechanisms).to(tensor.device))
        return as_images(undone.movedim(1, -1))

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step.

        Args:
            batch: `observation` and `original`, uint8 (n, h, w, c): the image and what it was before its
                mechanism; `mechanism`, (n,), which that was, a number from 0.

        Returns:
            `error`, the squared error of a pixel.
        """
        anneal(self.optimizers["adam"], int(self.step), self.steps, self.learning_rate)
        self.step += 1
        images, originals = (
            image_tensor(batch[name], self.step.device, self.shape) for name in ("observation", "original")
        )
        undone = self.experts.chosen(images, batch["mechanism"])
        descend(functional.binary_cross_entropy(undone, originals), self.optimizers["adam"])
        return {"error": (undone - originals).square().mean().detach()}
