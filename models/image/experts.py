"""Experts that each map images to images, and discriminators of such images."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = [
    "DISCRIMINATORS",
    "NORMS",
    "Experts",
    "strided_discriminator",
    "table_discriminator",
]

Shape = tuple[int, int, int]

NORMS = ("none", "batch")
"""What follows a convolution of an expert."""
KERNEL = 3


class Experts(nn.Module):
    """Convolutional networks of one form, each from images to images in [0, 1].

    The form is that of Parascandolo et al., 2017, Table 1: convolutions of 3 × 3, all but the last with batch
    normalisation (or none) and ELU, the last with a sigmoid. All of them together are evaluated with running
    statistics, one by itself with those of its images while it learns.

    Args:
        number: of experts.
        channels: of the images.
        width: channels of the convolutions.
        layers: number of convolutions, at least 2.
        norm: a name in `NORMS`.
    """

    def __init__(self, number: int, channels: int, width: int, layers: int, norm: str) -> None:
        super().__init__()
        sizes = [channels, *[width] * (layers - 1), channels]
        self.networks = nn.ModuleList(_network(sizes, norm) for _ in range(number))

    def __len__(self) -> int:
        """Return the number of experts."""
        return len(self.networks)

    def one(self, expert: int, images: Tensor) -> Tensor:
        """Return what one expert makes of images (n, channels, h, w)."""
        outputs: Tensor = self.networks[expert](images.to(memory_format=torch.channels_last))
        return outputs.sigmoid()

    def chosen(self, images: Tensor, experts: Tensor) -> Tensor:
        """Return what each of images (n, channels, h, w) becomes by its own expert, numbers (n,)."""
        outputs = [self.one(j, images[experts == j]) for j in torch.unique(experts).tolist()]
        return torch.cat(outputs)[experts.argsort(stable=True).argsort()]

    def forward(self, images: Tensor) -> Tensor:
        """Return what every expert makes of images (n, channels, h, w): (experts, n, channels, h, w)."""
        training = self.training
        self.eval()
        outputs = torch.stack([self.one(j, images) for j in range(len(self))])
        self.train(training)
        return outputs


def _network(sizes: list[int], norm: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers.append(nn.Conv2d(before, after, KERNEL, padding=KERNEL // 2))
        layers += [nn.BatchNorm2d(after)] if norm == "batch" else []
        layers.append(nn.ELU(inplace=True))
    return nn.Sequential(*layers[: -2 if norm == "batch" else -1])  # a sigmoid follows the last


def table_discriminator(shape: Shape, width: int, outputs: int = 1) -> nn.Sequential:
    """Return the discriminator of Table 1, from images (n, channels, h, w) to log odds (n, outputs).

    Args:
        shape: (height, width, channels) of the images, at least 8 pixels each way.
        width: channels of the first convolutions, 16 in the paper; the dense layer has 64 times as many.
        outputs: of the last layer, 1 in the paper.
    """
    layers: list[nn.Module] = []
    before, side = shape[2], shape[:2]
    for channels, convolutions in ((width, 3), (2 * width, 2), (4 * width, 2)):
        for _ in range(convolutions):
            layers += [nn.Conv2d(before, channels, KERNEL, padding=1), nn.ELU(inplace=True)]
            before = channels
        layers.append(nn.AvgPool2d(2))
        side = side[0] // 2, side[1] // 2
    hidden = 64 * width
    dense = [nn.Linear(before * side[0] * side[1], hidden), nn.ELU(inplace=True), nn.Linear(hidden, outputs)]
    return nn.Sequential(*layers, nn.Flatten(), *dense)


def strided_discriminator(shape: Shape, width: int, outputs: int = 1) -> nn.Sequential:
    """Return a faster one: convolutions of stride 2 down to at most 4 × 4 cells, then a dense layer.

    Args:
        shape: (height, width, channels) of the images.
        width: channels of the first convolution; each has twice those of the one before, and the dense layer
            has 8 times as many units.
        outputs: of the last layer.
    """
    layers: list[nn.Module] = []
    before, after, side = shape[2], width, shape[:2]
    while max(side) > 4 or not layers:
        layers += [nn.Conv2d(before, after, KERNEL, stride=2, padding=1), nn.ELU(inplace=True)]
        before, after, side = after, 2 * after, ((side[0] + 1) // 2, (side[1] + 1) // 2)
    hidden = 8 * width
    dense = [nn.Linear(before * side[0] * side[1], hidden), nn.ELU(inplace=True), nn.Linear(hidden, outputs)]
    return nn.Sequential(*layers, nn.Flatten(), *dense)


DISCRIMINATORS: dict[str, Callable[[Shape, int, int], nn.Sequential]] = {
    "table": table_discriminator,
    "strided": strided_discriminator,
}
"""What makes a discriminator of a shape, a width and a number of outputs, by its name."""
