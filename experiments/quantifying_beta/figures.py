"""Figs. 1 and 2: curves over β."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from unknot.experiments.quantifying_beta.tables import (
    TYPES,
    beta_of,
    kind_of,
    label_shares,
    of_models,
    scores,
)


def plot(seeds: list[dict[str, Any]]) -> dict[str, Figure]:
    """Plot Figs. 1 and 2: disentanglement over β, and accuracy for each share of labels."""
    figures = {"shapes": curves(scores(seeds), "metric of Higgins et al.")}
    for share in label_shares(seeds):
        figures[f"digits-{share}"] = curves(of_models(seeds, "digits", "accuracy", share), "accuracy")
    return figures


def curves(values: Mapping[str, Sequence[float]], label: str) -> Figure:
    """Plot a number of each model over β, a curve a type: mean ± standard deviation over the seeds.

    Args:
        values: of each seed, by the model's name.
        label: of the vertical axis.
    """
    figure = Figure(figsize=(5, 3.6))
    panel = figure.subplots()
    for kind, text in TYPES.items():
        names = [name for name in values if kind_of(name) == kind]
        betas = [beta_of(name) for name in names]
        each = np.array([values[name] for name in names])
        mean = each.mean(1)
        std = each.std(1, ddof=1) if each.shape[1] > 1 else np.zeros_like(mean)
        panel.plot(betas, mean, marker="o", label=text)
        panel.fill_between(betas, mean - std, mean + std, alpha=0.2)
    panel.set(xlabel="β", ylabel=label)
    panel.legend(fontsize=8)
    return figure
