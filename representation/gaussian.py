"""Diagonal Gaussians whose samples are differentiable."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Gaussian", "bounded"]


@dataclass(frozen=True)
class Gaussian:
    """A diagonal Gaussian for each row: `mean` and `log_variance` are (n, dim)."""

    mean: Tensor
    log_variance: Tensor

    def sample(self) -> Tensor:
        """Sample a point for each row, differentiably."""
        return self.mean + torch.randn_like(self.mean) * (self.log_variance / 2).exp()

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density, summed over the last axis."""
        square = (value - self.mean).square() * (-self.log_variance).exp()
        return -0.5 * (math.log(2 * math.pi) + self.log_variance + square).sum(-1)

    def entropy(self) -> Tensor:
        """Return the entropy in nats, (n,)."""
        return 0.5 * (math.log(2 * math.pi * math.e) + self.log_variance).sum(-1)

    def kl(self, other: "Gaussian") -> Tensor:
        """Return KL(self ‖ other) in nats, (n,)."""
        ratio = (self.log_variance - other.log_variance).exp()
        square = (self.mean - other.mean).square() * (-other.log_variance).exp()
        return 0.5 * (ratio + square - 1 - self.log_variance + other.log_variance).sum(-1)

    def split(self, sizes: list[int]) -> list["Gaussian"]:
        """Split the rows into blocks of the given sizes."""
        blocks = zip(torch.split(self.mean, sizes), torch.split(self.log_variance, sizes), strict=True)
        return [Gaussian(mean, log_variance) for mean, log_variance in blocks]

    def detach(self) -> "Gaussian":
        """Return it detached."""
        return Gaussian(self.mean.detach(), self.log_variance.detach())


def bounded(values: Tensor, least: float, most: float) -> Tensor:
    """Return values between two bounds, the same far from them, with a slope everywhere.

    Log variances need one: clamped, those past a bound would stay there, for they have no gradient.
    """
    below = most - functional.softplus(most - values)
    return least + functional.softplus(below - least)
