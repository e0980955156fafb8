"""Random walks, and what is learnt from them."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

import unknot  # noqa: F401  (registers the environments)
from unknot.agents.walks import favour, permitted_transitions, walk_batches
from unknot.representation.scene_selectivity import SceneSelectivity

TOGGLE = 4
ACTIONS = ("down", "left", "right", "up", "toggle")
IMAGES = np.zeros((1, 64, 64, 3), np.uint8)


def make_mazes(copies: int, actions: tuple[str, ...], switches: int = 0) -> Any:
    return gym.make_vec("unknot/Maze-v0", num_envs=copies, task="none", actions=actions, switches=switches)


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
    assert probabilities(favour(TOGGLE, blocked=False), some) == [0.25, 0, 0, 0.25, 0.5]
    assert probabilities(favour(TOGGLE, blocked=True), some) == [0.125, 0.125, 0.125, 0.125, 0.5]
    none = [True, True, False, False, False]
    assert probabilities(favour(TOGGLE, blocked=False), none) == [0.5, 0.5, 0, 0, 0]
    assert probabilities(favour(TOGGLE, blocked=True), none) == [0.2, 0.2, 0.2, 0.2, 0.2]


def test_two_in_five_kept_transitions_are_from_the_switch() -> None:
    torch.manual_seed(0)
    env = make_mazes(64, ACTIONS, switches=1)
    seen = permitted_transitions(env, 0, 2, TOGGLE)
    can = seen["action_mask"][:, TOGGLE]
    assert can.sum() > 20
    assert float(can.float().mean()) == pytest.approx(0.4, abs=0.01)
    moved = (seen["observation"] != seen["next_observation"]).flatten(1).any(1)
    assert moved.all()  # permitted actions change something


def test_a_batch_of_walks_is_used_for_two_updates() -> None:
    torch.manual_seed(0)
    learner = SceneSelectivity(actions=4).eval()
    batch_at = walk_batches(make_mazes(2, ACTIONS[:4]), learner, 0, None)
    first, again, second = batch_at(0), batch_at(1), batch_at(2)
    assert first is again
    assert first["images"].shape == (2, 16, 64, 64, 3)
    assert first["action"].shape == (2, 15)
    assert (first["images"] != second["images"]).any()
    torch.testing.assert_close(first["codes"][1], learner.encode(first["images"][1]).detach())
