"""What is measured of videos: Table 1 of the paper, what ACD can't see, collapse, control, longer videos."""

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from unknot.agents.intervals import as_digits
from unknot.experiments.common.seeds import seeded
from unknot.experiments.mocogan import characters, heads
from unknot.experiments.mocogan.data import (
    CATEGORIES,
    CHARACTERS,
    FRAMES,
    HEADS,
    SHAPES,
    real_videos,
)
from unknot.experiments.mocogan.models import VideoModel
from unknot.experiments.mocogan.reading import CELLS, GRID, HUES, Reading, read, true_cells
from unknot.models.data.videos import ShapeMotion
from unknot.models.image.verifier import Verifier
from unknot.models.video.mocogan import MoCoGAN
from unknot.models.video.sequential_vae import SequentialVAE
from unknot.representation.metrics.assignment import assignment_matrix
from unknot.representation.metrics.histograms import cells_hit, histogram, histogram_distance
from unknot.representation.metrics.videos import average_content_distance, displacement

if TYPE_CHECKING:
    from unknot.experiments.mocogan import Settings

Videos = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AT_ONCE = 100
"""Videos generated at a time."""
CONTENTS, MOTIONS = 20, 20
"""Contents and motions that are combined with each other."""
MOST = {CHARACTERS: 128, HEADS: 512}
"""The most videos that are read frame by frame, beside all renderings there are."""
TRUE = 100_000
"""Samples of the true factors, whose histogram is that of the data."""


def generate(learner: VideoModel, n: int, seed: int = 0) -> Videos:
    """Generate n videos, uint8 (n, frames, h, w, c), the same for the same weights and seed."""
    with seeded(seed):
        parts = [learner.sample(min(AT_ONCE, n - start)) for start in range(0, n, AT_ONCE)]
    return np.concatenate(parts)


