"""The dynamics/content split of robust controllable embedding, and RCE itself."""

import math
from typing import Any

import torch
from torch import Tensor

from unknot.checks import at_least
from unknot.representation.gaussian import Gaussian
from unknot.representation.locally_linear import (
    LOG_VARIANCE,
    Encoding,
    LocallyLinear,
    content_priors,
    reconstruction,
)
from unknot.representation.networks import mlp

__all__ = ["RCE"]

RECENT_STATES = 1024
"""Number of recent states of X that form the prior, which finds the cameras of other sets."""
PICTURE_RADIUS = 3.0
"""Distance from the centre up to which codes are decoded; the decoder's patches lie within 2."""


class RCE(LocallyLinear):
    r"""Robust controllable embedding, with the content split off (`content_dim` > 0) or without (0).

    Banijamali, Khajenezhad, Ghodsi and Ghavamzadeh, "Disentangling Dynamics and Content for Control and
    Planning", 2017; without content it is RCE: Banijamali, Shu, Ghavamzadeh, Bui and Ghodsi, "Robust
    Locally-Linear Controllable Embedding", 2017. The bound is the paper's eq. 5 (see `objective`).

    Where the paper leaves something open:

    - The content of a triple comes from x_{t+1}, as in eq. 3, in the reconstruction and in its KL term
      alike (eq. 5 has x_t in the latter): so the bound stays one on log p(x_{t+1} | x_t, u_t).
    - X and Y are never paired. The prior of v (eq. 6) is the mixture of q(z | x_i) over the minibatch, each
      widened by the gain of one action, so that neighbouring components overlap; gradients go to v alone.
      With `views` the mixture is over the last `RECENT_STATES` states, since this term then finds Y's camera:
      the entropy of q(v | y) rises where the camera's map stretches Y's plane; the prior falls where the
      plane extends beyond X's.
    - δ(z_t | ẑ, z̄, u) against δ(ẑ | z̄, z_t, u) leaves a factor |det A|, which eq. 5 drops; here it is
      included.
    - p(w) of set k is a unit Gaussian whose mean, the same in each dimension, goes from 1 for the first set
      to −1 for the last.

    In addition to the aids of `LocallyLinear` there is `swap`: z of an image of X is decoded with the content
    of an image from another set, and encoding the result must return z and w. No paired images are used; the
    shared decoder and this term make the two maps coincide.

    Args:
        swap: weight of the swap term; it needs content and more than one set.
        settings: of `LocallyLinear`.
    """

    def __init__(self, *, swap: float = 1.0, **settings: Any) -> None:
        super().__init__(**settings)
        at_least(0, swap=swap)
        self.swap = swap
        self.backward_transition = mlp(
            self.encoder.features + self.latent_dim + self.action_dim, 64, 2 * self.latent_dim
        )
        self.content_priors: Tensor
        self.register_buffer("content_priors", content_priors(self.sets, self.content_dim))
        if self.views is not None:
            self.recent: Tensor
            self.register_buffer("recent", torch.randn(RECENT_STATES, self.latent_dim))
        self.optimizers = self._adam()

    def objective(
        self, here: Encoding, after: Encoding, passive: Encoding, u: Tensor, free: Tensor, images: Tensor
    ) -> dict[str, Tensor]:
        """Return the terms of −eq. 5, line by line, and the swap term."""
        n = len(u)
        z_hat, w_x = after.dynamics.sample(), after.content.sample()
        seen, w_y = passive.seen.sample(), passive.content.sample()
        v, stretch = self.place(seen, passive.content.mean.detach())
        z, w = torch.cat([z_hat, v]), torch.cat([w_x, w_y])
        logits = self.render(self.see(z, w), w)
        losses = reconstruction(logits, images[n:])

        # z̄ from q(z̄ | ẑ, x_t), around the encoding of x_t; z_t follows from ẑ by the inverse dynamics.
        shift, log_scale = self.backward_transition(torch.cat([here.features, z_hat, u], -1)).chunk(2, -1)
        q_bar = Gaussian(here.dynamics.mean + self.gain * shift, here.dynamics.log_variance + log_scale)
        matrices = self.matrices(q_bar.sample())
        z_t, log_determinant = matrices.invert(z_hat, u)
        terms = {
            "reconstruction": losses[:n].mean(),
            "kl_z_bar": q_bar.kl(here.dynamics).mean(),
            "entropy": -after.dynamics.entropy().mean(),
            "log_p_z": (free * (log_determinant - here.dynamics.log_prob(z_t))).mean(),
        }
        if self.content_dim:
            terms["kl_w"] = after.content.kl(self._content_prior(torch.zeros(n, dtype=torch.long))).mean()
        if len(v):
            per_set = len(v) // (self.sets - 1)
            terms["reconstruction_passive"] = losses[n:].mean()
            terms["kl_v"] = (passive.seen.log_prob(seen) - stretch - self._mixture(v, here)).mean()
            if self.content_dim:
                sets = 1 + torch.arange(len(v)) // per_set
                terms["kl_w_passive"] = passive.content.kl(self._content_prior(sets)).mean()
                if self.swap:
                    terms["swap"] = self.swap * self._swap_loss(here, passive)
        return terms

    def _content_prior(self, sets: Tensor) -> Gaussian:
        mean = self.content_priors[sets.to(self.content_priors.device)]
        return Gaussian(mean, torch.zeros_like(mean))

    def _mixture(self, v: Tensor, here: Encoding) -> Tensor:
        """Return log p(v), (m,), at v (m, latent_dim): see the class."""
        z = here.dynamics.detach()
        if self.views is not None:
            rows = (torch.arange(len(z.mean)) + int(self.updates) * len(z.mean)) % RECENT_STATES
            self.recent[rows.to(v.device)] = z.mean
            z = Gaussian(self.recent, torch.full_like(self.recent, LOG_VARIANCE[0]))
        variance = torch.logaddexp(z.log_variance, torch.full_like(z.mean, 2 * math.log(self.gain)))
        return torch.logsumexp(Gaussian(z.mean, variance).log_prob(v[:, None]), 1) - math.log(len(z.mean))

    def _swap_loss(self, here: Encoding, passive: Encoding) -> Tensor:
        """Decode z of X with contents of other sets, encode the result, and compare it with the inputs."""
        chosen = torch.randperm(len(passive.content.mean))[: len(here.dynamics.mean)]
        z, w = here.dynamics.mean[: len(chosen)], passive.content.mean[chosen].detach()
        seen = self.see(z, w).detach()  # kl_v alone finds the cameras
        again = self._encode(torch.sigmoid(self.render(seen, w)))
        difference = ((again.seen.mean - seen) / self.gain).square().sum(-1)
        if self.views is not None:  # nothing is decoded outside of a camera's picture
            difference = difference * (seen.abs().amax(-1) <= PICTURE_RADIUS)
        return 4 * difference.mean() + (again.content.mean - w).square().sum(-1).mean()
