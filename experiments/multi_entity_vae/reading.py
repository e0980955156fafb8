"""What models say of scenes, in one form for vectors of entities and for slots."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.models.data.scenes import Scenes
from unknot.models.objects.multi_entity import MultiEntityVAE
from unknot.models.objects.slot_attention import SlotAttention
from unknot.representation import Learner

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]
Factors = Mapping[str, NDArray[Any]]

BATCH = 200
"""Scenes at a time."""
VISIBLE = 0.1
"""How much a slot must change a pixel to stand for it, of 1."""


@dataclass(frozen=True)
class Reading:
    """What a model says of n scenes; slots are in order of what they tell, the most first."""

    vectors: Tensor
    """(n, slots, d)."""
    shares: Floats
    """Of each pixel, which slot has most of it: (n, slots, h, w)."""
    support: NDArray[np.bool_]
    """Which pixels each slot visibly paints, (n, slots, h, w)."""


def parts(factors: Factors) -> Iterator[Factors]:
    """Yield factors, some scenes at a time."""
    for start in range(0, len(factors["present"]), BATCH):
        yield {name: each[start : start + BATCH] for name, each in factors.items()}


def batches(source: Scenes, factors: Factors) -> Iterator[tuple[Factors, Images]]:
    """Yield factors and their images, some scenes at a time."""
    for some in parts(factors):
        yield some, source.render_factors(some)


@torch.no_grad()
def information(learner: Learner, images: Images, *, weighed: bool = False) -> Floats:
    """Return what tells how many objects there are, (n, candidates).

    Of a multi-entity VAE the KL in nats of the candidates that are decoded, if `weighed` times what each adds
    to those before it (`EntityAutoencoder.added`); of Slot Attention the light that each slot contributes, in
    pixels of full brightness.
    """
    if isinstance(learner, SlotAttention):
        light: Floats = _light(learner, learner.slots_of(images))[1].sum((2, 3))
        return light
    assert isinstance(learner, MultiEntityVAE)
    entities = learner.entities_of(images)
    kl = entities.kl * learner.added(entities.mean) if weighed else entities.kl
    told: Floats = kl.numpy(force=True)
    return told


@torch.no_grad()
def read(learner: Learner, images: Images) -> Reading:
    """Return what a model says of scenes, uint8 (n, h, w, c)."""
    if isinstance(learner, SlotAttention):
        slots = learner.slots_of(images)
        masks, light = _light(learner, slots)
        order = np.argsort(-light.sum((2, 3)), 1, kind="stable")
        rows = np.arange(len(order))[:, None]
        return Reading(slots[rows, order], masks[rows, order], light[rows, order] > VISIBLE)
    assert isinstance(learner, MultiEntityVAE)
    vectors = learner.entities_of(images).mean
    whole = learner.decode_entities(vectors)[:, None]
    change = (learner.without_each(vectors) - whole).abs().amax(-1).numpy(force=True)
    return Reading(vectors, change, change > VISIBLE)


@torch.no_grad()
def decode(learner: Learner, vectors: Tensor) -> Floats:
    """Decode vectors (n, k, d): images, float (n, h, w, c) in [0, 1]."""
    if isinstance(learner, SlotAttention):
        decoded: Floats = learner.decode_slots(vectors).numpy(force=True)
    else:
        assert isinstance(learner, MultiEntityVAE)
        decoded = learner.decode_entities(vectors).numpy(force=True)
    return decoded


def _light(learner: SlotAttention, slots: Tensor) -> tuple[Floats, Floats]:
    """Return each slot's mask, and the brightest channel of what it adds to the image: (n, slots, h, w)."""
    parts = learner.parts(slots)
    light = parts.masks * parts.images.clamp(0, 1).amax(2)
    return parts.masks.numpy(force=True), light.numpy(force=True)
