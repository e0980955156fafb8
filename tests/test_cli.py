"""The command line, on a small experiment."""

import errno
import json
import os
import pkgutil
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from PIL import Image

from unknot import experiments, terminal
from unknot.cli import COMMANDS, DATA, main
from unknot.files import write_json
from unknot.learners import LEARNERS
from unknot.report import Table, captioned, mean_std, save_figure, save_gif
from unknot.running import load_experiment

TOY = '''
"""An experiment that trains a number."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from unknot.files import WEIGHTS, load_weights
from unknot.report import Headline, Table, mean_std
from unknot.representation import Trainable, descend, minibatches, register_learner, train


@register_learner
class Number(Trainable):
    def __init__(self, *, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.value = torch.nn.Parameter(torch.randn(3))
        self.optimizers = {"all": torch.optim.Adam(self.parameters(), lr=rate)}

    def update(self, batch):
        loss = (self.value + torch.randn(3) - batch["x"].mean()).square().sum()
        descend(loss, self.optimizers["all"])
        return {"loss": loss.detach()}


@dataclass(frozen=True)
class Settings:
    """Settings of the toy."""

    steps: int = 20
    """How many steps."""
    rate: float = 0.1
    """How fast."""
    sizes: tuple[int, ...] = (1, 2)
    """Not used."""

    def __post_init__(self):
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, not {self.steps}")


PRESETS = {"default": Settings(), "smoke": Settings(steps=2), "endless": Settings(steps=10**9)}


def run(settings, folder, seed, resume):
    torch.manual_seed(seed)
    batch_at = minibatches({"x": np.arange(10.0, dtype=np.float32)}, 5, seed)
    train(Number(rate=settings.rate), batch_at, settings.steps, folder=folder / "number", resume=resume)
    (folder / "figures").mkdir(exist_ok=True)
    (folder / "figures" / "a.png").write_bytes(b"")
    print("trained seed", seed)
    return evaluate(settings, folder, seed, full=False)


def evaluate(settings, folder, seed, full):
    tensors, _ = load_weights(folder / "number" / WEIGHTS)
    return {"value": tensors["value"].sum(), "full": full}


def tabulate(seeds):
    values = " ".join(f"{seed['value']:.6f}" for seed in seeds)
    return [Table("Toy", ("seeds", "values", "full"), ((str(len(seeds)), values, str(seeds[0]["full"])),))]


def headlines(seeds):
    ours = mean_std([seed["value"] for seed in seeds], 6)
    return (Headline("the number", "0", ours, "-1, a guess", "1, the truth", "above 0", met=True),)


def plot(seeds):
    figure = Figure(figsize=(len(seeds), 1))
    figure.subplots().plot([seed["value"] for seed in seeds])
    return {"values": figure}
'''


