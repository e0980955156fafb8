"""Modes of a density of points."""

from typing import Any

import numpy as np
import pytest

from unknot.representation.metrics.modes import find_modes

CORNERS = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])


def cloud(sizes: list[int], centres: Any = CORNERS, spread: float = 0.05) -> Any:
    rng = np.random.default_rng(0)
    return np.concatenate(
        [centre + rng.normal(0, spread, (size, 2)) for centre, size in zip(centres, sizes, strict=True)]
    )


def test_modes_are_the_peaks_of_the_density_largest_first() -> None:
    modes = find_modes(cloud([50, 200, 100, 150]))
    assert modes.tolist() == [3] * 50 + [0] * 200 + [2] * 100 + [1] * 150


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_modes_do_not_depend_on_the_scale(scale: float) -> None:
    assert (find_modes(scale * cloud([50, 200, 100, 150])) == find_modes(cloud([50, 200, 100, 150]))).all()


def test_a_peak_of_few_points_is_not_a_mode() -> None:
    modes = find_modes(cloud([100, 100, 100, 4]))
    assert (modes[-4:] == -1).all()
    assert set(modes[:300].tolist()) == {0, 1, 2}


def test_one_cloud_has_one_mode_and_equal_points_too() -> None:
    assert find_modes(cloud([300], np.zeros((1, 2)) + 5)).tolist() == [0] * 300
    assert find_modes(np.zeros((20, 2))).tolist() == [0] * 20


def test_a_share_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="share must be from 0 to 1"):
        find_modes(CORNERS, share=-0.1)
