"""Baselines of the F-statistic loss: triplet, histogram and binomial deviance losses."""

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["binomial_deviance_loss", "histogram_loss", "triplet_loss"]


def triplet_loss(codes: Tensor, labels: Tensor, margin: float = 1.0) -> Tensor:
    """Return the mean of max(0, ‖a − p‖ − ‖a − n‖ + margin) over all triplets that violate the margin.

    Schroff et al., "FaceNet", 2015, on Euclidean distances and all triplets of a batch.

    Args:
        codes: (n, dimensions).
        labels: (n,).
        margin: extra distance to other classes, compared with the own class.
    """
    distances = (codes[:, None] - codes[None]).square().sum(-1).add(1e-12).sqrt()
    same = labels[:, None] == labels[None]
    others = ~torch.eye(len(codes), dtype=torch.bool, device=codes.device)
    valid = (same & others)[:, :, None] & ~same[:, None, :]  # anchor, positive, negative
    excess = (distances[:, :, None] - distances[:, None, :] + margin)[valid].relu()
    return excess.sum() / (excess > 0).sum().clamp(min=1)


def histogram_loss(codes: Tensor, labels: Tensor, bins: int = 151) -> Tensor:
    """Return the probability that a random negative pair is more similar than a random positive one.

    Ustinova and Lempitsky, "Learning deep embeddings with histogram loss", 2016, eqs. 1 to 7: histograms of
    cosine similarities with linear interpolation.

    Args:
        codes: (n, dimensions), scaled to length 1 here.
        labels: (n,).
        bins: R, nodes of the histogram from -1 to 1.

    Raises:
        ValueError: no pair from one class, or none from two.
    """
    similarity, same = _pairs(codes, labels)
    step = 2 / (bins - 1)
    nodes = torch.linspace(-1, 1, bins, dtype=codes.dtype, device=codes.device)

    def histogram(values: Tensor) -> Tensor:
        return (1 - (values[:, None] - nodes).abs() / step).relu().mean(0)

    positive, negative = histogram(similarity[same]), histogram(similarity[~same])
    return (negative * positive.cumsum(0)).sum()


def binomial_deviance_loss(
    codes: Tensor, labels: Tensor, alpha: float = 2.0, beta: float = 0.5, cost: float = 25.0
) -> Tensor:
    """Return the binomial deviance of cosine similarities, each kind of pair with weight one.

    Yi et al., "Deep metric learning for practical person re-identification", 2014, with the constants of
    Ustinova and Lempitsky (2016): mean ln(1 + exp(-α (s - β))) of positive pairs and mean
    ln(1 + exp(α C (s - β))) of negative ones.

    Args:
        codes: (n, dimensions), scaled to length 1 here.
        labels: (n,).
        alpha: steepness.
        beta: similarity at which neither kind of pair is favoured.
        cost: C.

    Raises:
        ValueError: no pair from one class, or none from two.
    """
    similarity, same = _pairs(codes, labels)
    positive = functional.softplus(-alpha * (similarity[same] - beta)).mean()
    negative = functional.softplus(alpha * cost * (similarity[~same] - beta)).mean()
    return positive + negative


def _pairs(codes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cosine similarity of each pair (pairs,), and whether both are of one class.

    Raises:
        ValueError: no pair from one class, or none from two.
    """
    first, second = torch.triu_indices(len(codes), len(codes), 1, device=codes.device)
    same = labels[first] == labels[second]
    if not same.any() or same.all():
        counts = torch.unique(labels, return_counts=True)[1].tolist()
        raise ValueError(f"labels must have a pair of one class and a pair of two, not classes of {counts}")
    unit = functional.normalize(codes, dim=1)
    return (unit[first] * unit[second]).sum(1), same
