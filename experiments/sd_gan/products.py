"""Products: things of `pybullet_data` and of the grasping task, from six sides on white."""

from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pybullet_data
import trimesh
from numpy.typing import NDArray

from unknot.checks import count, within
from unknot.envs.grasp.meshes import joined
from unknot.envs.grasp.objects import COUNT, GraspObject, make_objects
from unknot.envs.grasp.urdf import read_urdf
from unknot.models.data.grid import GridSource, Images
from unknot.models.data.teapots import SIDE, SIDES, shade

__all__ = ["Products"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

BLOBS = 1000
"""Things in `pybullet_data`'s folder random_urdfs."""
MOST = COUNT + BLOBS
"""Products."""
VIEWS = 6
ELEVATION = np.deg2rad(25)
"""Of the camera above each side."""
REACH = 3.5
"""Distance of a product's farthest point from its middle, in the renderer's units: it fills the image."""
SPACING = 0.12
"""The longest edge of the parts of triangles whose middles are rendered."""
COLOURS = np.array([
    [0.90, 0.25, 0.20], [0.95, 0.60, 0.15], [0.90, 0.85, 0.30], [0.30, 0.65, 0.30],
    [0.20, 0.45, 0.85], [0.50, 0.30, 0.65], [0.55, 0.38, 0.25], [0.45, 0.45, 0.45],
])  # fmt: skip
"""As few that a colour alone does not tell which product it is."""
SEED = 18
"""Of the order of products, and of their colours: the same number is the same product."""


class Products(GridSource):
    """Images of products on white: the 101 objects of the grasping task, and 1,000 shapes of PyBullet's.

    Factors, both categorical: `identity`, a shape with a colour; and of the observation `view` (6), from
    which side. The light is fixed, as the camera is.

    Args:
        identities: number of products, up to 1,101.
        pixels: side of the images, 16, 32 or 64.

    Raises:
        ValueError: an argument out of range.
    """

    observed: tuple[str, ...] = ("view",)
    """Factors of the observation."""

    def __init__(self, *, identities: int = MOST, pixels: int = 32) -> None:
        count(1, identities=identities)
        within(1, MOST, identities=identities)
        if pixels not in SIDES:
            raise ValueError(f"pixels must be one of {SIDES}, not {pixels}")
        super().__init__(("identity", "view"), identity=range(identities), view=range(VIEWS))
        self.pixels, self.identities = pixels, identities
        rng = np.random.default_rng(SEED)
        self._thing, self._colour = rng.permutation(MOST), rng.integers(len(COLOURS), size=MOST)

    def group(self, identities: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of the colour that products (n,) have: (n,), in [0, 8)."""
        group: NDArray[np.int64] = self._colour[identities]
        return group

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors: uint8 (n, pixels, pixels, 3).

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        given = self.checked(factors)
        images = np.empty((len(given["view"]), self.pixels, self.pixels, 3), np.uint8)
        block = SIDE // self.pixels
        for image, number, view in zip(images, given["identity"], given["view"], strict=True):
            grey = shade(*_surface(int(self._thing[number])), 2 * np.pi * view / VIEWS, ELEVATION)[..., None]
            colours = np.where(grey > 0, grey * COLOURS[self._colour[number]], 255.0)
            blocks = colours.reshape(self.pixels, block, self.pixels, block, 3)
            image[:] = blocks.mean((1, 3)).round()
        return images


@cache
def _objects() -> tuple[GraspObject, ...]:
    return make_objects()


@lru_cache(16)
def _surface(number: int) -> tuple[Singles, Singles]:
    """Return points of a product's surface around its middle, and normals: (3, n) each."""
    mesh = _objects()[number].mesh if number < COUNT else _blob(number - COUNT)
    corners = mesh.vertices - mesh.bounds.mean(0)
    corners = corners * (REACH / np.linalg.norm(corners, axis=1).max())
    triangles: Floats = corners[mesh.faces]
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    length = np.linalg.norm(normals, axis=1)
    triangles, normals = triangles[length > 0], normals[length > 0] / length[length > 0, None]
    longest = np.linalg.norm(triangles - np.roll(triangles, 1, 1), axis=2).max(1)
    sides = np.ceil(longest / SPACING).astype(int)
    points, rows = [], []
    for side in np.unique(sides):
        some = np.flatnonzero(sides == side)
        points.append((_middles(side) @ triangles[some]).reshape(-1, 3))
        rows.append(some.repeat(side**2))
    normals = normals[np.concatenate(rows)]
    return np.concatenate(points).T.astype(np.float32), normals.T.astype(np.float32)


def _middles(side: int) -> Floats:
    """Return the middles of a triangle's side² equal parts, as shares of its corners, (side², 3)."""
    i, j = np.indices((side, side)).reshape(2, -1)
    upright, turned = i + j < side, i + j < side - 1
    a = np.concatenate([i[upright] + 1 / 3, i[turned] + 2 / 3]) / side
    b = np.concatenate([j[upright] + 1 / 3, j[turned] + 2 / 3]) / side
    return np.stack([a, b, 1 - a - b], 1)


def _blob(number: int) -> trimesh.Trimesh:
    path = Path(pybullet_data.getDataPath()) / f"random_urdfs/{number:03d}/{number:03d}.urdf"
    return joined(read_urdf(path).visual)
