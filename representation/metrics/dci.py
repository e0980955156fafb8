"""Disentanglement, completeness, informativeness."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso
from sklearn.svm import LinearSVC

from unknot.checks import one_of
from unknot.representation.metrics.score import Score, bootstrap, checked, generator, kinds_of, varies

__all__ = ["REGRESSORS", "completeness", "dci", "disentanglement"]

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

LEAST_GAIN = 1e-5
"""The least decrease of impurity, weighted by the share of examples, for which a forest's tree splits."""
LEAST_GAINS = (1e-2, 1e-3, 1e-4, LEAST_GAIN)
"""The least decreases that validation chooses from where splits are counted."""


def dci(
    codes: Floats,
    factors: Floats,
    categorical: NDArray[np.bool_] | None = None,
    *,
    seed: int = 0,
    regressor: str = "random_forest",
    unseen: tuple[Floats, Floats] | None = None,
) -> Score:
    """Measure disentanglement, completeness and informativeness.

    Eastwood and Williams, "A framework for the quantitative evaluation of disentangled representations",
    2018, section 2. A regressor f_j predicts each factor z_j from the code, inputs and targets normalised;
    R_ij is the importance of c_i in predicting z_j. With P_ij = R_ij / Σ_j R_ij and P̃_ij = R_ij / Σ_i R_ij,
    D_i = 1 - H_K(P_i.), averaged with the weights Σ_j R_ij / Σ_ij R_ij, and C_j = 1 - H_D(P̃_.j), averaged.
    The error is the root mean square, normalised by the factor's standard deviation; for a categorical
    factor, where f_j is a classifier, it is the error rate.

    80% of the examples train, 10% choose the regressor's setting (the depth of trees, the least gain of their
    splits or the strength of the penalty), 10% test. The interval keeps the regressors and resamples the test
    set, where the importance of a dimension is the change of predictions when it is shuffled (for the lasso
    this is |W_ij| again). So it does not cover the variation between regressors.

    Args:
        codes: (n, dimensions), n at least 30.
        factors: (n, factors), at least two.
        categorical: (factors,), whether its numbers have no order; None: all factors are ordered.
        seed: of the split, the regressors and the resamples.
        regressor: one of `REGRESSORS`.
        unseen: codes (m, dimensions) and factors (m, factors), m at least 2, as a second test set: for
            example combinations of factors that training left out (the paper's zero-shot error).

    Returns:
        Disentanglement, in [0, 1]. Parts: `disentanglement` (value once more), `completeness`,
        `informativeness` (the mean over factors of 1 - error, errors above 1 counted as 1);
        `disentanglements` and `weights` of the dimensions, `completenesses`, `errors` and `settings` of the
        factors (with "not converged" if a linear model has not); `importances` R (dimensions, factors),
        which `hinton` plots; `completeness_interval`, `informativeness_interval`; with `unseen` also
        `unseen_errors` of the factors, normalised by their standard deviation there. A dimension that
        predicts nothing has disentanglement 0 and weight 0.

    Raises:
        ValueError: an unknown regressor, other shapes, numbers that are not finite, a constant factor, too
            few examples or factors, or unseen data with other columns.
    """
    one_of("regressor", regressor, REGRESSORS)
    if unseen is not None and not (isinstance(unseen, tuple | list) and len(unseen) == 2):
        raise ValueError(f"unseen must be codes and factors, or None, not {unseen!r}")
    codes, factors = checked(codes, factors, least_factors=2)
    if len(codes) < 30:
        raise ValueError(f"codes of {len(codes)} examples are too few to split: dci needs at least 30")
    kinds = kinds_of(categorical, factors)
    rng = generator(seed)
    split = Split.of(codes, rng)
    alike = np.flatnonzero(np.ptp(factors[split.rows[0]], axis=0) == 0)
    if alike.size:
        raise ValueError(
            f"factors of columns {alike.tolist()} take one value in the training set: give more examples"
        )
    fits = [
        _fit(REGRESSORS[regressor], split, factors[:, j], bool(kind), seed) for j, kind in enumerate(kinds)
    ]
    importances = np.stack([fit.importances for fit in fits], axis=1)
    losses = np.stack([fit.losses for fit in fits], axis=1)
    effects = np.stack([_effects(fit, split.test, rng) for fit in fits], axis=2)

    value = disentanglement(importances)
    complete = completeness(importances)
    informative = _informativeness(losses, kinds)

    def resampled(statistic: Callable[[Rows], float], about: float) -> tuple[float, float]:
        return bootstrap(statistic, about, len(losses), rng)

    parts: dict[str, Any] = {
        "disentanglement": value,
        "completeness": complete,
        "informativeness": informative,
        "disentanglements": focus(importances, axis=1),
        "weights": importances.sum(axis=1) / max(importances.sum(), 1e-300),
        "completenesses": focus(importances, axis=0),
        "errors": _errors(losses, kinds),
        "settings": [fit.setting for fit in fits],
        "importances": importances,
        "completeness_interval": resampled(lambda rows: completeness(effects[rows].mean(axis=0)), complete),
        "informativeness_interval": resampled(
            lambda rows: _informativeness(losses[rows], kinds), informative
        ),
    }
    if unseen is not None:
        train = split.rows[0]
        parts["unseen_errors"] = _unseen_errors(fits, codes[train], factors[train], kinds, unseen)
    interval = resampled(lambda rows: disentanglement(effects[rows].mean(axis=0)), value)
    choices = {"regressor": regressor, **REGRESSORS[regressor].choices, "split": "80:10:10"}
    return Score(value, interval, parts, choices)


