"""Mutual information of vectors by nearest neighbours, and what factors tell of their own and others' future.

Kraskov, Stögbauer and Grassberger, "Estimating mutual information", Physical Review E 69, 2004, eq. 8.
Whitney and Fergus, "Disentangling video with independent prediction", 2017, compare factors by it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unknot.checks import count, require

__all__ = ["FactorInformation", "best_partition", "factor_information", "kraskov"]

Floats = NDArray[np.float64]

TIES = 1e-10
"""Standard deviation of the noise that parts equal values, of columns of standard deviation 1."""
EPSILON = 1e-9
"""Share of the greatest variance below which a direction counts as constant."""


def kraskov(x: ArrayLike, y: ArrayLike, *, neighbours: int = 3, seed: int = 0) -> float:
    """Estimate the mutual information of two vectors, in nats.

    scikit-learn's `mutual_info_regression` has the same estimator for single numbers alone.

    The estimate can't exceed ψ(n) - ψ(neighbours), however much x tells of y, and is too low long before
    that, the sooner the more dimensions: state n and the dimensions beside it. Values of x and y are
    standardised, column by column.

    Args:
        x: (n, dimensions), or (n,).
        y: (n, other dimensions), or (n,).
        neighbours: k of the estimator; more have less variance and more bias.
        seed: of the tiny noise that parts equal values.

    Returns:
        The estimate, 0 at least.

    Raises:
        ValueError: other shapes, values that are not finite, or no more rows than neighbours.
    """
    require("learn", "scipy", "sklearn")
    from scipy.special import digamma
    from sklearn.neighbors import KDTree

    count(1, neighbours=neighbours)
    count(0, seed=seed)
    rng = np.random.default_rng(seed)
    a, b = (_standard(_table(name, each), rng) for name, each in (("x", x), ("y", y)))
    n = len(a)
    if len(b) != n or n <= neighbours:
        raise ValueError(
            f"x and y must have equally many rows, more than {neighbours} (neighbours), not {n} and {len(b)}"
        )
    both = np.hstack([a, b])
    radius = KDTree(both, metric="chebyshev").query(both, neighbours + 1)[0][:, -1]
    inside = np.nextafter(radius, 0)
    near = [KDTree(each, metric="chebyshev").query_radius(each, inside, count_only=True) for each in (a, b)]
    # Each count has the point itself, which the estimator's "+ 1" adds.
    value = digamma(neighbours) + digamma(n) - sum(digamma(each).mean() for each in near)
    return max(float(value), 0.0)


@dataclass(frozen=True)
class FactorInformation:
    """What k factors tell of their own and of others' next step, in nats."""

    matrix: Floats
    """I(z_t+1^i; z_t^j), (k, k); each row a factor i."""
    ceiling: float
    """What the estimator finds for a factor and another sample of it, or itself with noise of a millionth: a
    mean over factors."""
    rows: int
    """n of the estimates."""

    @property
    def same(self) -> float:
        """Mean of I(z_t+1^i; z_t^i)."""
        return float(np.diag(self.matrix).mean())

    @property
    def cross(self) -> float:
        """Mean of I(z_t+1^i; z_t^j) over j ≠ i; 0 for a single factor."""
        k = len(self.matrix)
        return float((self.matrix.sum() - np.trace(self.matrix)) / max(k * (k - 1), 1))

    def alive(self, least: float = 1.0) -> int:
        """Return how many factors tell at least so many nats of their own next step."""
        return int((np.diag(self.matrix) >= least).sum())


