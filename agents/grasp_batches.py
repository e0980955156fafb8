"""The grasp dataset in memory, and the batches that nets are trained on."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Self

import joblib
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from unknot.envs.grasp.dataset import collect
from unknot.envs.grasp.shards import GraspDataset, GraspShard

__all__ = ["SEEN", "Grasps", "collect_grasps", "geometry_batches", "observe", "outcome_batches"]

SEEN = (15, 45)
"""Elevations, degrees, at which nets are trained; the dataset's others are novel."""

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Grasps:
    """A dataset in memory: its placements."""

    shards: list[GraspShard]
    objects: str
    """The objects: a name that `unknot/Grasp-v0` knows, or a folder of meshes."""

    @classmethod
    def read(cls, folder: Path, split: str, count: int) -> Self:
        """Read the first placements of a split at which the object was grasped.

        Args:
            folder: the dataset's, as `unknot collect-grasps` fills it.
            split: "train", "test" or "all".
            count: the most placements.

        Raises:
            FileNotFoundError: there is no dataset.
            ValueError: it has no such placement.
        """
        dataset = GraspDataset(folder, split)
        shards = list(islice((shard for shard in dataset if len(shard.pose)), count))
        if not shards:
            raise ValueError(f"{folder} has no placements with grasps of the split {split!r}")
        return cls(shards, dataset.objects)

    def views(self, elevations: tuple[int, ...]) -> list[int]:
        """Return the indices of a placement's views from these elevations."""
        return [v for v, elevation in enumerate(self.shards[0].elevation) if round(elevation) in elevations]


def collect_grasps(
    folder: Path, placements: int, objects: str, *, split: str = "all", seed: int = 0
) -> GraspDataset:
    """Collect a dataset with one process per core, or go on with one.

    Args:
        folder: for its files.
        placements: how many, in all.
        objects: a name that `unknot/Grasp-v0` knows, or a folder of meshes.
        split: "train" or "test" leaves out the placements of other objects.
        seed: of placements and grasps.

    Raises:
        FileError: the folder holds a dataset of other objects or another seed.
    """
    with joblib.parallel_config("loky", n_jobs=-1):
        return collect(folder, placements, objects=objects, split=split, seed=seed)


def observe(shards: list[GraspShard], views: list[int]) -> dict[str, NDArray[Any]]:
    """Return the net's observations of n placements, one view of each.

    Returns:
        `image`, `depth`, `view` and `projection`, each with first axis n, as `unknot/Grasp-v0` gives them.
    """
    names = ("image", "depth", "view")
    seen = {
        name: np.stack([getattr(shard, name)[v] for shard, v in zip(shards, views, strict=True)])
        for name in names
    }
    return {**seen, "projection": np.stack([shard.projection for shard in shards])}


def geometry_batches(data: Grasps, size: int, seed: int) -> Callable[[int], Batch]:
    """Make a source of batches for the geometry: a view of each placement, and all seen views as targets.

    Args:
        data: what to sample from.
        size: placements in a batch.
        seed: of the samples.
    """
    views = data.views(SEEN)

    def batch_at(step: int) -> Batch:
        rng = np.random.default_rng([seed, 0, step])
        shards, seen = _sample(data, views, size, rng)
        targets = {
            f"target_{name}": np.stack([getattr(shard, name)[views] for shard in shards])
            for name in ("depth", "mask", "view")
        }
        return _tensors(observe(shards, seen) | targets)

    return batch_at


def outcome_batches(data: Grasps, size: int, grasps: int, seed: int) -> Callable[[int], Batch]:
    """Make a source of batches for outcomes: a view of each placement, and grasps of it.

    Half of the grasps are turned by half a turn about the fingers' direction, which changes nothing for a
    gripper with two equal fingers.

    Args:
        data: what to sample from.
        size: placements in a batch.
        grasps: of each placement.
        seed: of the samples.
    """
    views = data.views(SEEN)

    def batch_at(step: int) -> Batch:
        rng = np.random.default_rng([seed, 1, step])
        shards, seen = _sample(data, views, size, rng)
        rows = [rng.integers(len(shard.pose), size=grasps) for shard in shards]
        poses = np.stack([shard.pose[row] for shard, row in zip(shards, rows, strict=True)])
        success = np.stack([shard.success[row] for shard, row in zip(shards, rows, strict=True)])
        half_turns = Rotation.from_rotvec(np.outer(np.pi * rng.integers(2, size=size * grasps), (0, 0, 1)))
        turned = Rotation.from_rotvec(poses[..., 3:].reshape(-1, 3)) * half_turns
        poses[..., 3:] = turned.as_rotvec().reshape(size, grasps, 3)
        return _tensors(observe(shards, seen) | {"pose": poses, "success": success})

    return batch_at


def _sample(
    data: Grasps, views: list[int], size: int, rng: np.random.Generator
) -> tuple[list[GraspShard], list[int]]:
    rows = rng.integers(len(data.shards), size=size)
    return [data.shards[row] for row in rows], rng.choice(views, size).tolist()


def _tensors(arrays: dict[str, NDArray[Any]]) -> Batch:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
