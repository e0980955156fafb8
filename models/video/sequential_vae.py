"""A variational autoencoder of videos: a code of what stays and a code of each frame."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from unknot.checks import above, count
from unknot.models.image.networks import conv_decoder, conv_encoder, he_initialise
from unknot.models.video.game import Videos, as_videos, check_videos
from unknot.models.video.mocogan import VideoCodes
from unknot.representation.gaussian import Gaussian, bounded
from unknot.representation.learner import Trainable, anneal, descend_within
from unknot.representation.networks import image_shape

__all__ = ["SequentialVAE"]

LEAST, MOST = -8.0, 4.0
"""Bounds of log variances."""
FIRST_LOG_VARIANCE = -4.0
"""Of q before training; with variances of 1 noise hides what an untrained encoder says."""
LARGEST_GRADIENT = 1.0
"""Norm that the gradient of the bound, in nats of a channel of a pixel, is scaled down to."""


class _Posterior(NamedTuple):
    """q of n videos of t frames."""

    content: Gaussian
    """(n, content_dim)."""
    motion: Gaussian
    """(n, t, motion_dim)."""


class SequentialVAE(Trainable):
    """Encodes videos as content, one code a video, and motion, a code each frame; generates from both.

    Li and Mandt, "Disentangled sequential autoencoder", 2018, the "full" model:

        p(f) = N(0, I),    p(z_t | z_<t) by an LSTM,    p(x_t | f, z_t) Gaussian,
        q(f | x_1..T) and q(z_t | x_1..T, f) by LSTMs that read both ways.

    The variance of pixels is the mean squared error of each update, at which the bound is greatest:
    Rybkin, Daniilidis and Levine, "Simple and effective VAE training with calibrated decoders", 2021.

    Args:
        shape: (height, width, channels) of the frames, a square whose side is a power of 2 from 8.
        length: frames of a generated video, at least 1.
        content_dim: dimensions of f.
        motion_dim: of z_t.
        width: channels of the convolutions.
        hidden: units of dense layers and LSTMs.
        steps: updates of the whole training, over which the learning rate falls to 0 along half a cosine.
        learning_rate: Adam's at the start.

    Raises:
        ValueError: an argument out of range.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, int, int] = (64, 64, 3),
        length: int = 16,
        content_dim: int = 16,
        motion_dim: int = 16,
        width: int = 32,
        hidden: int = 128,
        steps: int = 10_000,
        learning_rate: float = 1e-3,
    ) -> None:
        super().__init__()
        count(1, length=length, content_dim=content_dim, motion_dim=motion_dim, width=width, hidden=hidden)
        count(1, steps=steps)
        above(0, learning_rate=learning_rate)
        self.shape, self.length = image_shape(shape), length
        self.content_dim, self.motion_dim = content_dim, motion_dim
        self.steps, self.learning_rate = steps, learning_rate
        self.encoder = conv_encoder(self.shape, hidden, width, hidden)
        self.decoder = conv_decoder(self.shape, content_dim + motion_dim, width, hidden)
        for network in (self.encoder, self.decoder):
            network.apply(he_initialise)
        both_ways = {"batch_first": True, "bidirectional": True}
        self.watch = nn.LSTM(hidden, hidden, **both_ways)
        self.content = nn.Linear(2 * hidden, 2 * content_dim)
        self.follow = nn.LSTM(hidden + content_dim, hidden, **both_ways)
        self.motion = nn.Linear(2 * hidden, 2 * motion_dim)
        self.recall = nn.LSTMCell(motion_dim, hidden)
        self.predict = nn.Linear(hidden, 2 * motion_dim)
        for last, dim in ((self.content, content_dim), (self.motion, motion_dim)):
            nn.init.constant_(last.bias[dim:], FIRST_LOG_VARIANCE)
        self.updates: Tensor
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), learning_rate, fused=True)}

    # Use

    @torch.no_grad()
    def encode_videos(self, videos: Videos | Tensor) -> VideoCodes:
        """Return the means of q of uint8 videos (n, t, h, w, c), of any length."""
        found = self._posterior(self._tensor(videos), sample=False)
        return VideoCodes(found.content.mean, found.motion.mean, None)

    @torch.no_grad()
    def sample_codes(self, n: int, frames: int | None = None) -> VideoCodes:
        """Sample codes of n videos from the prior, by torch's random state.

        Args:
            n: how many.
            frames: of each; default: `length`. There may be more than in training.
        """
        count(1, n=n)
        content = torch.randn(n, self.content_dim, device=self.updates.device)
        z, state, path = content.new_zeros(n, self.motion_dim), None, []
        for _ in range(self.length if frames is None else frames):
            state = self.recall(z, state)
            z = _gaussian(self.predict(state[0])).sample()
            path.append(z)
        return VideoCodes(content, torch.stack(path, 1), None)

    @torch.no_grad()
    def decode(self, content: Tensor, motion: Tensor) -> Videos:
        """Decode codes (n, content_dim) and (n, k, motion_dim): videos, uint8 (n, k, h, w, c)."""
        return as_videos(self._pixels(content, motion).flatten(0, 1), len(motion))

    def sample(self, n: int, frames: int | None = None) -> Videos:
        """Generate n videos by torch's random state: uint8 (n, frames, h, w, c)."""
        codes = self.sample_codes(n, frames)
        return self.decode(codes.content, codes.motion)

    # Training

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step.

        Args:
            batch: `observation`, uint8 (n, t, h, w, c).

        Returns:
            `error`, the mean squared error of a channel in [0, 1]; `content` and `motion`, the KL of either
            code in nats of a video; and `gradient`, the norm before it is scaled down.
        """
        optimizer = self.optimizers["adam"]
        anneal(optimizer, int(self.updates), self.steps, self.learning_rate)
        frames = self._tensor(batch["observation"])
        found = self._posterior(frames, sample=True)
        content, motion = found.content.sample(), found.motion.sample()
        error = (self._pixels(content, motion) - frames).square().mean()
        zeros = torch.zeros_like(content)
        terms = {
            "content": found.content.kl(Gaussian(zeros, zeros)).mean(),
            "motion": found.motion.kl(self._predicted(motion)).sum(1).mean(),
        }
        loss = 0.5 * error.log() + (terms["content"] + terms["motion"]) / frames[0].numel()
        norm = descend_within(LARGEST_GRADIENT, loss, optimizer)
        self.updates += 1
        return {name: term.detach() for name, term in {"error": error, **terms, "gradient": norm}.items()}

    def _posterior(self, frames: Tensor, *, sample: bool) -> _Posterior:
        """Return q of frames (n, t, c, h, w); that of z sees a sample of f, or its mean."""
        features = self.encoder(frames.flatten(0, 1)).reshape(*frames.shape[:2], -1).relu()
        _, (last, _) = self.watch(features)
        content = _gaussian(self.content(last.movedim(0, 1).flatten(1)))
        f = content.sample() if sample else content.mean
        seen, _ = self.follow(torch.cat([features, f[:, None].expand(-1, features.shape[1], -1)], 2))
        return _Posterior(content, _gaussian(self.motion(seen)))

    def _predicted(self, motion: Tensor) -> Gaussian:
        """Return p(z_t | z_<t) of codes (n, t, motion_dim)."""
        before, state, heard = torch.zeros_like(motion[:, 0]), None, []
        for z in motion.unbind(1):
            state = self.recall(before, state)
            heard.append(state[0])
            before = z
        return _gaussian(self.predict(torch.stack(heard, 1)))

    def _pixels(self, content: Tensor, motion: Tensor) -> Tensor:
        """Return pixels (n, t, c, h, w) in [0, 1] of codes (n, content_dim) and (n, t, motion_dim)."""
        codes = torch.cat([content[:, None].expand(-1, motion.shape[1], -1), motion], 2)
        frames: Tensor = self.decoder(codes.flatten(0, 1)).sigmoid()
        return frames.reshape(*motion.shape[:2], *frames.shape[1:])

    def _tensor(self, videos: Videos | Tensor) -> Tensor:
        """Return videos as floats (n, t, c, h, w) in [0, 1]."""
        tensor = check_videos(videos, self.shape, 1).to(self.updates.device)
        return tensor.movedim(-1, 2).float() / 255


def _gaussian(moments: Tensor) -> Gaussian:
    """Return Gaussians of the means, then the log variances, on the last axis."""
    mean, log_variance = moments.chunk(2, -1)
    return Gaussian(mean, bounded(log_variance, LEAST, MOST))
