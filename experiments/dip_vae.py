"""Variational inference of disentangled latents from unlabeled observations, on 2D Shapes.

Kumar, Sattigeri and Balakrishnan, 2017. VAE and β-VAE over β, DIP-VAE-I over λ_od with λ_d = 10 λ_od, and
DIP-VAE-II with λ_d = λ_od, which their later version adds: the metric of Higgins et al. (2017) over the
reconstruction error (Table 1, Fig. 1). CelebA, the paper's other data, can't be had here.

`PRESETS["default"]` is made for an hour on two cores with three seeds (`--seeds 3 --jobs 2`); it gives up
half the side of the images (means of 2 × 2 pixels, each of which counts as four), half the channels and
units, half the images of an update, and most values of β and λ. How long training was the paper doesn't say.
C is a batch's here and no running estimate, which did worse in a short training; where one keeps nine tenths
of the last, λ weighs a tenth.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from unknot.checks import settings_at_least
from unknot.experiments.common.figures import tradeoff
from unknot.experiments.common.study import Study, Training, ceiling, floors
from unknot.experiments.common.tables import cell, over_seeds, title
from unknot.files import read_json, write_json
from unknot.models.data.nuisance import Nuisance
from unknot.models.data.shapes2d import Shapes2D
from unknot.models.image.dip import DIPVAE
from unknot.models.image.vae import VAE
from unknot.report import Table, verdict
from unknot.representation import Learner

__all__ = ["PRESETS", "Settings", "evaluate", "plot", "run", "tabulate"]

WITH, WITHOUT = "five factors", "four factors"
"""What codes are measured on: all factors, or all but the shape, which varies without being counted."""
METRICS = ("higgins", "factor_vae", "dci")
METHODS = {"beta": "β-VAE, β", "dip": "DIP-VAE-I, λ", "dip2": "DIP-VAE-II, λ"}
"""What models are and what varies, by the kind that their names begin with."""
BAR, SLACK = 0.98, 1.1
"""The metric that DIP-VAE is to reach, and its error at most, in multiples of the VAE's."""
PUBLISHED = {
    "beta-1": ("81.3%", "0.0017"),
    "beta-4": ("80.7%", "0.0032"),
    "beta-60": ("95.7%", "0.0113"),
    "dip": ("98.7%", "0.0018"),
}
"""Table 1: metric and reconstruction error of a pixel, 64 × 64 images; DIP-VAE's is of no known λ."""


@dataclass(frozen=True)
class Settings(Training):
    """Settings of the experiment."""

    spread = True  # what asks all dimensions to vary has little to go by in silent ones
    steps: int = 12_000
    """Updates of each model."""
    batch: int = 32
    """Images of an update, drawn anew."""
    samples: int = 2000
    """Images that DCI is measured on."""
    votes: int = 200
    """Votes or examples that metrics which hold factors learn from, and as many that test them."""
    betas: tuple[float, ...] = (1.0, 4.0, 16.0)
    """Values of β of β-VAE; 1, the VAE, is always among them."""
    lambdas: tuple[float, ...] = (1.0, 4.0, 16.0)
    """Values of λ_od of DIP-VAE-I."""
    lambdas_2: tuple[float, ...] = (4.0,)
    """Values of λ_od of DIP-VAE-II."""
    momentum: float = 0.0
    """Share of the last estimate of C in the next; 0 takes each batch by itself."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to train on or to measure, and a run without VAE or DIP-VAE."""
        super().__post_init__()
        settings_at_least(self, betas=0, lambdas=0, lambdas_2=0, momentum=0)
        if self.momentum >= 1:
            raise ValueError(f"momentum must be below 1, not {self.momentum}")
        if 1 not in self.betas:
            raise ValueError(f"betas must have 1 among them, not {self.betas}")
        if not self.lambdas:
            raise ValueError("lambdas must be at least one, not none")


