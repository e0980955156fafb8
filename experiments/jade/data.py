"""Images with few labels, images with many, and how they are put into batches."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

from unknot.experiments.common.digits import NAMES
from unknot.mnist import find_source, load
from unknot.models.data.street_digits import StreetDigits
from unknot.models.data.svhn import LabelledImages, read_svhn
from unknot.representation import minibatches

CLASSES = 10
SECONDARY = 45_000
"""Images of MNIST that are learnt from, as in the paper; the other 15,000 are not used."""
LABELS, TEST, PLENTY = 0, 1, 2
"""What the random numbers of rendered images are for."""
MARGIN = 2
"""Pixels around MNIST's 28 × 28, so that both sets have 32 × 32."""

Batches = Callable[[int], dict[str, Tensor]]


@dataclass(frozen=True)
class Data:
    """All images of a seed."""

    training: LabelledImages
    """Those with labels, as many of each digit."""
    test: LabelledImages
    """The same for all seeds."""
    other: LabelledImages
    """The secondary set, (n, 32, 32, 1)."""
    other_test: LabelledImages
    source: str
    """What the primary images are."""
    other_source: str
    """What the secondary ones are."""


def load_data(svhn: str | None, installed: bool, labels: int, test: int, other_test: int, seed: int) -> Data:
    """Return the images of a seed.

    Args:
        svhn: folder with SVHN's files; None for rendered street digits.
        installed: render with installed fonts, too.
        labels: number of labels.
        test: images to test on, at most.
        other_test: the same of the secondary set.
        seed: of the draw of labels.
    """
    drawn = _draw(svhn, installed, labels, seed)
    if svhn is None:
        source = f"street digits, rendered from {len(StreetDigits('all', installed=installed).fonts)} fonts"
        tested = _rendered("test", installed, test, (TEST,))
    else:
        source, tested = "SVHN", _first(read_svhn(svhn, "test"), test)
    return Data(
        drawn,
        tested,
        _first(_secondary("train"), SECONDARY),
        _first(_secondary("test"), other_test),
        source,
        NAMES[find_source()],
    )


def load_plenty(svhn: str | None, installed: bool, count: int) -> LabelledImages:
    """Return many primary images with labels, for the ceiling."""
    if svhn is None:
        return _rendered("train", installed, count, (PLENTY,))
    return _first(read_svhn(svhn, "train"), count)


def _draw(svhn: str | None, installed: bool, labels: int, seed: int) -> LabelledImages:
    """Return labelled images, digit after digit, so that every part of them has as many of each."""
    if svhn is None:
        return _rendered("train", installed, labels, (LABELS, seed))
    found, rng = read_svhn(svhn, "train"), np.random.default_rng([LABELS, seed])
    each = [
        rng.choice(np.flatnonzero(found.labels == d), labels // CLASSES, replace=False) for d in range(10)
    ]
    return _part(found, np.stack(each, 1).ravel())


def _rendered(part: str, installed: bool, count: int, seed: tuple[int, ...]) -> LabelledImages:
    source = StreetDigits(part, installed=installed)
    factors = source.sample_factors(count, np.random.default_rng(seed))
    factors["digit"] = np.arange(count) % CLASSES
    return LabelledImages(source.render_factors(factors), factors["digit"])


def _secondary(split: str) -> LabelledImages:
    images, labels = load(split)
    return LabelledImages(np.pad(images, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)))[..., None], labels)


def _first(images: LabelledImages, count: int) -> LabelledImages:
    return _part(images, slice(count))


def _part(images: LabelledImages, rows: slice | NDArray[np.int64]) -> LabelledImages:
    return LabelledImages(images.images[rows], images.labels[rows])


# Batches


def labelled_batches(images: LabelledImages, size: int, seed: int) -> Batches:
    """Return a function from steps to batches of images and labels."""
    return minibatches({"observation": images.images, "label": images.labels}, size, seed)


def paired_batches(images: LabelledImages, others: LabelledImages, size: int, seed: int) -> Batches:
    """Return a function from steps to batches as `labelled_batches`, each image with another of its class."""
    first = labelled_batches(images, size, seed)
    rows = [np.flatnonzero(others.labels == digit) for digit in range(CLASSES)]

    def batch_at(step: int) -> dict[str, Tensor]:
        batch, rng = first(step), np.random.default_rng([seed, step])
        chosen = np.array([rng.choice(rows[digit]) for digit in batch["label"].tolist()])
        labels = torch.from_numpy(others.labels[chosen])
        return batch | {"other": torch.from_numpy(others.images[chosen]), "other_label": labels}

    return batch_at


def coloured_batches(others: LabelledImages, size: int, seed: int) -> Batches:
    """Return a function from steps to batches of secondary images in random colours, blurred, with noise."""

    def batch_at(step: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([seed, step])
        rows = rng.integers(len(others.labels), size=size)
        ink = gaussian_filter(others.images[rows] / 255, (0, *rng.uniform(0, 1.2, 1).repeat(2), 0))
        colours = rng.uniform(size=(2, size, 1, 1, 3))
        images = colours[0] + ink * (colours[1] - colours[0])
        images += rng.uniform(0, 0.05) * rng.normal(size=images.shape)
        pixels = np.rint(255 * images.clip(0, 1)).astype(np.uint8)
        return {"observation": torch.from_numpy(pixels), "label": torch.from_numpy(others.labels[rows])}

    return batch_at
