"""One implementation, two environments: a batch of copies of a world as `gym.Env` and as `VectorEnv`.

A world is written once, as a `Simulation`: array code over n copies. `SimulationEnv`, here, is the batch of
one, `SimulationVectorEnv` (`vector.py`) the batch of n, so that both agree bit for bit.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from unknot.checks import unknown

from .window import Window

Array = NDArray[Any]
Factors = dict[str, Array]
"""Factors by name, as arrays whose first axis is the batch."""
Tree = Any
"""An array, or a dict of trees."""
Rows = NDArray[np.intp]
Generators = Sequence[np.random.Generator]

OPTIONS = ("factors", "goal", "scene")


class Simulation(ABC):
    """`num_envs` copies of a world, stepped and drawn together by array code.

    The copies a method is about are given by `rows`, indices into the batch; arrays that go with them have
    len(rows) as their first axis. All randomness comes from the generators handed in, one for each row, and
    each is used as if its copy were alone. Arrays returned are fresh.

    Attributes:
        num_envs: how many copies.
        observation_space: what one copy shows.
        action_space: what one copy can be told to do.
        factor_space: the factors of one copy.
    """

    num_envs: int
    observation_space: spaces.Space[Any]
    action_space: spaces.Space[Any]
    factor_space: spaces.Dict

    @property
    def goal_space(self) -> spaces.Dict:
        """Those factors of `factor_space` that a goal has; all of them unless a task says otherwise."""
        return self.factor_space

    @abstractmethod
    def check(self, factors: Factors) -> None:
        """Raise ValueError if a scene or a goal is impossible, naming the factor, the value, the reason."""

    @abstractmethod
    def reset(self, rows: Rows, generators: Generators, factors: Factors, goal: Factors) -> None:
        """Begin episodes; factors of the scene and of the goal that aren't given are drawn."""

    @abstractmethod
    def step(self, rows: Rows, generators: Generators, actions: Array) -> tuple[Array, Array, Array]:
        """Act; return rewards (float64), terminations and truncations (bool)."""

    @abstractmethod
    def place(self, factors: Factors) -> None:
        """Set those factors in all copies, and keep the rest.

        Raises:
            ValueError: a scene that `check` lets pass is impossible in its copy; nothing has changed then.
        """

    @abstractmethod
    def goal_rewards(self, achieved: Factors, desired: Factors) -> Array:
        """Return the rewards of steps that end in scenes, for goals in place of the copies' own: (n,).

        Args:
            achieved: what such scenes have of the factors of `goal_space`, arrays with a first axis n.
            desired: the goals.

        Raises:
            ValueError: the rewards depend on more than these.
        """

    @abstractmethod
    def observe(self, rows: Rows) -> Tree:
        """Return observations."""

    @abstractmethod
    def info(self, rows: Rows) -> dict[str, Tree]:
        """Return the infos: `factors`, `goal`, `is_success`."""

    @abstractmethod
    def scene(self, row: int) -> dict[str, Any]:
        """Return all that a copy's future depends on but its random state, as JSON."""

    @abstractmethod
    def restore(
        self, rows: Rows, scenes: Sequence[Mapping[str, Any]], factors: Factors, goal: Factors
    ) -> None:
        """Go on from scenes, whose factors and goal come checked and batched.

        Raises:
            ValueError: a scene can't be gone on from here; nothing has changed then.
        """

    @abstractmethod
    def render_factors(self, factors: Factors) -> NDArray[np.uint8]:
        """Draw any factors of `factor_space`, those not given as in the first copy: (n, h, w, c)."""

    @abstractmethod
    def frame(self, row: int) -> NDArray[np.uint8]:
        """Draw a copy for people: an upscaled RGB image with the goal."""


