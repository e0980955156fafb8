"""The multi-entity VAE: of a grid of candidates, those that tell most are decoded."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from unknot.checks import flag, one_of
from unknot.models.objects.entity import Entities, EntityAutoencoder, Images, kl_of
from unknot.representation.gaussian import Gaussian

__all__ = ["BOUNDS", "MultiEntityVAE"]

BOUNDS = ("all", "selected")
"""Which candidates pay their KL."""
BEHIND = 1e4
"""Nats by which candidates that are no peaks come behind."""


class MultiEntityVAE(EntityAutoencoder):
    """Nash et al., "The multi-entity variational autoencoder", 2017.

    Every cell of the encoder's grid is a candidate, q(z_s | x). The N candidates with the most KL to the
    prior are sampled and decoded (maximal information attention). The paper doesn't say whose KL the bound
    counts:

    - "selected": that of the N candidates, E log p(x | z) - Σ_selected KL_s, as the text reads. Candidates
      that are not decoded get no gradient, so that nothing lowers their KL and the selection flickers.
    - "all": that of every candidate, E log p(x | z) - Σ_s KL_s. It is a bound on log p(x), too: it is lower
      than the other by the KL of what was not selected, which training takes to 0.

    Args:
        bound: "all" or "selected".
        suppress: select peaks first, candidates whose KL is the greatest of their 3 × 3 neighbourhood, so
            that neighbours neither share an object nor both show it.
        **settings: of `EntityAutoencoder`.

    Raises:
        ValueError: an argument out of range, or more entities than cells.
    """

    def __init__(self, *, bound: str = "all", suppress: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        one_of("bound", bound, BOUNDS)
        flag(suppress=suppress)
        if self.entities > self.grid**2:
            raise ValueError(
                f"entities must be at most {self.grid**2}, the grid's cells, not {self.entities}"
            )
        self.bound, self.suppress = bound, suppress
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), self.learning_rate, fused=True)}

    def entities_of(self, images: Images) -> Entities:
        """Return the selected candidates, those with the most KL first; `kl_map` has all."""
        mean, log_variance = self._moments(self._tensor(images))
        kl = kl_of(mean, log_variance)
        chosen = self._select(kl)
        rows = torch.arange(len(kl), device=kl.device)[:, None]
        maps = kl.reshape(-1, self.grid, self.grid)
        return Entities(mean[rows, chosen], log_variance[rows, chosen], kl[rows, chosen], maps)

    def _select(self, kl: Tensor) -> Tensor:
        """Return the candidates to decode, (n, entities), of the KL of all, (n, grid²)."""
        if not self.suppress:
            return kl.topk(self.entities, 1).indices
        maps = kl.detach().reshape(-1, 1, self.grid, self.grid)
        peaks = maps >= functional.max_pool2d(maps, 3, stride=1, padding=1)
        return torch.where(peaks.flatten(1), kl, kl - BEHIND).topk(self.entities, 1).indices

    def _bound(self, images: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        mean, log_variance = self._moments(images)
        kl = kl_of(mean, log_variance)
        chosen = self._select(kl)
        rows = torch.arange(len(kl), device=kl.device)[:, None]
        selected, every = kl[rows, chosen].sum(1), kl.sum(1)
        paid = every if self.bound == "all" else selected
        z = Gaussian(mean[rows, chosen], log_variance[rows, chosen]).sample()
        return z, paid, {"kl_selected": selected.mean(), "kl_others": (every - selected).mean()}
