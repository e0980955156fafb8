"""Grasps collected in simulation, after Yan et al. (2017): demonstrations, and what perturbing them does.

The antipodal sampler stands for the paper's people in virtual reality; the best of its grasps that succeed
are demonstrations. Each is perturbed until as many perturbed grasps have failed as have held. Beside them are
strays, grasps anywhere about the object.

What needs PyBullet is imported where it is used: reading a dataset doesn't.
"""

import functools
import itertools
import math
import operator
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

from unknot.checks import require, unknown
from unknot.envs.grasp.shards import MANIFEST, STRAY, GraspDataset, GraspShard, shard_path
from unknot.envs.grasp.tabletop import OBJECTS, REACH, find_objects
from unknot.files import FileError, read_json, write_bytes, write_json

if TYPE_CHECKING:
    from unknot.envs.grasp.objects import GraspObject
    from unknot.envs.grasp.world import GraspWorld, Reason

__all__ = ["Counts", "GraspDataset", "GraspShard", "collect", "collect_shard", "count"]

ELEVATIONS = (15.0, 30.0, 45.0, 60.0)
"""Degrees, a view each, the paper's; each view has an azimuth of its own."""

DEMONSTRATIONS = 4
"""For each placement; as many candidates again may fail."""

KEPT = 10
"""Perturbed grasps kept of each demonstration that held, and that failed."""

SIMULATED = 5
"""Those of the failed ones that are to be simulated; the others were in collision."""

TRIES = 400
"""Perturbations of a demonstration at most."""

SHIFT, TURN = 0.015, 0.25
"""Standard deviations of a perturbation: metres along each axis, radians about each. With sizes that vary the
small ones would hold and the large ones fail, and a pose alone would tell which it was."""

PAIRS = 4
"""So many grasps of each demonstration that held are paired with one that failed at nearly the same height
and tilt: by these a pose alone tells outcomes, even of objects never seen, wherever they stand."""

STRAYS, INTO = 24, 0.02
"""Grasps anywhere about the object, of each placement, and metres below its surface that they are centred at
most. Hardly any holds: a net that has seen none of them trusts what a planner must not try."""

LISTED = 8
"""Shards a worker in a list, where results come by lists: so many are lost by a stop."""

CELLS = 32
"""Along each edge of the occupancy grid."""

TEST_EVERY = 5
"""In a user's folder every fifth object is for testing."""

Floats = NDArray[np.float32]


class Counts(NamedTuple):
    """How much was collected."""

    placements: int
    grasps: int
    """Perturbed and kept; half of them held."""
    simulated: int
    """Those of the grasps that weren't in collision."""
    drawn: int
    """Perturbations tried, kept or not, collisions included."""


def collect(
    folder: Path,
    placements: int,
    *,
    objects: str = "all",
    seed: int = 0,
    progress: bool = True,
) -> GraspDataset:
    """Collect grasps, a shard a placement; the objects take turns.

    A shard depends on the objects, the seed and its number alone. Shards that are there already stay, so a
    collection that was stopped goes on where it was, and one that is done can be enlarged. joblib computes
    them as `joblib.parallel_config` says (so many processes, or a Ray or Dask cluster), else one by one; this
    process writes them all.

    Args:
        folder: where to; it is made.
        placements: how many shards there are to be.
        objects: "all" 101, "train", "test", "pybullet", or a folder that `load_objects` reads (of whose
            objects every fifth is for testing; of PyBullet's, all).
        seed: of placements, views, demonstrations and perturbations.
        progress: show a bar and the rate.

    Returns:
        The dataset.

    Raises:
        ValueError: a count below 1, or unknown objects.
        FileError: the folder holds a collection of other objects or another seed.
    """
    require("grasp", "pybullet", "trimesh", "joblib")
    import joblib

    if placements < 1:
        raise ValueError(f"placements={placements} must be at least 1")
    perturbation = {"shift": SHIFT, "turn": TURN, "pairs": PAIRS}
    manifest = {"objects": objects, "seed": seed, "perturbation": perturbation, "things": _things(objects)}
    _write_manifest(folder, manifest)
    numbers = [number for number in range(placements) if not shard_path(folder, number).exists()]
    results = _in_parallel([joblib.delayed(_collect)(objects, seed, number) for number in numbers])
    for number, content in _shown(results, placements - len(numbers), placements, progress):
        write_bytes(shard_path(folder, number), content)
    return GraspDataset(folder)


def count(shards: Iterable[GraspShard]) -> dict[str, Counts]:
    """Count what was collected, by category."""
    from unknot.envs.grasp.world import Reason

    totals: dict[str, Counts] = {}
    for shard in shards:
        reasons = shard.reason[shard.perturbed]
        collided = sum(Reason(reason).collided for reason in reasons)
        counts = 1, len(reasons), len(reasons) - collided, int(shard.drawn.sum())
        before = totals.get(shard.category, Counts(0, 0, 0, 0))
        totals[shard.category] = Counts(*map(operator.add, before, counts))
    return totals


