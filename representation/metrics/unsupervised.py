"""Scores without factors: how dependent the dimensions of a code are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import count
from unknot.representation.metrics.covariance import covariance_of
from unknot.representation.metrics.information import binned, entropies, mutual_information
from unknot.representation.metrics.score import Score, bootstrap, checked, generator

__all__ = ["unsupervised"]

Floats = NDArray[np.float64]


def unsupervised(codes: Floats, *, seed: int = 0, bins: int = 20) -> Score:
    """Measure the dependence between dimensions.

    Locatello et al., "Challenging common assumptions in the unsupervised learning of disentangled
    representations", 2019. For the Gaussian of the codes' covariance C and the product of its
    marginals, N(0, diag C): the total correlation ½ (Σ log C_ii - log det C); the Wasserstein correlation,
    the squared distance W₂² = 2 tr C - 2 tr (C^½ diag(C) C^½)^½, and the same divided by tr C. In addition,
    the mean over pairs of dimensions of the mutual information of their bins.

    The best value of each is 0. `value` is minus the normalised Wasserstein correlation. Unlike the total
    correlation, it is finite for linearly dependent dimensions; it does not depend on the scale. Constant
    dimensions are left out.

    Args:
        codes: (n, dimensions).
        seed: of the resamples.
        bins: of equal width, for the mutual information.

    Returns:
        A score of at most 0, and above -2. Parts: `gaussian_total_correlation` (nats, infinite for linearly
        dependent dimensions), `gaussian_wasserstein`, `gaussian_wasserstein_normalised`, `mutual_information`
        (nats), `active_dimensions`. All 0 for a constant code.

    Raises:
        ValueError: other shapes, numbers that are not finite, `bins` below 2.
    """
    count(2, bins=bins)
    codes, _ = checked(codes)
    active = codes[:, np.ptp(codes, axis=0) > 0]
    if not active.shape[1]:
        active = codes[:, :1]
    covariance = covariance_of(active)
    value = -normalised(covariance)
    interval = bootstrap(
        lambda rows: -normalised(covariance_of(active[rows])),
        value,
        len(active),
        generator(seed),
        bounds=(-2.0, 0.0),
    )
    parts: dict[str, Any] = {
        "gaussian_total_correlation": total_correlation(covariance),
        "gaussian_wasserstein": wasserstein(covariance),
        "gaussian_wasserstein_normalised": -value,
        "mutual_information": _pairwise(active, bins),
        "active_dimensions": int((np.ptp(codes, axis=0) > 0).sum()),
    }
    choices = {"bins": bins, "binning": "equal width, or a bin a value", "dead dimensions": "left out"}
    return Score(value, interval, parts, choices)


def total_correlation(covariance: Floats) -> float:
    """Return the Gaussian's total correlation in nats, infinite where C is singular."""
    stds = np.sqrt(np.diag(covariance))
    if not stds.all():
        return 0.0
    spectrum = np.linalg.eigvalsh(covariance / np.outer(stds, stds))
    if spectrum[0] < 1e-10:
        return float("inf")
    return float(max(-np.log(spectrum).sum() / 2, 0.0))


def wasserstein(covariance: Floats) -> float:
    """Return W₂² between the Gaussian and the product of its marginals."""
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    inner = np.linalg.eigvalsh(root * np.diag(covariance) @ root)
    distance = 2 * np.trace(covariance) - 2 * np.sqrt(np.maximum(inner, 0)).sum()
    return float(max(distance, 0.0))


def normalised(covariance: Floats) -> float:
    """Return W₂² / tr C, 0 for a constant code."""
    trace = float(np.trace(covariance))
    return wasserstein(covariance) / trace if trace > 0 else 0.0


def _pairwise(codes: Floats, bins: int) -> float:
    p = codes.shape[1]
    if p == 1:
        return 0.0
    labels = binned(codes, bins)
    information = mutual_information(labels, labels)
    return float((information.sum() - entropies(labels).sum()) / (p * p - p))
