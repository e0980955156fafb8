"""Checks of arguments and of installed packages, all with one form of sentence.

Every room may import this module; it imports the standard library alone. A refused argument is a ValueError
that says its name, what was expected and what was given: "steps must be at least 1, not 0".
"""

import difflib
import importlib.util
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

__all__ = ["above", "at_least", "count", "one_of", "require", "settings_at_least", "unknown", "within"]


def require(extra: str, *modules: str) -> None:
    """Say which extra brings `modules` if one of them is not installed.

    Args:
        extra: an extra of the package, such as "learn".
        *modules: top-level modules it brings, such as "torch".

    Raises:
        ModuleNotFoundError: naming the module and the pip command.
    """
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise ModuleNotFoundError(
                f'this part of unknot needs {module}: pip install "unknot[{extra}]"', name=module
            )


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """Return a sentence on a name that isn't one of `known`, with its near matches.

    Args:
        what: the kind of thing, such as "experiment".
        name: the name that was given.
        known: the names there are.
    """
    names = sorted(known)
    lowered = {candidate.lower(): candidate for candidate in names}
    matches = difflib.get_close_matches(str(name).lower(), lowered, n=3, cutoff=0.5)
    near = [lowered[match] for match in matches]
    if near:
        return f"unknown {what} {name!r}; did you mean {' or '.join(map(repr, near))}?"
    return f"unknown {what} {name!r}; there is {', '.join(map(repr, names)) or 'none'}"


def one_of(what: str, name: object, known: Iterable[str]) -> None:
    """Refuse a name that isn't one of `known`; see `unknown`.

    Raises:
        ValueError: the sentence gives near matches.
    """
    names = list(known)
    if name not in names:
        raise ValueError(unknown(what, name, names))


def count(least: int, **values: Any) -> None:
    """Refuse values that are not whole numbers of at least `least`.

    Args:
        least: the lowest value allowed.
        **values: integers by the argument's name, of Python or NumPy, or sequences of them.

    Raises:
        ValueError: a value is not an integer (a bool is not one), or is below `least`.
    """
    for name, value in values.items():
        for each in _each(value):
            if not _is_integer(each):
                raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
            if each < least:
                raise ValueError(f"{name} must be at least {least}, not {value!r}")


def at_least(least: float, **values: Any) -> None:
    """Refuse values that are not finite numbers of at least `least`.

    Args:
        least: the lowest value allowed.
        **values: numbers by the argument's name, or sequences of them.

    Raises:
        ValueError: a value is below `least`, NaN, infinite, or not a number.
    """
    for name, value in values.items():
        for each in _each(value):
            if not (_is_finite(each) and each >= least):
                raise ValueError(f"{name} must be at least {least}, not {value!r}")


def settings_at_least(settings: Any, **least: float) -> None:
    """Refuse settings below their lowest values; see `at_least`.

    Args:
        settings: an object with an attribute of each name, a number or a sequence of numbers.
        **least: the lowest value allowed, by the setting's name.
    """
    for name, number in least.items():
        at_least(number, **{name: getattr(settings, name)})


def above(bound: float, **values: Any) -> None:
    """Refuse values that are not finite numbers above `bound`; see `at_least`."""
    for name, value in values.items():
        for each in _each(value):
            if not (_is_finite(each) and each > bound):
                raise ValueError(f"{name} must be above {bound}, not {value!r}")


def within(low: float, high: float, **values: Any) -> None:
    """Refuse values that are not finite numbers in [low, high]; see `at_least`."""
    for name, value in values.items():
        for each in _each(value):
            if not (_is_finite(each) and low <= each <= high):
                raise ValueError(f"{name} must be from {low} to {high}, not {value!r}")


def _each(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def _is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return (isinstance(value, Real) or hasattr(value, "__float__")) and math.isfinite(value)
