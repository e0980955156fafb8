"""Photographs of identities: several of each, rendered or read from a folder, and pairs of them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.checks import count, require
from unknot.files import FileError
from unknot.models.data.grid import Images
from unknot.models.data.image_files import SUFFIXES, read_squares
from unknot.representation.source import FactorSource

__all__ = ["Gallery", "IdentitySource", "read_images", "render_gallery", "split_identities"]

Integers = NDArray[np.int64]

RENDERED = 500
"""Images rendered at a time."""


class IdentitySource(FactorSource, Protocol):
    """A source on a grid, one of whose factors is the identity; the others are of the observation."""

    identities: int
    """Their number; the factor `identity` is from 0 to it."""
    observed: tuple[str, ...]
    """Factors of the observation."""
    values: dict[str, NDArray[Any]]
    """The values of each factor."""

    def group(self, identities: Integers) -> Integers:
        """Return groups (n,) of identities (n,) that look alike, such as those of one tone of skin."""


@dataclass(frozen=True)
class Gallery:
    """Several photographs of each of some identities."""

    images: Images
    """uint8 (n, height, width, channels), those of one identity one after the other."""
    identity: Integers
    """(n,), from 0, ascending."""
    group: Integers
    """(identities,), see `IdentitySource.group`; all 0 where it isn't known."""
    factors: Mapping[str, Integers]
    """The number of each observation factor's value, (n,) each; empty where they aren't known."""
    sizes: Mapping[str, int]
    """The number of values of each of these factors."""

    def __post_init__(self) -> None:
        """Refuse identities with a single photograph, which have no pair."""
        counts = np.bincount(self.identity, minlength=len(self.group))
        if len(counts) < 2 or counts.min() < 2:
            raise ValueError("identities must be at least 2, with at least 2 photographs each")

    def __len__(self) -> int:
        """Return the number of identities."""
        return len(self.group)

    def chosen(self, identities: Integers) -> "Gallery":
        """Return the photographs of these identities alone, (m,) ascending, numbered anew."""
        rows = np.isin(self.identity, identities)
        number = np.searchsorted(identities, self.identity[rows])
        factors = {name: each[rows] for name, each in self.factors.items()}
        return Gallery(self.images[rows], number, self.group[identities], factors, self.sizes)

    def pairs(self, identities: Integers, rng: np.random.Generator) -> tuple[Integers, Integers]:
        """Return two different photographs of each identity (n,): the numbers of their rows, (n,) each."""
        first = np.searchsorted(self.identity, identities)
        counts = np.bincount(self.identity)[identities]
        one = rng.integers(counts)
        other = (one + 1 + rng.integers(counts - 1)) % counts
        return first + one, first + other

    def stream(self, batch_size: int, seed: int) -> Callable[[int], dict[str, Tensor]]:
        """Return a function from steps to batches of pairs, each of one identity, as training takes it.

        It returns `observation` and `other`, uint8 (batch_size, h, w, c), and `label`, the identity.
        """
        count(1, batch_size=batch_size)
        count(0, seed=seed)

        def batch_at(step: int) -> dict[str, Tensor]:
            rng = np.random.default_rng([seed, step])
            identities = rng.integers(len(self), size=batch_size)
            one, other = self.pairs(identities, rng)
            arrays = {"observation": self.images[one], "other": self.images[other], "label": identities}
            return {name: torch.from_numpy(array) for name, array in arrays.items()}

        return batch_at

    def several(self, identities: int, photos: int, seed: int) -> Callable[[int], dict[str, Tensor]]:
        """Return a function from steps to batches of `observation` and `label`, as an `Embedding` takes them.

        Args:
            identities: different ones in a batch.
            photos: of each, perhaps the same photograph twice.
            seed: of the batches.
        """
        first, counts = np.searchsorted(self.identity, np.arange(len(self))), np.bincount(self.identity)

        def batch_at(step: int) -> dict[str, Tensor]:
            rng = np.random.default_rng([seed, step])
            chosen = rng.choice(len(self), identities, replace=False).repeat(photos)
            rows = first[chosen] + rng.integers(counts[chosen])
            return {"observation": torch.from_numpy(self.images[rows]), "label": torch.from_numpy(chosen)}

        return batch_at

    def labelled(self, batch_size: int, seed: int) -> Callable[[int], dict[str, Tensor]]:
        """Return a function from steps to batches, as a `FactorReader` takes them.

        They are of `observation`, the observation's factors by name, and the identity's `group`.
        """

        def batch_at(step: int) -> dict[str, Tensor]:
            rows = np.random.default_rng([seed, step]).integers(len(self.images), size=batch_size)
            arrays = {name: each[rows] for name, each in self.factors.items()}
            arrays |= {"observation": self.images[rows], "group": self.group[self.identity[rows]]}
            return {name: torch.from_numpy(array) for name, array in arrays.items()}

        return batch_at


