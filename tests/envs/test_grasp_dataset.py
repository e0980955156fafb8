"""Collecting grasps: shards hold consistent data, depend only on seed and number, and survive a stop."""

import dataclasses
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

pytest.importorskip("pybullet", reason="PyBullet has no wheel for this Python")

import joblib
import trimesh

from unknot.cli import main
from unknot.envs.grasp import dataset
from unknot.envs.grasp.camera import DISTANCE, TARGET
from unknot.envs.grasp.dataset import PAIRS, STRAYS, GraspDataset, GraspShard, collect, count
from unknot.envs.grasp.objects import load_objects
from unknot.envs.grasp.world import GraspWorld, Reason
from unknot.files import FileError, read_json

pytestmark = pytest.mark.xdist_group("grasp-dataset")  # one process, which builds the fixtures once

SHARDS = 6
FEW = 3


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of five blocks, of which the last is for testing."""
    folder = tmp_path_factory.mktemp("blocks")
    for width in (3, 4, 5, 6, 7):
        block = trimesh.creation.box((width / 100, 0.05, 0.07))
        (folder / str(width % 2)).mkdir(exist_ok=True)
        block.export(folder / str(width % 2) / f"{width}cm.obj")
    return folder


@pytest.fixture(scope="module")
def collected(blocks: Path, tmp_path_factory: pytest.TempPathFactory) -> GraspDataset:
    return collect(tmp_path_factory.mktemp("grasps"), SHARDS, objects=str(blocks), progress=False)


def same(first: GraspShard, second: GraspShard) -> bool:
    pairs = ((getattr(first, f.name), getattr(second, f.name)) for f in dataclasses.fields(GraspShard))
    return all(np.array_equal(a, b) for a, b in pairs)


def are_the_first(collected: GraspDataset, first: GraspDataset) -> bool:
    """Whether the few shards are the first of all."""
    return len(first) == FEW and all(map(same, first, collected))


def projected(shard: GraspShard, view: int, points: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the rows and columns (n, 2) at which a view sees points (n, 3), and their depths (n,)."""
    homogeneous = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    clip = homogeneous @ (shard.projection @ shard.view[view]).T
    x, y = (clip[:, :2] / clip[:, 3:]).T
    return np.floor(np.stack([(1 - y) * 32, (1 + x) * 32], axis=1)).astype(int), clip[:, 3]


# The content of a shard


def test_the_objects_take_turns(collected: GraspDataset) -> None:
    names = ["0/4cm", "0/6cm", "1/3cm", "1/5cm", "1/7cm"]
    assert [shard.name for shard in collected] == [*names, names[0]]
    assert [shard.category for shard in collected] == ["0", "0", "1", "1", "1", "0"]
    assert not np.array_equal(collected[0].position, collected[5].position)
    assert not np.array_equal(collected[0].view[0], collected[5].view[0])


def test_half_of_each_demonstration_s_grasps_held_and_failures_are_mostly_simulated(
    collected: GraspDataset,
) -> None:
    for shard in collected:
        assert shard.perturbed.sum() >= 10
        assert shard.pose.dtype == np.float32
        assert np.array_equal(shard.success, shard.reason == Reason.HELD)
        for number in np.unique(shard.demonstration[shard.perturbed]):
            mine = shard.demonstration == number
            assert shard.success[mine].mean() == 0.5
            failed = shard.reason[mine & ~shard.success]
            simulated = np.isin(failed, [Reason.MISSED, Reason.SLIPPED])
            assert simulated.mean() >= 0.5
            assert np.isin(failed[~simulated], [Reason.TABLE, Reason.OBJECT]).all()
        for reason in Reason:
            assert (shard.reason[shard.perturbed] == reason).sum() <= shard.drawn[reason]


def test_pairs_held_and_failed_at_nearly_the_same_height_and_tilt(collected: GraspDataset) -> None:
    gaps: dict[str, list[float]] = {"paired": [], "other": []}
    for shard in collected:
        assert not (shard.paired & ~shard.perturbed).any()
        for number in np.unique(shard.demonstration[shard.perturbed]):
            mine = shard.demonstration == number
            assert 0 < (mine & shard.paired & shard.success).sum() <= PAIRS
            assert (mine & shard.paired & shard.success).sum() == (mine & shard.paired & ~shard.success).sum()
            for name, rows in (("paired", mine & shard.paired), ("other", mine & ~shard.paired)):
                held, failed = (shard.pose[rows & (shard.success == end), 2] for end in (True, False))
                if len(held) and len(failed):
                    gaps[name].append(abs(held.mean() - failed.mean()))
    assert np.mean(gaps["paired"]) < 0.7 * np.mean(gaps["other"])


