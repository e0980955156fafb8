"""A point that actions move: a linear system whose quadratic problems iLQR solves exactly."""

from __future__ import annotations

import torch
from torch import Tensor

from unknot.planners import QuadraticCost


class Push:
    """A point that actions move."""

    def step(self, z: Tensor, u: Tensor) -> Tensor:
        """Return the next places (n, 2)."""
        return 0.9 * z + u


def problem(batch: int) -> tuple[QuadraticCost, Tensor]:
    """Return the cost of as many random goals, and random starts (batch, 2)."""
    generator = torch.Generator().manual_seed(0)
    goal, start = torch.randn(2, batch, 2, generator=generator).double()
    return QuadraticCost(torch.eye(2), 0.3 * torch.eye(2), goal), start
