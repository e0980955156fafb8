"""Generators whose code is of two parts: who it is, and how it is seen.

Donahue, Lipton, Balsubramani and McAuley, "Semantically decomposing the latent spaces of generative
adversarial networks", 2017. Generators learn from pairs of photographs of one identity. Measured are how well
a verifier, trained on other identities, tells generated pairs (Table 1), what each code determines, how many
identities there are, and collapse; shown are combinations of codes (Fig. 1) and interpolations (Fig. 3).

The paper's celebrities are replaced by MakeHuman's heads (`unknot fetch heads`), until then by game
characters, or by the photographs of a folder (`--images FOLDER`); FaceNet by an embedding of ours. With
`--products`, for the paper's shoes, things are seen from six sides, by SD-DCGAN, as in the paper.

Models, beside bounds that need no training:

- `sd-dcgan`, `sd-began`: ours (what differs from the paper is named in `SDGAN` and `SDBEGAN`);
- `sd-dcgan-paper`: the paper's own way, without aids;
- `dcgan-split`: a DCGAN that never sees pairs, whose code is split;
- `ada-gvae`: what a user would pick today, a variational autoencoder of pairs; `untrained`.

`PRESETS["default"]` has 32 × 32 pixels, 2,000 identities with eight photographs each, narrow networks, and
trains the first two in every seed, the others in the first `baselines` seeds. `PRESETS["paper"]` has the
paper's sizes, for a GPU.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from unknot.checks import flag, settings_at_least, within
from unknot.experiments.common.runs import load_model, load_stages, models_in, run_models, train_model
from unknot.experiments.sd_gan.data import Galleries, check_data, find_data, galleries, keep_data
from unknot.experiments.sd_gan.figures import plot, save_photographs, save_pictures
from unknot.experiments.sd_gan.measures import (
    Generator,
    Judges,
    bounds,
    calibrated,
    measure,
    read_factors,
    samples,
)
from unknot.experiments.sd_gan.tables import (
    BEGAN,
    DCGAN,
    PAIRS,
    PAPER,
    READER,
    SPLIT,
    UNTRAINED,
    VERIFIER,
    headlines,
    tabulate,
)
from unknot.models.image.ada_gvae import AdaGVAE
from unknot.models.image.embedding import Embedding
from unknot.models.image.factor_reader import FactorReader
from unknot.models.image.sdbegan import SDBEGAN
from unknot.models.image.sdgan import SDGAN
from unknot.models.image.verifier import Verifier
from unknot.representation import Trainable

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "plot", "run", "tabulate"]

STAGES = 6
"""Equal parts of the training, after each of which collapse is measured."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    images: str = ""
    """A folder with a folder of photographs for each identity; empty for heads."""
    products: bool = False
    """Whether there are products in place of heads (extra `grasp`)."""
    pixels: int = 32
    """Side of the images: 64, as published, or another power of 2 from 16."""
    identities: int = 2000
    """Heads in all: half of them to learn from, 30% for the verifier, 10% each for validation and test."""
    photos: int = 8
    """Photographs of each."""
    steps: int = 20_000
    """Updates of SD-DCGAN, and of a DCGAN."""
    began_steps: int = 20_000
    """Updates of SD-BEGAN."""
    vae_steps: int = 20_000
    """Updates of the Ada-GVAE."""
    batch: int = 16
    """Pairs in an update."""
    width: int = 32
    """Channels of the first convolution of discriminators; of all of the Ada-GVAE's."""
    began_width: int = 16
    """Channels of SD-BEGAN's convolutions."""
    identity_dim: int = 50
    """Dimensions of the identity code."""
    observation_dim: int = 50
    """Dimensions of the observation code."""
    r1: float = 1.0
    """Weight of the penalty on SD-DCGAN's discriminator."""
    unmatched: float = 0.5
    """Share of real images of two identities among SD-DCGAN's false pairs."""
    judge_steps: int = 6000
    """Updates of the verifier, and of the reader of factors."""
    pairs: int = 5000
    """Matched pairs that are verified, and as many others."""
    baselines: int = 1
    """Seeds that train all models."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        settings_at_least(
            self, pixels=16, identities=40, photos=2, steps=1, began_steps=1, vae_steps=1, batch=2
        )
        settings_at_least(self, width=1, began_width=1, identity_dim=1, observation_dim=1, r1=0, unmatched=0)
        settings_at_least(self, judge_steps=1, pairs=10, baselines=0)
        within(0, 0.9, unmatched=self.unmatched)
        flag(products=self.products)
        if self.products and self.images:
            raise ValueError(f"images must be empty with products, not {self.images!r}")
        if self.pixels & (self.pixels - 1):
            raise ValueError(f"pixels must be a power of 2, not {self.pixels}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the images."""
        return self.pixels, self.pixels, 3


