"""SVHN's files: read as they are, refused by name where they are something else."""

import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from unknot.files import FileError
from unknot.models.data.svhn import LARGEST_FILE, read_svhn

IMAGES = np.random.default_rng(0).integers(256, size=(32, 32, 3, 4), dtype=np.uint8)
LABELS = np.array([[1], [10], [9], [10]], np.uint8)


def write(folder: Path, compressed: bool = True, **arrays: Any) -> Path:
    savemat(folder / "test_32x32.mat", arrays, do_compression=compressed)
    return folder / "test_32x32.mat"


@pytest.mark.parametrize("compressed", [True, False])
def test_images_and_labels_are_read_and_ten_is_zero(tmp_path: Path, compressed: bool) -> None:
    write(tmp_path, compressed, X=IMAGES, y=LABELS)
    found = read_svhn(tmp_path, "test")
    assert found.labels.tolist() == [1, 0, 9, 0]
    assert found.labels.dtype == np.int64
    np.testing.assert_array_equal(found.images[2], IMAGES[..., 2])


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"X": IMAGES}, "lacks y, it has 'X'"),
        ({"y": LABELS}, "lacks X"),
        ({"X": IMAGES.astype(float), "y": LABELS}, "X must be uint8"),
        ({"X": IMAGES[:31], "y": LABELS}, r"not uint8 \(31, 32, 3, 4\)"),
        ({"X": IMAGES[..., 0], "y": LABELS}, r"not uint8 \(32, 32, 3\)"),
        ({"X": IMAGES, "y": LABELS[:3]}, r"y must be uint8 or double \(4, 1\)"),
        ({"X": IMAGES, "y": LABELS - 1}, "labels must be 1 to 10, not 0 to 9"),
        ({"X": IMAGES, "y": LABELS + 1}, "labels must be 1 to 10, not 2 to 11"),
        ({"X": IMAGES, "y": LABELS / 2}, "labels must be 1 to 10, not 0.5 to 5"),
        ({"X": IMAGES, "y": LABELS * np.nan}, "labels must be 1 to 10, not nan"),
        ({"X": {"a": 1}, "y": LABELS}, "not struct"),
        ({"X": IMAGES, "y": np.array([[{}]], object)}, "not cell"),
    ],
)
def test_other_arrays_are_refused_by_name(tmp_path: Path, arrays: dict[str, Any], sentence: str) -> None:
    path = write(tmp_path, **arrays)
    with pytest.raises(FileError, match=f"{path.name} is not a file of SVHN.*{sentence}"):
        read_svhn(tmp_path, "test")


def test_pickles_pieces_and_other_files_are_refused(tmp_path: Path) -> None:
    whole = write(tmp_path, X=IMAGES, y=LABELS).read_bytes()
    for content in (pickle.dumps([1]), b"", whole[:-7], whole[:200], whole[:128] + b"a", whole + b"tail"):
        (tmp_path / "test_32x32.mat").write_bytes(content)
        with pytest.raises(FileError, match=r"test_32x32\.mat is not a file of SVHN"):
            read_svhn(tmp_path, "test")
    with pytest.raises(FileNotFoundError, match=r"train_32x32\.mat is missing"):
        read_svhn(tmp_path, "train")
    with pytest.raises(ValueError, match="split must be one of 'train', 'test', not 'extra'"):
        read_svhn(tmp_path, "extra")


def test_what_would_be_unpacked_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, X=IMAGES, y=LABELS)
    bomb = zlib.compress(struct.pack("<II", 14, 2**31) + bytes(10**6))
    path.write_bytes(path.read_bytes()[:128] + struct.pack("<II", 15, len(bomb)) + bomb)
    monkeypatch.setattr("unknot.models.data.svhn.LARGEST_FILE", 10**5)
    with pytest.raises(FileError, match="an element is unpacked to more than 100000 bytes"):
        read_svhn(tmp_path, "test")
    path.write_bytes(bytes(10**5 + 1))
    with pytest.raises(FileError, match="has 100001 bytes, expected at most 100000"):
        read_svhn(tmp_path, "test")
    assert LARGEST_FILE > 73_257 * 32 * 32 * 3  # the published ones are smaller
