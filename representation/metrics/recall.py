"""How often neighbours in a code have one label."""

from collections.abc import Sequence

import torch
from torch import Tensor

from unknot.checks import count

__all__ = ["recall"]


def recall(codes: Tensor, labels: Tensor, neighbours: Sequence[int] = (1, 2, 4, 10)) -> dict[str, float]:
    """Return Recall@k: the share of rows that have one of their label among their k nearest others.

    Args:
        codes: (n, d), compared by Euclidean distance; on the sphere angles have the same order.
        labels: (n,).
        neighbours: values of k, below n.

    Returns:
        The shares by k.

    Raises:
        ValueError: other shapes, codes that are not finite, or a k outside [1, n).
    """
    for name, values, axes in (("codes", codes, 2), ("labels", labels, 1)):
        if not isinstance(values, Tensor) or values.ndim != axes or not 0 < len(values) == len(codes):
            raise ValueError(f"{name} must be a tensor {('(n,)', '(n, d)')[axes - 1]}, not {values!r}")
    if codes.is_complex() or not bool(codes.isfinite().all()):
        raise ValueError("codes must be finite numbers; they are not all finite")
    if not isinstance(neighbours, list | tuple) or not neighbours:
        raise ValueError(f"neighbours must be values of k, at least one, not {neighbours!r}")
    for k in neighbours:
        count(1, neighbours=k)
        if k >= len(codes):
            raise ValueError(f"neighbours must be below the number of rows, {len(codes)}, not {k}")
    # By matrix products, as by default, codes far from 0 would lose their differences.
    codes = codes.detach().double()
    distances = torch.cdist(codes, codes, compute_mode="donot_use_mm_for_euclid_dist")
    distances.fill_diagonal_(torch.inf)
    nearest = distances.topk(max(neighbours), largest=False).indices
    hits = labels[nearest] == labels[:, None]
    return {str(k): float(hits[:, :k].any(1).float().mean()) for k in neighbours}