PRESETS = {
    "default": Settings(),
    "smoke": Settings(
        pixels=16,
        identities=40,
        photos=2,
        steps=2,
        began_steps=2,
        vae_steps=2,
        batch=4,
        width=2,
        began_width=2,
        identity_dim=2,
        observation_dim=2,
        judge_steps=2,
        pairs=20,
        baselines=1,
    ),
    "paper": Settings(
        pixels=64,
        identities=20_000,
        steps=500_000,
        began_steps=500_000,
        vae_steps=500_000,
        width=64,
        began_width=128,
        judge_steps=50_000,
    ),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed."""
    data = find_data(settings)
    keep_data(folder, data)
    photographs = _galleries(settings, data)

    def make(name: str, path: Path) -> dict[str, Any]:
        trained: Any = _train(name, settings, photographs, path, seed, resume)
        if name in (VERIFIER, READER):
            return {}
        save_pictures(trained, path)
        return _measure(name, trained, settings, photographs, judges(), folder, seed)

    judges = cache(lambda: _judges(settings, photographs, folder))  # the first models of a seed
    models = run_models(_names(settings, photographs, seed), folder, make)
    save_photographs(photographs.training, folder)
    return _collect(models, settings, photographs, judges(), seed)


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the models of a seed from their weights; not `full`: on a tenth of the pairs.

    Raises:
        OtherHeadsError: the models learnt from other data than this machine has.
    """
    data = find_data(settings)
    check_data(folder, data)
    photographs = _galleries(settings, data)
    judges = _judges(settings, photographs, folder)
    models: dict[str, Any] = {}
    for name in models_in(folder, _names(settings, photographs, seed)):
        trained = load_model(folder, name, Trainable)
        judge = name in (VERIFIER, READER)
        models[name] = (
            {} if judge else _measure(name, trained, settings, photographs, judges, folder, seed, full=full)
        )
    return _collect(models, settings, photographs, judges, seed, full=full)


def _galleries(settings: Settings, data: str) -> Galleries:
    return galleries(data, settings.images, settings.identities, settings.photos, settings.pixels)


def _names(settings: Settings, data: Galleries, seed: int) -> list[str]:
    """Return the models of a seed, those that judge the others first."""
    judges = [VERIFIER, READER] if data.test.factors else [VERIFIER]
    others = [PAPER, SPLIT, PAIRS, UNTRAINED] if seed < settings.baselines else []
    return [*judges, DCGAN, *([] if settings.products else [BEGAN]), *others]


def _judges(settings: Settings, data: Galleries, folder: Path) -> Judges:
    verifier = Verifier(load_model(folder, VERIFIER, Embedding))
    reader = load_model(folder, READER, FactorReader) if data.test.factors else None
    return Judges(calibrated(verifier, data.validation, settings.pairs), reader)


def _measure(
    name: str,
    model: Any,
    settings: Settings,
    data: Galleries,
    judges: Judges,
    folder: Path,
    seed: int,
    *,
    full: bool = True,
) -> dict[str, Any]:
    metrics = measure(model, judges, data, _pairs(settings, full), seed)
    if judges.reader:
        metrics["curve"] = [
            {"updates": updates} | read_factors(judges, samples(cast(Generator, each)), data.test)
            for updates, each in load_stages(folder / name, _stages(name, settings), Trainable)
        ]
    return metrics


def _pairs(settings: Settings, full: bool) -> int:
    return settings.pairs if full else max(settings.pairs // 10, 10)


def _collect(
    models: dict[str, Any],
    settings: Settings,
    data: Galleries,
    judges: Judges,
    seed: int,
    *,
    full: bool = True,
) -> dict[str, Any]:
    found = bounds(judges, data, _pairs(settings, full), seed)
    return {"seed": seed, "data": find_data(settings), "models": models, "bounds": found}


# Models


def _updates(name: str, settings: Settings) -> int:
    if name in (VERIFIER, READER):
        return settings.judge_steps
    return {BEGAN: settings.began_steps, PAIRS: settings.vae_steps}.get(name, settings.steps)


def _train(
    name: str, settings: Settings, data: Galleries, folder: Path, seed: int, resume: bool
) -> Trainable:
    """Train a model; keep generators as they are after each of `STAGES` parts of the training."""
    batch_at, updates = _batches(name, settings, data, seed), _updates(name, settings)
    keep = _stages(name, settings)
    return train_model(lambda: _learner(name, settings, data), batch_at, updates, folder, seed, resume, keep)


def _stages(name: str, settings: Settings) -> list[int]:
    """Return the updates after which a model is kept, to see whether it collapses."""
    kept, updates = name in (DCGAN, BEGAN, PAPER), _updates(name, settings)
    return sorted({math.ceil(updates * k / STAGES) for k in range(1, STAGES + 1)}) if kept else []


def _batches(name: str, settings: Settings, data: Galleries, seed: int) -> Callable[[int], dict[str, Tensor]]:
    if name == VERIFIER:
        photos = max(2 * settings.batch // 8, 2)
        return data.verifier.several(min(16, len(data.verifier)), photos, seed)
    if name == READER:
        return data.verifier.labelled(4 * settings.batch, seed)
    return data.training.stream(settings.batch, seed)


def _learner(name: str, settings: Settings, data: Galleries) -> Trainable:
    shape, width = settings.shape, settings.width
    if name == VERIFIER:
        return Embedding(loss="binomial_deviance", shape=shape, latent_dim=64, width=width, hidden=8 * width)
    if name == READER:
        groups = int(max(each.group.max() for each in data)) + 1
        sizes = {**data.test.sizes, "group": groups}
        return FactorReader(sizes=sizes, shape=shape, width=width, hidden=8 * width)
    dims = {name: getattr(settings, name) for name in ("identity_dim", "observation_dim")}
    if name == BEGAN:
        rate: dict[str, Any] = {"learning_rate": 1e-4, "halve_every": 100_000, "floor": 2e-5}
        return SDBEGAN(shape=shape, width=settings.began_width, **dims, **rate)
    if name == PAIRS:
        latent = settings.identity_dim + settings.observation_dim
        return AdaGVAE(shape=shape, latent_dim=latent, width=width, hidden=8 * width)
    if name == PAPER:
        aids: dict[str, Any] = {"norm": True, "r1": 0.0, "unmatched": 0.0, "shift": 0, "average": 0.0}
    else:
        aids = {"r1": settings.r1, "unmatched": settings.unmatched, "together": 1 if name == SPLIT else 2}
    return SDGAN(shape=shape, width=width, **dims, **aids)
