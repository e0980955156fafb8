"""Whose pixels change when one factor varies."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["mask_shares"]


def mask_shares(changed: NDArray[Any], masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return which share of the changed pixels lies in each object's mask.

    Masks may overlap, and an object may have several: then its mask is where it was or is. Where objects are
    on colour planes of their own, channels count as pixels.

    Args:
        changed: which pixels changed, bool, or by how much each did, at least 0: (n, ...).
        masks: (n, objects, ...), the same axes after the objects.

    Returns:
        (n, objects), in [0, 1]; NaN where nothing changed.

    Raises:
        ValueError: arrays of other shapes, or changes that are below 0 or not finite.
    """
    changed, masks = np.asarray(changed), np.asarray(masks)
    if masks.ndim < 3 or masks.dtype != np.bool_ or (len(masks), *masks.shape[2:]) != changed.shape:
        raise ValueError(
            f"masks must be bool (n, objects, ...) of changed's pixels {changed.shape}, not {masks.dtype} "
            f"{masks.shape}"
        )
    amount = changed.reshape(len(changed), 1, -1).astype(np.float64)
    if not np.isfinite(amount).all() or (amount < 0).any():
        raise ValueError("changed must be finite numbers of at least 0")
    whole = amount.sum(2)
    inside = (amount * masks.reshape(*masks.shape[:2], -1)).sum(2)
    shares: NDArray[np.float64] = np.divide(inside, whole, out=np.full_like(inside, np.nan), where=whole > 0)
    return shares
