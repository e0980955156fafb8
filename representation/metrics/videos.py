"""Measures of generated videos: content that stays, and one object that moves."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unknot.checks import within
from unknot.representation.metrics.score import table_of

__all__ = [
    "Track",
    "average_content_distance",
    "displacement",
    "track",
]

Floats = NDArray[np.float64]

LIT = 0.25
"""Value of a pixel's brightest channel from which it belongs to the object, of 1."""


BRIGHT = 0.9
"""Share of the brightest pixel's value from which a pixel has the object's own colour."""


class Track(NamedTuple):
    """What is lit in n videos of t frames."""

    parts: NDArray[np.int64]
    """Connected parts, (n, t); 1 where there is one object."""
    area: NDArray[np.int64]
    """Lit pixels, (n, t)."""
    colour: Floats
    """Mean colour of those whose brightest channel is at least `BRIGHT` times the frame's greatest, in units
    of 0 to 255, (n, t, 3); 0 in a frame where nothing is lit. Soft edges have no part in it."""
    centre: Floats
    """Their mean place, across and down in pixels, (n, t, 2); NaN in a frame where nothing is lit."""
    mask: NDArray[np.bool_]
    """Which pixels are lit, (n, t, h, w)."""


def track(videos: NDArray[np.uint8], lit: float = LIT) -> Track:
    """Find what is lit in videos of an object on black.

    Args:
        videos: uint8 (n, t, h, w, c).
        lit: value of the brightest channel from which a pixel is lit, in [0, 1].

    Raises:
        ValueError: another dtype or number of axes, or a value out of range.
    """
    from scipy import ndimage

    within(0, 1, lit=lit)
    if not isinstance(videos, np.ndarray) or videos.dtype != np.uint8 or videos.ndim != 5:
        kind = f"{videos.dtype} {videos.shape}" if isinstance(videos, np.ndarray) else type(videos).__name__
        raise ValueError(f"videos must be uint8 (n, frames, height, width, channels), not {kind}")
    n, frames, height, width, _ = videos.shape
    value = videos.max(-1)
    mask = value >= 255 * lit
    neighbours = np.zeros((3, 3, 3))
    neighbours[1] = 1  # within a frame, corners included
    labels, _ = ndimage.label(mask.reshape(-1, height, width), neighbours)
    last = np.maximum.accumulate(labels.max((1, 2), initial=0))  # labels rise from frame to frame
    area = mask.sum((2, 3))
    weights = mask / np.maximum(area, 1)[..., None, None]
    bright = mask & (value >= BRIGHT * value.max((2, 3), keepdims=True))
    shares = bright / np.maximum(bright.sum((2, 3)), 1)[..., None, None]
    colour = np.einsum("nthw,nthwc->ntc", shares, videos)
    places = [
        np.einsum("nthw,w->nt", weights, np.arange(width)),
        np.einsum("nthw,h->nt", weights, np.arange(height)),
    ]
    centre = np.where(area[..., None] > 0, np.stack(places, -1), np.nan)
    return Track(np.diff(last, prepend=0).reshape(n, frames), area, colour, centre, mask)


def average_content_distance(features: ArrayLike) -> Floats:
    """Return the ACD of each video: the mean distance between the features of two of its frames.

    Tulyakov et al., "On decomposing motion and content for video generation", 2017, section 4: of the mean
    colour of a shape, or of a face's features. It is 0 for a frozen or a black video, too.

    Args:
        features: of each frame, (n, t, d), t at least 2.

    Returns:
        (n,), in the unit of the features.

    Raises:
        ValueError: another shape, or numbers that are not finite.
    """
    table = table_of("features", features)
    if table.ndim != 3 or table.shape[1] < 2:
        raise ValueError(f"features must have the shape (n, frames, d), 2 frames at least, not {table.shape}")
    first, second = np.triu_indices(table.shape[1], 1)
    distances: Floats = np.linalg.norm(table[:, first] - table[:, second], axis=-1).mean(1)
    return distances


def displacement(centres: ArrayLike) -> Floats:
    """Return how far each object is at the end from where it began, (n,), of centres (n, t, 2)."""
    table = np.asarray(centres, np.float64)
    result: Floats = np.linalg.norm(table[:, -1] - table[:, 0], axis=-1)
    return result
