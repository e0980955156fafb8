"""SVHN from a user's files: Netzer et al., "Reading digits in natural images", 2011; its cropped digits.

Nothing is downloaded. A file of MATLAB is unpacked within bounds and checked before SciPy reads it, and only
its arrays of numbers are read: no objects, no functions.
"""

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.archives import damage_named
from unknot.checks import require
from unknot.files import FileError

__all__ = ["FILES", "LabelledImages", "read_svhn"]

FILES = {"train": "train_32x32.mat", "test": "test_32x32.mat"}
"""SVHN's files by split, each with `X`, the images, and `y`, their labels."""
SIDE, CHANNELS = 32, 3
LARGEST = 100_000
"""Images in a file, at most; published ones have up to 73,257."""
LARGEST_FILE = LARGEST * (SIDE * SIDE * CHANNELS + 16)
"""Bytes of a file, and of one of its elements when unpacked, at most."""
WHAT = "a file of SVHN's cropped digits"

HEADER, TAG, MAGIC = 128, 8, b"MATLAB 5.0 MAT-file"
"""Bytes of the header of a MATLAB 5 file and of the tag of an element, and how the header begins."""
MATRIX, COMPRESSED = 14, 15
"""Types of elements."""


@dataclass(frozen=True)
class LabelledImages:
    """Images and the digits in them."""

    images: NDArray[np.uint8]
    """(n, 32, 32, 3)."""
    labels: NDArray[np.int64]
    """(n,), 0 to 9."""


def read_svhn(folder: str | Path, split: str) -> LabelledImages:
    """Read a split of SVHN's cropped digits, its label 10 as 0.

    Args:
        folder: with the split's file, see `FILES`.
        split: a name in `FILES`.

    Raises:
        FileNotFoundError: the file is missing.
        FileError: it is not of SVHN, is damaged, or promises more than SVHN can have; it is named.
        ValueError: an unknown split.
    """
    if not isinstance(split, str) or split not in FILES:
        raise ValueError(f"split must be one of {', '.join(map(repr, FILES))}, not {split!r}")
    require("learn", "scipy")
    from scipy.io import loadmat, whosmat

    path = Path(folder) / FILES[split]
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; SVHN's format 2, cropped digits, has it")
    if path.stat().st_size > LARGEST_FILE:
        raise FileError(f"{path} has {path.stat().st_size} bytes, expected at most {LARGEST_FILE}")
    with damage_named(path, WHAT):
        file = _unpacked(path)
        _check_listed({name: (shape, kind) for name, shape, kind in whosmat(file)})
        file.seek(0)
        arrays = loadmat(file, variable_names=["X", "y"])
        return _labelled(arrays["X"], arrays["y"])


def _unpacked(path: Path) -> io.BytesIO:
    """Return a MATLAB 5 file with its compressed elements unpacked, as long as they are not too long.

    SciPy would unpack whatever an element promises.
    """
    content = path.read_bytes()
    if not content.startswith(MAGIC) or content[HEADER - 2 : HEADER] not in (b"IM", b"MI"):
        raise ValueError(f"it begins with {content[:19]!r}, expected {MAGIC!r}")
    order, unpacked, at = "<" if content[HEADER - 2] == ord("I") else ">", [content[:HEADER]], HEADER
    while at < len(content):
        kind, length = struct.unpack_from(f"{order}II", content, at)
        element, at = content[at : at + TAG + length], at + TAG + length
        if kind == COMPRESSED:
            element = _decompressed(element[TAG:])
            kind, length = struct.unpack_from(f"{order}II", element)
        if kind != MATRIX or len(element) != TAG + length:
            raise ValueError(f"an element of type {kind} has {len(element)} bytes, expected a whole matrix")
        unpacked.append(element)
    return io.BytesIO(b"".join(unpacked))


def _decompressed(packed: bytes) -> bytes:
    stream = zlib.decompressobj()
    element = stream.decompress(packed, LARGEST_FILE)
    if stream.unconsumed_tail:
        raise ValueError(f"an element is unpacked to more than {LARGEST_FILE} bytes")
    return element


def _check_listed(listed: dict[str, tuple[tuple[int, ...], str]]) -> None:
    """Refuse shapes and types that are not SVHN's before the arrays are read."""
    for name in ("X", "y"):
        if name not in listed:
            raise ValueError(f"it lacks {name}, it has {', '.join(map(repr, listed)) or 'nothing'}")
    (shape, kind), (label_shape, label_kind) = listed["X"], listed["y"]
    if len(shape) != 4 or shape[:3] != (SIDE, SIDE, CHANNELS) or kind != "uint8":
        raise ValueError(f"X must be uint8 (32, 32, 3, n), not {kind} {shape}")
    if not 1 <= shape[3] <= LARGEST:
        raise ValueError(f"X must have 1 to {LARGEST} images, not {shape[3]}")
    if label_shape != (shape[3], 1) or label_kind not in ("uint8", "double"):
        raise ValueError(f"y must be uint8 or double ({shape[3]}, 1), not {label_kind} {label_shape}")


def _labelled(images: NDArray[Any], labels: NDArray[Any]) -> LabelledImages:
    flat = labels[:, 0]
    if not np.isin(flat, np.arange(1, 11)).all():
        raise ValueError(f"labels must be 1 to 10, not {flat.min()} to {flat.max()}")
    return LabelledImages(np.ascontiguousarray(images.transpose(3, 0, 1, 2)), flat.astype(np.int64) % 10)
