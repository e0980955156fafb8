"""Checks of arguments and of installed packages, all with one form of sentence.

Every room may import this module; it imports the standard library alone. A refused argument is a ValueError
that says its name, what was expected and what was given: "steps must be at least 1, not 0".
"""

import difflib
import importlib.util
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, get_type_hints

__all__ = [
    "above",
    "at_least",
    "count",
    "flag",
    "one_of",
    "require",
    "settings_at_least",
    "unknown",
    "within",
]


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


def flag(**values: Any) -> None:
    """Refuse values that are not True or False, of Python or NumPy.

    Args:
        **values: by the argument's name.

    Raises:
        ValueError: a value is anything else, such as 1 or "False".
    """
    for name, value in values.items():
        if not (isinstance(value, bool) or type(value).__name__ == "bool"):  # NumPy's is called that, too
            raise ValueError(f"{name} must be True or False, not {value!r}")


def count(least: int, **values: Any) -> None:
    """Refuse values that are not whole numbers of at least `least`.

    Args:
        least: the lowest value allowed.
        **values: integers by the argument's name, of Python or NumPy.

    Raises:
        ValueError: a value is not an integer (a bool is not one), or is below `least`.
    """
    for name, value in values.items():
        if not _is_integer(value):
            raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
        if value < least:
            raise ValueError(f"{name} must be at least {least}, not {value!r}")


def at_least(least: float, **values: Any) -> None:
    """Refuse values that are not finite numbers of at least `least`.

    Args:
        least: the lowest value allowed.
        **values: numbers by the argument's name, or sequences of at least one.

    Raises:
        ValueError: a value is below `least`, NaN, infinite, or not a number.
    """
    for name, value in values.items():
        for each in _each(name, value):
            if not (_is_finite(each) and each >= least):
                raise ValueError(f"{name} must be at least {least}, not {value!r}")


def settings_at_least(settings: Any, **least: float) -> None:
    """Refuse settings below their lowest values; those of type int must be whole numbers.

    Args:
        settings: a dataclass with a field of each name, a number or a tuple of numbers.
        **least: the lowest value allowed, by the setting's name.

    Raises:
        ValueError: as `count` and `at_least` do.
    """
    hints = get_type_hints(type(settings))
    for name, number in least.items():
        value = getattr(settings, name)
        if hints[name] in (int, tuple[int, ...]):
            for each in _each(name, value):
                count(int(number), **{name: each})
        else:
            at_least(number, **{name: value})


def above(bound: float, **values: Any) -> None:
    """Refuse values that are not finite numbers above `bound`; see `at_least`."""
    for name, value in values.items():
        for each in _each(name, value):
            if not (_is_finite(each) and each > bound):
                raise ValueError(f"{name} must be above {bound}, not {value!r}")


def within(low: float, high: float, **values: Any) -> None:
    """Refuse values that are not finite numbers in [low, high]; see `at_least`."""
    for name, value in values.items():
        for each in _each(name, value):
            if not (_is_finite(each) and low <= each <= high):
                raise ValueError(f"{name} must be from {low} to {high}, not {value!r}")


def _each(name: str, value: Any) -> Iterable[Any]:
    if not isinstance(value, list | tuple):
        return (value,)
    if not value:
        raise ValueError(f"{name} must have at least one value, not {value!r}")
    return value


def _is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return (isinstance(value, Real) or hasattr(value, "__float__")) and math.isfinite(value)
