"""Train and measure the models of one family: the same images, the same measures, floors and a ceiling.

Floors are trivial baselines, which every model should beat; the ceiling is an oracle, which none can. A model
of a seed has a folder of its name, with its weights, its metrics and its figures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from unknot.checks import above, settings_at_least
from unknot.experiments.common.codes import oracle, sample_images, votes_for
from unknot.experiments.common.figures import hinton_figure
from unknot.experiments.common.runs import UNTRAINED, load_model, models_in, run_models, train_model
from unknot.experiments.common.seeds import seeded
from unknot.models.data.stream import stream
from unknot.models.image.pca import PCA
from unknot.models.image.vae import VAE, VariationalAutoencoder
from unknot.models.traversals import COLUMNS, EncoderDecoder, traversal_figure, traversal_frames
from unknot.report import save_figure, save_gif
from unknot.representation import Learner
from unknot.representation.metrics import Score, evaluate_codes
from unknot.representation.source import Encode, FactorSource

Images = NDArray[np.uint8]

SIDE = 64
"""Side of the images, as published."""
FITTED = 2000
"""Images that principal components are fitted to."""
MEASURED = 1000
"""Images whose reconstructions are measured."""
PCA_MODEL, CEILING = "pca", "true factors"
"""The models that are principal components, and the factors themselves as codes."""
BOUNDS = "Trivial baselines: the untrained network and principal components; oracle: the true factors."
"""What tables say of `floors` and `ceiling`."""
SMOKE: dict[str, Any] = {
    **{"steps": 2, "batch": 8, "latent_dim": 2, "width": 2, "hidden": 4},
    **{"samples": 100, "votes": 10},
}
"""Settings of `Training` for the preset "smoke"."""
SIZES: dict[str, Any] = {"pixels": SIDE, "width": 32, "hidden": 256}
"""The papers' images and networks: settings of `Training` for the preset "paper"."""


