"""Arrays from npz files that may be damaged or hostile: what a file promises is checked before it is read.

Every room may import this module; it imports numpy alone. No pickle is opened.
"""

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.files import FileError

__all__ = ["Expected", "damage_named", "read_arrays", "read_header"]

Expected = Mapping[str, tuple[Any, tuple[int | str, ...]]]
"""What arrays must be, by name: a NumPy type, such as uint8 or floating, and a shape. A size that is a letter
is free, up to `LARGEST`, and equal wherever the letter is."""

LARGEST = 10_000
"""The largest size that a file may choose freely."""
TEXT = 4_000
"""The largest text in bytes; NumPy takes four for a character."""

_format: Any = np.lib.format  # NumPy gives it no types


@contextmanager
def damage_named(path: str | Path, what: str) -> Iterator[None]:
    """Turn every error of reading a file into a `FileError` that names it, except those of its path.

    Args:
        path: the file.
        what: what it should be, such as "a shard of grasps".
    """
    try:
        yield
    except (FileNotFoundError, PermissionError, FileError):
        raise
    except Exception as error:  # zlib.error, BadZipFile, RuntimeError (a password), MemoryError, and more
        reason = str(error) or type(error).__name__
        raise FileError(f"{path} is not {what}, or damaged ({reason:.300})") from error


def read_arrays(path: str | Path, expected: Expected, what: str) -> dict[str, NDArray[Any]]:
    """Read arrays of an npz file.

    Args:
        path: the file.
        expected: types and shapes of the arrays to read; others in the file are ignored.
        what: see `damage_named`.

    Raises:
        FileNotFoundError: no such file.
        FileError: the file is damaged, lacks an array, or has one of another type or shape, or with numbers
            that are not finite.
    """
    sizes: dict[str, int] = {}
    with damage_named(path, what), zipfile.ZipFile(path) as archive:
        return {name: _read(archive, name, kind, shape, sizes) for name, (kind, shape) in expected.items()}


def _read(
    archive: zipfile.ZipFile, name: str, kind: Any, shape: tuple[int | str, ...], sizes: dict[str, int]
) -> NDArray[Any]:
    with archive.open(f"{name}.npy") as file:
        found, dtype, in_fortran_order = read_header(file, archive.getinfo(f"{name}.npy").file_size)
        fits = len(found) == len(shape) and np.issubdtype(dtype, kind) and dtype.itemsize <= TEXT
        for size, wanted in zip(found, shape, strict=False):
            if isinstance(wanted, str):
                fits = fits and size <= LARGEST
                wanted = sizes.setdefault(wanted, size)
            fits = fits and size == wanted
        if not fits:
            known = tuple(sizes.get(size, size) if isinstance(size, str) else size for size in shape)
            raise ValueError(f"{name} must be {kind.__name__} {known}, not {dtype} {found}")
        flat = np.frombuffer(bytearray(file.read()), dtype)
    array = flat.reshape(found[::-1]).T if in_fortran_order else flat.reshape(found)
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    return array


def read_header(file: Any, length: int) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    """Read the header of an npy file, and leave the file at the array's first byte.

    Args:
        file: open for reading bytes.
        length: of the file.

    Returns:
        The array's shape, its dtype, and whether the first index changes fastest.

    Raises:
        ValueError: it is no npy file, holds objects, or its array has another length.
    """
    version = _format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"the format of arrays has version {version}, expected (1, 0)")
    shape, in_fortran_order, dtype = _format.read_array_header_1_0(file)
    promised = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if dtype.hasobject:
        raise ValueError("an array holds Python objects, which are not read")
    if min(shape, default=0) < 0 or file.tell() + promised != length:
        raise ValueError(f"an array of {dtype} {shape} takes {promised} bytes, not {length - file.tell()}")
    return shape, dtype, in_fortran_order
