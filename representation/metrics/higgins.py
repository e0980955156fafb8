"""The two metrics of Higgins et al.: can a linear classifier predict the factor from code differences?"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unknot.checks import count
from unknot.representation.metrics.components import Components, components_of, encode_factors
from unknot.representation.metrics.score import Score, bootstrap, generator, needed
from unknot.representation.source import Encode, FactorSource

__all__ = ["higgins", "higgins_2"]

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]


def higgins(
    encode: Encode,
    source: FactorSource,
    *,
    seed: int = 0,
    train_examples: int = 300,
    test_examples: int = 300,
    pairs: int = 64,
) -> Score:
    """Measure how well a linear classifier predicts which factor pairs of images share.

    Higgins et al., "β-VAE: learning basic visual concepts with a constrained variational framework", 2017,
    section 3. Each example has a factor y; L pairs of images share y and differ in the others; the
    input is z_diff = 1/L Σ_l |z_l,1 - z_l,2|, the target y.

    A code that leaves out one factor can still score 1: that factor is recognised by the absence of small
    differences (Kim and Mnih, 2018, section 4). `factor_vae` does not fail in this way.

    Args:
        encode: from images to codes.
        source: of the factors, at least two of which vary.
        seed: of all samples.
        train_examples: to fit the classifier.
        test_examples: to test it.
        pairs: L, for each example.

    Returns:
        The accuracy, in [0, 1]. Parts: `accuracies` by true factor (NaN if it was not tested), `chance`.

    Raises:
        ValueError: too small a count, fewer than two varying factors, or codes of a wrong shape or not
            finite.
    """
    count(1, test_examples=test_examples, pairs=pairs)
    count(2, train_examples=train_examples)
    components = _components(source)
    rng = generator(seed)
    examples = train_examples + test_examples
    y = rng.integers(len(components.names), size=examples)
    first, second = (source.sample_factors(examples * pairs, rng) for _ in range(2))
    table = components.table(second)
    each, shared = np.arange(examples * pairs), np.repeat(y, pairs)
    table[each, shared] = components.table(first)[each, shared]
    second = components.replaced(second, table)
    differences = np.abs(encode_factors(encode, source, first) - encode_factors(encode, source, second))
    inputs = differences.reshape(examples, pairs, -1).mean(axis=1)
    return _classified(inputs, y, len(components.names), train_examples, rng, {"pairs": pairs})


def higgins_2(
    encode: Encode,
    source: FactorSource,
    *,
    seed: int = 0,
    train_examples: int = 3000,
    test_examples: int = 3000,
) -> Score:
    """Measure how well a linear classifier predicts which factor two images differ in.

    The form of Higgins et al., "Early visual concept learning with unsupervised deep learning", 2016, as
    described in "Quantifying the effects of enforcing disentanglement on variational autoencoders", 2017,
    section 3.1.2. The images of a pair differ in one factor; the input is |z_1 - z_2| / max |z_1 - z_2|,
    zeros where the codes are equal.

    Args:
        encode: from images to codes.
        source: of the factors, at least two of which vary.
        seed: of all samples.
        train_examples: to fit the classifier.
        test_examples: to test it.

    Returns:
        The accuracy, in [0, 1]. Parts: `accuracies` by true factor (NaN if it was not tested), `chance`.

    Raises:
        ValueError: too small a count, fewer than two varying factors, or codes of a wrong shape or not
            finite.
    """
    count(1, test_examples=test_examples)
    count(2, train_examples=train_examples)
    components = _components(source)
    rng = generator(seed)
    examples = train_examples + test_examples
    y = rng.integers(len(components.names), size=examples)
    first = source.sample_factors(examples, rng)
    table = components.table(first)
    changed = _changed(table, y, components, source, rng)
    codes = encode_factors(encode, source, first)
    differences = np.abs(codes - encode_factors(encode, source, components.replaced(first, changed)))
    greatest = differences.max(axis=1, keepdims=True)
    inputs = np.divide(differences, greatest, out=np.zeros_like(differences), where=greatest > 0)
    return _classified(inputs, y, len(components.names), train_examples, rng, {})


def _components(source: FactorSource) -> Components:
    components = components_of(source)
    needed(len(components.names), 2)
    return components


def _changed(
    table: Floats, y: Labels, components: Components, source: FactorSource, rng: np.random.Generator
) -> Floats:
    """Return the table with column y of each row resampled until it differs."""
    result, each = table.copy(), np.arange(len(table))
    same = each
    while same.size:
        sampled = components.table(source.sample_factors(len(same), rng))
        result[same, y[same]] = sampled[np.arange(len(same)), y[same]]
        same = each[result[each, y] == table[each, y]]
    return result


def _classified(
    inputs: Floats, y: Labels, factors: int, train: int, rng: np.random.Generator, choices: dict[str, Any]
) -> Score:
    """Fit the linear classifier on the first `train` examples and score it on the others."""
    if len(np.unique(y[:train])) < 2:
        raise ValueError(f"train_examples={train} are all of one factor: increase it")
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classifier.fit(inputs[:train], y[:train])
    tested = y[train:]
    correct = classifier.predict(inputs[train:]) == tested
    value = float(correct.mean())
    interval = bootstrap(lambda rows: float(correct[rows].mean()), value, len(tested), rng)
    parts: dict[str, Any] = {
        "accuracies": np.array(
            [correct[tested == k].mean() if (tested == k).any() else np.nan for k in range(factors)]
        ),
        "chance": float(np.bincount(tested).max() / len(tested)),
    }
    choices |= {
        "classifier": "logistic regression, inputs standardised, L2 with C=1",
        "train_examples": train,
        "test_examples": len(tested),
    }
    return Score(value, interval, parts, choices)
