"""The objects to grasp: their meshes, the convex pieces that fill them, their mass and friction.

There are 101 in seven categories, as many as in Yan et al. (Learning 6-DOF Grasping Interaction via Deep 3D
Geometry-aware Representations, 2017), sampled from parameters by a seed.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull, QhullError

from unknot import checks
from unknot.checks import one_of, require
from unknot.envs.grasp.crockery import CROCKERY
from unknot.envs.grasp.meshes import PARTS, convex_pieces, joined, laid_down, read_mesh, reduced, solids
from unknot.envs.grasp.shapes import Part
from unknot.envs.grasp.urdf import FRICTIONS, MASSES, read_urdf
from unknot.files import FileError

__all__ = ["CATEGORIES", "SPLITS", "GraspObject", "bullet_objects", "load_objects", "make_objects"]

CATEGORIES = tuple(CROCKERY)
"""The seven categories, in the order of the paper's tables."""

SPLITS = ("train", "test", "all")
"""The names of the parts of the 101 objects."""

COUNT = 101
TEST_COUNT = 3
"""Test objects of each category: 21 in all, a fifth, as in the paper."""

PLATE_STAND = 0.04
"""Height of the stand below plates, metres."""

LAYOUTS = {
    "*": 1,
    "*/*": 2,  # CATEGORY/NAME
    "*/google_16k/textured": 1,  # YCB: NAME/...
    "*/google_16k/nontextured": 1,
    "*/tsdf/textured": 1,
    "*/tsdf/nontextured": 1,
    "*/*/models/model_normalized": 2,  # ShapeNet: SYNSET/NAME/...
    "*/*/model": 2,
}
"""Patterns of meshes in a user's folder, without suffix, and how many parts of the path make the name (of
two, the first is the category)."""

KINDS = (".obj", ".stl", ".ply")
"""Suffixes of those meshes, in lower case; a folder is read for the first of which it has any."""

SYNSETS = {"02876657": "bottle", "02880940": "bowl", "03797390": "mug", "04398044": "teapot"}
"""ShapeNet's numbers of our categories."""

LONGEST = {"bottle": 0.2, "bowl": 0.14, "mug": 0.115, "teapot": 0.19}
"""Longest edges (m) to which ShapeNet's models, which have no size, are scaled; 0.15 in other categories."""

