"""A generator of videos of one code, as VGAN: the baseline of MoCoGAN."""

from typing import Any

import torch
from torch import Tensor

from unknot.checks import count
from unknot.models.video.game import VIDEO, Fakes, VideoGAN, Videos, as_videos, some_clips
from unknot.models.video.networks import VideoGenerator

__all__ = ["VGAN"]


class VGAN(VideoGAN):
    """Generates a video of one code: a moving foreground, its mask, and a ground that stays.

    After Vondrick, Pirsiavash and Torralba, "Generating videos with scene dynamics", 2016; networks and game
    are those of our MoCoGAN, so that the difference is what a code stands for. D_V alone judges.

    Args:
        latent_dim: dimensions of the code.
        width: channels of the generator's last maps.
        **settings: other arguments of `VideoGAN`.

    Raises:
        ValueError: an argument out of range.
    """

    def __init__(self, *, latent_dim: int = 32, width: int = 16, **settings: Any) -> None:
        super().__init__(**settings)
        count(1, latent_dim=latent_dim, width=width)
        self.latent_dim = latent_dim
        self._play(VideoGenerator(self.shape, self.length, latent_dim, width))

    @torch.no_grad()
    def sample(self, n: int) -> Videos:
        """Generate n videos by torch's random state: uint8 (n, length, h, w, c)."""
        count(1, n=n)
        videos: Tensor = self.sampler(self._codes(n))
        return as_videos(videos.flatten(0, 1), n)

    def _generate(self, clips: int, frames: int) -> Fakes:
        videos: Tensor = self.generator(self._codes(clips))
        return Fakes({VIDEO: some_clips(videos, self.frames).transpose(1, 2)}, None)

    def _codes(self, n: int) -> Tensor:
        return torch.randn(n, self.latent_dim, device=self.updates.device)
