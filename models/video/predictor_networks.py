"""Networks of the predictor: DCGAN's encoder and decoder, an update of beliefs, transitions side by side."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from unknot.representation.gaussian import Gaussian, bounded

__all__ = ["NETWORKS", "BeliefUpdate", "Transitions", "frame_decoder", "frame_encoder"]

Shape = tuple[int, int, int]

NETWORKS = ("conv", "dcgan")
"""What encodes and decodes frames; the paper's is "dcgan"."""
FEATURES = 32
"""Numbers that DCGAN's encoder says of a frame, the paper's."""
HIDDEN, LAYERS = 128, 4
"""Units and hidden layers of a transition (appendix A)."""
CELLS = 4
"""Side of the smallest maps."""
SLOPE = 0.2
"""Of leaky ReLUs, as in DCGAN."""
CHANNELS_OF_A_GROUP = 8
FIRST_LOG_VARIANCE = -4.0
"""Of beliefs before training. With variances of 1 noise hides what an untrained encoder says, the decoder
learns to ignore it, and the KL falls to 0 for good."""
LEAST, MOST = -6.0, 4.0
"""Smooth bounds of log variances. Deterministic motion would take that of predictions to minus infinity, and
there one wrong prediction costs millions of nats and ends training. Clamped, they stay at a bound for good:
predictions of untrained networks go to the greatest variance within a hundred updates."""


def frame_encoder(network: str, shape: Shape, width: int, hidden: int) -> tuple[nn.Sequential, int]:
    """Return what turns frames (n, c, h, w) into features (n, number), and the number of features.

    Both networks halve frames by convolutions, each of which doubles the channels.

    Args:
        network: "dcgan", DCGAN's discriminator, with batch norm and 32 features (appendix A); "conv", with
            group norm, and linear from the last maps to `hidden` features. With few features or dense layers
            between, a decoder learns one object and takes the others for noise.
        shape: (height, width, channels).
        width: channels of the first convolution.
        hidden: features of "conv".
    """
    layers: list[nn.Module] = []
    before = shape[2]
    for step in range(_halvings(shape)):
        after = width << step
        layers += [nn.Conv2d(before, after, 4, 2, 1), _norm(network, after), nn.LeakyReLU(SLOPE)]
        before = after
    features = FEATURES if network == "dcgan" else hidden
    layers += [nn.Conv2d(before, features, CELLS), nn.Flatten()]
    return nn.Sequential(*layers, *([nn.LeakyReLU(SLOPE)] if network == "dcgan" else [])), features


def frame_decoder(network: str, shape: Shape, inputs: int, width: int) -> nn.Sequential:
    """Return what turns codes (n, inputs) into the pixels' means (n, c, h, w), not bounded.

    The arguments are those of `frame_encoder`; "dcgan" is DCGAN's generator behind a dense layer.
    """
    times = _halvings(shape)
    before = width << (times - 1)
    dense = [nn.Linear(inputs, inputs), nn.ReLU()] if network == "dcgan" else []
    layers = [*dense, nn.Unflatten(1, (int(inputs), 1, 1)), nn.ConvTranspose2d(inputs, before, CELLS)]
    for step in reversed(range(times)):
        after = width << (step - 1) if step else shape[2]
        layers += [_norm(network, before), nn.ReLU(), nn.ConvTranspose2d(before, after, 4, 2, 1)]
        before = after
    return nn.Sequential(*layers)


def _norm(network: str, channels: int) -> nn.Module:
    if network == "dcgan":
        return nn.BatchNorm2d(channels)
    return nn.GroupNorm(max(channels // CHANNELS_OF_A_GROUP, 1), channels)


def _halvings(shape: Shape) -> int:
    """Return how often a frame's side is halved to that of the smallest maps."""
    height, width, _ = shape
    times = round(math.log2(max(height / CELLS, 1)))
    if height != width or times < 1 or CELLS << times != height:
        raise ValueError(f"shape must have one height and width, a power of 2 from 8, not {shape}")
    return times


class Transitions(nn.Module):
    """p(z_t^i | z_t-1^i) of every factor i, each with weights of its own; all are computed together.

    Args:
        factors: their number, k.
        factor_dim: dimension of each, d.
        residual: the mean is that of the step before plus a change, not the network's output alone.
    """

    def __init__(self, factors: int, factor_dim: int, residual: bool) -> None:
        super().__init__()
        self.residual = residual
        widths = [factor_dim, *([HIDDEN] * LAYERS), 2 * factor_dim]
        sizes = list(pairwise(widths))
        # LeCun's variance, which SELU is made for; one small layer at the end, so that training starts calm
        self.weights = nn.ParameterList(
            torch.randn(factors, a, b) / math.sqrt(a) * (0.1 if b == widths[-1] else 1.0) for a, b in sizes
        )
        self.biases = nn.ParameterList(torch.zeros(factors, 1, b) for _, b in sizes)

    def forward(self, z: Tensor) -> Gaussian:
        """Return the factors at the next step, (n, k, d) each, of z (n, k, d)."""
        hidden = z.movedim(1, 0)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden if layer == 0 else torch.selu(hidden), weight)
        mean, log_variance = hidden.movedim(0, 1).chunk(2, -1)
        return Gaussian(z + mean if self.residual else mean, bounded(log_variance, LEAST, MOST))


class BeliefUpdate(nn.Module):
    """q(z_t | z_t-1, x_t), of the prediction p(z_t | z_t-1) and the features of x_t (appendix A).

    The paper has a leaky ReLU after each layer, the last ones included. Here the mean and the log variance
    are linear: otherwise means could hardly be negative, and the prior N(0, I) not be met. The paper's sees
    the prediction's variance; this one sees its logarithm, which is never so large that it hides the rest.

    Args:
        size: dimension of all factors together.
        features: number of those of a frame.
        units: of the layers between, as many as `size` in the paper.
        direct: add a linear layer from the features to the belief, beside the paper's layers. Without it one
            object is learnt and others are not.
    """

    def __init__(self, size: int, features: int, units: int, direct: bool) -> None:
        super().__init__()
        self.features, self.mean = nn.Linear(features, units), nn.Linear(size, units)
        self.variance = nn.Linear(size, units)
        self.latent, self.moments = nn.Linear(3 * units, units), nn.Linear(units, 2 * size)
        self.direct = nn.Linear(features, 2 * size) if direct else None
        with torch.no_grad():
            for layer in (self.moments, *([self.direct] if self.direct else [])):
                layer.weight[size:] *= 0.1
            self.moments.bias[size:] = FIRST_LOG_VARIANCE

    def forward(self, features: Tensor, predicted: Gaussian) -> Gaussian:
        """Return the belief, (n, size), of features (n, number) and the prediction, (n, size)."""
        parts = [
            self.features(features),
            self.mean(predicted.mean),
            self.variance(predicted.log_variance),
        ]
        moments = self.moments(_leaky(self.latent(_leaky(torch.cat(parts, 1)))))
        if self.direct:
            moments = moments + self.direct(features)
        mean, log_variance = moments.chunk(2, 1)
        return Gaussian(mean, bounded(log_variance, LEAST, MOST))


def _leaky(values: Tensor) -> Tensor:
    return functional.leaky_relu(values, SLOPE)
