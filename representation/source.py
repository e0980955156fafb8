"""Sources of data whose factors are known: the contract that environments and data sets share.

Code that measures codes, trains on fresh samples or shows the effect of a factor accepts any of them. An
encoder is any callable.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

__all__ = ["Encode", "FactorSource", "Factors"]

Factors = dict[str, NDArray[Any]]
"""Factors by name, as arrays whose first axis is the sample."""
Encode = Callable[[Any], Any]
"""From what a source renders to codes (n, dimensions), an array or a tensor."""


class FactorSource(Protocol):
    """A source whose factors are known: an environment (`env.unwrapped`), a data set.

    Its renderings have the sample as their first axis. They are of these kinds:

    - images, uint8 (n, height, width, channels);
    - sequences of images, uint8 (n, time, height, width, channels);
    - sequences of tokens, int64 (n, length);
    - sentences, str (n,);
    - a mapping of such arrays by name, where an encoder takes several together.
    """

    @property
    def factor_space(self) -> spaces.Dict:
        """The factors by name: Box, Discrete, MultiDiscrete or MultiBinary."""

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample factors by name, arrays with n as their first axis."""

    def render_factors(self, factors: Mapping[str, Any]) -> Any:
        """Render factors, each with n as its first axis: n samples of the source's kind."""
