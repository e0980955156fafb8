"""One call for all metrics."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from inspect import signature
from typing import Any

import numpy as np

from unknot.checks import count, one_of
from unknot.representation.metrics.attribute_auc import attribute_auc
from unknot.representation.metrics.components import components_of, encode_factors
from unknot.representation.metrics.covariance import cvr, mapc, tdv, ud90
from unknot.representation.metrics.dci import dci
from unknot.representation.metrics.factor_vae import factor_vae
from unknot.representation.metrics.higgins import higgins, higgins_2
from unknot.representation.metrics.mig import mig
from unknot.representation.metrics.modularity import modularity
from unknot.representation.metrics.sap import sap
from unknot.representation.metrics.score import LEVEL, RESAMPLES, Score
from unknot.representation.metrics.unsupervised import unsupervised
from unknot.representation.source import Encode, FactorSource

__all__ = ["METRICS", "evaluate_codes"]

ON_FACTORS: Mapping[str, Callable[..., Score]] = {
    "mig": mig,
    "dci": dci,
    "dci_lasso": partial(dci, regressor="lasso"),
    "dci_splits": partial(dci, regressor="random_forest_splits"),
    "dci_boosting": partial(dci, regressor="gradient_boosting"),
    "sap": sap,
    "modularity": modularity,
    "attribute_auc": attribute_auc,
}
"""Metrics of codes and factors: (codes, factors, categorical, seed=)."""

ON_CODES: Mapping[str, Callable[..., Score]] = {
    "mapc": mapc,
    "cvr": cvr,
    "tdv": tdv,
    "ud90": ud90,
    "unsupervised": unsupervised,
}
"""Metrics of codes alone: (codes, seed=)."""

ON_SOURCE: Mapping[str, Callable[..., Score]] = {
    "higgins": higgins,
    "higgins_2": higgins_2,
    "factor_vae": factor_vae,
}
"""Metrics that sample their own images, with some factors fixed: (encode, source, seed=)."""

METRICS = (*ON_FACTORS, *ON_SOURCE, *ON_CODES)
"""The names."""


def evaluate_codes(
    encode: Encode,
    source: FactorSource,
    metrics: str | Iterable[str] = METRICS,
    seed: int = 0,
    *,
    samples: int = 10_000,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Score]:
    """Measure how disentangled codes are.

    Args:
        encode: any callable from what the source renders (such as uint8 images (n, height, width, channels),
            sequences or tokens) to codes (n, dimensions), an array or a tensor; for example a learner's
            `encode`.
        source: an environment (`env.unwrapped`) or a data set. Each component of a Box factor counts as one
            factor; constant components are left out.
        metrics: one or several names from `METRICS`.
        seed: of all samples. A metric's result does not depend on the other metrics.
        samples: number of samples; `higgins`, `higgins_2` and `factor_vae` take their own.
        settings: arguments of a metric by its name, such as {"mig": {"bins": 50}}. The default of `tdv`'s
            `top` is the number of factors.

    Returns:
        Scores by name. Their `choices` also contain the `seed`, the number of `samples`, how the interval is
        made, what the codes are (`encode.codes`, a phrase, if it exists), and `factors`, their names in the
        order of the parts' arrays.

    Raises:
        ValueError: an unknown metric, settings of another metric or that the metric does not have, a source
            without factors, or what the metrics themselves refuse.

    Example:
        >>> env = gym.make("unknot/Planar-v0").unwrapped
        >>> evaluate_codes(learner.encode, env, ["mig", "dci"])["mig"].value
    """
    if not callable(encode):
        raise ValueError(f"encode must be a function of what the source renders, not {encode!r}")
    if not isinstance(metrics, Iterable) or getattr(metrics, "ndim", 1) == 0:
        raise ValueError(f"metrics must be names from METRICS, not {metrics!r}")
    if not (settings is None or isinstance(settings, Mapping)):
        raise ValueError(f"settings must be a dict by the metric's name, or None, not {settings!r}")
    metrics, settings = [metrics] if isinstance(metrics, str) else list(metrics), settings or {}
    for name in metrics:
        one_of("metric", name, METRICS)
    for name, chosen in settings.items():
        one_of("settings of the metric", name, metrics)
        _check_settings(name, chosen)
    count(2, samples=samples)
    count(0, seed=seed)
    components = components_of(source)
    if not ON_SOURCE.keys() >= set(metrics):
        sampled_factors = source.sample_factors(samples, np.random.default_rng(seed))
        codes, factors = encode_factors(encode, source, sampled_factors), components.table(sampled_factors)
    common = {
        "interval": f"{LEVEL:.0%}, {RESAMPLES} resamples",
        "codes": getattr(encode, "codes", "as encode returned them"),
        "factors": components.names,
    }
    scores = {}
    for name in metrics:
        chosen = {"seed": seed, **settings.get(name, {})}
        if name == "tdv":
            chosen.setdefault("top", len(components.names))
        if name in ON_SOURCE:
            score = ON_SOURCE[name](encode, source, **chosen)
        elif name in ON_CODES:
            score = ON_CODES[name](codes, **chosen)
        else:
            score = ON_FACTORS[name](codes, factors, components.categorical, **chosen)
        size = {} if name in ON_SOURCE else {"samples": samples}
        scores[name] = replace(score, choices={**score.choices, **size, "seed": chosen["seed"], **common})
    return scores


def _check_settings(metric: str, chosen: Any) -> None:
    """Raise ValueError unless settings are a mapping of the metric's arguments."""
    function = {**ON_FACTORS, **ON_CODES, **ON_SOURCE}[metric]
    known = [name for name, each in signature(function).parameters.items() if each.kind is each.KEYWORD_ONLY]
    if not isinstance(chosen, Mapping):
        raise ValueError(f"settings of {metric} must be a dict with some of {known}, not {chosen!r}")
    for name in chosen:
        one_of(f"setting of {metric}", name, known)
