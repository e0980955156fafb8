"""stable-worldmodel collects a data set in our environments, and evaluates its policies."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unknot.envs import WorldModelEnv
from unknot.envs.state_observation import FlatFactors

pytestmark = pytest.mark.filterwarnings("ignore")  # stable-worldmodel's own

SETTINGS: dict[str, dict[str, Any]] = {
    "unknot/Planar-v0": {"max_steps": 6},
    "unknot/Maze-v0": {"max_steps": 6, "layout": "open", "size": 4, "goal": "image"},
    "unknot/MnistGrid-v0": {"max_steps": 6, "digits": "digits"},
}


@pytest.fixture
def swm() -> Any:
    return pytest.importorskip("stable_worldmodel", reason="stable-worldmodel is not installed")


def make(swm: Any, name: str, **settings: Any) -> Any:
    settings = SETTINGS[name] | settings
    return swm.World(name, num_envs=2, image_shape=(32, 32), pre_wrappers=[WorldModelEnv], **settings)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_data_set_is_collected_and_problems_of_it_are_put(name: str, swm: Any, tmp_path: Path) -> None:
    world = make(swm, name)
    assert world.envs.variation_space == world.envs.envs[0].unwrapped.env.unwrapped.factor_space
    world.set_policy(swm.policy.RandomPolicy(seed=0))
    world.collect(tmp_path / "data.lance", episodes=4, seed=0, progress=False)
    data = swm.data.load_dataset(tmp_path / "data.lance")
    assert {"pixels", "goal", "state", "action", "is_success"} < set(data.column_names)
    result = world.evaluate(
        dataset=data,
        episodes_idx=[0, 1],
        start_steps=[0, 0],
        goal_offset=3,
        eval_budget=5,
        callables=WorldModelEnv.CALLABLES,
    )
    assert result["episode_successes"].shape == (2,)
    recorded = data.load_chunk(np.array([0]), np.array([0]), np.array([4]))[0]["state"][-1].numpy()
    env = world.envs.envs[0].unwrapped
    expected = FlatFactors(env.variation_space).unflatten(recorded)
    for factor, value in env.env.unwrapped.scene()["goal"].items():
        assert np.allclose(value, expected[factor])
    world.close()


class Straight(nn.Module):
    """Goes straight from the agent, which is bright, to where it is in the image of the goal."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(40 / 32))  # of the map to the image

    def get_action(self, info: dict[str, Any]) -> Tensor:
        """Return actions (n, 2) for images (n, 1, 32, 32, 3)."""
        difference = (info["pixels"].float() - info["goal"].float())[:, 0].mean(-1)
        agent, goal = (centre(part.clamp(min=0)) for part in (difference, -difference))
        return (self.scale * (goal - agent)).clamp(-3, 3)


def centre(images: Tensor) -> Tensor:
    """Return the mean (row, column) of images (n, h, w): (n, 2)."""
    mass, places = images.sum((1, 2)).clamp(min=1), torch.arange(images.shape[1])
    return torch.stack([(images.sum(axis) * places).sum(1) / mass for axis in (2, 1)], 1)


def test_a_feed_forward_policy_reaches_goals_that_it_sees(swm: Any) -> None:
    world = make(swm, "unknot/Planar-v0", max_steps=40)
    world.set_policy(swm.policy.FeedForwardPolicy(Straight()))
    assert world.evaluate(episodes=6, seed=0)["success_rate"] >= 50
    world.set_policy(swm.policy.RandomPolicy(seed=0))
    assert world.evaluate(episodes=6, seed=0)["success_rate"] < 50
    world.close()
