"""Measures of grasp nets, worked by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("pybullet", reason="PyBullet is not installed")

from unknot.agents.grasp_batches import Grasps
from unknot.agents.grasp_measures import by_category, measure_pose_alone


def test_means_by_category_are_weighted_by_grasps() -> None:
    found = by_category(["mug", "cup", "mug"], np.array([3, 1, 1]), np.array([4, 4, 2]))
    assert found == pytest.approx({"all": 50.0, "cup": 25.0, "mug": 100 * 4 / 6})


def test_the_pose_alone_predicts_what_depends_on_height_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    pose = rng.normal(size=(600, 6))
    high, any_way = pose[:, 2] > 0, rng.random(600) > 0.5
    right = [
        measure_pose_alone(*(placements(pose, held, rows) for rows in (slice(400), slice(400, 600))))
        for held in (high, any_way)
    ]
    assert right[0]["mug"] > 95
    assert 40 < right[1]["mug"] < 60


def placements(pose: NDArray[Any], held: NDArray[Any], rows: slice) -> Grasps:
    """Return a placement with these grasps and one that isn't paired, nor counted."""
    poses, success = np.concatenate([pose[rows], pose[:1]]), np.append(held[rows], not held[0])
    paired = np.arange(len(poses)) < len(poses) - 1
    shard: Any = SimpleNamespace(category="mug", pose=poses, success=success, paired=paired)
    return Grasps([shard], "test")