def disentanglement(importances: Floats) -> float:
    """Return the weighted mean of D_i from R (dimensions, factors)."""
    total = importances.sum()
    if total == 0:
        return 0.0
    return float(min((focus(importances, axis=1) * importances.sum(axis=1)).sum() / total, 1.0))


def completeness(importances: Floats) -> float:
    """Return the mean of C_j from R (dimensions, factors)."""
    return float(focus(importances, axis=0).mean())


def focus(importances: Floats, axis: int) -> Floats:
    """Return 1 - H(P) along an axis, the logarithm's base its length; 0 where all are 0, 1 for length 1."""
    length = importances.shape[axis]
    total = importances.sum(axis=axis, keepdims=True)
    p = np.divide(importances, total, out=np.full_like(importances, 1 / length), where=total > 0)
    if length == 1:
        return np.where(total > 0, 1.0, 0.0).squeeze(axis)
    entropy = -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=axis) / np.log(length)
    result: Floats = np.clip(1 - entropy, 0.0, 1.0)
    return result


# Regressors


@dataclass(frozen=True)
class Regressor:
    """A family of regressors.

    Attributes:
        candidates: from (categorical, seed) to estimators by the name of their setting, simplest first;
            validation chooses one.
        importances: from (estimator, test codes) to the importance of each dimension.
        choices: as a score reports them.
        slack: a simpler estimator is chosen if it is at most this many standard errors worse than the best.
    """

    candidates: Callable[[bool, int], Mapping[str, Any]]
    importances: Callable[[Any, Floats], Floats]
    choices: Mapping[str, Any]
    slack: float = 0.0


def _lasso(categorical: bool, seed: int) -> dict[str, Any]:
    if categorical:
        machine = partial(LinearSVC, penalty="l1", dual=False, tol=0.01, max_iter=10_000, random_state=seed)
        return {f"C={c}": machine(C=c) for c in (0.001, 0.01, 0.1)}
    return {f"alpha={alpha}": Lasso(alpha=alpha) for alpha in (0.001, 0.01, 0.1)}


def _forest(categorical: bool, seed: int) -> dict[str, Any]:
    # Without a least gain, a perfect code's targets, equal up to rounding, are split on arbitrary dimensions.
    return {f"max_depth={depth}": _trees(categorical, seed, depth, LEAST_GAIN) for depth in (4, 8, 16)}


