"""What is measured of each model, besides its counting (sections 4.1 and 4.2)."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from unknot.agents.intervals import as_digits
from unknot.experiments.common.seeds import seeded
from unknot.experiments.multi_entity_vae.counting import blobs, count_by_threshold, sample
from unknot.experiments.multi_entity_vae.reading import (
    Factors,
    Floats,
    Images,
    Reading,
    batches,
    decode,
    read,
)
from unknot.models.data.scenes import Scenes
from unknot.models.image.networks import gaussian_kl
from unknot.models.objects.entity import EntityAutoencoder
from unknot.models.objects.multi_entity import MultiEntityVAE
from unknot.models.objects.slot_attention import SlotAttention
from unknot.models.objects.whole_scene import SceneVAE
from unknot.representation import Learner
from unknot.representation.metrics import dci, mig
from unknot.representation.metrics.objects import (
    exchange_right,
    foreground_ari,
    match_slots,
    pixel_labels,
)

if TYPE_CHECKING:
    from unknot.experiments.multi_entity_vae import Settings

MEASURED = 3
"""Which scenes: see `counting.CHOOSE`."""
MATCHED = 0.3
"""IoU above which a slot is an object's."""
NOTICED, SILENT = 0.05, 0.01
"""Surplus vectors are silent if fewer than 1% of the pixels change by more than 0.05."""
TRAVERSED = 100
"""Scenes whose codes are traversed."""
REACH = np.linspace(-2.25, 2.25, 5)
"""Values that a dimension takes, over the paper's range."""
TOUCHED = 0.05
"""Mean change of a sprite's pixels from which on a traversal has changed the sprite."""
DIMENSIONS = 12
"""Dimensions that are traversed: those of one entity, or as many of the plain VAE's with the most KL."""


