"""The examples run, and show what they claim."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, **arguments: Any) -> Any:
    return runpy.run_path(str(EXAMPLES / name))["main"](**arguments)


def test_vector_loop_counts_successes(capsys: pytest.CaptureFixture[str]) -> None:
    rate = run("vector_loop.py")
    printed = capsys.readouterr().out
    assert 0.05 < rate < 0.95
    assert f"80 episodes, {rate:.0%} of them" in printed
    assert "3200 frames" in printed


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 100


def test_gymnasium_loop_returns_to_a_scene(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0.2 < run("gymnasium_loop.py") < 0.95
    assert "same scene: True" in capsys.readouterr().out


def test_cleanrl_ppo_learns() -> None:
    assert run("cleanrl_ppo.py", updates=30) > 0.8  # 25% in the first updates


def test_stable_baselines_ppo_learns(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stable_baselines_ppo.py", episodes=100) > 0.5  # untrained it never succeeds
    assert "Stable-Baselines3 counts returns of -" in capsys.readouterr().out


def test_offline_learning_finds_positions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    assert run("offline_learning.py", episodes=30, steps=200) > 0.8  # 4% after one step


def test_the_numbers_on_the_page_on_embedding_are_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    page = (EXAMPLES.parent / "docs" / "embedding.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec("".join(re.findall("```python\n(.*?)```", page, re.DOTALL)), names)
    assert {name: len(array) for name, array in names["data"].items()} == {
        "observation": 400,
        "action": 400,
        "next_observation": 400,
    }
    scores = [round(names[key]["mig"].value, 2) for key in ("clean", "marked")]
    assert scores == [0.98, 0.25]
    assert all((EXAMPLES.parent / path).exists() for path in re.findall(r"\]\(\.\./(.*?)\)", page))


def test_torchrl_acts() -> None:
    pytest.importorskip("torchrl")
    assert -40 * 55 < run("torchrl_rollout.py") < 0  # minus a distance each step


def test_rllib_trains() -> None:
    pytest.importorskip("ray.rllib.algorithms", exc_type=ImportError)
    returns = run("rllib_ppo.py", iterations=2, workers=0)
    assert all(-40 * 55 < value < 0 for value in returns)


def test_plan_from_pixels_steers_an_appearance_seen_without_actions(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rates = run("plan_from_pixels.py", episodes=25)
    assert min(rates.values()) >= 0.9  # a straight line reaches about three quarters
    assert "cross: success" in capsys.readouterr().out


def test_repair_images_sorts_and_repairs(capsys: pytest.CaptureFixture[str]) -> None:
    result = run("repair_images.py", steps=500)
    assert result["sorted"] > 0.9
    assert result["after"] > result["before"] + 6
    assert "inversion: expert 0 won" in capsys.readouterr().out
