"""Sentences with a sentiment and a topic: of the grammar, and real ones about films and products."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unknot.experiments.common.rewriting import SENTIMENT, SIGNS, WORDS, Labels, Task, load_grammar
from unknot.models.data.sentences import Reviews
from unknot.models.data.sentiment import LabelledSentences, read_product_sentences, read_yelp
from unknot.models.data.valence import KINDS, read_valence
from unknot.models.text.batches import length_batches
from unknot.models.text.judges import NgramJudge
from unknot.models.text.vocabulary import Vocabulary, tokenised

REAL = "real"
"""The task of real sentences; the other one is `SENTIMENT`, of the grammar."""
TOPICS = {SENTIMENT: ("food", "film", "phone"), REAL: tuple(KINDS)}
"""Names of topics."""
LONGEST_REAL = 20
"""Words of a real sentence that models see, at most; longer ones are for judges."""
CLEAR = 1.0
"""Distance from 0 of the mean rating of a real sentence to be tested on, at least."""
TUNING = 4
"""What random numbers are for, beside those of `rewriting`."""


@dataclass(frozen=True)
class Study:
    """A task, and what its sentences are about."""

    task: Task
    unlabelled: list[str]
    """That models learn to write first."""
    tuning: LabelledSentences
    """That movements are chosen on; neither for training nor for testing."""
    read_topics: Callable[[list[str]], Labels]
    """From sentences to their topics, -1 for what the grammar can't write."""
    topics: Labels
    """Of the test sentences, (n,)."""
    tuning_topics: Labels


def load_reviews(
    source: Reviews, sentences: int, test: int, tuned: int, judge_steps: int, seed: int
) -> Study:
    """Return the grammar, whose reader knows sentiments and topics.

    Args:
        source: of the sentences.
        sentences: that models learn from, newly sampled for each seed.
        test: sentences to test on.
        tuned: sentences that movements are chosen on.
        judge_steps: updates of a language model.
        seed: the run's.
    """
    task = load_grammar(SENTIMENT, SIGNS, source, sentences, test, judge_steps, seed)
    factors = source.sample_factors(tuned, np.random.default_rng(TUNING))
    tuning = LabelledSentences(list(map(str, source.render_factors(factors))), factors["sentiment"])
    return Study(
        task,
        task.training.sentences,
        tuning,
        _read_topics,
        _read_topics(task.test.sentences),
        factors["topic"],
    )


def _read_topics(sentences: list[str]) -> Labels:
    topics: Labels = Reviews().read(sentences)["topic"]
    return topics


def load_real(test: int, tuned: int, judge_steps: int, products: str = "", yelp: str = "") -> Study:
    """Return sentences about films and products, as `unknot fetch reviews` got them.

    Tested are sentences whose sentiment is clear, by people's mean rating. Judges of sentiment, topic and
    language learn from the sentences that are too long for models.

    Args:
        test: sentences to test on, at most an eighth of the clear ones.
        tuned: sentences that movements are chosen on, likewise.
        judge_steps: updates of a language model.
        products: a folder with Täckström and McDonald's sentences, which models learn from, too; "" for none.
        yelp: a folder with Yelp's sentences, which models learn to write first; "" for none.

    Raises:
        FileNotFoundError: the sentences have not been fetched, or a folder lacks its files.
    """
    sentences, valences, topics = _rated()
    labels = (valences > 0).astype(np.int64)
    short = np.array([len(each.split()) <= LONGEST_REAL for each in sentences])
    clear = np.random.default_rng(0).permutation(np.flatnonzero(short & (abs(valences) >= CLEAR)))
    tested, tuning, others = np.split(clear, np.cumsum([min(n, len(clear) // 8) for n in (test, tuned)]))
    learnt = np.random.default_rng(1).permutation([*others, *np.flatnonzero(short & (abs(valences) < CLEAR))])
    longer = np.flatnonzero(~short)

    def some(rows: Labels) -> LabelledSentences:
        return LabelledSentences([sentences[k] for k in rows], labels[rows])

    training, judged = some(learnt), some(longer)
    if products:
        training = _with_products(training, products)
    unlabelled = training.sentences + (_short(read_yelp(yelp, "dev", "test").sentences) if yelp else [])
    task = Task(
        REAL,
        SIGNS,
        training,
        some(tested),
        judged,
        some(tuning).sentences,
        judge_steps,
        Vocabulary.of(unlabelled, WORDS, least=2).symbols,
        LONGEST_REAL,
    )
    return Study(
        task,
        unlabelled,
        some(tuning),
        _topic_judge(judged.sentences, topics[longer]),
        topics[tested],
        topics[tuning],
    )


def _rated() -> tuple[list[str], NDArray[np.float64], Labels]:
    """Return all sentences that people rated as good or bad, the ratings and the topics."""
    sentences: list[str] = []
    valences, topics = [], []
    for topic, kind in enumerate(KINDS):
        rated = read_valence(kind)
        chosen = np.flatnonzero(rated.valences)
        sentences += [tokenised(rated.sentences[k]) for k in chosen]
        valences.append(rated.valences[chosen])
        topics.append(np.full(len(chosen), topic))
    _, first = np.unique(sentences, return_index=True)
    rows = np.sort(first)  # no sentence twice, so that no two parts share one
    return [sentences[k] for k in rows], np.concatenate(valences)[rows], np.concatenate(topics)[rows]


def _topic_judge(sentences: list[str], topics: Labels) -> Callable[[list[str]], Labels]:
    """Return what reads topics, having learnt from equally many sentences of each."""
    rows = [np.flatnonzero(topics == topic) for topic in range(len(KINDS))]
    fewest = min(map(len, rows))
    chosen = np.concatenate([each[:fewest] for each in rows])
    return NgramJudge([sentences[k] for k in chosen], topics[chosen], 1).classify


def _with_products(training: LabelledSentences, folder: str) -> LabelledSentences:
    found = read_product_sentences(folder)
    written = list(map(tokenised, found.sentences))
    rows = [k for k, sentence in enumerate(written) if len(sentence.split()) <= LONGEST_REAL]
    labels = np.concatenate([training.labels, found.labels[rows]])
    return LabelledSentences([*training.sentences, *(written[k] for k in rows)], labels)


def _short(sentences: list[str]) -> list[str]:
    return [sentence for sentence in sentences if len(sentence.split()) <= LONGEST_REAL]


class Phases:
    """Batches of the first phase, without labels, then those of the second, with them.

    A function from steps to batches, as `train` takes it; it can be pickled.

    Args:
        study: the data.
        batch: sentences of an update.
        first: updates of the first phase.
        seed: of the orders.
        labelled: have labels in the second phase.
    """

    def __init__(self, study: Study, batch: int, first: int, seed: int, *, labelled: bool = True) -> None:
        words = Vocabulary(study.task.vocabulary)
        training, longest = study.task.training, study.task.longest
        data: dict[str, Any] = {"observation": words.encode(training.sentences, longest)}
        plain = {"observation": words.encode(study.unlabelled, longest)}
        self._first = first
        self._phases = (
            length_batches(plain, min(batch, len(study.unlabelled)), seed),
            length_batches(
                data | ({"label": training.labels} if labelled else {}),
                min(batch, len(training.sentences)),
                seed,
            ),
        )

    def __call__(self, step: int) -> dict[str, Tensor]:
        """Return the batch of a step."""
        if step < self._first:
            return self._phases[0](step)
        return self._phases[1](step - self._first)
