"""Networks of the classifiers of JADE: Karimi et al., 2017, section 3."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from unknot.models.image.networks import he_initialise
from unknot.representation.networks import Maps

__all__ = ["encoder", "label_network", "mirrored_decoder", "primary_widths", "secondary_widths"]

POOLINGS = 3
"""Each halves the side of an image."""


def primary_widths(width: int) -> tuple[int, ...]:
    """Return the channels of the convolutions of the primary images: 64, 96, 64 and 8 for a width of 64."""
    return width, 3 * width // 2, width, 8


def secondary_widths(width: int) -> tuple[int, ...]:
    """Return the channels of the convolutions of the secondary images: 32, 32 and 16 for a width of 64."""
    return width // 2, width // 2, width // 4


def encoder(
    shape: tuple[int, int, int], widths: Sequence[int], outputs: int, batch_norm: bool
) -> nn.Sequential:
    """Return 3 × 3 convolutions with ReLU, max-pooling after each of the first three, and a linear layer.

    Args:
        shape: (height, width, channels) of the images; height and width are multiples of 8.
        widths: channels of each convolution, three or more.
        outputs: units of the last layer, the bottleneck.
        batch_norm: normalise the channels of each convolution over a batch.

    Raises:
        ValueError: another height or width.
    """
    height, width, before = shape
    _check_sides(shape)
    layers: list[nn.Module] = []
    for step, after in enumerate(widths):
        layers.append(nn.Conv2d(before, after, 3, padding=1))
        layers += [nn.BatchNorm2d(after)] if batch_norm else []
        layers += [nn.ReLU(), nn.MaxPool2d(2)] if step < POOLINGS else [nn.ReLU()]
        before = after
    cells = (height >> POOLINGS) * (width >> POOLINGS)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * cells, outputs)).apply(he_initialise)


def mirrored_decoder(
    shape: tuple[int, int, int], widths: Sequence[int], inputs: int, batch_norm: bool
) -> nn.Sequential:
    """Return the mirror image of `encoder`, with doubled sides in place of max-pooling.

    It ends in logits (n, channels, height, width), whose sigmoids are pixels.
    """
    height, width, channels = shape
    _check_sides(shape)
    sides = (height >> POOLINGS, width >> POOLINGS)
    layers: list[nn.Module] = [
        nn.Linear(inputs, widths[-1] * sides[0] * sides[1]),
        Maps(widths[-1], *sides),
    ]
    mirrored = [*widths[::-1], channels]
    for step, (before, after) in enumerate(pairwise(mirrored)):
        layers.append(nn.ReLU())
        if step >= len(widths) - POOLINGS:
            layers.append(nn.Upsample(scale_factor=2))
        layers.append(nn.Conv2d(before, after, 3, padding=1))
        if batch_norm and step + 1 < len(widths):
            layers.append(nn.BatchNorm2d(after))
    return nn.Sequential(*layers).apply(he_initialise)


def label_network(inputs: int, hidden: int, classes: int, dropout: float) -> nn.Sequential:
    """Return three layers with ReLU and dropout, and one of logits of the classes."""
    layers: list[nn.Module] = []
    for before in (inputs, hidden, hidden):
        layers += [nn.Linear(before, hidden), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(hidden, classes)).apply(he_initialise)


def _check_sides(shape: tuple[int, int, int]) -> None:
    if shape[0] % (1 << POOLINGS) or shape[1] % (1 << POOLINGS):
        raise ValueError(f"shape must have height and width in multiples of {1 << POOLINGS}, not {shape}")
