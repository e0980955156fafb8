"""Planning in mazes: its data, the moves it finds, its tables."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unknot.agents import learnt_moves
from unknot.agents.learnt_moves import find_moves
from unknot.experiments.controllable_factors import planning
from unknot.experiments.controllable_factors.planning import Settings
from unknot.experiments.controllable_factors.planning_data import (
    eager,
    make_mazes,
    restless,
    transitions,
    walks,
)
from unknot.representation import WEIGHTS, load_learner
from unknot.representation.autoencoder import Autoencoder
from unknot.representation.scene_selectivity import SceneSelectivity

TOGGLE = 4
ACTIONS = ("down", "left", "right", "up", "toggle")
IMAGES = np.zeros((1, 64, 64, 3), np.uint8)


def probabilities(behaviour: Any, mask: list[bool]) -> list[float]:
    """The probability with which each action is taken; 0 for those that never are."""
    rows = torch.tensor([mask] * 4000)
    action, probability = behaviour(IMAGES)(IMAGES, rows)
    found = torch.zeros(len(mask)).index_put((action,), probability)
    shares = torch.bincount(action, minlength=len(mask)) / len(rows)
    torch.testing.assert_close(shares, found, atol=0.03, rtol=0)  # as often as stated
    return [round(float(x), 4) for x in found]


def test_where_a_rare_action_is_permitted_it_is_taken_half_the_time() -> None:
    torch.manual_seed(0)
    some = [True, False, False, True, True]
    assert probabilities(eager(TOGGLE), some) == [0.25, 0, 0, 0.25, 0.5]
    assert probabilities(restless(TOGGLE), some) == [0.125, 0.125, 0.125, 0.125, 0.5]
    none = [True, True, False, False, False]
    assert probabilities(eager(TOGGLE), none) == [0.5, 0.5, 0, 0, 0]
    assert probabilities(restless(TOGGLE), none) == [0.2, 0.2, 0.2, 0.2, 0.2]


def test_two_in_five_kept_transitions_are_from_the_switch() -> None:
    torch.manual_seed(0)
    env = make_mazes(64, "none", ACTIONS, switch=True)
    seen = transitions(env, 0, 2, TOGGLE)
    can = seen["action_mask"][:, TOGGLE]
    assert can.sum() > 20
    assert float(can.float().mean()) == pytest.approx(0.4, abs=0.01)
    moved = (seen["observation"] != seen["next_observation"]).flatten(1).any(1)
    assert moved.all()  # permitted actions change something


def test_a_batch_of_walks_is_used_for_two_updates() -> None:
    torch.manual_seed(0)
    learner = SceneSelectivity(actions=4).eval()
    batch_at = walks(make_mazes(2, "none", ACTIONS[:4], switch=False), learner, 0, None)
    first, again, second = batch_at(0), batch_at(1), batch_at(2)
    assert first is again
    assert first["images"].shape == (2, 16, 64, 64, 3)
    assert first["action"].shape == (2, 15)
    assert (first["images"] != second["images"]).any()
    torch.testing.assert_close(first["codes"][1], learner.encode(first["images"][1]).detach())


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


def test_baselines_share_the_network_and_only_their_training_differs(tmp_path: Path) -> None:
    few = Settings(steps=2, moves=1, walks=1, problems=1)
    learners = {}
    for baseline in ("", "autoencoder", "random"):
        planning._train(few, "reach", baseline, tmp_path / f"reach-{baseline}", 0, False)
        learners[baseline] = load_learner(tmp_path / f"reach-{baseline}" / "learner" / WEIGHTS)
    ours, autoencoder, random = learners.values()
    assert isinstance(ours, SceneSelectivity)
    assert isinstance(autoencoder, Autoencoder)
    assert isinstance(random, SceneSelectivity)
    shapes = [{k: v.shape for k, v in x.encoder.state_dict().items()} for x in (ours, autoencoder, random)]
    assert shapes[0] == shapes[1] == shapes[2]
    torch.manual_seed(0)
    start = SceneSelectivity(actions=4, latent_dim=2)
    torch.testing.assert_close(random.encoder.state_dict(), start.encoder.state_dict())
    assert int(ours.updates) == 2
    assert int(random.updates) == 0


def test_a_baseline_has_a_row_where_it_was_measured() -> None:
    def solved(rate: float) -> dict[str, Any]:
        return {"rate": rate, "count": 100, "length": 1.0 if rate else None}

    def seed(rate: float) -> dict[str, Any]:
        found = {}
        for task in planning.TASKS:
            prediction = {"right": 1.0, "sums": 0.25}
            found[task] = {"search": solved(rate), "greedy": solved(0.4), "prediction": prediction}
            found[f"{task}-bounds"] = {"floor": solved(0.5), "ceiling": solved(1.0)}
        return found

    both = [{**seed(0.96), "reach-autoencoder": {"search": solved(0.0)}}, seed(0.94)]
    reach, switch, _ = planning.tabulate(both)
    rows = {row[0]: row[1:] for row in reach.rows}
    assert rows["Search with what was learnt"] == ("95.0 ± 1.4", "94.0", "1.00 ± 0.00", "1 of 2")
    assert rows["Search, encoder of an autoencoder"] == ("0.0", "0.0", "none", "0 of 1")
    assert "Search, encoder untrained" not in rows
    assert {row[0]: row[4] for row in switch.rows}["Search with what was learnt"] == "2 of 2"


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
