"""Native vector environments for Stable-Baselines3, whose algorithms then train at their speed."""

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

__all__ = ["GymVecEnv"]

SINGLE = {"observation_space": "single_observation_space", "action_space": "single_action_space"}
"""What a copy calls its own to what the batch calls it."""


class GymVecEnv(VecEnv):
    """A Gymnasium vector environment as a Stable-Baselines3 `VecEnv`: one array step for all copies.

    It gives what `DummyVecEnv` of as many single environments, each in a `Monitor`, would: observations
    (arrays, or a dict of them), float32 rewards, a list of infos. Where an episode has ended the copy is
    reset at once; its info is the last of the episode, with `terminal_observation`, `TimeLimit.truncated`,
    and `episode` of return "r", length "l" and seconds since the start "t"; the new episode's info is in
    `reset_infos`. `seed` and `set_options` count for the next `reset`.

        venv = GymVecEnv(gym.make_vec("unknot/Maze-v0", num_envs=64, autoreset_mode="SameStep"))
        PPO("CnnPolicy", venv).learn(100_000)

    Copies that live in one batch share attributes and methods: `get_attr` gives everyone the batch's,
    `env_method` calls the batch's method once with arguments as the batch takes them, and shares out a
    result that is a list or tuple of an entry a copy.

    Args:
        env: it restarts copies in the step that ends them.

    Raises:
        ValueError: another autoreset mode.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        mode = env.metadata.get("autoreset_mode")
        if mode is not AutoresetMode.SAME_STEP:
            raise ValueError(
                f"env restarts in the mode {mode}, expected SAME_STEP: "
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
        """Begin episodes everywhere, with the seeds and options that were set since the last reset.

        Raises:
            ValueError: options that the environment refuses, or of other keys in one copy than in another.
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
        """Take the actions (num_envs, ...) of the next step."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Act: observations, rewards (num_envs,), whether episodes ended (num_envs,), infos."""
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
        """Return the last info of the episode that ended, and keep the first of the one that began."""
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
        """Return the attribute for each of the copies asked for: the batch's, the spaces a copy's.

        Raises:
            AttributeError: neither the environment nor what it wraps has it.
        """
        value = getattr(self._owner(attr_name), SINGLE.get(attr_name, attr_name))
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of the batch.

        Raises:
            ValueError: for a part of the copies.
        """
        if sorted(self._get_indices(indices)) != list(range(self.num_envs)):
            raise ValueError(f"indices={indices!r}: copies share attributes; set {attr_name} for all (None)")
        setattr(self._owner(attr_name), attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of the batch once; return a result for each of the copies asked for.

        Raises:
            AttributeError: neither the environment nor what it wraps has it.
        """
        result = getattr(self._owner(method_name), method_name)(*method_args, **method_kwargs)
        shared_out = isinstance(result, list | tuple) and len(result) == self.num_envs
        return [result[row] if shared_out else result for row in self._get_indices(indices)]

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Say whether copies are wrapped so: in a Monitor yes, as its work is done here."""
        wrapped = issubclass(Monitor, wrapper_class) or any(
            isinstance(layer, wrapper_class) for layer in _layers(self.env)
        )
        return [wrapped for _ in self._get_indices(indices)]

    def _owner(self, name: str) -> VectorEnv[Any, Any, Any]:
        """Return the outermost layer that has an attribute, the innermost if none has."""
        return next((layer for layer in _layers(self.env) if hasattr(layer, name)), self.env.unwrapped)


def _layers(env: VectorEnv[Any, Any, Any]) -> Iterable[VectorEnv[Any, Any, Any]]:
    """Yield an environment and what it wraps, outermost first."""
    yield env
    while isinstance(env, VectorWrapper):
        env = env.env
        yield env


def _batch_options(options: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Turn the options of each copy into those of the batch: a leading axis of copies.

    Raises:
        ValueError: copies have different keys.
    """
    first = options[0]
    if any(other.keys() != first.keys() for other in options):
        raise ValueError(f"options must have the same keys for each copy, not {[list(o) for o in options]}")
    return {key: _batched([option[key] for option in options]) for key in first} or None


def _batched(values: Sequence[Any]) -> Any:
    """Batch factors by name; scenes, which are lists of their own kind, stay a list."""
    if isinstance(values[0], Mapping) and "random_state" not in values[0]:
        return {name: np.stack([np.asarray(value[name]) for value in values]) for name in values[0]}
    return list(values)
