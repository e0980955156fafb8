"""The data and the models of a seed."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unknot.experiments.common.runs import UNTRAINED, train_model
from unknot.files import FileError
from unknot.models.data.moving_digits import MovingDigits
from unknot.models.data.stream import stream
from unknot.models.data.street import Street
from unknot.models.data.video_files import OwnVideos, read_videos
from unknot.models.video.independent_predictor import IndependentPredictor

if TYPE_CHECKING:
    from unknot.experiments.video_prediction import Settings

DIGITS, STREET, OWN = "digits", "street", "videos"
"""The paper's two data sets, and a user's own videos; a model is called DATA-KIND."""
FACTORED, ENTANGLED, SLOTS, PUBLISHED = "factored", "entangled", "slots", "published"
SIDE = 64
"""Side of the frames in the paper."""
VARIANCE = {DIGITS: 0.25, STREET: 0.05, OWN: 0.05}
"""Of a pixel, the paper's."""
PUBLISHED_RATE = 3e-4
"""Adam's, in the paper."""
OBJECTS = {DIGITS: 2, STREET: 8}
"""Factors, the paper's."""
AHEAD = 10
"""Frames that are predicted."""
HELD_OUT = 0.2
"""Share of own videos that are not learnt from, the last ones: at least one."""

Source = MovingDigits | Street | OwnVideos


def data_names(settings: "Settings") -> list[str]:
    """Return the data sets of a run."""
    chosen = {DIGITS: True, STREET: settings.street_steps > 0, OWN: bool(settings.videos)}
    return [data for data, wanted in chosen.items() if wanted]


def factors_of(data: str, settings: "Settings") -> int:
    """Return how many factors the models of a data set have."""
    return settings.video_factors if data == OWN else OBJECTS[data]


def source(data: str, settings: "Settings", frames: int, *, test: bool = False) -> Source:
    """Return clips of so many frames; with `test` of digits of MNIST's test split, or of held-out videos."""
    if data == OWN:
        videos = _videos(settings.videos, settings.pixels, settings.frames + AHEAD)
        held_out = max(int(HELD_OUT * len(videos)), 1)
        return OwnVideos(videos[-held_out:] if test else videos[:-held_out], frames=frames)
    return _source(data, settings.pixels, frames, "test" if test else "train")


@cache
def _source(data: str, pixels: int, frames: int, split: str) -> Source:
    """Return a source, once: reading digits takes half a second."""
    if data == DIGITS:
        return MovingDigits(pixels=pixels, frames=frames, split=split)
    return Street(pixels=pixels, frames=frames)


@cache
def _videos(folder: str, pixels: int, least: int) -> list[NDArray[np.uint8]]:
    """Return a user's own videos.

    Raises:
        FileNotFoundError: no such folder.
        FileError: videos that can't be read, or fewer than two.
    """
    videos = read_videos(folder, pixels, least)
    if len(videos) < 2:
        raise FileError(f"{folder} must have at least 2 videos, one to learn from and one to test, not 1")
    return videos


def names(settings: "Settings", seed: int) -> list[str]:
    """Return the names of a seed's models."""
    digits = [f"{DIGITS}-{kind}" for kind in (FACTORED, SLOTS)]
    if seed >= settings.extended:
        return digits
    kinds = (FACTORED, ENTANGLED, SLOTS, UNTRAINED)
    every = [f"{data}-{kind}" for data in data_names(settings) for kind in kinds]
    return [*digits, *(name for name in every if name not in digits), f"{DIGITS}-{PUBLISHED}"]


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
    return settings.street_steps if data_of(name) == STREET else settings.steps


def maker(name: str, settings: "Settings") -> Callable[[], IndependentPredictor]:
    """Return what makes a model."""
    data, kind = data_of(name), kind_of(name)
    factors = factors_of(data, settings)
    size = settings.street_factor_dim if data == STREET else settings.factor_dim
    options: dict[str, Any] = {
        "shape": (settings.pixels, settings.pixels, 3),
        "factors": factors,
        "factor_dim": size,
        "width": settings.width,
        "hidden": settings.hidden,
        "variance": VARIANCE[data],
        "prediction_weight": settings.prediction_weight,
        "likelihood_weight": (SIDE / settings.pixels) ** 2.0,
        "warm_up": int(settings.warm_up * steps_of(name, settings)),
        "learning_rate": settings.learning_rate,
        "steps": steps_of(name, settings),
    }
    if kind == ENTANGLED:
        options |= {"factors": 1, "factor_dim": factors * size}
    elif kind == SLOTS:
        options["decoder"] = "sum"
    elif kind == PUBLISHED:
        options |= {"network": "dcgan", "residual": False, "warm_up": 0}
        options |= {"learning_rate": PUBLISHED_RATE, "steps": 0, "prediction_weight": 0.0}
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
