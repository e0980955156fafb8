from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import unknot  # noqa: F401  (registers the environments)
from unknot.representation.interaction import Act, interactions, sample_actions

ACTIONS = ("down", "left", "right", "up")
STEPS = {"down": (1, 0), "left": (0, -1), "right": (0, 1), "up": (-1, 0)}


def maze(copies: int = 16, **options: Any) -> Any:
    settings: dict[str, Any] = {"size": 4, "layout": "open", "task": "none", "actions": ACTIONS} | options
    return gym.make_vec("unknot/Maze-v0", num_envs=copies, **settings)


def agents(images: Tensor) -> NDArray[np.int64]:
    """Read the agent's cell (n, 2) off images of an open maze: the reddest of 4 × 4."""
    cells = images.reshape(-1, 4, 16, 4, 16, 3).float()
    reddest = (cells[..., 0] - cells[..., 1]).sum((2, 4)).flatten(1).argmax(1)
    return np.stack(np.divmod(reddest.numpy(), 4), 1)


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_a_batch_is_what_the_maze_does() -> None:
    torch.manual_seed(0)
    batch = interactions(maze(64), 3)(5)
    before, after = agents(batch["observation"]), agents(batch["next_observation"])
    moves = np.array([STEPS[name] for name in ACTIONS])
    assert (after == before + moves[batch["action"].numpy()]).all()
    targets = before[:, None] + moves
    permitted = ((targets >= 0) & (targets < 4)).all(-1)
    assert (batch["action_mask"].numpy() == permitted).all()
    np.testing.assert_allclose(batch["probability"].numpy(), 1 / permitted.sum(1))
    assert {name: tuple(tensor.shape) for name, tensor in batch.items()} == {
        "observation": (64, 64, 64, 3),
        "action": (64,),
        "probability": (64,),
        "action_mask": (64, 4),
        "next_observation": (64, 64, 64, 3),
    }


def test_unmasked_actions_meet_walls() -> None:
    torch.manual_seed(0)
    batch = interactions(maze(64), 3, masked=False)(5)
    stayed = (agents(batch["observation"]) == agents(batch["next_observation"])).all(1)
    assert 5 < stayed.sum() < 40
    assert batch["action_mask"].all()
    assert (batch["probability"] == 0.25).all()


def test_a_rollout_continues_from_step_to_step() -> None:
    torch.manual_seed(0)
    batch = interactions(maze(), 3, steps=3)(5)
    seen = torch.cat([batch["observation"][:, None], batch["between"], batch["next_observation"][:, None]], 1)
    moves = np.array([STEPS[name] for name in ACTIONS])
    for t in range(3):
        step = agents(seen[:, t + 1]) - agents(seen[:, t])
        assert (step == moves[batch["action"][:, t].numpy()]).all()
    assert batch["probability"].shape == (16, 3)
    assert batch["action_mask"].shape == (16, 3, 4)


def test_a_batch_depends_on_its_number_and_the_random_state_alone() -> None:
    used, fresh = interactions(maze(), 3), interactions(maze(), 3)
    for number in range(4):
        used(number)
    torch.manual_seed(1)
    one = used(7)
    torch.manual_seed(1)
    two = fresh(7)
    assert same(one, two)
    assert not torch.equal(fresh(8)["observation"], two["observation"])
    assert not torch.equal(interactions(maze(), 4)(7)["observation"], two["observation"])


def test_a_behaviour_fixes_its_choice_once_per_rollout() -> None:
    begun = []

    def behaviour(observation: NDArray[np.uint8]) -> Act:
        begun.append(observation)
        return lambda _, mask: sample_actions(torch.tensor([[0.0, 0.0, 1.0, 0.0]]).expand(len(mask), -1))

    batch = interactions(maze(), 0, steps=2, behaviour=behaviour)(0)
    assert len(begun) == 1
    assert (batch["action"] == 2).all()
    assert (batch["probability"] == 1).all()


def test_an_agent_without_permitted_actions_may_take_any() -> None:
    alone = maze(layout=["####", "#.##", "####", "####"])
    assert interactions(alone, 0)(0)["action_mask"].all()


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="steps must be at least 1, not 0"):
        interactions(maze(), 0, steps=0)
    with pytest.raises(ValueError, match="env must have discrete actions, not Box"):
        interactions(gym.make_vec("unknot/Planar-v0", num_envs=2), 0)
    with pytest.raises(ValueError, match="must not end an episode within 3 steps, but copies"):
        interactions(maze(max_steps=3), 0, steps=3)(0)
