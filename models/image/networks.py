"""Shared by models of images: encoders, decoders, likelihoods."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from unknot.representation.networks import Maps

__all__ = [
    "LIKELIHOODS",
    "NETWORKS",
    "bernoulli",
    "conv_decoder",
    "conv_encoder",
    "dense_decoder",
    "dense_encoder",
    "flipped",
    "gaussian_kl",
    "he_initialise",
]

Shape = tuple[int, int, int]

FINAL_SIDE = 4
"""Side, in cells, of the maps after the last convolution."""


def conv_encoder(shape: Shape, outputs: int, width: int, hidden: int) -> nn.Sequential:
    """Return convolutions of 4 × 4 and stride 2 down to 4 × 4 cells, then two layers: Burgess et al., A.1.

    Args:
        shape: (height, width, channels) of the images; height and width equal, a power of 2 from 8.
        outputs: units of the last layer.
        width: channels of each convolution.
        hidden: units of each layer.

    Raises:
        ValueError: another shape.
    """
    layers: list[nn.Module] = []
    for step in range(_halvings(shape)):
        layers += [nn.Conv2d(width if step else shape[2], width, 4, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(width * FINAL_SIDE * FINAL_SIDE, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, outputs),
    )


def conv_decoder(shape: Shape, inputs: int, width: int, hidden: int) -> nn.Sequential:
    """Return the transpose of `conv_encoder`; it returns logits (n, channels, height, width)."""
    layers: list[nn.Module] = []
    halvings = _halvings(shape)
    for step in range(halvings):
        after = width if step + 1 < halvings else shape[2]
        layers += [nn.ReLU(), nn.ConvTranspose2d(width, after, 4, stride=2, padding=1)]
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, width * FINAL_SIDE * FINAL_SIDE),
        Maps(width, FINAL_SIDE, FINAL_SIDE),
        *layers,
    )


def dense_encoder(shape: Shape, outputs: int, width: int, hidden: int) -> nn.Sequential:
    """Return two layers of `hidden` units and ReLU (Higgins et al., 2016); `width` is ignored."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(shape), hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, outputs),
    )


def dense_decoder(shape: Shape, inputs: int, width: int, hidden: int) -> nn.Sequential:
    """Return three layers of `hidden` units and tanh (Higgins et al., 2016); it returns logits as images."""
    height, across, channels = shape
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.Tanh(),
        nn.Linear(hidden, hidden),
        nn.Tanh(),
        nn.Linear(hidden, hidden),
        nn.Tanh(),
        nn.Linear(hidden, math.prod(shape)),
        nn.Unflatten(1, (channels, height, across)),
    )


Network = Callable[[Shape, int, int, int], nn.Sequential]

NETWORKS: Mapping[str, tuple[Network, Network]] = {
    "conv": (conv_encoder, conv_decoder),
    "dense": (dense_encoder, dense_decoder),
}
"""Encoder and decoder by name."""


def he_initialise(layer: nn.Module) -> None:
    """Sample a layer's weights as in He et al., "Delving deep into rectifiers", 2015, eq. 10; biases are 0.

    With PyTorch's smaller weights a decoder of shapes decodes discs for tens of thousands of updates, and all
    dimensions except those of position and size collapse; with these, orientation is learnt within 4,000.
    """
    if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _halvings(shape: Shape) -> int:
    height, width, _ = shape
    halvings = round(math.log2(max(height, 1) / FINAL_SIDE))
    if height != width or halvings < 1 or FINAL_SIDE << halvings != height:
        raise ValueError(f"shape must have one height and width, a power of 2 from 8, not {shape}")
    return halvings


def bernoulli(logits: Tensor, images: Tensor) -> Tensor:
    """Return -log p of images under independent Bernoulli pixels, in nats, (n,)."""
    return functional.binary_cross_entropy_with_logits(logits, images, reduction="none").flatten(1).sum(1)


def gaussian(logits: Tensor, images: Tensor) -> Tensor:
    """Return half the squared error, which is -log p under Gaussian pixels of variance 1 up to a constant."""
    return (logits.sigmoid() - images).square().flatten(1).sum(1) / 2


LIKELIHOODS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {"bernoulli": bernoulli, "gaussian": gaussian}
"""-log p(x | z), (n,), of logits and images (n, c, h, w), by name."""


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, variance) || N(0, 1)) in nats for each dimension."""
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


def flipped(images: Tensor, most: float) -> Tensor:
    """Return images (n, c, h, w) with pixels flipped from x to 1 - x: in each image a share up to `most`."""
    share = most * torch.rand(len(images), 1, 1, 1, device=images.device)
    flips = torch.rand_like(images[:, :1]) < share
    return torch.where(flips, 1 - images, images)
