"""Slot Attention: what a user may take today to find objects, in a small size."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unknot.checks import above, count
from unknot.models.image.networks import he_initialise
from unknot.models.objects.networks import coordinates
from unknot.representation.learner import Learner, anneal, descend, image_tensor
from unknot.representation.networks import image_shape

__all__ = ["SlotAttention", "SlotParts"]

Images = NDArray[np.uint8] | Tensor

EPSILON = 1e-8
WARM_UP = 0.05
"""Share of the updates over which the rate rises."""
START = 8
"""Side in cells of the maps that a slot is broadcast to; smaller if the image is."""


class SlotParts(NamedTuple):
    """What slots decode to."""

    images: Tensor
    """Each slot's own, float (n, slots, c, h, w); not clamped."""
    masks: Tensor
    """Shares of each pixel, (n, slots, h, w), that sum to 1 over the slots."""


class SlotAttention(Learner):
    """Locatello et al., "Object-centric learning with slot attention", 2020, for small images.

    Slots, sampled from a learnt Gaussian, compete by attention for the cells of an encoder's map, three
    times, and each is updated by a GRU with what it won. A spatial broadcast decoder makes an image and a
    mask of each; the masks' softmax blends the images. The loss is the squared error. It is smaller than
    published: convolutions have `width` channels, and the encoder halves the image.

    The random starts of the slots are fixed when it encodes, so that codes depend on images alone.

    Args:
        shape: (height, width, channels) of the images; a square whose side is a power of 2 from 16.
        slots: their number; one more than objects, for the background.
        slot_dim: dimension of a slot.
        width: channels of the convolutions.
        iterations: rounds of attention.
        learning_rate: Adam's, reached after 5% of `steps`.
        last_rate: after the last of `steps`.
        steps: updates over which the rate rises and falls.

    Raises:
        ValueError: an argument out of range.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, int, int] = (64, 64, 3),
        slots: int = 5,
        slot_dim: int = 32,
        width: int = 32,
        iterations: int = 3,
        learning_rate: float = 1e-3,
        last_rate: float = 1e-5,
        steps: int = 100_000,
    ) -> None:
        super().__init__()
        count(2, slots=slots)
        count(1, slot_dim=slot_dim, width=width, iterations=iterations, steps=steps)
        above(0, learning_rate=learning_rate, last_rate=last_rate)
        self.shape = image_shape(shape)
        side, across, channels = self.shape
        if side != across or side < 16 or side & (side - 1):
            raise ValueError(f"shape must have one height and width, a power of 2 from 16, not {shape}")
        self.slots, self.slot_dim, self.iterations = slots, slot_dim, iterations
        self.learning_rate, self.last_rate, self.steps = learning_rate, last_rate, steps
        self.encoder = _Encoder(side, channels, width, slot_dim)
        self.attention = _Attention(slot_dim)
        self.decoder = _Decoder(side, channels, width, slot_dim)
        self.updates: Tensor
        self.starts: Tensor
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.register_buffer("starts", torch.randn(1, slots, slot_dim))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), learning_rate, fused=True)}

    def slots_of(self, images: Images) -> Tensor:
        """Return slots (n, slots, slot_dim) of uint8 images (n, h, w, c)."""
        pixels = self._tensor(images)
        return self._slots(pixels, self.starts.expand(len(pixels), -1, -1))

    def encode(self, images: Images) -> Tensor:
        """Return codes (n, slots × slot_dim) of uint8 images (n, h, w, c)."""
        return self.slots_of(images).flatten(1)

    def decode(self, codes: Tensor) -> Tensor:
        """Decode codes as `encode` returns them: images, float (n, h, w, c) in [0, 1]."""
        return self.decode_slots(codes.reshape(len(codes), -1, self.slot_dim))

    def decode_slots(self, slots: Tensor) -> Tensor:
        """Decode any number of slots, (n, k, slot_dim): images, float (n, h, w, c) in [0, 1]."""
        return _blended(self.parts(slots)).clamp(0, 1).movedim(1, -1)

    def parts(self, slots: Tensor) -> SlotParts:
        """Return the image and the mask of each slot, of slots (n, k, slot_dim)."""
        decoded: Tensor = self.decoder(slots.flatten(0, 1))
        decoded = decoded.reshape(*slots.shape[:2], *decoded.shape[1:])
        return SlotParts(decoded[:, :, :-1], decoded[:, :, -1].softmax(1))

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step on a batch's images.

        Args:
            batch: `observation`, uint8 (n, h, w, c).

        Returns:
            `error`, the mean squared error of a pixel's channel.
        """
        images, done = self._tensor(batch["observation"]), int(self.updates)
        optimizer = self.optimizers["adam"]
        anneal(optimizer, done, self.steps, self.learning_rate, self.last_rate)
        for group in optimizer.param_groups:
            group["lr"] *= min((done + 1) / (WARM_UP * self.steps), 1.0)
        starts = torch.randn(len(images), self.slots, self.slot_dim, device=images.device)
        error = (_blended(self.parts(self._slots(images, starts))) - images).square().mean()
        descend(error, optimizer)
        self.updates += 1
        return {"error": error.detach()}

    def _slots(self, images: Tensor, starts: Tensor) -> Tensor:
        slots: Tensor = self.attention(self.encoder(images), starts, self.iterations)
        return slots

    def _tensor(self, images: Images) -> Tensor:
        return image_tensor(images, self.starts.device, self.shape)


