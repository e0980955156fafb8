"""What experiments with the variational family share: to train models, measure them, show what they found.

A model of a seed lies in a folder of its name, with its weights, its metrics and its pictures.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from gymnasium import spaces
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from unknot.experiments.common import check_least, complete, load_complete, present
from unknot.models.data.stream import stream
from unknot.models.image.pca import PCA
from unknot.models.image.vae import VAE, Draws, VariationalAutoencoder
from unknot.report import mean_deviation, save_figure, save_gif
from unknot.representation import WEIGHTS, Learner, save_learner, train
from unknot.representation.metrics import FactorSource, Score, evaluate_codes, hinton
from unknot.representation.metrics.source import Components, Encode

__all__ = [
    "Study",
    "Training",
    "by_draws",
    "ceiling",
    "cell",
    "counts",
    "draw_images",
    "floors",
    "numbers",
    "there_and_back",
    "title",
    "told",
    "tradeoff",
    "verdict",
]

Images = NDArray[np.uint8]

SIDE = 64
"""Side of the images, as published."""
FITTED = 2000
"""Images that principal components are found in."""
DRAWN = 1000
"""Images whose reconstructions are measured."""
ERRORS = {"nats": "-log p(x | z) in nats", "error": "squared error of a pixel"}
"""What `measure` calls the reconstruction error, by its name there."""
CEILING = "true factors"
"""What metrics give the factors themselves, by the name that a table has for it."""
SPAN = 3.0
"""How far traversals go from 0, to either side: where nearly all of the prior is."""
COLUMNS = 10


@dataclass(frozen=True)
class Training:
    """How models are trained and measured; settings of an experiment begin with these."""

    spread: ClassVar[bool] = False
    """Whether autoencoders of the experiment begin with spread codes (see `VariationalAutoencoder`)."""

    steps: int = 60_000
    """Updates of each model."""
    batch: int = 64
    """Images of an update, drawn anew."""
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
    """Votes or examples that metrics which hold factors learn from, and as many that test them."""

    def __post_init__(self) -> None:
        """Refuse other images, and counts that leave nothing to train on or to measure."""
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, not {self.learning_rate}")
        check_least(self, steps=1, batch=2, latent_dim=1, width=1, hidden=1, samples=100, votes=10)
        if self.pixels not in (SIDE // 2, SIDE):
            raise ValueError(f"pixels must be {SIDE // 2} or {SIDE}, not {self.pixels}")

    def network(self, channels: int = 1) -> dict[str, Any]:
        """Return what the models of images of so many channels are built with.

        A pixel counts as often as pixels were averaged to it, so that β, γ and C weigh as on whole images.
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
    """Whose images are learnt from."""
    measured: Mapping[str, FactorSource]
    """What codes are measured on, by name; images of the first are redrawn, and its importances drawn."""
    metrics: tuple[str, ...]
    """Names of `evaluate_codes`."""
    models: Mapping[str, Callable[[], Learner]]
    """What makes each model, by its name; "untrained" takes no update, principal components one."""
    views: Mapping[str, Callable[[Learner, Images], Encode]] = field(default_factory=dict)
    """Codes that are measured beside those that `encode` returns, made from a learner and some images, by
    what is put behind the names of `measured`."""

    @property
    def first(self) -> FactorSource:
        """The first of what is measured."""
        return next(iter(self.measured.values()))

    def run(self, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
        """Train, measure and draw each model, in a folder of its name below `folder`.

        Returns:
            What `measure` says of each; a model that has its `metrics.json` is complete.
        """

        def make(name: str, path: Path) -> dict[str, Any]:
            learner = self._train(name, path, seed, resume)
            metrics, scores = measure(learner, self)
            save_pictures(learner, self.first, path, next(iter(scores.values())).get("dci"))
            return metrics

        return complete(self.models, folder, make)

    def evaluate(self, folder: Path, full: bool) -> dict[str, Any]:
        """Measure the models of a seed folder again, those that it has: not all of them ship.

        Args:
            folder: the seed's.
            full: on as much as the run did, else on a tenth.

        Raises:
            FileNotFoundError: a model whose training has not ended.
            WeightsError: weights that can't be used.
        """
        return {
            name: measure(load_complete(folder, name), self, full=full)[0]
            for name in present(folder, self.models)
        }

    def _train(self, name: str, folder: Path, seed: int, resume: bool) -> Learner:
        torch.manual_seed(seed)
        learner = self.models[name]()
        if name == "untrained":
            save_learner(learner.eval(), folder / WEIGHTS)
            return learner
        once = isinstance(learner, PCA)
        train(
            learner,
            stream(self.source, FITTED if once else self.settings.batch, seed),
            1 if once else self.settings.steps,
            folder=folder,
            resume=resume,
            checkpoint_every=5000,
            description=f"seed {seed}: {name}",
        )
        return learner


# Floors and ceilings


def floors(settings: Training, channels: int = 1) -> dict[str, Callable[[], Learner]]:
    """Return what makes the models that a study's others have to beat: no training, and linear codes."""
    network = settings.network(channels)
    return {
        "untrained": partial(VAE, **network),
        "pca": partial(PCA, shape=network["shape"], latent_dim=settings.latent_dim),
    }


@dataclass(frozen=True)
class Told:
    """A source whose "images" are its factors, so that codes which are equal to them can be measured."""

    source: FactorSource

    @property
    def factor_space(self) -> spaces.Dict:
        """The source's."""
        return self.source.factor_space

    def sample_factors(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Draw the source's factors."""
        return self.source.sample_factors(n, rng)

    def render_factors(self, factors: Mapping[str, Any]) -> NDArray[Any]:
        """Return the factors as a table, (n, factors)."""
        return Components(self.factor_space).table(factors)


def ceiling(study: Study) -> dict[str, Any]:
    """Return, as a model of the name `CEILING`, what the true factors score as codes; they redraw nothing.

    It has the metrics' `choices` too, which are those of all models.
    """
    own = {name: score(np.asarray, Told(source), study) for name, source in study.measured.items()}
    scores = as_json({name + view: own[name] for view in ("", *study.views) for name in own})
    choices = {metric: dict(score.choices) for metric, score in next(iter(own.values())).items()}
    return {CEILING: {"error": None, "nats": None, "kl": None, "scores": scores, "choices": choices}}


# Measuring


def draw_images(source: FactorSource, count: int, seed: int = 0) -> Images:
    """Draw images, uint8 (count, h, w, c)."""
    images: Images = source.render_factors(source.sample_factors(count, np.random.default_rng([seed, 1])))
    return images


def measure(
    learner: Learner, study: Study, *, full: bool = True
) -> tuple[dict[str, Any], dict[str, dict[str, Score]]]:
    """Measure what a model redraws and how disentangled its codes are.

    Args:
        learner: PCA or one of the variational family.
        study: which sources and metrics, how many samples and votes.
        full: else a tenth of them.

    Returns:
        As JSON `error`, the squared error of a pixel of images drawn from the codes; `nats`, -log p(x | z)
        less the least it can be (the entropy of grey pixels), and `kl`, of each dimension (both None for
        PCA); `scores` by source and metric, each its `value` and `interval`. And the scores as they are.
    """
    share = 1 if full else 10
    images = draw_images(study.first, DRAWN)
    encodes = {"": learner.encode} | {name: view(learner, images) for name, view in study.views.items()}
    scores = {
        name + view: score(encode, source, study, share)
        for view, encode in encodes.items()
        for name, source in study.measured.items()
    }
    result = redrawing(learner, images)
    return {**result, "scores": as_json(scores)}, scores


def told(learner: Learner, images: Images, dead: float) -> Encode:
    """Return what encodes with 0 in the dimensions by which a decoder is told nothing.

    In a dimension that has collapsed to the prior, codes drawn from q(z | x) are noise. Their means have a
    deviation that is small and not 0; metrics that divide by it, as FactorVAE's and MIG's bins do, take it
    for one of knowledge.

    Args:
        learner: PCA or one of the variational family.
        images: on which the KL of dimensions is measured.
        dead: mean KL in nats up to which a dimension counts as collapsed; a model of which all have (one
            without training) is taken as it is.
    """
    if isinstance(learner, VariationalAutoencoder):
        with torch.no_grad():
            alive = learner.kl(images).mean(0) > dead
        if alive.any():
            return lambda images: learner.encode(images) * alive
    return learner.encode


def by_draws(learner: Learner, images: Images) -> Encode:
    """Return what encodes by draws from q(z | x), or by what `encode` returns where there is no q."""
    return Draws(learner) if isinstance(learner, VariationalAutoencoder) else learner.encode


def score(encode: Encode, source: FactorSource, study: Study, share: int = 1) -> dict[str, Score]:
    """Return the study's metrics of codes, on one `share`-th of the samples and votes."""
    chosen = counts(study.metrics, max(study.settings.votes // share, 10))
    samples = max(study.settings.samples // share, 100)
    return evaluate_codes(encode, source, study.metrics, samples=samples, settings=chosen)


def as_json(scores: Mapping[str, Mapping[str, Score]]) -> dict[str, dict[str, Any]]:
    """Return value and interval of scores by source and metric."""
    return {
        name: {metric: {"value": s.value, "interval": list(s.interval)} for metric, s in row.items()}
        for name, row in scores.items()
    }


def counts(metrics: Iterable[str], votes: int) -> dict[str, dict[str, int]]:
    """Return the settings of `evaluate_codes` by which metrics that hold factors take so many votes."""
    settings = {
        "factor_vae": {"train_votes": votes, "test_votes": votes},
        "higgins": {"train_examples": votes, "test_examples": votes},
        "higgins_2": {"train_examples": 10 * votes, "test_examples": 10 * votes},
    }
    return {name: settings[name] for name in metrics if name in settings}


@torch.no_grad()
def redrawing(learner: Learner, images: Images) -> dict[str, Any]:
    """Return `error`, `nats` and `kl` as in `measure`."""
    assert isinstance(learner, PCA | VariationalAutoencoder)
    codes = learner.encode(images)
    target = torch.from_numpy(images).float() / 255
    error = float((learner.decode(codes) - target).square().mean())
    if isinstance(learner, PCA):
        return {"error": error, "nats": None, "kl": None}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        z = learner.posterior(images).sample()
    drawn, least = learner.decoder(z), target.clamp(1e-6, 1 - 1e-6).logit()
    grey = target.movedim(-1, 1)
    nats = float((learner.error(drawn, grey) - learner.error(least.movedim(-1, 1), grey)).mean())
    return {"error": error, "nats": nats, "kl": learner.kl(images).mean(0).tolist()}


# Pictures


def save_pictures(learner: Learner, source: FactorSource, folder: Path, dci: Score | None = None) -> None:
    """Write a model's traversals, as a picture and as a GIF, and the Hinton diagram of its DCI.

    Args:
        learner: pictures of traversals are of the variational family alone.
        source: of the images that traversals begin with.
        folder: the model's; pictures go to `figures/` in it, and to TensorBoard.
        dci: the score, whose importances are drawn.
    """
    with SummaryWriter(str(folder)) as writer:
        if isinstance(learner, VariationalAutoencoder):
            save_traversals(learner, draw_images(source, COLUMNS), folder, writer)
        if dci:
            figure = Figure(figsize=(4, 5))
            panel = figure.subplots()
            hinton(panel, dci.parts["importances"], dci.choices["factors"])
            panel.tick_params("x", rotation=45)
            save_figure(figure, folder / "figures/hinton.png", writer)


def save_traversals(
    learner: VariationalAutoencoder, images: Images, folder: Path, writer: SummaryWriter
) -> None:
    """Write traversals that begin with images, a picture and a GIF, to `figures/` in a model's folder."""
    save_figure(traversal_figure(learner, images), folder / "figures/traversals.png", writer)
    save_gif(traversal_frames(learner, images[:4]), folder / "figures/traversals.gif", writer)


class Decoder(Protocol):
    """What draws codes."""

    def decode(self, codes: Tensor, /) -> Tensor:
        """Draw codes (n, d): images (n, h, w, c)."""


@torch.no_grad()
def traverse(
    learner: Decoder, codes: Tensor, values: NDArray[np.float64], dims: Sequence[int] | None = None
) -> Images:
    """Draw codes with one dimension after the other at each of k values.

    Args:
        learner: whose codes they are.
        codes: (n, d).
        values: (k,), or (dims, k) of each dimension its own.
        dims: the dimensions; None for all.

    Returns:
        uint8 (dims, k, n, h, w, c).
    """
    dims = range(codes.shape[1]) if dims is None else dims
    table = torch.from_numpy(np.broadcast_to(values, (len(dims), values.shape[-1])).copy())
    z = codes.expand(*table.shape, *codes.shape).clone()
    for row, dim, each in zip(z, dims, table, strict=True):
        row[..., dim] = each[:, None]
    drawn = as_images(learner.decode(z.flatten(0, 2)))
    return drawn.reshape(*z.shape[:3], *drawn.shape[1:])


def traversal_figure(learner: VariationalAutoencoder, images: Images) -> Figure:
    """Draw images, their reconstructions, and traversals that begin with the first, by their mean KL.

    Args:
        learner: whose codes they are.
        images: uint8 (k, h, w, c).
    """
    with torch.no_grad():
        codes, kl = learner.encode(images), learner.kl(images).mean(0)
        drawn = as_images(learner.decode(codes))
    order = kl.argsort(descending=True).tolist()
    rows = traverse(learner, codes[:1], np.linspace(-SPAN, SPAN, len(images)), order)[:, :, 0]
    titles = [f"z{dim}: {kl[dim]:.2f} nats" for dim in order]
    return strips({"images": images, "redrawn": drawn, **dict(zip(titles, rows, strict=True))})


def as_images(drawn: Tensor) -> Images:
    """Return what a decoder drew, about within [0, 1], as uint8 images."""
    images: Images = (255 * drawn.clamp(0, 1)).round().byte().numpy(force=True)
    return images


def strips(rows: Mapping[str, Images]) -> Figure:
    """Draw rows of images, uint8 (n, h, w, c) each, by what they are called."""
    columns = max(len(images) for images in rows.values())
    figure = Figure(figsize=(0.6 * columns + 1, 0.65 * len(rows)), layout="constrained")
    for panel, (name, images) in zip(figure.subplots(len(rows), 1), rows.items(), strict=True):
        panel.imshow(_side_by_side(images), cmap="gray", vmin=0, vmax=255)
        panel.set_xticks([])
        panel.set_yticks([])
        panel.set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


def traversal_frames(learner: VariationalAutoencoder, images: Images) -> Images:
    """Draw traversals of all dimensions at once, there and back.

    Args:
        learner: whose codes they are.
        images: uint8 (n, h, w, c), what they begin with, a row each.

    Returns:
        Frames (k, height, width, c); columns are dimensions, by their mean KL.
    """
    with torch.no_grad():
        codes, kl = learner.encode(images), learner.kl(images).mean(0)
    order: list[int] = kl.argsort(descending=True).tolist()
    return there_and_back(learner, codes, np.linspace(-SPAN, SPAN, 2 * COLUMNS), order)


def there_and_back(
    learner: Decoder, codes: Tensor, values: NDArray[np.float64], dims: Sequence[int] | None = None
) -> Images:
    """Draw what `traverse` does, the values and back, as frames like those of `traversal_frames`."""
    drawn = traverse(learner, codes, np.concatenate([values, values[..., -2:0:-1]], -1), dims)
    frames = drawn.transpose(1, 2, 3, 0, 4, 5)  # k, n, h, d, w, c
    count, rows, height, columns, width, channels = frames.shape
    return frames.reshape(count, rows * height, columns * width, channels)


def _side_by_side(images: Images) -> Images:
    """Lay images (n, h, w, c) out in a row, a line of grey between: (h, n (w + 1), c)."""
    padded = np.pad(images, ((0, 0), (0, 0), (0, 1), (0, 0)), constant_values=128)
    height, channels = padded.shape[1], padded.shape[3]
    return padded.transpose(1, 0, 2, 3).reshape(height, -1, channels)


def tradeoff(
    seeds: Sequence[Mapping[str, Any]],
    titles: Mapping[str, str],
    sources: Sequence[str],
    metrics: Sequence[str],
    error: str,
) -> Figure:
    """Draw every metric over the reconstruction error, a curve a method, a row a source: mean ± deviation.

    Args:
        seeds: the metrics of each, with `models` as `Study.run` returns them; a model of a method is called
            KIND-VALUE.
        titles: of the methods, by kind.
        sources: names of what is measured.
        metrics: names.
        error: "nats" or "error", as in `measure`.
    """
    figure = Figure(figsize=(3.2 * len(metrics), 2.8 * len(sources)), layout="constrained")
    panels = figure.subplots(len(sources), len(metrics), sharex=True, squeeze=False)
    errors = {name: numbers(seeds, "models", name, error) for name in seeds[0]["models"]}
    for source, row in zip(sources, panels, strict=True):
        for metric, panel in zip(metrics, row, strict=True):
            panel.set(ylabel=f"{metric}, {source}", xlabel=ERRORS[error], ylim=(-0.05, 1.05))
            for kind, title in titles.items():
                names = [name for name in errors if name.startswith(f"{kind}-")]
                x = [np.mean(errors[name]) for name in names]
                each = [numbers(seeds, "models", name, "scores", source, metric, "value") for name in names]
                y, spread = (
                    [np.mean(values) for values in each],
                    [np.std(values, ddof=min(len(seeds) - 1, 1)) for values in each],
                )
                if names:
                    panel.errorbar(x, y, spread, marker="o", capsize=2, label=title)
                for place, name in zip(zip(x, y, strict=True), names, strict=True):
                    text = name.partition("-")[2]
                    panel.annotate(text, place, textcoords="offset points", xytext=(4, 4), fontsize=8)
    panels[0, 0].legend(fontsize=8)
    greatest = max(np.mean(errors[name]) for name in errors if name.partition("-")[0] in titles)
    panels[0, 0].set_xlim(0, 1.1 * greatest)
    return figure


# Tables


def title(name: str, methods: Mapping[str, str]) -> str:
    """Return what a table calls a model: "β-VAE, β = 4" for beta-4, if `methods` has "β-VAE, β" for beta."""
    kind, _, value = name.partition("-")
    if kind in methods:
        return f"{methods[kind]} = {value}"
    return {"pca": "principal components"}.get(name, name)


def numbers(seeds: Sequence[Mapping[str, Any]], *keys: str) -> list[Any]:
    """Return what lies below these keys in the metrics of each seed."""
    values: list[Any] = list(seeds)
    for key in keys:
        values = [value[key] for value in values]
    return values


def cell(seeds: Sequence[Mapping[str, Any]], *keys: str, digits: int = 2) -> str:
    """Return "mean ± deviation" of what lies below these keys in the metrics of each seed, "–" for None."""
    values = numbers(seeds, *keys)
    return "–" if values[0] is None else mean_deviation(values, digits)


def verdict(met: bool) -> str:
    """Return what a table says of a bar."""
    return "met" if met else "missed"
