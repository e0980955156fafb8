"""Checks of arguments and of installed packages, all with one form of sentence.

Every room may import this module; it imports the standard library alone. A refused argument is a ValueError
that says its name, what was expected and what was given: "steps must be at least 1, not 0".
"""

import difflib
import importlib.util
import inspect
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from numbers import Integral, Real
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

__all__ = [
    "MAY_BE_EMPTY",
    "above",
    "arguments",
    "at_least",
    "count",
    "finite",
    "flag",
    "generator",
    "install",
    "one_of",
    "require",
    "settings_at_least",
    "shown",
    "unknown",
    "within",
]

MAY_BE_EMPTY: Mapping[str, Any] = {"may be empty": True}
"""The metadata of a dataclass's field whose tuple may have no value; see `settings_at_least`."""


LARGEST_COUNT = 2**63 - 1
"""The largest whole number that NumPy and torch hold."""

NEWEST_PYTHON = {"pybullet": (3, 11), "pybullet_data": (3, 11)}
"""The newest Python for which a module has wheels, where that is not the newest of all."""

SHOWN = 200
"""The most characters of a refused value that an error shows."""
LISTED = 20
"""The most names that an error lists."""


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
            raise ModuleNotFoundError(f"this part of unknot needs {install(module, extra)}", name=module)


def install(module: str, extra: str) -> str:
    """Return a missing module's name, and how to install it, as the end of a sentence.

    Args:
        module: top-level module, such as "torch".
        extra: the extra that brings it, such as "learn".
    """
    command = f'pip install "unknot[{extra}]"'
    newest, this = NEWEST_PYTHON.get(module), sys.version_info[:2]
    if newest is None or this <= newest:
        return f"{module}: {command}"
    versions = [f"{major}.{minor}" for major, minor in (newest, this)]
    return f"{module}, which has wheels up to Python {versions[0]}, not for {versions[1]}: {command} there"


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """Return a sentence on a name that isn't one of `known`, with its near matches.

    Args:
        what: the kind of thing, such as "experiment".
        name: the name that was given.
        known: the names there are.
    """
    names = sorted(known)
    lowered = {candidate.lower(): candidate for candidate in names}
    word = name if isinstance(name, str) else shown(name)
    matches = difflib.get_close_matches(word.lower(), lowered, n=3, cutoff=0.5)
    near = [lowered[match] for match in matches]
    if near:
        return f"unknown {what} {shown(name)}; did you mean {' or '.join(map(repr, near))}?"
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"unknown {what} {shown(name)}; there is {', '.join(map(repr, names[:LISTED])) or 'none'}{more}"