CONFIG = {"experiment": "toy", "preset": "smoke", "settings": {}, "seed": 0}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and the toy as the only experiment."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "toy.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.delitem(sys.modules, "toy", raising=False)
    monkeypatch.setattr("unknot.representation.learner.LEARNERS", LEARNERS.copy())
    table = {"toy": experiments.Entry("toy", "train a number", "A toy, Nobody, 2017")}
    monkeypatch.setattr(experiments, "EXPERIMENTS", table, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(terminal.console, "width", 200)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def fails(words: str, code: int, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as error:
        main(shlex.split(words))
    assert error.value.code == code
    return capsys.readouterr().err


def value(output: str) -> str:
    found = re.search(r"-?\d+\.\d{6}( -?\d+\.\d{6})*", output)
    assert found
    return found.group()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("runn toy", "unknown command 'runn'; did you mean 'run'?"),
        ("run toi", "unknown experiment 'toi'; did you mean 'toy'?"),
        ("run toy --preset smok", "unknown preset 'smok'; did you mean 'smoke'?"),
        ("run toy --preset=smok", "unknown preset 'smok'; did you mean 'smoke'?"),
        ("run --preset smoke toy", "name the experiment first: unknot run EXPERIMENT --preset smoke toy"),
        ("run toy --seeds 0", "seeds must be at least 1, not 0"),
        ("run toy --first-seed -1", "first_seed must be at least 0, not -1"),
        ("run toy --resume", "unknown run 'toy'"),
        ("evaluate pretrained/nothing", "unknown run 'pretrained/nothing'"),
        ("show nothing", "unknown run 'nothing'"),
        ("play unknot/Planer-v0", "unknown environment 'unknot/Planer-v0'; did you mean 'unknot/Planar-v0'"),
        ("play unknot/Planar-v0 gates", "KEY=VALUE, not 'gates'"),
        ("play unknot/Planar-v0 maps=gates", "unknown option 'maps'; did you mean 'map'"),
        ("play unknot/Planar-v0 map=gate", "did you mean 'gates'"),
    ],
)
def test_a_wrong_name_gets_a_one_line_error(
    words: str,
    sentence: str,
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("matplotlib.use", lambda _: None)  # Gymnasium's play sets a window backend for good
    error = fails(words, 2, capsys)
    assert sentence in error
    assert error.startswith("unknot: ")
    assert error.count("\n") == 1
    assert not list(here.iterdir())


def test_run_evaluate_and_show_give_the_same_table(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "toy", "--preset", "smoke", "--seeds", "2", "--rate", "0.3", "--out", "out"])
    output = capsys.readouterr().out
    assert re.search(r"the number .* -1, a guess .* 1, the truth .* above 0 .* met", output)
    assert "out/figures/values.png" in output
    main(["show", "out", "--tables"])
    ran = value(capsys.readouterr().out)
    config = json.loads((here / "out/seed-1/config.json").read_text())
    assert config["experiment"] == "toy"
    assert config["settings"] == {"steps": 2, "rate": 0.3, "sizes": [1, 2]}
    assert config["seed"] == 1
    assert ran in (here / "out/table.md").read_text()

    before = {path: path.stat().st_mtime_ns for path in here.rglob("*")}
    main(["evaluate", "out", "--full"])
    output = capsys.readouterr().out
    assert value(output) == ran
    assert "True" in output
    main(["show", "out", "--tables"])
    output = capsys.readouterr().out
    assert value(output) == ran
    assert "out/figures/values.png\nout/seed-0/figures/a.png\nout/seed-1/figures/a.png\n" in output
    main(["evaluate", "out/seed-1"])
    assert value(capsys.readouterr().out) == ran.split()[1]
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*")} == before


def test_show_gives_headlines_and_ends_in_the_pictures(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["run", "toy", "--preset", "smoke", "--out", "out"])
    capsys.readouterr()
    main(["show", "out"])
    lines = capsys.readouterr().out.splitlines()
    assert any("the number" in line for line in lines)
    assert lines[-3:] == [
        "All tables: unknot show out --tables",
        "out/figures/values.png",
        "out/seed-0/figures/a.png",
    ]


def test_the_list_says_what_each_trained_model_takes_and_is(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["list"])
    output = re.sub(" +", " ", capsys.readouterr().out)
    assert "pretrained/dynamics-content/solid RCE 40 × 40 × 1 Robust controllable embedding" in output
    assert "pretrained/grasping/geometry GraspNet Predicts" in output


def test_a_run_ends_with_figures_over_all_seeds(here: Path) -> None:
    def width() -> int:
        with Image.open(here / "out/figures/values.png") as picture:
            return int(picture.width)

    main(["run", "toy", "--preset", "smoke", "--out", "out"])
    one = width()
    main(["run", "toy", "--preset", "smoke", "--seeds", "3", "--out", "out", "--resume"])
    assert width() > 1.5 * one  # plotted again, from three seeds
    assert list((here / "out").glob("events.*"))  # TensorBoard has them too


def test_runs_have_names(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "toy", "--preset", "smoke"])
    ran = value(capsys.readouterr().out)
    (stamp,) = (here / "runs/toy").iterdir()
    main(["show", "toy", "--tables"])
    assert value(capsys.readouterr().out) == ran
    main(["list"])
    output = capsys.readouterr().out
    assert re.search(r"toy +train a number", output)
    assert re.search(rf"toy/{stamp.name} +1 seed, preset smoke", output)
    assert "unknot/Planar-v0" in output


