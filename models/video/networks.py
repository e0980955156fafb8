"""Networks of models of videos: generators and discriminators of frames and of whole videos."""

import math
from collections.abc import Callable, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from unknot.checks import count
from unknot.models.image.networks import he_initialise
from unknot.representation.networks import Maps

__all__ = [
    "GENERATORS",
    "ModulatedGenerator",
    "TransposedGenerator",
    "VideoGenerator",
    "frame_discriminator",
    "video_discriminator",
]

Shape = tuple[int, int, int]

CELLS = 4
"""Side, in cells, of the maps that generators begin with and discriminators end with."""
GREATEST_FACTOR = 4
"""The greatest number of channels, as a multiple of the smallest."""
PLACES = 8
"""Maps in which motion says where things are, in frames of more than one object."""
PLACE_UNITS = 64
"""Units of the dense layers from motion to the place of the one object."""
BELL, HEIGHT = 1 / 40, 4.0
"""Standard deviation, as a share of the side, and height of the bell that marks the place of one object."""
DRAWING = 3
"""Convolutions in which content says what is there; they reach three pixels each way, as far as shapes do."""
BLACK = -2.0
"""What a mask's log odds are at first, everywhere: most of a frame is ground."""


def channels_of(shape: Shape, width: int) -> list[int]:
    """Return channels after each halving of the side down to 4 cells: `width`, twice that, four times.

    Raises:
        ValueError: frames that are not square, or whose side is no power of 2 from 8.
    """
    height, across, _ = shape
    halvings = round(math.log2(max(height, 1) / CELLS))
    if height != across or halvings < 1 or CELLS << halvings != height:
        raise ValueError(f"shape must have one height and width, a power of 2 from 8, not {shape}")
    return [int(width) * min(2**step, GREATEST_FACTOR) for step in range(halvings)]


class Bell(nn.Module):
    """Draws a place as a Gaussian bell on a map, at a whole pixel.

    Between pixels, an object of the same pixels would have to be drawn of each of many bells. The gradient
    takes the rounding for the identity (the straight-through estimator of Bengio et al., 2013).

    Args:
        side: of the square map, in pixels.
    """

    pixels: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        self.register_buffer("pixels", torch.arange(side, dtype=torch.float32), persistent=False)

    def forward(self, place: Tensor) -> Tensor:
        """Return maps (n, 1, side, side) of places (n, 2), whose sigmoid is a share of the side."""
        side = len(self.pixels)
        centre = place.sigmoid()[:, :, None] * (side - 1)
        centre = centre + (centre.round() - centre).detach()
        rows, columns = torch.exp(-(((self.pixels - centre) / (BELL * side)) ** 2) / 2).unbind(1)
        return HEIGHT * rows[:, None, :, None] * columns[:, None, None, :]


class ModulatedGenerator(nn.Module):
    """Generates frames: motion says where something is, content draws what is there.

    If a frame shows one object, motion gives its two coordinates, which a bell marks on a map as large as the
    frame. Otherwise motion draws `PLACES` maps; they begin with 4 × 4 cells and are doubled by repetition,
    each time followed by a 3 × 3 convolution and a group norm of one group. From the maps, three convolutions
    draw, after each of which content scales and moves the channels (Perez et al., "FiLM", 2018). So content
    can move something to three pixels from what motion marks at most.

    Args:
        shape: (height, width, channels) of the frames, a square whose side is a power of 2 from 8.
        content_dim: dimensions of the content code.
        motion_dim: of the motion code.
        width: channels of the last maps; earlier ones have up to four times as many.
        colours: with it, a frame is a mask, of content and motion, times one colour, of content alone, on
            black.

    Raises:
        ValueError: another shape.
    """

    def __init__(self, shape: Shape, content_dim: int, motion_dim: int, width: int, *, colours: bool) -> None:
        super().__init__()
        sizes = channels_of(shape, width)[::-1]
        last = sizes[-1]
        self.where = _place(motion_dim, shape[0]) if colours else _places(motion_dim, sizes)
        inputs = (1 if colours else PLACES, *[last] * (DRAWING - 1))
        self.convolutions = nn.ModuleList(nn.Conv2d(size, last, 3, padding=1) for size in inputs)
        self.norm = nn.GroupNorm(1, last, affine=False)
        self.modulations = nn.ModuleList(nn.Linear(content_dim, 2 * last) for _ in inputs)
        self.last = nn.Conv2d(last, 1 if colours else shape[2], 1)
        self.colour = nn.Linear(content_dim, shape[2]) if colours else None
        for each in (self.where, self.convolutions):  # torch's first weights let little of a place through
            each.apply(he_initialise)
        nn.init.constant_(self.last.bias, BLACK)  # type: ignore[arg-type]

    def forward(self, content: Tensor, motion: Tensor) -> Tensor:
        """Return frames in [0, 1], (n, channels, h, w), of codes (n, content_dim) and (n, motion_dim)."""
        maps: Tensor = self.where(motion)
        for convolution, modulation in zip(self.convolutions, self.modulations, strict=True):
            scale, offset = modulation(content)[:, :, None, None].chunk(2, 1)
            maps = self.norm(convolution(maps)) * (1 + scale) + offset
            maps = nn.functional.leaky_relu(maps, 0.2)
        frames: Tensor = self.last(maps).sigmoid()
        return frames if self.colour is None else frames * self.colour(content).sigmoid()[:, :, None, None]


