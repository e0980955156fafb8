"""Whose digits an experiment's models learn from and are measured on: MNIST's, or those that replace it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.files import SOURCE, FileError, read_object, write_json
from unknot.mnist import HOW, VARIABLE, find_source

__all__ = ["OtherDigitsError", "block_means", "check_digits", "digits_of", "keep_digits"]

NAMES = {"mnist": "MNIST", "digits": "scikit-learn's 8 × 8 digits"}


def digits_of(seeds: Iterable[Mapping[str, Any]]) -> str:
    """Return whose digits the metrics of seeds are of, by their `source`, for the note of a table."""
    names = NAMES | {"digits": f"{NAMES['digits']}, which stand in for MNIST"}
    return " and ".join(names[source] for source in sorted({each["source"] for each in seeds}))


def block_means(images: NDArray[np.uint8], pixels: int) -> NDArray[np.uint8]:
    """Return images (n, side, side, ...) as means of square blocks: (n, pixels, pixels, ...)."""
    block = images.shape[1] // pixels
    blocks = images.reshape(-1, pixels, block, pixels, block, *images.shape[3:])
    means: NDArray[np.uint8] = blocks.mean((2, 4), dtype=np.float32).round().astype(np.uint8)
    return means


class OtherDigitsError(FileError):
    """Models learnt from digits that this machine does not have; the sentence says how to get them."""


def keep_digits(folder: Path) -> None:
    """Write down whose digits the models of a folder learn from, or check it when a run is resumed.

    Raises:
        OtherDigitsError: they began with other digits than this machine has now.
    """
    if (folder / SOURCE).exists():
        check_digits(folder)
    else:
        write_json(folder / SOURCE, {"digits": find_source()})


def check_digits(folder: Path) -> None:
    """Refuse other digits than the models of a folder learnt from, if that was written down.

    Raises:
        OtherDigitsError: this machine has others.
    """
    path = folder / SOURCE
    if not path.exists():
        return
    learnt, found = read_object(path, digits=str)["digits"], find_source()
    if learnt != found:
        how = HOW if learnt == "mnist" else f"hide MNIST (let neither {VARIABLE} nor the cache have it)"
        raise OtherDigitsError(
            f"{path}: models learnt from {NAMES.get(learnt, learnt)}, but this machine has "
            f"{NAMES[found]}, whose figures can't stand beside theirs: {how}"
        )
