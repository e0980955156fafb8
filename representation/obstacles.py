"""Obstacles in a latent space: a classifier of points where no move can end."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from unknot.representation.learner import descend

__all__ = ["FourierFeatures", "fit_obstacles", "obstacle_classifier"]

BATCH_POINTS = 1024
WAVES = 48


class FourierFeatures(nn.Module):
    """Sines and cosines along random directions, so that later layers resolve details about `width` wide.

    Rahimi and Recht, "Random Features for Large-Scale Kernel Machines", 2007.
    """

    def __init__(self, dim: int, count: int, width: float) -> None:
        super().__init__()
        self.waves: Tensor
        self.register_buffer("waves", torch.randn(dim, count) / width)

    def forward(self, points: Tensor) -> Tensor:
        """Return (..., 2 count) of points (..., dim)."""
        phase = points @ self.waves
        return torch.cat([phase.sin(), phase.cos()], -1)


def obstacle_classifier(latent_dim: int, detail: float) -> nn.Sequential:
    """Return a network from points (..., latent_dim) to the log odds (..., 1) that no move can end there.

    Args:
        latent_dim: dimension of the points.
        detail: size of the details it resolves, in units of the latent space.
    """
    return nn.Sequential(
        FourierFeatures(latent_dim, WAVES, detail),
        nn.Linear(2 * WAVES, 64),
        nn.Tanh(),
        nn.Linear(64, 1),
    )


def fit_obstacles(classifier: nn.Module, points: Tensor, labels: Tensor, *, steps: int, seed: int) -> None:
    """Train an obstacle classifier by cross-entropy; the learning rate falls linearly.

    Args:
        classifier: as `obstacle_classifier` makes it.
        points: (n, latent_dim).
        labels: (n,), in [0, 1]: 1 where no move can end.
        steps: updates, on 1,024 points each.
        seed: of the order of the points.
    """
    optimizer = torch.optim.Adam(classifier.parameters(), 5e-3, fused=True)
    rate = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        chosen = torch.randint(len(points), (BATCH_POINTS,), generator=generator).to(points.device)
        odds = classifier(points[chosen])[:, 0]
        descend(functional.binary_cross_entropy_with_logits(odds, labels[chosen]), optimizer)
        rate.step()
