"""The geometry of the planar world's collision rules: which segments hit which boxes and discs.

Only elementwise arithmetic is used, so that results do not depend on the size of the batch, bit for bit.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def inside(boxes: Floats, row: Floats, column: Floats) -> Bools:
    """Return which points (n,) lie in which boxes (4, k), edges excluded: (k, n)."""
    top, left, bottom, right = boxes[:, :, None]
    result: Bools = (row > top) & (row < bottom) & (column > left) & (column < right)
    return result


def inside_or_on_edge(boxes: Floats, row: Floats, column: Floats) -> Bools:
    """Return which points (n,) lie in which boxes (4, k), edges included: (k, n)."""
    top, left, bottom, right = boxes[:, :, None]
    result: Bools = (row >= top) & (row <= bottom) & (column >= left) & (column <= right)
    return result


def enters(things: Floats, row: Floats, column: Floats, end_row: Floats, end_column: Floats) -> Bools:
    """Return which segments (n,) enter their rounded boxes (5, n), edges excluded.

    A rounded box is (top, left, bottom, right, radius): the union of the box grown vertically, the box grown
    horizontally, and a disc at each corner.
    """
    top, left, bottom, right, radius = things
    segment = row, column, end_row, end_column
    result = _crosses((top - radius, left, bottom + radius, right), *segment)
    result |= _crosses((top, left - radius, bottom, right + radius), *segment)
    for corner_row in (top, bottom):
        for corner_column in (left, right):
            result |= _passes(corner_row, corner_column, radius, *segment)
    return result


def _crosses(
    box: tuple[Floats, Floats, Floats, Floats],
    row: Floats,
    column: Floats,
    end_row: Floats,
    end_column: Floats,
) -> Bools:
    """Return which segments enter their boxes, edges excluded."""
    top, left, bottom, right = box
    # A box is the intersection of two bands; these are the times at which a segment is in each. A segment
    # along an edge gives 0 / 0, which compares false: it touches.
    with np.errstate(divide="ignore", invalid="ignore"):
        down, across = end_row - row, end_column - column
        times = (top - row) / down, (bottom - row) / down, (left - column) / across, (right - column) / across
        enter = np.maximum(np.minimum(times[0], times[1]), np.minimum(times[2], times[3]))
        leave = np.minimum(np.maximum(times[0], times[1]), np.maximum(times[2], times[3]))
        crosses: Bools = (enter < leave) & (enter < 1) & (leave > 0)
    # Rounding must not let an end be inside.
    crosses |= (end_row > top) & (end_row < bottom) & (end_column > left) & (end_column < right)
    return crosses


def _passes(
    centre_row: Floats,
    centre_column: Floats,
    radius: Floats,
    row: Floats,
    column: Floats,
    end_row: Floats,
    end_column: Floats,
) -> Bools:
    """Return which segments come nearer to their centres than their radius."""
    down, across = end_row - row, end_column - column
    length = down * down + across * across
    nearest = (centre_row - row) * down + (centre_column - column) * across
    share = np.minimum(np.maximum(nearest / (length + (length == 0)), 0.0), 1.0)
    passes = _nearer(row + share * down - centre_row, column + share * across - centre_column, radius)
    return passes | _nearer(end_row - centre_row, end_column - centre_column, radius)


def _nearer(row: Floats, column: Floats, radius: Floats) -> Bools:
    nearer: Bools = row * row + column * column < radius * radius
    return nearer
