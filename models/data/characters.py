"""Game characters by the number of their identity."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.models.data.grid import GridSource, Images
from unknot.models.data.sprites import POSES, VIEWS, Sprites

__all__ = ["Characters"]


class Characters(GridSource):
    """Images of the characters of `Sprites`, whose seven attributes are one factor, the identity.

    Factors, all categorical: `identity` (672), and of the observation `view` (4) and `pose` (5).

    Args:
        pixels: side of the images, at least 16.
    """

    observed: tuple[str, ...] = ("view", "pose")
    """Factors of the observation."""

    def __init__(self, *, pixels: int = 32) -> None:
        self.sprites = Sprites(pixels=pixels)
        self.identities = self.sprites.identities
        sizes = {"identity": self.identities, "view": VIEWS, "pose": POSES}
        super().__init__(tuple(sizes), **{name: range(size) for name, size in sizes.items()})

    def group(self, identities: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the colour of skin of characters (n,): (n,), in [0, 7)."""
        group: NDArray[np.int64] = self.sprites.combinations(identities * VIEWS * POSES)["body"]
        return group

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors: uint8 (n, pixels, pixels, 3).

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        return self.sprites.render_factors(self.sprites.combinations(self.rows(factors)))
