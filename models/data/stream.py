"""Minibatches that a factor source renders on demand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.checks import count, flag
from unknot.representation.source import FactorSource

__all__ = ["stream"]


def stream(
    source: FactorSource,
    batch_size: int,
    seed: int,
    *,
    factors: bool = False,
    convert: Callable[[Any], NDArray[Any]] | None = None,
) -> Callable[[int], dict[str, Tensor]]:
    """Make a function from steps to minibatches, each of fresh samples, as the training loop takes it.

    Args:
        source: an environment or a data set that renders arrays. They may be images, uint8 (n, h, w, c);
            sequences of images, uint8 (n, t, h, w, c); or sequences of tokens, int64 (n, length). One that
            renders sentences needs `convert`.
        batch_size: samples in a batch.
        seed: of the samples.
        factors: include the factors.
        convert: from what the source renders to an array; for sentences a vocabulary's `encode`.

    Returns:
        `batch_at(step)`, which returns the same tensors whenever it is called with the same step:
        `observation`, the rendered samples, first axis batch_size; with `factors` also the factors by their
        names. It can be pickled, for worker processes, if the source can.

    Raises:
        ValueError: a batch size below 1, or a seed below 0.
    """
    count(1, batch_size=batch_size)
    count(0, seed=seed)
    flag(factors=factors)
    return _Stream(source, batch_size, seed, factors, convert)


@dataclass(frozen=True)
class _Stream:
    """See `stream`."""

    source: FactorSource
    batch_size: int
    seed: int
    factors: bool
    convert: Callable[[Any], NDArray[Any]] | None

    def __call__(self, step: int) -> dict[str, Tensor]:
        sampled = self.source.sample_factors(self.batch_size, np.random.default_rng([self.seed, step]))
        rendered = self.source.render_factors(sampled)
        batch = {"observation": torch.from_numpy(self.convert(rendered) if self.convert else rendered)}
        if self.factors:
            batch |= {name: torch.from_numpy(values) for name, values in sampled.items()}
        return batch
