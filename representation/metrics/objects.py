"""Metrics of models of objects: which pixels belong together, how many objects, whose vector is whose.

They take arrays, of any model: masks from a data source, labels or supports from what each slot changes.
Each returns an outcome for every scene, so that means and intervals can be made of them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import finite, require, within

__all__ = [
    "best_threshold",
    "counts_above",
    "exchange_right",
    "foreground_ari",
    "match_slots",
    "pixel_labels",
]

Floats = NDArray[np.floating[Any]]
Booleans = NDArray[np.bool_]

FOREGROUND = 2
"""Sprites that a scene must show for its ARI to be defined: one cluster can only be split."""


def pixel_labels(support: Floats) -> NDArray[np.intp]:
    """Return the slot of each pixel: that with the greatest support there, (n, h, w).

    Args:
        support: of each pixel by each slot, (n, slots, h, w): its mask, or by how much the image changes if
            the slot is left out.
    """
    labels: NDArray[np.intp] = _array("support", support, 4).argmax(1)
    return labels


def foreground_ari(labels: NDArray[np.integer[Any]], masks: Booleans) -> NDArray[np.float64]:
    """Return the adjusted Rand index (Hubert and Arabie, 1985) of pixels that exactly one object covers.

    Background and overlaps don't count: whose pixels overlaps are is undefined where colours are summed.

    Args:
        labels: the cluster of each pixel, (n, h, w).
        masks: which pixels each object covers, (n, objects, h, w).

    Returns:
        (n,), at most 1 and 0 for chance; NaN where fewer than two objects have a pixel of their own.

    Raises:
        ValueError: arrays of other shapes.
    """
    require("learn", "sklearn")
    from sklearn.metrics import adjusted_rand_score

    labels, masks = _array("labels", labels, 3), _array("masks", masks, 4).astype(np.bool_)
    _same_pixels("labels", labels, masks)
    single = masks.sum(1) == 1
    scores = np.full(len(labels), np.nan)
    for row, pixels in enumerate(single):
        true = masks[row].argmax(0)[pixels]
        if len(np.unique(true)) >= FOREGROUND:
            scores[row] = adjusted_rand_score(true, labels[row][pixels])
    return scores


def counts_above(values: Floats, threshold: float) -> NDArray[np.int64]:
    """Return how many values of each scene are above a threshold, (n,), of values (n, candidates)."""
    finite(threshold=threshold)
    counts: NDArray[np.int64] = (_array("values", values, 2) > threshold).sum(1)
    return counts


def best_threshold(values: Floats, counts: NDArray[np.integer[Any]]) -> float:
    """Return the threshold above which as many values lie as there are objects, in the most scenes.

    The best of all thresholds, not of some: each scene is right on an interval, between its values of rank
    count and count + 1, and the threshold is in the middle of where most intervals meet.

    Args:
        values: such as KL in nats, (n, candidates).
        counts: true numbers of objects, (n,).

    Raises:
        ValueError: arrays of other shapes, or counts below 0.
    """
    values = -np.sort(-_array("values", values, 2).astype(np.float64), 1)
    counts = _array("counts", counts, 1)
    if len(counts) != len(values) or counts.dtype.kind not in "iu" or (counts < 0).any():
        raise ValueError(f"counts must be {len(values)} whole numbers of at least 0, not {counts!r:.100}")
    least, most = values.min() - 1, values.max() + 1
    edges = np.pad(values, ((0, 0), (1, 1)), constant_values=((0, 0), (most, least)))
    possible = counts <= values.shape[1]
    if not possible.any():
        return float(most)
    rows, right = np.flatnonzero(possible), counts[possible]
    low, high = edges[rows, right + 1], edges[rows, right]  # right from low up to, not at, high
    ends = np.concatenate([low, high])
    steps = np.concatenate([np.ones(len(low)), -np.ones(len(high))])
    points, where = np.unique(ends, return_inverse=True)
    height = np.cumsum(np.bincount(where, steps, len(points)))
    best = int(height.argmax())
    return float(points[best : best + 2].mean())


def match_slots(support: Booleans, masks: Booleans, least: float = 0.0) -> NDArray[np.int64]:
    """Return the slot of each object: one to one, so that the sum of their IoUs is greatest (Hungarian).

    Args:
        support: which pixels each slot stands for, (n, slots, h, w).
        masks: which pixels each object covers, (n, objects, h, w).
        least: IoU, above which a pair counts as matched.

    Returns:
        (n, objects), -1 for an object without pixels or without a slot.

    Raises:
        ValueError: arrays of other shapes, or a least IoU outside [0, 1].
    """
    require("learn", "scipy")
    from scipy.optimize import linear_sum_assignment

    within(0, 1, least=least)
    support, masks = _array("support", support, 4), _array("masks", masks, 4)
    _same_pixels("support", support, masks)
    slots, objects = (each.reshape(*each.shape[:2], -1).astype(np.float32) for each in (support, masks))
    both = objects @ slots.transpose(0, 2, 1)
    either = objects.sum(2)[:, :, None] + slots.sum(2)[:, None] - both
    iou = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    matched = np.full(iou.shape[:2], -1)
    for row, each in enumerate(iou):
        objects_of, slots_of = linear_sum_assignment(each, maximize=True)
        good = each[objects_of, slots_of] > least
        matched[row, objects_of[good]] = slots_of[good]
    return matched


def exchange_right(
    decoded: Floats,
    reconstructed: Floats,
    true: Floats,
    before: Floats,
    *,
    change: float = 0.1,
    iou: float = 0.7,
    error: float = 0.2,
) -> Booleans:
    """Say of each scene whether an exchange of objects changed what it should, to what it should.

    Two things must hold. Where decoding changed (the exchanged scene against the reconstruction) and where
    the truth changes (the re-rendered scene against the scene) have a large intersection over union: the
    objects left, came, are of the right place and size, and nothing else changed. And on the pixels where the
    truth changes, the decoded scene has the re-rendered one's colours.

    Args:
        decoded: with the vectors of objects exchanged, in [0, 1], (n, h, w, c).
        reconstructed: decoded before the exchange, alike.
        true: re-rendered with the factors of the objects exchanged, alike.
        before: the scenes, alike.
        change: difference of a channel above which a pixel changed.
        iou: least intersection over union.
        error: greatest root mean squared error of the colours.

    Returns:
        (n,), bool. A scene that should not change is right if no pixel did.

    Raises:
        ValueError: arrays of other shapes, or bounds outside [0, 1].
    """
    within(0, 1, change=change, iou=iou, error=error)
    given = {"decoded": decoded, "reconstructed": reconstructed, "true": true, "before": before}
    images = {name: _array(name, each, 4) for name, each in given.items()}
    for name, each in images.items():
        if each.shape != images["true"].shape:
            raise ValueError(f"{name} must be of shape {images['true'].shape}, not {each.shape}")
    ours = np.abs(images["decoded"] - images["reconstructed"]).max(-1) > change
    wanted = np.abs(images["true"] - images["before"]).max(-1) > change
    either = (ours | wanted).sum((1, 2))
    overlap = np.divide((ours & wanted).sum((1, 2)), either, out=np.ones(len(ours)), where=either > 0)
    squares = np.square(images["decoded"] - images["true"]).mean(-1) * wanted
    colours = np.sqrt(squares.sum((1, 2)) / np.maximum(wanted.sum((1, 2)), 1))
    right: Booleans = (overlap >= iou) & (colours <= error)
    return right


def _array(name: str, values: Any, axes: int) -> NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf" or array.ndim != axes or not array.size:
        raise ValueError(
            f"{name} must be an array of numbers with {axes} axes, not of {array.dtype} {array.shape}"
        )
    return array


def _same_pixels(name: str, array: NDArray[Any], masks: NDArray[Any]) -> None:
    if (len(array), *array.shape[-2:]) != (len(masks), *masks.shape[-2:]):
        raise ValueError(f"{name} must be of the scenes and pixels of masks {masks.shape}, not {array.shape}")
