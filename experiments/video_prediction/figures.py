"""The paper's figures, of one model each (Figs. 2 and 3), predictions, and errors over time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from unknot.experiments.common.figures import video_grid
from unknot.experiments.common.tables import where_measured
from unknot.experiments.video_prediction.measures import CLIPS, FLOORS, pairs, sample
from unknot.experiments.video_prediction.models import (
    AHEAD,
    ENTANGLED,
    FACTORED,
    PUBLISHED,
    SLOTS,
    source,
)
from unknot.experiments.video_prediction.reading import Clips, Floats, Groups, codes_of, decode, varied
from unknot.models.traversals import image_rows
from unknot.models.video.independent_predictor import IndependentPredictor
from unknot.report import save_figure, save_gif
from unknot.representation.learner import as_images

if TYPE_CHECKING:
    from unknot.experiments.video_prediction import Settings

SHOWN = 3
"""Clips of an animation."""
CORRELATED = 10
"""One so-manieth of the pairs is enough for a heat map."""
STYLES = {"mean": ":", "copy": "--", "linear": "-."}
LABELS = {
    FACTORED: "factored",
    ENTANGLED: "entangled",
    SLOTS: "a decoder for each factor",
    PUBLISHED: "factored, the paper's networks",
}


def save_pictures(
    learner: IndependentPredictor, data: str, settings: "Settings", groups: Groups, folder: Path
) -> None:
    """Write a model's figures and animations to `figures/` in its folder, and to TensorBoard."""
    clips = source(data, settings, settings.frames + AHEAD, test=True)
    images = clips.render_factors(sample(clips, SHOWN, CLIPS))
    before, after, _, _ = pairs(learner, data, settings, CORRELATED)
    figures = {
        "correlations": correlations(before[:, groups.ravel()], after[:, groups.ravel()], len(groups)),
        "variations": image_rows(variations(learner, images[0, : settings.frames], groups)),
        "changes": image_rows(changes(learner, images, settings.frames, groups)),
    }
    moving = [variations(learner, clip[: settings.frames], groups) for clip in images]
    with SummaryWriter(str(folder)) as writer:
        for name, figure in figures.items():
            save_figure(figure, folder / "figures" / f"{name}.png", writer)
        save_gif(_grid(moving), folder / "figures/variations.gif", writer, fps=5)
        shown = [changes(learner, np.roll(images, -k, 0), settings.frames, groups) for k in range(SHOWN)]
        save_gif(_grid(shown), folder / "figures/changes.gif", writer, fps=5)


def correlations(before: Floats, after: Floats, factors: int) -> Figure:
    """Plot the correlation of codes at a time (down) and at the next (across), |ρ| (Fig. 2)."""
    size = before.shape[1]
    with np.errstate(invalid="ignore"):  # of constant codes
        matrix = np.abs(np.nan_to_num(np.corrcoef(before.T, after.T)[:size, size:]))
    figure = Figure(figsize=(4, 3.4), layout="constrained")
    panel = figure.subplots()
    picture = panel.imshow(matrix, vmin=0, vmax=1, cmap="viridis")
    for edge in np.arange(1, factors) * size // factors - 0.5:
        panel.axhline(edge, color="white", lw=0.8)
        panel.axvline(edge, color="white", lw=0.8)
    panel.set(xlabel="codes at t + 1", ylabel="codes at t", xticks=[], yticks=[])
    figure.colorbar(picture, label="absolute correlation")
    return figure


def variations(learner: IndependentPredictor, clip: Clips, groups: Groups) -> dict[str, Clips]:
    """Return rows: a clip, its reconstruction, each factor varying alone from the second frame (Fig. 3).

    Args:
        learner: the model.
        clip: uint8 (t, h, w, c).
        groups: the dimensions of each factor.
    """
    codes = codes_of(learner, clip[None])
    rows = {"clip": clip, "all factors": as_images(decode(learner, codes)[0])}
    for number, dims in enumerate(groups):
        rows[f"factor {number + 1}"] = as_images(decode(learner, varied(codes, dims))[0])
    return rows


@torch.no_grad()
def changes(learner: IndependentPredictor, images: Clips, frames: int, groups: Groups) -> dict[str, Clips]:
    """Return rows: what follows the first clip, predicted, and with one factor from the second clip.

    Args:
        learner: the model.
        images: uint8 (n, frames + `AHEAD`, h, w, c), at least two.
        frames: that are seen.
        groups: the dimensions of each factor.
    """
    first, other = learner.encode(images[:2, :frames])
    starts = [first]
    for dims in groups[:2]:
        start = first.clone()
        start[dims] = other[dims]
        starts.append(start)
    z = torch.stack(starts).reshape(-1, learner.factors, learner.factor_dim)
    predicted = learner.decode_path(learner.imagine(z, AHEAD))
    rows = {"true": images[0, frames:], "predicted": as_images(predicted[0])}
    for number, clip in enumerate(predicted[1:]):
        rows[f"factor {number + 1} of another"] = as_images(clip)
    return {**rows, "the other, true": images[1, frames:]}


def _grid(clips: Sequence[Mapping[str, Clips]]) -> Clips:
    """Return frames of an animation, a column a clip, its rows from top to bottom."""
    return video_grid(np.stack([rows[name] for name in clips[0] for rows in clips]), len(clips))


def errors_ahead(seeds: Sequence[Mapping[str, Any]]) -> dict[str, Figure]:
    """Plot the squared errors of the frames that are predicted, means over seeds, a figure a data set."""
    figures = {}
    for data in seeds[0]["floors"]:
        figure = Figure(figsize=(7, 3.4), layout="constrained")
        panel = figure.subplots()
        for kind, label in LABELS.items():
            curves = [s["models"][f"{data}-{kind}"] for s in seeds if f"{data}-{kind}" in s["models"]]
            if curves:
                mean = np.mean([each["prediction"] for each in curves], 0)
                panel.plot(np.arange(1, len(mean) + 1), mean, label=label)
        for name, label in FLOORS.items():
            curve = np.mean(where_measured(seeds, "floors", data, name), 0)
            panel.plot(np.arange(1, len(curve) + 1), curve, STYLES[name], color="grey", label=label)
        panel.set(xlabel="frames ahead", ylabel="squared error of a channel", ylim=(0, None))
        figure.legend(loc="outside right center", fontsize=8)
        figures[f"prediction-{data}"] = figure
    return figures
