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
from typing import Literal

from unknot.checks import settings_at_least
from unknot.experiments.common.parts import Parts
from unknot.experiments.covariance_penalty import images, projections, xor
from unknot.experiments.covariance_penalty.images import Settings as ImagesSettings
from unknot.experiments.covariance_penalty.projections import Settings as ProjectionsSettings
from unknot.experiments.covariance_penalty.xor import Settings as XORSettings

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "run", "tabulate"]

PARTS = Parts(projections=projections, xor=xor, images=images)


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment: which part, and those of each part."""

    part: Literal["all", "projections", "xor", "images"] = "all"
    """The part to run."""
    projections: ProjectionsSettings = field(default_factory=ProjectionsSettings)
    xor: XORSettings = field(default_factory=XORSettings)
    images: ImagesSettings = field(default_factory=ImagesSettings)

    def __post_init__(self) -> None:
        """Refuse another part, and settings of another part than its own."""
        settings_at_least(self)


PRESETS = PARTS.presets(Settings)
run, evaluate = PARTS.run, PARTS.evaluate
tabulate, headlines = PARTS.tabulate, PARTS.headlines
