"""Grasps collected in simulation, after Yan et al. (2017): demonstrations, and perturbations of them.

The antipodal sampler replaces the paper's people in virtual reality; the best of its grasps that succeed are
the demonstrations. Each is perturbed until as many perturbed grasps have failed as have held. Strays are
added: random grasps around the object.

Modules that need PyBullet are imported where they are used: reading a dataset doesn't need it.
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
from rich.progress import TextColumn
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

from unknot.checks import at_least, one_of, require, unknown
from unknot.envs.grasp.shards import MANIFEST, STRAY, GraspDataset, GraspShard, read_manifest, shard_path
from unknot.envs.grasp.tabletop import OBJECTS, REACH, find_objects
from unknot.files import FileError, write_bytes, write_json
from unknot.progress import progress_bar

if TYPE_CHECKING:
    from unknot.envs.grasp.objects import GraspObject
    from unknot.envs.grasp.world import GraspWorld, Reason

__all__ = ["Counts", "GraspDataset", "GraspShard", "collect", "collect_shard", "count"]

ELEVATIONS = (15.0, 30.0, 45.0, 60.0)
"""Degrees, one for each view, as in the paper; each view has its own azimuth."""

DEMONSTRATIONS = 4
"""Per placement, out of twice as many candidates."""

KEPT = 10
"""Perturbed grasps that are kept of each demonstration: as many that held, and as many that failed."""

SIMULATED = 5
"""Failed grasps that must be simulated; the others were in collision."""

TRIES = 400
"""Largest number of perturbations of a demonstration."""

SHIFT, TURN = 0.015, 0.25
"""Standard deviations of a perturbation: metres along each axis, radians about each. If sizes varied, small
perturbations would hold and large ones fail, and the pose alone would predict the outcome."""

PAIRS = 4
"""Grasps of each demonstration that held and are paired with one that failed at nearly the same height and
tilt: unpaired, these two alone would predict outcomes, even for new objects at any position."""

STRAYS, INTO = 24, 0.02
"""Random grasps around the object per placement, and the largest depth (m) of their centres below its
surface. Hardly any holds: a network trained without them overrates poses that a planner must not try."""

LISTED = 8
"""Shards per worker in a list, where results arrive in lists; a stop loses at most these."""

CELLS = 32
"""Cells along each edge of the occupancy grid."""

TEST_EVERY = 5
"""In a user's folder every fifth object is a test object."""

Floats = NDArray[np.float32]


class Counts(NamedTuple):
    """The size of a collection."""

    placements: int
    grasps: int
    """Perturbed grasps that were kept; half of them held."""
    simulated: int
    """Those grasps that weren't in collision."""
    tried: int
    """Perturbations tried, kept or not, collisions included."""


def collect(
    folder: Path,
    placements: int,
    *,
    objects: str = "all",
    split: str = "all",
    seed: int = 0,
    progress: bool = True,
) -> GraspDataset:
    """Collect grasps, one shard per placement; the objects take turns.

    A shard depends only on the objects, the seed and its number. Existing shards stay, so a stopped
    collection can continue and a finished one can be enlarged. joblib computes them as
    `joblib.parallel_config` says (several processes, or a Ray or Dask cluster), else one by one; this process
    writes them all.

    Args:
        folder: made if missing.
        placements: the number of shards in the end.
        objects: "all" 101, "train", "test", "pybullet", or a folder that `load_objects` reads (every fifth of
            its objects is a test object; of PyBullet's, all are).
        split: "train" or "test" leaves out the shards of other objects; "all" collects every shard.
        seed: of placements, views, demonstrations and perturbations.
        progress: show a bar and the rate.

    Returns:
        The dataset.

    Raises:
        ValueError: a count below 1, an unknown split, or unknown objects.
        FileError: the folder holds a collection of other objects or another seed.
    """
    require("grasp", "pybullet", "trimesh", "joblib")
    import joblib

    at_least(1, placements=placements)
    one_of("split", split, ("train", "test", "all"))
    perturbation = {"shift": SHIFT, "turn": TURN, "pairs": PAIRS}
    things = _things(objects)
    manifest = {"objects": objects, "seed": seed, "perturbation": perturbation, "things": things}
    _write_manifest(folder, manifest)
    wanted = [n for n in range(placements) if split in ("all", things[n % len(things)]["split"])]
    numbers = [number for number in wanted if not shard_path(folder, number).exists()]
    results = _in_parallel([joblib.delayed(_collect)(objects, seed, number) for number in numbers])
    shown = progress and bool(numbers)
    for number, content in _with_progress(results, len(wanted) - len(numbers), len(wanted), shown):
        write_bytes(shard_path(folder, number), content)
    return GraspDataset(folder)


def count(shards: Iterable[GraspShard]) -> dict[str, Counts]:
    """Count the placements and grasps of each category."""
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
    """Place an object at random, record its views, and grasp it.

    Args:
        world: a world with the object.
        object_index: its index in the world's objects.
        rng: the only source of randomness.
    """
    from unknot.envs.grasp.world import Reason

    thing = world.objects[object_index]
    position, yaw = rng.uniform(-REACH, REACH, 2), rng.uniform(-np.pi, np.pi)
    world.place(object_index, position, yaw)
    views = [world.camera(elevation, rng.uniform(0, 360)) for elevation in ELEVATIONS]
    poses, reasons, demonstrations, tried = _grasps(world, rng)
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
        drawn=tried,
        occupancy=occupancy,
        origin=origin,
        size=size,
    )


