"""Cells and names of tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from unknot.report import mean_std

__all__ = ["cell", "over_seeds", "title"]


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


def cell(seeds: Sequence[Mapping[str, Any]], *keys: str, digits: int = 2) -> str:
    """Return "mean ± standard deviation" of the values below these keys, "–" where they are None."""
    values = over_seeds(seeds, *keys)
    return "–" if values[0] is None else mean_std(values, digits)
