"""Figs. 1 and 3 of the paper, and the course of training."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from unknot.experiments.common.seeds import seeded
from unknot.experiments.sd_gan.measures import Generator, combined
from unknot.experiments.sd_gan.tables import TITLES, seeds_of
from unknot.models.data.gallery import Gallery
from unknot.report import save_figure, save_gif

Images = NDArray[np.uint8]

MATRIX = 8
"""Codes of each kind in a matrix; four in the paper's."""
BETWEEN = 8
"""Steps of an interpolation."""
ENLARGED = 3
"""Pixels of an animation for each of an image."""


def save_pictures(model: Generator, path: Path) -> None:
    """Write a model's matrices to its folder: combinations of codes, interpolation, an animation."""
    with seeded(0):
        identity, observation = model.identity_codes(MATRIX), model.observation_codes(MATRIX)
    figures = {
        "matrix": matrix(combined(model, identity, observation), "observation", "identity"),
        "interpolation": matrix(
            combined(model, _line(identity[0], identity[1]), _line(observation[0], observation[1])),
            "observation, from one code to another",
            "identity, from one code to another",
        ),
    }
    with SummaryWriter(str(path)) as writer:
        for name, figure in figures.items():
            save_figure(figure, path / f"figures/{name}.png", writer)
        save_gif(_turning(model, identity, observation), path / "figures/observations.gif", writer, fps=8)


def save_photographs(gallery: Gallery, path: Path) -> None:
    """Write photographs of the first identities of a gallery, a row each, to a folder's figures."""
    rows = [np.flatnonzero(gallery.identity == each) for each in range(min(MATRIX, len(gallery)))]
    columns = min(MATRIX, *(len(row) for row in rows))
    images = np.stack([gallery.images[row[:columns]] for row in rows])
    save_figure(matrix(images, "photographs", "identity"), path / "figures/photographs.png")


def _line(start: Tensor, end: Tensor) -> Tensor:
    """Return codes on the line between two, (BETWEEN, d)."""
    return torch.lerp(start, end, torch.linspace(0, 1, BETWEEN)[:, None])


def _turning(model: Generator, identity: Tensor, observation: Tensor) -> list[Images]:
    """Return frames: each identity in a column, its observation on the way from code to code and back."""
    way = torch.cat([_line(a, b)[:-1] for a, b in zip(observation, observation.roll(-1, 0), strict=True)])
    images = combined(model, identity, way)
    frames = np.concatenate(list(images), 2)  # identities side by side
    return [frame.repeat(ENLARGED, 0).repeat(ENLARGED, 1) for frame in frames]


def matrix(images: Images, across: str, down: str) -> Figure:
    """Show images (rows, columns, h, w, c), with the names of both axes."""
    rows, columns, height, width, channels = images.shape
    whole = images.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)
    figure = Figure(figsize=(0.65 * columns + 0.4, 0.65 * rows + 0.4), layout="constrained")
    panel = figure.subplots()
    panel.imshow(whole)
    panel.set(xticks=[], yticks=[], xlabel=across, ylabel=down)
    return figure


# Of all seeds


def plot(seeds: list[dict[str, Any]]) -> dict[str, Figure]:
    """Plot the distance of factors' histograms over training: whether models collapse."""
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    panel = figure.subplots()
    for number, name in enumerate(TITLES):
        for k, model in enumerate(seeds_of(seeds, name)):
            points = model.get("curve", [])
            label = TITLES[name] if points and not k else None
            updates, distances = ([each[key] for each in points] for key in ("updates", "distance"))
            panel.plot(updates, distances, color=f"C{number}", alpha=0.7, label=label)
    panel.set(xlabel="updates", ylabel="largest distance of a factor's histogram", ylim=(0, 1))
    panel.legend(fontsize=8)
    return {"collapse": figure}