class Adapter:
    """What both environments share: the factor source, and how arguments are checked."""

    simulation_class: ClassVar[Callable[..., Simulation]]
    simulation: Simulation
    render_mode: str | None
    _began: bool

    def __init_subclass__(cls) -> None:
        """Show the simulation's arguments as the environment's own."""
        super().__init_subclass__()
        if hasattr(cls, "simulation_class"):
            own = [p for p in inspect.signature(cls.__init__).parameters.values() if p.kind != p.VAR_KEYWORD]
            settings = list(inspect.signature(cls.simulation_class).parameters.values())[1:]
            cls.__signature__ = inspect.Signature(own[1:] + settings)  # type: ignore[attr-defined]

    @property
    def factor_space(self) -> spaces.Dict:
        """The factors of one scene."""
        return self.simulation.factor_space

    @property
    def goal_space(self) -> spaces.Dict:
        """Those factors that a goal has; nothing where a task has no goal."""
        return self.simulation.goal_space

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Draw n scenes' factors, each component independently and uniformly over `factor_space`."""
        return sample_space(self.factor_space, n, rng)

    def render_factors(self, factors: Mapping[str, Any]) -> NDArray[np.uint8]:
        """Draw scenes.

        Args:
            factors: arrays by name, first axis n; any of `factor_space`, reachable or not. Those not given
                are the current scene's.

        Returns:
            Images (n, height, width, channels), uint8.

        Raises:
            ValueError: a factor is unknown, of another shape, or outside its space.
        """
        return self.simulation.render_factors(self._factors("factors", factors, None))

    def goal_rewards(self, achieved: Factors, desired: Factors) -> Array:
        """Return the rewards of steps by where they end and what the goal is.

        Args:
            achieved: arrays by name, first axis n: of the scenes, those factors that `goal_space` has.
            desired: the goals alike.

        Returns:
            (n,), float64.

        Raises:
            ValueError: there is no goal, or the rewards depend on more than these.
        """
        if not self.goal_space.spaces:
            raise ValueError("the environment's task has no goal")
        return self.simulation.goal_rewards(achieved, desired)

    def _space(self, key: str) -> spaces.Dict:
        """The space of what is given as `factors` or as `goal`."""
        return self.goal_space if key == "goal" else self.factor_space

    def _factors(self, key: str, factors: Mapping[str, Any], n: int | None, owner: str = "") -> Factors:
        """Check names, shapes and ranges of `factors` or of a `goal`.

        Their first axis is n (None: any, but one); errors name them as the owner's key.
        """
        known, argument = self._space(key), f"{owner}{key}"
        if not isinstance(factors, Mapping):
            raise ValueError(f"{argument}={factors!r} must be a dict of factors: {list(known)}")
        result: Factors = {}
        for name, value in factors.items():
            if name not in known.spaces:
                raise ValueError(unknown(f"{argument} name", name, known.spaces))
            space = known[name]
            array = _as_array(f"{argument}[{name!r}]", value, space)
            expected = ("n" if n is None else n, *cast("tuple[int, ...]", space.shape))
            if array.ndim != len(expected) or array.shape[1:] != expected[1:] or n not in (None, len(array)):
                raise ValueError(f"{argument}[{name!r}] has shape {array.shape}, expected {expected}")
            for value in array[~inside(space, array)]:
                raise ValueError(f"{argument}[{name!r}]={value.tolist()} is outside {space}")
            n = len(array)
            result[name] = array
        return result

    def _possible(self, key: str, factors: Mapping[str, Any], n: int, owner: str = "") -> Factors:
        """Check that scenes can be: n is their first axis."""
        result = self._factors(key, factors, n, owner)
        try:
            self.simulation.check(result)
        except ValueError as error:
            raise ValueError(f"{owner}{key}: {error}") from None
        return result

    def _actions(self, actions: Any) -> Array:
        """Check a batch of actions: their shape, and that they are finite, or among a Discrete space's."""
        array, space = np.asarray(actions), self.simulation.action_space
        discrete = isinstance(space, spaces.Discrete)
        kinds, numbers = ("iu", "integers") if discrete else ("fiu", "numbers")
        expected = (self.simulation.num_envs, *cast("tuple[int, ...]", space.shape))
        if array.dtype.kind not in kinds or array.shape != expected:
            raise ValueError(
                f"actions of shape {array.shape} and type {array.dtype}, "
                f"expected {numbers} of shape {expected}"
            )
        good = inside(space, array) if discrete else np.isfinite(array).reshape(len(array), -1).all(axis=1)
        for row in np.flatnonzero(~good):
            reason = f"outside {space}" if discrete else "not finite"
            raise ValueError(f"action {array[row].tolist()} of sub-environment {row} is {reason}")
        return array

    def _restore(self, scenes: Sequence[Any], rows: Rows) -> list[np.random.Generator]:
        """Go on from scenes, and return their generators."""
        for scene in scenes:
            check_scene(scene)
        generators = [scene_generator(scene["random_state"]) for scene in scenes]
        factors, goal = (
            self._possible(key, self._stack(key, scenes), len(scenes), "scene's ")
            for key in ("factors", "goal")
        )
        try:
            self.simulation.restore(rows, scenes, factors, goal)
        except ValueError as error:
            raise ValueError(f"scene's {error}") from None
        return generators

    def _stack(self, key: str, scenes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Batch the factors or the goals of scenes, each of which must have them all."""
        names = self._space(key).spaces
        for scene in scenes:
            if not isinstance(scene[key], Mapping) or scene[key].keys() != names.keys():
                raise ValueError(f"scene's {key}={scene[key]!r} must have exactly {list(names)}")
        return {name: [scene[key][name] for scene in scenes] for name in names}

    def _check_began(self) -> None:
        if not self._began:
            raise ResetNeeded("call reset() first")


ONE = np.arange(1)
"""The rows of a batch of one."""


class SimulationEnv(Adapter, gym.Env[Any, Any]):
    """A world by itself. Subclasses name their `simulation_class`; its arguments are theirs."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array", "human"], "render_fps": 10}  # noqa: RUF012

    def __init__(self, *, render_mode: str | None = None, **settings: Any) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(unknown("render_mode", render_mode, self.metadata["render_modes"]))
        self.simulation = self.simulation_class(1, **settings)
        self.observation_space = self.simulation.observation_space
        self.action_space = self.simulation.action_space
        self.render_mode = render_mode
        self._began = False
        self._window = Window(self.metadata["render_fps"])

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Tree, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: of the random state; None goes on with the present one.
            options: `factors` and `goal` are dicts of those to set, the rest is drawn; `scene`, as `scene()`
                gave it, goes on from there, its random state included unless a seed is given.

        Raises:
            ValueError: an option that is unknown or impossible; nothing has changed then.
        """
        options = read_options(options)
        factors, goal = (
            self._possible(key, first_axis(options.get(key, {})), 1) for key in ("factors", "goal")
        )
        if "scene" in options:
            (self.np_random,) = self._restore([options["scene"]], ONE)
        super().reset(seed=seed)
        if "scene" not in options:
            self.simulation.reset(ONE, [self.np_random], factors, goal)
        self._began = True
        return self._shown()

    def step(self, action: Any) -> tuple[Tree, float, bool, bool, dict[str, Any]]:
        """Act.

        Raises:
            ValueError: an action of another shape, not finite, or not in a Discrete space; nothing has
                changed then.
            ResetNeeded: before the first reset.
        """
        self._check_began()
        reward, terminated, truncated = self.simulation.step(
            ONE, [self.np_random], self._actions(np.asarray(action)[None])
        )
        observation, info = self._shown()
        return observation, float(reward[0]), bool(terminated[0]), bool(truncated[0]), info

    def set_factors(self, factors: Mapping[str, Any]) -> Tree:
        """Place the scene, keep the rest, and return the observation.

        Raises:
            ValueError: a scene that is impossible; nothing has changed then.
            ResetNeeded: before the first reset.
        """
        self._check_began()
        self.simulation.place(self._possible("factors", first_axis(factors), 1))
        return first(self.simulation.observe(ONE))

    def scene(self) -> dict[str, Any]:
        """Return all of the scene as JSON: factors, goal, layout, step count, random state."""
        self._check_began()
        return {**self.simulation.scene(0), "random_state": self.np_random.bit_generator.state}

    def render(self) -> NDArray[np.uint8] | None:
        """Return an RGB image in the mode "rgb_array"; the mode "human" shows it as it goes."""
        self._check_began()
        if self.render_mode is None:
            gym.logger.warn('no render_mode was given: gym.make(..., render_mode="rgb_array")')
            return None
        frame = self.simulation.frame(0)
        if self.render_mode == "rgb_array":
            return frame
        self._window.show(frame)
        return None

    def close(self) -> None:
        """Close the window, if there is one."""
        self._window.close()

    def _shown(self) -> tuple[Tree, dict[str, Any]]:
        if self.render_mode == "human":
            self.render()
        info = self.simulation.info(ONE)
        return first(self.simulation.observe(ONE)), first(info)


def read_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check the keys of reset's options.

    Raises:
        ValueError: an unknown key, or a scene beside other options.
    """
    options = dict(options or {})
    for key in options:
        if key not in OPTIONS:
            raise ValueError(unknown("options key", key, OPTIONS))
    if "scene" in options and len(options) > 1:
        raise ValueError("options: a scene holds factors and goal; give it alone")
    return options


