"""Photographs of identities, for the verifier, for training, validation and test."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unknot import heads
from unknot.checks import require
from unknot.files import SOURCE, FileError, read_object, write_json
from unknot.models.data.characters import Characters
from unknot.models.data.gallery import Gallery, IdentitySource, read_images, render_gallery, split_identities
from unknot.models.data.heads import RenderedHeads

if TYPE_CHECKING:
    from unknot.experiments.sd_gan import Settings

SHARES = {"verifier": 0.3, "training": 0.5, "validation": 0.1, "test": 0.1}
"""Shares of the identities. The paper has 80, 10 and 10%, and a verifier from elsewhere."""
SEED = 0
"""Of the split and of the photographs: all seeds have the same."""
TITLES = {
    "heads": "MakeHuman's heads, rendered",
    "characters": "game characters, which stand in for heads until `unknot fetch heads`",
    "images": "photographs of a folder",
    "products": "products from six sides",
}


class Galleries(NamedTuple):
    """Photographs of different identities for each purpose."""

    verifier: Gallery
    """That verifier and reader learn from."""
    training: Gallery
    validation: Gallery
    test: Gallery


class OtherHeadsError(FileError):
    """Models learnt from data that this machine does not have; the sentence says how to get them."""


def keep_data(folder: Path, data: str) -> None:
    """Write down what the models of a folder learn from, or check it when a run is resumed.

    Raises:
        OtherHeadsError: they began with other data.
    """
    if (folder / SOURCE).exists():
        check_data(folder, data)
    else:
        write_json(folder / SOURCE, {"data": data})


def check_data(folder: Path, data: str) -> None:
    """Refuse other data than the models of a folder learnt from, if that was written down.

    Raises:
        OtherHeadsError: they are others.
    """
    path = folder / SOURCE
    if path.exists() and (learnt := read_object(path, data=str)["data"]) != data:
        how = heads.HOW if learnt == "heads" else "run it without them"
        raise OtherHeadsError(
            f"{path}: models learnt from {TITLES.get(learnt, learnt)}, but this run has {TITLES[data]}: {how}"
        )


def find_data(settings: "Settings") -> str:
    """Return which data a run has: "images", "products", "heads", or "characters" without heads."""
    if settings.images:
        return "images"
    return "products" if settings.products else heads.find_source()


@cache
def galleries(data: str, images: str, identities: int, photos: int, pixels: int) -> Galleries:
    """Return the photographs.

    Args:
        data: see `find_data`.
        images: the folder that is read, for "images".
        identities: number of heads or, at most, of products; characters are all 672, a folder has its own.
        photos: of each head or character; products have six.
        pixels: side of the images.
    """
    if data == "images":
        every, _ = read_images(images, pixels)
        return Galleries(*(every.chosen(part) for part in _split(len(every))))
    source: IdentitySource
    if data == "products":
        require("grasp", "pybullet_data", "trimesh")
        from unknot.experiments.sd_gan.products import MOST, VIEWS, Products

        source, photos = Products(identities=min(identities, MOST), pixels=pixels), VIEWS
    elif data == "heads":
        source = RenderedHeads(identities=identities, pixels=pixels)
    else:
        source = Characters(pixels=pixels)
    return Galleries(*(render_gallery(source, part, photos, SEED) for part in _split(source.identities)))


def _split(identities: int) -> list[NDArray[np.int64]]:
    return split_identities(identities, list(SHARES.values()), SEED)
