"""SD-BEGAN: a generator of identities and observations, whose pairs an autoencoder judges."""

from typing import Any

import torch
from torch import Tensor

from unknot.checks import above, at_least, count, within
from unknot.models.adversarial import moving_average
from unknot.models.image.pair_generator import PairGenerator
from unknot.models.image.sdgan_networks import PairAutoencoder, began_decoder
from unknot.representation.learner import descend

__all__ = ["SDBEGAN", "balance"]


def balance(k: float, real: float, generated: float, gamma: float, rate: float) -> tuple[float, float]:
    """Return the next weight k of generated samples, and the measure of convergence M.

    Berthelot, Schumm and Metz, "BEGAN: boundary equilibrium generative adversarial networks", 2017, sections
    3.3 and 3.4: k ← k + λ (γ L(x) - L(G(z))), within [0, 1]; M = L(x) + |γ L(x) - L(G(z))|.

    Args:
        k: the weight.
        real: L(x), the reconstruction error of real samples.
        generated: L(G(z)), that of generated ones.
        gamma: γ.
        rate: λ.
    """
    difference = gamma * real - generated
    return min(max(k + rate * difference, 0.0), 1.0), real + abs(difference)


class SDBEGAN(PairGenerator):
    """Learns from pairs of images of one identity, in the manner of BEGAN.

    Donahue, Lipton, Balsubramani and McAuley, 2017, section 2.2. D reconstructs pairs, through a bottleneck
    that sees both; with L the mean absolute error of a pair's pixels:

        D:  L(x¹, x²) - k L(G(z_I; z_O¹), G(z_I; z_O²)),        G:  L(G(z_I; z_O¹), G(z_I; z_O²)),

    k as in `balance`. Training is known to collapse late where rates fall too far or k stays at 0, so k and
    the measure of convergence are logged, and rates have a floor.

    Args:
        gamma: γ, how diverse samples are in place of sharp, in (0, 1].
        balance_rate: λ, of k.
        halve_every: updates after which rates are halved; 0 for never.
        floor: below which rates do not fall.
        **settings: of `PairGenerator`.

    Raises:
        ValueError: an argument out of range, or a shape that isn't a square of a side 16, 32, ...
    """

    k: Tensor
    """The weight of generated pairs in D's loss."""

    def __init__(
        self,
        *,
        gamma: float = 0.5,
        balance_rate: float = 1e-3,
        halve_every: int = 100_000,
        floor: float = 2e-5,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        above(0, gamma=gamma, balance_rate=balance_rate)
        within(0, 1, gamma=gamma)
        count(0, halve_every=halve_every)
        at_least(0, floor=floor)
        self.gamma, self.balance_rate, self.halve_every, self.floor = gamma, balance_rate, halve_every, floor
        dims = self.identity_dim + self.observation_dim
        self.generator = began_decoder(self.shape, dims, self.width)
        self.discriminator = PairAutoencoder(self.shape, self.identity_dim, self.observation_dim, self.width)
        self.averaged = moving_average(self.generator, self.average)
        self.optimizers = self._adam(discriminator=self.discriminator, generator=self.generator)
        self.register_buffer("k", torch.zeros((), dtype=torch.float64))

    def _update_discriminator(self, real: Tensor) -> dict[str, float | Tensor]:
        self._set_rates()
        with torch.no_grad():
            pairs = self._pairs(len(real))
        own, generated = self._error(real), self._error(pairs)
        k = float(self.k)
        descend(own - k * generated, self.optimizers["discriminator"])
        after, convergence = balance(k, own.item(), generated.item(), self.gamma, self.balance_rate)
        self.k.fill_(after)
        return {"real": own.detach(), "k": after, "convergence": convergence}

    def _update_generator(self, number: int) -> dict[str, float | Tensor]:
        loss = self._error(self._pairs(number))
        descend(loss, self.optimizers["generator"])
        return {"generated": loss.detach()}

    def _error(self, pairs: Tensor) -> Tensor:
        """Return L of pairs (n, 2, c, h, w)."""
        error: Tensor = (self.discriminator(pairs) - pairs).abs().mean()
        return error

    def _set_rates(self) -> None:
        halvings = int(self.step) // self.halve_every if self.halve_every else 0
        rate = max(self.learning_rate / 2**halvings, min(self.floor, self.learning_rate))
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate
