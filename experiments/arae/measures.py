"""What became of sentences, what codes tell, what a generator writes."""

import warnings
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unknot.experiments.common.rewriting import Task
from unknot.experiments.common.rewriting_measures import measure, reverse
from unknot.models.text.arae import ARAE
from unknot.models.text.denoising import DenoisingAdversarialAutoencoder
from unknot.models.text.transfer import Rewriter
from unknot.representation.learner import encode_all

SAMPLES, PRINTED = 1000, 20
"""Sentences of the generator that are judged, at most, and how many of them are printed."""
PAIRS, POINTS = 4, 5
"""Pairs of codes with sentences between them, and how many, ends included."""


def measure_model(model: Rewriter, task: Task, rewritten: int) -> dict[str, Any]:
    """Measure a model: as any system, its codes, and what a generator writes.

    Returns:
        What `measure` returns; `probe`, how often fresh classifiers read the attribute off codes of test
        sentences; `exact`, the share of test sentences that it writes again word for word; `generator` as in
        `sample`.
    """
    model.eval()
    found = measure(lambda sentences, wanted: model.transfer(sentences, wanted.tolist()), task, rewritten)
    found["probe"] = probe(model, task)
    if isinstance(model, DenoisingAdversarialAutoencoder):  # labels would move its codes
        again = model.decode(encode_all(model, task.test.sentences))
    else:
        again = model.transfer(task.test.sentences, task.test.labels.tolist())
    found["exact"] = float(np.mean([a == b for a, b in zip(again, task.test.sentences, strict=True)]))
    if isinstance(model, ARAE):
        found["generator"] = sample(model, task, rewritten)
    return found


def probe(model: Rewriter, task: Task) -> dict[str, float]:
    """Return the accuracy on test sentences of `linear` and `mlp`, which learn the attribute from codes.

    They learn from sentences that the model has not learnt from: where it hides the attribute, it hides that
    of its own sentences best.
    """
    codes = encode_all(model, task.probing.sentences).numpy(force=True)
    tested = encode_all(model, task.test.sentences).numpy(force=True)
    probes = {
        "linear": LogisticRegression(max_iter=1000),
        "mlp": MLPClassifier((128, 128), max_iter=50, early_stopping=True, random_state=0),
    }
    scores = {}
    for name, each in probes.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # what it has learnt by then counts
            fitted = make_pipeline(StandardScaler(), each).fit(codes, task.probing.labels)
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
        "reverse": reverse(written, task),
        "examples": few[:PRINTED],
        "between": [_between(model, random) for _ in range(PAIRS)],
    }


@torch.no_grad()
def _between(model: ARAE, random: torch.Generator) -> list[str]:
    """Return sentences of the generator's codes on the line between two of its inputs."""
    first, last = torch.randn(2, 1, model.noise_dim, generator=random)
    inputs = torch.lerp(first, last, torch.linspace(0, 1, POINTS)[:, None]).to(model.device)
    return model.decode(model.codes_of(inputs), model.attributes[-1])
