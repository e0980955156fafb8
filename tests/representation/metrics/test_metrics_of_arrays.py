"""Metrics of arrays: their counts, fits and refusals."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import mutual_info_score, roc_auc_score

from unknot.representation.metrics import (
    Score,
    attribute_auc,
    completeness,
    cvr,
    dci,
    disentanglement,
    hinton,
    mapc,
    mig,
    modularity,
    sap,
    tdv,
    ud90,
    unsupervised,
)
from unknot.representation.metrics.attribute_auc import areas
from unknot.representation.metrics.information import binned, mutual_information
from unknot.representation.metrics.score import bootstrap

Floats = NDArray[np.float64]


def grid(*sizes: int, repeats: int = 1) -> Floats:
    """Return every combination of integer factors: (n, factors)."""
    table = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), axis=-1).reshape(-1, len(sizes))
    result: Floats = np.tile(table, (repeats, 1)).astype(np.float64)
    return result


NORMAL = np.random.default_rng(0).normal(size=(2000, 4))


def columns(*parts: NDArray[Any]) -> Floats:
    result: Floats = np.stack(parts, axis=1).astype(np.float64)
    return result


def test_sap_of_ordered_factors_is_the_difference_of_squared_correlations() -> None:
    a, b, _, _ = NORMAL.T
    score = sap(columns(a + b, a), a[:, None])
    expected = np.corrcoef(a, a + b)[0, 1] ** 2
    assert score.parts["scores"][:, 0] == pytest.approx([expected, 1], abs=0.04)
    assert score.value == pytest.approx(1 - expected, abs=0.04)


def test_sap_of_categories_is_the_difference_of_balanced_accuracies() -> None:
    factor = grid(3, repeats=400)
    names = np.array([0.0, 5.0, -2.0])[factor[:, 0].astype(int)]  # a permutation of the order
    code = columns(names, names > 1)
    score = sap(code, factor, np.array([True]))
    assert score.parts["scores"][:, 0] == pytest.approx([1, 2 / 3], abs=1e-9)
    assert score.value == pytest.approx(1 / 3, abs=1e-9)
    alone = sap(code[:, :1], factor, np.array([True]))
    assert alone.value == pytest.approx(2 / 3, abs=1e-9)  # chance stands for the second


def test_modularity_counts_noise_that_seems_informative() -> None:
    """By counting it has a little information on every factor, hardly more on one than on another."""
    score = modularity(NORMAL, NORMAL[:, :2])
    each = score.parts["modularities"]
    assert each[:2] == pytest.approx([1, 1], abs=0.01)
    assert (each[2:] < 0.5).all()
    assert score.value == pytest.approx(each.mean())


def test_a_categorical_factor_has_a_bin_for_each_value() -> None:
    """As many as 40 categories are one factor's; by order they would share 20 bins."""
    table = grid(40, 3)
    code = columns(table[:, 0] // 2, table[:, 1])
    ordered = mig(code, table)
    assert ordered.value == pytest.approx(1)
    named = mig(code, table, np.array([True, False]))
    assert named.value == pytest.approx((np.log(20) / np.log(40) + 1) / 2)
    assert modularity(code, table, np.array([True, False])).value == pytest.approx(1)
    perfect = mig(table, table, np.array([True, False]))
    assert perfect.value == pytest.approx(1)
    assert perfect.choices["code bins"] == 40


def test_a_perfect_code_of_more_values_than_bins_scores_one() -> None:
    """32 positions, say: elsewhere the code is binned and the factor is not, which caps the score at 0.85."""
    table = grid(32, 32)
    assert mig(table, table).value == pytest.approx(1)


def test_mutual_information_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 7, (300, 2)), rng.integers(0, 5, (300, 3))
    expected = [[mutual_info_score(x, y) for y in b.T] for x in a.T]
    assert mutual_information(a, b) == pytest.approx(np.array(expected), abs=1e-12)


def test_bins_are_of_equal_width_and_hold_their_edges() -> None:
    table = np.linspace(0, 1, 101)[:, None]
    counts = np.bincount(binned(table, 4)[:, 0])
    assert counts.tolist() == [25, 25, 25, 26]
    assert binned(table[::50], 4)[:, 0].tolist() == [0, 1, 2]  # a value each, where they are few
    with pytest.raises(ValueError, match="bins must be at least 2, not 1"):
        binned(table, 1)


