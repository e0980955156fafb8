"""The planar world with tasks: a point agent among obstacles, seen from above."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from unknot.checks import unknown

from .planar_maps import PlanarMap
from .planar_world import APPEARANCES, Appearance, Array, Bools, Floats, Images, PlanarWorld, find_map
from .simulation import Adapter, Factors, Generators, Rows, Simulation, SimulationEnv, read_count
from .vector import SimulationVectorEnv

MAX_ACTION = 3.0
"""The farthest an action offsets along each axis, in pixels."""
NEAR = 2.0
"""Distance in pixels within which the agent is at the goal."""
STAY = 5
"""Steps on end that an agent must be near to succeed."""
CORNER = 5.0
"""Distance in pixels of the corners' centres from the edges."""
JITTER = 2.0
"""Greatest offset in pixels along each axis from a corner's centre."""
TRIES = 1_000
UPSCALE = 10
"""Pixels of a frame for people to a pixel of the image."""

Task = Callable[[PlanarWorld, Floats, Floats], Floats]
"""A task draws positions (n, 2) from uniform numbers (n, 3), opposite to other positions (n, 2) or to NaN."""


def draw_corner(world: PlanarWorld, uniforms: Floats, opposite: Floats) -> Floats:
    """Draw a place near a corner: the one across from `opposite`, or any of the four."""
    corner = np.floor(4 * uniforms[:, 0])
    any_corner = np.stack([corner >= 2, corner % 2 == 1], axis=1)
    far = np.where(np.isnan(opposite), any_corner, opposite < world.map.size / 2)
    centres = np.where(far, world.map.size - CORNER, CORNER)
    places: Floats = centres + JITTER * (2 * uniforms[:, 1:] - 1)
    return places


def draw_anywhere(world: PlanarWorld, uniforms: Floats, opposite: Floats) -> Floats:
    """Draw a place anywhere in the plane."""
    return world.low + (world.high - world.low) * uniforms[:, 1:]


TASKS: dict[str, Task] = {"corners": draw_corner, "anywhere": draw_anywhere}
REWARDS = ("sparse", "dense")


