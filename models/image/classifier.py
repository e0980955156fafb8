"""A small convolutional classifier of images."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from unknot.checks import above, count
from unknot.representation.learner import Learner, descend, image_tensor
from unknot.representation.networks import image_shape

__all__ = ["Classifier"]


class Classifier(Learner):
    """Two convolutions of 3 × 3, each followed by max-pooling, and two dense layers.

    It measures what generators of images keep: train it on true images, then classify generated ones.

    Args:
        shape: (height, width, channels) of the images, at least 4 pixels each way.
        classes: number of classes.
        width: channels of the first convolution; the second has twice as many, the dense layer 4 times.
        learning_rate: Adam's.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, int, int] = (28, 28, 1),
        classes: int = 10,
        width: int = 32,
        learning_rate: float = 1e-3,
    ) -> None:
        super().__init__()
        count(1, classes=classes, width=width)
        above(0, learning_rate=learning_rate)
        self.shape = image_shape(shape, 4)
        layers: list[nn.Module] = []
        for before, after in ((shape[2], width), (width, 2 * width)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        cells = (shape[0] // 4) * (shape[1] // 4)
        layers += [nn.Flatten(), nn.Linear(2 * width * cells, 4 * width), nn.ReLU()]
        self.network = nn.Sequential(*layers, nn.Linear(4 * width, classes))
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), learning_rate, fused=True)}

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return log odds (n, classes) of uint8 images (n, h, w, c)."""
        device = next(self.parameters()).device
        scores: Tensor = self.network(image_tensor(images, device, self.shape))
        return scores

    @torch.no_grad()
    def classify(self, images: NDArray[np.uint8] | Tensor) -> NDArray[np.int64]:
        """Return the likeliest class of each of uint8 images (n, h, w, c): (n,)."""
        classes: NDArray[np.int64] = self.encode(images).argmax(1).numpy(force=True)
        return classes

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step on `observation`, uint8 (n, h, w, c), and `label` (n,); return the loss in nats."""
        scores = self.encode(batch["observation"])
        loss = functional.cross_entropy(scores, batch["label"].to(scores.device).long())
        descend(loss, self.optimizers["adam"])
        return {"loss": loss.detach()}
