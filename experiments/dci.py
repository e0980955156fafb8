"""A framework for the quantitative evaluation of disentangled representations, on teapots.

Eastwood and Williams, 2018. Principal components, VAE, β-VAE and InfoGAN learn from teapots, red ones from
above left out; their codes are measured by disentanglement, completeness and informativeness, on teapots like
those and on the ones left out (Tables 1 and 2, Fig. 2). Floors: principal components, which the paper has as
well, and the network of the VAE as it starts; the ceiling is the factors themselves.

`PRESETS["default"]` is made for an hour on two cores with three seeds (`--seeds 3 --jobs 2`); it gives up
half the side of the images (means of 2 × 2 pixels), most of the 200,000 images, InfoGAN's residual network
for one of plain convolutions, and three of five updates of its critic. The paper shows the best of ten runs
of InfoGAN; ours are means over seeds. `PRESETS["paper"]` has the paper's numbers, and the same kind of network.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from unknot.experiments.common import METRICS, check_least, complete, load_complete
from unknot.experiments.variational import cell, title, traverse
from unknot.files import read_json, write_json
from unknot.models.data.teapots import Teapots
from unknot.models.image.infogan import InfoGAN
from unknot.models.image.pca import PCA
from unknot.models.image.vae import VAE
from unknot.report import Table, save_figure
from unknot.representation import WEIGHTS, Learner, save_learner, train
from unknot.representation.metrics import hinton
from unknot.representation.metrics.dci import dci

__all__ = ["PRESETS", "Settings", "evaluate", "run", "tabulate"]

Images = NDArray[np.uint8]
Floats = NDArray[np.float64]

FACTORS = ("azimuth", "elevation", "red", "green", "blue")
REGRESSORS = {"lasso": "Lasso (Table 1)", "random_forest": "Random forest (Table 2)"}
TITLES = {"beta": "β-VAE, β"}
NAMES = {"infogan": "InfoGAN", "vae": "VAE", "pca": "PCA", "untrained": "untrained", "true": "true factors"}
SHOWN = 8
"""Images a row of the traversals has."""
PUBLISHED: Mapping[tuple[str, str], Mapping[str, tuple[float, ...]]] = {
    ("lasso", "pca"): {
        "errors": (0.99, 0.72, 0.42, 0.47, 0.46, 0.59),
        "unseen_errors": (1.01, 1.78, 0.77, 0.91, 0.91, 1.05),
        "codes": (0.20, 0.83, 0.54, 0.14, 0.20, 0.19, 0.38),
    },
    ("lasso", "infogan"): {
        "errors": (0.50, 0.09, 0.09, 0.13, 0.09, 0.18),
        "unseen_errors": (0.49, 0.20, 0.35, 0.21, 0.16, 0.28),
        "codes": (0.77, 0.56, 0.85, 0.80, 0.63, 0.78, 0.72),
    },
    ("random_forest", "pca"): {
        "errors": (0.65, 0.41, 0.27, 0.34, 0.34, 0.40),
        "unseen_errors": (0.71, 1.12, 0.86, 0.87, 0.81, 0.87),
        "codes": (0.35, 0.11, 0.45, 0.37, 0.49, 0.49, 0.38),
    },
    ("random_forest", "infogan"): {
        "errors": (0.29, 0.06, 0.06, 0.08, 0.07, 0.11),
        "unseen_errors": (0.30, 0.17, 0.30, 0.19, 0.14, 0.22),
        "codes": (0.93, 0.63, 0.97, 0.95, 0.92, 0.96, 0.89),
    },
}
"""The paper's tables: errors by factor and their mean; disentanglement, completeness by factor, its mean."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    steps: int = 8000
    """Updates of each model; of InfoGAN, of its generator."""
    images: int = 20_000
    """Teapots to learn from."""
    test_images: int = 5000
    """Teapots that regressors learn from (8 in 10) and are tested on."""
    gap_images: int = 1000
    """Teapots that are left out of training, to test on."""
    batch: int = 64
    """Images of an update."""
    pixels: int = 32
    """Side of the images: 64, as published, or 32."""
    latent_dim: int = 6
    """Dimension of the codes."""
    noise_dim: int = 32
    """Numbers of noise, beside the codes, that InfoGAN draws images from."""
    width: int = 16
    """Channels of the convolutions."""
    hidden: int = 128
    """Units of the other layers."""
    critic_updates: int = 2
    """Updates of InfoGAN's critic for one of its generator."""
    gan_rate: float = 2e-4
    """Learning rate of InfoGAN."""
    learning_rate: float = 1e-3
    """Learning rate of the others."""
    betas: tuple[float, ...] = (4.0,)
    """Values of β of β-VAE."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to train on or to measure."""
        check_least(self, steps=1, images=1, test_images=30, gap_images=1, batch=1, critic_updates=1)


