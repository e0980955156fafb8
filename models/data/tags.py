"""Parts of speech of English words: what the PatternTagger of TextBlob says (De Smedt and Daelemans, 2012).

Its lexicon, of Brill's tagger (MIT), ships in TextBlob's wheel (MIT), which `unknot fetch tags` downloads.
The wheel is opened and never installed. The tagger knows 94,000 words; of a word that may be several parts of
speech it says the most frequent one, whatever is around it.
"""

import io
import re
import zipfile
from collections.abc import Sequence

from unknot.archives import damage_named
from unknot.models.data.releases import Release

__all__ = ["RELEASE", "Tagger"]

RELEASE = Release(
    "textblob",
    "textblob-0.20.1-py3-none-any.whl",
    "f957699169a3e7b9a03a504883111b7b6973679496b9af959db2f74ee2449977",
    "unknot fetch tags",
)
LEXICON = "textblob/en/en-lexicon.txt"
LARGEST = 50_000_000
"""Bytes of the lexicon, at most."""

NUMBER = re.compile(r"[0-9\-,.:/%$]+")
ADJECTIVES = ("able", "al", "ful", "ible", "ient", "ish", "ive", "less", "tic", "ous")
SUFFIXES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("VBP", ("ate", "ify", "ise", "ize")),
    ("VBN", ("ed",)),
    ("JJ", ADJECTIVES),
    ("NN", ("is", "ss")),
    ("NNS", ("s",)),
    ("RB", ("ly",)),
    ("VBG", ("ing",)),
)
"""Tags of unknown words by their ends; the first that fits counts."""


class Tagger:
    """Says parts of speech by TextBlob's lexicon, as `unknot fetch tags` got it.

    Raises:
        FileNotFoundError: it has not been fetched.
        FileError: the wheel is damaged or another one.
    """

    def __init__(self) -> None:
        content = RELEASE.read()
        with damage_named(RELEASE.path, RELEASE.file), zipfile.ZipFile(io.BytesIO(content)) as wheel:
            if wheel.getinfo(LEXICON).file_size > LARGEST:
                raise ValueError(f"{LEXICON} has over {LARGEST} bytes")
            lines = wheel.read(LEXICON).decode().splitlines()
        entries = (line.split() for line in lines if line.strip() and not line.startswith(";;"))
        self._tags = {entry[0]: entry[1] for entry in entries}

    def tag(self, words: Sequence[str]) -> list[str]:
        """Return the part of speech of each word of a sentence, by the names of the Penn Treebank."""
        return [
            self._tags.get(word) or (self._tags.get(word.lower()) if first else None) or _guess(word)
            for first, word in zip([True, *[False] * len(words)], words, strict=False)
        ]

    def nouns(self, sentence: str) -> set[str]:
        """Return the nouns of a sentence of words with a space between them, proper names included."""
        words = sentence.split()
        return {word for word, tag in zip(words, self.tag(words), strict=True) if tag.startswith("NN")}


def _guess(word: str) -> str:
    """Return the part of speech of a word that the lexicon lacks."""
    if word.istitle():
        return "NNP"
    if NUMBER.fullmatch(word):
        return "CD"
    for tag, ends in SUFFIXES:
        if word.endswith(ends) or (tag == "JJ" and "-" in word):
            return tag
    return "NN"