def _counted_forest(categorical: bool, seed: int) -> dict[str, Any]:
    # A split of a coarse code's residual is uninformative, and would count like any other.
    return {f"least gain={gain:g}": _trees(categorical, seed, 16, gain) for gain in LEAST_GAINS}


def _trees(categorical: bool, seed: int, depth: int, least_gain: float) -> Any:
    kind = RandomForestClassifier if categorical else RandomForestRegressor
    return kind(
        n_estimators=10,
        max_features=None,
        max_depth=depth,
        min_impurity_decrease=least_gain,
        random_state=seed,
    )


def _boosting(categorical: bool, seed: int) -> dict[str, Any]:
    kind = GradientBoostingClassifier if categorical else GradientBoostingRegressor
    return {"max_depth=3": kind(n_estimators=100, max_depth=3, random_state=seed)}


def _weights(estimator: Any, _: Floats) -> Floats:
    weights: Floats = np.abs(np.atleast_2d(estimator.coef_)).mean(axis=0)
    return weights


def _impurity(estimator: Any, _: Floats) -> Floats:
    importances: Floats = estimator.feature_importances_
    return importances


def _splits(estimator: Any, codes: Floats) -> Floats:
    """Return the share of each dimension in all splits of test cases by the trees."""
    paths, _ = estimator.decision_path(codes)
    features = np.concatenate([tree.tree_.feature for tree in estimator.estimators_])
    visits = np.asarray(paths.sum(axis=0)).ravel()
    counts = np.bincount(features[features >= 0], visits[features >= 0], codes.shape[1])
    shares: Floats = counts / max(counts.sum(), 1)
    return shares


_FOREST = {"trees": 10, "features at a split": "all"}

REGRESSORS: Mapping[str, Regressor] = {
    "lasso": Regressor(
        _lasso,
        _weights,
        {
            "importance": "magnitude of weights",
            "penalty": "alpha of 0.001, 0.01, 0.1 by validation",
            "categorical factors": "linear SVM with an L1 penalty, C of 0.001, 0.01, 0.1 by validation",
        },
    ),
    "random_forest": Regressor(
        _forest,
        _impurity,
        {
            "importance": "decrease of impurity",
            **_FOREST,
            "max_depth": "of 4, 8, 16 by validation",
            "least gain of a split": LEAST_GAIN,
        },
    ),
    "random_forest_splits": Regressor(
        _counted_forest,
        _splits,
        {
            "importance": "cases split",
            **_FOREST,
            "max_depth": 16,
            "least gain of a split": "of 0.01, 0.001, 0.0001, 0.00001 the greatest that is within a standard "
            "error of the best by validation",
        },
        slack=1.0,  # Breiman et al., "Classification and regression trees", 1984
    ),
    "gradient_boosting": Regressor(
        _boosting,
        _impurity,
        {"importance": "decrease of impurity", "trees": 100, "max_depth": 3, "learning_rate": 0.1},
    ),
}
"""The regressors by name. The paper's text counts the cases split; its authors' code, and most others since,
takes scikit-learn's decrease of impurity, and so does "random_forest"."""


