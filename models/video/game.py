"""The adversarial game of videos: a generator against a discriminator of frames and one of clips."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from unknot.checks import above, at_least, count, within
from unknot.models.adversarial import discriminator_loss, generator_loss, slope_penalty
from unknot.models.image.infogan_networks import conv_critic
from unknot.models.video.networks import video_discriminator
from unknot.representation.learner import Trainable, descend
from unknot.representation.networks import image_shape

__all__ = ["Fakes", "VideoGAN"]

Videos = NDArray[np.uint8]

PENALISE_EVERY = 8
"""Updates from one penalty on the discriminators' slopes to the next, which counts as many times more."""


class Fakes(NamedTuple):
    """Generated samples of one update, in [0, 1]."""

    clips: Tensor
    """(clips, channels, frames, h, w)."""
    frames: Tensor
    """Single frames, each of a video of its own, (n, channels, h, w); none where no discriminator sees any."""
    category: Tensor | None = None
    """(clips,), that each was generated for."""


class VideoGAN(Trainable):
    """A generator of videos in its game against D_I, which judges frames, and D_V, which judges clips.

    The losses are those of Goodfellow et al., "Generative adversarial nets", 2014, in the form that does not
    saturate. D_V also names the category that a clip was generated for, as in InfoGAN: it and the generator
    both descend the cross-entropy. D_I and D_V learn first, and the generator learns from the same samples.

    Args:
        shape: (height, width, channels) of the frames, a square whose side is a power of 2 from 8.
        frames: of a clip, which D_V judges, at least 2.
        categories: how many D_V tells apart; 0 for none.
        clips: of an update, at most the batch's; the other videos of the batch give D_I a frame alone.
        discriminator_width: channels of the discriminators' first convolutions.
        image_discriminator: whether there is D_I.
        r1: weight of the penalty on the discriminators' slopes at real samples, at least 0.
        average: how much of itself the average of the generator's weights keeps at an update, which samples
            videos; 0 samples by the weights as they are.
        learning_rate: Adam's, of the generator.
        discriminator_rate: Adam's, of the discriminators.
        momentum: Adam's β1, of both.
        weight_decay: Adam's, of both.

    Raises:
        ValueError: an argument out of range.
    """

    updates: Tensor
    """How many there were."""

    def __init__(
        self,
        *,
        shape: tuple[int, int, int] = (64, 64, 3),
        frames: int = 16,
        categories: int = 0,
        clips: int = 8,
        discriminator_width: int = 16,
        image_discriminator: bool = True,
        r1: float = 0.2,
        average: float = 0.999,
        learning_rate: float = 1e-3,
        discriminator_rate: float = 1e-3,
        momentum: float = 0.5,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__()
        count(1, clips=clips, discriminator_width=discriminator_width)
        count(2, frames=frames)
        count(0, categories=categories)
        at_least(0, r1=r1, weight_decay=weight_decay)
        above(0, learning_rate=learning_rate, discriminator_rate=discriminator_rate)
        within(0, 0.99999, average=average, momentum=momentum)
        self.shape = image_shape(shape)
        self.frames, self.categories, self.clips, self.r1 = frames, categories, clips, r1
        self.average = average
        self.discriminators = nn.ModuleDict(
            {"video": video_discriminator(self.shape, frames, 1 + categories, discriminator_width)}
        )
        if image_discriminator:
            self.discriminators["image"] = conv_critic(self.shape, 1, discriminator_width)
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self._rates = {"discriminators": discriminator_rate, "generator": learning_rate}
        self._adam: dict[str, Any] = {"betas": (momentum, 0.999), "weight_decay": weight_decay}

    def _play(self, generator: nn.Module) -> None:
        """Enter the generator, with all that learns beside the discriminators; the end of a constructor."""
        self.generator = generator
        averaging = get_ema_multi_avg_fn(self.average)
        self.averaged = (
            AveragedModel(generator, multi_avg_fn=averaging, use_buffers=True) if self.average else None
        )
        self.optimizers = {
            name: torch.optim.Adam(getattr(self, name).parameters(), rate, **self._adam)
            for name, rate in self._rates.items()
        }

    @abstractmethod
    def sample(self, n: int) -> Videos:
        """Generate n videos by torch's random state: uint8 (n, frames, h, w, c)."""

    @abstractmethod
    def _generate(self, clips: int, frames: int) -> Fakes:
        """Generate so many clips, and so many single frames of other videos."""

    @property
    def sampler(self) -> nn.Module:
        """The generator that samples videos: the averaged one, if there is."""
        sampler: nn.Module = self.generator if self.averaged is None else self.averaged.module
        return sampler

    # Training

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step of the discriminators, then one of the generator against them.

        Args:
            batch: `observation`, uint8 (n, t, h, w, c), t at least `frames`; with categories perhaps
                `category`, int64 (n,), which D_V then learns to name, too.

        Returns:
            The losses `D_V`, `D_I` and `G`, without penalties; with categories `category`, the cross-entropy
            of generated clips, in nats.
        """
        videos = self._tensor(batch["observation"])
        clips = min(self.clips, len(videos))
        real = {"image": some_frames(videos), "video": some_clips(videos[:clips], self.frames)}
        names = batch["category"][:clips] if self.categories and "category" in batch else None
        fakes = self._generate(clips, len(videos) if "image" in self.discriminators else 0)
        losses = self._discriminate(real, fakes, names)
        losses |= self._deceive(fakes)
        self.updates += 1
        if self.averaged is not None:
            self.averaged.update_parameters(self.generator)
        return losses

    def _discriminate(
        self, real: Mapping[str, Tensor], fakes: Fakes, names: Tensor | None
    ) -> dict[str, float | Tensor]:
        """Do one step of D_I and D_V: 1 for what is real, 0 for what is generated."""
        clips, fake_clips = self._judge(torch.cat([real["video"], fakes.clips.detach()])).split(
            [len(real["video"]), len(fakes.clips)]
        )
        scalars = {"D_V": discriminator_loss(clips[:, 0], fake_clips[:, 0])}
        loss = scalars["D_V"] + self._category_loss(fake_clips, fakes.category)
        loss = loss + self._category_loss(clips, names)
        if "image" in self.discriminators:
            frames = self.discriminators["image"](torch.cat([real["image"], fakes.frames.detach()]))
            scalars["D_I"] = discriminator_loss(*frames.split([len(real["image"]), len(fakes.frames)]))
            loss = loss + scalars["D_I"]
        if self.r1 and int(self.updates) % PENALISE_EVERY == 0:
            for name in self.discriminators:
                penalty = slope_penalty(lambda x, d=self.discriminators[name]: d(x)[:, 0], real[name])  # type: ignore[misc]
                loss = loss + self.r1 * PENALISE_EVERY * penalty
        descend(loss, self.optimizers["discriminators"])
        return {name: value.detach() for name, value in scalars.items()}

    def _deceive(self, fakes: Fakes) -> dict[str, float | Tensor]:
        """Do one step of the generator: D_I and D_V should take what is generated for real."""
        judged = self._judge(fakes.clips)
        named = self._category_loss(judged, fakes.category)
        loss = generator_loss(judged[:, 0])
        if "image" in self.discriminators:
            loss = loss + generator_loss(self.discriminators["image"](fakes.frames))
        descend(loss + named, self.optimizers["generator"])
        return {"G": loss.detach()} | ({"category": named.detach()} if self.categories else {})

    def _judge(self, clips: Tensor) -> Tensor:
        """Return D_V's log odds and logits of categories, (n, 1 + categories)."""
        outputs: Tensor = self.discriminators["video"](clips)
        return outputs

    def _category_loss(self, judged: Tensor, category: Tensor | None) -> Tensor:
        """Return -E log Q(c | ṽ), 0 without categories."""
        if category is None:
            return judged.new_zeros(())
        return functional.cross_entropy(judged[:, 1:], category)

    def _tensor(self, videos: Videos | Tensor) -> Tensor:
        """Return uint8 videos (n, t, h, w, c) as floats in [0, 1], (n, c, t, h, w)."""
        return video_tensor(videos, self.updates.device, self.shape, self.frames)


def video_tensor(
    videos: Videos | Tensor, device: torch.device | str, shape: tuple[int, int, int], frames: int
) -> Tensor:
    """Convert videos from the format of sources to that of networks.

    Args:
        videos: uint8 (n, t, h, w, c), t at least `frames`.
        device: of the result.
        shape: (h, w, c).
        frames: the fewest.

    Returns:
        float32 (n, c, t, h, w) in [0, 1].

    Raises:
        ValueError: another dtype or shape, or fewer frames.
    """
    tensor = torch.as_tensor(videos)
    fits = tensor.dtype == torch.uint8 and tensor.ndim == 5 and tuple(tensor.shape[2:]) == shape
    if not fits or tensor.shape[1] < frames:
        raise ValueError(
            f"videos must be uint8 (n, at least {frames}, {', '.join(map(str, shape))}), "
            f"not {tensor.dtype} {tuple(tensor.shape)}"
        )
    return tensor.to(device).movedim(-1, 1).float() / 255


def some_frames(videos: Tensor) -> Tensor:
    """Return S_1 of videos (n, c, t, h, w): a frame of each, at random, (n, c, h, w)."""
    time = torch.randint(videos.shape[2], (len(videos),), device=videos.device)
    return videos[torch.arange(len(videos), device=videos.device), :, time]


def some_clips(videos: Tensor, frames: int) -> Tensor:
    """Return S_T of videos (n, c, t, h, w): consecutive frames of each from a random one on."""
    first = torch.randint(videos.shape[2] - frames + 1, (len(videos), 1), device=videos.device)
    time = first + torch.arange(frames, device=videos.device)
    return videos.transpose(1, 2)[torch.arange(len(videos), device=videos.device)[:, None], time].transpose(1, 2)
