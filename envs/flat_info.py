"""Infos without dicts in them, for libraries that store infos as columns or tensors."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv

from unknot.checks import shown

from .simulation import Tree
from .vector import VectorWrapper

__all__ = ["FlatInfo", "FlatVectorInfo", "flat_info"]

FINAL = "final_info"
"""The entry of a vector environment's infos that is an info itself."""


def flat_info(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return an info whose entries are arrays: `info["factors"]["position"]` is `"factors.position"`.

    In a vector environment's infos the mask of that is `"_factors.position"`. Masks of dicts are left out.
    `"final_info"` stays a dict, of flat entries.
    """
    result: dict[str, Any] = {}
    for key, value in info.items():
        if key == FINAL:
            result[key] = flat_info(value)
        elif isinstance(value, Mapping):
            for name, entry in flat_info(value).items():
                mask = "_" * name.startswith("_")
                result[f"{mask}{key}.{name.removeprefix('_')}"] = entry
        elif key == f"_{FINAL}" or not isinstance(info.get(key.removeprefix("_")), Mapping):
            result[key] = np.asarray(value)
    return result


class FlatInfo(gym.Wrapper[Tree, Any, Any, Any], RecordConstructorArgs):
    """An environment whose infos are arrays under flat names, such as `"factors.position"`.

    TorchRL's `auto_register_info_dict` takes no dicts in infos, nor Python's own numbers:

        env = GymWrapper(FlatInfo(gym.make("unknot/Planar-v0"))).auto_register_info_dict()
        env.rollout(10)["factors.position"]  # float32 (10, 2)

    Args:
        env: any environment whose infos are numbers, arrays, and dicts of them.

    Raises:
        ValueError: env is no `gym.Env`.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        _check(env, gym.Env)
        gym.Wrapper.__init__(self, env)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Tree, dict[str, Any]]:
        """Begin an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, flat_info(info)

    def step(self, action: Any) -> tuple[Tree, Any, bool, bool, dict[str, Any]]:
        """Act."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward, terminated, truncated, flat_info(info)


class FlatVectorInfo(VectorWrapper):
    """`FlatInfo` of a native vector environment.

    Args:
        env: the vector environment.

    Raises:
        ValueError: env is no `VectorEnv`.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        _check(env, VectorEnv)
        super().__init__(env)

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Tree, dict[str, Any]]:
        """Begin episodes."""
        observations, infos = self.env.reset(seed=seed, options=options)
        return observations, flat_info(infos)

    def step(self, actions: Any) -> tuple[Tree, Any, Any, Any, dict[str, Any]]:
        """Act."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        return observations, rewards, terminated, truncated, flat_info(infos)


def _check(env: Any, kind: type) -> None:
    if not isinstance(env, kind):
        raise ValueError(f"env must be a Gymnasium {kind.__name__}, not {shown(env)}")
