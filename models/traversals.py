"""Traversals: the change in an image when one dimension of a code changes.

`traverse` returns the array; `traversal_figure` and `traversal_frames` show it for models with a posterior.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from unknot.models.image.vae import VariationalAutoencoder
from unknot.representation.learner import as_images

__all__ = [
    "COLUMNS",
    "Decoder",
    "image_rows",
    "there_and_back",
    "traversal_figure",
    "traversal_frames",
    "traverse",
]

Images = NDArray[np.uint8]

SPAN = 3.0
"""Range of traversals to either side of 0, in standard deviations of the prior."""
COLUMNS = 10
"""Images in a row."""


class Decoder(Protocol):
    """A model that decodes codes."""

    def decode(self, codes: Tensor, /) -> Tensor:
        """Decode codes (n, d): images, float (n, h, w, c)."""


@torch.no_grad()
def traverse(
    learner: Decoder, codes: Tensor, values: NDArray[np.float64], dims: Sequence[int] | None = None
) -> Images:
    """Decode codes with each dimension in turn set to k values.

    Args:
        learner: the model that decodes the codes.
        codes: (n, d).
        values: (k,), or (dims, k) for values of each dimension.
        dims: the dimensions; None for all.

    Returns:
        uint8 (dims, k, n, h, w, c).
    """
    dims = range(codes.shape[1]) if dims is None else dims
    table = torch.from_numpy(np.broadcast_to(values, (len(dims), values.shape[-1])).copy())
    z = codes.expand(*table.shape, *codes.shape).clone()
    for row, dim, each in zip(z, dims, table, strict=True):
        row[..., dim] = each[:, None]
    images = as_images(learner.decode(z.flatten(0, 2)))
    return images.reshape(*z.shape[:3], *images.shape[1:])


def traversal_figure(learner: VariationalAutoencoder, images: Images) -> Figure:
    """Show images, their reconstructions, and traversals from the first image, in order of mean KL.

    Args:
        learner: the model.
        images: uint8 (k, h, w, c).
    """
    with torch.no_grad():
        codes, kl = learner.encode(images), learner.kl(images).mean(0)
        reconstructed = as_images(learner.decode(codes))
    order = kl.argsort(descending=True).tolist()
    rows = traverse(learner, codes[:1], np.linspace(-SPAN, SPAN, len(images)), order)[:, :, 0]
    titles = [f"z{dim}: {kl[dim]:.2f} nats" for dim in order]
    return image_rows(
        {"images": images, "reconstructed": reconstructed, **dict(zip(titles, rows, strict=True))}
    )


def image_rows(rows: Mapping[str, Images]) -> Figure:
    """Show labelled rows of images, uint8 (n, h, w, c) each, of one size and one number of channels."""
    columns = max(map(len, rows.values()))
    lines = [_side_by_side(images, columns) for images in rows.values()]
    heights = [len(line) for line in lines]
    figure = Figure(figsize=(0.6 * columns + 1, 0.65 * len(rows)), layout="constrained")
    panel = figure.subplots()
    panel.imshow(np.concatenate(lines), cmap="gray", vmin=0, vmax=255)
    panel.set_xticks([])
    panel.set_yticks(np.cumsum(heights) - np.array(heights) / 2, list(rows), fontsize=10)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    return figure


def traversal_frames(learner: VariationalAutoencoder, images: Images) -> Images:
    """Return traversals of all dimensions at once, forth and back, as the frames of an animation.

    Args:
        learner: the model.
        images: uint8 (n, h, w, c), the start of each row.

    Returns:
        Frames (k, height, width, c); columns are dimensions in order of mean KL.
    """
    with torch.no_grad():
        codes, kl = learner.encode(images), learner.kl(images).mean(0)
    order: list[int] = kl.argsort(descending=True).tolist()
    return there_and_back(learner, codes, np.linspace(-SPAN, SPAN, 2 * COLUMNS), order)


def there_and_back(
    learner: Decoder, codes: Tensor, values: NDArray[np.float64], dims: Sequence[int] | None = None
) -> Images:
    """Return `traverse` over the values and back, as frames like those of `traversal_frames`."""
    images = traverse(learner, codes, np.concatenate([values, values[..., -2:0:-1]], -1), dims)
    frames = images.transpose(1, 2, 3, 0, 4, 5)  # k, n, h, d, w, c
    count, rows, height, columns, width, channels = frames.shape
    return frames.reshape(count, rows * height, columns * width, channels)


def _side_by_side(images: Images, columns: int) -> Images:
    """Arrange n images (n, h, w, c) in a row, white where none is: (h + 2, columns (w + 1), c)."""
    empty = columns - len(images)
    padded = np.pad(images, ((0, empty), (0, 2), (0, 1), (0, 0)), constant_values=255)
    height, channels = padded.shape[1], padded.shape[3]
    return padded.transpose(1, 0, 2, 3).reshape(height, -1, channels)
