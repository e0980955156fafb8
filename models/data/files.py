"""Published data sets with known factors, read from a user's files: dSprites and 3D Shapes.

They are the same kind of source as those rendered here, so that every metric and figure accepts both. Nothing
is downloaded, and no code in a file is run (the pickled metadata of dSprites is not read).
"""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import require
from unknot.files import FileError
from unknot.models.data.grid import GridSource, Images

__all__ = ["StoredImages", "read_dsprites", "read_shapes3d"]

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

_format: Any = np.lib.format  # NumPy gives it no types
CHUNK = 4096
"""Images read at a time."""


class StoredImages(GridSource):
    """Stored images of a whole grid of factors.

    Args:
        read: from numbers of combinations (n,) to their images, uint8 (n, height, width, channels).
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
        FileError: another kind of file, or images that don't form a grid.
    """
    names = ("shape", "scale", "orientation", "x", "y")
    try:
        with zipfile.ZipFile(path) as archive:
            with archive.open("latents_values.npy") as file:
                table = _format.read_array(file, allow_pickle=False)[:, -5:]
            with archive.open("imgs.npy") as file:
                bits, side = _read_bits(file)
    except (KeyError, IndexError, ValueError, zipfile.BadZipFile) as error:
        raise FileError(f"{path} is not the dSprites archive ({error})") from error
    values = _grid(path, table, names, len(bits))

    def read(rows: Rows) -> Images:
        return np.unpackbits(bits[rows], axis=1, count=side * side).reshape(-1, side, side, 1) * np.uint8(255)

    return StoredImages(read, ("shape",), **values | {"shape": np.arange(len(values["shape"]))})


def read_shapes3d(path: str | Path) -> StoredImages:
    """Open 3D Shapes (Burgess and Kim, 2018): 3dshapes.h5; images are read on demand.

    Factors: `floor_hue`, `wall_hue`, `object_hue`, `scale`, `shape`, `orientation` (in degrees).

    Raises:
        FileNotFoundError: no such file.
        FileError: another kind of file, or images that don't form a grid.
    """
    require("agents", "h5py")
    import h5py

    names = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
    if not Path(path).exists():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        file = h5py.File(path, "r")
        images, table = file["images"], file["labels"][:]
    except (OSError, KeyError) as error:
        raise FileError(f"{path} is not the file of 3D Shapes ({error})") from error
    values = _grid(path, table, names, len(images))

    def read(rows: Rows) -> Images:
        distinct, copies = np.unique(rows, return_inverse=True)  # h5py needs ascending numbers
        stored: Images = images[distinct]
        return stored[copies]

    return StoredImages(read, ("shape",), **values | {"shape": np.arange(len(values["shape"]))})


def _read_bits(file: Any) -> tuple[Images, int]:
    """Read images (n, side, side) of zeros and ones in chunks, as a row of bits each."""
    version = _format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"imgs has version {version} of the format of arrays")
    shape, in_fortran_order, dtype = _format.read_array_header_1_0(file)
    if len(shape) != 3 or shape[1] != shape[2] or in_fortran_order or dtype != np.uint8:
        raise ValueError(f"imgs is {dtype} {shape}, expected uint8 (n, side, side)")
    count, side, _ = shape
    bits = np.empty((count, -(-side * side // 8)), np.uint8)
    for start in range(0, count, CHUNK):
        stop = min(start + CHUNK, count)
        content = file.read((stop - start) * side * side)
        bits[start:stop] = np.packbits(np.frombuffer(content, np.uint8).reshape(-1, side * side), axis=1)
    return bits, side


def _grid(path: str | Path, table: Floats, names: tuple[str, ...], count: int) -> dict[str, NDArray[Any]]:
    """Return the values of each factor; check that the table (n, factors) enumerates the grid."""
    if table.shape != (count, len(names)):
        raise FileError(f"{path} has factors of shape {table.shape}, expected {(count, len(names))}")
    values = {name: np.unique(column) for name, column in zip(names, table.T, strict=True)}
    expected = np.stack(np.meshgrid(*values.values(), indexing="ij"), -1).reshape(-1, len(names))
    if not np.array_equal(expected, table):
        raise FileError(f"{path} has factors that are not a grid with the last one changing fastest")
    return values
