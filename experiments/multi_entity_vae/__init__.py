"""The multi-entity VAE: scenes as sets of vectors, one for each object.

Nash, Eslami, Burgess, Higgins, Zoran, Weber and Battaglia, 2017. Scenes of up to 3 and up to 8 sprites, fresh
for every update. Training curves and maps of KL (Fig. 2), exchange of objects (section 4.1, Fig. 3), decoding
one object after the other (Fig. 4b), traversals within an object (section 4.2, Fig. 4a) and of a plain VAE
(appendix B), counting by one threshold (section 4.3), reconstructions and samples (appendix C).

Each model is trained on scenes of up to 3 sprites: the multi-entity VAE whose bound counts the KL of every
candidate, the same with the KL of the selected alone (as the paper's text reads), a plain VAE of equal size,
and Slot Attention; the first on scenes of up to 8, too. Every seed trains the first, the first `baselines`
seeds all. The trivial baseline counts the connected parts of an
image; a rule that knows how colours add up is the oracle.

`PRESETS["default"]` gives up half the side of the images (means of 2 × 2 pixels, each of which counts as
four) and 99% of the paper's 3,000,000 updates; it has four times as many candidates, which tell sprites that
are close apart. `PRESETS["paper"]` has the paper's sizes where it gives them: 64 × 64 pixels, 12 dimensions
an entity, maps of 8 × 8 × 16.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from matplotlib.figure import Figure

from unknot.checks import above, settings_at_least
from unknot.experiments.common.runs import load_model, models_in, run_models
from unknot.experiments.multi_entity_vae.counting import count_by_rules
from unknot.experiments.multi_entity_vae.figures import curves, save_pictures
from unknot.experiments.multi_entity_vae.measures import blobs_ari, measure
from unknot.experiments.multi_entity_vae.models import FEW, MANY, kind_of, names, source, train_scenes
from unknot.experiments.multi_entity_vae.tables import headlines, tabulate
from unknot.models.objects.networks import cells_of

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "plot", "run", "tabulate"]


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    steps: int = 40_000
    """Updates of each VAE of up to 3 sprites."""
    many_steps: int = 20_000
    """Updates of the multi-entity VAE of up to 8 sprites; 0 leaves it out."""
    slot_steps: int = 10_000
    """Updates of Slot Attention."""
    baselines: int = 1
    """Seeds that train all models."""
    batch: int = 32
    """Scenes of an update, newly sampled."""
    pixels: Literal[16, 32, 64] = 32
    """Side of the images: 64, as published, or means of 2 × 2 or 4 × 4 pixels."""
    blending: Literal["sum", "painter"] = "sum"
    """What happens where sprites overlap: "sum", as published, or the later covers the earlier."""
    entity_dim: int = 12
    """Dimensions of an entity's vector."""
    grid: int = 16
    """Cells along a side of the map of candidates, 8 in the paper."""
    width: int = 32
    """Channels of the encoder's and the renderer's convolutions."""
    hidden: int = 256
    """Units of the decoder's dense layer."""
    maps: int = 16
    """Channels of the maps that an entity is decoded to."""
    learning_rate: float = 2e-3
    """Adam's at the start; it falls to 1e-5."""
    choose: int = 6400
    """Scenes that the threshold is chosen on."""
    count: int = 12_800
    """Scenes that are counted."""
    samples: int = 2000
    """Scenes for all other measures."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        settings_at_least(self, steps=1, many_steps=0, slot_steps=1, baselines=0, batch=2)
        settings_at_least(self, entity_dim=1, grid=2, width=1)
        settings_at_least(self, hidden=1, maps=1, choose=100, count=100, samples=100)
        above(0, learning_rate=self.learning_rate)
        cells_of((self.pixels, self.pixels, 3), self.grid)  # refuses a grid that the images can't have


PRESETS = {
    "default": Settings(),
    "smoke": Settings(
        steps=2,
        many_steps=2,
        slot_steps=2,
        batch=4,
        pixels=16,
        entity_dim=2,
        grid=4,
        width=4,
        hidden=8,
        maps=4,
        choose=100,
        count=100,
        samples=100,
    ),
    "paper": Settings(
        steps=3_000_000,
        many_steps=3_000_000,
        slot_steps=500_000,
        batch=64,
        pixels=64,
        grid=8,
        learning_rate=1e-3,
    ),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed."""

    def make(name: str, path: Path) -> dict[str, Any]:
        learner = train_scenes(name, settings, path, seed, resume)
        scenes = source(settings, kind_of(name)[1])
        metrics = measure(learner, scenes, settings)
        save_pictures(learner, scenes, path)
        return metrics

    models = run_models(names(settings, seed), folder, make)
    return {"seed": seed, "pixels": settings.pixels, "models": models, "rules": _rules(settings)}


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the models of a seed from their weights; not `full`: on a tenth of the scenes."""
    share = 1 if full else 10
    models = {
        name: measure(load_model(folder, name), source(settings, kind_of(name)[1]), settings, share)
        for name in models_in(folder, names(settings, seed))
    }
    return {"seed": seed, "pixels": settings.pixels, "models": models, "rules": _rules(settings, share)}


def plot(seeds: list[dict[str, Any]]) -> dict[str, Figure]:
    """Plot the training curves (Fig. 2a)."""
    return {"curves": curves(seeds)}


def _rules(settings: Settings, share: int = 1) -> dict[str, Any]:
    """Return what the rules count, and the ARI of connected parts, by the most sprites."""
    rules = {}
    for objects in (FEW, MANY) if settings.many_steps else (FEW,):
        scenes = source(settings, objects)
        rules[str(objects)] = {
            **count_by_rules(scenes, settings, share),
            "ari": blobs_ari(scenes, settings, share),
        }
    return rules
