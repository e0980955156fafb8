"""Kill a run before each of its renames, resume it, and compare its files with an unbroken run's.

A process that dies at a rename leaves what is on disk then. So one unbroken run copies its folder before each
rename, and a resume goes on with each copy. What a kill right after a rename leaves is the next copy without
the temporary file, which resumes never read. Each run is also killed by SIGKILL, halfway: it must leave what
was copied.
"""

import contextlib
import hashlib
import importlib
import json
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from torture.report import Report
from unknot.agent_commands import train_agent
from unknot.agents import StraightLineExpert
from unknot.cli import collect_grasps
from unknot.progress import announce
from unknot.report import Table
from unknot.representation import train
from unknot.representation.locally_linear import LocallyLinear
from unknot.running import load_experiment, run_seeds, show_run

IGNORED = ("events.out.tfevents.*", "log.txt")
"""Files whose content is of the moment: TensorBoard's events have times, a log has rates. Other files have
times only where `time.perf_counter` measures them, which stands still in these runs."""
EVERY = 2
"""Updates from one checkpoint to the next, so that small runs write several."""
AT_A_TIME, SECONDS = 2, 1800
"""Resumes that run side by side, and how long each may take, even on a busy machine."""

SMALLER: dict[str, Any] = {
    "unknot.mnist:cache_path": lambda: Path("no MNIST"),
    "unknot.report:DPI": 30,
    "joblib:parallel_config": lambda *_, **__: contextlib.nullcontext(),
    "unknot.agents.latent_path:LIMIT": 30,
    "unknot.envs.grasp.dataset:DEMONSTRATIONS": 1,
    "unknot.envs.grasp.dataset:STRAYS": 4,
    "unknot.experiments.common.rewriting:HELD_OUT": 100,
    "unknot.experiments.common.study:MEASURED": 50,
    "unknot.experiments.controllable_factors.maze:COMPARED": 2,
    "unknot.experiments.controllable_factors.maze_measures:SAMPLES": 100,
    "unknot.experiments.controllable_factors.multistep_measures:FACTORS": 8,
    "unknot.experiments.dynamics_content.measures:HORIZON": 10,
    "unknot.experiments.mocogan.measures:CONTENTS": 4,
    "unknot.experiments.mocogan.measures:MOTIONS": 4,
    "unknot.experiments.multitask.measures:SUMS": 4,
    "unknot.experiments.video_prediction.measures:TREES": 4,
    "unknot.representation.metrics.dci:_trees": lambda categorical, seed, *_: _one_tree(categorical, seed),
    "unknot.representation.metrics.score:RESAMPLES": 10,
}
"""What stands in for what where an experiment is to take little time; its tests take this, too."""

UNSOLVED = {"rate": 0.0, "interval": (0.0, 1.0), "count": 1, "length": None}
REPLACED: dict[str, Any] = {
    **SMALLER,
    "time:perf_counter": lambda: 0.0,
    "unknot.heads:cache_path": lambda: Path("no heads"),
    "PIL.GifImagePlugin:_normalize_mode": lambda image: image.convert("L"),
    "unknot.experiments.common.runs:CHECKPOINT_EVERY": EVERY,
    "unknot.experiments.capacity_vae.generator:CHECKPOINT_EVERY": EVERY,
    "unknot.experiments.dynamics_content.measures:PlanningAgent": lambda *_, **__: StraightLineExpert(),
    "unknot.experiments.controllable_factors.planning:solve": lambda *_, **__: UNSOLVED,
}
"""What stands in for what in these runs: a clock that stands still, small digits, more checkpoints, grey
animations, and less of what takes long and writes no file, such as plans in untrained models."""
DEFAULTS: tuple[tuple[Any, str, int], ...] = (
    (train, "checkpoint_every", EVERY),
    (LocallyLinear.survey, "steps", 20),
)
"""Functions, and which of their defaults become what."""

AGENT: dict[str, Any] = {"options": ("max_steps=6",), "observe": "factors"}
AGENT |= {"steps": 96, "evaluate_every": 32, "episodes": 2}
ON_POLICY = ("num_envs=4", "n_steps=8")
OFF_POLICY: dict[str, Any] = {"set": ("num_envs=4", "buffer_size=200", "learning_starts=40", "batch_size=8")}
PLANAR, MAZE = "unknot/Planar-v0", "unknot/Maze-v0"


def _experiment(name: str, part: str = "", **settings: Any) -> Callable[[Path, bool], None]:
    """Return what runs an experiment, or a part of one, with a few settings of its preset "smoke" changed."""

    def run(folder: Path, resume: bool) -> None:
        chosen = load_experiment(name).PRESETS["smoke"]
        if part:
            settings_of_part = replace(getattr(chosen, part), **settings)
            chosen = replace(chosen, part=part, **{part: settings_of_part})
        else:
            chosen = replace(chosen, **settings)
        run_seeds(name, "smoke", chosen, folder, 1, resume=resume)
        show_run(folder)

    return run


def _agent(algorithm: str, environment: str, **options: Any) -> Callable[[Path, bool], None]:
    def run(folder: Path, resume: bool) -> None:
        train_agent(algorithm, environment, **AGENT, **options, out=folder, resume=resume)

    return run


