from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from unknot.models.data.natural import natural_images


def write_cifar(folder: Path, images: dict[str, NDArray[np.uint8]]) -> None:
    for name, pixels in images.items():
        records = np.concatenate([np.zeros((len(pixels), 1), np.uint8), pixels.reshape(len(pixels), -1)], 1)
        (folder / name).write_bytes(records.tobytes())


def test_the_binary_files_of_cifar_are_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    planes = rng.integers(256, size=(6, 2, 3, 32, 32), dtype=np.uint8)
    names = [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]
    write_cifar(tmp_path, dict(zip(names, planes, strict=True)))
    images = natural_images(tmp_path, 7, 1, 0)
    np.testing.assert_array_equal(images.train[3], planes[1, 1].transpose(1, 2, 0))
    np.testing.assert_array_equal(images.test, planes[5, :1].transpose(0, 2, 3, 1))
    assert (len(images.train), images.source) == (7, "CIFAR-10")


def test_files_that_are_missing_or_damaged_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"data_batch_1\.bin"):
        natural_images(tmp_path, 1, 1, 0)
    (tmp_path / "data_batch_1.bin").write_bytes(b"a" * 100)
    with pytest.raises(ValueError, match="multiple of 3073"):
        natural_images(tmp_path, 1, 1, 0)


def test_crops_of_photographs_depend_on_the_seed_and_are_never_shared() -> None:
    first, again, other = (natural_images(None, 300, 100, seed) for seed in (0, 0, 1))
    assert first.train.shape == (300, 32, 32, 3)
    assert first.train.dtype == np.uint8
    np.testing.assert_array_equal(first.train, again.train)
    assert not np.array_equal(first.train, other.train)
    assert first.train.reshape(300, -1).std(1).mean() > 10  # they show something
