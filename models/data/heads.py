"""Rendered heads: who it is, and how the photograph was taken."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unknot import heads
from unknot.checks import count
from unknot.models.data.grid import Factors, GridSource, Images

__all__ = ["EXPRESSIONS", "RenderedHeads"]

Floats = NDArray[np.float32]

EXPRESSIONS: Mapping[str, Mapping[str, float]] = {
    "neutral": {},
    "joy": {"mouth-corner-puller": 1.6, "mouth-part-later": 1.4, "eye-slit": 1.0},
    "surprise": {"mouth-open": 1.3, "eyebrows-up": 1.8, "eyebrows-inner-up": 1.2, "eye-opened-up": 1.8},
    "anger": {"eyebrows-down": 2.0, "mouth-compression": 1.8, "nose-elevation": 1.5, "eye-slit": 1.0},
    "sadness": {"eyebrows-inner-up": 2.0, "mouth-depression": 2.0, "mouth-depression-retraction": 1.2},
    "kiss": {"mouth-pursing": 1.6, "mouth-protusion": 1.6, "eye-closure": 1.0},
    "disgust": {
        **{"nose-elevation": 2.2, "nose-compression": 1.0, "mouth-elevation": 1.2, "mouth-depression": 1.2},
        **{"eyebrows-down": 1.6, "eye-slit": 1.4},
    },
}
"""Expressions, and the weight of each unit in them."""
YAWS = np.array([-40.0, -20.0, 0.0, 20.0, 40.0])
LIGHTS = np.array([-60.0, -30.0, 0.0, 30.0, 60.0])
TINTS = np.array([-1.0, 0.0, 1.0])
BACKGROUNDS = np.array([
    [206, 206, 200],
    [92, 112, 148],
    [150, 116, 88],
    [88, 128, 96],
    [52, 52, 60],
    [170, 150, 176],
]) / 255  # fmt: skip
TONES = np.array(
    [
        [0.93, 0.76, 0.67],
        [0.85, 0.65, 0.52],
        [0.72, 0.52, 0.38],
        [0.55, 0.38, 0.27],
        [0.38, 0.26, 0.19],
    ]
)
"""Skin, from fair to dark; a person's own differs a little from the nearest."""
HAIR = np.array([[0.10, 0.08, 0.07], [0.28, 0.18, 0.11], [0.52, 0.36, 0.18], [0.56, 0.55, 0.54]])
IRIS = np.array([[0.25, 0.15, 0.08], [0.30, 0.38, 0.45], [0.27, 0.34, 0.20]])
WHITE, CAVITY, BROW = np.array([0.93, 0.92, 0.90]), np.array([0.25, 0.08, 0.08]), 0.75
SEED = 18
"""Of all people: the same number is the same person, however many there are."""
AMBIENT, DIFFUSE, ELEVATION = 0.45, 0.7, np.deg2rad(25)
WARM = np.array([0.10, 0.0, -0.12])
"""What a tint of 1 adds to the share of red, green and blue in the light."""
STRENGTH = 0.6
"""Of the targets that make a person, in standard deviations of the artists' full strength."""
MIDDLE, SPAN = np.array([0.0, -0.12, -0.85]), 2.4
"""Of the image, from between the eyes, and how much it shows, in decimetres."""
DENSITY = 4.0
"""Points of the surface for each pixel that it would cover if seen straight on."""
DEPTHS = 4000
"""Steps of the depth buffer in a decimetre."""
OVER = 2
"""Rendered pixels along the side of a pixel of the image."""


class _Person(NamedTuple):
    """What a person is made of; colours are (3,), in [0, 1]."""

    weights: Floats
    """(targets,)."""
    tone: int
    """The nearest of `TONES`."""
    hairline: float
    """Where the hair begins; see `_Surface.crown`."""
    skin: Floats
    hair: Floats
    iris: Floats
    lips: Floats