def _in_parallel(calls: list[Any]) -> Iterator[tuple[int, bytes]]:
    """Run calls as joblib is configured, and yield their results as they arrive."""
    import joblib
    from joblib.parallel import get_active_backend

    backend, jobs = get_active_backend()
    if backend.supports_return_generator:
        yield from joblib.Parallel(return_as="generator_unordered", batch_size=1)(calls)
    else:  # Ray's returns results only in lists
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
    """Return a world, one for all shards of a process."""
    from unknot.envs.grasp.world import GraspWorld

    return GraspWorld(_objects(objects))


# Grasps


def _grasps(
    world: "GraspWorld", rng: np.random.Generator
) -> tuple[Floats, NDArray[np.int8], NDArray[np.int32], NDArray[np.int32]]:
    """Return poses (n, 6), reasons (n,), the demonstration each perturbs (n,), and tried ones by reason."""
    from unknot.envs.grasp.sampler import sample_grasps
    from unknot.envs.grasp.world import Reason

    candidates = sample_grasps(world, 2 * DEMONSTRATIONS, rng)
    succeeded = (pose for pose in candidates if world.attempt(pose).success)
    tried = np.zeros(len(Reason), dtype=np.int32)
    kept: list[tuple[Floats, Reason, int]] = []
    for number, demonstration in enumerate(itertools.islice(succeeded, DEMONSTRATIONS)):
        kept += [(*grasp, number) for grasp in _balanced(world, _perturbed(demonstration, rng), tried)]
    if kept:
        kept += [(pose, world.attempt(pose).reason, STRAY) for pose in _strays(world, rng)]
    poses, reasons, numbers = zip(*kept, strict=True) if kept else ((), (), ())
    return (
        np.array(poses, dtype=np.float32).reshape(-1, 6),
        np.array(reasons, dtype=np.int8),
        np.array(numbers, dtype=np.int32),
        tried,
    )


def _perturbed(pose: NDArray[np.float64], rng: np.random.Generator) -> Floats:
    """Sample perturbations (TRIES, 6) of a pose."""
    shift, turn = (size * rng.standard_normal((TRIES, 3)) for size in (SHIFT, TURN))
    rotation = Rotation.from_rotvec(pose[3:]) * Rotation.from_rotvec(turn)
    poses: Floats = np.concatenate([pose[:3] + shift, rotation.as_rotvec()], axis=1).astype(np.float32)
    return poses


def _strays(world: "GraspWorld", rng: np.random.Generator) -> Floats:
    """Sample poses (STRAYS, 6) centred at the object's surface or slightly below, with random rotations."""
    import trimesh

    thing, turn, offset = world.pose()
    points, faces = trimesh.sample.sample_surface(thing.mesh, STRAYS, seed=int(rng.integers(2**31)))
    centers = points - INTO * rng.random((STRAYS, 1)) * thing.mesh.face_normals[faces]
    turns = Rotation.from_quat(rng.standard_normal((STRAYS, 4)))
    sampled = np.concatenate([turn.apply(centers) + offset, turns.as_rotvec()], axis=1)
    poses: Floats = sampled.astype(np.float32)
    return poses


def _balanced(world: "GraspWorld", poses: Floats, tried: NDArray[np.int32]) -> list[tuple[Floats, "Reason"]]:
    """Try poses until enough have held and failed; keep as many of each.

    At least half of the kept failures are simulated.

    Args:
        world: a world with the placed object.
        poses: (n, 6).
        tried: counts by reason, to which the tried poses are added in place.
    """
    from unknot.envs.grasp.world import Reason

    held: list[tuple[Floats, Reason]] = []
    lost: list[tuple[Floats, Reason]] = []
    collided: list[tuple[Floats, Reason]] = []
    for pose in poses:
        reason = world.attempt(pose).reason
        tried[reason] += 1
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
    """Return which grasps (n,) are in the `PAIRS` of each demonstration nearest in height and tilt."""
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
    """Return the occupancy grid of the placed object, its origin and size (see `GraspShard`)."""
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
    """Return objects by name, or from a folder."""
    from unknot.envs.grasp.objects import load_objects

    if source in OBJECTS:
        return find_objects(source)
    if not Path(source).is_dir():
        raise ValueError(f"{unknown('objects', source, OBJECTS)} (nor is it a folder)")
    return load_objects(Path(source))


def _things(source: str) -> list[dict[str, str]]:
    """Return the manifest's name, category and split of each object."""
    if source in OBJECTS:
        train = {thing.name for thing in find_objects("train")}
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
    """Write the manifest of a collection, or check that the folder has the same."""
    path = folder / MANIFEST
    if not path.exists():
        return write_json(path, manifest)
    found = read_manifest(folder)
    for name, value in manifest.items():
        if found.get(name) != value:
            was = "other objects" if name == "things" else f"{name}={found.get(name)!r}, not {value!r}"
            raise FileError(f"{path} was collected with {was}: give another folder")
    return None


def _with_progress(
    results: Iterable[tuple[int, bytes]], done: int, total: int, progress: bool
) -> Iterator[tuple[int, bytes]]:
    """Yield shards, below a progress bar with their rate."""
    with progress_bar(progress, TextColumn("{task.fields[rate]} placements/min")) as bar:
        task = bar.add_task("collecting", completed=done, total=total, rate="–")
        start = time.monotonic()
        for count, result in enumerate(results, start=1):
            yield result
            bar.update(task, advance=1, rate=f"{60 * count / (time.monotonic() - start):.0f}")
