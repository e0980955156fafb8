"""A source as metrics read it: its factors as a table of numbers, and the codes of its samples."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from unknot.representation.metrics.score import table_of
from unknot.representation.source import Encode, Factors, FactorSource

__all__ = ["Components", "components_of", "encode_factors"]

Array = NDArray[Any]
Floats = NDArray[np.float64]

BATCH = 500
"""Samples rendered and encoded at a time, which bounds the memory."""


@dataclass(frozen=True)
class _Part:
    """A factor of the space: `width` components of the table of shape `shape`."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    width: int


def components_of(source: Any) -> "Components":
    """Return the factors of a source.

    Raises:
        ValueError: it is no source, or no component can vary.
    """
    if not hasattr(source, "factor_space"):
        hint = ": give env.unwrapped" if hasattr(source, "unwrapped") else ""
        raise ValueError(f"source={source} has no factor_space{hint}")
    return Components(source.factor_space)


class Components:
    """The factors of a space as the columns of one table, each component of a factor a column.

    Args:
        space: Box, Discrete, MultiDiscrete and MultiBinary factors by name.

    Attributes:
        names: of the columns that can vary; "position[0]" if a factor has several components.
        categorical: (columns,), whether a column's numbers are unordered categories: those of Discrete,
            MultiDiscrete and MultiBinary. A Box of integers is ordered.

    Raises:
        ValueError: no component can vary.
        TypeError: a space of another kind.
    """

    def __init__(self, space: spaces.Dict) -> None:
        self._parts = []
        names, categorical, varies = [], [], []
        for name, part in space.spaces.items():
            low, high = _bounds(name, part)
            shape, width = low.shape, low.size
            self._parts.append(_Part(name, shape, np.dtype(part.dtype), width))
            names += [name] if width == 1 else [f"{name}{list(index)}" for index in np.ndindex(shape)]
            categorical += [not isinstance(part, spaces.Box)] * width
            varies += (high > low).ravel().tolist()
        self._columns = np.flatnonzero(varies)
        self._width = len(names)
        self.names = [names[column] for column in self._columns]
        self.categorical = np.array(categorical, dtype=np.bool_)[self._columns]
        if not self.names:
            raise ValueError(f"factor_space={space} has no component that can vary")

    def table(self, factors: Mapping[str, Array]) -> Floats:
        """Return factors as a table: (n, columns)."""
        return self._all(factors)[:, self._columns]

    def replaced(self, factors: Mapping[str, Array], table: Floats) -> Factors:
        """Return factors with the columns that can vary taken from a table, (n, columns)."""
        values = self._all(factors)
        values[:, self._columns] = table
        result, start = dict(factors), 0  # other factors stay
        for part in self._parts:
            block = values[:, start : start + part.width]
            result[part.name] = block.reshape(len(values), *part.shape).astype(part.dtype)
            start += part.width
        return result

    def _all(self, factors: Mapping[str, Array]) -> Floats:
        n = len(next(iter(factors.values())))
        blocks = [np.asarray(factors[part.name], np.float64).reshape(n, part.width) for part in self._parts]
        return np.concatenate(blocks, axis=1)


def _bounds(name: str, space: spaces.Space[Any]) -> tuple[Array, Array]:
    match space:
        case spaces.Box():
            return space.low, space.high
        case spaces.Discrete():
            return np.array(space.start), np.array(space.start + space.n - 1)
        case spaces.MultiDiscrete():
            return space.start, space.start + space.nvec - 1
        case spaces.MultiBinary():
            return np.zeros(space.shape, int), np.ones(space.shape, int)
    raise TypeError(f"factor {name!r} is {space}: expected Box, Discrete, MultiDiscrete or MultiBinary")


def encode_factors(encode: Encode, source: FactorSource, factors: Mapping[str, Array]) -> Floats:
    """Render factors and encode the result.

    Args:
        encode: from up to 500 rendered samples to codes.
        source: the source that renders.
        factors: by name, first axis n.

    Returns:
        Codes (n, dimensions).

    Raises:
        ValueError: codes of another shape, or not finite.
    """
    if not callable(encode):
        raise ValueError(f"encode must be a function of what the source renders, not {encode!r}")
    n = len(next(iter(factors.values())))
    blocks = []
    with torch.no_grad():
        for start in range(0, n, BATCH):
            batch = {name: values[start : start + BATCH] for name, values in factors.items()}
            blocks.append(_checked(encode(source.render_factors(batch)), min(BATCH, n - start)))
    return np.concatenate(blocks)


def _checked(codes: Any, n: int) -> Floats:
    array = table_of("codes that encode returned", codes)
    if array.ndim != 2 or len(array) != n or not array.shape[1]:
        raise ValueError(f"encode must return codes ({n}, dimensions), not of shape {array.shape}")
    return array