OTHER = "other"
SIZES = (0.005, 0.6)
"""The range of an object's longest edge, metres."""
FARTHEST = 10.0
"""The largest coordinate of an object, metres."""
TRIANGLES = 40_000
"""The most that PyBullet can draw of an object: it takes 131,072 corners, three for each triangle."""
DENSITY, FRICTION = 600.0, 0.6
"""Of users' meshes: kg/m³, and the coefficient."""

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
        mesh: for rendering. It may be several watertight parts that overlap (a handle enters the wall), so
            use `contains`, not the mesh, to test whether a point is inside.
        pieces: for contacts: vertices (n, 3) of convex pieces that together fill the solid.
        mass: kg.
        friction: coefficient of its surface.
        stand: height (m) of a narrow stand below its middle. Plates have one, since flat on a table their rim
            leaves little room for a finger; 0 for everything else.

    Raises:
        ValueError: a value that PyBullet can't simulate: it would end the process, or move the object to NaN.
    """

    name: str
    category: str
    mesh: trimesh.Trimesh
    pieces: tuple[NDArray[np.float64], ...]
    mass: float
    friction: float
    stand: float = 0.0

    def __post_init__(self) -> None:
        checks.within(*MASSES, mass=self.mass)
        checks.within(*FRICTIONS, friction=self.friction)
        checks.within(0, SIZES[1], stand=self.stand)
        checks.within(1, TRIANGLES, **{"triangles of mesh": len(self.mesh.faces)})
        checks.within(1, PARTS, **{"number of pieces": len(self.pieces)})
        for points in (self.mesh.vertices, *self.pieces):
            solid = points.ndim == 2 and points.shape[1] == 3 and len(points) >= 4
            if not (solid and (np.abs(points) <= FARTHEST).all()):
                raise ValueError(
                    f"corners of {self.name} must be (4 or more, 3), from {-FARTHEST} to {FARTHEST} m"
                )

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Return which points are in the solid, that is, in any of its pieces.

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
        """The centre of mass (3,) of the pieces at uniform density."""
        volumes = np.array([hull.volume for hull in self._hulls])
        centers = np.array([trimesh.convex.convex_hull(piece).center_mass for piece in self.pieces])
        return np.asarray(volumes @ centers / volumes.sum())

    @cached_property
    def flat_shaded(self) -> dict[str, list[Any]]:
        """The mesh as PyBullet renders it with flat faces: vertices and normals of each corner, and indices.

        The lists are cached, since PyBullet never frees a list that it has received.
        """
        vertices = self.mesh.triangles.reshape(-1, 3).tolist()
        normals = self.mesh.face_normals.repeat(3, axis=0).tolist()
        return {"vertices": vertices, "normals": normals, "indices": list(range(len(vertices)))}

    @cached_property
    def _hulls(self) -> list[ConvexHull]:
        try:
            return [ConvexHull(piece) for piece in self.pieces]
        except QhullError as error:
            raise ValueError(f"pieces of {self.name} must have a volume, and one is flat") from error


def make_objects(split: str = "all", *, seed: int = 0) -> tuple[GraspObject, ...]:
    """Make the 101 objects, or a split of them.

    Args:
        split: "train" (80 objects), "test" (21, three of each category, none of them in "train") or "all".
        seed: of the collection. An object depends only on the seed and its own name.

    Raises:
        ValueError: an unknown split.
    """
    one_of("split", split, SPLITS)
    objects = []
    for index, category in enumerate(CATEGORIES):
        count = COUNT // len(CATEGORIES) + (index < COUNT % len(CATEGORIES))
        numbers = {"train": range(TEST_COUNT, count), "test": range(TEST_COUNT), "all": range(count)}[split]
        objects += [_make(category, number, seed) for number in numbers]
    return tuple(objects)


def _make(category: str, number: int, seed: int) -> GraspObject:
    rng = np.random.default_rng([seed, CATEGORIES.index(category), number])
    parts, density = CROCKERY[category](rng)
    mesh, pieces = _placed(parts)
    return GraspObject(
        f"{category}-{number:02d}",
        category,
        mesh,
        pieces,
        mass=density * float(mesh.volume),
        friction=rng.uniform(0.4, 0.8),
        stand=PLATE_STAND if category == "plate" else 0.0,
    )


def load_objects(folder: Path | str) -> tuple[GraspObject, ...]:
    """Read a user's objects, in metres, z up.

    Args:
        folder: URDF files at any depth; or, where there is none, OBJ files, else STL, else PLY files as in
            `LAYOUTS`: NAME.obj, CATEGORY/NAME.obj, or as in the YCB object set or ShapeNet (whose models are
            turned from y up to z up and scaled to a plausible size). Hidden files and folders are ignored.
            Convex pieces that take long to find are cached in the subfolder "convex-pieces".

    Returns:
        The objects sorted by name. An object that can't stand as in its file lies on its side. Meshes have a
        density of 600 kg/m³ and a friction of 0.6; URDF files have their own values.

    Raises:
        FileNotFoundError: nothing to read.
        FileError: a file that can't be read, an object without volume, or one that is not between 5 mm and
            60 cm long: its file is not in metres.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    cache = folder / "convex-pieces"
    if urdfs := _files(folder, "**/*", ".urdf"):
        names = [str(path.relative_to(folder).with_suffix("")) for path in urdfs]
        return tuple(_named(_read_urdf, *each, cache) for each in zip(urdfs, names, strict=True))
    for kind in KINDS:
        found: dict[str, Path] = {}
        for layout, depth in LAYOUTS.items():
            for path in _files(folder, layout, kind):
                found.setdefault("/".join(path.relative_to(folder).with_suffix("").parts[:depth]), path)
        if found:
            return tuple(_named(_read_mesh, found[name], name, cache) for name in sorted(found))
    raise FileNotFoundError(f"{folder} has no .urdf, and no {', '.join(KINDS)} in any of {list(LAYOUTS)}")


