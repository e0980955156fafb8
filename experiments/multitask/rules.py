"""Codes without learning: what sentences can be clustered by without knowing syntax, and the true syntax."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from unknot.experiments.multitask.data import tag_line
from unknot.experiments.multitask.prototypes import Filled
from unknot.models.data.tags import Tagger

LENGTH, CHARACTERS, NGRAMS, FUNCTION_WORDS, WORDS = (
    "length",
    "characters",
    "n-grams",
    "function-words",
    "words",
)
TAGGED, ORACLE = "tagged", "oracle"
WORD = r"\b\w+\b"
TAG = r"\S+"

Codes = NDArray[np.float64]


def _counted(sentences: list[str], **options: Any) -> Codes:
    """Return counts (n, features) of what scikit-learn finds in sentences."""
    counts: Codes = (
        CountVectorizer(lowercase=False, **options).fit_transform(sentences).toarray().astype(float)
    )
    return counts


def _function_words(filled: Filled) -> Codes:
    lower = [sentence.lower() for sentence in filled.sentences]
    return _counted(lower, vocabulary=sorted(ENGLISH_STOP_WORDS), token_pattern=WORD)


RULES: dict[str, Callable[[Filled], Codes]] = {
    LENGTH: lambda filled: np.array([[float(len(sentence))] for sentence in filled.sentences]),
    CHARACTERS: lambda filled: _counted(filled.sentences, analyzer="char"),
    NGRAMS: lambda filled: _counted(filled.sentences, analyzer="char", ngram_range=(1, 3)),
    WORDS: lambda filled: _counted(filled.sentences, token_pattern=WORD),
    FUNCTION_WORDS: _function_words,
    ORACLE: lambda filled: _tag_counts(filled.syntax),
}
"""What makes codes of filled prototypes, by name."""


def tagged(filled: Filled) -> Codes:
    """Return counts of parts of speech, and of two and three in a row, as TextBlob's tagger finds them.

    Raises:
        FileNotFoundError: the tagger has not been fetched.
    """
    tagger = Tagger()
    return _tag_counts([tag_line(tagger, sentence) for sentence in filled.sentences])


def _tag_counts(lines: list[str]) -> Codes:
    return _counted(lines, token_pattern=TAG, ngram_range=(1, 3))
