"""InfoGAN on the Wasserstein distance."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.models.image.networks import conv_decoder, conv_encoder
from unknot.representation.learner import Learner, image_tensor

__all__ = ["InfoGAN", "gradient_penalty", "information"]


class InfoGAN(Learner):
    """A generator of images from codes and noise, whose codes can be recognised in what it draws.

    Chen et al., "InfoGAN: interpretable representation learning by information maximizing generative
    adversarial nets", 2016, with the objective of Gulrajani et al., "Improved training of Wasserstein GANs",
    2017, as Eastwood and Williams, 2018, A.2, have it. With codes c ~ N(0, I) and noise, x̃ = G(c, noise):

        D, Q:  E D(x̃) - E D(x) + `penalty_weight` E (|∇D(x̂)| - 1)² - λ I,
        G:     -E D(x̃) - λ I,                            I = E log Q(c | x̃) + H(c),

    x̂ between real and drawn images, I a lower bound of the mutual information of codes and drawn images. The
    recogniser Q gives a mean and a variance of each code; it shares all layers of the critic D but the last,
    so both learn in one step. Images are in [-1, 1] there.

    Args:
        shape: (height, width, channels) of the images, a square whose side is a power of 2 from 8.
        latent_dim: how many codes.
        noise_dim: how many numbers of noise, which say what codes don't; at least 0.
        width: channels of the convolutions.
        hidden: units of the other layers.
        information_weight: λ, at least 0.
        penalty_weight: of the gradient penalty, at least 0.
        critic_updates: of D and Q for one of G.
        learning_rate: Adam's (β1 = 0, β2 = 0.9), of both.

    Raises:
        ValueError: another shape, or an argument out of range.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, int, int] = (64, 64, 3),
        latent_dim: int = 6,
        noise_dim: int = 128,
        width: int = 32,
        hidden: int = 256,
        information_weight: float = 8.0,
        penalty_weight: float = 10.0,
        critic_updates: int = 5,
        learning_rate: float = 1e-4,
    ) -> None:
        super().__init__()
        self.shape: tuple[int, int, int] = (shape[0], shape[1], shape[2])
        self.latent_dim, self.noise_dim, self.width, self.hidden = latent_dim, noise_dim, width, hidden
        self.information_weight, self.penalty_weight = information_weight, penalty_weight
        self.critic_updates, self.learning_rate = critic_updates, learning_rate
        counts = dict.fromkeys(("latent_dim", "width", "hidden", "critic_updates"), 1)
        for name, least in (counts | {"noise_dim": 0, "information_weight": 0, "penalty_weight": 0}).items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)}")
        self.critic = conv_encoder(self.shape, 1 + 2 * latent_dim, width, hidden)
        self.generator = conv_decoder(self.shape, latent_dim + noise_dim, width, hidden)
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), learning_rate, betas=(0.0, 0.9))
            for name, network in (("critic", self.critic), ("generator", self.generator))
        }

    def settings(self) -> dict[str, Any]:
        """Return the constructor's keyword arguments."""
        names = (
            "latent_dim noise_dim width hidden information_weight penalty_weight critic_updates learning_rate"
        )
        return {"shape": list(self.shape)} | {name: getattr(self, name) for name in names.split()}

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return the means of Q(c | x), (n, latent_dim), of uint8 images (n, h, w, c)."""
        return self._recognise(self.critic(self._scaled(images)))[0]

    def decode(self, codes: Tensor) -> Tensor:
        """Draw codes (n, latent_dim), without noise: images, float (n, h, w, c) in [0, 1]."""
        images = self.generator(torch.cat([codes, codes.new_zeros(len(codes), self.noise_dim)], 1)).tanh()
        return (images.movedim(1, -1) + 1) / 2

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do `critic_updates` steps of the critic, each on a share of the images, then one of the generator.

        Args:
            batch: `observation`, uint8 (n, h, w, c), n at least `critic_updates`.

        Returns:
            Of the last steps: `distance`, E D(x) - E D(x̃), which estimates Wasserstein's; `penalty`,
            unweighted; `information`, I in nats of what the generator draws.

        Raises:
            ValueError: fewer images.
        """
        images = self._scaled(batch["observation"])
        if len(images) < self.critic_updates:
            raise ValueError(
                f"observation must be at least critic_updates={self.critic_updates} images, not {len(images)}"
            )
        for real in images.tensor_split(self.critic_updates):
            distance, penalty = self._update_critic(real)
        codes, drawn = self._draw(len(real))
        judged = self.critic(drawn)
        told = information(*self._recognise(judged), codes)
        self._step("generator", -judged[:, 0].mean() - self.information_weight * told)
        return {"distance": distance, "penalty": penalty, "information": told.detach()}

    def _update_critic(self, real: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            codes, drawn = self._draw(len(real))
        judged = self.critic(drawn)
        distance = self.critic(real)[:, 0].mean() - judged[:, 0].mean()
        penalty = gradient_penalty(lambda images: self.critic(images)[:, 0], real, drawn)
        told = information(*self._recognise(judged), codes)
        loss = -distance + self.penalty_weight * penalty - self.information_weight * told
        self._step("critic", loss)
        return distance.detach(), penalty.detach()

    def _step(self, name: str, loss: Tensor) -> None:
        optimizer = self.optimizers[name]
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    def _draw(self, count: int) -> tuple[Tensor, Tensor]:
        """Return codes (count, latent_dim) and images of them in [-1, 1], (count, channels, h, w)."""
        device = next(self.parameters()).device
        inputs = torch.randn(count, self.latent_dim + self.noise_dim, device=device)
        return inputs[:, : self.latent_dim], self.generator(inputs).tanh()

    def _recognise(self, judged: Tensor) -> tuple[Tensor, Tensor]:
        """Return the means and log variances that the critic's outputs (n, 1 + 2 latent_dim) end with."""
        mean, log_variance = judged[:, 1:].chunk(2, 1)
        return mean, log_variance

    def _scaled(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        return 2 * image_tensor(images, next(self.parameters()).device) - 1


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, drawn: Tensor) -> Tensor:
    """Return E (|∇D(x̂)| - 1)², x̂ drawn evenly from the line between a real image and a drawn one (eq. 3).

    Args:
        critic: D, images (n, ...) to scores (n,), each image for itself.
        real: images (n, ...).
        drawn: images (n, ...), to which no gradient flows.
    """
    share = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
    between = torch.lerp(real, drawn.detach(), share).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def information(mean: Tensor, log_variance: Tensor, codes: Tensor) -> Tensor:
    """Return E log Q(c | x) + H(c) in nats, Q Gaussian and c ~ N(0, I): all arguments are (n, latent_dim).

    It is 0 where Q is N(0, I), up to chance, and at most what x says of c.
    """
    surprise = (codes - mean).square() * (-log_variance).exp() + log_variance
    return (1 - surprise).sum(1).mean() / 2
