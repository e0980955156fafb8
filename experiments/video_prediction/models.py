"""The data and the models of a seed."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from unknot.experiments.common.runs import UNTRAINED, train_model
from unknot.models.data.moving_digits import MovingDigits
from unknot.models.data.stream import stream
from unknot.models.data.street import Street
from unknot.models.video.independent_predictor import IndependentPredictor

if TYPE_CHECKING:
    from unknot.experiments.video_prediction import Settings

DIGITS, STREET = "digits", "street"
"""The paper's two data sets; a model is called DATA-KIND."""
FACTORED, ENTANGLED, SLOTS, PUBLISHED = "factored", "entangled", "slots", "published"
SIDE = 64
"""Side of the frames in the paper."""
VARIANCE = {DIGITS: 0.25, STREET: 0.05}
"""Of a pixel, the paper's."""
PUBLISHED_RATE = 3e-4
"""Adam's, in the paper."""
OBJECTS = {DIGITS: 2, STREET: 8}
"""Factors, the paper's."""

Source = MovingDigits | Street


def source(data: str, settings: "Settings", frames: int, *, test: bool = False) -> Source:
    """Return clips of so many frames; of digits of MNIST's test split with `test`."""
    return _source(data, settings.pixels, frames, "test" if test else "train")


@cache
def _source(data: str, pixels: int, frames: int, split: str) -> Source:
    """Return a source, once: reading digits takes half a second."""
    if data == DIGITS:
        return MovingDigits(pixels=pixels, frames=frames, split=split)
    return Street(pixels=pixels, frames=frames)


def names(settings: "Settings") -> list[str]:
    """Return the names of a seed's models."""
    kinds = (FACTORED, ENTANGLED, SLOTS)
    digits = [f"{DIGITS}-{kind}" for kind in (*kinds, PUBLISHED, UNTRAINED)]
    street = [f"{STREET}-{kind}" for kind in (*kinds, UNTRAINED)]
    return [*digits, *street] if settings.street_steps else digits


def data_of(name: str) -> str:
    """Return a model's data."""
    return name.partition("-")[0]


def kind_of(name: str) -> str:
    """Return a model's kind."""
    return name.partition("-")[2]


def steps_of(name: str, settings: "Settings") -> int:
    """Return how many updates a model gets."""
    if kind_of(name) == UNTRAINED:
        return 0
    return settings.steps if data_of(name) == DIGITS else settings.street_steps


def maker(name: str, settings: "Settings") -> Callable[[], IndependentPredictor]:
    """Return what makes a model."""
    data, kind = data_of(name), kind_of(name)
    factors, size = OBJECTS[data], settings.factor_dim if data == DIGITS else settings.street_factor_dim
    options: dict[str, Any] = {
        "shape": (settings.pixels, settings.pixels, 3),
        "factors": factors,
        "factor_dim": size,
        "width": settings.width,
        "hidden": settings.hidden,
        "variance": VARIANCE[data],
        "likelihood_weight": (SIDE / settings.pixels) ** 2.0,
        "warm_up": int(settings.warm_up * steps_of(name, settings)),
        "learning_rate": settings.learning_rate,
    }
    if kind == ENTANGLED:
        options |= {"factors": 1, "factor_dim": factors * size}
    elif kind == SLOTS:
        options["decoder"] = "sum"
    elif kind == PUBLISHED:
        options |= {"network": "dcgan", "residual": False, "warm_up": 0, "learning_rate": PUBLISHED_RATE}
    return partial(IndependentPredictor, **options)


SHORT = 3
"""Frames of the first clips: as few as have a velocity that a prediction can be right about."""


def batches_of(name: str, settings: "Settings", seed: int) -> Callable[[int], dict[str, Tensor]]:
    """Return a model's batches by the step: at first more clips of fewer frames, about as many frames in all.

    A batch of short clips shows more digits at more places, from which a decoder learns sooner.
    """
    data = data_of(name)
    first = int(settings.short * steps_of(name, settings))
    many = max(settings.batch * settings.frames // SHORT, 2)
    short = stream(source(data, settings, SHORT), many, seed)
    whole = stream(source(data, settings, settings.frames), settings.batch, seed)
    return lambda step: short(step) if step < first else whole(step)


def train_clips(
    name: str, settings: "Settings", folder: Path, seed: int, resume: bool
) -> IndependentPredictor:
    """Train a model on fresh clips; the untrained one is saved as it starts."""
    batches = batches_of(name, settings, seed)
    return train_model(maker(name, settings), batches, steps_of(name, settings), folder, seed, resume)