# DCI


@pytest.mark.parametrize(
    ("importances", "disentangled", "complete"),
    [
        (np.eye(3), 1, 1),
        (np.ones((3, 3)), 0, 0),
        (np.zeros((2, 2)), 0, 0),
        ([[1, 0], [1, 0], [0, 5]], 1, (1 - np.log(2) / np.log(3) + 1) / 2),
        # D_1 = 0 with the weight 2/3, D_2 = 1 with 1/3; C_1 is that of (1/2, 1/2), C_2 is 1.
        ([[1, 1], [1, 0]], 1 / 3, 1 / 2),
        ([[1, 2, 1]], 1 - 1.5 * np.log(2) / np.log(3), 1),  # H(1/4, 1/2, 1/4) = 3/2 bits
    ],
)
def test_disentanglement_and_completeness_by_hand(
    importances: Any, disentangled: float, complete: float
) -> None:
    matrix = np.asarray(importances, np.float64)
    assert disentanglement(matrix) == pytest.approx(disentangled, abs=1e-12)
    assert completeness(matrix) == pytest.approx(complete, abs=1e-12)


REGRESSORS = ("lasso", "random_forest", "random_forest_splits", "gradient_boosting")


def test_dci_of_a_factor_encoded_twice_is_disentangled_and_not_complete() -> None:
    a, b, noise, _ = NORMAL.T
    code = columns(a + 0.3 * noise, a - 0.3 * noise, b)  # each has half of the information on a
    score = dci(code, columns(a, b), regressor="lasso")
    assert score.value > 0.99
    assert score.parts["completenesses"] == pytest.approx([1 - np.log(2) / np.log(3), 1], abs=0.05)


def test_dci_excludes_noise_from_the_average() -> None:
    a, b, noise, _ = NORMAL.T
    score = dci(columns(a, noise, b), columns(a, b), regressor="lasso")
    assert score.value > 0.99
    assert score.parts["weights"] == pytest.approx([0.5, 0, 0.5], abs=0.01)


def test_dci_errors_are_normalised() -> None:
    """Of a + b, both standard, the best prediction of a leaves half of its variance."""
    a, b, _, _ = NORMAL.T
    score = dci(columns(a + b, b * 0), columns(100 * a, a + b), regressor="lasso")
    assert score.parts["errors"] == pytest.approx([np.sqrt(0.5), 0], abs=0.1)


def test_dci_tests_its_regressors_on_unseen_examples() -> None:
    code, factors = NORMAL[:, :2] * [3, 0.1] + 5, NORMAL[:, :2]
    unseen = 0.5 + 0.1 * NORMAL[:100, 2:]  # another mean, a tenth of the standard deviation
    score = dci(code, factors, regressor="lasso", unseen=(unseen * [3, 0.1] + 5, unseen))
    assert score.parts["unseen_errors"] == pytest.approx([0, 0], abs=0.01)  # the penalty leaves a little
    off = dci(code, factors, regressor="lasso", unseen=(unseen * [3, 0.1] + [5, 5.02], unseen))
    std = unseen[:, 1].std()
    assert off.parts["unseen_errors"] == pytest.approx([0, 0.2 / std], abs=0.02)
    assert off.value == score.value
    assert "unseen_errors" not in dci(code, factors, regressor="lasso").parts


def test_dci_of_unseen_categories_counts_wrong_answers() -> None:
    table = grid(3, 4, repeats=30)
    kinds = np.array([True, False])
    wrong = columns((table[:, 0] + (table[:, 1] == 0)) % 3, table[:, 1])  # a quarter is shown as the next
    score = dci(table, table, kinds, unseen=(wrong, table))
    assert score.parts["unseen_errors"] == pytest.approx([0.25, 0], abs=1e-9)


