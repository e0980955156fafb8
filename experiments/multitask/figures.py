"""Pictures: codes of prototypes, what is in each cluster, and the errors of all rows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from unknot.experiments.common.figures import principal_plane
from unknot.experiments.common.tables import over_seeds
from unknot.experiments.multitask.models import ROWS
from unknot.experiments.multitask.prototypes import SETS, fill
from unknot.experiments.multitask.rules import RULES, TAGGED
from unknot.experiments.multitask.tables import names_in, of_row, title
from unknot.models.text.multitask import MultitaskAutoencoder
from unknot.report import save_figure
from unknot.representation.learner import encode_all

TITLES = {"prototypes": "the paper's prototypes", "alike": "sentences that look alike"}
LEGEND = 34
"""Characters of a prototype in a legend, at most."""


def save_pictures(model: MultitaskAutoencoder, sets: Mapping[str, Any], fillings: int, path: Path) -> None:
    """Write the codes and the clusters of a model to `figures/` in its folder, and to TensorBoard.

    Args:
        model: the model.
        sets: as `measure_model` returns them.
        fillings: how often each prototype is filled.
        path: the model's folder.
    """
    with SummaryWriter(str(path)) as writer:
        save_figure(codes(model, fillings), path / "figures/codes.png", writer)
        save_figure(clusters(sets), path / "figures/clusters.png", writer)


def codes(model: MultitaskAutoencoder, fillings: int) -> Figure:
    """Plot the codes of filled prototypes on their two principal components, coloured by prototype."""
    figure = Figure(figsize=(7, 7), layout="constrained")
    for axis, name in zip(figure.subplots(len(SETS), 1), SETS, strict=True):
        filled = fill(name, fillings)
        found = encode_all(model, filled.sentences).numpy(force=True)
        centre, axes = principal_plane(found)
        plane = (found - centre) @ axes.T
        colours = colormaps["tab20"](np.arange(len(SETS[name])))
        for kind, prototype in enumerate(SETS[name]):
            own = plane[filled.labels == kind]
            text = prototype if len(prototype) <= LEGEND else f"{prototype[:LEGEND]}…"
            axis.scatter(own[:, 0], own[:, 1], s=5, color=colours[kind], label=text or "(empty)")
        axis.set(xlabel="first principal component of codes", ylabel="second", title=TITLES[name])
        axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=7)
    return figure


def clusters(sets: Mapping[str, Any]) -> Figure:
    """Plot how many sentences of each prototype the clusters have, of the best run of K-means."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(sets)), sets, strict=True):
        counts = np.array(sets[name]["counts"])
        axis.imshow(counts[np.argsort(counts.argmax(1), kind="stable")], cmap="Greys")
        axis.set(xlabel="prototype", ylabel="cluster", title=f"{TITLES[name]}, error {sets[name]['best']}")
    return figure


def plot_errors(seeds: list[dict[str, Any]]) -> dict[str, Figure]:
    """Plot the best and the mean clustering error of each row, means over seeds; what learnt is filled."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    names = names_in(seeds, RULES | {TAGGED: None} | ROWS)
    for axis, of in zip(figure.subplots(1, len(SETS), sharey=True), SETS, strict=True):
        for place, name in enumerate(names):
            best, mean = (
                np.mean(over_seeds(of_row(seeds, name), "sets", of, which)) for which in ("best", "mean")
            )
            colour = "C0" if name in ROWS else "C7"
            axis.plot([best, mean], [place, place], color=colour)
            axis.scatter([best], [place], color=colour, marker="o")
            axis.scatter([mean], [place], color=colour, marker="|")
        axis.set(xlabel="clustering error, best (dot) to mean", title=TITLES[of], xlim=(0, None))
        axis.set_yticks(range(len(names)), [title(seeds, name) for name in names])
    axis.invert_yaxis()
    return {"errors": figure}
