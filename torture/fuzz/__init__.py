"""Random calls: each is answered, or refused in a sentence that names the argument, and changes nothing then.

A module here that has `targets() -> Iterable[Target]` belongs in `MODULES`.
"""

from torture.fuzz.target import Target, attack

__all__ = ["Target", "attack"]
