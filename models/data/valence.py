"""Sentences with human valence: the film snippets and product sentences of Hutto and Gilbert (2014).

Ten people rated each sentence from -4, extremely negative, to 4. The sentences ship with the source release
of vaderSentiment (MIT), which `unknot fetch reviews` downloads. Those of films are by Pang and Lee (2005).
The release is unpacked in memory; it is neither built nor installed.
"""

import io
import tarfile
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unknot.archives import damage_named
from unknot.checks import one_of
from unknot.models.data.releases import Release

__all__ = ["KINDS", "RELEASE", "RatedSentences", "read_valence"]

RELEASE = Release(
    "vadersentiment",
    "vaderSentiment-2.5.tar.gz",
    "b960c954831f5ca58afee61780cc04ed48e551b91e783bfcbfb2c18bb8081a84",
    "unknot fetch reviews",
)
ARCHIVE = "additional_resources/hutto_ICWSM_2014.tar.gz"
"""In the release."""
KINDS = {"film": "movieReviewSnippets", "product": "amazonReviewSnippets"}
"""The files of ratings, by what sentences are about: lines of a number, the mean rating, the sentence."""
LARGEST = 50_000_000
"""Bytes of a file in the archives, at most."""


@dataclass(frozen=True)
class RatedSentences:
    """Sentences and people's mean ratings."""

    sentences: list[str]
    valences: NDArray[np.float64]
    """(n,), -4 to 4; above 0 is positive."""


def read_valence(kind: str) -> RatedSentences:
    """Read the sentences about films or products, as `unknot fetch reviews` got them.

    Args:
        kind: "film" (10,605 sentences) or "product" (3,708).

    Raises:
        FileNotFoundError: they have not been fetched.
        FileError: the release is damaged or another one.
        ValueError: an unknown kind.
    """
    one_of("kind", kind, KINDS)
    content = RELEASE.read()
    with damage_named(RELEASE.path, RELEASE.file):
        return _parse(_member(_member(content, ARCHIVE), f"{KINDS[kind]}_GroundTruth.txt").decode())


def _member(packed: bytes, ending: str) -> bytes:
    """Return the file of a compressed archive whose name has an ending."""
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name.endswith(ending) and member.isfile() else None
            if file is not None and member.size <= LARGEST:
                return file.read()
    raise ValueError(f"it has no {ending}")


def _parse(text: str) -> RatedSentences:
    rows = [line.split("\t", 2) for line in text.splitlines() if line]
    return RatedSentences([row[2].strip() for row in rows], np.array([float(row[1]) for row in rows]))
