"""How much processor time do the metrics take on 10,000 samples, compared with plain scikit-learn loops?

Five factors (a shape of three, a scale of six values, three real numbers), a code of ten dimensions. Ours
compute an interval from 200 resamples. The plain loops, written from the papers, compute the value alone:
`mutual_info_score` for each dimension and factor, `roc_auc_score` for each dimension and attribute, a support
vector machine for each dimension and categorical factor, a batch of images for each vote, forests. A further
column has ours with one resample, the minimum. One row has the mutual information of one resample, which an
interval repeats for each.

Rendering and encoding take almost no time here, so that only the metrics are compared. A real encoder has to
encode 10,000 images, 38,400 for `factor_vae` and 76,800 for `higgins`. The last rows show the cost of
rendering as many: six metrics on sources of images, with an encoder that keeps 16 pixels.

    python benchmarks/disentanglement_metrics.py
"""

import argparse
import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import combinations
from typing import Any
from unittest.mock import patch

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from scipy.stats import entropy
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.metrics import mutual_info_score, roc_auc_score
from sklearn.preprocessing import scale
from sklearn.svm import LinearSVC

from unknot.models.data.blob import Blob
from unknot.models.data.grid import GridSource
from unknot.models.data.shapes2d import Shapes2D
from unknot.models.data.sprites import Sprites
from unknot.models.data.teapots import Teapots
from unknot.representation.metrics import METRICS, evaluate_codes, score
from unknot.representation.metrics.components import Components
from unknot.representation.metrics.information import mutual_information

Array = NDArray[Any]
SAMPLES = 10_000
SIX = ("higgins", "factor_vae", "dci", "mig", "sap", "modularity")
SOURCES: tuple[type[GridSource], ...] = (Shapes2D, Blob, Teapots, Sprites)


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=1, help="rounds; the best of each contender counts")
    options = parser.parse_args()
    source = Source()
    seconds = {name: np.full(3, np.inf) for name in METRICS}
    for _ in range(options.rounds):
        for name in METRICS:
            ours = partial(evaluate_codes, source.encode, source, name, samples=SAMPLES)
            turn = [timed(ours), timed(partial(once, ours)), timed(partial(PLAIN[name], source))]
            seconds[name] = np.minimum(seconds[name], turn)
    rows = {
        **seconds,
        "these six:": np.sum([seconds[name] for name in SIX], axis=0),
        "all of them:": np.sum(list(seconds.values()), axis=0),
    }
    print(f"{'CPU seconds':16}{'interval':>12}{'value':>12}{'plain value':>14}{'plain / our value':>20}")
    for name, (interval, value, plain) in rows.items():
        print(f"{name:16}{interval:12.3f}{value:12.3f}{plain:14.3f}{plain / value:20.2f}")
    z, v = bins(source)
    value, plain = timed(lambda: mutual_information(z, v)), timed(lambda: information(z, v))
    print(f"{'one resample':28}{value:12.4f}{plain:14.4f}{plain / value:20.2f}")
    print(f"The six, on sources of images: {', '.join(SIX)}")
    for kind in SOURCES:
        interval = timed(partial(evaluate_codes, thumbnails, kind(), SIX, samples=SAMPLES))
        print(f"{kind.__name__:16}{interval:12.1f}")


def timed(run: Callable[[], object]) -> float:
    """Return the processor time of a call in seconds."""
    start = time.process_time()
    run()
    return time.process_time() - start


def once(ours: Callable[[], object]) -> None:
    """Measure with one resample instead of 200."""
    with patch.object(score, "RESAMPLES", 1):
        ours()


