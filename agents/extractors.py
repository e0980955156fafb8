"""Feature extractors of Stable-Baselines3's policies: scaled arrays, pixels, encoded images."""

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
"""A batch: a tensor, or one for each entry of a Dict, in any order; images are float (n, c, h, w)."""


class ArrayExtractor(BaseFeaturesExtractor):
    """Returns all arrays of an observation, standardised, since codes may have any scale.

    Args:
        observation_space: a Box, or a Dict of them.
        arrays: how many numbers are standardised; by default all.
        more: how many features a subclass adds.
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
        """Return the numbers to standardise, concatenated, (n, d)."""
        parts = _tensors(observations)
        return torch.cat([parts[name].flatten(1) for name in self._names], 1)

    def forward(self, observations: Observations) -> Tensor:
        """Return features (n, d)."""
        return (self.arrays(observations) - self.mean) / self.deviation

    @torch.no_grad()
    def fit(self, observations: Observations) -> None:
        """Standardise by the mean and standard deviation of some observations; only centre constants."""
        arrays = self.arrays(observations)
        if not arrays.shape[1]:
            return
        self.mean.copy_(arrays.mean(0))
        std = arrays.std(0, correction=0)
        self.deviation.copy_(torch.where(std < 1e-6, 1.0, std))


class Places(nn.Module):
    """Finds a few places in an image and reads the features there, which do not depend on the position.

    A spatial softmax (Finn et al. 2016) of each map locates something, such as the agent; there it reads
    features that residual 3 × 3 convolutions have gathered from an increasing neighbourhood.

    Args:
        planes: number of channels of the images.
        square: side in pixels of a place, a square.
        channels: number of channels of each convolution.
        depth: number of convolutions after the first.
        maps: number of places to find.
        width: number of output features.
    """

    sharpness = 4.0
    """Inverse temperature of the softmax: with a lower one, untrained maps would be almost uniform."""

    def __init__(self, planes: int, square: int, channels: int, depth: int, maps: int, width: int) -> None:
        super().__init__()
        self.squares = nn.Conv2d(planes, channels, square, square)
        self.convolutions = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(depth))
        self.maps = nn.Conv2d(channels, maps, 1)
        self.read = nn.Linear(maps * (2 + channels), width)

    def forward(self, images: Tensor) -> Tensor:
        """Return features (n, width) of images (n, planes, h, w) in [0, 1]."""
        content = squares = self.squares(images).relu()
        for convolution in self.convolutions:
            content = (content + convolution(content)).relu()
        axes = [torch.linspace(-1, 1, side, device=images.device) for side in content.shape[2:]]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, 1)
        attention = (self.sharpness * self.maps(squares)).flatten(2).softmax(2)
        places = torch.cat([attention @ grid, attention @ content.flatten(2).mT], 2)
        features: Tensor = self.read(places.flatten(1)).relu()
        return features


class PixelExtractor(ArrayExtractor):
    """Convolves images by squares of pixels, then by 3 × 3 neighbourhoods of squares, then flattens them.

    The images of a Dict, a scene and its goal, are stacked along the channels; other arrays (a goal as an
    array, say) are standardised.

    Args:
        observation_space: a Box or a Dict; its images, channels first, have the same size.
        square: side of a square in pixels.
        channels: number of channels of each convolution.
        depth: number of convolutions after the first.
        width: number of features of the images.
        maps: number of places to find and read features at (`Places`); 0 reads everywhere.

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
        """Return the entries that are not images, (n, d)."""
        parts = _tensors(observations)
        rest = [parts[name].flatten(1) for name in self._names if name not in self._images]
        return torch.cat([parts[self._images[0]].flatten(1)[:, :0], *rest], 1)  # rest may be empty

    def forward(self, observations: Observations) -> Tensor:
        """Return features (n, d); images in [0, 1]."""
        parts = _tensors(observations)
        features = self.net(torch.cat([parts[name] for name in self._images], 1))
        return torch.cat([features, super().forward(observations)], 1)


class EncoderExtractor(ArrayExtractor):
    """A learner's codes of the images, standardised; the algorithm's gradients fine-tune the learner.

    It needs a policy with `normalize_images=False`, since a learner takes uint8 images.

    Args:
        observation_space: a Box or a Dict; images channels first.
        encoder: the learner to begin with. It is copied: an actor and a critic fine-tune one each.

    Raises:
        ValueError: the encoder can't take such images, or its codes have no gradients.
    """

    def __init__(self, observation_space: spaces.Space[Any], encoder: Learner) -> None:
        parts = _parts(observation_space)
        images = [name for name, part in parts.items() if _is_image(part)]
        codes = {name: _encode_blank(encoder, parts[name].shape) for name in images}
        if not all(code.requires_grad for code in codes.values()):
            raise ValueError(f"encoder must give codes with gradients, unlike {type(encoder).__name__}")
        rest = {name: part for name, part in parts.items() if name not in images}
        super().__init__(observation_space, _size(rest) + sum(code.shape[1] for code in codes.values()))
        self._images = images
        self.encoder = copy.deepcopy(encoder).eval()

    def arrays(self, observations: Observations) -> Tensor:
        """Return codes and the entries that are not images, concatenated, (n, d)."""
        parts = _tensors(observations)
        coded = {name: _encode(self.encoder, part) for name, part in parts.items() if name in self._images}
        return super().arrays({**parts, **coded})

    def train(self, mode: bool = True) -> Self:
        """Set the mode, but keep the encoder in evaluation mode, where codes don't depend on the batch."""
        super().train(mode)
        self.encoder.eval()
        return self


def standardize(policy: nn.Module, observations: Observations) -> None:
    """Fit every `ArrayExtractor` of a policy to some observations, in the form that extractors take."""
    for module in policy.modules():
        if isinstance(module, ArrayExtractor):
            module.fit(observations)


def _encode(encoder: Learner, images: Tensor) -> Tensor:
    """Encode float images (n, c, h, w), 0 to 255, to which Stable-Baselines3 converts uint8 ones."""
    return encoder.encode(images.movedim(1, -1).to(torch.uint8))


def _encode_blank(encoder: Learner, shape: tuple[int, ...]) -> Tensor:
    try:
        return _encode(encoder, torch.zeros(2, *shape))
    except RuntimeError as error:  # torch's, from layers of other sizes
        raise ValueError(f"encoder can't take images of shape {shape}, channels first: {error}") from error


def _is_image(space: spaces.Space[Any]) -> bool:
    return isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) == 3


def _parts(space: spaces.Space[Any]) -> dict[str, Any]:
    return dict(space.spaces) if isinstance(space, spaces.Dict) else {"": space}


def _size(parts: Mapping[str, Any]) -> int:
    return sum(int(np.prod(part.shape)) for part in parts.values())


def _tensors(observations: Observations) -> Mapping[str, Tensor]:
    return observations if isinstance(observations, Mapping) else {"": observations}
