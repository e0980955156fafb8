"""The data sets, by name: shapes that move, heads that make faces, characters that act, own videos."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unknot import heads
from unknot.models.data.head_videos import FACES, HeadExpressions
from unknot.models.data.stream import stream
from unknot.models.data.video_files import OwnVideos, read_videos
from unknot.models.data.videos import ACTIONS, MOTIONS, CharacterActions, ShapeMotion
from unknot.representation.source import FactorSource

if TYPE_CHECKING:
    from unknot.experiments.mocogan import Settings

Videos = NDArray[np.uint8]

SHAPES, HEADS, CHARACTERS, OWN = "shapes", "heads", "characters", "videos"
FRAMES = 16
"""Frames of a clip, which D_V judges, as published."""
LENGTHS = {SHAPES: 2 * FRAMES, HEADS: FRAMES, CHARACTERS: FRAMES, OWN: FRAMES}
"""Frames of a video. A shape is on its way all the time."""
CATEGORIES = {
    SHAPES: ("motion", tuple(MOTIONS)),
    HEADS: ("expression", FACES),
    CHARACTERS: ("action", tuple(ACTIONS)),
}
"""The factor that is the category of a motion, and names of its values."""
MEASURED = 20171
"""Seed of the real videos that are measured: in no training batch."""


def data_names(settings: "Settings", folder: Path) -> list[str]:
    """Return the data sets of a seed; heads where they were fetched, or where its folder has models of them.

    Args:
        settings: of the experiment.
        folder: the seed's.
    """
    faces = settings.heads and (heads.find_source() == "heads" or any(folder.glob(f"{HEADS}-*")))
    chosen = {SHAPES: True, HEADS: faces, CHARACTERS: settings.characters, OWN: bool(settings.videos)}
    return [name for name, wanted in chosen.items() if wanted]


def batches(
    data: str, settings: "Settings", seed: int, *, labelled: bool
) -> Callable[[int], dict[str, Tensor]]:
    """Return the training batches of a data set: `observation`, if labelled also `category`."""
    batch_at = stream(source_of(data, settings), settings.batch, seed, factors=labelled)
    return _Labelled(batch_at, CATEGORIES[data][0]) if labelled else batch_at


@dataclass(frozen=True)
class _Labelled:
    """Batches of videos with their category."""

    batch_at: Callable[[int], dict[str, Tensor]]
    factor: str

    def __call__(self, step: int) -> dict[str, Tensor]:
        batch = self.batch_at(step)
        return {"observation": batch["observation"], "category": batch[self.factor]}


def source_of(data: str, settings: "Settings") -> FactorSource:
    """Return the source of a data set."""
    if data == OWN:
        return OwnVideos(read_videos(settings.videos, settings.pixels, FRAMES), frames=FRAMES)
    sizes = {"pixels": settings.pixels, "frames": LENGTHS[data]}
    if data == HEADS:
        return HeadExpressions(identities=settings.people, **sizes)
    return ShapeMotion(**sizes) if data == SHAPES else CharacterActions(**sizes)


def real_videos(data: str, settings: "Settings", n: int) -> Videos:
    """Return n real videos, uint8 (n, frames, h, w, c), the same for all seeds."""
    source = source_of(data, settings)
    rendered: Videos = source.render_factors(source.sample_factors(n, np.random.default_rng(MEASURED)))
    return rendered
