"""Videos whose factors are known: shapes that move, and game characters that act."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from unknot.checks import count
from unknot.models.data.grid import Factors, Images, check_factors
from unknot.models.data.sprites import ATTRIBUTES, Sprites

__all__ = ["ACTIONS", "DARKEST", "MOTIONS", "SHAPES", "CharacterActions", "ShapeMotion", "templates"]

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]

SIDE = 64
"""Side in pixels of the published videos."""
PIXELS = (32, 64)
MOTIONS = ("up", "left")
"""Where a shape moves: from the bottom to the top, or from the right to the left."""
SHAPES = ("square", "disc")
SIDES = (8, 10, 12, 14)
"""Sides of squares and diameters of discs, in pixels of 64."""
MARGIN = 8.5
"""Pixels of 64 from the edge to the first, the last and the outermost place of a shape's centre."""
CONTROLS = 3
"""Control points of the Bézier curve after the first, which is the start."""
DARKEST = 0.5
"""Least value of a colour's brightest channel."""


class ShapeMotion:
    """A factor source: videos of a shape that moves on black (Tulyakov et al., 2017, "shape motion").

    As the authors' published videos are, by measurement: hard edges, one exact colour a video, squares of
    four sides and discs of four diameters, two classes of motion. Along one axis a shape moves at a constant
    speed from edge to edge, in the course of the video; along the other it follows a cubic Bézier curve.
    Centres are rounded to whole pixels, so that a shape has the same pixels in every frame.

    The text has shapes move to the right and down; in the videos they move to the left and up, as here. There
    colours are uniform; here their brightest channel is uniform in [0.5, 1], so that no shape is invisible.

    Factors, all uniform: `motion`, the number of a name in `MOTIONS`; `shape`, of a name in `SHAPES`; `size`,
    of a value in `SIDES`; `colour`, red, green and blue in [0, 1], but for the brightest channel; `start` and
    `path` in [0, 1], the first and the other three control points of the curve, from the left or the top.

    Args:
        pixels: side of the frames: 64, or 32, where shapes are half as large.
        frames: of a video, at least 2; 16 or 32 in the paper. The whole way takes so many frames.

    Raises:
        ValueError: an argument out of range.
    """

    def __init__(self, *, pixels: int = SIDE, frames: int = 16) -> None:
        count(1, pixels=pixels)
        count(2, frames=frames)
        if pixels not in PIXELS:
            raise ValueError(f"pixels must be one of {PIXELS}, not {pixels}")
        self.pixels, self.frames = pixels, frames
        self.factor_space = spaces.Dict(
            {
                "motion": spaces.Discrete(len(MOTIONS)),
                "shape": spaces.Discrete(len(SHAPES)),
                "size": spaces.Discrete(len(SIDES)),
                "colour": spaces.Box(0.0, 1.0, (3,), np.float64),
                "start": spaces.Box(0.0, 1.0, (), np.float64),
                "path": spaces.Box(0.0, 1.0, (CONTROLS,), np.float64),
            }
        )

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample factors: arrays (n,) by name, `colour` (n, 3) and `path` (n, 3)."""
        count(0, n=n)
        kinds = {"motion": MOTIONS, "shape": SHAPES, "size": SIDES}
        hue = rng.uniform(size=(n, 3))
        brightest = rng.uniform(DARKEST, 1, n)
        return {
            **{name: rng.integers(len(values), size=n) for name, values in kinds.items()},
            "colour": hue * (brightest / hue.max(1))[:, None],
            "start": rng.uniform(size=n),
            "path": rng.uniform(size=(n, CONTROLS)),
        }

    def centres(self, factors: Mapping[str, Any]) -> Floats:
        """Return the centres of shapes before they are rounded, in pixels: (n, frames, 2), across and down.

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        given = check_factors(self.factor_space, factors)
        time = np.linspace(0, 1, self.frames)
        controls = np.concatenate([given["start"][:, None], given["path"]], 1)
        wander = controls @ _bernstein(time)
        along = np.broadcast_to(1 - time, wander.shape)  # up and left are towards 0
        up = (given["motion"] == MOTIONS.index("up"))[:, None]
        places = np.stack([np.where(up, wander, along), np.where(up, along, wander)], -1)
        scale = self.pixels / SIDE
        centres: Floats = scale * (MARGIN + (SIDE - 2 * MARGIN) * places) - 0.5
        return centres

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors: uint8 (n, frames, pixels, pixels, 3).

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        given = check_factors(self.factor_space, factors)
        centres = self.centres(given)
        colour = (255 * given["colour"]).round().astype(np.uint8)
        videos = np.zeros((len(colour), self.frames, self.pixels, self.pixels, 3), np.uint8)
        time = np.arange(self.frames)[:, None]
        for (shape, size), mask in templates(self.pixels).items():
            rows = np.flatnonzero((given["shape"] == shape) & (given["size"] == size))
            corner = np.floor(centres[rows] - (len(mask) - 1) / 2 + 0.5).astype(np.intp)
            down, across = np.nonzero(mask)
            places = corner[:, :, 0, None] + across, corner[:, :, 1, None] + down
            videos[rows[:, None, None], time, places[1], places[0]] = colour[rows][:, None, None]
        return videos


