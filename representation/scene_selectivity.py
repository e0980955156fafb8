"""Selectivity for episodes that each show another scene: a code of the controllable factors alone."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from unknot.checks import at_least
from unknot.representation.selectivity import (
    Bilinear,
    Selectivity,
    anisotropy,
    contrast,
    log_taken,
    steps_of,
)

__all__ = ["PlaceEncoder", "SceneSelectivity"]


class SceneSelectivity(Selectivity):
    """`Selectivity` for scenes that differ between episodes in properties that no action changes.

    The paper's experiments have one maze. In mazes of random layouts its objective, which sees only h' − h,
    leaves open how much h contains of the layout, and with the paper's encoder it hardly learns (in a trial,
    the agent's row and column read linearly from h after 1,000 updates had R² 0.14 and 0.77). The
    differences:

    - The encoder ends in a spatial softmax (Finn et al. 2016): each of 16 maps gives the position of
      something, and another 16 maps are read there. It learns within some hundred updates.
    - `even`: weight of tr C − log det C, C the mean of (h' − h)(h' − h)' over a batch. Its minimum is at the
      identity, as when variations are the corners of the hypercube. Without it two axes may share a
      direction.
    - `least`: ten times max(0, least − ‖h' − h‖)² is added. Without it the code of a switch may stay at
      h' − h = 0, which is a variation like others, since its two directions look alike until h contains its
      state.
    - `hindsight`: weight of −r log π(a | h, φ) in the second half, r = A / mean_φ' A, with a gradient for π
      only. Without it a policy that never takes the action for φ has no gradient towards it.
    - `calm`: weight of ‖h‖². Since selectivity and pull fix h' − h, it removes from h everything that actions
      don't change.
    - Φ ends in a tanh, so that it can't outgrow the noise that it is added to and make all factors equal.
    - There is no decoder, since h does not describe the scene.

    Args:
        even: weight of tr C − log det C.
        least: the least length of a variation that is not penalised.
        hindsight: weight of learning from actions of other policies.
        calm: weight of the codes' squared length.
        settings: of `Selectivity`.

    Raises:
        ValueError: see `Selectivity`.
    """

    def __init__(
        self,
        *,
        even: float = 1.0,
        least: float = 0.0,
        hindsight: float = 0.5,
        calm: float = 0.005,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        at_least(0, even=even, least=least, hindsight=hindsight, calm=calm)
        self.even, self.least, self.hindsight, self.calm = even, least, hindsight, calm
        self.encoder = PlaceEncoder(self.shape, self.latent_dim, self.gain)  # type: ignore[assignment]
        self.generator = Bounded(self.latent_dim, self.noise_dim, self.noise_dim)
        del self.decoder
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), self.learning_rate, fused=True)}

    def _control(self, h: Tensor, batch: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        terms, loss = super()._control(h, batch)
        change = h[:, -1] - h[:, 0]
        uneven = anisotropy(change)
        length = (change + 1e-6).norm(dim=1)  # the norm has no derivative at 0
        short = (self.least - length).relu().square().mean()
        size = h.square().sum(-1).mean()
        surprised = self._hindsight(h.detach(), batch)
        terms |= {"uneven": uneven, "short": short, "size": size, "hindsight": surprised}
        loss = loss + self.even * uneven + 10 * short + self.calm * size
        return terms, loss + self.hindsight * self._ramp(0.5, 0.6) * surprised

    def _hindsight(self, h: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the policies' surprise at actions that have the effect of their factors."""
        phi = self.generate(h[:, 0], self.factors).detach()
        action, mask = (steps_of(batch, name) for name in ("action", "action_mask"))
        log_policy = self.log_policy(h[:, :-1], phi[:, None], mask)
        taken = log_taken(log_policy, action)
        share = contrast(self.log_similarity(h[:, 0], h[:, -1], phi)).exp()
        return -(share * taken).mean()

    def _reconstruction_error(self, h: Tensor, images: Tensor) -> Tensor:
        return h.new_zeros(())


class Bounded(Bilinear):
    """A `Bilinear` whose outputs are in (-1, 1)."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return (..., outputs) for (..., first) and (..., second)."""
        return super().forward(a, b).tanh()


class PlaceEncoder(nn.Module):
    """Turns images into codes by the positions of things: convolutions, a spatial softmax, a linear layer.

    Args:
        shape: (height, width, channels) of the images; height and width are multiples of 4.
        outputs: dimension of the codes.
        gain: factor of the last layer's initial weights.
        maps: number of things it can follow.
    """

    sharpness = 4.0
    """Of the softmax: with less, maps would initially attend everywhere at once."""

    def __init__(self, shape: tuple[int, int, int], outputs: int, gain: float, maps: int = 16) -> None:
        super().__init__()
        if shape[0] % 4 or shape[1] % 4:
            raise ValueError(f"shape must have height and width in multiples of 4, not {tuple(shape)}")
        self.maps = maps
        self.convolutions = nn.Sequential(
            nn.Conv2d(shape[2], maps, 4, 4),
            nn.BatchNorm2d(maps),
            nn.LeakyReLU(),
            nn.Conv2d(maps, 2 * maps, 1),
        )
        axes = [torch.linspace(-1, 1, side // 4) for side in shape[:2]]
        self.grid: Tensor
        self.register_buffer("grid", torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2))
        self.code = nn.Linear(3 * maps, outputs)
        self.code.weight.data.mul_(gain)

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, outputs) of images (n, c, h, w) in [0, 1]."""
        where, what = self.convolutions(images).flatten(2).split(self.maps, 1)
        where = (self.sharpness * where).softmax(2)
        seen = torch.cat([(where @ self.grid).flatten(1), (where * what).sum(2)], 1)
        codes: Tensor = self.code(seen)
        return codes
