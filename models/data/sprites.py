"""Game characters: seven attributes make an identity, seen from four sides in five poses.

The sprites of Reed et al., "Deep visual analogy-making", 2015, which Ridgeway and Mozer use, come from files
of artists; these are rendered here as jointed capsules in three dimensions, seen from a side.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unknot.checks import count
from unknot.models.data.grid import Factors, GridSource, Images

__all__ = ["ATTRIBUTES", "Sprites"]

Floats = NDArray[np.float32]

ATTRIBUTES = {"body": 7, "arms": 2, "hair": 3, "gender": 2, "armor": 2, "greaves": 2, "weapon": 2}
"""Values of each attribute. The paper says two to five, but its 672 has a factor of 7: one has seven."""
VIEWS, POSES = 4, 5

_SKIN = np.array([
    [241, 206, 173],
    [201, 150, 105],
    [117, 76, 48],
    [108, 168, 84],
    [150, 150, 166],
    [96, 128, 205],
    [196, 72, 62],
])  # fmt: skip
_HAIR = np.array([[232, 203, 88], [54, 40, 36], [186, 74, 26]])
_ARMOR = np.array([[176, 182, 196], [124, 72, 160]])
_SLEEVES = np.array([[50, 112, 76], [214, 180, 60]])
_GREAVES = np.array([[120, 84, 50], [70, 84, 120]])
_WEAPON = np.array([[226, 232, 240], [150, 98, 52]])
_TROUSERS, _EYE, _GROUND = np.array([66, 60, 74]), np.array([24, 24, 30]), np.array([30, 34, 40])

_SWING = np.array([0.0, 0.09, -0.09, 0.0, 0.0])
"""How far the left foot and the right hand are in front of the body in each pose; the others are behind."""
_RAISED = np.array([0.0, 0.0, 0.0, 1.0, 0.0])
_STRIKING = np.array([0.0, 0.0, 0.0, 0.0, 1.0])


class _Part(NamedTuple):
    """A capsule of one colour for each of n characters; x to their left, y up, z forward."""

    start: Floats
    end: Floats
    radius: Floats
    colour: Floats
    depth: tuple[float, float]
    """x and z that determine which part is in front; fixed, so that images don't depend on each other."""


class Sprites(GridSource):
    """Images of characters.

    Factors, all categorical: `body` (colour of the skin), `arms` (of the sleeves), `hair` (long, short or a
    tail, each of a colour), `gender` (build), `armor`, `greaves`, `weapon` (sword or spear), which together
    are the identity; `view` (front, left, back, right) and `pose` (stand, two steps, arms raised, strike).

    Args:
        pixels: side of the images, at least 16.

    Raises:
        ValueError: fewer pixels.
    """

    def __init__(self, *, pixels: int = 64) -> None:
        count(16, pixels=pixels)
        sizes = {**ATTRIBUTES, "view": VIEWS, "pose": POSES}
        super().__init__(tuple(sizes), **{name: range(size) for name, size in sizes.items()})
        self.pixels = pixels

    @property
    def identities(self) -> int:
        """Their number."""
        return len(self) // (VIEWS * POSES)

    def identity(self, factors: Mapping[str, Any]) -> NDArray[np.int64]:
        """Return the numbers (n,) of characters, in [0, identities)."""
        return self.rows(factors) // (VIEWS * POSES)

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors: uint8 (n, pixels, pixels, 3).

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        given = self.checked(factors)
        images = np.empty((len(given["view"]), self.pixels, self.pixels, 3), np.uint8)
        for view in np.unique(given["view"]):
            rows = np.flatnonzero(given["view"] == view)
            images[rows] = self._render_view({name: each[rows] for name, each in given.items()}, view)
        return images

    def _render_view(self, factors: Factors, view: int) -> Images:
        """Render characters seen from one side, farthest parts first."""
        turn = view * np.pi / 2
        cos, sin = round(np.cos(turn)), round(np.sin(turn))
        # Characters are the last axis, which is the fastest for array code.
        canvas = np.empty((self.pixels, self.pixels, 3, len(factors["body"])), np.float32)
        canvas[:] = _GROUND[:, None]
        parts = sorted(_parts(factors), key=lambda part: part.depth[1] * cos - part.depth[0] * sin)
        for part in parts:
            start, end = (
                np.stack([0.5 + p[:, 0] * cos + p[:, 2] * sin, 0.95 - p[:, 1]]) * self.pixels
                for p in (part.start, part.end)
            )
            radius = part.radius * self.pixels
            reach = radius.max() + 1  # nothing is covered beyond it
            low = np.floor(np.minimum(start, end).min(1) - reach).clip(0, self.pixels).astype(int)
            high = np.ceil(np.maximum(start, end).max(1) + reach).clip(0, self.pixels).astype(int)
            across, down = (np.arange(*ends, dtype=np.float32) + 0.5 for ends in zip(low, high, strict=True))
            cover = _capsules(start, end, radius, across, down)
            window = canvas[low[1] : high[1], low[0] : high[0]]
            window += cover[:, :, None] * (part.colour.T - window)
        return np.moveaxis(canvas.round().astype(np.uint8), -1, 0)


