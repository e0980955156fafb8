"""The layouts of a maze: a fixed one by its name or its text, or random ones; start and goal in them."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unknot.checks import count, unknown, within

from .maze_world import (
    BLOCK,
    FREE,
    PAPER,
    SIZES,
    SWITCH,
    WATER,
    Bools,
    Cells,
    Layouts,
    is_free,
    read_layout,
    shortest_paths,
)
from .simulation import Array, Factors, Generators

Floats = NDArray[np.float64]

NAMED_LAYOUTS = ("random", "open", "paper")
LEAST_CONNECTED_SHARE = 0.5
"""Share of the cells without a block that a random layout must connect."""
TRIES = 1_000
"""Attempts at finding a layout, a start and a goal before giving up."""


class CellCounts(NamedTuple):
    """How many cells of a random layout are of which kind."""

    cells: int
    blocks: int
    water: int
    switches: int

    @property
    def open(self) -> int:
        """Cells without a block, before those that are cut off are filled."""
        return self.cells - self.blocks

    @property
    def least_connected(self) -> int:
        """Cells that must be connected: for the agent, the goal, switches and water."""
        return 2 + self.switches + self.water


def count_cells(size: int, blocks: float, water: float, switches: int) -> CellCounts:
    """Count the cells of a random layout by kind.

    Raises:
        ValueError: there is no room for agent and goal.
    """
    counts = CellCounts(size * size, round(blocks * size * size), round(water * size * size), switches)
    if counts.least_connected > counts.open:
        raise ValueError(
            f"blocks={blocks}, water={water}, switches={switches} leave no room for agent and goal "
            f"on {size} × {size} cells"
        )
    return counts


def find_layout(layout: Any, size: int) -> Layouts | None:
    """Return a layout (size, size) by its name or its text; None for "random".

    Raises:
        ValueError: an unknown name, or a bad text.
    """
    if not isinstance(layout, str):
        return read_layout(layout)
    if layout not in NAMED_LAYOUTS:
        words = unknown("layout", layout, NAMED_LAYOUTS)
        raise ValueError(f'{words} (one of your own is a list of rows: ["....", ".##.", "....", "...."])')
    if layout == "random":
        return None
    return read_layout(PAPER if layout == "paper" else ["." * size] * size)


def check_agents(layouts: Layouts, factors: Factors) -> None:
    """Raise ValueError if an agent can't be at `agent` (n, 2) in layouts (n, rows, columns)."""
    if "agent" in factors:
        for cell in factors["agent"][~is_free(layouts != BLOCK, factors["agent"])]:
            raise ValueError(f"agent={cell.tolist()} is impossible: a block is there")


class Board(NamedTuple):
    """Layouts, starts and goals of some episodes."""

    layouts: Layouts
    """(n, size, size)."""
    agents: Cells
    """(n, 2)."""
    goals: Cells
    """(n, 2)."""
    uniforms: Floats
    """(n, switches), in [0, 1): for the switches' states."""


