"""What videos of characters show, frame by frame: the rendering that each frame is nearest to."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unknot.experiments.mocogan.nearest import NearestRendering
from unknot.models.data.sprites import ATTRIBUTES, Sprites
from unknot.models.data.videos import ACTIONS
from unknot.representation.metrics.histograms import cells_hit

Videos = NDArray[np.uint8]
Ints = NDArray[np.int64]

LOOKS = sorted({look for action in ACTIONS.values() for look in action})
"""The views and poses that actions have."""
QUARTERS, PER_QUARTER = 4, 2
"""Quarters of a period, and frames of each, as `CharacterActions` has them by default."""
AGREE = 0.75
"""Share of frames that must agree with an action for a video to be of it."""


class CharacterReading(NamedTuple):
    """What n videos of t frames show."""

    identity: Ints
    """The number of the nearest rendering's identity, (n, t)."""
    looks: Ints
    """The number of its view and pose in `LOOKS`, (n, t)."""
    error: NDArray[np.float64]
    """Root mean square difference to it, in units of 0 to 255, (n, t)."""


@cache
def reader(pixels: int) -> "CharacterReader":
    """Return the reader of frames of a size; its renderings are made once."""
    return CharacterReader(pixels)


class CharacterReader:
    """Reads videos by all renderings of characters in the views and poses of actions.

    Args:
        pixels: side of the frames.
    """

    def __init__(self, pixels: int) -> None:
        source = Sprites(pixels=pixels)
        rows = np.arange(source.identities) * (len(source) // source.identities)
        characters = source.combinations(rows)
        self.attributes = np.stack([characters[name] for name in ATTRIBUTES], 1)
        images = []
        for view, pose in LOOKS:
            look = {"view": np.full(len(rows), view), "pose": np.full(len(rows), pose)}
            images.append(source.render_factors({**characters, **look}))
        self._nearest = NearestRendering(np.concatenate(images))

    def read(self, videos: Videos) -> CharacterReading:
        """Read videos, uint8 (n, t, pixels, pixels, 3)."""
        numbers, errors = self._nearest.read(videos)
        looks, identity = np.divmod(numbers, len(self.attributes))
        return CharacterReading(identity, looks, errors)

    def metrics(self, videos: Videos) -> dict[str, Any]:
        """Return measures of videos.

        Returns:
            `changed`, how many of a character's seven attributes differ between two frames, the mean, as
            ACD; `error`, to the nearest rendering; `acted`, the share of videos whose motion is one of the
            actions; `actions`, the share of each; `hit`, the share of all identities that videos show.
        """
        found = self.read(videos)
        attributes = self.attributes[found.identity]
        first, second = np.triu_indices(videos.shape[1], 1)
        changed = (attributes[:, first] != attributes[:, second]).sum(-1).mean()
        action = action_of(found.looks)
        middle = [np.bincount(each).argmax() for each in found.identity]
        return {
            "changed": float(changed),
            "error": float(found.error.mean()),
            "acted": float((action >= 0).mean()),
            "actions": [float((action == k).mean()) for k in range(len(ACTIONS))],
            "hit": cells_hit(np.array(middle), len(self.attributes)),
        }


def action_of(looks: Ints) -> Ints:
    """Return which action videos show, (n,), of looks (n, t): what most frames agree with; -1 if few do."""
    quarters = np.arange(looks.shape[1]) // PER_QUARTER
    agreements = []
    for action in ACTIONS.values():
        numbers = np.array([LOOKS.index(look) for look in action])
        phases = np.stack([numbers[(phase + quarters) % QUARTERS] for phase in range(QUARTERS)])
        agreements.append((looks[:, None] == phases).mean(2).max(1))
    best = np.stack(agreements)
    return np.where(best.max(0) >= AGREE, best.argmax(0), -1)
