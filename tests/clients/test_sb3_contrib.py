"""MaskablePPO of sb3-contrib on native and on single environments."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

import unknot  # noqa: F401  registers the environments
from unknot.agents import GymVecEnv
from unknot.envs import FactorObservation, FactorVectorObservation

sb3_contrib: Any = pytest.importorskip("sb3_contrib", reason="sb3-contrib is not installed")
ACTIONS = ("pass", "down", "left", "right", "up")
MAZE: dict[str, Any] = {"layout": "open", "size": 4, "max_steps": 8, "actions": ACTIONS}


def native() -> VecEnv:
    copies = gym.make_vec("unknot/Maze-v0", num_envs=4, autoreset_mode="SameStep", **MAZE)
    return GymVecEnv(FactorVectorObservation(copies))


def single() -> VecEnv:
    return DummyVecEnv([lambda: FactorObservation(gym.make("unknot/Maze-v0", **MAZE)) for _ in range(4)])


@pytest.mark.parametrize("make", [native, single])
def test_maskable_ppo_takes_no_action_that_changes_nothing(make: Any) -> None:
    venv, taken = make(), []
    step_async = venv.step_async

    def recorded(actions: Any) -> None:
        masks = np.stack(venv.env_method("action_masks"))
        taken.extend(masks[np.arange(4), actions])
        step_async(actions)

    venv.step_async = recorded
    model = sb3_contrib.MaskablePPO("MlpPolicy", venv, n_steps=16, batch_size=16, n_epochs=1, seed=0)
    model.learn(64)
    assert len(taken) == 64
    assert all(taken)
