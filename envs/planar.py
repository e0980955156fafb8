"""The planar world with tasks: a point agent among obstacles, seen from above."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from unknot.checks import flag, one_of

from .adapter import Adapter
from .planar_collisions import Bools, Floats
from .planar_frames import APPEARANCES, Appearance, Images
from .planar_maps import PlanarMap
from .planar_world import PlanarWorld, find_map
from .simulation import Array, Factors, Generators, Rows, Simulation, check_layout, check_settings, read_count
from .single import SimulationEnv
from .vector import SimulationVectorEnv

MAX_ACTION = 3.0
"""The largest offset of an action along each axis, in pixels."""
NEAR = 2.0
"""Distance in pixels within which the agent is at the goal."""
STAY = 5
"""Consecutive steps that an agent must be near the goal to succeed."""
CORNER = 5.0
"""Distance in pixels of the corners' centres from the edges."""
JITTER = 2.0
"""Largest offset in pixels along each axis from a corner's centre."""
TRIES = 1_000
"""Attempts at finding a start or a goal before giving up."""
UPSCALE = 10
"""Pixels of a frame for people per pixel of the image."""

Task = Callable[[PlanarWorld, Floats, Floats], Floats]
"""A task maps uniform numbers (n, 3) to positions (n, 2), opposite to others (n, 2); NaN for none."""


def sample_corner(world: PlanarWorld, uniforms: Floats, opposite: Floats) -> Floats:
    """Sample positions near a corner: the one across from `opposite`, or any of the four."""
    corner = np.floor(4 * uniforms[:, 0])
    any_corner = np.stack([corner >= 2, corner % 2 == 1], axis=1)
    far = np.where(np.isnan(opposite), any_corner, opposite < world.map.size / 2)
    centres = np.where(far, world.map.size - CORNER, CORNER)
    positions: Floats = centres + JITTER * (2 * uniforms[:, 1:] - 1)
    return positions


def sample_anywhere(world: PlanarWorld, uniforms: Floats, opposite: Floats) -> Floats:
    """Sample positions anywhere in the plane."""
    return world.low + (world.high - world.low) * uniforms[:, 1:]


TASKS: dict[str, Task] = {"corners": sample_corner, "anywhere": sample_anywhere}
REWARDS = ("sparse", "dense")


