"""Classifiers of images with few labels: one by itself, and one that shares a network with another set."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unknot.checks import above, at_least, count, flag, within
from unknot.models.image.bottleneck_networks import (
    encoder,
    label_network,
    primary_widths,
    secondary_widths,
)
from unknot.representation.learner import Learner, anneal, descend, image_tensor
from unknot.representation.networks import image_shape

__all__ = ["BottleneckClassifier", "PairedClassifier", "SingleClassifier", "contrastive_alignment"]


class BottleneckClassifier(Learner):
    """What the classifiers share: images to a code of few dimensions, codes to logits of labels.

    Karimi et al., "JADE: joint autoencoders for dis-entanglement", 2017, section 3. The widths of their
    layers are the paper's at the defaults. He's weights start all layers: with PyTorch's smaller ones the
    training error stays at chance for dozens of epochs.

    Args:
        shape: (height, width, channels) of the images; height and width are multiples of 8.
        latent_dim: dimensions of the code that the label is read from.
        classes: number of labels.
        width: channels of the first convolution; the others are in proportion.
        hidden: units of the layers behind the code.
        dropout: share of units that are left out in training.
        batch_norm: normalise convolutions over a batch.
        learning_rate: Adam's at the start.
        steps: updates over which the learning rate falls to 0 along half a cosine. With few labels the error
            on other images goes up and down as long as the rate stays high.

    Raises:
        ValueError: an argument out of range.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, int, int] = (32, 32, 3),
        latent_dim: int = 10,
        classes: int = 10,
        width: int = 64,
        hidden: int = 500,
        dropout: float = 0.5,
        batch_norm: bool = False,
        learning_rate: float = 1e-3,
        steps: int = 3000,
    ) -> None:
        super().__init__()
        count(1, latent_dim=latent_dim, hidden=hidden, steps=steps)
        count(2, classes=classes)
        count(4, width=width)
        within(0, 0.99, dropout=dropout)
        flag(batch_norm=batch_norm)
        above(0, learning_rate=learning_rate)
        self.shape, self.latent_dim, self.classes = image_shape(shape), latent_dim, classes
        self.width, self.batch_norm = width, batch_norm
        self.learning_rate, self.steps = learning_rate, steps
        self.updates: Tensor
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.labels = label_network(latent_dim, hidden, classes, dropout)

    @abstractmethod
    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return codes (n, latent_dim or more) of uint8 images (n, h, w, c); the first are for labels."""

    def logits(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return logits (n, classes) of uint8 images (n, h, w, c)."""
        logits: Tensor = self.labels(self.encode(images)[:, : self.latent_dim])
        return logits

    def _tensor(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        return image_tensor(images, next(self.parameters()).device, self.shape)

    def _step(self, loss: Tensor) -> None:
        """Do one step down the gradient of a loss, at the rate of this update."""
        adam = self.optimizers["adam"]
        anneal(adam, int(self.updates), self.steps, self.learning_rate)
        descend(loss, adam)
        self.updates += 1


class SingleClassifier(BottleneckClassifier):
    """Convolutions, a bottleneck of 10 dimensions, three layers with dropout: the paper's benchmark.

    Args:
        **settings: of `BottleneckClassifier`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.encoder = encoder(self.shape, primary_widths(self.width), self.latent_dim, self.batch_norm)
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), self.learning_rate, fused=True)}

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return codes (n, latent_dim) of uint8 images (n, h, w, c)."""
        codes: Tensor = self.encoder(self._tensor(images))
        return codes

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step.

        Args:
            batch: `observation`, uint8 (n, h, w, c), and `label`, int64 (n,).

        Returns:
            `cross_entropy`, the mean of -log p(label | image) in nats.
        """
        loss = functional.cross_entropy(self.logits(batch["observation"]), batch["label"])
        self._step(loss)
        return {"cross_entropy": loss.detach()}


class PairedClassifier(BottleneckClassifier):
    """Two sets of images with the same labels: encoders of their own, the layers behind the code shared.

    The paper's paired classifier; with an `alignment` it is a class-conditional alignment of the two sets'
    codes: Motiian et al., "Unified deep supervised domain adaptation and generalization" (CCSA), 2017.

    Args:
        other_shape: (height, width, channels) of the secondary images.
        alignment: weight of `contrastive_alignment`; 0 for the paper's.
        margin: of the alignment.
        **settings: of `BottleneckClassifier`.
    """

    def __init__(
        self,
        *,
        other_shape: tuple[int, int, int] = (32, 32, 1),
        alignment: float = 0.0,
        margin: float = 1.0,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        at_least(0, alignment=alignment)
        above(0, margin=margin)
        self.other_shape, self.alignment, self.margin = image_shape(other_shape), alignment, margin
        self.encoder = encoder(self.shape, primary_widths(self.width), self.latent_dim, self.batch_norm)
        self.other_encoder = encoder(
            self.other_shape, secondary_widths(self.width), self.latent_dim, self.batch_norm
        )
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), self.learning_rate, fused=True)}

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return codes (n, latent_dim) of uint8 images (n, h, w, c) of the primary set."""
        codes: Tensor = self.encoder(self._tensor(images))
        return codes

    def encode_other(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return codes (n, latent_dim) of uint8 images (n, h, w, c) of the secondary set."""
        codes: Tensor = self.other_encoder(
            image_tensor(images, next(self.parameters()).device, self.other_shape)
        )
        return codes

    def other_logits(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return logits (n, classes) of uint8 images (n, h, w, c) of the secondary set."""
        logits: Tensor = self.labels(self.encode_other(images))
        return logits

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step.

        Args:
            batch: `observation`, uint8 (n, h, w, c), and `label`, int64 (n,), of the primary set; `other` and
                `other_label` of the secondary one.

        Returns:
            `cross_entropy` and `other_cross_entropy` in nats, and `alignment`, all means.
        """
        codes, others = self.encode(batch["observation"]), self.encode_other(batch["other"])
        errors = [
            functional.cross_entropy(self.labels(z), batch[name])
            for z, name in ((codes, "label"), (others, "other_label"))
        ]
        aligned = contrastive_alignment(codes, batch["label"], others, batch["other_label"], self.margin)
        self._step(errors[0] + errors[1] + self.alignment * aligned)
        terms = {"cross_entropy": errors[0], "other_cross_entropy": errors[1], "alignment": aligned}
        return {name: term.detach() for name, term in terms.items()}


def contrastive_alignment(
    codes: Tensor, labels: Tensor, others: Tensor, other_labels: Tensor, margin: float = 1.0
) -> Tensor:
    """Return the contrastive semantic alignment loss of two sets (Motiian et al., 2017, eqs. 3 to 6).

    For pairs of one class half the squared distance, for pairs of two classes half the square of what the
    distance lacks to the margin; the mean over all pairs of a code of the one set and one of the other.

    Args:
        codes: (n, d).
        labels: (n,).
        others: (m, d).
        other_labels: (m,).
        margin: distance beyond which two classes are far enough apart.
    """
    squares = (codes[:, None] - others[None]).square().sum(-1)
    lacking = (margin - (squares + 1e-12).sqrt()).relu().square()
    same = labels[:, None] == other_labels[None]
    return torch.where(same, squares, lacking).mean() / 2
