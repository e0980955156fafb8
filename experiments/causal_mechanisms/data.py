"""Digits to learn from, and digits, letters and clothes to measure on, changed by the mechanisms."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.experiments.common.digits import block_means
from unknot.mnist import load
from unknot.models.data.grid import Factors
from unknot.models.data.letters import letters
from unknot.models.data.mechanisms import VARIANCE, Transformed
from unknot.representation import minibatches

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]

SIDE = 28
"""Side of the digits, as published."""
SHIFT = 4
"""Pixels of a shift at that side."""
FASHION = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts it."""


@cache
def digits(split: str, pixels: int) -> tuple[Images, Labels]:
    """Return digits (n, pixels, pixels, 1) and their labels (n,), of MNIST or its replacement."""
    images, labels = load(split)
    return block_means(images[..., None], pixels), labels


@cache
def transformed(content: str, pixels: int) -> Transformed:
    """Return the source of changed images of some content: what the paper's look like at this size.

    A shift by 4 pixels of 28 is one by 2 of 14, and noise of variance 0.25 in each of four pixels has, before
    it is clamped, a variance of 0.0625 in their mean.

    Args:
        content: "train", the first half of the training digits; "test", the test digits; "letters";
            "clothes", the test images of Fashion-MNIST.
        pixels: side of the images.
    """
    if content == "letters":
        images, labels = letters()
        images = block_means(images, pixels)
    elif content == "clothes":
        images, labels = load("test", folder=FASHION)
        images = block_means(images[..., None], pixels)
    else:
        images, labels = digits(content, pixels)
    if content == "train":
        images, labels = images[: len(images) // 2], labels[: len(labels) // 2]
    shrunk = SIDE // pixels
    return Transformed(images, labels, shift=SHIFT // shrunk, variance=VARIANCE / shrunk**2)


def contents() -> tuple[str, ...]:
    """Return what else the mechanisms are measured on, beside digits: what this machine has."""
    return ("letters", "clothes") if FASHION.is_dir() else ("letters",)


def batches(pixels: int, batch: int, seed: int) -> Callable[[int], dict[str, Tensor]]:
    """Return a function from steps to batches.

    It has `observation`, changed digits of the first half of the training split, `mechanism` and `original`
    of each, which the oracle alone reads; and `canonical`, digits of the second half.
    """
    source = transformed("train", pixels)
    others = digits("train", pixels)[0]
    others = others[len(others) // 2 :]

    def batch_at(step: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([seed, step])
        factors = source.sample_factors(batch, rng)
        arrays = {
            "observation": source.render_factors(factors),
            "original": source.originals(factors),
            "mechanism": factors["mechanism"],
            "canonical": others[rng.integers(len(others), size=batch)],
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    return batch_at


def digit_batches(pixels: int, batch: int, seed: int) -> Callable[[int], dict[str, Tensor]]:
    """Return a function from steps to batches of canonical digits, `observation`, and their `label`."""
    images, labels = digits("train", pixels)
    return minibatches({"observation": images, "label": labels}, batch, seed)


def measured(content: str, pixels: int, samples: int) -> tuple[Factors, Images, Images]:
    """Return factors, changed images and originals of some content: every mechanism equally often.

    Args:
        content: as in `transformed`.
        pixels: side of the images.
        samples: how many; they are the same for every seed.
    """
    source = transformed(content, pixels)
    factors = source.sample_factors(samples, np.random.default_rng(0))
    factors["mechanism"] = np.arange(samples) % len(source.mechanisms)
    return factors, source.render_factors(factors), source.originals(factors)
