"""What generators of identities and observations are measured by, and the bounds of all measures."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unknot.experiments.common.seeds import seeded
from unknot.experiments.sd_gan.data import Galleries
from unknot.models.data.gallery import Gallery
from unknot.models.image.factor_reader import FactorReader
from unknot.models.image.verifier import Verifier
from unknot.representation.metrics.histograms import (
    cells_hit,
    conditional_entropy,
    histogram,
    histogram_distance,
)
from unknot.representation.metrics.identities import (
    best_threshold,
    copied,
    effective_number,
    variance_shares,
    verification_accuracy,
    verification_auc,
)

Images = NDArray[np.uint8]
Integers = NDArray[np.int64]

SAMPLES = 2000
"""Images whose factors are read."""
OBSERVATIONS = 40
"""Observation codes that are combined with identity codes, in the table of all combinations."""
AT_ONCE = 500
"""Images generated at a time."""
LEAST = 1e-6
"""The least threshold, of a verifier to which all images are one."""
GRID = ("yaw", "light", "expression")
"""Factors of heads whose cells are counted; of other data all are."""


class Generator(Protocol):
    """What makes images of identity codes and observation codes."""

    def identity_codes(self, number: int) -> Tensor:
        """Sample identity codes."""

    def observation_codes(self, number: int) -> Tensor:
        """Sample observation codes."""

    def generate(self, identity: Tensor, observation: Tensor) -> Images:
        """Return uint8 images (n, h, w, c) of n codes of both kinds."""


@dataclass(frozen=True)
class Judges:
    """What images are judged by; both learnt from other identities than generators."""

    verifier: Verifier
    reader: FactorReader | None
    """None where observations' factors are not known, as of photographs."""


# Images


def generated(model: Generator, identity: Tensor, observation: Tensor) -> Images:
    """Return images of codes, some at a time."""
    rows = range(0, len(identity), AT_ONCE)
    return np.concatenate(
        [model.generate(identity[k : k + AT_ONCE], observation[k : k + AT_ONCE]) for k in rows]
    )


def combined(model: Generator, identity: Tensor, observation: Tensor) -> Images:
    """Return images of all combinations of codes, (identities, observations, h, w, c)."""
    m, n = len(identity), len(observation)
    images = generated(model, identity.repeat_interleave(n, 0), observation.repeat(m, 1))
    return images.reshape(m, n, *images.shape[1:])


def samples(model: Generator) -> Images:
    """Return `SAMPLES` images, the same codes for all models of one size."""
    with seeded(0):
        return generated(model, model.identity_codes(SAMPLES), model.observation_codes(SAMPLES))


# Measures of generators


def measure(model: Generator, judges: Judges, data: Galleries, pairs: int, seed: int) -> dict[str, Any]:
    """Measure a generator.

    Args:
        model: the generator.
        judges: verifier and reader.
        data: whose test identities are the comparison.
        pairs: matched pairs, and as many of two identities.
        seed: of the codes.

    Returns:
        What `verification`, `identities` and, with a reader, `read_factors` and `determined` return; `kept`.
    """
    with seeded(seed):
        codes = model.identity_codes(pairs)
        one, other = (generated(model, codes, model.observation_codes(pairs)) for _ in range(2))
        photos = int(np.bincount(data.test.identity).min())
        each = model.identity_codes(len(data.test)).repeat_interleave(photos, 0)
        shown = generated(model, each, model.observation_codes(len(each)))
        m = SAMPLES // OBSERVATIONS
        table = combined(model, model.identity_codes(m), model.observation_codes(OBSERVATIONS))
    group = _read(judges, one)["group"] if judges.reader else np.zeros(pairs, np.int64)
    rng = np.random.default_rng(seed)
    metrics = verification(judges.verifier, one, other, np.arange(pairs), group, rng)
    shown = shown.reshape(-1, photos, *shown.shape[1:])
    metrics |= identities(judges.verifier, shown, data)
    if judges.reader:
        metrics |= read_factors(judges, one[:SAMPLES], data.test)
        metrics |= {"kept": kept(judges, shown, data.test)} | determined(judges, table)
    return metrics


