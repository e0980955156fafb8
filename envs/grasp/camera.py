"""A camera that looks at the table: colour, depth, mask, and the matrices that say where it stands."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pybullet
from numpy.typing import NDArray

__all__ = ["AZIMUTHS", "ELEVATIONS", "PIXELS", "View", "look"]

PIXELS = 64
"""Of an edge of the image."""

ELEVATIONS = (10.0, 80.0)
AZIMUTHS = (0.0, 360.0)
"""Where a camera may stand, degrees."""

TARGET = (0.0, 0.0, 0.09)
"""What it looks at, metres."""

DISTANCE = 0.6
"""From what it looks at, metres."""

FIELD_OF_VIEW = 32.0
"""Degrees from edge to edge: each of the 101 objects is in the picture wherever it may stand."""

NEAR, FAR = 0.1, 2.0
"""Depths (m) between which something is seen."""


@dataclass(frozen=True)
class View:
    """What a camera sees. A point p of the world (homogeneous) is at projection @ view @ p in clip space.

    Attributes:
        image: (n, n, 3), uint8, RGB, the first row at the top.
        depth: (n, n), float32: metres along the camera's axis; `FAR` where nothing is.
        mask: (n, n), bool: where the object is seen.
        view: (4, 4), float32: from the world to the camera, which looks along its -z, y up, as in OpenGL.
        projection: (4, 4), float32: from the camera to clip space, as in OpenGL.
    """

    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    mask: NDArray[np.bool_]
    view: NDArray[np.float32]
    projection: NDArray[np.float32]


def look(bullet: Any, object_body: int, elevation: float, azimuth: float, pixels: int = PIXELS) -> View:
    """Draw what a client holds.

    Args:
        bullet: the client.
        object_body: the body that the mask shows.
        elevation: the camera's angle above the table, degrees.
        azimuth: its direction seen from above, degrees from x towards y.
        pixels: of an edge of the image.
    """
    up, around = np.radians([elevation, azimuth])
    direction = np.array([np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)])
    eye = np.array(TARGET) + DISTANCE * direction
    view = _matrix(pybullet.computeViewMatrix(eye.tolist(), TARGET, [0, 0, 1]))
    projection = _matrix(pybullet.computeProjectionMatrixFOV(FIELD_OF_VIEW, 1.0, NEAR, FAR))
    # TinyRenderer draws what is at a pixel's lower left corner; moved by half a pixel, what is at its middle.
    shift = np.eye(4)
    shift[:2, 3] = -1 / pixels
    _, _, colours, depths, bodies = bullet.getCameraImage(
        pixels,
        pixels,
        view.T.ravel().tolist(),
        (shift @ projection).T.ravel().tolist(),
        shadow=0,
        renderer=pybullet.ER_TINY_RENDERER,
    )
    buffer = np.asarray(depths, dtype=np.float64).reshape(pixels, pixels)
    seen = np.asarray(bodies).reshape(pixels, pixels)
    depth = FAR * NEAR / (FAR - (FAR - NEAR) * buffer)
    return View(
        image=np.asarray(colours, dtype=np.uint8).reshape(pixels, pixels, 4)[:, :, :3].copy(),
        depth=np.where(seen < 0, FAR, depth).astype(np.float32),
        mask=seen == object_body,
        view=view.astype(np.float32),
        projection=projection.astype(np.float32),
    )


def _matrix(columns: tuple[float, ...]) -> NDArray[np.float64]:
    """Return a matrix (4, 4) that PyBullet gives column by column."""
    return np.array(columns).reshape(4, 4).T
