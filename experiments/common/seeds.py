"""Random numbers of measurements that leave those of training as they are."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let torch's random state begin with a seed; put it back at the end."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
