"""Selectivity where every episode shows another scene: a code of what can be controlled, and of no more."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from unknot.representation.selectivity import (
    Bilinear,
    Selectivity,
    contrast,
    log_taken,
    steps_of,
    unevenness,
)

__all__ = ["PlaceEncoder", "SceneSelectivity"]


class SceneSelectivity(Selectivity):
    """`Selectivity` for scenes that differ from episode to episode in what no action changes.

    The paper's experiments have one maze. In mazes of random layouts its objective leaves open how much h
    tells of the layout, since h' − h is all it sees, and with the paper's encoder it hardly learns (in a
    trial, the agent's row and column read linearly from h after 1,000 updates had R² 0.14 and 0.77). What is
    other here:

    - The encoder ends in a spatial softmax (Finn et al. 2016): each of 16 maps says where something is, and
      what is there is read from another 16 maps. It learns in some hundred updates.
    - `even`: weight of tr C − log det C, C the mean of (h' − h)(h' − h)' over a batch. It is least where
      C is the identity, as when variations are the corners of the hypercube. Else two axes may share a
      direction.
    - `least`: ten times max(0, least − ‖h' − h‖)² is added. Else a switch may stay where h' − h = 0, a
      variation like others, since its two directions can't be told apart before h tells its state.
    - `hindsight`: weight of −r log π(a | h, φ) in the second half, r = A / mean_φ' A and all but π without
      gradient: a policy that never takes the action that does what φ says has else no gradient towards it.
    - `calm`: weight of ‖h‖². With h' − h held by selectivity and pull, it takes from h what actions don't
      change.
    - Φ ends in a tanh: it can't outgrow the noise that it is added to, and make all factors one.
    - There is no decoder: h does not say what the scene looks like.

    Args:
        even: weight of the variations' evenness.
        least: the length that each variation should have at least.
        hindsight: weight of what policies learn from the actions of others.
        calm: weight of the codes' squared length.
        settings: `Selectivity`'s.

    Raises:
        ValueError: as `Selectivity` does.
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
        self.even, self.least, self.hindsight, self.calm = even, least, hindsight, calm
        self.encoder = PlaceEncoder(self.shape, self.latent_dim, self.gain)  # type: ignore[assignment]
        self.generator = Bounded(self.latent_dim, self.noise_dim, self.noise_dim)
        del self.decoder
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), self.learning_rate)}

    def _control(self, h: Tensor, batch: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        terms, loss = super()._control(h, batch)
        change = h[:, -1] - h[:, 0]
        uneven = unevenness(change)
        length = (change + 1e-6).norm(dim=1)  # where it is 0 the norm has no derivative
        short = (self.least - length).relu().square().mean()
        size = h.square().sum(-1).mean()
        surprised = self._hindsight(h.detach(), batch)
        terms |= {"uneven": uneven, "short": short, "size": size, "hindsight": surprised}
        loss = loss + self.even * uneven + 10 * short + self.calm * size
        return terms, loss + self.hindsight * self._ramp(0.5, 0.6) * surprised

    def _hindsight(self, h: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        """Return how little the policies expect the actions that do what their factors say."""
        phi = self.generate(h[:, 0], self.factors).detach()
        action, mask = (steps_of(batch, name) for name in ("action", "action_mask"))
        log_policy = self.log_policy(h[:, :-1], phi[:, None], mask)
        taken = log_taken(log_policy, action)
        share = contrast(self.log_similarity(h[:, 0], h[:, -1], phi)).exp()
        return -(share * taken).mean()

    def _redraw(self, h: Tensor, images: Tensor) -> Tensor:
        return h.new_zeros(())


class Bounded(Bilinear):
    """A `Bilinear` whose outputs are in (-1, 1)."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return (..., outputs) for (..., first) and (..., second)."""
        return super().forward(a, b).tanh()


class PlaceEncoder(nn.Module):
    """Turns images into codes by where things are: convolutions, a spatial softmax, a linear layer.

    Args:
        shape: (height, width, channels) of the images; height and width are multiples of 4.
        outputs: dimension of the codes.
        gain: how much larger than usual the last layer starts.
        maps: how many things it can follow.
    """

    sharpness = 4.0
    """Of the softmax: with less, maps would at first look everywhere at once."""

    def __init__(self, shape: tuple[int, int, int], outputs: int, gain: float, maps: int = 16) -> None:
        super().__init__()
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
