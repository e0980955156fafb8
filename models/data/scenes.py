"""Scenes of several sprites, each present or not, that may overlap."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from unknot.checks import count, one_of, within
from unknot.models.data.grid import Factors, Images, check_factors
from unknot.models.data.shapes2d import SHAPES

__all__ = ["BLENDINGS", "Scenes"]

BLENDINGS = ("sum", "painter")
"""What happens where sprites overlap: colours are summed and clipped at 1, or the last sprite covers."""
PIXELS = (16, 32, 64)
SIDE = 64
"""Side in pixels of the image that is rendered; smaller images are its means."""
MARGIN = 13
"""Pixels from the edge to the outermost centre of a sprite."""
WINDOW = 26
"""Side in pixels of the square around a sprite's centre; no sprite reaches beyond it."""
SCALES = (0.5, 0.9)
"""Least and greatest scale; at 1 a square has a side of 18 pixels of 64."""
DARKEST = 0.5
"""Least value of a sprite's brightest channel."""


class Scenes:
    """A factor source: images of up to so many sprites on black (multi-object dSprites, Nash et al., 2017).

    Each factor has an entry for each sprite, and sprites are independent. `present`: whether it is there;
    `shape`: the number of a name in `shapes`; `scale` in [0.5, 0.9]; `orientation` in [0, 2π], in radians,
    anticlockwise; `x` and `y` in [0, 1], from left to right and from top to bottom; `colour`, red, green and
    blue. All are uniform, colours but for their brightest channel, which is uniform in [0.5, 1].

    The paper gives no sizes, places and probabilities. Ours are such that no sprite leaves the image.

    Args:
        objects: the most sprites.
        pixels: side of the images: 64, or 32 or 16, means of 2 × 2 or 4 × 4 pixels.
        blending: "sum", colours of overlapping sprites are summed and clipped at 1, as in the paper; or
            "painter", later sprites cover earlier ones.
        presence: probability that a sprite is there.
        shapes: names of `unknot.models.data.shapes2d.SHAPES`.

    Raises:
        ValueError: an argument out of range, or an unknown name.
    """

    def __init__(
        self,
        *,
        objects: int = 3,
        pixels: int = SIDE,
        blending: str = "sum",
        presence: float = 0.5,
        shapes: tuple[str, ...] = ("square", "ellipse", "heart"),
    ) -> None:
        count(1, objects=objects)
        one_of("blending", blending, BLENDINGS)
        within(0, 1, presence=presence)
        count(1, pixels=pixels)
        if pixels not in PIXELS:
            raise ValueError(f"pixels must be one of {PIXELS}, not {pixels}")
        if not isinstance(shapes, list | tuple) or not shapes:
            raise ValueError(f"shapes must be a tuple of names, at least one, not {shapes!r}")
        for name in shapes:
            one_of("shape", name, SHAPES)
        self.objects, self.pixels, self.blending = objects, pixels, blending
        self.presence, self.shapes = presence, tuple(shapes)

        def box(low: float, high: float, *axes: int) -> spaces.Box:
            return spaces.Box(low, high, (objects, *axes), np.float64)

        self.factor_space = spaces.Dict(
            {
                "present": spaces.MultiBinary(objects),
                "shape": spaces.MultiDiscrete([len(shapes)] * objects),
                "scale": box(*SCALES),
                "orientation": box(0, 2 * np.pi),
                "x": box(0, 1),
                "y": box(0, 1),
                "colour": box(0, 1, 3),
            }
        )

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample factors: arrays (n, objects) by name, `colour` (n, objects, 3)."""
        count(0, n=n)
        size = (n, self.objects)
        hue = rng.uniform(size=(*size, 3))
        brightest = rng.uniform(DARKEST, 1, size)
        return {
            "present": (rng.uniform(size=size) < self.presence).astype(np.int8),
            "shape": rng.integers(len(self.shapes), size=size),
            "scale": rng.uniform(*SCALES, size),
            "orientation": rng.uniform(0, 2 * np.pi, size),
            "x": rng.uniform(size=size),
            "y": rng.uniform(size=size),
            "colour": hue * (brightest / hue.max(-1))[..., None],
        }

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors: uint8 (n, pixels, pixels, 3).

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        given = check_factors(self.factor_space, factors)
        canvas = np.zeros((len(given["present"]), SIDE, SIDE, 3), np.uint16)
        windows = _windows(canvas)
        colour = (255 * given["colour"]).round().astype(np.uint16)
        for sprite in range(self.objects):  # one after the other, since they may cover the same pixels
            rows, top, left, inside = self._sprites(given, sprite)
            paint = inside[:, None] * colour[rows, sprite][:, :, None, None]
            if self.blending == "sum":
                windows[rows, top, left] += paint
            else:
                windows[rows, top, left] = np.where(inside[:, None], paint, windows[rows, top, left])
        if self.blending == "sum":
            np.minimum(canvas, 255, out=canvas)
        return _means(canvas, self.pixels).astype(np.uint8)

    def masks(self, factors: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Return which pixels each sprite covers by half or more, whatever lies above it.

        Args:
            factors: as `render_factors` takes them.

        Returns:
            (n, objects, pixels, pixels); all false for a sprite that is not there.
        """
        given = check_factors(self.factor_space, factors)
        covered = np.zeros((len(given["present"]), SIDE, SIDE, self.objects), np.uint16)
        windows = _windows(covered)
        for sprite in range(self.objects):
            rows, top, left, inside = self._sprites(given, sprite)
            windows[rows, top, left, sprite] = inside
        masks: NDArray[np.bool_] = np.moveaxis(_means(covered, self.pixels) >= 1, -1, 1)
        return masks

    def _sprites(
        self, given: Factors, sprite: int
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
        """Return the scenes that have a sprite, (m,), and its window: top, left, which pixels are inside."""
        rows = np.flatnonzero(given["present"][:, sprite])
        here = {name: each[rows, sprite] for name, each in given.items()}
        x, y = (MARGIN + (SIDE - 1 - 2 * MARGIN) * here[name] for name in ("x", "y"))
        left, top = (np.floor(place).astype(np.intp) - WINDOW // 2 + 1 for place in (x, y))
        offsets = np.arange(WINDOW)
        across = ((left - x)[:, None] + offsets) / here["scale"][:, None]
        down = ((top - y)[:, None] + offsets) / here["scale"][:, None]
        cos, sin = np.cos(here["orientation"])[:, None], np.sin(here["orientation"])[:, None]
        parts = [part.astype(np.float32) for part in (across * cos, down * sin, across * sin, down * cos)]
        inside = np.empty((len(rows), WINDOW, WINDOW), np.bool_)
        for number, name in enumerate(self.shapes):
            chosen = np.flatnonzero(here["shape"] == number)
            x_cos, y_sin, x_sin, y_cos = (part[chosen] for part in parts)
            u = x_cos[:, None, :] - y_sin[:, :, None]
            v = x_sin[:, None, :] + y_cos[:, :, None]
            inside[chosen] = SHAPES[name](u, v)
        return rows, top, left, inside


def _windows(canvas: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return all windows of a canvas (n, h, w, k), to write to: (n, top, left, k, WINDOW, WINDOW)."""
    axes: Any = (1, 2)  # NumPy's annotation knows one axis alone
    return sliding_window_view(canvas, (WINDOW, WINDOW), axes, writeable=True)


def _means(canvas: NDArray[np.uint16], pixels: int) -> NDArray[np.uint16]:
    """Return means of blocks of a canvas (n, SIDE, SIDE, k), rounded: (n, pixels, pixels, k)."""
    block = SIDE // pixels
    if block == 1:
        return canvas
    rows = sum((canvas[:, k::block] for k in range(1, block)), canvas[:, ::block])
    sums = sum((rows[:, :, k::block] for k in range(1, block)), rows[:, :, ::block])
    return ((sums + block * block // 2) // (block * block)).astype(np.uint16, copy=False)
