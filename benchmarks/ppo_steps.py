"""How many environment steps per second does PPO make, on a native vector environment and on DummyVecEnv?

Measured in turns on one thread, best of several rounds. Stable-Baselines3's PPO runs on `GymVecEnv` around
`gym.make_vec`, and on `DummyVecEnv` of as many single environments, each in a `Monitor` (`make_vec_env`). It
observes pixels, or a code (the mean colours of 8 × 8 squares) that two small layers read. `stepping` has no
policy; `collecting` is PPO's own loop over a rollout, policy included; `training` adds PPO's updates, which
take the same time in both.

    python benchmarks/ppo_steps.py
"""

import argparse
import time
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv

from unknot.agents import EncodedObservation, EncodedVectorObservation, GymVecEnv

WORLDS: dict[str, dict[str, Any]] = {
    "unknot/Planar-v0": {"reward": "dense"},
    "unknot/Maze-v0": {"size": 6},
}
SQUARE = 8
"""Side in pixels of the squares whose mean colours are the code."""
ROLLOUT = 16
"""Steps of each copy in a rollout."""


def main() -> None:
    """Measure and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--num-envs", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--rounds", type=int, default=3, help="turns; the best of each contender counts")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'environment steps a second':34}{'copies':>7}{'':>12}{'GymVecEnv':>12}{'Dummy':>12}{'ratio':>8}")
    for name, settings in WORLDS.items():
        for coded in (False, True):
            for n in options.num_envs:
                rates = [dict[str, float](), dict[str, float]()]
                models = [ppo(native(name, settings, coded, n)), ppo(single(name, settings, coded, n))]
                for _ in range(options.rounds):
                    for best, model in zip(rates, models, strict=True):
                        for what, rate in measure(model).items():
                            best[what] = max(best.get(what, 0.0), rate)
                label = f"{name}, {'code' if coded else 'pixels'}"
                for what, rate in rates[0].items():
                    other = rates[1][what]
                    print(f"{label:34}{n:7}{what:>12}{rate:12,.0f}{other:12,.0f}{rate / other:8.2f}")


def native(name: str, settings: dict[str, Any], coded: bool, n: int) -> VecEnv:
    """Return our VecEnv."""
    env = gym.make_vec(name, num_envs=n, autoreset_mode="SameStep", **settings)
    return GymVecEnv(EncodedVectorObservation(env, colours) if coded else env)


def single(name: str, settings: dict[str, Any], coded: bool, n: int) -> VecEnv:
    """Return Stable-Baselines3's."""

    def make() -> gym.Env[Any, Any]:
        env = gym.make(name, **settings)
        return EncodedObservation(env, colours) if coded else env

    return make_vec_env(make, n)


def colours(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the mean colours of squares, a vector for each image."""
    n, height, width, channels = images.shape
    lines = images.reshape(n, height // SQUARE, SQUARE, -1).sum(2, dtype=np.uint16)
    squares = lines.reshape(n, height // SQUARE, width // SQUARE, SQUARE, channels).sum(3, dtype=np.uint16)
    means: NDArray[np.float32] = squares.reshape(n, -1) / np.float32(255 * SQUARE**2)
    return means


def ppo(venv: VecEnv) -> PPO:
    """Return PPO with a small policy, so that updates cost little."""
    space = venv.observation_space
    if isinstance(space, gym.spaces.Dict):
        policy, options = "MultiInputPolicy", {"features_extractor_kwargs": {"cnn_output_dim": 32}}
    elif len(space.shape or ()) == 3:
        policy, options = "CnnPolicy", {"features_extractor_kwargs": {"features_dim": 32}}
    else:
        policy, options = "MlpPolicy", {}
    return PPO(
        policy,
        venv,
        n_steps=ROLLOUT,
        batch_size=ROLLOUT * venv.num_envs // 4,
        n_epochs=2,
        seed=0,
        device="cpu",
        policy_kwargs=options,
    )


def measure(model: PPO) -> dict[str, float]:
    """Return environment steps per second, by activity."""
    model.learn(0)  # sets the loop up
    callback = model._init_callback(None)
    venv = model.get_env()
    assert venv is not None
    steps = ROLLOUT * venv.num_envs
    actions = [np.stack([venv.action_space.sample() for _ in range(venv.num_envs)]) for _ in range(ROLLOUT)]
    rates = {}

    def clock(what: str, run: Any) -> None:
        start = time.perf_counter()
        run()
        rates[what] = steps / (time.perf_counter() - start)

    clock("stepping", lambda: [venv.step(action) for action in actions])
    clock("collecting", lambda: model.collect_rollouts(venv, callback, model.rollout_buffer, ROLLOUT))
    clock("training", lambda: model.learn(steps))
    return rates


if __name__ == "__main__":
    main()
