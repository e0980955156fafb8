"""Pictures of models: Fig. 2 as animations and strips, content and motion combined, longer videos."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from unknot.experiments.common.figures import video_grid
from unknot.experiments.common.seeds import seeded
from unknot.experiments.mocogan.data import FRAMES
from unknot.experiments.mocogan.measures import combine, generate
from unknot.experiments.mocogan.models import VideoModel
from unknot.models.traversals import image_rows
from unknot.models.video.mocogan import MoCoGAN
from unknot.models.video.sequential_vae import SequentialVAE
from unknot.report import save_figure, save_gif

Videos = NDArray[np.uint8]

SHOWN = 8
"""Videos in a strip figure."""
SIDE = 4
"""Contents and motions of a picture that combines them."""


def save_pictures(learner: VideoModel, real: Videos, folder: Path, *, control: bool) -> None:
    """Write a model's pictures to its folder: samples as GIF and strip, perhaps codes that are combined.

    Args:
        learner: the model.
        real: videos that are shown beside, uint8 (n, frames, h, w, c).
        folder: the model's.
        control: also show real videos, and of MoCoGAN contents with motions, and videos twice as long as in
            training.
    """
    samples = generate(learner, SHOWN * 2, seed=4)
    strips = {"real": real[0], **{f"{k}": video for k, video in enumerate(samples[:SHOWN])}}
    figures = {"videos": image_rows({name: _spread(video) for name, video in strips.items()})}
    gifs = {"videos": video_grid(samples, SHOWN)}
    if control:
        gifs["real"] = video_grid(real[: 2 * SHOWN], SHOWN)
    if control and isinstance(learner, MoCoGAN | SequentialVAE):
        with seeded(5):
            content, motion = learner.sample_codes(SIDE).content, learner.sample_codes(SIDE).motion
            longer = learner.sample(SHOWN, 2 * learner.length)
        gifs |= {
            "combined": video_grid(combine(learner, content, motion), SIDE),
            "longer": video_grid(longer, SIDE),
        }
        figures["longer"] = image_rows(_rows(longer))
        figures["contents"] = image_rows(_rows(combine(learner, content, motion[:1])))
        figures["motions"] = image_rows(_rows(combine(learner, content[:1], motion)))
    with SummaryWriter(str(folder)) as writer:
        for name, figure in figures.items():
            save_figure(figure, folder / f"figures/{name}.png", writer)
        for name, frames in gifs.items():
            save_gif(frames, folder / f"figures/{name}.gif", writer, fps=8)


def _rows(videos: Videos) -> dict[str, Videos]:
    return {f"{k}": _spread(video) for k, video in enumerate(videos)}


def _spread(video: Videos) -> Videos:
    """Return as many frames as a clip has, at even distances."""
    return video[:: max(len(video) // FRAMES, 1)]


def collapse_curves(curves: Sequence[Sequence[Mapping[str, Any]]]) -> Figure:
    """Plot the distance of the factors' histogram over the last third of training, a line a seed."""
    figure = Figure(figsize=(4.5, 3.2), layout="constrained")
    panel = figure.subplots()
    for curve in curves:
        panel.plot([p["updates"] for p in curve], [p["distance"] for p in curve], "o-", color="C0", alpha=0.6)
    panel.set(xlabel="updates", ylabel="total variation", ylim=(0, 1))
    return figure
