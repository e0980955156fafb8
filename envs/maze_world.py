"""Grid mazes as arrays: layouts, moves, shortest paths.

Nothing here keeps a state. Layouts are uint8 arrays (n, rows, columns) of `FREE`, `BLOCK`, `WATER`, `SWITCH`;
cells are (row, column), integers, the first row at the top.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import one_of, shown

Cells = NDArray[np.int64]
Bools = NDArray[np.bool_]
Layouts = NDArray[np.uint8]

FREE, BLOCK, WATER, SWITCH = range(4)
"""What is in a cell of a layout."""
SYMBOLS = ".#~o"
"""The characters of `FREE`, `BLOCK`, `WATER`, `SWITCH` in a layout as text."""
SIZES = range(4, 17)
"""Numbers of cells along an axis that a layout may have; with more, cells are too small to see."""

PAPER = (
    "......",
    "......",
    "...#..",
    "......",
    "......",
    "......",
)
"""Thomas et al., section 4.1: 6 × 6 cells, one of which the agent can't reach, since an orange block is there
(Figure 2). The paper leaves open which one."""

ACTIONS = {
    "down": (1, 0),
    "left": (0, -1),
    "right": (0, 1),
    "up": (-1, 0),
    "up_again": (-1, 0),
    "down_left": (1, -1),
    "pass": (0, 0),
    "toggle": (0, 0),
}
"""By name, the offset (row, column) of an action."""
STEPS = ("down", "left", "right", "up")
"""The names of the four actions that move by a cell along an axis."""
PAPER_ACTIONS = (*STEPS, "up_again", "down_left")
"""The actions of Thomas et al., section 4.1."""


def read_layout(rows: Any) -> Layouts:
    """Turn a layout as text into an array (size, size).

    Raises:
        ValueError: it isn't a list of n strings of length n, n from 4 to 16, all of `SYMBOLS`.
    """
    size = len(rows) if isinstance(rows, Sequence) and not isinstance(rows, str) else 0
    if size not in SIZES or any(not isinstance(row, str) or len(row) != size for row in rows):
        raise ValueError(
            f"layout must be a name or a list of n strings of length n, "
            f"n from {SIZES[0]} to {SIZES[-1]}, not {shown(rows)}"
        )
    if strange := set("".join(rows)) - set(SYMBOLS):
        raise ValueError(f"layout must have cells out of {SYMBOLS!r} only, not {sorted(strange)}")
    return np.array([[SYMBOLS.index(symbol) for symbol in row] for row in rows], dtype=np.uint8)


def write_layout(layout: Layouts) -> list[str]:
    """Turn an array (size, size) into a layout as text."""
    return ["".join(SYMBOLS[kind] for kind in row) for row in layout.tolist()]


def read_actions(actions: Any) -> tuple[str, ...]:
    """Return names of actions.

    Raises:
        ValueError: there is none, or one that is unknown or given twice.
    """
    if isinstance(actions, str) or not isinstance(actions, Sequence) or not actions:
        raise ValueError(f"actions must be a sequence of some of {list(ACTIONS)}, not {shown(actions)}")
    for name in actions:
        one_of("action", name, ACTIONS)
    if len(set(actions)) < len(actions):
        raise ValueError(f"actions must not have a name twice, as {actions!r} has")
    return tuple(actions)


def is_free(free: Bools, cells: Cells) -> Bools:
    """Return which cells are on the board and free.

    Args:
        free: (n, rows, columns), true where an agent can be.
        cells: (n, ..., 2), on the board or off it; those of index i on board i.

    Returns:
        (n, ...).
    """
    n, rows, columns = free.shape
    row, column = cells[..., 0], cells[..., 1]
    on_board = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    board = np.arange(n).reshape(n, *[1] * (row.ndim - 1))
    at = np.where(on_board, (board * rows + row) * columns + column, 0)
    result: Bools = free.reshape(-1)[at] & on_board
    return result


def move(free: Bools, cells: Cells, offsets: Cells) -> Cells:
    """Move by offsets where the cell at the end is free; nothing else matters, so corners can be cut.

    Args:
        free: (n, rows, columns), true where an agent can be.
        cells: (n, ..., 2), those of index i on board i.
        offsets: any shape that broadcasts with `cells`.

    Returns:
        The new cells (n, ..., 2); unchanged where the end is blocked or off the board.
    """
    ends = cells + offsets
    moved: Cells = np.where(is_free(free, ends)[..., None], ends, cells)
    return moved


def shortest_paths(free: Bools, goals: Cells) -> Cells:
    """Count the steps along rows and columns from every cell to a goal, by breadth-first search.

    Args:
        free: (n, rows, columns), true where an agent can be.
        goals: (n, 2), that of index i on board i.

    Returns:
        (n, rows, columns), int64; -1 where a cell is not free, or no path leads to the goal.
    """
    distances = np.full(free.shape, -1, dtype=np.int64)
    unseen = free.copy()
    wave = np.zeros_like(free)
    wave[np.arange(len(goals)), goals[:, 0], goals[:, 1]] = True
    wave &= unseen
    steps = 0
    while wave.any():
        distances[wave] = steps
        unseen &= ~wave
        grown = np.zeros_like(wave)
        grown[:, 1:] |= wave[:, :-1]
        grown[:, :-1] |= wave[:, 1:]
        grown[:, :, 1:] |= wave[:, :, :-1]
        grown[:, :, :-1] |= wave[:, :, 1:]
        wave = grown & unseen
        steps += 1
    return distances