def factor_information(
    before: ArrayLike,
    after: ArrayLike,
    again: ArrayLike | None = None,
    *,
    neighbours: int = 3,
    dimensions: int = 4,
    seed: int = 0,
) -> FactorInformation:
    """Estimate what every factor tells of every factor's next step.

    Args:
        before: factors at a time, (n, k, d).
        after: factors one step later, (n, k, d).
        again: another sample of noisy factors at that time, (n, k, d), whose information on `after` is the
            ceiling: no prediction can tell more.
        neighbours: see `kraskov`.
        dimensions: of factors that have more, each pair is projected to so many canonical directions, those
            of highest correlation (Hotelling, 1936): in more dimensions the estimator saturates early.
        seed: of the tiny noise.

    Raises:
        ValueError: other shapes, or what `kraskov` refuses.
    """
    count(1, dimensions=dimensions)
    old, new = _factors("before", before), _factors("after", after)
    if old.shape != new.shape:
        raise ValueError(f"after must be of shape {old.shape}, as before, not {new.shape}")
    options: dict[str, Any] = {"neighbours": neighbours, "seed": seed}
    k = old.shape[1]
    matrix = np.array(
        [
            [kraskov(*_canonical(new[:, i], old[:, j], dimensions), **options) for j in range(k)]
            for i in range(k)
        ]
    )
    if again is None:
        other = new + 1e-6 * new.std(0) * np.random.default_rng(seed).normal(size=new.shape)
    elif (other := _factors("again", again)).shape != new.shape:
        raise ValueError(f"again must be of shape {new.shape}, as after, not {other.shape}")
    ceilings = [
        kraskov(*_canonical(new[:, i], other[:, i], dimensions), **options)
        for i in range(k)
        if new[:, i].std() > 0
    ]
    return FactorInformation(matrix, float(np.mean(ceilings)) if ceilings else 0.0, len(new))


def best_partition(
    before: ArrayLike,
    after: ArrayLike,
    factors: int,
    *,
    tries: int = 20,
    rows: int = 1000,
    neighbours: int = 3,
    dimensions: int = 4,
    seed: int = 0,
) -> NDArray[np.int64]:
    """Split entangled codes into factors: the best of random partitions, as the paper does for its baseline.

    Args:
        before: codes at a time, (n, D).
        after: codes one step later, (n, D).
        factors: k; D is a multiple of it.
        tries: random partitions.
        rows: of the codes, the first ones, on which partitions are compared.
        neighbours: see `kraskov`.
        dimensions: see `factor_information`.
        seed: of the partitions.

    Returns:
        The dimensions of each factor, (k, D / k): those with the greatest difference of `same` and `cross`.

    Raises:
        ValueError: a number of factors that does not divide D, or what `factor_information` refuses.
    """
    count(1, factors=factors, tries=tries, rows=rows)
    old, new = _table("before", before)[:rows], _table("after", after)[:rows]
    if old.shape[1] % factors:
        raise ValueError(f"factors must divide the {old.shape[1]} dimensions of codes, not {factors}")
    rng = np.random.default_rng(seed)
    best, most = np.empty(0, np.int64), -np.inf
    for _ in range(tries):
        split = rng.permutation(old.shape[1]).reshape(factors, -1)
        found = factor_information(
            old[:, split], new[:, split], neighbours=neighbours, dimensions=dimensions, seed=seed
        )
        if found.same - found.cross > most:
            best, most = split, found.same - found.cross
    return best


def _canonical(x: Floats, y: Floats, dimensions: int) -> tuple[Floats, Floats]:
    """Project two tables on the directions in which they are most correlated, if they have more columns."""
    if max(x.shape[1], y.shape[1]) <= dimensions:
        return x, y
    white_x, white_y = _white(x), _white(y)
    u, _, vt = np.linalg.svd(white_x.T @ white_y, full_matrices=False)
    return white_x @ u[:, :dimensions], white_y @ vt[:dimensions].T


def _white(table: Floats) -> Floats:
    """Return orthogonal columns of unit variance that span a table's; one of zeros if it is constant."""
    u, scale, _ = np.linalg.svd(table - table.mean(0), full_matrices=False)
    kept = scale > np.sqrt(EPSILON) * max(scale[0], EPSILON)
    white: Floats = u[:, kept] * np.sqrt(len(table)) if kept.any() else np.zeros((len(table), 1))
    return white


def _standard(table: Floats, rng: np.random.Generator) -> Floats:
    spread = table.std(0)
    scaled = (table - table.mean(0)) / np.where(spread > 0, spread, 1)
    standard: Floats = scaled + TIES * rng.normal(size=table.shape)
    return standard


def _table(name: str, values: ArrayLike) -> Floats:
    array = _numbers(name, values)
    table = array[:, None] if array.ndim == 1 else array
    if table.ndim != 2 or not table.size:
        raise ValueError(f"{name} must be (n, dimensions), not {array.shape}")
    return table


def _factors(name: str, values: ArrayLike) -> Floats:
    array = _numbers(name, values)
    if array.ndim != 3 or not array.size:
        raise ValueError(f"{name} must be (n, factors, dimensions), not {array.shape}")
    return array


def _numbers(name: str, values: ArrayLike) -> Floats:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise ValueError(f"{name} must be an array of finite numbers, not of {array.dtype}")
    return array.astype(np.float64)
