"""The part `multistep`: where policies lead, by hand; what an oracle scores."""

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from unknot.envs.maze_world import STEPS
from unknot.experiments.controllable_factors.mazes import SIZE
from unknot.experiments.controllable_factors.multistep import (
    MODELS,
    PRESETS,
    Settings,
    evaluate,
    run,
    tabulate,
)
from unknot.experiments.controllable_factors.multistep_figures import spread_out
from unknot.experiments.controllable_factors.multistep_measures import (
    Board,
    diversity,
    measure,
    propagate,
    survey,
)
from unknot.files import METRICS
from unknot.representation.multistep_selectivity import MultistepSelectivity

OFFSETS = torch.tensor([[1.0, 0.0], [0.0, -1.0], [0.0, 1.0], [-1.0, 0.0]])


@pytest.fixture(scope="module")
def board() -> Board:
    return survey()


def ends(start: int, steps: int = 3) -> set[int]:
    """Return the cells where permitted steps can end, by trying all."""
    result = set()
    for way in itertools.product(OFFSETS.int().tolist(), repeat=steps):
        row, column = divmod(start, SIZE)
        for down, right in way:
            row, column = row + down, column + right
            if not (0 <= row < SIZE and 0 <= column < SIZE):
                break
        else:
            result.add(row * SIZE + column)
    return result


def test_a_survey_finds_what_three_steps_reach(board: Board) -> None:
    assert board.after[7].tolist() == [13, 6, 8, 1]
    assert board.mask[0].tolist() == [True, False, True, False]
    assert board.reachable().tolist() == [len(ends(cell)) for cell in range(SIZE * SIZE)]


def test_propagation_by_hand(board: Board) -> None:
    right = torch.zeros(SIZE * SIZE, 4)
    right[:, 2] = 1
    assert propagate(board, right, torch.tensor([0, 7])).argmax(1).tolist() == [3, 10]
    uniform = board.mask / board.mask.sum(1, keepdim=True)
    once = propagate(board, uniform, torch.tensor([0]), steps=2)[0]  # over (0, 1) or (1, 0), 3 ways on each
    expected = {0: 2 / 6, 2: 1 / 6, 7: 2 / 6, 12: 1 / 6}
    assert {cell: pytest.approx(p) for cell, p in expected.items()} == {
        int(cell): float(once[cell]) for cell in once.nonzero()
    }


def test_diversity_separates_chance_from_choice() -> None:
    reachable = torch.tensor([4, 4])
    chance = diversity(torch.full((2, 3, 4), 0.25), reachable)
    assert chance == pytest.approx({"entropy": 1, "information": 0, "behaviours": 1}, abs=1e-6)
    choice = diversity(torch.eye(4).expand(2, 4, 4), reachable)
    assert choice == pytest.approx({"entropy": 1, "information": 1, "behaviours": 4})
    collapsed = diversity(torch.eye(4)[[0, 0, 1, 1]].expand(2, 4, 4), reachable)
    assert collapsed == pytest.approx({"entropy": 0.5, "information": 0.5, "behaviours": 2})


def test_the_farthest_points_are_chosen() -> None:
    points = torch.tensor([[0.0, 0.0], [0.1, 0.0], [3.0, 0.0], [0.0, 2.0]]).numpy()
    assert spread_out(points, 3) == [0, 2, 3]
    assert sorted(spread_out(points, 9)) == [0, 1, 2, 3]


class Oracle(MultistepSelectivity):
    """Its codes are rows and columns, its factors the offsets to cells that can be reached."""

    def __init__(self, board: Board) -> None:
        super().__init__(actions=len(STEPS))
        self.board = board
        self.seen = {image.tobytes(): divmod(cell, SIZE) for cell, image in enumerate(board.images)}

    def encode(self, images: Any) -> Tensor:
        return torch.tensor([self.seen[image.tobytes()] for image in images], dtype=torch.float32)

    def decode(self, h: Tensor) -> Tensor:
        return torch.as_tensor(self.board.images)[(h @ torch.tensor([6.0, 1.0])).long()] / 255

    def generate(self, h: Tensor, count: int) -> Tensor:
        ways = []
        for place in h:
            cells = sorted(ends(int(place @ torch.tensor([6.0, 1.0]))))
            goals = torch.tensor([divmod(cell, SIZE) for cell in cells])
            ways.append(goals[torch.randint(len(cells), (count,))] - place)
        return torch.stack(ways)

    def log_policy(self, h: Tensor, phi: Tensor, mask: Tensor) -> Tensor:
        missing = (phi[..., None, :] - OFFSETS).abs().sum(-1).masked_fill(~mask[..., None, :], math.inf)
        return torch.nn.functional.one_hot(missing.argmin(-1), len(STEPS)).float().log()

    def step(self, h: Tensor, phi: Tensor) -> Tensor:
        return h + phi


def test_an_oracle_scores_all_there_is(board: Board) -> None:
    learner = Oracle(board)
    result = measure(learner, 300, 0)
    assert result["accuracy"] == result["latent"] == 1
    assert result["information"] == pytest.approx(result["entropy"])
    assert result["entropy"] > 0.97
    assert result["reachable"] * 0.9 < result["behaviours"] <= result["reachable"]
    assert result["met"]


def test_a_prediction_that_nothing_happens_misses_the_bar(board: Board) -> None:
    learner = Oracle(board)
    learner.step = lambda h, phi: h  # type: ignore[method-assign]
    result = measure(learner, 300, 0)
    assert (
        result["accuracy"] == result["latent"] == result["still"] == 0
    )  # three steps never end at the start
    assert result["entropy"] > 0.97
    assert not result["met"]


def test_a_run_is_recomputed_from_its_weights(tmp_path: Path) -> None:
    metrics = run(PRESETS["smoke"], tmp_path, 0, False)
    assert list(metrics) == list(MODELS)
    assert len(list((tmp_path / "figures").glob("*.png"))) == 2
    assert evaluate(PRESETS["smoke"], tmp_path, 0, False) == metrics
    (tmp_path / "untrained" / METRICS).unlink()
    with pytest.raises(FileNotFoundError, match="untrained has no metrics"):
        evaluate(PRESETS["smoke"], tmp_path, 0, False)


def test_the_table_counts_seeds_that_meet_the_bar() -> None:
    good = {
        "accuracy": 0.97,
        "latent": 1.0,
        "still": 0.0,
        "guess": 0.1,
        "reachable": 9.8,
        "walk": 0.9,
        "entropy": 0.9,
        "information": 0.8,
        "behaviours": 8.0,
        "met": True,
    }
    bad = good | {"accuracy": 0.5, "met": False}
    seeds = [dict.fromkeys(MODELS, model) for model in (good, good, bad)]
    (table,) = tabulate(seeds)
    assert table.rows[0][:2] == ("three steps", "0.813 ± 0.271")
    assert table.rows[0][-1] == "2 of 3"


def test_counts_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="trials must be at least 1, not 0"):
        Settings(trials=0)