def test_a_setting_out_of_range_is_refused_and_nothing_is_written(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "steps must be at least 1, not 0" in fails("run toy --steps 0", 2, capsys)
    assert not list(here.iterdir())


@pytest.mark.parametrize("words", ["evaluate out", "show out"])
def test_a_damaged_config_is_reported_in_one_line(
    words: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["run", "toy", "--preset", "smoke", "--out", "out"])
    (here / "out/seed-0/config.json").write_text('{"experiment"')
    capsys.readouterr()
    error = fails(words, 2, capsys)
    assert "out/seed-0/config.json is not JSON" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("config.json", '{"experiment"'),
        ("config.json", '{"x": 1}'),
        ("config.json", "[" * 10_000),
        ("agent.json", "{}"),
        ("agent.json", "[]"),
    ],
)
def test_the_list_says_which_run_it_could_not_read(
    file: str, text: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in ("bad", "good"):
        write_json(here / f"runs/toy/{run}/seed-0/config.json", CONFIG)
    (here / "runs/toy/good/seed-²").mkdir()
    (here / f"runs/toy/bad/seed-0/{file}").write_text(text)
    main(["list"])
    output = capsys.readouterr().out
    assert f"toy/bad can't be read: runs/toy/bad/seed-0/{file}" in re.sub(" +", " ", output)
    assert "toy/good 1 seed, preset smoke" in re.sub(" +", " ", output)


def test_a_full_disk_is_one_sentence_and_leaves_no_folder(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("unknot.files.os.fsync", full)
    error = fails("run toy --preset smoke --out new/out", 2, capsys)
    assert error == "unknot: new/out/seed-0/config.json: No space left on device\n"
    assert not list(here.iterdir())


def test_too_little_memory_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    toy = load_experiment("toy")

    def run(*_: Any) -> None:
        np.zeros(10**15)

    monkeypatch.setattr(toy, "run", run)
    assert "there is not enough memory for this" in fails("run toy --out out", 2, capsys)
    assert not list(here.iterdir())


def test_a_run_that_fails_at_once_leaves_a_folder_as_it_found_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = load_experiment("toy")

    def fail(settings: Any, folder: Path, seed: int, resume: bool) -> None:
        (folder / "number").mkdir()
        raise ZeroDivisionError

    monkeypatch.setattr(toy, "run", fail)
    (here / "empty").mkdir()
    for out in ("empty", "new/out"):
        with pytest.raises(ZeroDivisionError):
            main(["run", "toy", "--out", out])
    assert [*here.rglob("*")] == [here / "empty"]


def test_a_run_that_fails_late_keeps_its_results(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = load_experiment("toy")

    def fail(settings: Any, folder: Path, seed: int, resume: bool) -> None:
        (folder / "weights.safetensors").write_bytes(b"")
        raise ZeroDivisionError

    monkeypatch.setattr(toy, "run", fail)
    with pytest.raises(ZeroDivisionError):
        main(["run", "toy", "--out", "out"])
    assert (here / "out/seed-0/weights.safetensors").exists()


@pytest.mark.parametrize(
    ("text", "value"), [("False", False), ("true", True), ("None", None), ("[" * 9999, "[" * 9999)]
)
def test_options_are_json_or_pythons_constants(text: str, value: Any) -> None:
    assert terminal.read_option(f"key={text}") == ("key", value)


def test_a_folder_in_the_place_of_a_file_is_reported(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "toy", "--preset", "smoke", "--out", "out"])
    path = here / "out/seed-0/metrics.json"
    path.unlink()
    path.mkdir()
    capsys.readouterr()
    assert "out/seed-0/metrics.json" in fails("show out", 2, capsys)


def test_an_existing_folder_stays_as_it_is(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "toy", "--preset", "smoke", "--out", "out"])
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*")}
    assert "out exists already: resume it" in fails("run toy --preset smoke --out out", 2, capsys)
    assert "rate was 0.1, now 0.2" in fails("run toy --preset smoke --rate 0.2 --out out --resume", 2, capsys)
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*")} == before


def test_a_resume_adds_seeds(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "toy", "--preset", "smoke"])
    first = value(capsys.readouterr().out)
    main(["run", "toy", "--preset", "smoke", "--seeds", "3", "--resume"])
    assert "trained seed 0" not in capsys.readouterr().out
    main(["show", "toy", "--tables"])
    output = capsys.readouterr().out
    assert value(output).split()[0] == first
    assert len(value(output).split()) == 3
    assert len(list((here / "runs/toy").iterdir())) == 1


def test_seeds_that_ran_apart_make_one_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "toy", "--preset", "smoke", "--seeds", "2", "--out", "one"])
    main(["run", "toy", "--preset", "smoke", "--out", "apart"])
    main(["run", "toy", "--preset", "smoke", "--first-seed", "1", "--out", "other"])
    assert [path.name for path in (here / "other").glob("seed-*")] == ["seed-1"]
    (here / "other/seed-1").rename(here / "apart/seed-1")
    values = []
    for run in ("one", "apart"):
        capsys.readouterr()
        main(["show", run, "--tables"])
        values.append(value(capsys.readouterr().out))
    assert values[0] == values[1]


