"""What became of sentences: as for all systems that rewrite, and the paper's share of kept content."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.agents.intervals import as_digits
from unknot.experiments.attribute_transfer.data import Nouns, nouns_of
from unknot.experiments.common import rewriting_measures
from unknot.experiments.common.rewriting import Task
from unknot.experiments.common.rewriting_rules import Rewrite
from unknot.models.text.transfer import Rewriter


def measure(rewrite: Rewrite, task: Task) -> dict[str, Any]:
    """Judge a system on the test sentences.

    Returns:
        What `rewriting_measures.judge` does, and `content` (see `content`) with its `outcomes`.
    """
    outputs = rewrite(task.test.sentences, task.wanted)
    found = rewriting_measures.judge(outputs, task)
    kept = content(task.test.sentences, outputs, nouns_of(task))
    found["content"] = float(kept.mean())
    found["outcomes"]["content"] = as_digits(kept)
    return found


def measure_model(model: Rewriter, task: Task) -> dict[str, Any]:
    """Judge a model on the test sentences."""
    model.eval()
    return measure(lambda sentences, wanted: model.transfer(sentences, wanted.tolist()), task)


def content(originals: list[str], outputs: list[str], nouns: Nouns) -> NDArray[np.bool_]:
    """Return which outputs have at least one noun of their original; originals without any are left out.

    Args:
        originals: n sentences, one of them with a noun, at least.
        outputs: n sentences.
        nouns: finds the nouns of a sentence.
    """
    pairs = ((nouns(original), output) for original, output in zip(originals, outputs, strict=True))
    kept = [not own.isdisjoint(output.split()) for own, output in pairs if own]
    return np.array(kept, np.bool_)


def published(task: Task) -> dict[str, dict[str, float]]:
    """Judge what systems and people published, as `rewriting_measures.published` does, with `content`."""
    found = rewriting_measures.published(task)
    people = {f"person {k + 1}": outputs for k, outputs in enumerate(task.references)}
    for name, outputs in (task.systems | people).items():
        found[name]["content"] = float(content(task.test.sentences, outputs, nouns_of(task)).mean())
    return found
