"""What experiments that rewrite sentences share: settings of the grammar, names of rows, batches, metrics."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import above, settings_at_least
from unknot.experiments.common.rewriting import Task
from unknot.experiments.common.rewriting_measures import shown_rows
from unknot.models.data.sentences import Reviews
from unknot.models.text.batches import length_batches
from unknot.models.text.vocabulary import Vocabulary

OTHER_TIMES, OTHER_ORDER = 3, 5000
"""How many times larger the batches are that ARAE's classifier alone learns from, and what is added to the
seed for their order."""


@dataclass(frozen=True)
class GrammarSettings:
    """Settings of the grammar's sentences, and of what all models and judges have."""

    batch: int = 64
    """Sentences of an update."""
    embedding: int = 128
    """Dimensions of a word's vector."""
    learning_rate: float = 2e-3
    """Adam's for encoders and decoders."""
    sentences: int = 200_000
    """Sentences of the grammar that models learn from."""
    nouns: int = 24
    """Of each topic and aspect in the grammar."""
    subjects: int = 64
    """Names in the grammar."""
    places: int = 64
    """Towns in the grammar."""
    test: int = 1000
    """Sentences of the grammar to test on."""
    judge_steps: int = 1000
    """Updates of each language model that judges."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        settings_at_least(self, batch=2, embedding=1, sentences=100, nouns=2, subjects=2, places=2, test=20)
        settings_at_least(self, judge_steps=1)
        above(0, learning_rate=self.learning_rate)
        self.source()
        if self.sentences < self.batch:
            raise ValueError(f"sentences must be at least {self.batch}, the batch, not {self.sentences}")

    def source(self) -> Reviews:
        """Return the grammar."""
        return Reviews(nouns=self.nouns, subjects=self.subjects, places=self.places)


SMOKE: dict[str, Any] = {
    **{"batch": 8, "embedding": 8, "sentences": 400, "nouns": 2, "subjects": 2, "places": 2},
    **{"test": 40, "judge_steps": 2},
}
"""`GrammarSettings` of the smoke presets."""


def task_of(name: str) -> str:
    """Return the task of "TASK ROW", as models and rules are called in a run."""
    return name.split()[0]


def row_of(name: str) -> str:
    """Return the row of "TASK ROW"."""
    return name.split()[1]


def training_batches(task: Task, batch: int, seed: int) -> Callable[[int], dict[str, Any]]:
    """Return batches of a task's training sentences and their labels, each of one length."""
    return _batches(_encoded(task), batch, seed)


def fooling_batches(task: Task, batch: int, seed: int) -> Callable[[int], dict[str, Any]]:
    """Return those of `training_batches` with more for the classifier that ARAE's encoder is to fool.

    These are `other_observation` and `other_label`, larger batches in an order of their own.
    """
    data = _encoded(task)
    return _WithOthers(_batches(data, batch, seed), _batches(data, OTHER_TIMES * batch, seed + OTHER_ORDER))


def _encoded(task: Task) -> dict[str, NDArray[np.int64]]:
    """Return the symbols and labels of a task's training sentences."""
    symbols = Vocabulary(task.vocabulary).encode(task.training.sentences, task.longest)
    return {"observation": symbols, "label": task.training.labels}


def _batches(data: dict[str, NDArray[np.int64]], batch: int, seed: int) -> Callable[[int], dict[str, Any]]:
    return length_batches(data, min(batch, len(data["label"])), seed)


@dataclass(frozen=True)
class _WithOthers:
    """Batches with others, under names that begin with `other_`."""

    batch_at: Callable[[int], dict[str, Any]]
    other_at: Callable[[int], dict[str, Any]]

    def __call__(self, step: int) -> dict[str, Any]:
        others = {f"other_{name}": rows for name, rows in self.other_at(step).items()}
        return self.batch_at(step) | others


def collected(
    names: Iterable[str],
    load: Callable[[str], Task],
    rows: dict[str, Any],
    published: Callable[[Task], dict[str, Any]],
) -> dict[str, Any]:
    """Return metrics by task: the rows, the sentences that are printed, what others published.

    Args:
        names: of the tasks.
        load: returns a task.
        rows: metrics by "TASK ROW".
        published: judges what others published of a task.
    """
    found = {}
    for name in names:
        task = load(name)
        shown = shown_rows(len(task.test.sentences))
        found[name] = {
            "rows": {row_of(each): metrics for each, metrics in rows.items() if task_of(each) == name},
            "originals": [task.test.sentences[k] for k in shown],
            "wanted": [task.values[task.wanted[k]] for k in shown],
            "published": published(task) if task.systems else {},
        }
    return found
