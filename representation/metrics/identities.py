"""What generators of identities and observations are measured by.

Distances are squared, between embeddings of images; factors are what a reader finds in images.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import roc_auc_score

from unknot.checks import above

__all__ = [
    "best_threshold",
    "copied",
    "effective_number",
    "variance_shares",
    "verification_accuracy",
    "verification_auc",
]

Floats = NDArray[np.float64]

NEARER = 0.5
"""A copy is nearer to its original than this share of the distance to the nearest other identity."""


# Verification


def verification_auc(distances: ArrayLike, matched: ArrayLike) -> float:
    """Return the area under the ROC curve: how often a matched pair is nearer than one that isn't.

    Args:
        distances: of pairs, (n,).
        matched: (n,), whether a pair is of one identity; both kinds must occur.
    """
    far, same = _pairs(distances, matched)
    return float(roc_auc_score(same, -far))


def best_threshold(distances: ArrayLike, matched: ArrayLike) -> float:
    """Return the threshold of the greatest accuracy, between two distances; see `verification_auc`."""
    far, same = _pairs(distances, matched)
    order = np.argsort(far, kind="stable")
    ordered, right = far[order], np.cumsum(np.where(same[order], 1, -1))
    right[:-1][ordered[:-1] == ordered[1:]] = right.min() - 1  # a threshold between equals is none
    best = int(right.argmax())
    return float(ordered[best : best + 2].mean())


def verification_accuracy(distances: ArrayLike, matched: ArrayLike, threshold: float) -> float:
    """Return the share of pairs that are told right: matched ones up to a threshold, others above."""
    far, same = _pairs(distances, matched)
    return float(((far <= threshold) == same).mean())


def _pairs(distances: ArrayLike, matched: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    far, same = np.asarray(distances, float), np.asarray(matched)
    if far.ndim != 1 or same.shape != far.shape or same.dtype != np.bool_ or not np.isfinite(far).all():
        raise ValueError(
            f"distances and matched must be finite numbers and bools (n,), not {far.shape} and "
            f"{same.dtype} {same.shape}"
        )
    if same.all() or not same.any():
        raise ValueError("matched must have pairs of both kinds")
    return far, same


# Codes


def variance_shares(values: ArrayLike) -> tuple[float, float]:
    """Return which share of a value's variance identity codes and observation codes determine by themselves.

    The first-order indices of Sobol', "Sensitivity estimates for nonlinear mathematical models", 1993, from a
    table of all combinations: what the best possible reader of one code alone has for R². Estimates are
    unbiased but for the ratio, so that they may be a little below 0.

    Args:
        values: numbers, or one-hot vectors of a category, of images of each combination, (identities,
            observations, ...), at least 2 of each.

    Returns:
        The shares of identity and of observation; 0 if nothing varies.
    """
    table = np.asarray(values, float)
    if table.ndim < 2 or min(table.shape[:2]) < 2:
        raise ValueError(f"values must be (identities, observations), at least 2 each, not {table.shape}")
    table = table.reshape(*table.shape[:2], -1)
    m, n = table.shape[:2]
    centred = table - table.mean((0, 1))
    rows, columns = centred.mean(1), centred.mean(0)
    left = centred - rows[:, None] - columns
    noise = (left**2).sum() / ((m - 1) * (n - 1))
    between = (rows**2).sum() / (m - 1) - noise / n, (columns**2).sum() / (n - 1) - noise / m
    total = noise + sum(between)
    return (float(between[0] / total), float(between[1] / total)) if total > 1e-12 else (0.0, 0.0)


# Identities


def effective_number(embeddings: ArrayLike, scale: float) -> float:
    """Return how many different identities there are: n if all are far apart, 1 if all are one.

    The exponential of the entropy of the eigenvalues of exp(-d² / scale) / n: Friedman and Dieng, "The Vendi
    score: a diversity evaluation metric for machine learning", 2023.

    Args:
        embeddings: one of each identity, (n, dimensions).
        scale: squared distance at which two are no longer alike, such as a verifier's threshold.
    """
    above(0, scale=scale)
    points = _points(embeddings=embeddings)
    kernel = np.exp(-_squared(points, points) / scale) / len(points)
    values = np.linalg.eigvalsh(kernel).clip(1e-15)
    return float(np.exp(-(values * np.log(values)).sum()))


def copied(generated: ArrayLike, training: ArrayLike, others: ArrayLike) -> float:
    """Return the share of generated identities that copy one of the training set.

    A copy's distance to the nearest training identity is below half of that to the nearest of others, which
    were not trained on. A few real identities are so by chance, more of them the more training identities
    there are: put their share beside.

    Args:
        generated: an embedding of each generated identity, (n, dimensions).
        training: of each identity of the training set, (m, dimensions).
        others: of each identity of another set, (k, dimensions).
    """
    points = _points(generated=generated)
    near, far = (
        np.sqrt(_squared(points, each).min(1))
        for each in (_points(training=training), _points(others=others))
    )
    return float((near < NEARER * far).mean())


def _points(**embeddings: Any) -> Floats:
    ((name, values),) = embeddings.items()
    points = np.asarray(values, float)
    if points.ndim != 2 or not len(points) or not np.isfinite(points).all():
        raise ValueError(f"{name} must be finite numbers (n, dimensions), not of shape {points.shape}")
    return points


def _squared(a: Floats, b: Floats) -> Floats:
    """Return squared distances (n, m) of points (n, d) and (m, d)."""
    squares: Floats = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return squares.clip(0)