@pytest.mark.parametrize("command", ["show out --tables", "evaluate out"])
def test_seeds_that_have_not_ended_are_left_out(
    here: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    main(["run", "toy", "--preset", "smoke", "--seeds", "2", "--out", "out"])
    (here / "out/seed-0/metrics.json").unlink()
    capsys.readouterr()
    main(command.split())
    output = capsys.readouterr().out
    assert len(value(output).split()) == 1
    assert "out/seed-0 has not ended yet: it is left out" in output
    (here / "out/seed-1/metrics.json").unlink()
    assert "out/seed-0 has no metrics.json: it has not ended yet" in fails(command, 2, capsys)


def test_jobs_change_nothing_but_the_time(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "toy", "--preset", "smoke", "--seeds", "2", "--out", "one"])
    one = value(capsys.readouterr().out)
    main(["run", "toy", "--preset", "smoke", "--seeds", "2", "--out", "two", "--jobs", "2"])
    assert value(capsys.readouterr().out) == one
    assert "trained seed 1" in (here / "two/seed-1/log.txt").read_text()


@pytest.mark.parametrize("damage", ["truncated", "pickle", "missing"])
def test_evaluate_checks_every_weight_file_first(
    damage: str, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["run", "toy", "--preset", "smoke", "--seeds", "2", "--out", "out"])
    import toy  # type: ignore[import-not-found]

    monkeypatch.setattr(toy, "evaluate", lambda *_: pytest.fail("computed before all weights were checked"))
    path = here / "out/seed-1/number/weights.safetensors"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "pickle":
        torch.save(torch.zeros(2), path)
    else:
        path.unlink()
    sentence = {"truncated": "truncated", "pickle": "is a pickle", "missing": "has no weights"}[damage]
    capsys.readouterr()
    assert sentence in fails("evaluate out", 2, capsys)


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_ctrl_c_says_how_to_resume_and_a_resume_gives_the_same_numbers(
    jobs: int, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["run", "toy", "--steps", "1000", "--seeds", "2", "--out", "whole"])
    whole = value(capsys.readouterr().out)
    code = (
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # the parent process may ignore it\n"
        "from unknot import cli, experiments\n"
        "experiments.EXPERIMENTS = {'toy': experiments.Entry('toy', '', None)}\n"
        f"cli.main(['run', 'toy', '--steps', '1000', '--seeds', '2', '--out', 'out', '--jobs', '{jobs}'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(here.parent / "modules")},
        start_new_session=True,
    )
    events = here / "out/seed-0/number"
    while not events.exists():  # training has begun
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert not (here / "out/table.md").exists()
    again = error.split("To resume: unknot ")[1].splitlines()[0]
    main(shlex.split(again.replace("--jobs 2", "--jobs 1")))
    assert value(capsys.readouterr().out) == whole


def test_a_missing_extra_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "toy", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert fails("run toy", 2, capsys) == 'unknot: this needs torch: pip install "unknot[learn]"\n'


def test_help_shows_the_flags_of_the_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "toy", "--preset", "smoke", "--help"])
    output = capsys.readouterr().out
    assert "toy: train a number (A toy, Nobody, 2017)" in output
    assert re.search(r"--steps INT +How many steps\. \(default: 2\)", output)
    assert "--resume" in output
    assert "--preset {default,smoke,endless}" in output


def test_a_person_can_play(monkeypatch: pytest.MonkeyPatch) -> None:
    import pygame

    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr("matplotlib.use", lambda _: None)  # Gymnasium's play sets a window backend for good
    steps: list[Any] = []
    seen = iter(
        [[pygame.event.Event(pygame.KEYDOWN, key=pygame.K_RIGHT)], [], [pygame.event.Event(pygame.QUIT)]]
    )
    monkeypatch.setattr(pygame.event, "get", lambda: next(seen))
    from unknot.envs import PlanarEnv

    original = PlanarEnv.step

    def step(env: PlanarEnv, action: Any) -> Any:
        steps.append((env, action))
        return original(env, action)

    monkeypatch.setattr(PlanarEnv, "step", step)
    titles: list[str] = []
    monkeypatch.setattr(pygame.display, "set_caption", titles.append)
    captions: list[tuple[str, ...]] = []

    def kept(frame: Any, *lines: str) -> Any:
        captions.append(lines)
        return captioned(frame, *lines)

    monkeypatch.setattr("unknot.playing.captioned", kept)
    main(["play", "unknot/Planar-v0", "map=gates", "max_steps=7"])
    assert len(steps) >= 2
    assert np.any(steps[0][1] != 0)
    assert steps[0][0].spec.kwargs["map"] == "gates"
    assert steps[0][0].spec.kwargs["max_steps"] == 7
    assert titles == ["unknot/Planar-v0 (Escape ends it)"]
    assert all(keys == PlanarEnv.controls for keys, _ in captions)
    assert captions[-1][1] == "step 2, return 0.00; 0 of 0 episodes solved"


