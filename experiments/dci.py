"""A framework for the quantitative evaluation of disentangled representations, on teapots.

Eastwood and Williams, 2018. Principal components, VAE, β-VAE and InfoGAN learn from teapots, red ones from
above left out; their codes are measured by disentanglement, completeness and informativeness, on teapots like
those and on the ones left out (Tables 1 and 2, Fig. 2). The floors are a code of noise and a network as it
starts, the ceiling is the factors themselves. The paper shows the best of ten runs of InfoGAN; ours are means
over seeds, and beside them the best.

`PRESETS["default"]` takes about five minutes of processor time a seed. It gives up three quarters of the
images' side (means of 4 × 4 pixels), most of the 200,000 images, InfoGAN's residual network and its noise,
and three of five updates of its critic. `PRESETS["paper"]` has the paper's sizes, made for a GPU; there too
InfoGAN's codes are even and its recogniser's deviation is 1 (see `InfoGAN`).
"""

from collections.abc import Callable, Mapping, Sequence
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

from unknot.checks import settings_at_least, unknown
from unknot.experiments.common.runs import load_model, run_models
from unknot.experiments.common.tables import cell, over_seeds, title
from unknot.files import METRICS, read_json, write_json
from unknot.models.data.teapots import SIDES, Teapots
from unknot.models.image.infogan import InfoGAN
from unknot.models.image.infogan_networks import NETWORKS
from unknot.models.image.pca import PCA
from unknot.models.image.vae import VAE
from unknot.models.traversals import COLUMNS, there_and_back, traverse
from unknot.report import Table, mean_std, save_figure, save_gif, verdict
from unknot.representation import WEIGHTS, Learner, save_learner, train
from unknot.representation.metrics import hinton
from unknot.representation.metrics.dci import dci

__all__ = ["PRESETS", "Settings", "evaluate", "run", "tabulate"]

Images = NDArray[np.uint8]
Floats = NDArray[np.float64]

