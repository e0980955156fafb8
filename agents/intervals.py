"""Confidence intervals of success rates, and the form in which metrics keep outcomes."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unknot.checks import above, count, within

__all__ = ["as_digits", "success_interval", "wilson_interval"]

Array = NDArray[Any]

EXACT = 1e-12
"""A variance below this is rounding."""


def wilson_interval(successes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return the confidence interval of a success rate, valid near 0 and 1 too (Wilson, 1927).

    Args:
        successes: number of successes, 0 to n.
        n: number of trials, at least 1.
        z: width in standard deviations of a normal; 1.96 covers 95%.

    Returns:
        Lower and upper end, within [0, 1].

    Raises:
        ValueError: n is below 1, or successes is not in 0..n.
    """
    count(1, n=n)
    within(0, n, successes=successes)
    above(0, z=z)
    return _wilson(successes / n, n, z)


def _wilson(rate: float, n: float, z: float = 1.96) -> tuple[float, float]:
    shrink = 1 + z * z / n
    centre = (rate + z * z / (2 * n)) / shrink
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / shrink
    return max(0.0, centre - half), min(1.0, centre + half)


def as_digits(successes: Array) -> str:
    """Return a 1 for each success and a 0 for each failure, the form in which metrics keep them."""
    return "".join("1" if success else "0" for success in successes)


def success_interval(outcomes: ArrayLike, *, shared: bool = True) -> tuple[float, float]:
    """Return the 95% interval of the success rate of several seeds: other problems and seeds might be drawn.

    All trials together, in one Wilson interval, would count a problem as many times as there are seeds. The
    variance of the mean is that of the crossed bootstrap, which draws problems and seeds with replacement,
    each on its own (Owen, 2007, "The pigeonhole bootstrap"). It has a closed form, so nothing is drawn. The
    interval is Wilson's for the number of independent trials of that variance; with a single seed it is
    Wilson's of its problems. Where all outcomes are equal, a problem counts once. It is rather too wide where
    neither problems nor seeds matter, and too narrow for two or three seeds that differ a lot.

    Args:
        outcomes: (seeds, problems), 1 for a success, 0 for a failure; or shares in [0, 1], where each seed
            tried a problem (an object, say) several times.
        shared: whether a column is one and the same problem. If not, each seed has its own problems, and they
            are drawn for each seed.

    Returns:
        Lower and upper end, within [0, 1].

    Raises:
        ValueError: outcomes have another shape, are empty, or not in [0, 1].
    """
    solved = np.asarray(outcomes, float)
    if solved.ndim != 2 or not solved.size:
        raise ValueError(f"outcomes must be (seeds, problems), one at least, not of shape {solved.shape}")
    within(0, 1, outcomes=float(solved.min()))
    within(0, 1, outcomes=float(solved.max()))
    rate = float(solved.mean())
    seeds = solved.mean(1, keepdims=True) - rate
    problems = solved.mean(0, keepdims=True) - rate if shared else np.zeros((1, 1))
    rest = solved - rate - seeds - problems
    variance = seeds.var() / len(solved) + problems.var() / solved.shape[1] + rest.var() / solved.size
    distinct = solved.shape[1] if shared else solved.size
    return _wilson(rate, rate * (1 - rate) / float(variance) if variance > EXACT else distinct)
