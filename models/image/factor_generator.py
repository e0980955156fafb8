"""The conditional generator that shows which factors use a growing capacity."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from unknot.checks import above, at_least, count, finite
from unknot.models.image.networks import bernoulli, conv_decoder, he_initialise
from unknot.representation.learner import Trainable, descend, image_tensor
from unknot.representation.networks import image_shape

__all__ = ["FactorGenerator"]

POINTS = 100
"""Intervals of training in the trace."""
UNIFORM_SHARE = 0.1
"""Share of C that is distributed uniformly: without any capacity a factor can't show its value."""
SHARING_RATE = 1e-2
"""Adam's learning rate for the shares, much higher than the decoder's, so that they adapt to it."""


class FactorGenerator(Trainable):
    """Generates images from their true factors through channels whose total capacity is a growing target C.

    Burgess et al., "Understanding disentangling in β-VAE", 2018, section 4.3, eq. 7:

        E log p(x | z) - γ |KL(q(z | f) || p(z)) - C|,    z_i = a_i f_i + σ_i ε_i,

    f standardised. C rises linearly from `first` to `capacity` over `growth` updates. The paper keeps the KL
    near C by γ = 1,000. Here it is exactly C: KL_i = C p_i with learnt shares p, a softmax of which a tenth
    is distributed uniformly, and a_i² + σ_i² = 1, which is optimal for a given KL, so that σ_i² = exp(-2
    KL_i). So shares depend only on their value for the reconstruction. With a penalty, γ would move them too,
    and as strongly for factors without value yet, since Adam scales each gradient separately.

    Args:
        factors: mean and standard deviation of each factor, a single number, by its name.
        shape: (height, width, channels) of the images, as in `conv_decoder`.
        first: initial C, in nats, above 0.
        capacity: final C.
        growth: updates over which C rises, at least 1.
        width: channels of the convolutions.
        hidden: units of the other layers.
        learning_rate: Adam's, of the decoder.

    Attributes:
        trace: (100, factors + 2), means over each hundredth of the growth: C and the KLs, in the order of
            `factors`, and -log p(x | z), all in nats; NaN for intervals that have not begun.

    Raises:
        ValueError: no factors, or an argument out of range.
    """

    def __init__(
        self,
        *,
        factors: Mapping[str, tuple[float, float]],
        shape: tuple[int, int, int] = (64, 64, 1),
        first: float = 0.5,
        capacity: float = 25.0,
        growth: int = 100_000,
        width: int = 32,
        hidden: int = 256,
        learning_rate: float = 5e-4,
    ) -> None:
        super().__init__()
        _check_factors(factors)
        above(0, first=first, learning_rate=learning_rate)
        at_least(first, capacity=capacity)
        count(1, growth=growth, width=width, hidden=hidden)
        self.factors = {name: (float(mean), float(scale)) for name, (mean, scale) in factors.items()}
        self.shape = image_shape(shape)
        self.first, self.capacity, self.growth = first, capacity, growth
        self.width, self.hidden, self.learning_rate = width, hidden, learning_rate
        self.preferences = nn.Parameter(torch.zeros(len(factors)))
        self.decoder = conv_decoder(self.shape, len(factors), width, hidden).apply(he_initialise)
        self.updates: Tensor
        self.trace: Tensor
        self.register_buffer("updates", torch.tensor(0))
        self.register_buffer("trace", torch.full((POINTS, len(factors) + 2), torch.nan))
        decoder: dict[str, Any] = {"params": [*self.decoder.parameters()]}
        shares = {"params": [self.preferences], "lr": SHARING_RATE}
        self.optimizers = {"adam": torch.optim.Adam([decoder, shares], learning_rate, fused=True)}

    def target(self) -> Tensor:
        """Return C of the next update, in nats."""
        return self.first + (self.capacity - self.first) * (self.updates / self.growth).clamp_max(1)

    def capacities(self) -> Tensor:
        """Return KL(q(z_i | f) || p(z_i)) of each factor over all data, in nats; their sum is C."""
        shares = (1 - UNIFORM_SHARE) * self.preferences.softmax(0) + UNIFORM_SHARE / len(self.factors)
        return self.target() * shares

    def moments(self, factors: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return mean and variance of q(z | f), (n, factors) and (factors,), of factors (n,) by name."""
        f = torch.stack([(factors[name].float() - m) / s for name, (m, s) in self.factors.items()], 1)
        capacities = self.capacities()
        return (-torch.expm1(-2 * capacities)).sqrt() * f, (-2 * capacities).exp()

    def decode(self, z: Tensor) -> Tensor:
        """Decode codes z (n, factors): images, float (n, h, w, c) in [0, 1]."""
        images: Tensor = self.decoder(z).sigmoid().movedim(1, -1)
        return images

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step.

        Args:
            batch: `observation`, uint8 (n, h, w, c), and the factors (n,) by their names.

        Returns:
            `reconstruction`, `target` and the KL of each factor as `kl_NAME`, in nats.
        """
        mean, variance = self.moments(batch)
        z = mean + variance.sqrt() * torch.randn_like(mean)
        images = image_tensor(batch["observation"], z.device, self.shape)
        reconstruction = bernoulli(self.decoder(z), images).mean()
        target, kl = self.target(), self.capacities().detach()
        descend(reconstruction, self.optimizers["adam"])
        self._record(torch.cat([target[None], kl, reconstruction.detach()[None]]))
        each = {f"kl_{name}": value for name, value in zip(self.factors, kl, strict=True)}
        return {"reconstruction": reconstruction.detach(), "target": target, **each}

    def _record(self, values: Tensor) -> None:
        """Add values to the mean of their interval."""
        done = int(self.updates)
        self.updates += 1
        point = done * POINTS // self.growth
        if point >= POINTS:
            return
        first = -(-point * self.growth // POINTS)
        row = self.trace[point]
        row.copy_(values if done == first else row + (values - row) / (done - first + 1))


def _check_factors(factors: Any) -> None:
    if not isinstance(factors, Mapping) or not factors:
        raise ValueError(f"factors must be means and standard deviations, at least one, not {factors!r}")
    for name, pair in factors.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ValueError(f"factors[{name!r}] must be a mean and a standard deviation, not {pair!r}")
        finite(**{f"factors[{name!r}]": pair[0]})
        above(0, **{f"factors[{name!r}]": pair[1]})
