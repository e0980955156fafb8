"""Search over poses: rotations composed by hand, a known optimum found, bad arguments refused."""

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from unknot.planners import DirectionSearch, PoseCEM
from unknot.planners.pose_search import compose

QUARTER = math.pi / 2
GOALS = torch.tensor([[0.1, 0.0, 0.2, 0.0, 2.5, 0.0], [-0.1, 0.1, 0.0, 1.0, -1.0, 2.0]], dtype=torch.float64)
"""The second is nearly half a turn from no rotation: a sum of rotation vectors would not reach it."""


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def errors(poses: Tensor, goals: Tensor) -> tuple[Tensor, Tensor]:
    """Return metres and radians (batch, n) between poses (batch, n, 6) and goals (batch, 6)."""
    goals = goals[:, None].expand_as(poses)
    one, other = (Rotation.from_rotvec(x.reshape(-1, 6)[:, 3:].numpy()) for x in (poses, goals))
    angle = torch.from_numpy((one.inv() * other).magnitude()).view(poses.shape[:2])
    return (poses - goals)[..., :3].norm(dim=-1), angle


def nearness(goals: Tensor) -> Callable[[Tensor], Tensor]:
    def score(poses: Tensor) -> Tensor:
        metres, radians = errors(poses, goals)
        return -((metres / 0.05) ** 2) - radians**2

    return score


def test_moves_are_made_in_the_frame_of_the_pose() -> None:
    pose = torch.tensor([1.0, 2.0, 3.0, 0.0, 0.0, QUARTER])
    moved = compose(pose, torch.tensor([0.5, 0.0, 0.1, 0.0, 0.0, 1.0]))
    torch.testing.assert_close(moved, torch.tensor([1.0, 2.5, 3.1, 0.0, 0.0, QUARTER + 1]))


def test_rotations_are_composed_and_not_added() -> None:
    about_x, about_y = torch.zeros(2, 6, dtype=torch.float64)
    about_x[3], about_y[4] = QUARTER, QUARTER
    third = 2 * math.pi / 3 / math.sqrt(3)  # x then y: a third of a turn about (1, 1, 1), as cubes turn
    torch.testing.assert_close(compose(about_x, about_y)[3:], torch.full((3,), third, dtype=torch.float64))
    torch.testing.assert_close(compose(about_y, about_x)[3:].abs(), torch.full_like(about_x[3:], third))
    assert not torch.allclose(compose(about_x, about_y), compose(about_y, about_x))
    back = compose(compose(GOALS, about_x), -about_x)
    torch.testing.assert_close(back, GOALS)


def test_cem_finds_a_known_optimum_from_any_of_its_starts() -> None:
    far = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    start = torch.stack([torch.zeros(2, 6, dtype=torch.float64), far.expand(2, 6)], 1)
    search = PoseCEM(
        population=64,
        elites=12,
        iterations=30,
        std=(0.05, 0.6),
        noise=(1e-4, 1e-3),
        generator=generator(),
    )
    path = search.search(nearness(GOALS), start)
    metres, radians = errors(path.poses, GOALS)
    assert path.poses.shape == (2, 31, 6)
    assert metres[:, -1].max() < 1e-3
    assert radians[:, -1].max() < 1e-2
    torch.testing.assert_close(path.poses[:, 0], start[:, 0])
    assert (path.scores[:, -1] > path.scores[:, 0]).all()


@pytest.mark.parametrize(("noise", "found"), [((1e-4, 0.1), 0.0), ((0.02, 0.1), 0.1)])
def test_with_noise_cem_prefers_a_broad_peak_to_a_higher_narrow_one(
    noise: tuple[float, float], found: float
) -> None:
    def score(poses: Tensor) -> Tensor:
        x = poses[..., 0]
        return torch.exp(-((x / 0.002) ** 2)) + 0.8 * torch.exp(-(((x - 0.1) / 0.05) ** 2))

    start = torch.zeros(1, 2, 6, dtype=torch.float64)
    start[:, 1, 0] = 0.12
    search = PoseCEM(std=(0.005, 0.1), noise=noise, iterations=10, generator=generator())
    path = search.search(score, start)
    assert float(path.poses[0, -1, 0]) == pytest.approx(found, abs=0.01)


