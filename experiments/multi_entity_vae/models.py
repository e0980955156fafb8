"""The models of a seed, and how they are trained."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unknot.experiments.common.runs import UNTRAINED, load_stages, train_model
from unknot.models.data.scenes import Scenes
from unknot.models.data.stream import stream
from unknot.models.objects.multi_entity import MultiEntityVAE
from unknot.models.objects.slot_attention import SlotAttention
from unknot.models.objects.whole_scene import SceneVAE
from unknot.representation import Learner

if TYPE_CHECKING:
    from unknot.experiments.multi_entity_vae import Settings

FEW, MANY = 3, 8
"""The most sprites of the paper's two data sets."""
SPARE = 2
"""Vectors more than sprites: the paper has five for three sprites."""
OURS, LITERAL, PLAIN, SLOTS = "mvae", "literal", "vae", "slots"
"""Kinds of models; a model is called KIND-SPRITES."""
SIDE = 64
"""Side of the images in the paper."""
EARLY = 0.02
"""Share of the updates after which a model is kept, to show what it was like early on (Fig. 2b)."""


def source(settings: "Settings", objects: int) -> Scenes:
    """Return scenes of up to so many sprites."""
    return Scenes(objects=objects, pixels=settings.pixels, blending=settings.blending)


def names(settings: "Settings", seed: int) -> list[str]:
    """Return the names of a seed's models."""
    others = (LITERAL, PLAIN, SLOTS) if seed < settings.baselines else ()
    few = [f"{kind}-{FEW}" for kind in (OURS, *others, UNTRAINED)]
    return [*few, f"{OURS}-{MANY}"] if settings.many_steps else few


def kind_of(name: str) -> tuple[str, int]:
    """Return a model's kind and the most sprites of its scenes."""
    kind, _, objects = name.rpartition("-")
    return kind, int(objects)


def steps_of(name: str, settings: "Settings") -> int:
    """Return how many updates a model gets."""
    kind, objects = kind_of(name)
    if kind == SLOTS:
        return settings.slot_steps
    return settings.many_steps if objects == MANY else settings.steps


def maker(name: str, settings: "Settings") -> Callable[[], Learner]:
    """Return what makes a model."""
    kind, objects = kind_of(name)
    shape = (settings.pixels, settings.pixels, 3)
    vectors, steps = objects + SPARE, steps_of(name, settings)
    if kind == SLOTS:
        return partial(SlotAttention, shape=shape, slots=vectors, width=settings.width, steps=steps)
    sizes = ("entity_dim", "grid", "width", "hidden", "maps", "learning_rate")
    network: dict[str, Any] = {size: getattr(settings, size) for size in sizes}
    network |= {"shape": shape, "entities": vectors, "steps": steps}
    network["likelihood_weight"] = (SIDE / settings.pixels) ** 2.0
    if kind == PLAIN:
        return partial(SceneVAE, **network)
    if kind == LITERAL:
        return partial(MultiEntityVAE, bound="selected", **network)
    return partial(MultiEntityVAE, bound="all", suppress=True, **network)


def train_scenes(name: str, settings: "Settings", folder: Path, seed: int, resume: bool) -> Learner:
    """Train a model on fresh scenes, and keep it early in training, too; the untrained one as it starts."""
    scenes, steps = source(settings, kind_of(name)[1]), steps_of(name, settings)
    batches = stream(scenes, settings.batch, seed)
    return train_model(maker(name, settings), batches, steps, folder, seed, resume, [_early(steps)])


def load_early(folder: Path, steps: int) -> list[MultiEntityVAE]:
    """Load what a multi-entity VAE was like early in its updates, from its folder, if that was kept."""
    return [learner for _, learner in load_stages(folder, [_early(steps)], MultiEntityVAE)]


def _early(steps: int) -> int:
    return max(int(EARLY * steps), 1)