def render_gallery(source: IdentitySource, identities: Integers, photos: int, seed: int) -> Gallery:
    """Render photographs of identities, each with its own, different observations.

    Args:
        source: that renders.
        identities: (m,), of the source.
        photos: of each identity, at most as many as there are observations.
        seed: of the observations, for each identity by its number.
    """
    sizes = {name: len(source.values[name]) for name in source.observed}
    count(2, photos=photos)
    every = math.prod(sizes.values())
    if photos > every:
        raise ValueError(f"photos must be at most {every}, not {photos}")
    chosen = [np.random.default_rng([seed, int(i)]).choice(every, photos, replace=False) for i in identities]
    indices = np.unravel_index(np.concatenate(chosen), list(sizes.values()))
    factors = {name: index.astype(np.int64) for name, index in zip(sizes, indices, strict=True)}
    given = {name: source.values[name][index] for name, index in factors.items()}
    given["identity"] = np.repeat(identities, photos)
    images = [
        source.render_factors({name: each[k : k + RENDERED] for name, each in given.items()})
        for k in range(0, len(given["identity"]), RENDERED)
    ]
    number = np.repeat(np.arange(len(identities)), photos)
    return Gallery(np.concatenate(images), number, source.group(identities), factors, sizes)


def split_identities(identities: int, shares: Sequence[float], seed: int) -> list[Integers]:
    """Split identities 0 to `identities` - 1 at random into parts of these shares, ascending in each."""
    order = np.random.default_rng(seed).permutation(identities)
    ends = np.round(np.cumsum(shares) / sum(shares) * identities).astype(int)[:-1]
    return [np.sort(part) for part in np.split(order, ends)]


def read_images(folder: str | Path, pixels: int) -> tuple[Gallery, list[str]]:
    """Read photographs from a folder that has a folder for each identity.

    Each is cropped to the square in its middle and scaled. Folders with fewer than two images are left out.

    Args:
        folder: the folder; in each of its folders the images of one identity, with names in `SUFFIXES`.
        pixels: side of the images.

    Returns:
        The photographs, and the names of the identities' folders.

    Raises:
        FileNotFoundError: no such folder.
        FileError: fewer than two folders with at least two images, or a file that is no image.
    """
    require("learn", "PIL")
    count(8, pixels=pixels)
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not a folder")
    found = {
        each.name: files
        for each in sorted(path for path in root.iterdir() if path.is_dir())
        if len(files := sorted(p for p in each.iterdir() if p.suffix.lower() in SUFFIXES)) > 1
    }
    if len(found) < 2:
        raise FileError(
            f"{root} must have a folder for each identity, at least 2 with at least 2 images "
            f"({', '.join(SUFFIXES)}) each, not {len(found)}"
        )
    images = np.stack([next(read_squares(path, pixels)) for files in found.values() for path in files])
    number = np.repeat(np.arange(len(found)), [len(files) for files in found.values()])
    return Gallery(images, number, np.zeros(len(found), np.int64), {}, {}), list(found)
