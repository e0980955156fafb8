"""What an agent does about actions that changed nothing: it counts them, and shakes itself loose.

The planning agent follows this rule, and so does the trivial baseline beside it.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["count_refused", "shaking"]

Counts = TypeVar("Counts")
"""An array or a tensor."""


def count_refused(moved: Any, intended: Any, gain: float, before: Counts) -> Counts:
    """Count the actions in a row that should have moved the agent and did not.

    Arrays and tensors are taken alike.

    Args:
        moved: (n,), how far the last action moved it.
        intended: (n,), how far it should have.
        gain: how far an action of 1 moves it; less than half of that is no move to miss.
        before: int64 (n,), the count before the last action.
    """
    still = moved < 0.1 * intended.clip(max=gain)
    counts: Counts = (before + 1) * (still & (intended > 0.5 * gain))  # type: ignore[operator]
    return counts


def shaking(refused: NDArray[np.int64], width: int, seed: int, calls: int) -> NDArray[np.float64]:
    """Return noise (n, width) for the next actions.

    Args:
        refused: (n,), refusals in a row: the noise's standard deviation, in units of actions.
        width: of an action.
        seed: of the noise.
        calls: how many actions were taken before.
    """
    noise = np.random.default_rng([seed, calls]).standard_normal((len(refused), width))
    return refused[:, None] * noise
