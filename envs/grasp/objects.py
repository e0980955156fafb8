"""The things to be grasped: their meshes, the convex pieces that fill them, their weight and friction.

There are 101 in seven categories, as many as in Yan et al. (Learning 6-DOF Grasping Interaction via Deep 3D
Geometry-aware Representations, 2017), drawn from parameters and a seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull

from unknot.envs.grasp.crockery import CROCKERY
from unknot.envs.grasp.shapes import Part

__all__ = ["CATEGORIES", "SPLITS", "GraspObject", "make_objects"]

CATEGORIES = tuple(CROCKERY)
"""The seven categories, in the order of the paper's tables."""

SPLITS = ("train", "test", "all")

COUNT = 101
TEST_COUNT = 3
"""How many of each category are for testing: 21 in all, a fifth, as in the paper."""

PLATE_STAND = 0.04


@dataclass(frozen=True)
class GraspObject:
    """A rigid thing that stands on z = 0, centred in x and y; metres, z up.

    Attributes:
        name: unique in its collection.
        category: one of `CATEGORIES`, or a user's.
        mesh: what is seen. It may be several watertight parts that overlap (a handle enters the wall); ask
            `contains` what is inside, not the mesh.
        pieces: vertices (n, 3) of convex pieces that fill the solid together: what is touched.
        mass: kg.
        friction: coefficient of its surface.
        stand: height (m) of a narrow stand that placement may put under its middle. Plates have one, as flat
            on a table their rim leaves little room for a finger; 0 for everything else.
    """

    name: str
    category: str
    mesh: trimesh.Trimesh
    pieces: tuple[NDArray[np.float64], ...]
    mass: float
    friction: float
    stand: float = 0.0

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Return which points are in the solid, that is in any of its pieces.

        Args:
            points: (..., 3), metres, in the object's own frame.

        Returns:
            (...), bool.
        """
        points = np.asarray(points, dtype=np.float64)
        flat = points.reshape(-1, 3)
        inside = np.zeros(len(flat), dtype=bool)
        for piece, hull in zip(self.pieces, self._hulls, strict=True):
            near = ~inside & ((flat >= piece.min(axis=0)) & (flat <= piece.max(axis=0))).all(axis=1)
            planes = hull.equations
            inside[near] = (flat[near] @ planes[:, :3].T + planes[:, 3] <= 1e-9).all(axis=1)
        return inside.reshape(points.shape[:-1])

    @cached_property
    def center_of_mass(self) -> NDArray[np.float64]:
        """The centre of mass (3,) of the pieces, evenly dense."""
        volumes = np.array([hull.volume for hull in self._hulls])
        centers = np.array([trimesh.convex.convex_hull(piece).center_mass for piece in self.pieces])
        return np.asarray(volumes @ centers / volumes.sum())

    @cached_property
    def _hulls(self) -> list[ConvexHull]:
        return [ConvexHull(piece) for piece in self.pieces]


def make_objects(split: str = "all", *, seed: int = 0) -> tuple[GraspObject, ...]:
    """Make the 101 objects, or a split of them.

    Args:
        split: "train" (80 objects), "test" (21, three of each category, none of them in "train") or "all".
        seed: draws another collection. An object depends on the seed and its own name alone.

    Raises:
        ValueError: an unknown split.
    """
    if split not in SPLITS:
        raise ValueError(f"split={split!r} must be one of {list(SPLITS)}")
    objects = []
    for index, category in enumerate(CATEGORIES):
        count = COUNT // len(CATEGORIES) + (index < COUNT % len(CATEGORIES))
        numbers = {"train": range(TEST_COUNT, count), "test": range(TEST_COUNT), "all": range(count)}[split]
        objects += [_make(category, number, seed) for number in numbers]
    return tuple(objects)


def _make(category: str, number: int, seed: int) -> GraspObject:
    rng = np.random.default_rng([seed, CATEGORIES.index(category), number])
    parts, density = CROCKERY[category](rng)
    mesh, pieces = _rested(parts)
    return GraspObject(
        f"{category}-{number:02d}",
        category,
        mesh,
        pieces,
        mass=density * float(mesh.volume),
        friction=rng.uniform(0.4, 0.8),
        stand=PLATE_STAND if category == "plate" else 0.0,
    )


def _rested(parts: Sequence[Part]) -> tuple[trimesh.Trimesh, tuple[NDArray[np.float64], ...]]:
    """Put parts together, on z = 0 and centred by their bounding box."""
    meshes = [part.mesh for part in parts]
    corners, faces = trimesh.util.append_faces([m.vertices for m in meshes], [m.faces for m in meshes])
    mesh = trimesh.Trimesh(corners, faces, process=False)
    low, high = mesh.bounds
    shift = -np.array([*(low + high)[:2] / 2, low[2]])
    mesh.apply_translation(shift)
    return mesh, tuple(piece + shift for part in parts for piece in part.pieces)
