"""Figures that several experiments have."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from unknot.experiments.common.tables import over_seeds
from unknot.representation.metrics import hinton

ERRORS = {"nats": "-log p(x | z) in nats", "error": "squared error of a pixel"}
"""The reconstruction errors that `study.measure` returns, by name."""

METRICS = {
    "dci": "DCI disentanglement",
    "factor_vae": "FactorVAE metric",
    "higgins": "Higgins et al.'s metric",
    "mig": "MIG",
}
"""Names of metrics for axes, where they are not clear by themselves."""
BESIDE = ((4, 4), (4, -11), (-12, 4), (-12, -11))
"""Where the value of a method stands beside its point, in points: each method has its own side."""

ENLARGED = 2
"""Pixels of a grid of videos for each of a video."""


def hinton_figure(
    matrices: Mapping[str, NDArray[np.float64]],
    factors: Sequence[str] | None = None,
    size: tuple[float, float] = (4, 5),
) -> Figure:
    """Plot Hinton diagrams side by side.

    Args:
        matrices: (dimensions, factors) each, by their titles.
        factors: names of the columns; default: factor 0, factor 1, ...
        size: of the figure, in inches.
    """
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(matrices), squeeze=False)[0]
    for panel, (text, matrix) in zip(panels, matrices.items(), strict=True):
        hinton(panel, matrix, factors)
        panel.set_title(text, fontsize=9)
        if factors:
            panel.tick_params("x", rotation=90)
    return figure


def tradeoff(
    seeds: Sequence[Mapping[str, Any]],
    titles: Mapping[str, str],
    sources: Sequence[str],
    metrics: Sequence[str],
    error: str,
) -> Figure:
    """Plot every metric over the reconstruction error, a curve a method, a row a source.

    Points are means over seeds, bars standard deviations.

    Args:
        seeds: the metrics of each, with `models` as `Study.run` returns them; a model of a method is called
            KIND-VALUE.
        titles: of the methods, by kind.
        sources: names of what is measured.
        metrics: names.
        error: "nats" or "error", as in `measure`.
    """
    figure = Figure(figsize=(3.2 * len(metrics), 2.8 * len(sources)), layout="constrained")
    panels = figure.subplots(len(sources), len(metrics), sharex=True, squeeze=False)
    models = {k: [n for n in seeds[0]["models"] if n.startswith(f"{k}-")] for k in titles}
    errors = {n: np.mean(over_seeds(seeds, "models", n, error)) for names in models.values() for n in names}
    for source, row in zip(sources, panels, strict=True):
        for metric, panel in zip(metrics, row, strict=True):
            panel.set(ylabel=METRICS.get(metric, metric), xlabel=ERRORS[error], title=source, ylim=(0, 1.05))
            for (kind, names), beside in zip(models.items(), cycle(BESIDE), strict=False):
                scores = [over_seeds(seeds, "models", n, "scores", source, metric, "value") for n in names]
                x, y = [errors[name] for name in names], [np.mean(each) for each in scores]
                spread = [np.std(each, ddof=min(len(seeds) - 1, 1)) for each in scores]
                if names:
                    panel.errorbar(x, y, spread, marker="o", capsize=2, label=titles[kind])
                for place, name in zip(zip(x, y, strict=True), names, strict=True):
                    text = name.partition("-")[2]
                    panel.annotate(text, place, textcoords="offset points", xytext=beside, fontsize=8)
    low, high = min(errors.values()), max(errors.values())
    panels[0, 0].set_xlim(low - 0.1 * (high - low), high + 0.1 * (high - low))
    lines, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles=lines, labels=labels, loc="outside lower center", ncols=len(titles))
    return figure


def video_grid(videos: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Return frames of one animation of videos (n, t, h, w, c) side by side, so many in a row, enlarged."""
    n, frames, height, width, channels = videos.shape
    rows = -(-n // columns)
    padded = np.zeros((rows * columns, frames, height + 1, width + 1, channels), np.uint8)
    padded[..., -1, :, :], padded[..., -1, :] = 128, 128  # grey lines between videos
    padded[:n, :, :-1, :-1] = videos
    arranged = padded.reshape(rows, columns, *padded.shape[1:]).transpose(2, 0, 3, 1, 4, 5)
    whole = arranged.reshape(frames, rows * (height + 1), columns * (width + 1), channels)
    return whole.repeat(ENLARGED, 1).repeat(ENLARGED, 2)


def principal_plane(codes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the mean (d,) of codes (n, d), and their first two principal axes (2, d)."""
    centre = codes.mean(0)
    _, _, axes = np.linalg.svd(codes - centre, full_matrices=False)
    return centre, axes[:2]
