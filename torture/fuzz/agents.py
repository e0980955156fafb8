"""Random calls of one room."""

from collections.abc import Iterable

from torture.fuzz.target import Target


def targets() -> Iterable[Target]:
    """Return the entry points."""
    return ()
