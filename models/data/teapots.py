"""Teapots: the Utah teapot from all sides and from above, in any colour."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import one_of
from unknot.models.data.grid import Factors, GridSource, Images

__all__ = ["PARTS", "Teapots", "in_gap", "patches", "shade", "surface"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

# Newell's control points (1975; the bottom is Crow's), z up, the spout towards x.

PROFILES = (
    ((1.4, 2.4), (1.3375, 2.53125), (1.4375, 2.53125), (1.5, 2.4)),  # rim
    ((1.5, 2.4), (1.75, 1.875), (2.0, 1.35), (2.0, 0.9)),  # body
    ((2.0, 0.9), (2.0, 0.45), (1.5, 0.225), (1.5, 0.15)),
    ((0.0, 3.15), (0.8, 3.15), (0.0, 2.85), (0.2, 2.7)),  # lid
    ((0.2, 2.7), (0.4, 2.55), (1.3, 2.55), (1.3, 2.4)),
    ((1.5, 0.15), (1.5, 0.075), (1.425, 0.0), (0.0, 0.0)),  # bottom
)
"""Profiles of surfaces of revolution around the z axis: (radius, z)."""
QUARTER = np.array([(1, 0), (1, -0.56), (0.56, -1), (0, -1)])
"""Control points of a quarter turn at radius 1. Newell rounds one of its products, 0.448 on the knob, to
0.45."""
HANDLE = (
    (-1.6, 2.025, -1.5, 2.25, 0.3),
    (-2.3, 2.025, -2.5, 2.25, 0.3),
    (-2.7, 2.025, -3.0, 2.25, 0.3),
    (-2.7, 1.8, -3.0, 1.8, 0.3),
    (-2.7, 1.575, -3.0, 1.35, 0.3),
    (-2.5, 1.125, -2.65, 0.9375, 0.3),
    (-2.0, 0.9, -1.9, 0.6, 0.3),
)
"""Half rings around the handle: inner x and z, outer x and z, and the bulge to either side."""
SPOUT = (
    (1.7, 1.425, 1.7, 0.6, 0.66),
    (2.6, 1.425, 3.1, 0.825, 0.66),
    (2.3, 2.1, 2.4, 2.025, 0.25),
    (2.7, 2.4, 3.3, 2.4, 0.25),
    (2.8, 2.475, 3.525, 2.49375, 0.25),
    (2.9, 2.475, 3.45, 2.5125, 0.15),
    (2.8, 2.4, 3.2, 2.4, 0.15),
)
"""Half rings around the spout, in the same form."""

SIDE = 64
SIDES = (SIDE, SIDE // 2, SIDE // 4)
CENTRE = np.array([0.0, 0.0, 1.575])
"""The point that the camera looks at: the middle of the axis."""
DISTANCE = 12.0
"""Distance from there to the camera."""
FOCAL = 100.0
"""Length in pixels of 1 at distance 1; the whole teapot then stays within the image."""
SPACING = 0.058
"""The greatest distance between neighbouring points of the surface along a parameter: 0.7 pixels where the
teapot is nearest to the camera. A square lattice of 0.7 pixels leaves no pixel without a point."""
LIGHT = np.array([-0.4, -0.6, 0.7]) / np.sqrt(1.01)
"""Direction to the light, which is fixed while the teapot turns."""
AMBIENT = 0.25
"""Brightness of unlit surfaces, as a share of the greatest."""
REACH = 4.0
"""Upper bound of the distance of points from the centre."""
DEPTH_STEPS = 2.0**20
"""Resolution of a unit of depth; a float keeps NumPy 1 in single precision."""

PARTS = ("all", "seen", "gap")
"""The parts of the factors' range that teapots are sampled from."""


class Teapots(GridSource):
    """Images of the Utah teapot on black.

    Eastwood and Williams, "A framework for the quantitative evaluation of disentangled representations",
    2018, appendix A.1. Factors, uniform in their whole range: `azimuth` in [0, 2π], by which the
    teapot turns anticlockwise, seen from above; its spout points right at 0 and away from the camera at π/2;
    `elevation` of the camera in [0, π/2], whose end looks down on the lid; `red`, `green` and `blue` in
    [0, 1], the teapot's colour where the light is perpendicular. The light is fixed. The dots around the lid
    are a gap in the published surface.

    Args:
        part: of the factors: "all", those "seen" in training, or the "gap" (see `in_gap`), a tenth. Any
            factors can be rendered.
        pixels: side of the images: 64, or 32 or 16, means of 2 × 2 or 4 × 4 such pixels.

    Raises:
        ValueError: another part, or another number of pixels.
    """

    def __init__(self, *, part: str = "all", pixels: int = SIDE) -> None:
        one_of("part", part, PARTS)
        if pixels not in SIDES:
            raise ValueError(f"pixels must be one of {SIDES}, not {pixels}")
        colour = np.linspace(0, 1, 6)
        super().__init__(
            azimuth=np.linspace(0, 2 * np.pi, 33),
            elevation=np.linspace(0, np.pi / 2, 9),
            red=colour,
            green=colour,
            blue=colour,
        )
        self.part, self.pixels = part, pixels
        self._points, self._normals = surface(patches(), SPACING)

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample factors uniformly from the part's range, also between the grid's values: (n,) by name."""
        kept = {name: np.empty(0) for name in self.values}
        while len(kept["red"]) < n:
            sampled = {name: rng.uniform(each[0], each[-1], n) for name, each in self.values.items()}
            rows = np.ones(n, np.bool_) if self.part == "all" else in_gap(sampled) == (self.part == "gap")
            kept = {name: np.concatenate([each, sampled[name][rows]])[:n] for name, each in kept.items()}
        return kept

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors: uint8 (n, pixels, pixels, 3).

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        given = self.checked(factors)
        images = np.empty((len(given["red"]), self.pixels, self.pixels, 3), np.uint8)
        colours = np.stack([given[name] for name in ("red", "green", "blue")], 1)
        block = SIDE // self.pixels
        for image, azimuth, elevation, colour in zip(
            images, given["azimuth"], given["elevation"], colours, strict=True
        ):
            grey = shade(self._points, self._normals, azimuth, elevation)
            grey = grey.reshape(self.pixels, block, self.pixels, block).mean((1, 3))
            for channel, share in enumerate(colour):
                image[:, :, channel] = (grey * share).round()
        return images


def in_gap(factors: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Return whether the paper leaves factors (n,) out of training: red teapots from above (A.1).

    red > green + 0.15, red > blue + 0.15 and elevation > π/4.
    """
    red, green, blue = (np.asarray(factors[name]) for name in ("red", "green", "blue"))
    above: NDArray[np.bool_] = np.asarray(factors["elevation"]) > np.pi / 4
    return above & (red > green + 0.15) & (red > blue + 0.15)


