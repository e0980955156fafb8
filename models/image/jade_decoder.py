"""JADE's decoder, which learns on to draw the content of one image in the style of another."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from unknot.checks import at_least, count
from unknot.models.image.jade import JADE
from unknot.representation.gaussian import Gaussian
from unknot.representation.learner import anneal, descend

__all__ = ["JADEDecoder"]


class JADEDecoder(JADE):
    """A trained JADE whose decoder of primary images learns on, while all else stays.

    JADE decodes each code as it was encoded, so that nothing keeps a style from changing the digit. Here the
    codes of style are also exchanged within a batch, and the decoder learns to decode images whose content
    JADE's own encoder and classifier read: the reconstruction's squared error plus `exchange_weight` times
    -log p(l | z2 of the decoded image), read with dropout, as in JADE's training. Errors of labels do not
    change. Ours; the paper has no such step.

    Args:
        exchange_weight: weight of the exchanged images' term, at least 0.
        steps: updates, over which the learning rate falls to 0 along half a cosine.
        **settings: of `JADE`. Its weights are loaded by
            `load_state_dict(jade.state_dict() | {"taught": decoder.taught})`.
    """

    def __init__(self, *, exchange_weight: float = 10.0, steps: int = 1500, **settings: Any) -> None:
        super().__init__(**settings)
        at_least(0, exchange_weight=exchange_weight)
        count(1, steps=steps)
        self.exchange_weight, self.steps = exchange_weight, steps
        self.taught: Tensor
        self.register_buffer("taught", torch.zeros((), dtype=torch.int64))
        self.requires_grad_(False)
        self.decoder.requires_grad_(True)
        self.optimizers = {
            "adam": torch.optim.Adam(self.decoder.parameters(), self.learning_rate, fused=True)
        }

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step of the decoder.

        Args:
            batch: `observation`, uint8 (n, h, w, c), and `label`, int64 (n,).

        Returns:
            `error`, the squared error summed over pixels, and `exchange`, -log p(l) of what is decoded with
            another image's style, in nats; means over the batch.
        """
        anneal(self.optimizers["adam"], int(self.taught), self.steps, self.learning_rate)
        self.encoder.eval()  # statistics of normalisation stay, too
        images = self._tensor(batch["observation"])
        with torch.no_grad():
            codes = Gaussian(*self._moments(self.encoder, images)).sample()
        content, style = codes[:, : self.latent_dim], codes[:, self.latent_dim :]
        error = (self.decoder(codes).sigmoid() - images).square().flatten(1).sum(1).mean()
        exchanged = self.decoder(torch.cat([content, style.roll(1, 0)], 1)).sigmoid()
        read = self._moments(self.encoder, exchanged)[0][:, : self.latent_dim]
        exchange = functional.cross_entropy(self.labels(read), batch["label"])
        descend(error + self.exchange_weight * exchange, self.optimizers["adam"])
        self.taught += 1
        return {"error": error.detach(), "exchange": exchange.detach()}
