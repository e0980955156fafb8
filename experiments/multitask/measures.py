"""How codes cluster by syntax, perplexities, what is between sentences, and what sums of codes say."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from unknot.experiments.multitask.data import Corpus, words_of
from unknot.experiments.multitask.prototypes import SETS, Filled, fill, sample_word
from unknot.experiments.multitask.rules import RULES, TAGGED, tagged
from unknot.models.text.batches import length_batches
from unknot.models.text.multitask import MultitaskAutoencoder
from unknot.representation.learner import encode_all

if TYPE_CHECKING:
    from unknot.experiments.multitask import Settings

ENDS = (
    ("Is this what we want?", "The consumer must therefore be informed of GMOs."),
    (
        "We will not tolerate a policy of religious repression.",
        "There is a systematic policy of religious repression.",
    ),
)
"""The sentences of Table 4, between which codes are interpolated."""
POINTS = 7
"""Codes on a line, ends included."""
TRIPLES = (
    ("I am one.", "I am two.", "You are two."),
    ("This example works.", "This example fails.", "Another attempt fails."),
    ("A word in a phrase.", "A tree in a phrase.", "A tree is green."),
    ("The end is easier.", "The start is easier.", "A new start!"),
    (
        "A large number of people want to work.",
        "A small number of people want to work.",
        "A small number of changes.",
    ),
)
"""Of each sum s1 - s2 + s3; s1 and s2 are those of Tables 5 and 6, and s3 is ours."""
BATCH = 50
"""Test sentences of a batch, at most."""
LINES = 200
"""Pairs of test sentences with a code half-way, whose words are counted, at most."""
SUMS = 100
"""Sums of codes that have a right answer."""


def clustering_error(clusters: NDArray[np.int64], labels: NDArray[np.int64]) -> int:
    """Return how many items are in a cluster whose majority has another label (Section 4.1).

    Args:
        clusters: of each item, (n,).
        labels: of each item, (n,).
    """
    counts = _table(clusters, labels)
    return int(counts.sum() - counts.max(1).sum())


def _table(clusters: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the items by cluster and label."""
    counts = np.zeros((clusters.max() + 1, labels.max() + 1), np.int64)
    np.add.at(counts, (clusters, labels), 1)
    return counts


def cluster(codes: NDArray[np.floating[Any]], labels: NDArray[np.int64], runs: int) -> dict[str, Any]:
    """Cluster codes by K-means with as many clusters as labels, each run from other centres.

    Returns:
        `errors` of each run, their `best` and `mean`; `counts` by cluster and label of the first best run.
    """
    kinds, fewest = int(labels.max()) + 1, len(np.unique(codes, axis=0))
    found = [
        KMeans(min(kinds, fewest), n_init=1, random_state=run).fit_predict(codes).astype(np.int64)
        for run in range(runs)
    ]
    errors = [clustering_error(each, labels) for each in found]
    best = found[int(np.argmin(errors))]
    return {
        "errors": errors,
        "best": min(errors),
        "mean": float(np.mean(errors)),
        "counts": _table(best, labels).tolist(),
    }


def measure_rule(name: str, settings: "Settings", runs: int) -> dict[str, Any]:
    """Cluster each set of prototypes by a rule; see `cluster`.

    Args:
        name: of `RULES`, or `TAGGED`.
        settings: how often prototypes are filled.
        runs: of K-means.
    """
    make = tagged if name == TAGGED else RULES[name]
    return {"sets": _clustered(make, settings.fillings, runs)}


def measure_model(
    model: MultitaskAutoencoder, corpus: Corpus, settings: "Settings", runs: int
) -> dict[str, Any]:
    """Measure a model.

    Returns:
        `sets` as `measure_rule` returns them; `perplexities` of a symbol of the test sentences, by decoder;
        `code_dim`; `exact`, the share of test sentences that are written again without a mistake; `between`
        as in `interpolate`, `sums` as in `add_and_subtract`.
    """
    model.eval()
    test = corpus.arrays(corpus.test)
    size = min(BATCH, len(corpus.test))
    batch_at = length_batches(test, size, 0)
    sentences = [quad[0] for quad in corpus.test]
    written = model.decode(encode_all(model, sentences))
    return {
        "sets": _clustered(
            lambda filled: encode_all(model, filled.sentences).numpy(force=True), settings.fillings, runs
        ),
        "perplexities": model.perplexities([batch_at(step) for step in range(len(sentences) // size)]),
        "code_dim": model.representation.out_features,
        "exact": float(np.mean([a == b for a, b in zip(sentences, written, strict=True)])),
        "between": interpolate(model, corpus),
        "sums": add_and_subtract(model),
    }


def _clustered(make: Callable[[Filled], Any], fillings: int, runs: int) -> dict[str, Any]:
    filled = {name: fill(name, fillings) for name in SETS}
    return {name: cluster(make(each), each.labels, runs) for name, each in filled.items()}


def interpolate(model: MultitaskAutoencoder, corpus: Corpus) -> dict[str, Any]:
    """Write what is between sentences.

    Returns:
        `lines`, of each pair of `ENDS` the sentences on the way; `known`, the known words half-way between
        test sentences (see `known_words`).
    """
    lines = []
    for ends in ENDS:
        first, last = encode_all(model, list(ends))
        lines.append(model.decode(torch.lerp(first, last, torch.linspace(0, 1, POINTS)[:, None].to(first))))
    sentences = [quad[0] for quad in corpus.test[: 2 * LINES]]
    half = len(sentences) // 2
    codes = encode_all(model, sentences[: 2 * half])
    return {
        "lines": lines,
        "known": known_words(model.decode((codes[:half] + codes[half:]) / 2), corpus.words),
    }


def known_words(lines: list[str], known: set[str]) -> float:
    """Return the share of the words of lines that are known; in a repeated line none counts as known."""
    words, first = [word for line in lines for word in words_of(line)], dict.fromkeys(lines)
    return sum(word in known for line in first for word in words_of(line)) / max(len(words), 1)


def add_and_subtract(model: MultitaskAutoencoder) -> dict[str, Any]:
    """Write what the code of s1 - s2 + s3 says.

    Returns:
        `lines`, of the `TRIPLES`; `exact`, of sums as "The dog is old. - The cat is old. + The cat is green."
        the share that says the right sentence; `word`, the share that has the right noun.
    """
    rng = np.random.default_rng(0)
    triples: list[tuple[str, str, str]] = []
    right, nouns = [], []
    while len(triples) < SUMS:
        (one, other), (first, second) = ([sample_word(kind, rng) for _ in range(2)] for kind in "NA")
        if one != other and first != second:
            triples.append(
                (f"The {one} is {first}.", f"The {other} is {first}.", f"The {other} is {second}.")
            )
            right.append(f"The {one} is {second}.")
            nouns.append(one)
    written = _summed(model, triples)
    return {
        "lines": _summed(model, list(TRIPLES)),
        "exact": float(np.mean([a == b for a, b in zip(written, right, strict=True)])),
        "word": float(np.mean([noun in words_of(a) for noun, a in zip(nouns, written, strict=True)])),
    }


def _summed(model: MultitaskAutoencoder, triples: list[tuple[str, str, str]]) -> list[str]:
    first, second, third = (encode_all(model, list(each)) for each in zip(*triples, strict=True))
    return model.decode(first - second + third)
