"""Errors for names that nothing has."""

import difflib
from collections.abc import Iterable


def unknown(argument: str, value: object, known: Iterable[str]) -> ValueError:
    """Return the error for a name that is not among those known; it lists the near ones, or all."""
    names = sorted(known)
    near = difflib.get_close_matches(str(value), names)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else ""
    return ValueError(" ".join(filter(None, [f"{argument}={value!r} is unknown;", hint, f"known: {names}"])))
