"""Plan from pixels with shipped weights; measure by unknot and by Stable-Baselines3.

The model was trained on actions in images of the square alone. Here it also steers the cross.

    python examples/plan_from_pixels.py
"""

from typing import Any

import gymnasium as gym
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

from unknot.agents import PlanningAgent, evaluate_agent


def main(episodes: int = 50) -> dict[str, float]:
    """Print both measurements, and return unknot's success rates by appearance."""
    agent = PlanningAgent.load("pretrained/dynamics-content")
    rates = {}
    for appearance in ("square", "cross"):
        options: dict[str, Any] = {"appearance": appearance, "task": "anywhere"}
        result = evaluate_agent(agent, "unknot/Planar-v0", episodes=episodes, seed=1, env_kwargs=options)
        low, high = result.interval
        print(f"{appearance}: success {result.success_rate:.1%} [{low:.1%}, {high:.1%}]", end="; ")
        env = Monitor(gym.make("unknot/Planar-v0", **options))
        mean, std = evaluate_policy(agent, env, n_eval_episodes=max(1, episodes // 10))  # type: ignore[arg-type]
        print(f"Stable-Baselines3 counts {mean:.1f} ± {std:.1f} of 40 steps at the goal")
        rates[appearance] = result.success_rate
    return rates


if __name__ == "__main__":
    main()
