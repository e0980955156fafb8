"""The commands that train agents and compare them."""

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from unknot.agents.named import compare_agents, home
from unknot.cli import main
from unknot.files import read_json

TRAIN = "train-agent PPO unknot/Planar-v0 max_steps=6 --observe factors --episodes 3 --evaluate-every 64"
SMALL = "--set num_envs=4 n_steps=16 batch_size=32"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fails(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as error:
        main(shlex.split(words))
    assert error.value.code == 2
    return capsys.readouterr().err


def test_an_agent_is_trained_resumed_and_compared(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(shlex.split(f"{TRAIN} --steps 64 {SMALL}"))
    (folder,) = (here / "runs/PPO-Planar-v0").iterdir()
    home = folder / "seed-0"
    for name in (
        "agent.json",
        "policy.safetensors",
        "figures/learning-curve.png",
        "figures/episodes.gif",
    ):
        assert (home / name).stat().st_size > 0
    main(shlex.split(f"{TRAIN} --steps 128 --resume {SMALL}"))
    assert [entry["steps"] for entry in read_json(home / "metrics.json")["curve"]] == [0, 64, 128]
    capsys.readouterr()
    main(["list"])
    assert re.search(rf"PPO-Planar-v0/{folder.name} +PPO in unknot/Planar-v0", capsys.readouterr().out)
    main(["show", "PPO-Planar-v0"])
    output = capsys.readouterr().out
    assert [rate for _, rate in re.findall(r"│ +(0|64|128) │ +(\d+\.\d)% │", output)] == ["0.0"] * 3
    assert output.count("kept") >= 1
    assert "learning-curve.png" in output
    assert "unknot evaluate-agent measures it" in fails("evaluate PPO-Planar-v0", capsys)
    main(shlex.split("evaluate-agent PPO-Planar-v0 random expert --episodes 5 --seed 7"))
    output = capsys.readouterr().out
    assert "unknot/Planar-v0, max_steps=6: 5 episodes, seeds 7 to 11" in output
    assert re.search(r"PPO-Planar-v0 .* 0\.0 \[0\.0, 43\.4\]", output)
    (here / "own.json").write_text('[{"factors": {"position": [4, 4]}, "goal": {"position": [4, 9]}}]')
    main(shlex.split("evaluate-agent expert --env unknot/Planar-v0 --problems own.json --out outcomes"))
    assert "unknot/Planar-v0: 1 episodes, seeds 0 to 0" in capsys.readouterr().out
    assert (here / "outcomes" / "expert.csv").read_text().count("\n") == 2
    assert (here / "outcomes" / "expert.png").stat().st_size > 0
    (here / "own.json").write_text('{"factors": {}}')
    assert "own.json: problems must be a list" in fails(
        "evaluate-agent expert --env unknot/Planar-v0 --problems own.json", capsys
    )
    main(shlex.split("watch PPO-Planar-v0 --episodes 2 --seed 7 --out film.gif"))
    output = capsys.readouterr().out
    assert "unknot/Planar-v0, max_steps=6: 20 episodes, seeds 7 to 26" in output
    assert re.search(r"film.gif: the episodes of seeds \d+, \d+", output)
    assert (here / "film.gif").stat().st_size > 0
    main(shlex.split("evaluate-agent expert --env unknot/Planar-v0 --episodes 5 --seed 7"))
    assert re.search(r"expert .* 100\.0 \[56\.6, 100\.0\] .* 30\.\d\d .* 1\d\.\d", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("train-agent PP0 unknot/Planar-v0", "unknown algorithm 'PP0'; did you mean 'PPO'"),
        ("train-agent PPO unknot/Planer-v0", "did you mean 'unknot/Planar-v0'"),
        ("train-agent DQN unknot/Planar-v0", "DQN acts in Discrete"),
        ("train-agent PPO unknot/Planar-v0 gates", "KEY=VALUE, not 'gates'"),
        ("train-agent PPO unknot/Planar-v0 --set gama=1", "did you mean 'gamma'"),
        ("train-agent PPO unknot/Planar-v0 --observe codes", "--observe codes needs --encoder"),
        ("train-agent PPO unknot/Planar-v0 --encoder nothing", "no learner 'nothing'"),
        (
            "train-agent PPO unknot/Planar-v0 --encoder pretrained/controllable-factors/maze/selectivity",
            "of (64, 64, 3), not (2, 40, 40, 1)",
        ),
        ("train-agent PPO unknot/Planar-v0 --device gpu", "device must be torch's name of one"),
        ("watch random", "name the environment (--env)"),
        ("watch random --env unknot/Planar-v0 --out film.avi", "must end in .gif or .mp4, not 'film.avi'"),
        ("watch random --env unknot/Planar-v0 --episodes 0", "episodes must be at least 1, not 0"),
        ("train-agent PPO CartPole-v1", "must have an image"),
        ("train-agent PPO CartPole-v1 --observe factors", "with factor_space and goal_space"),
        ("evaluate-agent random --env unknot/Planar-v0 --seed -3", "seed must be at least 0, not -3"),
        ("evaluate-agent", "name an agent"),
        ("evaluate-agent random", "name the environment (--env)"),
        ("evaluate-agent rule --env unknot/Maze-v0", "unknot/Maze-v0 has no rule; unknot/Grasp-v0, "),
        ("evaluate-agent rando --env unknot/Planar-v0", "unknown agent 'rando'; did you mean 'random'"),
        ("evaluate-agent random --env unknot/Planar-v0 --episodes 0", "episodes must be at least 1"),
        ("evaluate-agent random --env unknot/Planar-v0 --options map=gate", "did you mean 'gates'"),
    ],
)
def test_wrong_words_get_a_one_line_error_and_write_nothing(
    words: str, sentence: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = fails(words, capsys)
    assert sentence in error
    assert error.startswith("unknot: ")
    assert not list(here.iterdir())


def test_a_run_plans_with_the_model_of_the_collision_rule_and_a_model_brings_its_rule() -> None:
    """The model of the published rule solves no more of these 8 problems than the trivial rule: 6."""
    options = {"task": "anywhere", "collision": "solid", "appearance": "cross"}
    names = ["pretrained/dynamics-content", "pretrained/dynamics-content/published", "rule"]
    results = compare_agents(names, "unknot/Planar-v0", options, episodes=8)
    assert [result.success_rate for result in results.values()] == [1, 0.75, 0.75]
    assert home("pretrained/dynamics-content/solid") == ("unknot/Planar-v0", {"collision": "solid"})
    for other in ("", "/camera", "/rce-xy", "/published"):
        assert home(f"pretrained/dynamics-content{other}") == ("unknot/Planar-v0", {})


def test_a_run_without_the_model_of_the_collision_rule_plans_with_the_one_it_has(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[1] / "pretrained/dynamics-content/seed-0"
    shutil.copytree(shipped, tmp_path / "seed-0", ignore=shutil.ignore_patterns("solid"))
    options = {"task": "anywhere", "collision": "solid", "appearance": "cross"}
    results = compare_agents([str(tmp_path)], "unknot/Planar-v0", options, episodes=8)
    assert results[str(tmp_path)].success_rate == 0.75


def test_an_agent_that_fails_at_once_leaves_no_folder(here: Path) -> None:
    class Broken(gym.Env[Any, Any]):
        observation_space = gym.spaces.Box(0, 255, (36, 36, 1), np.uint8)
        action_space = gym.spaces.Discrete(2)

        def reset(self, *, seed: Any = None, options: Any = None) -> Any:
            return np.zeros((36, 36, 1), np.uint8), {"is_success": False}

        def step(self, _: Any) -> Any:
            raise ZeroDivisionError

    gym.register("test/Broken-v0", lambda **_: Broken())
    with pytest.raises(ZeroDivisionError):
        main(shlex.split(f"train-agent PPO test/Broken-v0 --episodes 3 {SMALL}"))
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    "change", ["buffer_size=1000000000000", "learning_rate=fast", "batch_size=[]", "gamma=NaN"]
)
def test_refused_hyperparameters_leave_no_folder(
    change: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "train-agent SAC unknot/Planar-v0 --observe factors --steps 64 --episodes 3 --evaluate-every 64"
    assert fails(f"{words} --set learning_starts=16 {change}", capsys).startswith("unknot: ")
    assert not list(here.iterdir())


def test_the_maze_planner_refuses_sizes_that_it_did_not_learn(capsys: pytest.CaptureFixture[str]) -> None:
    words = "evaluate-agent pretrained/controllable-factors --env unknot/Maze-v0 --options goal=image"
    assert "size must be 8, not 6" in fails(f"{words} size=6", capsys)
