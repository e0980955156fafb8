"""DIP-VAE: a disentangled inferred prior."""

from typing import Any

import torch
from torch import Tensor

from unknot.checks import at_least, one_of
from unknot.models.image.networks import gaussian_kl
from unknot.models.image.vae import VariationalAutoencoder

__all__ = ["DIPVAE", "covariance", "identity_gap"]

KINDS = ("I", "II")


class DIPVAE(VariationalAutoencoder):
    """A variational autoencoder whose codes, over all data, have a covariance near the identity.

    Kumar, Sattigeri and Balakrishnan, "Variational inference of disentangled latents from unlabeled
    observations", 2017 (2018), eq. 5:

        ELBO - λ_od Σ_{i ≠ j} C_ij² - λ_d Σ_i (C_ii - 1)²,

    C the covariance of the means of q(z | x), kind "I", or of z itself, kind "II". By the law of total
    covariance (eq. 4) the latter is the former plus the mean of the variances.

    C is a running estimate (section 2.2): m times the previous one, without gradient, plus 1 - m times the
    batch's. The estimate of a single batch is noisy, and squares of its error would bias the penalty. So the
    gradient has the weight 1 - m, and the best λ depend on m. The whole gradient of the batch, with respect
    to an estimate that lags behind, overshoots: training with it collapsed all codes.

    Args:
        kind: "I" or "II".
        off_diagonal: λ_od, at least 0.
        diagonal: λ_d, at least 0; None for ten times λ_od, as in the paper's experiments.
        momentum: m, weight of the previous estimate, in [0, 1); 0 uses each batch alone.
        **settings: of `VariationalAutoencoder`.
    """

    def __init__(
        self,
        *,
        kind: str = "I",
        off_diagonal: float = 10.0,
        diagonal: float | None = None,
        momentum: float = 0.9,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        diagonal = 10 * off_diagonal if diagonal is None else diagonal
        one_of("kind", kind, KINDS)
        at_least(0, off_diagonal=off_diagonal, diagonal=diagonal)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be at least 0 and below 1, not {momentum}")
        self.kind, self.off_diagonal, self.diagonal, self.momentum = kind, off_diagonal, diagonal, momentum
        self.running: Tensor
        self.register_buffer("running", torch.eye(self.latent_dim))

    def penalty(self, mean: Tensor, log_variance: Tensor, z: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return KL plus weighted gaps, and the gaps as `off_diagonal` and `diagonal`."""
        batch = covariance(mean)
        if self.kind == "II":
            batch = batch + torch.diag(log_variance.exp().mean(0))
        estimate = self.running.lerp(batch, 1 - self.momentum)
        self.running.copy_(estimate.detach())
        off_diagonal, diagonal = identity_gap(estimate)
        kl = gaussian_kl(mean, log_variance).sum(1).mean()
        penalty = kl + self.off_diagonal * off_diagonal + self.diagonal * diagonal
        return penalty, {"off_diagonal": off_diagonal, "diagonal": diagonal}


def covariance(codes: Tensor) -> Tensor:
    """Return the covariance (d, d) of codes (n, d), with 1/n."""
    centred = codes - codes.mean(0)
    return centred.mT @ centred / len(codes)


def identity_gap(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return Σ_{i ≠ j} C_ij² and Σ_i (C_ii - 1)² of a matrix C (d, d)."""
    diagonal = matrix.diagonal()
    return matrix.square().sum() - diagonal.square().sum(), (diagonal - 1).square().sum()
