"""The maze with tasks: an agent on a grid with blocks, water and switches, seen from above."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv

from unknot.checks import count, one_of, within

from .adapter import MaskedActions
from .maze_frames import AGENT, GOAL, KIND, PIXELS, Codes, Frames, Images, switch_kind
from .maze_layouts import LayoutSampler, check_agents
from .maze_tasks import TASKS, Task
from .maze_world import (
    ACTIONS,
    BLOCK,
    FREE,
    STEPS,
    SWITCH,
    Bools,
    Cells,
    Layouts,
    is_free,
    move,
    read_actions,
    shortest_paths,
    write_layout,
)
from .simulation import Array, Factors, Generators, Rows, Simulation, check_settings, read_count
from .single import SimulationEnv
from .vector import SimulationVectorEnv

DEFAULT_ACTIONS = (*STEPS, "pass", "toggle")
GOALS = ("drawn", "image")
MOST_SHADES = 7
"""Distinguishable shades of green."""
UPSCALE = 8
"""Pixels of a frame for people per pixel of the image."""


class Maze(Simulation):
    """Copies of the maze. `MazeEnv` describes observations, actions and rewards.

    Args:
        num_envs: how many copies.
        size: cells along an axis of the layouts "random" and "open", 4 to 16.
        layout: "random" (a new one at each reset), "open" (no blocks), "paper" (6 × 6 cells, one of them a
            block), or n strings of length n, one character per cell: "." free, "#" block, "~" water,
            "o" switch.
        blocks: share of a random layout's cells that are blocks, 0 to 0.5. Cells that they cut off from the
            agent become blocks, too, so that all free cells are connected.
        water: share of a random layout's cells that are water, 0 to 0.5.
        switches: the number of switches in a random layout.
        switch_states: the number of states, and shades, of a switch, 2 to 7.
        actions: names of actions, in their order; see `MazeEnv`.
        task: "reach" (the goal's cell), "switch" (the goal's cell, every switch one state further than at
            the start), or "none" (no goal: only water counts).
        goal: "drawn" (marked in the image) or "image" (an image of its own, `desired_goal`).
        max_steps: steps after which an episode is truncated.
        reward: "sparse" (1 when the goal is met after a step, else 0) or "dense" (minus the number of steps
            along rows and columns from the agent's cell to the goal's, minus the number of switches in the
            wrong state); less 0.2 for a step that ends in water.
        terminate_on_success: end an episode when it has succeeded.

    Raises:
        ValueError: an unknown name (the error suggests similar ones), or an argument out of its range.
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
        one_of("goal", goal, GOALS)
        check_settings(num_envs, max_steps, terminate_on_success)
        count(1, switch_states=switch_states)
        within(2, MOST_SHADES, switch_states=switch_states)
        self.sampler = LayoutSampler(layout, size, blocks, water, switches, with_goal=task != "none")
        self.size, self.switch_count = self.sampler.size, self.sampler.switches
        self.rules = Task(task, reward, cells=self.size * self.size)
        self.num_envs, self.task, self.goal_shown = num_envs, task, goal
        self.max_steps, self.reward, self.terminate_on_success = max_steps, reward, terminate_on_success
        self.actions, self.switch_states = read_actions(actions), switch_states
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
        # These follow from layouts and goals.
        self._free = np.zeros(self.layouts.shape, dtype=np.bool_)
        self._switch_cells = np.zeros((num_envs, self.switch_count), dtype=np.int64)
        self._distances = np.zeros(self.layouts.shape, dtype=np.int64)
        self._frames, self._goal_frames = (Frames(num_envs, self.size, switch_states) for _ in range(2))

    @property
    def goal_space(self) -> spaces.Dict:
        """The agent's cell; in the task "switch" the switches, too; in the task "none" nothing."""
        return self._goal_space

    def check(self, factors: Factors) -> None:
        """Refuse an `agent` on a block of a layout that is the same in all episodes."""
        fixed = self.sampler.fixed
        if fixed is not None and "agent" in factors:
            check_agents(np.broadcast_to(fixed, (len(factors["agent"]), *fixed.shape)), factors)

    def reset(self, rows: Rows, generators: Generators, factors: Factors, goal: Factors) -> None:
        """Begin episodes, with one call of each generator unless a random layout is too narrow."""
        board = self.sampler.sample(generators, factors.get("agent"), goal.get("agent"))
        if "switches" in factors:
            states = factors["switches"]
        elif "switches" in goal:
            states = (goal["switches"] - 1) % self.switch_states
        else:
            states = (self.switch_states * board.uniforms).astype(np.int64)
        wanted = goal.get("switches", (states + 1) % self.switch_states)
        self._begin(rows, board.layouts, board.agents, states, board.goals, wanted)

    def step(self, rows: Rows, generators: Generators, actions: Array) -> tuple[Array, Bools, Bools]:
        """Move the agents where no block is in the way, and toggle the switches that they stand on."""
        self.agent[rows] = move(self._free[rows], self.agent[rows], self._offsets[actions])
        toggled = self._under_agent(rows) & self._toggles[actions][:, None]
        self.switches[rows] = (self.switches[rows] + toggled) % self.switch_states
        self.steps[rows] += 1
        success = self._success(rows)
        distance = self._distances[rows, self.agent[rows, 0], self.agent[rows, 1]]
        kind = self.layouts[rows, self.agent[rows, 0], self.agent[rows, 1]]
        rewards = self.rules.rewards(success, distance, self._wrong(rows), kind)
        return rewards, success & self.terminate_on_success, self.steps[rows] >= self.max_steps

    def goal_rewards(self, achieved: Factors, desired: Factors) -> Array:
        """Return the rewards of steps that end in scenes; refused where they depend on a random layout."""
        fixed = self.sampler.fixed
        if fixed is None and (self.reward == "dense" or self.sampler.counts.water):
            raise ValueError(
                f"reward={self.reward!r} with water={self.sampler.counts.water} cells depends on the random "
                "layout, not on factors and goal alone; take reward='sparse' and water=0, or a fixed layout"
            )
        at, to = achieved["agent"], desired["agent"]
        layout = np.full((self.size, self.size), FREE) if fixed is None else fixed
        wrong = np.zeros(len(at), dtype=np.int64)
        distance = np.zeros(len(at), dtype=np.int64)
        if self.task == "switch":
            wrong = self.rules.wrong_switches(achieved["switches"], desired["switches"])
        if self.reward == "dense":
            boards = np.broadcast_to(layout != BLOCK, (len(to), *layout.shape))
            distance = shortest_paths(boards, to)[np.arange(len(at)), at[:, 0], at[:, 1]]
        success = self.rules.success(at, to, wrong)
        return self.rules.rewards(success, distance, wrong, layout[at[:, 0], at[:, 1]])

    def place(self, factors: Factors) -> None:
        """Set the agents' cells and the switches' states."""
        check_agents(self.layouts, factors)
        self.agent[:] = factors.get("agent", self.agent)
        self.switches[:] = factors.get("switches", self.switches)

    def observe(self, rows: Rows) -> Any:
        """Render the boards; the goals are marked in them, or rendered as the boards would be there."""
        marked = self.task != "none" and self.goal_shown == "drawn"
        images = self._frames.render(rows, self._codes(rows, marked))
        if not self._two_images:
            return images
        goals = self._goal_frames.render(rows, self._goal_codes(rows))
        return {"observation": images, "desired_goal": goals}

    def info(self, rows: Rows) -> dict[str, Any]:
        """Return factors, goals, whether goals are met, and which actions would change the scene."""
        values = {"agent": self.agent[rows], "switches": self.switches[rows]}
        goals = {"agent": self.goal[rows], "switches": self.wanted[rows]}
        return {
            "factors": {name: values[name] for name in self.factor_space},
            "goal": {name: goals[name] for name in self.goal_space},
            "is_success": self._success(rows),
            "action_mask": self._action_mask(rows),
        }

    def scene(self, row: int) -> dict[str, Any]:
        """Return factors, goal, layout and step count."""
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
        """Continue from scenes of the same size and number of switches; of the same layout if it is fixed."""
        layouts = np.stack([self.sampler.read(scene["layout"]) for scene in scenes])
        check_agents(layouts, factors)
        check_agents(layouts, goal)
        steps = [read_count(scene, "steps") for scene in scenes]
        switches = factors.get("switches", self.switches[rows])
        goals = goal.get("agent", factors["agent"])
        self._begin(rows, layouts, factors["agent"], switches, goals, goal.get("switches", switches))
        self.steps[rows] = steps

    def render_factors(self, factors: Factors) -> Images:
        """Render boards of the first copy's layout, without marking a goal."""
        n = max((len(values) for values in factors.values()), default=1)
        first = np.zeros(n, dtype=np.intp)
        agents = factors.get("agent", self.agent[first])
        switches = factors.get("switches", self.switches[first])
        boards = Frames(1, self.size, self.switch_states)
        boards.render(np.arange(1), self._codes(np.arange(1), False))
        return boards.repeat(n).render(np.arange(n), self._paint(first, agents, switches, switches))

    def frame(self, row: int) -> Images:
        """Render the board eight times larger, with the goal marked."""
        board = Frames(1, self.size, self.switch_states)
        image = board.render(np.arange(1), self._codes(np.array([row]), self.task != "none"))[0]
        frame: Images = image.repeat(UPSCALE, axis=0).repeat(UPSCALE, axis=1)
        return frame

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

    def _under_agent(self, rows: Rows) -> Bools:
        """Return which switches agents stand on (n, switches)."""
        under: Bools = self._switch_cells[rows] == (self.agent[rows] @ self._strides)[:, None]
        return under

    def _wrong(self, rows: Rows) -> Array:
        return self.rules.wrong_switches(self.switches[rows], self.wanted[rows])

    def _success(self, rows: Rows) -> Bools:
        return self.rules.success(self.agent[rows], self.goal[rows], self._wrong(rows))

    def _action_mask(self, rows: Rows) -> Array:
        """Return which actions would change the scene (n, actions), int8."""
        free = is_free(self._free[rows], self.agent[rows][:, None] + self._offsets)
        mask = np.where(self._toggles, self._under_agent(rows).any(axis=1)[:, None], free & self._moves)
        return mask.astype(np.int8)

    def _codes(self, rows: Rows, with_goal: bool) -> Codes:
        """Return the codes of the boards (n, cells)."""
        switches = self.switches[rows]
        wanted = self.wanted[rows] if with_goal and self.task == "switch" else switches
        codes = self._paint(rows, self.agent[rows], switches, wanted)
        if with_goal:
            codes[np.arange(len(rows)), self.goal[rows] @ self._strides] += GOAL
        return codes

    def _goal_codes(self, rows: Rows) -> Codes:
        """Return the codes of the boards as they would be at the goal (n, cells)."""
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


