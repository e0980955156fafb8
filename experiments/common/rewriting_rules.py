"""Systems without networks: the copy, a rule of counted words, and the truth."""

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from unknot.experiments.common.rewriting import Labels, Task
from unknot.models.data.sentences import Reviews
from unknot.models.data.sentiment import LabelledSentences

Rewrite = Callable[[list[str], Labels], list[str]]
"""From sentences and the values that they are to have, to sentences."""

COPY, TEMPLATE, ORACLE = "copy", "template", "oracle"
ODDS = 4.0
"""How many times as often as in all other sentences a marker is in those of its value."""
SMOOTHING = 1.0
"""What is added to counts."""
ORDERS = 4
"""Words of a marker, at most."""
COUNTED = 50_000
"""Sentences whose words are counted, at most."""
POOL = 10_000
"""Sentences of each value that markers are taken from, at most."""
AT_A_TIME = 500


def rules_of(exact: bool) -> tuple[str, ...]:
    """Return the names of a task's rules; the truth is known of the grammar alone."""
    return (COPY, TEMPLATE, ORACLE) if exact else (COPY, TEMPLATE)


def make_rule(name: str, task: Task) -> Rewrite:
    """Return the rule of a name for a task."""
    if name == TEMPLATE:
        return Template(task.training, len(task.values))
    return _oracle(task.factor) if name == ORACLE else _copy


def _copy(sentences: list[str], wanted: Labels) -> list[str]:
    return sentences


def _oracle(factor: str) -> Rewrite:
    def rewrite(sentences: list[str], wanted: Labels) -> list[str]:
        factors = Reviews().read(sentences)
        return list(map(str, Reviews().render_factors(factors | {factor: wanted})))

    return rewrite


class Template:
    """Deletes what marks a sentence's own value, and puts in what marks the wanted one in a similar sentence.

    TemplateBased of Li, Jia, He and Liang, "Delete, retrieve, generate", 2018, without its training: markers
    are n-grams counted at least `ODDS` times as often with a value as without; similar are sentences by the
    TF-IDF of what is left.

    Args:
        data: sentences and their values.
        values: how many there are.
    """

    def __init__(self, data: LabelledSentences, values: int) -> None:
        counts = [Counter[tuple[str, ...]]() for _ in range(values)]
        for sentence, label in zip(data.sentences[:COUNTED], data.labels, strict=False):
            counts[label].update(_ngrams(sentence.split()))
        total = sum(counts, Counter[tuple[str, ...]]())
        self._markers = [
            {
                ngram
                for ngram, times in own.items()
                if (times + SMOOTHING) >= ODDS * (total[ngram] - times + SMOOTHING)
            }
            for own in counts
        ]
        self._values = values
        self._pool: list[list[tuple[str, list[list[str]]]]] = []
        for value in range(values):
            own = [data.sentences[k] for k in np.flatnonzero(data.labels == value)[:POOL]]
            parted = [self._parted(sentence, value) for sentence in own]
            self._pool.append([(_content(part), part[1::2]) for part in parted if len(part) > 1])
        contents = [content for pool in self._pool for content, _ in pool] or ["none"]
        self._similar = TfidfVectorizer(token_pattern=r"\S+", lowercase=False).fit(contents)
        self._vectors = [
            self._similar.transform([content for content, _ in pool]) if pool else None for pool in self._pool
        ]

    def __call__(self, sentences: list[str], wanted: Labels) -> list[str]:
        """Write sentences anew for values (n,); what has no marker stays as it is.

        A sentence's own value is that of which it has the most words in markers, but for the wanted one.
        """
        written = list(sentences)
        for value in range(self._values):
            rows = np.flatnonzero(np.asarray(wanted) == value)
            for first in range(0, len(rows), AT_A_TIME):
                self._fill(written, rows[first : first + AT_A_TIME], value)
        return written

    def _fill(self, written: list[str], rows: NDArray[np.int64], value: int) -> None:
        known = self._vectors[value]
        if known is None:
            return
        parted = [self._own_parts(written[row], value) for row in rows]
        vectors = self._similar.transform([_content(part) for part in parted])
        nearest = np.asarray((vectors @ known.T).argmax(1)).ravel()
        for row, part, near in zip(rows, parted, nearest, strict=True):
            if len(part) > 1:
                written[row] = _filled(part, self._pool[value][near][1])

    def _own_parts(self, sentence: str, wanted: int) -> list[list[str]]:
        parts = [self._parted(sentence, value) for value in range(self._values) if value != wanted]
        return max(parts, key=lambda part: sum(map(len, part[1::2])))

    def _parted(self, sentence: str, value: int) -> list[list[str]]:
        """Return words, marker, words, marker, …, words; the shortest markers first, as most words stay."""
        words, spans = sentence.split(), dict[int, int]()
        free = set(range(len(words)))
        for n in range(1, ORDERS + 1):
            for k in range(len(words) - n + 1):
                if tuple(words[k : k + n]) in self._markers[value] and free.issuperset(range(k, k + n)):
                    spans[k] = n
                    free -= set(range(k, k + n))
        parts: list[list[str]] = [[]]
        k = 0
        while k < len(words):
            if k in spans:
                parts += [words[k : k + spans[k]], []]
            else:
                parts[-1].append(words[k])
            k += spans.get(k, 1)
        return parts


def _filled(parts: list[list[str]], markers: list[list[str]]) -> str:
    """Return a sentence with other markers in place of its own; the last place has what is left of them."""
    places = len(parts) // 2
    chosen = [*markers[: places - 1], [word for marker in markers[places - 1 :] for word in marker]]
    chosen += [[]] * (places - len(chosen))
    filled = [*(word for k, part in enumerate(parts) for word in (chosen[k // 2] if k % 2 else part))]
    return " ".join(filled)


def _content(parts: list[list[str]]) -> str:
    return " ".join(word for part in parts[::2] for word in part)


def _ngrams(words: list[str]) -> Iterator[tuple[str, ...]]:
    for n in range(1, ORDERS + 1):
        yield from (tuple(words[k : k + n]) for k in range(len(words) - n + 1))
