"""Learning independent causal mechanisms: experts that compete for changed digits.

Parascandolo, Rojas-Carulla, Kilbertus and Schölkopf, 2017. Digits are changed by one of ten mechanisms: eight
shifts, inversion, noise. Ten experts compete to make canonical digits of them (Algorithm 1, see
`CompetingExperts`); each should end as the inverse of one mechanism. Measured are which expert wins which
mechanism (Figs. 6 and 7), how a classifier of digits reads what they repair (Fig. 4), scores over updates
(Fig. 5), and experts on images that they never saw: other mechanisms' (Fig. 2), letters, clothes.

Beside ours (`experts`, what differs from the paper is named in `CompetingExperts`):

- `paper`: the paper's own way; `paper-random`: the same without the identity at first (A.2);
- `no-revival`: ours, in which idle experts stay idle;
- `single-1`, `-2`, `-4`: one network of so many times the filters (A.2; 32, 64 and 128 in the paper);
- `experts-16`, `experts-6`: too many and too few (A.3);
- `router`: a mixture of experts as is usual today, whose router learns with them (`SwitchExperts`);
- `oracle`: networks told the mechanism and the original; bounds: the images as they are, k-means clusters.

`PRESETS["default"]` has 14 × 14 images (means of 2 × 2 pixels, shifts by 2, noise of a quarter of the
variance, as in such means), experts of four layers and 16 filters, a discriminator of strides. Every seed
trains `oracle`, `experts`, `paper` and `paper-random`; the first `baselines` seeds train all.
`PRESETS["paper"]` has the paper's sizes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unknot.checks import above, settings_at_least, within
from unknot.experiments.causal_mechanisms.data import SIDE, batches, digit_batches
from unknot.experiments.causal_mechanisms.figures import plot, save_pictures
from unknot.experiments.causal_mechanisms.measures import (
    curve,
    floors,
    measure,
    measure_classifier,
    stages,
)
from unknot.experiments.causal_mechanisms.tables import (
    CLASSIFIER,
    EVERY_SEED,
    FEW,
    MANY,
    NO_REVIVAL,
    ORACLE,
    OURS,
    PAPER,
    RANDOM,
    ROUTER,
    SINGLES,
    headlines,
    tabulate,
)
from unknot.experiments.common.digits import check_digits, keep_digits
from unknot.experiments.common.runs import load_model, load_stages, models_in, run_models, train_model
from unknot.mnist import find_source
from unknot.models.image.classifier import Classifier
from unknot.models.image.competition import CompetingExperts
from unknot.models.image.routed import RoutedExperts
from unknot.models.image.switch import SwitchExperts
from unknot.representation import Trainable

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "plot", "run", "tabulate"]


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    pixels: int = 14
    """Side of the images: 28, as published, or 14, means of 2 × 2 pixels."""
    width: int = 16
    """Filters of an expert's convolutions."""
    layers: int = 4
    """Convolutions of an expert."""
    norm: str = "none"
    """What follows them in ours: "batch" or "none"; in the paper's own way, "batch"."""
    discriminator: str = "strided"
    """The discriminator: "table" (Table 1) or "strided"."""
    discriminator_width: int = 32
    """Channels of its first convolution."""
    identity_steps: int = 200
    """Updates in which experts learn the identity, before they compete."""
    steps: int = 4000
    """Updates of the competition."""
    batch: int = 128
    """Images of an update, changed ones and canonical ones; the paper's own way has `paper_batch`."""
    learning_rate: float = 2e-3
    """Adam's, of the experts; the paper's own way has `paper_rate`."""
    discriminator_rate: float = 2e-3
    """Adam's, of the discriminator."""
    momentum: float = 0.0
    """Adam's β1 in ours; the paper's own way has 0.9."""
    r1: float = 0.1
    """Weight of the penalty on the discriminator's slope in ours."""
    handicap: float = 2.0
    """Log odds that an expert loses for each factor of e by which it wins more than a fair share, in ours."""
    push: float = 0.3
    """Weight of the push of runners-up in ours."""
    own: float = 10.0
    """Weight of the losses of the discriminator's outputs for single experts in ours."""
    revive_every: int = 100
    """Updates between revivals of idle experts in ours."""
    paper_rate: float = 1e-3
    """Adam's, of both, in the paper's own way."""
    paper_batch: int = 32
    """Images of an update in the paper's own way."""
    paper_steps: int = 2000
    """Updates of the competition in the paper's own way: as many as in the paper."""
    classifier_steps: int = 3000
    """Updates of the classifier of canonical digits."""
    baselines: int = 1
    """Seeds that train all models."""
    samples: int = 5000
    """Test images that are measured."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        above(
            0, **{name: getattr(self, name) for name in ("learning_rate", "discriminator_rate", "paper_rate")}
        )
        settings_at_least(self, width=1, layers=2, discriminator_width=1, identity_steps=1, steps=1, batch=2)
        settings_at_least(self, paper_batch=2, paper_steps=1)
        settings_at_least(self, r1=0, handicap=0, push=0, own=0, revive_every=1)
        settings_at_least(self, classifier_steps=1, baselines=0, samples=100)
        within(0, 0.999, momentum=self.momentum)
        if self.pixels not in (SIDE // 2, SIDE):
            raise ValueError(f"pixels must be {SIDE // 2} or {SIDE}, not {self.pixels}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the images."""
        return self.pixels, self.pixels, 1

    @property
    def updates(self) -> int:
        """All updates of experts that begin with the identity."""
        return self.identity_steps + self.steps


