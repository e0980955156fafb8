"""Read the corners and faces of an OBJ file.

trimesh reads textures and materials, too, but takes negative indices as counted from the end of the file,
where the format counts from the line they are in, and takes the index 0, which the format doesn't have.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unknot.files import FileError

__all__ = ["read_obj"]

MOST = 2**31
"""Corners: no file can have as many."""
MARK = b"\xef\xbb\xbf"
"""The byte order mark that some editors put before a text in UTF-8."""


def read_obj(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Read an OBJ file: all its objects together, without textures, normals and materials.

    Args:
        path: the file.

    Returns:
        The corners (n, 3) as they are in the file, and the triangles (m, 3), each of three rows of the
        corners. A polygon becomes a fan of triangles.

    Raises:
        FileError: a line that isn't OBJ, or a face of corners that the file doesn't have.
    """
    text = path.read_bytes().removeprefix(MARK).decode("latin-1")  # names may be in any encoding
    corners: list[tuple[float, float, float]] = []
    triangles: list[tuple[int, int, int]] = []
    for line in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        kind, *words = line.partition("#")[0].split() or [""]
        try:
            if kind == "v":
                x, y, z, *_ = map(float, words)  # a weight or a colour may follow
                corners.append((x, y, z))
            elif kind == "f":
                if len(words) < 3:
                    raise ValueError("a face must have at least three corners")
                first, second, *others = (_row(word, len(corners)) for word in words)
                triangles.append((first, second, others[0]))
                triangles += [(before, after, first) for before, after in pairwise(others)]
        except ValueError as error:
            raise FileError(f"{path} has a line that is not OBJ: {line.strip()[:60]!r} ({error})") from error
    faces = np.array(triangles, dtype=np.int64).reshape(-1, 3)
    if len(faces) and faces.max() >= len(corners):
        raise FileError(f"{path} has a face of corner {faces.max() + 1}, but only {len(corners)} corners")
    return np.array(corners, dtype=np.float64).reshape(-1, 3), faces


def _row(word: str, count: int) -> int:
    """Return the row of a face's corner, such as "3/1/2" or "-1", after `count` corners."""
    index = int(word.partition("/")[0])
    if index == 0 or index < -count or index > MOST:
        raise ValueError(f"a corner must be from 1 up, or from -{count} to -1, not {index}")
    return index - 1 if index > 0 else count + index
