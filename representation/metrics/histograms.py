"""What samples show, and how evenly, by cells of a grid of factors: whether a generator has collapsed."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unknot.checks import count
from unknot.representation.metrics.score import table_of

__all__ = ["cells_hit", "conditional_entropy", "entropy", "histogram", "histogram_distance"]

Floats = NDArray[np.float64]


def cells_hit(cells: ArrayLike, number: int) -> float:
    """Return the share of cells of a grid of factors that samples hit, in [0, 1].

    Args:
        cells: of each sample, (n,), whole numbers in [0, number); -1 for a sample in none.
        number: of cells.

    Raises:
        ValueError: other cells.
    """
    return float((histogram(cells, number) > 0).mean())


def histogram(cells: ArrayLike, number: int) -> Floats:
    """Return the share of samples in each cell, (number,); see `cells_hit`.

    Samples in no cell count, so that the sum may be less than 1.
    """
    count(1, number=number)
    values: NDArray[Any] = np.asarray(cells)
    if values.ndim != 1 or values.dtype.kind not in "iu" or not len(values):
        raise ValueError(f"cells must be whole numbers (n,), at least one, not {values.dtype} {values.shape}")
    if values.min() < -1 or values.max() >= number:
        raise ValueError(f"cells must be from -1 to {number - 1}, not {values.min()} to {values.max()}")
    return np.bincount(values[values >= 0], minlength=number) / len(values)


def histogram_distance(cells: ArrayLike, expected: ArrayLike) -> float:
    """Return the total variation between the cells of samples and the cells' probabilities, in [0, 1].

    It is not 0 for true samples: with n of them in k equally likely cells it is about 0.4 √(k / n).

    Args:
        cells: of each sample, (n,), in [0, k); -1 for a sample in none, which counts as a cell that is never.
        expected: probabilities (k,), whose sum is 1.

    Raises:
        ValueError: other cells, or probabilities that are not finite.
    """
    p = table_of("expected", expected)
    q = histogram(cells, len(p))
    return float((np.abs(p - q).sum() + 1 - q.sum()) / 2)


def entropy(cells: ArrayLike, number: int) -> float:
    """Return the entropy of a sample's cells in nats; see `cells_hit`."""
    shares = histogram(cells, number)
    return float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())


def conditional_entropy(cells: ArrayLike, number: int) -> float:
    """Return the mean entropy of the rows of a table (identities, observations), in nats; see `entropy`.

    It is biased downwards in short rows: compare tables with rows of one length.
    """
    table = np.asarray(cells)
    if table.ndim != 2 or not table.size:
        raise ValueError(f"cells must be (identities, observations), at least one, not {table.shape}")
    return float(np.mean([entropy(row, number) for row in table]))