def test_strays_are_around_the_object_and_hardly_any_holds(collected: GraspDataset) -> None:
    strays = [~shard.perturbed for shard in collected]
    assert all(rows.sum() == STRAYS for rows in strays)
    for shard, rows in zip(collected, strays, strict=True):
        aside = np.linalg.norm(shard.pose[rows, :2] - shard.position, axis=1)
        assert aside.max() < 0.06  # the widest block has a diagonal of 9 cm
        assert aside.std() > 0.003
    held = np.concatenate([shard.success[rows] for shard, rows in zip(collected, strays, strict=True)])
    assert held.mean() < 0.25


def test_recorded_outcomes_are_those_of_the_recorded_poses(collected: GraspDataset, blocks: Path) -> None:
    world = GraspWorld(load_objects(blocks))
    for shard in (collected[4], collected[1]):
        world.place(shard.object_index, shard.position, shard.yaw)
        for pose, success, reason in list(zip(shard.pose, shard.success, shard.reason, strict=True))[::7]:
            assert world.attempt(pose) == (success, reason)
    world.close()


def test_views_mask_depth_and_occupancy_show_the_same_object(collected: GraspDataset) -> None:
    for shard in collected:
        assert shard.image.shape == (4, 64, 64, 3)
        assert shard.elevation.tolist() == [15, 30, 45, 60]
        cells = (np.argwhere(shard.occupancy) + 0.5) / 32 * shard.size + shard.origin
        for view, elevation in enumerate(np.radians(shard.elevation)):
            eye = np.linalg.inv(shard.view[view])[:3, 3]
            assert np.arcsin((eye - TARGET)[2] / DISTANCE) == pytest.approx(elevation, abs=1e-4)
            pixels, depths = projected(shard, view, cells)
            seen = np.zeros((64, 64), dtype=bool)
            seen[tuple(pixels.T)] = True
            mask = shard.mask[view]
            assert (seen & mask).sum() > 0.95 * mask.sum()
            assert not (seen & ~binary_dilation(mask, np.ones((3, 3)))).any()  # but for pixels at the edge
            nearest = np.full((64, 64), np.inf)
            np.minimum.at(nearest, tuple(pixels.T), depths)
            errors = np.abs(nearest - shard.depth[view])[seen & mask]
            assert np.median(errors) < 0.005  # a pixel is 5 mm wide there


def test_the_grid_has_the_object_s_volume(collected: GraspDataset, blocks: Path) -> None:
    for shard in collected:
        thing = load_objects(blocks)[shard.object_index]
        assert shard.occupancy.mean() * shard.size**3 == pytest.approx(thing.mesh.volume, rel=0.1)


# Splits, counts


def test_splits_are_by_object(collected: GraspDataset) -> None:
    folder = collected.paths[0].parent
    train, test = (GraspDataset(folder, split) for split in ("train", "test"))
    assert {shard.name for shard in test} == {"1/7cm"}
    assert {shard.name for shard in train} == {"0/4cm", "0/6cm", "1/3cm", "1/5cm"}
    assert len(train) + len(test) == len(collected) == SHARDS


def test_placements_and_grasps_are_counted_by_category(collected: GraspDataset) -> None:
    counts = count(collected)
    assert {name: row.placements for name, row in counts.items()} == {"0": 3, "1": 3}
    assert sum(row.grasps for row in counts.values()) == sum(shard.perturbed.sum() for shard in collected)
    for row in counts.values():
        assert 0.75 * row.grasps <= row.simulated < row.grasps < row.tried


def test_the_collection_of_101_is_split_as_its_objects_are() -> None:
    things = dataset._things("all")
    assert len(things) == 101
    assert sum(thing["split"] == "test" for thing in things) == 21
    assert {thing["split"] for thing in dataset._things("pybullet")} == {"test"}


# Stops, processes, clusters