class RenderedHeads(GridSource):
    """Images of heads whose shape is MakeHuman's, rendered as points of the surface with a depth buffer.

    Factors: `identity`; and of the observation `yaw` in degrees (5 values), `light`, the lamp's direction in
    degrees (5), `tint`, from cool to warm light (3), `expression` (7, categorical), `background` (6,
    categorical). A person has a shape, a colour of skin, hair, eyes and lips, and a hairline.

    Args:
        identities: number of people, at least 1.
        pixels: side of the images, at least 16.

    Raises:
        ValueError: an argument out of range.
        FileNotFoundError: the heads are not on this machine; see `unknot.heads.fetch`.
    """

    observed: tuple[str, ...] = ("yaw", "light", "tint", "expression", "background")
    """Factors of the observation."""

    def __init__(self, *, identities: int = 1000, pixels: int = 32) -> None:
        count(1, identities=identities)
        count(16, pixels=pixels)
        heads.load()
        super().__init__(
            ("identity", "expression", "background"),
            identity=range(identities),
            yaw=YAWS,
            light=LIGHTS,
            tint=TINTS,
            expression=range(len(EXPRESSIONS)),
            background=range(len(BACKGROUNDS)),
        )
        self.identities, self.pixels = identities, pixels

    def group(self, identities: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of the tones of skin people (n,) have: (n,), in [0, 5)."""
        return np.array([_person(each).tone for each in identities.tolist()])

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors: uint8 (n, pixels, pixels, 3).

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        return self.render_strengths(factors, 1.0)

    def render_strengths(self, factors: Mapping[str, Any], strengths: ArrayLike) -> Images:
        """Render factors with expressions of these strengths: uint8 (n, pixels, pixels, 3).

        Args:
            factors: as `render_factors` takes them.
            strengths: of the expressions, from neutral, 0, to whole, 1; (n,) or one for all.

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        given = self.checked(factors)
        strength = np.broadcast_to(strengths, len(given["identity"]))
        images = np.empty((len(given["identity"]), self.pixels, self.pixels, 3), np.uint8)
        surface = _surface(OVER * self.pixels)
        numbers, which = np.unique(given["identity"], return_inverse=True)
        everyone = list(map(_person, numbers.tolist()))
        shapes = surface.shapes(np.stack([each.weights for each in everyone]))
        for row, person in enumerate(which):
            one = {name: each[row] for name, each in given.items()}
            images[row] = surface.render(shapes[person], everyone[person], one, float(strength[row]))
        return images


@cache
def _person(number: int) -> _Person:
    rng = np.random.default_rng([SEED, number])
    names = heads.load().names
    parts = np.array([not name.startswith(("macro/", "expression/")) for name in names])
    macros = np.array([name.startswith("macro/") for name in names])
    weights = np.zeros(len(names), np.float32)
    weights[parts] = STRENGTH * rng.normal(size=parts.sum()).clip(0, 2)
    weights[[name.startswith("forehead/forehead-nubian") for name in names]] *= 0.3
    weights[macros] = rng.dirichlet(np.full(macros.sum(), 0.3))
    tone = rng.integers(len(TONES))
    skin = (TONES[tone] * rng.normal(1, 0.05) + rng.normal(0, 0.012, 3)).clip(0.1, 0.97)
    hair = HAIR[rng.integers(len(HAIR))] * rng.normal(1, 0.1)
    hairline = rng.uniform(-0.5, 0.3)
    iris = IRIS[rng.integers(len(IRIS))]
    lips = skin * np.array([1.0, 0.72, 0.72]) * rng.normal(1, 0.08)
    colours = (skin, hair.clip(0.03, 0.9), iris, lips.clip(0.05, 1))
    return _Person(weights, int(tone), float(hairline), *(c.astype(np.float32) for c in colours))


class _Surface:
    """Points of the heads' surface, dense enough for an image of a number of pixels.

    Args:
        pixels: side of the rendered image.
    """

    def __init__(self, pixels: int) -> None:
        self.pixels = pixels
        mesh = heads.load()
        self.mesh, self.names = mesh, mesh.names
        self.flat = mesh.targets.reshape(len(mesh.names), -1)
        corners = mesh.vertices[mesh.triangles]
        area = (
            np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
        )
        wanted = DENSITY * area * (pixels / SPAN) ** 2
        side = np.maximum(np.ceil((np.sqrt(8 * wanted + 1) - 1) / 2), 1).astype(int)
        shares = [_inside(k) for k in range(side.max() + 1)]
        self.triangle = np.repeat(np.arange(len(side)), side * (side + 1) // 2)
        self.share = np.concatenate([shares[k] for k in side]).astype(np.float32)
        self.corner = mesh.triangles[self.triangle]
        self.moves = [self._expression(units) for units in EXPRESSIONS.values()]
        self._paint()

    def _paint(self) -> None:
        """Note which points are of eyes, brows, lips or the mouth's inside, and how near the crown."""
        mesh = self.mesh
        place = (mesh.vertices[self.corner] * self.share[:, :, None]).sum(1)
        x, y, z = np.abs(place[:, 0]), place[:, 1], place[:, 2]
        eye = mesh.eyeball[self.corner[:, 0]]
        centre = np.abs(mesh.vertices[mesh.eyeball] * [1, 1, 1]).mean(0)
        off = np.hypot(x - centre[0], y - centre[1])
        self.white, self.iris = eye, eye & (off < 0.09)
        self.pupil = eye & (off < 0.045)
        moved = sum(
            np.linalg.norm(mesh.targets[k], axis=1)
            for k, name in enumerate(mesh.names)
            if name.startswith(("mouth/mouth-lowerlip-volume", "mouth/mouth-upperlip-volume"))
        )
        strength = (np.asarray(moved)[self.corner] * self.share).sum(1)
        self.lips = (strength > 0.3 * strength.max()) & (z > 1.3)
        self.cavity = (z > 0.3) & (z < 1.25) & (x < 0.3) & (y > 6.47) & (y < 6.85) & ~eye
        self.brow = (np.abs(y - 7.53 + 0.12 * (x - 0.3)) < 0.045) & (x > 0.1) & (x < 0.52) & (z > 1.0)
        self.crown = (y - 7.75) + 0.75 * (0.55 - z) - 0.4 * (x > 0.55) * (y < 7.3)
        self.nape = (z < 0.1) & (y < 6.6)

    def shapes(self, weights: Floats) -> Floats:
        """Return vertices (n, v, 3) of people with these weights (n, targets), between the eyes at 0."""
        moved = (weights @ self.flat).reshape(len(weights), -1, 3) + self.mesh.vertices
        middle = moved[:, self.mesh.eyeball].mean(1, keepdims=True)
        shapes: Floats = (moved - middle).astype(np.float32)
        return shapes

    def render(self, shape: Floats, person: _Person, factors: Factors, strength: float) -> Images:
        """Render one person: uint8 (pixels / OVER, pixels / OVER, 3)."""
        vertices = shape + np.float32(strength) * self.moves[int(factors["expression"])]
        yaw = np.deg2rad(factors["yaw"])
        cos, sin = np.cos(yaw), np.sin(yaw)
        turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], np.float32)
        vertices = (vertices - MIDDLE.astype(np.float32)) @ turn.T
        corners = vertices[self.mesh.triangles]
        normal = _cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        seen = np.flatnonzero((normal[:, 2] > 0)[self.triangle])
        around, share = vertices[self.corner[seen]], self.share[seen]
        points = sum(share[:, k, None] * around[:, k] for k in range(3))
        column = np.floor((points[:, 0] / SPAN + 0.5) * self.pixels).astype(np.int64)
        row = np.floor((0.5 - points[:, 1] / SPAN) * self.pixels).astype(np.int64)
        inside = (column >= 0) & (column < self.pixels) & (row >= 0) & (row < self.pixels)
        order = np.flatnonzero(inside)
        depth = (DEPTHS * points[order, 2]).astype(np.int16)  # of 16 bits, for which sorting is fast
        order = order[np.argsort(depth, kind="stable")]
        front = np.full(self.pixels**2, -1)
        front[row[order] * self.pixels + column[order]] = seen[order]  # the nearest comes last
        image = np.empty((self.pixels**2, 3))
        image[:] = BACKGROUNDS[int(factors["background"])]
        hit = np.flatnonzero(front >= 0)
        image[hit] = self._colours(front[hit], person) * _shade(normal[self.triangle[front[hit]]], factors)
        small = image.reshape(self.pixels // OVER, OVER, self.pixels // OVER, OVER, 3).mean((1, 3))
        whole: Images = (255 * small.clip(0, 1)).round().astype(np.uint8)
        return whole

    def _expression(self, units: Mapping[str, float]) -> Floats:
        """Return by how much an expression moves the vertices, (v, 3)."""
        weights = np.array([units.get(n.removeprefix("expression/"), 0.0) for n in self.names], np.float32)
        moved: Floats = (weights @ self.flat).reshape(-1, 3)
        return moved

    def _colours(self, points: NDArray[np.int64], person: _Person) -> NDArray[np.float64]:
        """Return the surface's colour at points, (n, 3)."""
        colour = np.empty((len(points), 3))
        colour[:] = person.skin
        colour[self.lips[points]] = person.lips
        colour[(self.crown[points] > person.hairline) | self.nape[points]] = person.hair
        colour[self.brow[points]] = (1 - BROW) * person.skin + BROW * person.hair
        colour[self.cavity[points]] = CAVITY
        colour[self.white[points]] = WHITE
        colour[self.iris[points]] = person.iris
        colour[self.pupil[points]] = 0.05
        return colour


@cache
def _surface(pixels: int) -> _Surface:
    return _Surface(pixels)


def _cross(a: Floats, b: Floats) -> Floats:
    """Return the cross products of vectors (n, 3); NumPy's own takes several times as long."""
    (ax, ay, az), (bx, by, bz) = a.T, b.T
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], 1)


def _inside(side: int) -> NDArray[np.float64]:
    """Return points inside a triangle, `side` along each side, as shares of its corners, (n, 3)."""
    i, j = np.tril_indices(side)
    a, b = (i - j + 1 / 3) / max(side, 1), (j + 1 / 3) / max(side, 1)
    return np.stack([1 - a - b, a, b], 1)


def _shade(normals: Floats, factors: Factors) -> NDArray[np.float64]:
    """Return by how much the light multiplies colours where the surface has these normals, (n, 3)."""
    side = np.deg2rad(factors["light"])
    lamp = np.array([np.sin(side) * np.cos(ELEVATION), np.sin(ELEVATION), np.cos(side) * np.cos(ELEVATION)])
    length = np.linalg.norm(normals, axis=1).clip(1e-9)
    lit = AMBIENT + DIFFUSE * (normals @ lamp / length).clip(0)
    shade: NDArray[np.float64] = lit[:, None] * (1 + float(factors["tint"]) * WARM)
    return shade