def _collect(folder: Path, resume: bool) -> None:
    collect_grasps(folder, placements=3, jobs=1)


RUNS: dict[str, Callable[[Path, bool], None]] = {
    "dynamics-content": _experiment("dynamics-content", steps=4),
    "controllable-factors, maze": _experiment("controllable-factors", "maze", steps=4),
    "controllable-factors, multistep": _experiment("controllable-factors", "multistep", steps=4),
    "controllable-factors, digits": _experiment("controllable-factors", "digits", steps=4),
    "controllable-factors, planning": _experiment("controllable-factors", "planning", steps=4),
    "controllable-factors, reinforcement": _experiment(
        "controllable-factors", "reinforcement", limit=256, episodes=2
    ),
    "covariance-penalty, xor": _experiment("covariance-penalty", "xor", steps=4),
    "covariance-penalty, projections": _experiment("covariance-penalty", "projections", steps=4),
    "covariance-penalty, images": _experiment("covariance-penalty", "images"),
    "f-statistic": _experiment("f-statistic", steps=4),
    "grasping": _experiment("grasping"),
    "factor-vae": _experiment("factor-vae", steps=4),
    "dci": _experiment("dci", steps=4, gan_steps=4),
    "dip-vae": _experiment("dip-vae", steps=4),
    "capacity-vae": _experiment("capacity-vae", steps=4, generator_steps=8),
    "quantifying-beta": _experiment("quantifying-beta", steps=4, digit_steps=4),
    "multi-entity-vae": _experiment("multi-entity-vae", steps=4, many_steps=0, slot_steps=4),
    "causal-mechanisms": _experiment("causal-mechanisms", steps=4, identity_steps=2, baselines=0),
    "jade": _experiment("jade", extended=0),
    "mocogan": _experiment("mocogan", characters=False, baselines=0),
    "video-prediction": _experiment("video-prediction", steps=4, street_steps=0),
    "sd-gan": _experiment("sd-gan", steps=4, baselines=0),
    "arae": _experiment("arae", steps=4),
    "multitask": _experiment("multitask", steps=4, fewer=0),
    "sentiment-traversal": _experiment("sentiment-traversal"),
    "attribute-transfer": _experiment("attribute-transfer", steps=4),
    "agents": _experiment("agents", episodes=1),
    "encoders": _experiment("encoders"),
    "PPO": _agent("PPO", PLANAR, set=(*ON_POLICY, "batch_size=16", "n_epochs=1")),
    "A2C": _agent("A2C", MAZE, set=ON_POLICY),
    **{
        f"{algorithm}{', hindsight' if her else ''}": _agent(
            algorithm, where, her=her, keep_replay=True, **OFF_POLICY
        )
        for algorithm, where in {"DQN": MAZE, "SAC": PLANAR, "TD3": PLANAR}.items()
        for her in (False, True)
    },
    "DQN without replay": _agent("DQN", MAZE, **OFF_POLICY),
    "SAC without replay": _agent("SAC", PLANAR, **OFF_POLICY),
    "collect-grasps": _collect,
}
"""By name, what runs in a folder, or resumes there."""
INEXACT = ("DQN without replay", "SAC without replay")
"""Runs that lose their replay buffer, as they say: a resume must end, with the same files of any content."""
QUICK = {"covariance-penalty, xor": 1, "PPO": 4}
"""Runs of the quick attack; it resumes from every so-manieth state."""


def attack(quick: bool) -> Report:
    """Kill every run at every rename; quick: two small runs."""
    rows, failures = [], []
    for name in QUICK if quick else RUNS:
        announce(f"kills: {name}")
        with tempfile.TemporaryDirectory() as folder:
            renames, states, wrong = _kill(name, Path(folder), QUICK[name] if quick else 1)
        failures += wrong
        rows.append((name, *map(str, (renames, states, states - len(wrong), len(wrong)))))
    columns = ("run", "renames", "killed and resumed", "equal files", "different")
    notes = (f"{' and '.join(INEXACT)}: to the same files, of any content.",)
    return Report(Table("Kills at every rename", columns, tuple(rows), notes), tuple(failures))


def _kill(name: str, home: Path, every: int) -> tuple[int, int, list[str]]:
    """Return how often a run renames, from how many of the states it was resumed, and what was wrong."""
    whole, killed = home / "whole", home / "killed"
    states, modules = home / "states", home / "modules"
    if code := _finish([_start(name, whole, states=states, modules=modules)])[0]:
        return 0, 0, [f"{name}: the unbroken run ends with {code}: {_last_words(whole)}"]
    for module in json.loads(modules.read_text()):  # once, not in each of the forked processes
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    expected, left, wrong = contents(whole), sorted(states.iterdir()), []
    middle = len(left) // 2
    _finish([_start(name, killed, die_at=middle + 1)])
    if name not in INEXACT and _unnamed(contents(killed)) != _unnamed(contents(left[middle])):
        wrong.append(f"{name}: SIGKILL at rename {middle + 1} leaves other files than were copied")
    left.append(shutil.copytree(whole, home / "the end"))
    tried = left[::-every]  # the last states take least time, and are where most went wrong
    for batch in (tried[start : start + AT_A_TIME] for start in range(0, len(tried), AT_A_TIME)):
        codes = _finish([_start(name, state, resume=True) for state in batch])
        for state, code in zip(batch, codes, strict=True):
            difference = _difference(expected, contents(state), exact=name not in INEXACT)
            if code:
                difference = f"the resume ends with {code}: {_last_words(state)}"
            if difference:
                wrong.append(f"{name}, killed at rename {state.name} of {len(left) - 1}: {difference}")
            shutil.rmtree(state)
    return len(left) - 1, len(tried), wrong


