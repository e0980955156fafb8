"""Hostile files of one kind."""

from collections.abc import Iterable

from torture.hostile.case import Case


def cases() -> Iterable[Case]:
    """Return the cases."""
    return ()
