"""The paper's figures, of one model each (Figs. 2b and 3 to 6), and training curves (Fig. 2a)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from unknot.experiments.multi_entity_vae.counting import sample
from unknot.experiments.multi_entity_vae.measures import (
    MATCHED,
    MEASURED,
    exchange,
    traversed_dimensions,
)
from unknot.experiments.multi_entity_vae.models import FEW, LITERAL, OURS, PLAIN, load_early
from unknot.experiments.multi_entity_vae.reading import Factors, Images, read
from unknot.models.data.scenes import Scenes
from unknot.models.objects.entity import EntityAutoencoder
from unknot.models.objects.multi_entity import MultiEntityVAE
from unknot.models.objects.slot_attention import SlotAttention
from unknot.models.traversals import COLUMNS, image_rows, there_and_back
from unknot.report import save_figure, save_gif
from unknot.representation import Learner
from unknot.representation.learner import as_images
from unknot.representation.metrics.objects import match_slots

RANGE = np.linspace(-2.25, 2.25, COLUMNS)
"""Values of a traversal, the paper's."""
MOVING = 4
"""Scenes whose traversals the animation shows."""


def save_pictures(learner: Learner, source: Scenes, folder: Path) -> None:
    """Write a model's figures to `figures/` in its folder, and to TensorBoard."""
    factors = _shown(source)
    images = source.render_factors(factors)
    figures = {"reconstructions": reconstructions(learner, images)}
    if isinstance(learner, MultiEntityVAE | SlotAttention):
        figures["exchange"] = exchanges(learner, source, factors, images)
    if isinstance(learner, EntityAutoencoder):
        figures["traversals"] = traversals(learner, images)
    if isinstance(learner, MultiEntityVAE):
        figures["sequential"] = sequential(learner, images)
        figures["kl-maps"] = kl_maps([*load_early(folder, learner.steps), learner], images)
    with SummaryWriter(str(folder)) as writer:
        for name, figure in figures.items():
            save_figure(figure, folder / "figures" / f"{name}.png", writer)
        if isinstance(learner, EntityAutoencoder):
            save_gif(moving_traversals(learner, images), folder / "figures/traversals.gif", writer)


def _shown(source: Scenes) -> Factors:
    """Return factors of `COLUMNS` scenes that have sprites."""
    factors = sample(source, 10 * COLUMNS, MEASURED)
    rows = np.flatnonzero(factors["present"].sum(1) >= min(2, source.objects))[:COLUMNS]
    return {name: each[rows] for name, each in factors.items()}


@torch.no_grad()
def reconstructions(learner: Any, images: Images) -> Figure:
    """Show scenes, reconstructions, and samples of a model that has a prior (Fig. 6)."""
    codes = learner.encode(images)
    rows = {"scenes": images, "reconstructed": as_images(learner.decode(codes))}
    if isinstance(learner, EntityAutoencoder):
        generator = torch.Generator().manual_seed(0)
        rows["samples"] = as_images(learner.decode(torch.randn(codes.shape, generator=generator)))
    if isinstance(learner, MultiEntityVAE):
        vectors = torch.randn(len(codes), learner.grid**2, learner.entity_dim, generator=generator)
        rows["samples, all candidates"] = as_images(learner.decode_entities(vectors))
    return image_rows(rows)


@torch.no_grad()
def kl_maps(stages: Sequence[MultiEntityVAE], images: Images) -> Figure:
    """Show reconstructions and maps of KL early in training and at its end (Fig. 2b)."""
    rows = {"scenes": images}
    for learner, when in zip(stages, ("early", "late")[-len(stages) :], strict=True):
        found = learner.entities_of(images)
        rows[f"{when}: reconstructed"] = as_images(learner.decode_entities(found.mean))
        maps = found.kl_map.numpy(force=True)
        rows[f"{when}: KL, white {maps.max():.0f} nats"] = _enlarged(maps / maps.max(), images.shape[1])
    return image_rows(rows)


def _enlarged(maps: NDArray[np.float32], side: int) -> Images:
    """Show maps (n, grid, grid) in [0, 1] as images of a side."""
    large = maps.repeat(side // maps.shape[1], 1).repeat(side // maps.shape[1], 2)
    coloured: Images = (255 * colormaps["magma"](large)[..., :3]).round().astype(np.uint8)
    return coloured


def exchanges(learner: Learner, source: Scenes, factors: Factors, images: Images) -> Figure:
    """Show pairs of scenes whose objects that tell most are exchanged, beside the truth (Fig. 3)."""
    reading = read(learner, images)
    owners = match_slots(reading.support, source.masks(factors), MATCHED)
    _, decoded, true = exchange(learner, reading, owners, source, factors, images)
    reconstructed = as_images(learner.decode(reading.vectors.flatten(1)))  # type: ignore[operator]
    return image_rows(
        {
            "scenes, in pairs": images,
            "reconstructed": reconstructed,
            "exchanged": as_images(torch.from_numpy(decoded)),
            "re-rendered": true,
        }
    )


@torch.no_grad()
def sequential(learner: MultiEntityVAE, images: Images) -> Figure:
    """Show scenes decoded from one vector, from two, ..., in order of their KL (Fig. 4b)."""
    vectors = learner.entities_of(images).mean
    rows = {"scenes": images}
    for count in range(1, vectors.shape[1] + 1):
        rows[f"z1 to z{count}" if count > 1 else "z1"] = as_images(
            learner.decode_entities(vectors[:, :count])
        )
    return image_rows(rows)


@torch.no_grad()
def traversals(learner: EntityAutoencoder, images: Images) -> Figure:
    """Show traversals of the vector that tells most, or of the plain VAE's dimensions (Figs. 4a and 5)."""
    codes = learner.encode(images[:1])
    rows = {"reconstructed": as_images(learner.decode(codes)).repeat(COLUMNS, 0)}
    for dim in traversed_dimensions(learner, images):
        z = codes.repeat(COLUMNS, 1)
        z[:, dim] = torch.from_numpy(RANGE).float()
        rows[f"z{dim}"] = as_images(learner.decode(z))
    return image_rows(rows)


@torch.no_grad()
def moving_traversals(learner: EntityAutoencoder, images: Images) -> Images:
    """Return the same of several scenes, all dimensions at once, as the frames of an animation."""
    return there_and_back(
        learner, learner.encode(images[:MOVING]), RANGE, traversed_dimensions(learner, images)
    )


def curves(seeds: Sequence[Mapping[str, Any]]) -> Figure:
    """Plot the moving average of the loss over training, a line a seed (Fig. 2a)."""
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    panel = figure.subplots()
    labels = {OURS: "multi-entity VAE", LITERAL: "KL of the selected alone", PLAIN: "plain VAE"}
    for number, (kind, label) in enumerate(labels.items()):
        for each, metrics in enumerate(seeds):
            curve = metrics["models"].get(f"{kind}-{FEW}", {}).get("curve", [])
            share = np.linspace(0, 1, len(curve) + 1)[1:]
            panel.plot(share, curve, color=f"C{number}", lw=1, label=None if each else label)
    panel.set(xlabel="share of the updates", ylabel="negative bound in nats", yscale="log")
    panel.legend()
    return figure
