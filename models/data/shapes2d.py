"""2D Shapes: a white shape on black, in many sizes, orientations and positions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from unknot.checks import above, count, flag, one_of
from unknot.models.data.grid import Factors, GridSource, Images

__all__ = ["SHAPES", "Shapes2D"]

Floats = NDArray[np.float32]

SIDE = 64
MARGIN = 16
"""Pixels from the edge to the outermost centre of a shape; no shape reaches farther from its centre."""
WINDOW = 28
"""Side in pixels of the square around a shape's centre that is rendered; the rest is black."""
GREYS = np.array([0, 64, 128, 191, 255], np.uint8)
"""Means of a block of 2 × 2 pixels by its number of white pixels, 0 to 4."""


def _square(u: Floats, v: Floats) -> NDArray[np.bool_]:
    return np.maximum(np.abs(u), np.abs(v)) <= 9


def _ellipse(u: Floats, v: Floats) -> NDArray[np.bool_]:
    return u * u + 4 * v * v <= 144


def _heart(u: Floats, v: Floats) -> NDArray[np.bool_]:
    u, v = u / 9, np.float32(0.1) - v / 9  # moved so that it lies around its centre; v points down
    squares, cubes = u * u, v * v * v
    round_ = squares + v * v - 1
    inside: NDArray[np.bool_] = round_ * round_ * round_ <= squares * cubes
    return inside


def _triangle(u: Floats, v: Floats) -> NDArray[np.bool_]:
    return np.maximum(v, np.float32(np.sqrt(0.75)) * np.abs(u) - v / 2) <= 6


SHAPES = {"square": _square, "ellipse": _ellipse, "heart": _heart, "triangle": _triangle}
"""Whether points (u, v), in pixels from the centre at scale 1, lie inside."""


class Shapes2D(GridSource):
    """Images of one shape each, rendered here as in 2D Shapes, known as dSprites (Matthey et al., 2017).

    Factors: `shape`, the number of a name in `shapes`; `scale` in [0.5, 1]; `orientation` in radians,
    anticlockwise; `x` and `y` in [0, 1], from left to right and from top to bottom. Defaults
    are those of the published images; as there, the orientations 0 and 2π are both on the grid and look the
    same. Values between those of the grid can be rendered. Sizes in pixels aren't published: our square
    reaches 9 pixels from its centre to each side at scale 1, and a shape moves by one pixel from one x to the
    next.

    Args:
        shapes: names of `SHAPES`.
        scales: number of scales.
        orientations: number of orientations, from 0 to `turn`, both included.
        turn: in radians.
        positions: number of values of x and of y.
        pixels: side of the images: 64, where a pixel is black or white, or 32, means of 2 × 2 such pixels.
        coloured: the shape has a `colour`, three numbers uniform in [0.5, 1], and images have three
            channels (coloured dSprites, Burgess et al., 2018).

    Raises:
        ValueError: an unknown shape, a factor without values, a turn that is not above 0, or another number
            of pixels.
    """

    def __init__(
        self,
        shapes: tuple[str, ...] = ("square", "ellipse", "heart"),
        *,
        scales: int = 6,
        orientations: int = 40,
        turn: float = 2 * np.pi,
        positions: int = 32,
        pixels: int = SIDE,
        coloured: bool = False,
    ) -> None:
        if not isinstance(shapes, list | tuple):
            raise ValueError(f"shapes must be a tuple of names, not {shapes!r}")
        for name in shapes:
            one_of("shape", name, SHAPES)
        count(1, shapes=len(shapes), scales=scales, orientations=orientations, positions=positions)
        above(0, turn=turn)
        flag(coloured=coloured)
        count(1, pixels=pixels)
        if pixels not in (SIDE, SIDE // 2):
            raise ValueError(f"pixels must be {SIDE} or {SIDE // 2}, not {pixels}")
        super().__init__(
            ("shape",),
            shape=range(len(shapes)),
            scale=np.linspace(0.5, 1, scales),
            orientation=np.linspace(0, turn, orientations),
            x=np.linspace(0, 1, positions),
            y=np.linspace(0, 1, positions),
        )
        self.shapes, self.pixels, self.coloured = shapes, pixels, coloured
        if coloured:
            colour = spaces.Box(0.5, 1.0, (3,), np.float64)
            self.factor_space = spaces.Dict({**self.factor_space.spaces, "colour": colour})

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample factors uniformly from the grid, colours from their range: arrays by name, first axis n."""
        factors = super().sample_factors(n, rng)
        return factors | {"colour": rng.uniform(0.5, 1, (n, 3))} if self.coloured else factors

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors: uint8 (n, pixels, pixels, 1 or 3).

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        given = self.checked(factors)
        grey = self._render_grey(given)
        if not self.coloured:
            return grey[..., None]
        images = np.empty((*grey.shape, 3), np.uint8)
        for channel, colour in enumerate((255 * given["colour"]).round().astype(np.uint16).T):
            images[..., channel] = (grey * colour[:, None, None] + 127) // 255
        return images

    def _render_grey(self, factors: Factors) -> Images:
        n = len(factors["shape"])
        x, y = (MARGIN + (SIDE - 1 - 2 * MARGIN) * factors[name] for name in ("x", "y"))
        left, top = (np.floor(place).astype(np.intp) - WINDOW // 2 + 1 for place in (x, y))
        white = self._sprites(factors, left - x, top - y)
        canvas = np.zeros((n, SIDE, SIDE), np.uint8)
        windows = sliding_window_view(canvas, (1, WINDOW, WINDOW), writeable=True)
        windows[np.arange(n), top, left, 0] = white
        if self.pixels == SIDE:
            return canvas * np.uint8(255)
        half = canvas[:, ::2] + canvas[:, 1::2]
        images: Images = GREYS[half[:, :, ::2] + half[:, :, 1::2]]
        return images

    def _sprites(self, factors: Factors, left: NDArray[Any], top: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which pixels of windows are inside; left and top are the windows' edges from the centres."""
        offsets = np.arange(WINDOW)
        scale = factors["scale"]
        x, y = ((edge[:, None] + offsets) / scale[:, None] for edge in (left, top))
        cos, sin = np.cos(factors["orientation"])[:, None], np.sin(factors["orientation"])[:, None]
        parts = [part.astype(np.float32) for part in (x * cos, y * sin, x * sin, y * cos)]
        inside = np.empty((len(scale), WINDOW, WINDOW), np.bool_)
        for number, name in enumerate(self.shapes):
            rows = np.flatnonzero(factors["shape"] == number)
            x_cos, y_sin, x_sin, y_cos = (part[rows] for part in parts)
            u = x_cos[:, None, :] - y_sin[:, :, None]
            v = x_sin[:, None, :] + y_cos[:, :, None]
            inside[rows] = SHAPES[name](u, v)
        return inside
