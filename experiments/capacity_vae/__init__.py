"""Understanding disentangling in β-VAE: what a growing capacity is spent on.

Burgess, Higgins, Pal, Matthey, Watters, Desjardins and Lerchner, 2018. Three parts of each seed:

- `generator` (section 4.3, Fig. 3): images from their true factors through channels whose capacity grows, and
  the nats at which each factor enters;
- `shapes` (section 5, Fig. 4): β-VAE with controlled capacity on coloured 2D Shapes, β-VAE beside;
- `blob` (Fig. 2): a VAE and a β-VAE of Gaussian blobs, and how many dimensions each uses for two factors.

CelebA, the paper's other data, is unavailable here. `PRESETS["default"]` takes an hour on two cores with
three seeds (`--seeds 3 --jobs 2`). It gives up half the side of the images (means of 2 × 2 pixels; for the
autoencoders each counts as four), half the channels and units, half the images of an update, and most
updates. β of the blobs is less than the paper's 150. γ of the autoencoders is less than its 1,000: with 100
they spend all of C on three dimensions. The generator has no γ (see `FactorGenerator`). `PRESETS["paper"]`
has the paper's sizes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from unknot.checks import settings_at_least
from unknot.experiments.capacity_vae.figures import allocation, decoded, tuning
from unknot.experiments.capacity_vae.generator import entries, load_stages, train_generator
from unknot.experiments.capacity_vae.tables import CONTROLLED, GENERATOR, METRICS, headlines, tabulate
from unknot.experiments.common.runs import load_model, run_models
from unknot.experiments.common.study import SIZES, SMOKE, Study, Training, floors
from unknot.models.data.blob import Blob
from unknot.models.data.shapes2d import Shapes2D
from unknot.models.image.capacity import CapacityVAE
from unknot.models.image.factor_generator import FactorGenerator
from unknot.models.image.vae import VAE
from unknot.report import save_figures
from unknot.representation import Learner

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "run", "tabulate"]


@dataclass(frozen=True)
class Settings(Training):
    """Settings of the experiment."""

    spread = True  # else codes of coloured shapes find places and sizes alone
    steps: int = 12_000
    """Updates of each autoencoder of shapes."""
    batch: int = 32
    """Images of an update, newly sampled."""
    samples: int = 5000
    """Images that metrics of a sample are measured on."""
    capacity: float = 25.0
    """The last C in nats, of the generator and of the autoencoder; it grows over all updates."""
    gamma: float = 20.0
    """γ, what an autoencoder pays for each nat between its KL and C."""
    betas: tuple[float, ...] = (1.0, 4.0)
    """Values of β of the β-VAE beside."""
    generator_steps: int = 60_000
    """Updates of the generator."""
    blob_steps: int = 4000
    """Updates of the models of blobs."""
    blob_beta: float = 40.0
    """β of the β-VAE of blobs."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        settings_at_least(self, generator_steps=1, blob_steps=1, capacity=1, gamma=0, betas=0, blob_beta=0)


PRESETS = {
    "default": Settings(),
    "smoke": Settings(**SMOKE, generator_steps=2, blob_steps=2, betas=(1.0,)),
    "paper": Settings(
        **SIZES,
        steps=100_000,
        batch=64,
        samples=10_000,
        generator_steps=100_000,
        blob_steps=100_000,
        learning_rate=5e-4,
        gamma=1000.0,
        betas=(1.0, 4.0, 16.0),
        blob_beta=150.0,
    ),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed."""

    def make(name: str, path: Path) -> dict[str, Any]:
        steps = settings.generator_steps
        return entries(train_generator(settings, settings.capacity, steps, path, seed, resume))

    metrics: dict[str, Any] = {"seed": seed, **run_models([GENERATOR], folder, make)}
    for name, study in _studies(settings).items():
        metrics[name] = study.run(folder / name, seed, resume)
    _save_figures(settings, folder)
    return metrics


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the models of a seed from their weights; not `full`: on a tenth of the images and votes."""
    generator = load_model(folder, GENERATOR, FactorGenerator)
    models = {name: study.evaluate(folder / name, full) for name, study in _studies(settings).items()}
    return {"seed": seed, GENERATOR: entries(generator), **models}


def _save_figures(settings: Settings, folder: Path) -> None:
    generator, blob = load_model(folder, GENERATOR, FactorGenerator), Blob(pixels=settings.pixels)
    images = decoded(load_stages(folder / GENERATOR, generator), Shapes2D(pixels=settings.pixels))
    figures = {"allocation": allocation(generator), "decoded": images}
    for name in _blob_models(settings):
        figures[f"blob-{name}"] = tuning(load_model(folder / "blob", name, VAE), blob)
    save_figures(figures, folder)


def _studies(settings: Settings) -> dict[str, Study]:
    shapes, blob = Shapes2D(pixels=settings.pixels, coloured=True), Blob(pixels=settings.pixels)
    network = settings.network(channels=3)
    target: dict[str, Any] = {"gamma": settings.gamma, "capacity": settings.capacity}
    models: dict[str, Any] = {
        **floors(settings, channels=3),
        CONTROLLED: partial(CapacityVAE, growth=settings.steps, **target, **network),
        **{f"beta-{beta:g}": partial(VAE, beta=beta, **network) for beta in settings.betas},
    }
    return {
        "shapes": Study(settings, shapes, {"coloured": shapes}, METRICS, models),
        "blob": Study(
            replace(settings, steps=settings.blob_steps),
            blob,
            {"blob": blob},
            METRICS,
            floors(settings) | _blob_models(settings),
        ),
    }


def _blob_models(settings: Settings) -> dict[str, Callable[[], Learner]]:
    network = settings.network()
    return {f"beta-{beta:g}": partial(VAE, beta=beta, **network) for beta in (1.0, settings.blob_beta)}
