"""The oracle for the moved digits: from true positions, straight to the goal."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import count
from unknot.envs.mnist_grid import DIGITS, MOVES

from .experts import true_pair

Array = NDArray[Any]


class DigitExpert:
    """Moves the first digit to its goal, then the second; there are no obstacles.

    Every action of the environment moves a digit: once both are at their goals, it pushes one against an
    edge, or, if none is at an edge, steps off and back.

    Args:
        size: number of cells along each side of the grid.
    """

    privileged = True

    def __init__(self, size: int) -> None:
        count(1, size=size)
        self._size = size

    def predict(
        self,
        observation: Mapping[str, Mapping[str, Array]],
        state: None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Array, None]:
        """Return actions (n,) for true factors and goals; () for one.

        Raises:
            ValueError: an entry is missing or of another shape.
        """
        pairs = [true_pair(observation, digit) for digit in DIGITS]
        if len({now.shape for now, _ in pairs}) > 1:
            raise ValueError(f"factors must be as many of {DIGITS[0]!r} as of {DIGITS[1]!r}")
        single = pairs[0][0].ndim == 1
        cells, goal = (
            np.stack([np.atleast_2d(value) for value in values], axis=1)[:, :, None]
            for values in zip(*pairs, strict=True)
        )
        ends = np.clip(cells + MOVES, 0, self._size - 1)  # (n, digit, way, 2)
        further = np.abs(ends - goal).sum(-1) - np.abs(cells - goal).sum(-1)
        actions = further.reshape(len(further), -1).argmin(axis=1)
        return (actions[0] if single else actions), None
