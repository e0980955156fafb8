"""Reviews whose factors are known: a grammar writes sentences, a reader recovers every factor of each."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from unknot.checks import count, within
from unknot.models.data.grid import Factors, check_factors
from unknot.models.data.review_words import (
    ADJECTIVES,
    DEGREES,
    FRAMES,
    GROUPS,
    NOUNS,
    PLACES,
    SUBJECTS,
    TIMES,
)

__all__ = ["NEGATING", "Reviews"]

Sentences = NDArray[np.str_]

NEGATING = (10, 11)
"""Frames that deny what they say: there a good adjective makes a bad review."""

SIZES = {
    "sentiment": 2,
    "topic": len(NOUNS),
    "aspect": len(NOUNS[0]),
    "noun": len(NOUNS[0][0]),
    "tense": len(TIMES),
    "formality": len(DEGREES),
    "intensity": len(DEGREES[0]),
    "frame": len(FRAMES),
    "subject": len(SUBJECTS),
    "place": len(PLACES),
}


class _Form(NamedTuple):
    """What the words between the slots of a sentence say."""

    frame: int
    formality: int
    tense: int


def _inflect(template: str, tense: int) -> str:
    words = (word.split("|")[tense] if "|" in word else word for word in template.split())
    return " ".join(words).replace("_", " ")


_TEMPLATES = {
    _Form(frame, formality, tense): _inflect(template, tense)
    for frame, formalities in enumerate(FRAMES)
    for formality, template in enumerate(formalities)
    for tense in range(len(TIMES))
}
_FORMS = {template: form for form, template in _TEMPLATES.items()}


def _slots() -> Iterator[tuple[str, tuple[str, tuple[int, ...]]]]:
    """Yield each word of a slot, with the slot's name and the word's indices."""
    for name, lists in (("noun", NOUNS), ("degree", DEGREES), ("adjective", ADJECTIVES)):
        for i, part in enumerate(lists):
            for j, words in enumerate(part):
                yield from ((word, (name, (i, j, k))) for k, word in enumerate(words))
    for tense, words in enumerate(TIMES):
        yield from ((word, ("time", (tense,))) for word in words)
    for name, words in (("subject", SUBJECTS), ("place", PLACES)):
        yield from ((word, (name, (k,))) for k, word in enumerate(words))


_SLOTS = dict(_slots())


class Reviews:
    """Reviews of food, films and phones, as a factor source of English sentences.

    Sentences are of lower-case words and marks with a space between them, 10 to 20; there are 1,032 words.
    All factors are independent and uniform. An adjective, which depends on topic and aspect, says the
    sentiment; noun and formality choose one of the 36 that say the same. A word of degree says formality and
    intensity, one of time the tense; there place and subject choose. Two of the twelve frames deny what the
    rest of the sentence says, and one quotes the opposite opinion, so that neither a word nor two neighbours
    give the sentiment away: logistic regression on both, of 16,000 sentences, is right for 80% of others.

    Args:
        nouns: how many of each topic and aspect are sampled, of 24; fewer make small problems.
        subjects: how many names, of 64.
        places: how many towns, of 64.

    Attributes:
        factor_space: all Discrete. `sentiment` (0 negative, 1 positive), `topic` (food, film, phone),
            `aspect` (what is offered, its people, looks, cost), `noun` (24 of each), `tense`
            (past, present, future), `formality` (informal, formal), `intensity` (low to high), `frame`
            (12 kinds of sentence), `subject` (64 names), `place` (64 towns).
        words: all words of all sentences, sorted.
        nouns: the words that `noun` chooses from, sorted.
    """

    def __init__(
        self, *, nouns: int = SIZES["noun"], subjects: int = SIZES["subject"], places: int = SIZES["place"]
    ) -> None:
        self._sizes = SIZES | {"noun": nouns, "subject": subjects, "place": places}
        for name, size in (("nouns", nouns), ("subjects", subjects), ("places", places)):
            count(2, **{name: size})
            within(2, SIZES[name[:-1]], **{name: size})
        self.factor_space = spaces.Dict({name: spaces.Discrete(size) for name, size in self._sizes.items()})
        fixed = {word for template in _FORMS for word in template.split() if "{" not in word}
        self.words = tuple(sorted(fixed | _SLOTS.keys()))
        self.nouns = tuple(sorted(word for word, (slot, _) in _SLOTS.items() if slot == "noun"))

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample factors uniformly: int64 arrays (n,) by name."""
        count(0, n=n)
        return {name: rng.integers(size, size=n) for name, size in self._sizes.items()}

    def render_factors(self, factors: Mapping[str, Any]) -> Sentences:
        """Render factors, each (n,): sentences, str (n,).

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        checked = check_factors(self.factor_space, factors)
        rows = zip(*(checked[name].tolist() for name in SIZES), strict=True)
        return np.array([_write(*row) for row in rows], dtype=np.str_)

    def read(self, sentences: Sequence[str] | Sentences) -> Factors:
        """Read sentences: their factors, int64 (n,) by name, all -1 for one that the grammar can't write.

        Whichever word says a sentiment, a degree or a tense is accepted, not only the one that
        `render_factors` chooses.

        Raises:
            ValueError: something else than strings.
        """
        if isinstance(sentences, str) or not all(isinstance(each, str) for each in sentences):
            raise ValueError("sentences must be a list of strings")
        rows = [_read(sentence) or (-1,) * len(SIZES) for sentence in sentences]
        table = np.array(rows, np.int64).reshape(-1, len(SIZES))
        return {name: table[:, k].copy() for k, name in enumerate(SIZES)}


def _write(
    sentiment: int,
    topic: int,
    aspect: int,
    noun: int,
    tense: int,
    formality: int,
    intensity: int,
    frame: int,
    subject: int,
    place: int,
) -> str:
    adjectives = ADJECTIVES[GROUPS[topic][aspect]]
    polarity = sentiment ^ (frame in NEGATING)
    choice = noun + 12 * formality
    degrees, times = DEGREES[formality][intensity], TIMES[tense]
    return _TEMPLATES[_Form(frame, formality, tense)].format(
        noun=NOUNS[topic][aspect][noun],
        subject=SUBJECTS[subject],
        place=PLACES[place],
        degree=degrees[place % len(degrees)],
        time=times[subject % len(times)],
        adjective=adjectives[polarity][choice % len(adjectives[polarity])],
        opposite=adjectives[1 - polarity][(choice + 18) % len(adjectives[1 - polarity])],
    )


def _read(sentence: str) -> tuple[int, ...] | None:
    """Return a sentence's factors in the order of the space, None if the grammar does not write it."""
    found: dict[str, tuple[int, ...]] = {}
    template = []
    for word in sentence.split():
        name, indices = _SLOTS.get(word, (word, ()))
        if name == "adjective" and "degree" not in found:  # only a quoted opinion has no degree
            name = "opposite"
        if indices:
            found[name] = indices
        template.append(f"{{{name}}}" if indices else word)
    form = _FORMS.get(" ".join(template))
    if form is None or "{" in sentence:
        return None
    topic, aspect, noun = found["noun"]
    group, polarity, _ = found["adjective"]
    formality, intensity, _ = found["degree"]
    agree = group == GROUPS[topic][aspect] and formality == form.formality and found["time"] == (form.tense,)
    if not agree or ("opposite" in found and found["opposite"][:2] != (group, 1 - polarity)):
        return None
    sentiment = polarity ^ (form.frame in NEGATING)
    who, where = found["subject"] + found["place"]
    return sentiment, topic, aspect, noun, form.tense, formality, intensity, form.frame, who, where
