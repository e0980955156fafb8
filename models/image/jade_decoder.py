"""JADE's decoder, which learns on to draw the content of one image in the style of another."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from unknot.checks import at_least
from unknot.models.image.jade import JADE
from unknot.models.image.networks import gaussian_kl
from unknot.representation.gaussian import Gaussian

__all__ = ["JADEDecoder"]


class JADEDecoder(JADE):
    """A trained JADE whose decoder of primary images and whose codes of style learn on; all else stays.

    JADE decodes each code as it was encoded, so that nothing keeps a style from changing the digit. Here the
    codes of style are also exchanged within a batch, and given to the contents of secondary images. The
    decoder learns to decode images whose content JADE's own encoder and classifier read; the last layer of
    the encoder learns codes of style anew, whose rows alone change. The loss is the reconstruction's squared
    error, the KL of the styles from the prior, and `exchange_weight` times -log p(l | z2 of the decoded
    image), read with dropout, as in JADE's training. Codes of content and errors of labels do not change.
    Ours; the paper has no such step.

    Args:
        exchange_weight: weight of the exchanged images' term, at least 0.
        noise: standard deviation of what is added to an exchanged image's pixels in [0, 1] before it is
            read; without noise the decoder also learns what JADE's encoder alone can read.
        **settings: of `JADE`. Its weights are loaded by
            `load_state_dict(jade.state_dict() | {"updates": decoder.updates})`: its updates count anew.
    """

    def __init__(self, *, exchange_weight: float = 10.0, noise: float = 0.1, **settings: Any) -> None:
        super().__init__(**settings)
        at_least(0, exchange_weight=exchange_weight, noise=noise)
        self.exchange_weight, self.noise = exchange_weight, noise
        self.requires_grad_(False)
        self.decoder.requires_grad_(True)
        last = self.encoder[-1].requires_grad_(True)
        for parameter in last.parameters():
            parameter.register_hook(self._of_style)  # type: ignore[no-untyped-call]
        learning = [*self.decoder.parameters(), *last.parameters()]
        self.optimizers = {"adam": torch.optim.Adam(learning, self.learning_rate, fused=True)}

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step of the decoder and of the codes of style.

        Args:
            batch: as `JADE.update` takes it.

        Returns:
            `error`, the squared error summed over pixels; `kl`, of the style from the prior; `exchange`,
            -log p(l) of what is decoded with another image's style, in nats; means over the batch.
        """
        for encoder in (self.encoder, self.other_encoder):
            encoder.eval()  # statistics of normalisation stay, too
        images, others = self._tensor(batch["observation"]), self._other_tensor(batch["other"])
        mean, log_variance = self._moments(self.encoder, images)
        codes = Gaussian(mean, log_variance).sample()
        content, style = codes[:, : self.latent_dim].detach(), codes[:, self.latent_dim :]
        decoded = self.decoder(torch.cat([content, style], 1)).sigmoid()
        error = (decoded - images).square().flatten(1).sum(1).mean()
        kl = gaussian_kl(mean, log_variance)[:, self.latent_dim :].sum(1).mean()
        with torch.no_grad():
            other = Gaussian(*self._moments(self.other_encoder, others)).sample()[:, : self.latent_dim]
        exchange = self._exchange(torch.cat([content, style.roll(1, 0)], 1), batch["label"])
        exchange = exchange + self._exchange(torch.cat([other, style.roll(1, 0)], 1), batch["other_label"])
        self._step(error + kl + self.exchange_weight * exchange / 2)
        return {"error": error.detach(), "kl": kl.detach(), "exchange": exchange.detach() / 2}

    def _exchange(self, codes: Tensor, labels: Tensor) -> Tensor:
        """Return the mean of -log p(l | z2) of what codes are decoded to."""
        images = self.decoder(codes).sigmoid()
        noisy = images + self.noise * torch.randn_like(images)
        content = self._moments(self.encoder, noisy)[0][:, : self.latent_dim]
        return functional.cross_entropy(self.labels(content), labels)

    def _of_style(self, slope: Tensor) -> Tensor:
        """Return the slope of the encoder's last layer, weights or biases, 0 but for the rows of style."""
        rows = torch.ones(2, self.latent_dim + self.style_dim, device=slope.device)
        rows[:, : self.latent_dim] = 0
        return slope * rows.reshape(-1, *[1] * (slope.ndim - 1))