def inside(space: spaces.Space[Any], values: Array) -> NDArray[np.bool_]:
    """Tell which of a batch of values are in a Box or a Discrete space: (n,)."""
    if isinstance(space, spaces.Discrete):
        low, high = space.start, space.start + space.n - 1
    elif isinstance(space, spaces.Box):
        low, high = space.low, space.high
    else:
        raise TypeError(f"{space} is neither a Box nor Discrete")
    good = (values >= low) & (values <= high)
    result: NDArray[np.bool_] = good.all(axis=tuple(range(1, good.ndim)))
    return result


def check_scene(scene: Any) -> None:
    """Raise ValueError if a scene is not a dict with the entries that every scene has."""
    for key in ("factors", "goal", "layout", "steps", "random_state"):
        if not isinstance(scene, Mapping) or key not in scene:
            raise ValueError(f"options['scene'] must be as scene() returned it; it has no {key!r}")


def scene_generator(state: Any) -> np.random.Generator:
    """Return a generator in the random state that a scene holds."""
    generator = np.random.Generator(np.random.PCG64())
    try:
        generator.bit_generator.state = state
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"scene's random_state is not a state of PCG64: {error}") from None
    return generator


def sample_space(space: spaces.Dict, n: int, rng: np.random.Generator) -> Factors:
    """Draw n points, each component independently and uniformly over its space."""
    result = {}
    for name, part in space.spaces.items():
        if isinstance(part, spaces.Box) and part.dtype.kind in "iu":
            result[name] = rng.integers(part.low, part.high, (n, *part.shape), part.dtype, endpoint=True)
        elif isinstance(part, spaces.Box):
            result[name] = rng.uniform(part.low, part.high, (n, *part.shape)).astype(part.dtype)
        elif isinstance(part, spaces.Discrete):
            result[name] = rng.integers(part.start, part.start + part.n, n, dtype=part.dtype)
        else:
            raise TypeError(f"factor {name!r}: {part} is neither a Box nor Discrete")
    return result


