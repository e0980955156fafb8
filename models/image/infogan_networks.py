"""Networks of InfoGAN: generators, and critics that also recognise codes."""

import math
from collections.abc import Callable, Mapping
from itertools import pairwise

from torch import Tensor, nn

from unknot.representation.networks import Maps

__all__ = ["NETWORKS", "conv_critic", "conv_generator", "residual_critic", "residual_generator"]

FINAL_SIDE = 4
"""Side, in cells, of the maps after the last convolution."""
GREATEST_FACTOR = 8
"""The greatest number of channels, as a multiple of the smallest."""


def conv_critic(shape: tuple[int, int, int], outputs: int, width: int) -> nn.Sequential:
    """Return convolutions of 4 × 4 and stride 2 down to 4 × 4 cells, as in Radford et al., 2016.

    There is no batch normalisation, since the gradient penalty is for each image separately.

    Args:
        shape: (height, width, channels) of the images; height and width equal, a power of 2 from 8.
        outputs: units of the last layer.
        width: channels of the first convolution; each next one has twice as many, up to `GREATEST_FACTOR`
            times.

    Raises:
        ValueError: another shape.
    """
    before, layers = shape[2], list[nn.Module]()
    for channels in _channels(shape, width):
        layers += [nn.Conv2d(before, channels, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        before = channels
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * FINAL_SIDE**2, outputs))


def conv_generator(shape: tuple[int, int, int], inputs: int, width: int) -> nn.Sequential:
    """Return the transpose of `conv_critic` with batch normalisation; it returns images in [-1, 1]."""
    *narrower, widest = _channels(shape, width)
    layers: list[nn.Module] = [
        nn.Linear(inputs, widest * FINAL_SIDE**2, bias=False),
        Maps(widest, FINAL_SIDE, FINAL_SIDE),
    ]
    before = widest
    for channels in reversed(narrower):
        layers += [nn.BatchNorm2d(before), nn.ReLU()]
        layers += [nn.ConvTranspose2d(before, channels, 4, stride=2, padding=1, bias=False)]
        before = channels
    layers += [nn.BatchNorm2d(before), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(before, shape[2], 4, stride=2, padding=1), nn.Tanh())


class Residual(nn.Module):
    """A block of two 3 × 3 convolutions with a shortcut, which halves or doubles the image's side.

    Gulrajani et al., "Improved training of Wasserstein GANs", 2017, as in their code for 64 × 64 images.

    Args:
        before: input channels.
        after: output channels.
        side: of the input.
        up: whether the side doubles, with batch normalisation (for a generator); otherwise it is halved, with
            layer normalisation (for a critic).
    """

    def __init__(self, before: int, after: int, side: int, *, up: bool) -> None:
        super().__init__()
        middle = after if up else before
        inner_side = 2 * side if up else side
        resize = nn.Upsample(scale_factor=2) if up else nn.AvgPool2d(2)
        first = nn.Conv2d(before, middle, 3, padding=1, bias=False)
        second = nn.Conv2d(middle, after, 3, padding=1)
        narrow = nn.Conv2d(before, after, 1)
        self.shortcut = nn.Sequential(resize, narrow)
        self.branch = nn.Sequential(
            nn.BatchNorm2d(before) if up else nn.LayerNorm([before, side, side]),
            nn.ReLU(),
            *([resize, first] if up else [first]),
            nn.BatchNorm2d(middle) if up else nn.LayerNorm([middle, inner_side, inner_side]),
            nn.ReLU(),
            *([second] if up else [second, resize]),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, after, h, w) of (n, before, side, side)."""
        result: Tensor = self.shortcut(images) + self.branch(images)
        return result


def residual_critic(shape: tuple[int, int, int], outputs: int, width: int) -> nn.Sequential:
    """Return blocks down to 4 × 4 cells, of 2, 4, 8 and 8 times `width` channels for 64 × 64 images.

    Args:
        shape: (height, width, channels) of the images; height and width equal, a power of 2 from 8.
        outputs: units of the last layer.
        width: channels of the first convolution.

    Raises:
        ValueError: another shape.
    """
    channels = _channels(shape, 2 * width, GREATEST_FACTOR // 2)
    sides = [shape[0] >> step for step in range(len(channels))]
    blocks = zip([width, *channels], channels, sides, strict=False)
    return nn.Sequential(
        nn.Conv2d(shape[2], width, 3, padding=1),
        *(Residual(before, after, side, up=False) for before, after, side in blocks),
        nn.Flatten(),
        nn.Linear(channels[-1] * FINAL_SIDE**2, outputs),
    )


def residual_generator(shape: tuple[int, int, int], inputs: int, width: int) -> nn.Sequential:
    """Return blocks up from 4 × 4 cells, the critic's in reverse; it returns images in [-1, 1]."""
    channels = [width, *_channels(shape, 2 * width, GREATEST_FACTOR // 2)][::-1]
    blocks = pairwise(channels)
    return nn.Sequential(
        nn.Linear(inputs, channels[0] * FINAL_SIDE**2),
        Maps(channels[0], FINAL_SIDE, FINAL_SIDE),
        *(Residual(before, after, FINAL_SIDE << k, up=True) for k, (before, after) in enumerate(blocks)),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, shape[2], 3, padding=1),
        nn.Tanh(),
    )


Network = Callable[[tuple[int, int, int], int, int], nn.Sequential]

NETWORKS: Mapping[str, tuple[Network, Network]] = {
    "conv": (conv_critic, conv_generator),
    "residual": (residual_critic, residual_generator),
}
"""Critic and generator by name."""


def _channels(shape: tuple[int, int, int], width: int, most: int = GREATEST_FACTOR) -> list[int]:
    """Return the channels after each halving of the side: `width`, twice that, up to `most` times."""
    height, across, _ = shape
    halvings = round(math.log2(max(height, 1) / FINAL_SIDE))
    if height != across or halvings < 1 or FINAL_SIDE << halvings != height:
        raise ValueError(f"shape must have one height and width, a power of 2 from 8, not {shape}")
    return [width * min(2**step, most) for step in range(halvings)]