def test_dci_of_categories_counts_wrong_answers() -> None:
    table = grid(3, 4, 4, repeats=30)
    kinds = np.array([True, False])
    shuffled = np.array([1.0, 0.0, 2.0])[table[:, 0].astype(int)]
    for regressor in REGRESSORS[1:]:
        score = dci(columns(table[:, 1], shuffled), table[:, :2], kinds, regressor=regressor)
        assert score.value > 0.95
        assert score.parts["errors"] == pytest.approx([0, 0], abs=0.02)
    one_hot = columns(*(shuffled == k for k in range(3)), table[:, 1])
    linear = dci(one_hot.astype(np.float64), table[:, :2], kinds, regressor="lasso")
    assert linear.value > 0.99
    blind = dci(table[:, 1:], table[:, :2], kinds)
    assert blind.parts["errors"][0] == pytest.approx(2 / 3, abs=0.1)


def test_a_forest_that_counts_splits_counts_shares_of_all() -> None:
    a, b, noise, more = NORMAL.T
    counted = dci(columns(a, b, noise), columns(a + 0.5 * more, b), regressor="random_forest_splits")
    assert counted.parts["importances"].sum(axis=0) == pytest.approx([1, 1])
    assert counted.parts["weights"][2] < 0.01
    assert counted.choices["importance"] == "cases split"


@pytest.mark.parametrize("regressor", REGRESSORS)
def test_dci_of_a_code_too_coarse_for_its_factors_is_disentangled(regressor: str) -> None:
    """A bit leaves part of a number undetermined: noise, which deep trees split on any dimension."""
    score = dci(np.sign(NORMAL[:, :3]), NORMAL[:, :3], regressor=regressor)
    assert score.value > 0.9
    assert score.parts["errors"] == pytest.approx(3 * [np.sqrt(1 - 2 / np.pi)], abs=0.1)


def test_dci_reports_linear_models_that_have_not_converged() -> None:
    rng = np.random.default_rng(0)
    similar = rng.normal(size=(500, 1)) + 0.05 * rng.normal(size=(500, 50))
    differences = columns(similar[:, 0] - similar[:, 1], similar[:, 2] - similar[:, 3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settings = dci(similar, differences, regressor="lasso").parts["settings"]
    assert settings == 2 * ["alpha=0.001, not converged"]
    assert dci(NORMAL[:, :2], NORMAL[:, :2], regressor="lasso").parts["settings"] == 2 * ["alpha=0.001"]


def test_dci_intervals_come_from_the_test_set() -> None:
    a, b, _, _ = NORMAL.T
    code, factors = columns(a + 0.5 * b, b), columns(a, b)
    few, many = dci(code[:300], factors[:300]), dci(code, factors)
    for part in ("completeness_interval", "informativeness_interval"):
        assert many.parts[part][1] - many.parts[part][0] < few.parts[part][1] - few.parts[part][0]
    assert many.interval[1] - many.interval[0] < few.interval[1] - few.interval[0]


# Covariances


SIGNS = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]])
"""Three uncorrelated dimensions of one variance."""


def test_covariance_metrics_of_uncorrelated_dimensions() -> None:
    assert mapc(SIGNS).value == pytest.approx(1)
    assert cvr(SIGNS).value == pytest.approx(1)
    assert unsupervised(SIGNS).value == pytest.approx(0, abs=1e-9)
    for part in ("gaussian_total_correlation", "gaussian_wasserstein", "mutual_information"):
        assert unsupervised(SIGNS).parts[part] == pytest.approx(0, abs=1e-9)


def test_covariance_metrics_of_equal_dimensions() -> None:
    code = np.repeat(SIGNS[:, :1], 4, axis=1)
    assert mapc(code).parts["mapc"] == pytest.approx(1)
    assert mapc(code).value == pytest.approx(0)
    assert cvr(code).parts["cvr"] == pytest.approx(4)
    assert cvr(code).parts["cvr_formula"] == pytest.approx(4 / 16)
    assert cvr(code).value == pytest.approx(1 / 4)
    score = unsupervised(code)
    assert score.parts["gaussian_total_correlation"] == np.inf
    assert score.value == pytest.approx(-(2 - 2 / np.sqrt(4)))
    assert score.parts["mutual_information"] == pytest.approx(np.log(2))


