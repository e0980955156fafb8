"""What became of sentences: transferred, kept, likely; what codes tell; what a generator writes."""

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unknot.agents.intervals import as_digits
from unknot.experiments.arae.data import FACTOR, LONGEST, UNCOMPARED, Task, other_values
from unknot.experiments.arae.rules import Rewrite
from unknot.models.text.arae import ARAE
from unknot.models.text.denoising import DenoisingAdversarialAutoencoder
from unknot.models.text.judges import exact_transfer, reverse_perplexity
from unknot.models.text.transfer import Rewriter
from unknot.representation.learner import encode_all
from unknot.representation.metrics.bleu import bleu

Flags = NDArray[np.bool_]

SHOWN = 50
"""Outputs that are printed, at even distances in the test sentences."""
PROBED = 4000
"""Codes that a probe learns from, at most."""
SAMPLES, PRINTED = 1000, 20
"""Sentences of the generator that are judged, at most, and how many of them are printed."""
PAIRS, POINTS = 4, 5
"""Pairs of codes with sentences between them, and how many, ends included."""


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
        exact = exact_transfer(originals, outputs, task.wanted, FACTOR[task.name])
        kept = {name: each for name, each in exact.kept.items() if name not in UNCOMPARED[task.name]}
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
        "reverse": _reverse(rewrite(some, wanted), task)
    }


def _reverse(written: list[str], task: Task) -> float:
    settings = {"steps": task.judge_steps, "longest": LONGEST[task.name]}
    return reverse_perplexity(written, task.held_out, task.vocabulary, **settings)


def measure_model(model: Rewriter, task: Task, rewritten: int) -> dict[str, Any]:
    """Measure a model: as any system, its codes, and what a generator writes.

    Returns:
        What `measure` returns; `probe`, how often fresh classifiers read the attribute off codes of test
        sentences; `exact`, the share of test sentences that it writes again word for word, None where the
        model does not know how to leave the attribute; `generator` as in `sample`.
    """
    model.eval()
    found = measure(lambda sentences, wanted: model.transfer(sentences, wanted.tolist()), task, rewritten)
    found["probe"] = probe(model, task)
    found["exact"] = None
    if not isinstance(model, DenoisingAdversarialAutoencoder):
        again = model.transfer(task.test.sentences, task.test.labels.tolist())
        found["exact"] = float(np.mean([a == b for a, b in zip(again, task.test.sentences, strict=True)]))
    if isinstance(model, ARAE):
        found["generator"] = sample(model, task, rewritten)
    return found


def probe(model: Rewriter, task: Task) -> dict[str, float]:
    """Return the accuracy on test sentences of `linear` and `mlp`, which learn the attribute from codes."""
    codes = encode_all(model, task.training.sentences[:PROBED]).numpy(force=True)
    tested = encode_all(model, task.test.sentences).numpy(force=True)
    probes = {
        "linear": LogisticRegression(max_iter=1000),
        "mlp": MLPClassifier((64,), max_iter=100, early_stopping=True, random_state=0),
    }
    scores = {}
    for name, each in probes.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # what it has learnt by then counts
            fitted = make_pipeline(StandardScaler(), each).fit(codes, task.training.labels[: len(codes)])
        scores[name] = float(fitted.score(tested, task.test.labels))
    return scores


def sample(model: ARAE, task: Task, rewritten: int) -> dict[str, Any]:
    """Decode codes of the generator, with the attribute's values in turn.

    Returns:
        Of 1,000 sentences, or as many as there are: `asked`, the share with the value that was asked for;
        `different`, of different ones; `perplexity`. `grammatical` is None for real sentences. `reverse`,
        the reverse perplexity; `examples` of each value in turn; `between`, sentences from one code to
        another.
    """
    random = torch.Generator().manual_seed(0)
    labels = np.arange(rewritten) % len(task.values)
    with torch.no_grad():
        written = model.decode(model.sample_codes(rewritten, random), labels.tolist())
    few = written[:SAMPLES]
    read = task.read(few)
    return {
        "asked": float((read == labels[: len(few)]).mean()),
        "grammatical": float((read >= 0).mean()) if task.exact else None,
        "different": len(set(few)) / len(few),
        "perplexity": task.language_model.perplexity(few),
        "reverse": _reverse(written, task),
        "examples": few[:PRINTED],
        "between": [_between(model, random) for _ in range(PAIRS)],
    }


@torch.no_grad()
def _between(model: ARAE, random: torch.Generator) -> list[str]:
    """Return sentences of the generator's codes on the line between two of its inputs."""
    first, last = torch.randn(2, 1, model.noise_dim, generator=random)
    inputs = torch.lerp(first, last, torch.linspace(0, 1, POINTS)[:, None]).to(model.device)
    return model.decode(model.codes_of(inputs), model.attributes[-1])
