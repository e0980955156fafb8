"""Minibatches of sentences of nearly one length, so that hardly anything is computed for padding."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.checks import count
from unknot.models.text.vocabulary import PAD

__all__ = ["length_batches"]


def length_batches(
    data: Mapping[str, NDArray[Any]], batch_size: int, seed: int
) -> Callable[[int], dict[str, Tensor]]:
    """Make a function from steps to minibatches that goes through sentences in a new order each epoch.

    The sentences of a batch have one length, except where the sentences of a length don't fill it; there the
    next longer ones follow, and the shorter ones are padded.

    Args:
        data: arrays by name of one length n along the first axis. `observation` are the symbols of the
            sentences, padded integers (n, longest), whose lengths count. Others with two axes are symbols,
            too, such as translations; those with one axis are labels or factors.
        batch_size: rows in a batch, at most n; each epoch leaves out n mod batch_size rows, other ones.
        seed: of the orders.

    Returns:
        `batch_at(step)`, which returns the same tensors for the same step: symbols int64 (batch_size,
        length), cut to the longest of the batch, and the labels (batch_size,). It can be pickled.

    Raises:
        ValueError: no `observation`, arrays of other axes or lengths, or a batch size outside [1, n].
    """
    count(1, batch_size=batch_size)
    count(0, seed=seed)
    arrays = {name: np.asarray(array) for name, array in data.items()}
    if "observation" not in arrays or arrays["observation"].ndim != 2:
        raise ValueError(f"data must have symbols (n, longest) as 'observation', not {sorted(arrays)}")
    shapes = {name: array.shape for name, array in arrays.items()}
    n = len(arrays["observation"])
    if any(array.ndim not in (1, 2) or len(array) != n for array in arrays.values()):
        raise ValueError(f"data must be arrays of {n} rows with one or two axes, not of {shapes}")
    if batch_size > n:
        raise ValueError(f"batch_size must be from 1 to the {n} rows there are, not {batch_size}")
    return _LengthBatches(arrays, batch_size, seed)


class _LengthBatches:
    """See `length_batches`."""

    def __init__(self, arrays: dict[str, NDArray[Any]], batch_size: int, seed: int) -> None:
        self._arrays, self._size, self._seed = arrays, batch_size, seed
        self._lengths = (arrays["observation"] != PAD).sum(1)
        self._epoch, self._rows = -1, np.empty((0, 0), np.int64)

    def __call__(self, step: int) -> dict[str, Tensor]:
        epoch, position = divmod(step, len(self._lengths) // self._size)
        if epoch != self._epoch:
            self._epoch, self._rows = epoch, self._sorted(np.random.default_rng([self._seed, epoch]))
        rows = self._rows[position]
        return {name: _cut(array[rows]) for name, array in self._arrays.items()}

    def _sorted(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the rows of an epoch's batches (batches, batch_size)."""
        whole = len(self._lengths) // self._size * self._size
        some = rng.permutation(len(self._lengths))[:whole]
        some = some[np.argsort(self._lengths[some], kind="stable")].reshape(-1, self._size)
        batches: NDArray[np.int64] = some[rng.permutation(len(some))]
        return batches


def _cut(array: NDArray[Any]) -> Tensor:
    if array.ndim == 1:
        return torch.from_numpy(array)
    return torch.from_numpy(array[:, : (array != PAD).sum(1).max()].astype(np.int64))
