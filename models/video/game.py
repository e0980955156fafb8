"""The adversarial game of videos: a generator against a discriminator of frames and one of clips."""

from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from unknot.checks import above, at_least, count, within
from unknot.models.adversarial import discriminator_loss, generator_loss, moving_average, r1_penalty
from unknot.models.video.networks import frame_discriminator, video_discriminator
from unknot.representation.learner import Trainable, as_images, descend
from unknot.representation.networks import image_shape

__all__ = ["IMAGE", "VIDEO", "Fakes", "VideoGAN"]

Videos = NDArray[np.uint8]

IMAGE, VIDEO = "image", "video"
"""Names of the discriminators, D_I and D_V."""
PENALISE_EVERY = 8
"""Updates from one penalty on the discriminators' slopes to the next, which counts as many times more."""


class Fakes(NamedTuple):
    """Generated samples of one update, in [0, 1]."""

    samples: dict[str, Tensor]
    """For each discriminator that judges: `VIDEO`, clips (n, c, frames, h, w); `IMAGE`, frames (n, c, h, w),
    each of a video of its own."""
    category: Tensor | None
    """(n,), that each clip was generated for."""


class VideoGAN(Trainable):
    """A generator of videos in its game against D_I, which judges frames, and D_V, which judges clips.

    The losses are those of Goodfellow et al., "Generative adversarial nets", 2014, in the form that does not
    saturate. D_V also names the category that a clip was generated for, as in InfoGAN: it and the generator
    both descend the cross-entropy. Where real clips come with theirs, D_V learns the names from these alone.
    D_I and D_V learn first, and the generator learns from the same samples.

    Args:
        shape: (height, width, channels) of the frames, a square whose side is a power of 2 from 8.
        frames: of a clip, which D_V judges, at least 2.
        length: frames of a generated video, at least `frames`: D_V judges some of them, consecutive ones from
            a random one on, and D_I judges one. Real videos should be as long.
        clips: of an update, at most the batch's; the other videos of the batch give D_I a frame alone.
        discriminator_width: channels of the discriminators' first convolutions.
        r1: weight of the penalty on D_I's slopes at real frames, at least 0.
        clip_r1: of the penalty on D_V's slopes at real clips, at least 0.
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
        length: int = 32,
        clips: int = 8,
        discriminator_width: int = 16,
        r1: float = 0.01,
        clip_r1: float = 2.0,
        average: float = 0.999,
        learning_rate: float = 1e-3,
        discriminator_rate: float = 1e-3,
        momentum: float = 0.5,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__()
        count(1, clips=clips, discriminator_width=discriminator_width)
        count(2, frames=frames)
        count(frames, length=length)
        at_least(0, r1=r1, clip_r1=clip_r1, weight_decay=weight_decay)
        above(0, learning_rate=learning_rate, discriminator_rate=discriminator_rate)
        within(0, 0.99999, average=average, momentum=momentum)
        self.shape = image_shape(shape)
        self.frames, self.length, self.clips = frames, length, clips
        self.discriminator_width, self.average = discriminator_width, average
        self.r1 = {IMAGE: r1, VIDEO: clip_r1}
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self._rates = {"discriminators": discriminator_rate, "generator": learning_rate}
        self._adam: dict[str, Any] = {
            "betas": (float(momentum), 0.999),
            "weight_decay": weight_decay,
            "fused": True,
        }

    def _play(
        self,
        generator: nn.Module,
        *,
        image_discriminator: bool = False,
        warm_up: int = 0,
        categories: int = 0,
    ) -> None:
        """Enter all that learns; the end of a constructor.

        Args:
            generator: the generator.
            image_discriminator: whether there is D_I.
            warm_up: the first updates, in which D_I alone judges, if there is one, so that they are cheap.
            categories: how many D_V tells apart; 0 for none.
        """
        self.generator, self.categories = generator, categories
        self.warm_up = warm_up if image_discriminator else 0
        width = self.discriminator_width
        self.discriminators = nn.ModuleDict(
            {VIDEO: video_discriminator(self.shape, self.frames, 1 + categories, width)}
        )
        if image_discriminator:
            self.discriminators[IMAGE] = frame_discriminator(self.shape, width)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):  # takes a quarter less time
                module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = moving_average(generator, self.average)
        self.optimizers = {
            name: torch.optim.Adam(getattr(self, name).parameters(), rate, **self._adam)
            for name, rate in self._rates.items()
        }

    @abstractmethod
    def sample(self, n: int) -> Videos:
        """Generate n videos by torch's random state: uint8 (n, length, h, w, c)."""

    @abstractmethod
    def _generate(self, clips: int, frames: int) -> Fakes:
        """Generate so many clips, and so many single frames of other videos."""

    @property
    def sampler(self) -> nn.Module:
        """The generator that samples videos, the averaged one."""
        return self.averaged.module

    # Training

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step of the discriminators, then one of the generator against them.

        Args:
            batch: `observation`, uint8 (n, t, h, w, c), t at least `frames`; with categories perhaps
                `category`, int64 (n,), which D_V then learns to name in place of those of generated clips.

        Returns:
            The losses `D_V` (not in the warm-up), `D_I` and `G`, without penalties; with categories
            `category`, the cross-entropy of generated clips, in nats.
        """
        videos = check_videos(batch["observation"], self.shape, self.frames).to(self.updates.device)
        clips = min(self.clips, len(videos)) if int(self.updates) >= self.warm_up else 0
        fakes = self._generate(clips, len(videos) if IMAGE in self.discriminators else 0)
        real = {IMAGE: _floats(some_frames(videos)), VIDEO: _floats(some_clips(videos[:clips], self.frames))}
        names = batch["category"][:clips] if self.categories and "category" in batch else None
        losses = self._discriminate(real, fakes, names) | self._deceive(fakes)
        self.updates += 1
        self.averaged.update_parameters(self.generator)
        return losses

    def _discriminate(
        self, real: Mapping[str, Tensor], fakes: Fakes, names: Tensor | None
    ) -> dict[str, float | Tensor]:
        """Do one step of D_I and D_V: 1 for what is real, 0 for what is generated."""
        losses, penalties = {}, []
        for kind, generated in fakes.samples.items():
            both = torch.cat([real[kind], generated.detach()])
            ours, theirs = self.discriminators[kind](both).split([len(real[kind]), len(generated)])
            losses[kind] = discriminator_loss(ours[:, 0], theirs[:, 0])
            if kind == VIDEO:  # of real clips where their categories are known
                named = _surprise(theirs, fakes.category) if names is None else _surprise(ours, names)
                penalties.append(named)
            if self.r1[kind] and int(self.updates) % PENALISE_EVERY == 0:
                weight = self.r1[kind] * PENALISE_EVERY
                penalties.append(weight * r1_penalty(partial(self._odds, kind), real[kind]))
        descend(torch.stack([*losses.values(), *penalties]).sum(), self.optimizers["discriminators"])
        return {f"D_{kind[0].upper()}": loss.detach() for kind, loss in losses.items()}

    def _odds(self, kind: str, samples: Tensor) -> Tensor:
        """Return a discriminator's log odds that samples are real, (n,)."""
        judged: Tensor = self.discriminators[kind](samples)
        return judged[:, 0]

    def _deceive(self, fakes: Fakes) -> dict[str, float | Tensor]:
        """Do one step of the generator: D_I and D_V should take what is generated for real."""
        judged = {kind: self.discriminators[kind](each) for kind, each in fakes.samples.items()}
        loss = torch.stack([generator_loss(each[:, 0]) for each in judged.values()]).sum()
        losses = {"G": loss.detach()}
        if fakes.category is not None and VIDEO in judged:
            surprise = _surprise(judged[VIDEO], fakes.category)
            losses["category"] = surprise.detach()
            loss = loss + surprise
        descend(loss, self.optimizers["generator"])
        return dict(losses)


