"""Wrappers whose observations are made of an environment's observations and infos."""

from collections.abc import Mapping
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from gymnasium.vector.utils import batch_space

from unknot.checks import shown

from .adapter import take
from .simulation import Array, Factors, Tree
from .vector import VectorWrapper

__all__ = [
    "FlatFactors",
    "Form",
    "ScaledFactors",
    "StateObservation",
    "StateVectorObservation",
    "check_env",
]


class FlatFactors:
    """Converts factors by name to one flat array, float64, and back; a Discrete factor is its number.

    Args:
        space: of the factors; it gives their order.

    Attributes:
        space: of the flat array, a Box (d,) in the factors' own units.
    """

    def __init__(self, space: spaces.Dict) -> None:
        self._parts = {name: _as_box(name, part) for name, part in space.items()}
        bounds = [(part.low.ravel(), part.high.ravel()) for part in self._parts.values()]
        low, high = (np.concatenate(ends).astype(np.float64) for ends in zip(*bounds, strict=True))
        self.space = spaces.Box(low, high, dtype=np.float64)

    def flatten(self, factors: Mapping[str, Any]) -> Array:
        """Return the factors of one scene as (d,), those of n scenes as (n, d)."""
        arrays = []
        for name, part in self._parts.items():
            array = np.asarray(factors[name], np.float64)
            arrays.append(array.reshape(*array.shape[: array.ndim - len(part.shape)], -1))
        return np.concatenate(arrays, axis=-1)

    def unflatten(self, flat: Array) -> Factors:
        """Return the factors of a flat array (..., d), in their own types."""
        ends = np.cumsum([part.low.size for part in self._parts.values()])
        pieces = np.split(flat, ends[:-1], axis=-1)
        return {
            name: piece.reshape((*flat.shape[:-1], *part.shape)).astype(part.dtype)
            for (name, part), piece in zip(self._parts.items(), pieces, strict=True)
        }


class ScaledFactors:
    """Converts factors by name to one flat array for networks, float32, each from -1 to 1 over its range.

    Args:
        space: of the factors; it gives their order.

    Attributes:
        space: of the flat array, a Box (d,).

    Raises:
        ValueError: a factor has no bounds.
    """

    def __init__(self, space: spaces.Dict) -> None:
        self._flat = FlatFactors(space)
        low, high = self._flat.space.low, self._flat.space.high
        if not (np.isfinite(low) & np.isfinite(high)).all():
            raise ValueError(f"{space} must be bounded, to be scaled to [-1, 1]")
        self._low, self._span = low, np.where(high > low, high - low, 1)
        self.space = spaces.Box(-1, 1, low.shape, np.float32)

    def flatten(self, factors: Mapping[str, Any]) -> Array:
        """Return the factors of one scene as (d,), those of n scenes as (n, d)."""
        scaled: Array = 2 * (self._flat.flatten(factors) - self._low) / self._span - 1
        return scaled.astype(np.float32)


def _as_box(name: str, space: spaces.Space[Any]) -> spaces.Box:
    if isinstance(space, spaces.Discrete):
        return spaces.Box(int(space.start), int(space.start + space.n - 1), (), np.int64)
    if not isinstance(space, spaces.Box):
        raise TypeError(f"the space of factor {name!r} must be a Box or Discrete, not {space}")
    return space


def check_env(env: Any, kind: type) -> None:
    """Refuse what is no environment of a kind, `gym.Env` or `VectorEnv`, with factors and goals.

    Raises:
        ValueError: the sentence says what is missing.
    """
    inner = getattr(env, "unwrapped", None) if isinstance(env, kind) else None
    if not (hasattr(inner, "factor_space") and hasattr(inner, "goal_space")):
        raise ValueError(
            f"env must be a Gymnasium {kind.__name__} with factor_space and goal_space, not {shown(env)}"
        )


class Form(Protocol):
    """How observations are transformed."""

    @property
    def space(self) -> spaces.Space[Any]:
        """The space of one observation."""
        ...

    def __call__(self, observation: Tree, info: Mapping[str, Any]) -> Tree:
        """Return the new form of an observation and its info, or of a batch of them."""
        ...


class StateObservation(gym.Wrapper[Tree, Any, Any, Any]):
    """An environment with transformed observations.

    Args:
        env: the environment.
        form: the transformation.
    """

    def __init__(self, env: gym.Env[Any, Any], form: Form) -> None:
        super().__init__(env)
        self._form = form
        self.observation_space = form.space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Tree, dict[str, Any]]:
        """Begin an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._form(observation, info), info

    def step(self, action: Any) -> tuple[Tree, Any, bool, bool, dict[str, Any]]:
        """Act."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._form(observation, info), reward, terminated, truncated, info


class StateVectorObservation(VectorWrapper):
    """`StateObservation` of a native vector environment, final observations included.

    Args:
        env: the environment.
        form: the transformation.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], form: Form) -> None:
        super().__init__(env)
        self._form = form
        self.single_observation_space = form.space
        self.observation_space = batch_space(form.space, env.num_envs)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Tree, dict[str, Any]]:
        """Begin episodes."""
        observations, infos = self.env.reset(seed=seed, options=options)
        return self._transformed(observations), infos

    def step(self, actions: Any) -> tuple[Tree, Any, Any, Any, dict[str, Any]]:
        """Act."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        if "final_obs" in infos:
            final = np.full(self.num_envs, None, dtype=object)
            for row in np.flatnonzero(infos["_final_obs"]):
                final[row] = self._form(infos["final_obs"][row], take(infos["final_info"], row))
            infos = {**infos, "final_obs": final}
        return self._transformed(observations), rewards, terminated, truncated, infos

    def _transformed(self, observations: Tree) -> Tree:
        """Transform the observations of all copies by fresh infos, since the step's may lack some copies."""
        simulation = self.unwrapped.simulation  # type: ignore[attr-defined]
        return self._form(observations, simulation.info(np.arange(self.num_envs)))
