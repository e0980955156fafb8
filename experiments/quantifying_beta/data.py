"""Shapes, split into those to learn from and those to test on, and digits."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from unknot.experiments.common.digits import block_means
from unknot.mnist import load
from unknot.models.data.shapes2d import Shapes2D
from unknot.models.data.splits import stratified_split

DIGIT_SIDE = 32
"""Side of the digits, with their margins."""


def shapes(orientations: int, positions: int, pixels: int = 64) -> Shapes2D:
    """Return the paper's shapes, with so many orientations in [0, π] and values of x and of y."""
    kinds = ("square", "ellipse", "triangle")
    return Shapes2D(kinds, orientations=orientations, turn=np.pi, positions=positions, pixels=pixels)


@cache
def split(orientations: int, positions: int) -> list[NDArray[np.int64]]:
    """Return which combinations train, validate and test; of those that look the same one is kept.

    Whether two look the same is seen at 64 × 64 pixels. The split is the same for every seed.
    """
    source = shapes(orientations, positions)
    kept = source.distinct()
    strata = source.combinations(kept)["shape"]
    return [kept[part] for part in stratified_split(strata, (0.7, 0.15, 0.15), seed=0)]


@cache
def digits(split: str, pixels: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return images (n, pixels, pixels, 1) and labels (n,) of MNIST's split, or of its replacement."""
    images, labels = load(split)
    edge = (DIGIT_SIDE - images.shape[1]) // 2
    padded = np.pad(images, ((0, 0), (edge, edge), (edge, edge)))
    return block_means(padded[..., None], pixels), labels
