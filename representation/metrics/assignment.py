"""Which of several mechanisms each expert, or cluster, takes: matrices of shares, and measures of them.

They need no model: any labels, from experts, a classifier or a clustering, will do.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from unknot.checks import count, within

__all__ = ["assignment_matrix", "hungarian_accuracy", "one_to_one", "psnr", "won"]

Matrix = NDArray[np.float64]

WON = 0.95
"""Share of a mechanism's images that an expert of its own wins."""


def assignment_matrix(mechanisms: ArrayLike, experts: ArrayLike, n_mechanisms: int, n_experts: int) -> Matrix:
    """Return the share of each mechanism's images that each expert won, (mechanisms, experts).

    Parascandolo et al., "Learning independent causal mechanisms", 2017, Figs. 6 and 7.

    Args:
        mechanisms: (n,), which mechanism changed each image, 0 to n_mechanisms - 1, each at least once.
        experts: (n,), which expert won it, 0 to n_experts - 1.
        n_mechanisms: number of mechanisms.
        n_experts: number of experts.

    Raises:
        ValueError: other numbers, or another length.
    """
    count(1, n_mechanisms=n_mechanisms, n_experts=n_experts)
    truth, chosen = (_labels(name, each) for name, each in (("mechanisms", mechanisms), ("experts", experts)))
    if truth.shape != chosen.shape or not len(truth):
        raise ValueError(
            f"experts must be {truth.shape}, as mechanisms are, at least one, not {chosen.shape}"
        )
    if truth.max() >= n_mechanisms or len(np.unique(truth)) < n_mechanisms:
        raise ValueError(f"mechanisms must be 0 to {n_mechanisms - 1}, each at least once")
    if chosen.max() >= n_experts:
        raise ValueError(f"experts must be 0 to {n_experts - 1}, not {chosen.max()}")
    counts = np.zeros((n_mechanisms, n_experts))
    np.add.at(counts, (truth, chosen), 1)
    shares: Matrix = counts / counts.sum(1, keepdims=True)
    return shares


def _labels(name: str, values: Any) -> NDArray[np.int64]:
    labels = np.asarray(values)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or (len(labels) and labels.min() < 0):
        raise ValueError(
            f"{name} must be whole numbers (n,) of at least 0, not {labels.dtype} {labels.shape}"
        )
    return labels.astype(np.int64)


def hungarian_accuracy(matrix: ArrayLike) -> float:
    """Return the mean share that experts win of the mechanisms they are matched to, each to at most one.

    The matching is the best there is (Kuhn, 1955). With equally many images of all mechanisms it is the
    accuracy of experts, or clusters, as classes. Where there are fewer experts than mechanisms, those left
    over count as 0.

    Args:
        matrix: (mechanisms, experts), from `assignment_matrix`.
    """
    shares = _shares(matrix)
    rows, columns = linear_sum_assignment(shares, maximize=True)
    return float(shares[rows, columns].sum() / len(shares))


def won(matrix: ArrayLike) -> NDArray[np.float64]:
    """Return the largest share of each mechanism's images that one expert wins, (mechanisms,)."""
    largest: NDArray[np.float64] = _shares(matrix).max(1)
    return largest


def one_to_one(matrix: ArrayLike, share: float = WON) -> NDArray[np.bool_]:
    """Return of which mechanisms an expert of their own wins at least a share: (mechanisms,).

    An expert is a mechanism's own if it wins most images of that one and of no other. All true: each expert
    that is used specialised on one mechanism, and each mechanism has one.

    Args:
        matrix: (mechanisms, experts), from `assignment_matrix`.
        share: of a mechanism's images, above 0.5 and at most 1.
    """
    within(0.5, 1, share=share)
    shares = _shares(matrix)
    best = shares.argmax(1)
    alone: NDArray[np.bool_] = np.bincount(best, minlength=shares.shape[1])[best] == 1
    own: NDArray[np.bool_] = alone & (shares.max(1) >= share)
    return own


def _shares(matrix: ArrayLike) -> Matrix:
    shares = np.asarray(matrix, np.float64)
    if shares.ndim != 2 or not shares.size or not (shares >= 0).all() or not np.allclose(shares.sum(1), 1):
        raise ValueError(
            f"matrix must be shares (mechanisms, experts) with rows of sum 1, not {shares.shape}"
        )
    return shares


def psnr(images: NDArray[np.uint8], originals: NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio of images in dB, by the mean squared error over all of them.

    Args:
        images: uint8 (n, height, width, channels), at least one.
        originals: what they should be, of the same shape.

    Returns:
        20 log10(255) - 10 log10(error); infinite for equal images.

    Raises:
        ValueError: another type, or another shape.
    """
    for name, each in (("images", images), ("originals", originals)):
        if not isinstance(each, np.ndarray) or each.dtype != np.uint8 or not each.size:
            raise ValueError(f"{name} must be uint8, at least one value")
    if images.shape != originals.shape:
        raise ValueError(f"originals must be {images.shape}, as images are, not {originals.shape}")
    error = np.square(images.astype(np.float64) - originals).mean()
    with np.errstate(divide="ignore"):
        return float(20 * np.log10(255) - 10 * np.log10(error))
