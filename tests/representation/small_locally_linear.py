"""Small locally linear learners for the tests."""

from typing import Any, TypeVar

import torch
from torch import Tensor

from unknot.representation import LocallyLinear

SMALL: dict[str, Any] = {"shape": (8, 12, 1), "landmarks": 4, "steps": 10}
L = TypeVar("L", bound=LocallyLinear)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def bent(learner: L) -> L:
    """Give a learner dynamics that differ from place to place, which a fresh one has not."""
    generator = torch.Generator().manual_seed(5)
    for parameter in (learner.transition[-1].weight, learner.transition[-1].bias):
        assert isinstance(parameter, Tensor)
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    return learner


def fresh(kind: type[L], **settings: Any) -> L:
    torch.manual_seed(0)
    return kind(**SMALL | settings)
