"""The modes of a density of points, such as the changes of a code that actions make."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import above, within
from unknot.representation.metrics.score import table_of

__all__ = ["find_modes", "kernel_width"]

Floats = NDArray[np.floating[Any]]

BANDWIDTH = 0.25
"""Of the kernel density, as a share of the points' root mean square length."""
SMALLEST_SHARE = 0.05
"""Share of the points below which a peak of their density is not a mode."""


def find_modes(
    points: Floats, bandwidth: float = BANDWIDTH, share: float = SMALLEST_SHARE
) -> NDArray[np.int64]:
    """Return, for each of n points, the mode of their kernel density that it climbs to (mean shift).

    Args:
        points: (n, d).
        bandwidth: of the Gaussian kernel, as a share of their root mean square length.
        share: of all points, below which a peak is not a mode.

    Returns:
        (n,): modes counted from 0, the largest first; -1 for a point that climbs to none.

    Raises:
        ValueError: no points, numbers that are not finite, or an argument out of range.
    """
    above(0, bandwidth=bandwidth)
    within(0, 1, share=share)
    points = table_of("points", points)
    if points.ndim != 2 or not points.size:
        raise ValueError(f"points must have the shape (n, d), with at least one, not {points.shape}")
    width = kernel_width(points, bandwidth)
    peaks = points.copy()
    for _ in range(50):
        weights = np.exp(-np.square(peaks[:, None] - points).sum(-1) / (2 * width**2))
        peaks = weights @ points / weights.sum(1, keepdims=True)
    labels = np.full(len(points), -1)
    for peak in peaks:
        near = (np.linalg.norm(peaks - peak, axis=1) < width) & (labels < 0)
        labels[near] = labels.max() + 1
    sizes = np.bincount(labels)
    order = [mode for mode in np.argsort(-sizes, kind="stable") if sizes[mode] >= share * len(points)]
    ranks = np.full(len(sizes), -1)
    ranks[order] = np.arange(len(order))
    result: NDArray[np.int64] = ranks[labels]
    return result


def kernel_width(points: Floats, bandwidth: float = BANDWIDTH) -> float:
    """Return the width of the Gaussian kernel of a density of points (n, d); 1 if all are 0."""
    return float(bandwidth * np.sqrt(np.square(points).sum(1).mean())) or 1.0
