"""Traversals: what changes in the image when one dimension of a code changes.

`traverse` is the array; `traversal_figure` and `traversal_frames` show it for models with a posterior.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from unknot.models.image.vae import VariationalAutoencoder

__all__ = [
    "COLUMNS",
    "Decoder",
    "as_images",
    "image_rows",
    "there_and_back",
    "traversal_figure",
    "traversal_frames",
    "traverse",
]

Images = NDArray[np.uint8]

SPAN = 3.0
"""How far traversals go from 0, to either side, in standard deviations of the prior."""
COLUMNS = 10
"""Images in a row."""


class Decoder(Protocol):
    """What decodes codes."""

    def decode(self, codes: Tensor, /) -> Tensor:
        """Decode codes (n, d): images, float (n, h, w, c)."""


@torch.no_grad()
def traverse(
    learner: Decoder, codes: Tensor, values: NDArray[np.float64], dims: Sequence[int] | None = None
) -> Images:
    """Decode codes with one dimension after the other at each of k values.

    Args:
        learner: whose codes they are.
        codes: (n, d).
        values: (k,), or (dims, k) of each dimension its own.
        dims: the dimensions; None for all.

    Returns:
        uint8 (dims, k, n, h, w, c).
    """
    dims = range(codes.shape[1]) if dims is None else dims
    table = torch.from_numpy(np.broadcast_to(values, (len(dims), values.shape[-1])).copy())
    z = codes.expand(*table.shape, *codes.shape).clone()
    for row, dim, each in zip(z, dims, table, strict=True):
        row[..., dim] = each[:, None]
    drawn = as_images(learner.decode(z.flatten(0, 2)))
    return drawn.reshape(*z.shape[:3], *drawn.shape[1:])


def traversal_figure(learner: VariationalAutoencoder, images: Images) -> Figure:
    """Show images, their reconstructions, and traversals from the first image, in order of mean KL.

    Args:
        learner: whose codes they are.
        images: uint8 (k, h, w, c).
    """
    with torch.no_grad():
        codes, kl = learner.encode(images), learner.kl(images).mean(0)
        drawn = as_images(learner.decode(codes))
    order = kl.argsort(descending=True).tolist()
    rows = traverse(learner, codes[:1], np.linspace(-SPAN, SPAN, len(images)), order)[:, :, 0]
    titles = [f"z{dim}: {kl[dim]:.2f} nats" for dim in order]
    return image_rows({"images": images, "reconstructed": drawn, **dict(zip(titles, rows, strict=True))})


def as_images(drawn: Tensor) -> Images:
    """Return decoded images, floats about within [0, 1], as uint8."""
    images: Images = (255 * drawn.clamp(0, 1)).round().byte().numpy(force=True)
    return images


def image_rows(rows: Mapping[str, Images]) -> Figure:
    """Show rows of images, uint8 (n, h, w, c) each, by their labels."""
    columns = max(len(images) for images in rows.values())
    figure = Figure(figsize=(0.6 * columns + 1, 0.65 * len(rows)), layout="constrained")
    for panel, (name, images) in zip(figure.subplots(len(rows), 1), rows.items(), strict=True):
        panel.imshow(_side_by_side(images), cmap="gray", vmin=0, vmax=255)
        panel.set_xticks([])
        panel.set_yticks([])
        panel.set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


def traversal_frames(learner: VariationalAutoencoder, images: Images) -> Images:
    """Return traversals of all dimensions at once, there and back, as the frames of an animation.

    Args:
        learner: whose codes they are.
        images: uint8 (n, h, w, c), what they begin with, a row each.

    Returns:
        Frames (k, height, width, c); columns are dimensions, by their mean KL.
    """
    with torch.no_grad():
        codes, kl = learner.encode(images), learner.kl(images).mean(0)
    order: list[int] = kl.argsort(descending=True).tolist()
    return there_and_back(learner, codes, np.linspace(-SPAN, SPAN, 2 * COLUMNS), order)


def there_and_back(
    learner: Decoder, codes: Tensor, values: NDArray[np.float64], dims: Sequence[int] | None = None
) -> Images:
    """Return what `traverse` does, over the values and back, as frames like those of `traversal_frames`."""
    drawn = traverse(learner, codes, np.concatenate([values, values[..., -2:0:-1]], -1), dims)
    frames = drawn.transpose(1, 2, 3, 0, 4, 5)  # k, n, h, d, w, c
    count, rows, height, columns, width, channels = frames.shape
    return frames.reshape(count, rows * height, columns * width, channels)


def _side_by_side(images: Images) -> Images:
    """Lay images (n, h, w, c) out in a row, a line of grey between: (h, n (w + 1), c)."""
    padded = np.pad(images, ((0, 0), (0, 0), (0, 1), (0, 0)), constant_values=128)
    height, channels = padded.shape[1], padded.shape[3]
    return padded.transpose(1, 0, 2, 3).reshape(height, -1, channels)