def _place(motion_dim: int, side: int) -> nn.Sequential:
    """Return what draws one map of codes (n, motion_dim), of a place."""
    return nn.Sequential(
        *(nn.Linear(motion_dim, PLACE_UNITS), nn.LeakyReLU(0.2)),
        *(nn.Linear(PLACE_UNITS, PLACE_UNITS), nn.LeakyReLU(0.2)),
        *(nn.Linear(PLACE_UNITS, 2), Bell(side)),
    )


def _places(motion_dim: int, sizes: list[int]) -> nn.Sequential:
    """Return what draws `PLACES` maps of codes (n, motion_dim)."""
    return nn.Sequential(
        nn.Linear(motion_dim, sizes[0] * CELLS**2),
        Maps(sizes[0], CELLS, CELLS),
        *_upsampling(nn.Conv2d, sizes),
        nn.Conv2d(sizes[-1], PLACES, 1),
    )


class TransposedGenerator(nn.Module):
    """Generates frames by transposed convolutions with batch norm, as in the authors' code and DCGAN.

    Arguments are those of `ModulatedGenerator`. Content and motion are one code from the start.
    """

    def __init__(self, shape: Shape, content_dim: int, motion_dim: int, width: int, *, colours: bool) -> None:
        super().__init__()
        sizes = channels_of(shape, width)[::-1]
        layers: list[nn.Module] = [nn.ConvTranspose2d(content_dim + motion_dim, sizes[0], CELLS, bias=False)]
        for before, after in pairwise(sizes):
            layers += [nn.BatchNorm2d(before), nn.ReLU()]
            layers.append(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False))
        layers += [nn.BatchNorm2d(sizes[-1]), nn.ReLU()]
        outputs = 1 if colours else shape[2]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(sizes[-1], outputs, 4, stride=2, padding=1))
        self.colour = nn.Linear(content_dim, shape[2]) if colours else None

    def forward(self, content: Tensor, motion: Tensor) -> Tensor:
        """Return frames in [0, 1], (n, channels, h, w), of codes (n, content_dim) and (n, motion_dim)."""
        frames: Tensor = self.layers(torch.cat([content, motion], 1)[:, :, None, None]).sigmoid()
        return frames if self.colour is None else frames * self.colour(content).sigmoid()[:, :, None, None]


GENERATORS: Mapping[str, Callable[..., nn.Module]] = {
    "modulated": ModulatedGenerator,
    "transposed": TransposedGenerator,
}
"""Generators of frames by name."""


