"""What is read off models: codes of clips, groups of dimensions, clips in which one factor varies."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.experiments.video_prediction.models import Source
from unknot.models.video.independent_predictor import IndependentPredictor

Clips = NDArray[np.uint8]
Floats = NDArray[np.float64]
Factors = dict[str, NDArray[Any]]
Groups = NDArray[np.int64]
"""The dimensions of each factor, (k, d), of codes (n, k d)."""

BATCH = 100
"""Clips at a time."""
HELD = 1
"""The frame whose values factors keep that don't vary: the second, as in Fig. 3."""


def batches(source: Source, factors: Mapping[str, Any]) -> Iterator[tuple[Factors, Clips]]:
    """Yield factors and their clips, some at a time."""
    for start in range(0, len(next(iter(factors.values()))), BATCH):
        some = {name: each[start : start + BATCH] for name, each in factors.items()}
        yield some, source.render_factors(some)


def own_groups(learner: IndependentPredictor) -> Groups:
    """Return a learner's factors as groups of dimensions."""
    return np.arange(learner.factors * learner.factor_dim).reshape(learner.factors, -1)


@torch.no_grad()
def codes_of(learner: IndependentPredictor, clips: Clips, *, sample: bool = False) -> Tensor:
    """Return codes at every frame, (n, t, k d): the means of q, or samples."""
    return learner.factors_of(clips, sample=sample).flatten(2)


@torch.no_grad()
def decode(learner: IndependentPredictor, codes: Tensor) -> Tensor:
    """Decode codes over time, (n, t, k d): clips, float (n, t, h, w, c) in [0, 1]."""
    return learner.decode_path(codes.reshape(*codes.shape[:2], learner.factors, learner.factor_dim))


def varied(codes: Tensor, dims: NDArray[np.int64]) -> Tensor:
    """Return codes over time, (n, t, k d), that keep their values of the second frame but for some dims."""
    held = codes[:, HELD : HELD + 1].repeat(1, codes.shape[1], 1)
    held[:, :, dims] = codes[:, :, dims]
    return held