# The surface, and a view of it


def patches() -> Floats:
    """Return the control points of the 32 bicubic Bézier patches, (32, 4, 4, 3)."""
    turning = [[[(*(r * QUARTER[k]), z) for k in range(4)] for r, z in profile] for profile in PROFILES]
    found = []
    for quarter in range(4):
        cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarter]
        found.append(np.array(turning) @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]))
    for rings in (HANDLE, SPOUT):
        for side in (-1, 1):
            half = np.array(
                [[(x, 0, z), (x, side * w, z), (u, side * w, v), (u, 0, v)] for x, z, u, v, w in rings]
            )
            found.append(np.stack([half[:4], half[3:]]))
    return np.concatenate(found)


def surface(patches: Floats, spacing: float) -> tuple[Singles, Singles]:
    """Return points of patches, at most `spacing` apart along either parameter, and normals: (3, n) each.

    Points are relative to the teapot's centre; normals have length 1 and point to either side.
    """
    points, normals = [], []
    for patch in patches:
        # A cubic's speed is at most 3 times the longest leg of its control polygon.
        fastest = [3 * np.linalg.norm(np.diff(patch, axis=axis), axis=-1).max() for axis in (0, 1)]
        (u, du), (v, dv) = (_bernstein(int(np.ceil(speed / spacing))) for speed in fastest)
        points.append(np.einsum("ui,vj,ijk->kuv", u, v, patch).reshape(3, -1))
        along_u, along_v = (np.einsum("ui,vj,ijk->uvk", *basis, patch) for basis in ((du, v), (u, dv)))
        normals.append(np.cross(along_u, along_v).reshape(-1, 3).T)
    seen, normal = np.concatenate(points, 1) - CENTRE[:, None], np.concatenate(normals, 1)
    return seen.astype(np.float32), (normal / np.linalg.norm(normal, axis=0)).astype(np.float32)


def shade(points: Singles, normals: Singles, azimuth: float, elevation: float) -> NDArray[np.int32]:
    """Return the brightness of each pixel of a view, 0 to 255, (64, 64); 0 for the background.

    Args:
        points: of the surface, relative to its centre, at most `REACH` from it, (3, n).
        normals: of length 1, to either side, (3, n).
        azimuth: rotation of the surface around z, anticlockwise, in radians.
        elevation: of the camera, in radians.
    """
    cos, sin = np.cos(azimuth), np.sin(azimuth)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    up, forth = np.sin(elevation), np.cos(elevation)
    camera = np.array([[1, 0, 0], [0, up, forth], [0, -forth, up]]) @ turn  # right, up, towards it
    right, above, near = camera.astype(np.float32) @ points
    scale = FOCAL / (DISTANCE - near)
    columns = (SIDE / 2 + scale * right).astype(np.int32)
    rows = (SIDE / 2 - scale * above).astype(np.int32)
    pixels = (rows * SIDE + columns).astype(np.intp)
    # The depth buffer. A quarter of the points excludes most of the others, and only visible points are
    # shaded.
    depths = (DEPTH_STEPS * (REACH + near)).astype(np.int32)
    nearest = np.zeros(SIDE * SIDE, np.int32)
    np.maximum.at(nearest, pixels[::4], depths[::4])
    seen = np.flatnonzero(depths >= nearest.take(pixels))
    np.maximum.at(nearest, pixels[seen], depths[seen])
    seen = seen[depths[seen] == nearest[pixels[seen]]]
    points, normals = points[:, seen], normals[:, seen]
    # Patches are visible from both sides (such as inside the spout): use the normal that faces the camera.
    facing, lit = np.stack([camera[2], LIGHT @ turn]).astype(np.float32) @ normals
    turned_away = DISTANCE * facing < np.einsum("kn,kn->n", points, normals)
    lit = np.where(turned_away, -lit, lit).clip(0)
    brightness = (255 * (AMBIENT + (1 - AMBIENT) * lit)).astype(np.int32)
    image = np.zeros(SIDE * SIDE, np.int32)
    np.maximum.at(image, pixels[seen], brightness)  # the brightest of equally near points
    return image.reshape(SIDE, SIDE)


def _bernstein(count: int) -> tuple[Floats, Floats]:
    """Return the cubic Bernstein polynomials at the middle of `count` steps, and their slopes: (count, 4)."""
    t = (np.arange(count) + 0.5) / count
    s = 1 - t
    values = np.stack([s**3, 3 * s**2 * t, 3 * s * t**2, t**3], 1)
    slopes = np.stack([-3 * s**2, 3 * s**2 - 6 * s * t, 6 * s * t - 3 * t**2, 3 * t**2], 1)
    return values, slopes
