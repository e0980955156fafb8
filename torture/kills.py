"""Kill a run before each of its renames, resume it, and compare its files with an unbroken run's.

A process that dies at a rename leaves what is on disk then. So one unbroken run copies its folder before each
rename, and a resume goes on with each copy. What a kill right after a rename leaves is the next copy without
the temporary file, which resumes never read. One run of each kind is also killed by SIGKILL: it must leave
what was copied.
"""

import hashlib
import importlib
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

from torture.report import Report
from unknot.cli import main
from unknot.report import Table

IGNORED = ("events.out.tfevents.*", "log.txt")
"""Files whose content is of the moment: TensorBoard's events have times, a log has rates. Other files have
times only where `time.perf_counter` measures them, which stands still in these runs."""
EVERY = 2
"""Updates from one checkpoint to the next, so that small runs write several."""
AT_A_TIME, SECONDS = 2, 300
"""Resumes that run side by side, and how long each may take."""

SMALL = ("--preset", "smoke")
STUDY = (*SMALL, "--steps", "4", "--samples", "100", "--votes", "10")
AGENT = ("--steps", "96", "--evaluate-every", "32", "--episodes", "2")
PLANAR, MAZE = "unknot/Planar-v0", "unknot/Maze-v0"
ON_POLICY = ("--set", "num_envs=4", "n_steps=8", "batch_size=16", "n_epochs=1")
OFF_POLICY = ("--set", "num_envs=4", "buffer_size=200", "learning_starts=40", "batch_size=8")


