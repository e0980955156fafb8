"""Sentences in several languages, line by line, from a user's files: Multi30k and Europarl."""

from collections.abc import Iterator, Sequence
from itertools import islice, zip_longest
from pathlib import Path

from unknot.checks import count
from unknot.files import FileError
from unknot.models.data.lines import find_file, read_lines

__all__ = ["parallel_lines", "read_europarl", "read_multi30k"]

WHAT = "a file of sentences"


def parallel_lines(*paths: str | Path) -> Iterator[tuple[str, ...]]:
    """Yield the lines that files have in the same place, those that none has empty.

    Raises:
        FileNotFoundError: a file is missing.
        FileError: a file is not text, or has fewer lines than another; it is named.
    """
    for place, lines in enumerate(zip_longest(*(read_lines(path, WHAT) for path in paths)), 1):
        for path, line in zip(paths, lines, strict=True):
            if line is None:
                raise FileError(f"{path} ends before line {place}, which another of the files has")
        if all(lines):
            yield lines


def read_multi30k(
    folder: str | Path, split: str, languages: Sequence[str] = ("en", "de", "fr")
) -> Iterator[tuple[str, ...]]:
    """Yield captions of Multi30k (Elliott et al., 2016) in several languages, one image after the other.

    Args:
        folder: with files such as train.en, or m30k.train.en, plain or as .gz.
        split: "train", "val", "test_2016_flickr" or another that the folder has.
        languages: the ends of the files' names.

    Raises:
        FileNotFoundError: a file is missing.
        FileError: a file is not text, or has fewer lines than another.
    """
    names = [(f"{split}.{language}", f"m30k.{split}.{language}") for language in languages]
    return parallel_lines(*(find_file(folder, *pair) for pair in names))


def read_europarl(
    folder: str | Path, others: Sequence[str] = ("de", "fr"), most: int = 200_000
) -> Iterator[tuple[str, ...]]:
    """Yield English sentences of Europarl (Koehn, 2005; release 7) and their translations.

    Each pair of languages has files of its own; sentences are matched by their English line. The first lines
    of all pairs but the first are in memory for that.

    Args:
        folder: with files such as europarl-v7.de-en.de and europarl-v7.de-en.en.
        others: languages beside English.
        most: lines of each pair that are read.

    Raises:
        FileNotFoundError: a file is missing.
        FileError: a file is not text, or has fewer lines than another.
    """
    count(1, most=most)
    pairs = [
        islice(
            parallel_lines(*(find_file(folder, f"europarl-v7.{other}-en.{end}") for end in ("en", other))),
            most,
        )
        for other in others
    ]
    known = [{pair[0]: pair[1] for pair in each} for each in pairs[1:]]
    for english, translated in pairs[0]:
        if all(english in each for each in known):
            yield (english, translated, *(each[english] for each in known))
