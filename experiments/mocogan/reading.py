"""What videos of moving shapes show: shape, size, colour, class of motion; read by the renderer's rules."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from unknot.models.data.videos import MOTIONS, SHAPES, SIDE, SIDES, ShapeMotion, templates
from unknot.representation.metrics.videos import Track, track

Videos = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AREAS = (30, 220)
"""Least and greatest area of a shape, in pixels of 64 × 64 frames: somewhat more than shapes have."""
OFF_COURSE = 0.1
"""Root mean square distance from a class's course up to which a motion is of the class, in sides."""
HUES = 8
GRID = {"motion": len(MOTIONS), "shape": len(SHAPES), "size": len(SIDES), "hue": HUES}
"""The grid of factors: how many values each has."""
CELLS = math.prod(GRID.values())


@dataclass(frozen=True)
class Reading:
    """What n videos of t frames show."""

    track: Track
    valid: NDArray[np.bool_]
    """Whether a frame has one shape of an allowed area and nothing else, (n, t)."""
    motion: Ints
    """The class of motion, (n,); -1 for none."""
    kind: Ints
    """Shape and size as one number, (n,): the pixels that frames agree with best."""
    hue: Ints
    """Which eighth of the circle of hues, (n,)."""

    @property
    def whole(self) -> NDArray[np.bool_]:
        """Whether all frames of a video are valid, (n,)."""
        whole: NDArray[np.bool_] = self.valid.all(1)
        return whole

    @property
    def cells(self) -> Ints:
        """The cell of the grid of factors, (n,); -1 for a video that is not valid or of no class."""
        cells = (np.maximum(self.motion, 0) * len(SHAPES) * len(SIDES) + self.kind) * HUES + self.hue
        return np.where(self.whole & (self.motion >= 0), cells, -1)


def read(videos: Videos) -> Reading:
    """Read videos of moving shapes, uint8 (n, t, side, side, 3), whose course takes t frames."""
    found, side = track(videos), videos.shape[2]
    low, high = (area * (side / SIDE) ** 2 for area in AREAS)
    valid = (found.parts == 1) & (found.area >= low) & (found.area <= high)
    colour = np.median(found.colour, 1)
    return Reading(found, valid, motion_of(found.centre, side), kinds_of(found, side), hues_of(colour))


def motion_of(centres: Floats, side: int) -> Ints:
    """Return which class's course objects keep to, (n,), of centres (n, t, 2): the nearest, -1 if none is."""
    source = ShapeMotion(pixels=side, frames=centres.shape[1])
    factors = source.sample_factors(1, np.random.default_rng(0))
    distances = []
    for number, name in enumerate(MOTIONS):
        axis = 1 if name == "up" else 0
        course = source.centres({**factors, "motion": np.array([number])})[0, :, axis]
        distances.append(np.sqrt(np.square(centres[..., axis] - course).mean(1)))
    nearest = np.nan_to_num(np.stack(distances), nan=np.inf)
    return np.where(nearest.min(0) <= OFF_COURSE * side, nearest.argmin(0), -1)


def kinds_of(found: Track, side: int) -> Ints:
    """Return the shape and size of which videos' pixels are most like, (n,): shape × sizes + size."""
    scores = []
    for mask in templates(side).values():
        reach = len(mask)
        corner = np.round(np.nan_to_num(found.centre) - (reach - 1) / 2).astype(np.intp) + reach
        padded = np.pad(found.mask, ((0, 0), (0, 0), (reach, reach), (reach, reach)))
        windows: Any = sliding_window_view(padded, (reach, reach), (2, 3))  # type: ignore[call-overload]
        rows, time = np.indices(found.area.shape)
        common = (windows[rows, time, corner[..., 1], corner[..., 0]] & mask).sum((2, 3))
        scores.append((common / (found.area + mask.sum() - common)).mean(1))
    kinds: Ints = np.stack(scores).argmax(0)
    return kinds


def hues_of(colours: Floats) -> Ints:
    """Return the eighth of the circle of hues of colours (n, 3)."""
    from matplotlib.colors import rgb_to_hsv

    return np.minimum(HUES * rgb_to_hsv(np.clip(colours / 255, 0, 1))[:, 0], HUES - 1).astype(np.int64)


def true_cells(factors: Mapping[str, Any]) -> Ints:
    """Return the cells (n,) of factors of `ShapeMotion`."""
    kind = factors["shape"] * len(SIDES) + factors["size"]
    cells: Ints = (factors["motion"] * len(SHAPES) * len(SIDES) + kind) * HUES + hues_of(
        255 * factors["colour"]
    )
    return cells
