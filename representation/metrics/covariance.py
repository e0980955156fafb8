"""Metrics of a code's covariance C alone, without factors: MAPC, CVR, TdV, UD90%.

Kågebäck and Mogren, "Disentanglement by penalizing correlation", 2017, section 3.1. As published, lower is
better except for TdV; `value` is inverted, and the part with the metric's name is as published. A constant
code scores 0.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import count
from unknot.representation.metrics.score import Score, bootstrap, checked, generator, varies

__all__ = ["covariance_measures", "covariance_of", "cvr", "mapc", "tdv", "ud90"]

Floats = NDArray[np.float64]


def mapc(codes: Floats, *, seed: int = 0) -> Score:
    """Measure the mean absolute Pearson correlation of dimensions.

    MAPC = 2/(p² - p) Σ_{i<j} |C_ij| / √(C_ii C_jj), over the dimensions that are not constant, since
    correlation with a constant is undefined; `value` is 1 - MAPC. A single dimension has MAPC 0.

    Args:
        codes: (n, dimensions).
        seed: of the resamples.

    Returns:
        A score in [0, 1]. Parts: `mapc`, `active_dimensions`.

    Raises:
        ValueError: other shapes, numbers that are not finite.
    """

    def value(c: Floats) -> float:
        active = _active(c)
        return 1 - _mean_correlation(c) if active.any() else 0.0

    def parts(c: Floats) -> dict[str, Any]:
        return {"mapc": _mean_correlation(c), "active_dimensions": int(_active(c).sum())}

    return _score(codes, value, parts, seed, {"constant dimensions": "left out"})


def cvr(codes: Floats, *, seed: int = 0) -> Score:
    """Measure the share of variance in all (co)variance.

    CVR = ||C||₁ / tr(C), 1 for uncorrelated dimensions and p for p equal ones; `value` is 1 / CVR. The
    paper's formula also has a factor 1/p², unlike its text ("the optimal value of one") and its table (20 for
    84 dimensions); the part `cvr_formula` includes it.

    Args:
        codes: (n, dimensions).
        seed: of the resamples.

    Returns:
        A score in [0, 1]. Parts: `cvr`, `cvr_formula`; both NaN for a constant code.

    Raises:
        ValueError: other shapes, numbers that are not finite.
    """

    def value(c: Floats) -> float:
        return float(np.trace(c) / np.abs(c).sum()) if _active(c).any() else 0.0

    def parts(c: Floats) -> dict[str, Any]:
        ratio = 1 / value(c) if value(c) else np.nan
        return {"cvr": ratio, "cvr_formula": ratio / len(c) ** 2}

    return _score(codes, value, parts, seed, {})


def tdv(codes: Floats, *, top: int, seed: int = 0) -> Score:
    """Measure the share of the total variance in the d dimensions of greatest variance.

    Args:
        codes: (n, dimensions).
        top: d, at least 1; `evaluate_codes` uses the number of factors.
        seed: of the resamples.

    Returns:
        TdV, in [0, 1]. Parts: `tdv`, `variances` of the dimensions.

    Raises:
        ValueError: other shapes, numbers that are not finite, `top` below 1.
    """
    count(1, top=top)

    def value(c: Floats) -> float:
        return float(_shares(c)[:top].sum())

    return _score(
        codes, value, lambda c: {"tdv": value(c), "variances": np.diag(c).copy()}, seed, {"top": top}
    )


def ud90(codes: Floats, *, seed: int = 0) -> Score:
    """Count the dimensions that need to be kept to retain 90% of the total variance.

    `value` is the share of dimensions that can be dropped, 1 - UD90%/p.

    Args:
        codes: (n, dimensions).
        seed: of the resamples.

    Returns:
        A score in [0, 1). Parts: `ud90`, the count (0 for a constant code), `variances` of the dimensions.

    Raises:
        ValueError: other shapes, numbers that are not finite.
    """

    def value(c: Floats) -> float:
        return 1 - _utilized(c) / len(c) if _active(c).any() else 0.0

    def parts(c: Floats) -> dict[str, Any]:
        return {"ud90": _utilized(c), "variances": np.diag(c).copy()}

    return _score(codes, value, parts, seed, {"retained": 0.9})


def covariance_measures(covariance: Floats, top: int) -> dict[str, float]:
    """Return all four as published, without intervals, which is fast for many codes, as along a curve.

    Args:
        covariance: of a code (dimensions, dimensions), as `covariance_of` returns it; not all zeros.
        top: d of TdV.

    Returns:
        `mapc`, `cvr`, `tdv` and `ud90`.
    """
    return {
        "mapc": _mean_correlation(covariance),
        "cvr": float(np.abs(covariance).sum() / np.trace(covariance)),
        "tdv": float(_shares(covariance)[:top].sum()),
        "ud90": float(_utilized(covariance)),
    }


def _score(
    codes: Floats,
    value: Callable[[Floats], float],
    parts: Callable[[Floats], dict[str, Any]],
    seed: int,
    choices: dict[str, Any],
) -> Score:
    """Score codes by functions of their covariance."""
    codes, _ = checked(codes)
    covariance = covariance_of(codes)
    centre = value(covariance)
    rng = generator(seed)
    interval = bootstrap(lambda rows: value(covariance_of(codes[rows])), centre, len(codes), rng)
    return Score(centre, interval, parts(covariance), choices)


def covariance_of(codes: Floats) -> Floats:
    """Return the sample covariance, always a matrix, and exactly 0 for a constant dimension."""
    covariance: Floats = np.atleast_2d(np.cov(codes, rowvar=False))
    constant = ~varies(codes)
    covariance[constant] = covariance[:, constant] = 0.0
    return covariance


def _active(covariance: Floats) -> NDArray[np.bool_]:
    active: NDArray[np.bool_] = np.diag(covariance) > 0
    return active


def _shares(covariance: Floats) -> Floats:
    """Return the dimensions' shares of the total variance, greatest first; zeros for a constant code."""
    variances = np.sort(np.diag(covariance))[::-1]
    shares: Floats = variances / max(variances.sum(), 1e-300)
    return shares


def _utilized(covariance: Floats) -> int:
    """Count the dimensions that hold 90% of the variance; rounding must not add one."""
    return int((_shares(covariance).cumsum() < 0.9 - 1e-9).sum()) + 1 if _active(covariance).any() else 0


def _mean_correlation(covariance: Floats) -> float:
    active = _active(covariance)
    c = covariance[np.ix_(active, active)]
    stds = np.sqrt(np.diag(c))
    correlations = np.abs(c / np.outer(stds, stds))[np.triu_indices(len(c), 1)]
    return float(correlations.mean()) if correlations.size else 0.0
