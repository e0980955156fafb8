"""Understanding disentangling in β-VAE: what a growing capacity is spent on.

Burgess, Higgins, Pal, Matthey, Watters, Desjardins and Lerchner, 2018. Three parts of each seed:

- `generator` (section 4.3, Fig. 3): images from their true factors through channels whose capacity grows, and
  the nats at which each factor enters;
- `shapes` (section 5, Fig. 4): β-VAE with controlled capacity on coloured 2D Shapes, β-VAE beside;
- `blob` (Fig. 2): a VAE and a β-VAE of Gaussian blobs, and how many dimensions each takes for two factors.

CelebA, the paper's other data, can't be had here. `PRESETS["default"]` is made for an hour on two cores with
three seeds (`--seeds 3 --jobs 2`); it gives up half the side of the images (means of 2 × 2 pixels; for the
autoencoders each counts as four), half the channels and units, half the images of an update, and most
updates. β of the blobs is less than the paper's 150. So is γ of the autoencoders than its 1,000: by one of
100 they spend all of C on three dimensions. The generator has none (see `FactorGenerator`).
`PRESETS["paper"]` has the paper's sizes.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from unknot.checks import settings_at_least
from unknot.experiments.common.runs import load_model, run_models
from unknot.experiments.common.study import Study, Training, ceiling, floors
from unknot.experiments.common.tables import cell, over_seeds, title
from unknot.files import read_json, write_json
from unknot.models.data.blob import Blob
from unknot.models.data.shapes2d import Shapes2D
from unknot.models.data.stream import stream
from unknot.models.image.capacity import CapacityVAE
from unknot.models.image.factor_generator import FactorGenerator
from unknot.models.image.vae import VAE
from unknot.models.traversals import as_images, image_rows
from unknot.report import Table, mean_std, save_figures, verdict
from unknot.representation import WEIGHTS, Learner, load_learner, save_learner, train

__all__ = ["PRESETS", "Settings", "evaluate", "run", "tabulate"]

METRICS = ("factor_vae", "mig", "dci")
METHODS = {"beta": "β-VAE, β"}
"""What models are and what varies, by the kind that their names begin with."""
GENERATOR, CONTROLLED = "generator", "controlled capacity"
BOUNDS = "Floors: the untrained network and principal components; ceiling: the true factors."
ENTERS = 1.0
"""Nats from which on a factor counts as told: twice what each has in the end by what is given out evenly."""
USED = 0.1
"""Nats from which on a dimension counts as used."""
ORDER = (("x", "y"), ("scale",), ("shape",), ("orientation",))
"""The order in which factors enter (Fig. 3)."""
SHOWN = (3.1, 7.3, 15.4, 23.8)
"""Nats at which images are drawn (Fig. 3, bottom): the paper's."""
EXAMPLES = 8
"""How many images are drawn."""
PUBLISHED = {
    "x": "from the start",
    "y": "from the start",
    "scale": "≈ 6",
    "shape": "by 15.4",
    "orientation": "by 23.8",
}
"""Nats at which factors enter, by the text of section 4.3 and the caption of Fig. 3."""


@dataclass(frozen=True)
class Settings(Training):
    """Settings of the experiment."""

    spread = True  # from silent codes those of coloured shapes find places and sizes alone
    steps: int = 12_000
    """Updates of each autoencoder of shapes."""
    batch: int = 32
    """Images of an update, drawn anew."""
    samples: int = 5000
    """Images that metrics of a sample are measured on."""
    capacity: float = 25.0
    """The last C in nats, of the generator and of the autoencoder; it grows over all updates."""
    gamma: float = 20.0
    """γ, how much an autoencoder's KL off its target costs."""
    betas: tuple[float, ...] = (1.0, 4.0)
    """Values of β of the β-VAE beside."""
    generator_steps: int = 60_000
    """Updates of the generator."""
    blob_steps: int = 4000
    """Updates of the models of blobs."""
    blob_beta: float = 40.0
    """β of the β-VAE of blobs."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to train on or to measure."""
        super().__post_init__()
        settings_at_least(self, generator_steps=1, blob_steps=1, capacity=1, gamma=0, betas=0, blob_beta=0)


