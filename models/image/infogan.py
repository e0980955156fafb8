"""InfoGAN on the Wasserstein distance."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.checks import above, at_least, count, one_of
from unknot.models.adversarial import gradient_penalty, wasserstein_distance, wasserstein_generator_loss
from unknot.models.image.infogan_networks import NETWORKS
from unknot.representation.learner import Learner, descend, image_tensor
from unknot.representation.networks import image_shape

__all__ = ["InfoGAN", "surprise"]


class InfoGAN(Learner):
    """A generator of images from codes and noise, whose codes can be recognised in the images.

    Chen et al., "InfoGAN: interpretable representation learning by information maximizing generative
    adversarial nets", 2016, with the objective of Gulrajani et al., "Improved training of Wasserstein GANs",
    2017, as in Eastwood and Williams, 2018, A.2. With codes c, uniform in [-1, 1], and noise, x̃ =
    G(c, noise):

        D, Q:  E D(x̃) - E D(x) + `penalty_weight` E (|∇D(x̂)| - 1)² - λ I,
        G:     -E D(x̃) - λ I,                            I = E log Q(c | x̃) + H(c),

    x̂ between real and generated images, I a lower bound of the mutual information of codes and generated
    images. The recogniser Q shares all layers of the critic D except the last, so both learn in one step.

    According to the paper, codes are normal and Q predicts their standard deviations too. Here codes are
    uniform and Q is a Gaussian of standard deviation 1, as in the authors' published code: unlike a normal
    distribution, a uniform one is not invariant to rotation, so that dimensions are meaningful; and I is
    bounded.

    Args:
        shape: (height, width, channels) of the images, a square whose side is a power of 2 from 8.
        latent_dim: number of codes.
        noise_dim: dimension of the normal noise, for properties that codes don't determine; at least 0.
        network: "conv" (Radford et al. 2016) or "residual" (Gulrajani et al. 2017, for 64 × 64 images).
        width: channels of the critic's first convolution and the generator's last; others have more.
        information_weight: λ, at least 0.
        penalty_weight: of the gradient penalty, at least 0.
        critic_updates: of D and Q per update of G.
        learning_rate: Adam's (β1 = 0, β2 = 0.9), of both.

    Raises:
        ValueError: another shape, an unknown network, or an argument out of range.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, int, int] = (64, 64, 3),
        latent_dim: int = 6,
        noise_dim: int = 128,
        network: str = "conv",
        width: int = 32,
        information_weight: float = 8.0,
        penalty_weight: float = 10.0,
        critic_updates: int = 5,
        learning_rate: float = 1e-4,
    ) -> None:
        super().__init__()
        one_of("network", network, NETWORKS)
        count(1, latent_dim=latent_dim, width=width, critic_updates=critic_updates)
        count(0, noise_dim=noise_dim)
        above(0, learning_rate=learning_rate)
        at_least(0, information_weight=information_weight, penalty_weight=penalty_weight)
        self.shape = image_shape(shape)
        self.latent_dim, self.noise_dim, self.network, self.width = latent_dim, noise_dim, network, width
        self.information_weight, self.penalty_weight = information_weight, penalty_weight
        self.critic_updates, self.learning_rate = critic_updates, learning_rate
        critic, generator = NETWORKS[network]
        self.critic = critic(self.shape, 1 + latent_dim, width)
        self.generator = generator(self.shape, latent_dim + noise_dim, width)
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), learning_rate, betas=(0.0, 0.9), fused=True)
            for name, network in (("critic", self.critic), ("generator", self.generator))
        }

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return the means of Q(c | x), (n, latent_dim), of uint8 images (n, h, w, c)."""
        return self._judge(self._scaled(images))[1]

    def decode(self, codes: Tensor) -> Tensor:
        """Decode codes (n, latent_dim) with zero noise: images, float (n, h, w, c) in [0, 1]."""
        noise = codes.new_zeros(len(codes), self.noise_dim)
        images: Tensor = self.generator(torch.cat([codes, noise], 1)).movedim(1, -1)
        return (images + 1) / 2

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do `critic_updates` steps of the critic, each on a share of the images, then one of the generator.

        Args:
            batch: `observation`, uint8 (n, h, w, c), n at least twice `critic_updates`.

        Returns:
            Of the last steps: `distance`, E D(x) - E D(x̃), which estimates Wasserstein's; `penalty`,
            unweighted; `surprise` at the codes in nats, 0 if Q recovers them exactly.

        Raises:
            ValueError: fewer images.
        """
        images = self._scaled(batch["observation"])
        if len(images) < 2 * self.critic_updates:  # a batch of one image can't be normalised
            raise ValueError(
                f"observation must be at least 2 images for each of critic_updates={self.critic_updates}, "
                f"not {len(images)}"
            )
        for real in images.tensor_split(self.critic_updates):
            distance, penalty = self._update_critic(real)
        surprised = self._update_generator(len(real))
        return {"distance": distance, "penalty": penalty, "surprise": surprised}

    def _update_critic(self, real: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            codes, generated = self._generate(len(real))
        scores, means = self._judge(generated)
        distance = wasserstein_distance(self._judge(real)[0], scores)
        penalty = gradient_penalty(lambda images: self._judge(images)[0], real, generated)
        information_loss = self.information_weight * surprise(means, codes)
        descend(self.penalty_weight * penalty + information_loss - distance, self.optimizers["critic"])
        return distance.detach(), penalty.detach()

    def _update_generator(self, number: int) -> Tensor:
        codes, generated = self._generate(number)
        scores, means = self._judge(generated)
        surprised = surprise(means, codes)
        information_loss = self.information_weight * surprised
        descend(information_loss + wasserstein_generator_loss(scores), self.optimizers["generator"])
        return surprised.detach()

    def _generate(self, number: int) -> tuple[Tensor, Tensor]:
        """Return codes (number, latent_dim) and images of them in [-1, 1], (number, channels, h, w)."""
        device = next(self.parameters()).device
        codes = 2 * torch.rand(number, self.latent_dim, device=device) - 1
        noise = torch.randn(number, self.noise_dim, device=device)
        return codes, self.generator(torch.cat([codes, noise], 1))

    def _judge(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores D(x), (n,), and means of Q(c | x), (n, latent_dim)."""
        outputs = self.critic(images)
        return outputs[:, 0], outputs[:, 1:]

    def _scaled(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        return 2 * image_tensor(images, next(self.parameters()).device, self.shape) - 1


def surprise(mean: Tensor, codes: Tensor) -> Tensor:
    """Return E Σ (c - mean)² / 2, which is -I up to a constant: -log Q(c | x) minus its minimum.

    Args:
        mean: of Q, (n, latent_dim).
        codes: c, (n, latent_dim).
    """
    return (codes - mean).square().sum(1).mean() / 2
