"""Lines of a user's text files, plain or compressed, one at a time."""

import gzip
from collections.abc import Iterator
from pathlib import Path

from unknot.archives import damage_named
from unknot.files import FileError

__all__ = ["find_file", "read_lines"]

LONGEST = 100_000
"""Characters of a line, at most."""


def find_file(folder: str | Path, *names: str) -> Path:
    """Return the first of some files that is in a folder, plain or as .gz.

    Raises:
        FileNotFoundError: none of them; the sentence gives the names.
    """
    for name in names:
        for path in (Path(folder) / name, Path(folder) / f"{name}.gz"):
            if path.is_file():
                return path
    raise FileNotFoundError(f"{folder} has neither {' nor '.join(names)}, plain or as .gz")


def read_lines(path: str | Path, what: str, encoding: str = "utf-8") -> Iterator[str]:
    """Yield the lines of a text file without the spaces around them.

    Args:
        path: the file; a name that ends in .gz is unpacked on the way.
        what: what it should be, for the sentence of an error.
        encoding: of its characters.

    Raises:
        FileNotFoundError: no such file.
        FileError: it is damaged, empty, no text of the encoding, or has a line of over 100,000 characters.
    """
    path, empty = Path(path), True
    with damage_named(path, what):
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding=encoding) as file:
            while line := file.readline(LONGEST + 1):
                if len(line) > LONGEST or "\0" in line:
                    raise FileError(f"{path} is not {what}: it has a line that is no sentence")
                empty = False
                yield line.strip()
    if empty:
        raise FileError(f"{path} is not {what}: it is empty")
