"""What is transferred, and which words are nouns: sentiment of the grammar, of Yelp, of short sentences."""

from collections.abc import Callable
from functools import cache

import numpy as np

from unknot.experiments.common.rewriting import SIGNS, WORDS, Task, distinct, take
from unknot.models.data.sentences import Reviews
from unknot.models.data.sentiment import LabelledSentences
from unknot.models.data.tags import Tagger
from unknot.models.data.valence import read_valence
from unknot.models.text.vocabulary import Vocabulary, tokenised

Nouns = Callable[[str], set[str]]
"""From a sentence to its nouns."""

PRODUCTS = "products"
"""The task of short sentences about products."""
SHORT = 15
"""Words of a short sentence, at most; with the paper's 7 only 489 about products would be left."""
TESTED = 400
"""Short sentences about products that are tested on, at most a third of all."""


def load_products(judge_steps: int) -> Task:
    """Return the task of short sentences, as `unknot fetch reviews` got them (see `read_valence`).

    Models learn from short sentences about products and films, the test is of products. Judges learn from
    longer sentences, which no model does.

    Args:
        judge_steps: updates of a language model.
    """
    products, films = (_signed(kind) for kind in ("product", "film"))
    short = _rows(products, short=True)
    mixed = np.random.default_rng(0).permutation(short)
    tested, learnt = np.split(mixed, [min(TESTED, len(mixed) // 3)])
    training = _joined(take(products, learnt), take(films, _rows(films, short=True)))
    language = _joined(take(products, _rows(products, short=False)), take(films, _rows(films, short=False)))
    return Task(
        PRODUCTS,
        SIGNS,
        training,
        take(products, tested),
        language,
        [products.sentences[k] for k in tested],
        judge_steps,
        Vocabulary.of(training.sentences, WORDS, least=2).symbols,
        SHORT,
    )


def _signed(kind: str) -> LabelledSentences:
    """Return the sentences of a kind that people rated as good or bad."""
    rated = read_valence(kind)
    chosen = np.flatnonzero(rated.valences)
    sentences = [tokenised(rated.sentences[k]) for k in chosen]
    return distinct(LabelledSentences(sentences, (rated.valences[chosen] > 0).astype(np.int64)))


def _rows(data: LabelledSentences, *, short: bool) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    lengths = np.array([len(sentence.split()) for sentence in data.sentences])
    return np.flatnonzero((lengths <= SHORT) == short)


def _joined(*parts: LabelledSentences) -> LabelledSentences:
    sentences = [sentence for part in parts for sentence in part.sentences]
    return LabelledSentences(sentences, np.concatenate([part.labels for part in parts]))


def nouns_of(task: Task) -> Nouns:
    """Return what finds nouns: of the grammar they are known, else `Tagger` says them.

    Raises:
        FileNotFoundError: real sentences, and `unknot fetch tags` has not been run.
    """
    if task.exact:
        known = set(Reviews().nouns)
        return lambda sentence: known & set(sentence.split())
    return _tagger().nouns


@cache
def _tagger() -> Tagger:
    return Tagger()