class VideoGenerator(nn.Module):
    """Generates whole videos of one code: a moving foreground, its mask, and a ground that stays.

    Vondrick, Pirsiavash and Torralba, "Generating videos with scene dynamics", 2016, eq. 3. Here maps are
    upsampled by repetition and normalised in one group, as in `ModulatedGenerator`.

    Args:
        shape: (height, width, channels) of the frames, a square whose side is a power of 2 from 8.
        length: frames of a video, a multiple of the side divided by 4.
        latent_dim: dimensions of the code.
        width: channels of the last maps.

    Raises:
        ValueError: another shape or number of frames.
    """

    def __init__(self, shape: Shape, length: int, latent_dim: int, width: int) -> None:
        super().__init__()
        sizes = channels_of(shape, width)[::-1]
        first = _first_frames(length, len(sizes))
        self.foreground = nn.Sequential(
            nn.Linear(latent_dim, sizes[0] * first * CELLS**2),
            nn.Unflatten(1, (sizes[0], first, CELLS, CELLS)),
            *_upsampling(nn.Conv3d, sizes),
        )
        self.moving = nn.Conv3d(sizes[-1], shape[2], 3, padding=1)
        self.mask = nn.Conv3d(sizes[-1], 1, 3, padding=1)
        self.ground = nn.Sequential(
            nn.Linear(latent_dim, sizes[0] * CELLS**2),
            nn.Unflatten(1, (sizes[0], CELLS, CELLS)),
            *_upsampling(nn.Conv2d, sizes),
            nn.Conv2d(sizes[-1], shape[2], 3, padding=1),
        )
        nn.init.constant_(self.mask.bias, BLACK)  # type: ignore[arg-type]

    def forward(self, codes: Tensor) -> Tensor:
        """Return videos in [0, 1], (n, length, channels, h, w), of codes (n, latent_dim)."""
        maps = self.foreground(codes)
        mask, moving = self.mask(maps).sigmoid(), self.moving(maps).sigmoid()
        videos: Tensor = mask * moving + (1 - mask) * self.ground(codes).sigmoid()[:, :, None]
        return videos.transpose(1, 2)


def _first_frames(length: int, halvings: int) -> int:
    count(1, length=length)
    if length % (1 << halvings):
        raise ValueError(f"length must be a multiple of {1 << halvings}, a quarter of the side, not {length}")
    return int(length) >> halvings


def _upsampling(kind: Callable[..., nn.Module], sizes: list[int]) -> list[nn.Module]:
    """Return doublings, each followed by a convolution of a kind."""
    layers: list[nn.Module] = [nn.GroupNorm(1, sizes[0]), nn.LeakyReLU(0.2)]
    for before, after in pairwise([sizes[0], *sizes]):
        convolution = kind(before, after, 3, padding=1)
        layers += [nn.Upsample(scale_factor=2), convolution, nn.GroupNorm(1, after), nn.LeakyReLU(0.2)]
    return layers


def frame_discriminator(shape: Shape, width: int) -> nn.Sequential:
    """Return convolutions of 4 × 4 and stride 2, from frames (n, channels, h, w) to log odds (n, 1).

    Args:
        shape: (height, width, channels) of the frames, a square whose side is a power of 2 from 8.
        width: channels of the first convolution; each next one has twice as many, up to four times.

    Raises:
        ValueError: another shape.
    """
    before, layers = shape[2], list[nn.Module]()
    for channels in channels_of(shape, width):
        layers += [nn.Conv2d(before, channels, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        before = channels
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * CELLS**2, 1))


def video_discriminator(shape: Shape, frames: int, outputs: int, width: int) -> nn.Sequential:
    """Return convolutions over space and time, from videos (n, channels, frames, h, w) to (n, outputs).

    Kernels are of 4 × 4 × 4, and strides of 2, in time as long as two frames are left. There is no
    normalisation, since the penalty on slopes is for each video separately.

    Args:
        shape: (height, width, channels) of the frames.
        frames: of a video, at least 2.
        outputs: units of the last layer.
        width: channels of the first convolution; each next one has twice as many, up to four times.

    Raises:
        ValueError: another shape or number of frames.
    """
    count(2, frames=frames)
    before, left, layers = shape[2], frames, list[nn.Module]()
    for channels in channels_of(shape, width):
        kernel, stride, padding = (4, 2, 1) if left > 1 else (1, 1, 0)
        layers.append(
            nn.Conv3d(before, channels, (kernel, 4, 4), stride=(stride, 2, 2), padding=(padding, 1, 1))
        )
        layers.append(nn.LeakyReLU(0.2))
        before, left = channels, max(left // 2, 1)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * left * CELLS**2, outputs))