class Planar(Simulation):
    """Copies of the planar world. `PlanarEnv` says what is seen and done.

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
        map_seed: what the map "random" is drawn by.
        half_agent: half the side of the agent's body in pixels.
        obstacle_brightness: grey level of obstacles and walls. Published code draws them as bright as the
            agent, 255, so that an agent touching an obstacle is partly invisible there.
        subpixel: draw the agent where it is; False draws it at its pixel, as published code does.

    Raises:
        ValueError: an unknown name, with those near to it, or an argument out of its range.
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
            if appearance not in list(APPEARANCES):  # a list: what was given may have no hash
                raise ValueError(unknown("appearance", appearance, APPEARANCES))
            appearance = APPEARANCES[appearance]
        if task not in TASKS:
            raise ValueError(unknown("task", task, TASKS))
        if reward not in REWARDS:
            raise ValueError(unknown("reward", reward, REWARDS))
        if max_steps < 1:
            raise ValueError(f"max_steps={max_steps} must be at least 1")
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
        anywhere = np.full((len(rows), 2), np.nan)
        wanted = goal.get("position")
        starts = factors.get("position")
        if starts is None:
            starts = self._draw(generators, anywhere if wanted is None else wanted)
        goals = self._draw(generators, starts) if wanted is None else wanted
        self._begin(rows, starts, goals)

    def step(self, rows: Rows, generators: Generators, actions: Array) -> tuple[Floats, Bools, Bools]:
        """Offset the agents by their actions, clipped to the action space, if nothing is in the way."""
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
        """Return rewards by where steps end."""
        return self._rewards(squared_distance(achieved["position"], desired["position"]))

    def place(self, factors: Factors) -> None:
        """Set positions."""
        if "position" in factors:
            self.position[:] = factors["position"]

    def observe(self, rows: Rows) -> dict[str, Images]:
        """Draw agents, and goals as the agent at them."""
        return {
            "observation": self.world.draw(self.position[rows]),
            "desired_goal": self.goal_images[rows],
        }

    def info(self, rows: Rows) -> dict[str, Any]:
        """Return positions, goals, and whether each of the last 5 steps was near."""
        return {
            "factors": {"position": self.position[rows]},
            "goal": {"position": self.goal[rows]},
            "is_success": self.near_steps[rows] >= STAY,
        }

    def scene(self, row: int) -> dict[str, Any]:
        """Return factors, goal, layout, counts of steps and of the last that were near."""
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
        """Go on from scenes of the same map."""
        for scene in scenes:
            if scene["layout"] != self._layout():
                raise ValueError("layout: the scene is of another map than this environment's")
        steps, near_steps = (
            [read_count(scene, name) for scene in scenes] for name in ("steps", "near_steps")
        )
        self._begin(rows, factors["position"], goal["position"])
        self.steps[rows], self.near_steps[rows] = steps, near_steps

    def render_factors(self, factors: Factors) -> Images:
        """Draw agents at positions."""
        return self.world.draw(factors.get("position", self.position[:1]))

    def frame(self, row: int) -> Images:
        """Draw the scene ten times larger, with the goal in green."""
        grey = self.world.draw(self.position[[row]])[0].astype(np.float64)
        goal = self.world.coverage(self.goal[[row]])[0][:, :, None]
        rgb = grey * (1 - goal) + np.maximum(grey, np.array([40.0, 200.0, 80.0])) * goal
        frame: Images = rgb.astype(np.uint8).repeat(UPSCALE, axis=0).repeat(UPSCALE, axis=1)
        return frame

    def sample_transitions(self, n: int, rng: np.random.Generator) -> dict[str, Array]:
        """Draw moves; see `PlanarEnv.sample_transitions`."""
        positions = self.world.sample_free(n, rng)
        actions = rng.uniform(self.action_space.low, self.action_space.high, (n, 2)).astype(np.float32)
        draws = rng.standard_normal((n, 2)) if self.world.noise > 0 else None
        ends = self.world.move(positions, self._offsets(actions), draws)
        return {
            "observation": self.world.draw(positions),
            "action": actions,
            "next_observation": self.world.draw(ends),
            "position": positions,
            "next_position": ends,
        }

    def _begin(self, rows: Rows, starts: Floats, goals: Floats) -> None:
        self.position[rows], self.goal[rows] = starts, goals
        self.goal_images[rows] = self.world.draw(goals)
        self.steps[rows] = self.near_steps[rows] = 0

    def _draw(self, generators: Generators, opposite: Floats) -> Floats:
        """Draw places in the connected free space, more than `NEAR` from those opposite."""
        found = np.empty((len(generators), 2))
        pending = np.arange(len(generators))
        for _ in range(TRIES):
            uniforms = np.empty((len(pending), 3))
            for row, uniform in zip(pending, uniforms, strict=True):
                generators[row].random(out=uniform)
            drawn = TASKS[self.task](self.world, uniforms, opposite[pending])
            good = self.world.in_region(drawn) & ~(squared_distance(drawn, opposite[pending]) <= NEAR * NEAR)
            found[pending[good]] = drawn[good]
            pending = pending[~good]
            if not len(pending):
                return found
        raise RuntimeError(f"task {self.task!r} finds no free place for start or goal on this map")

    def _rewards(self, squared: Floats) -> Floats:
        """Return rewards by squared distances from goals."""
        rewards: Floats = (
            (squared <= NEAR * NEAR).astype(np.float64) if self.reward == "sparse" else -np.sqrt(squared)
        )
        return rewards

    def _offsets(self, actions: Array) -> Floats:
        """Return what actions ask for, in pixels."""
        return np.clip(self.action_scale * actions.astype(np.float64), -MAX_ACTION, MAX_ACTION)

    def _noise(self, generators: Generators) -> Floats | None:
        if self.world.noise == 0:
            return None
        draws = np.empty((len(generators), 2))
        for generator, draw in zip(generators, draws, strict=True):
            generator.standard_normal(out=draw)
        return draws

    def _layout(self) -> dict[str, Any]:
        plane = self.world.map
        obstacles, walls = (list(map(list, part)) for part in (plane.obstacles, plane.walls))
        return {"size": plane.size, "obstacles": obstacles, "walls": walls}


class _Planar(Adapter):
    """What the planar environments have beside what every environment has."""

    simulation: Planar

    @property
    def world(self) -> PlanarWorld:
        """The world without its state: moves, free places and images as functions of arrays."""
        return self.simulation.world

    def sample_free(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw positions (n, 2) uniformly from the largest connected part of the free space."""
        return self.world.sample_free(n, rng)

    def sample_transitions(self, n: int, rng: np.random.Generator) -> dict[str, Array]:
        """Draw n moves from free places, actions uniform over the action space, refused moves included.

        Args:
            n: how many.
            rng: where all randomness comes from.

        Returns:
            `observation` and `next_observation` (n, size, size, 1), uint8; `action` (n, 2), float32; and, for
            evaluation alone, `position` and `next_position` (n, 2), float64.
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

        The agent's centre is kept within [1.5, 38.5]. A move that the collision rule refuses is
        refused whole.

    Factors
        `position`: (row, column) of the agent's centre, float64 in [1.5, 38.5], pixel i spanning [i, i + 1].

    Reward
        "sparse": 1 when within 2 px of the goal after the step, else 0. "dense": minus the distance in
        pixels.

    End
        Truncated after `max_steps`. `info["is_success"]` says that each of the last 5 steps was within
        2 px of the goal; with `terminate_on_success=True` the episode ends there.

    Settings
        `render_mode`, and those of `unknot.envs.planar.Planar`, where they are explained.
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


class PlanarVectorEnv(_Planar, SimulationVectorEnv):
    """Many planar worlds, stepped and drawn together: `PlanarEnv`, batched."""

    simulation_class = Planar


LETTERS = {key: ord(key) for key in "wasd"}
# The numbers pygame gives the arrow keys (SDL's scancodes with bit 30 set): knowing them loads no pygame.
ARROWS = {"d": 1 << 30 | 79, "a": 1 << 30 | 80, "s": 1 << 30 | 81, "w": 1 << 30 | 82}


def squared_distance(a: Floats, b: Floats) -> Floats:
    """Return squared distances (n,) of positions (n, 2)."""
    squares = np.square(a - b)
    total: Floats = squares[:, 0] + squares[:, 1]
    return total
