"""Disentanglement by penalizing correlation.

Kågebäck and Mogren, 2017. Its parts, each by itself with `--part NAME`:

- `projections` (section 3.2): independent features behind a random linear map, in a linear autoencoder;
- `xor` (section 3.3): a network that is larger than need be finds the least one for XOR;
- `images` (section 3.4): a convolutional autoencoder of natural images.

The default takes ten minutes on two cores for the first seed, which alone draws the curves over λ of natural
images, and five for any other. `paper` has the paper's lengths; it is sized for a GPU. What it still lacks of
the paper, of natural images: CIFAR-10, unless `--cifar` names a folder of it; the fine grid of λ up to 10.24,
of which it has five values up to 5.12; early stopping, for which a fixed number of updates stands.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from unknot.checks import settings_at_least
from unknot.experiments.common.runs import run_parts, tabulate_parts
from unknot.experiments.covariance_penalty import images, projections, xor
from unknot.files import read_json
from unknot.report import Table

__all__ = ["PARTS", "PRESETS", "Settings", "evaluate", "run", "tabulate"]


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    part: Literal["all", "projections", "xor", "images"] = "all"
    """The part to run."""
    repeats: int = 10
    """Random projections, for each λ and penalty."""
    projection_steps: int = 5000
    """Updates of the linear autoencoders."""
    starts: int = 100
    """Networks that learn XOR, from as many random weights."""
    xor_steps: int = 20_000
    """Updates of those."""
    image_steps: int = 1500
    """Updates of an autoencoder of images, on 100 of them each."""
    train_images: int = 20_000
    """Images to learn from, at most."""
    test_images: int = 5000
    """Images to measure on, at most."""
    curves: int = 1
    """Seeds that draw the curves over λ."""
    cifar: str | None = None
    """A folder with CIFAR-10's binary version (`data_batch_1.bin`, ...); None: pieces of photographs."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to train on or to measure."""
        settings_at_least(self, repeats=1, projection_steps=1, starts=1, xor_steps=1, image_steps=1)
        settings_at_least(self, train_images=1, test_images=1, curves=0)


PRESETS = {
    "default": Settings(),
    "smoke": Settings(
        repeats=1,
        projection_steps=20,
        starts=4,
        xor_steps=50,
        image_steps=2,
        train_images=200,
        test_images=100,
    ),
    "paper": Settings(
        projection_steps=400_000,
        xor_steps=40_000,
        image_steps=45_000,
        train_images=50_000,
        test_images=10_000,
    ),
}


class Part(Protocol):
    """What the module of a part offers."""

    def run(self, settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
        """Train and measure one seed."""

    def evaluate(self, settings: Settings, folder: Path, seed: int) -> dict[str, Any]:
        """Measure once more, from the weights, writing nothing."""

    def tabulate(self, metrics: list[dict[str, Any]]) -> list[Table]:
        """Make tables from what each seed measured."""


PARTS = {
    "projections": cast(Part, projections),
    "xor": cast(Part, xor),
    "images": cast(Part, images),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Run the parts of one seed, each in a folder of its name; what has its `metrics.json` is complete."""
    return run_parts(
        PARTS, settings.part, folder, seed, lambda name, path: PARTS[name].run(settings, path, seed, resume)
    )


def evaluate(folder: Path, full: bool) -> dict[str, Any]:
    """Measure the parts of a seed folder from their weights; all of it takes seconds, `full` or not.

    Args:
        folder: the seed's.
        full: makes no difference.

    Raises:
        FileNotFoundError: a model whose training has not ended.
        WeightsError: weights that can't be used.
    """
    config = read_json(folder / "config.json")
    settings = Settings(**config["settings"])
    parts = {
        name: part.evaluate(settings, folder / name, config["seed"])
        for name, part in PARTS.items()
        if (folder / name).is_dir()
    }
    return {"seed": config["seed"], "parts": parts}


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Make the tables of every part that was run."""
    return tabulate_parts(PARTS, seeds)