def _blended(parts: SlotParts) -> Tensor:
    return (parts.images * parts.masks[:, :, None]).sum(1)


class _Encoder(nn.Module):
    """Features of each cell of a map of half the image's side, which tell the cell's place."""

    def __init__(self, side: int, channels: int, width: int, features: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, width, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, width, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, width, 5, padding=2),
            nn.ReLU(),
        )
        self.place = nn.Conv2d(2, width, 1)
        self.dense = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, features)
        )
        self.places: Tensor
        self.register_buffer("places", coordinates(side // 2), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, cells, features) of images (n, c, h, w)."""
        maps = self.convolutions(images) + self.place(self.places)
        features: Tensor = self.dense(maps.flatten(2).movedim(1, 2))
        return features


class _Attention(nn.Module):
    """Algorithm 1 of the paper."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.randn(size) / math.sqrt(size))
        self.log_std = nn.Parameter(torch.zeros(size))
        self.normal_inputs, self.normal_slots, self.normal_last = (nn.LayerNorm(size) for _ in range(3))
        self.key, self.value, self.query = (nn.Linear(size, size, bias=False) for _ in range(3))
        self.gru = nn.GRUCell(size, size)
        self.dense = nn.Sequential(nn.Linear(size, 2 * size), nn.ReLU(), nn.Linear(2 * size, size))

    def forward(self, inputs: Tensor, starts: Tensor, iterations: int) -> Tensor:
        """Return slots (n, k, size) of inputs (n, cells, size), from noise (n, k, size)."""
        inputs = self.normal_inputs(inputs)
        keys, values = self.key(inputs) / math.sqrt(inputs.shape[-1]), self.value(inputs)
        slots = self.mean + self.log_std.exp() * starts
        for _ in range(iterations):
            shares = (self.query(self.normal_slots(slots)) @ keys.mT).softmax(1) + EPSILON  # slots compete
            won = (shares / shares.sum(2, keepdim=True)) @ values
            slots = self.gru(won.flatten(0, 1), slots.flatten(0, 1)).view_as(slots)
            slots = slots + self.dense(self.normal_last(slots))
        return slots


class _Decoder(nn.Module):
    """A spatial broadcast decoder (Watters et al., 2019): an image and a mask's logits from a slot."""

    def __init__(self, side: int, channels: int, width: int, size: int) -> None:
        super().__init__()
        start = min(START, side // 2)
        self.place = nn.Conv2d(2, size, 1)
        layers: list[nn.Module] = []
        for step in range(round(math.log2(side / start))):
            before = width if step else size
            layers += [nn.ConvTranspose2d(before, width, 4, stride=2, padding=1), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, channels + 1, 3, padding=1))
        self.layers.apply(he_initialise)
        self.places: Tensor
        self.register_buffer("places", coordinates(start), persistent=False)

    def forward(self, slots: Tensor) -> Tensor:
        """Return (m, c + 1, h, w) of slots (m, size)."""
        decoded: Tensor = self.layers(slots[:, :, None, None] + self.place(self.places))
        return decoded
