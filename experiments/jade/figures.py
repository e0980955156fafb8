"""The paper's Fig. 2, exchanges of content and style, traversals, and the errors of all draws."""

from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from unknot.experiments.jade.data import CLASSES, Data
from unknot.experiments.jade.measures import exchanged
from unknot.experiments.jade.tables import ROWS, percent
from unknot.models.image.jade import JADE
from unknot.models.traversals import COLUMNS, image_rows, there_and_back
from unknot.report import mean_std
from unknot.representation.learner import as_images

SHOWN = 8
"""Images of a row."""


def of_model(model: JADE, metrics: dict[str, Any], data: Data) -> dict[str, Figure]:
    """Return the figures of a model by the names of their files."""
    return {
        "variances": _variances(np.array(metrics["within"]), np.array(metrics["total"]), model.latent_dim),
        "exchanges": _exchanges(model, data),
        "reconstructions": _reconstructions(model, data),
    }


def _variances(within: NDArray[np.float64], total: NDArray[np.float64], content: int) -> Figure:
    """Plot Fig. 2: a, a panel with the variances within each class; b, those over all classes."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(2, 1), sharex=True)
    mesh = above.imshow(within, aspect="auto", vmin=0, vmax=1, cmap="viridis")
    above.set(ylabel="digit", yticks=range(CLASSES), title="a: variance within a class over that of all")
    figure.colorbar(mesh, ax=above)
    colours = ["tab:blue"] * content + ["tab:orange"] * (len(total) - content)
    below.bar(range(len(total)), total, color=colours)
    below.set(xlabel=f"dimension; the classifier reads the first {content}", ylabel="variance")
    below.set(title="b: variance over all classes, in variances of the prior", xticks=range(len(total)))
    return figure


@torch.no_grad()
def _exchanges(model: JADE, data: Data) -> Figure:
    """Show contents of MNIST (down) in styles of street digits (across)."""
    contents = data.other_test.images[
        [np.flatnonzero(data.other_test.labels == d)[0] for d in range(CLASSES)]
    ]
    styles = data.test.images[:SHOWN]
    codes, style = model.encode_other(contents), model.encode(styles)
    rows = {"styles": np.concatenate([np.full_like(styles[:1], 255), styles])}
    for digit, (image, code) in enumerate(zip(contents, codes, strict=True)):
        made = exchanged(model.decode, code.expand(SHOWN, -1), style, model.latent_dim)
        rows[str(digit)] = np.concatenate([image[None].repeat(3, -1), made])
    return image_rows(rows)


@torch.no_grad()
def _reconstructions(model: JADE, data: Data) -> Figure:
    street, mnist = data.test.images[:COLUMNS], data.other_test.images[:COLUMNS]
    return image_rows(
        {
            "street digits": street,
            "reconstructed": as_images(model.decode(model.encode(street))),
            "MNIST": mnist.repeat(3, -1),
            "reconstructed ": as_images(model.decode_other(model.encode_other(mnist))).repeat(3, -1),
        }
    )


@torch.no_grad()
def traversal_frames(model: JADE, data: Data) -> NDArray[np.uint8]:
    """Return traversals of all dimensions of a street digit, content first, as frames of an animation."""
    codes = model.encode(data.test.images[:1])
    return there_and_back(model, codes, np.linspace(-2, 2, COLUMNS))


def errors(seeds: list[dict[str, Any]]) -> Figure:
    """Plot the error of each row, a point for each draw of labels, joined between the rows."""
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    panel = figure.subplots()
    each = np.array([percent(seeds, name, "error") for name in ROWS])
    panel.plot(range(len(ROWS)), each, color="0.8", linewidth=0.8)
    panel.plot(range(len(ROWS)), each.mean(1), "_", markersize=24, color="tab:red")
    panel.plot(range(len(ROWS)), each, ".", color="tab:blue")
    labels = [f"{name}\n{mean_std(e, 1)}" for name, e in zip(ROWS, each, strict=True)]
    panel.set_xticks(range(len(ROWS)), labels, fontsize=8)
    panel.set_ylabel("test error in percent")
    return figure
