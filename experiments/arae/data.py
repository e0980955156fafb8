"""What is transferred: sentiment and topics of the grammar, Yelp's sentiment, topics of products."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unknot.models.data.sentences import Reviews
from unknot.models.data.sentiment import (
    LabelledSentences,
    read_product_sentences,
    read_yelp,
    read_yelp_rewrites,
)
from unknot.models.text.judges import NgramJudge, fit_language_model
from unknot.models.text.language_model import LanguageModel
from unknot.models.text.vocabulary import Vocabulary, tokenised

Labels = NDArray[np.int64]

SENTIMENT, TOPICS, YELP, PRODUCTS = "sentiment", "topics", "yelp", "products"
"""The tasks: of the grammar the first two, of a user's own files the others."""
VALUES = {
    SENTIMENT: ("negative", "positive"),
    TOPICS: ("food", "film", "phone"),
    YELP: ("negative", "positive"),
}
"""Names of the attribute's values; those of products are in their file."""
FACTOR = {SENTIMENT: "sentiment", TOPICS: "topic"}
"""The grammar's factor that is transferred."""
UNCOMPARED = {SENTIMENT: (), TOPICS: ("noun",)}
"""Factors that a transfer can't keep: each topic has nouns of its own."""
LONGEST = {SENTIMENT: 24, TOPICS: 24, YELP: 20, PRODUCTS: 40}
"""Words of a sentence, at most."""
JUDGED = 60_000
"""Yelp's sentences that judges learn from, and no system."""
HELD_OUT = 2000
"""True sentences that reverse perplexities are of."""
FOR_LANGUAGE = 20_000
"""The grammar's sentences that its language model learns from."""
WORDS = 10_000
"""Of a vocabulary of real sentences, at most."""
TRAINING, TEST, LANGUAGE, OTHERS = range(4)
"""What random numbers are for."""


@dataclass(frozen=True)
class Task:
    """Sentences with an attribute, and those that judge what became of them."""

    name: str
    values: tuple[str, ...]
    """Names of the attribute's values."""
    training: LabelledSentences
    test: LabelledSentences
    """In random order, the same for all seeds."""
    language: LabelledSentences
    """That judges learn from; no system does."""
    held_out: list[str]
    """For reverse perplexities."""
    judge_steps: int
    """Updates of a language model."""
    vocabulary: tuple[str, ...]
    references: list[list[str]] = field(default_factory=list)
    """What people made of the test sentences."""
    systems: dict[str, list[str]] = field(default_factory=dict)
    """What published systems made of them."""

    @property
    def exact(self) -> bool:
        """The grammar says what was kept."""
        return self.name in FACTOR

    @property
    def wanted(self) -> Labels:
        """The values that test sentences are to have."""
        return other_values(self.test.labels, len(self.values))

    @cached_property
    def judge(self) -> NgramJudge:
        """The judge of real sentences."""
        return NgramJudge(self.language.sentences, self.language.labels)

    @cached_property
    def language_model(self) -> LanguageModel:
        """The judge of what is likely."""
        return fit_language_model(
            self.language.sentences, self.vocabulary, steps=self.judge_steps, longest=LONGEST[self.name]
        )

    def read(self, sentences: list[str]) -> Labels:
        """Return the attribute of sentences as the judge reads it, -1 for what the grammar can't write."""
        if self.exact:
            found: Labels = Reviews().read(sentences)[FACTOR[self.name]]
            return found
        return self.judge.classify(sentences)


def other_values(labels: Labels, values: int) -> Labels:
    """Return another value for each label; of three or more values, each of the others in turn."""
    return (labels + 1 + np.arange(len(labels)) % (values - 1)) % values


def load_grammar(name: str, source: Reviews, sentences: int, test: int, judge_steps: int, seed: int) -> Task:
    """Return a task of the grammar.

    Args:
        name: `SENTIMENT` or `TOPICS`.
        source: of the sentences.
        sentences: that models learn from, newly sampled for each seed.
        test: sentences to test on.
        judge_steps: updates of a language model.
        seed: the run's.
    """
    factor = FACTOR[name]

    def some(n: int, *purpose: int) -> LabelledSentences:
        factors = source.sample_factors(n, np.random.default_rng(purpose))
        return LabelledSentences(list(map(str, source.render_factors(factors))), factors[factor])

    return Task(
        name,
        VALUES[name],
        some(sentences, TRAINING, seed),
        some(test, TEST),
        some(min(sentences, FOR_LANGUAGE), LANGUAGE),
        some(HELD_OUT, OTHERS).sentences,
        judge_steps,
        source.words,
    )


def load_yelp(folder: str, judge_steps: int) -> Task:
    """Return Yelp's task, tested on the 1,000 sentences that people rewrote (see `read_yelp_rewrites`).

    The published training set is not public: 60,000 sentences of the development and test sets are for
    judges, the others for training.
    """
    rewrites = read_yelp_rewrites(folder)
    known = read_yelp(folder, "dev", "test").without(set(rewrites.originals.sentences))
    order = np.random.default_rng(0).permutation(len(known.sentences))
    judged = min(JUDGED, len(order) // 3)
    parts = np.split(order, [judged, judged + min(HELD_OUT, len(order) // 3)])
    language, held_out, training = (_rows(known, part) for part in parts)
    mixed = np.random.default_rng(1).permutation(len(rewrites.originals.sentences))
    systems = {name: each for name, each in rewrites.outputs.items() if not name.startswith("Human")}
    return Task(
        YELP,
        VALUES[YELP],
        training,
        _rows(rewrites.originals, mixed),
        language,
        held_out.sentences,
        judge_steps,
        Vocabulary.of(training.sentences, WORDS, least=3).symbols,
        [[each[k] for k in mixed] for each in rewrites.references],
        {name: [each[k] for k in mixed] for name, each in systems.items()},
    )


def load_products(folder: str, judge_steps: int) -> Task:
    """Return the task of products: the topics of Täckström and McDonald's sentences, a sixth for testing."""
    found = read_product_sentences(folder)
    values = tuple(sorted(set(found.topics)))
    labels = np.array([values.index(topic) for topic in found.topics], np.int64)
    sentences = LabelledSentences([tokenised(each) for each in found.sentences], labels)
    order = np.random.default_rng(0).permutation(len(labels))
    test, judged, training = np.split(order, [len(order) // 6, len(order) // 2])
    language = _rows(sentences, judged)
    return Task(
        PRODUCTS,
        values,
        _rows(sentences, training),
        _rows(sentences, test),
        language,
        language.sentences,
        judge_steps,
        Vocabulary.of(_rows(sentences, training).sentences, WORDS, least=2).symbols,
    )


def _rows(data: LabelledSentences, rows: NDArray[np.int64]) -> LabelledSentences:
    return LabelledSentences([data.sentences[k] for k in rows], data.labels[rows])