def measure(learner: Learner, source: Scenes, settings: "Settings", share: int = 1) -> dict[str, Any]:
    """Measure a model of scenes on one `share`-th of the settings' scenes.

    Returns:
        `error`, of a reconstructed pixel's channel; `bound`, where the model has one; where it has objects
        `counting`, `weighed` (see `information`), `ari`, `exchange`, `sequence` and `within`; `touched`,
        where codes can be traversed. See the functions of these names.
    """
    factors = sample(source, max(settings.samples // share, 2 * DIMENSIONS), MEASURED)
    measured: dict[str, Any] = {"error": reconstruction_error(learner, source, factors)}
    if isinstance(learner, EntityAutoencoder):
        measured["bound"] = bound(learner, source, factors)
        measured["curve"] = [round(x, 2) for x in learner.curve[~learner.curve.isnan()].tolist()]
        measured["touched"] = touched(learner, source, factors)
    if isinstance(learner, MultiEntityVAE | SlotAttention):
        measured["counting"] = count_by_threshold(learner, source, settings, share)
        if isinstance(learner, MultiEntityVAE):
            measured["weighed"] = count_by_threshold(learner, source, settings, share, weighed=True)
        measured |= _of_objects(learner, source, factors)
    return measured


def _of_objects(learner: Learner, source: Scenes, factors: Factors) -> dict[str, Any]:
    ari, exchanged, silent, pairs = [], [], [], []
    for some, images in batches(source, factors):
        reading, masks = read(learner, images), source.masks(some)
        ari.append(foreground_ari(pixel_labels(reading.shares), masks))
        owners = match_slots(reading.support, masks, MATCHED)
        exchanged.append(exchange(learner, reading, owners, source, some, images)[0])
        pairs.append(_pairs(reading, owners, some))
        if isinstance(learner, MultiEntityVAE):
            silent.append(sequence(learner, reading, some["present"].sum(1)))
    found = {"ari": mean_of(np.concatenate(ari)), "exchange": outcomes(np.concatenate(exchanged))}
    found["sequence"] = outcomes(np.concatenate(silent)) if silent else None
    codes, table = (np.concatenate(each) for each in zip(*pairs, strict=True))
    return {**found, "within": within_objects(codes, table)}


def outcomes(right: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the share of what is right, and each outcome."""
    return {"rate": float(right.mean()) if len(right) else 0.0, "outcomes": as_digits(right)}


def mean_of(scores: NDArray[np.float64]) -> float:
    """Return the mean of the scores that are defined, 0 if none is."""
    defined = scores[~np.isnan(scores)]
    return float(defined.mean()) if len(defined) else 0.0


def blobs_ari(source: Scenes, settings: "Settings", share: int = 1) -> float:
    """Return the foreground ARI of connected parts."""
    factors = sample(source, max(settings.samples // share, 2 * DIMENSIONS), MEASURED)
    scores = [
        foreground_ari(np.stack([blobs(image)[0] for image in images]), source.masks(some))
        for some, images in batches(source, factors)
    ]
    return mean_of(np.concatenate(scores))


# Reconstructions and the bound


@torch.no_grad()
def reconstruction_error(learner: Any, source: Scenes, factors: Factors) -> float:
    """Return the mean squared error of images decoded from their codes."""
    errors = [
        (learner.decode(learner.encode(images)) - torch.from_numpy(images) / 255).square().mean((1, 2, 3))
        for _, images in batches(source, factors)
    ]
    return float(torch.cat(errors).mean())


@torch.no_grad()
def bound(learner: EntityAutoencoder, source: Scenes, factors: Factors) -> dict[str, float]:
    """Return the parts of the negative bound in nats.

    `missing`: -log p(x | z) less the least it can be, which is the entropy of grey pixels. `kl`: of the
    vectors that are decoded. `others`: of the candidates that are not, 0 where there are none.
    """
    missing, kl, others = [], [], []
    with seeded(0):
        for _, images in batches(source, factors):
            target = torch.from_numpy(images).movedim(-1, 1).double() / 255
            grey = -torch.special.entr(target) - torch.special.entr(1 - target)
            found = learner.entities_of(images)
            missing.append(
                learner.negative_bound(images)[0] + learner.likelihood_weight * grey.sum((1, 2, 3))
            )
            kl.append(found.kl.sum(1))
            others.append(found.kl_map.sum((1, 2)) - found.kl.sum(1))
    return {
        name: float(torch.cat(each).mean())
        for name, each in {"missing": missing, "kl": kl, "others": others}.items()
    }


# Between objects


def exchange(
    learner: Learner,
    reading: Reading,
    owners: NDArray[np.int64],
    source: Scenes,
    factors: Factors,
    images: Images,
) -> tuple[NDArray[np.bool_], Floats, Images]:
    """Exchange the vectors that tell most between scenes 0 and 1, 2 and 3, ... (section 4.1).

    Args:
        learner: with objects.
        reading: of the scenes.
        owners: the slot of each sprite, (n, objects), as `match_slots` returns them.
        source: of the scenes.
        factors: of the scenes.
        images: the scenes, (n, h, w, c).

    Returns:
        For the scenes in which both of a pair have a sprite: whether the decoded scene is the re-rendered one
        (`exchange_right`; never if the vector is no sprite's). For all pairs, decoded and re-rendered scenes.
    """
    n = len(images) // 2 * 2
    other = np.arange(n) ^ 1
    vectors = reading.vectors[:n].clone()
    vectors[:, 0] = reading.vectors[other, 0]
    decoded, before = decode(learner, vectors), decode(learner, reading.vectors[:n])
    moved = owners[:n] == 0
    sprite = moved.argmax(1)
    rows = np.arange(n)
    swapped = {name: each[:n].copy() for name, each in factors.items()}
    for name, each in swapped.items():
        each[rows, sprite] = factors[name][other, sprite[other]]
    true = source.render_factors(swapped)
    right = exchange_right(decoded, before, true / 255, images[:n] / 255)
    known = moved.any(1) & moved.any(1)[other]
    some = factors["present"][:n].any(1)
    return (right & known)[some & some[other]], decoded, true


def sequence(learner: MultiEntityVAE, reading: Reading, counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say of each scene with sprites whether as many vectors as sprites paint it, and the rest nothing.

    Each of the first vectors must visibly paint some pixel, and all others together change fewer than 1% of
    the pixels by more than 0.05 (section 4.1, sequential decoding).

    Args:
        learner: decodes.
        reading: of the scenes, n.
        counts: sprites of each scene, (n,).

    Returns:
        (m,), of the m scenes that have sprites.
    """
    whole = decode(learner, reading.vectors)
    paints = reading.support.any((2, 3))
    right = np.zeros(len(counts), np.bool_)
    for count in np.unique(counts[counts > 0]):
        rows = np.flatnonzero(counts == count)
        first = decode(learner, reading.vectors[rows, :count])
        noticed = np.abs(first - whole[rows]).max(-1) > NOTICED
        right[rows] = paints[rows, :count].all(1) & (noticed.mean((1, 2)) < SILENT)
    return right[counts > 0]


# Within objects


def _pairs(reading: Reading, owners: NDArray[np.int64], factors: Factors) -> tuple[Floats, Floats]:
    """Return the vectors of matched slots (m, d) and the factors of their sprites (m, 8)."""
    rows, sprites = np.nonzero(owners >= 0)
    vectors: Floats = reading.vectors[rows, owners[rows, sprites]].numpy(force=True)
    columns = [factors[name][rows, sprites] for name in ("shape", "scale", "orientation", "x", "y", "colour")]
    return vectors, np.column_stack(columns)


def within_objects(codes: Floats, factors: Floats) -> dict[str, Any] | None:
    """Return MIG and DCI's disentanglement of objects' vectors against their factors, None if none varies."""
    if len(codes) < 2 * DIMENSIONS or (np.ptp(factors, 0) == 0).any() or (np.ptp(codes, 0) == 0).all():
        return None
    kinds = np.arange(factors.shape[1]) == 0  # the shape
    kept = codes[:2000].astype(np.float64), factors[:2000].astype(np.float64), kinds
    return {
        "pairs": len(codes),
        "mig": float(mig(*kept).value),
        "disentanglement": float(dci(*kept).parts["disentanglement"]),
    }


@torch.no_grad()
def touched(learner: EntityAutoencoder, source: Scenes, factors: Factors) -> float | None:
    """Return how many sprites a traversal of one dimension changes, among traversals that change any.

    In scenes of at least two sprites that have pixels of their own; of the multi-entity VAE the vector that
    tells most is traversed, of the plain VAE the dimensions with the most KL.
    """
    masks = source.masks(factors)
    own = masks & (masks.sum(1, keepdims=True) == 1)
    rows = np.flatnonzero(own.any((2, 3)).sum(1) >= 2)[:TRAVERSED]
    if not len(rows):
        return None
    images = source.render_factors({name: each[rows] for name, each in factors.items()})
    mean = learner.entities_of(images).mean
    pixels = torch.from_numpy(own[rows]).float()
    area = pixels.sum((2, 3)).clamp(min=1)
    before, counts = learner.decode_entities(mean), []
    for dim in traversed_dimensions(learner, images):
        change = torch.zeros(len(rows), pixels.shape[1])
        for value in REACH:
            z = mean.clone()
            z[:, 0, dim] = value
            difference = (learner.decode_entities(z) - before).abs().amax(-1)
            change = change.maximum((difference[:, None] * pixels).sum((2, 3)) / area)
        counts.append((change > TOUCHED).sum(1))
    every = torch.stack(counts)
    return float(every[every > 0].float().mean()) if every.any() else None


def traversed_dimensions(learner: EntityAutoencoder, images: Images) -> list[int]:
    """Return the dimensions to traverse, those with the most KL first."""
    found = learner.entities_of(images)
    kl = gaussian_kl(found.mean, found.log_variance)[:, 0].mean(0)
    most = DIMENSIONS if isinstance(learner, SceneVAE) else len(kl)
    dimensions: list[int] = kl.argsort(descending=True)[:most].tolist()
    return dimensions