def _parts(experiment: str, **settings: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {
        f"{experiment}, {part}": ("run", experiment, *SMALL, "--part", part, *words)
        for part, words in settings.items()
    }


def _agents(environment: str, algorithm: str, *words: str) -> dict[str, tuple[str, ...]]:
    """Return an agent with its replay buffer kept, from factors and in hindsight."""
    line = ("train-agent", algorithm, environment, "max_steps=6", *AGENT, *OFF_POLICY, "--keep-replay")
    return {
        f"{algorithm}, replay kept": (*line, "--observe", "factors", *words),
        f"{algorithm}, replay kept, hindsight": (*line, "--observe", "factors", "--her", *words),
    }


RUNS: dict[str, tuple[str, ...]] = {
    "dynamics-content": ("run", "dynamics-content", *SMALL, "--steps", "4"),
    **_parts(
        "controllable-factors",
        maze=("--maze.steps", "4"),
        multistep=("--multistep.steps", "4"),
        digits=("--digits.steps", "4"),
        planning=("--planning.steps", "4"),
        reinforcement=(),
    ),
    **_parts(
        "covariance-penalty", xor=("--xor.steps", "4"), projections=("--projections.steps", "4"), images=()
    ),
    "f-statistic": ("run", "f-statistic", *SMALL, "--steps", "4"),
    "grasping": ("run", "grasping", *SMALL),
    "factor-vae": ("run", "factor-vae", *STUDY),
    "dci": ("run", "dci", *SMALL, "--steps", "4", "--gan-steps", "4"),
    "dip-vae": ("run", "dip-vae", *STUDY),
    "capacity-vae": ("run", "capacity-vae", *STUDY, "--generator-steps", "10"),
    "quantifying-beta": ("run", "quantifying-beta", *STUDY),
    "agents": ("run", "agents", *SMALL),
    "encoders": ("run", "encoders", *SMALL),
    "PPO": ("train-agent", "PPO", PLANAR, "max_steps=6", *AGENT, *ON_POLICY),
    "A2C": ("train-agent", "A2C", MAZE, "max_steps=6", *AGENT, "--set", "num_envs=4", "n_steps=8"),
    **_agents(MAZE, "DQN"),
    **_agents(PLANAR, "SAC"),
    **_agents(PLANAR, "TD3"),
    "collect-grasps": ("collect-grasps", "--placements", "3", "--jobs", "1"),
}
"""Command lines, without the run's folder."""
QUICK = ("f-statistic", "PPO")


def attack(quick: bool) -> Report:
    """Kill every run at every rename; quick: two small runs."""
    rows, failures = [], []
    _import(QUICK if quick else tuple(RUNS))
    for name in QUICK if quick else RUNS:
        with tempfile.TemporaryDirectory() as folder:
            renames, wrong = _kill(name, Path(folder))
        failures += wrong
        rows.append((name, *map(str, (renames, renames + 1, renames + 1 - len(wrong), len(wrong)))))
    columns = ("run", "renames", "states left", "resumed to equal files", "different")
    return Report(Table("Kills at every rename", columns, tuple(rows)), tuple(failures))


def _import(names: tuple[str, ...]) -> None:
    """Import what the runs need, so that the forked processes have it."""
    from unknot.experiments import EXPERIMENTS

    modules = [EXPERIMENTS[words[1]].module for words in map(RUNS.__getitem__, names) if words[0] == "run"]
    for module in (*modules, "unknot.agents.training", "torch.utils.tensorboard", "matplotlib.pyplot"):
        importlib.import_module(module)


def _kill(name: str, home: Path) -> tuple[int, list[str]]:
    """Return how often a run renames, and a sentence for each state that did not resume to equal files."""
    whole, states, killed = home / "whole", home / "states", home / "killed"
    if code := _finish([_start(name, whole, False, states, -1)])[0]:
        return 0, [f"{name}: the unbroken run ends with {code}"]
    expected = contents(whole)
    left = sorted(states.iterdir())
    _finish([_start(name, killed, False, None, len(left) // 2)])
    wrong = []
    if _unnamed(contents(killed)) != _unnamed(contents(left[len(left) // 2 - 1])):
        wrong.append(f"{name}: SIGKILL at rename {len(left) // 2} leaves other files than were copied")
    left.append(shutil.copytree(whole, home / "all"))
    for batch in (left[start : start + AT_A_TIME] for start in range(0, len(left), AT_A_TIME)):
        codes = _finish([_start(name, state, True, None, -1) for state in batch])
        for state, code in zip(batch, codes, strict=True):
            if difference := f"ends with {code}" if code else _difference(expected, contents(state)):
                wrong.append(f"{name}, killed at rename {state.name} of {len(left) - 1}: {difference}")
            shutil.rmtree(state)
    return len(left) - 1, wrong


# Processes


def _start(name: str, folder: Path, resume: bool, states: Path | None, die_at: int) -> BaseProcess:
    """Start a run in a forked process."""
    arguments = (name, folder, resume, states, die_at)
    process = multiprocessing.get_context("fork").Process(target=_run, args=arguments)
    process.start()
    return process


def _finish(processes: list[BaseProcess]) -> list[int | None]:
    for process in processes:
        process.join(SECONDS)
        process.kill()
        process.join()
    return [process.exitcode for process in processes]


def _run(name: str, folder: Path, resume: bool, states: Path | None, die_at: int) -> None:
    import torch
    from matplotlib.figure import Figure

    torch.set_num_threads(1)
    _write_checkpoints_often()
    time.perf_counter = lambda: 0.0  # measured times are equal
    Figure.savefig = _save_shown  # type: ignore[method-assign,assignment]
    rename = os.replace
    count = 0

    def replace(source: Any, target: Any, **options: Any) -> None:
        nonlocal count
        if folder in Path(target).parents:
            count += 1
            if states:
                ignore = shutil.ignore_patterns(*IGNORED)
                shutil.copytree(folder, states / f"{count:03}", ignore=ignore, copy_function=os.link)
            if count == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target, **options)

    os.replace = os.rename = replace
    words = list(RUNS[name])
    if words[0] == "collect-grasps":
        words.insert(1, str(folder))
    else:
        words += ["--out", str(folder), *(["--resume"] if resume else [])]
    with (folder.parent / f"{folder.name}.log").open("w") as log:
        sys.stdout = sys.stderr = log
        main(words)


def _write_checkpoints_often() -> None:
    from unknot.experiments.capacity_vae import generator
    from unknot.experiments.common import runs
    from unknot.representation import train

    train.__kwdefaults__["checkpoint_every"] = EVERY
    runs.CHECKPOINT_EVERY = generator.CHECKPOINT_EVERY = EVERY


def _save_shown(figure: Any, file: Any, **_: Any) -> None:
    """Write what a figure shows as a tiny picture; to draw it takes longer than all the rest of a run."""
    from PIL import Image

    shown = hashlib.sha256()
    for artist in figure.findobj():
        for name in ("get_text", "get_xydata", "get_array"):
            value = getattr(artist, name, lambda: None)()
            shown.update(value.encode() if isinstance(value, str) else np.asarray(value, float).tobytes())
    Image.frombytes("L", (8, 4), shown.digest()).save(file, "png")


# Files


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of each file below a folder, by its path, but for those that are `IGNORED`."""
    files = (path for path in folder.rglob("*") if path.is_file())
    kept = (path for path in files if not any(path.match(pattern) for pattern in IGNORED))
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


def _unnamed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return files with temporary names that don't tell the process."""
    return {re.sub(r"\.\d+\.tmp$", ".tmp", name): content for name, content in files.items()}


def _difference(expected: Mapping[str, bytes], found: Mapping[str, bytes]) -> str:
    """Say which files are missing, which are left over and which differ; "" if none."""
    groups = {
        "lacks": expected.keys() - found.keys(),
        "also has": found.keys() - expected.keys(),
        "has another": {name for name in expected.keys() & found.keys() if expected[name] != found[name]},
    }
    return "; ".join(f"{verb} {', '.join(sorted(names))}" for verb, names in groups.items() if names)