def read_count(scene: Mapping[str, Any], name: str) -> int:
    """Return a count that a scene holds.

    Raises:
        ValueError: it is missing, or no integer from 0.
    """
    count = scene.get(name)
    if not isinstance(count, int) or count < 0:
        raise ValueError(f"{name}={count!r} must be an integer from 0")
    return count


def take(tree: Tree, index: Any) -> Tree:
    """Index every array of a tree along its first axis."""
    if isinstance(tree, Mapping):
        return {key: take(value, index) for key, value in tree.items()}
    return tree[index]


def first(tree: Tree) -> Tree:
    """Return the first of a batch; scalars come out as Python's own."""
    if isinstance(tree, Mapping):
        return {key: first(value) for key, value in tree.items()}
    return tree[0] if tree.ndim > 1 else tree[0].item()


def first_axis(factors: Any) -> Any:
    """Return the batch of one scene's factors."""
    if not isinstance(factors, Mapping):
        return factors
    return {name: np.asarray(value)[None] for name, value in factors.items()}


def _as_array(name: str, value: Any, space: spaces.Space[Any]) -> Array:
    """Convert numbers to a space's own type, if that loses nothing of their meaning."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or not np.can_cast(array.dtype, cast("Any", space.dtype), "same_kind"):
        raise ValueError(f"{name}={value!r} must be numbers that fit {space.dtype}")
    return array.astype(space.dtype)