@dataclass(frozen=True)
class Split:
    """Codes, normalised by the training set's mean and standard deviation, and the rows of each set."""

    codes: Floats
    rows: tuple[Rows, Rows, Rows]

    @classmethod
    def of(cls, codes: Floats, rng: np.random.Generator) -> "Split":
        """Split at random: 80% to train, 10% to validate, 10% to test."""
        n = len(codes)
        train, validation, test = np.split(rng.permutation(n), [n * 8 // 10, n * 9 // 10])
        return cls(_normalised(codes, codes[train]), (train, validation, test))

    @property
    def test(self) -> Floats:
        """The codes to test on."""
        return self.codes[self.rows[2]]


@dataclass(frozen=True)
class _Fit:
    """A factor's regressor with its setting, importances and losses on the test set."""

    estimator: Any
    setting: str
    importances: Floats
    losses: Floats


def _fit(regressor: Regressor, split: Split, factor: Floats, categorical: bool, seed: int) -> _Fit:
    train, validation, test = split.rows
    target = factor if categorical else _normalised(factor, factor[train])
    candidates = regressor.candidates(categorical, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the returned setting reports it
        for estimator in candidates.values():
            estimator.fit(split.codes[train], target[train])
    trials = {
        name: _losses(each, split.codes[validation], target[validation]) for name, each in candidates.items()
    }
    best = min(trials.values(), key=np.mean)
    most = best.mean() + regressor.slack * best.std() / len(best) ** 0.5
    setting = next(name for name, losses in trials.items() if losses.mean() <= most)
    estimator = candidates[setting]
    if np.max(getattr(estimator, "n_iter_", 0)) >= getattr(estimator, "max_iter", np.inf):
        setting += ", not converged"
    losses = _losses(estimator, split.test, target[test])
    return _Fit(estimator, setting, regressor.importances(estimator, split.test), losses)


def _losses(estimator: Any, codes: Floats, target: Floats) -> Floats:
    """Return each example's squared error; for a classifier 1 if it is wrong, else 0."""
    predicted = estimator.predict(codes)
    wrong = predicted != target if hasattr(estimator, "classes_") else (predicted - target) ** 2
    return np.asarray(wrong, np.float64)


def _effects(fit: _Fit, codes: Floats, rng: np.random.Generator) -> Floats:
    """Return the change of each test example's prediction when a dimension is shuffled: (n, dimensions).

    For a linear regressor the mean is |W_ij| times the mean difference of two values of c_i, so R_ij again.
    """
    result, usual = np.zeros_like(codes), _predictions(fit.estimator, codes)
    for i in np.flatnonzero(fit.importances):
        shuffled = codes.copy()
        shuffled[:, i] = rng.permutation(shuffled[:, i])
        result[:, i] = np.abs(_predictions(fit.estimator, shuffled) - usual).mean(axis=1)
    return result


def _predictions(estimator: Any, codes: Floats) -> Floats:
    """Return predictions as numbers, (n, outputs); for a classifier those of its classes."""
    methods = ("predict_proba", "decision_function", "predict")
    predict = next(getattr(estimator, name) for name in methods if hasattr(estimator, name))
    return np.asarray(predict(codes), np.float64).reshape(len(codes), -1)


def _errors(losses: Floats, categorical: NDArray[np.bool_]) -> Floats:
    means = losses.mean(axis=0)
    return np.where(categorical, means, np.sqrt(means))


def _unseen_errors(
    fits: list[_Fit],
    codes: Floats,
    factors: Floats,
    categorical: NDArray[np.bool_],
    unseen: tuple[Floats, Floats],
) -> Floats:
    """Return the errors on `unseen` codes and factors of regressors fitted to `codes` and `factors`."""
    inputs, targets = checked(*unseen)
    for name, table, fitted in (("codes", inputs, codes), ("factors", targets, factors)):
        if table.shape[1] != fitted.shape[1]:
            raise ValueError(f"unseen {name} must have {fitted.shape[1]} columns, not {table.shape[1]}")
    inputs = _normalised(inputs, codes)
    targets = np.where(categorical, targets, _normalised(targets, factors))
    losses = [_losses(fit.estimator, inputs, targets[:, j]) for j, fit in enumerate(fits)]
    errors: Floats = _errors(np.stack(losses, axis=1), categorical)
    errors /= np.where(categorical, 1.0, targets.std(axis=0))
    return errors


def _informativeness(losses: Floats, categorical: NDArray[np.bool_]) -> float:
    return float((1 - np.minimum(_errors(losses, categorical), 1.0)).mean())


def _normalised(table: Floats, train: Floats) -> Floats:
    """Standardise rows, (n, columns) or (n,), by the mean and standard deviation of the training rows."""
    # A constant's standard deviation is 0 up to rounding, which must not be scaled up to an intercept.
    std = np.where(varies(train) & (train.std(axis=0) > 0), train.std(axis=0), 1.0)
    result: Floats = (table - train.mean(axis=0)) / std
    return result