def measure(
    learner: VideoModel, data: str, settings: "Settings", samples: int, verifier: Verifier | None
) -> dict[str, Any]:
    """Return all that is measured of a model of a data set; that of heads needs a verifier."""
    n = min(samples, MOST.get(data, samples))
    metrics = measure_videos(generate(learner, n), data, settings, verifier)
    if isinstance(learner, MoCoGAN | SequentialVAE) and data == SHAPES:
        metrics["control"] = control(learner)
    if isinstance(learner, MoCoGAN) and learner.categories:
        metrics["score"] = motion_score(learner, data, settings, max(samples // 10, 10))
    return metrics


def measure_videos(
    videos: Videos, data: str, settings: "Settings", verifier: Verifier | None
) -> dict[str, Any]:
    """Return what is measured of videos, real or generated."""
    if data == SHAPES:
        return shape_metrics(videos, settings)
    if data == CHARACTERS:
        return characters.reader(settings.pixels).metrics(videos)
    if data == HEADS:
        assert verifier is not None
        return heads.reader(settings.people, settings.pixels).metrics(videos, verifier)
    return own_metrics(videos)


# Shapes


def shape_metrics(videos: Videos, settings: "Settings") -> dict[str, Any]:
    """Return measures of videos of moving shapes, uint8 (n, frames, h, w, 3).

    Returns:
        `acd`, the mean over videos in units of 0 to 255, and `valid_acd` over the valid ones; `frames`, the
        share of valid frames; `valid`, of clips, the first frames of videos, all of whose frames are valid,
        with `outcomes`; `longer`, of whole videos; `motions`, the shares of the classes of motion; `moved`,
        the mean displacement in pixels; `alike`, see there; `hit` and `distance`, see `collapse`. None where
        there is nothing to measure.
    """
    found = read(videos)
    clips = found.valid[:, :FRAMES].all(1)
    acd, moved = average_content_distance(found.track.colour), displacement(found.track.centre)
    return {
        "acd": float(acd.mean()),
        "valid_acd": _mean(acd[found.whole]),
        "frames": float(found.valid.mean()),
        "valid": float(clips.mean()),
        "outcomes": as_digits(clips),
        "longer": float(found.whole.mean()),
        "motions": [float((found.motion == k).mean()) for k in range(len(CATEGORIES[SHAPES][1]))],
        "moved": _mean(moved[np.isfinite(moved)]),
        "alike": alike(found.track.centre, found.motion),
        **collapse(found, settings),
    }


def collapse(found: Reading, settings: "Settings") -> dict[str, float]:
    """Return the share of cells of the grid of factors that are hit, and the largest factor's distance.

    The distance is the total variation between the histogram of a factor and that of the data.
    """
    expected = _expected(settings.pixels).reshape(*GRID.values())
    every = np.unravel_index(np.maximum(found.cells, 0), expected.shape)
    distances = []
    for axis, values in enumerate(every):
        own = expected.sum(tuple(each for each in range(len(GRID)) if each != axis))
        distances.append(histogram_distance(np.where(found.cells < 0, -1, values), own))
    return {"hit": cells_hit(found.cells, CELLS), "distance": max(distances)}


@cache
def _expected(pixels: int) -> Floats:
    """Return the probabilities of the cells in the data."""
    factors = ShapeMotion(pixels=pixels).sample_factors(TRUE, np.random.default_rng(0))
    return histogram(true_cells(factors), CELLS)


def control(learner: MoCoGAN | SequentialVAE) -> dict[str, float]:
    """Return how well content stays under other motions, and motion under other contents (Fig. 2).

    Returns:
        `kept`: the share of videos whose shape, size and hue are the most frequent of their content.
        `correlation`: of centres over time with those of the same motion, the mean over other contents; 0
        for a video in which nothing is seen in a frame.
    """
    with seeded(1):
        content, motion = learner.sample_codes(CONTENTS).content, learner.sample_codes(MOTIONS).motion
    videos = combine(learner, content, motion)
    found = read(videos)
    looks = np.where(found.whole, found.kind * HUES + found.hue, -1).reshape(len(content), len(motion))
    kept = [np.bincount(row[row >= 0], minlength=1).max() / len(row) for row in looks]
    centres = found.track.centre.reshape(len(content), len(motion), -1, 2)
    return {"kept": float(np.mean(kept)), "correlation": float(np.mean(correlations(centres)))}


def combine(learner: MoCoGAN | SequentialVAE, content: torch.Tensor, motion: torch.Tensor) -> Videos:
    """Return videos of every content with every motion, uint8 (contents × motions, frames, h, w, c)."""
    rows = [learner.decode(each.expand(len(motion), -1), motion) for each in content]
    return np.concatenate(rows)


def correlations(centres: Floats) -> Floats:
    """Return the mean correlation of each course with those of the same motion, (contents, motions).

    Args:
        centres: (contents, motions, frames, 2); NaN in a frame where nothing is seen.
    """
    moves = centres - centres.mean(2, keepdims=True)
    moves = np.nan_to_num(moves).reshape(*centres.shape[:2], -1)
    lengths = np.linalg.norm(moves, axis=-1, keepdims=True)
    unit = np.divide(moves, lengths, out=np.zeros_like(moves), where=lengths > 0)
    others: Floats = np.einsum("imd,jmd->im", unit, unit) - (unit**2).sum(-1)
    return others / (len(centres) - 1)


def alike(centres: Floats, motions: Ints) -> float | None:
    """Return the mean correlation of courses (n, frames, 2) of one class, (n,); None where there are no two.

    So much has a motion code that tells the class of motion alone.
    """
    classes = [centres[motions == k] for k in np.unique(motions[motions >= 0])]
    found = [correlations(each[:, None]).ravel() for each in classes if len(each) > 1]
    return float(np.concatenate(found).mean()) if found else None


# All data


def motion_score(learner: MoCoGAN, data: str, settings: "Settings", n: int) -> float:
    """Return the motion control score: the share of videos whose motion is of the category asked for.

    Tulyakov et al., "MoCoGAN", CVPR 2018. Categories are matched to the classes that are read (Hungarian).
    """
    category = torch.arange(n) % learner.categories
    with seeded(3):
        codes = learner.sample_codes(n, category=category)
    motions = classes_of(learner.decode(codes.content, codes.motion), data, settings)
    found = np.where(motions < 0, learner.categories, motions)  # the last column is of no class
    matrix = assignment_matrix(category, found, learner.categories, learner.categories + 1)
    rows, columns = linear_sum_assignment(matrix[:, :-1], maximize=True)
    return float(matrix[rows, columns].mean())


def classes_of(videos: Videos, data: str, settings: "Settings") -> Ints:
    """Return the category of motion that videos show, (n,); -1 for none."""
    if data == SHAPES:
        return read(videos).motion
    if data == HEADS:
        return heads.face_of(heads.reader(settings.people, settings.pixels).read(videos))
    return characters.action_of(characters.reader(settings.pixels).read(videos).looks)


def own_metrics(videos: Videos) -> dict[str, float]:
    """Return the ACD of the frames' mean colour, and the mean change from a frame to the next, of 255."""
    colours = videos.mean((2, 3))
    change = np.abs(np.diff(videos.astype(np.int16), axis=1)).mean()
    return {"acd": float(average_content_distance(colours).mean()), "change": float(change)}


def floors(data: str, settings: "Settings", samples: int, verifier: Verifier | None) -> dict[str, Any]:
    """Return the measures of real videos, of their first frames frozen, and of black ones."""
    videos = real_videos(data, settings, min(samples, MOST.get(data, samples)))
    frozen = np.broadcast_to(videos[:, :1], videos.shape)
    every = {"real": videos, "frozen": np.ascontiguousarray(frozen), "black": np.zeros_like(videos)}
    return {name: measure_videos(each, data, settings, verifier) for name, each in every.items()}


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None
