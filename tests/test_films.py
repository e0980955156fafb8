"""Films: which episodes they show, that every step is a frame, and that files and windows show them."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from unknot.agents import Evaluation
from unknot.agents.maze_experts import MazeExpert
from unknot.films import Episode, film, save_film, show_film, typical, watch

MAZE: dict[str, Any] = {"size": 4, "layout": "open", "terminate_on_success": True, "max_steps": 8}


def evaluation(lengths: list[int], successes: list[int]) -> Evaluation:
    n = len(lengths)
    none = np.zeros(n)
    solved = np.array(successes, bool)
    return Evaluation(n, solved.mean(), (0.0, 1.0), 0.0, 0.0, solved, none, none, np.array(lengths))


def moving(steps: int, success: bool = True) -> Episode:
    """A white column moves to the right over black; ten frames a second."""
    frames = np.zeros((steps + 1, 60, 240, 3), np.uint8)
    for step in range(steps + 1):
        frames[step, :, 10 * step : 10 * step + 10] = 255
    return Episode(7, success, frames, 10)


@pytest.mark.parametrize(
    ("lengths", "successes", "number", "chosen"),
    [
        ([9, 5, 7, 3], [1, 1, 1, 1], 2, [1, 0]),  # 5 and 9 of 3, 5, 7, 9
        ([9, 5, 7, 3], [1, 1, 1, 1], 9, [3, 1, 2, 0]),
        ([9, 5, 7, 3, 4, 4, 4, 4, 4, 4], [1] * 9 + [0], 4, [4, 7, 2, 9]),  # a failure that is one in ten
        ([9, 5, 7, 3], [0, 0, 0, 0], 2, [1, 0]),
        ([9, 5, 7, 3], [0, 0, 1, 0], 3, [2, 3, 0]),  # three of four fail
        ([9, 5, 7, 3], [0, 0, 1, 0], 1, [1]),
    ],
)
def test_typical_episodes_are_spread_and_have_a_failure(
    lengths: list[int], successes: list[int], number: int, chosen: list[int]
) -> None:
    assert typical(evaluation(lengths, successes), number) == chosen


def test_a_film_has_a_frame_before_each_step_and_one_after_the_last() -> None:
    """The expert of the open board needs as many steps as there are cells in between."""
    env: Any = gym.make("unknot/Maze-v0", render_mode="rgb_array", **MAZE)
    episode = film(MazeExpert(env.unwrapped.simulation), env, 3)
    result, chosen = watch("expert", "unknot/Maze-v0", MAZE, episodes=1, seed=3)
    assert episode.success
    assert episode.frames.shape == (result.lengths[0] + 1, 512, 512, 3)
    assert all((a != b).any() for a, b in pairwise(episode.frames))
    assert episode.frames_per_second == 4
    assert len(chosen) == 1
    assert chosen[0].success


@pytest.mark.parametrize("copies", [1, 3])
def test_of_a_vector_environment_the_first_copy_is_filmed(copies: int) -> None:
    """The others' episodes may last longer."""
    vector: Any = gym.make_vec("unknot/Maze-v0", copies, render_mode="rgb_array", **MAZE)
    episode = film(MazeExpert(vector.simulation), vector, 3)
    env: Any = gym.make("unknot/Maze-v0", render_mode="rgb_array", **MAZE)
    assert np.array_equal(episode.frames, film(MazeExpert(env.unwrapped.simulation), env, 3).frames)
    with pytest.raises(ValueError, match='env must have render_mode="rgb_array" to be filmed, not None'):
        film(MazeExpert(vector.simulation), gym.make_vec("unknot/Maze-v0", 1), 3)


def test_an_agent_that_fails_is_seen_to_fail() -> None:
    _, shown = watch("random", "unknot/Maze-v0", MAZE, episodes=3)
    assert {episode.success for episode in shown} == {True, False}
    assert len(shown[-1].frames) == 9  # a failure lasts to the end


def test_a_gif_has_all_episodes_with_captions_and_holds_their_ends(tmp_path: Path) -> None:
    from PIL import Image

    save_film([moving(3), moving(5, success=False)], tmp_path / "film.gif")
    with Image.open(tmp_path / "film.gif") as gif:
        durations, captions = [], []
        for k in range(gif.n_frames):
            gif.seek(k)
            durations.append(gif.info["duration"])
            frame = np.asarray(gif.convert("L"))
            captions.append(frame[60:])
    assert frame.shape == (84, 240)
    assert frame[30].argmax() == 50  # where the column ends
    assert sum(durations) == 100 * (3 + 5) + 2 * 1000
    assert all((a != b).any() for a, b in pairwise(captions))


def test_an_mp4_has_all_frames(tmp_path: Path) -> None:
    moviepy = pytest.importorskip("moviepy")
    save_film([moving(3)], tmp_path / "film.mp4")
    with moviepy.VideoFileClip(str(tmp_path / "film.mp4")) as clip:
        assert clip.size == [240, 84]
        assert clip.duration == pytest.approx(1.3)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_other_files_and_no_episodes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.gif or \.mp4, not .*film\.txt"):
        save_film([moving(1)], tmp_path / "film.txt")
    with pytest.raises(ValueError, match="episodes must be at least one"):
        save_film([], tmp_path / "film.gif")
    assert not list(tmp_path.iterdir())


def test_a_window_shows_a_film_until_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    shown: list[Any] = []
    monkeypatch.setattr(pygame.display, "flip", lambda: shown.append(pygame.display.get_caption()[0]))
    pressed = iter([[], [pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE)]])
    monkeypatch.setattr(pygame.event, "get", lambda: next(pressed))
    show_film([moving(3)], "a column")
    assert shown == ["a column"] * 2
