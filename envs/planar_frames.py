"""How the planar world looks: the agent's shape, the background, and two cameras, as array code over a batch.

Only elementwise arithmetic is used, so that images do not depend on the size of the batch, bit for bit.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from unknot.checks import flag, shown, within

from .planar_maps import PlanarMap

Floats = NDArray[np.float64]
Images = NDArray[np.uint8]

SUPERSAMPLES = 16
"""Samples per pixel along each axis, to antialias obstacles and walls."""


@dataclass(frozen=True)
class Appearance:
    """How the agent and its world look.

    Attributes:
        boxes: the agent's shape as boxes that do not overlap, (top, left, bottom, right) in half-agents
            from its centre, all within [-1, 1].
        oblique: seen by a camera that stands at the lower edge and looks down at an angle, instead of
            from straight above.

    Raises:
        ValueError: a box that isn't four numbers in [-1, 1] or has no extent; `oblique` that is no bool.
    """

    boxes: tuple[tuple[float, float, float, float], ...]
    oblique: bool = False

    def __post_init__(self) -> None:
        """Check the attributes."""
        flag(oblique=self.oblique)
        boxes = self.boxes if isinstance(self.boxes, tuple) else ()
        for box in boxes:
            if not (isinstance(box, tuple) and len(box) == 4):
                raise ValueError(f"boxes: {shown(box)} must be a tuple (top, left, bottom, right)")
            for number in box:
                within(-1, 1, boxes=number)
            if box[0] >= box[2] or box[1] >= box[3]:
                raise ValueError(f"boxes: {box} must have extent (top, left, bottom, right)")
        if not boxes:
            raise ValueError(f"boxes must be a tuple of boxes, not {shown(self.boxes)}")


_SQUARE = ((-1.0, -1.0, 1.0, 1.0),)
_THIRD = 1 / 3


def _disc(slabs: int) -> tuple[tuple[float, float, float, float], ...]:
    """Cut the unit disc into slabs, each as wide as the disc is at its middle."""
    edges = [2 * i / slabs - 1 for i in range(slabs + 1)]
    halves = [math.sqrt(1 - ((low + high) / 2) ** 2) for low, high in pairwise(edges)]
    return tuple((low, -half, high, half) for (low, high), half in zip(pairwise(edges), halves, strict=True))


APPEARANCES = {
    "square": Appearance(_SQUARE),
    "cross": Appearance(
        (
            (-_THIRD, -1.0, _THIRD, 1.0),
            (-1.0, -_THIRD, -_THIRD, _THIRD),
            (_THIRD, -_THIRD, 1.0, _THIRD),
        )
    ),
    "disc": Appearance(_disc(9)),
    "oblique": Appearance(_SQUARE, oblique=True),
}
"""The appearances by name."""


def footprints(
    positions: Floats, size: int, half_agent: float, appearance: Appearance, subpixel: bool
) -> tuple[NDArray[np.intp], Floats]:
    """Return the pixels (p, n) that agents may touch, and the share of each that they cover (p, n).

    The batch comes last, since array code is fast along long axes.

    Args:
        positions: (n, 2), row and column in the plane.
        size: height and width of the image in pixels.
        half_agent: half the side of the agent's body in pixels.
        appearance: the agent's shape, and the camera.
        subpixel: render the agent where it is; else centred on the pixel that holds its position.
    """
    row, column, scale = _view(positions, size, appearance.oblique)
    if not subpixel:
        row, column = np.floor(row) + 0.5, np.floor(column) + 0.5
    patch = np.arange(min(math.ceil(2 * half_agent) + 1, size))
    reach = scale * half_agent
    top = np.minimum(np.maximum(np.floor(row - reach), 0.0), size - len(patch))
    left = np.minimum(np.maximum(np.floor(column - reach), 0.0), size - len(patch))
    rows, columns = row - top, column - left
    coverage: Floats = np.zeros((len(patch), len(patch), len(row)))
    for low_row, low_column, high_row, high_column in appearance.boxes:
        tall = _overlap(rows + low_row * reach, rows + high_row * reach, len(patch))
        wide = _overlap(columns + low_column * reach, columns + high_column * reach, len(patch))
        coverage += tall[:, None] * wide
    first = (top * size + left).astype(np.intp)
    offsets = (patch[:, None] * size + patch).reshape(-1, 1)
    return first + offsets, coverage.reshape(len(patch) ** 2, len(row))


@lru_cache(maxsize=64)
def render_background(plane: PlanarMap, oblique: bool, brightness: int) -> Images:
    """Render obstacles and walls, antialiased, and all beyond the plane half as bright: (size, size)."""
    at = (np.arange(plane.size * SUPERSAMPLES) + 0.5) / SUPERSAMPLES
    row, column = at[:, None], at[None, :]
    if oblique:
        row, column = unproject(row, column, plane.size)
    solid = np.zeros((len(at), len(at)), dtype=bool)
    for centre_row, centre_column, radius in plane.obstacles:
        solid |= (row - centre_row) ** 2 + (column - centre_column) ** 2 < radius * radius
    for top, left, bottom, right in plane.walls:
        solid |= (row > top) & (row < bottom) & (column > left) & (column < right)
    beyond = (row < 0) | (column < 0) | (column > plane.size)  # only an oblique view shows that
    share = np.where(beyond, 0.5, solid).reshape(plane.size, SUPERSAMPLES, plane.size, SUPERSAMPLES)
    image: Images = (brightness * share.mean(axis=(1, 3)) + 0.5).astype(np.uint8)
    image.setflags(write=False)
    return image


def project(row: Floats, column: Floats, size: int) -> tuple[Floats, Floats, Floats]:
    """Map points of the plane to the oblique image: rows, columns, and the scale there.

    A pinhole camera above the lower edge: distances shrink to 0.6 at the upper edge, which lies at 0.3 of
    the image's height. The agent is an upright board that faces the camera, so that its shape
    stays a union of boxes.
    """
    scale = 1.5 * size / (2.5 * size - row)
    return (1.75 * scale - 0.75) * size, size / 2 + (column - size / 2) * scale, scale


def unproject(row: Floats, column: Floats, size: int) -> tuple[Floats, Floats]:
    """Invert `project`; points above the horizon are mapped infinitely far away."""
    scale = np.maximum((row / size + 0.75) / 1.75, 1e-9)
    return 2.5 * size - 1.5 * size / scale, size / 2 + (column - size / 2) / scale


def _view(positions: Floats, size: int, oblique: bool) -> tuple[Floats, Floats, Floats | float]:
    """Return rows and columns (n,) in the image, and the scale there (n,), of positions (n, 2)."""
    row, column = positions[:, 0], positions[:, 1]
    return project(row, column, size) if oblique else (row, column, 1.0)


def _overlap(low: Floats, high: Floats, pixels: int) -> Floats:
    """Return how much of each pixel [i, i + 1] the intervals (n,) cover: (pixels, n)."""
    edges = np.arange(pixels, dtype=np.float64)[:, None]
    covered: Floats = np.maximum(np.minimum(high, edges + 1) - np.maximum(low, edges), 0.0)
    return covered
