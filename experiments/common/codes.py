"""Codes of a model by other means than `encode`, and of an oracle."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from unknot.models.image.vae import PosteriorSamples, VariationalAutoencoder
from unknot.representation import Learner
from unknot.representation.metrics.components import Components
from unknot.representation.source import Encode, Factors, FactorSource

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Rendered:
    """A source of factors that are rendered in another way than its own."""

    source: FactorSource
    render: Callable[[Mapping[str, Any]], Any]
    """Factors with first axis n to what an encoder takes."""

    @property
    def factor_space(self) -> spaces.Dict:
        """The source's."""
        return self.source.factor_space

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample the source's factors."""
        return self.source.sample_factors(n, rng)

    def render_factors(self, factors: Mapping[str, Any]) -> Any:
        """Render factors."""
        return self.render(factors)


def oracle(source: FactorSource) -> FactorSource:
    """Return a source whose images are its factors as a table (n, factors), to be measured as codes."""
    return Rendered(source, Components(source.factor_space).table)


def turned(learner: Learner) -> Encode:
    """Return an encoder of two dimensions turned by 45°, to the diagonals of the learner's code."""
    turn = torch.tensor([[1.0, 1.0], [1.0, -1.0]]) / 2**0.5
    return lambda images: learner.encode(images) @ turn


def sample_images(source: FactorSource, count: int, seed: int = 0) -> Images:
    """Sample images, uint8 (count, h, w, c)."""
    images: Images = source.render_factors(source.sample_factors(count, np.random.default_rng([seed, 1])))
    return images


def zero_collapsed(learner: Learner, images: Images, dead: float) -> Encode:
    """Return an encoder that gives 0 in the dimensions that have collapsed to the prior.

    In such a dimension, samples of q(z | x) are noise. Their means have a small standard deviation that is
    not 0. Metrics that divide by it (FactorVAE's, MIG with its bins) mistake it for information.

    Args:
        learner: PCA or one of the variational family.
        images: on which the KL of each dimension is measured.
        dead: mean KL in nats up to which a dimension counts as collapsed. A model whose dimensions have all
            collapsed (an untrained one) is left as it is.
    """
    if isinstance(learner, VariationalAutoencoder):
        with torch.no_grad():
            alive = learner.kl(images).mean(0) > dead
        if alive.any():
            return lambda images: learner.encode(images) * alive
    return learner.encode


def by_samples(learner: Learner, images: Images) -> Encode:
    """Return an encoder that samples q(z | x), or the learner's `encode` where there is no q."""
    return PosteriorSamples(learner) if isinstance(learner, VariationalAutoencoder) else learner.encode


def votes_for(metrics: Iterable[str], votes: int) -> dict[str, dict[str, int]]:
    """Return settings of `evaluate_codes`: how many votes the metrics take that hold a factor fixed."""
    settings = {
        "factor_vae": {"train_votes": votes, "test_votes": votes},
        "higgins": {"train_examples": votes, "test_examples": votes},
        "higgins_2": {"train_examples": 10 * votes, "test_examples": 10 * votes},
    }
    return {name: settings[name] for name in metrics if name in settings}
