"""Sentences in three languages with parts of speech: what models learn from and are tested on."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unknot.models.data.help_pages import read_help_pages
from unknot.models.data.parallel import read_europarl, read_multi30k
from unknot.models.data.tags import Tagger
from unknot.models.data.trilingual import trilingual_sentences
from unknot.models.text.multitask import TAG
from unknot.models.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from unknot.experiments.multitask import Settings

OBSERVATION = "observation"
STRETCH = 1.4
"""How many times as many characters as the longest English sentence a translation has, at most."""
LEAST = 10
"""How often a character must be in the training sentences, not to count as an unknown one."""
AT_A_TIME = 50_000
TOKEN = re.compile(r"\w+(?:[-'’]\w+)*|[^\w\s]+")

Quad = tuple[str, str, str, str]
"""A sentence in English, German and French, and the parts of speech of the English one."""
Arrays = dict[str, NDArray[np.int16]]


@dataclass(frozen=True)
class Corpus:
    """Sentences and what they are made of."""

    training: list[Quad]
    test: list[Quad]
    """The same for all seeds; no model learns from them."""

    @cached_property
    def alphabet(self) -> Vocabulary:
        """The characters of the training sentences in all languages."""
        least = min(LEAST, len(self.training) // 10 + 1)
        return Vocabulary.of(
            chain.from_iterable(quad[:3] for quad in self.training), least=least, characters=True
        )

    @cached_property
    def tags(self) -> Vocabulary:
        """The names of parts of speech."""
        return Vocabulary.of(quad[3] for quad in self.training)

    @cached_property
    def words(self) -> set[str]:
        """The English words of the training sentences, in lower case."""
        return {word for quad in self.training for word in words_of(quad[0])}

    def arrays(self, quads: list[Quad]) -> Arrays:
        """Return symbols of sentences for `length_batches`, with the names of decoders."""
        alphabets = (self.alphabet, self.alphabet, self.alphabet, self.tags)
        names = (OBSERVATION, "de", "fr", TAG)
        return {
            name: _encoded(symbols, [quad[k] for quad in quads])
            for k, (name, symbols) in enumerate(zip(names, alphabets, strict=True))
        }


def words_of(sentence: str) -> list[str]:
    """Return the words of a sentence, in lower case, without its marks."""
    return [token.lower() for token in TOKEN.findall(sentence) if token[0].isalnum()]


def tag_line(tagger: Tagger, sentence: str) -> str:
    """Return the parts of speech of a sentence's words and marks, with spaces between them."""
    return " ".join(tagger.tag(TOKEN.findall(sentence)))


@lru_cache(maxsize=1)
def load_corpus(settings: "Settings") -> Corpus:
    """Return the sentences that settings ask for; the last ones are kept.

    Raises:
        FileNotFoundError: what was not fetched, or a folder without its files.
        FileError: a damaged file.
        ValueError: too few sentences are left.
    """
    if settings.toy:
        quads = list(dict.fromkeys(trilingual_sentences(settings.toy, 0)))
    else:
        tagger = Tagger()
        quads = [(*triple, tag_line(tagger, triple[0])) for triple in _triples(settings)]
    order = np.random.default_rng(0).permutation(len(quads))[: settings.sentences + settings.test]
    if len(order) < settings.test + settings.batch * 3:
        raise ValueError(
            f"test must leave three batches to learn from, of {len(order)} sentences, not {settings.test}"
        )
    mixed = [quads[k] for k in order]
    return Corpus(mixed[settings.test :], mixed[: settings.test])


def _triples(settings: "Settings") -> Iterator[tuple[str, str, str]]:
    """Yield different sentences of all files that are short enough."""
    files: list[Iterable[tuple[str, ...]]] = [read_help_pages()]
    if settings.multi30k:
        files.append(read_multi30k(settings.multi30k, "train"))
    if settings.europarl:
        files.append(read_europarl(settings.europarl, most=settings.sentences + settings.test))
    seen: set[str] = set()
    for english, german, french in chain.from_iterable(files):
        short = len(english) <= settings.longest
        short = short and max(len(german), len(french)) <= STRETCH * settings.longest
        if short and english not in seen:
            seen.add(english)
            yield english, german, french


def _encoded(symbols: Vocabulary, lines: list[str]) -> NDArray[np.int16]:
    """Return symbols of lines (n, longest), encoded in parts, as Python's numbers take much memory."""
    parts = [
        symbols.encode(lines[k : k + AT_A_TIME]).astype(np.int16) for k in range(0, len(lines), AT_A_TIME)
    ]
    longest = max(part.shape[1] for part in parts)
    return np.concatenate([np.pad(part, ((0, 0), (0, longest - part.shape[1]))) for part in parts])
