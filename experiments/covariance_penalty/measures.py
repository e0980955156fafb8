"""The paper's four measures of a code (section 3.1), for many codes, and their curves."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from unknot.representation.metrics.covariance import covariance_measures, covariance_of

PENALTY_NAMES = {"covariance": "L_Σ", "l1": "L1"}


def measure(codes: ArrayLike, top: int) -> dict[str, float]:
    """Return MAPC, CVR, TdV of the `top` dimensions and UD90% of codes (n, p)."""
    return covariance_measures(covariance_of(np.asarray(codes, dtype=np.float64)), top)


def average(measured: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each measure."""
    return {name: float(np.mean([each[name] for each in measured])) for name in measured[0]}


def plot_curves(panel: Axes, curves: dict[str, Sequence[dict[str, Any]]], measure: str) -> None:
    """Plot a measure over the squared error, a curve over λ for each penalty, λ = 0 marked."""
    for name, points in curves.items():
        errors, values = [point["error"] for point in points], [point[measure] for point in points]
        panel.plot(errors, values, ".-", label=PENALTY_NAMES[name])
        panel.plot(errors[:1], values[:1], "ko", markersize=4)
    panel.set_xlabel("mean squared error")
    panel.set_ylabel({"mapc": "MAPC", "cvr": "CVR", "tdv": "TdV", "ud90": "UD90%"}[measure])
    panel.legend()
