"""Rules that count sprites without learning, and how often counts are right (section 4.3)."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from unknot.agents.intervals import as_digits
from unknot.experiments.multi_entity_vae.reading import Factors, Images, batches, information, parts
from unknot.models.data.scenes import Scenes
from unknot.representation import Learner
from unknot.representation.metrics.objects import best_threshold, counts_above

if TYPE_CHECKING:
    from unknot.experiments.multi_entity_vae import Settings

Counts = NDArray[np.int64]

CHOOSE, COUNT = 1, 2
"""Which scenes: those that a threshold is chosen on, those that are counted."""
MAJORITY, BLOBS, COLOURS = "majority", "blobs", "colours"
ROUNDING = 2
"""By how much, of 255, a colour may differ from the sum of two others and still be their overlap."""
NEIGHBOURS = np.ones((3, 3))
"""Pixels that touch at a corner are connected."""


def sample(source: Scenes, n: int, which: int) -> dict[str, NDArray[Any]]:
    """Sample factors of scenes to measure on: the same for all seeds, and in no training batch."""
    return source.sample_factors(n, np.random.default_rng([20171, which, 1]))


def count_by_threshold(
    learner: Learner, source: Scenes, settings: "Settings", share: int, *, weighed: bool = False
) -> dict[str, Any]:
    """Choose the threshold of information above which a candidate is a sprite, and count by it.

    Args:
        learner: with objects.
        source: of scenes.
        settings: how many scenes.
        share: measure on one so-manieth of them.
        weighed: see `information`.

    Returns:
        `threshold`, in the learner's own unit; `chosen`, the accuracy where it was chosen; and what
        `accuracy` returns.
    """
    found = []
    for which, n in ((CHOOSE, settings.choose), (COUNT, settings.count)):
        factors = sample(source, n // share, which)
        values = np.concatenate(
            [information(learner, images, weighed=weighed) for _, images in batches(source, factors)]
        )
        found.append((factors, values))
    (chosen, values), (counted, others) = found
    counts = chosen["present"].sum(1)
    threshold = best_threshold(values, counts)
    return {
        "threshold": threshold,
        "chosen": float((counts_above(values, threshold) == counts).mean()),
        **accuracy(counts_above(others, threshold), counted, overlapping(source, counted)),
    }


def count_by_rules(source: Scenes, settings: "Settings", share: int) -> dict[str, Any]:
    """Count by the rules, on the same scenes; return what `accuracy` returns of each, by name."""
    chosen = sample(source, settings.choose // share, CHOOSE)["present"].sum(1)
    factors = sample(source, settings.count // share, COUNT)
    usual = int(np.bincount(chosen).argmax())
    counts: dict[str, list[Counts]] = {MAJORITY: [], BLOBS: [], COLOURS: []}
    for _, images in batches(source, factors):
        counts[MAJORITY].append(np.full(len(images), usual))
        counts[BLOBS].append(np.array([blobs(image)[1] for image in images]))
        counts[COLOURS].append(np.array([colours(image) for image in images]))
    overlap = overlapping(source, factors)
    return {name: accuracy(np.concatenate(each), factors, overlap) for name, each in counts.items()}


def overlapping(source: Scenes, factors: Factors) -> NDArray[np.bool_]:
    """Return in which scenes, (n,), some pixel is covered twice."""
    return np.concatenate([(source.masks(some).sum(1) > 1).any((1, 2)) for some in parts(factors)])


def accuracy(counts: Counts, factors: Factors, overlap: NDArray[np.bool_]) -> dict[str, Any]:
    """Return how often counts are right.

    Args:
        counts: (n,).
        factors: of the scenes.
        overlap: in which of them some pixel is covered twice, (n,).

    Returns:
        `accuracy`, a share; `apart` and `overlapping`, the same where no pixel or some pixel is covered
        twice, None where there is no such scene; `outcomes`, of each scene.
    """
    right = counts == factors["present"].sum(1)

    def share(rows: NDArray[np.bool_]) -> float | None:
        return float(right[rows].mean()) if rows.any() else None

    return {
        "accuracy": float(right.mean()),
        "apart": share(~overlap),
        "overlapping": share(overlap),
        "outcomes": as_digits(right),
    }


def blobs(image: Images) -> tuple[NDArray[np.int32], int]:
    """Return the connected parts of an image (h, w, c) that aren't black: labels (h, w), and how many."""
    labels, number = ndimage.label(image.any(-1), NEIGHBOURS)
    return labels, int(number)


def colours(image: Images) -> int:
    """Count the colours of an image (h, w, 3), but for those that are the clipped sum of two others.

    Only squares of 2 × 2 equal pixels count, so that edges, where colours are mixed, don't.
    """
    corner = image[:-1, :-1]
    flat = corner.any(-1)
    for other in (image[1:, :-1], image[:-1, 1:], image[1:, 1:]):
        flat &= (corner == other).all(-1)
    found = np.unique(corner[flat], axis=0).astype(np.int64)
    first, second = np.triu_indices(len(found), 1)
    sums = np.minimum(found[first] + found[second], 255)
    alike = np.abs(found[:, None] - sums).max(-1) <= ROUNDING  # colours × pairs
    own = (np.arange(len(found))[:, None] == first) | (np.arange(len(found))[:, None] == second)
    return int((~(alike & ~own).any(1)).sum())
