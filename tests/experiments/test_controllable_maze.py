from typing import Any

import numpy as np
import pytest

from unknot.envs.maze_world import PAPER_ACTIONS
from unknot.experiments.controllable_factors import maze_measures
from unknot.experiments.controllable_factors.maze_measures import purities, worst_angle


def test_purity_counts_both_ups_as_one() -> None:
    up, up_again, down, diagonal = (PAPER_ACTIONS.index(a) for a in ("up", "up_again", "down", "down_left"))
    modes = np.array([0, 0, 0, 0, 1, 1, -1])
    shares, owners = purities(modes, np.array([up, up_again, up, down, diagonal, diagonal, up]))
    assert shares == [0.75, 1.0]
    assert owners == [maze_measures.MERGED[up], maze_measures.MERGED[diagonal]]


def test_the_worst_angle_is_the_largest_from_a_right_angle() -> None:
    def turned(degrees: float) -> Any:
        return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])

    effects = {"right": turned(0), "left": 3 * turned(180), "up": turned(90), "down": turned(270)}
    assert worst_angle(effects) == pytest.approx(0, abs=1e-6)
    assert worst_angle({**effects, "down": turned(258)}) == pytest.approx(12)
    assert worst_angle({**effects, "left": turned(160), "down": turned(255)}) == pytest.approx(20, abs=1e-6)


@pytest.mark.parametrize(
    "missed",
    [{"modes": 5}, {"purity": 0.9}, {"diagonal": True}, {"rows": 0.97}, {"columns": 0.97}, {"angle": 11.0}],
)
def test_any_measure_alone_can_miss_the_bar(missed: dict[str, Any]) -> None:
    met = {"modes": 4, "purity": 1.0, "diagonal": False, "rows": 0.99, "columns": 0.99, "angle": 9.0}
    assert maze_measures.meets_bar(met)
    assert not maze_measures.meets_bar(met | missed)


def test_the_survey_finds_what_actions_do() -> None:
    class Truth:
        """An encoder that reads the agent's cell off the image by its red."""

        def encode(self, images: Any) -> Any:
            import torch

            red = np.maximum(images[..., 0].astype(float) - images[..., 1], 0) * (images[..., 1] < 60)
            places = np.stack(np.meshgrid(*[np.arange(64) + 0.5] * 2, indexing="ij"), -1) * 6 / 64
            return torch.from_numpy((red[..., None] * places).sum((1, 2)) / red.sum((1, 2))[:, None])

    cells, codes, effects = maze_measures.survey(Truth())  # type: ignore[arg-type]
    assert len(cells) == 35
    np.testing.assert_allclose(codes, cells + 0.5, atol=0.1)
    for action, step in (("down", (1, 0)), ("up_again", (-1, 0)), ("left", (0, -1)), ("down_left", (1, -1))):
        np.testing.assert_allclose(effects[action], step, atol=0.05)
