"""Linear measures of codes, by hand."""

import numpy as np
import pytest

from unknot.representation.metrics.linear import correlations, linear_fit


def test_correlations_have_a_sign_and_are_0_for_constants() -> None:
    factors = np.array([[0, 0], [1, 0], [2, 1], [3, 1]])
    codes = np.c_[factors[:, 0] * 2.0 + 5, -factors[:, 1], np.ones(4)]
    across = 2 / np.sqrt(5)
    np.testing.assert_allclose(correlations(codes, factors), [[1, across], [-across, -1], [0, 0]])


def test_the_linear_fit_is_r_squared() -> None:
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(200, 2))
    assert linear_fit(codes, codes @ [2.0, -3.0] + 7) == pytest.approx(1)
    assert linear_fit(codes, np.sign(codes[:, 0])) == pytest.approx(2 / np.pi, abs=0.06)
    assert linear_fit(codes, rng.normal(size=200)) < 0.05


@pytest.mark.parametrize(
    ("codes", "factors"), [((4,), (4, 1)), ((4, 1), (4,)), ((4, 1), (3, 1)), ((3, 1), (4, 1))]
)
def test_other_shapes_are_refused(codes: tuple[int, ...], factors: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"codes and factors must be \(n, columns\), not"):
        correlations(np.zeros(codes), np.zeros(factors))
