"""The moves that are found among the changes of codes."""

from typing import Any

import numpy as np
import pytest
import torch

from unknot.agents import learnt_moves
from unknot.agents.learnt_moves import find_moves
from unknot.representation.scene_selectivity import SceneSelectivity


def test_moves_are_the_means_of_clusters_and_the_actions_that_make_them() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    sizes = [300, 200, 100]
    changes = np.concatenate([c + rng.normal(0, 0.05, (n, 2)) for c, n in zip(centres, sizes, strict=True)])
    actions = np.repeat([2, 1, 3], sizes)
    actions[:20] = 0  # a few times another action did the same
    far = np.array([[9.0, 9.0]])  # too rare to be a move
    moves, made_by = find_moves(
        torch.from_numpy(np.concatenate([changes, far])), torch.from_numpy(np.append(actions, 0))
    )
    np.testing.assert_allclose(moves, centres, atol=0.03)
    assert made_by.tolist() == [2, 1, 3]


def test_the_loosest_move_determines_how_loose_a_start_is() -> None:
    moves = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 10.0]])  # nothing is near the last
    variations = torch.tensor([[1.0, 0.0], [1.0, 0.2], [-1.0, 0.3], [-1.5, 0.0]])
    assert learnt_moves.looseness(variations, moves) == pytest.approx(0.4 / 4)


@pytest.mark.parametrize(
    ("spreads", "kept"), [([0.1, 0.9, 0.9], 0), ([0.9, 0.1, 0.9], 1), ([0.9, 0.5, 0.7], 1)]
)
def test_the_tightest_start_is_kept_and_a_tight_one_is_the_last(
    spreads: list[float], kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt: list[SceneSelectivity] = []

    def learn(learner: Any, name: str) -> None:
        assert name == f"start-{len(learnt)}"
        learnt.append(learner)

    def variations(learner: SceneSelectivity, _: Any) -> tuple[torch.Tensor, torch.Tensor]:
        signs = torch.tensor([1.0, -1.0]).repeat(10)
        away = torch.stack([torch.ones(20), spreads[learnt.index(learner)] * signs], 1)
        return torch.cat([away, -away]), torch.tensor([0, 1]).repeat_interleave(20)

    monkeypatch.setattr(learnt_moves, "variations", variations)
    monkeypatch.setattr(learnt_moves, "find_moves", lambda *_: (np.array([[1.0, 0.0], [-1.0, 0.0]]), None))
    first = SceneSelectivity(actions=2)
    learner, _ = learnt_moves.tightest(first, learn, {}, 0)
    assert learnt[0] is first
    assert learner is learnt[kept]
    assert len(learnt) == (kept + 1 if spreads[kept] < learnt_moves.LOOSE else learnt_moves.STARTS)
