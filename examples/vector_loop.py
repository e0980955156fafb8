"""Collect a rollout buffer from eight worlds together, and count the successful episodes.

As in a learner written in one file, it has a native vector environment, its own buffer and its own counts.

    python examples/vector_loop.py
"""

import gymnasium as gym
import numpy as np

import unknot  # noqa: F401  registers the environments

NUM_ENVS, NUM_STEPS = 8, 410  # per world: 10 episodes of 40 steps, and a step that resets after each


def main() -> float:
    """Act partly at random, partly towards the goal; return the share of successful episodes."""
    envs = gym.make_vec("unknot/Planar-v0", num_envs=NUM_ENVS)
    rng = np.random.default_rng(0)
    image = envs.single_observation_space["observation"].shape  # type: ignore[index]

    observations = np.zeros((NUM_STEPS, NUM_ENVS, *image), dtype=np.uint8)
    actions = np.zeros((NUM_STEPS, NUM_ENVS, 2), dtype=np.float32)
    rewards = np.zeros((NUM_STEPS, NUM_ENVS))
    valid = np.zeros((NUM_STEPS, NUM_ENVS), dtype=bool)
    successes: list[bool] = []

    observation, info = envs.reset(seed=1)
    ended = np.zeros(NUM_ENVS, dtype=bool)
    for step in range(NUM_STEPS):
        towards = info["goal"]["position"] - info["factors"]["position"]
        wander = rng.normal(0, 1, towards.shape)
        action = np.clip(0.5 * towards + wander, -3, 3).astype(np.float32)

        observations[step], actions[step] = observation["observation"], action
        valid[step] = ~ended  # the step after an episode's end only resets
        observation, rewards[step], terminated, truncated, info = envs.step(action)
        ended = terminated | truncated
        successes.extend(info["is_success"][ended])
    envs.close()

    rate = float(np.mean(successes))
    frames = int(valid.sum())
    print(f"{frames} frames of {observations.nbytes // 2**20} MB, mean reward {rewards[valid].mean():.2f}")
    print(f"{len(successes)} episodes, {rate:.0%} of them ended at the goal")
    return rate


if __name__ == "__main__":
    main()
