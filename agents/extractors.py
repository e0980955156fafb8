"""What Stable-Baselines3's policies make of observations: arrays to scale, pixels, images to encode."""

import copy
from collections.abc import Mapping
from typing import Any, Self, TypeAlias

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from unknot.representation import Learner

__all__ = ["ArrayExtractor", "EncoderExtractor", "PixelExtractor", "standardize"]

Observations: TypeAlias = Tensor | Mapping[str, Tensor]
"""A batch: a tensor, or one for each part of a Dict, in any order; images are float (n, c, h, w)."""


class ArrayExtractor(BaseFeaturesExtractor):
    """Hands on all arrays that are observed, centred and scaled: codes come in any size.

    Args:
        observation_space: a Box, or a Dict of them.
        arrays: how many numbers are scaled; by default all.
        more: how many features a subclass has beside them.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, observation_space: spaces.Space[Any], arrays: int | None = None, more: int = 0
    ) -> None:
        if arrays is None:
            arrays = _size(_parts(observation_space))
        super().__init__(observation_space, arrays + more)
        self._names = list(_parts(observation_space))
        self.register_buffer("mean", torch.zeros(arrays))
        self.register_buffer("deviation", torch.ones(arrays))

    def arrays(self, observations: Observations) -> Tensor:
        """Return what is to be scaled, side by side, (n, d)."""
        parts = _tensors(observations)
        return torch.cat([parts[name].flatten(1) for name in self._names], 1)

    def forward(self, observations: Observations) -> Tensor:
        """Return features (n, d)."""
        return (self.arrays(observations) - self.mean) / self.deviation

    @torch.no_grad()
    def fit(self, observations: Observations) -> None:
        """Centre by the mean over some observations, and scale what is not constant by the deviation."""
        arrays = self.arrays(observations)
        if not arrays.shape[1]:
            return
        self.mean.copy_(arrays.mean(0))
        deviation = arrays.std(0, correction=0)
        self.deviation.copy_(torch.where(deviation < 1e-6, 1.0, deviation))


class Places(nn.Module):
    """Reads images at a few places that it looks for, by what is around them: the same wherever they are.

    A spatial softmax (Finn et al. 2016) of each map says where something is, the agent, say; there features
    are read that residual 3 × 3 convolutions have gathered from further and further away.

    Args:
        planes: channels of the images.
        square: side of the squares of pixels that are places.
        channels: of each convolution.
        depth: convolutions after the first.
        maps: how many places are looked for.
        width: how many features come out.
    """

    sharpness = 4.0
    """Of the softmax: with less, maps would at first look everywhere at once."""

    def __init__(self, planes: int, square: int, channels: int, depth: int, maps: int, width: int) -> None:
        super().__init__()
        self.squares = nn.Conv2d(planes, channels, square, square)
        self.convolutions = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(depth))
        self.maps = nn.Conv2d(channels, maps, 1)
        self.read = nn.Linear(maps * (2 + channels), width)

    def forward(self, images: Tensor) -> Tensor:
        """Return features (n, width) of images (n, planes, h, w) in [0, 1]."""
        what = squares = self.squares(images).relu()
        for convolution in self.convolutions:
            what = (what + convolution(what)).relu()
        axes = [torch.linspace(-1, 1, side, device=images.device) for side in what.shape[2:]]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, 1)
        where = (self.sharpness * self.maps(squares)).flatten(2).softmax(2)
        seen = torch.cat([where @ grid, where @ what.flatten(2).mT], 2)
        features: Tensor = self.read(seen.flatten(1)).relu()
        return features


class PixelExtractor(ArrayExtractor):
    """Sees images in squares of pixels, then in 3 × 3 neighbourhoods of squares, then as a whole.

    The images of a Dict, a scene and its goal, are seen together, channel beside channel; arrays beside
    them (a goal as an array, say) are scaled.

    Args:
        observation_space: a Box or a Dict; its images, channels first, have one size.
        square: side of a square.
        channels: of each convolution.
        depth: convolutions after the first.
        width: features of the images.
        maps: look for so many places and read features there (`Places`); 0 reads everywhere.

    Raises:
        ValueError: a space without an image.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        square: int = 8,
        channels: int = 32,
        depth: int = 2,
        width: int = 128,
        maps: int = 0,
    ) -> None:
        parts = _parts(observation_space)
        images = [name for name, part in parts.items() if _is_image(part)]
        if not images:
            raise ValueError(
                f"observation_space must have an image, uint8 (h, w, c), not {observation_space}"
            )
        rest = {name: part for name, part in parts.items() if name not in images}
        super().__init__(observation_space, _size(rest), width)
        self._images = images
        _, height, columns = parts[self._images[0]].shape
        planes = sum(parts[name].shape[0] for name in self._images)
        self.net: nn.Module
        if maps:
            self.net = Places(planes, square, channels, depth, maps, width)
            return
        layers: list[nn.Module] = [nn.Conv2d(planes, channels, square, square), nn.ReLU()]
        for _ in range(depth):
            layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()]
        places = (height // square) * (columns // square)
        self.net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * places, width), nn.ReLU())

    def arrays(self, observations: Observations) -> Tensor:
        """Return what is no image, (n, d)."""
        parts = _tensors(observations)
        rest = [parts[name].flatten(1) for name in self._names if name not in self._images]
        return torch.cat([parts[self._images[0]].flatten(1)[:, :0], *rest], 1)  # rest may be nothing

    def forward(self, observations: Observations) -> Tensor:
        """Return features (n, d); images in [0, 1]."""
        parts = _tensors(observations)
        seen = self.net(torch.cat([parts[name] for name in self._images], 1))
        return torch.cat([seen, super().forward(observations)], 1)


