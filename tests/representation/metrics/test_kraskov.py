"""Kraskov's estimator, partitions, gains and shares against closed forms and cases made by hand."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import digamma
from sklearn.feature_selection import mutual_info_regression

from unknot.representation.metrics.kraskov import best_partition, factor_information, kraskov
from unknot.representation.metrics.mask_shares import mask_shares
from unknot.representation.metrics.prediction_gain import prediction_gain

Floats = NDArray[np.float64]


def correlated(n: int, d: int, rho: float, seed: int = 0) -> tuple[Floats, Floats]:
    x, noise = np.random.default_rng(seed).normal(size=(2, n, d))
    return x, rho * x + np.sqrt(1 - rho**2) * noise


@pytest.mark.parametrize(
    ("d", "rho", "error"), [(1, 0.9, 0.05), (1, 0.0, 0.05), (2, 0.9, 0.1), (3, 0.6, 0.1)]
)
def test_gaussians_have_their_closed_form(d: int, rho: float, error: float) -> None:
    assert kraskov(*correlated(4000, d, rho)) == pytest.approx(-d / 2 * np.log(1 - rho**2), abs=error)


def test_single_numbers_have_scikit_learns_estimate() -> None:
    x, y = correlated(500, 1, 0.7)
    theirs = mutual_info_regression(x, y[:, 0], n_neighbors=3, random_state=0)[0]
    assert kraskov(x[:, 0], y) == pytest.approx(theirs, abs=1e-6)


def test_few_points_are_counted_as_worked_by_hand() -> None:
    # y copies x, and k = 1. The noise of ties decides in which of the two a point's neighbour is farther.
    # There nothing is strictly nearer than the radius, n_x = 0; in the other the neighbour is, n_y = 1.
    x = np.array([0.0, 1.0, 3.0, 9.0])
    expected = digamma(1) + digamma(4) - digamma(0 + 1) - digamma(1 + 1)
    assert kraskov(x, x, neighbours=1) == pytest.approx(expected, abs=1e-9)
    # With y constant but for ties' noise nothing is told.
    assert kraskov(correlated(300, 1, 0)[0], np.zeros(300)) < 0.1


def test_the_estimate_does_not_depend_on_scales_and_saturates() -> None:
    x, y = correlated(1000, 2, 0.8)
    assert kraskov(1000 * x - 5, -y / 7) == pytest.approx(kraskov(x, y), abs=1e-9)
    x, y = correlated(1000, 4, 0.9999)
    assert kraskov(x, y) < digamma(1000) - digamma(3) < -2 * np.log(1 - 0.9999**2)


def chains(coupling: float, n: int = 1500, d: int = 2) -> tuple[Floats, Floats]:
    """Two factors; the second adds to the first's next step."""
    rng = np.random.default_rng(1)
    before = rng.normal(size=(n, 2, d))
    after = 0.9 * before + 0.4 * rng.normal(size=before.shape)
    after[:, 0] += coupling * before[:, 1]
    return before, after


def test_a_factor_tells_of_its_own_next_step_and_of_those_it_acts_on() -> None:
    found = factor_information(*chains(0.9))
    own = -np.log(1 - 0.81 / (0.81 + 0.16))
    shared = -np.log(1 - 0.81 / (2 * 0.81 + 0.16))
    np.testing.assert_allclose(found.matrix, [[shared, shared], [0, own]], atol=0.2)
    assert found.same == pytest.approx((found.matrix[0, 0] + found.matrix[1, 1]) / 2)
    assert found.cross == pytest.approx((found.matrix[0, 1] + found.matrix[1, 0]) / 2)
    assert found.ceiling > 5
    assert found.rows == 1500
    assert (found.alive(), found.alive(1.2), found.alive(5.0)) == (1, 1, 0)


def test_the_ceiling_of_a_noisy_factor_is_what_two_samples_of_it_share() -> None:
    rng = np.random.default_rng(3)
    true = rng.normal(size=(1500, 2, 2))
    after, again = (true + 0.5 * rng.normal(size=true.shape) for _ in range(2))
    found = factor_information(true, after, again)
    assert found.ceiling == pytest.approx(
        -np.log(1 - 0.8**2), abs=0.1
    )  # correlation 1 / 1.25, two dimensions
    assert found.same > found.ceiling  # here "before" has no noise


