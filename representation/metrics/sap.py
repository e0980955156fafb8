"""Separated attribute predictability."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from unknot.representation.metrics.score import (
    Score,
    bootstrap,
    checked,
    generator,
    kinds_of,
    scaled,
    top_gap,
)

__all__ = ["sap"]

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


def sap(
    codes: Floats,
    factors: Floats,
    categorical: NDArray[np.bool_] | None = None,
    *,
    seed: int = 0,
) -> Score:
    """Measure the lead of the most predictive dimension of a factor over the second.

    Kumar, Sattigeri and Balakrishnan, "Variational inference of disentangled latent concepts from unlabeled
    observations", 2018, section 3. Dimension i scores on an ordered factor j the R² of the linear regression,
    cov(z_i, y_j)² / (var z_i · var y_j); on a categorical one the balanced accuracy of thresholds on z_i.
    The metric is the mean over factors of the difference between the two greatest scores.

    A constant dimension scores 0 on an ordered factor, and chance on a categorical one. Scale and shift of a
    dimension don't matter.

    Args:
        codes: (n, dimensions).
        factors: (n, factors).
        categorical: (factors,), whether its numbers have no order; None: all factors are ordered.
        seed: of the resamples and of the split in halves, one to fit thresholds and one to test.

    Returns:
        A score in [0, 1]. Parts: `gaps` for each factor, `scores` (dimensions, factors).

    Raises:
        ValueError: other shapes, numbers that are not finite, a constant factor.
    """
    codes, factors = checked(codes, factors)
    codes = scaled(codes)  # scikit-learn's trees compare in float32, and split no range below 1e-7
    kinds = kinds_of(categorical, factors)
    rng = generator(seed)
    order = rng.permutation(len(codes))
    train, test = np.split(order, [len(order) // 2])
    z, y = codes[test], factors[test]
    correct = {j: _correct(codes[train], factors[train, j], z, y[:, j]) for j in np.flatnonzero(kinds)}
    chance = np.array([1 / len(np.unique(y[:, j])) if kind else 0.0 for j, kind in enumerate(kinds)])

    def scores(rows: Rows) -> Floats:
        result = squared_correlation(z[rows], y[rows])
        for j, hits in correct.items():
            result[:, j] = balanced_accuracy(hits[rows], y[rows, j])
        return result

    matrix = scores(np.arange(len(z)))
    value = float(top_gap(matrix, chance).mean())
    interval = bootstrap(lambda rows: float(top_gap(scores(rows), chance).mean()), value, len(z), rng)
    parts: dict[str, Any] = {"gaps": top_gap(matrix, chance), "scores": matrix}
    choices = {
        "ordered factors": "squared correlation",
        "categorical factors": "balanced accuracy of a tree with a leaf a class (thresholds)",
        "test share": 0.5,
        "constant dimensions": "0 on ordered factors, chance on categorical ones",
    }
    return Score(value, interval, parts, choices)


def squared_correlation(z: Floats, y: Floats) -> Floats:
    """Return cov² / (var · var) of each column of z with each of y, 0 where one is constant."""
    z, y = scaled(z), scaled(y)
    scale = (z**2).sum(axis=0)[:, None] * (y**2).sum(axis=0)
    covariance: Floats = (z.T @ y) ** 2
    return np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)


def balanced_accuracy(correct: NDArray[np.bool_], y: Floats) -> Floats:
    """Return the mean over classes of y, (n,), of the share of true entries in `correct`, (n, dimensions)."""
    result: Floats = np.mean([correct[y == label].mean(axis=0) for label in np.unique(y)], axis=0)
    return result


def _correct(z: Floats, y: Floats, z_test: Floats, y_test: Floats) -> NDArray[np.bool_]:
    """Fit thresholds on each dimension; return which test examples they classify correctly."""
    columns = []
    for i in range(z.shape[1]):
        tree = DecisionTreeClassifier(
            max_leaf_nodes=max(len(np.unique(y)), 2), class_weight="balanced", random_state=0
        )
        tree.fit(z[:, [i]], y)
        columns.append(tree.predict(z_test[:, [i]]) == y_test)
    return np.stack(columns, axis=1)
