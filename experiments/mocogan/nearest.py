"""Frames of videos, each read as the rendering that it is nearest to."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

AT_ONCE = 256
"""Frames compared with all renderings at a time."""


class NearestRendering:
    """Finds the nearest of some renderings.

    Args:
        renderings: uint8 (m, h, w, c).
    """

    def __init__(self, renderings: Images) -> None:
        self._renderings = torch.from_numpy(renderings).flatten(1).float()
        self._lengths = self._renderings.square().sum(1)

    def read(self, videos: Images) -> tuple[Ints, Floats]:
        """Read videos, uint8 (n, t, h, w, c).

        Returns:
            The numbers of the nearest renderings, (n, t), and the root mean square differences to them, in
            units of 0 to 255, (n, t).
        """
        found = list(self._nearest(torch.from_numpy(videos).flatten(0, 1).flatten(1)))
        numbers, errors = (
            np.concatenate(each).reshape(videos.shape[:2]) for each in zip(*found, strict=True)
        )
        return numbers, errors

    def _nearest(self, frames: torch.Tensor) -> Iterator[tuple[Ints, Floats]]:
        """Yield the numbers of the nearest renderings, and errors, some frames at a time."""
        for start in range(0, len(frames), AT_ONCE):
            pixels = frames[start : start + AT_ONCE].float()
            products = pixels @ self._renderings.T
            numbers = (self._lengths - 2 * products).argmin(1)
            nearest = self._renderings[numbers]  # exact where the difference of large numbers is not
            error = (pixels - nearest).square().mean(1).sqrt()
            yield numbers.numpy(), error.double().numpy()
