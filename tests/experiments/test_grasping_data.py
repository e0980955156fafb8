"""The data of the grasping experiment: what is missing is collected again, and nothing else replaces it."""

from pathlib import Path
from typing import Any

import joblib
import pytest

pytest.importorskip("pybullet", reason="PyBullet is not installed")

import trimesh

from unknot.agents.grasp_batches import collect_grasps
from unknot.envs.grasp.shards import shard_path
from unknot.experiments.grasping import Settings, data
from unknot.files import FileError

SETTINGS = Settings(dataset="GRASPS", placements=4, test_placements=1)
RECORD: dict[str, Any] = {"objects": "boxes", "seed": 0, "placements": 5, "used": {"train": 4, "test": 1}}
SEED = Path("run/seed-0")


@pytest.fixture(autouse=True)
def boxes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Collect in this process, in a folder with five objects, of which the last is to test on."""
    serial = joblib.parallel_config
    monkeypatch.setattr(joblib, "parallel_config", lambda *_, **__: serial("sequential"))
    monkeypatch.setattr(data, "TESTS", ("test",))
    monkeypatch.chdir(tmp_path)
    Path("boxes").mkdir()
    for k in range(5):
        trimesh.creation.box((0.04, 0.06, 0.05 + 0.01 * k)).export(f"boxes/box-{k}.obj")


def test_the_test_set_of_a_run_is_collected_again_where_it_is_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    data.collect_tests(SETTINGS, SEED, RECORD)
    said = capsys.readouterr().err
    assert "GRASPS lacks 1 placements: collecting takes about 1 min of a core." in said
    assert [*Path("GRASPS").glob("shard-*")] == [shard_path(Path("GRASPS"), 4)]
    found = data.read_all(SETTINGS, SEED, ("test",))
    assert data.record(SETTINGS, found) == {**RECORD, "placements": 1, "used": {"test": 1}}
    assert not data.read_train(SETTINGS, SEED, RECORD)
    data.collect_tests(SETTINGS, SEED, RECORD)
    assert "lacks" not in capsys.readouterr().err
    with pytest.raises(FileError, match=r"GRASPS/dataset\.json was collected with seed=0, not 1"):
        data.collect_tests(SETTINGS, SEED, {**RECORD, "seed": 1})


def test_a_run_whose_objects_are_gone_is_refused() -> None:
    with pytest.raises(FileError, match="can't be collected again: unknown objects 'gone'"):
        data.collect_tests(SETTINGS, SEED, {**RECORD, "objects": "gone"})


def test_without_a_record_a_missing_dataset_stays_missing() -> None:
    data.collect_tests(SETTINGS, SEED, None)
    with pytest.raises(FileNotFoundError, match=r"GRASPS has no dataset\.json"):
        data.read_all(SETTINGS, SEED, ("test",))


def test_grasps_to_train_on_count_only_if_all_of_them_are_there() -> None:
    assert not data.read_train(SETTINGS, SEED, RECORD)
    collect_grasps(Path("GRASPS"), 1, "boxes", split="train")
    assert not data.read_train(SETTINGS, SEED, RECORD)
    one = {**RECORD, "used": {"train": 1}}
    assert len(data.read_train(SETTINGS, SEED, one)["train"].shards) == 1
