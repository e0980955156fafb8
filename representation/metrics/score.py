"""The result of a metric, its confidence interval, and checks of its arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Score", "bootstrap", "checked", "kinds_of", "top_gap"]

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

RESAMPLES = 200
LEVEL = 0.95


@dataclass(frozen=True)
class Score:
    """A metric's result for a code.

    Attributes:
        value: the metric; higher is better.
        interval: (low, high), 95% by bootstrap; `value` lies inside.
        parts: other results by name; arrays are (factors,), (code dimensions,) or (code dimensions, factors).
        choices: our choices where the metric's definition leaves something open, by name.
    """

    value: float
    interval: tuple[float, float]
    parts: Mapping[str, Any]
    choices: Mapping[str, Any]


def bootstrap(
    statistic: Callable[[Rows], float],
    value: float,
    n: int,
    rng: np.random.Generator,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> tuple[float, float]:
    """Return the 95% interval of a statistic of n examples, from 200 resamples of them.

    The resamples' quantiles are shifted so that their median is the value: a statistic that is biased on a
    sample (mutual information by counting is, upward) is biased once more on a resample.

    Args:
        statistic: from rows of the examples (n,), some repeated, to the statistic.
        value: the statistic of the examples themselves.
        n: number of examples.
        rng: samples the resamples.
        bounds: least and greatest value of the statistic.
    """
    replicates = [statistic(rng.integers(n, size=n)) for _ in range(RESAMPLES)]
    low, median, high = np.quantile(replicates, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
    low, high = np.clip([value + low - median, value + high - median], *bounds)
    return min(float(low), value), max(float(high), value)  # rounding must not exclude the value


def top_gap(scores: Floats, floor: Floats | float = 0.0) -> Floats:
    """Return the lead of the best code dimension over the second, for each factor.

    Args:
        scores: (dimensions, factors).
        floor: the score of an uninformative dimension; it replaces the second if there is only one.

    Returns:
        (factors,).
    """
    padded = np.vstack([scores, np.broadcast_to(floor, scores.shape[1:])]) if len(scores) == 1 else scores
    ordered = np.sort(padded, axis=0)
    gaps: Floats = ordered[-1] - ordered[-2]
    return gaps


def checked(codes: Any, factors: Any = None, least_factors: int = 1) -> tuple[Floats, Floats]:
    """Return codes and factors as tables of floats.

    Args:
        codes: (n, dimensions).
        factors: (n, factors).
        least_factors: the number of factors that the metric needs.

    Raises:
        ValueError: other shapes, a number that is not finite, too few factors, or a constant one.
    """
    codes = np.asarray(codes, np.float64)
    factors = np.zeros((len(codes), 0)) if factors is None else np.asarray(factors, np.float64)
    for name, table in (("codes", codes), ("factors", factors)):
        if table.ndim != 2 or len(table) != len(codes) or len(table) < 2:
            raise ValueError(f"{name} have shape {table.shape}, expected (n, columns), one n of at least 2")
        if not np.isfinite(table).all():
            raise ValueError(f"{name} are not all finite")
    if not codes.shape[1]:
        raise ValueError("codes have no dimension")
    if factors.shape[1]:
        needed(factors.shape[1], least_factors)
        constant = np.flatnonzero(np.ptp(factors, axis=0) == 0)
        if constant.size:
            raise ValueError(f"factors of columns {constant.tolist()} take one value in the whole sample")
    return codes, factors


def kinds_of(categorical: Any, factors: Floats) -> NDArray[np.bool_]:
    """Return whether each factor is categorical, (factors,); all false if `categorical` is None.

    Raises:
        ValueError: another length, or values that are not booleans.
    """
    columns = factors.shape[1]
    kinds = np.zeros(columns, np.bool_) if categorical is None else np.asarray(categorical)
    if kinds.shape != (columns,) or kinds.dtype != np.bool_:
        given = f"{kinds.dtype} of shape {kinds.shape}"
        raise ValueError(f"categorical must be true or false for each of {columns} factors, not {given}")
    return kinds


def needed(factors: int, least: int) -> None:
    """Raise ValueError if there are too few factors to distinguish."""
    if factors < least:
        raise ValueError(f"the metric compares factors: it needs at least {least} that vary, not {factors}")
