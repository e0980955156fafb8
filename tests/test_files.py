"""Atomic writes, weights that can't run code, run folders."""

import contextlib
import io
import os
import pickle
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from unknot import run_folders
from unknot.checks import require, unknown
from unknot.files import (
    FileError,
    WeightsError,
    create_folder,
    load_weights,
    read_json,
    read_object,
    save_weights,
    write_bytes,
    write_json,
)
from unknot.run_folders import find_model, find_seed, find_seeds, seed_folders

TENSORS: dict[str, Any] = {
    "weight": np.arange(6, dtype=np.float16).reshape(2, 3).T,
    "scalar": np.array(7, dtype=np.int64),
    "empty": np.zeros((0, 4), np.float32),
}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save_weights(path, TENSORS, "Net", {"widths": (2, 3), "rate": np.float32(0.5)})
    return path


def test_weights_round_trip(weights: Path) -> None:
    tensors, header = load_weights(weights, kind="Net")
    assert header.kind == "Net"
    assert header.settings == {"widths": [2, 3], "rate": 0.5}
    assert tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert tensors[name].dtype == array.dtype
        assert tensors[name].shape == array.shape
        np.testing.assert_array_equal(tensors[name], array)


@pytest.mark.parametrize("text", ["[" * 10_000, "{", "[]", '{"name": 1}', "{}", '{"name": true}'])
def test_an_object_that_is_none_is_refused_by_its_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(FileError, match=r"a\.json "):
        read_object(tmp_path / "a.json", name=str)


def test_only_folders_of_plain_numbers_are_seeds(tmp_path: Path) -> None:
    for name in ("seed-10", "seed-2", "seed-²", "seed-٣", "seed-007", "seed-", "seed--1"):
        (tmp_path / name).mkdir()
    (tmp_path / "seed-5").write_text("")
    assert seed_folders(tmp_path) == [tmp_path / "seed-2", tmp_path / "seed-10"]


def test_weights_of_another_kind_are_refused(weights: Path) -> None:
    with pytest.raises(WeightsError, match="holds the weights of Net, not of Other"):
        load_weights(weights, kind="Other")


def test_every_truncation_is_noticed(weights: Path) -> None:
    content = weights.read_bytes()
    for length in range(len(content)):
        weights.write_bytes(content[:length])
        with pytest.raises(WeightsError):
            load_weights(weights)


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_damage_is_noticed_or_harmless(
    position: int, byte: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged"
    save_weights(path, TENSORS, "Net", {"a": 1})
    content = bytearray(path.read_bytes())
    content[position % len(content)] = byte
    path.write_bytes(content)
    with contextlib.suppress(WeightsError):
        tensors, header = load_weights(path)
        assert isinstance(header.settings, dict)
        assert len(tensors) == len(TENSORS)


def test_a_pickle_in_disguise_is_not_opened(weights: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    zipped = io.BytesIO()
    torch.save({"trap": torch.zeros(2)}, zipped)
    for content in (*(pickle.dumps(Trap(), protocol=p) for p in (2, 3, 4, 5)), zipped.getvalue()):
        weights.write_bytes(content)
        with pytest.raises(WeightsError, match=r"is a pickle.*not opened"):
            load_weights(weights)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"hello", bytes(100), b"\x05" + bytes(7) + b"{{{{{"])