class LayoutSampler:
    """Samples layouts, and where agent and goal are in them.

    Args:
        layout: as `Maze` takes it, with size, blocks, water and switches.
        size: cells along an axis of a named layout.
        blocks: share of a random layout's cells.
        water: share of a random layout's cells.
        switches: number in a random layout.
        with_goal: whether a free path must lead from the agent to the goal.

    Attributes:
        fixed: the layout of all episodes (size, size); None where each has a random one.
        size: cells along an axis.
        switches: the number of switches.
        counts: the cells of a random layout by kind; absent where the layout is fixed.

    Raises:
        ValueError: an argument that `Maze` refuses.
    """

    def __init__(
        self, layout: Any, size: int, blocks: float, water: float, switches: int, with_goal: bool
    ) -> None:
        count(1, size=size)
        within(SIZES[0], SIZES[-1], size=size)
        within(0, 0.5, blocks=blocks, water=water)
        count(0, switches=switches)
        self.fixed = find_layout(layout, size)
        self.with_goal = with_goal
        if self.fixed is None:
            self.size, self.switches = size, switches
            self.counts = count_cells(size, float(blocks), float(water), switches)
        elif switches:
            raise ValueError(f"switches={switches} is for the layout 'random'; other layouts bring their own")
        else:
            self.size, self.switches = len(self.fixed), int((self.fixed == SWITCH).sum())
        self._strides = np.array([self.size, 1])

    def read(self, rows: Any) -> Layouts:
        """Return the layout of a scene (size, size).

        Raises:
            ValueError: it is no layout, another one than the fixed one, or of another kind.
        """
        layout = read_layout(rows)
        if self.fixed is not None and not np.array_equal(layout, self.fixed):
            raise ValueError("layout: the scene is of another layout than this environment's")
        if len(layout) != self.size or (layout == SWITCH).sum() != self.switches:
            raise ValueError(
                f"layout: the scene has {len(layout)} cells along an axis and {(layout == SWITCH).sum()} "
                f"switches, this environment {self.size} and {self.switches}"
            )
        return layout

    def sample(self, generators: Generators, agents: Cells | None, goals: Cells | None) -> Board:
        """Sample layouts, and agents and goals where they aren't given.

        Each cell gets a uniform number. Cells with the smallest are blocks; the cell with the largest is the
        agent's; the largest from which a path leads to the agent is the goal's; the next are switches and
        water. Each generator is called once, and again while its layout is too narrow.

        Raises:
            RuntimeError: nothing was found.
        """
        n, cells = len(generators), self.size * self.size
        layouts = np.empty((n, cells), dtype=np.uint8)
        ends = np.empty((2, n), dtype=np.int64)
        uniforms = np.empty((n, self.switches))
        given = [None if at is None else at @ self._strides for at in (agents, goals)]
        pending = np.arange(n)
        for _ in range(TRIES):
            numbers = np.empty((len(pending), cells + self.switches))
            for row, out in zip(pending, numbers, strict=True):
                generators[row].random(out=out)
            uniforms[pending] = numbers[:, cells:]
            known = [None if at is None else at[pending] for at in given]
            layouts[pending], ends[:, pending], good = self._arrange(numbers[:, :cells], *known)
            pending = pending[~good]
            if not len(pending):
                where = np.stack(np.divmod(ends, self.size), axis=-1)
                return Board(layouts.reshape(n, self.size, self.size), where[0], where[1], uniforms)
        raise RuntimeError(
            "the layout has no free places for start and goal that a path connects; "
            "fewer blocks, switches or water leave room"
        )

    def _arrange(
        self, numbers: Array, agents: Array | None, goals: Array | None
    ) -> tuple[Layouts, Array, Bools]:
        """Turn numbers (n, cells) into layouts (n, cells), agents and goals (2, n), and which are good."""
        n, every = len(numbers), np.arange(len(numbers))
        for given in (agents, goals):
            if given is not None:
                numbers[every, given] = 2.0  # no block there
        layouts = self._with_blocks(numbers)
        numbers[layouts != FREE] = -1.0
        anchor = next((given for given in (agents, goals) if given is not None), numbers.argmax(axis=1))
        free = (layouts != BLOCK).reshape(-1, self.size, self.size)
        reached = shortest_paths(free, np.stack(np.divmod(anchor, self.size), axis=-1)).reshape(n, -1) >= 0
        numbers[~reached] = numbers[every, anchor] = -1.0
        other = numbers.argmax(axis=1)
        good = numbers[every, other] >= 0
        if not self.with_goal or (agents is not None and goals is not None):
            good[:] = True
        found = (other, anchor) if agents is None and goals is not None else (anchor, other)
        ends = np.stack(
            [new if old is None else old for new, old in zip(found, (agents, goals), strict=True)]
        )
        if self.fixed is None:
            numbers[every, ends] = -1.0
            self._furnish(layouts, numbers, reached)
            good &= reached[every, ends[1]]
            least = max(self.counts.least_connected, LEAST_CONNECTED_SHARE * self.counts.open)
            good &= reached.sum(axis=1) >= least
        return layouts, ends, good

    def _with_blocks(self, numbers: Array) -> Layouts:
        if self.fixed is not None:
            return np.repeat(self.fixed.reshape(1, -1), len(numbers), axis=0)
        return np.where(_rank(numbers) < self.counts.blocks, BLOCK, FREE).astype(np.uint8)

    def _furnish(self, layouts: Layouts, numbers: Array, reached: Bools) -> None:
        """Fill cells that aren't reached, and put switches and water where numbers are largest, in place."""
        layouts[~reached] = BLOCK
        place = _rank(-numbers)
        layouts[place < self.counts.switches + self.counts.water] = WATER
        layouts[place < self.counts.switches] = SWITCH


def _rank(numbers: Array) -> Array:
    """Return the place of each number in the ascending order of its row (n, k)."""
    return numbers.argsort(axis=1).argsort(axis=1)
