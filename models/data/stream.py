"""Minibatches that a factor source draws as they are asked for."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from unknot.checks import count
from unknot.representation.source import FactorSource

__all__ = ["stream"]


def stream(
    source: FactorSource, batch_size: int, seed: int, *, factors: bool = False
) -> Callable[[int], dict[str, Tensor]]:
    """Make a source of minibatches, every one drawn anew, as the training loop takes it.

    Args:
        source: an environment or a data set.
        batch_size: images in a batch.
        seed: of what is drawn.
        factors: give the factors too.

    Returns:
        `batch_at(step)`, which gives the same tensors whenever it is asked: `observation`, uint8
        (batch_size, h, w, c), and, if asked for, the factors by their names.

    Raises:
        ValueError: a batch size below 1.
    """
    count(1, batch_size=batch_size)

    def batch_at(step: int) -> dict[str, Tensor]:
        drawn = source.sample_factors(batch_size, np.random.default_rng([seed, step]))
        batch = {"observation": torch.from_numpy(source.render_factors(drawn))}
        if factors:
            batch |= {name: torch.from_numpy(values) for name, values in drawn.items()}
        return batch

    return batch_at
