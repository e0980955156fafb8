"""Videos of heads that make faces."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from unknot import heads
from unknot.checks import count
from unknot.models.data.grid import Factors, Images, check_factors
from unknot.models.data.heads import BACKGROUNDS, EXPRESSIONS, RenderedHeads

__all__ = ["FACES", "HeadExpressions", "renderings"]

FACES = tuple(name for name in EXPRESSIONS if name != "neutral")
"""The expressions that heads make."""
LEVELS = 6
"""Strengths that an expression is rendered in, neutral not counted."""
LATEST = 0.25
"""The latest beginning of an expression, as a share of the video; its end is as long before the video's."""
FRONT = 0
"""Yaw of the heads in degrees, direction of the light, and its tint."""


class HeadExpressions:
    """A factor source: videos of heads that go from a neutral face to an expression and back.

    They are in place of the MUG facial expression database of Tulyakov et al. (2017), which needs
    registration: 86 people, six expressions, from neutral to the apex and back.

    Factors: `identity`, the number of a person, as in `RenderedHeads`; `expression`, of a name in `FACES`;
    both categorical and uniform; `start` and `end`, uniform in [0, 1]: when the expression begins, and how
    long before the video's end it is over, 1 being a quarter of the video; `strength`, uniform in [0, 1]: of
    the apex, from two thirds of the whole expression to all of it. A person has one background.

    Every frame that can be shown is rendered once, at the first use: some 10 ms each for 32 pixels.

    Args:
        identities: number of people, at least 1.
        pixels: side of the frames, at least 16.
        frames: of a video, at least 2.

    Raises:
        ValueError: an argument out of range.
        FileNotFoundError: the heads are not on this machine; see `unknot.heads.fetch`.
    """

    def __init__(self, *, identities: int = 60, pixels: int = 32, frames: int = 16) -> None:
        count(1, identities=identities)
        count(16, pixels=pixels)
        count(2, frames=frames)
        heads.load()
        self.identities, self.pixels, self.frames = identities, pixels, frames
        shares = {name: spaces.Box(0.0, 1.0, (), np.float64) for name in ("start", "end", "strength")}
        self.factor_space = spaces.Dict(
            {"identity": spaces.Discrete(identities), "expression": spaces.Discrete(len(FACES)), **shares}
        )

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample factors uniformly: arrays (n,) by name."""
        count(0, n=n)
        kinds = {"identity": self.identities, "expression": len(FACES)}
        drawn = {name: rng.integers(size, size=n) for name, size in kinds.items()}
        return drawn | {name: rng.uniform(size=n) for name in ("start", "end", "strength")}

    def levels(self, factors: Mapping[str, Any]) -> NDArray[np.int64]:
        """Return how strong the expression is in each frame, (n, frames), 0 to `LEVELS`."""
        time = np.linspace(0, 1, self.frames)
        start, end = LATEST * factors["start"][:, None], 1 - LATEST * factors["end"][:, None]
        course = np.sin(np.pi * ((time - start) / (end - start)).clip(0, 1))
        apex = LEVELS * (2 + factors["strength"][:, None]) / 3
        levels: NDArray[np.int64] = np.rint(apex * course).astype(np.int64)
        return levels

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors: uint8 (n, frames, pixels, pixels, 3).

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        given = check_factors(self.factor_space, factors)
        every = renderings(self.identities, self.pixels)
        videos: Images = every[given["identity"][:, None], given["expression"][:, None], self.levels(given)]
        return videos


@cache
def renderings(identities: int, pixels: int) -> Images:
    """Return all frames, uint8 (identities, expressions, LEVELS + 1, pixels, pixels, 3)."""
    shape = (identities, len(FACES), LEVELS + 1)
    identity, face, level = (each.ravel() for each in np.indices(shape))
    faces = np.array([list(EXPRESSIONS).index(name) for name in FACES])
    factors = {name: np.full(len(face), FRONT) for name in ("yaw", "light", "tint")}
    factors |= {"identity": identity, "expression": faces[face], "background": identity % len(BACKGROUNDS)}
    source = RenderedHeads(identities=identities, pixels=pixels)
    images = source.render_strengths(factors, level / LEVELS)
    return images.reshape(*shape, *images.shape[1:])
