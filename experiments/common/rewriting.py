"""Sentences to be rewritten with another attribute: of the grammar, and Yelp's."""

from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from unknot.models.data.sentences import Reviews
from unknot.models.data.sentiment import LabelledSentences, read_yelp, read_yelp_rewrites
from unknot.models.text.judges import NgramJudge, fit_language_model
from unknot.models.text.language_model import LanguageModel
from unknot.models.text.vocabulary import Vocabulary

Labels = NDArray[np.int64]

SENTIMENT, YELP = "sentiment", "yelp"
"""Tasks: the sentiment of the grammar's sentences, and of Yelp's."""
SIGNS = ("negative", "positive")
"""Names of sentiments."""
LONGEST = 24
"""Words of the grammar's sentences, at most."""
LONGEST_YELP = 20
LONGEST_JUDGED = 60
"""Words of a sentence that a language model learns from, at most."""
JUDGED = 60_000
"""Yelp's sentences that judges learn from, and no system."""
HELD_OUT = 2000
"""True sentences that reverse perplexities are of."""
FOR_LANGUAGE = 20_000
"""The grammar's sentences that its language model learns from."""
WORDS = 10_000
"""Of a vocabulary of real sentences, at most."""
TRAINING, TEST, LANGUAGE, OTHERS, PROBING = range(5)
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
    longest: int
    """Words of a sentence, at most."""
    factor: str = ""
    """The grammar's factor that is transferred; none for real sentences."""
    uncompared: tuple[str, ...] = ()
    """Factors that a transfer can't keep."""
    references: list[list[str]] = field(default_factory=list)
    """What people made of the test sentences."""
    systems: dict[str, list[str]] = field(default_factory=dict)
    """What published systems made of them."""
    unseen: LabelledSentences | None = None
    """More that no system learns from; None for real sentences."""

    @property
    def exact(self) -> bool:
        """The grammar says what was kept."""
        return bool(self.factor)

    @property
    def probing(self) -> LabelledSentences:
        """Sentences that probes learn from, and no system."""
        return self.language if self.unseen is None else self.unseen

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
        """The judge of what is likely; its sentences may be longer than those of models."""
        longest = max(self.longest, *(len(sentence.split()) for sentence in self.language.sentences))
        return fit_language_model(
            self.language.sentences,
            self.vocabulary,
            steps=self.judge_steps,
            longest=min(longest, LONGEST_JUDGED),
        )

    def read(self, sentences: list[str]) -> Labels:
        """Return the attribute of sentences as the judge reads it, -1 for what the grammar can't write."""
        if self.exact:
            found: Labels = Reviews().read(sentences)[self.factor]
            return found
        return self.judge.classify(sentences)


def other_values(labels: Labels, values: int) -> Labels:
    """Return another value for each label; of three or more values, each of the others in turn."""
    return (labels + 1 + np.arange(len(labels)) % (values - 1)) % values


def load_grammar(
    name: str,
    values: tuple[str, ...],
    source: Reviews,
    sentences: int,
    test: int,
    judge_steps: int,
    seed: int,
    *,
    factor: str = "sentiment",
    uncompared: tuple[str, ...] = (),
) -> Task:
    """Return a task of the grammar.

    Args:
        name: the task's.
        values: names of the factor's values.
        source: of the sentences.
        sentences: that models learn from, newly sampled for each seed.
        test: sentences to test on.
        judge_steps: updates of a language model.
        seed: the run's.
        factor: the one that is transferred.
        uncompared: factors that a transfer can't keep.
    """
    some = partial(sampled, source, factor)
    return Task(
        name,
        values,
        some(sentences, TRAINING, seed),
        some(test, TEST),
        some(min(sentences, FOR_LANGUAGE), LANGUAGE),
        some(HELD_OUT, OTHERS).sentences,
        judge_steps,
        source.words,
        LONGEST,
        factor,
        uncompared,
    )


def sampled(source: Reviews, factor: str, n: int, *purpose: int) -> LabelledSentences:
    """Return n sentences of the grammar, labelled by a factor, the same for the same numbers of a purpose."""
    factors = source.sample_factors(n, np.random.default_rng(purpose))
    return LabelledSentences(list(map(str, source.render_factors(factors))), factors[factor])


def load_yelp(folder: str, judge_steps: int) -> Task:
    """Return Yelp's task, tested on the 1,000 sentences that people rewrote (see `read_yelp_rewrites`).

    The published training set is not public: 60,000 sentences of the development and test sets are for
    judges, the others for training.
    """
    rewrites = read_yelp_rewrites(folder)
    known = read_yelp(folder, "dev", "test").without(set(rewrites.originals.sentences))
    third = len(known.sentences) // 3
    language, held_out, training = split(known, min(JUDGED, third), min(HELD_OUT, third))
    mixed = np.random.default_rng(1).permutation(len(rewrites.originals.sentences))
    systems = {name: each for name, each in rewrites.outputs.items() if not name.startswith("Human")}
    return Task(
        YELP,
        SIGNS,
        training,
        take(rewrites.originals, mixed),
        language,
        held_out.sentences,
        judge_steps,
        Vocabulary.of(training.sentences, WORDS, least=3).symbols,
        LONGEST_YELP,
        references=[[each[k] for k in mixed] for each in rewrites.references],
        systems={name: [each[k] for k in mixed] for name, each in systems.items()},
    )


def distinct(data: LabelledSentences) -> LabelledSentences:
    """Return sentences without those that came before, so that no two parts share one."""
    _, first = np.unique(data.sentences, return_index=True)
    return take(data, np.sort(first))


def split(data: LabelledSentences, *sizes: int) -> list[LabelledSentences]:
    """Split sentences, in an order of chance, into parts of such sizes and the rest.

    All copies of a sentence are in one part, so parts are larger by those of their last sentence, at most.
    """
    _, which, copies = np.unique(data.sentences, return_inverse=True, return_counts=True)
    order = np.random.default_rng(0).permutation(len(copies))
    before = np.empty(len(copies), np.int64)
    before[order] = np.cumsum(copies[order]) - copies[order]
    part = np.digitize(before[which], np.cumsum(sizes))
    mixed = np.random.default_rng(1).permutation(len(which))
    return [take(data, mixed[part[mixed] == k]) for k in range(len(sizes) + 1)]


def take(data: LabelledSentences, rows: NDArray[np.int64]) -> LabelledSentences:
    """Return some of the sentences, in this order."""
    return LabelledSentences([data.sentences[k] for k in rows], data.labels[rows])
