"""Steer an environment with the keyboard."""

import os
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from unknot.checks import require
from unknot.report import captioned
from unknot.running import UsageError

__all__ = ["check_display", "play"]

FRAMES_PER_SECOND = 10
"""At which keys are read: a short press must not fall between two frames."""


def play(env: gym.Env[Any, Any]) -> None:
    """Let a person act until they close the window.

    Args:
        env: it renders RGB arrays, and has `get_keys_to_action` and `controls`. It is closed.

    Raises:
        ModuleNotFoundError: pygame or Pillow is missing.
        UsageError: there is no display.
    """
    require("play", "pygame", "PIL")
    check_display()
    import pygame
    from gymnasium.utils import play as gymnasium_play  # it chooses a window's backend for matplotlib

    pygame.display.set_caption(f"{env.spec.id if env.spec else 'unknot'} (Escape ends it)")
    discrete = isinstance(env.action_space, gym.spaces.Discrete)  # perhaps none of its actions does nothing
    gymnasium_play.play(
        _Scored(env),
        fps=FRAMES_PER_SECOND,
        noop=np.zeros_like(env.action_space.sample()),
        wait_on_player=discrete,
    )
    env.close()


def check_display() -> None:
    """Refuse where no window can open.

    SDL, on which pygame stands, then shows its windows to nobody. Whoever names such a driver in
    SDL_VIDEODRIVER wants it.

    Raises:
        UsageError: there is no display.
    """
    import pygame

    try:
        pygame.display.init()
        driver = pygame.display.get_driver()
    except pygame.error:
        driver = "dummy"
    if driver in ("dummy", "offscreen") and "SDL_VIDEODRIVER" not in os.environ:
        pygame.display.quit()
        raise UsageError('there is no display to open a window on; "unknot watch" writes films instead')


class _Scored(gym.Wrapper[Any, Any, Any, Any]):
    """Shows below each frame which keys do what, and how the episode goes."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self._solved = self._ended = 0
        self._start()

    def _start(self) -> None:
        self._steps, self._score, self._success = 0, 0.0, False

    def reset(self, **settings: Any) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        self._start()
        return self.env.reset(**settings)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Act, and count."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._steps += 1
        self._score += float(reward)
        self._success = bool(info["is_success"])
        if terminated or truncated:
            self._ended += 1
            self._solved += self._success
        return observation, reward, terminated, truncated, info

    def render(self) -> NDArray[np.uint8]:
        """Render, with two lines of text."""
        frame: Any = self.env.render()
        solved = f"{self._solved} of {self._ended} episodes solved"
        now = "at the goal" if self._success else f"step {self._steps}"
        controls = self.env.get_wrapper_attr("controls")
        return captioned(frame, controls, f"{now}, return {self._score:.2f}; {solved}")