def thumbnails(images: NDArray[np.uint8]) -> Array:
    """Encode images as 4 × 4 of their pixels."""
    step = images.shape[1] // 4
    codes: Array = images[:, step // 2 :: step, step // 2 :: step].mean(-1).reshape(len(images), -1)
    return codes


class Source:
    """Factors whose image (components, 1, 8) holds them as float64, and an encoder that mixes them."""

    def __init__(self) -> None:
        real = spaces.Box(-1.0, 1.0, (), np.float64)
        self.factor_space = spaces.Dict(
            {"shape": spaces.Discrete(3), "scale": spaces.Discrete(6), "turn": real, "x": real, "y": real}
        )
        self.components = Components(self.factor_space)
        rng = np.random.default_rng(0)
        self.mixing = np.eye(5, 10) + 0.1 * rng.normal(size=(5, 10))

    def sample_factors(self, n: int, rng: np.random.Generator) -> dict[str, Array]:
        """Sample factors."""
        return {
            name: rng.integers(space.n, size=n)
            if isinstance(space, spaces.Discrete)
            else rng.uniform(-1, 1, n)
            for name, space in self.factor_space.spaces.items()
        }

    def render_factors(self, factors: Mapping[str, Any]) -> NDArray[np.uint8]:
        """Return the bytes of the factors."""
        table = np.stack([np.asarray(factors[name], np.float64) for name in self.factor_space], axis=1)
        return np.ascontiguousarray(table[..., None]).view(np.uint8)[:, :, None]

    def encode(self, images: NDArray[np.uint8]) -> Array:
        """Mix the factors."""
        codes: Array = np.tanh(np.ascontiguousarray(images[:, :, 0]).view(np.float64)[..., 0] @ self.mixing)
        return codes

    def sample(self, n: int) -> tuple[Array, Array]:
        """Sample codes and factors: (n, 10), (n, 5)."""
        factors = self.sample_factors(n, np.random.default_rng(0))
        return self.encode(self.render_factors(factors)), self.components.table(factors)


# Plain loops


def bins(source: Source) -> tuple[Array, Array]:
    """Return codes and factors in bins."""
    z, v = (
        np.stack([np.digitize(column, np.histogram(column, 20)[1][:-1]) for column in table.T], axis=1)
        for table in source.sample(SAMPLES)
    )
    return z, v


def information(z: Array, v: Array) -> Array:
    """Return mutual information (dimensions, factors), pair by pair."""
    return np.array([[mutual_info_score(b, a) for b in v.T] for a in z.T])


def mig(source: Source) -> float:
    """MIG."""
    z, v = bins(source)
    ordered = np.sort(information(z, v), axis=0)
    entropies = [mutual_info_score(column, column) for column in v.T]
    return float(((ordered[-1] - ordered[-2]) / entropies).mean())


def modularity(source: Source) -> float:
    """Modularity."""
    squares = information(*bins(source)) ** 2
    best = squares.max(axis=1)
    return float((1 - (squares.sum(axis=1) - best) / (4 * best)).mean())


def dci(
    candidates: Callable[[bool], list[Any]], importances: Callable[[Any, Array], Array], source: Source
) -> float:
    """DCI's disentanglement by a regressor chosen by validation."""
    codes, factors = source.sample(SAMPLES)
    codes = scale(codes)
    columns = []
    for j, named in enumerate(source.components.categorical):
        target = factors[:, j] if named else scale(factors[:, j])
        models = candidates(named)
        for model in models:
            model.fit(codes[:8000], target[:8000])
        scores = [model.score(codes[8000:9000], target[8000:9000]) for model in models]
        best = models[int(np.argmax(scores))]
        best.score(codes[9000:], target[9000:])
        columns.append(importances(best, codes[9000:]))
    table = np.stack(columns, axis=1) + 1e-12
    return float(np.average(1 - entropy(table, base=5, axis=1), weights=table.sum(axis=1)))


def forests(named: bool) -> list[Any]:
    """Forests of three depths."""
    kind = RandomForestClassifier if named else RandomForestRegressor
    return [kind(n_estimators=10, max_depth=depth, max_features=None) for depth in (4, 8, 16)]


def pruned(named: bool) -> list[Any]:
    """Deep forests that split for four least gains."""
    kind = RandomForestClassifier if named else RandomForestRegressor
    gains = (1e-2, 1e-3, 1e-4, 1e-5)
    return [kind(10, max_depth=16, max_features=None, min_impurity_decrease=gain) for gain in gains]


def boosted(named: bool) -> list[Any]:
    """Boosted trees."""
    return [(GradientBoostingClassifier if named else GradientBoostingRegressor)()]


def lassos(named: bool) -> list[Any]:
    """Linear models of three penalties."""
    if named:
        return [
            LinearSVC(penalty="l1", dual=False, tol=0.01, max_iter=10_000, C=c) for c in (1e-3, 1e-2, 1e-1)
        ]
    return [Lasso(alpha) for alpha in (1e-3, 1e-2, 1e-1)]


def impurity(model: Any, codes: Array) -> Array:
    """The decrease of impurity."""
    return np.asarray(model.feature_importances_)


def weights(model: Any, codes: Array) -> Array:
    """The magnitude of weights."""
    magnitudes: Array = np.abs(np.atleast_2d(model.coef_)).mean(axis=0)
    return magnitudes


def splits(model: Any, codes: Array) -> Array:
    """The number of cases split on each dimension, node by node."""
    counts = np.zeros(codes.shape[1])
    for tree in model.estimators_:
        visits = tree.decision_path(codes).sum(axis=0)
        for node, dimension in enumerate(tree.tree_.feature):
            if dimension >= 0:
                counts[dimension] += visits[0, node]
    return counts


def sap(source: Source) -> float:
    """SAP."""
    codes, factors = source.sample(SAMPLES)
    scores = np.zeros((10, 5))
    for i in range(10):
        for j, named in enumerate(source.components.categorical):
            if named:
                machine = LinearSVC(C=0.01, class_weight="balanced")
                machine.fit(codes[:5000, [i]], factors[:5000, j])
                scores[i, j] = machine.score(codes[5000:, [i]], factors[5000:, j])
            else:
                scores[i, j] = np.corrcoef(codes[:, i], factors[:, j])[0, 1] ** 2
    ordered = np.sort(scores, axis=0)
    return float((ordered[-1] - ordered[-2]).mean())


def attribute_auc(source: Source) -> float:
    """The share of attributes that one dimension separates."""
    codes, factors = source.sample(SAMPLES)
    best = []
    for column, named in zip(factors.T, source.components.categorical, strict=True):
        attributes = [column == value for value in np.unique(column)] if named else [column > 0]
        for attribute in attributes:
            areas = [roc_auc_score(attribute, code) for code in codes.T]
            best.append(max(max(area, 1 - area) for area in areas))
    return float((np.array(best) > 0.95).mean())


def factor_vae(source: Source) -> float:
    """FactorVAE's metric, 600 votes of 64 images."""
    rng = np.random.default_rng(0)
    names = list(source.factor_space)
    stds = source.sample(SAMPLES)[0].std(axis=0)
    votes = np.zeros((2, 10, 5))
    for vote in range(600):
        k = int(rng.integers(5))
        factors = source.sample_factors(64, rng)
        factors[names[k]][:] = factors[names[k]][0]
        codes = source.encode(source.render_factors(factors))
        votes[vote % 2, np.argmin((codes / stds).var(axis=0, ddof=1)), k] += 1
    return float(votes[1, np.arange(10), votes[0].argmax(axis=1)].sum() / 300)


def higgins(source: Source) -> float:
    """Higgins's metric, 600 examples of 64 pairs."""
    rng = np.random.default_rng(0)
    names = list(source.factor_space)
    inputs, targets = [], []
    for _ in range(600):
        k = int(rng.integers(5))
        first, second = source.sample_factors(64, rng), source.sample_factors(64, rng)
        second[names[k]] = first[names[k]]
        codes = [source.encode(source.render_factors(factors)) for factors in (first, second)]
        inputs.append(np.abs(codes[0] - codes[1]).mean(axis=0))
        targets.append(k)
    return classified(inputs, targets)


def higgins_2(source: Source) -> float:
    """Higgins's metric of 2016, 6,000 pairs."""
    rng = np.random.default_rng(0)
    names = list(source.factor_space)
    inputs, targets = [], []
    for _ in range(6000):
        k = int(rng.integers(5))
        factors = source.sample_factors(1, rng)
        other = dict(factors)
        while other[names[k]] == factors[names[k]]:
            other[names[k]] = source.sample_factors(1, rng)[names[k]]
        codes = [source.encode(source.render_factors(each))[0] for each in (factors, other)]
        difference = np.abs(codes[0] - codes[1])
        inputs.append(difference / difference.max())
        targets.append(k)
    return classified(inputs, targets)


def classified(inputs: list[Array], targets: list[int]) -> float:
    """Return a linear classifier's accuracy on the second half."""
    half = len(inputs) // 2
    classifier = LogisticRegression(max_iter=1000).fit(scale(inputs[:half]), targets[:half])
    return float(classifier.score(scale(inputs[half:]), targets[half:]))


def mapc(source: Source) -> float:
    """1 - the mean absolute correlation."""
    correlations = np.corrcoef(source.sample(SAMPLES)[0], rowvar=False)
    return float(1 - np.mean([abs(correlations[i, j]) for i, j in combinations(range(10), 2)]))


def cvr(source: Source) -> float:
    """The trace of the covariance over the sum of its magnitudes."""
    covariance = np.cov(source.sample(SAMPLES)[0], rowvar=False)
    return float(np.trace(covariance) / np.abs(covariance).sum())


def tdv(source: Source) -> float:
    """The share of the variance in five dimensions."""
    variances = np.sort(source.sample(SAMPLES)[0].var(axis=0))[::-1]
    return float(variances[:5].sum() / variances.sum())


def ud90(source: Source) -> float:
    """The share of dimensions that can be dropped while keeping 90% of the variance."""
    variances = np.sort(source.sample(SAMPLES)[0].var(axis=0))[::-1]
    return float(1 - (1 + np.sum(variances.cumsum() < 0.9 * variances.sum())) / 10)


def unsupervised(source: Source) -> float:
    """The Gaussian Wasserstein correlation, computed with total correlation and mutual information."""
    covariance = np.cov(source.sample(SAMPLES)[0], rowvar=False)
    variances = np.diag(covariance)
    np.log(variances).sum() - np.linalg.slogdet(covariance)[1]
    z = bins(source)[0]
    np.mean([mutual_info_score(z[:, i], z[:, j]) for i, j in combinations(range(10), 2)])
    root = sqrtm(covariance)
    return float(2 * np.trace(sqrtm(root @ np.diag(variances) @ root)).real / variances.sum() - 2)


PLAIN: Mapping[str, Callable[[Source], float]] = {
    "mig": mig,
    "dci": partial(dci, forests, impurity),
    "dci_lasso": partial(dci, lassos, weights),
    "dci_splits": partial(dci, pruned, splits),
    "dci_boosting": partial(dci, boosted, impurity),
    "sap": sap,
    "modularity": modularity,
    "attribute_auc": attribute_auc,
    "higgins": higgins,
    "higgins_2": higgins_2,
    "factor_vae": factor_vae,
    "mapc": mapc,
    "cvr": cvr,
    "tdv": tdv,
    "ud90": ud90,
    "unsupervised": unsupervised,
}


if __name__ == "__main__":
    main()
