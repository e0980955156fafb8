"""Films of episodes, for people who want to see what an agent does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from unknot.agents.environments import copies_for
from unknot.agents.evaluation import Agent, Evaluation, evaluate_agent
from unknot.agents.named import find_agent
from unknot.checks import count, require
from unknot.envs.window import Window
from unknot.files import write_bytes
from unknot.report import captioned, save_gif

__all__ = ["Episode", "check_film", "film", "save_film", "show_film", "typical", "watch"]

Images = NDArray[np.uint8]

HOLD = 1.0
"""Seconds for which a film shows the end of an episode."""
TRIED = 20
"""Episodes of which those to film are chosen, at least."""


@dataclass(frozen=True)
class Episode:
    """A filmed episode."""

    seed: int
    """Of its problem."""
    success: bool
    """Whether its last step was a success."""
    frames: Images
    """uint8 (steps + 1, height, width, 3), the first from before the first action."""
    frames_per_second: int
    """At which a person can follow."""


def watch(
    name: str, environment: str, options: Mapping[str, Any], *, episodes: int = 4, seed: int = 0
) -> tuple[Evaluation, list[Episode]]:
    """Evaluate an agent on twenty problems, and film typical ones.

    Args:
        name: as for `find_agent`.
        environment: the id of the environment.
        options: the environment's keyword arguments.
        episodes: how many to film, at least 1.
        seed: of the first problem.

    Returns:
        The evaluation on the problems seed, seed + 1, ..., and the filmed episodes (see `typical`).

    Raises:
        FileNotFoundError: no agent has this name.
        ValueError: as `find_agent` does, or an argument out of range.
    """
    count(1, episodes=episodes)
    tried = max(TRIED, episodes)
    opened = find_agent(name, environment, {**options, "render_mode": "rgb_array"}, seed=seed)
    agent, vector = opened(copies_for(environment, tried))
    result = evaluate_agent(agent, vector, tried, seed)
    vector.close()
    shown = []
    for k in typical(result, episodes):
        agent, vector = opened(1)  # anew: a random agent's actions are those of its first episode
        shown.append(film(agent, vector, seed + k))
        vector.close()
    return result, shown


def typical(result: Evaluation, number: int) -> list[int]:
    """Choose episodes that show what an agent does: failures in their share, at least one if there is one.

    Successes and failures are spread evenly over their lengths.

    Args:
        result: the evaluation of all episodes.
        number: how many to choose; fewer if there are fewer.

    Returns:
        Their numbers: successes first, short ones first.
    """
    order = np.argsort(result.lengths, kind="stable")
    solved, failed = order[result.successes[order]], order[~result.successes[order]]
    failures = round(number * len(failed) / len(order))
    if number > 1:  # both kinds, if there are both
        failures = min(max(failures, 1), number - 1)
    failures = min(max(failures, number - len(solved)), len(failed))
    return [*_spread(solved, number - failures), *_spread(failed, failures)]


def _spread(numbers: NDArray[np.int64], n: int) -> list[int]:
    """Return n of some numbers, from places evenly spread; all of them if there are no more."""
    n = min(n, len(numbers))
    chosen = numbers[((np.arange(n) + 0.5) * len(numbers) / max(n, 1)).astype(int)]
    return [int(number) for number in chosen]


def film(agent: Agent, env: gym.Env[Any, Any] | VectorEnv[Any, Any, Any], seed: int) -> Episode:
    """Let an agent act in one episode, and render every step.

    Args:
        agent: as `evaluate_agent` takes it.
        env: made with render_mode="rgb_array"; of a vector environment, the first copy is filmed. It stays
            open.
        seed: of the problem.

    Raises:
        ValueError: the environment does not render arrays, or `evaluate_agent` refuses the agent.
    """
    if env.render_mode != "rgb_array":
        raise ValueError(f'env must have render_mode="rgb_array" to be filmed, not {env.render_mode!r}')
    filming = _Filming(agent, env)
    result = evaluate_agent(filming, env, 1, seed)
    filming.render()
    frames = np.stack(filming.frames[: result.lengths[0] + 1])
    return Episode(seed, bool(result.successes[0]), frames, env.metadata.get("render_fps", 10))


class _Filming:
    """An agent that renders a frame before each action."""

    def __init__(self, agent: Agent, env: gym.Env[Any, Any] | VectorEnv[Any, Any, Any]) -> None:
        self._agent, self._env = agent, env
        self.privileged = getattr(agent, "privileged", False)
        self.frames: list[Images] = []

    def render(self) -> None:
        """Append a frame."""
        frames: Any = self._env.render()
        self.frames.append(np.array(frames[0] if isinstance(self._env, VectorEnv) else frames))

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[NDArray[Any], Any]:
        """Render, and act."""
        self.render()
        return self._agent.predict(observation, state, episode_start, deterministic)


def save_film(episodes: Sequence[Episode], path: Path | str) -> None:
    """Write episodes one after another, with captions, atomically.

    Args:
        episodes: at least one.
        path: the file: NAME.gif, or NAME.mp4, for which moviepy is needed.

    Raises:
        ValueError: another kind of file, or no episodes.
        ImportError: Pillow or moviepy is missing.
    """
    path = Path(path)
    check_film(path)
    if not episodes:
        raise ValueError("episodes must be at least one, not none")
    frames, rate = list(_frames(episodes)), episodes[0].frames_per_second
    if path.suffix == ".gif":
        return save_gif(frames, path, fps=rate)
    require("agents", "moviepy")
    from moviepy import ImageSequenceClip

    with TemporaryDirectory() as folder:
        whole = Path(folder, path.name)
        ImageSequenceClip(frames, fps=rate).write_videofile(str(whole), audio=False, logger=None)
        return write_bytes(path, whole.read_bytes())


def check_film(path: Path) -> None:
    """Refuse a path that is not a film's.

    Raises:
        ValueError: it does not end in .gif or .mp4.
    """
    if path.suffix not in (".gif", ".mp4"):
        raise ValueError(f"a film's name must end in .gif or .mp4, not {str(path)!r}")


def show_film(episodes: Sequence[Episode], title: str) -> None:
    """Show episodes in a window, until they end or the window is closed.

    Raises:
        ImportError: pygame is missing.
        RuntimeError: there is no display.
    """
    window = Window(title)
    for frame in _frames(episodes):
        window.show(frame, episodes[0].frames_per_second)
        if window.left():
            break
    window.close()


def _frames(episodes: Sequence[Episode]) -> Iterator[Images]:
    """Return the captioned frames of all episodes; the last of each stays for a while."""
    for episode in episodes:
        steps = len(episode.frames) - 1
        end = "success" if episode.success else "no success"
        for step, frame in enumerate(episode.frames):
            words = f"seed {episode.seed}, step {step} of {steps}"
            yield captioned(frame, words if step < steps else f"{words}: {end}")
        for _ in range(round(HOLD * episode.frames_per_second) - 1):
            yield captioned(frame, f"{words}: {end}")
