"""TorchRL checks and rolls out native vector environments, its own copies, and infos."""

from typing import Any

import gymnasium as gym
import pytest
import torch

from tests.clients.ids import each_of_ours
from tests.envs.conformance import CASES
from unknot.envs import FactorVectorObservation, FlatInfo, FlatVectorInfo

pytestmark = pytest.mark.filterwarnings("ignore")  # TorchRL's own


@pytest.fixture
def envs() -> Any:
    pytest.importorskip("torchrl", reason="TorchRL is not installed")
    import torchrl.envs

    return torchrl.envs


def native(name: str, mode: str = "Disabled") -> Any:
    settings = {**CASES[name].settings[0], "max_steps": 4, "terminate_on_success": False}
    return gym.make_vec(name, num_envs=3, autoreset_mode=mode, **settings)


@each_of_ours
def test_native_vector_environments_pass_torchrl_s_check(name: str, envs: Any) -> None:
    env = envs.GymWrapper(native(name))
    envs.check_env_specs(env)
    rollout = env.rollout(9, break_when_any_done=False)
    assert rollout.shape == (3, 9)
    assert rollout["next", "done"].sum() == 3 * 2  # after four steps each


@each_of_ours
def test_flat_infos_are_registered(name: str, envs: Any) -> None:
    single = envs.GymWrapper(FlatInfo(gym.make(name, **CASES[name].settings[0]))).auto_register_info_dict()
    vector = envs.GymWrapper(FlatVectorInfo(native(name))).auto_register_info_dict()
    for env in (single, vector):
        envs.check_env_specs(env)
        rollout = env.rollout(3, break_when_any_done=False)
        assert rollout["is_success"].dtype == torch.bool
        assert any(key.startswith("factors.") for key in rollout.keys())  # noqa: SIM118


def test_wrapped_vector_environments_pass_the_check(envs: Any) -> None:
    env = envs.GymWrapper(FactorVectorObservation(native("unknot/Maze-v0")))
    envs.check_env_specs(env)
    assert env.rollout(3)["observation"].dtype == torch.float32


@pytest.mark.parametrize("mode", ["SameStep", "NextStep"])
def test_other_modes_of_autoreset_are_refused_by_torchrl(mode: str, envs: Any) -> None:
    """A failure means that docs/embedding.md can promise more."""
    with pytest.raises(RuntimeError):
        envs.check_env_specs(envs.GymWrapper(native("unknot/Maze-v0", mode)))


def test_same_step_works_with_flat_observations_and_infos(envs: Any) -> None:
    env = envs.GymWrapper(FlatVectorInfo(FactorVectorObservation(native("unknot/Planar-v0", "SameStep"))))
    envs.check_env_specs(env)
    assert env.rollout(9, break_when_any_done=False)["next", "done"].sum() == 3 * 2


def test_torchrl_makes_copies_in_processes_that_it_spawns(envs: Any) -> None:
    env = envs.GymEnv("unknot:unknot/Planar-v0", num_workers=2, max_steps=4)
    envs.check_env_specs(env)
    assert env.rollout(9, break_when_any_done=False).shape == (2, 9)
    env.close()
