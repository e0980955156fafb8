"""How well single dimensions distinguish attributes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from unknot.checks import within
from unknot.representation.metrics.score import Score, bootstrap, checked, generator, kinds_of

__all__ = ["attribute_auc"]

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]


def attribute_auc(
    codes: Floats,
    factors: Floats,
    categorical: NDArray[np.bool_] | None = None,
    *,
    seed: int = 0,
    threshold: float = 0.95,
) -> Score:
    """Measure the share of attribute values that a single dimension separates from the others.

    Ridgeway and Mozer, "Learning deep disentangled embeddings with the F-statistic loss", 2018, section 3:
    for each value of an attribute, the area under the ROC curve of the most predictive dimension, read upward
    or downward, for this value against the attribute's others; of an attribute with two values one counts.

    An ordered factor (the paper has none) counts as one attribute: above the middle of its range.

    Args:
        codes: (n, dimensions).
        factors: (n, factors).
        categorical: (factors,), whether its numbers have no order; None: all factors are ordered.
        seed: of the resamples.
        threshold: that an area must exceed.

    Returns:
        The share of areas above the threshold. Parts, for each attribute value: `areas` of the best
        dimension, `dimensions`, its index, `attributes`, (factor column, value), with value None for "above
        the middle"; and `mean_area`.

    Raises:
        ValueError: shapes, numbers that are not finite, or a constant factor.
    """
    within(0, 1, threshold=threshold)
    codes, factors = checked(codes, factors)
    attributes, masks = _attributes(factors, kinds_of(categorical, factors))
    each = areas(codes, masks)
    best = each.max(axis=0)
    value = float((best > threshold).mean())
    interval = bootstrap(
        lambda rows: float((areas(codes[rows], masks[rows]).max(axis=0) > threshold).mean()),
        value,
        len(codes),
        generator(seed),
    )
    parts: dict[str, Any] = {
        "areas": best,
        "dimensions": each.argmax(axis=0),
        "attributes": attributes,
        "mean_area": float(best.mean()),
    }
    return Score(value, interval, parts, {"threshold": threshold, "ordered factors": "above the middle"})


def areas(codes: Floats, masks: Masks) -> Floats:
    """Return max(AUC, 1 - AUC) of each dimension for each mask: (dimensions, masks), 0.5 for an empty one."""
    inside = masks.sum(axis=0)
    outside = len(masks) - inside
    ranks = rankdata(codes, axis=0).T @ masks
    pairs = np.maximum(inside * outside, 1)
    auc = np.where(inside * outside > 0, (ranks - inside * (inside + 1) / 2) / pairs, 0.5)
    result: Floats = np.maximum(auc, 1 - auc)
    return result


def _attributes(factors: Floats, kinds: Masks) -> tuple[list[tuple[int, float | None]], Masks]:
    names: list[tuple[int, float | None]] = []
    masks = []
    for j, (column, kind) in enumerate(zip(factors.T, kinds, strict=True)):
        if not kind:
            names.append((j, None))
            masks.append(column > (column.min() + column.max()) / 2)
            continue
        values = np.unique(column)
        for value in values[: 1 if len(values) == 2 else None]:
            names.append((j, float(value)))
            masks.append(column == value)
    return names, np.stack(masks, axis=1)
