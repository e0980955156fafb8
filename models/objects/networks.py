"""Networks of models of scenes: an encoder that keeps places, decoders of one object, a renderer."""

import math

import torch
from torch import Tensor, nn

__all__ = ["SceneEncoder", "cells_of", "coordinates", "object_decoder", "renderer"]

Shape = tuple[int, int, int]

CONVOLUTIONS = 4
"""Convolutions of the encoder before it is told places; at most so many halve the image."""
DOUBLINGS = 3
"""How often decoders double the side of their maps, at most: twice for each object, once for the scene."""
FIRST_CELLS = 8
"""Side of the maps that a vector is decoded to first, where images are large enough."""


def cells_of(shape: Shape, grid: int) -> int:
    """Return how often a grid's side is doubled to an image's.

    Raises:
        ValueError: an image that is not square, whose side is not the grid's times a power of two up to 16,
            or that decoders can't double to.
    """
    height, width, _ = shape
    halvings = round(math.log2(max(height / grid, 1)))
    if height != width or grid << halvings != height or halvings > CONVOLUTIONS or height % (1 << DOUBLINGS):
        raise ValueError(
            f"shape must have one height and width, a multiple of {1 << DOUBLINGS} and {grid} (grid) times a "
            f"power of two up to {1 << CONVOLUTIONS}, not {shape}"
        )
    return halvings


def coordinates(side: int) -> Tensor:
    """Return the places of cells, across and down, from -1 to 1: (1, 2, side, side)."""
    line = torch.linspace(-1, 1, side)
    down, across = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([across, down])[None]


class SceneEncoder(nn.Module):
    """Convolutions down to a grid, two channels with the cells' places, two more convolutions (appendix A).

    Args:
        shape: (height, width, channels) of the images.
        outputs: channels of the grid.
        width: channels of the convolutions.
        grid: cells along a side.
    """

    def __init__(self, shape: Shape, outputs: int, width: int, grid: int) -> None:
        super().__init__()
        halvings = cells_of(shape, grid)
        layers: list[nn.Module] = []
        for step in range(CONVOLUTIONS):
            layers += [nn.Conv2d(width if step else shape[2], width, 3, padding=1), nn.ELU()]
            if step < halvings:
                layers.append(nn.MaxPool2d(2))
        self.before = nn.Sequential(*layers)
        self.after = nn.Sequential(
            nn.Conv2d(width + 2, width, 3, padding=1), nn.ELU(), nn.Conv2d(width, outputs, 1)
        )
        self.places: Tensor
        self.register_buffer("places", coordinates(grid), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return maps (n, outputs, grid, grid) of images (n, c, h, w) in [0, 1]."""
        places = self.places.expand(len(images), -1, -1, -1)
        maps: Tensor = self.after(torch.cat([self.before(images), places], 1))
        return maps


def object_decoder(shape: Shape, inputs: int, hidden: int, maps: int) -> nn.Sequential:
    """Return g: two dense layers, two convolutions with bilinear upsampling; (n, inputs) to half an image.

    The maps begin with 8 × 8 cells, as in the paper, and are doubled before a convolution as often as the
    image needs it: twice for 64 pixels, once for 32.

    Args:
        shape: of the images.
        inputs: dimension of an object's vector.
        hidden: units of the first layer.
        maps: channels of the maps, 16 in the paper.
    """
    half = shape[0] // 2
    cells = min(max(shape[0] >> DOUBLINGS, FIRST_CELLS), half)
    layers: list[nn.Module] = [
        nn.Linear(inputs, hidden),
        nn.ELU(),
        nn.Linear(hidden, maps * cells * cells),
        nn.Unflatten(1, (int(maps), int(cells), int(cells))),
        nn.ELU(),
    ]
    for step in range(1, DOUBLINGS):
        layers += [_doubled()] if cells << step <= half else []
        layers += [nn.Conv2d(maps, maps, 3, padding=1), nn.ELU()]
    return nn.Sequential(*layers)


def renderer(channels: int, width: int, maps: int) -> nn.Sequential:
    """Return h: three convolutions and one upsampling, from the objects' maps to logits of an image."""
    return nn.Sequential(
        nn.Conv2d(maps, width, 3, padding=1),
        nn.ELU(),
        nn.Conv2d(width, width, 3, padding=1),
        nn.ELU(),
        _doubled(),
        nn.Conv2d(width, channels, 3, padding=1),
    )


def _doubled() -> nn.Upsample:
    return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
