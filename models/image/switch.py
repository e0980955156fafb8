"""A mixture of experts whose router learns with them, as is usual today: no competition."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unknot.checks import at_least, count
from unknot.models.adversarial import generator_loss
from unknot.models.image.competition import CompetingExperts, Repaired
from unknot.models.image.experts import strided_discriminator
from unknot.representation.learner import as_images

__all__ = ["SwitchExperts", "load_balance"]


class SwitchExperts(CompetingExperts):
    """Experts of images that a router chooses, trained against a discriminator of canonical images.

    The router is that of Fedus, Zoph and Shazeer, "Switch transformers", 2021: a softmax over the experts,
    whose largest entry p_j chooses the expert j, one for each image. The image becomes x + p_j (E_j(x) - x),
    through which the router learns, and `balance` times `load_balance` keeps all experts in use. Everything
    else is as in `CompetingExperts`, without revival, handicap and push.

    Args:
        balance: weight of the loss that balances experts, at least 0; 0.01 in the paper.
        router_width: channels of the router's first convolution.
        **settings: of `CompetingExperts`.
    """

    def __init__(self, *, balance: float = 0.01, router_width: int = 16, **settings: Any) -> None:
        super().__init__(**settings)
        self.revive_every, self.handicap, self.push = 0, 0.0, 0.0  # the router keeps all in use
        at_least(0, balance=balance)
        count(1, router_width=router_width)
        self.balance = balance
        self.router = strided_discriminator(self.shape, router_width, len(self.experts))
        self.optimizers["experts"].add_param_group({"params": list(self.router.parameters())})

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return which expert the router chooses for each of uint8 images (n, h, w, c): one-hot."""
        return functional.one_hot(self._route(self._tensor(images))[0], len(self.experts)).float()

    @torch.no_grad()
    def repair(self, images: NDArray[np.uint8] | Tensor) -> Repaired:
        """Return images with their mechanism undone by the expert that the router chooses."""
        tensor = self._tensor(images)
        chosen, shares = self._route(tensor)
        mixed = self._mix(tensor, chosen, shares)
        scores = self.discriminator(mixed)[:, 0]
        return Repaired(as_images(mixed.movedim(1, -1)), chosen.numpy(force=True), scores.numpy(force=True))

    def _route(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the chosen experts (n,), and the shares of all, (n, experts)."""
        shares = self.router(images).softmax(1)
        return shares.argmax(1), shares

    def _mix(self, images: Tensor, chosen: Tensor, shares: Tensor) -> Tensor:
        gates = shares.gather(1, chosen[:, None])[:, :, None, None]
        mixed: Tensor = images + gates * (self.experts.chosen(images, chosen) - images)
        return mixed

    def _compete(self, transformed: Tensor, canonical: Tensor) -> dict[str, float | Tensor]:
        """Do one step of D, and one of the router and the chosen experts."""
        chosen, shares = self._route(transformed)
        mixed = self._mix(transformed, chosen, shares)
        loss = self._discriminate(canonical, mixed.detach(), chosen)
        scores = self._judged(mixed, chosen)
        balance = self.balance * load_balance(chosen, shares)
        self._step(generator_loss(scores) + balance, chosen, self.router)
        return self._count(chosen) | {"discriminator": loss, "winners": scores.mean().detach()}


def load_balance(chosen: Tensor, shares: Tensor) -> Tensor:
    """Return N Σ_j f_j P_j, which is 1 for experts that are used equally: Fedus et al., 2021, eq. 4.

    Args:
        chosen: (n,), the expert of each image.
        shares: (n, N), the router's softmax; P_j is its mean, f_j how often j is chosen.
    """
    experts = shares.shape[1]
    used = functional.one_hot(chosen, experts).to(shares).mean(0)
    return experts * (used * shares.mean(0)).sum()