def test_a_file_that_is_not_safetensors_is_refused(weights: Path, content: bytes) -> None:
    weights.write_bytes(content)
    with pytest.raises(WeightsError, match=r"is not a safetensors file|is truncated"):
        load_weights(weights)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (None, "not one that unknot wrote"),
        ({"format": "pt"}, "not one that unknot wrote"),
        (
            {"format": "99", "kind": "Net", "settings": "{}", "version": "9.0"},
            r"version 99 \(of unknot 9.0",
        ),
    ],
)
def test_safetensors_of_other_programs_are_refused(
    weights: Path, metadata: dict[str, str] | None, words: str
) -> None:
    weights.write_bytes(save({"a": np.zeros(2)}, metadata))
    with pytest.raises(WeightsError, match=words):
        load_weights(weights)


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "file"
    write_bytes(path, b"old")

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_a_write_removes_what_killed_writes_left_and_no_living_one(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    for process in (dead.pid, os.getppid(), 10**30):
        (tmp_path / f".file.{process}.tmp").write_bytes(b"half")
    (tmp_path / ".mine.tmp").write_bytes(b"no process's")
    write_bytes(tmp_path / "other", b"all")
    assert {path.name for path in tmp_path.iterdir()} == {"other", ".mine.tmp", f".file.{os.getppid()}.tmp"}


def test_a_resume_removes_what_killed_writes_left_anywhere_in_the_run(tmp_path: Path) -> None:
    (tmp_path / "seed-0").mkdir()
    (tmp_path / "seed-0" / f".metrics.json.{10**30}.tmp").write_bytes(b"half")
    create_folder(tmp_path, resume=True)
    assert not any((tmp_path / "seed-0").iterdir())


def test_equal_weights_are_equal_bytes(tmp_path: Path) -> None:
    contents = set()
    for number in range(8):  # safetensors alone orders metadata anew each time
        save_weights(tmp_path / str(number), TENSORS, "Nét", {"quotes": '"\\\n\x01', "é": [1]})
        contents.add((tmp_path / str(number)).read_bytes())
        assert load_weights(tmp_path / str(number))[1].settings == {"quotes": '"\\\n\x01', "é": [1]}
    assert len(contents) == 1


def test_json_is_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": np.float64(0.5), "b": np.arange(3), "c": tmp_path})
    assert read_json(path) == {"a": 0.5, "b": [0, 1, 2], "c": str(tmp_path)}
    with pytest.raises(TypeError, match="object can't be written as JSON"):
        write_json(path, object())
    assert read_json(path)["a"] == 0.5
    path.write_text("{")
    with pytest.raises(ValueError, match=r"a\.json is not JSON"):
        read_json(path)


def test_an_existing_folder_is_refused_unless_resumed(tmp_path: Path) -> None:
    folder = create_folder(tmp_path / "runs" / "run")
    assert create_folder(folder) == folder  # nothing in it yet
    (folder / "kept").write_text("mine")
    with pytest.raises(FileExistsError, match=r"resume it \(--resume\) or name another"):
        create_folder(folder)
    with pytest.raises(FileExistsError):
        create_folder(folder / "kept")
    assert create_folder(folder, resume=True) == folder
    assert (folder / "kept").read_text() == "mine"


def test_a_model_is_found_by_its_run_and_name(runs: Path) -> None:
    (runs / "runs/maze/2025/seed-2/planning/reach").mkdir(parents=True)
    (runs / "package/planar/seed-2/solid").mkdir()
    assert find_model("maze") == (Path("runs/maze/2025/seed-2"), None)
    assert find_model("maze/2025/planning/reach") == (Path("runs/maze/2025/seed-2"), "planning/reach")
    assert find_model("maze/planning") == (Path("runs/maze/2025/seed-2"), "planning")
    assert find_model("pretrained/planar/solid") == (runs / "package/planar/seed-2", "solid")
    assert find_model("pretrained/planar", 10) == (runs / "package/planar/seed-10", None)
    for name in ("pretrained/planar/solidd", "maze/2027", "nothing/solid"):
        with pytest.raises(FileNotFoundError, match="unknown run"):
            find_model(name)
    with pytest.raises(FileNotFoundError, match="has no seed-3"):
        find_model("maze", 3)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with two runs of "maze", seeds 2 and 10, and weights that ship."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_folders, "_pretrained", lambda: tmp_path / "package")
    for run in ("runs/maze/2024", "runs/maze/2025", "package/planar"):
        for seed in (10, 2):
            (tmp_path / run / f"seed-{seed}").mkdir(parents=True)
    (tmp_path / "runs/maze/2025/seed-notes").mkdir()
    (tmp_path / "runs/maze/2026").mkdir()  # an empty one
    return tmp_path


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("maze", "runs/maze/2025"),
        ("maze/2024", "runs/maze/2024"),
        ("runs/maze/2024", "runs/maze/2024"),
        ("pretrained/planar", "package/planar"),
    ],
)
def test_runs_are_found_by_name_and_by_path(runs: Path, name: str, found: str) -> None:
    assert [path.resolve() for path in find_seeds(name)] == [runs / found / f"seed-{k}" for k in (2, 10)]
    assert find_seed(name).resolve() == runs / found / "seed-2"
    assert find_seed(name, 10).resolve() == runs / found / "seed-10"
    assert find_seeds(runs / found / "seed-10") == [runs / found / "seed-10"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pretrained/planer", "did you mean 'pretrained/planar'"),
        ("planar", "pretrained/planar"),
        ("maze/2023", "'maze/2024'"),
        ("qqqqqq", "there is 'maze/2024', 'maze/2025', 'pretrained/planar'"),
    ],
)
def test_a_missing_run_gets_near_matches(runs: Path, name: str, words: str) -> None:
    with pytest.raises(FileNotFoundError, match=words):
        find_seeds(name)
    with pytest.raises(FileNotFoundError, match="no seed-3; it has seed-2, seed-10"):
        find_seed("maze", 3)


def test_an_unknown_name_gets_near_matches() -> None:
    assert unknown("map", "Gate", ["gates", "door"]) == "unknown map 'Gate'; did you mean 'gates'?"
    assert unknown("map", "zzz", []) == "unknown map 'zzz'; there is none"


def test_a_missing_module_is_named_with_its_extra() -> None:
    require("learn", "numpy", "torch")
    with pytest.raises(ModuleNotFoundError, match=r'needs no_such_module: pip install "unknot\[learn\]"'):
        require("learn", "no_such_module")


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError, match="is a file: name another folder"):
        create_folder(tmp_path / "file" / "seed-0")
