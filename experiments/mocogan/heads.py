"""What videos of heads show: who it is and which face, by the nearest rendering and by a verifier."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unknot.experiments.mocogan.nearest import NearestRendering
from unknot.models.data.gallery import Gallery, render_gallery
from unknot.models.data.head_videos import FACES, LEVELS, renderings
from unknot.models.data.heads import RenderedHeads
from unknot.models.image.verifier import Verifier
from unknot.representation.metrics.histograms import cells_hit
from unknot.representation.metrics.videos import average_content_distance

Videos = NDArray[np.uint8]
Ints = NDArray[np.int64]

OTHERS, PHOTOS = 2, 12
"""How many times as many others the verifier learns from, and photographs of each."""
MADE, STILL = LEVELS // 2, 1
"""Least strength of a face at its strongest, and the most in a video's first frame and in its last."""
AGREE = 0.75
"""Share of the frames with a face that must agree on which it is."""


class HeadReading(NamedTuple):
    """What n videos of t frames show."""

    identity: Ints
    """The number of the nearest rendering's person, (n, t)."""
    face: Ints
    """The number of its face in `FACES`, (n, t)."""
    level: Ints
    """How strong it is, 0 to `LEVELS`, (n, t)."""
    error: NDArray[np.float64]
    """Root mean square difference to it, in units of 0 to 255, (n, t)."""


@cache
def reader(people: int, pixels: int) -> "HeadReader":
    """Return the reader of frames of a size; its renderings are made once."""
    return HeadReader(renderings(people, pixels))


class HeadReader:
    """Reads videos by all frames that real ones have.

    Args:
        images: uint8 (identities, faces, levels, h, w, c).
    """

    def __init__(self, images: Videos) -> None:
        self._shape = images.shape[:3]
        self._nearest = NearestRendering(images.reshape(-1, *images.shape[3:]))

    def read(self, videos: Videos) -> HeadReading:
        """Read videos, uint8 (n, t, h, w, c)."""
        numbers, errors = self._nearest.read(videos)
        identity, face, level = np.unravel_index(numbers, self._shape)
        return HeadReading(identity, face, level, errors)

    def metrics(self, videos: Videos, verifier: Verifier) -> dict[str, Any]:
        """Return measures of videos.

        Returns:
            `acd`, of the verifier's embeddings; `changed`, the share of pairs of frames of different people;
            `error`, to the nearest rendering; `made`, the share of videos in which one face is made and
            ends; `faces`, the share of each; `hit`, the share of all people that videos show.
        """
        found = self.read(videos)
        first, second = np.triu_indices(videos.shape[1], 1)
        face = face_of(found)
        codes = verifier.embed(videos.reshape(-1, *videos.shape[2:])).reshape(*videos.shape[:2], -1)
        person = np.array([np.bincount(each).argmax() for each in found.identity])
        return {
            "acd": float(average_content_distance(codes).mean()),
            "changed": float((found.identity[:, first] != found.identity[:, second]).mean()),
            "error": float(found.error.mean()),
            "made": float((face >= 0).mean()),
            "faces": [float((face == k).mean()) for k in range(len(FACES))],
            "hit": cells_hit(person, self._shape[0]),
        }


def face_of(found: HeadReading) -> Ints:
    """Return which face is made in videos, (n,): from neutral and back; -1 for none."""
    shown = found.level > STILL
    votes = np.stack([((found.face == k) & shown).sum(1) for k in range(len(FACES))])
    agreed = votes.max(0) >= AGREE * np.maximum(shown.sum(1), 1)
    ends = np.maximum(found.level[:, 0], found.level[:, -1]) <= STILL
    return np.where(agreed & ends & (found.level.max(1) >= MADE), votes.argmax(0), -1)


@cache
def photographs(people: int, pixels: int) -> Gallery:
    """Return photographs of other people than those of the videos, turned and lit in all ways."""
    source = RenderedHeads(identities=(1 + OTHERS) * people, pixels=pixels)
    return render_gallery(source, np.arange(people, source.identities), PHOTOS, 0)
