"""Natural images of 32 × 32 pixels: CIFAR-10 from a user's files, or crops of photographs.

Nothing is downloaded. The photographs are part of required packages: two of scikit-learn, one of matplotlib.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unknot.files import FileError

__all__ = ["SIDE", "NaturalImages", "cifar", "natural_images", "photographs"]

SIDE = 32
_RECORD = 1 + 3 * SIDE * SIDE
_TRAINING, _TEST = [f"data_batch_{k}.bin" for k in range(1, 6)], ["test_batch.bin"]

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class NaturalImages:
    """Images to train and to test on."""

    train: Images
    """(n, 32, 32, 3)."""
    test: Images
    """(m, 32, 32, 3), disjoint from `train`."""
    source: str
    """Their description, for a table."""


def natural_images(folder: str | Path | None, train: int, test: int, seed: int) -> NaturalImages:
    """Return CIFAR-10's images from a folder, or crops of photographs without one.

    Args:
        folder: see `cifar`; None for photographs.
        train: training images, at most.
        test: test images, at most.
        seed: of the crops.

    Raises:
        FileNotFoundError, FileError: see `cifar`.
    """
    if folder is None:
        return photographs(train, test, seed)
    images = cifar(Path(folder))
    return NaturalImages(images.train[:train], images.test[:test], images.source)


def cifar(folder: Path) -> NaturalImages:
    """Read the binary version of CIFAR-10 (the other versions are pickles, which can run code).

    Args:
        folder: with `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`.

    Raises:
        FileNotFoundError: a file is missing.
        FileError: a file's size is not a multiple of an image's.
    """
    train, test = (np.concatenate([_read(folder / name) for name in names]) for names in (_TRAINING, _TEST))
    return NaturalImages(train, test, "CIFAR-10")


def _read(path: Path) -> Images:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; CIFAR-10's binary version has it")
    content = np.frombuffer(path.read_bytes(), np.uint8)
    if len(content) == 0 or len(content) % _RECORD:
        raise FileError(f"{path} has {len(content)} bytes, expected a multiple of {_RECORD}, one per image")
    pixels = content.reshape(-1, _RECORD)[:, 1:].reshape(-1, 3, SIDE, SIDE)
    return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))


def photographs(train: int, test: int, seed: int) -> NaturalImages:
    """Crop three photographs at three scales; the right quarter of each is for testing.

    Args:
        train: training images.
        test: test images.
        seed: of their positions and mirroring.
    """
    from matplotlib import cbook
    from matplotlib.image import imread
    from sklearn.datasets import load_sample_images

    portrait = imread(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    pictures = [*load_sample_images().images, portrait]
    rng = np.random.default_rng(seed)
    left, right = zip(*(_divide(picture) for picture in pictures), strict=True)
    source = "pieces of three photographs"
    return NaturalImages(_pieces(left, train, rng), _pieces(right, test, rng), source)


def _divide(picture: Images) -> tuple[Images, Images]:
    edge = 3 * picture.shape[1] // 4
    return picture[:, :edge], picture[:, edge:]


def _pieces(pictures: tuple[Images, ...], count: int, rng: np.random.Generator) -> Images:
    pieces = np.empty((count, SIDE, SIDE, 3), np.uint8)
    for k in range(count):
        picture, scale = pictures[rng.integers(len(pictures))], int(rng.integers(1, 4))
        side = scale * SIDE
        row, column = (rng.integers(size - side + 1) for size in picture.shape[:2])
        piece = picture[row : row + side, column : column + side]
        small = piece.reshape(SIDE, scale, SIDE, scale, 3).mean((1, 3)).round().astype(np.uint8)
        pieces[k] = small[:, :: rng.choice((-1, 1))]
    return pieces
