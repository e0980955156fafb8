"""How well codes follow factors linearly, by single dimensions and by all together."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["correlations", "linear_fit"]


def correlations(codes: NDArray[np.float64], factors: NDArray[Any]) -> NDArray[np.float64]:
    """Return Pearson's r of each dimension and factor.

    Args:
        codes: (n, d).
        factors: (n, k).

    Returns:
        (d, k) in [-1, 1]; 0 for what is constant.
    """
    a, b = codes - codes.mean(0), factors - factors.mean(0)
    lengths = np.linalg.norm(a, axis=0)[:, None] * np.linalg.norm(b, axis=0)
    products: NDArray[np.float64] = a.T @ b
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)


def linear_fit(codes: NDArray[np.floating[Any]], values: NDArray[Any]) -> float:
    """Return R² of values read from codes by the best linear map with an offset, on the same rows.

    Args:
        codes: (n, d).
        values: (n,), not all the same.
    """
    inputs = np.c_[codes, np.ones(len(codes))]
    residual = inputs @ np.linalg.lstsq(inputs, values, rcond=None)[0] - values
    return float(1 - np.square(residual).sum() / np.square(values - values.mean()).sum())