def shown(value: object) -> str:
    """Return a value as an error shows it: its `repr` on one line, shortened if it is long."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # nested too deep, or with more digits than Python prints
        return f"an object of type {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def one_of(what: str, name: object, known: Iterable[str]) -> None:
    """Refuse a name that isn't one of `known`; see `unknown`.

    Raises:
        ValueError: the sentence gives near matches.
    """
    names = list(known)
    if not isinstance(name, str) or name not in names:
        raise ValueError(unknown(what, name, names))


def flag(**values: Any) -> None:
    """Refuse values that are not True or False, of Python or NumPy.

    Args:
        **values: by the argument's name.

    Raises:
        ValueError: a value is anything else, such as 1 or "False".
    """
    for name, value in values.items():
        if not _is_flag(value):
            raise ValueError(f"{name} must be True or False, not {shown(value)}")


def generator(**values: Any) -> None:
    """Refuse values that are not NumPy's random generators.

    Args:
        **values: by the argument's name.

    Raises:
        ValueError: a value is anything else, such as a seed or a `RandomState`.
    """
    for name, value in values.items():
        kinds = {kind.__name__ for kind in type(value).__mro__}
        if "Generator" not in kinds or not hasattr(value, "bit_generator"):  # torch has a Generator, too
            raise ValueError(f"{name} must be a numpy.random.Generator, not {shown(value)}")


def count(least: int, /, **values: Any) -> None:
    """Refuse values that are not whole numbers of at least `least`.

    Args:
        least: the lowest value allowed.
        **values: integers by the argument's name, of Python or NumPy.

    Raises:
        ValueError: a value is not an integer (a bool is not one), is below `least`, or has over 63 bits.
    """
    for name, value in values.items():
        if not _is_integer(value):
            raise ValueError(f"{name} must be a whole number of at least {least}, not {shown(value)}")
        if value < least:
            raise ValueError(f"{name} must be at least {least}, not {shown(value)}")
        if value > LARGEST_COUNT:
            raise ValueError(f"{name} must be at most {LARGEST_COUNT}, not {shown(value)}")


def finite(**values: Any) -> None:
    """Refuse values that are not finite numbers; a bool is not one.

    Raises:
        ValueError: a value is NaN, infinite, or not a number.
    """
    for name, value in values.items():
        if not _is_finite(value):
            raise ValueError(f"{name} must be a finite number, not {shown(value)}")


def at_least(least: float, /, **values: Any) -> None:
    """Refuse values that are not finite numbers of at least `least`.

    Args:
        least: the lowest value allowed.
        **values: numbers by the argument's name.

    Raises:
        ValueError: a value is below `least`, NaN, infinite, or not a number.
    """
    for name, value in values.items():
        if not (_is_finite(value) and value >= least):
            raise ValueError(f"{name} must be at least {least}, not {shown(value)}")


def settings_at_least(settings: Any, /, **least: float) -> None:
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
        name, value = field.name, getattr(settings, field.name)
        empty = isinstance(value, list | tuple) and not value
        if empty and isinstance(value, tuple) and field.metadata == MAY_BE_EMPTY:
            continue
        if empty:
            raise ValueError(f"{name} must have at least one value, not {value!r}")
        if expected := _misfit(hints[name], value):
            raise ValueError(f"{name} must be {expected}, not {shown(value)}")
        if name in least and value is not None:
            for each in value if isinstance(value, list | tuple) else (value,):
                at_least(least[name], **{name: each})


def above(bound: float, /, **values: Any) -> None:
    """Refuse values that are not finite numbers above `bound`; see `at_least`."""
    for name, value in values.items():
        if not (_is_finite(value) and value > bound):
            raise ValueError(f"{name} must be above {bound}, not {shown(value)}")


def within(low: float, high: float, /, **values: Any) -> None:
    """Refuse values that are not finite numbers in [low, high]; see `at_least`."""
    for name, value in values.items():
        if not (_is_finite(value) and low <= value <= high):
            raise ValueError(f"{name} must be from {low} to {high}, not {shown(value)}")


def arguments(kind: type, given: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    """Refuse arguments of a constructor that are not what their annotations say.

    The annotations int, float, bool, str, tuples of them with a fixed length, and None beside one of these
    are checked, of the class and of those that it passes `**settings` to. A float must be finite.

    Args:
        kind: the class.
        given: its positional arguments.
        named: its keyword arguments.

    Raises:
        ValueError: naming the argument.
    """
    hints: dict[str, Any] = {}
    for each in kind.__mro__:
        if "__init__" in vars(each):
            hints = _hints(vars(each)["__init__"]) | hints
    positional = zip(inspect.signature(kind).parameters, given, strict=False)
    for name, value in (dict(positional) | dict(named)).items():
        expected = _misfit(hints.get(name), value)
        if expected:
            raise ValueError(f"{name} must be {expected}, not {shown(value)}")


def _hints(function: Any) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except (NameError, TypeError):  # a user's annotation that is only there for a type checker
        return {}


_KINDS = {
    bool: "True or False",
    int: f"a whole number of at most {LARGEST_COUNT}",
    float: "a finite number",
    str: "a string",
}


def _misfit(hint: Any, value: Any) -> str:
    """Return what an annotation expects if a value isn't that, else an empty string."""
    kind, parts = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):
        expected = [_misfit(each, value) for each in parts]
        return " or ".join(dict.fromkeys(expected)) if all(expected) else ""
    if kind is tuple:
        return _misfit_of_tuple(parts, value)
    if kind is Literal:
        return "" if value in parts else f"one of {', '.join(map(repr, parts))}"
    if hint is type(None):
        return "" if value is None else "None"
    if hint is bool:
        fits = _is_flag(value)
    elif hint is int:
        fits = _is_integer(value) and abs(value) <= LARGEST_COUNT
    elif hint is float:
        fits = _is_finite(value)
    elif hint is str:
        fits = isinstance(value, str)
    elif is_dataclass(hint) or kind is dict:
        return "" if isinstance(value, kind or hint) else (kind or hint).__name__
    else:
        return ""
    return "" if fits else _KINDS[hint]


def _misfit_of_tuple(parts: tuple[Any, ...], value: Any) -> str:
    number = "at least one value" if Ellipsis in parts else f"{len(parts)} values"
    expected = f"{number}, each {_KINDS.get(parts[0], parts[0])}"
    if not isinstance(value, list | tuple) or not value:
        return expected
    hints = parts[:1] * len(value) if Ellipsis in parts else parts
    fits = len(hints) == len(value) and not any(map(_misfit, hints, value))
    return "" if fits else expected


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")  # NumPy 2's, and NumPy 1's


def _is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    """Whether a value is a finite number: of Python or NumPy, or an array or a tensor without axes."""
    number = value.item() if getattr(value, "ndim", None) == 0 else value
    if not isinstance(number, Real) or _is_flag(number):
        return False
    try:
        return math.isfinite(number)
    except OverflowError:  # an integer too large for a float
        return False
