"""Sentences of known syntax: the paper's 13 prototypes and the empty sentence, and seven that look alike."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ALIKE", "PROTOTYPES", "SETS", "Filled", "fill", "sample_word"]

PROTOTYPES = (
    "The +N is +A.",
    "The +N +Vs.",
    "The +N has a +N.",
    "The +N +Vs a +N.",
    "The +N +Vs +D.",
    "No +N ever +Vs.",
    "Are +Ns +A?",
    "The +Ns of +N +D +V the +A +N, but some +Ns still +V their +N.",
    "In the +N of a +A +N, the +N will +V the +N of +Ving the +N.",
    "+Ns +V the +A +N of +Ns +Ving on the +N.",
    "In the +N of +N, +Ns would rather +V without +N than +V any +A +Ns.",
    "+N +Vs in order to +V on a +N.",
    "+A +Ns often +V like +Ns.",
    "",
)
"""The paper's, in its order; the last is the empty sentence. In places are nouns (+N), verbs (+V), adjectives
(+A) and adverbs (+D)."""
ALIKE = (
    "The +A +N +Vs the +N.",
    "The +N +Vs the +A +N.",
    "The +N +D +Vs the +N.",
    "The +N +Vs the +N +D.",
    "+D the +N +Vs the +N.",
    "The +N the +N +Vs +Vs.",
    "The +N +Ving the +N +Vs.",
)
"""Ours: all have the same function words and the same length, so that neither tells them apart."""
SETS = {"prototypes": PROTOTYPES, "alike": ALIKE}
ALIKE_LENGTH = 30
"""Characters of every sentence of `ALIKE`."""

WORDS = {
    "N": (
        *(
            "dog",
            "cat",
            "house",
            "book",
            "teacher",
            "car",
            "friend",
            "river",
            "tree",
            "garden",
            "school",
            "boy",
        ),
        *(
            "doctor",
            "king",
            "song",
            "letter",
            "picture",
            "window",
            "door",
            "table",
            "road",
            "market",
            "farmer",
        ),
        *("mountain", "village", "train", "student", "bird", "horse", "field", "town", "worker", "neighbour"),
        *("question", "machine", "number", "game", "rule", "word", "photo"),
    ),
    "V": (
        *(
            "walk",
            "talk",
            "look",
            "help",
            "work",
            "play",
            "load",
            "ask",
            "need",
            "want",
            "lift",
            "hear",
            "greet",
        ),
        *(
            "eat",
            "read",
            "sing",
            "sell",
            "count",
            "follow",
            "learn",
            "paint",
            "clean",
            "open",
            "turn",
            "wait",
        ),
        *("cook", "draw", "speak", "think", "build", "start", "end", "answer", "visit", "enjoy", "hold"),
    ),
    "A": (
        *(
            "good",
            "new",
            "long",
            "small",
            "large",
            "young",
            "strong",
            "dark",
            "clear",
            "happy",
            "cold",
            "warm",
        ),
        *("poor", "rich", "short", "red", "green", "white", "slow", "quick", "quiet", "simple", "beautiful"),
        *("tall", "free", "strange", "kind", "sad", "real", "modern"),
    ),
    "D": (
        *("slowly", "quickly", "soon", "today", "twice", "quietly", "easily", "gladly", "outside", "badly"),
        *("early", "late", "upstairs", "abroad", "suddenly", "rarely", "carefully", "loudly", "tomorrow"),
    ),
}
"""Common English words that take -s and -ing without other changes, none a function word."""
PLACE = re.compile(r"\+([NVAD])")
TAGS = {"N": "NN", "V": "VB", "A": "JJ", "D": "RB"}


@dataclass(frozen=True)
class Filled:
    """Sentences of prototypes."""

    sentences: list[str]
    labels: NDArray[np.int64]
    """(n,): the prototype of each."""
    syntax: list[str]
    """The prototype with names of parts of speech in its places."""


def fill(name: str, times: int) -> Filled:
    """Fill each prototype of a set with words as many times; the words are the same in every call."""
    prototypes, rng = SETS[name], np.random.default_rng(0)
    length = ALIKE_LENGTH if name == "alike" else None
    sentences = [_fill(prototype, rng, length) for prototype in prototypes for _ in range(times)]
    syntax = [PLACE.sub(lambda match: TAGS[match[1]], each) for each in prototypes for _ in range(times)]
    return Filled(sentences, np.repeat(np.arange(len(prototypes)), times), syntax)


def sample_word(kind: str, rng: np.random.Generator) -> str:
    """Sample a word: "N", "V", "A" or "D"."""
    words = WORDS[kind]
    return words[rng.integers(len(words))]


def _fill(prototype: str, rng: np.random.Generator, length: int | None) -> str:
    """Return a prototype with words in its places, of a length if one is given."""
    while True:
        sentence = PLACE.sub(lambda match: sample_word(match[1], rng), prototype)
        if length is None or len(sentence) == length:
            return sentence[:1].upper() + sentence[1:]
