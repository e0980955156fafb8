"""The generator whose capacity grows, and the nats at which each factor enters (section 4.3, Fig. 3)."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unknot.experiments.common.runs import CHECKPOINT_EVERY
from unknot.experiments.common.study import Training
from unknot.files import WEIGHTS
from unknot.models.data.shapes2d import Shapes2D
from unknot.models.data.stream import stream
from unknot.models.image.factor_generator import FactorGenerator
from unknot.representation import load_learner, save_learner, train

ENTERS = 1.0
"""Nats from which on a factor has entered: twice what each has at the end by the uniform share alone."""
ORDER = (("x", "y"), ("scale",), ("shape",), ("orientation",))
"""The order in which factors enter (Fig. 3)."""
SHOWN = (3.1, 7.3, 15.4, 23.8)
"""Nats at which images are decoded (Fig. 3, bottom): the paper's."""


def train_generator(
    settings: Training, capacity: float, steps: int, folder: Path, seed: int, resume: bool
) -> FactorGenerator:
    """Train the generator and keep it at each of its stages.

    Args:
        settings: sizes of images, batches and networks.
        capacity: the last C in nats.
        steps: updates.
        folder: the generator's.
        seed: of torch and of the batches.
        resume: go on with what is in the folder.
    """
    source = Shapes2D(pixels=settings.pixels)
    factors = {name: (float(each.mean()), float(each.std())) for name, each in source.values.items()}
    sizes = settings.network()  # its pixels count once
    network = {name: sizes[name] for name in ("shape", "width", "hidden", "learning_rate")}
    torch.manual_seed(seed)
    learner = FactorGenerator(factors=factors, capacity=capacity, growth=steps, **network)
    batches = stream(source, settings.batch, seed, factors=True)
    for nats, updates in stages(learner):
        kept = _weights_at(folder, nats)
        if resume and kept.exists() and updates < steps:
            continue  # never skip the last stage: it restores the generator
        options: dict[str, Any] = {"folder": folder, "resume": resume, "checkpoint_every": CHECKPOINT_EVERY}
        train(learner, batches, updates, **options, description=f"seed {seed}: generator up to {nats:g} nats")
        save_learner(learner, kept)
        resume = True
    return learner


def stages(generator: FactorGenerator) -> list[tuple[float, int]]:
    """Return the capacities at which the generator is kept, the last one too, and the updates until then."""
    first, last = generator.first, generator.capacity
    shown = [capacity for capacity in SHOWN if first < capacity < last]
    return [(c, math.ceil(generator.growth * (c - first) / (last - first))) for c in (*shown, last)]


def _weights_at(folder: Path, capacity: float) -> Path:
    return folder / f"at-{capacity:g}" / WEIGHTS


def load_stages(folder: Path, generator: FactorGenerator) -> dict[float, FactorGenerator]:
    """Load the generator as it was at each stage, by its capacity in nats."""
    return {
        nats: load_learner(_weights_at(folder, nats), kind=FactorGenerator) for nats, _ in stages(generator)
    }


def entries(generator: FactorGenerator) -> dict[str, Any]:
    """Return when each factor enters, by the generator's trace.

    Returns:
        `enters`, for each factor the first C from which on it has `ENTERS` nats, None if never; `last`, the
        nats each has in the end; `reconstruction`, -log p(x | z) at the end, in nats.
    """
    trace = trace_of(generator)
    coded = trace[:, 1:-1] >= ENTERS
    enters = {}
    for name, column in zip(generator.factors, coded.T, strict=True):
        after = len(column) - int(np.argmin(column[::-1])) if not column.all() else 0
        enters[name] = float(trace[after, 0]) if after < len(column) else None
    last = dict(zip(generator.factors, trace[-1, 1:-1].tolist(), strict=True))
    return {"enters": enters, "last": last, "reconstruction": float(trace[-1, -1])}


def trace_of(generator: FactorGenerator) -> NDArray[np.float64]:
    """Return the rows of the generator's trace that are filled."""
    filled = ~generator.trace.isnan().any(1)
    trace: NDArray[np.float64] = generator.trace[filled].double().numpy(force=True)
    return trace


def in_order(enters: dict[str, float | None]) -> bool:
    """Return whether all factors enter, and in the paper's order: x and y, scale, shape, orientation."""
    if None in enters.values():
        return False
    stages = [[enters[name] or 0.0 for name in names] for names in ORDER]
    return all(max(before) < min(after) for before, after in pairwise(stages))
