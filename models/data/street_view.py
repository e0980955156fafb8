"""What is seen of a street from a window: perspective, ground, cars, people, a traffic light."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CAR_LENGTH", "LANES", "LANE_WIDTH", "PAVEMENT", "STOP", "StreetView"]

Floats = NDArray[np.float32]

LANES, LANE_WIDTH, PAVEMENT = 4, 3.0, 4.0
"""Metres; the road is from 0 to 12 across, with a pavement to either side."""
CAR_LENGTH, CAR_WIDTH = 4.6, 1.9
STOP = 37.0
"""Metres along the street to the line where cars stop."""

_EYE = np.array([-1.0, 0.0, 17.0])
_AIM = np.array([6.2, 27.0, 0.0])
"""Where the camera is and where it looks: metres across, along and up."""
_FOCAL = 1.12
"""Focal length, in sides of the image."""
_LAYERS = ((0.3, 1.0, 0.45, 0.0), (0.75, 1.0, 0.8, 0.0), (1.4, 0.72, 1.0, 0.35))
"""Slices of a car: height in metres, share of length and width, brightness, share of window grey."""
_WINDOW = np.array([70, 84, 96], np.float32)
_TALL, _RADIUS = 1.8, 0.42
"""Metres of a person."""
_LAMP, _LAMP_SIZE = np.array([13.0, STOP + 3, 4.5]), 0.9
_RED, _GREEN = np.array([255, 40, 30], np.float32), np.array([40, 235, 90], np.float32)
_ROAD, _LINE, _STONE = (np.array(c, np.float32) for c in ([84, 84, 90], [214, 212, 200], [158, 150, 140]))
_HOUSE, _GRASS = np.array([116, 86, 72], np.float32), np.array([92, 98, 82], np.float32)
_COLOURS = (40.0, 240.0)
"""Darkest and brightest channel of a car's or a person's colour."""


class StreetView:
    """The camera's view, and what it draws on a canvas, float32 (m, pixels, pixels, 3) in [0, 255].

    Args:
        pixels: side of the images.
    """

    def __init__(self, pixels: int) -> None:
        self.pixels = pixels
        forward = (_AIM - _EYE) / np.linalg.norm(_AIM - _EYE)
        right = np.cross(forward, [0, 0, 1])
        right /= np.linalg.norm(right)
        self._axes = np.stack([right, np.cross(forward, right), forward])
        self._slices = [self._plane(height) for height, *_ in _LAYERS]
        self.middle = self._slices[1][0], self._slices[1][1]

    def empty(self, m: int) -> Floats:
        """Return m images of the empty street."""
        return np.repeat(self._ground[None], m, 0)

    def people(
        self, canvas: Floats, across: NDArray[np.float64], along: NDArray[np.float64], colour: Floats
    ) -> None:
        """Paint people who stand at places (m, k) in metres, of colours (m, k, 3) in [0, 1]."""
        down, over = np.mgrid[: self.pixels, : self.pixels].astype(np.float32) + 0.5
        for k in range(across.shape[1]):
            feet, depth = self._project(across[:, k], along[:, k], 0.0)
            head, _ = self._project(across[:, k], along[:, k], _TALL)
            radius = (_RADIUS * _FOCAL * self.pixels / depth).astype(np.float32)[:, None, None]
            way = (head - feet).astype(np.float32)
            x, y = (axis - feet[:, i, None, None].astype(np.float32) for i, axis in enumerate((over, down)))
            wx, wy = way[:, 0, None, None], way[:, 1, None, None]
            share = ((x * wx + y * wy) / (wx**2 + wy**2)).clip(0, 1)
            gap = np.sqrt((x - share * wx) ** 2 + (y - share * wy) ** 2)
            _paint(canvas, (radius + 0.5 - gap).clip(0, 1), _shade(colour[:, k]))

    def cars(
        self, canvas: Floats, across: NDArray[np.float64], along: NDArray[np.float64], colour: Floats
    ) -> NDArray[np.int8]:
        """Paint cars whose middles are at places (m, k), of colours (m, k, 3) in [0, 1], the farthest first.

        A car at infinity is not there.

        Returns:
            The number of the car that is seen at each pixel, -1 where there is none: (m, pixels, pixels).
        """
        owner = np.full(canvas.shape[:3], -1, np.int8)
        order = np.argsort(-along, 1)
        rows = np.arange(len(canvas))
        for car in order.T:
            seen = np.zeros(canvas.shape[:3], np.float32)
            middle = across[rows, car], along[rows, car]
            for (_, size, bright, window), plane in zip(_LAYERS, self._slices, strict=True):
                cover = _box(plane, *middle, size)
                paint = bright * _shade(colour[rows, car])
                _paint(canvas, cover, (1 - window) * paint + window * _WINDOW)
                np.maximum(seen, cover, out=seen)
            owner = np.where(seen >= 0.5, car[:, None, None].astype(np.int8), owner)
        return owner

    def lamp(self, canvas: Floats, red: NDArray[np.bool_]) -> None:
        """Paint the traffic light, red or green in each image, (m,)."""
        centre, depth = self._project(_LAMP[:1], _LAMP[1:2], float(_LAMP[2]))
        down, over = np.mgrid[: self.pixels, : self.pixels].astype(np.float32) + 0.5
        gap = np.hypot(over - centre[0, 0], down - centre[0, 1])
        radius = _LAMP_SIZE * _FOCAL * self.pixels / depth[0]
        cover = (radius + 0.5 - gap).clip(0, 1).astype(np.float32)
        _paint(canvas, np.broadcast_to(cover, canvas.shape[:3]), np.where(red[:, None], _RED, _GREEN))

    def _project(
        self, across: NDArray[np.float64], along: NDArray[np.float64], height: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return places in pixels, (m, 2), across and down, and depths in metres, (m,)."""
        point = np.stack([across, along, np.full_like(across, height)], -1) - _EYE
        x, y, depth = (point @ self._axes.T).T
        depth = np.maximum(depth, 1.0)  # what is behind the camera is far outside the image
        return self.pixels * (0.5 + _FOCAL * np.stack([x, y], -1) / depth[:, None]), depth

    def _plane(self, height: float) -> tuple[Floats, Floats, Floats, Floats]:
        """Return where each pixel's ray meets a height: metres across, along, and the size of a pixel."""
        steps = (np.arange(self.pixels) + 0.5) / self.pixels - 0.5
        down, over = np.meshgrid(steps, steps, indexing="ij")
        rays = np.stack([over / _FOCAL, down / _FOCAL, np.ones_like(over)], -1) @ self._axes
        reach = (height - _EYE[2]) / np.minimum(rays[..., 2], -0.02)
        across, along = _EYE[0] + reach * rays[..., 0], _EYE[1] + reach * rays[..., 1]
        sizes = [np.hypot(*np.gradient(each)) for each in (across, along)]
        return tuple(each.astype(np.float32) for each in (across, along, *sizes))

    @cached_property
    def _ground(self) -> Floats:
        """The empty street, (pixels, pixels, 3)."""
        across, along, _, _ = self._plane(0.0)
        grain = np.random.default_rng(5).normal(0, 5, across.shape).astype(np.float32)
        image = np.full((*across.shape, 3), _HOUSE)
        width = LANES * LANE_WIDTH
        image[(across > -2 * PAVEMENT) & (across < width + 2 * PAVEMENT)] = _GRASS
        image[(across > -PAVEMENT) & (across < width + PAVEMENT)] = _STONE
        road = (across >= 0) & (across <= width)
        image[road] = _ROAD
        between = np.abs(across / LANE_WIDTH - np.round(across / LANE_WIDTH)) * LANE_WIDTH < 0.18
        image[road & between & (along % 7 < 3.5) & (along < STOP)] = _LINE
        image[road & (np.abs(along - STOP) < 0.5)] = _LINE
        image[road & (along > STOP + 1.5) & (along < STOP + 4.5) & (across % 1.5 < 0.75)] = _LINE
        ground: Floats = image + grain[..., None]
        return ground


def _box(
    plane: tuple[Floats, Floats, Floats, Floats],
    across: NDArray[np.float64],
    along: NDArray[np.float64],
    size: float,
) -> Floats:
    """Return how much of each pixel boxes (m,) on a plane cover, (m, pixels, pixels)."""
    grid_x, grid_y, pixel_x, pixel_y = plane
    x, y = across.astype(np.float32)[:, None, None], along.astype(np.float32)[:, None, None]
    side = (size * CAR_WIDTH / 2 - np.abs(grid_x - x)) / pixel_x + 0.5
    end = (size * CAR_LENGTH / 2 - np.abs(grid_y - y)) / pixel_y + 0.5
    cover: Floats = side.clip(0, 1) * end.clip(0, 1)
    return cover


def _paint(canvas: Floats, cover: Floats, colour: NDArray[np.floating[Any]]) -> None:
    """Blend a colour (m, 3) into images by how much it covers, (m, pixels, pixels)."""
    at = np.nonzero(cover)  # few pixels of an image
    canvas[at] += cover[at][:, None] * (colour[at[0]].astype(np.float32) - canvas[at])


def _shade(colour: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    low, high = _COLOURS
    return low + (high - low) * colour
