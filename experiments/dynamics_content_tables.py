"""The tables of `unknot run dynamics-content`: the paper's beside ours."""

from typing import Any


def tabulate(seeds: list[dict[str, Any]]) -> list[Any]:
    """Placeholder until the numbers are known."""
    return []
