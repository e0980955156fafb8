"""Hinton diagrams."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unknot.representation.metrics.score import table_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["hinton"]


def hinton(axes: "Axes", matrix: NDArray[np.float64], factors: Sequence[str] | None = None) -> None:
    """Plot importances as squares: white if positive, black if negative, the area as the magnitude.

    Eastwood and Williams, 2018, fig. 2: row i is dimension zᵢ of the code, column j a factor. Ideally each
    column has one large square, and no row more than one. The label below says what the largest square is.

    Args:
        axes: matplotlib's axes to plot in.
        matrix: (dimensions, factors), as in `dci`'s `parts["importances"]`.
        factors: names of the columns, as in `choices["factors"]`; default: factor 0, factor 1, ...

    Raises:
        ValueError: not a matrix, or a different number of names than columns.
    """
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    if not hasattr(axes, "add_collection"):
        raise ValueError(f"axes must be matplotlib's, not {axes!r}")
    matrix = table_of("matrix", matrix)
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"matrix has shape {matrix.shape}, expected (dimensions, factors)")
    rows, columns = matrix.shape
    names = [f"factor {j}" for j in range(columns)] if factors is None else factors
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"factors must be names or None, not {factors!r}")
    if len(names) != columns:
        raise ValueError(f"factors={names} are {len(names)} names for a matrix of {columns} columns")
    sides = 0.9 * np.sqrt(np.abs(matrix) / max(np.abs(matrix).max(), 1e-300))
    squares = [
        Rectangle((j - side / 2, i - side / 2), side, side)
        for i, line in enumerate(sides)
        for j, side in enumerate(line)
    ]
    colours = ["white" if weight >= 0 else "black" for weight in matrix.ravel()]
    axes.set_facecolor("gray")
    axes.add_collection(PatchCollection(squares, facecolors=colours, edgecolors="none"))
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), aspect="equal")
    axes.set_xticks(range(columns), names)
    axes.set_yticks(range(rows), [f"$z_{{{i}}}$" for i in range(rows)])
    axes.set_xlabel(f"largest square: {np.abs(matrix).max():.2g}", fontsize=8)
    axes.tick_params(length=0)
