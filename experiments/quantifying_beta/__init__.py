"""Quantifying the effects of enforcing disentanglement on variational autoencoders.

Peychev, Veličković and Liò, 2017. Four autoencoders, fully connected and convolutional, plain and denoising,
over β: how disentangled they are on a synthetic set of shapes (Fig. 1), by the first metric of Higgins et al.
(2016), and how well a support vector machine classifies MNIST by their codes (Fig. 2).

The shapes are a square, an ellipse and a triangle in 16 × 16 places, 6 scales and 60 orientations in [0, π].
Of combinations that look the same one is kept, which leaves 265,586 images, where the paper has 267,021.
Autoencoders learn from 70%, stratified by shape. Codes are measured on the 15% that test; the 15% that
validate are unused, since nothing is chosen.

`PRESETS["default"]` takes some twelve minutes of one core a seed. It gives up half the side of the images
(means of 2 × 2 pixels, each of which counts as four, so that β weighs as it does on the whole image), most
values of β, large networks and long training. The paper gives neither sizes of networks nor lengths of
training; `PRESETS["paper"]` has those of Higgins et al. (2016), and all values of β. It still lacks about
1,400 of the paper's images, and perhaps the paper's use of labels. Our autoencoders of digits learn from all
training images, and the classifier sees the labels of a share; the paper can be read so that both see that
share alone.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from unknot.checks import settings_at_least
from unknot.experiments.common.digits import check_digits, keep_digits
from unknot.experiments.common.runs import load_model, models_in, run_models, train_model
from unknot.experiments.common.study import SIZES, SMOKE, Study, Training, floors, save_traversals
from unknot.experiments.quantifying_beta.classification import classify_codes, digit_bounds
from unknot.experiments.quantifying_beta.data import DIGIT_SIDE, digits, shapes, split
from unknot.experiments.quantifying_beta.figures import plot
from unknot.experiments.quantifying_beta.tables import METRICS, TEST, TYPES, headlines, tabulate
from unknot.mnist import find_source
from unknot.models.data.selection import Selection
from unknot.models.image.vae import VAE
from unknot.models.traversals import COLUMNS
from unknot.representation import minibatches

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "plot", "run", "tabulate"]

NOISE = 0.2
"""The greatest share of pixels that denoising autoencoders see flipped."""


@dataclass(frozen=True)
class Settings(Training):
    """Settings of the experiment."""

    spread = True  # else convolutional codes stay collapsed for a thousand updates
    steps: int = 3000
    """Updates of each model of shapes."""
    batch: int = 32
    """Images of an update, newly sampled."""
    samples: int = 4000
    """Images that metrics of a sample are measured on."""
    betas: tuple[float, ...] = (0.0, 1.0, 4.0)
    """Values of β on shapes."""
    digit_betas: tuple[float, ...] = (0.0, 0.1, 0.5, 1.0, 4.0)
    """Values of β on digits."""
    digit_steps: int = 2000
    """Updates of the models of digits."""
    digit_pixels: int = 16
    """Side of the digits: 32, with margins of two pixels, or 16, means of 2 × 2 of those."""
    labels: tuple[float, ...] = (0.01, 0.1)
    """Shares of the training digits whose labels the classifier sees."""
    dense_hidden: int = 200
    """Units of a layer of the fully connected networks."""
    positions: int = 16
    """Values of x, and of y, of the shapes."""
    orientations: int = 60
    """Orientations of the shapes."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        settings_at_least(self, digit_steps=1, dense_hidden=1, positions=2, orientations=2)
        settings_at_least(self, betas=0, digit_betas=0, labels=0)
        if self.digit_pixels not in (DIGIT_SIDE // 2, DIGIT_SIDE):
            raise ValueError(f"digit_pixels must be 16 or 32, not {self.digit_pixels}")
        for share in self.labels:
            if not 0 < share <= 1:
                raise ValueError(f"labels must be above 0 and at most 1, not {share}")


PRESETS = {
    "default": Settings(),
    "smoke": Settings(
        **SMOKE,
        digit_steps=2,
        dense_hidden=4,
        betas=(1.0,),
        digit_betas=(1.0,),
        labels=(0.01,),
        positions=3,
        orientations=5,
    ),
    "paper": Settings(
        **SIZES,
        steps=100_000,
        digit_steps=100_000,
        digit_pixels=32,
        batch=64,
        samples=10_000,
        dense_hidden=1200,
        learning_rate=5e-4,
        betas=tuple(round(0.2 * i, 1) for i in range(26)),
        digit_betas=tuple(round(0.1 * i, 1) for i in range(41)),
        labels=(0.1, 0.3, 0.5, 1.0),
    ),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed."""
    keep_digits(folder / "digits")
    side = settings.digit_pixels
    batches = minibatches({"observation": digits("train", side)[0]}, settings.batch, seed)

    def make(name: str, path: Path) -> dict[str, Any]:
        learner = train_model(
            lambda: _digit_learner(name, settings), batches, settings.digit_steps, path, seed, resume
        )
        with SummaryWriter(str(path)) as writer:
            save_traversals(learner, digits("test", side)[0][:COLUMNS], path, writer)
        return classify_codes(learner, side, settings.labels)

    return {
        "seed": seed,
        "source": find_source(),
        **_apart(_study(settings).run(folder / "shapes", seed, resume)),
        "digits": run_models(_names(settings.digit_betas), folder / "digits", make),
        "digits_bounds": digit_bounds(side, settings.labels, settings.latent_dim, seed),
    }


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the models of a seed from their weights; not `full`: a tenth of the shapes and no digits.

    Raises:
        FileError: digits are to be measured, and the models learnt from others than this machine has.
    """
    if full:
        check_digits(folder / "digits")
    side = settings.digit_pixels
    names = models_in(folder / "digits", _names(settings.digit_betas)) if full else []
    learners = {name: load_model(folder / "digits", name, VAE) for name in names}
    return {
        "seed": seed,
        "source": find_source(),
        **_apart(_study(settings).evaluate(folder / "shapes", full)),
        "digits": {name: classify_codes(each, side, settings.labels) for name, each in learners.items()},
        "digits_bounds": digit_bounds(side, settings.labels, settings.latent_dim, seed) if full else {},
    }


def _apart(models: dict[str, Any]) -> dict[str, Any]:
    """Separate the metrics of the autoencoders of shapes from those of the baselines and the oracle."""
    parts: dict[str, Any] = {"shapes": {}, "shapes_bounds": {}}
    for name, metrics in models.items():
        parts["shapes" if name.startswith(tuple(TYPES)) else "shapes_bounds"][name] = metrics
    return parts


def _names(betas: tuple[float, ...]) -> list[str]:
    return [f"{kind}-{beta:g}" for kind in TYPES for beta in betas]


def _learner(name: str, network: dict[str, Any], dense_hidden: int) -> VAE:
    kind, _, beta = name.rpartition("-")
    chosen = {**network, "network": kind.partition("-")[0]}
    if kind.startswith("dense"):
        chosen["hidden"] = dense_hidden
    noise = NOISE if kind.endswith("denoising") else 0.0
    return VAE(beta=float(beta), noise=noise, **chosen)


def _digit_learner(name: str, settings: Settings) -> VAE:
    side = settings.digit_pixels
    counted = (DIGIT_SIDE / side) ** 2.0
    network = settings.network() | {"shape": (side, side, 1), "likelihood_weight": counted}
    return _learner(name, network, settings.dense_hidden)


def _study(settings: Settings) -> Study:
    grid = settings.orientations, settings.positions
    source, (learnt, _, tested) = shapes(*grid, settings.pixels), split(*grid)
    names, network = _names(settings.betas), settings.network()
    return Study(
        settings,
        Selection(source, learnt),
        {TEST: Selection(source, tested)},
        METRICS,
        {name: partial(_learner, name, network, settings.dense_hidden) for name in names} | floors(settings),
    )
