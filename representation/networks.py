"""Networks that several learners share."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from unknot.checks import count

__all__ = ["BroadcastDecoder", "ConvEncoder", "Maps", "image_shape", "mlp"]

PATCH = 4
"""Side in pixels of the decoder's patches; image sides are multiples of it."""


def image_shape(shape: Sequence[int], least: int = 1) -> tuple[int, int, int]:
    """Return (height, width, channels), of a tuple or of a list, as JSON has it.

    Raises:
        ValueError: not three whole numbers of at least 1, or a height or width below `least`.
    """
    if len(shape) != 3:
        raise ValueError(f"shape must be (height, width, channels), not {shape!r}")
    height, width, channels = shape
    for side in (height, width):
        count(least, shape=side)
    count(1, shape=channels)
    return int(height), int(width), int(channels)


def mlp(*widths: int) -> nn.Sequential:
    """Return a multilayer perceptron with tanh between its layers, so that it is twice differentiable.

    Args:
        widths: units of the input, of each hidden layer, of the output.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


class Maps(nn.Unflatten):
    """Makes maps (n, channels, height, width) of rows, with the channels of a cell next to each other.

    Convolutions keep this layout, and on a CPU they take up to a third less time in it. Images that come from
    an environment have it, too.

    Args:
        channels: of the maps.
        height: of the maps, in cells.
        width: of the maps, in cells.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__(1, (int(channels), int(height), int(width)))

    def forward(self, rows: Tensor) -> Tensor:
        """Return the maps of rows (n, channels · height · width)."""
        return super().forward(rows).contiguous(memory_format=torch.channels_last)


class ConvEncoder(nn.Module):
    """Turns images into features that locate things, and pooled features that describe them.

    The mean image of the data is subtracted first, so that a still background needs no capacity. Pooled
    features are averaged over the image and contain no position; therefore content is read from them.

    Args:
        shape: (height, width, channels) of the images; height and width are multiples of 4.
    """

    pooled_features = 16

    def __init__(self, shape: tuple[int, int, int], features: int = 64) -> None:
        super().__init__()
        height, width, channels = shape
        if height % PATCH or width % PATCH:
            raise ValueError(f"shape must have height and width in multiples of {PATCH}, not {shape}")
        self.features = features
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(channels, height, width))
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, 8, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(8, self.pooled_features, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        cells = height // PATCH * (width // PATCH)
        self.dense = nn.Sequential(
            nn.Linear(self.pooled_features * cells, 128),
            nn.ReLU(),
            nn.Linear(128, features),
            nn.ReLU(),
        )

    def forward(self, images: Tensor, mean: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return (n, features) and (n, pooled_features) of images (n, c, h, w) in [0, 1].

        Args:
            images: the images.
            mean: (n, c, h, w), subtracted instead of the mean image of the data.

        Raises:
            ValueError: images of another shape than the network's.
        """
        if images.shape[1:] != self.mean.shape:  # otherwise images of one pixel would be broadcast
            raise ValueError(
                f"images are {tuple(images.shape[1:])} (channels, height, width), "
                f"but the network is for {tuple(self.mean.shape)}"
            )
        contrast = 4.0  # most pixels hardly differ from the mean
        maps = self.convolutions(contrast * (images - (self.mean if mean is None else mean)))
        return self.dense(maps.flatten(1)), 10 * maps.mean((2, 3))


class BroadcastDecoder(nn.Module):
    """Decodes images from a code of where things are and, optionally, a code of what they are.

    A spatial broadcast decoder (Watters et al. 2019) on a grid of 4×4 patches: the same network sees the code
    and the position of each patch. Content enters late, where it scales and shifts the features of a patch
    (FiLM, Perez et al. 2018): it changes the appearance of a thing and can hardly move it.

    Args:
        shape: (height, width, channels) of the images.
        code_dim: dimension of the code of where things are.
        content_dim: dimension of the code of what they are; 0 for none.
    """

    def __init__(
        self, shape: tuple[int, int, int], code_dim: int, content_dim: int, hidden: int = 32
    ) -> None:
        super().__init__()
        height, width, channels = shape
        self.cells = (height // PATCH, width // PATCH)
        rows, columns = (torch.linspace(-2, 2, n) for n in self.cells)
        self.grid: Tensor
        self.register_buffer(
            "grid", torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).reshape(1, -1, 2)
        )
        self.code = nn.Linear(code_dim, hidden)
        self.place = nn.Linear(2, hidden, bias=False)
        nn.init.normal_(self.place.weight, std=1.5)
        nn.init.normal_(self.code.weight, std=1.5)
        if code_dim == 2:  # initially the code is compared with the position
            self.code.weight.data.copy_(-self.place.weight.data)
        nn.init.uniform_(self.code.bias, -1, 1)
        self.features = nn.Sequential(
            nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden)
        )
        self.content = nn.Linear(content_dim, 2 * hidden) if content_dim else None
        self.patch = nn.Linear(hidden, PATCH * PATCH * channels)
        self.background = nn.Parameter(torch.zeros(channels, height, width))

    def forward(self, code: Tensor, content: Tensor | None = None) -> Tensor:
        """Return logits (n, c, h, w) for codes (n, code_dim) and contents (n, content_dim)."""
        maps = self.features(self.code(code)[:, None] + self.place(self.grid))
        if self.content is not None:
            scale, shift = self.content(content)[:, None].chunk(2, -1)
            maps = maps * (1 + scale) + shift
        patches = self.patch(torch.relu(maps))
        rows, columns = self.cells
        patches = patches.reshape(len(code), rows, columns, -1, PATCH, PATCH)
        images: Tensor = patches.permute(0, 3, 1, 4, 2, 5).reshape(len(code), *self.background.shape)
        return images + self.background
