"""A Gaussian blob on black."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from unknot.checks import above, count
from unknot.models.data.grid import GridSource, Images

__all__ = ["Blob"]


class Blob(GridSource):
    """Images of a Gaussian blob, whose factors are its position, `x` and `y` in [0, 1], from left and from
    top.

    Burgess et al., "Understanding disentangling in β-VAE", 2018, section 4.3. They don't give sizes.

    Args:
        pixels: side of the images, at least 8.
        std: standard deviation of the blob, as a share of the side; centres are at least two standard
            deviations from the edge.
        positions: number of values of x and of y; values in between can be rendered.

    Raises:
        ValueError: an argument out of range.
    """

    def __init__(self, *, pixels: int = 64, std: float = 0.08, positions: int = 32) -> None:
        count(8, pixels=pixels)
        count(2, positions=positions)
        above(0, std=std)
        if std >= 0.25:
            raise ValueError(f"std must be above 0 and below 0.25, not {std}")
        super().__init__(x=np.linspace(0, 1, positions), y=np.linspace(0, 1, positions))
        self.pixels, self.std = pixels, std

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors: uint8 (n, pixels, pixels, 1), 255 at a blob's centre.

        Raises:
            ValueError: factors other than x and y, or out of range.
        """
        given = self.checked(factors)
        margin = 2 * self.std
        places = (np.arange(self.pixels) + 0.5) / self.pixels
        across, down = (
            np.exp(-(((places - margin - (1 - 2 * margin) * given[name][:, None]) / self.std) ** 2) / 2)
            for name in ("x", "y")
        )
        images: Images = (255 * down[:, :, None] * across[:, None, :]).round().astype(np.uint8)
        return images[..., None]