def test_two_processes_give_the_same_shards(collected: GraspDataset, blocks: Path, tmp_path: Path) -> None:
    with joblib.parallel_config("loky", n_jobs=2):
        parallel = collect(tmp_path, FEW, objects=str(blocks), progress=False)
    assert are_the_first(collected, parallel)


def test_a_killed_collection_continues(collected: GraspDataset, blocks: Path, tmp_path: Path) -> None:
    command = f"import sys; from unknot.cli import main; main({_words(tmp_path, blocks)!r})"
    process = subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.DEVNULL)
    while not list(tmp_path.glob("shard-*.npz")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("shard-*.npz")}
    assert 0 < len(kept) < FEW
    again = collect(tmp_path, FEW, objects=str(blocks), progress=False)
    assert are_the_first(collected, again)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def _words(folder: Path, blocks: Path) -> list[str]:
    return [
        "collect-grasps",
        str(folder),
        *("--placements", str(FEW)),
        *("--objects", str(blocks)),
        *("--jobs", "1"),
    ]


def test_a_collection_can_be_enlarged_and_keeps_its_shards(
    collected: GraspDataset, blocks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(tmp_path, 1, objects=str(blocks), progress=False)
    (tmp_path / ".shard-000001.npz.123.tmp").write_bytes(b"half")
    numbers = []

    def counted(objects: str, seed: int, number: int) -> tuple[int, bytes]:
        numbers.append(number)
        return number, collected.paths[number].read_bytes()

    monkeypatch.setattr(dataset, "_collect", counted)
    assert are_the_first(collected, collect(tmp_path, FEW, objects=str(blocks), progress=False))
    assert numbers == [1, 2]


@pytest.mark.slow
def test_ray_gives_the_same_shards(
    collected: GraspDataset, blocks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ray = pytest.importorskip("ray", reason="the extra cluster is not installed")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        main([*_words(tmp_path, blocks)[:-1], "2", "--ray"])
    finally:
        ray.shutdown()
    assert are_the_first(collected, GraspDataset(tmp_path))
    assert "placements" in capsys.readouterr().out


# Refusals


def test_another_collection_s_folder_is_refused(collected: GraspDataset, blocks: Path) -> None:
    folder = collected.paths[0].parent
    with pytest.raises(FileError, match=r"dataset.json was collected with seed=0, not 1"):
        collect(folder, SHARDS, objects=str(blocks), seed=1, progress=False)
    with pytest.raises(FileError, match=r"was collected with objects='.*', not 'test'"):
        collect(folder, SHARDS, objects="test", progress=False)
    assert read_json(folder / "dataset.json")["objects"] == str(blocks)


def test_bad_arguments_are_named(
    tmp_path: Path, collected: GraspDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="placements must be at least 1, not 0"):
        collect(tmp_path, 0)
    with pytest.raises(FileNotFoundError, match="collect grasps there first"):
        GraspDataset(tmp_path)
    with pytest.raises(ValueError, match="unknown split 'novel'"):
        GraspDataset(collected.paths[0].parent, "novel")
    with pytest.raises(SystemExit):
        main(["collect-grasps", str(tmp_path), "--objects", "pybulet"])
    assert (
        "unknown objects 'pybulet'; did you mean 'pybullet'? (nor is it a folder)" in capsys.readouterr().err
    )


def test_a_damaged_shard_is_named(tmp_path: Path, collected: GraspDataset) -> None:
    path = tmp_path / "shard-000000.npz"
    path.write_bytes(b"\x80not a shard")
    with pytest.raises(FileError, match=r"shard-000000.npz is not a shard of grasps"):
        GraspShard.read(path)
    path.write_bytes(collected.paths[0].read_bytes()[:4000])
    with pytest.raises(FileError, match=r"shard-000000.npz is not a shard of grasps"):
        GraspShard.read(path)


def test_reading_needs_no_pybullet(collected: GraspDataset) -> None:
    """PyBullet has no wheels for the newest Pythons, where networks can be trained nevertheless."""
    code = (
        "import sys; sys.modules['pybullet'] = None; from pathlib import Path\n"
        "from unknot.envs.grasp.dataset import GraspDataset\n"
        f"print(GraspDataset(Path({str(collected.paths[0].parent)!r}))[0].name)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "0/4cm\n"