class _Maze(MaskedActions):
    """Attributes that both maze environments add."""

    simulation: Maze

    @property
    def layouts(self) -> Layouts:
        """The current layouts (copies, size, size), uint8: `FREE`, `BLOCK`, `WATER`, `SWITCH`."""
        return self.simulation.layouts.copy()

    @property
    def actions(self) -> tuple[str, ...]:
        """The names of the actions, in their order."""
        return self.simulation.actions


class MazeEnv(_Maze, SimulationEnv):
    """Find a path on a grid with blocks, water and switches, seen as a 64 × 64 image.

    The grid of Thomas et al. (Disentangling the independently controllable factors of variation by
    interacting with the world, 2018), who use MazeBase (Sukhbaatar et al., 2015): sections 4.1, B.2, B.3.

    Observation
        A uint8 image (64, 64, 3): the agent a red disc, blocks orange, water blue, switches squares in
        shades of green that show their states, the goal white corners of its cell. In the task "switch" a
        switch has a rim in the wanted shade. With `goal="image"` a Dict of two images, `observation` without
        any mark of the goal, and `desired_goal`, the board as it would be there.

        `render_factors` never marks a goal: its images equal the observed ones with `goal="image"` and in
        the task "none", not with `goal="drawn"`. Measure an encoder that learnt from images with a marked
        goal on observations, not on `render_factors`.

    Actions
        Discrete, those that `actions` names, in its order: by default down, left, right, up, pass, toggle.

        | name | effect |
        |---|---|
        | `down`, `left`, `right`, `up` | moves by a cell |
        | `up_again` | the same as `up` |
        | `down_left` | moves by a cell diagonally, past corners, too: only the cell it ends in counts |
        | `pass` | nothing |
        | `toggle` | moves the switch under the agent to its next state, from the last one to the first |

        Blocks and the board's edge refuse a move; water can be entered. `info["action_mask"]`, int8, is 1
        for actions that would change the scene.

    Factors
        `agent`: (row, column) of the agent's cell, the first row at the top, int64. `switches`: the states
        of the switches in reading order, int64, where a layout has any. A goal is an `agent`, in the task
        "switch" with `switches`; in the task "none" it is empty.

    Reward
        "sparse": 1 when the goal is met after the step, else 0. "dense": minus the steps along rows and
        columns from the agent to the goal, minus the number of switches in the wrong state. A step that ends
        in water costs 0.2.

    End
        Truncated after `max_steps`. `info["is_success"]` is true when the goal is met: the agent in its cell,
        and, in the task "switch", all switches in the wanted state; with `terminate_on_success=True` the
        episode ends there. In the task "none" it is always false.

    Settings
        `render_mode`, and the arguments of `unknot.envs.maze.Maze`.
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


class MazeVectorEnv(_Maze, SimulationVectorEnv, VectorEnv[Any, Any, Any]):
    """Many mazes, stepped and rendered together: `MazeEnv`, batched."""

    simulation_class = Maze


KEYS = {
    # The arrow keys are SDL's scancodes with bit 30 set, written out so as not to load pygame.
    "down": (ord("s"), 1 << 30 | 81),
    "left": (ord("a"), 1 << 30 | 80),
    "right": (ord("d"), 1 << 30 | 79),
    "up": (ord("w"), 1 << 30 | 82),
    "up_again": (ord("r"),),
    "down_left": (ord("z"),),
    "pass": (ord(" "),),
    "toggle": (ord("e"),),
}
