"""Call entry points with random arguments and count what they do."""

import importlib
import math
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from torture.report import Report
from unknot.progress import announce
from unknot.report import Table

MODULES = ("environments", "planners", "agents", "metrics", "learners", "data")
"""Modules of this package, each with `targets() -> Iterable[Target]`."""
CALLS, QUICK = 250, 5
"""Calls of a target, unless it says otherwise."""
NONSENSE: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 1.5, 10**30, -(10**30), 1e308, math.nan, math.inf, -math.inf, "", "abc",
    "²", b"abc", [], [1], [1, [2]], (), {}, {"a": 1}, {1}, object(), int, np.zeros(0), np.zeros((2, 3)),
    np.full(2, np.nan), np.array(3), np.array("abc"), np.array([object()]), 1j, range(3),
)  # fmt: skip
"""Values that some caller has passed for a number, a name or an array."""


@dataclass(frozen=True)
class Target:
    """An entry point, and how to call it."""

    name: str
    """Such as "Maze.reset"."""
    call: Callable[[np.random.Generator], object]
    """Calls it once with random arguments; raises AssertionError where it breaks a promise.

    A ValueError with a sentence, which the entry point raised, counts as refused. A TypeError counts, too, if
    it is Python's own of a wrong keyword; everything else is a failure.
    """
    calls: int = CALLS


def pick(rng: np.random.Generator, *good: Any, nonsense: float = 0.4) -> Any:
    """Return one of the good values, or with the probability `nonsense` one of `NONSENSE`."""
    values = NONSENSE if rng.random() < nonsense else good
    return values[rng.integers(len(values))]


def usually(rng: np.random.Generator, good: Any, *others: Any) -> Any:
    """Return the good value in four calls of five, else one of the others or nonsense."""
    value = good if rng.random() < 0.8 else pick(rng, *others, nonsense=0.3 if others else 1.0)
    return None if value is int else value  # a type would be called as if it were a function


def attack(quick: bool) -> Report:
    """Call every target."""
    rows, failures = [], []
    for module in MODULES:
        announce(f"fuzzed calls: {module}")
        for target in importlib.import_module(f"torture.fuzz.{module}").targets():
            outcomes = Counter[str]()
            rng = np.random.default_rng(0)
            calls = min(target.calls, QUICK) if quick else target.calls
            for number in range(calls):
                outcome, sentence = _outcome(target, rng)
                outcomes[outcome] += 1
                if outcome == "wrong":
                    failures.append(f"{target.name}, call {number}: {sentence}")
            counts = (calls, outcomes["answered"], outcomes["refused"], outcomes["wrong"])
            rows.append((target.name, *map(str, counts)))
    columns = ("entry point", "calls", "answered", "refused", "wrong")
    return Report(Table("Fuzzed calls", columns, tuple(rows)), tuple(failures))


def _outcome(target: Target, rng: np.random.Generator) -> tuple[str, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            target.call(rng)
    except ValueError as error:
        return ("refused", "") if _is_sentence(str(error)) else ("wrong", f"ValueError: {error}")
    except TypeError as error:
        return ("refused", "") if "keyword argument" in str(error) else ("wrong", f"TypeError: {error}")
    except Exception as error:
        return "wrong", f"{type(error).__name__}: {error}"
    return "answered", ""


def _is_sentence(text: str) -> bool:
    """Whether unknot wrote it: its refusals say what must be, or what there is."""
    return any(
        word in text for word in (" must ", "unknown ", " needs ", " can't ", " has ", " have ", " is ")
    )
