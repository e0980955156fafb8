"""skrl wraps native vector environments and single ones, renders them, and trains on them."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.clients.ids import each_of_ours
from tests.envs.conformance import CASES
from unknot.envs import FactorVectorObservation

pytestmark = pytest.mark.filterwarnings("ignore")  # skrl's own


@pytest.fixture
def wrap() -> Any:
    pytest.importorskip("skrl", reason="skrl is not installed")
    from skrl.envs.wrappers.torch import wrap_env

    return lambda env: wrap_env(env, verbose=False)


@each_of_ours
@pytest.mark.parametrize("copies", [1, 2])
def test_skrl_wraps_and_renders(name: str, copies: int, wrap: Any) -> None:
    settings = {**CASES[name].settings[0], "render_mode": "rgb_array"}
    env = wrap(gym.make(name, **settings) if copies == 1 else gym.make_vec(name, copies, **settings))
    observations, _ = env.reset()
    assert len(observations) == copies
    action = torch.as_tensor(np.asarray(env.action_space.sample())).reshape(1, -1)
    observations, rewards, *_ = env.step(action.repeat(copies, 1))
    assert rewards.shape == (copies, 1)
    frames = env.render() if copies > 1 else [env.render()]
    assert [frame.shape for frame in frames] == [frames[0].shape] * copies
    assert frames[0].dtype == np.uint8


def test_ppo_of_skrl_trains_on_a_native_vector_environment(wrap: Any, tmp_path: Any) -> None:
    from skrl.agents.torch.ppo import PPO
    from skrl.memories.torch import RandomMemory
    from skrl.models.torch import CategoricalMixin, DeterministicMixin, Model
    from skrl.trainers.torch import SequentialTrainer

    env = wrap(FactorVectorObservation(gym.make_vec("unknot/Maze-v0", num_envs=4, layout="open", size=4)))
    where = {"observation_space": env.observation_space, "action_space": env.action_space}

    class Policy(CategoricalMixin, Model):  # type: ignore[misc]
        def __init__(self) -> None:
            Model.__init__(self, **where)
            CategoricalMixin.__init__(self)
            self.layer = nn.Linear(self.num_observations, self.num_actions)

        def compute(self, inputs: Any, role: str) -> tuple[Tensor, dict[str, Any]]:
            return self.layer(inputs["observations"]), {}

    class Value(DeterministicMixin, Model):  # type: ignore[misc]
        def __init__(self) -> None:
            Model.__init__(self, **where)
            DeterministicMixin.__init__(self)
            self.layer = nn.Linear(self.num_observations, 1)

        def compute(self, inputs: Any, role: str) -> tuple[Tensor, dict[str, Any]]:
            return self.layer(inputs["observations"]), {}

    models: dict[str, Any] = {"policy": Policy(), "value": Value()}
    before = models["policy"].layer.weight.detach().clone()
    agent = PPO(
        models=models,
        memory=RandomMemory(memory_size=8, num_envs=4, device=env.device),
        cfg={"rollouts": 8, "experiment": {"directory": str(tmp_path), "write_interval": 0}},
        device=env.device,
        **where,
    )
    options = {"timesteps": 16, "headless": True, "disable_progressbar": True}
    SequentialTrainer(env=env, agents=agent, cfg=options).train()
    assert not torch.equal(before, models["policy"].layer.weight)
