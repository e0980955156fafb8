"""The quick part of `make torture`."""

from collections.abc import Callable

import pytest

from torture import fuzz, hostile, kills, soak
from torture.report import Report


@pytest.mark.parametrize("attack", [kills.attack, hostile.attack, fuzz.attack, soak.attack])
def test_a_sample_of_the_attacks_breaks_no_promise(attack: Callable[[bool], Report]) -> None:
    report = attack(True)
    assert not report.failures