FACTORS = ("azimuth", "elevation", "red", "green", "blue")
REGRESSORS = {"lasso": "Lasso (Table 1)", "random_forest": "Random forests (Table 2)"}
METHODS = {"beta": "β-VAE, β"}
TITLES = {
    "noise": "noise (floor)",
    "untrained": "untrained (floor)",
    "pca": "PCA",
    "vae": "VAE",
    "infogan": "InfoGAN",
    "factors": "true factors (ceiling)",
}
WHERE = {"errors": "seen", "unseen_errors": "left out"}
"""The teapots on which errors are measured."""
SHOWN = 8
"""Images that a row of the traversals has."""
PART = 500
"""Images encoded at a time."""
PUBLISHED: Mapping[tuple[str, str], Mapping[str, tuple[float, ...]]] = {
    ("lasso", "pca"): {
        "errors": (0.99, 0.72, 0.42, 0.47, 0.46, 0.59),
        "unseen_errors": (1.01, 1.78, 0.77, 0.91, 0.91, 1.05),
        "dimensions": (0.16, 0.38, 0.42, 0.14, 0.63, 0.16),
        "scores": (0.20, 0.83, 0.54, 0.14, 0.20, 0.19, 0.38),
    },
    ("lasso", "infogan"): {
        "errors": (0.50, 0.09, 0.09, 0.13, 0.09, 0.18),
        "unseen_errors": (0.49, 0.20, 0.35, 0.21, 0.16, 0.28),
        "dimensions": (0.83, 0.64, 0.65, 0.93, 0.80, 0.80),
        "scores": (0.77, 0.56, 0.85, 0.80, 0.63, 0.78, 0.72),
    },
    ("random_forest", "pca"): {
        "errors": (0.65, 0.41, 0.27, 0.34, 0.34, 0.40),
        "unseen_errors": (0.71, 1.12, 0.86, 0.87, 0.81, 0.87),
        "dimensions": (0.19, 0.38, 0.47, 0.53, 0.87, 0.15),
        "scores": (0.35, 0.11, 0.45, 0.37, 0.49, 0.49, 0.38),
    },
    ("random_forest", "infogan"): {
        "errors": (0.29, 0.06, 0.06, 0.08, 0.07, 0.11),
        "unseen_errors": (0.30, 0.17, 0.30, 0.19, 0.14, 0.22),
        "dimensions": (0.96, 0.90, 0.91, 0.93, 0.89, 0.96),
        "scores": (0.93, 0.63, 0.97, 0.95, 0.92, 0.96, 0.89),
    },
}
"""Tables 1 and 2: errors and their mean; disentanglement of each dimension; as scores the mean of that, and
completeness with its mean."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    steps: int = 5000
    """Updates of the autoencoders."""
    gan_steps: int = 15_000
    """Updates of InfoGAN's generator."""
    images: int = 10_000
    """Teapots to learn from."""
    test_images: int = 5000
    """Teapots like those, of which regressors learn from 8 in 10 and are tested on 1 in 10."""
    gap_images: int = 1000
    """Teapots as learning leaves out, to test on."""
    batch: int = 64
    """Images of an update of the autoencoders."""
    gan_batch: int = 32
    """Images of an update of InfoGAN's critic or generator."""
    pixels: int = 16
    """Side of the images: 64, as published, or 32 or 16, means of 2 × 2 or 4 × 4 pixels."""
    latent_dim: int = 6
    """Dimension of the codes."""
    noise_dim: int = 0
    """Numbers of noise, beside the codes, that InfoGAN draws images from."""
    network: str = "conv"
    """InfoGAN's: "residual", as published, or "conv"."""
    width: int = 16
    """Channels of InfoGAN's first and last convolutions."""
    hidden: int = 256
    """Units of the autoencoders' layers, which are dense."""
    critic_updates: int = 2
    """Updates of InfoGAN's critic for one of its generator."""
    information_weight: float = 2.0
    """λ of InfoGAN; published is 8, for 64 × 64 images, whose distances are 4 times those of 16 × 16."""
    gan_rate: float = 5e-4
    """Learning rate of InfoGAN."""
    learning_rate: float = 1e-3
    """Learning rate of the autoencoders."""
    betas: tuple[float, ...] = (0.0625, 0.25)
    """Values of β of β-VAE; an image of 16 × 16 has a 16th of the nats of one of 64 × 64, where β = 1 and 4
    weigh as much."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to train on or to measure."""
        settings_at_least(
            self, steps=1, gan_steps=1, images=10, test_images=30, gap_images=2, batch=1, gan_batch=2
        )
        settings_at_least(self, latent_dim=1, noise_dim=0, width=1, hidden=1, critic_updates=1)
        settings_at_least(self, information_weight=0, betas=0)
        if self.network not in NETWORKS:
            raise ValueError(unknown("network", self.network, NETWORKS))
        if self.pixels not in SIDES:
            raise ValueError(f"pixels must be one of {SIDES}, not {self.pixels}")


