"""Hostile files: every case makes its file anew and gives it to unknot in a process of its own.

A module here that has `cases() -> Iterable[Case]` belongs in `KINDS`.
"""

from torture.hostile.case import Case, attack

__all__ = ["Case", "attack"]