def verification(
    verifier: Verifier,
    one: Images,
    other: Images,
    identity: Integers,
    group: Integers,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return `auc` and `accuracy` of matched pairs and as many others, and `auc_within` groups.

    Args:
        verifier: with its threshold.
        one: images, uint8 (n, h, w, c).
        other: of the same identities.
        identity: of each pair, (n,), which may be that of others, too.
        group: that each identity looks to be of, (n,).
        rng: of who is paired with whom.
    """
    f, g = verifier.embed(one), verifier.embed(other)
    same, found = _distances(f, g), {}
    for name, groups in (("", np.zeros_like(group)), ("_within", group)):
        partner = strangers(identity, groups, rng)
        there = partner >= 0
        found[name] = (
            np.concatenate([same[there], _distances(f[there], g[partner[there]])]),
            np.arange(2 * there.sum()) < there.sum(),
        )
    return {
        "auc": verification_auc(*found[""]),
        "accuracy": verification_accuracy(*found[""], verifier.threshold),
        "auc_within": verification_auc(*found["_within"]),
    }


def _distances(f: NDArray[np.float64], g: NDArray[np.float64]) -> NDArray[np.float64]:
    squares: NDArray[np.float64] = ((f - g) ** 2).sum(1)
    return squares


def strangers(identity: Integers, group: Integers, rng: np.random.Generator) -> Integers:
    """Return for each row another row of its group that is of another identity, (n,), -1 where none is."""
    partner, rank = np.full(len(group), -1), rng.permutation(identity.max() + 1)
    for value in np.unique(group):
        rows = rng.permutation(np.flatnonzero(group == value))
        rows = rows[np.argsort(rank[identity[rows]], kind="stable")]  # identity after identity
        other = np.roll(rows, np.bincount(identity[rows]).max())
        partner[rows] = np.where(identity[other] == identity[rows], -1, other)
    return partner


def identities(verifier: Verifier, images: Images, data: Galleries) -> dict[str, Any]:
    """Measure identities, each by the mean embedding of its images.

    Args:
        verifier: with its threshold.
        images: (m, photos, h, w, c).
        data: training and test identities.

    Returns:
        `number`, the effective number of identities; `diversity`, the same over that of as many test
        identities; `copied`, the share that copy an identity of training.
    """
    codes = _centres(
        verifier, images.reshape(-1, *images.shape[2:]), np.arange(len(images)).repeat(images.shape[1])
    )
    real, training = (_centres(verifier, g.images, g.identity) for g in (data.test, data.training))
    number = effective_number(codes, verifier.threshold)
    return {
        "number": number,
        "diversity": number / effective_number(real, verifier.threshold),
        "copied": copied(codes, training, real),
    }


def _centres(verifier: Verifier, images: Images, identity: Integers) -> NDArray[np.float64]:
    f = verifier.embed(images)
    first = np.flatnonzero(np.diff(identity, prepend=-1))
    centres: NDArray[np.float64] = np.add.reduceat(f, first) / np.diff(first, append=len(f))[:, None]
    return centres


def read_factors(judges: Judges, images: Images, test: Gallery) -> dict[str, Any]:
    """Measure collapse by what the reader finds in images, beside what it finds in true ones.

    Returns:
        `cells`, the share of the grid's cells that are hit; `distances`, the total variation of each factor's
        histogram, of `group` too, and `distance`, the largest of those of observations.
    """
    found, true = _read(judges, images), _read(judges, test.images)
    sizes = {**test.sizes, "group": int(max(true["group"].max(), found["group"].max())) + 1}
    grid = [name for name in test.sizes if name in GRID] or list(test.sizes)
    distances = {
        name: histogram_distance(found[name], histogram(true[name], size)) for name, size in sizes.items()
    }
    counts = [sizes[name] for name in grid]
    cells = np.ravel_multi_index([found[name] for name in grid], counts)
    return {
        "cells": cells_hit(cells, math.prod(counts)),
        "distances": distances,
        "distance": max(distances[name] for name in test.sizes),
    }


def kept(judges: Judges, images: Images, test: Gallery) -> dict[str, float]:
    """Return how much entropy observations' factors keep with identity fixed, over that of true images.

    Args:
        judges: of which the reader reads.
        images: of identities, as many of each as there are photographs, (m, photos, h, w, c).
        test: photographs.
    """
    m, photos = images.shape[:2]
    found, true = _read(judges, images.reshape(-1, *images.shape[2:])), _read(judges, test.images)
    rows = np.searchsorted(test.identity, np.arange(len(test)))[:, None] + np.arange(photos)
    return {
        name: _ratio(
            conditional_entropy(found[name].reshape(m, photos), size),
            conditional_entropy(true[name][rows], size),
        )
        for name, size in test.sizes.items()
    }


def determined(judges: Judges, table: Images) -> dict[str, dict[str, float]]:
    """Return `by_identity` and `by_observation`: the share of each factor's variance that a code determines.

    Args:
        judges: of which the reader reads.
        table: images of all combinations, (identities, observations, h, w, c).
    """
    m, n = table.shape[:2]
    found = _read(judges, table.reshape(-1, *table.shape[2:]))
    shares = {
        name: variance_shares(np.eye(int(each.max()) + 1)[each].reshape(m, n, -1))
        for name, each in found.items()
    }
    return {
        "by_identity": {name: share[0] for name, share in shares.items()},
        "by_observation": {name: share[1] for name, share in shares.items()},
    }


def _ratio(value: float, whole: float) -> float:
    return value / whole if whole else 0.0


def _read(judges: Judges, images: Images) -> dict[str, Integers]:
    assert judges.reader
    return judges.reader.read(images)


# Bounds


def calibrated(verifier: Verifier, validation: Gallery, pairs: int) -> Verifier:
    """Return the verifier with the threshold that is best on pairs of validation identities."""
    one, other, _ = _real_pairs(validation, pairs, 0)
    f, g = verifier.embed(one), verifier.embed(other)
    distances = np.concatenate([_distances(f, g), _distances(f, np.roll(g, 1, 0))])
    threshold = best_threshold(distances, np.arange(2 * pairs) < pairs)
    return Verifier(verifier.embedding, max(threshold, LEAST))


def bounds(judges: Judges, data: Galleries, pairs: int, seed: int) -> dict[str, Any]:
    """Measure what learns nothing: `real` photographs of test identities, and `shuffled` pairs of them.

    Returns:
        For both what `measure` returns, as far as it makes sense. `copied` is the share of test identities
        that are as near to training identities, beside those of validation.
    """
    test, rng = data.test, np.random.default_rng([seed, 1])
    one, other, chosen = _real_pairs(test, pairs, seed)
    known = (chosen, test.group[chosen], rng)
    real = verification(judges.verifier, one, other, *known)
    shuffled = verification(judges.verifier, one, other[rng.permutation(pairs)], *known)
    centres = [
        _centres(judges.verifier, g.images, g.identity) for g in (test, data.training, data.validation)
    ]
    real |= {
        "number": effective_number(centres[0], judges.verifier.threshold),
        "diversity": 1.0,
        "copied": copied(*centres),
    }
    if judges.reader:
        found = judges.reader.read(test.images)
        truth: Mapping[str, Integers] = {**test.factors, "group": test.group[test.identity]}
        real["read"] = {name: float((found[name] == each).mean()) for name, each in truth.items()}
        real |= read_factors(judges, one[:SAMPLES], test)
    return {"real": real, "shuffled": shuffled, "threshold": judges.verifier.threshold}


def _real_pairs(gallery: Gallery, pairs: int, seed: int) -> tuple[Images, Images, Integers]:
    """Return both images of pairs, of each identity as often, and their identities."""
    rng = np.random.default_rng([seed, 2])
    chosen = np.concatenate([rng.permutation(len(gallery)) for _ in range(-(-pairs // len(gallery)))])[:pairs]
    one, other = gallery.pairs(chosen, rng)
    return gallery.images[one], gallery.images[other], chosen
