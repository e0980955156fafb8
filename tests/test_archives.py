"""Arrays from npz files: what a file promises is checked before it is read."""

import json
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unknot.archives import LARGEST, Expected, read_arrays
from unknot.envs.grasp.shards import MANIFEST, GraspDataset
from unknot.files import FileError

EXPECTED: Expected = {
    "image": (np.uint8, ("n", 4, 4, 3)),
    "pose": (np.floating, ("n", 6)),
    "name": (np.str_, ()),
}
ARRAYS: dict[str, Any] = {
    "image": np.arange(96, dtype=np.uint8).reshape(2, 4, 4, 3),
    "pose": np.asfortranarray(np.arange(12.0).reshape(2, 6)),
    "name": np.array("cup"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    np.savez_compressed(tmp_path / "a.npz", **ARRAYS)
    return tmp_path / "a.npz"


def test_arrays_come_back_as_they_were(path: Path) -> None:
    found = read_arrays(path, EXPECTED, "a thing")
    assert all(np.array_equal(found[name], array) for name, array in ARRAYS.items())
    found["image"][:] = 0  # not a view of what was read


@pytest.mark.parametrize("size", ["n", 60_000])
def test_only_a_size_that_the_file_chooses_has_a_limit(tmp_path: Path, size: int | str) -> None:
    np.savez_compressed(tmp_path / "a.npz", label=np.zeros(60_000, np.uint8))
    assert LARGEST < 60_000
    with pytest.raises(FileError, match="label") if size == "n" else nullcontext():
        assert (
            len(read_arrays(tmp_path / "a.npz", {"label": (np.uint8, (size,))}, "labels")["label"]) == 60_000
        )


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("image", ARRAYS["image"] / 255, r"image must be uint8 .*, not float64 \(2, 4, 4, 3\)"),
        ("image", np.moveaxis(ARRAYS["image"], 3, 1), r"image must be uint8 .*, not uint8 \(2, 3, 4, 4\)"),
        ("pose", np.zeros((3, 6)), r"pose must be floating \(2, 6\), not float64 \(3, 6\)"),
        ("pose", np.full((2, 6), np.nan), "pose must be finite"),
        ("pose", np.array([{}]), "an array holds Python objects"),
        ("name", np.array("a" * 2000), "name must be str_"),
    ],
)
def test_arrays_of_another_type_or_layout_are_named(path: Path, name: str, array: Any, words: str) -> None:
    np.savez_compressed(path, **ARRAYS | {name: array})
    with pytest.raises(FileError, match=rf"a\.npz is not a thing, or damaged \({words}"):
        read_arrays(path, EXPECTED, "a thing")


def test_a_header_of_terabytes_costs_nothing(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive, archive.open("image.npy", "w") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (2**40, 4, 4, 3)}
        np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]
    with pytest.raises(FileError, match=r"a\.npz is not a thing.*takes 52776558133248 bytes, not 0"):
        read_arrays(path, EXPECTED, "a thing")


def test_every_flipped_byte_is_noticed_or_harmless(path: Path) -> None:
    content = path.read_bytes()
    noticed = 0
    for position in range(len(content)):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :])
        try:
            found = read_arrays(path, EXPECTED, "a thing")
        except FileError as error:
            noticed += "a.npz" in str(error)
        else:
            assert all(np.array_equal(found[name], array) for name, array in ARRAYS.items())
    assert noticed > len(content) / 2


@pytest.mark.parametrize(
    "manifest", [{}, [], {"objects": "all"}, {"objects": "all", "things": []}, {"objects": 1, "things": [{}]}]
)
def test_a_manifest_that_lacks_something_is_named(tmp_path: Path, manifest: Any) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(FileError, match=r"dataset\.json must (have|hold)"):
        GraspDataset(tmp_path)
