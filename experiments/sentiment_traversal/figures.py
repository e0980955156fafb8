"""Pictures: codes by sentiment and topic with those that moved (Fig. 2), and what stays as codes move."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from unknot.experiments.common.figures import principal_plane
from unknot.experiments.common.tables import over_seeds
from unknot.experiments.sentiment_traversal.data import TOPICS, Study
from unknot.experiments.sentiment_traversal.measures import prepare
from unknot.experiments.sentiment_traversal.models import WAYS, AnyModel, Way
from unknot.experiments.sentiment_traversal.tables import NAMES, TITLES, ways_of
from unknot.report import save_figure
from unknot.representation.learner import encode_all
from unknot.style import COLOURS, band

CODES = 400
"""Test sentences whose codes are plotted, at most."""
SHOWN = 3
"""Codes of each kind that are shown as they move."""
MARKERS = "o^s"
"""Of topics."""
LINES = {
    "transfer": "sentiment of the sentence",
    "claimed": "sentiment, by the model's classifier of codes",
    "topic": "topic of the sentence stays",
    "kept": "all else stays",
}
"""What is plotted over how far codes move."""


@torch.no_grad()
def save_pictures(name: str, model: AnyModel, study: Study, metrics: dict[str, Any], path: Path) -> None:
    """Write Fig. 2 of each way to move a model's codes to `figures/` in its folder, and to TensorBoard."""
    prepare(model, study)
    with SummaryWriter(str(path)) as writer:
        for row, way in WAYS.items():
            if way.model == name:
                figure = moved_codes(way, model, study, metrics["ways"][row]["budget"])
                save_figure(figure, path / f"figures/codes-{row}.png", writer)


def moved_codes(way: Way, model: AnyModel, study: Study, budget: float) -> Figure:
    """Plot codes on their principal components by sentiment and topic, and some of them as they move.

    As in the paper's Fig. 2, negative sentences of one topic and positive ones of another move.
    """
    labels, topics = study.task.test.labels[:CODES], study.topics[:CODES]
    codes = encode_all(model, study.task.test.sentences[:CODES])
    names = TOPICS[study.task.name][-2:]
    numbers = [TOPICS[study.task.name].index(name) for name in names]
    plane = principal_plane(codes.numpy(force=True)[np.isin(topics, numbers)])
    figure = Figure(figsize=(5.5, 5), layout="constrained")
    panel = figure.subplots()
    for number, topic, marker in zip(numbers, names, MARKERS, strict=False):
        for value, sentiment in enumerate(study.task.values):
            rows = np.flatnonzero((labels == value) & (topics == number))
            before = _on(plane, codes[rows])
            text = f"{sentiment}, {topic}"
            panel.scatter(
                before[:, 0], before[:, 1], s=12, alpha=0.5, color=COLOURS[value], marker=marker, label=text
            )
            if value == (number == numbers[-1]):
                some = codes[rows[:SHOWN]]
                wanted = torch.full((len(some),), 1 - value, device=codes.device)
                _arrows(panel, before[:SHOWN], _on(plane, way.move(model, some, wanted, budget)))
    panel.set(xlabel="first principal component of codes", ylabel="second", title="codes, some as they move")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _on(plane: tuple[NDArray[np.float32], NDArray[np.float32]], codes: torch.Tensor) -> NDArray[np.float32]:
    centre, axes = plane
    points: NDArray[np.float32] = (codes.numpy(force=True) - centre) @ axes.T
    return points


def _arrows(panel: Any, before: NDArray[np.float32], after: NDArray[np.float32]) -> None:
    for start, end in zip(before, after, strict=True):
        look = {"arrowstyle": "->", "color": "black", "linewidth": 1.2}
        panel.annotate("", xy=end, xytext=start, arrowprops=look)
    ends = np.concatenate([before, after])
    panel.scatter(ends[:, 0], ends[:, 1], s=30, facecolors="none", edgecolors="black")


def curves(seeds: list[dict[str, Any]]) -> dict[str, Figure]:
    """Plot for each task and way what changes and what stays over the share of |z| that codes move."""
    return {f"curves-{task}": _curves(seeds, task) for task in seeds[0]["tasks"]}


def _curves(seeds: list[dict[str, Any]], task: str) -> Figure:
    ways = ways_of(seeds, task)
    figure = Figure(figsize=(2.6 * len(ways), 3.2), layout="constrained")
    panels = figure.subplots(1, len(ways), sharey=True, squeeze=False)[0]
    for panel, (name, measured) in zip(panels, ways.items(), strict=True):
        found = over_seeds(measured, "curve")
        moved = np.mean([[point["moved"] for point in curve] for curve in found], 0)
        for (key, text), colour in zip(LINES.items(), COLOURS, strict=False):
            if found[0][0][key] is not None:
                values = [[100 * point[key] for point in curve] for curve in found]
                band(panel, moved, values, colour, text)
        panel.set(ylim=(-3, 103), xlim=(0, None), title=TITLES[name], xlabel="|z* - z| / |z|")
        panel.title.set_fontsize(7)
        panel.locator_params(axis="x", nbins=4)
    panels[0].set_ylabel(f"{NAMES[task]}, %")
    lines, texts = panels[0].get_legend_handles_labels()
    figure.legend(lines, texts, loc="outside lower center", ncols=len(LINES), fontsize=8)
    return figure
