"""Checks of arguments: what each accepts, and the sentence for what it refuses."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from unknot import checks

NOT_NUMBERS: list[Any] = [
    None, "3", b"3", [3], (3,), {}, 1j, math.nan, math.inf, True, np.True_, np.zeros(2), np.array([3.0]),
    np.array("3"), np.array(True), object(), int, 10**400,
]  # fmt: skip
NOT_COUNTS: list[Any] = [*NOT_NUMBERS, 3.0, np.float64(3), np.array(3)]


def sentence(check: Any, *bounds: Any, value: Any) -> str:
    with pytest.raises(ValueError, match=r"^size ") as error:
        check(*bounds, size=value)
    return str(error.value)


@pytest.mark.parametrize("value", [2, 3, np.int64(2), np.uint8(255), 2**63 - 1])
def test_counts_are_whole_numbers(value: Any) -> None:
    checks.count(2, size=value)


@pytest.mark.parametrize("value", NOT_COUNTS, ids=lambda value: type(value).__name__)
def test_other_values_are_no_counts(value: Any) -> None:
    assert "must be" in sentence(checks.count, 2, value=value)


def test_a_count_has_bounds() -> None:
    assert sentence(checks.count, 2, value=1) == "size must be at least 2, not 1"
    assert sentence(checks.count, 2, value=1.5) == "size must be a whole number of at least 2, not 1.5"
    assert sentence(checks.count, 2, value=2**63).startswith("size must be at most 9223372036854775807, not")


@pytest.mark.parametrize("value", [0.5, 0, 1, np.float32(0.5), np.array(0.5), np.int8(1)])
def test_numbers_are_checked_against_bounds(value: Any) -> None:
    checks.at_least(0, size=value)
    checks.above(-1, size=value)
    checks.within(0, 1, size=value)


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=lambda value: type(value).__name__)
def test_other_values_are_no_numbers(value: Any) -> None:
    for check, bounds in ((checks.at_least, [0]), (checks.above, [0]), (checks.within, [0, 9])):
        assert "must be" in sentence(check, *bounds, value=value)


def test_bounds_belong_to_at_least_and_within_and_not_to_above() -> None:
    checks.at_least(2, size=2)
    checks.within(2, 3, size=2)
    checks.within(2, 3, size=3)
    assert sentence(checks.above, 2, value=2) == "size must be above 2, not 2"
    assert sentence(checks.at_least, 2, value=1.9) == "size must be at least 2, not 1.9"
    assert sentence(checks.within, 2, 3, value=3.1) == "size must be from 2 to 3, not 3.1"


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_flags_are_bools(value: Any) -> None:
    checks.flag(size=value)


@pytest.mark.parametrize(
    "value", [0, 1, "False", None, 1.0, [], [True], np.array(True), bool, math.nan], ids=repr
)
def test_other_values_are_no_flags(value: Any) -> None:
    assert sentence(checks.flag, value=value).startswith("size must be True or False, not ")


def test_generators_are_numpy_s() -> None:
    checks.generator(size=np.random.default_rng(0))
    for value in (0, None, np.random, np.random.RandomState(0), np.random.Generator):
        assert sentence(checks.generator, value=value).startswith(
            "size must be a numpy.random.Generator, not"
        )


def test_names_are_strings_out_of_some() -> None:
    checks.one_of("task", "reach", ["reach", "none"])
    near: tuple[Any, ...] = ("reech", ["reach"])
    for name in near:
        with pytest.raises(ValueError, match=r"unknown task .* did you mean 'reach'"):
            checks.one_of("task", name, ["reach", "none"])
    strange: tuple[Any, ...] = (None, 3, np.array(["reach", "none"]), np.zeros(2), {})
    for name in strange:
        with pytest.raises(ValueError, match=r"^unknown task "):
            checks.one_of("task", name, ["reach", "none"])


def test_an_error_lists_few_of_many_names() -> None:
    sentence = checks.unknown("word", "?", [f"name{k:02}" for k in range(25)])
    assert sentence.endswith("'name18', 'name19' and 5 more")


def test_a_refused_value_is_shown_on_one_short_line() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert checks.shown(1.5) == "1.5"
    assert checks.shown(np.zeros((2, 2))) == "array([[0., 0.], [0., 0.]])"
    assert checks.shown("a" * 1_000) == "'" + "a" * 199 + "…"
    assert checks.shown(deep) == "an object of type list"
    assert checks.shown(10**5_000) == "an object of type int"


@dataclass
class Settings:
    steps: int = 3
    sizes: tuple[int, ...] = (3, 4)
    rates: tuple[float, ...] = (0.5,)


def test_settings_are_checked_by_their_types() -> None:
    checks.settings_at_least(Settings(), steps=3, sizes=3, rates=0.5)
    for settings, message in (
        (Settings(steps=2), "steps must be at least 3, not 2"),
        (Settings(steps=3.5), r"steps must be a whole number of at most \d+, not 3.5"),  # type: ignore[arg-type]
        (Settings(sizes=(3, 2)), "sizes must be at least 3, not 2"),
        (Settings(sizes=()), r"sizes must have at least one value, not \(\)"),
        (
            Settings(rates=(0.5, math.nan)),
            "rates must be at least one value, each a finite number, not .*nan",
        ),
        (Settings(rates=()), r"rates must have at least one value, not \(\)"),
    ):
        with pytest.raises(ValueError, match=message):
            checks.settings_at_least(settings, steps=3, sizes=3, rates=0.5)