PRESETS = {
    "default": Settings(),
    "smoke": Settings(
        steps=2,
        gan_steps=2,
        images=40,
        test_images=60,
        gap_images=10,
        batch=4,
        gan_batch=2,
        noise_dim=2,
        width=2,
        hidden=4,
        betas=(),
    ),
    "paper": Settings(
        steps=100_000,
        gan_steps=200_000,
        images=180_000,
        test_images=20_000,
        gap_images=20_000,
        gan_batch=64,
        pixels=64,
        noise_dim=128,
        network="residual",
        width=64,
        hidden=512,
        critic_updates=5,
        information_weight=8.0,
        gan_rate=1e-4,
        learning_rate=5e-4,
        betas=(4.0,),
    ),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed; one that has its `metrics.json` is complete."""

    def make(name: str, path: Path) -> dict[str, Any]:
        learner = _train(name, settings, path, seed, resume)
        metrics = measure(encoder(learner), settings)
        save_pictures(learner, metrics, settings, path)
        return metrics

    models = run_models(_names(settings), folder, make)
    metrics = {"seed": seed, "models": bounded(models, settings)}
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
    settings, share = Settings(**config["settings"]), 1 if full else 5
    there = [name for name in _names(settings) if (folder / name).is_dir()]
    models = {name: measure(encoder(load_model(folder, name)), settings, share) for name in there}
    return {"seed": config["seed"], "models": bounded(models, settings, share)}


# Data


@cache
def teapots(part: str, count: int, pixels: int, seed: int) -> tuple[Floats, Images]:
    """Draw teapots, the same for all models and seeds: factors (n, 5), images uint8 (n, h, w, 3)."""
    source = Teapots(part=part, pixels=pixels)
    factors = source.sample_factors(count, np.random.default_rng([seed, len(part)]))
    return np.stack([factors[name] for name in FACTORS], 1), source.render_factors(factors)


def _batches(images: Tensor, size: int, seed: int) -> Callable[[int], dict[str, Tensor]]:
    """Make a source of batches of `size` images drawn from all, or of all where there are no more."""

    def batch_at(step: int) -> dict[str, Tensor]:
        if size >= len(images):
            return {"observation": images}
        return {"observation": images[np.random.default_rng([seed, step]).integers(len(images), size=size)]}

    return batch_at


# Models


def _names(settings: Settings) -> list[str]:
    return ["untrained", "pca", "vae", *(f"beta-{beta:g}" for beta in settings.betas), "infogan"]


def _learner(name: str, settings: Settings) -> Learner:
    shape, latent_dim = (settings.pixels, settings.pixels, 3), settings.latent_dim
    if name == "pca":
        return PCA(shape=shape, latent_dim=latent_dim)
    if name == "infogan":
        return InfoGAN(
            shape=shape,
            latent_dim=latent_dim,
            noise_dim=settings.noise_dim,
            network=settings.network,
            width=settings.width,
            critic_updates=settings.critic_updates,
            information_weight=settings.information_weight,
            learning_rate=settings.gan_rate,
        )
    return VAE(
        beta=float(name.partition("-")[2] or 1),
        shape=shape,
        latent_dim=latent_dim,
        network="dense",
        hidden=settings.hidden,
        learning_rate=settings.learning_rate,
    )


def _train(name: str, settings: Settings, folder: Path, seed: int, resume: bool) -> Learner:
    torch.manual_seed(seed)
    learner = _learner(name, settings)
    if name == "untrained":
        save_learner(learner.eval(), folder / WEIGHTS)
        return learner
    images = torch.from_numpy(teapots("seen", settings.images, settings.pixels, 0)[1])
    steps, batch = {
        "pca": (1, len(images)),
        "infogan": (settings.gan_steps, settings.gan_batch * settings.critic_updates),
    }.get(name, (settings.steps, settings.batch))
    train(
        learner,
        _batches(images, batch, seed),
        steps,
        folder=folder,
        resume=resume,
        description=f"seed {seed}: {name}",
    )
    return learner


def encoder(learner: Learner) -> Callable[[Images], Floats]:
    """Return what gives a learner's codes (n, latent_dim) of images."""

    @torch.no_grad()
    def encode(images: Images) -> Floats:
        parts = [learner.encode(images[first : first + PART]) for first in range(0, len(images), PART)]
        codes: Floats = torch.cat(parts).numpy(force=True).astype(np.float64)
        return codes

    return encode


# Measuring


def measure(encode: Callable[[Images], Floats], settings: Settings, share: int = 1) -> dict[str, Any]:
    """Measure codes of a `share`-th of the test images.

    Returns:
        What `scores` says.
    """
    (factors, images), (unseen, others) = _tests(settings, share)
    return scores(encode(images), factors, (encode(others), unseen))


def bounded(models: dict[str, Any], settings: Settings, share: int = 1) -> dict[str, Any]:
    """Return the metrics of models between those of a code that is noise and of the factors as a code."""
    (factors, _), (unseen, _) = _tests(settings, share)
    rng = np.random.default_rng(0)
    noise, more = (rng.normal(size=(len(table), settings.latent_dim)) for table in (factors, unseen))
    floor, ceiling = scores(noise, factors, (more, unseen)), scores(factors, factors, (unseen, unseen))
    return {"noise": floor, **models, "factors": ceiling}


def scores(codes: Floats, factors: Floats, unseen: tuple[Floats, Floats]) -> dict[str, Any]:
    """Measure codes (n, d) of factors (n, 5), and `unseen` ones, with each of `REGRESSORS`.

    Returns:
        As JSON, by regressor: `disentanglement`; of the dimensions `disentanglements` and `weights`; of the
        factors `completenesses`, `errors` and `unseen_errors`; `importances` (d, 5).
    """
    result = {}
    for regressor in REGRESSORS:
        parts = dci(codes, factors, regressor=regressor, unseen=unseen).parts
        names = ("disentanglements", "weights", "completenesses", "errors", "unseen_errors", "importances")
        result[regressor] = {"disentanglement": parts["disentanglement"]}
        result[regressor] |= {name: parts[name].tolist() for name in names}
    return result


def _tests(settings: Settings, share: int) -> tuple[tuple[Floats, Images], tuple[Floats, Images]]:
    seen, gap = max(settings.test_images // share, 30), max(settings.gap_images // share, 2)
    return teapots("seen", seen, settings.pixels, 1), teapots("gap", gap, settings.pixels, 1)


# Pictures


def save_pictures(learner: Learner, metrics: dict[str, Any], settings: Settings, folder: Path) -> None:
    """Draw the Hinton diagrams of a model (Fig. 2), and traversals of one that draws images (Fig. 6)."""
    with SummaryWriter(str(folder)) as writer:
        figure = Figure(figsize=(7, 4), layout="constrained")
        for panel, (name, text) in zip(figure.subplots(1, len(REGRESSORS)), REGRESSORS.items(), strict=True):
            hinton(panel, np.array(metrics[name]["importances"]), FACTORS)
            panel.set_title(text, fontsize=9)
            panel.tick_params("x", rotation=45)
        save_figure(figure, folder / "figures/hinton.png", writer)
        if isinstance(learner, VAE | InfoGAN):
            images = teapots("seen", settings.test_images, settings.pixels, 1)[1][:SHOWN]
            figure = traversals(learner, images)
            save_figure(figure, folder / "figures/traversals.png", writer)
            with torch.no_grad():
                codes = learner.encode(images[:4])
            span = _span(learner)
            frames = there_and_back(learner, codes, np.linspace(-span, span, 2 * COLUMNS))
            save_gif(frames, folder / "figures/traversals.gif", writer)


@torch.no_grad()
def traversals(learner: VAE | InfoGAN, images: Images) -> Figure:
    """Draw images, what is drawn from their codes, and one dimension after the other of the first's varied.

    A dimension goes over all of an even prior, [-1, 1], and from -2 to 2 deviations of a normal one.
    """
    codes, span = learner.encode(images), _span(learner)
    drawn = (255 * learner.decode(codes)).round().byte().numpy(force=True)
    rows = traverse(learner, codes[:1], np.linspace(-span, span, len(images)))[:, :, 0]
    titles = ["images", "redrawn", *(f"c{dim}" for dim in range(len(rows)))]
    figure = Figure(figsize=(0.6 * len(images) + 1, 0.65 * len(titles)), layout="constrained")
    for panel, text, row in zip(figure.subplots(len(titles), 1), titles, [images, drawn, *rows], strict=True):
        panel.imshow(np.concatenate(list(row), 1))
        panel.set_xticks([])
        panel.set_yticks([])
        panel.set_ylabel(text, rotation=0, ha="right", va="center")
    return figure


def _span(learner: VAE | InfoGAN) -> float:
    """Return how far traversals go from 0: all of an even prior, two deviations of a normal one."""
    return 1 if isinstance(learner, InfoGAN) else 2


# Tables


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Return Tables 1 and 2 of the paper, each as tables of errors, of dimensions and of scores."""
    tables = (_errors_table, _dimensions_table, _scores_table)
    return [make(seeds, regressor) for regressor in REGRESSORS for make in tables]


def _errors_table(seeds: list[dict[str, Any]], regressor: str) -> Table:
    rows, best = [], _best(seeds, regressor)
    for name in seeds[0]["models"]:
        for key, where in WHERE.items():
            rows.append((_title(name), where, *_cells(seeds, name, regressor, key)))
            rows += _published(name, regressor, key, where)
    return Table(
        f"{REGRESSORS[regressor]}: errors",
        ("code", "teapots", *FACTORS, "mean"),
        tuple(rows),
        (
            "Root mean square errors over the factor's deviation among those teapots, mean ± deviation over "
            f"{len(seeds)} seeds: of teapots like those learnt from, and of red ones from above, which "
            "neither models nor regressors learnt from. To say the mean has error 1.",
            "InfoGAN's mean error below PCA's, as in the paper: "
            f"{_compared(seeds, regressor, 'errors', -1)}; on teapots left out: "
            f"{_compared(seeds, regressor, 'unseen_errors', -1)}. The most disentangled seed by itself: "
            f"{_compared(best, regressor, 'errors', -1)}; {_compared(best, regressor, 'unseen_errors', -1)}.",
        ),
    )


def _scores_table(seeds: list[dict[str, Any]], regressor: str) -> Table:

    def row(title: str, name: str, seeds: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        disentanglement = cell(seeds, "models", name, regressor, "disentanglement")
        return (title, disentanglement, *_cells(seeds, name, regressor, "completenesses"))

    rows, best = [], _best(seeds, regressor)
    for name in seeds[0]["models"]:
        rows.append(row(_title(name), name, seeds))
        if name == "infogan":
            rows.append(row(f"{_title(name)}, best of {len(seeds)}", name, best))
        rows += _published(name, regressor, "scores")
    return Table(
        f"{REGRESSORS[regressor]}: disentanglement and completeness",
        ("code", "disentanglement", *(f"completeness: {name}" for name in FACTORS), "mean"),
        tuple(rows),
        (
            "Disentanglement: the weighted mean over the dimensions. The paper's InfoGAN is the best of ten.",
            "InfoGAN above PCA, as in the paper: disentanglement "
            f"{_compared(seeds, regressor, 'disentanglement', 1)}, completeness "
            f"{_compared(seeds, regressor, 'completenesses', 1)}. The most disentangled seed by itself: "
            f"{_compared(best, regressor, 'disentanglement', 1)}; "
            f"{_compared(best, regressor, 'completenesses', 1)}.",
        ),
    )


def _dimensions_table(seeds: list[dict[str, Any]], regressor: str) -> Table:
    rows = list[tuple[str, ...]]()
    width = max(len(model[regressor]["disentanglements"]) for model in seeds[0]["models"].values())
    for name in seeds[0]["models"]:
        found = np.array(over_seeds(seeds, "models", name, regressor, "disentanglements"))
        weights = np.array(over_seeds(seeds, "models", name, regressor, "weights"))
        order = np.argsort(-weights, axis=1)
        each = np.take_along_axis(found, order, 1).T
        rows.append((_title(name), *map(mean_std, each), *[""] * (width - len(each))))
        rows += _published(name, regressor, "dimensions")
    return Table(
        f"{REGRESSORS[regressor]}: disentanglement of each dimension",
        ("code", *(f"{place}." for place in range(1, width + 1))),
        tuple(rows),
        ("In falling order of their weight in the average, seed by seed; the paper's as it counts them.",),
    )


def _best(seeds: Sequence[Mapping[str, Any]], regressor: str) -> list[Mapping[str, Any]]:
    """Return the seed whose InfoGAN is the most disentangled, which is what the paper shows."""
    return [max(seeds, key=lambda seed: seed["models"]["infogan"][regressor]["disentanglement"])]


def _title(name: str) -> str:
    return TITLES.get(name) or title(name, METHODS)


def _published(name: str, regressor: str, key: str, *where: str) -> list[tuple[str, ...]]:
    """Return the paper's row of a model, if it has one."""
    values = PUBLISHED.get((regressor, name), {}).get(key)
    return [(f"{_title(name)}, paper", *where, *(f"{value:.2f}" for value in values))] if values else []


def _cells(seeds: Sequence[Mapping[str, Any]], name: str, regressor: str, key: str) -> list[str]:
    """Return "mean ± deviation" over seeds of a number of each factor, and of their mean."""
    table = np.array(over_seeds(seeds, "models", name, regressor, key))  # seeds, factors
    return [mean_std(column) for column in (*table.T, table.mean(1))]


def _compared(seeds: Sequence[Mapping[str, Any]], regressor: str, key: str, sign: int) -> str:
    """Return whether InfoGAN's mean is above PCA's (`sign` 1) or below (-1)."""
    infogan, pca = (
        float(np.mean(over_seeds(seeds, "models", name, regressor, key))) for name in ("infogan", "pca")
    )
    return f"{infogan:.2f} against {pca:.2f}, {verdict(sign * infogan > sign * pca)}"
