"""Stratified splits."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import require

__all__ = ["stratified_split"]


def stratified_split(strata: NDArray[Any], shares: Sequence[float], seed: int) -> list[NDArray[np.int64]]:
    """Split n rows at random into parts, each of which has the same share of every stratum.

    Args:
        strata: (n,), what stratum a row is of: the shape, say.
        shares: of the parts, above 0, with sum 1: (0.7, 0.15, 0.15), say.
        seed: of the split.

    Returns:
        The rows of each part, rising; every row is in one part.

    Raises:
        ValueError: other shares, or a stratum too small to be split.
    """
    require("learn", "sklearn")
    from sklearn.model_selection import train_test_split

    if not shares or min(shares) <= 0 or not np.isclose(sum(shares), 1):
        raise ValueError(f"shares must be above 0 and have sum 1, not {list(shares)}")
    parts, rest = [], np.arange(len(strata))
    for share in shares[:-1]:
        size = round(share * len(strata))
        part, rest = train_test_split(rest, train_size=size, stratify=strata[rest], random_state=seed)
        parts.append(np.sort(part))
    return [*parts, np.sort(rest)]