class Planar(Simulation):
    """Copies of the planar world. `PlanarEnv` describes observations, actions and rewards.

    Args:
        num_envs: how many copies.
        appearance: "square", "cross", "disc", "oblique" (the square seen by another camera), or an
            `Appearance`.
        collision: "published" or "solid" (see `PlanarWorld`).
        task: "corners" (from a corner to the opposite one, each ± 2 px) or "anywhere" (start and goal
            anywhere in the connected free space, more than 2 px apart).
        map: "paper", "gates", "door", "random", or a `PlanarMap`.
        noise: standard deviation in pixels of the Gaussian noise added to each move.
        max_steps: steps after which an episode is truncated.
        reward: "sparse" (1 when near after a step, else 0) or "dense" (minus the distance to the goal in
            pixels).
        terminate_on_success: end an episode when it has succeeded.
        normalize_actions: take actions in [-1, 1] instead of pixels.
        map_seed: of the map "random".
        half_agent: half the side of the agent's body in pixels.
        obstacle_brightness: grey level of obstacles and walls. Published code renders them as bright as the
            agent, 255, so that an agent touching an obstacle is partly invisible there.
        subpixel: render the agent where it is; False renders it at its pixel, as published code does.

    Raises:
        ValueError: an unknown name (the error suggests similar ones), or an argument out of its range.
    """

    action_space: spaces.Box

    def __init__(
        self,
        num_envs: int = 1,
        *,
        appearance: str | Appearance = "square",
        collision: str = "published",
        task: str = "corners",
        map: str | PlanarMap = "paper",
        noise: float = 0.0,
        max_steps: int = 40,
        reward: str = "sparse",
        terminate_on_success: bool = False,
        normalize_actions: bool = False,
        map_seed: int = 0,
        half_agent: float = 1.5,
        obstacle_brightness: int = 128,
        subpixel: bool = True,
    ) -> None:
        if not isinstance(appearance, Appearance):
            one_of("appearance", appearance, APPEARANCES)
            appearance = APPEARANCES[appearance]
        one_of("task", task, TASKS)
        one_of("reward", reward, REWARDS)
        check_settings(num_envs, max_steps, terminate_on_success)
        flag(normalize_actions=normalize_actions)
        self.num_envs = num_envs
        self.world = PlanarWorld(
            find_map(map, map_seed), collision, appearance, noise, half_agent, obstacle_brightness, subpixel
        )
        self.task, self.reward, self.max_steps = task, reward, max_steps
        self.terminate_on_success = terminate_on_success
        self.action_scale = MAX_ACTION if normalize_actions else 1.0

        size, limit = self.world.map.size, MAX_ACTION / self.action_scale
        image = spaces.Box(0, 255, (size, size, 1), np.uint8)
        self.observation_space = spaces.Dict({"observation": image, "desired_goal": image})
        self.action_space = spaces.Box(-limit, limit, (2,), np.float32)
        self.factor_space = spaces.Dict(
            {"position": spaces.Box(self.world.low, self.world.high, (2,), np.float64)}
        )
        self.position = np.zeros((num_envs, 2))
        self.goal = np.zeros((num_envs, 2))
        self.goal_images = np.zeros((num_envs, size, size, 1), dtype=np.uint8)
        self.steps = np.zeros(num_envs, dtype=np.int64)
        self.near_steps = np.zeros(num_envs, dtype=np.int64)

    def check(self, factors: Factors) -> None:
        """Raise ValueError if an agent can't be at `position`."""
        positions = factors.get("position", np.empty((0, 2)))
        for position in positions[~self.world.is_free(positions)]:
            raise ValueError(f"position={position.tolist()} is impossible: an obstacle or a wall is there")

    def reset(self, rows: Rows, generators: Generators, factors: Factors, goal: Factors) -> None:
        """Begin episodes."""
        starts, goals = factors.get("position"), goal.get("position")
        if starts is None:
            starts = self._sample(generators, np.full((len(rows), 2), np.nan) if goals is None else goals)
        self._begin(rows, starts, self._sample(generators, starts) if goals is None else goals)

    def step(self, rows: Rows, generators: Generators, actions: Array) -> tuple[Floats, Bools, Bools]:
        """Offset the agents by their actions, clipped to the action space, where nothing blocks the way."""
        position = self.world.move(self.position[rows], self._offsets(actions), self._noise(generators))
        squared = squared_distance(position, self.goal[rows])
        near = squared <= NEAR * NEAR
        steps = self.steps[rows] + 1
        near_steps = np.where(near, self.near_steps[rows] + 1, 0)
        self.position[rows], self.steps[rows], self.near_steps[rows] = position, steps, near_steps
        return (
            self._rewards(squared),
            (near_steps >= STAY) & self.terminate_on_success,
            steps >= self.max_steps,
        )

    def goal_rewards(self, achieved: Factors, desired: Factors) -> Floats:
        """Return the rewards of steps that end at positions."""
        return self._rewards(squared_distance(achieved["position"], desired["position"]))

    def place(self, factors: Factors) -> None:
        """Set positions."""
        if "position" in factors:
            self.position[:] = factors["position"]

    def observe(self, rows: Rows) -> dict[str, Images]:
        """Render agents, and goals as the agent at them."""
        return {
            "observation": self.world.render(self.position[rows]),
            "desired_goal": self.goal_images[rows],
        }

    def info(self, rows: Rows) -> dict[str, Any]:
        """Return positions, goals, and whether each of the last 5 steps was near the goal."""
        return {
            "factors": {"position": self.position[rows]},
            "goal": {"position": self.goal[rows]},
            "is_success": self.near_steps[rows] >= STAY,
        }

    def scene(self, row: int) -> dict[str, Any]:
        """Return factors, goal, map, and the numbers of steps and of consecutive steps near the goal."""
        return {
            "factors": {"position": self.position[row].tolist()},
            "goal": {"position": self.goal[row].tolist()},
            "layout": self._layout(),
            "steps": int(self.steps[row]),
            "near_steps": int(self.near_steps[row]),
        }

    def restore(
        self, rows: Rows, scenes: Sequence[Mapping[str, Any]], factors: Factors, goal: Factors
    ) -> None:
        """Continue from scenes of the same map."""
        for scene in scenes:
            check_layout(scene, self._layout(), "another map")
        steps, near_steps = (
            [read_count(scene, name) for scene in scenes] for name in ("steps", "near_steps")
        )
        self._begin(rows, factors["position"], goal["position"])
        self.steps[rows], self.near_steps[rows] = steps, near_steps

    def render_factors(self, factors: Factors) -> Images:
        """Render agents at positions."""
        return self.world.render(factors.get("position", self.position[:1]))

    def frame(self, row: int) -> Images:
        """Render the scene ten times larger, with the goal in green."""
        grey = self.world.render(self.position[[row]])[0].astype(np.float64)
        goal = self.world.coverage(self.goal[[row]])[0][:, :, None]
        rgb = grey * (1 - goal) + np.maximum(grey, np.array([40.0, 200.0, 80.0])) * goal
        frame: Images = rgb.astype(np.uint8).repeat(UPSCALE, axis=0).repeat(UPSCALE, axis=1)
        return frame

    def sample_transitions(self, n: int, rng: np.random.Generator) -> dict[str, Array]:
        """Sample moves; see `PlanarEnv.sample_transitions`."""
        positions = self.world.sample_free(n, rng)
        actions = rng.uniform(self.action_space.low, self.action_space.high, (n, 2)).astype(np.float32)
        noise = rng.standard_normal((n, 2)) if self.world.noise > 0 else None
        ends = self.world.move(positions, self._offsets(actions), noise)
        return {
            "observation": self.world.render(positions),
            "action": actions,
            "next_observation": self.world.render(ends),
            "position": positions,
            "next_position": ends,
        }

    def _begin(self, rows: Rows, starts: Floats, goals: Floats) -> None:
        self.position[rows], self.goal[rows] = starts, goals
        self.goal_images[rows] = self.world.render(goals)
        self.steps[rows] = self.near_steps[rows] = 0

    def _sample(self, generators: Generators, opposite: Floats) -> Floats:
        """Sample positions in the connected free space, more than `NEAR` from those opposite."""
        found = np.empty((len(generators), 2))
        pending = np.arange(len(generators))
        for _ in range(TRIES):
            uniforms = np.empty((len(pending), 3))
            for row, uniform in zip(pending, uniforms, strict=True):
                generators[row].random(out=uniform)
            positions = TASKS[self.task](self.world, uniforms, opposite[pending])
            near = squared_distance(positions, opposite[pending]) <= NEAR * NEAR
            good = self.world.in_region(positions) & ~near
            found[pending[good]] = positions[good]
            pending = pending[~good]
            if not len(pending):
                return found
        raise RuntimeError(f"task {self.task!r} finds no free position for start or goal on this map")

    def _rewards(self, squared: Floats) -> Floats:
        """Return the rewards of squared distances from goals."""
        rewards: Floats = (
            (squared <= NEAR * NEAR).astype(np.float64) if self.reward == "sparse" else -np.sqrt(squared)
        )
        return rewards

    def _offsets(self, actions: Array) -> Floats:
        """Return the offsets that actions stand for, in pixels."""
        return np.clip(self.action_scale * actions.astype(np.float64), -MAX_ACTION, MAX_ACTION)

    def _noise(self, generators: Generators) -> Floats | None:
        if self.world.noise == 0:
            return None
        noise = np.empty((len(generators), 2))
        for generator, row in zip(generators, noise, strict=True):
            generator.standard_normal(out=row)
        return noise

    def _layout(self) -> dict[str, Any]:
        plane = self.world.map
        obstacles, walls = (list(map(list, part)) for part in (plane.obstacles, plane.walls))
        return {"size": plane.size, "obstacles": obstacles, "walls": walls}


