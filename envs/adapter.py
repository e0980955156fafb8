"""Shared by the single and the vector environment: the factor source, and checks of arguments."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from typing import Any, ClassVar, cast

import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from unknot import checks
from unknot.checks import count, one_of, shown, unknown, within

from .simulation import Array, Factors, Rows, Simulation, Tree

MOST_SAMPLES = 1_000_000_000
MOST_ACTION = float(np.finfo(np.float32).max)
OPTIONS = ("factors", "goal", "scene")
"""What `reset` takes as options."""


class Adapter:
    """The factor source, and checks of arguments, of single and vector environments."""

    simulation_class: ClassVar[Callable[..., Simulation]]
    simulation: Simulation
    render_mode: str | None
    _began: bool
    _spec: EnvSpec | None = None

    def __init_subclass__(cls) -> None:
        """Give the environment the signature of its simulation, without `num_envs`."""
        super().__init_subclass__()
        if hasattr(cls, "simulation_class"):
            own = [p for p in inspect.signature(cls.__init__).parameters.values() if p.kind != p.VAR_KEYWORD]
            settings = list(inspect.signature(cls.simulation_class).parameters.values())[1:]
            cls.__signature__ = inspect.Signature(own[1:] + settings)  # type: ignore[attr-defined]

    @property
    def spec(self) -> EnvSpec | None:
        """What Gymnasium made the environment of, with its time limit, as JSON can hold it."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec) -> None:
        settings = {
            name: value.value if isinstance(value, Enum) else value for name, value in spec.kwargs.items()
        }
        limit = settings.get("max_episode_steps") or spec.max_episode_steps or self.simulation.max_steps
        self._spec = replace(spec, max_episode_steps=limit, kwargs=settings)

    @property
    def factor_space(self) -> spaces.Dict:
        """The factors of one scene."""
        return self.simulation.factor_space

    @property
    def goal_space(self) -> spaces.Dict:
        """Those factors that a goal has; empty where a task has no goal."""
        return self.simulation.goal_space

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample the factors of n scenes, each component independently and uniformly over `factor_space`.

        Raises:
            ValueError: n is no count, or rng no generator.
        """
        check_sampling(n, rng)
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
        return self.simulation.render_factors(read_factors("factors", factors, self.factor_space))

    def goal_rewards(self, achieved: Factors, desired: Factors) -> Array:
        """Return the rewards of steps that end in given scenes, for given goals.

        Args:
            achieved: the factors of `goal_space` in the scenes, all of them, arrays by name, first axis n.
            desired: the goals, in the same form.

        Returns:
            (n,), float64.

        Raises:
            ValueError: there is no goal, the rewards depend on more than these, or a factor is missing,
                unknown, of another shape, or outside its space.
        """
        names = self.goal_space.spaces.keys()
        if not names:
            raise ValueError("the environment's task has no goal")
        for what, factors in (("achieved", achieved), ("desired", desired)):
            if not isinstance(factors, Mapping) or factors.keys() != names:
                raise ValueError(f"{what} must be a dict with exactly {list(names)}, not {shown(factors)}")
        ends = read_factors("achieved", achieved, self.goal_space)
        n = len(next(iter(ends.values())))
        return self.simulation.goal_rewards(ends, read_factors("desired", desired, self.goal_space, n))

    def _space(self, key: str) -> spaces.Dict:
        """Return the space of the option `factors` or `goal`."""
        return self.goal_space if key == "goal" else self.factor_space

    def _possible(self, key: str, factors: Mapping[str, Any], n: int, owner: str = "") -> Factors:
        """Check the factors of n scenes or goals, and that those are possible.

        Args:
            key: "factors" or "goal".
            factors: the values by name, first axis n.
            n: how many.
            owner: stands before the key in errors.
        """
        result = read_factors(f"{owner}{key}", factors, self._space(key), n)
        try:
            self.simulation.check(result)
        except ValueError as error:
            raise ValueError(f"{owner}{key}: {error}") from None
        return result

    def _actions(self, actions: Any) -> Array:
        """Check a batch of actions: their shape and type; that they are finite, or in a Discrete space.

        Numbers that float32, the type of Box spaces, does not reach become its largest.
        """
        array, space = to_array("actions", actions), self.simulation.action_space
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
        wide = array.dtype.kind == "f" and array.dtype.itemsize > 4
        return np.clip(array, -MOST_ACTION, MOST_ACTION) if wide else array

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
                    f"scene's {key} must be a dict with exactly {list(names)}, not {shown(scene[key])}"
                )
        return {name: [scene[key][name] for scene in scenes] for name in names}

    def _check_began(self) -> None:
        if not self._began:
            raise ResetNeeded("call reset() first")


class MaskedActions(Adapter):
    """`action_masks`, for environments whose infos have `action_mask`."""

    def action_masks(self) -> Any:
        """Return which actions would change the scene, as MaskablePPO of sb3-contrib asks for it.

        Returns:
            bool (actions,); a vector environment returns a tuple of these, one for each copy.

        Raises:
            ResetNeeded: before the first reset.
        """
        self._check_began()
        masks = self.simulation.info(np.arange(self.simulation.num_envs))["action_mask"].astype(np.bool_)
        return tuple(masks) if isinstance(self, VectorEnv) else masks[0]


def read_options(options: Mapping[str, Any] | None, known: Sequence[str]) -> dict[str, Any]:
    """Check reset's options, whose keys must be `known`.

    Raises:
        ValueError: no dict, an unknown key, or a scene beside other options.
    """
    if not isinstance(options, Mapping | None):
        raise ValueError(f"options must be a dict or None, not {shown(options)}")
    options = dict(options or {})
    for key in options:
        one_of("options key", key, known)
    if "scene" in options and ("factors" in options or "goal" in options):
        raise ValueError("options must hold a scene alone, since it has factors and goal")
    return options


def read_seed(name: str, seed: Any) -> int | None:
    """Check a seed, and return it as Python's own integer; it is at most 2**63 - 1."""
    if seed is None:
        return None
    count(0, **{name: seed})
    return int(seed)


