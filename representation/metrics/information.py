"""Entropy and mutual information of binned values, in nats, by counting."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import count

__all__ = ["binned", "entropies", "most_values", "mutual_information"]

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]


def binned(table: Floats, bins: int, categorical: NDArray[np.bool_] | None = None) -> Labels:
    """Sort each column of a table into bins.

    A categorical column, or one with at most `bins` values, has a bin for each value; others have `bins` of
    equal width from their least to their greatest value.

    Args:
        table: (n, columns).
        bins: number of bins, at least 2.
        categorical: (columns,), whether each is; None: none is.

    Returns:
        Labels from 0, (n, columns).

    Raises:
        ValueError: `bins` below 2.
    """
    count(2, bins=bins)
    by_value = np.zeros(table.shape[1], np.bool_) if categorical is None else categorical
    columns = [_binned(column, bins, own) for column, own in zip(table.T, by_value, strict=True)]
    return np.stack(columns, axis=1)


def _binned(column: Floats, bins: int, by_value: bool) -> Labels:
    values, labels = np.unique(column, return_inverse=True)
    if by_value or len(values) <= bins:
        return labels.astype(np.intp)
    edges = np.linspace(values[0], values[-1], bins + 1)[1:-1]
    return np.digitize(column, edges)


def most_values(table: Floats) -> int:
    """Return the greatest number of different values in a column of a table; 0 without columns."""
    return max((len(np.unique(column)) for column in table.T), default=0)


def entropies(labels: Labels) -> Floats:
    """Return the entropy of each column: (n, columns) to (columns,)."""
    return np.array([_entropy(column) for column in labels.T])


def mutual_information(a: Labels, b: Labels) -> Floats:
    """Return I(a_i; b_j) = H(a_i) + H(b_j) - H(a_i, b_j), at least 0.

    Args:
        a: (n, columns of a).
        b: (n, columns of b).

    Returns:
        (columns of a, columns of b).
    """
    widths = b.max(axis=0) + 1
    joint = np.array([[_entropy(x * width + y) for y, width in zip(b.T, widths, strict=True)] for x in a.T])
    result: Floats = np.maximum(entropies(a)[:, None] + entropies(b) - joint, 0.0)
    return result


def _entropy(labels: NDArray[Any]) -> float:
    counts = np.bincount(labels)
    p = counts[counts > 0] / len(labels)
    return float(-(p * np.log(p)).sum())
