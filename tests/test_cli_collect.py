"""`unknot collect` writes a dataset that learners read."""

from pathlib import Path

import minari
import numpy as np
import pytest

from unknot.agents import transitions
from unknot.cli import main


@pytest.fixture(autouse=True)
def _datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))


def collect(words: str) -> None:
    main(["collect", "unknot/Maze-v0", *words.split()])


def test_the_episodes_of_an_expert_are_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    collect(
        "size=4 max_steps=20 terminate_on_success=true --agent expert --episodes 18 --dataset maze/expert-v0"
    )
    assert "maze/expert-v0: 18 episodes; 100.0% of those recorded now succeed." in capsys.readouterr().out
    dataset = minari.load_dataset("maze/expert-v0")
    assert len(dataset) == 18
    assert all(episode.terminations[-1] for episode in dataset)
    assert transitions(dataset)["observation"].shape == (dataset.total_steps, 64, 64, 3)
    assert dataset.recover_environment().unwrapped.simulation.size == 4


def test_a_random_agent_repeats_its_episodes_for_the_same_seed() -> None:
    for name in ("maze/a-v0", "maze/b-v0"):
        collect(f"size=4 max_steps=5 --episodes 2 --seed 7 --dataset {name}")
    first, second = (transitions(minari.load_dataset(name)) for name in ("maze/a-v0", "maze/b-v0"))
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--agent exprt --dataset maze/x-v0", "did you mean 'expert'"),
        ("--dataset maze", "dataset 'maze' must be an id"),
        ("sise=4 --dataset maze/x-v0", "sise"),
        ("--episodes 0 --dataset maze/x-v0", "episodes must be at least 1, not 0"),
    ],
)
def test_wrong_arguments_are_refused(words: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        collect(words)
    assert sentence in capsys.readouterr().err
    assert not minari.list_local_datasets()


def test_an_existing_dataset_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    collect("size=4 max_steps=5 --episodes 2 --dataset maze/a-v0")
    with pytest.raises(SystemExit, match="2"):
        collect("size=4 max_steps=5 --episodes 3 --dataset maze/a-v0")
    assert "dataset maze/a-v0 exists already" in capsys.readouterr().err
    collect("size=4 max_steps=5 --episodes 3 --dataset maze/a-v0 --resume")
    assert len(minari.load_dataset("maze/a-v0")) == 3
