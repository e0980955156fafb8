"""Factors that vary but don't count."""

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
    """A source that hides some factors from metrics, although they still vary.

    It reproduces papers that leave a factor out (the shape of 2D Shapes, Kim and Mnih, 2018). Hidden factors
    are sampled and kept with the others, so that they are equal in two images that differ in one factor. If
    they are not given, they are sampled with a seed made of the other factors of the batch: the same batch
    gives the same images.

    Args:
        source: the source that renders.
        *names: of the hidden factors.

    Raises:
        ValueError: a name that is not a factor of the source.
    """

    def __init__(self, source: FactorSource, *names: str) -> None:
        known = source.factor_space.spaces
        for name in names:
            one_of("factor", name, known)
        self.source, self.names = source, names
        self.factor_space = spaces.Dict({name: known[name] for name in known if name not in names})

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample factors, including hidden ones: arrays by name, first axis n."""
        return self.source.sample_factors(n, rng)

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors: uint8 (n, height, width, channels)."""
        arrays = [np.ascontiguousarray(factors[name]) for name in self.factor_space]
        seed = zlib.crc32(b"".join(array.tobytes() for array in arrays))
        hidden = self.source.sample_factors(len(arrays[0]), np.random.default_rng(seed))
        images: Images = self.source.render_factors({name: hidden[name] for name in self.names} | {**factors})
        return images
