"""Variational autoencoders that decode a set of vectors, one for each object."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.checks import above, count
from unknot.models.image.networks import bernoulli, gaussian_kl, he_initialise
from unknot.models.objects.networks import SceneEncoder, object_decoder, renderer
from unknot.representation.learner import Learner, anneal, descend, image_tensor
from unknot.representation.networks import image_shape

__all__ = ["Entities", "EntityAutoencoder"]

Images = NDArray[np.uint8] | Tensor

POINTS = 200
"""Points of a training curve."""
MEMORY = 0.99
"""Of the moving average that a training curve shows."""


@dataclass(frozen=True)
class Entities:
    """What an encoder says of n images, k entities each, those with most information first."""

    mean: Tensor
    """Of q(z | x), (n, k, d)."""
    log_variance: Tensor
    """(n, k, d)."""
    kl: Tensor
    """KL(q(z | x) || p(z)) of each entity in nats, (n, k)."""
    kl_map: Tensor
    """The same of all candidates, (n, grid, grid), or (n, 1, 1) where there is one."""


class EntityAutoencoder(Learner):
    """A set of vectors z with the prior N(0, I), decoded by h(max over z of g(z)) (Nash et al., 2017).

    g decodes each vector by itself, so that the order of the vectors has no effect and any number of them can
    be decoded. The maximum has 0 among its values, as if there were one more object that is empty: without it
    h relies on all N vectors, and fewer of them decode to artefacts. A subclass says how images are encoded.

    Args:
        shape: (height, width, channels) of the images.
        entities: N, vectors that are decoded.
        entity_dim: dimension of a vector.
        grid: cells along a side of the encoder's maps.
        width: channels of the encoder's and the renderer's convolutions.
        hidden: units of g's first layer.
        maps: channels of g's maps.
        likelihood_weight: weight of each pixel; 4 for means of 2 × 2 pixels, as in `VariationalAutoencoder`.
        learning_rate: Adam's at the start.
        last_rate: and after the last of `steps`.
        steps: updates over which the rate falls, and that the training curve covers.

    Raises:
        ValueError: an argument out of range.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, int, int] = (64, 64, 3),
        entities: int = 5,
        entity_dim: int = 12,
        grid: int = 8,
        width: int = 32,
        hidden: int = 256,
        maps: int = 16,
        likelihood_weight: float = 1.0,
        learning_rate: float = 1e-3,
        last_rate: float = 1e-5,
        steps: int = 100_000,
    ) -> None:
        super().__init__()
        count(1, entities=entities, entity_dim=entity_dim, grid=grid, width=width)
        count(1, hidden=hidden, maps=maps, steps=steps)
        above(0, likelihood_weight=likelihood_weight, learning_rate=learning_rate, last_rate=last_rate)
        self.shape, self.entities, self.entity_dim = image_shape(shape), entities, entity_dim
        self.grid, self.likelihood_weight = grid, likelihood_weight
        self.learning_rate, self.last_rate, self.steps = learning_rate, last_rate, steps
        self.encoder = SceneEncoder(self.shape, 2 * entity_dim, width, grid)
        self.g = object_decoder(self.shape, self.vector_dim, hidden, maps)
        self.h = renderer(self.shape[2], width, maps)
        self.g.apply(he_initialise)
        self.h.apply(he_initialise)
        # Images come in this order; on CPUs a step takes 0.6 of the time.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.updates: Tensor
        self.smoothed: Tensor
        self.curve: Tensor
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.register_buffer("smoothed", torch.zeros(()))
        self.register_buffer("curve", torch.full((POINTS,), torch.nan))

    @property
    def vector_dim(self) -> int:
        """Dimension of each vector that g decodes."""
        return self.entity_dim

    @abstractmethod
    def entities_of(self, images: Images) -> Entities:
        """Return the posterior of the vectors that are decoded, of uint8 images (n, h, w, c)."""

    @abstractmethod
    def _bound(self, images: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return samples (n, k, d), the KL that is paid (n,), and scalars to log, of images (n, c, h, w)."""

    def encode(self, images: Images) -> Tensor:
        """Return codes (n, entities × entity_dim) of uint8 images (n, h, w, c): means, by falling KL."""
        return self.entities_of(images).mean.flatten(1)

    def decode(self, codes: Tensor) -> Tensor:
        """Decode codes as `encode` returns them: images, float (n, h, w, c) in [0, 1]."""
        return self.decode_entities(codes.reshape(len(codes), -1, self.vector_dim))

    def decode_entities(self, z: Tensor) -> Tensor:
        """Decode any number of vectors, (n, k, d): images, float (n, h, w, c) in [0, 1]."""
        return self._logits(z).sigmoid().movedim(1, -1)

    @torch.no_grad()
    def without_each(self, z: Tensor) -> Tensor:
        """Decode vectors (n, k, d) without each of them in turn: images, float (n, k, h, w, c).

        Raises:
            ValueError: a single vector, without which there is nothing to decode.
        """
        if z.shape[1] < 2:
            raise ValueError(f"z must have at least two vectors for each image, not {z.shape[1]}")
        maps = self._maps(z)
        others = [_pooled(maps[:, [i for i in range(z.shape[1]) if i != k]]) for k in range(z.shape[1])]
        return torch.stack([self.h(each).sigmoid().movedim(1, -1) for each in others], 1)

    @torch.no_grad()
    def added(self, z: Tensor) -> Tensor:
        """Return how much of what is drawn for each vector no vector before it draws.

        Args:
            z: (n, k, d).

        Returns:
            (n, k) in [0, 1]: the share of g's maps above those before, 0 where there is nothing.
        """
        maps = self._maps(z).clamp(min=0)
        before = torch.cat([torch.zeros_like(maps[:, :1]), maps.cummax(1).values[:, :-1]], 1)
        new = (maps - before).clamp(min=0).flatten(2).sum(2)
        return new / maps.flatten(2).sum(2).clamp(min=torch.finfo(maps.dtype).tiny)

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step on a batch's images.

        Args:
            batch: `observation`, uint8 (n, h, w, c).

        Returns:
            Means over the batch, in nats: `reconstruction`, -log p(x | z); `kl`, the KL that is paid; and the
            scalars of the subclass.
        """
        images = self._tensor(batch["observation"])
        optimizer = self.optimizers["adam"]
        anneal(optimizer, int(self.updates), self.steps, self.learning_rate, self.last_rate)
        z, kl, terms = self._bound(images)
        reconstruction = self.likelihood_weight * bernoulli(self._logits(z), images).mean()
        loss = reconstruction + kl.mean()
        descend(loss, optimizer)
        self._note(loss.detach())
        terms = {"reconstruction": reconstruction, "kl": kl.mean(), **terms}
        return {name: term.detach() for name, term in terms.items()}

    def negative_bound(self, images: Images) -> Tensor:
        """Return -log p(x | z) and the KL that is paid, by one sample of z, in nats: (2, n)."""
        pixels = self._tensor(images)
        z, kl, _ = self._bound(pixels)
        return torch.stack([self.likelihood_weight * bernoulli(self._logits(z), pixels), kl])

    def _maps(self, z: Tensor) -> Tensor:
        maps: Tensor = self.g(z.flatten(0, 1))
        return maps.reshape(*z.shape[:2], *maps.shape[1:])

    def _logits(self, z: Tensor) -> Tensor:
        logits: Tensor = self.h(_pooled(self._maps(z)))
        return logits

    def _moments(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and log variances of all candidates, (n, grid², entity_dim) each."""
        mean, log_variance = self.encoder(images).flatten(2).movedim(1, 2).chunk(2, 2)
        return mean, log_variance

    def _note(self, loss: Tensor) -> None:
        """Add the loss to the moving average, and that to the training curve where it has a point."""
        self.smoothed.copy_(torch.where(self.updates > 0, self.smoothed.lerp(loss, 1 - MEMORY), loss))
        self.updates += 1
        self.curve[min(int(self.updates) * POINTS // self.steps, POINTS - 1)] = self.smoothed

    def _tensor(self, images: Images) -> Tensor:
        return image_tensor(images, self.updates.device, self.shape)


def _pooled(maps: Tensor) -> Tensor:
    """Return the maximum over objects' maps (n, k, c, h, w) and an empty one, which is 0."""
    return maps.amax(1).clamp(min=0)


def kl_of(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, variance) || N(0, I)) in nats, summed over the last axis."""
    return gaussian_kl(mean, log_variance).sum(-1)