class _Planar(Adapter):
    """Attributes and methods that both planar environments add."""

    simulation: Planar

    @property
    def world(self) -> PlanarWorld:
        """The world without its state: moves, free positions and images as functions of arrays."""
        return self.simulation.world

    def sample_free(self, n: int, rng: np.random.Generator) -> Floats:
        """Sample positions (n, 2) uniformly from the largest connected part of the free space."""
        return self.world.sample_free(n, rng)

    def sample_transitions(self, n: int, rng: np.random.Generator) -> dict[str, Array]:
        """Sample n moves from free positions, actions uniform over the action space, refused moves included.

        Args:
            n: how many.
            rng: the only source of randomness.

        Returns:
            `observation` and `next_observation` (n, size, size, 1), uint8; `action` (n, 2), float32; and, for
            evaluation only, `position` and `next_position` (n, 2), float64.
        """
        return self.simulation.sample_transitions(n, rng)


class PlanarEnv(_Planar, SimulationEnv):
    """Steer a point agent past round obstacles, seen as a 40 × 40 image.

    The planar system of Watter et al. (Embed to Control, 2015), Banijamali et al. (Robust Locally-Linear
    Controllable Embedding, 2017; Disentangling Dynamics and Content for Control and Planning), with the
    geometry of the published implementations.

    Observation
        A Dict of two uint8 images (40, 40, 1): `observation`, the scene, and `desired_goal`, the same with
        the agent at the goal. The background is 0, obstacles and walls are 128, the agent 255.

    Actions
        Box(-3, 3, (2,), float32), clipped to it; [-1, 1] with `normalize_actions=True`.

        | index | meaning | unit |
        |---|---|---|
        | 0 | offset of the row, downwards | pixels |
        | 1 | offset of the column, to the right | pixels |

        The agent's centre stays within [1.5, 38.5]. A move that the collision rule refuses does not happen at
        all.

    Factors
        `position`: (row, column) of the agent's centre, float64 in [1.5, 38.5], pixel i spanning [i, i + 1].

    Reward
        "sparse": 1 when within 2 px of the goal after the step, else 0. "dense": minus the distance in
        pixels.

    End
        Truncated after `max_steps`. `info["is_success"]` is true when each of the last 5 steps ended
        within 2 px of the goal; with `terminate_on_success=True` the episode ends there.

    Settings
        `render_mode`, and the arguments of `unknot.envs.planar.Planar`.
    """

    simulation_class = Planar

    def get_keys_to_action(self) -> dict[tuple[int, ...], NDArray[np.float32]]:
        """Return actions by pressed keys (arrows, or W, A, S, D), for `gymnasium.utils.play`."""
        limit = float(self.simulation.action_space.high[0])
        vertical = {"w": -limit, "s": limit, "": 0.0}
        horizontal = {"a": -limit, "d": limit, "": 0.0}
        keys = {}
        for codes in (LETTERS, ARROWS):
            for up, row in vertical.items():
                for left, column in horizontal.items():
                    if up or left:
                        pressed = tuple(codes[key] for key in (up, left) if key)
                        keys[pressed] = np.array([row, column], dtype=np.float32)
        return keys


class PlanarVectorEnv(_Planar, SimulationVectorEnv, VectorEnv[Any, Any, Any]):
    """Many planar worlds, stepped and rendered together: `PlanarEnv`, batched."""

    simulation_class = Planar


LETTERS = {key: ord(key) for key in "wasd"}
# pygame's numbers of the arrow keys (SDL's scancodes with bit 30 set), written out so as not to load pygame.
ARROWS = {"d": 1 << 30 | 79, "a": 1 << 30 | 80, "s": 1 << 30 | 81, "w": 1 << 30 | 82}


def squared_distance(a: Floats, b: Floats) -> Floats:
    """Return squared distances (n,) of positions (n, 2)."""
    squares = np.square(a - b)
    total: Floats = squares[:, 0] + squares[:, 1]
    return total
