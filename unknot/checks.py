"""Checks of arguments and of installed packages, all with one form of sentence.

Every room may import this module; it imports the standard library alone. A refused argument is a ValueError
that says its name, what was expected and what was given: "steps must be at least 1, not 0".
"""

import difflib
import importlib.util
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from numbers import Integral, Real
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

__all__ = [
    "MAY_BE_EMPTY",
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

MAY_BE_EMPTY: Mapping[str, Any] = {"may be empty": True}
"""The metadata of a dataclass's field whose tuple may have no value; see `settings_at_least`."""


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
    """Refuse settings that are not of their fields' types, and those below their lowest values.

    Args:
        settings: a dataclass. Its fields are numbers, which must be finite, flags, strings, one of some
            literals, dicts, dataclasses, any of these or None, or tuples of any of these. A tuple may have no
            value if its field's metadata is `MAY_BE_EMPTY`.
        **least: the lowest value allowed, by the setting's name.

    Raises:
        ValueError: as `count` and `at_least` do.
    """
    hints = get_type_hints(type(settings))
    for field in fields(settings):
        value = getattr(settings, field.name)
        if not (value == () and field.metadata == MAY_BE_EMPTY):
            _check_type(field.name, value, hints[field.name], least.get(field.name))


def _check_type(name: str, value: Any, kind: Any, least: float | None) -> None:
    """Refuse a value that is not of a field's type, or below `least`."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{name} must be a tuple, not {value!r}")
        for each in _each(name, value):
            _check_type(name, each, parts[0], least)
    elif origin is Literal:
        one_of(name, value, parts)
    elif isinstance(origin, type) and issubclass(origin, UnionType):
        if value is not None:
            _check_type(name, value, parts[0], least)
    elif kind is bool:
        flag(**{name: value})
    elif kind is int and least is not None:
        count(int(least), **{name: value})
    elif kind is float and least is not None:
        at_least(least, **{name: value})
    elif kind in (int, float):
        if not (_is_integer(value) if kind is int else _is_finite(value)):
            raise ValueError(f"{name} must be a {'whole' if kind is int else 'finite'} number, not {value!r}")
    elif not isinstance(value, origin or kind):
        raise ValueError(f"{name} must be {(origin or kind).__name__}, not {value!r}")


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
