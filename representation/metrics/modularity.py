"""Modularity."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import count
from unknot.representation.metrics.information import binned, most_values, mutual_information
from unknot.representation.metrics.score import Score, bootstrap, checked, generator, kinds_of

__all__ = ["modularity"]

Floats = NDArray[np.float64]


def modularity(
    codes: Floats,
    factors: Floats,
    categorical: NDArray[np.bool_] | None = None,
    *,
    seed: int = 0,
    bins: int = 20,
) -> Score:
    """Measure to what extent each dimension depends on one factor only.

    Ridgeway and Mozer, "Learning deep disentangled embeddings with the F-statistic loss", 2018. With
    m_if the mutual information of dimension i and factor f, θ_i the greatest of m_i, and t_i the template
    that is θ_i there and 0 elsewhere, δ_i = Σ_f (m_if - t_if)² / (θ_i² (N - 1)); the score is the mean of 1 -
    δ_i.

    Constant dimensions have no information, θ_i = 0, and are left out of the mean; if all are constant, it is
    0.

    Args:
        codes: (n, dimensions).
        factors: (n, factors), at least two.
        categorical: (factors,), whether its numbers have no order; None: all factors are ordered.
        seed: of the resamples.
        bins: of equal width for columns with more values than that (see `binned`); codes have as many bins as
            the greatest number of categories, if that is more.

    Returns:
        A score in [0, 1]. Parts: `modularities` of the dimensions (NaN where one is left out),
        `active_dimensions`, `mutual_information` (nats).

    Raises:
        ValueError: other shapes, numbers that are not finite, a constant factor, `bins` below 2.
    """
    count(2, bins=bins)
    codes, factors = checked(codes, factors, least_factors=2)
    kinds = kinds_of(categorical, factors)
    code_bins = max(bins, most_values(factors[:, kinds]))
    z, v = binned(codes, code_bins), binned(factors, bins, kinds)
    information = mutual_information(z, v)
    value = _mean(modularities(information))
    interval = bootstrap(
        lambda rows: _mean(modularities(mutual_information(z[rows], v[rows]))),
        value,
        len(z),
        generator(seed),
    )
    each = modularities(information)
    parts: dict[str, Any] = {
        "modularities": each,
        "active_dimensions": int(np.isfinite(each).sum()),
        "mutual_information": information,
    }
    choices = {
        "bins": bins,
        "code bins": code_bins,
        "binning": "equal width, or a bin a value",
        "estimator": "counts (plug-in)",
        "dead dimensions": "left out of the mean",
    }
    return Score(value, interval, parts, choices)


def modularities(information: Floats) -> Floats:
    """Return 1 - δ_i from mutual information (dimensions, factors); NaN for uninformative dimensions."""
    theta = information.max(axis=1)
    others = (information**2).sum(axis=1) - theta**2
    scale = theta**2 * (information.shape[1] - 1)
    # A constant dimension's information is 0 up to rounding.
    return np.where(theta > 1e-9, 1 - others / np.where(theta > 1e-9, scale, 1.0), np.nan)


def _mean(each: Floats) -> float:
    active = each[np.isfinite(each)]
    return float(active.mean()) if active.size else 0.0
