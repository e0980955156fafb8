"""The maze with tasks: an agent on a grid with blocks, water and switches, seen from above."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces

from unknot.checks import unknown

from .maze_frames import AGENT, GOAL, KIND, PIXELS, Codes, Frames, Images, switch_kind
from .maze_world import (
    ACTIONS,
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
    move,
    read_layout,
    shortest_paths,
    write_layout,
)
from .simulation import Adapter, Array, Factors, Generators, Rows, Simulation, SimulationEnv, read_count
from .vector import SimulationVectorEnv

DEFAULT_ACTIONS = ("down", "left", "right", "up", "pass", "toggle")
NAMED_LAYOUTS = ("random", "open", "paper")
TASKS = {"reach": ("agent",), "switch": ("agent", "switches"), "none": ()}
"""By name, the factors that a goal has."""
GOALS = ("drawn", "image")
REWARDS = ("sparse", "dense")
WATER_COST = 0.2
"""What a step that ends in water costs, as in MazeBase."""
MOST_SHADES = 7
"""Shades of green that can be told apart."""
LEAST_SHARE = 0.5
"""Share of the cells without a block that a random layout must connect."""
TRIES = 1_000
UPSCALE = 8
"""Pixels of a frame for people to a pixel of the image."""


class Maze(Simulation):
    """Copies of the maze. `MazeEnv` says what is seen and done.

    Args:
        num_envs: how many copies.
        size: cells along an axis of the layouts "random" and "open", 4 to 16.
        layout: "random" (a new one at each reset), "open" (nothing in the way), "paper" (6 × 6 cells, one
            of them a block), or n strings of length n, a character a cell: "." free, "#" block, "~" water,
            "o" switch.
        blocks: share of a random layout's cells that are blocks, 0 to 0.5. What they cut off from the
            agent's part of the board is filled with blocks, too, so that all free cells are connected.
        water: share of a random layout's cells that are water, 0 to 0.5.
        switches: how many a random layout has.
        switch_states: how many states, and shades, a switch has, 2 to 7.
        actions: names of actions, in their order; see `MazeEnv`.
        task: "reach" (the goal's cell), "switch" (the goal's cell, every switch one state further than at
            the start), or "none" (no goal: only water counts).
        goal: "drawn" (marked in the image) or "image" (shown as an image of its own, `desired_goal`).
        max_steps: steps after which an episode is truncated.
        reward: "sparse" (1 when the goal is met after a step, else 0) or "dense" (minus the number of steps
            along rows and columns from the agent's cell to the goal's, minus the number of switches that
            aren't as wanted); less 0.2 for a step that ends in water.
        terminate_on_success: end an episode when it has succeeded.

    Raises:
        ValueError: an unknown name, with those near to it, or an argument out of its range.
    """

    observation_space: spaces.Box | spaces.Dict
    action_space: spaces.Discrete

    def __init__(
        self,
        num_envs: int = 1,
        *,
        size: int = 8,
        layout: str | Sequence[str] = "random",
        blocks: float = 0.2,
        water: float = 0.0,
        switches: int = 0,
        switch_states: int = 2,
        actions: Sequence[str] = DEFAULT_ACTIONS,
        task: str = "reach",
        goal: str = "drawn",
        max_steps: int = 100,
        reward: str = "sparse",
        terminate_on_success: bool = False,
    ) -> None:
        for name, value, known in (("task", task, TASKS), ("goal", goal, GOALS), ("reward", reward, REWARDS)):
            if value not in list(known):  # a list: what was given may have no hash
                raise ValueError(unknown(name, value, known))
        if max_steps < 1:
            raise ValueError(f"max_steps={max_steps} must be at least 1")
        if not 2 <= switch_states <= MOST_SHADES:
            raise ValueError(f"switch_states={switch_states} must be in 2..{MOST_SHADES}")
        self.num_envs, self.task, self.goal_shown = num_envs, task, goal
        self.max_steps, self.reward, self.terminate_on_success = max_steps, reward, terminate_on_success
        self.actions, self.switch_states = check_actions(actions), switch_states
        self.fixed = find_layout(layout, size)
        if self.fixed is None:
            self.counts = count_cells(size, blocks, water, switches)
        elif switches:
            raise ValueError(f"switches={switches} is for the layout 'random'; others bring their own")
        self.size = size if self.fixed is None else len(self.fixed)
        self.switch_count = switches if self.fixed is None else int((self.fixed == SWITCH).sum())
        if task == "switch" and not (self.switch_count and "toggle" in self.actions):
            raise ValueError("task='switch' needs a switch in the layout and the action 'toggle'")
        self._offsets = np.array([ACTIONS[name] for name in self.actions], dtype=np.int64)
        self._toggles = np.array([name == "toggle" for name in self.actions])
        self._moves = self._offsets.any(axis=1)
        self._strides = np.array([self.size, 1])

        image = spaces.Box(0, 255, (PIXELS, PIXELS, 3), np.uint8)
        self._two_images = task != "none" and goal == "image"
        self.observation_space = (
            spaces.Dict({"observation": image, "desired_goal": image}) if self._two_images else image
        )
        self.action_space = spaces.Discrete(len(self.actions))
        self.factor_space = spaces.Dict({"agent": spaces.Box(0, self.size - 1, (2,), np.int64)})
        if self.switch_count:
            self.factor_space["switches"] = spaces.Box(0, switch_states - 1, (self.switch_count,), np.int64)
        self._goal_space = spaces.Dict({name: self.factor_space[name] for name in TASKS[task]})

        self.layouts = np.zeros((num_envs, self.size, self.size), dtype=np.uint8)
        self.agent = np.zeros((num_envs, 2), dtype=np.int64)
        self.goal = np.zeros((num_envs, 2), dtype=np.int64)
        self.switches = np.zeros((num_envs, self.switch_count), dtype=np.int64)
        self.wanted = np.zeros((num_envs, self.switch_count), dtype=np.int64)
        self.steps = np.zeros(num_envs, dtype=np.int64)
        # What follows from layouts and goals:
        self._free = np.zeros(self.layouts.shape, dtype=np.bool_)
        self._switch_cells = np.zeros((num_envs, self.switch_count), dtype=np.int64)
        self._distances = np.zeros(self.layouts.shape, dtype=np.int64)
        self._frames, self._goal_frames = (Frames(num_envs, self.size, switch_states) for _ in range(2))

    @property
    def goal_space(self) -> spaces.Dict:
        """The agent's cell; in the task "switch" the switches, too; in the task "none" nothing."""
        return self._goal_space

    def check(self, factors: Factors) -> None:
        """Raise ValueError if an agent can't be at `agent` in a layout that is the same in all episodes."""
        if self.fixed is not None and "agent" in factors:
            check_agents(np.broadcast_to(self.fixed, (len(factors["agent"]), *self.fixed.shape)), factors)

    def reset(self, rows: Rows, generators: Generators, factors: Factors, goal: Factors) -> None:
        """Begin episodes; one call of each generator unless a random layout is too narrow."""
        layouts, agents, goals, shades = self._draw(generators, factors.get("agent"), goal.get("agent"))
        states, wanted = factors.get("switches"), goal.get("switches")
        if states is None:
            states = shades if wanted is None else (wanted - 1) % self.switch_states
        if wanted is None:
            wanted = (states + 1) % self.switch_states
        self._begin(rows, layouts, agents, states, goals, wanted)

    def step(self, rows: Rows, generators: Generators, actions: Array) -> tuple[Array, Bools, Bools]:
        """Move the agents where nothing is in the way, and toggle what they stand on."""
        self.agent[rows] = move(self._free[rows], self.agent[rows], self._offsets[actions])
        toggled = self._stood_on(rows) & self._toggles[actions][:, None]
        self.switches[rows] = (self.switches[rows] + toggled) % self.switch_states
        self.steps[rows] += 1
        success = self._success(rows)
        distance = self._distances[rows, self.agent[rows, 0], self.agent[rows, 1]]
        rewards = self._rewards(success, distance, self._wrong(rows), self._kind(rows))
        return rewards, success & self.terminate_on_success, self.steps[rows] >= self.max_steps

    def goal_rewards(self, achieved: Factors, desired: Factors) -> Array:
        """Return rewards by where steps end; a random layout isn't known, so none may depend on it."""
        if self.fixed is None and (self.reward == "dense" or self.counts.water):
            raise ValueError(
                f"reward={self.reward!r} with water={self.counts.water} cells depends on the random layout, "
                "not on factors and goal alone; take reward='sparse' and water=0, or a fixed layout"
            )
        at, to = achieved["agent"], desired["agent"]
        layout = np.full((self.size, self.size), FREE) if self.fixed is None else self.fixed
        wrong, distance = np.zeros((2, len(at)), dtype=np.int64)
        if self.task == "switch":
            wrong = (achieved["switches"] != desired["switches"]).sum(axis=1)
        if self.reward == "dense":
            boards = np.broadcast_to(layout != BLOCK, (len(to), *layout.shape))
            distance = shortest_paths(boards, to)[np.arange(len(at)), at[:, 0], at[:, 1]]
        success = (at == to).all(axis=1) & (wrong == 0)
        return self._rewards(success, distance, wrong, layout[at[:, 0], at[:, 1]])

    def place(self, factors: Factors) -> None:
        """Set the agents' cells and the switches' states."""
        check_agents(self.layouts, factors)
        self.agent[:] = factors.get("agent", self.agent)
        self.switches[:] = factors.get("switches", self.switches)

    def observe(self, rows: Rows) -> Any:
        """Draw the boards, and the goals, in them or as the boards would be there."""
        drawn = self.task != "none" and self.goal_shown == "drawn"
        images = self._frames.draw(rows, self._codes(rows, drawn))
        if not self._two_images:
            return images
        return {"observation": images, "desired_goal": self._goal_frames.draw(rows, self._goal_codes(rows))}

    def info(self, rows: Rows) -> dict[str, Any]:
        """Return factors, goals, whether they are met, and which actions would change the scene."""
        values = {"agent": self.agent[rows], "switches": self.switches[rows]}
        goals = {"agent": self.goal[rows], "switches": self.wanted[rows]}
        return {
            "factors": {name: values[name] for name in self.factor_space},
            "goal": {name: goals[name] for name in self.goal_space},
            "is_success": self._success(rows),
            "action_mask": self._action_mask(rows),
        }

    def scene(self, row: int) -> dict[str, Any]:
        """Return factors, goal, layout and the count of steps."""
        values = {"agent": self.agent[row], "switches": self.switches[row]}
        goals = {"agent": self.goal[row], "switches": self.wanted[row]}
        return {
            "factors": {name: values[name].tolist() for name in self.factor_space},
            "goal": {name: goals[name].tolist() for name in self.goal_space},
            "layout": write_layout(self.layouts[row]),
            "steps": int(self.steps[row]),
        }

    def restore(
        self, rows: Rows, scenes: Sequence[Mapping[str, Any]], factors: Factors, goal: Factors
    ) -> None:
        """Go on from scenes of the same size with as many switches; of the same layout if that is fixed."""
        layouts = np.stack([self._read_layout(scene["layout"]) for scene in scenes])
        check_agents(layouts, factors)
        check_agents(layouts, goal)
        steps = [read_count(scene, "steps") for scene in scenes]
        switches = factors.get("switches", self.switches[rows])
        goals = goal.get("agent", factors["agent"])
        self._begin(rows, layouts, factors["agent"], switches, goals, goal.get("switches", switches))
        self.steps[rows] = steps

    def render_factors(self, factors: Factors) -> Images:
        """Draw boards of the first copy's layout, without a goal."""
        n = max((len(values) for values in factors.values()), default=1)
        first = np.zeros(n, dtype=np.intp)
        agents = factors.get("agent", self.agent[first])
        switches = factors.get("switches", self.switches[first])
        boards = Frames(1, self.size, self.switch_states)
        boards.draw(np.arange(1), self._codes(np.arange(1), False))
        return boards.alike(n).draw(np.arange(n), self._paint(first, agents, switches, switches))

    def frame(self, row: int) -> Images:
        """Draw the board eight times larger, the goal marked."""
        board = Frames(1, self.size, self.switch_states)
        image = board.draw(np.arange(1), self._codes(np.array([row]), self.task != "none"))[0]
        frame: Images = image.repeat(UPSCALE, axis=0).repeat(UPSCALE, axis=1)
        return frame

    # Beginning

    def _begin(
        self, rows: Rows, layouts: Layouts, agents: Cells, switches: Cells, goals: Cells, wanted: Cells
    ) -> None:
        self.layouts[rows], self.agent[rows], self.switches[rows] = layouts, agents, switches
        self.goal[rows], self.wanted[rows] = goals, wanted
        self.steps[rows] = 0
        self._free[rows] = layouts != BLOCK
        flat = layouts.reshape(len(rows), -1)
        self._switch_cells[rows] = np.nonzero(flat == SWITCH)[1].reshape(len(rows), -1)
        if self.reward == "dense":
            self._distances[rows] = shortest_paths(layouts != BLOCK, goals)

    def _draw(
        self, generators: Generators, agents: Cells | None, goals: Cells | None
    ) -> tuple[Layouts, Cells, Cells, Cells]:
        """Draw layouts, agents and goals where they aren't given, and switches' states.

        A number is drawn for each cell: where it is least, a block; where it is greatest, the agent; the
        greatest from which a way leads to the agent, the goal; the next are switches and water.
        """
        n, cells = len(generators), self.size * self.size
        layouts = np.empty((n, cells), dtype=np.uint8)
        ends = np.empty((2, n), dtype=np.int64)
        shades = np.empty((n, self.switch_count), dtype=np.int64)
        given = [None if at is None else at @ self._strides for at in (agents, goals)]
        pending = np.arange(n)
        for _ in range(TRIES):
            numbers = np.empty((len(pending), cells + self.switch_count))
            for row, out in zip(pending, numbers, strict=True):
                generators[row].random(out=out)
            shades[pending] = self.switch_states * numbers[:, cells:]
            there = [None if at is None else at[pending] for at in given]
            layouts[pending], ends[:, pending], good = self._arrange(numbers[:, :cells], *there)
            pending = pending[~good]
            if not len(pending):
                where = np.stack(np.divmod(ends, self.size), axis=-1)
                return layouts.reshape(n, self.size, self.size), where[0], where[1], shades
        raise RuntimeError(
            f"task {self.task!r} finds no free places for start and goal that a way connects; "
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
        if self.task == "none" or (agents is not None and goals is not None):
            good[:] = True
        drawn = (other, anchor) if agents is None and goals is not None else (anchor, other)
        ends = np.stack(
            [new if old is None else old for new, old in zip(drawn, (agents, goals), strict=True)]
        )
        if self.fixed is None:
            numbers[every, ends] = -1.0
            self._furnish(layouts, numbers, reached)
            good &= reached[every, ends[1]]
            good &= reached.sum(axis=1) >= max(self.counts.least, LEAST_SHARE * self.counts.open)
        return layouts, ends, good

    def _with_blocks(self, numbers: Array) -> Layouts:
        if self.fixed is not None:
            return np.repeat(self.fixed.reshape(1, -1), len(numbers), axis=0)
        return np.where(rank(numbers) < self.counts.blocks, BLOCK, FREE).astype(np.uint8)

    def _furnish(self, layouts: Layouts, numbers: Array, reached: Bools) -> None:
        """Fill what isn't reached, and put switches and water where numbers are greatest, in place."""
        layouts[~reached] = BLOCK
        place = rank(-numbers)
        layouts[place < self.counts.switches + self.counts.water] = WATER
        layouts[place < self.counts.switches] = SWITCH

    def _read_layout(self, rows: Any) -> Layouts:
        layout = read_layout(rows)
        if self.fixed is not None and not np.array_equal(layout, self.fixed):
            raise ValueError("layout: the scene is of another layout than this environment's")
        if len(layout) != self.size or (layout == SWITCH).sum() != self.switch_count:
            raise ValueError(
                f"layout: the scene has {len(layout)} cells along an axis and {(layout == SWITCH).sum()} "
                f"switches, this environment {self.size} and {self.switch_count}"
            )
        return layout

    # Counting

    def _kind(self, rows: Rows) -> Array:
        """What the agents stand on (n,)."""
        kind: Array = self.layouts[rows, self.agent[rows, 0], self.agent[rows, 1]]
        return kind

    def _stood_on(self, rows: Rows) -> Bools:
        """Tell which switches agents stand on (n, switches)."""
        stood_on: Bools = self._switch_cells[rows] == (self.agent[rows] @ self._strides)[:, None]
        return stood_on

    def _wrong(self, rows: Rows) -> Array:
        """Count the switches that aren't as wanted (n,); only the task "switch" wants any."""
        if self.task != "switch":
            return np.zeros(len(rows), dtype=np.int64)
        wrong: Array = (self.switches[rows] != self.wanted[rows]).sum(axis=1)
        return wrong

    def _success(self, rows: Rows) -> Bools:
        if self.task == "none":
            return np.zeros(len(rows), dtype=np.bool_)
        success: Bools = (self.agent[rows] == self.goal[rows]).all(axis=1) & (self._wrong(rows) == 0)
        return success

    def _rewards(self, success: Bools, distance: Array, wrong: Array, kind: Array) -> Array:
        """Return rewards (n,) by steps to the goal, switches to set, and what agents stand on."""
        if self.reward == "sparse":
            rewards = success.astype(np.float64)
        elif self.task == "none":
            rewards = np.zeros(len(kind))
        else:
            # No way leads there only where somebody put it so; then it is further than any way.
            distance = np.where(distance < 0, self.size * self.size, distance)
            rewards = -(distance + wrong).astype(np.float64)
        rewards -= WATER_COST * (kind == WATER)
        return rewards

    def _action_mask(self, rows: Rows) -> Array:
        """Tell which actions would change the scene (n, actions), int8."""
        free = is_free(self._free[rows], self.agent[rows][:, None] + self._offsets)
        mask = np.where(self._toggles, self._stood_on(rows).any(axis=1)[:, None], free & self._moves)
        return mask.astype(np.int8)

    # Drawing

    def _codes(self, rows: Rows, with_goal: bool) -> Codes:
        """What the boards show (n, cells)."""
        switches = self.switches[rows]
        wanted = self.wanted[rows] if with_goal and self.task == "switch" else switches
        codes = self._paint(rows, self.agent[rows], switches, wanted)
        if with_goal:
            codes[np.arange(len(rows)), self.goal[rows] @ self._strides] += GOAL
        return codes

    def _goal_codes(self, rows: Rows) -> Codes:
        """What the boards would show at the goal (n, cells)."""
        switches = self.wanted[rows] if self.task == "switch" else self.switches[rows]
        return self._paint(rows, self.goal[rows], switches, switches)

    def _paint(self, rows: Rows, agents: Cells, switches: Cells, wanted: Cells) -> Codes:
        every = np.arange(len(rows))
        codes = self.layouts[rows].reshape(len(rows), self.size * self.size) * np.uint8(KIND)
        if self.switch_count:
            codes[every[:, None], self._switch_cells[rows]] = KIND * switch_kind(
                switches, wanted, self.switch_states
            )
        codes[every, agents @ self._strides] += AGENT
        return codes


class Counts(NamedTuple):
    """How many cells of a random layout are what."""

    cells: int
    blocks: int
    water: int
    switches: int

    @property
    def open(self) -> int:
        """Cells without a block, before what is cut off is filled."""
        return self.cells - self.blocks

    @property
    def least(self) -> int:
        """Cells that must be connected: for the agent, the goal, switches and water."""
        return 2 + self.switches + self.water


def count_cells(size: int, blocks: float, water: float, switches: int) -> Counts:
    """Count what a random layout holds.

    Raises:
        ValueError: a share or a number out of its range, or too much of all.
    """
    for name, share in (("blocks", blocks), ("water", water)):
        if not 0 <= share <= 0.5:
            raise ValueError(f"{name}={share} must be in 0..0.5, a share of all cells")
    if switches < 0:
        raise ValueError(f"switches={switches} must not be negative")
    counts = Counts(size * size, round(blocks * size * size), round(water * size * size), switches)
    if counts.least > counts.open:
        raise ValueError(
            f"blocks={blocks}, water={water}, switches={switches} leave no room for agent and goal "
            f"on {size} × {size} cells"
        )
    return counts


def find_layout(layout: Any, size: int) -> Layouts | None:
    """Return a layout (size, size) by its name or its text; None for "random".

    Raises:
        ValueError: an unknown name, a size out of its range, or no text of a layout.
    """
    if not isinstance(layout, str):
        return read_layout(layout)
    if layout not in NAMED_LAYOUTS:
        raise ValueError(unknown("layout", layout, NAMED_LAYOUTS))
    if size not in SIZES:
        raise ValueError(f"size={size} must be an integer in {SIZES[0]}..{SIZES[-1]}")
    if layout == "random":
        return None
    return read_layout(PAPER if layout == "paper" else ["." * size] * size)


def check_actions(actions: Any) -> tuple[str, ...]:
    """Return names of actions.

    Raises:
        ValueError: there is none, or one that is unknown or given twice.
    """
    if isinstance(actions, str) or not isinstance(actions, Sequence) or not actions:
        raise ValueError(f"actions={actions!r} must be a sequence of names: {list(ACTIONS)}")
    for name in actions:
        if name not in list(ACTIONS):  # a list: what was given may have no hash
            raise ValueError(unknown("action", name, ACTIONS))
    if len(set(actions)) < len(actions):
        raise ValueError(f"actions={actions!r} has a name twice")
    return tuple(actions)


def check_agents(layouts: Layouts, factors: Factors) -> None:
    """Raise ValueError if an agent can't be at `agent` (n, 2) in layouts (n, rows, columns)."""
    if "agent" in factors:
        for cell in factors["agent"][~is_free(layouts != BLOCK, factors["agent"])]:
            raise ValueError(f"agent={cell.tolist()} is impossible: a block is there")


def rank(numbers: Array) -> Array:
    """Return the place of each number in the ascending order of its row (n, k)."""
    return numbers.argsort(axis=1).argsort(axis=1)


class _Maze(Adapter):
    """What the mazes have beside what every environment has."""

    simulation: Maze

    @property
    def layouts(self) -> Layouts:
        """The present layouts (copies, size, size), uint8: `FREE`, `BLOCK`, `WATER`, `SWITCH`."""
        return self.simulation.layouts.copy()

    @property
    def actions(self) -> tuple[str, ...]:
        """The names of the actions, in their order."""
        return self.simulation.actions


class MazeEnv(_Maze, SimulationEnv):
    """Find the way on a grid with blocks, water and switches, seen as a 64 × 64 image.

    The grid of Thomas et al. (Disentangling the independently controllable factors of variation by
    interacting with the world, 2018), who use MazeBase (Sukhbaatar et al., 2015): sections 4.1, B.2, B.3.

    Observation
        A uint8 image (64, 64, 3): the agent a red disc, blocks orange, water blue, switches squares in
        shades of green that show their states, the goal white corners of its cell. In the task "switch" a
        switch has a rim in the shade that is wanted. With `goal="image"` a Dict of two images,
        `observation` without any mark of the goal, and `desired_goal`, the board as it would be there.

    Actions
        Discrete, those that `actions` names, in its order: by default down, left, right, up, pass, toggle.

        | name | what it does |
        |---|---|
        | `down`, `left`, `right`, `up` | moves by a cell |
        | `up_again` | the same as `up` |
        | `down_left` | moves by a cell diagonally, past corners, too: only the cell it ends in counts |
        | `pass` | nothing |
        | `toggle` | puts the switch that the agent stands on in its next state, the last one in the first |

        Blocks and the board's edge refuse a move; water can be entered. `info["action_mask"]`, int8, is 1
        for actions that would change the scene.

    Factors
        `agent`: (row, column) of the agent's cell, the first row at the top, int64. `switches`: the states
        of the switches in reading order, int64, where a layout has any. A goal is an `agent`, in the task
        "switch" with `switches`; in the task "none" it is empty.

    Reward
        "sparse": 1 when the goal is met after the step, else 0. "dense": minus the steps along rows and
        columns from the agent to the goal, minus the number of switches that aren't as wanted. A step that
        ends in water costs 0.2.

    End
        Truncated after `max_steps`. `info["is_success"]` says that the goal is met: the agent in its cell,
        and, in the task "switch", all switches as wanted; with `terminate_on_success=True` the episode
        ends there. In the task "none" it is always false.

    Settings
        `render_mode`, and those of `unknot.envs.maze.Maze`, where they are explained.
    """

    simulation_class = Maze

    def get_keys_to_action(self) -> dict[tuple[int, ...], int]:
        """Return actions by pressed keys, for `gymnasium.utils.play`.

        Arrows or W, A, S, D move; E toggles, space passes, Z is `down_left`, R `up_again`.
        """
        return {
            (key,): self.actions.index(name)
            for name, keys in KEYS.items()
            for key in keys
            if name in self.actions
        }


class MazeVectorEnv(_Maze, SimulationVectorEnv):
    """Many mazes, stepped and drawn together: `MazeEnv`, batched."""

    simulation_class = Maze


KEYS = {
    # The arrow keys have SDL's scancodes with bit 30 set: knowing them loads no pygame.
    "down": (ord("s"), 1 << 30 | 81),
    "left": (ord("a"), 1 << 30 | 80),
    "right": (ord("d"), 1 << 30 | 79),
    "up": (ord("w"), 1 << 30 | 82),
    "up_again": (ord("r"),),
    "down_left": (ord("z"),),
    "pass": (ord(" "),),
    "toggle": (ord("e"),),
}