PRESETS = {
    "default": Settings(),
    "smoke": Settings(
        steps=2,
        images=50,
        test_images=60,
        gap_images=10,
        batch=4,
        noise_dim=2,
        width=2,
        hidden=4,
        betas=(),
    ),
    "paper": Settings(
        steps=200_000,
        images=180_000,
        test_images=20_000,
        gap_images=20_000,
        pixels=64,
        noise_dim=128,
        width=64,
        hidden=512,
        critic_updates=5,
        gan_rate=1e-4,
        learning_rate=5e-4,
    ),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed; one that has its `metrics.json` is complete."""

    def make(name: str, path: Path) -> dict[str, Any]:
        learner = _train(name, settings, path, seed, resume)
        metrics = measure(learner, settings)
        save_pictures(learner, metrics, settings, path)
        return metrics

    metrics = {
        "seed": seed,
        "models": complete(_names(settings), folder, make),
        "true": true_factors(settings),
    }
    write_json(folder / METRICS, metrics)
    return metrics


def evaluate(folder: Path, full: bool) -> dict[str, Any]:
    """Measure the models of a seed folder again, from their weights.

    Args:
        folder: the seed's.
        full: on as many images as the run did, else on a fifth.

    Raises:
        FileNotFoundError: a model whose training has not ended.
        WeightsError: weights that can't be used.
    """
    config = read_json(folder / "config.json")
    settings = Settings(**config["settings"])
    share = 1 if full else 5
    models = {name: measure(load_complete(folder, name), settings, share) for name in _names(settings)}
    return {"seed": config["seed"], "models": models, "true": true_factors(settings, share)}


def _names(settings: Settings) -> list[str]:
    return ["untrained", "pca", "vae", *(f"beta-{beta:g}" for beta in settings.betas), "infogan"]


def _learner(name: str, settings: Settings) -> Learner:
    shape = (settings.pixels, settings.pixels, 3)
    network = {"width": settings.width, "hidden": settings.hidden, "latent_dim": settings.latent_dim}
    if name == "pca":
        return PCA(shape=shape, latent_dim=settings.latent_dim)
    if name == "infogan":
        return InfoGAN(
            shape=shape,
            noise_dim=settings.noise_dim,
            critic_updates=settings.critic_updates,
            learning_rate=settings.gan_rate,
            **network,
        )
    beta = float(name.partition("-")[2] or 1)
    return VAE(shape=shape, beta=beta, learning_rate=settings.learning_rate, **network)


def _train(name: str, settings: Settings, folder: Path, seed: int, resume: bool) -> Learner:
    torch.manual_seed(seed)
    learner = _learner(name, settings)
    if name == "untrained":
        save_learner(learner.eval(), folder / WEIGHTS)
        return learner
    images = torch.from_numpy(teapots("seen", settings.images, settings.pixels, 0)[1])
    batches = {"pca": len(images), "infogan": settings.batch * settings.critic_updates}
    train(
        learner,
        _batches(images, batches.get(name, settings.batch), seed),
        1 if name == "pca" else settings.steps,
        folder=folder,
        resume=resume,
        description=f"seed {seed}: {name}",
    )
    return learner.eval()


def _batches(images: Tensor, size: int, seed: int) -> Callable[[int], dict[str, Tensor]]:
    """Make a source of batches of `size` images; of all of them, where there are no more."""

    def batch_at(step: int) -> dict[str, Tensor]:
        if size >= len(images):
            return {"observation": images}
        return {"observation": images[np.random.default_rng([seed, step]).integers(len(images), size=size)]}

    return batch_at


@cache
def teapots(part: str, count: int, pixels: int, seed: int) -> tuple[Floats, Images]:
    """Draw teapots once, the same for all models and seeds: factors (n, 5), images uint8 (n, p, p, 3)."""
    source = Teapots(part=part, pixels=pixels)
    factors = source.sample_factors(count, np.random.default_rng([seed, len(part)]))
    return np.stack([factors[name] for name in FACTORS], 1), source.render_factors(factors)


# Measuring


def measure(learner: Learner, settings: Settings, share: int = 1) -> dict[str, Any]:
    """Measure a model's codes, of a `share`-th of the images, with each of `REGRESSORS`.

    Returns:
        By regressor `disentanglement`, `completeness` of each factor, root mean square `errors` of each and
        `unseen_errors`, those of what was left out, in deviations of the factor where it wasn't; and
        `importances` (dimensions, factors).
    """
    (factors, images), (unseen, others) = _tests(settings, share)
    return _scores(_codes(learner, images), factors, (_codes(learner, others), unseen))


def true_factors(settings: Settings, share: int = 1) -> dict[str, Any]:
    """Measure the factors themselves as a code."""
    (factors, _), (unseen, _) = _tests(settings, share)
    return _scores(factors, factors, (unseen, unseen))


def _tests(settings: Settings, share: int) -> tuple[tuple[Floats, Images], tuple[Floats, Images]]:
    seen, gap = max(settings.test_images // share, 30), max(settings.gap_images // share, 1)
    return teapots("seen", seen, settings.pixels, 1), teapots("gap", gap, settings.pixels, 1)


def _scores(codes: Floats, factors: Floats, unseen: tuple[Floats, Floats]) -> dict[str, Any]:
    result = {}
    for regressor in REGRESSORS:
        parts = dci(codes, factors, regressor=regressor, unseen=unseen).parts
        names = ("completenesses", "errors", "unseen_errors", "importances")
        result[regressor] = {"disentanglement": parts["disentanglement"]}
        result[regressor] |= {name: parts[name].tolist() for name in names}
    return result


@torch.no_grad()
def _codes(learner: Learner, images: Images) -> Floats:
    parts = [learner.encode(images[first : first + 500]) for first in range(0, len(images), 500)]
    codes: Floats = torch.cat(parts).numpy(force=True).astype(np.float64)
    return codes


# Pictures


def save_pictures(learner: Learner, metrics: dict[str, Any], settings: Settings, folder: Path) -> None:
    """Draw the Hinton diagrams of a model (Fig. 2), and traversals of one that draws images (Fig. 6)."""
    with SummaryWriter(str(folder)) as writer:
        figure = Figure(figsize=(4.5 * len(REGRESSORS), 5), layout="constrained")
        for panel, (name, text) in zip(figure.subplots(1, len(REGRESSORS)), REGRESSORS.items(), strict=True):
            hinton(panel, np.array(metrics[name]["importances"]), FACTORS)
            panel.set_title(text, fontsize=9)
        save_figure(figure, folder / "figures/hinton.png", writer)
        if isinstance(learner, VAE | InfoGAN):
            images = teapots("seen", settings.test_images, settings.pixels, 1)[1][:SHOWN]
            save_figure(traversals(learner, images), folder / "figures/traversals.png", writer)


@torch.no_grad()
def traversals(learner: VAE | InfoGAN, images: Images) -> Figure:
    """Draw images, what is drawn from their codes, and one dimension after the other from -2 to 2."""
    codes = learner.encode(images)
    drawn = (255 * learner.decode(codes)).round().byte().numpy(force=True)
    rows = traverse(learner, codes[:1], np.linspace(-2, 2, len(images)))[:, :, 0]
    titles = ["images", "redrawn", *(f"c{dim}" for dim in range(len(rows)))]
    figure = Figure(figsize=(0.6 * len(images) + 1, 0.65 * len(titles)), layout="constrained")
    for panel, text, row in zip(figure.subplots(len(titles), 1), titles, [images, drawn, *rows], strict=True):
        panel.imshow(np.concatenate(list(row), 1))
        panel.set_xticks([])
        panel.set_yticks([])
        panel.set_ylabel(text, rotation=0, ha="right", va="center")
    return figure


# Tables


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Return Tables 1 and 2 of the paper, each as a table of errors and one of codes."""
    return [make(seeds, regressor) for regressor in REGRESSORS for make in (_errors_table, _codes_table)]


def _rows(
    seeds: list[dict[str, Any]], regressor: str, row: Callable[..., tuple[str, ...]], *keys: str
) -> tuple[tuple[str, ...], ...]:
    """Return a row for each model and each of `keys`, below it the paper's where it has one."""
    rows = []
    models: dict[str, tuple[str, ...]] = {name: ("models", name) for name in seeds[0]["models"]}
    for name, path in (models | {"true": ("true",)}).items():
        for key in keys:
            rows.append((NAMES.get(name, title(name, TITLES)), *row(seeds, path, regressor, key)))
            if published := PUBLISHED.get((regressor, name)):
                numbers = tuple(f"{value:.2f}" for value in published[key])
                rows.append(("paper", WHERE[key], *numbers) if key in WHERE else ("paper", *numbers))
    return tuple(rows)


WHERE = {"errors": "seen", "unseen_errors": "left out"}
"""On which teapots errors are measured."""


def _error_cells(
    seeds: list[dict[str, Any]], path: tuple[str, ...], regressor: str, key: str
) -> tuple[str, ...]:
    return (WHERE[key], *_vector(seeds, *path, regressor, key))


def _code_cells(
    seeds: list[dict[str, Any]], path: tuple[str, ...], regressor: str, _: str
) -> tuple[str, ...]:
    complete = _vector(seeds, *path, regressor, "completenesses")
    return (cell(seeds, *path, regressor, "disentanglement"), *complete)


def _vector(seeds: list[dict[str, Any]], *keys: str) -> tuple[str, ...]:
    """Return cells of a number of each factor, and of their mean."""
    flat = []
    for seed in seeds:
        values: Any = seed
        for key in keys:
            values = values[key]
        flat.append({str(k): value for k, value in enumerate([*values, float(np.mean(values))])})
    return tuple(cell(flat, k) for k in flat[0])


def _errors_table(seeds: list[dict[str, Any]], regressor: str) -> Table:
    return Table(
        f"{REGRESSORS[regressor]}: errors",
        ("code", "teapots", *FACTORS, "mean"),
        _rows(seeds, regressor, _error_cells, "errors", "unseen_errors"),
        (
            f"Root mean square errors over the factor's deviation, mean ± deviation over {len(seeds)} seeds: "
            "of teapots like those learnt from, and of those left out. Always to say the mean has error 1 on "
            "the former.",
        ),
    )


def _codes_table(seeds: list[dict[str, Any]], regressor: str) -> Table:
    return Table(
        f"{REGRESSORS[regressor]}: disentanglement and completeness",
        ("code", "disentanglement", *(f"completeness: {name}" for name in FACTORS), "mean"),
        _rows(seeds, regressor, _code_cells, "codes"),
        ("Disentanglement: the weighted mean over dimensions. The paper shows the best of ten InfoGANs.",),
    )
