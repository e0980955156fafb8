"""The result of a metric, its confidence interval, and checks of its arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unknot.checks import count

__all__ = [
    "Score",
    "bootstrap",
    "checked",
    "generator",
    "kinds_of",
    "scaled",
    "table_of",
    "top_gap",
    "varies",
]

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

ROUNDING = 1e-13
"""Share of its greatest magnitude within which a column of float64 that should be constant may vary."""
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
    """Return codes and factors as tables of floats; dimensions that vary by rounding alone become constant.

    Args:
        codes: (n, dimensions).
        factors: (n, factors).
        least_factors: the number of factors that the metric needs.

    Raises:
        ValueError: other shapes, a number that is not finite, too few factors, or a constant one.
    """
    codes, given = table_of("codes", codes), factors is not None
    factors = np.zeros((*codes.shape[:1], 0)) if factors is None else table_of("factors", factors)
    for name, table in (("codes", codes), ("factors", factors)):
        if table.ndim != 2 or codes.ndim != 2 or len(table) != len(codes) or len(table) < 2:
            raise ValueError(f"{name} have shape {table.shape}, expected (n, columns), one n of at least 2")
    if not codes.shape[1]:
        raise ValueError("codes have no dimension")
    codes = np.where(varies(codes), codes, codes[0])
    if given:
        needed(factors.shape[1], least_factors)
        constant = np.flatnonzero(np.ptp(factors, axis=0) == 0)
        if constant.size:
            raise ValueError(f"factors must vary: columns {constant.tolist()} take one value")
    return codes, factors


def table_of(name: str, values: Any) -> Floats:
    """Return an array or tensor of numbers as float64.

    Raises:
        ValueError: other values, or a number that is not finite or whose square is not; it names `name`.
    """
    try:
        array = np.asarray(values.numpy(force=True) if isinstance(values, torch.Tensor) else values)
    except (TypeError, ValueError) as error:  # ragged lists, types that NumPy lacks
        raise ValueError(f"{name} must be an array of numbers, not {values!r}") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be an array of numbers, not of {array.dtype}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite numbers; they are not all finite")
    if array.size and np.abs(array.astype(np.float64)).max() > 1e150:
        raise ValueError(f"{name} must be at most 1e150, so that their squares are finite")
    return array.astype(np.float64)


def generator(seed: Any) -> np.random.Generator:
    """Return the random numbers of a seed; refuse what is not a whole number of at least 0."""
    count(0, seed=seed)
    return np.random.default_rng(seed)


def varies(table: Floats) -> NDArray[np.bool_]:
    """Return which columns of a table (n, columns) vary by more than rounding, whatever their scale."""
    spread: NDArray[np.bool_] = np.ptp(table, axis=0) > ROUNDING * np.abs(table).max(axis=0)
    return spread


def scaled(table: Floats, like: Floats | None = None) -> Floats:
    """Return columns centred and divided by their greatest distance from the centre; zeros for constant ones.

    Squares of the result neither overflow nor vanish, and float32 holds its differences.

    Args:
        table: (n, columns).
        like: another table, which gives centres and distances; by default the same.
    """
    like = table if like is None else like
    centre = like.mean(axis=0)
    distance = np.abs(like - centre).max(axis=0)
    return np.where(varies(like), (table - centre) / np.where(distance > 0, distance, 1.0), 0.0)


def kinds_of(categorical: Any, factors: Floats) -> NDArray[np.bool_]:
    """Return whether each factor is categorical, (factors,); all false if `categorical` is None.

    Raises:
        ValueError: another length, or values that are not booleans.
    """
    columns = factors.shape[1]
    try:
        kinds = np.zeros(columns, np.bool_) if categorical is None else np.asarray(categorical)
    except (TypeError, ValueError) as error:
        raise ValueError(f"categorical must be true or false for each factor, not {categorical!r}") from error
    if kinds.shape != (columns,) or kinds.dtype != np.bool_:
        given = f"{kinds.dtype} of shape {kinds.shape}"
        raise ValueError(f"categorical must be true or false for each of {columns} factors, not {given}")
    return kinds


def needed(factors: int, least: int) -> None:
    """Raise ValueError if there are too few factors to distinguish."""
    if factors < least:
        raise ValueError(f"the metric compares factors: it needs at least {least} that vary, not {factors}")
