"""Other codes of the same models, and the codes that an oracle would have."""

from collections.abc import Iterable, Mapping
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

__all__ = ["Oracle", "by_samples", "sample_images", "votes_for", "zero_collapsed"]

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Oracle:
    """A source that renders its factors as numbers in place of images, to be measured as codes."""

    source: FactorSource

    @property
    def factor_space(self) -> spaces.Dict:
        """The source's."""
        return self.source.factor_space

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample the source's factors."""
        return self.source.sample_factors(n, rng)

    def render_factors(self, factors: Mapping[str, Any]) -> NDArray[Any]:
        """Return the factors as a table, (n, factors)."""
        return Components(self.factor_space).table(factors)


def sample_images(source: FactorSource, count: int, seed: int = 0) -> Images:
    """Sample images, uint8 (count, h, w, c)."""
    images: Images = source.render_factors(source.sample_factors(count, np.random.default_rng([seed, 1])))
    return images


def zero_collapsed(learner: Learner, images: Images, dead: float) -> Encode:
    """Return an encoder that gives 0 in the dimensions that have collapsed to the prior.

    In such a dimension, samples of q(z | x) are noise. Their means have a standard deviation that is small
    and not 0; metrics that divide by it, as FactorVAE's and MIG's bins do, take it for knowledge.

    Args:
        learner: PCA or one of the variational family.
        images: on which the KL of dimensions is measured.
        dead: mean KL in nats up to which a dimension counts as collapsed; a model of which all have (one
            without training) is taken as it is.
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
    """Return the settings of `evaluate_codes` by which metrics that hold factors take so many votes."""
    settings = {
        "factor_vae": {"train_votes": votes, "test_votes": votes},
        "higgins": {"train_examples": votes, "test_examples": votes},
        "higgins_2": {"train_examples": 10 * votes, "test_examples": 10 * votes},
    }
    return {name: settings[name] for name in metrics if name in settings}
