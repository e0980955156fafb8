"""The mutual information gap."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import count
from unknot.representation.metrics.information import binned, entropies, most_values, mutual_information
from unknot.representation.metrics.score import Score, bootstrap, checked, generator, kinds_of, top_gap

__all__ = ["mig"]

Floats = NDArray[np.float64]


def mig(
    codes: Floats,
    factors: Floats,
    categorical: NDArray[np.bool_] | None = None,
    *,
    seed: int = 0,
    bins: int = 20,
) -> Score:
    """Measure the lead of the most informative dimension of a factor over the second, in shares of its
    entropy.

    Chen, Li, Grosse and Duvenaud, "Isolating sources of disentanglement in variational autoencoders", 2018:
    MIG = 1/K Σ_k 1/H(v_k) (I(z_j(k); v_k) - max over j ≠ j(k) of I(z_j; v_k)).

    They integrate over the posterior; here codes are the encoder's outputs, in bins.

    Args:
        codes: (n, dimensions).
        factors: (n, factors).
        categorical: (factors,), whether its numbers have no order; None: all factors are ordered.
        seed: of the resamples.
        bins: of equal width for columns with more values than that (see `binned`); codes have as many bins as
            the greatest number of categories, if that is more.

    Returns:
        A score in [0, 1]. Parts: `gaps` and `entropies` (nats) for each factor, `mutual_information` (nats).

    Raises:
        ValueError: other shapes, numbers that are not finite, a constant factor, `bins` below 2.
    """
    count(2, bins=bins)
    codes, factors = checked(codes, factors)
    kinds = kinds_of(categorical, factors)
    code_bins = max(bins, most_values(factors[:, kinds]))
    z, v = binned(codes, code_bins), binned(factors, bins, kinds)
    information, entropy = mutual_information(z, v), entropies(v)
    value = gap(information, entropy)
    interval = bootstrap(
        lambda rows: gap(mutual_information(z[rows], v[rows]), entropies(v[rows])),
        value,
        len(z),
        generator(seed),
    )
    parts: dict[str, Any] = {
        "gaps": top_gap(information) / entropy,
        "entropies": entropy,
        "mutual_information": information,
    }
    choices = {
        "bins": bins,
        "code bins": code_bins,
        "binning": "equal width, or a bin a value",
        "estimator": "counts (plug-in)",
    }
    return Score(value, interval, parts, choices)


def gap(information: Floats, entropy: Floats) -> float:
    """Return MIG from mutual information (dimensions, factors) and the factors' entropies."""
    return float(np.mean(top_gap(information) / np.maximum(entropy, 1e-12)))
