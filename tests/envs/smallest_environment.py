"""The smallest complete environment, as a user would add it: a token on a line of cells.

It passes the conformance tests, where `conformance.py` has its case.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from unknot.envs import EnvironmentRow, Simulation, SimulationEnv, SimulationVectorEnv, register
from unknot.envs.simulation import Array, Factors, Generators, Rows, check_settings, read_count

CELLS, PIXELS = 8, 8
OFFSETS = np.array([-1, 0, 1])


class Token(Simulation):
    """Copies of the line.

    Args:
        num_envs: how many copies.
        max_steps: steps after which an episode is truncated.
        terminate_on_success: end an episode when it has succeeded.
    """

    def __init__(self, num_envs: int = 1, *, max_steps: int = 20, terminate_on_success: bool = False) -> None:
        check_settings(num_envs, max_steps, terminate_on_success)
        self.num_envs, self.max_steps, self.terminate = num_envs, max_steps, terminate_on_success
        image = spaces.Box(0, 255, (PIXELS, CELLS * PIXELS, 1), np.uint8)
        self.observation_space = spaces.Dict({"observation": image, "desired_goal": image})
        self.action_space = spaces.Discrete(len(OFFSETS))
        self.factor_space = spaces.Dict({"cell": spaces.Discrete(CELLS)})
        self.cell, self.goal, self.steps = np.zeros((3, num_envs), dtype=np.int64)

    def reset(self, rows: Rows, generators: Generators, factors: Factors, goal: Factors) -> None:
        """Begin episodes, at a cell and with a goal sampled uniformly."""
        sampled = np.array([generator.integers(CELLS, size=2) for generator in generators])
        self.cell[rows] = factors.get("cell", sampled[:, 0])
        self.goal[rows] = goal.get("cell", sampled[:, 1])
        self.steps[rows] = 0

    def step(self, rows: Rows, generators: Generators, actions: Array) -> tuple[Array, Array, Array]:
        """Move by a cell, unless at the end of the line."""
        self.cell[rows] = np.clip(self.cell[rows] + OFFSETS[actions], 0, CELLS - 1)
        self.steps[rows] += 1
        success = self.cell[rows] == self.goal[rows]
        return success.astype(np.float64), success & self.terminate, self.steps[rows] >= self.max_steps

    def place(self, factors: Factors) -> None:
        """Set cells."""
        self.cell[:] = factors.get("cell", self.cell)

    def observe(self, rows: Rows) -> dict[str, NDArray[np.uint8]]:
        """Render tokens, and the same tokens at their goals."""
        return {"observation": render(self.cell[rows]), "desired_goal": render(self.goal[rows])}

    def info(self, rows: Rows) -> dict[str, Any]:
        """Return factors, goals, and whether goals are met."""
        cell, goal = self.cell[rows], self.goal[rows]
        return {"factors": {"cell": cell}, "goal": {"cell": goal}, "is_success": cell == goal}

    def scene(self, row: int) -> dict[str, Any]:
        """Return factors, goal, the number of cells as the layout, and the step count."""
        factors, goal = {"cell": int(self.cell[row])}, {"cell": int(self.goal[row])}
        return {"factors": factors, "goal": goal, "layout": CELLS, "steps": int(self.steps[row])}

    def restore(
        self, rows: Rows, scenes: Sequence[Mapping[str, Any]], factors: Factors, goal: Factors
    ) -> None:
        """Continue from scenes of a line of as many cells."""
        for scene in scenes:
            if scene["layout"] != CELLS:
                raise ValueError(f"layout must be {CELLS} cells, not {scene['layout']!r}")
        steps = [read_count(scene, "steps") for scene in scenes]
        self.cell[rows], self.goal[rows], self.steps[rows] = factors["cell"], goal["cell"], steps

    def render_factors(self, factors: Factors) -> NDArray[np.uint8]:
        """Render tokens."""
        return render(factors.get("cell", self.cell[:1]))

    def frame(self, row: int) -> NDArray[np.uint8]:
        """Render the line 25 times larger, the token red and the goal green."""
        token, goal = render(np.array([self.cell[row], self.goal[row]]))
        rgb = np.concatenate([token, goal, np.zeros_like(goal)], axis=-1)
        frame: NDArray[np.uint8] = rgb.repeat(25, axis=0).repeat(25, axis=1)
        return frame


def render(cells: Array) -> NDArray[np.uint8]:
    """Render tokens in cells (n,): images (n, PIXELS, CELLS * PIXELS, 1)."""
    line = 255 * (np.arange(CELLS) == cells[:, None]).astype(np.uint8)
    images: NDArray[np.uint8] = line[:, None, :, None].repeat(PIXELS, axis=1).repeat(PIXELS, axis=2)
    return images


class TokenEnv(SimulationEnv):
    """Bring a token to a cell of a line. Actions: 0 left, 1 stay, 2 right. Reward: 1 at the goal, else 0."""

    simulation_class = Token


class TokenVectorEnv(SimulationVectorEnv):
    """Many lines: `TokenEnv`, batched."""

    simulation_class = Token


register({"mine/Token-v0": EnvironmentRow(__name__, "TokenEnv", "TokenVectorEnv")})
