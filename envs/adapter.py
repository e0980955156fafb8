"""Shared by the single and the vector environment: the factor source, and checks of arguments."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from unknot.checks import one_of, unknown

from .simulation import Array, Factors, Rows, Simulation, Tree

OPTIONS = ("factors", "goal", "scene")
"""What `reset` takes as options."""


class Adapter:
    """The factor source, and checks of arguments, of single and vector environments."""

    simulation_class: ClassVar[Callable[..., Simulation]]
    simulation: Simulation
    render_mode: str | None
    _began: bool

    def __init_subclass__(cls) -> None:
        """Give the environment the signature of its simulation, without `num_envs`."""
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
        """Those factors that a goal has; empty where a task has no goal."""
        return self.simulation.goal_space

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample the factors of n scenes, each component independently and uniformly over `factor_space`."""
        return sample_space(self.factor_space, n, rng)

    def render_factors(self, factors: Mapping[str, Any]) -> NDArray[np.uint8]:
        """Render scenes, without marking a goal.

        Args:
            factors: arrays by name, first axis n; any of `factor_space`, possible or not. Those not given
                are the current scene's.

        Returns:
            Images (n, height, width, channels), uint8.

        Raises:
            ValueError: a factor is unknown, of another shape, or outside its space.
        """
        return self.simulation.render_factors(self._factors("factors", factors, None))

    def goal_rewards(self, achieved: Factors, desired: Factors) -> Array:
        """Return the rewards of steps that end in given scenes, for given goals.

        Args:
            achieved: the factors of `goal_space` in the scenes, arrays by name, first axis n.
            desired: the goals, in the same form.

        Returns:
            (n,), float64.

        Raises:
            ValueError: there is no goal, or the rewards depend on more than these.
        """
        if not self.goal_space.spaces:
            raise ValueError("the environment's task has no goal")
        return self.simulation.goal_rewards(achieved, desired)

    def _space(self, key: str) -> spaces.Dict:
        """Return the space of the option `factors` or `goal`."""
        return self.goal_space if key == "goal" else self.factor_space

    def _factors(self, key: str, factors: Mapping[str, Any], n: int | None, owner: str = "") -> Factors:
        """Check names, shapes and ranges of `factors` or of a `goal`.

        Args:
            key: "factors" or "goal".
            factors: the values by name.
            n: the length of their first axis; None for any, the same for all.
            owner: stands before the key in errors.
        """
        known, argument = self._space(key), f"{owner}{key}"
        if not isinstance(factors, Mapping):
            raise ValueError(f"{argument} must be a dict of some of {list(known)}, not {factors!r}")
        result: Factors = {}
        for name, value in factors.items():
            if name not in known.spaces:
                raise ValueError(unknown(f"{argument} name", name, known.spaces))
            space = known[name]
            array = _as_array(f"{argument}[{name!r}]", value, space)
            expected = ("n" if n is None else n, *cast("tuple[int, ...]", space.shape))
            if array.ndim != len(expected) or array.shape[1:] != expected[1:] or n not in (None, len(array)):
                raise ValueError(f"{argument}[{name!r}] must have shape {expected}, not {array.shape}")
            for value in array[~inside(space, array)]:
                raise ValueError(f"{argument}[{name!r}] must be in {space}, not {value.tolist()}")
            n = len(array)
            result[name] = array
        return result

    def _possible(self, key: str, factors: Mapping[str, Any], n: int, owner: str = "") -> Factors:
        """Check that n scenes or goals are possible."""
        result = self._factors(key, factors, n, owner)
        try:
            self.simulation.check(result)
        except ValueError as error:
            raise ValueError(f"{owner}{key}: {error}") from None
        return result

    def _actions(self, actions: Any) -> Array:
        """Check a batch of actions: their shape and type; that they are finite, or in a Discrete space."""
        array, space = np.asarray(actions), self.simulation.action_space
        discrete = isinstance(space, spaces.Discrete)
        kinds, numbers = ("iu", "integers") if discrete else ("fiu", "numbers")
        expected = (self.simulation.num_envs, *cast("tuple[int, ...]", space.shape))
        if array.dtype.kind not in kinds or array.shape != expected:
            raise ValueError(
                f"actions must be {numbers} of shape {expected}, not {array.dtype} of shape {array.shape}"
            )
        good = inside(space, array) if discrete else np.isfinite(array).reshape(len(array), -1).all(axis=1)
        for row in np.flatnonzero(~good):
            reason = f"outside {space}" if discrete else "not finite"
            raise ValueError(f"action {array[row].tolist()} of sub-environment {row} is {reason}")
        return array

    def _restore(self, scenes: Sequence[Any], rows: Rows) -> list[np.random.Generator]:
        """Continue from scenes, and return their generators."""
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
                raise ValueError(
                    f"scene's {key} must be a dict with exactly {list(names)}, not {scene[key]!r}"
                )
        return {name: [scene[key][name] for scene in scenes] for name in names}

    def _check_began(self) -> None:
        if not self._began:
            raise ResetNeeded("call reset() first")


