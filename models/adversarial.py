"""Losses and networks of adversarial training: functions that any model can call.

A critic scores samples: high for real ones, low for generated ones. A discriminator gives the log odds that a
sample is real.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

__all__ = [
    "dense_discriminator",
    "density_ratio_loss",
    "discriminator_loss",
    "generator_loss",
    "gradient_penalty",
    "moving_average",
    "r1_penalty",
    "translated",
    "wasserstein_distance",
    "wasserstein_generator_loss",
]


def wasserstein_distance(real: Tensor, generated: Tensor) -> Tensor:
    """Return E D(x) - E D(x̃), which the critic maximises; at its maximum, the Wasserstein distance.

    Arjovsky, Chintala and Bottou, "Wasserstein GAN", 2017, eq. 2. The critic must be 1-Lipschitz: see
    `gradient_penalty`.

    Args:
        real: scores D(x) of real samples, (n,).
        generated: scores D(x̃) of generated samples, (m,).
    """
    return real.mean() - generated.mean()


def wasserstein_generator_loss(generated: Tensor) -> Tensor:
    """Return -E D(x̃), which the generator minimises, of scores (n,) of generated samples."""
    return -generated.mean()


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, generated: Tensor) -> Tensor:
    """Return E (|∇D(x̂)| - 1)², x̂ uniform on the line between a real and a generated sample.

    Gulrajani et al., "Improved training of Wasserstein GANs", 2017, eq. 3.

    Args:
        critic: D, from samples (n, ...) to scores (n,), each sample separately.
        real: samples (n, ...).
        generated: samples (n, ...); no gradient flows to them.
    """
    share = torch.rand(len(real), *[1] * (real.ndim - 1), dtype=real.dtype, device=real.device)
    between = torch.lerp(real, generated.detach(), share).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    lengths: Tensor = slope.flatten(1).norm(dim=1)
    return (lengths - 1).square().mean()


def r1_penalty(critic: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """Return E |∇D(x)|² / 2 over real samples.

    Mescheder, Geiger and Nowozin, "Which training methods for GANs do actually converge?", 2018, eq. 9.

    Args:
        critic: D, from samples (n, ...) to scores (n,), each sample separately.
        real: samples (n, ...).
    """
    real = real.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(real).sum(), real, create_graph=True)
    penalty: Tensor = slope.square().flatten(1).sum(1).mean() / 2
    return penalty


def translated(images: Tensor, most: int) -> Tensor:
    """Return images (n, c, h, w) moved by up to `most` pixels each way, their edges repeated.

    The translation of Zhao et al., "Differentiable augmentation for data-efficient GAN training", 2020.
    """
    n, _, height, width = images.shape
    by = torch.randint(-most, most + 1, (2, n, 1), device=images.device)
    rows = (torch.arange(height, device=images.device) + by[0]).clamp(0, height - 1)
    columns = (torch.arange(width, device=images.device) + by[1]).clamp(0, width - 1)
    number = torch.arange(n, device=images.device)[:, None, None]
    return images.movedim(1, -1)[number, rows[:, :, None], columns[:, None]].movedim(-1, 1)


def dense_discriminator(inputs: int, width: int, layers: int) -> nn.Sequential:
    """Return a multilayer perceptron with leaky ReLU, from (n, inputs) to log odds (n, 1).

    Args:
        inputs: dimensions of a sample.
        width: units of each hidden layer.
        layers: number of hidden layers.
    """
    hidden: list[nn.Module] = []
    for layer in range(layers):
        hidden += [nn.Linear(width if layer else inputs, width), nn.LeakyReLU(0.2)]
    return nn.Sequential(*hidden, nn.Linear(width, 1))


def density_ratio_loss(real: Tensor, other: Tensor) -> Tensor:
    """Return the cross-entropy of a discriminator between two distributions, in nats.

    At the minimum, the discriminator's output is log p(x) / q(x), the log ratio of the densities.

    Args:
        real: log odds of samples from p, any shape.
        other: log odds of samples from q, any shape.
    """
    return (functional.softplus(-real).mean() + functional.softplus(other).mean()) / 2


def discriminator_loss(real: Tensor, generated: Tensor) -> Tensor:
    """Return -E log D(x) - E log(1 - D(x̃)) of log odds, any shapes (Goodfellow et al., 2014, eq. 1)."""
    return functional.softplus(-real).mean() + functional.softplus(generated).mean()


def generator_loss(generated: Tensor) -> Tensor:
    """Return -E log D(x̃) of log odds, any shape: the loss of a generator that does not saturate."""
    return functional.softplus(-generated).mean()


def moving_average(network: nn.Module, keep: float) -> AveragedModel:
    """Return the moving average of a network's weights and statistics, its `module`.

    `update_parameters(network)` moves it, at first faster, so that it forgets how the network began.

    Args:
        network: the network.
        keep: how much of itself the average keeps at an update, in [0, 1); 0 for the network as it is.
    """
    average = AveragedModel(network, avg_fn=partial(_moved, keep), use_buffers=True)
    return average.requires_grad_(False)


def _moved(keep: float, mean: Tensor, new: Tensor, updates: Tensor | int) -> Tensor:
    if not mean.is_floating_point():  # how many batches batch norm has seen
        return new
    return mean.lerp(new, max(1 - keep, 9 / (10 + int(updates))))
