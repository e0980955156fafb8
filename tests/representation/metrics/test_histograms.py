"""Cells of a grid of factors, on cases worked by hand."""

import numpy as np
import pytest

from unknot.representation.metrics.histograms import (
    cells_hit,
    conditional_entropy,
    entropy,
    histogram,
    histogram_distance,
)


def test_collapse_is_seen_in_the_cells() -> None:
    even = np.repeat(np.arange(4), 5)
    assert cells_hit(even, 4) == 1
    assert histogram_distance(even, [0.25] * 4) == 0
    one = np.zeros(20, int)
    assert cells_hit(one, 4) == 0.25
    assert histogram_distance(one, [0.25] * 4) == pytest.approx(0.75)
    half = np.where(np.arange(20) % 2, even, -1)  # half of the samples are in no cell
    assert histogram_distance(half, [0.25] * 4) == pytest.approx(0.5)
    assert cells_hit(np.full(3, -1), 4) == 0
    assert histogram_distance(np.full(3, -1), [0.25] * 4) == 1
    with pytest.raises(ValueError, match="cells must be from -1 to 3"):
        cells_hit(np.array([4]), 4)
    with pytest.raises(ValueError, match=r"whole numbers \(n,\), at least one, not float64"):
        cells_hit([0.0, 1.0], 4)


def test_the_distance_of_two_samples_is_the_total_variation() -> None:
    assert histogram_distance([0, 0, 1, 1], histogram([1, 2], 3)) == pytest.approx(0.5)
    assert histogram_distance([0, 1], histogram([1, 0, 0, 1], 2)) == 0
    assert histogram_distance([0, 0], histogram([1, 1], 2)) == 1


def test_entropy_is_that_of_the_shares() -> None:
    assert entropy([0, 1, 2, 3], 4) == pytest.approx(np.log(4))
    assert entropy([2, 2, 2], 4) == 0
    assert conditional_entropy([[0, 1], [1, 1]], 2) == pytest.approx(np.log(2) / 2)