def templates(pixels: int) -> dict[tuple[int, int], Masks]:
    """Return the pixels of every shape, (side, side), by the numbers of shape and size, in their order."""
    masks = {}
    for size, side in enumerate(SIDES):
        side = side * pixels // SIDE
        offset = np.arange(side) - (side - 1) / 2
        masks[0, size] = np.ones((side, side), np.bool_)
        masks[1, size] = offset[:, None] ** 2 + offset**2 <= (side / 2) ** 2
    return dict(sorted(masks.items()))


def _bernstein(time: Floats) -> Floats:
    """Return the weights of four control points of a cubic Bézier curve, (4, len(time))."""
    return np.stack([(1 - time) ** 3, 3 * time * (1 - time) ** 2, 3 * time**2 * (1 - time), time**3])


ACTIONS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "walk": ((0, 1), (0, 0), (0, 2), (0, 0)),
    "wave": ((0, 0), (0, 3), (0, 0), (0, 3)),
    "strike": ((0, 0), (0, 4), (0, 4), (0, 0)),
    "turn": ((0, 0), (1, 0), (2, 0), (3, 0)),
}
"""What characters do: view and pose (see `Sprites`) in each quarter of a period."""


class CharacterActions:
    """A factor source: videos of game characters that act, in place of people (Weizmann's actions).

    Factors, all categorical and uniform: those of a character's identity (`ATTRIBUTES` of
    `unknot.models.data.sprites`); `action`, the number of a name in `ACTIONS`; `phase`, the quarter of the
    period in which the video begins. A period is as long as `period` frames.

    Args:
        pixels: side of the frames, at least 16.
        frames: of a video, at least 2.
        period: frames after which an action repeats, at least 4.

    Raises:
        ValueError: an argument out of range.
    """

    def __init__(self, *, pixels: int = SIDE, frames: int = 16, period: int = 8) -> None:
        count(2, frames=frames)
        count(4, period=period)
        self.sprites = Sprites(pixels=pixels)
        self.pixels, self.frames, self.period = pixels, frames, period
        sizes = {**ATTRIBUTES, "action": len(ACTIONS), "phase": 4}
        self.factor_space = spaces.Dict({name: spaces.Discrete(size) for name, size in sizes.items()})

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample factors uniformly: arrays (n,) by name."""
        count(0, n=n)
        return {
            name: rng.integers(int(space.n), size=n)
            for name, space in self.factor_space.spaces.items()
            if isinstance(space, spaces.Discrete)
        }

    def looks(self, factors: Mapping[str, Any]) -> NDArray[np.int64]:
        """Return view and pose in each frame, (n, frames, 2), of factors that have `action` and `phase`."""
        quarters = np.arange(self.frames) * 4 // self.period
        table = np.array(list(ACTIONS.values()))
        looks: NDArray[np.int64] = table[
            factors["action"][:, None], (factors["phase"][:, None] + quarters) % 4
        ]
        return looks

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors: uint8 (n, frames, pixels, pixels, 3).

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        given = check_factors(self.factor_space, factors)
        looks = self.looks(given)
        videos = np.empty((*looks.shape[:2], self.pixels, self.pixels, 3), np.uint8)
        for view, pose in {look for action in ACTIONS.values() for look in action}:
            shown = (looks == (view, pose)).all(-1)
            rows = np.flatnonzero(shown.any(1))  # a frame that repeats is rendered once
            look = {"view": np.full(len(rows), view), "pose": np.full(len(rows), pose)}
            frames = self.sprites.render_factors({name: given[name][rows] for name in ATTRIBUTES} | look)
            some, time = np.nonzero(shown[rows])
            videos[rows[some], time] = frames[some]
        return videos
