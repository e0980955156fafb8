"""Videos of a user's own: animated GIFs, or folders of frames."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from unknot.checks import count, require
from unknot.files import FileError
from unknot.models.data.grid import Factors, check_factors
from unknot.models.data.image_files import SUFFIXES, read_squares

__all__ = ["OwnVideos", "read_videos"]

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


class OwnVideos:
    """A source of clips of a user's own videos, whose true factors nobody knows: uint8 (n, frames, h, w, 3).

    Factors: `video`, the number of the video; `moment` in [0, 1], from its first clip to its last.

    Args:
        videos: uint8 (t, h, w, c) each, t at least `frames`; see `read_videos`.
        frames: consecutive frames of a clip.

    Raises:
        ValueError: no videos, one with too few frames, or an argument out of range.
    """

    def __init__(self, videos: Sequence[Videos], *, frames: int = 16) -> None:
        count(1, frames=frames)
        if not len(videos):
            raise ValueError("videos must be at least one, not none")
        shortest = min(map(len, videos))
        if shortest < frames:
            raise ValueError(f"videos must have at least frames={frames} frames each, not {shortest}")
        self.videos, self.frames = videos, frames
        self.factor_space = spaces.Dict(
            {"video": spaces.Discrete(len(videos)), "moment": spaces.Box(0, 1, (), np.float64)}
        )

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample factors: arrays (n,) by name."""
        count(0, n=n)
        return {"video": rng.integers(len(self.videos), size=n), "moment": rng.uniform(size=n)}

    def render_factors(self, factors: Mapping[str, Any]) -> Videos:
        """Return clips, uint8 (n, frames, h, w, c).

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        given = check_factors(self.factor_space, factors)
        clips = np.empty((len(given["video"]), self.frames, *self.videos[0].shape[1:]), np.uint8)
        for clip, number, moment in zip(clips, given["video"], given["moment"], strict=True):
            video = self.videos[number]
            starts = len(video) - self.frames + 1
            first = min(int(starts * moment), starts - 1)
            clip[:] = video[first : first + self.frames]
        return clips
