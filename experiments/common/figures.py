"""Pictures that several experiments have."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from unknot.experiments.common.tables import over_seeds

__all__ = ["tradeoff"]

ERRORS = {"nats": "-log p(x | z) in nats", "error": "squared error of a pixel"}
"""The reconstruction errors that `study.measure` returns, by name."""


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
    errors = {name: over_seeds(seeds, "models", name, error) for name in seeds[0]["models"]}
    for source, row in zip(sources, panels, strict=True):
        for metric, panel in zip(metrics, row, strict=True):
            panel.set(ylabel=f"{metric}, {source}", xlabel=ERRORS[error], ylim=(-0.05, 1.05))
            for kind, title in titles.items():
                names = [name for name in errors if name.startswith(f"{kind}-")]
                x = [np.mean(errors[name]) for name in names]
                each = [
                    over_seeds(seeds, "models", name, "scores", source, metric, "value") for name in names
                ]
                y, spread = (
                    [np.mean(values) for values in each],
                    [np.std(values, ddof=min(len(seeds) - 1, 1)) for values in each],
                )
                if names:
                    panel.errorbar(x, y, spread, marker="o", capsize=2, label=title)
                for place, name in zip(zip(x, y, strict=True), names, strict=True):
                    text = name.partition("-")[2]
                    panel.annotate(text, place, textcoords="offset points", xytext=(4, 4), fontsize=8)
    panels[0, 0].legend(fontsize=8)
    greatest = max(np.mean(errors[name]) for name in errors if name.partition("-")[0] in titles)
    panels[0, 0].set_xlim(0, 1.1 * greatest)
    return figure