class EncoderExtractor(ArrayExtractor):
    """A learner's codes of the images, scaled; the algorithm's gradients go on tuning the learner.

    Needs a policy with `normalize_images=False`, since a learner takes images as they are.

    Args:
        observation_space: a Box or a Dict; images channels first.
        encoder: the learner to begin with. It is copied: an actor and a critic each tune their own.

    Raises:
        ValueError: the encoder can't take such images, or passes no gradients on.
    """

    def __init__(self, observation_space: spaces.Space[Any], encoder: Learner) -> None:
        parts = _parts(observation_space)
        images = [name for name, part in parts.items() if _is_image(part)]
        codes = {name: _encode_blank(encoder, parts[name].shape) for name in images}
        if not all(code.requires_grad for code in codes.values()):
            raise ValueError(f"encoder is a {type(encoder).__name__}, which gives codes without gradients")
        rest = {name: part for name, part in parts.items() if name not in images}
        super().__init__(observation_space, _size(rest) + sum(code.shape[1] for code in codes.values()))
        self._images = images
        self.encoder = copy.deepcopy(encoder).eval()

    def arrays(self, observations: Observations) -> Tensor:
        """Return codes, and what is no image, side by side, (n, d)."""
        parts = _tensors(observations)
        coded = {name: _encode(self.encoder, part) for name, part in parts.items() if name in self._images}
        return super().arrays({**parts, **coded})

    def train(self, mode: bool = True) -> Self:
        """Set the mode, but leave the encoder in evaluation, in which its codes depend on no batch."""
        super().train(mode)
        self.encoder.eval()
        return self


def standardize(policy: nn.Module, observations: Observations) -> None:
    """Fit all that scales in a policy to some observations, given as its extractors take them."""
    for module in policy.modules():
        if isinstance(module, ArrayExtractor):
            module.fit(observations)


def _encode(encoder: Learner, images: Tensor) -> Tensor:
    """Encode float images (n, c, h, w), 0 to 255, as Stable-Baselines3 makes them of uint8 ones."""
    return encoder.encode(images.movedim(1, -1).to(torch.uint8))


def _encode_blank(encoder: Learner, shape: tuple[int, ...]) -> Tensor:
    try:
        return _encode(encoder, torch.zeros(2, *shape))
    except RuntimeError as error:  # torch's, of layers of other sizes
        raise ValueError(f"encoder can't take images of shape {shape}, channels first: {error}") from error


def _is_image(space: spaces.Space[Any]) -> bool:
    return isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) == 3


def _parts(space: spaces.Space[Any]) -> dict[str, Any]:
    return dict(space.spaces) if isinstance(space, spaces.Dict) else {"": space}


def _size(parts: Mapping[str, Any]) -> int:
    return sum(int(np.prod(part.shape)) for part in parts.values())


def _tensors(observations: Observations) -> Mapping[str, Tensor]:
    return observations if isinstance(observations, Mapping) else {"": observations}
