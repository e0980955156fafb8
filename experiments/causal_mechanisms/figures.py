"""Figs. 2 to 7 of the paper, experts on other content, and the competition as an animation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from unknot.experiments.causal_mechanisms.data import contents, measured
from unknot.experiments.causal_mechanisms.measures import repair, stages, undo
from unknot.experiments.causal_mechanisms.tables import CLASSIFIER, FEW, MANY, OURS, seeds_of
from unknot.experiments.common.runs import load_model, load_stages, model_folder
from unknot.models.data.mechanisms import MECHANISMS
from unknot.models.image.competition import CompetingExperts
from unknot.models.traversals import image_rows
from unknot.report import save_figure, save_gif

Images = NDArray[np.uint8]

SHOWN = 16
"""Images in a row."""
ENLARGED = 4
"""Pixels of the animation for each of an image."""


def save_pictures(folder: Path, pixels: int, updates: int) -> None:
    """Write the figures of ours to its folder: foreign inputs, repaired images, other content, animation."""
    learner = load_model(folder, OURS, CompetingExperts)
    figures = {"inputs": all_experts(learner, pixels), "repaired": repaired(learner, "test", pixels)}
    figures |= {f"repaired-{content}": repaired(learner, content, pixels) for content in contents()}
    path = model_folder(folder, OURS)
    with SummaryWriter(str(path)) as writer:
        for name, figure in figures.items():
            save_figure(figure, path / f"figures/{name}.png", writer)
        save_gif(competition(path, pixels, updates), path / "figures/competition.gif", writer, fps=2)


def all_experts(learner: CompetingExperts, pixels: int) -> Figure:
    """Show what every expert makes of the same images, of all mechanisms (Fig. 2)."""
    _, images, _ = measured("test", pixels, SHOWN)
    rows = {f"E{j}": undo(learner, images, j) for j in range(len(learner.experts))}
    return image_rows({"inputs": images, **rows})


def repaired(learner: CompetingExperts, content: str, pixels: int) -> Figure:
    """Show images, what the winning experts make of them, and the originals (Fig. 3)."""
    factors, images, originals = measured(content, pixels, SHOWN)
    outputs, _ = repair(learner, images, factors["mechanism"])
    return image_rows({"inputs": images, "repaired": outputs, "originals": originals})


def competition(folder: Path, pixels: int, updates: int) -> list[Images]:
    """Return frames of an animation: images above, and below what winners made of them at each stage."""
    factors, images, _ = measured("test", pixels, SHOWN)
    frames = []
    for _, learner in load_stages(folder, stages(updates), CompetingExperts):
        outputs, _ = repair(learner, images, factors["mechanism"])
        rows = np.concatenate([np.concatenate(list(each[..., 0]), 1) for each in (images, outputs)])
        frames.append(rows.repeat(ENLARGED, 0).repeat(ENLARGED, 1))
    return frames


# Of all seeds


def plot(seeds: list[dict[str, Any]]) -> dict[str, Figure]:
    """Plot Fig. 4 of all seeds, Figs. 5 to 7 of the first."""
    figures = {"accuracy": accuracy(seeds), "assignment": assignment(seeds, (OURS,))}
    if curves := seeds_of(seeds, OURS)[0].get("curve"):
        figures["scores"] = scores(curves)
    if seeds_of(seeds, MANY):
        figures["assignment-many-few"] = assignment(seeds, (MANY, FEW))
    return figures


def accuracy(seeds: list[dict[str, Any]]) -> Figure:
    """Plot the classifier's accuracy on repaired digits over updates, a line a seed (Fig. 4)."""
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    panel = figure.subplots()
    for model in seeds_of(seeds, OURS):
        points = model.get("curve", [])
        panel.plot([p["updates"] for p in points], [p["accuracy"] for p in points], color="C0", alpha=0.5)
    bounds = {
        "before the mechanisms": np.mean([model["accuracy"] for model in seeds_of(seeds, CLASSIFIER)]),
        "images as they are": np.mean([seed["bounds"]["input"]["accuracy"] for seed in seeds]),
    }
    for number, (name, value) in enumerate(bounds.items(), start=1):
        panel.axhline(float(value), linestyle="--", color=f"C{number}", label=name)
    panel.set(xlabel="updates", ylabel="accuracy", ylim=(0, 1))
    panel.legend(fontsize=8)
    return figure


def scores(points: Sequence[Mapping[str, Any]]) -> Figure:
    """Plot D's mean probability of each expert's outputs over updates, a panel a mechanism (Fig. 5)."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    values, updates = np.array([each["scores"] for each in points]), [each["updates"] for each in points]
    for k, (panel, name) in enumerate(
        zip(figure.subplots(2, 5, sharex=True, sharey=True).flat, MECHANISMS, strict=True)
    ):
        for expert in range(values.shape[2]):
            style = "-" if expert < 10 else ":"
            panel.plot(
                updates, values[:, k, expert], color=f"C{expert % 10}", linestyle=style, label=f"E{expert}"
            )
        panel.set_title(name, fontsize=9)
    figure.supxlabel("updates")
    figure.supylabel("D(E(x'))")
    figure.legend(*panel.get_legend_handles_labels(), loc="outside right center", fontsize=8)
    return figure


def assignment(seeds: list[dict[str, Any]], names: Sequence[str]) -> Figure:
    """Show the share of each mechanism that each expert wins, of the first seed (Figs. 6 and 7)."""
    matrices = {name: np.array(seeds_of(seeds, name)[0]["matrix"]) for name in names}
    widths = [matrix.shape[1] for matrix in matrices.values()]
    figure = Figure(figsize=(1.6 + 0.36 * sum(widths), 3.8), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False, sharey=True, width_ratios=widths)[0]
    for panel, matrix in zip(panels, matrices.values(), strict=True):
        shown = panel.imshow(matrix, cmap="viridis", vmin=0, vmax=1)
        panel.set(xlabel="expert", xticks=range(matrix.shape[1]))
    panels[0].set_yticks(range(len(MECHANISMS)), MECHANISMS)
    figure.colorbar(shown, ax=panels[-1], label="share of images won")
    return figure
