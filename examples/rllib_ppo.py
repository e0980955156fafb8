"""Register an environment with RLlib, and train its PPO on it (pip install "unknot[rllib]").

python examples/rllib_ppo.py
"""

from typing import Any

import gymnasium as gym

try:
    import ray
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.tune.registry import register_env
except ModuleNotFoundError as error:
    raise SystemExit(f'this example needs {error.name}: pip install "unknot[rllib]"') from error

from unknot.envs import FactorObservation


def make(config: dict[str, Any]) -> gym.Env[Any, Any]:
    """Make the environment in any process; "unknot:" imports the module that registers it."""
    return FactorObservation(gym.make("unknot:unknot/Planar-v0", **config))


def main(iterations: int = 10, workers: int = 1) -> list[float]:
    """Train; return the mean return of each iteration's episodes."""
    ray.init(num_cpus=workers + 1, include_dashboard=False, ignore_reinit_error=True)
    register_env("planar", make)
    settings = {"reward": "dense", "normalize_actions": True, "task": "anywhere"}
    config = (
        PPOConfig()  # type: ignore[no-untyped-call]
        .environment("planar", env_config=settings)
        .env_runners(num_env_runners=workers, num_envs_per_env_runner=8)
        .training(train_batch_size_per_learner=1600, minibatch_size=200, num_epochs=5, lr=1e-3, gamma=0.9)
        .debugging(seed=0)
    )
    algorithm: Any = config.build_algo()
    returns = []
    for iteration in range(iterations):
        returns.append(algorithm.train()["env_runners"]["episode_return_mean"])
        print(f"iteration {iteration + 1}: mean return {returns[-1]:.0f}")
    algorithm.stop()
    ray.shutdown()
    return returns


if __name__ == "__main__":
    main()
