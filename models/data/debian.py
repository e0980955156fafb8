"""Packages of Debian that carry data: apt downloads them; they are opened in memory and never installed."""

import io
import lzma
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unknot.archives import damage_named
from unknot.files import FileError
from unknot.models.data.releases import Release

__all__ = ["DebianRelease", "debian_release"]

MAGIC, HEADER = b"!<arch>\n", 60
"""What an archive of ar begins with, and the bytes before each of its members."""


@dataclass(frozen=True)
class DebianRelease(Release):
    """A package of Debian, known by its SHA-256; `project` is what apt calls it."""

    version: str = ""

    def download(self) -> bytes:
        """Return the package as apt downloads it, from the mirrors that this machine has configured.

        Raises:
            FileError: there is no apt, or it can't get this version.
        """
        wanted = f"{self.project}={self.version}"
        advice = f"get {self.file} from an archive of Debian's packages, put it at {self.path}"
        if shutil.which("apt-get") is None:
            raise FileError(f"this machine has no apt-get to download {wanted}; {advice}")
        with tempfile.TemporaryDirectory() as folder:
            result = subprocess.run(
                ["apt-get", "download", "--quiet", wanted], cwd=folder, capture_output=True, text=True
            )
            found = list(Path(folder).glob("*.deb"))
            if result.returncode or len(found) != 1:
                reason = (result.stderr.strip() or "no reason given").splitlines()[-1]
                raise FileError(f"apt-get could not download {wanted} ({reason}); {advice}")
            return found[0].read_bytes()

    def members(self, *beginnings: str) -> Iterator[tuple[str, bytes]]:
        """Yield names and contents of the package's files below some folders, as it has them.

        Args:
            *beginnings: of the names, such as "usr/share/help/de/".

        Raises:
            FileNotFoundError: the package has not been fetched.
            FileError: it is damaged, or another one.
        """
        content = self.read()
        with damage_named(self.path, f"{self.file}, a package of Debian"):
            files = io.BytesIO(lzma.decompress(_of_ar(content, "data.tar.xz")))
            with tarfile.open(fileobj=files, mode="r:") as archive:
                for member in archive:
                    name = member.name.removeprefix("./")
                    file = archive.extractfile(member) if member.isfile() else None
                    if file is not None and name.startswith(beginnings):
                        yield name, file.read()


def debian_release(name: str, version: str, sha256: str, command: str) -> DebianRelease:
    """Return a package for all architectures.

    Args:
        name: as apt knows it.
        version: with its epoch, such as "4:7.4.7-1+deb12u14".
        sha256: of the .deb.
        command: that fetches it.
    """
    file = f"{name}_{version.rpartition(':')[2]}_all.deb"
    return DebianRelease(name, file, sha256, command, version)


def _of_ar(content: bytes, name: str) -> bytes:
    """Return a member of an archive of ar."""
    if not content.startswith(MAGIC):
        raise ValueError("it is no archive of ar")
    place = len(MAGIC)
    while place + HEADER <= len(content):
        found = content[place : place + 16].decode().strip().rstrip("/")
        size, place = int(content[place + 48 : place + 58]), place + HEADER
        if found == name:
            return content[place : place + size]
        place += size + size % 2
    raise ValueError(f"it has no {name}")
