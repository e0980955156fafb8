"""The things to be grasped: their meshes, the convex pieces that fill them, their weight and friction.

There are 101 in seven categories, as many as in Yan et al. (Learning 6-DOF Grasping Interaction via Deep 3D
Geometry-aware Representations, 2017), drawn from parameters and a seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull

from unknot.checks import require
from unknot.envs.grasp.crockery import CROCKERY
from unknot.envs.grasp.meshes import convex_pieces, laid_down, read_mesh, read_urdf
from unknot.envs.grasp.shapes import Part

__all__ = ["CATEGORIES", "SPLITS", "GraspObject", "bullet_objects", "load_objects", "make_objects"]

CATEGORIES = tuple(CROCKERY)
"""The seven categories, in the order of the paper's tables."""

SPLITS = ("train", "test", "all")

COUNT = 101
TEST_COUNT = 3
"""How many of each category are for testing: 21 in all, a fifth, as in the paper."""

PLATE_STAND = 0.04

LAYOUTS = {
    "*.obj": 1,
    "*/*.obj": 2,  # CATEGORY/NAME.obj
    "*/google_16k/textured.obj": 1,  # YCB: NAME/...
    "*/tsdf/textured.obj": 1,
    "*/*/models/model_normalized.obj": 2,  # ShapeNet: SYNSET/NAME/...
    "*/*/model.obj": 2,
}
"""Where meshes are in a user's folder, and how many parts of the path are the name; of two, the category."""

SYNSETS = {"02876657": "bottle", "02880940": "bowl", "03797390": "mug", "04398044": "teapot"}
"""ShapeNet's numbers of our categories."""

LONGEST = {"bottle": 0.2, "bowl": 0.14, "mug": 0.115, "teapot": 0.19}
"""ShapeNet's models have no size: the longest edge (m) that they are given, 0.15 in other categories."""

OTHER = "other"
SIZES = (0.005, 0.6)
DENSITY, FRICTION = 600.0, 0.6
"""Of a user's mesh: kg/m³, and the coefficient."""

BULLET = (
    "duck_vhacd.urdf",
    "teddy_vhacd.urdf",
    "lego/lego.urdf",
    "jenga/jenga.urdf",
    "domino/domino.urdf",
    "cube_small.urdf",
    "sphere_small.urdf",
    *(f"random_urdfs/{number:03d}/{number:03d}.urdf" for number in range(0, 1000, 50)),
)


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
    def drawn(self) -> dict[str, list[Any]]:
        """The mesh as PyBullet draws it with flat faces: vertices and normals of each corner, and indices.

        They are kept with the object, since PyBullet never frees such lists once it was given them.
        """
        vertices = self.mesh.triangles.reshape(-1, 3).tolist()
        normals = self.mesh.face_normals.repeat(3, axis=0).tolist()
        return {"vertices": vertices, "normals": normals, "indices": list(range(len(vertices)))}

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


def load_objects(folder: Path) -> tuple[GraspObject, ...]:
    """Read a user's own objects, in metres, z up.

    Args:
        folder: URDF files at any depth; or, where there is none, OBJ files as in `LAYOUTS`: NAME.obj,
            CATEGORY/NAME.obj, or as in the YCB object set or ShapeNet (whose models are turned from y up to z
            up and scaled to a plausible size). Convex pieces that take long to find are kept in its
            subfolder "convex-pieces".

    Returns:
        The objects in the order of their names. One that can't stand as its file has it lies on its side.
        Meshes weigh 600 kg/m³ and have a friction of 0.6; URDF files say so themselves.

    Raises:
        FileNotFoundError: nothing to read.
        FileError: a file that can't be read.
        ValueError: an object that is not between 5 mm and 60 cm long: its file is not in metres.
    """
    cache = folder / "convex-pieces"
    if urdfs := sorted(folder.rglob("*.urdf")):
        return tuple(_read_urdf(path, str(path.relative_to(folder).with_suffix("")), cache) for path in urdfs)
    found: dict[str, Path] = {}
    for layout, depth in LAYOUTS.items():
        for path in folder.glob(layout):
            name = "/".join(path.relative_to(folder).parts[:depth]).removesuffix(".obj")
            found.setdefault(name, path)
    if not found:
        raise FileNotFoundError(f"{folder} has no .urdf, and no .obj in any of {list(LAYOUTS)}")
    return tuple(_read_obj(found[name], name, cache) for name in sorted(found))


def bullet_objects() -> tuple[GraspObject, ...]:
    """Return 27 graspable things of `pybullet_data`: a test set that nothing here was tuned to.

    They are the ones of a hand's size that have a URDF file, and every fiftieth of the 1,000 random shapes.
    Its mug is left out: what is touched of it is full where what is seen of it is hollow.
    """
    require("grasp", "pybullet_data")
    import pybullet_data

    root = Path(pybullet_data.getDataPath())
    return tuple(_read_urdf(root / path, Path(path).stem, root / "convex-pieces") for path in BULLET)


def _read_urdf(path: Path, name: str, cache: Path) -> GraspObject:
    part, mass, friction = read_urdf(path, cache)
    return GraspObject(name, OTHER, *_rested([laid_down(_checked(part, path))]), mass, friction)


def _read_obj(path: Path, name: str, cache: Path) -> GraspObject:
    folder = name.partition("/")[0] if "/" in name else OTHER
    category = SYNSETS.get(folder, folder)
    mesh = read_mesh(path)
    if path.name in ("model_normalized.obj", "model.obj"):  # ShapeNet's
        mesh.apply_transform([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
        mesh.vertices *= LONGEST.get(category, 0.15) / max(mesh.extents)
    part = laid_down(_checked(Part(mesh, convex_pieces(mesh, cache)), path))
    volume = sum(float(ConvexHull(piece).volume) for piece in part.pieces)
    return GraspObject(name, category, *_rested([part]), DENSITY * volume, FRICTION)


def _checked(part: Part, path: Path) -> Part:
    longest = max(part.mesh.extents)
    if not SIZES[0] <= longest <= SIZES[1]:
        raise ValueError(f"{path} is {longest:.3g} m long; expected {SIZES[0]} to {SIZES[1]} m")
    return part


def _rested(parts: Sequence[Part]) -> tuple[trimesh.Trimesh, tuple[NDArray[np.float64], ...]]:
    """Put parts together, on z = 0 and centred by their bounding box."""
    meshes = [part.mesh for part in parts]
    corners, faces = trimesh.util.append_faces([m.vertices for m in meshes], [m.faces for m in meshes])
    mesh = trimesh.Trimesh(corners, faces, process=False)
    low, high = mesh.bounds
    shift = -np.array([*(low + high)[:2] / 2, low[2]])
    mesh.apply_translation(shift)
    return mesh, tuple(piece + shift for part in parts for piece in part.pieces)
