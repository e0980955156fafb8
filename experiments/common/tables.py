"""Cells and names of tables."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from unknot.agents.intervals import success_interval
from unknot.report import mean_std


def title(name: str, methods: Mapping[str, str]) -> str:
    """Return a model's name in a table: "β-VAE, β = 4" for beta-4, if `methods` has "β-VAE, β" for beta."""
    kind, _, value = name.partition("-")
    if kind in methods:
        return f"{methods[kind]} = {value}"
    return {"pca": "principal components"}.get(name, name)


def over_seeds(seeds: Sequence[Mapping[str, Any]], *keys: str) -> list[Any]:
    """Return the values below these keys in the metrics of each seed."""
    values: list[Any] = list(seeds)
    for key in keys:
        values = [value[key] for value in values]
    return values


def percents(seeds: Sequence[Mapping[str, Any]], *keys: str) -> list[float]:
    """Return the shares below these keys in the metrics of each seed, in percent."""
    return [100 * share for share in over_seeds(seeds, *keys)]


def percent_cell(shares: Sequence[float]) -> str:
    """Return "mean ± standard deviation" of a share of each seed, in percent."""
    return mean_std([100 * share for share in shares], 1)


def where_measured(seeds: Sequence[Mapping[str, Any]], *keys: str) -> list[Any]:
    """Return the values below these keys, of the seeds that have all of them."""
    values: list[Any] = list(seeds)
    for key in keys:
        values = [value[key] for value in values if key in value]
    return values


def mean(seeds: Sequence[Mapping[str, Any]], *keys: str) -> float:
    """Return the mean of the values below these keys over the seeds."""
    return float(np.mean(over_seeds(seeds, *keys)))


def cell(seeds: Sequence[Mapping[str, Any]], *keys: str, digits: int = 2) -> str:
    """Return "mean ± standard deviation" of the values below these keys, "–" where one is None."""
    values = over_seeds(seeds, *keys)
    return "–" if None in values else mean_std(values, digits)


INTERVALS = (
    "In brackets: the 95% interval of the mean, for which problems and seeds are resampled, since all seeds "
    "have the same problems (`success_interval`); for one seed it is Wilson's. Where a run did not keep the "
    "outcome of each problem, seeds are taken to fail in the same ones, the widest case."
)
"""What tables say of `success_cell`."""


def success_cell(
    shares: Sequence[float],
    counts: Sequence[int],
    outcomes: Sequence[str] | None = None,
    *,
    shared: bool = True,
) -> str:
    """Return success in percent: mean ± standard deviation over seeds, and the 95% interval of the mean.

    Args:
        shares: that succeeded, in [0, 1], of each seed.
        counts: problems of each seed. The interval counts those that all seeds have.
        outcomes: of each seed's problems, as `as_digits` writes them; None where they were not kept.
        shared: whether the seeds have the same problems.
    """
    problems = min(counts)
    if outcomes:
        solved = np.array([[digit == "1" for digit in each[:problems]] for each in outcomes])
    else:
        solved = np.arange(problems) < np.round(np.array(shares) * problems)[:, None]
    low, high = success_interval(solved, shared=shared)
    return f"{mean_std([100 * share for share in shares], 1)} [{100 * low:.1f}, {100 * high:.1f}]"


def outcomes_of(seeds: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the outcomes of each seed's problems, none if a seed did not keep them."""
    found = where_measured(seeds, "outcomes")
    return found if len(found) == len(seeds) else []


def how_many(met: Iterable[bool]) -> str:
    """Return "k of n"."""
    each = list(met)
    return f"{sum(each)} of {len(each)}"


def score_cells(
    models: Sequence[Mapping[str, Any]], sources: Iterable[str], metrics: Sequence[str]
) -> list[str]:
    """Return cells of a model's scores, all metrics of one source after the other.

    Args:
        models: the model's metrics of each seed, as `study.measure` returns them.
        sources: names of what was measured.
        metrics: names.
    """
    return [cell(models, "scores", source, metric, "value") for source in sources for metric in metrics]


def dimensions_in_use(models: Sequence[Mapping[str, Any]], nats: float) -> str:
    """Return how many dimensions of a model have a mean KL above so many nats, "–" where it has no KL."""
    kls = over_seeds(models, "kl")
    return "–" if kls[0] is None else mean_std([sum(each > nats for each in kl) for kl in kls], 1)
