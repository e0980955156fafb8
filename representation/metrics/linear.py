"""How well codes follow factors linearly, by single dimensions and by all together."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.representation.metrics.score import scaled, table_of

__all__ = ["correlations", "linear_fit"]


def correlations(codes: NDArray[np.float64], factors: NDArray[Any]) -> NDArray[np.float64]:
    """Return Pearson's r of each dimension and factor.

    Args:
        codes: (n, d).
        factors: (n, k).

    Returns:
        (d, k) in [-1, 1]; 0 for what is constant.

    Raises:
        ValueError: other shapes, or numbers that are not finite.
    """
    codes, factors = table_of("codes", codes), table_of("factors", factors)
    if codes.ndim != 2 or factors.ndim != 2 or len(codes) != len(factors) or not len(codes):
        raise ValueError(f"codes and factors must be (n, columns), not {codes.shape} and {factors.shape}")
    a, b = scaled(codes), scaled(factors)
    a, b = a - a.mean(0), b - b.mean(0)
    lengths = np.linalg.norm(a, axis=0)[:, None] * np.linalg.norm(b, axis=0)
    products: NDArray[np.float64] = a.T @ b
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)


def linear_fit(codes: NDArray[np.floating[Any]], values: NDArray[Any]) -> float:
    """Return R² of values read from codes by the best linear map with an offset, on the same rows.

    Args:
        codes: (n, d).
        values: (n,), not all the same.

    Raises:
        ValueError: other shapes, numbers that are not finite, or values that are all the same.
    """
    codes, values = table_of("codes", codes), table_of("values", values)
    if codes.ndim != 2 or values.shape != (len(codes),) or not len(codes):
        raise ValueError(f"codes must be (n, d) and values (n,), not {codes.shape} and {values.shape}")
    values = scaled(values[:, None])[:, 0]
    if not values.any():
        raise ValueError("values must not be all the same")
    inputs = np.c_[scaled(codes), np.ones(len(codes))]
    residual = inputs @ np.linalg.lstsq(inputs, values, rcond=None)[0] - values
    return float(1 - np.square(residual).sum() / np.square(values - values.mean()).sum())