def test_covariance_metrics_of_one_correlation() -> None:
    code = columns(SIGNS[:, 0], 0.6 * SIGNS[:, 0] + 0.8 * SIGNS[:, 1], SIGNS[:, 2])
    assert mapc(code).parts["mapc"] == pytest.approx(0.6 / 3)
    assert cvr(code).parts["cvr"] == pytest.approx((3 + 2 * 0.6) / 3)
    score = unsupervised(code)
    assert score.parts["gaussian_total_correlation"] == pytest.approx(-np.log(1 - 0.36) / 2)
    # With unit variances W₂² is 2p - 2 Σ √λ, and the eigenvalues λ are 1.6, 0.4 and 1.
    scale = 4 / 3  # each dimension's sample variance
    expected = scale * (2 * 3 - 2 * (np.sqrt(1.6) + np.sqrt(0.4) + 1))
    assert score.parts["gaussian_wasserstein"] == pytest.approx(expected)
    assert score.value == pytest.approx(-expected / (3 * scale))


def test_dead_dimensions_change_no_correlation() -> None:
    code = columns(SIGNS[:, 0], np.full(4, 0.1), 0.6 * SIGNS[:, 0] + 0.8 * SIGNS[:, 1])
    alive = code[:, [0, 2]]
    for metric in (mapc, cvr, unsupervised):
        assert metric(code).value == pytest.approx(metric(alive).value)
    assert mapc(code).parts["active_dimensions"] == 2


def test_variance_of_the_greatest_dimensions() -> None:
    code = SIGNS * np.sqrt([1.0, 8.0, 1.0])
    assert tdv(code, top=1).value == pytest.approx(0.8)
    assert tdv(code, top=2).value == pytest.approx(0.9)
    assert tdv(code, top=9).value == pytest.approx(1)
    assert ud90(code).parts["ud90"] == 2  # 90% exactly is enough
    assert ud90(code).value == pytest.approx(1 / 3)
    assert ud90(columns(SIGNS[:, 0], 0 * SIGNS[:, 0])).parts["ud90"] == 1
    with pytest.raises(ValueError, match="top must be at least 1, not 0"):
        tdv(code, top=0)


def test_a_code_that_is_constant_or_of_one_dimension_has_no_correlations() -> None:
    constant = np.full((5, 2), 0.3)
    for metric in (mapc, cvr, ud90, unsupervised):
        assert metric(constant).value == 0
    assert tdv(constant, top=1).value == 0
    assert mapc(SIGNS[:, :1]).value == 1
    assert cvr(SIGNS[:, :1]).value == pytest.approx(1)


# Attributes


def test_attribute_areas_agree_with_scikit_learn() -> None:
    code = np.round(NORMAL[:, :2], 1)  # with ties
    mask = NORMAL[:, 2] + code[:, 0] > 1
    expected = [roc_auc_score(mask, column) for column in code.T]
    result = areas(code, mask[:, None])[:, 0]
    assert result == pytest.approx(np.maximum(expected, 1 - np.array(expected)))


def test_attributes_by_hand() -> None:
    """A dimension that counts three categories separates the outer ones; the middle one is at chance."""
    table = grid(3, 2, 6)
    kinds = np.array([True, True, False])
    score = attribute_auc(-table, table, kinds)
    assert score.parts["attributes"] == [(0, 0.0), (0, 1.0), (0, 2.0), (1, 0.0), (2, None)]
    assert score.parts["areas"] == pytest.approx([1, 0.5, 1, 1, 1])
    assert score.value == pytest.approx(4 / 5)
    one_hot = columns(*(table[:, 0] == k for k in range(3))).astype(np.float64)
    assert attribute_auc(one_hot, table[:, :1], kinds[:1]).value == 1
    assert attribute_auc(one_hot * 0, table, kinds).parts["areas"] == pytest.approx([0.5] * 5)


# Common to all metrics


def test_the_interval_is_as_wide_as_chance_makes_it() -> None:
    values = np.arange(400) % 4 < 3  # a share of 3/4 of 400: standard deviation √(3/16/400)
    low, high = bootstrap(lambda rows: float(values[rows].mean()), 0.75, 400, np.random.default_rng(0))
    assert low < 0.75 < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(3 / 16 / 400), rel=0.2)


