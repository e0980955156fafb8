"""Videos of a user's own: animated GIFs, or folders of frames."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.checks import count, require
from unknot.files import FileError
from unknot.models.data.image_files import SUFFIXES, read_squares

__all__ = ["clips_of", "read_videos"]

Videos = NDArray[np.uint8]


def read_videos(folder: str | Path, pixels: int, frames: int) -> list[Videos]:
    """Read all videos of a folder: GIF files, and folders of frames in the order of their names.

    Frames are cropped to their central square and resized; transparency and other files are ignored.

    Args:
        folder: with the videos.
        pixels: side of the frames that are returned.
        frames: the fewest that a video must have.

    Returns:
        The videos in the order of their names, uint8 (t, pixels, pixels, 3) each; t differs.

    Raises:
        FileNotFoundError: no such folder.
        FileError: no video in it, a video with too few frames, or a file that is not an image; the sentence
            names it.
    """
    require("learn", "PIL")
    count(1, pixels=pixels, frames=frames)
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder")
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() == ".gif" or path.is_dir()]
    if not paths:
        raise FileError(f"{folder} has no videos: neither GIF files nor folders of frames")
    return [_read_video(path, pixels, frames) for path in paths]


def _read_video(path: Path, pixels: int, frames: int) -> Videos:
    files = [path]
    if path.is_dir():
        files = [file for file in sorted(path.iterdir()) if file.suffix.lower() in SUFFIXES]
    images = [frame for file in files for frame in read_squares(file, pixels)]
    if len(images) < frames:
        raise FileError(f"{path} has {len(images)} frames; a video must have at least {frames}")
    return np.stack(images)


def clips_of(
    videos: Sequence[Videos], frames: int, batch_size: int, seed: int
) -> Callable[[int], dict[str, Tensor]]:
    """Make a function from steps to minibatches of random clips, as the training loop takes it.

    Args:
        videos: uint8 (t, h, w, c) each, t at least `frames`.
        frames: consecutive frames of a clip.
        batch_size: clips in a batch.
        seed: of the clips.

    Returns:
        `batch_at(step)`, which returns the same tensors for the same step: `observation`, uint8
        (batch_size, frames, h, w, c). It can be pickled.

    Raises:
        ValueError: no videos, one with too few frames, or an argument out of range.
    """
    count(1, frames=frames, batch_size=batch_size)
    count(0, seed=seed)
    if not len(videos):
        raise ValueError("videos must be at least one, not none")
    shortest = min(map(len, videos))
    if shortest < frames:
        raise ValueError(f"videos must have at least frames={frames} frames each, not {shortest}")
    return _Clips(videos, frames, batch_size, seed)


@dataclass(frozen=True)
class _Clips:
    """See `clips_of`."""

    videos: Sequence[Videos]
    frames: int
    batch_size: int
    seed: int

    def __call__(self, step: int) -> dict[str, Any]:
        rng = np.random.default_rng([self.seed, step])
        clips = []
        for index in rng.integers(len(self.videos), size=self.batch_size):
            video = self.videos[index]
            first = rng.integers(len(video) - self.frames + 1)
            clips.append(video[first : first + self.frames])
        return {"observation": torch.from_numpy(np.stack(clips))}