def check_videos(videos: Videos | Tensor, shape: tuple[int, int, int], frames: int) -> Tensor:
    """Return videos as a tensor.

    Args:
        videos: uint8 (n, t, h, w, c), t at least `frames`.
        shape: (h, w, c).
        frames: the fewest.

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
    return tensor


def as_videos(frames: Tensor, number: int) -> Videos:
    """Return frames in [0, 1], (n × t, c, h, w), as n videos, uint8 (n, t, h, w, c)."""
    images = as_images(frames.movedim(1, -1))
    return images.reshape(number, -1, *images.shape[1:])


def _floats(images: Tensor) -> Tensor:
    """Return uint8 frames or clips, channels last, as floats in [0, 1], channels second."""
    return images.movedim(-1, 1).float() / 255


def _surprise(judged: Tensor, category: Tensor | None) -> Tensor:
    """Return -E log Q(c | v) of D_V's outputs (n, 1 + categories), 0 without categories."""
    if category is None:
        return judged.new_zeros(())
    return functional.cross_entropy(judged[:, 1:], category)


def some_frames(videos: Tensor) -> Tensor:
    """Return S_1 of videos (n, t, ...): a frame of each, at random, (n, ...)."""
    time = torch.randint(videos.shape[1], (len(videos),), device=videos.device)
    return videos[torch.arange(len(videos), device=videos.device), time]


def some_clips(videos: Tensor, frames: int) -> Tensor:
    """Return S_T of videos (n, t, ...): consecutive frames of each from a random one on, (n, frames, ...)."""
    first = torch.randint(videos.shape[1] - frames + 1, (len(videos), 1), device=videos.device)
    time = first + torch.arange(frames, device=videos.device)
    return videos[torch.arange(len(videos), device=videos.device)[:, None], time]