def test_the_interval_holds_a_value_that_is_biased_on_resamples() -> None:
    """Noise has more information on a resample than on the sample: without a shift 0 is outside."""
    score = modularity(NORMAL[:200, :2], NORMAL[:200, 2:])
    assert score.interval[0] <= score.value <= score.interval[1]
    information = mig(NORMAL[:200, :2], NORMAL[:200, 2:])
    assert information.interval[0] <= information.value <= information.interval[1]


@pytest.mark.parametrize("metric", [mig, modularity, sap, dci, attribute_auc])
def test_bad_arrays_are_refused(metric: Callable[..., Score]) -> None:
    good = NORMAL[:, :2]
    for codes, factors, words in [
        (good[:, 0], good, "codes have shape"),
        (good, good[1:], "factors have shape"),
        (good * np.nan, good, "codes must be finite numbers"),
        (good[:, :0], good, "codes have no dimension"),
        (good, good * [1, 0], r"factors must vary: columns \[1\] take one value"),
    ]:
        with pytest.raises(ValueError, match=words):
            metric(codes, factors)
    for categorical in ([False], [False, True, True], [0, 1]):
        with pytest.raises(ValueError, match="categorical must be true or false for each of 2 factors"):
            metric(good, good, categorical)


def test_dci_and_modularity_refuse_too_few_examples_or_factors() -> None:
    with pytest.raises(ValueError, match="at least 2 that vary, not 1"):
        dci(NORMAL, NORMAL[:, :1])
    with pytest.raises(ValueError, match="at least 2 that vary, not 1"):
        modularity(NORMAL, NORMAL[:, :1])
    with pytest.raises(ValueError, match="29 examples are too few"):
        dci(NORMAL[:29], NORMAL[:29])
    assert np.isfinite(dci(NORMAL[:30], NORMAL[:30]).value)
    with pytest.raises(ValueError, match="lasso"):
        dci(NORMAL, NORMAL, regressor="laso")
    with pytest.raises(ValueError, match="unseen codes must have 4 columns, not 3"):
        dci(NORMAL, NORMAL, regressor="lasso", unseen=(NORMAL[:, :3], NORMAL))
    with pytest.raises(ValueError, match="unseen factors must have 4 columns, not 2"):
        dci(NORMAL, NORMAL, regressor="lasso", unseen=(NORMAL, NORMAL[:, :2]))


def test_hinton_diagrams_show_areas_and_signs() -> None:
    axes = Figure().add_subplot()
    hinton(axes, np.array([[4.0, -1.0], [0.0, 2.0]]), ["x", "y"])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["$z_{0}$", "$z_{1}$"]
    assert axes.get_xlabel() == "largest square: 4"
    (squares,) = axes.collections
    sides = [np.ptp(path.vertices, axis=0) for path in squares.get_paths()]
    assert [side[0] ** 2 / sides[0][0] ** 2 for side in sides] == pytest.approx([1, 1 / 4, 0, 1 / 2])
    assert [side[0] for side in sides] == pytest.approx([side[1] for side in sides])
    assert np.asarray(squares.get_facecolor())[:, 0].tolist() == [1, 0, 1, 1]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["x", "y"]
    low, high = axes.get_ylim()
    assert low > high  # the first dimension is on top
    with pytest.raises(ValueError, match="1 names for a matrix of 2 columns"):
        hinton(axes, np.eye(2), ["x"])
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        hinton(axes, np.ones(3))


# Scale, shift and dtype


def tables() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    rng = np.random.default_rng(0)
    factors = np.stack([rng.random(200), rng.integers(3, size=200)], axis=1)
    codes = np.c_[factors + 0.05 * rng.standard_normal((200, 2)), rng.standard_normal(200)]
    return codes, factors, np.array([False, True])


