"""How often neighbours in a code have one label."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["recall"]


def recall(codes: Tensor, labels: Tensor, neighbours: Sequence[int] = (1, 2, 4, 10)) -> dict[str, float]:
    """Return Recall@k: the share of rows that have one of their label among their k nearest others.

    Args:
        codes: (n, d), compared by Euclidean distance; on the sphere angles have the same order.
        labels: (n,).
        neighbours: values of k, below n.

    Returns:
        The shares by k.
    """
    distances = torch.cdist(codes, codes).fill_diagonal_(torch.inf)
    nearest = distances.topk(max(neighbours), largest=False).indices
    hits = labels[nearest] == labels[:, None]
    return {str(k): float(hits[:, :k].any(1).float().mean()) for k in neighbours}
