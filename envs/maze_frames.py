"""How a maze looks: 64 × 64 pixels, of which only the cells that changed are rendered.

A number, the code of a cell, says what it shows; an image is a row of codes, one for each cell.
"""

from collections.abc import Callable
from copy import copy
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .maze_world import BLOCK, FREE, SWITCH, WATER

Codes = NDArray[np.uint8]
Images = NDArray[np.uint8]
Coverage = Callable[[Any, Any], Any]
Colour = tuple[int, int, int]

PIXELS = 64
"""Height and width of an image."""
SUPERSAMPLES = 8
"""Samples per pixel along each axis, to antialias sprites."""

AGENT, GOAL, KIND = 1, 2, 4
"""A code is KIND * kind, plus AGENT if the agent is there, plus GOAL if the goal is; kinds are those of
layouts, except that a switch's is SWITCH + shades * (its shade) + (the wanted shade)."""

RED, WHITE, ORANGE, BLUE, BLACK = (230, 40, 40), (255, 255, 255), (255, 140, 0), (40, 90, 230), (0, 0, 0)
DARKEST, BRIGHTEST = 90, 250
"""Green of a switch's first and last shade."""


def disc(y: Any, x: Any) -> Any:
    """Return where the agent covers a cell, [-1, 1] × [-1, 1]."""
    return y * y + x * x < 0.6**2


def rounded(half: float, radius: float = 0.3) -> Coverage:
    """Return the rounded square of a switch."""

    def covers(y: Any, x: Any) -> Any:
        y, x = (np.maximum(np.abs(axis) - (half - radius), 0) for axis in (y, x))
        return y * y + x * x < radius * radius

    return covers


def corners(y: Any, x: Any) -> Any:
    """Return where the goal covers a cell: its corners, so that the rest of the cell is visible."""
    return np.abs(y) + np.abs(x) > 1.3


def switch_kind(shade: Any, wanted: Any, shades: int) -> Any:
    """Return the kind of a cell with a switch."""
    return SWITCH + shades * shade + wanted


def ground(code: int) -> Colour:
    """Return the colour that fills a cell of a code."""
    return {BLOCK: ORANGE, WATER: BLUE}.get(code // KIND, BLACK)


def shapes(code: int, shades: int) -> list[tuple[Coverage, Colour]]:
    """Return the shapes over the ground of a cell of a code, from bottom to top."""
    painted: list[tuple[Coverage, Colour]] = []
    if code // KIND >= SWITCH:
        shade, wanted = divmod(code // KIND - SWITCH, shades)
        painted += [(rounded(0.95), green(wanted, shades)), (rounded(0.7), green(shade, shades))]
    if code & GOAL:
        painted.append((corners, WHITE))
    if code & AGENT:
        painted.append((disc, RED))
    return painted


def green(shade: int, shades: int) -> Colour:
    """Return the colour of a switch."""
    return 0, DARKEST + (BRIGHTEST - DARKEST) * shade // (shades - 1), 0


def sprite(code: int, shades: int, height: int, width: int) -> Images:
    """Render a cell: (height, width, 3)."""
    y, x = (
        (np.arange(pixels * SUPERSAMPLES) + 0.5) / (pixels * SUPERSAMPLES) * 2 - 1
        for pixels in (height, width)
    )
    image = np.full((len(y), len(x), 3), ground(code), dtype=np.float64)
    for covers, colour in shapes(code, shades):
        image[covers(y[:, None], x[None, :])] = colour
    pixels = image.reshape(height, SUPERSAMPLES, width, SUPERSAMPLES, 3).mean(axis=(1, 3))
    rendered: Images = (pixels + 0.5).astype(np.uint8)
    return rendered


class Tiles(NamedTuple):
    """The cells of one height and width.

    Attributes:
        cells: which cells they are (cells,), bool.
        sprites: their pixels by code (codes, height, 3 * width).
    """

    cells: NDArray[np.bool_]
    sprites: Images


class Looks(NamedTuple):
    """What rendering needs for boards of size × size cells.

    Attributes:
        background: an image of code 0 everywhere (PIXELS, 3 * PIXELS).
        top: the first row of each cell (cells,).
        left: three times the first column of each cell (cells,).
        tiles: the cells by their height and width, which differ by a pixel where size does not divide 64.
    """

    background: Images
    top: NDArray[np.intp]
    left: NDArray[np.intp]
    tiles: tuple[Tiles, ...]


@lru_cache(maxsize=32)
def find_looks(size: int, shades: int) -> Looks:
    """Return the looks of boards of size × size cells with switches of some shades."""
    edges = np.round(np.arange(size + 1) * PIXELS / size).astype(np.intp)
    extents = np.diff(edges)
    heights, widths = np.repeat(extents, size), np.tile(extents, size)
    codes = range(KIND * (SWITCH + shades * shades))
    tiles = []
    for height, width in product(sorted(set(extents.tolist())), repeat=2):
        sprites = [sprite(code, shades, height, width).reshape(height, -1) for code in codes]
        tiles.append(Tiles((heights == height) & (widths == width), np.stack(sprites)))
    background = np.tile(np.array(ground(KIND * FREE), dtype=np.uint8), (PIXELS, PIXELS))
    return Looks(background, np.repeat(edges[:-1], size), 3 * np.tile(edges[:-1], size), tuple(tiles))


class Frames:
    """Images of n boards that remember what they show, and render only what differs.

    Args:
        n: the number of boards.
        size: cells along an axis of a board.
        shades: the number of shades of a switch.
    """

    def __init__(self, n: int, size: int, shades: int) -> None:
        self.size, self.shades = size, shades
        self.codes = np.zeros((n, size * size), dtype=np.uint8)
        self.images = np.repeat(find_looks(size, shades).background[None], n, axis=0)

    def render(self, boards: NDArray[np.intp], codes: Codes) -> Images:
        """Show codes (m, cells) on some boards; return fresh images of them (m, PIXELS, PIXELS, 3)."""
        looks = find_looks(self.size, self.shades)
        changed = np.flatnonzero(self.codes[boards] != codes)  # ten times faster than two indices at once
        which, cell = np.divmod(changed, codes.shape[1])
        self.codes[boards] = codes
        board, code = boards[which], codes.reshape(-1)[changed]
        for tiles in looks.tiles:
            here = tiles.cells[cell]
            window = tiles.sprites.shape[1:]
            windows = sliding_window_view(self.images, window, axis=(1, 2), writeable=True)  # type: ignore[call-overload]
            at = board[here], looks.top[cell[here]], looks.left[cell[here]]
            windows[at] = tiles.sprites[code[here]]
        return self.images[boards].reshape(-1, PIXELS, PIXELS, 3)

    def repeat(self, n: int) -> "Frames":
        """Return n boards that all show what the first one shows."""
        other = copy(self)
        other.codes, other.images = (np.repeat(array[:1], n, axis=0) for array in (self.codes, self.images))
        return other
