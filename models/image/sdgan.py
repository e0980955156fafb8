"""SD-DCGAN: a generator of identities and observations, whose pairs a Siamese discriminator judges."""

from typing import Any

import torch
from torch import Tensor

from unknot.checks import at_least, count, flag, within
from unknot.models.adversarial import (
    discriminator_loss,
    generator_loss,
    moving_average,
    r1_penalty,
    translated,
)
from unknot.models.image.infogan_networks import conv_generator
from unknot.models.image.pair_generator import PairGenerator
from unknot.models.image.sdgan_networks import SiameseDiscriminator
from unknot.representation.learner import descend

__all__ = ["SDGAN"]

R1_EVERY = 8
"""Updates from one penalty on the discriminator's slope to the next, which has so many times the weight."""


class SDGAN(PairGenerator):
    """Learns from pairs of images of one identity which part of an image is the identity's.

    Donahue, Lipton, Balsubramani and McAuley, 2017, eq. 2, in the manner of DCGAN, with the generator's loss
    that does not saturate:

        D:  -E log D(x¹, x²) - E log(1 - D(G(z_I; z_O¹), G(z_I; z_O²))),
        G:  -E log D(G(z_I; z_O¹), G(z_I; z_O²)).

    Ours, each with the setting that brings the paper's own way: D has a penalty on its slope (`r1`, 0 in the
    paper) in place of batch normalisation (`norm`, True in the paper); pairs of two identities are false
    pairs, too (`unmatched`, 0 in the paper), as in Reed et al., "Generative adversarial text to image
    synthesis", 2016; images are moved at random before D sees them (`shift`, 0 in the paper); samples are of
    the generator's average (`average`, 0 in the paper).

    Args:
        together: images that D judges together: 2, or 1 for a DCGAN whose code is split but never learnt from
            pairs, the baseline.
        norm: whether D has batch normalisation; the generator has it always.
        r1: weight of E |∇D(x)|² / 2 over real pairs.
        unmatched: share of false pairs in D's loss that are real images of two identities; 0 without pairs.
        shift: most pixels by which images are moved, each by itself.
        **settings: of `PairGenerator`; `width` is the channels of D's first and G's last convolution.

    Raises:
        ValueError: an argument out of range, or a shape that isn't a square of a side 8, 16, ...
    """

    def __init__(
        self,
        *,
        together: int = 2,
        norm: bool = False,
        r1: float = 1.0,
        unmatched: float = 0.5,
        shift: int = 2,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        count(1, together=together)
        within(1, 2, together=together)
        flag(norm=norm)
        at_least(0, r1=r1)
        within(0, 0.9, unmatched=unmatched)
        count(0, shift=shift)
        self.together, self.norm, self.r1, self.shift = together, norm, r1, shift
        self.unmatched = unmatched if together == 2 else 0.0
        self.generator = conv_generator(self.shape, self.identity_dim + self.observation_dim, self.width)
        self.discriminator = SiameseDiscriminator(self.shape, self.width, together, norm=norm)
        self.averaged = moving_average(self.generator, self.average)
        self.optimizers = self._adam(discriminator=self.discriminator, generator=self.generator)

    def _update_discriminator(self, real: Tensor) -> dict[str, float | Tensor]:
        with torch.no_grad():
            generated = self._pairs(len(real))
        maps, false = self.discriminator.encoded(self._moved(real)), self._judge(generated)
        own = self.discriminator.judged(maps)
        loss = discriminator_loss(own, false)
        odds = {"real": own, "generated": false}
        if self.unmatched:
            odds["unmatched"] = self.discriminator.judged(torch.stack([maps[:, 0], maps[:, 1].roll(1, 0)], 1))
            loss = torch.lerp(loss, discriminator_loss(own, odds["unmatched"]), self.unmatched)
        penalty = loss.new_zeros(())
        if self.r1 and int(self.step) % R1_EVERY == 0:
            judged = real.reshape(-1, self.together, *real.shape[2:])  # its mean is over these
            penalty = r1_penalty(self._judge, judged)
        descend(loss + R1_EVERY * self.r1 * penalty, self.optimizers["discriminator"])
        means = {name: each.detach().mean() for name, each in odds.items()}
        return {"discriminator": loss.detach(), **means}

    def _update_generator(self, number: int) -> dict[str, float | Tensor]:
        loss = generator_loss(self._judge(self._pairs(number)))
        descend(loss, self.optimizers["generator"])
        return {"generator": loss.detach()}

    def _judge(self, pairs: Tensor) -> Tensor:
        """Return D's log odds of pairs (n, 2, c, h, w): (n,), or of each image (2 n,) without pairs."""
        odds: Tensor = self.discriminator(self._moved(pairs))
        return odds

    def _moved(self, pairs: Tensor) -> Tensor:
        """Return images that D judges together, (m, together, c, h, w), of pairs, each moved by itself."""
        images = pairs.flatten(0, 1)
        if self.shift:
            images = translated(images, self.shift)
        return images.reshape(-1, self.together, *images.shape[1:])
