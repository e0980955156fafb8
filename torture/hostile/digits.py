"""Folders of MNIST's idx files, and its cache: cut, swollen, of other sizes, without a digit."""

import gzip
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from torture.hostile.case import Case, Change, changed, corrupted
from torture.hostile.images import archive_changes, npy, write_zip
from unknot import mnist

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 28, 28), np.uint8)
LABELS = (np.arange(30) % 10).astype(np.uint8)
PICTURES, NAMES = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"

Bytes = NDArray[np.uint8]


def cases() -> Iterable[Case]:
    """Return the cases."""
    changes: dict[str, Change] = {
        "no bytes": lambda whole: b"",
        "text": lambda whole: b"digits of mine",
        "a header alone": lambda whole: whole[:8],
        "half of it": lambda whole: whole[: len(whole) // 2],
        "a byte less": lambda whole: whole[:-1],
        "a byte more": lambda whole: whole + b"x",
        "floats": lambda whole: whole[:2] + b"\x0d" + whole[3:],
        "another number of axes": lambda whole: whole[:3] + b"\x02" + whole[4:],
        "2**32 - 1 digits": lambda whole: whole[:4] + b"\xff" * 4 + whole[8:],
        "no digits": lambda whole: whole[:4] + bytes(4) + whole[8:],
        "2**32 - 1 of all": lambda whole: whole[:4] + b"\xff" * (4 * whole[3]) + whole[4 + 4 * whole[3] :],
    }
    for name, change in changes.items():
        for file in (PICTURES, NAMES):
            yield Case(f"{file}: {name}", partial(_damage, file=file, change=change), _load)
        pack = partial(_packed, change=change)
        yield Case(f"{PICTURES}.gz: {name}", partial(_damage, file=PICTURES, change=pack, end=".gz"), _load)
    packed: dict[str, Change] = {
        "not packed": lambda whole: whole,
        "a flipped byte": lambda whole: _flipped(gzip.compress(whole)),
        "a wrong checksum": lambda whole: gzip.compress(whole)[:-8] + bytes(8),
        "cut": lambda whole: gzip.compress(whole)[:-9],
        "text behind it": lambda whole: gzip.compress(whole) + b"text",
        "a bomb behind a true header": lambda whole: gzip.compress(whole) + 64 * gzip.compress(bytes(2**25)),
        "a bomb behind a false one": lambda whole: (
            gzip.compress(whole[:4] + b"\xff" * 12) + 64 * gzip.compress(bytes(2**25))
        ),
    }
    for name, change in packed.items():
        yield Case(f"{PICTURES}.gz, {name}", partial(_damage, file=PICTURES, change=change, end=".gz"), _load)
    labels = {
        "without 3s": np.where(LABELS == 3, 4, LABELS),
        "of one class": np.full(30, 7),
        "of 10": np.where(LABELS == 3, 10, LABELS),
        "fewer than images": LABELS[:-1],
    }
    for name, wrong in labels.items():
        yield Case(f"labels {name}", partial(_write, labels=wrong.astype(np.uint8)), _load)
    yield Case("images of 27 pixels", partial(_write, images=IMAGES[:, :27]), _load)
    yield Case("a folder without files", lambda folder: folder, _load)
    yield Case("no folder", lambda folder: folder / "none", _load)
    yield Case("as published", _write, _load, False)
    make = partial(_damage, file=PICTURES, change=gzip.compress, end=".gz")
    yield Case("as published, packed", make, _load, False)
    for name, damage in archive_changes().items():
        make = partial(changed, write=_write_cache, change=damage)
        yield Case(f"the cache: {name}", make, _load_cache)
    yield Case("the cache: other arrays", partial(_write_cache, images=IMAGES[:, :27]), _load_cache)


def _load(folder: Path) -> None:
    images, labels = mnist.load("train", folder)
    assert np.array_equal(images, IMAGES)
    assert np.array_equal(labels, LABELS)


def _load_cache(path: Path) -> None:
    os.environ["XDG_CACHE_HOME"] = str(path.parent.parent)
    os.environ.pop(mnist.VARIABLE, None)
    mnist.load("train", source="mnist")


def _write(folder: Path, images: Bytes = IMAGES, labels: Bytes = LABELS) -> Path:
    for name, array in ((PICTURES, images), (NAMES, labels)):
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        (folder / name).write_bytes(header + array.tobytes())
    return folder


def _damage(folder: Path, file: str, change: Change, end: str = "") -> Path:
    """Put a changed file, of a name that perhaps ends in .gz, in the place of a file."""
    path = _write(folder) / file
    content = change(path.read_bytes())
    path.unlink()
    path.with_name(file + end).write_bytes(content)
    return folder


def _packed(whole: bytes, change: Change) -> bytes:
    return gzip.compress(change(whole))


def _flipped(content: bytes) -> bytes:
    return next(corrupted(content, [len(content) // 2]))[1]


def _write_cache(folder: Path, images: Bytes = IMAGES) -> Path:
    (folder / "unknot").mkdir()
    whole = {"train_images": npy(images), "train_labels": npy(LABELS)}
    return write_zip(folder / "unknot" / "mnist.npz", whole)
