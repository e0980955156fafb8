"""The rows of the tables that are trained."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from unknot.experiments.attribute_transfer.data import PRODUCTS, nouns_of
from unknot.experiments.common.rewriting import SENTIMENT, YELP, Task
from unknot.experiments.common.rewriting_runs import fooling_batches, training_batches
from unknot.models.text.arae import ARAE
from unknot.models.text.attribute_transfer import AttributeTransfer
from unknot.models.text.cross_aligned import CrossAlignedAutoencoder
from unknot.models.text.denoising import DenoisingAdversarialAutoencoder
from unknot.models.text.transfer import Rewriter

if TYPE_CHECKING:
    from unknot.experiments.attribute_transfer import Settings

MAIN, COLLUDING = "attention", "collusion"
CROSS, CODES, TODAY = "cross-aligned", "arae", "daae"
LEFT_OUT = {
    "no-reconstruction": "reconstruction_weight",
    "no-nouns": "noun_weight",
    "no-back": "back_weight",
    "no-classifier": "classifier_weight",
    "no-transfer": "transfer_weight",
    "no-back-transfer": "back_transfer_weight",
}
"""Rows that lack one of the six losses, and its weight, in the order λ1 to λ6."""
ROWS = {
    SENTIMENT: (MAIN, CROSS, CODES, TODAY, COLLUDING, *LEFT_OUT),
    YELP: (MAIN, CROSS, CODES, TODAY),
    PRODUCTS: (MAIN, CROSS, CODES, TODAY),
}
"""The models of each task."""
TELLING = 8.0
"""A noun in this many times as large a share of one sentiment's sentences as of another's tells it."""
LONGER = {CROSS: 2, CODES: 3, TODAY: 3}
"""How many times the updates of attention a rival has, so that it learns for about as long."""
KINDS: dict[str, type[Rewriter]] = {
    CROSS: CrossAlignedAutoencoder,
    CODES: ARAE,
    TODAY: DenoisingAdversarialAutoencoder,
}
"""Of what class a row is; all others are `AttributeTransfer`."""


def make(row: str, task: Task, settings: "Settings") -> Rewriter:
    """Make the model of a row for a task."""
    chosen: dict[str, Any] = {
        name: getattr(settings, name) for name in ("embedding", "hidden", "learning_rate")
    }
    chosen |= {"vocabulary": task.vocabulary, "attributes": task.values, "longest": task.longest}
    chosen["steps"] = updates(row, task.name, settings)
    if row in KINDS:
        return KINDS[row](**chosen)
    chosen["nouns"] = kept_nouns(task)
    chosen["warm_up"] = settings.yelp_warm_up if task.name == YELP else settings.warm_up
    if row in LEFT_OUT:
        chosen[LEFT_OUT[row]] = 0.0
    return AttributeTransfer(**chosen, collusion=row == COLLUDING)


def batches(row: str, task: Task, settings: "Settings", seed: int) -> Callable[[int], dict[str, Any]]:
    """Return the training batches of a row."""
    return (fooling_batches if row == CODES else training_batches)(task, settings.batch, seed)


def kept_nouns(task: Task) -> tuple[str, ...]:
    """Return the nouns that models learn to keep, in any sentence: those that do not tell the sentiment.

    "waste" and "gem" are nouns, too; to keep them is to keep the sentiment.
    """
    find = nouns_of(task)
    nouns = [word for word in task.vocabulary if find(word)]
    counts: list[Counter[str]] = [Counter() for _ in task.values]
    for sentence, label in zip(task.training.sentences, task.training.labels, strict=True):
        counts[label].update(set(sentence.split()))
    sizes = np.bincount(task.training.labels, minlength=len(task.values))
    shares = {noun: (1 + np.array([each[noun] for each in counts])) / sizes for noun in nouns}
    return tuple(noun for noun, each in shares.items() if each.max() < TELLING * each.min())


def updates(row: str, task: str, settings: "Settings") -> int:
    """Return the updates of a model of a task."""
    own = {SENTIMENT: settings.steps, YELP: settings.yelp_steps, PRODUCTS: settings.product_steps}
    return own[task] * LONGER.get(row, 1)


def tasks(settings: "Settings") -> list[str]:
    """Return the names of the tasks that are run."""
    own = {YELP: bool(settings.yelp), PRODUCTS: settings.products}
    return [SENTIMENT, *(name for name, chosen in own.items() if chosen)]


def rows_of_seed(task: str, baselines: int, seed: int) -> tuple[str, ...]:
    """Return the models of a task in a seed; the first `baselines` seeds alone have the variants."""
    variants = (COLLUDING, *LEFT_OUT)
    return tuple(row for row in ROWS[task] if seed < baselines or row not in variants)
