"""Factors that vary without being counted."""

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from unknot.checks import one_of
from unknot.models.data.grid import Factors, Images
from unknot.representation.source import FactorSource

__all__ = ["Nuisance"]


class Nuisance:
    """A source some of whose factors go on varying but are no factors any more.

    So are papers measured that leave a factor out (the shape of 2D Shapes, Kim and Mnih, 2018). The factors
    left out are drawn with the others and stay with them, so that of two images of which one factor is
    changed they are the same. Where they aren't given, a generator draws them that the others of the batch
    seed: the same batch gives the same images.

    Args:
        source: what draws.
        *names: of the factors left out.

    Raises:
        ValueError: a name that is no factor of the source.
    """

    def __init__(self, source: FactorSource, *names: str) -> None:
        known = source.factor_space.spaces
        for name in names:
            one_of("factor", name, known)
        self.source, self.names = source, names
        self.factor_space = spaces.Dict({name: known[name] for name in known if name not in names})

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Draw factors, those left out too: arrays by name, first axis n."""
        return self.source.sample_factors(n, rng)

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Draw the images of factors: uint8 (n, height, width, channels)."""
        arrays = [np.ascontiguousarray(factors[name]) for name in self.factor_space]
        seed = zlib.crc32(b"".join(array.tobytes() for array in arrays))
        drawn = self.source.sample_factors(len(arrays[0]), np.random.default_rng(seed))
        images: Images = self.source.render_factors({name: drawn[name] for name in self.names} | {**factors})
        return images
