"""Native vector environments for Stable-Baselines3's algorithms."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from gymnasium.wrappers.vector import DictInfoToList
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from unknot.envs.vector import SINGLE, for_each

__all__ = ["GymVecEnv"]


class GymVecEnv(VecEnv):
    """A Gymnasium vector environment as a Stable-Baselines3 `VecEnv`: one array step for all copies.

    Its results are those of a `DummyVecEnv` of as many single environments, each in a `Monitor`: observations
    (arrays, or a dict of them), float32 rewards, a list of infos. When an episode ends, its copy is reset at
    once. The copy's info is then the last of the old episode, with `terminal_observation`,
    `TimeLimit.truncated`, and `episode`: return "r", length "l" and seconds since the start "t". The new
    episode's info is in `reset_infos`. `seed` and `set_options` apply to the next `reset`.

        venv = GymVecEnv(gym.make_vec("unknot/Maze-v0", num_envs=64, autoreset_mode="SameStep"))
        PPO("CnnPolicy", venv).learn(100_000)

    The copies of a batch share attributes and methods: `get_attr` returns the batch's attribute for every
    copy. `env_method` calls the batch's method once, with the batch's arguments; if the result is a list or
    tuple with one entry per copy, each copy gets its entry.

    Args:
        env: a vector environment in the autoreset mode SAME_STEP.

    Raises:
        ValueError: another autoreset mode.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        mode = env.metadata.get("autoreset_mode")
        if mode is not AutoresetMode.SAME_STEP:
            raise ValueError(
                f"env must have the autoreset mode SAME_STEP, not {mode}: "
                'gym.make_vec(..., autoreset_mode="SameStep")'
            )
        self.env = env
        self._listing = DictInfoToList(env)
        self._actions: Any = None
        self._returns = np.zeros(env.num_envs)
        self._lengths = np.zeros(env.num_envs, np.int64)
        self._began = time.perf_counter()
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> VecEnvObs:
        """Begin episodes in all copies, with the seeds and options that were set since the last reset.

        Raises:
            ValueError: the environment refuses the options, or their keys differ between copies.
        """
        observations, infos = self._listing.reset(
            seed=self._seeds,  # type: ignore[arg-type]  # vector environments take a list, too
            options=_batch_options(self._options),
        )
        self._reset_seeds()
        self._reset_options()
        self._returns[:], self._lengths[:] = 0, 0
        self.reset_infos = list(infos)
        return observations  # type: ignore[no-any-return]

    def step_async(self, actions: NDArray[Any]) -> None:
        """Store the actions (num_envs, ...) of the next step."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Act; return observations, rewards (num_envs,), whether episodes ended (num_envs,), and infos."""
        observations, rewards, terminated, truncated, steps = self._listing.step(self._actions)
        ended = terminated | truncated
        infos: list[dict[str, Any]] = list(steps)
        self._returns += rewards
        self._lengths += 1
        for row in np.flatnonzero(ended):
            infos[row] = self._finish(row, infos[row])
        for info, timeout in zip(infos, (truncated & ~terminated).tolist(), strict=True):
            info["TimeLimit.truncated"] = timeout
        return observations, rewards.astype(np.float32), ended, infos

    def _finish(self, row: int, info: dict[str, Any]) -> dict[str, Any]:
        """Return the last info of the episode that ended, and store the first of the new episode."""
        last: dict[str, Any] = info.pop("final_info")
        last["terminal_observation"] = info.pop("final_obs")
        last["episode"] = {
            "r": float(self._returns[row]),
            "l": int(self._lengths[row]),
            "t": round(time.perf_counter() - self._began, 6),
        }
        self._returns[row], self._lengths[row] = 0, 0
        self.reset_infos[row] = info
        return last

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """Return an RGB image for each copy."""
        return self.env.render() or [None] * self.num_envs  # type: ignore[return-value]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return the batch's attribute for each of the copies `indices`; spaces are those of a single copy.

        Raises:
            AttributeError: neither the environment nor one that it wraps has it.
        """
        value = getattr(self._owner(attr_name), SINGLE.get(attr_name, attr_name))
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of the batch.

        Raises:
            ValueError: `indices` are not all copies.
        """
        if sorted(self._get_indices(indices)) != list(range(self.num_envs)):
            raise ValueError(f"indices must be None, since copies share {attr_name}, not {indices!r}")
        setattr(self._owner(attr_name), attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of the batch once; return a result for each of the copies `indices`.

        Raises:
            AttributeError: neither the environment nor one that it wraps has it.
        """
        result = getattr(self._owner(method_name), method_name)(*method_args, **method_kwargs)
        results = for_each(result, self.num_envs)
        return [results[row] for row in self._get_indices(indices)]

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Return whether copies have a wrapper; always true of Monitor, whose work this class does."""
        wrapped = issubclass(Monitor, wrapper_class) or any(
            isinstance(layer, wrapper_class) for layer in _layers(self.env)
        )
        return [wrapped for _ in self._get_indices(indices)]

    def _owner(self, name: str) -> VectorEnv[Any, Any, Any]:
        """Return the outermost layer that has an attribute, or the innermost if none has."""
        return next((layer for layer in _layers(self.env) if hasattr(layer, name)), self.env.unwrapped)


def _layers(env: VectorEnv[Any, Any, Any]) -> Iterable[VectorEnv[Any, Any, Any]]:
    """Yield an environment and those it wraps, outermost first."""
    yield env
    while isinstance(env, VectorWrapper):
        env = env.env
        yield env


def _batch_options(options: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Stack the options of the copies along a leading axis.

    Raises:
        ValueError: the keys differ between copies.
    """
    first = options[0]
    if any(other.keys() != first.keys() for other in options):
        raise ValueError(f"options must have the same keys for each copy, not {[list(o) for o in options]}")
    return {key: _batched([option[key] for option in options]) for key in first} or None


def _batched(values: Sequence[Any]) -> Any:
    """Stack factors by name; scenes stay a list."""
    if isinstance(values[0], Mapping) and "random_state" not in values[0]:
        return {name: np.stack([np.asarray(value[name]) for value in values]) for name in values[0]}
    return list(values)
