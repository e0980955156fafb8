"""By how much another factor's past improves the prediction of a factor."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unknot.checks import count
from unknot.representation.metrics.kraskov import _factors

__all__ = ["prediction_gain"]

Floats = NDArray[np.float64]

FEATURES = 150
"""Random features of the inputs, besides the inputs themselves."""
RIDGES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
"""Penalties on weights to choose from, for each of the rows."""
LEAST_ROWS = 100
FLOOR = 1e-4
"""Least standard deviation of an error, of targets of standard deviation 1: finer is not told apart."""


def prediction_gain(before: ArrayLike, after: ArrayLike, *, seed: int = 0) -> Floats:
    """Return how many nats factor j adds to the prediction of factor i's next step from its own past.

    A robust twin of I(z_t+1^i; z_t^j | z_t^i), which is 0 where factors evolve independently, in any number
    of dimensions and without neighbours. Two regressions with a ridge penalty on random features
    (Rahimi and Recht, 2007) are fitted to a third of the rows, from z^i and from z^i with z^j; another third
    chooses the penalties. The gain is half the difference of the log determinants of their errors' covariance
    on the last third, which is the information if errors are Gaussian. The second regression has all
    features of the first.

    Args:
        before: factors at a time, (n, k, d).
        after: factors one step later, (n, k, d).
        seed: of the random features.

    Returns:
        (k, k), row i a predicted factor, column j the one that is added; 0 on the diagonal. May be slightly
        below 0, since errors are those of rows that were not fitted.

    Raises:
        ValueError: other shapes, values that are not finite, or fewer than 100 rows.
    """
    count(0, seed=seed)
    old, new = _factors("before", before), _factors("after", after)
    if old.shape != new.shape:
        raise ValueError(f"after must be of shape {old.shape}, as before, not {new.shape}")
    if len(old) < LEAST_ROWS:
        raise ValueError(f"before must have at least {LEAST_ROWS} rows, not {len(old)}")
    old, new = _standard(old), _standard(new)
    k = old.shape[1]
    own = [_features(old[:, i], seed) for i in range(k)]
    gains = np.zeros((k, k))
    for i in range(k):
        alone = _log_volume(own[i], new[:, i])
        for j in range(k):
            if i != j:
                both = _features(np.hstack([old[:, i], old[:, j]]), seed + 1)
                gains[i, j] = (alone - _log_volume(np.hstack([own[i], both]), new[:, i])) / 2
    return gains


def _standard(table: Floats) -> Floats:
    spread = table.std(0)
    standard: Floats = (table - table.mean(0)) / np.where(spread > 0, spread, 1)
    return standard


def _features(inputs: Floats, seed: int) -> Floats:
    """Return the inputs, and waves of random frequencies and phases, (n, d + FEATURES)."""
    rng = np.random.default_rng(seed)
    width = inputs.shape[1]
    frequencies = rng.normal(size=(width, FEATURES)) / np.sqrt(width)
    waves = np.cos(inputs @ frequencies + rng.uniform(0, 2 * np.pi, FEATURES))
    return np.hstack([inputs, np.sqrt(2) * waves])


def _log_volume(features: Floats, targets: Floats) -> float:
    """Return the log determinant of the errors' covariance on the last third of the rows."""
    design = np.hstack([np.ones((len(features), 1)), features])
    (x, choose, held_out), (y, wanted, true) = np.array_split(design, 3), np.array_split(targets, 3)
    gram, moments = x.T @ x, x.T @ y
    weights = [np.linalg.solve(gram + ridge * len(x) * np.eye(len(gram)), moments) for ridge in RIDGES]
    best = min(weights, key=lambda each: float(np.square(wanted - choose @ each).sum()))
    errors = true - held_out @ best
    covariance = errors.T @ errors / len(errors) + FLOOR**2 * np.eye(errors.shape[1])
    return float(np.linalg.slogdet(covariance)[1])