CLASSIFIER_BATCH = 64
"""Digits in an update of the classifier."""

PRESETS = {
    "default": Settings(),
    "smoke": Settings(
        width=2,
        layers=2,
        discriminator_width=2,
        identity_steps=1,
        steps=3,
        batch=8,
        paper_batch=8,
        paper_steps=3,
        classifier_steps=2,
        samples=100,
    ),
    "paper": Settings(
        pixels=28,
        width=32,
        layers=5,
        norm="batch",
        discriminator="table",
        discriminator_width=16,
        steps=2000,
        learning_rate=1e-3,
        samples=10_000,
    ),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed."""
    keep_digits(folder)

    def make(name: str, path: Path) -> dict[str, Any]:
        if name == CLASSIFIER:
            batch_at = digit_batches(settings.pixels, CLASSIFIER_BATCH, seed)
            learner = train_model(
                lambda: Classifier(shape=settings.shape),
                batch_at,
                settings.classifier_steps,
                path,
                seed,
                resume,
            )
            return measure_classifier(learner, settings.pixels, settings.samples)
        trained = _train(name, settings, path, seed, resume)
        return _measure(name, trained, settings, folder)

    models = run_models(_names(settings, seed), folder, make)
    save_pictures(folder, settings.pixels, settings.updates)
    return _collect(models, settings, folder, seed)


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the models of a seed from their weights; not `full`: on a tenth of the images.

    Raises:
        OtherDigitsError: the models learnt from others than this machine has.
    """
    check_digits(folder)
    models = {}
    for name in models_in(folder, _names(settings, seed)):
        if name == CLASSIFIER:
            learner = load_model(folder, name, Classifier)
            models[name] = measure_classifier(learner, settings.pixels, _samples(settings, full))
        else:
            models[name] = _measure(name, load_model(folder, name, Trainable), settings, folder, full=full)
    return _collect(models, settings, folder, seed, full=full)


def _samples(settings: Settings, full: bool) -> int:
    return settings.samples if full else max(settings.samples // 10, 100)


def _names(settings: Settings, seed: int) -> list[str]:
    """Return the models of a seed, the classifier, which measures the others, first."""
    others = [NO_REVIVAL, *SINGLES, MANY, FEW, ROUTER] if seed < settings.baselines else []
    return [CLASSIFIER, ORACLE, *EVERY_SEED, *others]


def _measure(
    name: str, learner: Trainable, settings: Settings, folder: Path, *, full: bool = True
) -> dict[str, Any]:
    classifier, samples = load_model(folder, CLASSIFIER, Classifier), _samples(settings, full)
    metrics = measure(learner, classifier, settings.pixels, samples)
    if name == OURS:
        kept = load_stages(folder / OURS, stages(settings.updates), CompetingExperts)
        metrics["curve"] = [
            curve(updates, each, classifier, settings.pixels, samples) for updates, each in kept
        ]
    return metrics


def _collect(
    models: dict[str, Any], settings: Settings, folder: Path, seed: int, *, full: bool = True
) -> dict[str, Any]:
    classifier = load_model(folder, CLASSIFIER, Classifier)
    bounds = floors(classifier, settings.pixels, _samples(settings, full), seed)
    return {"seed": seed, "source": find_source(), "models": models, "bounds": bounds}


# Models


def _train(name: str, settings: Settings, folder: Path, seed: int, resume: bool) -> Trainable:
    papers = name in (PAPER, RANDOM)
    batch_at = batches(settings.pixels, settings.paper_batch if papers else settings.batch, seed)
    steps = settings.paper_steps if papers else settings.steps
    updates = steps if name == RANDOM else steps + settings.identity_steps
    keep = stages(updates) if name == OURS else ()
    return train_model(lambda: _learner(name, settings), batch_at, updates, folder, seed, resume, keep)


def _learner(name: str, settings: Settings) -> Trainable:
    experts: dict[str, Any] = {"shape": settings.shape, "width": settings.width, "layers": settings.layers}
    if name == ORACLE:
        rate = settings.learning_rate
        return RoutedExperts(**experts, norm=settings.norm, steps=settings.updates, learning_rate=rate)
    names = ("discriminator", "discriminator_width", "identity_steps", "steps")
    game = experts | {each: getattr(settings, each) for each in names}
    if name in (PAPER, RANDOM):
        game |= _papers_way(settings)
        return CompetingExperts(**game, identity="each" if name == PAPER else "none")
    ours = ("norm", "learning_rate", "discriminator_rate", "momentum", "r1", "handicap", "push", "own")
    game |= {each: getattr(settings, each) for each in (*ours, "revive_every")}
    changes: dict[str, dict[str, Any]] = {
        OURS: {},
        NO_REVIVAL: {"revive_every": 0},
        MANY: {"experts": 16},
        FEW: {"experts": 6},
        ROUTER: {},
        **{single: {"experts": 1, "width": times * settings.width} for single, times in SINGLES.items()},
    }
    return (SwitchExperts if name == ROUTER else CompetingExperts)(**(game | changes[name]))


def _papers_way(settings: Settings) -> dict[str, Any]:
    """Return what the paper says beside sizes: D learns from all outputs, none is revived, rates stay."""
    rates = {"learning_rate": settings.paper_rate, "discriminator_rate": settings.paper_rate}
    return {
        "norm": "batch",
        "steps": settings.paper_steps,
        "losers": 9,
        "handicap": 0.0,
        "push": 0.0,
        "own": 0.0,
        "revive_every": 0,
        "decay": False,
        "r1": 0.0,
        "momentum": 0.9,
        **rates,
    }