def test_nobody_plays_without_a_display(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import pygame

    monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    monkeypatch.setattr(pygame.display, "get_driver", lambda: "offscreen")
    assert "there is no display to open a window on" in fails("play unknot/Planar-v0", 2, capsys)
    assert "there is no display" in fails("watch expert --env unknot/Planar-v0 --window", 2, capsys)


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_has_a_line_for_each_command(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([word])
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line[:1] == " "]
    assert [name for name, _ in lines] == list(COMMANDS)
    assert all(sentence.endswith(".") for _, sentence in lines)


def test_a_command_that_is_missing_or_unknown_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for words, message in (
        ([], "name a command"),
        (["sohw"], "did you mean"),
        (["--seed"], "unknown command"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main(words)
        assert message in capsys.readouterr().err


def test_every_data_set_has_a_function_that_fetches_it() -> None:
    assert all(callable(pkgutil.resolve_name(name)) for name in DATA.values())


@pytest.mark.parametrize("name", ["Planar", "Maze", "MnistGrid", "GraspReach"])
def test_the_help_says_which_keys_steer(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["play", "--help"])
    entry: Any = gym.envs.registration.load_env_creator(str(gym.spec(f"unknot/{name}-v0").entry_point))
    assert f"{name}: {entry.controls}" in " ".join(capsys.readouterr().out.split())


# Reports


def test_a_table_becomes_markdown() -> None:
    table = Table("T", ("a", "b|c"), (("x", "1"), ("y", "[2]")), ("A note.",))
    assert table.to_markdown() == (
        "## T\n\n| a | b\\|c |\n| --- | ---: |\n| x | 1 |\n| y | [2] |\n\nA note.\n"
    )
    with pytest.raises(ValueError, match="must have 2 cells"):
        Table("T", ("a", "b"), (("x",),))


def test_one_seed_has_no_standard_deviation() -> None:
    assert mean_std([1.0, 2.0, 3.0], 1) == "2.0 ± 1.0"
    assert mean_std([0.5]) == "0.50"


def test_pictures_are_written_to_files_and_to_tensorboard(tmp_path: Path) -> None:
    from matplotlib import pyplot
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    pyplot.switch_backend("agg")  # Gymnasium's keyboard play sets a window backend when imported
    figure, axes = pyplot.subplots()
    axes.plot([1, 2])
    frames = np.zeros((3, 4, 5, 1), np.uint8)
    frames[1:] = 255
    frames[2, 0] = 0
    with SummaryWriter(str(tmp_path)) as writer:
        save_figure(figure, tmp_path / "figures" / "line.png", writer)
        save_gif(frames, tmp_path / "figures" / "blink.gif", writer, fps=20)

    assert not pyplot.fignum_exists(figure.number)
    with Image.open(tmp_path / "figures" / "line.png") as image:
        assert image.format == "PNG"
    with Image.open(tmp_path / "figures" / "blink.gif") as gif:
        assert (gif.size, gif.n_frames, gif.info["duration"]) == ((5, 4), 3, 50)
        gif.seek(1)
        assert np.asarray(gif.convert("L")).min() == 255
    events = EventAccumulator(str(tmp_path)).Reload()
    for name in ("line.png", "blink.gif"):
        (event,) = events.Images(name[:-4])
        assert event.encoded_image_string == (tmp_path / "figures" / name).read_bytes()
    with pytest.raises(ValueError, match="at least one"):
        save_gif([], tmp_path / "none.gif")


def test_an_animation_in_few_colours_keeps_them_exactly(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).choice(np.array([0, 200], np.uint8), (9, 6, 5, 3))
    frames[5, 2, 3] = 90, 10, 240  # once in all
    save_gif(frames, tmp_path / "colours.gif")
    with Image.open(tmp_path / "colours.gif") as gif:
        for number, frame in enumerate(frames):
            gif.seek(number)
            np.testing.assert_array_equal(np.asarray(gif.convert("RGB")), frame)
