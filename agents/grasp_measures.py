"""Measures of a grasp net: accuracy of outcomes, overlap of the imagined with the true geometry."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from sklearn.ensemble import HistGradientBoostingClassifier

from unknot.envs.grasp.shards import GraspShard
from unknot.representation.grasp_net import CELLS, EMPTY, GraspNet
from unknot.representation.projection import look

from .grasp_batches import Grasps, observe

__all__ = ["ALL", "by_category", "measure_accuracy", "measure_overlap", "measure_pose_alone"]

ALL = "all"
"""The name of the row over all categories."""


def by_category(
    categories: Sequence[str], values: NDArray[Any], counts: NDArray[Any] | None = None
) -> dict[str, float]:
    """Return means in percent: of all values, and of those of each category.

    Args:
        categories: (n,), of each value.
        values: (n,), sums over `counts`, or single ones.
        counts: (n,), how many each value sums up; None for one.
    """
    counts = np.ones(len(values)) if counts is None else counts
    names = np.array(categories)
    rows = {ALL: np.full(len(names), True)} | {name: names == name for name in sorted(set(categories))}
    return {name: 100 * float(values[row].sum() / counts[row].sum()) for name, row in rows.items()}


@torch.no_grad()
def measure_accuracy(net: GraspNet, data: Grasps) -> dict[str, dict[str, float]]:
    """Return, by elevation and category, the share of paired grasps predicted correctly, in percent."""
    result = {}
    for v, elevation in enumerate(data.shards[0].elevation):
        right = [_right(net, shard, v) for shard in data.shards]
        counts = np.array([shard.paired.sum() for shard in data.shards])
        categories = [shard.category for shard in data.shards]
        result[str(round(elevation))] = by_category(categories, np.array(right), counts)
    return result


def _right(net: GraspNet, shard: GraspShard, view: int) -> int:
    features = net.observe(observe([shard], [view]))
    odds = net.score(features, torch.from_numpy(shard.pose)[None])[0].numpy(force=True)
    return int(((odds > 0) == shard.success)[shard.paired].sum())


def measure_pose_alone(train: Grasps, test: Grasps) -> dict[str, float]:
    """Return, by category, the share of paired grasps predicted correctly from the pose alone, in percent.

    It is the trivial baseline of accuracy: gradient boosting that learns from all of `train`.
    """
    classifier = HistGradientBoostingClassifier(random_state=0).fit(*_poses(train.shards))
    right = [classifier.score(*_poses([shard])) * shard.paired.sum() for shard in test.shards]
    counts = np.array([shard.paired.sum() for shard in test.shards])
    return by_category([shard.category for shard in test.shards], np.array(right), counts)


def _poses(shards: Sequence[GraspShard]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the paired grasps' centres and rotation matrices (n, 12), and which held."""
    pose = np.concatenate([shard.pose[shard.paired] for shard in shards])
    turns = Rotation.from_rotvec(pose[:, 3:]).as_matrix().reshape(-1, 9)
    held = np.concatenate([shard.success[shard.paired] for shard in shards])
    return np.concatenate([pose[:, :3], turns], 1), held


@torch.no_grad()
def measure_overlap(net: GraspNet, shards: Iterable[GraspShard]) -> dict[str, float]:
    """Return intersection over union of imagined and true cells over all views, in percent, by category."""
    categories, values = [], []
    for shard in shards:
        views = list(range(len(shard.view)))
        sight = look(observe([shard] * len(views), views), 2 * CELLS)
        points = torch.from_numpy(_cells(shard)).float().expand(len(views), -1, 3)
        imagined = sight.frustum.sample(net.imagine(sight)[0], points, EMPTY).numpy(force=True) > 0
        true = shard.occupancy.reshape(1, -1)
        values.append(((imagined & true).sum(1) / (imagined | true).sum(1)).mean())
        categories.append(shard.category)
    return by_category(categories, np.array(values))


def _cells(shard: GraspShard) -> NDArray[np.float64]:
    """Return the centres (cells, 3) of the true grid's cells in the world."""
    axes = [(np.arange(side) + 0.5) / side for side in shard.occupancy.shape]
    cells = shard.size * np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    return np.asarray(shard.origin + cells)
