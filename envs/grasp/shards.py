"""Grasps on disk: a shard is one placement of one object, its views, and the grasps that they share."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from unknot.archives import Expected, read_arrays
from unknot.checks import one_of
from unknot.files import FileError, read_object

__all__ = ["MANIFEST", "STRAY", "GraspDataset", "GraspShard", "read_manifest", "shard_path"]

MANIFEST = "dataset.json"
"""The file with the objects, their splits, the seed, and the perturbation of grasps."""

STRAY = -1
"""In place of a demonstration's number: a random grasp around the object."""

Floats = NDArray[np.float32]

ARRAYS: Expected = {
    "name": (np.str_, ()),
    "category": (np.str_, ()),
    "object_index": (np.integer, ()),
    "position": (np.float64, (2,)),
    "yaw": (np.floating, ()),
    "image": (np.uint8, ("v", 64, 64, 3)),
    "depth": (np.float32, ("v", 64, 64)),
    "mask": (np.bool_, ("v", 64, 64)),
    "view": (np.float32, ("v", 4, 4)),
    "projection": (np.float32, (4, 4)),
    "elevation": (np.float32, ("v",)),
    "pose": (np.float32, ("n", 6)),
    "success": (np.bool_, ("n",)),
    "reason": (np.int8, ("n",)),
    "demonstration": (np.int32, ("n",)),
    "paired": (np.bool_, ("n",)),
    "drawn": (np.int32, ("reasons",)),
    "occupancy": (np.bool_, (32, 32, 32)),
    "origin": (np.float64, (3,)),
    "size": (np.floating, ()),
}
"""What a shard's file holds; `GraspShard` says what it means."""


@dataclass(frozen=True)
class GraspShard:
    """One placement of one object; v views, n grasps. Of the perturbed demonstrations half held.

    Attributes:
        name: of the object.
        category: of the object.
        object_index: which of the dataset's objects, for `GraspWorld.place`.
        position: (2,), of its middle, metres.
        yaw: its turn about z, radians.
        image: (v, 64, 64, 3), uint8, RGB.
        depth: (v, 64, 64), float32, metres along the camera's axis.
        mask: (v, 64, 64), bool: true on the object.
        view: (v, 4, 4), float32, world to camera, as in OpenGL.
        projection: (4, 4), float32, camera to clip space.
        elevation: (v,), float32, degrees.
        pose: (n, 6), float32: the gripper's centre, metres, and a rotation vector, radians.
        success: (n,), bool.
        reason: (n,), int8: a `Reason`.
        demonstration: (n,), int32: grasps of the same number are perturbations of the same demonstration;
            `STRAY` for those of none.
        paired: (n,), bool: as many that held as failed, paired at nearly the same height and tilt, so that
            the pose alone does not predict the outcome; accuracy is measured on these.
        drawn: (reasons,), int32: the number of perturbations that were tried, kept or not, by reason.
        occupancy: (32, 32, 32), bool: [i, j, k] is true if the point origin + size * ((i, j, k) + 0.5) / 32
            is in the object. For evaluation only.
        origin: (3,), float64, the grid's lowest corner in the world, metres.
        size: length of the grid's edges, metres: the longest edge of the object's bounding box.
    """

    name: str
    category: str
    object_index: int
    position: NDArray[np.float64]
    yaw: float
    image: NDArray[np.uint8]
    depth: Floats
    mask: NDArray[np.bool_]
    view: Floats
    projection: Floats
    elevation: Floats
    pose: Floats
    success: NDArray[np.bool_]
    reason: NDArray[np.int8]
    demonstration: NDArray[np.int32]
    paired: NDArray[np.bool_]
    drawn: NDArray[np.int32]
    occupancy: NDArray[np.bool_]
    origin: NDArray[np.float64]
    size: float

    @property
    def perturbed(self) -> NDArray[np.bool_]:
        """Which grasps are perturbed demonstrations, (n,); the others are strays."""
        perturbed: NDArray[np.bool_] = self.demonstration != STRAY
        return perturbed

    def to_bytes(self) -> bytes:
        """Return it as a compressed npz file."""
        content = BytesIO()
        np.savez_compressed(content, **{field.name: getattr(self, field.name) for field in fields(self)})
        return content.getvalue()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file that `to_bytes` wrote.

        Raises:
            FileError: it is not such a file, or damaged.
        """
        values: dict[str, Any] = read_arrays(path, ARRAYS, "a shard of grasps")
        scalars = {name: value.item() for name, value in values.items() if value.ndim == 0}
        return cls(**{**values, **scalars})


class GraspDataset(Sequence[GraspShard]):
    """Shards on disk, read when indexed.

    Args:
        folder: written by `collect`.
        split: "train" or "test", by object, or "all".

    Raises:
        FileNotFoundError: there is no dataset.
        FileError: its manifest is not one that `collect` writes.
        ValueError: an unknown split.

    Attributes:
        paths: the shards' files, in the order of their placements.
        objects: the objects to which `object_index` refers: a name that `unknot/Grasp-v0` accepts, or a
            folder.
    """

    def __init__(self, folder: Path, split: str = "all") -> None:
        one_of("split", split, ("train", "test", "all"))
        manifest = read_manifest(folder)
        self.objects: str = manifest["objects"]
        things = manifest["things"]
        self.paths = [
            path
            for number, path in _shards(folder)
            if split in ("all", things[number % len(things)]["split"])
        ]

    def __len__(self) -> int:
        """Return the number of placements."""
        return len(self.paths)

    def __getitem__(self, index: int) -> GraspShard:  # type: ignore[override]
        """Read a shard."""
        return GraspShard.read(self.paths[index])


def shard_path(folder: Path, number: int) -> Path:
    """Return the path of a placement's shard."""
    return folder / f"shard-{number:06d}.npz"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a dataset.

    Raises:
        FileNotFoundError: there is no dataset.
        FileError: the file is not a manifest.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise FileNotFoundError(f"{folder} has no {MANIFEST}: collect grasps there first")
    manifest = read_object(path, objects=str, things=list)
    if not manifest["things"] or not all(map(_is_thing, manifest["things"])):
        raise FileError(f'{path} must have "things": names, categories and splits of objects; collect anew')
    return manifest


def _is_thing(thing: Any) -> bool:
    """Whether it is an entry of a manifest's list."""
    if not isinstance(thing, dict) or thing.get("split") not in ("train", "test"):
        return False
    return all(isinstance(thing.get(name), str) for name in ("name", "category"))


def _shards(folder: Path) -> list[tuple[int, Path]]:
    """Return the numbers and paths of a folder's shards, in their order."""
    names = ((re.fullmatch(r"shard-([0-9]{6,})\.npz", path.name), path) for path in folder.iterdir())
    return sorted((int(match[1]), path) for match, path in names if match)
