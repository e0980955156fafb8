"""The few walks that an agent learns to plan from are counted, and are enough."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

import unknot  # noqa: F401  (registers the environments)
from unknot.agents import evaluate_agent
from unknot.agents.few_walks import FewWalks, learn_to_plan, record
from unknot.agents.latent_path import LatentPathAgent
from unknot.agents.walks import changed_transitions
from unknot.envs.maze_world import STEPS

MAZE = "unknot/Maze-v0"
ACTIONS = 4


def test_every_step_is_counted() -> None:
    settings = FewWalks(MAZE, {"layout": "open", "actions": STEPS}, walks=2)
    torch.manual_seed(0)
    walks = record(settings, seed=0)
    assert walks["action"].numel() == settings.environment_steps == 2 * 64 * 15
    assert walks["images"].shape == (128, 16, 64, 64, 3)


def test_transitions_are_those_that_changed_a_pixel() -> None:
    torch.manual_seed(0)
    walks = record(FewWalks(MAZE, {"actions": STEPS}, walks=1), seed=0)
    seen = changed_transitions(walks)
    images = walks["images"]
    moved = (images[:, :-1] != images[:, 1:]).flatten(2).any(2)
    assert 0.5 < float(moved.float().mean()) < 0.9  # blocks and the edge refuse the others
    assert len(seen["action"]) == int(moved.sum())
    row, step = (int(place[7]) for place in torch.nonzero(moved, as_tuple=True))
    torch.testing.assert_close(seen["observation"][7], images[row, step])
    torch.testing.assert_close(seen["next_observation"][7], images[row, step + 1])
    assert seen["action"][7] == walks["action"][row, step]
    assert seen["action_mask"].all()  # what is permitted is unknown
    assert (seen["probability"] == 1 / ACTIONS).all()


@pytest.mark.slow
def test_a_thousand_steps_are_enough_for_the_open_maze(tmp_path: Path) -> None:
    settings = FewWalks(MAZE, {"layout": "open", "actions": STEPS}, walks=1, steps=300, moves=150)
    agent = learn_to_plan(settings, tmp_path, 0)
    env = gym.make_vec(
        "unknot/Maze-v0",
        num_envs=50,
        layout="open",
        goal="image",
        actions=STEPS,
        max_steps=30,
        terminate_on_success=True,
    )
    assert evaluate_agent(agent, env, 50, 0).success_rate >= 0.9
    again = learn_to_plan(settings, tmp_path, 0, resume=True)
    np.testing.assert_array_equal(again.moves.moves, agent.moves.moves)


def test_moves_that_add_up_bring_digits_to_their_places(tmp_path: Path) -> None:
    options: dict[str, Any] = {"size": 3, "pixels": 24, "digits": "digits"}
    settings = FewWalks("unknot/MnistGrid-v0", options, walks=6, steps=600, moves=0)
    seed = tmp_path / "seed-0"
    learn_to_plan(settings, seed / "digits/planning", 0)
    agent = LatentPathAgent.load(seed, "digits/planning")
    env = gym.make_vec("unknot/MnistGrid-v0", num_envs=50, terminate_on_success=True, **options)
    found = evaluate_agent(agent, env, 50, 0)
    assert found.success_rate >= 0.9
    assert found.steps[found.steps > 0].mean() < 6  # chance takes dozens


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(ValueError, match="walks must be at least 1, not 0"):
        FewWalks(MAZE, {}, walks=0)
