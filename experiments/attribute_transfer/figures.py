"""Pictures: where attention looks, and what is kept against what is transferred."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from unknot.experiments.common.rewriting import Task
from unknot.models.text.attribute_transfer import AttributeTransfer
from unknot.report import save_figure

LOOKED_AT = 4
"""Test sentences whose attention is plotted, at most."""


def save_pictures(model: AttributeTransfer, task: Task, path: Path) -> None:
    """Write where a model looks to `figures/` in its folder, and to TensorBoard."""
    model.eval()
    with SummaryWriter(str(path)) as writer:
        save_figure(attention(model, task), path / "figures/attention.png", writer)


def attention(model: AttributeTransfer, task: Task) -> Figure:
    """Plot which words of a sentence the model looks at for each word that it writes."""
    n = min(LOOKED_AT, len(task.test.sentences))
    columns = 2
    figure = Figure(figsize=(11, 5 * -(-n // columns)), layout="constrained")
    axes = figure.subplots(-(-n // columns), columns, squeeze=False).flat
    for k, axis in enumerate(axes):
        if k >= n:
            axis.set_axis_off()
            continue
        sentence, wanted = task.test.sentences[k], int(task.wanted[k])
        written, weights = model.look(sentence, [wanted])
        axis.imshow(weights.numpy(force=True), cmap="Greys", vmin=0, vmax=1)
        read = [*sentence.split()[: task.longest], "<end>"]
        axis.set_xticks(np.arange(len(read)), read, rotation=90, fontsize=8)
        axis.set_yticks(np.arange(len(written)), written, fontsize=8)
        axis.set(xlabel="read", ylabel="written")
        axis.set_title(f"to {task.values[wanted]}", fontsize=9)
    return figure
