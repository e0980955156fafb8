"""Which expert takes which mechanism: cases worked by hand."""

import numpy as np
import pytest

from unknot.representation.metrics import assignment_matrix, hungarian_accuracy, one_to_one, psnr, won


def test_a_matrix_holds_the_shares_that_experts_won() -> None:
    matrix = assignment_matrix([0, 0, 0, 0, 1, 1], [2, 2, 2, 0, 1, 1], 2, 3)
    np.testing.assert_array_equal(matrix, [[0.25, 0.0, 0.75], [0.0, 1.0, 0.0]])
    np.testing.assert_array_equal(won(matrix), [0.75, 1])
    assert hungarian_accuracy(matrix) == pytest.approx(0.875)
    np.testing.assert_array_equal(one_to_one(matrix), [False, True])
    np.testing.assert_array_equal(one_to_one(matrix, share=0.7), [True, True])


def test_an_expert_of_two_mechanisms_is_the_own_one_of_neither() -> None:
    matrix = np.array([[1.0, 0.0, 0.0], [0.96, 0.04, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(one_to_one(matrix), [False, False, True])
    assert hungarian_accuracy(matrix) == pytest.approx((1 + 0.04 + 1) / 3)


def test_mechanisms_without_an_expert_left_count_as_nothing() -> None:
    assert hungarian_accuracy([[1.0], [1.0], [1.0], [1.0]]) == 0.25
    assert hungarian_accuracy([[0.5, 0.5, 0.0]]) == 0.5


def test_the_peak_signal_to_noise_ratio_is_that_of_the_squared_error() -> None:
    black, grey = np.zeros((2, 2, 2, 1), np.uint8), np.full((2, 2, 2, 1), 51, np.uint8)
    assert psnr(grey, black) == pytest.approx(20 * np.log10(5))
    assert psnr(black, black) == np.inf
    half = np.concatenate([grey[:1], black[:1]])
    assert psnr(half, black) == pytest.approx(20 * np.log10(5) + 10 * np.log10(2))


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="mechanisms must be 0 to 2, each at least once"):
        assignment_matrix([0, 1], [0, 1], 3, 2)
    with pytest.raises(ValueError, match="experts must be 0 to 1, not 2"):
        assignment_matrix([0, 1], [0, 2], 2, 2)
    with pytest.raises(ValueError, match=r"experts must be \(2,\)"):
        assignment_matrix([0, 1], [0], 2, 2)
    with pytest.raises(ValueError, match="mechanisms must be whole numbers"):
        assignment_matrix([0.0, 1.0], [0, 1], 2, 2)
    with pytest.raises(ValueError, match="matrix must be shares"):
        hungarian_accuracy([[0.5, 0.2]])
    with pytest.raises(ValueError, match="originals must be"):
        psnr(np.zeros((1, 2, 2, 1), np.uint8), np.zeros((1, 3, 2, 1), np.uint8))
