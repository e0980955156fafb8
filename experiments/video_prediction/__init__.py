"""Disentangling video with independent prediction: factors of video that each predict their own future.

Whitney and Fergus, 2017. Bounds and Kraskov's mutual information (Table 2), correlations of codes over time
(Fig. 2), clips in which one factor varies (Fig. 3), on moving digits and on a street, of the factored model
and of the entangled one. What the paper shows in pictures is counted: whose pixels a factor changes.

Beside them: a model with a decoder for each factor, which is what a user may take today; the factored model
with the paper's own networks and rate; an untrained one; a code of true places; copying and extrapolating.

`PRESETS["default"]` has half the side of the frames (means of 2 × 2 pixels, each of which counts as four),
narrower networks, and a street that is rendered: the paper's 5th Avenue is not published. With
`--videos FOLDER` models also learn from a user's own videos, the last fifth of which tests them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure

from unknot.checks import above, settings_at_least, within
from unknot.experiments.common.digits import check_digits, keep_digits
from unknot.experiments.common.runs import UNTRAINED, load_model, models_in, run_models
from unknot.experiments.video_prediction.figures import errors_ahead, save_pictures
from unknot.experiments.video_prediction.measures import floors, measure, oracle
from unknot.experiments.video_prediction.models import OWN, data_of, kind_of, names, train_clips
from unknot.experiments.video_prediction.tables import headlines, tabulate
from unknot.mnist import find_source
from unknot.models.video.independent_predictor import IndependentPredictor

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "plot", "run", "tabulate"]


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    steps: int = 12_000
    """Updates of each model of digits, and of own videos."""
    street_steps: int = 4_000
    """Updates of each model of the street; 0 leaves the street out."""
    batch: int = 16
    """Clips of an update, newly sampled."""
    frames: int = 10
    """Frames of a clip that models learn from; the ten that follow are predicted."""
    pixels: Literal[32, 64] = 32
    """Side of the frames: 64, as published, or means of 2 × 2 pixels."""
    factor_dim: int = 8
    """Dimensions of each of the two factors of digits."""
    street_factor_dim: int = 4
    """Dimensions of each of the eight factors of the street."""
    videos: str = ""
    """A folder of own videos, GIFs or folders of frames, at least two, each ten frames
    longer than `frames` at least; empty for none."""
    video_factors: int = 2
    """Factors of the models of own videos, as large as those of digits."""
    width: int = 16
    """Channels of the first convolution."""
    hidden: int = 256
    """Features of a frame, and units of the layers from them to the codes."""
    learning_rate: float = 1e-3
    """Adam's at the start; it falls to 0. The model with the paper's networks has the paper's."""
    prediction_weight: float = 1.0
    """Weight of log p of frames that are decoded from predictions; the paper's networks have 0."""
    warm_up: float = 0.125
    """Share of the updates over which the weight of the KL rises."""
    short: float = 0.3
    """Share of the updates, the first ones, with more clips of three frames."""
    samples: int = 500
    """Clips for bounds, predictions and what factors change."""
    pairs: int = 10_000
    """Pairs of frames for mutual information, of a clip each."""
    extended: int = 3
    """Seeds that train all models; the others train two of digits, to count what their factors are."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        settings_at_least(self, steps=1, street_steps=0, batch=2, frames=3, factor_dim=1, street_factor_dim=1)
        settings_at_least(self, width=1, hidden=1, video_factors=2, samples=10, pairs=100, extended=1)
        settings_at_least(self, prediction_weight=0)
        above(0, learning_rate=self.learning_rate)
        within(0, 1, warm_up=self.warm_up, short=self.short)


PRESETS = {
    "default": Settings(),
    "smoke": Settings(
        steps=2,
        street_steps=2,
        batch=2,
        frames=4,
        factor_dim=2,
        street_factor_dim=2,
        width=4,
        hidden=8,
        short=0.5,
        samples=10,
        pairs=120,
    ),
    "paper": Settings(steps=500_000, street_steps=500_000, batch=32, pixels=64, width=64, samples=2000),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed."""
    folder.mkdir(parents=True, exist_ok=True)
    keep_digits(folder)

    def make(name: str, path: Path) -> dict[str, Any]:
        data, learner = data_of(name), train_clips(name, settings, path, seed, resume)
        metrics = measure(learner, data, settings)
        if kind_of(name) != UNTRAINED:
            save_pictures(learner, data, settings, np.array(metrics["groups"]), path)
        return metrics

    return _metrics(settings, seed, run_models(names(settings, seed), folder, make))


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the models of a seed from their weights; not `full`: on a tenth of the clips.

    Raises:
        OtherDigitsError: the models learnt from other digits than this machine has.
    """
    check_digits(folder)
    share = 1 if full else 10
    models = {
        name: measure(load_model(folder, name, IndependentPredictor), data_of(name), settings, share)
        for name in models_in(folder, names(settings, seed))
    }
    return _metrics(settings, seed, models, share)


def plot(seeds: list[dict[str, Any]]) -> dict[str, Figure]:
    """Plot how errors grow with the frames that are predicted."""
    return errors_ahead(seeds)


def _metrics(settings: Settings, seed: int, models: dict[str, Any], share: int = 1) -> dict[str, Any]:
    """Return a seed's metrics: of models, and of true factors and trivial predictions of the models' data."""
    sets = list(dict.fromkeys(map(data_of, models)))
    return {
        "seed": seed,
        "source": find_source(),
        "pixels": settings.pixels,
        "models": models,
        "oracle": {data: oracle(data, settings, share) for data in sets if data != OWN},
        "floors": {data: floors(data, settings, share) for data in sets},
    }
