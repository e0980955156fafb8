"""The models of each data set: ours, the paper's own way, ablations, rivals; and the verifier."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unknot.experiments.common.runs import first_or_all, load_model, train_model
from unknot.experiments.mocogan.data import (
    CATEGORIES,
    CHARACTERS,
    FRAMES,
    HEADS,
    LENGTHS,
    OWN,
    SHAPES,
    batches,
)
from unknot.experiments.mocogan.heads import photographs
from unknot.models.image.embedding import Embedding
from unknot.models.video.game import VideoGAN
from unknot.models.video.mocogan import MoCoGAN
from unknot.models.video.sequential_vae import SequentialVAE
from unknot.models.video.vgan import VGAN

if TYPE_CHECKING:
    from unknot.experiments.mocogan import Settings

VideoModel = VideoGAN | SequentialVAE
"""What generates videos."""
OURS, WHOLE, BLIND, PAPER_WAY, ONE_CODE = "mocogan", "frames", "no-image", "paper", "vgan"
LABELLED, FOUND = "labels", "categories"
TODAY = "sequential-vae"
OURS_OF_SHAPES = f"{SHAPES}-{OURS}"
VERIFIER = f"{HEADS}-verifier"
"""What tells people apart, for the ACD of heads; every seed trains its own."""
TOGETHER, ALIKE = 16, 4
"""People in a batch that the verifier learns from, at most, and photographs of each."""
ROWS = {
    SHAPES: (OURS, WHOLE, BLIND, LABELLED, FOUND, ONE_CODE, TODAY, PAPER_WAY),
    HEADS: (OURS, LABELLED, ONE_CODE, TODAY),
    CHARACTERS: (OURS, LABELLED, ONE_CODE, TODAY),
    OWN: (OURS, ONE_CODE, TODAY),
}
"""Models of each data set; seeds beyond `baselines` train the first alone."""
PAPERS_WAY: dict[str, Any] = {
    **{"generator": "transposed", "head": "frame", "remember": 0.0, "warm_up": 0},
    **{"content_dim": 50, "motion_dim": 10, "noise_dim": 10},
    **{"r1": 0.0, "clip_r1": 0.0, "average": 0.0},
    **{"learning_rate": 2e-4, "discriminator_rate": 2e-4, "momentum": 0.5, "weight_decay": 1e-5},
}
"""What the paper and its authors' code have in place of ours, but for widths and batches."""
LAST = 1 / 3
"""Share of the updates, the last, in which ours must not grow worse."""
STAGES = 4
"""How often ours is measured in it, its beginning and its end included."""


def model_names(data: list[str], baselines: int, seed: int) -> list[str]:
    """Return the models of a seed, DATA-ROW each."""
    judges = [VERIFIER] if HEADS in data else []
    return judges + [f"{name}-{row}" for name in data for row in first_or_all(ROWS[name], baselines, seed)]


def parts_of(model: str) -> tuple[str, str]:
    """Return the data set and the row of a model's name."""
    data, _, row = model.partition("-")
    return data, row


def train_videos(model: str, settings: "Settings", folder: Path, seed: int, resume: bool) -> VideoModel:
    """Train a model; ours of shapes also leaves its weights at stages of the last third."""
    data, row = parts_of(model)
    if row == TODAY:  # it learns from as many whole videos as D_V judges
        settings = replace(settings, batch=settings.clips)
    batch_at = batches(data, settings, seed, labelled=row == LABELLED)
    steps = steps_of(data, settings)
    keep = stages(steps)[:-1] if model == OURS_OF_SHAPES else ()
    return train_model(lambda: make(model, settings), batch_at, steps, folder, seed, resume, keep)


def load_video_model(folder: Path, model: str) -> VideoModel:
    """Load a model of a seed's folder."""
    if parts_of(model)[1] == TODAY:
        return load_model(folder, model, SequentialVAE)
    return load_model(folder, model, VideoGAN)


def train_verifier(settings: "Settings", folder: Path, seed: int, resume: bool) -> Embedding:
    """Train the verifier, on people who are in no video."""

    def make_verifier() -> Embedding:
        shape = (settings.pixels, settings.pixels, 3)
        return Embedding(loss="binomial_deviance", shape=shape, latent_dim=64)

    gallery = photographs(settings.people, settings.pixels)
    batch_at = gallery.several(min(TOGETHER, len(gallery)), ALIKE, seed)
    return train_model(make_verifier, batch_at, settings.verifier_steps, folder, seed, resume)


def steps_of(data: str, settings: "Settings") -> int:
    """Return how many updates the models of a data set have."""
    return settings.steps if data == SHAPES else settings.other_steps


def stages(steps: int) -> list[int]:
    """Return the updates at which ours is measured, the last of them all."""
    return sorted({max(round(steps * (1 - LAST * k / (STAGES - 1))), 1) for k in range(STAGES)})


def make(model: str, settings: "Settings") -> VideoModel:
    """Make a model by its name, DATA-ROW."""
    data, row = parts_of(model)
    if row == TODAY:
        return SequentialVAE(
            shape=(settings.pixels, settings.pixels, 3),
            length=LENGTHS[data],
            content_dim=settings.content_dim,
            motion_dim=settings.motion_dim,
            width=2 * settings.discriminator_width,
            hidden=settings.vae_hidden,
            steps=steps_of(data, settings),
        )
    shared = ("clips", "discriminator_width", "r1", "clip_r1", "learning_rate", "discriminator_rate", "width")
    ours: dict[str, Any] = {name: getattr(settings, name) for name in shared}
    ours |= {"shape": (settings.pixels, settings.pixels, 3), "frames": FRAMES, "length": LENGTHS[data]}
    if row == ONE_CODE:
        return VGAN(**ours, latent_dim=settings.content_dim + settings.motion_dim)
    own = ("content_dim", "motion_dim", "noise_dim", "warm_up")
    ours |= {name: getattr(settings, name) for name in own}
    ours |= {"head": "colour" if data == SHAPES else "frame"}
    changes: dict[str, dict[str, Any]] = {
        OURS: {},
        WHOLE: {"head": "frame"},
        BLIND: {"image_discriminator": False},
        LABELLED: {"categories": _categories(data)},
        FOUND: {"categories": _categories(data)},
        PAPER_WAY: PAPERS_WAY,
    }
    return MoCoGAN(**ours | changes[row])


def _categories(data: str) -> int:
    return len(CATEGORIES[data][1]) if data in CATEGORIES else 0
