"""Video as factors that each predict their own future (Whitney and Fergus, 2017)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unknot.checks import above, at_least, count, flag, one_of, within
from unknot.models.video.predictor_networks import (
    NETWORKS,
    BeliefUpdate,
    Transitions,
    frame_decoder,
    frame_encoder,
)
from unknot.representation.gaussian import Gaussian
from unknot.representation.learner import Learner, anneal, descend_within, image_tensor
from unknot.representation.networks import image_shape

__all__ = ["DECODERS", "Bound", "IndependentPredictor"]

Clips = NDArray[np.uint8] | Tensor

DECODERS = ("joint", "sum")
"""All factors are decoded together, as in the paper; or one by one by the same network, and summed."""
FIRST_WEIGHT = 0.01
"""Weight of the KL before the first update of a warm-up."""


LARGEST_GRADIENT = 100.0
"""Norm that a gradient is scaled down to; one wrong prediction can have a thousand times
the usual, and undo what was learnt."""


@dataclass(frozen=True)
class Bound:
    """The two parts of the lower bound of log p(x), by one sample, of n clips of t frames, in nats."""

    log_likelihood: Tensor
    """log p(x_t | z_t) of each frame, constants included, (n, t)."""
    kl: Tensor
    """KL of the belief from the prediction, of each factor, (n, t, k)."""

    @property
    def per_frame(self) -> Tensor:
        """The bound divided by the frames, (n,)."""
        return (self.log_likelihood - self.kl.sum(2)).mean(1)


class IndependentPredictor(Learner):
    """A temporal variational autoencoder whose latent factors evolve independently.

    Whitney and Fergus, "Disentangling video with independent prediction", 2017. z_t has k factors, and

        log p(X) >= sum_t E log p(x_t | z_t) - KL(q(z_t | z_t-1, x_t) || prod_i p(z_t^i | z_t-1^i)),

    with p(z_1) = N(0, I) and Gaussian pixels of a fixed variance. q sees the prediction, not z_t-1, and no
    gradient goes from q to the transitions. With one factor it is the paper's entangled model.

    Args:
        shape: (height, width, channels) of the frames; a square whose side is a power of 2 from 8.
        factors: k.
        factor_dim: d, dimension of each factor.
        network: what encodes and decodes frames, and updates beliefs: "dcgan", as in the paper, whose batch
            norm makes the bound of a frame depend on its batch; "conv", with group norm, more features, and
            a linear path from them to the belief, with which all objects are learnt.
        width: channels of the first convolution, 64 in the paper.
        hidden: features of a frame, and units of q's layers, of "conv"; "dcgan" has 32 and k d.
        decoder: "joint", as in the paper; "sum" decodes each factor by itself, by one network for all, and
            adds the images to a background.
        residual: a transition adds to z_t-1; without it, it computes z_t's mean anew, as in the paper.
        variance: of a pixel in [0, 1]: 0.25 for digits and 0.05 for streets in the paper.
        prediction_weight: weight of log p of each frame but the first where it is decoded from the mean of
            its prediction. With 0, as in the paper, velocities are learnt late or never.
        likelihood_weight: weight of each pixel; 4 for means of 2 × 2 pixels, so that the bound is that of the
            full frame.
        warm_up: updates over which the weight of the KL rises from 0.01 to 1, by the same factor in each; 0
            for none, as in the paper.
        learning_rate: Adam's at the start.
        steps: updates over which the learning rate falls to 0 along half a cosine; 0 for a rate that stays,
            as in the paper.

    Raises:
        ValueError: an unknown name or an argument out of range.

    Example:
        Every factor has dynamics of its own. Let the second stand still while the first goes on:

        >>> learner = IndependentPredictor(shape=(32, 32, 3), factors=2, factor_dim=4, width=8)
        >>> clips = torch.randint(256, (5, 6, 32, 32, 3)).byte()
        >>> z = learner.factors_of(clips)[:, -1]  # (5, 2, 4)
        >>> for _ in range(3):
        ...     z[:, 0] = learner.next_factor(0, z[:, 0]).mean
        >>> learner.decode_factors(z).shape
        torch.Size([5, 32, 32, 3])
    """

    def __init__(
        self,
        *,
        shape: tuple[int, int, int] = (64, 64, 3),
        factors: int = 2,
        factor_dim: int = 8,
        network: str = "conv",
        width: int = 32,
        hidden: int = 256,
        decoder: str = "joint",
        residual: bool = True,
        variance: float = 0.25,
        likelihood_weight: float = 1.0,
        prediction_weight: float = 0.0,
        warm_up: int = 0,
        learning_rate: float = 3e-4,
        steps: int = 0,
    ) -> None:
        super().__init__()
        count(1, factors=factors, factor_dim=factor_dim, width=width, hidden=hidden)
        count(0, warm_up=warm_up, steps=steps)
        one_of("decoder", decoder, DECODERS)
        one_of("network", network, NETWORKS)
        flag(residual=residual)
        above(0, variance=variance, likelihood_weight=likelihood_weight, learning_rate=learning_rate)
        at_least(0, prediction_weight=prediction_weight)
        self.shape, self.factors, self.factor_dim = image_shape(shape), factors, factor_dim
        self.decoder_kind, self.variance, self.likelihood_weight = decoder, variance, likelihood_weight
        self.prediction_weight = prediction_weight
        self.warm_up, self.learning_rate, self.steps = warm_up, learning_rate, steps
        size = factors * factor_dim
        self.encoder, features = frame_encoder(network, self.shape, width, hidden)
        units = hidden if network == "conv" else size
        self.belief = BeliefUpdate(size, features, units, direct=network == "conv")
        self.transitions = Transitions(factors, factor_dim, residual)
        inputs = size if decoder == "joint" else factor_dim
        self.decoder = frame_decoder(network, self.shape, inputs, width)
        self.background = nn.Parameter(torch.zeros(self.shape[2], *self.shape[:2]))
        # Images come in this order; on CPUs convolutions are faster in it.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.updates: Tensor
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), learning_rate, fused=True)}

    # Codes

    def encode(self, images: Clips) -> Tensor:
        """Return the means of q after the last frame, (n, k d).

        Args:
            images: clips, uint8 (n, t, h, w, c), or single frames (n, h, w, c).
        """
        return self.factors_of(images)[:, -1].flatten(1)

    def factors_of(self, clips: Clips, *, sample: bool = False) -> Tensor:
        """Return the factors at every frame, (n, t, k, d), of clips or frames as `encode` takes them.

        Args:
            clips: the clips.
            sample: return samples of q, each step's from the one before; else the means of q.
        """
        return self._follow(self._tensor(clips), sample)[2]

    def decode(self, codes: Tensor) -> Tensor:
        """Decode codes (n, k d), as `encode` returns them: frames, float (n, h, w, c) in [0, 1]."""
        return self.decode_factors(codes.reshape(len(codes), self.factors, self.factor_dim))

    def decode_factors(self, z: Tensor) -> Tensor:
        """Decode factors (n, k, d): frames, float (n, h, w, c) in [0, 1]."""
        return self._pixels(z).clamp(0, 1).movedim(1, -1)

    # Dynamics

    def next_factors(self, z: Tensor) -> Gaussian:
        """Return p(z_t+1 | z_t) of all factors, mean and log variance (n, k, d), of z_t (n, k, d)."""
        return self.transitions(z)  # type: ignore[no-any-return]

    def next_factor(self, factor: int, z: Tensor) -> Gaussian:
        """Return p(z_t+1^i | z_t^i) of one factor, mean and log variance (n, d), of its value (n, d).

        Raises:
            ValueError: there is no such factor.
        """
        self._check_factor(factor)
        every = torch.zeros(len(z), self.factors, self.factor_dim, device=z.device)
        every[:, factor] = z
        after = self.next_factors(every)
        return Gaussian(after.mean[:, factor], after.log_variance[:, factor])

    def predict(self, clips: Clips, frames: int, replace: Mapping[int, Tensor] | None = None) -> Tensor:
        """Predict what follows clips, by the transitions' means.

        Args:
            clips: uint8 (n, t, h, w, c).
            frames: how many to predict.
            replace: new values (n, d) of some factors after the last frame, by the factor's number; the
                others go on as they would.

        Returns:
            float (n, frames, h, w, c) in [0, 1].

        Raises:
            ValueError: clips of another kind, fewer than one frame, or no such factor.
        """
        count(1, frames=frames)
        z = self.factors_of(clips)[:, -1]
        for factor, value in (replace or {}).items():
            self._check_factor(factor)
            z[:, factor] = value
        return self.decode_path(self.imagine(z, frames))

    def imagine(self, z: Tensor, steps: int) -> Tensor:
        """Return the factors of the next steps, (n, steps, k, d), from z (n, k, d), by means."""
        path = []
        for _ in range(steps):
            z = self.next_factors(z).mean
            path.append(z)
        return torch.stack(path, 1)

    def decode_path(self, z: Tensor) -> Tensor:
        """Decode factors over time (n, t, k, d): clips, float (n, t, h, w, c) in [0, 1]."""
        return self.decode_factors(z.flatten(0, 1)).reshape(*z.shape[:2], *self.shape)

    # Training

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step on a batch's clips.

        Args:
            batch: `observation`, uint8 (n, t, h, w, c).

        Returns:
            Means over clips and frames, in nats: `bound`, `log_likelihood`, `kl`, and, with a
            `prediction_weight`, `predicted`, log p of frames decoded from predictions; and `gradient`, the
            norm before it is scaled down.
        """
        frames = self._tensor(batch["observation"])
        followed = self._follow(frames, sample=True)
        parts = self._bound(frames, *followed)
        kl, likelihood = parts.kl.sum(2).mean(), parts.log_likelihood.mean()
        loss = self.kl_weight * kl - likelihood
        terms = {"bound": parts.per_frame.mean(), "log_likelihood": likelihood, "kl": kl}
        if self.prediction_weight and frames.shape[1] > 1:
            predicted = torch.stack([each.mean for each in followed[0][1:]], 1)
            terms["predicted"] = self._log_likelihood(predicted, frames[:, 1:]).mean()
            loss = loss - self.prediction_weight * terms["predicted"]
        optimizer = self.optimizers["adam"]
        if self.steps:
            anneal(optimizer, int(self.updates), self.steps, self.learning_rate)
        terms["gradient"] = descend_within(LARGEST_GRADIENT, loss, optimizer)
        self.updates += 1
        return {name: term.detach() for name, term in terms.items()}

    @property
    def kl_weight(self) -> float:
        """Weight of the KL in the next update."""
        done = min(int(self.updates) / self.warm_up, 1.0) if self.warm_up else 1.0
        return float(FIRST_WEIGHT ** (1 - done))

    def bound(self, clips: Clips) -> Bound:
        """Return the lower bound of clips, uint8 (n, t, h, w, c), by one sample of z."""
        frames = self._tensor(clips)
        return self._bound(frames, *self._follow(frames, sample=True))

    def _bound(
        self, frames: Tensor, predictions: list[Gaussian], beliefs: list[Gaussian], path: Tensor
    ) -> Bound:
        """Return the bound of frames (n, t, c, h, w), of what `_follow` returns."""
        kl = torch.stack([q.kl(p) for q, p in zip(beliefs, predictions, strict=True)], 1)
        return Bound(self._log_likelihood(path, frames), kl)

    def _log_likelihood(self, z: Tensor, frames: Tensor) -> Tensor:
        """Return log p(x | z) of frames (n, t, c, h, w) and factors (n, t, k, d): (n, t), in nats."""
        squares = (self._pixels(z.flatten(0, 1)) - frames.flatten(0, 1)).square().flatten(1) / self.variance
        nats = -0.5 * (squares + math.log(2 * math.pi * self.variance)).sum(1)
        return self.likelihood_weight * nats.reshape(frames.shape[:2])

    def _follow(self, frames: Tensor, sample: bool) -> tuple[list[Gaussian], list[Gaussian], Tensor]:
        """Return predictions and beliefs at every frame, (n, k, d) each, and z: samples, or beliefs' means.

        Args:
            frames: (n, t, c, h, w).
            sample: z are samples.
        """
        n, t = frames.shape[:2]
        features = self.encoder(frames.flatten(0, 1)).reshape(n, t, -1)
        zeros = torch.zeros(n, self.factors, self.factor_dim, device=frames.device)
        prediction = Gaussian(zeros, zeros)
        seen = Gaussian(zeros.flatten(1), zeros.flatten(1))  # the prior, N(0, I)
        predictions, beliefs, path = [], [], []
        for time in range(t):
            belief = self.belief(features[:, time], seen)
            belief = Gaussian(belief.mean.view_as(zeros), belief.log_variance.view_as(zeros))
            z = belief.sample() if sample else belief.mean
            predictions.append(prediction)
            beliefs.append(belief)
            path.append(z)
            prediction = self.next_factors(z)
            seen = Gaussian(prediction.mean.flatten(1), prediction.log_variance.flatten(1)).detach()
        return predictions, beliefs, torch.stack(path, 1)

    def _pixels(self, z: Tensor) -> Tensor:
        """Return the pixels' means, (n, c, h, w), of factors (n, k, d)."""
        if self.decoder_kind == "joint":
            decoded = self.decoder(z.flatten(1))
        else:
            each = self.decoder(z.flatten(0, 1))
            decoded = each.reshape(*z.shape[:2], *each.shape[1:]).sum(1)
        pixels: Tensor = self.background + decoded
        return pixels

    def _check_factor(self, factor: int) -> None:
        count(0, factor=factor)
        within(0, self.factors - 1, factor=factor)

    def _tensor(self, clips: Clips) -> Tensor:
        """Return clips, or frames as clips of one, as floats (n, t, c, h, w) in [0, 1]."""
        clips = torch.as_tensor(clips)
        if clips.ndim == 4:
            clips = clips[:, None]
        if clips.ndim != 5 or not clips.shape[1]:
            raise ValueError(
                f"clips must be uint8 (n, t, height, width, channels) of at least one frame, or frames "
                f"(n, height, width, channels), not {tuple(clips.shape)}"
            )
        frames = image_tensor(clips.flatten(0, 1), self.updates.device, self.shape)
        return frames.reshape(*clips.shape[:2], *frames.shape[1:])
