"""Data sets of grasps: shards and manifests that are damaged, of other sizes, or lie."""

import dataclasses
import json
import zipfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from torture.hostile.case import Case, changed
from torture.hostile.images import archive_changes, flipped, npy, write_zip
from unknot.envs.grasp.shards import MANIFEST, GraspDataset, GraspShard

SHARD = GraspShard(
    name="cup",
    category="cups",
    object_index=0,
    position=np.zeros(2),
    yaw=0.5,
    image=np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8),
    depth=np.ones((2, 64, 64), np.float32),
    mask=np.ones((2, 64, 64), np.bool_),
    view=np.ones((2, 4, 4), np.float32),
    projection=np.ones((4, 4), np.float32),
    elevation=np.ones(2, np.float32),
    pose=np.ones((5, 6), np.float32),
    success=np.ones(5, np.bool_),
    reason=np.zeros(5, np.int8),
    demonstration=np.zeros(5, np.int32),
    paired=np.zeros(5, np.bool_),
    drawn=np.zeros(7, np.int32),
    occupancy=np.zeros((32, 32, 32), np.bool_),
    origin=np.zeros(3),
    size=0.1,
)
THINGS = [{"name": "cup", "category": "cups", "split": "train"}]


def cases() -> Iterable[Case]:
    """Return the cases."""
    for name, change in archive_changes().items():
        yield Case(f"a shard, {name}", partial(changed, write=_write, change=change), _read)
    n, views = 5, 2
    wrong: dict[str, dict[str, Any]] = {
        "no poses": {"pose": None},
        "images of floats": {"image": npy(SHARD.image / 255)},
        "channels first": {"image": npy(np.moveaxis(SHARD.image, -1, 1))},
        "images of 32 pixels": {"image": npy(SHARD.image[:, :32, :32])},
        "a depth of whole numbers": {"depth": npy(SHARD.depth.astype(np.int32))},
        "a depth of NaN": {"depth": npy(SHARD.depth * np.nan)},
        "infinite poses": {"pose": npy(SHARD.pose * np.inf)},
        "a view more": {"view": npy(np.ones((views + 1, 4, 4), np.float32))},
        "an outcome less": {"success": npy(np.ones(n - 1, np.bool_))},
        "outcomes of numbers": {"success": npy(np.ones(n))},
        "one size for all": {"image": npy(np.uint8(1))},
        "2**40 images": {"image": npy(SHARD.image, (2**40, 64, 64, 3))},
        "2**40 poses": {"pose": npy(SHARD.pose, (2**40, 6))},
        "a bomb of poses": {"pose": npy(np.zeros((2 * 10**6, 6), np.float32))},
        "-1 poses": {"pose": npy(SHARD.pose, (-1, 6))},
        "a name of numbers": {"name": npy(3.0)},
        "a name of a million letters": {"name": npy(np.array("a" * 10**6))},
        "many names": {"name": npy(np.array(["a", "b"]))},
        "an object that is a number with a point": {"object_index": npy(0.5)},
        "a turn that is NaN": {"yaw": npy(np.nan)},
        "an array of objects": {"drawn": npy(SHARD.drawn).replace(b"'<i4'", b"'|O' ")},
        "a pickle": {"drawn": b"\x80\x04]\x94."},
    }
    for name, other in wrong.items():
        yield Case(f"a shard with {name}", partial(_write, **other), _read)
    yield Case("a shard, one flipped byte", _write, partial(flipped, read=_read), False, 60)
    yield Case("a shard as it is written", _write, _check, False)
    yield Case("a shard without grasps", _write_empty, _read, False)
    manifests: dict[str, Any] = {
        "{}": {},
        "[]": [],
        "3": 3,
        "no things": {"objects": "all"},
        "things of nothing": {"objects": "all", "things": []},
        "things that are names": {"objects": "all", "things": ["cup"]},
        "a thing without a split": {"objects": "all", "things": [{"name": "cup", "category": "cups"}]},
        "an unknown split": {"objects": "all", "things": [THINGS[0] | {"split": "valid"}]},
        "a number for objects": {"objects": 3, "things": THINGS},
    }
    for name, manifest in manifests.items():
        make = partial(_write_folder, manifest=json.dumps(manifest))
        yield Case(f"{MANIFEST}: {name}", make, GraspDataset)
    for name, text in {"no bytes": "", "no JSON": "{", "a list that doesn't end": "[1,"}.items():
        yield Case(f"{MANIFEST}: {name}", partial(_write_folder, manifest=text), GraspDataset)
    yield Case("a folder without a manifest", lambda folder: folder, GraspDataset)
    whole = json.dumps({"objects": "all", "things": THINGS})
    yield Case("files of other names", partial(_write_folder, manifest=whole), _check_folder, False)


def _read(path: Path) -> bytes:
    shard = GraspShard.read(path)
    return b"".join(np.asarray(value).tobytes() for value in vars(shard).values())


def _check(path: Path) -> None:
    found = GraspShard.read(path)
    for field in dataclasses.fields(GraspShard):
        assert np.array_equal(getattr(found, field.name), getattr(SHARD, field.name))


def _check_folder(folder: Path) -> None:
    assert [path.name for path in GraspDataset(folder, "train").paths] == ["shard-000000.npz"]


def _write(folder: Path, **other: bytes | None) -> Path:
    members = {name: npy(np.asarray(value)) for name, value in vars(SHARD).items()} | other
    kept = {name: content for name, content in members.items() if content is not None}
    return write_zip(folder / "shard-000000.npz", kept, zipfile.ZIP_DEFLATED)


def _write_empty(folder: Path) -> Path:
    names = ("pose", "success", "reason", "demonstration", "paired")
    return _write(folder, **{name: npy(getattr(SHARD, name)[:0]) for name in names})


def _write_folder(folder: Path, manifest: str) -> Path:
    (folder / MANIFEST).write_text(manifest)
    _write(folder)
    for name in ("shard-².npz", "shard-one.npz", "._shard-000001.npz", "shard-000001.npz.part"):
        (folder / name).write_bytes(b"")
    return folder
