"""A latent path agent with known codes and moves: h is the agent's cell."""

from typing import Any, cast

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import Tensor

import unknot  # noqa: F401  (registers the environments)
from unknot.agents import evaluate_agent
from unknot.agents.latent_path import LatentPathAgent
from unknot.agents.maze_experts import MazeExpert, fewest_steps
from unknot.representation import Learner
from unknot.representation.latent_moves import LatentMoves

OFFSETS = [[1.0, 0.0], [0.0, -1.0], [0.0, 1.0], [-1.0, 0.0]]
STEPS = ("down", "left", "right", "up")


class Cells(Learner):
    """Reads the cell of the red disc."""

    def settings(self) -> dict[str, Any]:
        return {}

    def encode(self, images: Any) -> Tensor:
        red = torch.as_tensor(images)[:, 4::8, 4::8].float() @ torch.tensor([1.0, -1.0, -1.0])
        place = red.flatten(1).argmax(1)
        return torch.stack([place // 8, place % 8], 1).float()

    def update(self, batch: Any) -> dict[str, float | Tensor]:
        raise NotImplementedError


class Grid(LatentMoves):
    """Knows where blocks are, unless it overlooks them."""

    def __init__(self, overlook: bool = False) -> None:
        super().__init__(OFFSETS, [0, 1, 2, 3], centre=[3.5, 3.5])
        self.overlook = overlook

    def maps_of(self, images: Any) -> Tensor:
        centres = torch.as_tensor(images)[:, 4::8, 4::8].int()
        orange = (centres[..., 0] > 200) & (centres[..., 1] > 100)
        return (~orange | self.overlook).float().flatten(1)

    def in_scene(self, images: Any, h: Tensor) -> Tensor:
        return h

    def chance(self, maps: Tensor, h: Tensor, scene: Tensor) -> Tensor:
        ends = (h[:, None] + self.moves).round().long()
        on_board = ((ends >= 0) & (ends < 8)).all(2)
        at = ends.clamp(0, 7)
        free = maps[scene].gather(1, at[..., 0] * 8 + at[..., 1]) > 0
        return torch.where(on_board & free, 9.0, -9.0)

    def end(self, h: Tensor) -> Tensor:
        return h[:, None] + self.moves


def mazes(n: int, **options: Any) -> Any:
    return gym.make_vec("unknot/Maze-v0", num_envs=n, goal="image", actions=STEPS, **options)


def test_its_paths_are_as_short_as_the_experts() -> None:
    env = mazes(40, terminate_on_success=True)
    env.reset(seed=list(range(40)))
    fewest = fewest_steps(env.unwrapped.simulation)
    ours = evaluate_agent(LatentPathAgent(Cells(), Grid()), env, 40, 0)
    expert = evaluate_agent(MazeExpert(env.unwrapped.simulation), env, 40, 0)
    assert ours.steps.tolist() == fewest.tolist()
    assert expert.steps.tolist() == fewest.tolist()


def test_a_refused_move_is_not_tried_again() -> None:
    env = mazes(40, terminate_on_success=True)
    agent = LatentPathAgent(Cells(), Grid(overlook=True))
    greedy = LatentPathAgent(Cells(), Grid(overlook=True), greedy=True)
    found = evaluate_agent(agent, env, 40, 0).success_rate
    assert found == 1.0
    assert evaluate_agent(greedy, env, 40, 0).success_rate < found


def test_at_the_goal_it_stays_by_moving_against_a_block() -> None:
    layout = ["........", ".#......", *6 * ["........"]]
    env = gym.make_vec("unknot/Maze-v0", num_envs=1, goal="image", actions=STEPS, layout=layout, max_steps=30)
    options = {"factors": {"agent": [[0, 5]]}, "goal": {"agent": [[0, 0]]}}
    seen, info = env.reset(seed=0, options=options)
    agent, state = LatentPathAgent(Cells(), Grid()), None
    for _ in range(12):
        action, state = agent.predict(seen, state)
        seen, _, _, _, info = env.step(action)
    assert info["is_success"].all()


def test_one_observation_gets_the_action_it_gets_in_a_batch() -> None:
    env = mazes(3)
    seen, _ = env.reset(seed=5)
    agent = LatentPathAgent(Cells(), Grid())
    many, _ = agent.predict(seen)
    for row in range(3):
        one, _ = agent.predict({name: images[row] for name, images in seen.items()})
        assert one.shape == ()
        assert one == many[row]


def test_a_new_episode_drops_refused_moves() -> None:
    env = mazes(2)
    seen, _ = env.reset(seed=0)
    agent = LatentPathAgent(Cells(), Grid())
    _, state = agent.predict(seen)
    _, state = agent.predict(seen, state)  # nothing changed: refused
    assert np.isfinite(state.refused).any()
    _, state = agent.predict(seen, state, np.array([True, True]))
    assert not np.isfinite(state.refused).any()


def test_the_expert_sets_the_switch_first() -> None:
    env = gym.make_vec(
        "unknot/Maze-v0", num_envs=30, task="switch", switches=1, actions=(*STEPS, "toggle"), max_steps=200
    )
    env.reset(seed=0)  # seed + i for each
    maze = cast(Any, env.unwrapped).simulation
    fewest = fewest_steps(maze)
    result = evaluate_agent(MazeExpert(maze), env, 30, 0)
    assert result.steps.tolist() == fewest.tolist()
    floor = evaluate_agent(MazeExpert(maze, greedy=True), env, 30, 0).success_rate
    assert 0 < floor < 1


def test_an_observation_without_a_goal_image_is_refused() -> None:
    with pytest.raises(ValueError, match="desired_goal"):
        LatentPathAgent(Cells(), Grid()).predict(cast(Any, {"observation": np.zeros((64, 64, 3), np.uint8)}))