@dataclass(frozen=True)
class Training:
    """How models are trained and measured; settings of an experiment begin with these."""

    spread: ClassVar[bool] = False
    """Whether autoencoders of the experiment begin with spread codes (see `VariationalAutoencoder`)."""

    steps: int = 60_000
    """Updates of each model."""
    batch: int = 64
    """Images of an update, newly sampled."""
    pixels: int = 32
    """Side of the images: 64, as published, or 32, means of 2 × 2 pixels."""
    latent_dim: int = 10
    """Dimension of the codes."""
    width: int = 16
    """Channels of the convolutions."""
    hidden: int = 128
    """Units of the other layers."""
    learning_rate: float = 1e-3
    """Adam's."""
    samples: int = 10_000
    """Images that metrics of a sample are measured on."""
    votes: int = 300
    """Votes or examples that metrics which hold a factor fixed learn from, and as many that test them."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        above(0, learning_rate=self.learning_rate)
        settings_at_least(self, steps=1, batch=2, latent_dim=1, width=1, hidden=1, samples=100, votes=10)
        if self.pixels not in (SIDE // 2, SIDE):
            raise ValueError(f"pixels must be {SIDE // 2} or {SIDE}, not {self.pixels}")

    def network(self, channels: int = 1) -> dict[str, Any]:
        """Return arguments of a model's constructor, for images of so many channels.

        A pixel counts as often as there are pixels averaged in it, so that β, γ and C weigh as they do on
        images of 64 × 64.
        """
        names = ("latent_dim", "width", "hidden", "spread", "learning_rate")
        counted = {"likelihood_weight": (SIDE / self.pixels) ** 2.0}
        shape = {"shape": (self.pixels, self.pixels, channels)}
        return shape | counted | {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Study:
    """Models that are trained on the same images and measured alike."""

    settings: Training
    source: FactorSource
    """Of the images to learn from."""
    measured: Mapping[str, FactorSource]
    """What codes are measured on, by name. Reconstructions and Hinton diagrams are of the first."""
    metrics: tuple[str, ...]
    """Names of `evaluate_codes`."""
    models: Mapping[str, Callable[[], Learner]]
    """What makes each model, by its name; `UNTRAINED` takes no update, `PCA_MODEL` one."""
    views: Mapping[str, Callable[[Learner, Images], Encode]] = field(default_factory=dict)
    """Other encoders to measure, each made from a learner and some images, by the suffix that their scores
    put behind the names of `measured`."""

    @property
    def first(self) -> FactorSource:
        """The first of what is measured."""
        return next(iter(self.measured.values()))

    def run(self, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
        """Train, measure and show each model, in a folder of its name below `folder`.

        Returns:
            What `measure` returns of each, and the `ceiling`.
        """

        def make(name: str, path: Path) -> dict[str, Any]:
            once = name == PCA_MODEL
            batches = stream(self.source, FITTED if once else self.settings.batch, seed)
            steps = 1 if once else self.settings.steps
            learner = train_model(self.models[name], batches, steps, path, seed, resume)
            metrics, scores = measure(learner, self)
            save_pictures(learner, self.first, path, next(iter(scores.values())).get("dci"))
            return metrics

        return run_models(self.models, folder, make) | ceiling(self)

    def evaluate(self, folder: Path, full: bool) -> dict[str, Any]:
        """Measure the models that a folder has from their weights; return them and the `ceiling`.

        Args:
            folder: that `run` was given.
            full: on as much as the run did, else on a tenth.

        Raises:
            FileNotFoundError: a model whose training has not ended.
            WeightsError: weights that can't be used.
        """
        names = models_in(folder, self.models)
        return {n: measure(load_model(folder, n), self, full=full)[0] for n in names} | ceiling(self)


# Floors and ceilings


def floors(settings: Training, channels: int = 1) -> dict[str, Callable[[], Learner]]:
    """Return what makes the trivial baselines of a study: an untrained network and linear codes."""
    network = settings.network(channels)
    return {
        UNTRAINED: partial(VAE, **network),
        PCA_MODEL: partial(PCA, shape=network["shape"], latent_dim=settings.latent_dim),
    }


def ceiling(study: Study) -> dict[str, Any]:
    """Return the scores of the true factors as codes, as a model of the name `CEILING`.

    It reconstructs nothing. It has the metrics' `choices` too, which are those of all models.
    """
    own = {name: score(np.asarray, oracle(source), study) for name, source in study.measured.items()}
    scores = as_json({name + view: own[name] for view in ("", *study.views) for name in own})
    choices = {metric: dict(score.choices) for metric, score in next(iter(own.values())).items()}
    return {CEILING: {"error": None, "nats": None, "kl": None, "scores": scores, "choices": choices}}


# Measuring


def measure(
    learner: Learner, study: Study, *, full: bool = True
) -> tuple[dict[str, Any], dict[str, dict[str, Score]]]:
    """Measure how well a model reconstructs images and how disentangled its codes are.

    Args:
        learner: PCA or one of the variational family.
        study: which sources and metrics, how many samples and votes.
        full: else a tenth of them.

    Returns:
        First, as JSON: `error`, the squared error of a reconstructed pixel; `nats`, -log p(x | z) less the
        least it can be (the entropy of grey pixels), and `kl` of each dimension, both None for PCA; `scores`
        by source and metric, each with `value` and `interval`. Second, the scores themselves.
    """
    share = 1 if full else 10
    images = sample_images(study.first, MEASURED)
    encodes = {"": learner.encode} | {name: view(learner, images) for name, view in study.views.items()}
    scores = {
        name + view: score(encode, source, study, share)
        for view, encode in encodes.items()
        for name, source in study.measured.items()
    }
    result = reconstruction(learner, images)
    return {**result, "scores": as_json(scores)}, scores


def score(encode: Encode, source: FactorSource, study: Study, share: int = 1) -> dict[str, Score]:
    """Return the study's metrics of codes, on one `share`-th of the samples and votes."""
    chosen = votes_for(study.metrics, max(study.settings.votes // share, 10))
    samples = max(study.settings.samples // share, 100)
    return evaluate_codes(encode, source, study.metrics, samples=samples, settings=chosen)


def as_json(scores: Mapping[str, Mapping[str, Score]]) -> dict[str, dict[str, Any]]:
    """Return value and interval of scores by source and metric."""
    return {
        name: {metric: {"value": s.value, "interval": list(s.interval)} for metric, s in row.items()}
        for name, row in scores.items()
    }


@torch.no_grad()
def reconstruction(learner: Learner, images: Images) -> dict[str, Any]:
    """Return `error`, `nats` and `kl` as in `measure`."""
    assert isinstance(learner, PCA | VariationalAutoencoder)
    codes = learner.encode(images)
    target = torch.from_numpy(images).float() / 255
    error = float((learner.decode(codes) - target).square().mean())
    if isinstance(learner, PCA):
        return {"error": error, "nats": None, "kl": None}
    with seeded(0):
        z = learner.posterior(images).sample()
    decoded, least = learner.decoder(z), target.clamp(1e-6, 1 - 1e-6).logit()
    grey = target.movedim(-1, 1)
    nats = float((learner.error(decoded, grey) - learner.error(least.movedim(-1, 1), grey)).mean())
    return {"error": error, "nats": nats, "kl": learner.kl(images).mean(0).tolist()}


# Figures


def save_pictures(learner: Learner, source: FactorSource, folder: Path, dci: Score | None = None) -> None:
    """Write a model's traversals, as a picture and as a GIF, and the Hinton diagram of its DCI.

    Args:
        learner: only one of the variational family has traversals.
        source: of the images that traversals begin with.
        folder: the model's; figures go to `figures/` in it, and to TensorBoard.
        dci: the score, whose importances are plotted.
    """
    with SummaryWriter(str(folder)) as writer:
        if isinstance(learner, VariationalAutoencoder):
            save_traversals(learner, sample_images(source, COLUMNS), folder, writer)
        if dci:
            figure = hinton_figure({"": dci.parts["importances"]}, dci.choices["factors"])
            save_figure(figure, folder / "figures/hinton.png", writer)


def save_traversals(model: EncoderDecoder, images: Images, folder: Path, writer: SummaryWriter) -> None:
    """Write traversals that begin with images, a picture and a GIF, to `figures/` in a model's folder."""
    save_figure(traversal_figure(model, images), folder / "figures/traversals.png", writer)
    save_gif(traversal_frames(model, images[:4]), folder / "figures/traversals.gif", writer)