def test_direction_search_comes_nearer_in_steps_of_its_length() -> None:
    path = DirectionSearch(length=(0.02, 0.3), generator=generator()).search(
        nearness(GOALS), torch.zeros(2, 6, dtype=torch.float64)
    )
    assert path.poses.shape == (2, 21, 6)
    torch.testing.assert_close(path.scores, nearness(GOALS)(path.poses))
    assert (path.scores[:, -1] > path.scores[:, 0] / 4).all()
    for before, after in zip(path.poses.unbind(1)[:-1], path.poses.unbind(1)[1:], strict=True):
        metres, radians = errors(after[:, None], before)
        torch.testing.assert_close((metres / 0.02) ** 2 + (radians / 0.3) ** 2, torch.ones_like(metres))


def test_the_best_direction_is_taken_even_if_it_is_worse_than_the_start() -> None:
    path = DirectionSearch(steps=1, generator=generator()).search(nearness(GOALS), GOALS)
    assert (path.scores[:, 1] < path.scores[:, 0]).all()


@pytest.mark.parametrize("kind", [PoseCEM, DirectionSearch])
def test_the_same_seed_gives_the_same_path_and_a_nan_score_does_not_affect_other_problems(
    kind: Any,
) -> None:
    start = GOALS.new_zeros((2, 3, 6) if kind is PoseCEM else (2, 6))

    def half_nan(poses: Tensor) -> Tensor:
        return torch.stack([nearness(GOALS)(poses)[0], poses.new_full(poses.shape[1:2], torch.nan)])

    one, same, other = (
        kind(generator=generator()).search(score, start)
        for score in (nearness(GOALS), nearness(GOALS), half_nan)
    )
    assert torch.equal(one.poses, same.poses)
    assert torch.equal(one.poses[0], other.poses[0])
    assert (other.scores[1] == -torch.inf).all()
    assert other.poses.isfinite().all()


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (PoseCEM, {"elites": 1}),
        (PoseCEM, {"population": 4}),
        (PoseCEM, {"smoothing": 1.0}),
        (PoseCEM, {"iterations": 0}),
        (PoseCEM, {"std": (0.0, 1.0)}),
        (PoseCEM, {"noise": (0.01, -0.1)}),
        (DirectionSearch, {"steps": 0}),
        (DirectionSearch, {"directions": 0}),
        (DirectionSearch, {"length": (0.1, math.nan)}),
    ],
)
def test_an_argument_out_of_range_is_refused_by_name(kind: Any, settings: dict[str, Any]) -> None:
    name, value = next(iter(settings.items()))
    with pytest.raises(ValueError, match=rf"^{name} must be .*not {re.escape(repr(value))}$"):
        kind(**settings)


def test_wrong_shapes_are_refused_by_name() -> None:
    score = nearness(GOALS)
    with pytest.raises(ValueError, match=r"start must .* \(batch, 6\), not torch.float64 .* \(6,\)"):
        DirectionSearch().search(score, GOALS[0])
    with pytest.raises(ValueError, match=r"start must .* \(batch, starts, 6\), not .* \(2, 6\)"):
        PoseCEM().search(score, GOALS)
    with pytest.raises(ValueError, match=r"score must return the shape \(2, 1\), not \(2,\)"):
        DirectionSearch().search(lambda poses: poses[:, 0, 0], GOALS)


def test_a_score_that_works_in_place_changes_neither_the_start_nor_the_path() -> None:
    def score(poses: Tensor) -> Tensor:
        return -poses[..., :3].square().sum(-1)

    def in_place(poses: Tensor) -> Tensor:
        return -poses.square_()[..., :3].sum(-1)

    for kind, start in ((DirectionSearch, torch.full((2, 6), 0.1)), (PoseCEM, torch.full((2, 3, 6), 0.1))):
        given = start.clone()
        one, other = (
            kind(generator=torch.Generator().manual_seed(0)).search(each, given) for each in (score, in_place)
        )
        assert torch.equal(given, start)
        torch.testing.assert_close(one.poses, other.poses)
