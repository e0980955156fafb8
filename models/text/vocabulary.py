"""Symbols of sentences: words or characters, numbered."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unknot.checks import count, flag, shown

__all__ = ["END", "MARKS", "PAD", "START", "UNKNOWN", "Sentences", "Vocabulary", "as_sentences", "tokenised"]

Sentences = Sequence[str] | NDArray[np.str_]

MARKS = ("<pad>", "<start>", "<end>", "<unk>")
"""What stands for symbols that are none of a sentence, before all others: PAD, START, END, UNKNOWN."""
PAD, START, END, UNKNOWN = range(len(MARKS))


class Vocabulary:
    """The symbols of sentences; their numbers begin after those of the `MARKS`.

    Args:
        symbols: all different, none a mark: words without spaces, or characters.
        characters: a sentence is made of characters; else of words with a space between them.

    Attributes:
        symbols: those given, as a tuple.
        characters: as given.

    Raises:
        ValueError: symbols that are not such strings.
    """

    def __init__(self, symbols: Sequence[str], *, characters: bool = False) -> None:
        flag(characters=characters)
        self.symbols, self.characters = tuple(symbols), characters
        for symbol in self.symbols:
            whole = (
                len(symbol) == 1 if characters else len(symbol.split()) == 1 and symbol.split()[0] == symbol
            )
            if not whole or symbol in MARKS:
                kind = "characters" if characters else "words without spaces"
                raise ValueError(f"symbols must be {kind}, none of {', '.join(MARKS)}, not {shown(symbol)}")
        self._numbers = {symbol: len(MARKS) + k for k, symbol in enumerate(self.symbols)}
        if len(self._numbers) < len(self.symbols):
            twice = next(symbol for symbol, times in Counter(self.symbols).items() if times > 1)
            raise ValueError(f"symbols must be different, but {shown(twice)} is there twice")

    @classmethod
    def of(
        cls, sentences: Iterable[str], size: int = 30_000, *, least: int = 1, characters: bool = False
    ) -> "Vocabulary":
        """Collect the symbols of sentences.

        Args:
            sentences: they are gone through once, and not kept.
            size: the most symbols; the most frequent are kept, of equally frequent ones the first by name.
            least: how often a symbol must occur.
            characters: as for the constructor.
        """
        count(1, size=size, least=least)
        counts = Counter[str]()
        for sentence in sentences:
            counts.update(sentence if characters else sentence.split())
        ranked = sorted((-times, symbol) for symbol, times in counts.items() if symbol not in MARKS)
        kept = [symbol for times, symbol in ranked if -times >= least]
        return cls(kept[:size], characters=characters)

    def __len__(self) -> int:
        """Return the number of symbols, marks included."""
        return len(MARKS) + len(self.symbols)

    def encode(self, sentences: Sentences, longest: int | None = None) -> NDArray[np.int64]:
        """Return the symbols of sentences, padded to the longest one: int64 (n, length).

        Each ends with END, then PAD follows. Unknown symbols become UNKNOWN.

        Args:
            sentences: n strings.
            longest: sentences of more symbols are cut after as many; None cuts none.

        Raises:
            ValueError: something else than strings, or a `longest` below 1.
        """
        if longest is not None:
            count(1, longest=longest)
        rows = [
            [self._numbers.get(each, UNKNOWN) for each in (sentence if self.characters else sentence.split())]
            for sentence in as_sentences(sentences)
        ]
        rows = [[*row[:longest], END] for row in rows]
        tokens = np.full((len(rows), max(map(len, rows), default=1)), PAD, np.int64)
        for row, numbers in zip(tokens, rows, strict=True):
            row[: len(numbers)] = numbers
        return tokens

    def decode(self, tokens: NDArray[np.int64] | Tensor) -> list[str]:
        """Return the sentences of symbols (n, length), each up to its first END; PAD and START are left out.

        Raises:
            ValueError: another number of axes, or a symbol that the vocabulary doesn't have.
        """
        numbers: Any = tokens.tolist()
        names, between = (*MARKS, *self.symbols), "" if self.characters else " "
        sentences = []
        for row in numbers:
            if not isinstance(row, list) or not all(isinstance(k, int) and 0 <= k < len(names) for k in row):
                raise ValueError(
                    f"tokens must be (n, length), each 0 to {len(names) - 1}, not {shown(numbers)}"
                )
            row = row[: row.index(END)] if END in row else row
            sentences.append(between.join(names[k] for k in row if k not in (PAD, START)))
        return sentences


def tokenised(sentence: str) -> str:
    """Return a sentence in lower case, with a space between its words and marks, as Yelp's reviews are.

    Contractions are two words, "did n't" and "it 's"; runs of one mark, as in "...", are one.
    """
    apart = re.sub(r"(n't|'(?:s|m|d|re|ve|ll))\b", r" \1", sentence.lower().replace("’", "'"))
    return " ".join(match[0] for match in re.finditer(r"n't\b|'?\w+(?:[-']\w+|[.,]\d+)*|([^\w\s])\1*", apart))


def as_sentences(sentences: Any) -> list[str]:
    """Return sentences as a list; refuse anything but a list, a tuple or an array of strings.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(sentences, np.ndarray) and sentences.dtype.kind == "U" and sentences.ndim == 1:
        return list(map(str, sentences))
    if not isinstance(sentences, list | tuple) or not all(isinstance(each, str) for each in sentences):
        raise ValueError(f"sentences must be a list of strings, not {shown(sentences)}")
    return list(sentences)
