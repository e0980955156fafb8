"""Shared by sources of still images: independent factors with values on a grid."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from unknot.checks import count

__all__ = ["Factors", "GridSource", "Images", "check_factors"]

Images = NDArray[np.uint8]
"""Images (n, height, width, channels)."""
Factors = dict[str, NDArray[Any]]
"""Factors by name, as arrays whose first axis is the sample."""

BATCH = 1000
"""Images rendered at a time when all combinations are rendered."""


class GridSource(ABC):
    """A factor source whose factors are uniform on a grid.

    Args:
        categorical: names of the factors whose values are categories, 0 to n - 1.
        **values: the values of each factor, ascending, (n,).

    Attributes:
        factor_space: Discrete, or Box of single numbers from a factor's least to its greatest value.
        values: the values by name; in the numbering of combinations the last factor changes fastest.
    """

    def __init__(self, categorical: tuple[str, ...] = (), **values: ArrayLike) -> None:
        self.values = {
            name: np.asarray(each, np.int64 if name in categorical else np.float64)
            for name, each in values.items()
        }
        self.factor_space = spaces.Dict(
            {
                name: spaces.Discrete(len(each))
                if name in categorical
                else spaces.Box(float(each[0]), float(each[-1]), (), np.float64)
                for name, each in self.values.items()
            }
        )

    def __len__(self) -> int:
        """Return the number of combinations of the grid."""
        return int(np.prod([len(each) for each in self.values.values()]))

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample factors uniformly from the grid: arrays (n,) by name."""
        count(0, n=n)
        return self.combinations(rng.integers(len(self), size=n))

    @abstractmethod
    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors, each (n,): uint8 (n, height, width, channels)."""

    def distinct(self) -> NDArray[np.int64]:
        """Return the numbers of the combinations whose image differs from those of all earlier ones.

        All are rendered once, in batches; only hashes of images are kept.
        """
        seen, first = set[bytes](), []
        for start in range(0, len(self), BATCH):
            rows = np.arange(start, min(start + BATCH, len(self)))
            for row, image in zip(rows, self.render_factors(self.combinations(rows)), strict=True):
                digest = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
                if digest not in seen:
                    seen.add(digest)
                    first.append(row)
        return np.array(first)

    def combinations(self, rows: NDArray[np.int64]) -> Factors:
        """Return the factors of the combinations with these numbers, (n,)."""
        indices = np.unravel_index(rows, [len(each) for each in self.values.values()])
        return {name: each[i] for (name, each), i in zip(self.values.items(), indices, strict=True)}

    def rows(self, factors: Mapping[str, Any]) -> NDArray[np.int64]:
        """Return the numbers (n,) of the combinations nearest to factors."""
        given = self.checked(factors)
        indices = tuple(_nearest(each, given[name]) for name, each in self.values.items())
        rows: NDArray[np.int64] = np.ravel_multi_index(indices, [len(each) for each in self.values.values()])
        return rows

    def checked(self, factors: Mapping[str, Any]) -> Factors:
        """Return factors as arrays; they must be exactly those of the space.

        Raises:
            ValueError: a factor that is missing, unknown, out of range, of another length, or not of integers
                if it is categorical.
        """
        return check_factors(self.factor_space, factors)


def check_factors(space: spaces.Dict, factors: Mapping[str, Any]) -> Factors:
    """Return factors as arrays; they must be exactly those of a space.

    Raises:
        ValueError: a factor that is missing, unknown, out of range, of another shape, or not of integers if
            it is categorical.
    """
    known = space.spaces
    if not isinstance(factors, Mapping):
        raise ValueError(f"factors must be arrays by name, not {factors!r}")
    if factors.keys() != known.keys():
        raise ValueError(f"factors must be {sorted(known)}, not {sorted(map(str, factors))}")
    arrays = {name: _as_numbers(name, factors[name]) for name in known}
    n = next((len(array) for array in arrays.values() if array.ndim), 1)
    for name, array in arrays.items():
        low, high, shape = _range(known[name])
        if array.shape != (n, *shape):
            raise ValueError(f"{name} must be of shape {(n, *shape)}, not {array.shape}")
        if not isinstance(known[name], spaces.Box) and array.dtype.kind not in "biu":
            raise ValueError(f"{name} must be of whole numbers, not {array.dtype}")
        if n and not (array.min() >= low and array.max() <= high):
            raise ValueError(f"{name} must be in [{low:g}, {high:g}], not {array.min()} to {array.max()}")
    return arrays


def _as_numbers(name: str, values: Any) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths
        array = np.empty(0, object)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be an array of numbers, not {values!r:.200}")
    return array


def _range(space: spaces.Space[Any]) -> tuple[float, float, tuple[int, ...]]:
    if isinstance(space, spaces.Discrete):
        return 0, int(space.n) - 1, ()
    if isinstance(space, spaces.MultiBinary):
        return 0, 1, space.shape
    if isinstance(space, spaces.MultiDiscrete):
        return 0, int(space.nvec.max()) - 1, space.shape
    assert isinstance(space, spaces.Box)
    return float(space.low.min()), float(space.high.max()), space.shape


def _nearest(values: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.intp]:
    middles = (values[1:] + values[:-1]) / 2
    return np.searchsorted(middles, wanted)
