"""Hinton diagrams (Fig. 2) and traversals (Fig. 6)."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from unknot.experiments.common.figures import hinton_figure
from unknot.experiments.dci.data import FACTORS
from unknot.experiments.dci.tables import REGRESSORS
from unknot.models.image.infogan import InfoGAN
from unknot.models.image.vae import VAE
from unknot.models.traversals import COLUMNS, image_rows, there_and_back, traverse
from unknot.report import save_figure, save_gif
from unknot.representation import Learner
from unknot.representation.learner import as_images

Images = NDArray[np.uint8]

SHOWN = 8
"""Images in a row of the traversals."""


def save_pictures(learner: Learner, metrics: dict[str, Any], images: Images, folder: Path) -> None:
    """Plot the Hinton diagrams of a model, and traversals if it decodes.

    Args:
        learner: the model.
        metrics: what was measured of it.
        images: to begin traversals with.
        folder: the model's.
    """
    matrices = {text: np.array(metrics[name]["importances"]) for name, text in REGRESSORS.items()}
    with SummaryWriter(str(folder)) as writer:
        save_figure(hinton_figure(matrices, FACTORS, (7, 4)), folder / "figures/hinton.png", writer)
        if isinstance(learner, VAE | InfoGAN):
            save_figure(traversals(learner, images[:SHOWN]), folder / "figures/traversals.png", writer)
            with torch.no_grad():
                codes = learner.encode(images[:4])
            span = _span(learner)
            frames = there_and_back(learner, codes, np.linspace(-span, span, 2 * COLUMNS), letter="c")
            save_gif(frames, folder / "figures/traversals.gif", writer)


@torch.no_grad()
def traversals(learner: VAE | InfoGAN, images: Images) -> Figure:
    """Show images, their reconstructions, and the first one's with one dimension after the other varied.

    A dimension goes over all of a uniform prior, [-1, 1], and two standard deviations of a normal one to
    either side.
    """
    codes, span = learner.encode(images), _span(learner)
    rows = traverse(learner, codes[:1], np.linspace(-span, span, len(images)))[:, :, 0]
    varied = {f"c{dim}": row for dim, row in enumerate(rows)}
    return image_rows({"images": images, "reconstructed": as_images(learner.decode(codes)), **varied})


def _span(learner: VAE | InfoGAN) -> float:
    """Return how far traversals go from 0 to either side."""
    return 1 if isinstance(learner, InfoGAN) else 2
