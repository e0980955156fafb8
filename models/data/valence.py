"""Sentences with human valence: the film snippets and product sentences of Hutto and Gilbert (2014).

Ten people rated each sentence from -4, extremely negative, to 4. The sentences ship with the source release
of vaderSentiment (MIT), which `fetch` downloads (on the command line: `unknot fetch reviews`). Those of films
are by Pang and Lee (2005). The release is unpacked in memory; it is neither built nor installed.
"""

import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import urllib.request
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import numpy as np
from numpy.typing import NDArray

from unknot.archives import damage_named
from unknot.checks import one_of
from unknot.files import FileError, write_bytes
from unknot.mnist import cache_path as mnist_path

__all__ = ["KINDS", "RatedSentences", "cache_path", "fetch", "read_valence"]

PROJECT, RELEASE = "vadersentiment", "vaderSentiment-2.5.tar.gz"
SHA256 = "b960c954831f5ca58afee61780cc04ed48e551b91e783bfcbfb2c18bb8081a84"
ARCHIVE = "additional_resources/hutto_ICWSM_2014.tar.gz"
"""In the release."""
KINDS = {"film": "movieReviewSnippets", "product": "amazonReviewSnippets"}
"""The files of ratings, by what sentences are about: lines of a number, the mean rating, the sentence."""
LARGEST = 50_000_000
"""Bytes of an answer of the index and of a file in the archives, at most."""


@dataclass(frozen=True)
class RatedSentences:
    """Sentences and people's mean ratings."""

    sentences: list[str]
    valences: NDArray[np.float64]
    """(n,), -4 to 4; above 0 is positive."""


def cache_path() -> Path:
    """Return where the release is kept, in the user's own cache folder; it may also be put there by hand."""
    return mnist_path().with_name(RELEASE)


def fetch() -> Path:
    """Download the release, once, from pip's configured index, and keep it if it has the SHA-256 given here.

    Returns:
        The cache's path.

    Raises:
        FileError: the index can't be reached, lacks the release, or has another of its name.
    """
    path = cache_path()
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256:
        return path
    page = f"{_index()}/{PROJECT}/"
    links = re.findall(rf'href="([^"]*/{re.escape(RELEASE)}[^"]*)"', _open(page).decode(errors="replace"))
    if not links:
        raise FileError(f"the package index has no {RELEASE}; get it elsewhere and put it at {path}")
    content = _open(urljoin(page, unescape(links[0])))
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise FileError(f"the index's {RELEASE} has SHA-256 {found}, not {SHA256}; it was not kept")
    write_bytes(path, content)
    return path


def _index() -> str:
    """Return the address of pip's index."""
    asked = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    configured = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    return (os.environ.get("PIP_INDEX_URL") or configured or "https://pypi.org/simple").rstrip("/")


def _open(address: str) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            content: bytes = answer.read(LARGEST)
    except (OSError, ValueError) as error:  # an address may hold a password: it is not shown
        raise FileError(f"the package index could not be read ({type(error).__name__})") from error
    return content


def read_valence(kind: str) -> RatedSentences:
    """Read the sentences about films or products.

    Args:
        kind: "film" (10,605 sentences) or "product" (3,708).

    Raises:
        FileNotFoundError: they have not been fetched.
        FileError: the release is damaged or another one.
        ValueError: an unknown kind.
    """
    one_of("kind", kind, KINDS)
    path = cache_path()
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run `unknot fetch reviews`")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise FileError(f"{path} is damaged, or no {RELEASE}: `unknot fetch reviews` replaces it")
    with damage_named(path, RELEASE):
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
