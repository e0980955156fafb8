"""Traversals: the change in an image when one dimension of a code changes.

`traverse` returns the array; `traversal_figure` and `traversal_frames` show it. All take any model that
encodes and decodes, or two functions as a `Codec`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from unknot.representation.learner import as_images

__all__ = [
    "COLUMNS",
    "Codec",
    "Decoder",
    "EncoderDecoder",
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
UNUSED = 0.05
"""A dimension is unused if its KL is fewer nats, or its deviation a smaller share of the largest."""
LEAST = 64
"""Pixels of an image in an animation at least, each way; smaller ones are enlarged by a whole factor."""
LABEL = 16
"""Pixels of the labels above an animation's columns."""


class Decoder(Protocol):
    """A model that decodes codes."""

    def decode(self, codes: Tensor, /) -> Any:
        """Decode codes (n, d): images (n, h, w, c), floats in [0, 1] or uint8."""


class EncoderDecoder(Decoder, Protocol):
    """A model that encodes images, too.

    If it has a method `kl`, from images to nats (n, d), as the autoencoders of the variational family do, its
    dimensions come in order of that, and go through the prior. Otherwise they come in order of their standard
    deviation over the images, and go through that.
    """

    def encode(self, images: Images, /) -> Any:
        """Encode uint8 images (n, h, w, c): codes (n, d), an array or a tensor."""


class Codec(NamedTuple):
    """Two functions, of any framework, as a model; see `EncoderDecoder`."""

    encode: Callable[[Images], Any]
    decode: Callable[[Tensor], Any]


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
    images = _decoded(learner, z.flatten(0, 2))
    return images.reshape(*z.shape[:3], *images.shape[1:])


@torch.no_grad()
def traversal_figure(model: EncoderDecoder, images: Images) -> Figure:
    """Show images, their reconstructions, and traversals from the first image.

    Dimensions that the model does not use are named below, without a row.

    Args:
        model: any that encodes and decodes, or a `Codec`.
        images: uint8 (k, h, w, c), k at least 2.

    Raises:
        ValueError: codes or decoded images of a wrong shape.
    """
    ways = _ways(model, images, len(images))
    rows = traverse(model, ways.codes[:1], ways.values, ways.dims)[:, :, 0]
    reconstructed = _decoded(model, ways.codes)
    figure = image_rows(
        {"images": images, "reconstructed": reconstructed, **dict(zip(ways.titles, rows, strict=True))}
    )
    panel = figure.axes[0]
    width = images.shape[2] + 1
    middles = (np.arange(len(images)) + 0.5) * width
    panel.set_xticks(middles, [f"{value:.1f}" for value in np.linspace(-SPAN, SPAN, len(images))], fontsize=8)
    unused = f"; unused: {', '.join(f'z{dim}' for dim in ways.unused)}" if ways.unused else ""
    panel.set_xlabel(f"z, in standard deviations of {ways.unit}{unused}", fontsize=9)
    return figure


class _Ways(NamedTuple):
    """How the dimensions of a model are traversed."""

    codes: Tensor
    dims: list[int]
    """Those that the model uses, the most used first."""
    titles: list[str]
    values: NDArray[np.float64]
    """(dims, k)."""
    unit: str
    unused: list[int]


def _ways(model: EncoderDecoder, images: Images, k: int) -> _Ways:
    """Find how to traverse the dimensions of a model, in k steps, from its codes of some images."""
    codes = torch.as_tensor(model.encode(images)).detach().float().cpu()
    if codes.ndim != 2 or len(codes) != len(images):
        raise ValueError(f"encode must return codes ({len(images)}, d), not {tuple(codes.shape)}")
    if hasattr(model, "kl"):
        use = model.kl(images).mean(0).cpu()
        middle, deviation, unit, least = torch.zeros_like(use), torch.ones_like(use), "the prior", UNUSED
        titles = [f"z{dim}: {nats:.2f} nats" for dim, nats in enumerate(use)]
    else:
        middle, deviation, unit = codes.mean(0), codes.std(0), "the codes of these images"
        use, least = deviation, UNUSED * float(deviation.max())
        titles = [f"z{dim}: {each:.2g}" for dim, each in enumerate(use)]
    order: list[int] = use.argsort(descending=True).tolist()
    dims = [dim for dim in order if use[dim] > least] or order[:1]
    steps = np.linspace(-SPAN, SPAN, k)
    values = middle[dims, None].double().numpy() + deviation[dims, None].double().numpy() * steps
    unused = sorted(set(order) - set(dims))
    return _Ways(codes, dims, [titles[dim] for dim in dims], values, unit, unused)


def _decoded(model: Decoder, codes: Tensor) -> Images:
    """Return decoded images as uint8 (n, h, w, c)."""
    decoded = torch.as_tensor(model.decode(codes))
    if decoded.ndim != 4 or len(decoded) != len(codes):
        raise ValueError(f"decode must return images ({len(codes)}, h, w, c), not {tuple(decoded.shape)}")
    if decoded.dtype == torch.uint8:
        images: Images = decoded.numpy(force=True)
        return images
    return as_images(decoded)


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


@torch.no_grad()
def traversal_frames(model: EncoderDecoder, images: Images) -> Images:
    """Return traversals of all dimensions in use at once, forth and back, as the frames of an animation.

    Args:
        model: as in `traversal_figure`.
        images: uint8 (n, h, w, c), the start of each row.

    Returns:
        Frames (k, height, width, 3); columns are dimensions, the most used first, with their names above.
    """
    ways = _ways(model, images, 2 * COLUMNS)
    return there_and_back(model, ways.codes, ways.values, ways.dims)


def there_and_back(
    learner: Decoder,
    codes: Tensor,
    values: NDArray[np.float64],
    dims: Sequence[int] | None = None,
) -> Images:
    """Return `traverse` over the values and back, as frames like those of `traversal_frames`."""
    dims = range(codes.shape[1]) if dims is None else dims
    images = traverse(learner, codes, np.concatenate([values, values[..., -2:0:-1]], -1), dims)
    frames = images.transpose(1, 2, 3, 0, 4, 5)  # k, n, h, d, w, c
    count, rows, height, columns, width, channels = frames.shape
    frames = frames.reshape(count, rows * height, columns * width, channels)
    scale = -(-LEAST // min(height, width))
    frames = frames.repeat(scale, axis=1).repeat(scale, axis=2).repeat(3 // channels, axis=3)
    names = _names([f"z{dim}" for dim in dims], width * scale)
    return np.concatenate([names[None].repeat(count, axis=0), frames], axis=1)


def _names(names: Sequence[str], width: int) -> Images:
    """Return names as an image (LABEL, names × width, 3), each in the middle of its column."""
    picture = Image.new("RGB", (len(names) * width, LABEL), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(0.7 * LABEL)
    for column, name in enumerate(names):
        pen.text(((column + 0.5) * width, LABEL / 2), name, "black", font, anchor="mm")
    return np.asarray(picture)


def _side_by_side(images: Images, columns: int) -> Images:
    """Arrange n images (n, h, w, c) in a row, white where none is: (h + 2, columns (w + 1), c)."""
    empty = columns - len(images)
    padded = np.pad(images, ((0, empty), (0, 2), (0, 1), (0, 0)), constant_values=255)
    height, channels = padded.shape[1], padded.shape[3]
    return padded.transpose(1, 0, 2, 3).reshape(height, -1, channels)