PRESETS = {
    "default": Settings(),
    "smoke": Settings(
        steps=2,
        batch=8,
        latent_dim=2,
        width=2,
        hidden=4,
        samples=100,
        votes=10,
        betas=(1.0,),
        lambdas=(10.0,),
        lambdas_2=(),
    ),
    "paper": Settings(
        steps=300_000,
        batch=64,
        samples=10_000,
        votes=300,
        pixels=64,
        width=32,
        hidden=256,
        learning_rate=5e-4,
        betas=(1.0, 4.0, 8.0, 16.0, 60.0),
        lambdas=(1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 500.0),
        lambdas_2=(1.0, 10.0, 100.0),
        momentum=0.9,
    ),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed; one that has its `metrics.json` is complete."""
    study = _study(settings)
    models = study.run(folder, seed, resume) | ceiling(study)
    metrics = {"seed": seed, "models": models}
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
    study = _study(Settings(**config["settings"]))
    return {"seed": config["seed"], "models": study.evaluate(folder, full) | ceiling(study)}


def _study(settings: Settings) -> Study:
    swept = (("beta", settings.betas), ("dip", settings.lambdas), ("dip2", settings.lambdas_2))
    names = [f"{kind}-{value:g}" for kind, values in swept for value in values]
    source = Shapes2D(pixels=settings.pixels)
    return Study(
        settings,
        source,
        {WITH: source, WITHOUT: Nuisance(source, "shape")},
        METRICS,
        floors(settings) | {name: partial(_learner, name, settings) for name in names},
    )


def _learner(name: str, settings: Settings) -> Learner:
    kind, _, value = name.partition("-")
    network = settings.network()
    if kind == "dip":
        return DIPVAE(kind="I", off_diagonal=float(value), momentum=settings.momentum, **network)
    if kind == "dip2":
        weights = {"off_diagonal": float(value), "diagonal": float(value)}
        return DIPVAE(kind="II", momentum=settings.momentum, **weights, **network)
    return VAE(beta=float(value), **network)


def plot(seeds: list[dict[str, Any]]) -> dict[str, Figure]:
    """Draw Fig. 1."""
    return {"tradeoff": tradeoff(seeds, METHODS, (WITH, WITHOUT), METRICS, "error")}


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Return Table 1, and Fig. 1 as numbers."""
    rows = []
    for name in seeds[0]["models"]:
        published = PUBLISHED.get(name, PUBLISHED["dip"] if name.startswith("dip-") else ("", ""))
        scores = [
            cell(seeds, "models", name, "scores", source, metric, "value")
            for source in (WITH, WITHOUT)
            for metric in METRICS
        ]
        error = cell(seeds, "models", name, "error", digits=4)
        rows.append((title(name, METHODS), error, published[1], scores[0], published[0], *scores[1:]))
    four = tuple(f"{metric}, 4 factors" for metric in ("Higgins", "FactorVAE metric", "DCI"))
    return [
        Table(
            "2D Shapes: disentanglement and reconstruction",
            ("model", "error", "paper's", "Higgins", "paper's", "FactorVAE metric", "DCI", *four),
            tuple(rows),
            (
                f"Mean ± deviation over {len(seeds)} seeds. Error: the squared error of a pixel of images "
                "drawn from the means of q(z | x).",
                "All five factors, then four: the shape varies and isn't counted, as in Higgins et al.; the "
                "paper doesn't say which it counts.",
                "Floors: the untrained network and principal components; ceiling: the true factors.",
                "The paper has one row of DIP-VAE (Table 1) and doesn't say its λ; its images are 64 × 64.",
                f"Bar: DIP-VAE at least {BAR} by Higgins at no more than {SLACK} times the VAE's error, and "
                f"β-VAE behind it at no more error: {_reached(seeds, WITH)}; {_reached(seeds, WITHOUT)}.",
            ),
        )
    ]


def _reached(seeds: list[dict[str, Any]], source: str) -> str:
    """Return what the best of either kind reaches within the error allowed, and whether that is enough."""

    def mean(name: str, *keys: str) -> float:
        return float(np.mean(over_seeds(seeds, "models", name, *keys)))

    allowed = SLACK * mean("beta-1", "error")
    best = {
        kind: max(
            (
                mean(name, "scores", source, "higgins", "value")
                for name in seeds[0]["models"]
                if name.startswith(kind) and mean(name, "error") <= allowed
            ),
            default=0.0,
        )
        for kind in ("dip", "beta")
    }
    met = verdict(best["dip"] >= BAR and best["dip"] > best["beta"])
    return f"with {source} {best['dip']:.3f}, β-VAE {best['beta']:.3f}, {met}"
