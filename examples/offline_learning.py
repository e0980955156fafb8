"""Record a Minari dataset, and train a learner that finds the agent's position in its images.

`learn` takes any dataset with images and continuous actions: load your own by `minari.load_dataset(id)`.

    python examples/offline_learning.py
"""

import tempfile
from os import environ
from typing import Any

import gymnasium as gym
import minari
import numpy as np
import torch
from numpy.typing import NDArray

import unknot  # noqa: F401  registers the environments
from unknot.agents import RandomAgent, record, transitions
from unknot.representation import RCE, minibatches, train


def learn(dataset: minari.MinariDataset, steps: int) -> RCE:
    """Train RCE on the transitions of a dataset."""
    data = transitions(dataset)
    torch.manual_seed(0)
    learner = RCE(shape=data["observation"].shape[1:], action_dim=data["action"].shape[1], steps=steps)
    learner.calibrate(data["observation"])
    train(learner, minibatches(data, batch_size=64, seed=0), steps)
    return learner


def explained(codes: NDArray[np.float32], positions: NDArray[np.float64]) -> float:
    """Return the share of the positions' variance that a linear map of the codes explains (R²)."""
    inputs = np.column_stack([codes, np.ones(len(codes))])
    residual = positions - inputs @ np.linalg.lstsq(inputs, positions, rcond=None)[0]
    return float(1 - residual.var(axis=0).sum() / positions.var(axis=0).sum())


def main(episodes: int = 60, steps: int = 300) -> float:
    """Record, train, and return the share of the positions' variance that codes of new images explain."""
    env: Any = gym.make("unknot/Planar-v0", task="anywhere")
    record(env, RandomAgent(env.action_space), episodes, seed=0, dataset="planar/random-v0")
    dataset = minari.load_dataset("planar/random-v0")
    print(f"{dataset.id}: {dataset.total_episodes} episodes, {dataset.total_steps} steps")
    learner = learn(dataset, steps)

    source = env.unwrapped
    positions = source.sample_free(500, np.random.default_rng(1))
    images = source.render_factors({"position": positions})
    share = explained(learner.encode_all(images).numpy(), positions)
    print(f"A linear map of 2 codes explains {share:.1%} of the position's variance")
    return share


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        environ.setdefault("MINARI_DATASETS_PATH", folder)  # without it: ~/.minari/datasets
        main()
