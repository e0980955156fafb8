"""What is transferred: sentiment and topics of the grammar, Yelp's sentiment, topics of products."""

from dataclasses import replace

import numpy as np

from unknot.experiments.common.rewriting import (
    PROBING,
    SENTIMENT,
    SIGNS,
    WORDS,
    Task,
    distinct,
    load_grammar,
    sampled,
    take,
)
from unknot.models.data.sentences import Reviews
from unknot.models.data.sentiment import LabelledSentences, read_product_sentences
from unknot.models.text.vocabulary import Vocabulary, tokenised

TOPICS, PRODUCTS = "topics", "products"
"""The tasks beside those of sentiment: the grammar's topics, and those of a user's own file."""
PROBED = 50_000
"""The grammar's sentences that probes learn from. No probe reads a sentiment off few codes where they tell it
by adjective and frame together."""
LONGEST_PRODUCTS = 40
"""Words of a product sentence, at most."""
PRODUCT_TOPICS = ("electronics", "music", "videogames")
"""Three, as many as the paper has, which are further apart than books and films are."""


def load_reviews(name: str, source: Reviews, sentences: int, test: int, judge_steps: int, seed: int) -> Task:
    """Return a task of the grammar, `SENTIMENT` or `TOPICS` (see `load_grammar`)."""
    sizes = (source, sentences, test, judge_steps, seed)
    if name == SENTIMENT:
        task = load_grammar(SENTIMENT, SIGNS, *sizes)
    else:  # each topic has nouns of its own
        task = load_grammar(TOPICS, ("food", "film", "phone"), *sizes, factor="topic", uncompared=("noun",))
    return replace(task, unseen=sampled(source, task.factor, min(sentences, PROBED), PROBING))


def load_products(folder: str, judge_steps: int) -> Task:
    """Return the task of products: three topics of Täckström and McDonald's, a sixth for testing."""
    found = read_product_sentences(folder)
    rows = [k for k, topic in enumerate(found.topics) if topic in PRODUCT_TOPICS]
    labels = np.array([PRODUCT_TOPICS.index(found.topics[k]) for k in rows], np.int64)
    sentences = distinct(LabelledSentences([tokenised(found.sentences[k]) for k in rows], labels))
    order = np.random.default_rng(0).permutation(len(sentences.labels))
    test, judged, training = np.split(order, [len(order) // 6, len(order) // 2])
    language = take(sentences, judged)
    return Task(
        PRODUCTS,
        PRODUCT_TOPICS,
        take(sentences, training),
        take(sentences, test),
        language,
        language.sentences,
        judge_steps,
        Vocabulary.of(take(sentences, training).sentences, WORDS, least=2).symbols,
        LONGEST_PRODUCTS,
    )