def _capsules(start: Floats, end: Floats, radius: Floats, across: Floats, down: Floats) -> Floats:
    """Return the share of each pixel that capsules cover, (h, w, n), with edges smoothed over a pixel.

    Args:
        start: (2, n), across and down, in pixels.
        end: (2, n).
        radius: (n,), in pixels; 0 covers nothing.
        across: pixel centres, (w,).
        down: pixel centres, (h,).
    """
    x, y = across[:, None] - start[0], down[:, None, None] - start[1]
    way = end - start
    length = np.maximum((way**2).sum(0), 1e-9)
    along = ((x * way[0] + y * way[1]) / length).clip(0, 1)
    inside = radius + 0.5 - np.sqrt((x - along * way[0]) ** 2 + (y - along * way[1]) ** 2)
    cover: Floats = np.where(radius > 0, inside.clip(0, 1), 0).astype(np.float32)
    return cover


def _parts(factors: Factors) -> Iterator[_Part]:
    """Yield the parts of characters. Lengths are shares of the image's side; the ground is at y = 0."""
    n = len(factors["body"])

    def at(x: Any, y: Any, z: Any) -> Floats:
        return np.stack([np.broadcast_to(np.asarray(c, np.float32), (n,)) for c in (x, y, z)], 1)

    def part(
        start: Floats, end: Floats, radius: Any, colour: NDArray[Any], depth: tuple[float, float]
    ) -> _Part:
        width = np.broadcast_to(np.asarray(radius, np.float32), (n,))
        return _Part(start, end, width, np.broadcast_to(colour.astype(np.float32), (n, 3)), depth)

    skin, hair = _SKIN[factors["body"]], _HAIR[factors["hair"]]
    armor, sleeves = _ARMOR[factors["armor"]], _SLEEVES[factors["arms"]]
    swing, raised, striking = (table[factors["pose"]] for table in (_SWING, _RAISED, _STRIKING))
    slim = factors["gender"] == 1
    shoulder, chest, hip = np.where(slim, 0.095, 0.125), np.where(slim, 0.07, 0.1), np.where(slim, 0.06, 0.05)

    yield part(at(0, 0.42, 0), at(0, 0.52, 0), chest, armor, (0.0, 0.0))
    yield part(at(0, 0.35, 0), at(0, 0.38, 0), np.where(slim, 0.095, 0.07), armor, (0.0, -0.001))
    for side in (1, -1):
        step = side * swing
        lift = np.where(step < 0, 0.04, 0.0)  # so that a step is visible from the front too
        knee, foot = at(side * hip, 0.18 + lift, step / 2), at(side * hip, 0.03 + lift, step)
        yield part(at(side * hip, 0.33, 0), knee, 0.042, _TROUSERS, (0.05 * side, -0.003))
        yield part(knee, foot, 0.045, _GREAVES[factors["greaves"]], (0.05 * side, -0.002))
        yield part(foot, foot + at(0, 0, 0.035), 0.03, _GREAVES[factors["greaves"]], (0.05 * side, 0.0))

    for side in (1, -1):
        lifted = raised + (striking if side < 0 else 0)
        reach = -side * swing + (0.14 * striking if side < 0 else 0)
        top = at(side * shoulder, 0.53, 0)
        elbow = at(side * (shoulder + 0.035), 0.43 + 0.13 * raised + 0.05 * striking * (side < 0), reach / 2)
        hand = at(side * (shoulder + 0.045), 0.33 + 0.36 * raised + 0.17 * (lifted - raised), reach)
        yield part(top, elbow, 0.04, sleeves, (0.15 * side, 0.01))
        yield part(elbow, hand, 0.03, sleeves, (0.15 * side, 0.011))
        yield part(hand, hand, 0.033, skin, (0.15 * side, 0.012))
        if side < 0:
            spear = factors["weapon"] == 1
            up, ahead = np.where(spear, 0.26, 0.22), np.where(striking > 0, 0.16, 0.03)
            tip = hand + at(-0.02, np.where(striking > 0, 0.05, up), ahead)
            butt = hand - at(-0.02, np.where(spear, 0.22, 0.03), np.where(striking > 0, 0.1, 0.0))
            width = np.where(spear, 0.011, 0.022)
            yield part(butt, tip, width, _WEAPON[factors["weapon"]], (0.16 * side, 0.02))
            yield part(tip, tip, np.where(spear, 0.026, 0.0), _WEAPON[np.zeros(n, int)], (0.16 * side, 0.021))

    yield part(at(0, 0.69, 0), at(0, 0.71, 0), 0.095, skin, (0.0, 0.03))
    for side in (1, -1):
        yield part(at(0.04 * side, 0.7, 0.08), at(0.04 * side, 0.7, 0.08), 0.015, _EYE, (0.02 * side, 0.05))
    long, tail = factors["hair"] == 0, factors["hair"] == 2
    yield part(at(0, 0.76, -0.02), at(0, 0.77, 0.02), 0.08, hair, (0.0, 0.04))
    yield part(at(0, 0.74, -0.05), at(0, 0.72, -0.05), 0.085, hair, (0.0, -0.01))
    yield part(at(0, 0.7, -0.07), at(0, 0.48, -0.08), np.where(long, 0.075, 0), hair, (0.0, -0.02))
    yield part(at(0, 0.78, -0.1), at(0, 0.56, -0.15), np.where(tail, 0.032, 0), hair, (0.0, -0.03))