@pytest.mark.parametrize("metric", [mig, sap, modularity, attribute_auc])
@pytest.mark.parametrize(
    ("scale", "shift"), [(1e-7, 0.0), (1e-12, 0.0), (1e12, 0.0), (1e-4, 1e3), (1.0, 1e6)]
)
def test_metrics_of_factors_depend_neither_on_scale_nor_on_shift(
    metric: Callable[..., Score], scale: float, shift: float
) -> None:
    codes, *rest = tables()
    score, other = (metric(each, *rest) for each in (codes, scale * codes + shift))
    assert score.value > 0.2
    assert other.value == pytest.approx(score.value, abs=0.02)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_metrics_of_codes_do_not_depend_on_their_scale(scale: float) -> None:
    codes = tables()[0]
    for metric, settings in ((mapc, {}), (cvr, {}), (tdv, {"top": 1}), (ud90, {}), (unsupervised, {})):
        score, other = (metric(each, **settings) for each in (codes, scale * codes + scale))
        assert other.value == pytest.approx(score.value)


def test_a_dimension_that_varies_by_rounding_alone_is_constant() -> None:
    rest: list[Any]
    codes, *rest = tables()
    rounding = np.where(np.arange(200) % 2, 0.1, np.nextafter(0.1, 1))
    noisy, constant = (np.c_[codes, column] for column in (rounding, np.full(200, 0.1)))
    assert sap(noisy, *rest).parts["scores"][3, 0] == 0
    for metric in (mig, sap, modularity, attribute_auc):
        assert metric(noisy, *rest).value == pytest.approx(metric(constant, *rest).value)
    assert mapc(noisy).parts["active_dimensions"] == 3


def test_single_precision_integers_and_tensors_are_measured_as_their_values() -> None:
    rest: list[Any]
    codes, *rest = tables()
    single: Any = codes.astype(np.float32)
    whole: Any = (1000 * codes).astype(int)
    value = sap(single.astype(float), *rest).value
    given: Any = torch.from_numpy(single).requires_grad_()
    assert sap(given, *rest).value == sap(single, *rest).value == value
    assert sap(whole, *rest).value == sap(whole.astype(float), *rest).value


@pytest.mark.parametrize("bad", ["abc", [[1.0], [1.0, 2.0]], None, np.ones((9, 2)) * 1j, np.array([["a"]])])
def test_what_is_no_array_of_numbers_is_refused_by_name(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"^codes (must be|have) "):
        mapc(bad)
    with pytest.raises(ValueError, match=r"^seed must be"):
        mapc(tables()[0], seed=-1)


@pytest.mark.parametrize(("seed", "in_training"), [(0, True), (5, False)])
def test_dci_needs_two_values_of_every_factor_in_its_training_set(seed: int, in_training: bool) -> None:
    rng = np.random.default_rng(0)
    codes, factors = rng.normal(size=(60, 2)), rng.integers(0, 2, (60, 2)).astype(float)
    rare = np.c_[factors[:, 0], np.arange(60) == 0]
    if in_training:
        assert dci(codes, rare, seed=seed).parts["importances"].shape == (2, 2)
    else:
        with pytest.raises(ValueError, match=r"columns \[1\] take one value in the training set"):
            dci(codes, rare, seed=seed)


@pytest.mark.parametrize(("metric", "least"), [(mig, 2), (modularity, 2), (unsupervised, 2)])
def test_as_many_bins_are_needed(metric: Callable[..., Score], least: int) -> None:
    arrays = (NORMAL[:, :2],) if metric is unsupervised else (NORMAL[:, :2], NORMAL[:, 2:])
    assert np.isfinite(metric(*arrays, bins=least).value)
    with pytest.raises(ValueError, match=f"bins must be at least {least}, not {least - 1}"):
        metric(*arrays, bins=least - 1)


def test_intervals_of_400_examples_are_narrow() -> None:
    for score in (unsupervised(NORMAL[:400]), sap(NORMAL[:400], NORMAL[:400])):
        assert score.interval[1] - score.interval[0] < 0.3


def test_a_score_reports_what_was_chosen() -> None:
    assert sap(NORMAL[:60], NORMAL[:60]).choices["test share"] == 0.5
    assert mig(NORMAL[:60], NORMAL[:60], bins=7).choices["bins"] == 7


def test_an_attribute_that_nothing_has_or_everything_is_not_predicted() -> None:
    nothing = np.zeros((len(NORMAL), 2), dtype=bool)
    nothing[:, 1] = True
    assert areas(NORMAL, nothing).tolist() == [[0.5, 0.5]] * NORMAL.shape[1]
