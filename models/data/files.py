"""Published data sets with known factors, read from a user's files: dSprites and 3D Shapes.

They are the same kind of source as those rendered here, so that every metric and figure accepts both. Nothing
is downloaded, and no code in a file is run (the pickled metadata of dSprites is not read).
"""

import math
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.archives import damage_named, read_header
from unknot.checks import require
from unknot.files import FileError
from unknot.models.data.grid import GridSource, Images

__all__ = ["StoredImages", "read_dsprites", "read_shapes3d"]

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

CHUNK = 4096
"""Images read at a time."""
LARGEST = 2_000_000
"""Images in a file, at most; published ones have 737,280."""
PIXELS = 2**33
"""Of all images that are kept in memory, at most, one bit each; published ones have 3.0 billion."""
DSPRITES = "the dSprites archive"
SHAPES3D = "the file of 3D Shapes"


class StoredImages(GridSource):
    """Stored images of a whole grid of factors.

    Args:
        read: from numbers of combinations (n,) to their images, uint8 (n, height, width, channels). If it
            can be pickled, so can the source, which a worker process needs.
        categorical: as in `GridSource`.
        **values: as in `GridSource`.
    """

    def __init__(
        self, read: Callable[[Rows], Images], categorical: tuple[str, ...] = (), **values: NDArray[Any]
    ) -> None:
        super().__init__(categorical, **values)
        self._read = read

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Return the stored images of the combinations nearest to factors.

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        return self._read(self.rows(factors))


def read_dsprites(path: str | Path) -> StoredImages:
    """Read dSprites (Matthey et al., 2017): dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz.

    The 737,280 images take 380 MB of memory, one bit per pixel. Factors are those of `Shapes2D`.

    Raises:
        FileNotFoundError: no such file.
        FileError: another kind of file, a damaged one, or images that don't form a grid.
    """
    names = ("shape", "scale", "orientation", "x", "y")
    with damage_named(path, DSPRITES), zipfile.ZipFile(path) as archive:
        table = _read_table(archive, "latents_values.npy")[:, -5:]
        bits, side = _read_bits(archive, "imgs.npy")
    values = _grid(path, table, names, len(bits))
    return StoredImages(_Bits(bits, side), ("shape",), **values)


class _Bits:
    """Reads images of zeros and ones, a row of bits each."""

    def __init__(self, bits: Images, side: int) -> None:
        self._bits, self._side = bits, side

    def __call__(self, rows: Rows) -> Images:
        side = self._side
        images = np.unpackbits(self._bits[rows], axis=1, count=side * side)
        return images.reshape(-1, side, side, 1) * np.uint8(255)


def _read_table(archive: zipfile.ZipFile, name: str) -> Floats:
    """Read numbers (n, columns)."""
    with archive.open(name) as file:
        shape, dtype, in_fortran_order = read_header(file, archive.getinfo(name).file_size)
        if len(shape) != 2 or not 5 <= shape[1] <= 6 or in_fortran_order or dtype.kind not in "fiu":
            raise ValueError(f"{name} is {dtype} {shape}, expected numbers (n, 6)")
        _check_count(shape[0])
        return np.frombuffer(file.read(), dtype).reshape(shape).astype(np.float64)


def _read_bits(archive: zipfile.ZipFile, name: str) -> tuple[Images, int]:
    """Read images (n, side, side) of zeros and ones in chunks, as a row of bits each."""
    with archive.open(name) as file:
        shape, dtype, in_fortran_order = read_header(file, archive.getinfo(name).file_size)
        if len(shape) != 3 or shape[1] != shape[2] or in_fortran_order or dtype != np.uint8:
            raise ValueError(f"{name} is {dtype} {shape}, expected uint8 (n, side, side)")
        count, side, _ = shape
        _check_count(count)
        if not 1 <= side**2 <= PIXELS / count:
            raise ValueError(f"there are {count} images of {side}² pixels, expected at most {PIXELS} pixels")
        bits = np.empty((count, -(-side * side // 8)), np.uint8)
        for start in range(0, count, CHUNK):
            stop = min(start + CHUNK, count)
            pixels = np.frombuffer(file.read((stop - start) * side * side), np.uint8)
            if pixels.max() > 1:
                raise ValueError(f"{name} has the number {pixels.max()}, expected zeros and ones")
            bits[start:stop] = np.packbits(pixels.reshape(-1, side * side), axis=1)
    return bits, side


def read_shapes3d(path: str | Path) -> StoredImages:
    """Open 3D Shapes (Burgess and Kim, 2018): 3dshapes.h5; images are read on demand.

    Factors: `floor_hue`, `wall_hue`, `object_hue`, `scale`, `shape`, `orientation` (in degrees).

    Raises:
        FileNotFoundError: no such file.
        FileError: another kind of file, a damaged one, or images that don't form a grid. Images that are
            damaged raise it when they are rendered.
    """
    require("agents", "h5py")
    names = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
    images = _StoredHues(path)
    count, table = images.read_table(len(names))
    return StoredImages(images, ("shape",), **_grid(path, table, names, count))


class _StoredHues:
    """Reads images of 3D Shapes; each process opens the file for itself."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path).absolute()
        self._file: Any = None
        self._process = 0

    def __getstate__(self) -> dict[str, Any]:
        return {"_path": self._path, "_file": None, "_process": 0}

    def __call__(self, rows: Rows) -> Images:
        distinct, copies = np.unique(rows, return_inverse=True)  # h5py needs ascending numbers
        with damage_named(self._path, SHAPES3D):
            stored: Images = self._open()["images"][distinct]
        return stored[copies]

    def read_table(self, columns: int) -> tuple[int, Floats]:
        """Return the number of images and the table of their factors (n, columns)."""
        with damage_named(self._path, SHAPES3D):
            images, table = self._open()["images"], self._open()["labels"]
            if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
                shape = f"{images.dtype} {images.shape}"
                raise ValueError(f"images is {shape}, expected uint8 (n, height, width, 1 or 3)")
            _check_count(len(images))
            if table.shape != (len(images), columns) or table.dtype.kind not in "fiu":
                expected = f"numbers {(len(images), columns)}"
                raise ValueError(f"labels is {table.dtype} {table.shape}, expected {expected}")
            return len(images), table[:].astype(np.float64)

    def _open(self) -> Any:
        import h5py

        if not self._path.exists():
            raise FileNotFoundError(f"{self._path} does not exist")
        if self._process != os.getpid():  # a forked copy must not share the file's position
            self._file, self._process = h5py.File(self._path, "r"), os.getpid()
        return self._file


def _check_count(count: int) -> None:
    if not 1 <= count <= LARGEST:
        raise ValueError(f"there are {count} images, expected 1 to {LARGEST}")


def _grid(path: str | Path, table: Floats, names: tuple[str, ...], count: int) -> dict[str, NDArray[Any]]:
    """Return the values of each factor; check that the table (n, factors) enumerates the grid."""
    if table.shape != (count, len(names)):
        raise FileError(f"{path} has factors of shape {table.shape}, expected {(count, len(names))}")
    values = {name: np.unique(column) for name, column in zip(names, table.T, strict=True)}
    sizes = [len(each) for each in values.values()]
    if not np.isfinite(table).all() or math.prod(sizes) != count or not _enumerates(table, values):
        raise FileError(f"{path} has factors that are not a grid with the last one changing fastest")
    return values | {"shape": np.arange(len(values["shape"]))}


def _enumerates(table: Floats, values: dict[str, NDArray[Any]]) -> bool:
    grid = np.stack(np.meshgrid(*values.values(), indexing="ij"), -1).reshape(table.shape)
    return np.array_equal(grid, table)