# Processes


def _start(name: str, folder: Path, **options: Any) -> BaseProcess:
    """Start `_run` in a forked process."""
    process = multiprocessing.get_context("fork").Process(target=_run, args=(name, folder), kwargs=options)
    process.start()
    return process


def _finish(processes: list[BaseProcess]) -> list[int | None]:
    for process in processes:
        process.join(SECONDS)
        process.kill()
        process.join()
    return [process.exitcode for process in processes]


def _run(
    name: str,
    folder: Path,
    resume: bool = False,
    states: Path | None = None,
    modules: Path | None = None,
    die_at: int = 0,
) -> None:
    """Run, or resume in a folder.

    Args:
        name: one of `RUNS`.
        folder: the run's.
        resume: go on with what is there.
        states: where to copy the folder before each rename, if given.
        modules: where to write the names of the modules that were imported, if given.
        die_at: the number of the rename before which to die, the first is 1; at none, if 0.
    """
    torch.set_num_threads(1)
    for function, argument, default in DEFAULTS:
        function.__kwdefaults__[argument] = default
    for place, value in REPLACED.items():
        module, _, attribute = place.partition(":")
        setattr(importlib.import_module(module), attribute, value)
    rename, renames = os.replace, 0

    def keep_and_rename(source: Any, target: Any, **options: Any) -> None:
        nonlocal renames
        if folder in Path(target).parents:
            renames += 1
            if states:
                ignored = shutil.ignore_patterns(*IGNORED)
                shutil.copytree(folder, states / f"{renames:03}", ignore=ignored, copy_function=os.link)
            if renames == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target, **options)

    setattr(Figure, "savefig", _save_shown)  # noqa: B010  mypy wants all their keywords
    setattr(os, "replace", keep_and_rename)  # noqa: B010
    setattr(os, "rename", keep_and_rename)  # noqa: B010
    sys.stdout = sys.stderr = _log(folder).open("w", buffering=1)
    RUNS[name](folder, resume)
    if modules:
        modules.write_text(json.dumps(list(sys.modules)))


def _one_tree(categorical: bool, seed: int) -> Any:
    from sklearn import ensemble

    kind = ensemble.RandomForestClassifier if categorical else ensemble.RandomForestRegressor
    return kind(n_estimators=1, max_features=None, max_depth=4, random_state=seed)


def _log(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.log")


def _last_words(folder: Path) -> str:
    return (_log(folder).read_text().strip().splitlines() or ["no words"])[-1]


def _save_shown(figure: Any, file: Any, **_: Any) -> None:
    """Write what a figure shows as a tiny picture; to draw it takes longer than all the rest of a run."""
    from PIL import Image

    shown = hashlib.sha256()
    for axes in figure.axes:
        for words in _texts(axes):
            shown.update(words.encode())
        values = [line.get_xydata() for line in axes.lines]
        values += [artist.get_array() for artist in (*axes.images, *axes.collections)]
        for each in values:
            shown.update(np.asarray(each, float).tobytes())
    Image.frombytes("L", (8, 4), shown.digest()).save(file, "png")


def _texts(axes: Any) -> Iterator[str]:
    """Yield what is written in axes, but for numbers along their sides: to make those takes long."""
    legend = axes.get_legend()
    for text in (axes.title, *axes.texts, *(legend.get_texts() if legend else [])):
        yield text.get_text()
    for axis in (axes.xaxis, axes.yaxis):
        yield axis.get_label_text()
        yield from getattr(axis.get_major_formatter(), "seq", [])  # labels that the figure chose


# Files


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of each file below a folder, by its path, but for those that are `IGNORED`."""
    files = (path for path in folder.rglob("*") if path.is_file())
    kept = (path for path in files if not any(path.match(pattern) for pattern in IGNORED))
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


def _unnamed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return files with temporary names that don't tell the process."""
    return {re.sub(r"\.\d+\.tmp$", ".tmp", name): content for name, content in files.items()}


def _difference(expected: Mapping[str, bytes], found: Mapping[str, bytes], exact: bool) -> str:
    """Say which files are missing, which are left over and, if `exact`, which differ; "" if none."""
    both = expected.keys() & found.keys()
    groups = {
        "lacks": expected.keys() - found.keys(),
        "has, too,": found.keys() - expected.keys(),
        "has another": {name for name in both if exact and expected[name] != found[name]},
    }
    return "; ".join(f"{verb} {', '.join(sorted(names))}" for verb, names in groups.items() if names)
