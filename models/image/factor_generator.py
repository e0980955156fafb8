"""The conditional generator that shows which factors a growing capacity is spent on."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unknot.models.image.networks import bernoulli, conv_decoder, draw_weights, gaussian_kl
from unknot.representation.learner import Learner, image_tensor

__all__ = ["FactorGenerator"]

POINTS = 100
"""Stretches of training that the trace has."""
HASTE = 10
"""How much faster channels learn than the decoder: each is two numbers, which a step of Adam moves by no more
than its rate, and they must keep up with C to share it out freely."""


class FactorGenerator(Learner):
    """Draws images from their true factors through channels whose capacity, in all, is a target C that grows.

    Burgess et al., "Understanding disentangling in β-VAE", 2018, section 4.3, eq. 7:

        E log p(x | z) - γ |KL(q(z | f) || p(z)) - C|,    z_i = a_i f_i + σ_i ε_i,

    a and σ learnt, f standardised. So KL(q(z_i | f) || p(z_i)) is what factor i is given. C rises linearly
    from `first` to `capacity` over `growth` updates. It has nothing to encode images with.

    Args:
        factors: mean and standard deviation of each factor, a single number, by its name.
        shape: (height, width, channels) of the images, as in `conv_decoder`.
        gamma: γ, at least 0.
        first: C in the beginning, in nats.
        capacity: C in the end.
        growth: updates over which C rises, at least 1.
        width: channels of the convolutions.
        hidden: units of the other layers.
        learning_rate: Adam's.

    Attributes:
        trace: (100, factors + 2), means over each hundredth of the growth: C and the KLs, in the order of
            `factors`, and -log p(x | z), all in nats; nan where none has been yet.

    Raises:
        ValueError: no factors, or an argument out of range.
    """

    def __init__(
        self,
        *,
        factors: Mapping[str, tuple[float, float]],
        shape: tuple[int, int, int] = (64, 64, 1),
        gamma: float = 1000.0,
        first: float = 0.5,
        capacity: float = 25.0,
        growth: int = 100_000,
        width: int = 32,
        hidden: int = 256,
        learning_rate: float = 5e-4,
    ) -> None:
        super().__init__()
        if not factors:
            raise ValueError("factors must be at least one, not none")
        bounds = {
            "gamma": (gamma, 0),
            "first": (first, 0),
            "capacity": (capacity, first),
            "growth": (growth, 1),
        }
        for name, (value, least) in bounds.items():
            if value < least:
                raise ValueError(f"{name} must be at least {least}, not {value}")
        self.factors = {name: (float(mean), float(scale)) for name, (mean, scale) in factors.items()}
        self.shape: tuple[int, int, int] = (shape[0], shape[1], shape[2])
        self.gamma, self.first, self.capacity, self.growth = gamma, first, capacity, growth
        self.width, self.hidden, self.learning_rate = width, hidden, learning_rate
        self.scale = nn.Parameter(torch.full((len(factors),), 0.1))
        self.log_variance = nn.Parameter(torch.zeros(len(factors)))
        self.decoder = conv_decoder(self.shape, len(factors), width, hidden).apply(draw_weights)
        self.updates: Tensor
        self.trace: Tensor
        self.register_buffer("updates", torch.tensor(0))
        self.register_buffer("trace", torch.full((POINTS, len(factors) + 2), torch.nan))
        channels: dict[str, Any] = {"params": [self.scale, self.log_variance], "lr": HASTE * learning_rate}
        decoder = {"params": [*self.decoder.parameters()]}
        self.optimizers = {"adam": torch.optim.Adam([decoder, channels], learning_rate)}

    def settings(self) -> dict[str, Any]:
        """Return the constructor's keyword arguments."""
        names = "gamma first capacity growth width hidden learning_rate"
        factors = {name: list(moments) for name, moments in self.factors.items()}
        own = {name: getattr(self, name) for name in names.split()}
        return {"factors": factors, "shape": list(self.shape), **own}

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Refuse: there is no encoder.

        Raises:
            TypeError: always.
        """
        raise TypeError("FactorGenerator draws images from factors and can't encode them")

    def target(self) -> Tensor:
        """Return C of the next update, in nats."""
        return self.first + (self.capacity - self.first) * (self.updates / self.growth).clamp_max(1)

    def moments(self, factors: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of q(z | f), (n, factors) each, of factors (n,) by name."""
        f = torch.stack([(factors[name].float() - m) / s for name, (m, s) in self.factors.items()], 1)
        return self.scale * f, self.log_variance.expand(len(f), -1)

    def decode(self, z: Tensor) -> Tensor:
        """Draw codes z (n, factors): images, float (n, h, w, c) in [0, 1]."""
        images: Tensor = self.decoder(z).sigmoid().movedim(1, -1)
        return images

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step.

        Args:
            batch: `observation`, uint8 (n, h, w, c), and the factors (n,) by their names.

        Returns:
            `reconstruction`, `target` and the KL of each factor as `kl_NAME`, in nats.
        """
        mean, log_variance = self.moments(batch)
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        images = image_tensor(batch["observation"], z.device)
        reconstruction = bernoulli(self.decoder(z), images).mean()
        kl = gaussian_kl(mean, log_variance).mean(0)
        target = self.target()
        optimizer = self.optimizers["adam"]
        optimizer.zero_grad()
        (reconstruction + self.gamma * (kl.sum() - target).abs()).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        self._record(torch.cat([target[None], kl.detach(), reconstruction.detach()[None]]))
        each = {f"kl_{name}": value for name, value in zip(self.factors, kl.detach(), strict=True)}
        return {"reconstruction": reconstruction.detach(), "target": target, **each}

    def _record(self, values: Tensor) -> None:
        """Put values into the mean of the stretch they belong to."""
        done = int(self.updates)
        self.updates += 1
        point = done * POINTS // self.growth
        if point >= POINTS:
            return
        first = -(-point * self.growth // POINTS)
        row = self.trace[point]
        row.copy_(values if done == first else row + (values - row) / (done - first + 1))
