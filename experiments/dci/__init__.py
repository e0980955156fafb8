"""A framework for the quantitative evaluation of disentangled representations, on teapots.

Eastwood and Williams, 2018. Principal components, VAE, β-VAE and InfoGAN learn from teapots, except red ones
from above. Disentanglement, completeness and informativeness of their codes are measured on teapots like
those and on the ones left out (Tables 1 and 2, Fig. 2). Trivial baselines are a code of noise and an
untrained network, the oracle is the factors themselves. The paper shows the best of ten runs of InfoGAN; ours
are means over seeds, and beside them the best.

`PRESETS["default"]` takes about five minutes of processor time a seed. It gives up three quarters of the
images' side (means of 4 × 4 pixels), most of the 200,000 images, InfoGAN's residual network and its noise,
and three of five updates of its critic. `PRESETS["paper"]` has the paper's sizes, made for a GPU. There too
InfoGAN's codes are uniform and its recogniser's standard deviation is 1 (see `InfoGAN`).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import MAY_BE_EMPTY, above, one_of, settings_at_least
from unknot.experiments.common.runs import UNTRAINED, load_model, models_in, run_models, train_model
from unknot.experiments.dci.data import batches, teapots
from unknot.experiments.dci.figures import save_pictures
from unknot.experiments.dci.tables import REGRESSORS, headlines, tabulate
from unknot.models.data.teapots import SIDES
from unknot.models.image.infogan import InfoGAN
from unknot.models.image.infogan_networks import NETWORKS
from unknot.models.image.pca import PCA
from unknot.models.image.vae import VAE
from unknot.representation import Learner, encode_all
from unknot.representation.metrics.dci import dci

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "run", "tabulate"]

Images = NDArray[np.uint8]
Floats = NDArray[np.float64]

ENCODED = 500
"""Images encoded at a time."""


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
    """Teapots like those; regressors learn from 8 in 10 and are tested on 1 in 10."""
    gap_images: int = 1000
    """Teapots of the kind that learning leaves out, to test on."""
    batch: int = 64
    """Images of an update of the autoencoders."""
    gan_batch: int = 32
    """Images of an update of InfoGAN's critic or generator."""
    pixels: int = 16
    """Side of the images: 64, as published, or 32 or 16, means of 2 × 2 or 4 × 4 pixels."""
    latent_dim: int = 6
    """Dimension of the codes."""
    noise_dim: int = 0
    """Numbers of noise, beside the codes, from which InfoGAN generates images."""
    network: str = "conv"
    """InfoGAN's: "residual", as published, or "conv"."""
    width: int = 16
    """Channels of InfoGAN's first and last convolutions."""
    hidden: int = 256
    """Units of the autoencoders' layers, which are dense."""
    critic_updates: int = 2
    """Updates of InfoGAN's critic for each of its generator."""
    information_weight: float = 2.0
    """λ of InfoGAN; published is 8, for 64 × 64 images, whose distances are 4 times those of 16 × 16."""
    gan_rate: float = 5e-4
    """Learning rate of InfoGAN."""
    learning_rate: float = 1e-3
    """Learning rate of the autoencoders."""
    betas: tuple[float, ...] = field(default=(0.0625, 0.25), metadata=MAY_BE_EMPTY)
    """Values of β of β-VAE. An image of 16 × 16 has a 16th of the nats of one of 64 × 64, so that these weigh
    like 1 and 4 there."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        settings_at_least(
            self, steps=1, gan_steps=1, images=10, test_images=30, gap_images=2, batch=1, gan_batch=2
        )
        settings_at_least(self, latent_dim=1, noise_dim=0, width=1, hidden=1, critic_updates=1)
        settings_at_least(self, information_weight=0, betas=0)
        above(0, gan_rate=self.gan_rate, learning_rate=self.learning_rate)
        one_of("network", self.network, NETWORKS)
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
    """Train and measure the models of one seed."""
    (_, shown), _ = _tests(settings)

    def make(name: str, path: Path) -> dict[str, Any]:
        learner = _train(name, settings, path, seed, resume)
        metrics = measure(learner, settings)
        save_pictures(learner, metrics, shown, path)
        return metrics

    return {"seed": seed, "models": bounded(run_models(_names(settings), folder, make), settings)}


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the models of a seed from their weights; not `full`: on a fifth of the images."""
    share = 1 if full else 5
    names = models_in(folder, _names(settings))
    models = {name: measure(load_model(folder, name), settings, share) for name in names}
    return {"seed": seed, "models": bounded(models, settings, share)}


# Models


def _names(settings: Settings) -> list[str]:
    return [UNTRAINED, "pca", "vae", *(f"beta-{beta:g}" for beta in settings.betas), "infogan"]


def _learner(name: str, settings: Settings) -> Learner:
    shape, latent_dim = (settings.pixels, settings.pixels, 3), settings.latent_dim
    if name == "pca":
        return PCA(shape=shape, latent_dim=latent_dim)
    if name == "infogan":
        names = ("noise_dim", "network", "width", "critic_updates", "information_weight")
        own = {name: getattr(settings, name) for name in names}
        return InfoGAN(shape=shape, latent_dim=latent_dim, learning_rate=settings.gan_rate, **own)
    beta = float(name.partition("-")[2] or 1)
    own = {"hidden": settings.hidden, "learning_rate": settings.learning_rate}
    return VAE(beta=beta, shape=shape, latent_dim=latent_dim, network="dense", **own)


def _train(name: str, settings: Settings, folder: Path, seed: int, resume: bool) -> Learner:
    images = teapots("seen", settings.images, settings.pixels, 0)[1]
    steps, batch = {
        "pca": (1, len(images)),
        "infogan": (settings.gan_steps, settings.gan_batch * settings.critic_updates),
    }.get(name, (settings.steps, settings.batch))
    data = batches(images, batch, seed)
    return train_model(lambda: _learner(name, settings), data, steps, folder, seed, resume)


# Measuring


def measure(learner: Learner, settings: Settings, share: int = 1) -> dict[str, Any]:
    """Measure a model's codes of a `share`-th of the test images.

    Returns:
        As `scores`.
    """
    (factors, images), (unseen, others) = _tests(settings, share)
    codes, more = (encode_all(learner, each, ENCODED).double().numpy(force=True) for each in (images, others))
    return scores(codes, factors, (more, unseen))


def bounded(models: dict[str, Any], settings: Settings, share: int = 1) -> dict[str, Any]:
    """Return the metrics of models between those of noise and of the factors as codes."""
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


def _tests(settings: Settings, share: int = 1) -> tuple[tuple[Floats, Images], tuple[Floats, Images]]:
    seen, gap = max(settings.test_images // share, 30), max(settings.gap_images // share, 2)
    return teapots("seen", seen, settings.pixels, 1), teapots("gap", gap, settings.pixels, 1)
