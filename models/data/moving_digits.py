"""Moving MNIST on two colour planes: two digits that bounce off the edges and never off each other."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from unknot.checks import above, count, one_of, within
from unknot.mnist import SPLITS, load
from unknot.models.data.grid import Factors, Images, check_factors

__all__ = ["MovingDigits"]

Floats = NDArray[np.float32]

DIGITS = 2
"""Digits of a clip; the first is red, the second green."""
SIDES = {64: 28, 32: 14}
"""Side in pixels of a digit, by that of the frames."""
BATCH = 4096
"""Digits rendered at a time."""
INK = 0.25
"""From which share of full ink on a pixel is a digit's."""


class MovingDigits:
    """A factor source: clips of two digits that move straight and bounce, uint8 (n, frames, h, w, 3).

    After Srivastava, Mansimov and Salakhutdinov, "Unsupervised learning of video representations using
    LSTMs", 2015, as Whitney and Fergus, "Disentangling video with independent prediction", 2017, have it: the
    digits are on colour planes of their own, the motion is deterministic, and digits pass through each other.
    Their paper gives no speeds; ours are such that a digit crosses the frame within 7 to 18 frames. Digits
    move by fractions of a pixel (linear interpolation).

    Each factor has an entry for each of the two digits, all independent and uniform: `class`, 0 to 9;
    `example`, which image of that class; `x` and `y` in [0, 1], the place in the first frame, from the
    leftmost to the rightmost and from the highest to the lowest; `angle` in [0, 2π], of the motion, in
    radians, from right to down; `speed` in [speed], of the way across the frame in one frame.

    Args:
        pixels: side of the frames: 64 with digits of 28 × 28, or 32 with their means of 2 × 2 pixels.
        frames: length of the clips.
        split: of MNIST (`unknot.mnist`): "train" or "test".
        speed: the least and the greatest.

    Raises:
        ValueError: an argument out of range, or an unknown name.

    Example:
        >>> source = MovingDigits(pixels=32)
        >>> clips = source.render_factors(source.sample_factors(3, np.random.default_rng(0)))
        >>> clips.shape
        (3, 10, 32, 32, 3)
    """

    def __init__(
        self,
        *,
        pixels: int = 64,
        frames: int = 10,
        split: str = "train",
        speed: tuple[float, float] = (0.055, 0.14),
    ) -> None:
        count(1, pixels=pixels, frames=frames)
        if pixels not in SIDES:
            raise ValueError(f"pixels must be one of {sorted(SIDES)}, not {pixels}")
        one_of("split", split, SPLITS)
        if not isinstance(speed, list | tuple) or len(speed) != 2:
            raise ValueError(f"speed must be the least and the greatest, not {speed!r}")
        above(0, speed=speed[0])
        within(speed[0], 1, speed=speed[1])
        self.pixels, self.frames, self.split, self.speed = pixels, frames, split, (speed[0], speed[1])
        self.side = SIDES[pixels]
        images, labels = load(split)
        groups = [np.flatnonzero(labels == digit) for digit in range(10)]
        examples = min(map(len, groups))
        self._chosen = np.stack([group[:examples] for group in groups])
        self._images = _reduced(images, self.side)

        def box(low: float, high: float) -> spaces.Box:
            return spaces.Box(low, high, (DIGITS,), np.float64)

        self.factor_space = spaces.Dict(
            {
                "class": spaces.MultiDiscrete([10] * DIGITS),
                "example": spaces.MultiDiscrete([examples] * DIGITS),
                "x": box(0, 1),
                "y": box(0, 1),
                "angle": box(0, 2 * np.pi),
                "speed": box(*self.speed),
            }
        )

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample factors: arrays (n, 2) by name."""
        count(0, n=n)
        size = (n, DIGITS)
        return {
            "class": rng.integers(10, size=size),
            "example": rng.integers(self._chosen.shape[1], size=size),
            "x": rng.uniform(size=size),
            "y": rng.uniform(size=size),
            "angle": rng.uniform(0, 2 * np.pi, size),
            "speed": rng.uniform(*self.speed, size),
        }

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors: uint8 (n, frames, pixels, pixels, 3).

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        planes = self._planes(check_factors(self.factor_space, factors))
        return np.concatenate([planes, np.zeros_like(planes[..., :1])], -1)

    def positions(self, factors: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return the places of the digits in each frame, in [0, 1]: (n, frames, 2, 2), x before y."""
        given = check_factors(self.factor_space, factors)
        way = np.stack([np.cos(given["angle"]), np.sin(given["angle"])], -1) * given["speed"][..., None]
        start = np.stack([given["x"], given["y"]], -1)
        straight = start[:, None] + way[:, None] * np.arange(self.frames)[:, None, None]
        bounced: NDArray[np.float64] = 1 - np.abs(straight % 2 - 1)
        return bounced

    def masks(self, factors: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Return which pixels each digit covers by a quarter or more: (n, frames, 2, pixels, pixels)."""
        planes = self._planes(check_factors(self.factor_space, factors))
        masks: NDArray[np.bool_] = np.moveaxis(planes >= 255 * INK, -1, 2)
        return masks

    def _planes(self, given: Factors) -> Images:
        """Return a plane for each digit: uint8 (n, frames, pixels, pixels, 2)."""
        n = len(given["class"])
        corner = (self.pixels - self.side) * self.positions(given)
        rows = self._chosen[given["class"], given["example"]][:, None].repeat(self.frames, 1)
        planes = np.zeros((n * self.frames * DIGITS, self.pixels, self.pixels), np.uint8)
        rows, corner = rows.reshape(-1), corner.reshape(-1, 2)
        for start in range(0, len(planes), BATCH):
            some = slice(start, start + BATCH)
            _place(planes[some], self._images[rows[some]], corner[some])
        return np.moveaxis(planes.reshape(n, self.frames, DIGITS, self.pixels, self.pixels), 2, -1)


def _place(planes: Images, digits: Images, corner: NDArray[np.float64]) -> None:
    """Write digits (m, side, side) to planes (m, pixels, pixels), at corners (m, 2) in pixels, x first."""
    whole = np.minimum(np.floor(corner), planes.shape[-1] - digits.shape[-1] - 1).astype(np.intp)
    right, down = (corner - whole).astype(np.float32).T[:, :, None, None]
    padded = np.pad(digits, ((0, 0), (1, 1), (1, 1))).astype(np.float32)
    across = (1 - right) * padded[:, :, 1:] + right * padded[:, :, :-1]
    moved = (1 - down) * across[:, 1:] + down * across[:, :-1]
    offsets = np.arange(moved.shape[-1])
    rows = (whole[:, 1, None] + offsets)[:, :, None]
    columns = (whole[:, 0, None] + offsets)[:, None]
    planes[np.arange(len(planes))[:, None, None], rows, columns] = moved.round().astype(np.uint8)


def _reduced(images: Images, side: int) -> Images:
    """Return means of blocks of images (n, 28, 28), rounded: (n, side, side)."""
    block = images.shape[1] // side
    if block == 1:
        return images
    blocks = images.reshape(len(images), side, block, side, block)
    means: Images = ((blocks.sum((2, 4), dtype=np.uint16) + block * block // 2) // block**2).astype(np.uint8)
    return means
