from typing import Any

import numpy as np
import pytest

from unknot.experiments.controllable_factors import maze_measures
from unknot.experiments.controllable_factors.maze_measures import (
    find_modes,
    linear_fit,
    purities,
    worst_angle,
)

CORNERS = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])


def cloud(sizes: list[int], centres: Any = CORNERS, spread: float = 0.05) -> Any:
    rng = np.random.default_rng(0)
    return np.concatenate(
        [centre + rng.normal(0, spread, (size, 2)) for centre, size in zip(centres, sizes, strict=True)]
    )


def test_modes_are_the_peaks_of_the_density_largest_first() -> None:
    modes = find_modes(cloud([50, 200, 100, 150]))
    assert modes.tolist() == [3] * 50 + [0] * 200 + [2] * 100 + [1] * 150


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_modes_do_not_depend_on_the_scale(scale: float) -> None:
    assert (find_modes(scale * cloud([50, 200, 100, 150])) == find_modes(cloud([50, 200, 100, 150]))).all()


def test_a_peak_of_few_points_is_not_a_mode() -> None:
    modes = find_modes(cloud([100, 100, 100, 4]))
    assert (modes[-4:] == -1).all()
    assert set(modes[:300].tolist()) == {0, 1, 2}


def test_one_cloud_has_one_mode_and_equal_points_too() -> None:
    assert find_modes(cloud([300], np.zeros((1, 2)) + 5)).tolist() == [0] * 300
    assert find_modes(np.zeros((20, 2))).tolist() == [0] * 20


def test_purity_counts_both_ups_as_one() -> None:
    up, up_again, down, diagonal = (
        maze_measures.ACTIONS.index(a) for a in ("up", "up_again", "down", "down_left")
    )
    modes = np.array([0, 0, 0, 0, 1, 1, -1])
    shares, owners = purities(modes, np.array([up, up_again, up, down, diagonal, diagonal, up]))
    assert shares == [0.75, 1.0]
    assert owners == [maze_measures.MERGED[up], maze_measures.MERGED[diagonal]]


def test_the_linear_fit_is_r_squared() -> None:
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(200, 2))
    assert linear_fit(codes, codes @ [2.0, -3.0] + 7) == pytest.approx(1)
    assert linear_fit(codes, np.sign(codes[:, 0])) == pytest.approx(2 / np.pi, abs=0.06)
    assert linear_fit(codes, rng.normal(size=200)) < 0.05


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
