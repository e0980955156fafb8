"""The single environment of any simulation: a batch of one.

What Gymnasium asks of an environment (options, seeds, rendering, a window) is here and nowhere else.
"""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding
from numpy.typing import NDArray

from unknot.checks import one_of

from .adapter import OPTIONS, Adapter, first, first_axis, read_options, read_seed, rewound, to_array
from .simulation import Tree
from .window import Window

ONE = np.arange(1)
"""The rows of a batch of one."""


class SimulationEnv(Adapter, gym.Env[Any, Any]):
    """A single world. A subclass names its `simulation_class`, and takes the same arguments."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array", "human"]}  # noqa: RUF012

    def __init__(self, *, render_mode: str | None = None, **settings: Any) -> None:
        if render_mode is not None:
            one_of("render_mode", render_mode, self.metadata["render_modes"])
        self.simulation = self._simulate(1, settings)
        self.metadata = {**self.metadata, "render_fps": self.simulation.frames_per_second}
        self.observation_space = self.simulation.observation_space
        self.action_space = self.simulation.action_space
        self.render_mode = render_mode
        self._began = False
        self._window = Window()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Tree, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: of the random state; None continues with the current one.
            options: `factors` and `goal` are dicts of those to set, the others are sampled; `scene`, what
                `scene()` returned, continues from there, its random state included unless a seed is given.

        Raises:
            ValueError: a seed below 0, or an unknown or impossible option; nothing has changed then.
            RuntimeError: no room is left for what must be sampled; nothing has changed then.
        """
        options, seed = read_options(options, OPTIONS), read_seed("seed", seed)
        factors, goal = (
            self._possible(key, first_axis(key, options.get(key, {})), 1) for key in ("factors", "goal")
        )
        if seed is None:
            generator, number = self.np_random, self.np_random_seed
        else:
            generator, number = seeding.np_random(seed)
        if "scene" in options:
            (restored,) = self._restore([options["scene"]], ONE)
            generator, number = (restored, -1) if seed is None else (generator, number)
        else:
            with rewound([generator]):
                self.simulation.reset(ONE, [generator], factors, goal)
        self._np_random, self._np_random_seed = generator, number
        self._began = True
        return self._shown()

    def step(self, action: Any) -> tuple[Tree, float, bool, bool, dict[str, Any]]:
        """Act.

        Raises:
            ValueError: an action of another shape, not finite, or outside a Discrete space; nothing has
                changed then.
            ResetNeeded: before the first reset.
        """
        self._check_began()
        reward, terminated, truncated = self.simulation.step(
            ONE, [self.np_random], self._actions(to_array("action", action)[None])
        )
        observation, info = self._shown()
        return observation, float(reward[0]), bool(terminated[0]), bool(truncated[0]), info

    def set_factors(self, factors: Mapping[str, Any]) -> Tree:
        """Set some factors of the scene, keep the rest, and return the observation.

        Raises:
            ValueError: an impossible scene; nothing has changed then.
            ResetNeeded: before the first reset.
        """
        self._check_began()
        self.simulation.place(self._possible("factors", first_axis("factors", factors), 1))
        return first(self.simulation.observe(ONE))

    def scene(self) -> dict[str, Any]:
        """Return the whole scene as JSON: factors, goal, layout, step count, random state."""
        self._check_began()
        return {**self.simulation.scene(0), "random_state": self.np_random.bit_generator.state}

    def render(self) -> NDArray[np.uint8] | None:
        """Return an RGB image in the mode "rgb_array"; show it in the mode "human"."""
        self._check_began()
        if self.render_mode is None:
            gym.logger.warn('no render_mode was given: gym.make(..., render_mode="rgb_array")')
            return None
        frame = self.simulation.frame(0)
        if self.render_mode == "rgb_array":
            return frame
        self._window.show(frame, self.metadata["render_fps"])
        return None

    def close(self) -> None:
        """Close the window, if there is one."""
        self._window.close()

    def _shown(self) -> tuple[Tree, dict[str, Any]]:
        if self.render_mode == "human":
            self.render()
        info = self.simulation.info(ONE)
        return first(self.simulation.observe(ONE)), first(info)
