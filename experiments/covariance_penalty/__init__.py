"""Disentanglement by penalizing correlation.

Kågebäck and Mogren, 2017. Its parts, each by itself with `--part NAME`:

- `projections` (section 3.2): independent features behind a random linear map, in a linear autoencoder;
- `xor` (section 3.3): a network larger than necessary finds the smallest one for XOR;
- `images` (section 3.4): a convolutional autoencoder of natural images.

The default takes ten minutes on two cores for the first seed, the only one that makes the curves over λ of
natural images, and five for any other. `paper` has the paper's lengths; it is sized for a GPU. Of natural
images it still lacks CIFAR-10, unless `--images.cifar` names a folder of it; the fine grid of λ up to 10.24,
of which it has five values up to 5.12; and early stopping, which a fixed number of updates replaces.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from unknot.experiments import Experiment
from unknot.experiments.common.runs import (
    evaluate_parts,
    headlines_of_parts,
    presets_of,
    run_parts,
    tabulate_parts,
)
from unknot.experiments.covariance_penalty import images, projections, xor
from unknot.experiments.covariance_penalty.images import Settings as ImagesSettings
from unknot.experiments.covariance_penalty.projections import Settings as ProjectionsSettings
from unknot.experiments.covariance_penalty.xor import Settings as XORSettings
from unknot.report import Headline, Table

__all__ = ["PARTS", "PRESETS", "Settings", "evaluate", "headlines", "run", "tabulate"]

PARTS: dict[str, Experiment] = {
    "projections": cast(Experiment, projections),
    "xor": cast(Experiment, xor),
    "images": cast(Experiment, images),
}


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment: which part, and those of each part."""

    part: Literal["all", "projections", "xor", "images"] = "all"
    """The part to run."""
    projections: ProjectionsSettings = field(default_factory=ProjectionsSettings)
    xor: XORSettings = field(default_factory=XORSettings)
    images: ImagesSettings = field(default_factory=ImagesSettings)


PRESETS = presets_of(PARTS, Settings)


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Run the chosen parts of one seed, each in a folder of its name."""
    return run_parts(PARTS, settings, folder, seed, resume)


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the parts of a seed; it takes seconds, `full` or not."""
    return evaluate_parts(PARTS, settings, folder, seed, full)


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Make the tables of every part that was run."""
    return tabulate_parts(PARTS, seeds)


def headlines(seeds: list[dict[str, Any]]) -> tuple[Headline, ...]:
    """Return the headlines of every part that was run."""
    return headlines_of_parts(PARTS, seeds)