def collect_shard(world: "GraspWorld", object_index: int, rng: np.random.Generator) -> GraspShard:
    """Place an object somewhere, look at it, and grasp it.

    Args:
        world: has the object.
        object_index: which it is.
        rng: where all randomness comes from.
    """
    from unknot.envs.grasp.world import Reason

    thing = world.objects[object_index]
    position, yaw = rng.uniform(-REACH, REACH, 2), rng.uniform(-np.pi, np.pi)
    world.place(object_index, position, yaw)
    views = [world.camera(elevation, rng.uniform(0, 360)) for elevation in ELEVATIONS]
    poses, reasons, demonstrations, drawn = _grasps(world, rng)
    success = reasons == Reason.HELD
    occupancy, origin, size = _occupancy(world)
    return GraspShard(
        name=thing.name,
        category=thing.category,
        object_index=object_index,
        position=position,
        yaw=yaw,
        image=np.stack([view.image for view in views]),
        depth=np.stack([view.depth for view in views]),
        mask=np.stack([view.mask for view in views]),
        view=np.stack([view.view for view in views]),
        projection=views[0].projection,
        elevation=np.array(ELEVATIONS, dtype=np.float32),
        pose=poses,
        success=success,
        reason=reasons,
        demonstration=demonstrations,
        paired=_paired(poses, success, demonstrations),
        drawn=drawn,
        occupancy=occupancy,
        origin=origin,
        size=size,
    )


def _in_parallel(calls: list[Any]) -> Iterator[tuple[int, bytes]]:
    """Run calls as joblib is configured, and pass their results on as they come."""
    import joblib
    from joblib.parallel import get_active_backend

    backend, jobs = get_active_backend()
    if backend.supports_return_generator:
        yield from joblib.Parallel(return_as="generator_unordered", batch_size=1)(calls)
    else:  # Ray's gives results by lists alone
        with joblib.Parallel(batch_size=1) as parallel:
            step = LISTED * joblib.effective_n_jobs(jobs)
            for start in range(0, len(calls), step):
                yield from parallel(calls[start : start + step])


def _collect(objects: str, seed: int, number: int) -> tuple[int, bytes]:
    world = _world(objects)
    rng = np.random.default_rng([seed, number])
    return number, collect_shard(world, number % len(world.objects), rng).to_bytes()


@functools.lru_cache(maxsize=1)
def _world(objects: str) -> "GraspWorld":
    """Return a world, the same for all shards of a process."""
    from unknot.envs.grasp.world import GraspWorld

    return GraspWorld(_objects(objects))


# Grasps


def _grasps(
    world: "GraspWorld", rng: np.random.Generator
) -> tuple[Floats, NDArray[np.int8], NDArray[np.int32], NDArray[np.int32]]:
    """Return poses (n, 6), reasons (n,), the demonstration each perturbs (n,), and counts by reason drawn."""
    from unknot.envs.grasp.sampler import sample_grasps
    from unknot.envs.grasp.world import Reason

    candidates = sample_grasps(world, 2 * DEMONSTRATIONS, rng)
    succeeded = (pose for pose in candidates if world.attempt(pose).success)
    drawn = np.zeros(len(Reason), dtype=np.int32)
    kept: list[tuple[Floats, Reason, int]] = []
    for number, demonstration in enumerate(itertools.islice(succeeded, DEMONSTRATIONS)):
        kept += [(*grasp, number) for grasp in _balanced(world, _perturbed(demonstration, rng), drawn)]
    if kept:
        kept += [(pose, world.attempt(pose).reason, STRAY) for pose in _strays(world, rng)]
    poses, reasons, numbers = zip(*kept, strict=True) if kept else ((), (), ())
    return (
        np.array(poses, dtype=np.float32).reshape(-1, 6),
        np.array(reasons, dtype=np.int8),
        np.array(numbers, dtype=np.int32),
        drawn,
    )


def _perturbed(pose: NDArray[np.float64], rng: np.random.Generator) -> Floats:
    """Draw perturbations (TRIES, 6) of a pose."""
    shift, turn = (size * rng.standard_normal((TRIES, 3)) for size in (SHIFT, TURN))
    rotation = Rotation.from_rotvec(pose[3:]) * Rotation.from_rotvec(turn)
    poses: Floats = np.concatenate([pose[:3] + shift, rotation.as_rotvec()], axis=1).astype(np.float32)
    return poses


def _strays(world: "GraspWorld", rng: np.random.Generator) -> Floats:
    """Draw poses (STRAYS, 6) centred at the object's surface or a little below, turned in any way."""
    import trimesh

    thing, turn, offset = world.pose()
    points, faces = trimesh.sample.sample_surface(thing.mesh, STRAYS, seed=int(rng.integers(2**31)))
    centers = points - INTO * rng.random((STRAYS, 1)) * thing.mesh.face_normals[faces]
    turns = Rotation.from_quat(rng.standard_normal((STRAYS, 4)))
    drawn = np.concatenate([turn.apply(centers) + offset, turns.as_rotvec()], axis=1)
    poses: Floats = drawn.astype(np.float32)
    return poses


