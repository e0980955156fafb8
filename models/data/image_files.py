"""Squares of a user's own images, of a size."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unknot.files import FileError

__all__ = ["SUFFIXES", "read_squares"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
"""Of files that are read as images."""
LARGEST = 100_000_000
"""Pixels of an image, at most."""


def read_squares(path: Path, pixels: int) -> Iterator[NDArray[np.uint8]]:
    """Yield a file's image, or the frames of an animation: uint8 (pixels, pixels, 3).

    Each is cropped to the square in its middle and scaled by means over areas; transparency is ignored.

    Raises:
        FileError: the file is no image, damaged, or too large.
    """
    from PIL import Image, ImageOps, ImageSequence

    size, means = (pixels, pixels), Image.Resampling.BOX
    try:
        with Image.open(path) as image:
            if image.width * image.height > LARGEST:
                raise ValueError(f"{image.width} × {image.height} pixels are more than {LARGEST}")
            for frame in ImageSequence.Iterator(image):
                yield np.array(ImageOps.fit(frame.convert("RGB"), size, means))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FileError(f"{path} is not an image, or damaged ({error!s:.200})") from error
