"""Tianshou's collector and DQN on environments of factors."""

from typing import Any

import gymnasium as gym
import pytest

import unknot  # noqa: F401  registers the environments
from unknot.envs import FactorObservation

pytestmark = pytest.mark.filterwarnings("ignore")  # Tianshou's own


def make() -> gym.Env[Any, Any]:
    return FactorObservation(gym.make("unknot/Maze-v0", layout="open", size=4, max_steps=10))


def test_dqn_of_tianshou_trains() -> None:
    pytest.importorskip("tianshou", reason="Tianshou is not installed")
    from tianshou.algorithm import DQN
    from tianshou.algorithm.modelfree.dqn import DiscreteQLearningPolicy
    from tianshou.algorithm.optim import AdamOptimizerFactory
    from tianshou.data import Collector, VectorReplayBuffer
    from tianshou.env import DummyVectorEnv
    from tianshou.trainer import OffPolicyTrainerParams
    from tianshou.utils.net.common import Net

    env, copies = make(), DummyVectorEnv([make] * 4)
    actions: Any = env.action_space
    net = Net(state_shape=env.observation_space.shape, action_shape=int(actions.n), hidden_sizes=[16])
    policy = DiscreteQLearningPolicy(model=net, action_space=actions, eps_training=0.5)
    algorithm: Any = DQN(policy=policy, optim=AdamOptimizerFactory(lr=1e-3))
    collector = Collector[Any](algorithm, copies, VectorReplayBuffer(200, 4), exploration_noise=True)
    result = algorithm.run_training(
        OffPolicyTrainerParams(
            training_collector=collector,
            max_epochs=1,
            epoch_num_steps=80,
            collection_step_num_env_steps=20,
            batch_size=16,
            update_step_num_gradient_steps_per_sample=0.1,
            show_progress=False,
        )
    )
    assert result.train_step == 80
    assert result.train_episode >= 8  # of at most 10 steps each
    assert result.update_step > 0