def _balanced(world: "GraspWorld", poses: Floats, drawn: NDArray[np.int32]) -> list[tuple[Floats, "Reason"]]:
    """Try poses until enough have held and failed; keep as many of each, at least half of these simulated.

    Args:
        world: the object is placed.
        poses: (n, 6).
        drawn: counts by reason, to which those of the poses that were tried are added.
    """
    from unknot.envs.grasp.world import Reason

    held: list[tuple[Floats, Reason]] = []
    lost: list[tuple[Floats, Reason]] = []
    collided: list[tuple[Floats, Reason]] = []
    for pose in poses:
        reason = world.attempt(pose).reason
        drawn[reason] += 1
        kind = held if reason is Reason.HELD else collided if reason.collided else lost
        kind.append((pose, reason))
        if len(held) >= KEPT and len(lost) >= SIMULATED and len(lost) + len(collided) >= KEPT:
            break
    count = min(KEPT, len(held), 2 * len(lost), len(lost) + len(collided))
    simulated = min(len(lost), max(count - len(collided), math.ceil(count * SIMULATED / KEPT)))
    return held[:count] + lost[:simulated] + collided[: count - simulated]


def _paired(
    poses: Floats, success: NDArray[np.bool_], demonstrations: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Return which grasps (n,) are of the `PAIRS` nearest in height and tilt, of each demonstration."""
    tilt = Rotation.from_rotvec(poses[:, 3:]).as_matrix()[:, 2, ::2] if len(poses) else np.empty((0, 2))
    seen = np.column_stack([poses[:, 2] / SHIFT, tilt / TURN])
    paired = np.zeros(len(poses), dtype=bool)
    for number in set(demonstrations.tolist()) - {STRAY}:
        held, lost = (np.flatnonzero((demonstrations == number) & (success == end)) for end in (True, False))
        distances = np.linalg.norm(seen[held, None] - seen[lost], axis=-1)
        rows, columns = linear_sum_assignment(distances)
        nearest = np.argsort(distances[rows, columns], kind="stable")[:PAIRS]
        paired[np.concatenate([held[rows[nearest]], lost[columns[nearest]]])] = True
    return paired


def _occupancy(world: "GraspWorld") -> tuple[NDArray[np.bool_], NDArray[np.float64], float]:
    """Return the grid of what the placed object fills, its origin and size (see `GraspShard`)."""
    thing, turn, offset = world.pose()
    corners = turn.apply(thing.mesh.vertices) + offset
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = float(max(high - low))
    origin = (low + high - size) / 2
    cells = np.stack(np.meshgrid(*[(np.arange(CELLS) + 0.5) / CELLS] * 3, indexing="ij"), axis=-1)
    points = (origin + size * cells - offset).reshape(-1, 3)
    inside = thing.contains(turn.inv().apply(points))
    return inside.reshape(CELLS, CELLS, CELLS), origin, size


# Files


def _objects(source: str) -> "tuple[GraspObject, ...]":
    """Return the objects of a name, or of a folder."""
    from unknot.envs.grasp.objects import load_objects

    if source in OBJECTS:
        return find_objects(source)
    if not Path(source).is_dir():
        raise ValueError(f"{unknown('objects', source, OBJECTS)}; nor is it a folder")
    return load_objects(Path(source))


def _things(source: str) -> list[dict[str, str]]:
    """Return name, category and split of each object, as the manifest has them."""
    from unknot.envs.grasp.objects import make_objects

    if source in OBJECTS:
        train = {thing.name for thing in make_objects("train")}
    else:
        train = {thing.name for k, thing in enumerate(_objects(source), start=1) if k % TEST_EVERY}
    return [
        {
            "name": thing.name,
            "category": thing.category,
            "split": "train" if thing.name in train else "test",
        }
        for thing in _objects(source)
    ]


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write what a collection is of, or check that the folder's is of the same."""
    path = folder / MANIFEST
    if not path.exists():
        return write_json(path, manifest)
    found = read_json(path)
    for name, value in manifest.items():
        if found.get(name) != value:
            given = "" if name == "things" else f"={value!r}, not {found.get(name)!r}"
            raise FileError(f"{path} is of other {name} than asked for{given}: name another folder")
    return None


def _shown(
    results: Iterable[tuple[int, bytes]], done: int, total: int, progress: bool
) -> Iterator[tuple[int, bytes]]:
    """Pass shards on, below a bar with their rate."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} placements/min"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, disable=not progress) as bar:
        task = bar.add_task("collecting", completed=done, total=total, rate="–")
        start = time.monotonic()
        for count, result in enumerate(results, start=1):
            yield result
            bar.update(task, advance=1, rate=f"{60 * count / (time.monotonic() - start):.0f}")