def read_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check the keys of reset's options.

    Raises:
        ValueError: an unknown key, or a scene beside other options.
    """
    options = dict(options or {})
    for key in options:
        one_of("options key", key, OPTIONS)
    if "scene" in options and len(options) > 1:
        raise ValueError("options must hold a scene alone, since it has factors and goal")
    return options


def inside(space: spaces.Space[Any], values: Array) -> NDArray[np.bool_]:
    """Return which of a batch of values are in a Box or a Discrete space: (n,)."""
    if isinstance(space, spaces.Discrete):
        low, high = space.start, space.start + space.n - 1
    elif isinstance(space, spaces.Box):
        low, high = space.low, space.high
    else:
        raise TypeError(f"a factor's space must be a Box or Discrete, not {space}")
    good = (values >= low) & (values <= high)
    result: NDArray[np.bool_] = good.all(axis=tuple(range(1, good.ndim)))
    return result


def check_scene(scene: Any) -> None:
    """Raise ValueError if a scene is not a dict with the entries that every scene has."""
    for key in ("factors", "goal", "layout", "steps", "random_state"):
        if not isinstance(scene, Mapping) or key not in scene:
            raise ValueError(f"options['scene'] must be what scene() returned; it has no {key!r}")


def scene_generator(state: Any) -> np.random.Generator:
    """Return a generator in the random state that a scene holds."""
    generator = np.random.Generator(np.random.PCG64())
    try:
        generator.bit_generator.state = state
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"scene's random_state must be a state of PCG64 ({error})") from None
    return generator


def sample_space(space: spaces.Dict, n: int, rng: np.random.Generator) -> Factors:
    """Sample n points, each component independently and uniformly over its space."""
    result = {}
    for name, part in space.spaces.items():
        if isinstance(part, spaces.Box) and part.dtype.kind in "iu":
            result[name] = rng.integers(part.low, part.high, (n, *part.shape), part.dtype, endpoint=True)
        elif isinstance(part, spaces.Box):
            result[name] = rng.uniform(part.low, part.high, (n, *part.shape)).astype(part.dtype)
        elif isinstance(part, spaces.Discrete):
            result[name] = rng.integers(part.start, part.start + part.n, n, dtype=part.dtype)
        else:
            raise TypeError(f"the space of factor {name!r} must be a Box or Discrete, not {part}")
    return result


def take(tree: Tree, index: Any) -> Tree:
    """Index every array of a tree along its first axis."""
    if isinstance(tree, Mapping):
        return {key: take(value, index) for key, value in tree.items()}
    return tree[index]


def first(tree: Tree) -> Tree:
    """Return the first of a batch; scalars become Python's own."""
    if isinstance(tree, Mapping):
        return {key: first(value) for key, value in tree.items()}
    return tree[0] if tree.ndim > 1 else tree[0].item()


def first_axis(factors: Any) -> Any:
    """Return one scene's factors as a batch of one."""
    if not isinstance(factors, Mapping):
        return factors
    return {name: np.asarray(value)[None] for name, value in factors.items()}


def _as_array(name: str, value: Any, space: spaces.Space[Any]) -> Array:
    """Convert numbers to the type of their space, if it is of the same kind."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or not np.can_cast(array.dtype, cast("Any", space.dtype), "same_kind"):
        raise ValueError(f"{name} must be numbers that fit {space.dtype}, not {value!r}")
    return array.astype(space.dtype)
