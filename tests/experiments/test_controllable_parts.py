"""Parts of an experiment that are run one after the other into the same folder."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from unknot.experiments import controllable_factors
from unknot.experiments.common.digits import OtherDigitsError
from unknot.experiments.controllable_factors import Settings, planning
from unknot.files import METRICS, read_json
from unknot.running import UsageError, run_seeds

NAME = "controllable-factors"


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Replace the parts by ones that only record that they ran; return the parts and seeds that ran."""
    calls: list[tuple[str, int]] = []

    def part(name: str) -> SimpleNamespace:
        def run(settings: Any, folder: Path, seed: int, resume: bool) -> dict[str, str]:
            calls.append((name, seed))
            return {"name": name}

        return SimpleNamespace(run=run, tabulate=lambda metrics: [])

    monkeypatch.setattr(
        controllable_factors.PARTS, "modules", {name: part(name) for name in ("maze", "digits")}
    )
    return calls


def test_a_resume_may_run_another_part(ran: list[tuple[str, int]], tmp_path: Path) -> None:
    run_seeds(NAME, "default", Settings("maze"), tmp_path / "out", 1)
    run_seeds(NAME, "default", Settings("digits"), tmp_path / "out", 2, resume=True)
    assert ran == [("maze", 0), ("digits", 0), ("digits", 1)]
    found = [read_json(tmp_path / f"out/seed-{seed}" / METRICS)["parts"] for seed in (0, 1)]
    assert found == [{"maze": {"name": "maze"}, "digits": {"name": "digits"}}, {"digits": {"name": "digits"}}]
    run_seeds(NAME, "default", Settings("all"), tmp_path / "out", 2, resume=True)
    assert ran[3:] == [("maze", 1)]


def test_a_resume_refuses_other_settings(ran: list[tuple[str, int]], tmp_path: Path) -> None:
    run_seeds(NAME, "default", Settings("maze"), tmp_path / "out", 1)
    other = Settings("digits", planning=planning.Settings(problems=7))
    with pytest.raises(UsageError, match=r"planning was .* now "):
        run_seeds(NAME, "default", other, tmp_path / "out", 1, resume=True)
    assert ran == [("maze", 0)]


def test_the_headlines_are_of_the_parts_that_ran_the_maze_first() -> None:
    started = {"met": True, "starts": []}
    seeds: list[dict[str, Any]] = [
        {"seed": 0, "parts": {"maze": {"selectivity": started}, "reinforcement": {}}},
        {"seed": 1, "parts": {"maze": {"selectivity": started | {"met": False}}}},
    ]
    found, *_ = controllable_factors.headlines(seeds)
    assert (found.ours, found.met) == ("1 of 2", False)
    del seeds[0]["parts"]["maze"]
    assert controllable_factors.headlines(seeds[:1])[0].ours == "not run"  # the reinforcement of another seed


def test_a_part_that_learnt_from_other_digits_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> dict[str, Any]:
        raise OtherDigitsError("fetch MNIST")

    modules = {
        "maze": SimpleNamespace(evaluate=lambda *_: {"met": 1}),
        "digits": SimpleNamespace(evaluate=refuse),
    }
    monkeypatch.setattr(controllable_factors.PARTS, "modules", modules)
    (tmp_path / "digits").mkdir()
    with pytest.raises(OtherDigitsError):
        controllable_factors.evaluate(Settings(), tmp_path, 0, False)
    (tmp_path / "maze").mkdir()
    found = controllable_factors.evaluate(Settings(), tmp_path, 0, False)
    assert found["parts"] == {"maze": {"met": 1}}
    assert "digits is left out: fetch MNIST" in capsys.readouterr().err