def test_wide_factors_are_projected_on_what_is_most_correlated() -> None:
    before, after = chains(0.0, d=2)
    noise = np.random.default_rng(2).normal(size=(2, 1500, 2, 6))
    wide = factor_information(
        *(np.concatenate(each, 2) for each in zip((before, after), noise, strict=True)), dimensions=2
    )
    np.testing.assert_allclose(wide.matrix, factor_information(before, after).matrix, atol=0.15)
    constant = factor_information(np.zeros((200, 2, 6)), np.zeros((200, 2, 6)))
    assert constant.alive() == 0
    assert constant.ceiling == 0


def test_the_best_partition_finds_factors_in_shuffled_codes() -> None:
    rng = np.random.default_rng(3)
    before = rng.normal(size=(800, 4))
    turned = before.reshape(-1, 2, 2) @ np.array([[0.0, 1.0], [-1.0, 0.0]])  # each pair exchanges its two
    after = 0.95 * turned.reshape(-1, 4) + 0.3 * rng.normal(size=before.shape)
    order = np.array([2, 0, 3, 1])  # so that the pairs are {0, 2} and {1, 3}
    found = best_partition(before[:, order], after[:, order], 2)
    assert {frozenset(group) for group in found.tolist()} == {frozenset({0, 2}), frozenset({1, 3})}
    with pytest.raises(ValueError, match="factors must divide the 4 dimensions of codes, not 3"):
        best_partition(before, after, 3)


def test_a_gain_is_the_conditional_information_of_gaussians() -> None:
    gains = prediction_gain(*chains(0.9, n=6000))
    np.testing.assert_allclose(gains, [[0, np.log((0.16 + 0.81) / 0.16)], [0, 0]], atol=0.15)


def test_a_gain_is_found_where_it_is_not_linear_and_needs_both_factors() -> None:
    rng = np.random.default_rng(0)
    before = rng.uniform(-1, 1, (6000, 2, 1))
    after = before + 0.05 * rng.normal(size=before.shape)
    after[:, 0] += before[:, 0] * before[:, 1]
    gains = prediction_gain(before, after)
    assert gains[0, 1] > 1
    assert abs(gains[1, 0]) < 0.05
    with pytest.raises(ValueError, match="before must have at least 100 rows, not 99"):
        prediction_gain(before[:99], after[:99])


def test_shares_are_of_what_changed_in_each_mask() -> None:
    changed = np.array([[[1, 1, 0, 0], [0, 0, 0, 1]], [[0, 0, 0, 0], [0, 0, 0, 0]]], bool)
    masks = np.array([[[[1, 1, 1, 0], [0] * 4], [[0, 1, 0, 0], [0] * 4]]] * 2, bool)
    np.testing.assert_allclose(mask_shares(changed, masks)[0], [2 / 3, 1 / 3])
    assert np.isnan(mask_shares(changed, masks)[1]).all()
    np.testing.assert_allclose(mask_shares(changed * [1, 4, 1, 3], masks)[0], [5 / 8, 4 / 8])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: kraskov(x, x[:5]), "x and y must have equally many rows"),
        (lambda x: kraskov(x[:3], x[:3]), r"more than 3 \(neighbours\), not 3 and 3"),
        (lambda x: kraskov(x, np.full(20, np.nan)), "y must be an array of finite numbers"),
        (lambda x: kraskov(x, x, neighbours=0), "neighbours must be at least 1, not 0"),
        (lambda x: kraskov(x[:, None, None], x), r"x must be \(n, dimensions\)"),
        (lambda x: factor_information(x, x), r"before must be \(n, factors, dimensions\)"),
        (lambda x: factor_information(np.ones((9, 2, 2)), np.ones((9, 2, 1))), "after must be of shape"),
        (
            lambda x: factor_information(np.ones((9, 2, 2)), np.ones((9, 2, 2)), np.ones((9, 2, 1))),
            "again must be of",
        ),
        (lambda x: prediction_gain(np.ones((9, 2, 2)), np.ones((9, 2, 1))), "after must be of shape"),
        (lambda x: mask_shares(np.ones((2, 3)), np.ones((2, 3), bool)), "masks must be bool"),
        (lambda x: mask_shares(-np.ones((1, 1)), np.ones((1, 1, 1), bool)), "changed must be finite"),
    ],
)
def test_other_arrays_are_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(np.arange(20.0))
