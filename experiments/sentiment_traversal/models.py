"""The models that are trained, and the ways their codes are moved."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from unknot.experiments.common.rewriting import Task
from unknot.experiments.sentiment_traversal.data import REAL
from unknot.models.text.denoising import DenoisingAdversarialAutoencoder
from unknot.models.text.mmd import move_codes
from unknot.models.text.traversal import MMDTraversal

if TYPE_CHECKING:
    from unknot.experiments.sentiment_traversal import Settings

MODEL, UNLABELLED, DENOISING = "joint", "unlabelled", "daae"
"""The models: the paper's, the same without the classifier's loss, what a user may take today."""
MODELS = (MODEL, UNLABELLED, DENOISING)
MAIN, PAPER, MEAN, PLAIN, TODAY = "nearest", "random", "mean", "unlabelled-nearest", "daae"
"""The rows: ways to move the codes of a model."""
SETS = 90
"""Codes of each sentiment that the paper moves between, at random."""
PRICES = (1.0, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1)
"""Of a move as long as the code: the budgets of MMD traversal."""
STRIDES = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0)
"""Differences of mean codes that a code moves, as a budget."""
LONG_STRIDES = (2.0, 4.0, 6.0, 10.0, 20.0, 30.0, 40.0, 60.0)
"""The same in codes whose means hardly differ, since they learnt without labels."""

AnyModel = MMDTraversal | DenoisingAdversarialAutoencoder


@dataclass(frozen=True)
class Way:
    """A row of the tables: a way to move the codes of a model."""

    model: str
    budgets: tuple[float, ...]
    """From those that move codes least to those that move them most."""
    move: Callable[[Any, Tensor, Tensor, float], Tensor]
    """From a model, codes (n, d), wanted labels (n,) and a budget to codes."""


def _nearest(model: AnyModel, codes: Tensor, wanted: Tensor, budget: float) -> Tensor:
    return model.traverse(codes, wanted, budget)


def _random(model: MMDTraversal, codes: Tensor, wanted: Tensor, price: float) -> Tensor:
    known = [each[:SETS] for each in model.kept_codes()]
    moved = move_codes(codes.double().numpy(force=True), known, wanted.numpy(force=True), price, SETS)
    return torch.from_numpy(moved).to(codes)


def _mean(model: MMDTraversal, codes: Tensor, wanted: Tensor, stride: float) -> Tensor:
    negative, positive = (torch.from_numpy(each.mean(0)).to(codes) for each in model.kept_codes())
    return codes + stride * (2 * wanted[:, None] - 1) * (positive - negative)


WAYS = {
    MAIN: Way(MODEL, PRICES, _nearest),
    PAPER: Way(MODEL, PRICES, _random),
    MEAN: Way(MODEL, STRIDES, _mean),
    PLAIN: Way(UNLABELLED, PRICES, _nearest),
    TODAY: Way(DENOISING, LONG_STRIDES, _nearest),
}


def make(name: str, task: Task, settings: "Settings") -> AnyModel:
    """Make the model of a name for a task."""
    chosen: dict[str, Any] = {
        name: getattr(settings, name) for name in ("embedding", "hidden", "learning_rate")
    }
    chosen |= {"vocabulary": task.vocabulary, "attributes": task.values, "longest": task.longest}
    chosen["steps"] = updates(task.name, settings)
    if name == DENOISING:
        return DenoisingAdversarialAutoencoder(**chosen, code_dim=4 * settings.filters)
    names = ("filters", "dropout", "examples", "neighbours")
    return MMDTraversal(**chosen, **{each: getattr(settings, each) for each in names})


def updates(task: str, settings: "Settings") -> int:
    """Return the updates of the models of a task."""
    return settings.real_steps if task == REAL else settings.steps
