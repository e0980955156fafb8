"""FactorVAE's metric."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import count
from unknot.representation.metrics.components import components_of, encode_factors
from unknot.representation.metrics.score import Score, bootstrap, generator, needed, varies
from unknot.representation.source import Encode, FactorSource

__all__ = ["factor_vae"]

Floats = NDArray[np.float64]


def factor_vae(
    encode: Encode,
    source: FactorSource,
    *,
    seed: int = 0,
    train_votes: int = 300,
    test_votes: int = 300,
    images: int = 64,
) -> Score:
    """Measure how well the dimension of least variance predicts which factor is fixed.

    Kim and Mnih, "Disentangling by factorising", 2018, section 4. For a vote a factor k is fixed and the
    others are sampled. Codes are divided by their standard deviations over the data; the dimension of the
    lowest variance votes for k. The majority-vote classifier is made from some votes and tested on others.

    The standard deviations are those over all votes' images, whose codes are distributed as the data's.
    Constant dimensions never vote; if all are constant, they vote as one.

    Args:
        encode: from images to codes.
        source: of the factors, at least two of which vary.
        seed: of all samples.
        train_votes: to make the classifier, at least 1.
        test_votes: to test it, at least 1.
        images: for each vote, at least 2.

    Returns:
        The accuracy, in [0, 1] (the paper's error rate is 1 - value). Parts: `votes` (dimensions, factors)
        of the classifier, `chance` (the share of the most frequent factor), `active_dimensions`.

    Raises:
        ValueError: too small a count, fewer than two varying factors, or codes of a wrong shape or not
            finite.
    """
    count(1, train_votes=train_votes, test_votes=test_votes)
    count(2, images=images)
    components = components_of(source)
    needed(len(components.names), 2)
    rng = generator(seed)
    total = train_votes + test_votes
    factors = source.sample_factors(total * images, rng)
    fixed = rng.integers(len(components.names), size=total)
    table = components.table(factors).reshape(total, images, -1)
    each = np.arange(total)
    table[each, :, fixed] = table[each, :1, fixed]
    factors = components.replaced(factors, table.reshape(total * images, -1))
    codes = encode_factors(encode, source, factors).reshape(total, images, -1)

    active = varies(codes.reshape(total * images, -1))
    stds = codes.reshape(total * images, -1).std(axis=0)
    variances = codes.var(axis=1, ddof=1)
    scaled = np.where(active, variances / np.where(active, stds, 1.0) ** 2, np.inf)
    lowest = scaled.argmin(axis=1)

    votes = np.zeros((codes.shape[2], len(components.names)), np.intp)
    np.add.at(votes, (lowest[:train_votes], fixed[:train_votes]), 1)
    correct = votes.argmax(axis=1)[lowest[train_votes:]] == fixed[train_votes:]
    value = float(correct.mean())
    interval = bootstrap(lambda rows: float(correct[rows].mean()), value, test_votes, rng)
    parts: dict[str, Any] = {
        "votes": votes,
        "chance": float(np.bincount(fixed[train_votes:]).max() / test_votes),
        "active_dimensions": int(active.sum()),
    }
    choices = {
        "train_votes": train_votes,
        "test_votes": test_votes,
        "images": images,
        "dead dimensions": "no vote, where constant",
    }
    return Score(value, interval, parts, choices)
