"""Observations as ground truth: factors and goals as flat arrays, in place of images."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import DTypeLike, NDArray

from .simulation import Array, Factors

__all__ = ["FactorObservation", "FactorVectorObservation", "FlatFactors"]

Floats = NDArray[np.float32]


class FlatFactors:
    """Factors by name as one flat array, and back; a Discrete factor is its number.

    Args:
        space: of the factors; they stand in its order.
        dtype: of the flat array.

    Attributes:
        space: of the flat array, a Box (d,) in the factors' own units.
    """

    def __init__(self, space: spaces.Dict, dtype: DTypeLike) -> None:
        self._parts = {name: _as_box(name, part) for name, part in space.items()}
        bounds = [(part.low.ravel(), part.high.ravel()) for part in self._parts.values()]
        low, high = (np.concatenate([np.empty(0), *ends]).astype(dtype) for ends in zip(*bounds, strict=True))
        self.space = spaces.Box(low, high, dtype=low.dtype.type)

    def flatten(self, factors: Mapping[str, Any]) -> Array:
        """Return the factors of one scene as (d,), those of n scenes as (n, d)."""
        arrays = []
        for name, part in self._parts.items():
            array = np.asarray(factors[name], self.space.dtype)
            arrays.append(array.reshape(*array.shape[: array.ndim - len(part.shape)], -1))
        return np.concatenate(arrays, axis=-1)

    def unflatten(self, flat: Array) -> Factors:
        """Return the factors that (..., d) stands for, in their own types."""
        ends = np.cumsum([part.low.size for part in self._parts.values()])
        pieces = np.split(flat, ends[:-1], axis=-1)
        return {
            name: piece.reshape(*flat.shape[:-1], *part.shape).astype(part.dtype)
            for (name, part), piece in zip(self._parts.items(), pieces, strict=True)
        }


def _as_box(name: str, space: spaces.Space[Any]) -> spaces.Box:
    if isinstance(space, spaces.Discrete):
        return spaces.Box(int(space.start), int(space.start + space.n - 1), (), np.int64)
    if not isinstance(space, spaces.Box):
        raise TypeError(f"factor {name!r}: {space} is neither a Box nor Discrete")
    return space


class FactorObservation(gym.Wrapper[Floats, Any, Any, Any], RecordConstructorArgs):
    """An environment that is seen through its true factors: float32 (d,), the scene's and then the goal's.

    What an agent learns from them is the ceiling for one that learns from images. They are in their own
    units; Gymnasium's `RescaleObservation(env, -1, 1)` brings them all into one range. What is no factor,
    such as a random layout, isn't seen.

        env = FactorObservation(gym.make("unknot/Planar-v0"))  # (row, column) of the agent, then of the goal

    Args:
        env: it has a `factor_space`, and tells `factors` and `goal` in its infos.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        self._seen = _SceneAndGoal(env.unwrapped)
        self.observation_space = self._seen.space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Begin an episode, and return the factors."""
        _, info = self.env.reset(seed=seed, options=options)
        return self._seen(info), info

    def step(self, action: Any) -> tuple[Floats, Any, bool, bool, dict[str, Any]]:
        """Act, and return the factors."""
        _, reward, terminated, truncated, info = self.env.step(action)
        return self._seen(info), reward, terminated, truncated, info


class FactorVectorObservation(VectorWrapper[Floats, Any, Any, Any, Any]):
    """`FactorObservation` of a vector environment: float32 (num_envs, d).

    Args:
        env: its copies have a `factor_space`, and tell `factors` and `goal` in their infos.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        super().__init__(env)
        self._seen = _SceneAndGoal(env.unwrapped)
        self.single_observation_space = self._seen.space
        self.observation_space = batch_space(self._seen.space, env.num_envs)
        self._last = np.zeros((env.num_envs, *self._seen.space.shape), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Begin episodes, and return the factors of all copies."""
        _, infos = self.env.reset(seed=seed, options=options)
        return self._of(infos), infos

    def step(self, actions: Any) -> tuple[Floats, Any, Any, Any, dict[str, Any]]:
        """Act, and return the factors."""
        _, rewards, terminated, truncated, infos = self.env.step(actions)
        if "final_info" in infos:
            last = self._seen(infos["final_info"])
            final = np.full(self.num_envs, None, dtype=object)
            for row in np.flatnonzero(infos["_final_info"]):
                final[row] = last[row]
            infos = {**infos, "final_obs": final}
        return self._of(infos), rewards, terminated, truncated, infos

    def _of(self, infos: dict[str, Any]) -> Floats:
        """Return what all copies show; where infos are of some of them, the others show what they did."""
        known = infos["_factors"]
        self._last[known] = self._seen(infos)[known]
        return self._last.copy()


class _SceneAndGoal:
    """What `FactorObservation` shows of infos.

    Attributes:
        space: of one observation.
    """

    def __init__(self, env: Any) -> None:
        parts = {"factors": env.factor_space, "goal": env.goal_space}
        self._names = [(key, name) for key, space in parts.items() for name in space]
        self._flat = FlatFactors(
            spaces.Dict({f"{key} {name}": parts[key][name] for key, name in self._names}), np.float32
        )
        self.space = self._flat.space

    def __call__(self, infos: Mapping[str, Any]) -> Floats:
        """Return what is seen of one scene, (d,), or of n, (n, d)."""
        return self._flat.flatten({f"{key} {name}": infos[key][name] for key, name in self._names})
