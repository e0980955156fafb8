"""The style of every figure: colours that colour-blind people can tell apart, lines with bands."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["BASELINE", "COLOURS", "ORACLE", "band", "styled"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
"""Okabe and Ito's, in the order in which lines take them."""
BASELINE: dict[str, Any]
ORACLE: dict[str, Any]
BASELINE, ORACLE = (
    {"color": "0.5", "linestyle": ":", "linewidth": 1.2},
    {"color": "0.2", "linestyle": "--", "linewidth": 1.2},
)
"""How lines of a trivial baseline and of an oracle look."""


@contextmanager
def styled() -> Iterator[None]:
    """Give figures that are made inside the style; matplotlib's own settings come back after it."""
    import matplotlib
    from cycler import cycler

    settings: Any = {
        "axes.prop_cycle": cycler(color=COLOURS),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 10,
        "axes.labelsize": 9,
        "legend.fontsize": 8,
        "legend.frameon": False,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
    }
    with matplotlib.rc_context(settings):
        yield


def band(panel: Any, x: ArrayLike, curves: Sequence[ArrayLike], colour: str, label: str) -> None:
    """Plot the mean of curves as a line, and one standard deviation to either side as a band.

    Args:
        panel: matplotlib's axes.
        x: (n,), common to all curves.
        curves: of each seed, (n,).
        colour: of line and band.
        label: the legend's; how many curves there are is added.
    """
    values = np.asarray(curves, float)
    mean, deviation = values.mean(0), values.std(0, ddof=min(len(values) - 1, 1))
    marker = "." if len(mean) < 3 else None  # a line of one point is not seen
    panel.plot(x, mean, color=colour, linewidth=1.5, marker=marker, label=f"{label} (n={len(values)})")
    panel.fill_between(x, mean - deviation, mean + deviation, color=colour, alpha=0.2, linewidth=0)
