"""JADE: joint autoencoders for dis-entanglement.

Karimi, Banijamali, Wong and Ghodsi, 2017: digits of street numbers are classified with 1,000 labels and no
other such image, by the help of MNIST, which has the same digits in another style (Table 1). The code of
content that the classifier reads varies less within a class than that of style (Fig. 2).

A seed is a draw of the labels and of all random weights, so the comparison of two rows is a paired test over
seeds: `unknot run jade --seeds 10`. All rows have the same images, the same batches and as many updates, over
which the learning rate falls to 0. The first seeds alone train the ceiling and the variants.

The default renders street digits from fonts (`unknot.models.data.street_digits`); `--svhn FOLDER` reads
SVHN's own files. It has half the paper's channels. `PRESETS["paper"]` has all of them, and trains longer; the
paper gives no lengths. M1+M2 (Kingma et al., 2014) is left out: it learns from SVHN's other images, too.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from unknot.checks import above, settings_at_least
from unknot.experiments.common.digits import check_digits, keep_digits
from unknot.experiments.common.runs import load_model, models_in, run_models, train_model
from unknot.experiments.jade import figures, tables
from unknot.experiments.jade.data import (
    CLASSES,
    Batches,
    Data,
    coloured_batches,
    labelled_batches,
    load_data,
    load_plenty,
    paired_batches,
)
from unknot.experiments.jade.measures import baselines, exchange_rates, measure, measure_codes
from unknot.experiments.jade.tables import CEILING, DECODER, ROWS, VARIANTS
from unknot.files import METRICS, WEIGHTS
from unknot.models.image.bottleneck_classifiers import (
    BottleneckClassifier,
    PairedClassifier,
    SingleClassifier,
)
from unknot.models.image.jade import JADE
from unknot.models.image.jade_decoder import JADEDecoder
from unknot.report import Headline, Table, save_figure, save_gif
from unknot.representation import load_learner

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "plot", "run", "tabulate"]

PRETRAINING = "pretraining"
"""Folder of the classifier that learns coloured MNIST."""
FEWER = 10
"""An evaluation that is not full has this many times fewer test images."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    labels: int = 1000
    """Images with labels, as many of each digit."""
    steps: int = 3000
    """Updates of a classifier."""
    pretraining: int = 1500
    """Updates on coloured MNIST before the fine-tuning."""
    teaching: int = 2000
    """Updates in which JADE's decoder and its styles learn on, from exchanged styles."""
    batch: int = 50
    """Images of each set in a batch."""
    width: int = 32
    """Channels of the first convolution; the paper's are 64."""
    hidden: int = 500
    """Units of the layers that are shared."""
    learning_rate: float = 1e-3
    """Adam's at the start; it falls to 0."""
    label_weight: float = 100.0
    """JADE's weight of log p(l | z)."""
    match_weight: float = 5.0
    """JADE's weight of the KL between the two sets' codes of content."""
    variance: float = 10.0
    """JADE's, of the Gaussian pixels."""
    warm_up: int = 500
    """Updates in which JADE's KL terms rise to their weights."""
    alignment: float = 0.25
    """Weight of the contrastive alignment."""
    plenty: int = 20_000
    """Images with labels that the ceiling learns from."""
    test: int = 10_000
    """Images to test on, at most."""
    other_test: int = 10_000
    """Images of MNIST to test on, at most."""
    extended: int = 3
    """Seeds that train the ceiling and the variants, too."""
    svhn: str | None = None
    """A folder with SVHN's `train_32x32.mat` and `test_32x32.mat`; None: rendered street digits."""
    installed_fonts: bool = False
    """Render with the fonts installed on this machine, too, beside those of matplotlib."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        above(0, learning_rate=self.learning_rate, variance=self.variance)
        settings_at_least(
            self,
            labels=2 * CLASSES,
            steps=1,
            pretraining=1,
            teaching=1,
            batch=2,
            width=4,
            hidden=1,
            label_weight=0,
            match_weight=0,
            warm_up=0,
            alignment=0,
            plenty=self.batch,
            test=2 * CLASSES,
            other_test=CLASSES,
            extended=0,
        )
        if self.labels % CLASSES:
            raise ValueError(f"labels must be a multiple of {CLASSES}, not {self.labels}")


PRESETS = {
    "default": Settings(),
    "smoke": Settings(
        labels=60,
        steps=2,
        pretraining=1,
        teaching=1,
        batch=10,
        width=4,
        hidden=8,
        plenty=100,
        test=100,
        other_test=100,
    ),
    "paper": Settings(steps=10_000, width=64, plenty=70_000, test=26_032),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the classifiers of one draw of labels."""
    keep_digits(folder)
    data = _data(settings, seed)

    def make(name: str, path: Path) -> dict[str, Any]:
        model = _train(settings, name, data, path, seed, resume)
        metrics = _measure(model, data, _reader(folder))
        if isinstance(model, JADE):
            _save_pictures(model, metrics, data, path)
        return metrics

    return _collect(run_models(_names(settings, seed), folder, make), data)


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the classifiers of a seed from their weights, unless `full` on a tenth of the test images."""
    check_digits(folder)
    data, reader = _data(settings, seed, 1 if full else FEWER), _reader(folder)
    models = {
        name: _measure(load_model(folder, name, BottleneckClassifier), data, reader)
        for name in models_in(folder, _names(settings, seed))
    }
    return _collect(models, data)


def _data(settings: Settings, seed: int, share: int = 1) -> Data:
    return load_data(
        settings.svhn,
        settings.installed_fonts,
        settings.labels,
        max(settings.test // share, 2 * CLASSES),
        max(settings.other_test // share, 2 * CLASSES),
        seed,
    )


def _collect(models: dict[str, Any], data: Data) -> dict[str, Any]:
    sources = {"source": data.source, "other_source": data.other_source}
    return {"models": models | baselines(data), **sources}


def _names(settings: Settings, seed: int) -> list[str]:
    """Return the models of a seed, the ceiling first, which reads what JADE decodes."""
    return [CEILING, *ROWS, *VARIANTS] if seed < settings.extended else list(ROWS)


def _measure(model: BottleneckClassifier, data: Data, reader: BottleneckClassifier | None) -> dict[str, Any]:
    metrics = measure(model, data)
    if isinstance(model, JADE):
        metrics |= measure_codes(model, data.test)
        if reader:
            metrics["exchanges"] = exchange_rates(model, reader.logits, data)
    return metrics


def _reader(folder: Path) -> BottleneckClassifier | None:
    """Return the ceiling of a seed, if it has one."""
    found = (folder / CEILING / METRICS).exists()
    return load_model(folder, CEILING, BottleneckClassifier) if found else None


# Training


def _train(
    settings: Settings, name: str, data: Data, path: Path, seed: int, resume: bool
) -> BottleneckClassifier:
    """Return the trained model of a name."""
    if name == "fine-tuned":
        coloured = coloured_batches(data.other, settings.batch, seed)
        first = replace(settings, steps=settings.pretraining)
        train_model(lambda: _model(first, name), coloured, first.steps, path / PRETRAINING, seed, resume)

    def make() -> BottleneckClassifier:
        if name == DECODER:
            return _with_weights(_decoder(settings), path.parent / "jade")
        model = _model(settings, name)
        return _with_weights(model, path / PRETRAINING) if name == "fine-tuned" else model

    steps = settings.teaching if name == DECODER else settings.steps
    return train_model(make, _batches(settings, name, data, seed), steps, path, seed, resume)


def _with_weights(model: BottleneckClassifier, folder: Path) -> BottleneckClassifier:
    """Give a new model the weights of a folder; its own updates count from 0."""
    trained = load_learner(folder / WEIGHTS, kind=BottleneckClassifier).state_dict()
    model.load_state_dict(trained | {"updates": model.updates})
    return model


def _model(settings: Settings, name: str) -> BottleneckClassifier:
    shared: dict[str, Any] = {
        field: getattr(settings, field) for field in ("width", "hidden", "learning_rate", "steps")
    }
    shared["batch_norm"] = name in tables.NORMALISED
    if name == "jade-literal":
        return JADE(**shared)
    if name == "jade-label":
        return JADE(label_weight=settings.label_weight, warm_up=settings.warm_up, **shared)
    if name.startswith("jade"):
        return JADE(**shared | _jades(settings))
    if name in ("paired", "ccsa"):
        return PairedClassifier(alignment=settings.alignment if name == "ccsa" else 0.0, **shared)
    return SingleClassifier(**shared)


def _decoder(settings: Settings) -> JADEDecoder:
    """Return a JADE whose decoder is to learn on."""
    return JADEDecoder(**_jades(settings) | {"steps": settings.teaching})


def _jades(settings: Settings) -> dict[str, Any]:
    sizes = ("width", "hidden", "learning_rate", "steps")
    weights = ("label_weight", "match_weight", "variance", "warm_up")
    return {field: getattr(settings, field) for field in sizes + weights} | {"anchored": True}


def _batches(settings: Settings, name: str, data: Data, seed: int) -> Batches:
    if name == CEILING:
        images = load_plenty(settings.svhn, settings.installed_fonts, settings.plenty)
        return labelled_batches(images, settings.batch, seed)
    if name in tables.SINGLE:
        return labelled_batches(data.training, settings.batch, seed)
    return paired_batches(data.training, data.other, settings.batch, seed)


# Pictures and tables


def _save_pictures(model: JADE, metrics: dict[str, Any], data: Data, path: Path) -> None:
    """Write Fig. 2, exchanges and traversals of a model, to `figures/` in its folder and to TensorBoard."""
    with SummaryWriter(str(path)) as writer:
        for name, figure in figures.of_model(model, metrics, data).items():
            save_figure(figure, path / f"figures/{name}.png", writer)
        save_gif(figures.traversal_frames(model, data), path / "figures/traversals.gif", writer)


def plot(seeds: list[dict[str, Any]]) -> dict[str, Figure]:
    """Plot the error of each row and each draw of labels."""
    return {"errors": figures.errors(seeds)}


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Make Table 1, the paired tests, and the number behind Fig. 2."""
    return tables.tabulate(seeds)


def headlines(seeds: list[dict[str, Any]]) -> tuple[Headline, ...]:
    """Return the errors and their order, the variances, the exchanges, today's best."""
    return tables.headlines(seeds)
