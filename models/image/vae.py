"""Variational autoencoders: the base of the family, and the plain one with its β."""

import zlib
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Independent, Normal

from unknot.checks import above, at_least, count, one_of, within
from unknot.models.image.networks import LIKELIHOODS, NETWORKS, flipped, gaussian_kl, he_initialise
from unknot.models.image.warm_up import FROZEN_UPDATES, WARM_UP_PIXEL_WEIGHT, end_warm_up
from unknot.representation.gaussian import Gaussian
from unknot.representation.learner import Learner, descend, image_tensor
from unknot.representation.networks import image_shape

__all__ = ["VAE", "PosteriorSamples", "VariationalAutoencoder"]


class VariationalAutoencoder(Learner):
    """An encoder q(z | x), Gaussian with a diagonal covariance, a decoder p(x | z), and a prior N(0, I).

    Kingma and Welling, "Auto-encoding variational Bayes", 2014. A method of the family defines the term that
    is added to the reconstruction error, -E log p(x | z): its `penalty`.

    Args:
        shape: (height, width, channels) of the images; "conv" needs a square whose side is a power of 2.
        latent_dim: dimension of z.
        network: "conv" (4 × 4 convolutions, Burgess et al. 2018) or "dense" (Higgins et al. 2016).
        width: channels of the convolutions.
        hidden: units of the other layers.
        likelihood: "bernoulli", also for grey pixels, or "gaussian", of variance 1.
        likelihood_weight: weight of each pixel. For means of 2 × 2 pixels, which share one logit, 4 bounds
            the likelihood of the full image; β and γ then mean the same as there.
        noise: the greatest share of an image's pixels that are flipped before it is encoded; above 0 the
            autoencoder denoises.
        spread: initialise the encoder like the decoder (`he_initialise`), so that codes distinguish images
            from the start. Without it codes are initially almost constant, and dimensions come into use one
            by one, ideally each for its own factor.
        warm_up: updates of the warm-up (see `unknot.models.image.warm_up`); 0 for none.
        learning_rate: Adam's.

    Raises:
        ValueError: an unknown name or an argument out of range.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, int, int] = (64, 64, 1),
        latent_dim: int = 10,
        network: str = "conv",
        width: int = 32,
        hidden: int = 256,
        likelihood: str = "bernoulli",
        likelihood_weight: float = 1.0,
        noise: float = 0.0,
        spread: bool = False,
        warm_up: int = 0,
        learning_rate: float = 5e-4,
    ) -> None:
        super().__init__()
        one_of("network", network, NETWORKS)
        one_of("likelihood", likelihood, LIKELIHOODS)
        count(1, latent_dim=latent_dim, width=width, hidden=hidden)
        above(0, likelihood_weight=likelihood_weight, learning_rate=learning_rate)
        within(0, 1, noise=noise)
        count(0, warm_up=warm_up)
        self.shape = image_shape(shape)
        self.latent_dim, self.network, self.width, self.hidden = latent_dim, network, width, hidden
        self.likelihood, self.likelihood_weight = likelihood, likelihood_weight
        self.noise, self.spread, self.warm_up, self.learning_rate = noise, spread, warm_up, learning_rate
        encoder, decoder = NETWORKS[network]
        self.encoder = encoder(self.shape, 2 * latent_dim, width, hidden)
        self.decoder = decoder(self.shape, latent_dim, width, hidden)
        if spread:
            self.encoder.apply(he_initialise)
        if warm_up:
            self.updates: Tensor
            self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        else:
            self.decoder.apply(he_initialise)
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimizers = {"adam": torch.optim.Adam(parameters, learning_rate, fused=True)}

    @abstractmethod
    def penalty(self, mean: Tensor, log_variance: Tensor, z: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the term added to the reconstruction error, and scalars to log.

        Args:
            mean: of q(z | x), (n, latent_dim), x the images of a batch.
            log_variance: of q(z | x), (n, latent_dim).
            z: sampled from q(z | x), (n, latent_dim).
        """

    def posterior(self, images: NDArray[np.uint8] | Tensor) -> "Independent":  # type: ignore[type-arg]
        """Return q(z | x) of uint8 images (n, h, w, c), a distribution over (n, latent_dim)."""
        mean, log_variance = self._moments(self._tensor(images))
        return Independent(Normal(mean, (log_variance / 2).exp()), 1)

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return the means of q(z | x), (n, latent_dim), of uint8 images (n, h, w, c)."""
        return self._moments(self._tensor(images))[0]

    def error(self, logits: Tensor, images: Tensor) -> Tensor:
        """Return -log p(x | z) in nats, (n,), of logits and images in [0, 1], (n, c, h, w)."""
        return self.likelihood_weight * LIKELIHOODS[self.likelihood](logits, images)

    def decode(self, z: Tensor) -> Tensor:
        """Decode codes z (n, latent_dim): images, float (n, h, w, c) in [0, 1]."""
        images: Tensor = self.decoder(z).sigmoid().movedim(1, -1)
        return images

    def kl(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return KL(q(z_i | x) || p(z_i)) in nats, (n, latent_dim), of uint8 images (n, h, w, c)."""
        return gaussian_kl(*self._moments(self._tensor(images)))

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step on a batch's images.

        Args:
            batch: `observation`, uint8 (n, h, w, c).

        Returns:
            Means over the batch: `reconstruction`, -log p(x | z); `kl`, KL(q(z | x) || p(z)), both in nats;
            and the scalars of the method's penalty.
        """
        images = self._tensor(batch["observation"])
        self._continue_warm_up(images)
        pixel_weight = WARM_UP_PIXEL_WEIGHT if self.warming else 1.0
        mean, log_variance = self._moments(flipped(images, self.noise) if self.noise else images)
        z = Gaussian(mean, log_variance).sample()
        reconstruction = self.error(self.decoder(z), images).mean()
        penalty, terms = self.penalty(mean, log_variance, z)
        descend(pixel_weight * reconstruction + penalty, self.optimizers["adam"])
        if self.warm_up:
            self.updates += 1
        kl = gaussian_kl(mean, log_variance).sum(1).mean()
        terms = {"reconstruction": reconstruction, "kl": kl, **terms}
        return {name: term.detach() for name, term in terms.items()}

    @property
    def warming(self) -> bool:
        """Whether the next update belongs to the warm-up."""
        return self.warm_up > 0 and int(self.updates) < self.warm_up

    def _continue_warm_up(self, images: Tensor) -> None:
        """End the warm-up in the first update after it; freeze the encoder for the updates that follow."""
        if not self.warm_up:
            return
        since = int(self.updates) - self.warm_up
        if since == 0:
            end_warm_up(self.encoder, self.decoder, images)
            self.optimizers["adam"].state.clear()
        self.encoder.requires_grad_(not 0 <= since < FROZEN_UPDATES)

    def _moments(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.encoder(images).chunk(2, 1)
        return mean, log_variance

    def _tensor(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        return image_tensor(images, next(self.parameters()).device, self.shape)


@dataclass(frozen=True)
class PosteriorSamples:
    """An encoder that samples q(z | x), where a learner's `encode` returns its mean.

    MIG is defined for such codes (Chen et al., 2018, eq. 4 and 6). Samples depend only on the images and the
    seed.
    """

    learner: VariationalAutoencoder
    seed: int = 0

    codes: ClassVar[str] = "sampled from q(z | x)"
    """Their description in the `choices` of `evaluate_codes`."""

    def __call__(self, images: NDArray[np.uint8]) -> Tensor:
        """Return codes (n, latent_dim) of uint8 images (n, h, w, c)."""
        rng = np.random.default_rng([self.seed, zlib.crc32(images.tobytes())])
        q = self.learner.posterior(images).base_dist
        assert isinstance(q, Normal)
        return q.loc + q.scale * torch.from_numpy(rng.standard_normal(tuple(q.loc.shape))).to(q.loc)


class VAE(VariationalAutoencoder):
    """The variational autoencoder, and β-VAE, whose KL has a weight.

    Higgins et al., "β-VAE: learning basic visual concepts with a constrained variational framework", 2017:

        E log p(x | z) - β KL(q(z | x) || p(z)).

    β = 1 is Kingma and Welling's VAE; β = 0 is an autoencoder with noise.

    Args:
        beta: β, at least 0.
        **settings: of `VariationalAutoencoder`.
    """

    def __init__(self, *, beta: float = 1.0, **settings: Any) -> None:
        super().__init__(**settings)
        at_least(0, beta=beta)
        self.beta = beta

    def penalty(self, mean: Tensor, log_variance: Tensor, z: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return β KL."""
        return self.beta * gaussian_kl(mean, log_variance).sum(1).mean(), {}
