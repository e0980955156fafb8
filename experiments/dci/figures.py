"""Hinton diagrams (Fig. 2) and traversals (Fig. 6)."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from unknot.experiments.common.figures import hinton_figure
from unknot.experiments.common.study import save_traversals
from unknot.experiments.dci.data import FACTORS
from unknot.experiments.dci.tables import REGRESSORS
from unknot.models.image.infogan import InfoGAN
from unknot.models.image.vae import VAE
from unknot.models.traversals import COLUMNS
from unknot.report import save_figure
from unknot.representation import Learner

Images = NDArray[np.uint8]


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
            save_traversals(learner, images[:COLUMNS], folder, writer)