@contextmanager
def rewound(generators: Sequence[np.random.Generator]) -> Iterator[None]:
    """Give generators their states back if what samples from them fails."""
    states = [generator.bit_generator.state for generator in generators]
    try:
        yield
    except Exception:
        for generator, state in zip(generators, states, strict=True):
            generator.bit_generator.state = state
        raise


def check_sampling(n: int, rng: np.random.Generator) -> None:
    """Refuse a number of samples that is no count, and what is no generator."""
    count(0, n=n)
    within(0, MOST_SAMPLES, n=n)
    checks.generator(rng=rng)


def read_factors(name: str, factors: Any, known: spaces.Dict, n: int | None = None) -> Factors:
    """Check names, types, shapes and ranges of factors.

    Args:
        name: stands for them in errors.
        factors: the values by name.
        known: their spaces.
        n: the length of their first axis; None for any, the same for all.

    Returns:
        Arrays of the spaces' types.

    Raises:
        ValueError: they differ from that.
    """
    if not isinstance(factors, Mapping):
        raise ValueError(f"{name} must be a dict of some of {list(known)}, not {shown(factors)}")
    result: Factors = {}
    for key, value in factors.items():
        if key not in known.spaces:
            raise ValueError(unknown(f"{name} name", key, known.spaces))
        entry, space = f"{name}[{key!r}]", known[key]
        array, dtype = to_array(entry, value), cast("np.dtype[Any]", space.dtype)
        if array.dtype.kind not in "fiu" or not np.can_cast(array.dtype, dtype, "same_kind"):
            raise ValueError(f"{entry} must be numbers that fit {dtype}, not {shown(value)}")
        expected = ("n" if n is None else n, *cast("tuple[int, ...]", space.shape))
        if array.ndim != len(expected) or array.shape[1:] != expected[1:] or n not in (None, len(array)):
            raise ValueError(f"{entry} must have shape {expected}, not {array.shape}")
        for wrong in array[~inside(space, array)]:
            raise ValueError(f"{entry} must be in {space}, not {wrong.tolist()}")
        n = len(array)
        result[key] = array.astype(dtype)
    return result


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
    if not _alike(state, generator.bit_generator.state):
        raise ValueError(f"scene's random_state must be a state of PCG64, not {shown(state)}")
    try:
        generator.bit_generator.state = state
    except (ValueError, OverflowError) as error:
        raise ValueError(f"scene's random_state must be a state of PCG64 ({error})") from None
    return generator


def _alike(value: Any, other: Any) -> bool:
    """Whether two trees have the same keys, and leaves of the same types."""
    if isinstance(other, dict):
        return (
            isinstance(value, dict)
            and value.keys() == other.keys()
            and all(_alike(value[key], other[key]) for key in other)
        )
    return type(value) is type(other)


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


def first_axis(name: str, factors: Any) -> Any:
    """Return one scene's factors as a batch of one; `name` stands for them in errors."""
    if not isinstance(factors, Mapping):
        return factors
    return {key: to_array(f"{name}[{key!r}]", value)[None] for key, value in factors.items()}


def to_array(name: str, value: Any) -> Array:
    """Convert to an array.

    Raises:
        ValueError: a ragged list, or something else that NumPy can't make an array of.
    """
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError, RuntimeError):  # a tensor that needs its gradient, too
        raise ValueError(f"{name} must be an array of numbers, not {shown(value)}") from None
