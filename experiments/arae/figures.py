"""Pictures: codes by attribute, and what is kept against what is transferred."""

from pathlib import Path

from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from unknot.experiments.common.figures import principal_plane
from unknot.experiments.common.rewriting import Task
from unknot.models.text.transfer import Rewriter
from unknot.report import save_figure
from unknot.representation.learner import encode_all

CODES = 1000
"""Codes that are plotted, at most."""


def save_pictures(model: Rewriter, task: Task, path: Path) -> None:
    """Write a model's codes by attribute to `figures/` in its folder, and to TensorBoard."""
    model.eval()
    with SummaryWriter(str(path)) as writer:
        save_figure(codes(model, task), path / "figures/codes.png", writer)


def codes(model: Rewriter, task: Task) -> Figure:
    """Plot the codes of test sentences on their two principal components, coloured by their attribute."""
    found = encode_all(model, task.test.sentences[:CODES]).numpy(force=True)
    centre, axes = principal_plane(found)
    plane = (found - centre) @ axes.T
    figure = Figure(figsize=(4, 4), layout="constrained")
    axis = figure.subplots()
    for value, name in enumerate(task.values):
        own = plane[task.test.labels[: len(plane)] == value]
        axis.scatter(own[:, 0], own[:, 1], s=4, label=name)
    axis.set(xlabel="first principal component of codes", ylabel="second")
    axis.legend()
    return figure