PRESETS = {
    "default": Settings(),
    "smoke": Settings(
        steps=2,
        generator_steps=2,
        blob_steps=2,
        batch=8,
        latent_dim=2,
        width=2,
        hidden=4,
        samples=100,
        votes=10,
        betas=(1.0,),
    ),
    "paper": Settings(
        steps=100_000,
        batch=64,
        samples=10_000,
        generator_steps=100_000,
        blob_steps=100_000,
        pixels=64,
        width=32,
        hidden=256,
        learning_rate=5e-4,
        gamma=1000.0,
        betas=(1.0, 4.0, 16.0),
        blob_beta=150.0,
    ),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed; one that has its `metrics.json` is complete."""

    def make(name: str, path: Path) -> dict[str, Any]:
        return entries(_train_generator(settings, path, seed, resume))

    metrics: dict[str, Any] = {"seed": seed, **run_models([GENERATOR], folder, make)}
    for name, study in _studies(settings).items():
        metrics[name] = study.run(folder / name, seed, resume) | ceiling(study)
    generator = load_model(folder, GENERATOR)
    assert isinstance(generator, FactorGenerator)
    drawn = drawings(_kept(folder / GENERATOR, generator), Shapes2D(pixels=settings.pixels))
    figures = {"allocation": allocation(generator), "drawings": drawn}
    for name in _blob_models(settings):
        learner = load_model(folder / "blob", name)
        assert isinstance(learner, VAE)
        figures[f"blob-{name}"] = tuning(learner, Blob(pixels=settings.pixels))
    save_figures(figures, folder)
    write_json(folder / "metrics.json", metrics)
    return metrics


def evaluate(folder: Path, full: bool) -> dict[str, Any]:
    """Measure the models of a seed folder again, from their weights.

    Args:
        folder: the seed's.
        full: on as much as the run did, else on a tenth.

    Raises:
        FileNotFoundError: a model whose training has not ended.
        WeightsError: weights that can't be used.
    """
    config = read_json(folder / "config.json")
    generator = load_model(folder, GENERATOR)
    assert isinstance(generator, FactorGenerator)
    studies = _studies(Settings(**config["settings"]))
    models = {name: study.evaluate(folder / name, full) | ceiling(study) for name, study in studies.items()}
    return {"seed": config["seed"], GENERATOR: entries(generator), **models}


# Autoencoders


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


# The generator


def _train_generator(settings: Settings, folder: Path, seed: int, resume: bool) -> FactorGenerator:
    source = Shapes2D(pixels=settings.pixels)
    factors = {name: (float(each.mean()), float(each.std())) for name, each in source.values.items()}
    sizes = settings.network()  # its pixels count once
    network = {name: sizes[name] for name in ("shape", "width", "hidden", "learning_rate")}
    torch.manual_seed(seed)
    learner = FactorGenerator(
        factors=factors,
        capacity=settings.capacity,
        growth=settings.generator_steps,
        **network,
    )
    batches = stream(source, settings.batch, seed, factors=True)
    for capacity, updates in stages(learner):
        kept = _weights_at(folder, capacity)
        if resume and kept.exists() and updates < settings.generator_steps:
            continue  # the last stage is never passed over: it is what restores the generator
        train(
            learner,
            batches,
            updates,
            folder=folder,
            resume=resume,
            checkpoint_every=5000,
            description=f"seed {seed}: {GENERATOR} up to {capacity:g} nats",
        )
        save_learner(learner, kept)
        resume = True
    return learner


def stages(generator: FactorGenerator) -> list[tuple[float, int]]:
    """Return capacities at which the generator is kept, the last one included, and the updates until then."""
    first, last = generator.first, generator.capacity
    shown = [capacity for capacity in SHOWN if first < capacity < last]
    return [(c, math.ceil(generator.growth * (c - first) / (last - first))) for c in (*shown, last)]


def _weights_at(folder: Path, capacity: float) -> Path:
    return folder / f"at-{capacity:g}" / WEIGHTS


def _kept(folder: Path, generator: FactorGenerator) -> dict[float, FactorGenerator]:
    """Load the generator as it was at each stage."""
    kept = {}
    for capacity, _ in stages(generator):
        learner = load_learner(_weights_at(folder, capacity))
        assert isinstance(learner, FactorGenerator)
        kept[capacity] = learner
    return kept


def entries(generator: FactorGenerator) -> dict[str, Any]:
    """Return what the generator's trace says.

    Returns:
        `enters`, for each factor the first C from which on it has `ENTERS` nats, None for never; `last`, the
        nats each has in the end; `reconstruction`, -log p(x | z) in the end, in nats.
    """
    trace = _trace(generator)
    told = trace[:, 1:-1] >= ENTERS
    enters = {}
    for name, column in zip(generator.factors, told.T, strict=True):
        after = len(column) - int(np.argmin(column[::-1])) if not column.all() else 0
        enters[name] = float(trace[after, 0]) if after < len(column) else None
    last = dict(zip(generator.factors, trace[-1, 1:-1].tolist(), strict=True))
    return {"enters": enters, "last": last, "reconstruction": float(trace[-1, -1])}


def _trace(generator: FactorGenerator) -> NDArray[np.float64]:
    """Return the stretches of the trace that have been."""
    been = ~generator.trace.isnan().any(1)
    trace: NDArray[np.float64] = generator.trace[been].double().numpy(force=True)
    return trace


def in_order(enters: dict[str, float | None]) -> bool:
    """Return whether all factors enter, and in the paper's order: x and y, scale, shape, orientation."""
    if None in enters.values():
        return False
    stages = [[enters[name] or 0.0 for name in names] for names in ORDER]
    return all(max(before) < min(after) for before, after in pairwise(stages))


# Pictures


def allocation(generator: FactorGenerator) -> Figure:
    """Draw the nats of each factor over C and over the reconstruction error (Fig. 3, top)."""
    trace = _trace(generator)
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for number, name in enumerate(generator.factors, start=1):
        left.plot(trace[:, 0], trace[:, number], label=name)
        right.plot(trace[:, -1], trace[:, number], label=name)
    left.set(xlabel="capacity C in nats", ylabel="KL in nats")
    right.set(xlabel="-log p(x | z) in nats")
    right.invert_xaxis()
    left.legend()
    return figure


@torch.no_grad()
def drawings(generators: Mapping[float, FactorGenerator], source: Shapes2D) -> Figure:
    """Draw images as generators of growing capacity do, by their mean codes (Fig. 3, bottom).

    Args:
        generators: by capacity in nats.
        source: of the true images, which are at the top.
    """
    factors = source.combinations(np.random.default_rng(0).choice(len(source), EXAMPLES, replace=False))
    given = {name: torch.from_numpy(values) for name, values in factors.items()}
    rows = {"true": source.render_factors(factors)}
    for capacity in sorted(generators, reverse=True):
        codes, _ = generators[capacity].moments(given)
        rows[f"{capacity:g} nats"] = as_images(generators[capacity].decode(codes))
    return image_rows(rows)


@torch.no_grad()
def tuning(learner: VAE, source: Blob) -> Figure:
    """Draw the mean of each dimension over all places of the blob, by its mean KL (Fig. 2, right)."""
    images = source.render_factors(source.combinations(np.arange(len(source))))
    codes, kl = learner.encode(images), learner.kl(images).mean(0)
    order = kl.argsort(descending=True).tolist()
    side = len(source.values["x"])
    figure = Figure(figsize=(1.3 * len(order), 1.7), layout="constrained")
    for panel, dim in zip(figure.subplots(1, len(order), squeeze=False)[0], order, strict=True):
        panel.imshow(codes[:, dim].reshape(side, side).T.numpy(force=True), cmap="bwr", vmin=-3, vmax=3)
        panel.set_title(f"z{dim}: {kl[dim]:.2f}", fontsize=9)
        panel.set_xticks([])
        panel.set_yticks([])
    return figure


# Tables


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Return Fig. 3 as numbers, coloured shapes beside β-VAE, and the blobs."""
    return [_generator_table(seeds), _shapes_table(seeds), _blob_table(seeds)]


def _generator_table(seeds: list[dict[str, Any]]) -> Table:
    rows = []
    for name in (name for names in ORDER for name in names):
        told = [value for value in over_seeds(seeds, GENERATOR, "enters", name) if value is not None]
        text = f"{mean_std(told, 1)} ({len(told)} of {len(seeds)})" if told else "never"
        rows.append((name, text, PUBLISHED[name], cell(seeds, GENERATOR, "last", name, digits=1)))
    met = sum(in_order(seed[GENERATOR]["enters"]) for seed in seeds)
    return Table(
        "Generator: the capacity at which factors enter",
        ("factor", "C in nats", "paper", "nats in the end"),
        tuple(rows),
        (
            f"Mean ± deviation over the seeds, of {len(seeds)}, in which the factor enters: from there on it "
            f"has {ENTERS} nats. The paper's images are 64 × 64; smaller ones have fewer nats to tell.",
            f"Bar: x and y, scale, shape, orientation, in this order: {met} of {len(seeds)} seeds, "
            f"{verdict(met == len(seeds))}.",
        ),
    )


def _shapes_table(seeds: list[dict[str, Any]]) -> Table:
    rows = []
    for name in seeds[0]["shapes"]:
        models = over_seeds(seeds, "shapes", name)
        scores = (cell(models, "scores", "coloured", metric, "value") for metric in METRICS)
        nats, error = cell(models, "nats", digits=1), cell(models, "error", digits=4)
        rows.append((title(name, METHODS), nats, error, _total(models), *scores, _used(models)))
    return Table(
        "Coloured 2D Shapes: controlled capacity beside β-VAE",
        ("model", "reconstruction", "error", "KL", "FactorVAE metric", "MIG", "DCI", "dimensions used"),
        tuple(rows),
        (
            f"Mean ± deviation over {len(seeds)} seeds; eight factors, three of them the colour. "
            "Reconstruction: -log p(x | z) less the least possible, in nats; error: squared, of a pixel.",
            f"Dimensions used have a KL of at least {USED} nats. {BOUNDS} The paper shows traversals, no "
            "numbers: all factors by themselves, and reconstructions that are hard to tell from the images.",
            f"Bar: less error than every β-VAE that is as good by FactorVAE's metric: {_beside(seeds)}.",
        ),
    )


def _beside(seeds: list[dict[str, Any]]) -> str:
    """Return whether controlled capacity redraws better than what is as disentangled, and how many are."""

    def mean(name: str, *keys: str) -> float:
        return float(np.mean(over_seeds(seeds, "shapes", name, *keys)))

    metric = ("scores", "coloured", "factor_vae", "value")
    betas = [name for name in seeds[0]["shapes"] if name.startswith("beta-")]
    rivals = [name for name in betas if mean(name, *metric) >= mean(CONTROLLED, *metric)]
    if not rivals:
        return f"none of {len(betas)} is, so that nothing is decided"
    met = all(mean(CONTROLLED, "error") < mean(name, "error") for name in rivals)
    return f"{verdict(met)} ({len(rivals)} of {len(betas)} are)"


def _blob_table(seeds: list[dict[str, Any]]) -> Table:
    published = {"beta-1": "4", "beta": "2"}
    rows = []
    for name in seeds[0]["blob"]:
        models = over_seeds(seeds, "blob", name)
        scores = (cell(models, "scores", "blob", metric, "value") for metric in METRICS)
        paper = published.get(name, published.get(name.partition("-")[0], ""))
        rows.append((title(name, METHODS), _used(models), paper, *scores))
    return Table(
        "Blobs: dimensions that two factors take",
        ("model", "dimensions used", "paper", "FactorVAE metric", "MIG", "DCI"),
        tuple(rows),
        (
            f"Mean ± deviation over {len(seeds)} seeds. The paper's β are 1 and 150, at 64 × 64 pixels. "
            f"{BOUNDS}",
        ),
    )


def _total(models: list[Any]) -> str:
    kls = over_seeds(models, "kl")
    return "–" if kls[0] is None else mean_std([sum(kl) for kl in kls], 1)


def _used(models: list[Any]) -> str:
    kls = over_seeds(models, "kl")
    return "–" if kls[0] is None else mean_std([sum(k >= USED for k in kl) for kl in kls], 1)
