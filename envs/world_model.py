"""Environments in the form that stable-worldmodel expects: images of scene and goal, flat infos, a state."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from .flat_info import flat_info
from .simulation import Array, Tree
from .state_observation import FlatFactors, check_env

__all__ = ["WorldModelEnv"]


class WorldModelEnv(gym.Env[Any, Any]):
    """An environment for the `World` of stable-worldmodel, which collects data and evaluates policies in it.

        from stable_worldmodel import World

        world = World("unknot/Planar-v0", num_envs=4, image_shape=(64, 64), pre_wrappers=[WorldModelEnv])

    `World` renders `pixels`, takes `info["goal"]` for an image, stores arrays alone, and counts terminations
    as successes. So

    - `render` returns the scene's image, RGB (h, w, 3), without a marked goal;
    - the observation is a Dict of `state`, float64 (d,): all factors in the order of `variation_space`;
    - infos are those of `FlatInfo`, with `goal`, the image of the scene in which the goal is met, where
      the task has a goal;
    - an episode terminates at success alone; another end truncates it.

    `variation_space` is the environment's `factor_space`. All factors are sampled at each reset, or given:
    `World`'s options are those of the environment's `reset`. To evaluate a policy on starts and goals from a
    data set, pass `World.evaluate(..., callables=WorldModelEnv.CALLABLES)`; a random layout is not restored.

    Args:
        env: an environment with a `factor_space`, a `goal_space` and `render_factors`.

    Raises:
        ValueError: the environment has no such spaces.
    """

    # `World` looks at what is `unwrapped`; so this is no `gym.Wrapper`, and the environment is `.env`.
    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012
    render_mode = "rgb_array"
    CALLABLES = [  # noqa: RUF012
        {
            "method": "set_problem",
            "args": {name: {"value": name, "in_dataset": True} for name in ("state", "goal_state")},
        }
    ]
    """What `World.evaluate` must call to put the problems of a data set before a policy."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        check_env(env, gym.Env)
        self.env, self._inner = env, env.unwrapped
        self.action_space = env.action_space
        self.variation_space = self._inner.factor_space  # type: ignore[attr-defined]
        self._goal_names = list(self._inner.goal_space)  # type: ignore[attr-defined]
        self._factors = FlatFactors(self.variation_space)
        self.observation_space = spaces.Dict({"state": self._factors.space})
        self._goal: NDArray[np.uint8] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Tree, dict[str, Any]]:
        """Begin an episode, with the options of the environment."""
        super().reset(seed=seed)
        _, info = self.env.reset(seed=seed, options=options)
        if self._goal_names:
            goal = {name: np.asarray(info["goal"][name])[None] for name in self._goal_names}
            self._goal = self._image(goal)
        return self._seen(info)

    def step(self, action: Any) -> tuple[Tree, float, bool, bool, dict[str, Any]]:
        """Act."""
        _, reward, terminated, truncated, info = self.env.step(action)
        success = bool(info["is_success"])
        truncated = truncated or (terminated and not success)
        observation, info = self._seen(info)
        return observation, float(reward), success, truncated, info

    def render(self) -> NDArray[np.uint8]:
        """Return the scene's image, uint8 (h, w, 3), without a marked goal."""
        return self._image({})

    def set_problem(self, state: Array, goal_state: Array) -> None:
        """Begin an episode in a scene, with the goal of reaching another.

        Args:
            state: all factors of the scene, (d,), as observations have them.
            goal_state: in the same form; factors that a goal doesn't have are ignored.

        Raises:
            ValueError: a scene or goal that is impossible.
        """
        low, high = self._factors.space.low, self._factors.space.high
        factors, goal = (self._factors.unflatten(np.clip(each, low, high)) for each in (state, goal_state))
        self.reset(options={"factors": factors, "goal": {name: goal[name] for name in self._goal_names}})

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def _image(self, factors: dict[str, Array]) -> NDArray[np.uint8]:
        """Render the scene, some of its factors replaced by others."""
        image = self._inner.render_factors(factors)[0]  # type: ignore[attr-defined]
        return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image

    def _seen(self, info: dict[str, Any]) -> tuple[Tree, dict[str, Any]]:
        """Return the observation and the info of a scene."""
        goal = {} if self._goal is None else {"goal": self._goal.copy()}
        return {"state": self._factors.flatten(info["factors"])}, flat_info(info) | goal
