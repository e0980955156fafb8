"""Stratified splits."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import above, count, require

__all__ = ["stratified_split"]


def stratified_split(strata: NDArray[Any], shares: Sequence[float], seed: int) -> list[NDArray[np.int64]]:
    """Split n rows at random into parts with equal shares of every stratum.

    Args:
        strata: (n,), each row's stratum, such as the shape.
        shares: of the parts, above 0, with sum 1, such as (0.7, 0.15, 0.15).
        seed: of the split.

    Returns:
        The rows of each part, ascending; every row is in one part.

    Raises:
        ValueError: other shares, or a stratum too small to be split.
    """
    require("learn", "sklearn")
    from sklearn.model_selection import train_test_split

    if not isinstance(strata, np.ndarray) or strata.ndim != 1 or not len(strata):
        raise ValueError(f"strata must be an array (n,) of at least one row, not {strata!r:.200}")
    if strata.dtype.kind == "f" and not np.isfinite(strata).all():
        raise ValueError(f"strata must be finite, not {strata!r:.200}")
    if not isinstance(shares, list | tuple):
        raise ValueError(f"shares must be a tuple of numbers, not {shares!r:.200}")
    for share in shares:
        above(0, shares=share)
    count(0, seed=seed)
    if not shares or min(shares) <= 0 or not np.isclose(sum(shares), 1):
        raise ValueError(f"shares must be above 0 and have sum 1, not {list(shares)}")
    parts, remaining = [], np.arange(len(strata))
    for share in shares[:-1]:
        size = round(share * len(strata))
        part, remaining = train_test_split(
            remaining, train_size=size, stratify=strata[remaining], random_state=seed
        )
        parts.append(np.sort(part))
    return [*parts, np.sort(remaining)]
