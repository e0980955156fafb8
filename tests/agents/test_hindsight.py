"""Stable-Baselines3's hindsight experience replay on goal-conditioned environments uses their reward rule."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import DQN, SAC, HerReplayBuffer
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

import unknot  # noqa: F401  registers the environments
from unknot.agents import GymVecEnv
from unknot.envs import GoalConditioned, GoalConditionedVector

N = 4


def native(name: str, observe: str, **settings: Any) -> VecEnv:
    inner = gym.make_vec(name, num_envs=N, autoreset_mode="SameStep", **settings)
    return GymVecEnv(GoalConditionedVector(inner, observe))


def dummy(name: str, observe: str, **settings: Any) -> VecEnv:
    return DummyVecEnv([lambda: GoalConditioned(gym.make(name, **settings), observe)] * N)


def learn(algorithm: Any, venv: VecEnv) -> HerReplayBuffer:
    """Train for some steps, and return the replay buffer."""
    model: Any = algorithm(
        "MultiInputPolicy",
        venv,
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 4},
        buffer_size=2_000,
        learning_starts=50,
        train_freq=8,
        batch_size=16,
        policy_kwargs={"net_arch": [16]},
        seed=0,
        device="cpu",
    )
    model.learn(200)
    assert isinstance(model.replay_buffer, HerReplayBuffer)
    return model.replay_buffer


def pairs(buffer: HerReplayBuffer) -> tuple[Any, Any, Any]:
    """Sample transitions, four fifths of them relabelled; return achieved and desired goals and rewards."""
    np.random.seed(0)  # noqa: NPY002  the buffer samples from it
    batch = buffer.sample(500)
    goals: Any = batch.next_observations
    achieved, desired = (goals[key].numpy() for key in ("achieved_goal", "desired_goal"))
    return achieved, desired, batch.rewards.numpy()[:, 0]


@pytest.mark.parametrize("observe", ["pixels", "factors"])
@pytest.mark.parametrize("make", [native, dummy])
def test_relabelled_rewards_follow_the_planar_rule(make: Any, observe: str) -> None:
    venv = make("unknot/Planar-v0", observe, max_steps=10)
    achieved, desired, rewards = pairs(learn(SAC, venv))
    expected = np.hypot(*(achieved - desired).T) <= 2.0
    assert rewards.tolist() == expected.tolist()
    assert 0.05 < expected.mean() < 0.95  # random moves hardly ever reach the goal of the task


def test_relabelled_rewards_follow_the_mazes_rule() -> None:
    venv = native("unknot/Maze-v0", "pixels", max_steps=10, goal="image", task="switch", switches=1)
    achieved, desired, rewards = pairs(learn(DQN, venv))
    assert achieved.shape == (500, 3)  # a cell and a switch
    expected = (achieved == desired).all(1)
    assert rewards.tolist() == expected.tolist()
    assert 0.05 < expected.mean() < 0.95
