"""Some of a grid's combinations."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.models.data.grid import Factors, GridSource, Images

__all__ = ["Selection"]


class Selection:
    """A source that samples only some combinations of a grid, for example a training set.

    Any factors of the grid can still be rendered. Metrics that fix or change a factor (`higgins`,
    `higgins_2`, `factor_vae`) may combine selected factors to combinations outside the selection.

    Args:
        source: the source that renders.
        rows: numbers of the combinations, at least one.

    Raises:
        ValueError: no rows, or some that the source does not have.
    """

    def __init__(self, source: GridSource, rows: NDArray[np.int64]) -> None:
        if not isinstance(rows, np.ndarray) or rows.dtype.kind not in "iu" or rows.ndim != 1 or not len(rows):
            raise ValueError(f"rows must be an array (n,) of whole numbers, at least one, not {rows!r:.200}")
        if rows.min() < 0 or rows.max() >= len(source):
            raise ValueError(f"rows must be from 0 to {len(source) - 1}, not {rows.min()} to {rows.max()}")
        self.source, self.selected, self.factor_space = source, rows, source.factor_space

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample factors of selected combinations: arrays (n,) by name."""
        return self.source.combinations(self.selected[rng.integers(len(self.selected), size=n)])

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors: uint8 (n, height, width, channels)."""
        return self.source.render_factors(factors)
