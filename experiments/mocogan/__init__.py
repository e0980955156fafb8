"""MoCoGAN: videos whose content and motion are separate codes.

Tulyakov, Liu, Yang and Kautz, 2017. Shapes that move (Table 1, Fig. 2): the average content distance (ACD) of
our MoCoGAN beside a generator of one code (VGAN), the same with everything that ACD can't see: whether videos
show one shape, which motion, how far, and whether all kinds of videos are generated. Content with other
motions and motion with other contents; videos longer than trained; MoCoGAN without D_I; categories of motion
and the motion control score of the CVPR version. Heads that make faces, after `unknot fetch heads`, and game
characters that act stand in for videos of people, which can't be had without registration.

Models of shapes: `mocogan` is ours; `frames` has no separate colour; `no-image` has no D_I; `labels` and
`categories` have categories in the motion code, of which D_V learns the real ones' or only the generated
ones'; `vgan`; `sequential-vae`, which a user may take today; `paper`, the paper's own way. Every seed trains
ours, the first `baselines` seeds all.

`PRESETS["default"]` has 32 × 32 pixels, narrow networks and fewer updates; `PRESETS["paper"]` the sizes of
the authors' code. With `--videos FOLDER` models also learn from a user's own videos.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from matplotlib.figure import Figure

from unknot.checks import above, settings_at_least
from unknot.experiments.common.runs import load_model, load_stages, model_folder, models_in, run_models
from unknot.experiments.mocogan.data import data_names, real_videos
from unknot.experiments.mocogan.figures import SHOWN, collapse_curves, save_pictures
from unknot.experiments.mocogan.measures import floors, generate, measure, shape_metrics
from unknot.experiments.mocogan.models import (
    OURS,
    OURS_OF_SHAPES,
    VERIFIER,
    VideoModel,
    load_video_model,
    model_names,
    parts_of,
    stages,
    steps_of,
    train_verifier,
    train_videos,
)
from unknot.experiments.mocogan.tables import curves_of, headlines, tabulate
from unknot.models.image.embedding import Embedding
from unknot.models.image.verifier import Verifier
from unknot.models.video.game import VideoGAN

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "plot", "run", "tabulate"]


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    steps: int = 12_000
    """Updates of the models of shapes."""
    other_steps: int = 6000
    """Updates of the models of heads, of characters, and of own videos."""
    heads: bool = True
    """Whether there are models of heads, where heads were fetched."""
    people: int = 60
    """Heads in the videos; twice as many others are what the verifier learns from."""
    verifier_steps: int = 1500
    """Updates of what tells people apart."""
    characters: bool = True
    """Whether there are models of characters."""
    videos: str = ""
    """A folder of own videos, GIFs or folders of frames; empty for none."""
    pixels: Literal[32, 64] = 32
    """Side of the frames: 64, as published, or 32."""
    batch: int = 32
    """Videos of an update, newly sampled; D_I judges a frame of each."""
    clips: int = 4
    """Those of them that D_V judges."""
    warm_up: int = 1000
    """The first updates, in which D_I alone judges."""
    content_dim: int = 16
    """Dimensions of the content code."""
    motion_dim: int = 16
    """Dimensions of the motion code."""
    noise_dim: int = 8
    """Dimensions of the noise of each frame."""
    width: int = 8
    """Channels of the generators' last maps."""
    discriminator_width: int = 16
    """Channels of the discriminators' first convolutions."""
    r1: float = 0.01
    """Weight of the penalty on D_I's slopes."""
    clip_r1: float = 2.0
    """Weight of the penalty on D_V's slopes."""
    learning_rate: float = 1e-3
    """Adam's, of the generators."""
    discriminator_rate: float = 1e-3
    """Adam's, of the discriminators."""
    vae_hidden: int = 128
    """Units of the sequential VAE's dense layers and LSTMs."""
    baselines: int = 1
    """Seeds that train all models."""
    samples: int = 2000
    """Videos that are measured."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        settings_at_least(self, steps=1, other_steps=1, batch=1, clips=1, warm_up=0, content_dim=1)
        settings_at_least(self, motion_dim=1, noise_dim=1, width=1, discriminator_width=1, r1=0, clip_r1=0)
        settings_at_least(self, vae_hidden=1, baselines=0, samples=10, verifier_steps=1, people=2)
        above(0, learning_rate=self.learning_rate, discriminator_rate=self.discriminator_rate)


PRESETS = {
    "default": Settings(),
    "smoke": Settings(
        steps=6,
        other_steps=2,
        people=2,
        verifier_steps=2,
        batch=4,
        clips=2,
        warm_up=1,
        content_dim=2,
        motion_dim=2,
        noise_dim=1,
        width=2,
        discriminator_width=2,
        vae_hidden=4,
        samples=10,
    ),
    "paper": Settings(
        steps=100_000,
        other_steps=100_000,
        pixels=64,
        clips=32,
        content_dim=50,
        motion_dim=10,
        noise_dim=10,
        width=64,
        discriminator_width=64,
        learning_rate=2e-4,
        discriminator_rate=2e-4,
    ),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed."""

    def make(name: str, path: Path) -> dict[str, Any]:
        if name == VERIFIER:
            train_verifier(settings, path, seed, resume)
            return {}
        learner = train_videos(name, settings, path, seed, resume)
        metrics = _measure(learner, name, settings, folder)
        data, row = parts_of(name)
        save_pictures(learner, real_videos(data, settings, 2 * SHOWN), path, control=row == OURS)
        return metrics

    data = data_names(settings, folder)
    models = run_models(model_names(data, settings.baselines, seed), folder, make)
    return {"seed": seed, "models": models, "floors": _floors(data, settings, folder)}


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the models of a seed from their weights; not `full`: on a tenth of the videos."""
    data = data_names(settings, folder)
    names = models_in(folder, model_names(data, settings.baselines, seed))
    models = {
        name: _measure(load_video_model(folder, name), name, settings, folder, full=full)
        for name in names
        if name != VERIFIER
    }
    return {"seed": seed, "models": models, "floors": _floors(data, settings, folder, full=full)}


def plot(seeds: list[dict[str, Any]]) -> dict[str, Figure]:
    """Plot how the histogram of factors changes over the last third of training."""
    curves = curves_of(seeds)
    return {"collapse": collapse_curves(curves)} if curves else {}


def _measure(
    learner: VideoModel, name: str, settings: Settings, folder: Path, *, full: bool = True
) -> dict[str, Any]:
    data, samples = parts_of(name)[0], _samples(settings, full)
    metrics = measure(learner, data, settings, samples, _verifier(folder))
    if name == OURS_OF_SHAPES:
        before = stages(steps_of(data, settings))[:-1]
        kept = load_stages(model_folder(folder, name), before, VideoGAN)
        measured = [(updates, shape_metrics(generate(each, samples), settings)) for updates, each in kept]
        curve = [{"updates": updates, "distance": each["distance"]} for updates, each in measured]
        metrics["curve"] = [*curve, {"updates": int(learner.updates), "distance": metrics["distance"]}]
    return metrics


def _floors(data: list[str], settings: Settings, folder: Path, *, full: bool = True) -> dict[str, Any]:
    samples, verifier = _samples(settings, full), _verifier(folder)
    return {name: floors(name, settings, samples, verifier) for name in data}


def _verifier(folder: Path) -> Verifier | None:
    """Return what tells people apart, if a seed has models of heads."""
    found = model_folder(folder, VERIFIER).is_dir()
    return Verifier(load_model(folder, VERIFIER, Embedding)) if found else None


def _samples(settings: Settings, full: bool) -> int:
    return settings.samples if full else max(settings.samples // 10, 10)
