"""Teapots to learn from and to test on, with some combinations left out."""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.models.data.teapots import Teapots

FACTORS = ("azimuth", "elevation", "red", "green", "blue")


@cache
def teapots(part: str, count: int, pixels: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Sample teapots, the same for all models and seeds: factors (n, 5), images uint8 (n, h, w, 3)."""
    source = Teapots(part=part, pixels=pixels)
    factors = source.sample_factors(count, np.random.default_rng([seed, len(part)]))
    return np.stack([factors[name] for name in FACTORS], 1), source.render_factors(factors)


def batches(images: NDArray[np.uint8], size: int, seed: int) -> Callable[[int], dict[str, Tensor]]:
    """Make a source of batches of `size` images sampled from all, or of all where there are no more."""
    rows = torch.from_numpy(images)

    def batch_at(step: int) -> dict[str, Tensor]:
        if size >= len(rows):
            return {"observation": rows}
        return {"observation": rows[np.random.default_rng([seed, step]).integers(len(rows), size=size)]}

    return batch_at
