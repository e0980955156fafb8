"""Train Stable-Baselines3's PPO on a native vector environment; measure by unknot and Stable-Baselines3.

The agent observes true factors, so that it learns in seconds. Without the wrapper, and with
"MultiInputPolicy", it would observe images; with `EncodedVectorObservation`, a learner's codes of them.

    python examples/stable_baselines_ppo.py
"""

from typing import Any

import gymnasium as gym
from gymnasium.vector import VectorEnv
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy

import unknot  # noqa: F401  registers the environments
from unknot.agents import GymVecEnv, evaluate_agent
from unknot.envs import FactorVectorObservation

NUM_ENVS = 32


def make() -> VectorEnv[Any, Any, Any]:
    """Return worlds where start and goal are anywhere, with actions in [-1, 1] and the distance as reward."""
    envs = gym.make_vec(
        "unknot/Planar-v0",
        num_envs=NUM_ENVS,
        autoreset_mode="SameStep",
        task="anywhere",
        reward="dense",
        normalize_actions=True,
    )
    return FactorVectorObservation(envs)


def main(steps: int = 20_000, episodes: int = 200) -> float:
    """Train, and return the success rate."""
    model = PPO(
        "MlpPolicy",
        GymVecEnv(make()),
        n_steps=40,
        batch_size=128,
        gamma=0.9,
        learning_rate=1e-3,
        seed=0,
        device="cpu",
    )
    model.learn(steps)
    mean, std = evaluate_policy(model, GymVecEnv(make()), n_eval_episodes=episodes)
    print(f"Stable-Baselines3 counts returns of {mean:.0f} ± {std:.0f}")
    result = evaluate_agent(model, make(), episodes, seed=1)
    low, high = result.interval
    print(f"unknot counts {result.success_rate:.1%} [{low:.1%}, {high:.1%}] successes")
    return result.success_rate


if __name__ == "__main__":
    main()
