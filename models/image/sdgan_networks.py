"""Networks that judge pairs of images."""

from itertools import pairwise

from torch import Tensor, nn

from unknot.models.image.infogan_networks import FINAL_SIDE, conv_critic
from unknot.representation.networks import Maps

__all__ = ["PairAutoencoder", "SiameseDiscriminator", "began_decoder"]

Shape = tuple[int, int, int]

BEGAN_SIDE = 8
"""Side of the maps between BEGAN's convolutions and its code."""


class SiameseDiscriminator(nn.Module):
    """Encodes each of several images by the same convolutions, and judges them together.

    Donahue et al., 2017, section 2.2: the maps of the images are stacked along the channels; one more strided
    convolution, then a layer to the log odds. With one image it is a discriminator as in DCGAN.

    Args:
        shape: (height, width, channels) of the images; height and width equal, a power of 2 from 8.
        width: channels of the first convolution; each next one has twice as many, up to 8 times.
        together: images that are judged together.
        norm: whether batch normalisation follows the convolutions, except the first.
    """

    def __init__(self, shape: Shape, width: int, together: int, *, norm: bool) -> None:
        super().__init__()
        layers, channels = list[nn.Module](), 0
        for layer in list(conv_critic(shape, 1, width))[:-2]:
            layers.append(layer)
            if isinstance(layer, nn.Conv2d):
                if norm and channels:
                    layers.append(nn.BatchNorm2d(layer.out_channels))
                channels = layer.out_channels
        self.encoder = nn.Sequential(*layers)
        self.judge = nn.Sequential(
            nn.Conv2d(together * channels, channels, 3, stride=2, padding=1),
            *([nn.BatchNorm2d(channels)] if norm else []),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(channels * (FINAL_SIDE // 2) ** 2, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return log odds (n,) that images (n, together, c, h, w) are real and of one identity."""
        return self.judged(self.encoded(images))

    def encoded(self, images: Tensor) -> Tensor:
        """Return maps (n, together, channels, side, side) of images (n, together, c, h, w)."""
        maps: Tensor = self.encoder(images.flatten(0, 1))
        return maps.reshape(*images.shape[:2], *maps.shape[1:])

    def judged(self, maps: Tensor) -> Tensor:
        """Return the log odds (n,) of maps that `encoded` returns."""
        odds: Tensor = self.judge(maps.flatten(1, 2))
        return odds[:, 0]


class PairAutoencoder(nn.Module):
    """BEGAN's discriminator for pairs: an autoencoder whose bottleneck sees both codes.

    Donahue et al., 2017, section 2.2: [D_e(x¹); D_e(x²)] of 2 (d_I + d_O) numbers, a linear layer to d_I + 2
    d_O, one back, and each half is decoded.

    Args:
        shape: (height, width, channels) of the images; height and width equal, a power of 2 from 16.
        identity_dim: d_I.
        observation_dim: d_O.
        width: channels of the convolutions.
    """

    def __init__(self, shape: Shape, identity_dim: int, observation_dim: int, width: int) -> None:
        super().__init__()
        code = identity_dim + observation_dim
        self.encoder = _began_encoder(shape, code, width)
        bottleneck = identity_dim + 2 * observation_dim
        self.bottleneck = nn.Sequential(nn.Linear(2 * code, bottleneck), nn.Linear(bottleneck, 2 * code))
        self.decoder = began_decoder(shape, code, width)

    def forward(self, images: Tensor) -> Tensor:
        """Return reconstructions of pairs (n, 2, c, h, w), of the same shape."""
        codes: Tensor = self.encoder(images.flatten(0, 1))
        mixed: Tensor = self.bottleneck(codes.reshape(len(images), -1))
        decoded: Tensor = self.decoder(mixed.reshape(codes.shape))
        return decoded.reshape(images.shape)


def _halvings(shape: Shape) -> int:
    side, halvings = shape[0], 0
    while side > BEGAN_SIDE and side % 2 == 0:
        side, halvings = side // 2, halvings + 1
    if shape[0] != shape[1] or side != BEGAN_SIDE or not halvings:
        raise ValueError(f"shape must have one height and width, a power of 2 from 16, not {shape}")
    return halvings


def _began_encoder(shape: Shape, outputs: int, width: int) -> nn.Sequential:
    """Return 3 × 3 convolutions with ELU, two at each size, the second halves the side (Berthelot et al.)."""
    channels = [width * (k + 1) for k in range(_halvings(shape) + 1)]
    layers: list[nn.Module] = [nn.Conv2d(shape[2], width, 3, padding=1), nn.ELU()]
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, before, 3, padding=1), nn.ELU()]
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ELU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels[-1] * BEGAN_SIDE**2, outputs))


def began_decoder(shape: Shape, inputs: int, width: int) -> nn.Sequential:
    """Return BEGAN's decoder, which is its generator, too: images in about [-1, 1], not limited."""
    layers: list[nn.Module] = []
    for _ in range(_halvings(shape)):
        layers += [nn.Conv2d(width, width, 3, padding=1), nn.ELU(), nn.Upsample(scale_factor=2)]
    return nn.Sequential(
        nn.Linear(inputs, width * BEGAN_SIDE**2),
        Maps(width, BEGAN_SIDE, BEGAN_SIDE),
        *layers,
        nn.Conv2d(width, width, 3, padding=1),
        nn.ELU(),
        nn.Conv2d(width, shape[2], 3, padding=1),
    )
