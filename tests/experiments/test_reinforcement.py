"""The part `reinforcement`: what PPO observes, and the table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from unknot.agents.encoding import KnownImages
from unknot.experiments.controllable_factors import maze, reinforcement
from unknot.experiments.controllable_factors.mazes import COPIES, MAZE, SIZE
from unknot.experiments.controllable_factors.reinforcement import ROWS, Settings
from unknot.representation.interaction import interactions


@pytest.fixture(scope="module")
def board() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The images of all cells, and the cells."""
    env: Any = gym.make(MAZE, **reinforcement.BOARD).unwrapped
    env.reset(seed=3)
    cells = np.argwhere(np.ones((SIZE, SIZE)))
    return env.render_factors({"agent": cells}), cells


def test_true_cells_are_read_off_what_is_observed(board: tuple[NDArray[np.uint8], NDArray[np.int64]]) -> None:
    read = KnownImages(*board)
    env: Any = reinforcement.make_environment(Settings(), 32, None)
    observation, info = env.reset(seed=0)
    assert read(observation["observation"]).tolist() == info["factors"]["agent"].tolist()
    assert read(observation["desired_goal"]).tolist() == info["goal"]["agent"].tolist()
    assert read(np.zeros_like(observation["observation"][:1])).tolist() == [[-1, -1]]


def test_encoders_learn_from_the_maze_that_ppo_acts_in(
    board: tuple[NDArray[np.uint8], NDArray[np.int64]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: set[bytes] = set()

    def watched(*arguments: Any, **options: Any) -> Callable[[int], dict[str, torch.Tensor]]:
        batch_at = interactions(*arguments, **options)

        def watched_at(number: int) -> dict[str, torch.Tensor]:
            batch = batch_at(number)
            seen.update(image.tobytes() for image in batch["observation"].numpy())
            return batch

        return watched_at

    monkeypatch.setattr(maze, "interactions", watched)
    monkeypatch.setattr(reinforcement, "ROWS", {"selectivity": ROWS["selectivity"]})
    few = Settings(encoder_steps=1, num_envs=8, limit=1, evaluate_every=1, episodes=2)
    metrics = reinforcement.run(few, tmp_path, 0, False)
    assert seen == {image.tobytes() for image in board[0]}
    assert metrics["rows"]["selectivity"]["before"] == 3 * COPIES  # of three starts


def row(steps: int, reached: bool, success: float) -> dict[str, Any]:
    test = {"success": success, "count": 100, "steps": 4.0 if success else None}
    return {"curve": [[steps, success]], "reached": reached, "before": 640, "test": test}


def test_a_row_that_missed_the_bar_is_marked() -> None:
    bounds = {"random": row(0, False, 0.4)["test"], "shortest": row(0, True, 1.0)["test"]}
    good = {"rows": {name: row(2000, True, 0.95) for name in ROWS}, "bounds": bounds}
    bad = {"rows": {**good["rows"], "random": row(9000, False, 0.0)}, "bounds": bounds}
    (table,) = reinforcement.tabulate([good, bad, {}])  # the third seed was not asked for
    rows = {cells[0]: cells[1:] for cells in table.rows}
    assert rows[ROWS["selectivity"]][:4] == ("640", "2000 ± 0", "2 of 2", "95.0 ± 0.0 [88.8, 97.8]")
    assert rows[ROWS["random"]][1:3] == ("> 5500 ± 4950", "1 of 2")
    assert rows["shortest path (ceiling)"][3:] == ("100.0 ± 0.0 [96.3, 100.0]", "4.0 ± 0.0")
    assert reinforcement.tabulate([{}]) == []


def test_settings_that_leave_nothing_to_measure_are_refused() -> None:
    with pytest.raises(ValueError, match="episodes must be at least 1, not 0"):
        Settings(episodes=0)
