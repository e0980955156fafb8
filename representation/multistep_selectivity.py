"""Embeddings of policies that take several steps, and the latent model of where they lead."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from unknot.checks import at_least, count
from unknot.representation.interaction import Act, sample_actions
from unknot.representation.learner import descend, image_tensor
from unknot.representation.scene_selectivity import PlaceEncoder
from unknot.representation.selectivity import (
    Bilinear,
    Selectivity,
    anisotropy,
    contrast,
    log_taken,
    steps_of,
)

__all__ = ["MultistepSelectivity"]

LAYOUT_SHARE = 0.15
"""Share of training that learns single steps, which lays out the codes."""
INITIAL_KERNEL_FACTOR = 2.5
"""How many times wider the kernel is at the end of the layout than at the end of training."""
RATE_FACTORS = {"policy": 0.2, "generator": 2.0, "model": 2.5}
"""Factor of the learning rate after the layout, by part; 1 for the others."""
DECODER_NOISE = 0.3
"""Standard deviation of the noise on codes that the decoder learns from."""


class MultistepSelectivity(Selectivity):
    """`Selectivity` of policies of k steps: φ is their change of the code in k steps, T(h, φ) predicts it.

    Thomas et al. 2018, section 4.2, whose authors "suffer from mode collapsing of some factors". The
    differences from `Selectivity`:

    - For the first 15% of training each of the k steps is a separate transition and lays out the codes as
      in section 4.1: a step is a corner of the square. Then the encoder is frozen, and factors of k steps,
      which lie in [-k, k]^K, are learnt on its codes.
    - During the layout policies don't see h, so that an action means the same change everywhere. If it may
      mean one change in some columns and the opposite in others, codes fold (in three trials of six).
    - At step t a policy gets the remaining change, φ - (h_t - h). A policy that gets φ and h_t alone can't
      know its progress.
    - z chooses one of m names: Φ(h, z) has m outputs, and φ is the one at which z ~ N(0, 1)^m is largest, so
      all are equally likely. All m count in each update. In a continuum of φ some always lie between two
      cells, where neither policy nor T is certain; names move to what their policies do (`attraction`).
    - In a batch the policies of names act and, with probability `exploration`, random ones. Importance
      weights are relative to that mixture, for any name that acted. So none is large, and their mean for a
      transition is nearly 1.
    - Policies sharpen: their logits are multiplied by up to `sharpness`.
    - `even` keeps the axes separate as in `SceneSelectivity`, whose encoder is used.
    - The decoder learns by cross-entropy from codes without gradient, unless `reconstruction` is set (which
      counts in the layout). Noise is added to the codes, since T(h, φ), which is decoded later, is inexact.

    Batches are those of `interactions` with `steps=horizon` and `behaviour=learner.behaviour`.

    Args:
        horizon: k.
        names: m, the number of φ of a state.
        attraction: final weight of ‖φ - (h' - h)‖², h' - h without gradient, weighted like the pull.
        even: weight of tr C - log det C, C the mean of (h_t+1 - h_t)(h_t+1 - h_t)' over a batch.
        width: final width of the Gaussian kernel.
        settings: others of `Selectivity`; `factors` are those of a single step.

    Raises:
        ValueError: see `Selectivity`; a horizon below 1, or fewer than two names.
    """

    def __init__(
        self,
        *,
        horizon: int = 3,
        names: int = 16,
        attraction: float = 2.0,
        even: float = 0.1,
        width: float = 0.36,
        sharpness: float = 4.0,
        exploration: float = 0.25,
        entropy: float = 0.02,
        reconstruction: float = 0.0,
        learning_rate: float = 2e-3,
        **settings: Any,
    ) -> None:
        super().__init__(
            width=width,
            sharpness=sharpness,
            exploration=exploration,
            entropy=entropy,
            reconstruction=reconstruction,
            learning_rate=learning_rate,
            **settings,
        )
        count(1, horizon=horizon)
        count(2, names=names)
        at_least(0, attraction=attraction, even=even)
        self.horizon, self.names, self.attraction, self.even = horizon, names, attraction, even
        self.encoder = PlaceEncoder(self.shape, self.latent_dim, self.gain)  # type: ignore[assignment]
        self.generator = Names(self.latent_dim, names)  # type: ignore[assignment]
        self.model = Bilinear(self.latent_dim, self.latent_dim, self.latent_dim, 128)
        products = self.policy.layers[0]
        assert isinstance(products, nn.Linear)
        products.weight.data[:, : -self.latent_dim - 1] = 0  # the products with h
        groups = [
            {"params": list(module.parameters()), "name": name} for name, module in self.named_children()
        ]
        self.optimizers = {"adam": torch.optim.Adam(groups, learning_rate, fused=True)}

    def generate(self, h: Tensor, count: int) -> Tensor:
        """Sample factors (..., count, latent_dim) for h (..., latent_dim)."""
        names = self.horizon * self.generator(h)
        chosen = torch.randint(self.names, (*h.shape[:-1], count, 1), device=h.device)
        phi: Tensor = names.gather(-2, chosen.expand(*chosen.shape[:-1], self.latent_dim))
        return phi

    def log_policy(self, h: Tensor, phi: Tensor, mask: Tensor) -> Tensor:
        """Return log π(a | h, φ), where φ is the remaining change; shapes as in `Selectivity`."""
        logits: Tensor = self._sharpness() * self.policy(h[..., None, :], phi)
        return logits.masked_fill(~mask[..., None, :], -1e9).log_softmax(-1)

    def step(self, h: Tensor, phi: Tensor) -> Tensor:
        """Return T(h, φ), (..., latent_dim): where k steps by φ (..., latent_dim) lead from h."""
        error: Tensor = self.model(h, phi)
        return h + phi + error

    @torch.no_grad()
    def behaviour(self, observation: NDArray[np.uint8]) -> Act:
        """Act by a name's policy for k steps, or at random: a `Behaviour`."""
        start = self._look(observation)
        phi = self.generate(start, 1)
        share = 1.0 if self._lays_out() else self.exploration
        random = torch.rand(len(start), 1, device=start.device) < share

        @torch.no_grad()
        def act(observation: NDArray[np.uint8], mask: Tensor) -> tuple[Tensor, Tensor]:
            h, mask = self._look(observation), mask.to(phi.device)
            probabilities = self.log_policy(h, phi - (h - start)[:, None], mask)[:, 0].exp()
            return sample_actions(torch.where(random, mask / mask.sum(1, keepdim=True), probabilities))

        return act

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one optimisation step on a batch of `interactions`; return what `Selectivity.update` returns."""
        # codes are frozen after the layout: otherwise an axis collapsed in one of two seeds
        self.encoder.requires_grad_(self._lays_out())
        return super().update(batch)

    def _control(self, h: Tensor, batch: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        """Return the terms that concern factors and policies, and their sum; h is (n, k + 1, latent_dim)."""
        single = self._lays_out()
        action, mask = (steps_of(batch, name) for name in ("action", "action_mask"))
        changes = (h[:, 1:] - h[:, :-1]).flatten(0, 1)
        if single:
            h = torch.stack([h[:, :-1], h[:, 1:]], 2).flatten(0, 1)
            action, mask = action.reshape(-1, 1), mask.reshape(-1, 1, self.actions)
            noise = torch.randn(len(h), self.factors, self.latent_dim, device=h.device)
            phi = (self.spread * noise).tanh()
        else:
            phi = self.horizon * self.generator(h[:, 0].detach())
        before, now, after = h[:, 0], h[:, :-1].detach(), h[:, -1]
        left = phi[:, None] - (now - now[:, :1])[:, :, None]
        log_policy = self.log_policy(torch.zeros_like(now) if single else now, left, mask)
        taken = log_taken(log_policy, action)
        weight = (taken - self._log_mixture(taken.detach(), mask, single)).exp()
        change = (after - before)[:, None]
        similarity = -(change - phi).square().sum(-1) / (2 * self._width() ** 2)
        selectivity, share = contrast(similarity), contrast(similarity.detach()).exp()
        fixed = weight.detach()
        surprise = after.detach()[:, None] - self.step(before.detach()[:, None], phi.detach())
        terms = {
            "selectivity": (weight * selectivity).mean(),
            "information": (fixed * contrast(taken.detach())).mean(),
            "pull": (fixed * share * (change - phi.detach()).square().sum(-1)).mean(),
            "attraction": (fixed * share * (change.detach() - phi).square().sum(-1)).mean(),
            "model": (fixed * surprise.square().sum(-1)).mean(),
            "entropy": -(log_policy.exp() * log_policy).sum(-1).mean(),
            "uneven": anisotropy(changes),
        }
        loss = (
            -self.selectivity * terms["selectivity"]
            + self.pull * self._ramp(0.3 * LAYOUT_SHARE, 0.7 * LAYOUT_SHARE) * terms["pull"]
            + self.even * terms["uneven"]
        )
        if not single:
            loss = (
                loss
                + self.attraction * self._later(0, 0.1) * terms["attraction"]
                + terms["model"]
                - self.entropy * (1 - self._later(0, 0.5)) * terms["entropy"]
            )
        return terms, loss

    def _reconstruction_error(self, h: Tensor, images: Tensor) -> Tensor:
        """Return the cross-entropy of images; the squared error is flat where outputs are black."""
        code = h.detach() + self.reconstruction * (h - h.detach())
        logits = self.decoder(code + DECODER_NOISE * torch.randn_like(code))
        pixels = image_tensor(images, h.device)
        loss = functional.binary_cross_entropy_with_logits(logits, pixels, reduction="sum")
        return loss / len(logits)

    def _log_mixture(self, taken: Tensor, mask: Tensor, single: bool) -> Tensor:
        """Return the log probability (n, 1) of actions under the behaviour; under names it is `taken`."""
        uniform = -mask.sum(-1).log().sum(1, keepdim=True)
        if single:
            return uniform
        named = taken.logsumexp(1, keepdim=True) - math.log(self.names)
        return torch.logaddexp(uniform + math.log(self.exploration), named + math.log(1 - self.exploration))

    # Schedules

    def _lays_out(self) -> bool:
        return self._ramp(0, 1) < LAYOUT_SHARE

    def _later(self, start: float, end: float) -> float:
        """Return the progress from one share to another of the training after the layout, in [0, 1]."""
        return self._ramp(*(LAYOUT_SHARE + (1 - LAYOUT_SHARE) * share for share in (start, end)))

    def _sharpness(self) -> float:
        return 1 + (self.sharpness - 1) * self._later(0.3, 0.7)

    def _width(self) -> float:
        return 0.6 if self._lays_out() else self.width * INITIAL_KERNEL_FACTOR ** (1 - self._later(0, 0.6))

    def _step(self, loss: Tensor) -> None:
        optimizer = self.optimizers["adam"]
        for group in optimizer.param_groups:
            slower = 1.0 if self._lays_out() else RATE_FACTORS.get(group["name"], 1.0)
            group["lr"] = slower * self.learning_rate * (1 - self._later(0.4, 1))
        descend(loss, optimizer)
        self.updates += 1


class Names(nn.Module):
    """Two layers from h to m factors in [-1, 1]^K, initially uniform."""

    def __init__(self, latent_dim: int, names: int, hidden: int = 128) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, hidden), nn.ReLU(), nn.Linear(hidden, names * latent_dim)
        )
        last = self.layers[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.bias, std=0.8)  # tanh of it is uniform

    def forward(self, h: Tensor) -> Tensor:
        """Return (..., m, latent_dim) for (..., latent_dim)."""
        factors: Tensor = self.layers(h).unflatten(-1, (-1, self.latent_dim)).tanh()
        return factors
