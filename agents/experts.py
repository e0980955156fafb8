"""Trivial baselines (floors) and the oracle (ceiling) for the planar world: chance, lines, the map.

Experts declare `privileged = True`: `evaluate_agent` gives them true factors instead of images,
`{"factors": {"position": (n, 2)}, "goal": {"position": (n, 2)}}` (or both (2,)). Their actions are in pixels.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import ArrayLike, NDArray

from unknot.checks import above, count
from unknot.envs import PlanarWorld
from unknot.envs.planar import MAX_ACTION

from .evaluation import batch_size, beginnings
from .refusals import count_refused, shaking
from .true_map import ACTION_COST, SPACING, Grid, best_paths, grids_of

Array = NDArray[Any]
TrueState = Mapping[str, Mapping[str, Array]]

NOISE_SAMPLES = 32
"""Number of noise samples over which the grid expert averages."""
REPLAN_DISTANCE = 1e-2
"""Distance in pixels from its path at which the grid expert plans again."""
UNREACHABLE_COST = 1e6
"""Cost to go of places without a free node next to them; finite, so that interpolation stays finite."""


class RandomAgent:
    """Samples every action from the action space.

    Args:
        action_space: the action space of one environment.
        seed: seed of the samples.
        observation_space: the observation space of one environment, by which a batch of observations is told
            from a single one. Without it, the length of `episode_start` is the number of rows; and without
            that, a batch has more than three axes of uint8, or more than one of other numbers.

    Raises:
        ValueError: an argument is of another kind.
    """

    def __init__(
        self,
        action_space: gym.Space[Any],
        seed: int = 0,
        observation_space: gym.Space[Any] | None = None,
    ) -> None:
        for name, space in (("action_space", action_space), ("observation_space", observation_space)):
            if not (isinstance(space, gym.Space) or (space is None and name == "observation_space")):
                raise ValueError(f"{name} must be a space of Gymnasium's, not {space!r}")
        count(0, seed=seed)
        self._observation_space = observation_space
        self._space = copy.deepcopy(action_space)  # do not seed the environment's own space
        self._space.seed(seed)

    def predict(
        self, observation: Any, state: None = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Array, None]:
        """Return one action, or one for each row of a batch of observations.

        Raises:
            ValueError: the observation is not of the space, nor a batch of such.
        """
        n = self._batch_size(observation, episode_start)
        if n is None:
            return np.asarray(self._space.sample()), None
        if not n:
            return np.zeros((0, *(self._space.shape or ())), self._space.dtype), None
        return np.stack([self._space.sample() for _ in range(n)]), None

    def _batch_size(self, observation: Any, episode_start: Any) -> int | None:
        if self._observation_space is not None:
            return batch_size(observation, self._observation_space)
        if np.ndim(episode_start) == 1 and len(episode_start) > 1:
            return len(episode_start)
        while isinstance(observation, Mapping) and observation:
            observation = next(iter(observation.values()))
        array = np.asarray(observation)
        single = 3 if array.dtype == np.uint8 else 1
        return len(array) if array.ndim > single else None


def true_pair(observation: Any, name: str, shape: tuple[int, ...] = (2,)) -> tuple[Array, Array]:
    """Return a factor and its goal from what a privileged agent sees, of one environment or of n.

    Args:
        observation: `{"factors": {name: ...}, "goal": {name: ...}}`.
        name: of the factor.
        shape: of a single one.

    Returns:
        Two arrays of one shape: `shape`, behind an axis of n if there are n.

    Raises:
        ValueError: there is no such entry, its shape is another, or its numbers are not finite.
    """
    found = []
    for part in ("factors", "goal"):
        try:
            value = np.asarray(observation[part][name])
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise ValueError(
                f"observation must have {part}[{name!r}], as info of the environment has"
            ) from error
        if (
            value.dtype.kind not in "iuf"
            or value.shape[-len(shape) :] != shape
            or value.ndim > len(shape) + 1
        ):
            raise ValueError(
                f"{part}[{name!r}] must be numbers of the shape {shape} or (n, *{shape}), "
                f"not {value.dtype} of the shape {value.shape}"
            )
        if not np.isfinite(value).all():
            raise ValueError(f"{part}[{name!r}] must be finite, not {value.tolist()}")
        found.append(value)
    if found[0].shape != found[1].shape:
        shapes = " and ".join(str(value.shape) for value in found)
        raise ValueError(f"factors and goal must be of one shape, not {shapes} of {name!r}")
    return found[0], found[1]


class StraightLineExpert:
    """Goes straight to the goal, each axis clipped to the action's limits; obstacles stop it.

    Args:
        limits: (low, high) of the actions, in pixels; numbers, or arrays (2,).
    """

    privileged = True

    def __init__(self, limits: tuple[ArrayLike, ArrayLike] = (-MAX_ACTION, MAX_ACTION)) -> None:
        try:
            self._low, self._high = (np.asarray(limit, np.float64) for limit in limits)
            fits = bool((self._low <= self._high).all())
        except (TypeError, ValueError) as error:
            raise ValueError(f"limits must be two numbers or arrays (2,), not {limits!r}") from error
        if not fits or not {self._low.shape, self._high.shape} <= {(), (2,)}:
            raise ValueError(f"limits must be two numbers or arrays (2,), low <= high, not {limits!r}")

    def predict(
        self,
        observation: TrueState,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Array, Any]:
        """Return the clipped difference of goal and position, float32, shaped like them."""
        position, goal = true_pair(observation, "position")
        difference = goal.astype(np.float64) - position
        return np.clip(difference, self._low, self._high).astype(np.float32), None


@dataclass(frozen=True)
class _Line:
    """What the shaken line remembers of n running episodes."""

    positions: Array
    """(n, 2), at the last call."""
    taken: Array
    """(n, 2), the actions returned then."""
    refused: Array
    """int64 (n,), how many actions in a row moved nothing."""
    calls: int


class ShakenLineExpert(StraightLineExpert):
    """Goes straight to the goal; after an action that moved nothing it adds noise, as `PlanningAgent` does.

    The noise grows with every further refusal until something moves. Without any model of obstacles it gets
    past most of them, so it is the floor of whoever plans around them.

    Args:
        limits: (low, high) of the actions, in pixels; numbers, or arrays (2,).
        seed: of the noise.
    """

    def __init__(
        self, limits: tuple[ArrayLike, ArrayLike] = (-MAX_ACTION, MAX_ACTION), seed: int = 0
    ) -> None:
        super().__init__(limits)
        self._seed = seed

    def predict(
        self,
        observation: TrueState,
        state: Any = None,
        episode_start: ArrayLike | None = None,
        deterministic: bool = True,
    ) -> tuple[Array, _Line]:
        """Return actions, float32, shaped like the positions, and the state for the next call."""
        straight, _ = super().predict(observation)
        actions = np.atleast_2d(straight)
        positions = np.atleast_2d(np.asarray(observation["factors"]["position"], np.float64))
        begins = beginnings(episode_start, len(actions))
        refused, calls = np.zeros(len(actions), np.int64), 0
        if isinstance(state, _Line) and len(state.taken) == len(actions):
            moved, intended = (
                np.linalg.norm(way, axis=1) for way in (positions - state.positions, state.taken)
            )
            refused = np.where(begins, 0, count_refused(moved, intended, 1.0, state.refused))
            calls = state.calls + 1
        noisy = np.clip(actions + shaking(refused, 2, self._seed, calls), self._low, self._high)
        actions = noisy.astype(np.float32)
        return actions.reshape(straight.shape), _Line(positions, actions, refused, calls)


@dataclass(frozen=True)
class _Memory:
    """What the grid expert remembers of n running episodes."""

    goals: Array
    """float64 (n, 2)."""
    paths: Array
    """float64 (n, steps + 1, 2), staying at the end; empty (n, 0, 2) where moves are noisy."""
    taken: Array
    """int (n,): number of moves made on the path so far."""
    values: Array
    """float32 (nodes, n), costs to go; empty (0, n) where moves are exact."""


class GridExpert:
    """The oracle: plans on the true map, from true positions.

    Where moves are exact, it follows the path of lowest cost that `best_paths` finds, and plans again when it
    is off that path. Where moves are noisy, it chooses each move by its expected cost to go: that of exact
    moves, averaged over a fixed sample of noise. Both minimise the planning loss, equation 7 of Banijamali et
    al. (2018) with Q = I and R = 0.1 I.

    Args:
        world: the true world (`env.unwrapped.world`), its noise included.
        reach: largest component of an action, in pixels.
    """

    privileged = True

    def __init__(self, world: PlanarWorld, reach: float = MAX_ACTION) -> None:
        self._world, self._reach = world, reach
        if not isinstance(world, PlanarWorld):
            raise ValueError(f"world must be a PlanarWorld, not {world!r}")
        above(0, reach=reach)
        axis = reach * np.linspace(-1, 1, 7)
        self._offsets = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
        # With its mirror image, the sample has a mean of exactly zero, as the noise has.
        half = np.random.default_rng(0).standard_normal((NOISE_SAMPLES // 2, 2))
        self._noise = np.concatenate([half, -half])

    def predict(
        self,
        observation: TrueState,
        state: _Memory | None = None,
        episode_start: ArrayLike | None = None,
        deterministic: bool = True,
    ) -> tuple[Array, _Memory]:
        """Return actions (n, 2), or (2,) for a single observation; float32, pixels."""
        position, goal = (value.astype(np.float64) for value in true_pair(observation, "position"))
        positions, goals = np.atleast_2d(position), np.atleast_2d(goal)
        episode_start = beginnings(episode_start, len(goals))
        if not isinstance(state, _Memory) or state.goals.shape != goals.shape:
            memory = self._begin(positions, goals)
        else:
            memory = self._renew(state, positions, goals, episode_start)
        if self._world.noise > 0:
            actions = self._look_ahead(positions, goals, memory.values)
        else:
            actions, memory = self._follow(positions, memory)
        return actions.reshape(position.shape).astype(np.float32), memory

    def _begin(self, positions: Array, goals: Array) -> _Memory:
        n = len(goals)
        if self._world.noise > 0:
            paths, values = np.empty((n, 0, 2)), _filled(self._grid, self._grid.costs_to_go(goals))
        else:
            paths = best_paths(self._world, positions, goals, self._reach)
            values = np.empty((0, n), np.float32)
        return _Memory(goals, paths, np.zeros(n, int), values)

    def _renew(self, memory: _Memory, positions: Array, goals: Array, episode_start: Array) -> _Memory:
        """Plan again for new episodes, and for those off their path."""
        stale = (memory.goals != goals).any(axis=1) | episode_start
        if self._world.noise == 0:
            planned = memory.paths[np.arange(len(goals)), memory.taken]
            stale |= np.abs(planned - positions).max(axis=1) > REPLAN_DISTANCE
        rows = np.flatnonzero(stale)
        if not rows.size:
            return memory
        fresh = self._begin(positions[rows], goals[rows])
        taken, values = memory.taken.copy(), memory.values.copy()
        taken[rows], values[:, rows] = 0, fresh.values
        length = max(memory.paths.shape[1], fresh.paths.shape[1])
        paths = _lengthened(memory.paths, length)
        paths[rows] = _lengthened(fresh.paths, length)
        return _Memory(goals, paths, taken, values)

    def _follow(self, positions: Array, memory: _Memory) -> tuple[Array, _Memory]:
        taken = np.minimum(memory.taken + 1, memory.paths.shape[1] - 1)
        targets = memory.paths[np.arange(len(positions)), taken]
        actions = np.clip(targets - positions, -self._reach, self._reach)
        return actions, _Memory(memory.goals, memory.paths, taken, memory.values)

    @property
    def _grid(self) -> Grid:
        return grids_of(self._world, self._reach)[0]

    def _look_ahead(self, positions: Array, goals: Array, values: Array) -> Array:
        """Return the move of lowest expected cost, of a 7 x 7 grid of moves and the straight one."""
        straight = np.clip(goals - positions, -self._reach, self._reach)[:, None]
        offsets = np.broadcast_to(self._offsets, (len(goals), *self._offsets.shape))
        actions = np.concatenate([straight, offsets], axis=1)
        ends = self._world.move(positions[:, None, None], actions[:, :, None], self._noise)
        after = np.square(ends - goals[:, None, None]).sum(-1) + _interpolated(self._grid, values, ends)
        cost = after.mean(axis=-1) + ACTION_COST * np.square(actions).sum(-1)
        chosen: Array = actions[np.arange(len(goals)), cost.argmin(axis=1)]
        return chosen


def _lengthened(paths: Array, length: int) -> Array:
    """Return a copy of paths (n, steps, 2) that stays at the end until it has `length` states."""
    if not paths.shape[1]:
        return paths.copy()
    return np.pad(paths, ((0, 0), (0, length - paths.shape[1]), (0, 0)), mode="edge")


def _filled(grid: Grid, values: Array) -> Array:
    """Return costs to go (nodes, n) in which a node that can't be left has the mean of the nodes around it.

    Interpolation needs them: a position between four nodes may be free where some of these are not.
    """
    square = values.reshape(grid.side, grid.side, -1)
    known = np.isfinite(square)
    padded = np.pad(np.where(known, square, 0), ((1, 1), (1, 1), (0, 0)))
    counted = np.pad(known, ((1, 1), (1, 1), (0, 0)))
    total, count = np.zeros_like(square), np.zeros_like(square)
    for a in range(3):
        for b in range(3):
            total += padded[a : a + grid.side, b : b + grid.side]
            count += counted[a : a + grid.side, b : b + grid.side]
    mean = np.where(count > 0, total / np.maximum(count, 1), UNREACHABLE_COST)
    return np.where(known, square, mean).reshape(values.shape)


def _interpolated(grid: Grid, values: Array, positions: Array) -> Array:
    """Interpolate costs to go (nodes, n) bilinearly at positions (n, ..., 2): (n, ...)."""
    place = np.clip((positions - grid.corner) / SPACING, 0, grid.side - 1)
    cell = np.minimum(place.astype(int), grid.side - 2)
    fraction = place - cell
    problem = np.arange(len(positions)).reshape(-1, *[1] * (positions.ndim - 2))
    result: Array = np.zeros(positions.shape[:-1])
    for corner in np.array([(0, 0), (0, 1), (1, 0), (1, 1)]):
        row, column = np.moveaxis(cell + corner, -1, 0)
        weight = np.where(corner, fraction, 1 - fraction).prod(axis=-1)
        result += weight * values[row * grid.side + column, problem]
    return result
