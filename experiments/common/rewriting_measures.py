"""What became of sentences that were rewritten: transferred, kept, likely."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.agents.intervals import as_digits
from unknot.experiments.common.rewriting import Task, other_values
from unknot.experiments.common.rewriting_rules import Rewrite
from unknot.models.text.judges import exact_transfer, reverse_perplexity
from unknot.representation.metrics.bleu import bleu

Flags = NDArray[np.bool_]

SHOWN = 50
"""Outputs that are printed, at even distances in the test sentences."""


def judge(outputs: list[str], task: Task) -> dict[str, Any]:
    """Judge what became of the test sentences.

    Returns:
        Shares `transfer`, and of the grammar `kept`, `both`, `grammatical` and `factors` by name; `bleu` with
        the originals and, where there are any, with people's (`references`); `perplexity`; `outcomes` of
        each sentence as digits, of `transfer` and `both`; `examples`, the sentences that are printed.
    """
    originals, rows = task.test.sentences, shown_rows(len(outputs))
    flags: dict[str, Flags] = {}
    scores: dict[str, Any] = {}
    if task.exact:
        exact = exact_transfer(originals, outputs, task.wanted, task.factor)
        kept = {name: each for name, each in exact.kept.items() if name not in task.uncompared}
        flags["transfer"] = exact.transferred
        flags["kept"] = np.logical_and.reduce(list(kept.values()))
        flags["both"] = flags["transfer"] & flags["kept"]
        flags["grammatical"] = exact.grammatical
        scores["factors"] = {name: float(each.mean()) for name, each in kept.items()}
    else:
        flags["transfer"] = task.read(outputs) == task.wanted
    scores |= {name: float(each.mean()) for name, each in flags.items()}
    scores["outcomes"] = {name: as_digits(flags[name]) for name in ("transfer", "both") if name in flags}
    scores["bleu"] = bleu(outputs, originals)
    if task.references:
        scores["references"] = bleu(outputs, *task.references)
    scores["perplexity"] = task.language_model.perplexity(outputs)
    scores["examples"] = [outputs[k] for k in rows]
    return scores


def published(task: Task) -> dict[str, dict[str, float]]:
    """Judge what systems and people published: `transfer`, `bleu`, `references`, `perplexity` by name.

    A person's BLEU is with the other people's sentences.
    """
    people = task.references
    found = {name: (outputs, people) for name, outputs in task.systems.items()}
    for k, outputs in enumerate(people):
        found[f"person {k + 1}"] = (outputs, people[:k] + people[k + 1 :])
    return {
        name: {
            "transfer": float((task.read(outputs) == task.wanted).mean()),
            "bleu": bleu(outputs, task.test.sentences),
            "references": bleu(outputs, *references),
            "perplexity": task.language_model.perplexity(outputs),
        }
        for name, (outputs, references) in found.items()
    }


def shown_rows(n: int) -> list[int]:
    """Return the test sentences that are printed, of n."""
    return [int(k) for k in np.linspace(0, n - 1, min(n, SHOWN))]


def measure(rewrite: Rewrite, task: Task, rewritten: int) -> dict[str, Any]:
    """Judge a system: the test sentences by `judge`, and `reverse`, the reverse perplexity.

    Args:
        rewrite: the system.
        task: what is transferred.
        rewritten: training sentences that it rewrites for the reverse perplexity.
    """
    some = task.training.sentences[:rewritten]
    wanted = other_values(task.training.labels[:rewritten], len(task.values))
    return judge(rewrite(task.test.sentences, task.wanted), task) | {
        "reverse": reverse(rewrite(some, wanted), task)
    }


def reverse(written: list[str], task: Task) -> float:
    """Return the reverse perplexity of what a system wrote."""
    settings = {"steps": task.judge_steps, "longest": task.longest}
    return reverse_perplexity(written, task.held_out, task.vocabulary, **settings)
