"""A camera that looks at the table: colour, depth, mask, and its view and projection matrices."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.envs.grasp.bullet import pybullet

__all__ = ["AZIMUTHS", "ELEVATIONS", "PIXELS", "View", "look"]

PIXELS = 64
"""Height and width of the image."""

ELEVATIONS = (10.0, 80.0)
"""The range of the camera's angle above the table, degrees."""
AZIMUTHS = (0.0, 360.0)
"""The range of its angle about the vertical, degrees."""

TARGET = (0.0, 0.0, 0.09)
"""The point it looks at, metres."""

DISTANCE = 0.6
"""From the camera to that point, metres."""

FIELD_OF_VIEW = 32.0
"""Degrees from edge to edge: each of the 101 objects is in the image at any position."""

NEAR, FAR = 0.1, 2.0
"""The range of visible depths, metres."""


@dataclass(frozen=True)
class View:
    """A camera image. A point p of the world (homogeneous) is at projection @ view @ p in clip space.

    Attributes:
        image: (n, n, 3), uint8, RGB, the first row at the top.
        depth: (n, n), float32: metres along the camera's axis; `FAR` in the background.
        mask: (n, n), bool: true on the object.
        view: (4, 4), float32: from the world to the camera, which looks along its -z, y up, as in OpenGL.
        projection: (4, 4), float32: from the camera to clip space, as in OpenGL.
    """

    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    mask: NDArray[np.bool_]
    view: NDArray[np.float32]
    projection: NDArray[np.float32]


def look(bullet: Any, object_body: int, elevation: float, azimuth: float, pixels: int = PIXELS) -> View:
    """Render the bodies of a client.

    Args:
        bullet: the client.
        object_body: the body that the mask shows.
        elevation: the camera's angle above the table, degrees.
        azimuth: its direction seen from above, degrees from x towards y.
        pixels: height and width of the image.
    """
    up, around = np.radians([elevation, azimuth])
    direction = np.array([np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)])
    eye = np.array(TARGET) + DISTANCE * direction
    view = _matrix(pybullet.computeViewMatrix(eye.tolist(), TARGET, [0, 0, 1]))
    projection = _matrix(pybullet.computeProjectionMatrixFOV(FIELD_OF_VIEW, 1.0, NEAR, FAR))
    # TinyRenderer samples a pixel at its lower left corner; shifted by half a pixel, at its middle.
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
    """Return a matrix (4, 4) from PyBullet's list of its columns."""
    return np.array(columns).reshape(4, 4).T