def _files(folder: Path, layout: str, suffix: str) -> list[Path]:
    """Return the files of a pattern and a suffix, in either case; a Mac leaves hidden ones, "._NAME"."""
    return [
        path
        for path in sorted(folder.glob(f"{layout}.*"))
        if path.suffix.lower() == suffix
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def bullet_objects() -> tuple[GraspObject, ...]:
    """Return 27 graspable objects of `pybullet_data`: a test set for which nothing here was tuned.

    They are those of a hand's size that have a URDF file, and every fiftieth of the 1,000 random shapes. Its
    mug is left out: its collision shape is solid where its visual shape is hollow.
    """
    require("grasp", "pybullet_data")
    import pybullet_data

    root = Path(pybullet_data.getDataPath())
    return tuple(_read_urdf(root / path, Path(path).stem, root / "convex-pieces") for path in BULLET)


def _named(read: Callable[[Path, str, Path], GraspObject], path: Path, name: str, cache: Path) -> GraspObject:
    """Read an object; an error that only its geometry shows, such as Qhull's, names the file, too."""
    try:
        return read(path, name, cache)
    except (FileError, OSError):
        raise
    except (ValueError, RuntimeError, IndexError, MemoryError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise FileError(f"{path} is not an object that can be simulated ({reason})") from error


def _read_urdf(path: Path, name: str, cache: Path) -> GraspObject:
    body = read_urdf(path)
    mesh = _checked(joined(body.visual), path)
    parts = [part for geometry in body.collision for part in solids(geometry, path)]
    _checked(joined(parts), path)
    part = laid_down(Part(_drawable(mesh, path), convex_pieces(parts, cache, path)))
    return GraspObject(name, OTHER, *_placed([part]), body.mass, body.friction)


def _read_mesh(path: Path, name: str, cache: Path) -> GraspObject:
    folder = name.partition("/")[0] if "/" in name else OTHER
    category = SYNSETS.get(folder, folder)
    mesh = read_mesh(path)
    if path.stem in ("model_normalized", "model"):  # ShapeNet's
        mesh.apply_transform([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
        mesh.vertices *= LONGEST.get(category, 0.15) / max(mesh.extents)
    parts = solids(mesh, path)
    mesh = _checked(joined(parts), path)
    part = laid_down(Part(_drawable(mesh, path), convex_pieces(parts, cache, path)))
    volume = sum(float(ConvexHull(piece).volume) for piece in part.pieces)
    return GraspObject(name, category, *_placed([part]), DENSITY * volume, FRICTION)


def _checked(mesh: trimesh.Trimesh, path: Path) -> trimesh.Trimesh:
    longest = max(mesh.extents)
    if not SIZES[0] <= longest <= SIZES[1]:
        raise FileError(
            f"{path} must be {SIZES[0]} to {SIZES[1]} m long, not {longest:.3g} m; "
            f"in a URDF file a mesh can have a scale, such as 0.001 for one in millimetres"
        )
    return mesh


def _drawable(mesh: trimesh.Trimesh, path: Path) -> trimesh.Trimesh:
    small = reduced(mesh, TRIANGLES)
    if small is not mesh:
        many, few = len(mesh.faces), len(small.faces)
        warnings.warn(f"{path} has {many:,} triangles; it is drawn with {few:,}", stacklevel=2)
    return small


def _placed(parts: Sequence[Part]) -> tuple[trimesh.Trimesh, tuple[NDArray[np.float64], ...]]:
    """Join parts, and put them on z = 0, centred by their bounding box."""
    mesh = joined([part.mesh for part in parts])
    low, high = mesh.bounds
    shift = -np.array([*(low + high)[:2] / 2, low[2]])
    mesh.apply_translation(shift)
    return mesh, tuple(piece + shift for part in parts for piece in part.pieces)
