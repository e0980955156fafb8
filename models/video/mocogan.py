"""MoCoGAN: videos of a content code that stays and motion codes from a recurrent network."""

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from unknot.checks import at_least, count, flag, one_of
from unknot.models.video.game import (
    IMAGE,
    VIDEO,
    Fakes,
    VideoGAN,
    Videos,
    as_videos,
    some_clips,
    some_frames,
)
from unknot.models.video.networks import GENERATORS

__all__ = ["HEADS", "MoCoGAN", "VideoCodes"]

HEADS = ("colour", "frame")
"""What the image generator gives: a mask of content and motion times a colour of content, or a frame."""


class VideoCodes(NamedTuple):
    """Codes of n videos of k frames."""

    content: Tensor
    """z_C, (n, content_dim)."""
    motion: Tensor
    """z_M, (n, k, motion_dim)."""
    category: Tensor | None
    """(n,), of the motion; None without categories."""


class MoCoGAN(VideoGAN):
    """Generates videos frame by frame: one content code a video, a motion code each frame.

    Tulyakov, Liu, Yang and Kautz, "On decomposing motion and content for video generation", 2017 (at CVPR
    2018 as "MoCoGAN: decomposing motion and content for video generation"):

        z_C ~ N(0, I),    ε(k) ~ N(0, I),    z_M(k) = R_M(ε(1), ..., ε(k)),    x̃(k) = G_I(z_C, z_M(k)),

    R_M one layer of GRU, whose first state is N(0, I), too. D_I judges single frames, D_V clips. With
    categories, R_M also reads a one-hot category, the same at each frame.

    Ours, each with what brings the paper's own way: motion alone says where, and content what is there
    (`generator`, "transposed"); R_M remembers its first state (`remember`, 0); a frame is a mask times one
    colour of the content (`head`, "frame"); penalties on the discriminators' slopes (`r1` and `clip_r1`, 0),
    an average of the weights that samples (`average`, 0).

    Args:
        content_dim: dimensions of z_C.
        motion_dim: of z_M.
        noise_dim: of ε.
        remember: what is added to the biases of R_M's update gate at first. With 0 the first state, which
            tells one motion from another, is gone after some frames: the gates halve it at each.
        generator: "modulated" or "transposed".
        head: "colour", for one object of one colour on black, whose place is all that motion says, or
            "frame".
        width: channels of the generator's last maps.
        image_discriminator: whether there is D_I.
        warm_up: the first updates, in which D_I alone judges, if there is one, so that they are cheap.
        categories: of motion, which D_V names; 0 for none.
        **settings: other arguments of `VideoGAN`.

    Raises:
        ValueError: an unknown name, or an argument out of range.
    """

    generator: "ContentMotionGenerator"

    def __init__(
        self,
        *,
        content_dim: int = 16,
        motion_dim: int = 16,
        noise_dim: int = 8,
        remember: float = 3.0,
        generator: str = "modulated",
        head: str = "frame",
        width: int = 16,
        image_discriminator: bool = True,
        warm_up: int = 0,
        categories: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        count(1, content_dim=content_dim, motion_dim=motion_dim, noise_dim=noise_dim, width=width)
        at_least(0, remember=remember)
        count(0, warm_up=warm_up, categories=categories)
        flag(image_discriminator=image_discriminator)
        one_of("generator", generator, GENERATORS)
        one_of("head", head, HEADS)
        images = GENERATORS[generator](self.shape, content_dim, motion_dim, width, colours=head == "colour")
        self._play(
            ContentMotionGenerator(images, content_dim, motion_dim, noise_dim, categories, remember),
            image_discriminator=image_discriminator,
            warm_up=warm_up,
            categories=categories,
        )

    # Use

    @torch.no_grad()
    def sample_codes(self, n: int, frames: int | None = None, category: Tensor | None = None) -> VideoCodes:
        """Sample codes of n videos, by torch's random state.

        Args:
            n: how many.
            frames: of each; default: `length`. There may be more than in training.
            category: (n,), of each; None for random ones.
        """
        count(1, n=n)
        return self._sampler.sample(n, self.length if frames is None else frames, category)

    @torch.no_grad()
    def decode(self, content: Tensor, motion: Tensor) -> Videos:
        """Decode codes (n, content_dim) and (n, k, motion_dim): videos, uint8 (n, k, h, w, c)."""
        each = content.repeat_interleave(motion.shape[1], 0)
        frames: Tensor = self._sampler.images(each, motion.flatten(0, 1))
        return as_videos(frames, len(motion))

    def sample(self, n: int, frames: int | None = None) -> Videos:
        """Generate n videos by torch's random state: uint8 (n, frames, h, w, c)."""
        codes = self.sample_codes(n, frames)
        return self.decode(codes.content, codes.motion)

    @property
    def _sampler(self) -> "ContentMotionGenerator":
        return cast(ContentMotionGenerator, self.sampler)

    # Training

    def _generate(self, clips: int, frames: int) -> Fakes:
        """Generate S_T(ṽ) and S_1(ṽ), each of videos of its own; all frames go through G_I at once."""
        moving = self.generator.sample(clips, self.length)
        still = self.generator.sample(frames, self.length)
        images: Tensor = self.generator.images(
            torch.cat([moving.content.repeat_interleave(self.frames, 0), still.content]),
            torch.cat([some_clips(moving.motion, self.frames).flatten(0, 1), some_frames(still.motion)]),
        )
        videos, singles = images[: clips * self.frames], images[clips * self.frames :]
        samples = {
            VIDEO: videos.reshape(clips, self.frames, *images.shape[1:]).transpose(1, 2),
            IMAGE: singles,
        }
        return Fakes({kind: each for kind, each in samples.items() if len(each)}, moving.category)


class ContentMotionGenerator(nn.Module):
    """R_M and G_I.

    Args:
        images: G_I, from codes (n, content_dim) and (n, motion_dim) to frames (n, c, h, w).
        content_dim: dimensions of z_C.
        motion_dim: of z_M.
        noise_dim: of ε.
        categories: of motion; 0 for none.
        remember: see `MoCoGAN`.
    """

    def __init__(
        self,
        images: nn.Module,
        content_dim: int,
        motion_dim: int,
        noise_dim: int,
        categories: int,
        remember: float,
    ) -> None:
        super().__init__()
        self.images = images
        self.motion = nn.GRU(int(noise_dim + categories), int(motion_dim), batch_first=True)
        gates: Tensor = self.motion.get_parameter("bias_ih_l0").data
        gates[motion_dim : 2 * motion_dim] += remember  # those of the update gate
        self.content_dim, self.noise_dim, self.categories = content_dim, noise_dim, categories

    def sample(self, n: int, frames: int, category: Tensor | None = None) -> VideoCodes:
        """Sample codes of n videos of so many frames; see `MoCoGAN.sample_codes`."""
        device = next(self.parameters()).device
        content = torch.randn(n, self.content_dim, device=device)
        first = torch.randn(1, n, self.motion.hidden_size, device=device)
        inputs = torch.randn(n, frames, self.noise_dim, device=device)
        if self.categories:
            if category is None:
                category = torch.randint(self.categories, (n,), device=device)
            one_hot = functional.one_hot(category, self.categories).to(inputs)
            inputs = torch.cat([inputs, one_hot[:, None].expand(-1, frames, -1)], 2)
        motion, _ = self.motion(inputs, first)
        return VideoCodes(content, motion, category if self.categories else None)
