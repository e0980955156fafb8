"""The examples run, and show what they claim."""

import runpy
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str) -> Any:
    return runpy.run_path(str(EXAMPLES / name))["main"]()


def test_vector_loop_counts_successes(capsys: pytest.CaptureFixture[str]) -> None:
    rate = run("vector_loop.py")
    printed = capsys.readouterr().out
    assert 0.05 < rate < 0.95
    assert f"80 episodes, {rate:.0%} of them" in printed
    assert "3200 frames" in printed


def test_vector_loop_is_short() -> None:
    assert len((EXAMPLES / "vector_loop.py").read_text().splitlines()) < 60


def test_plan_from_pixels_steers_what_it_saw_no_action_of(capsys: pytest.CaptureFixture[str]) -> None:
    rates = run("plan_from_pixels.py")
    assert min(rates.values()) >= 0.9  # a straight line reaches about three quarters
    assert "cross: success" in capsys.readouterr().out
