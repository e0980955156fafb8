"""Run experiments: a folder for each seed, seeds in turn or in parallel, and tables over all of them.

`unknot.experiments.Experiment` is the contract of an experiment. This module alone reads and writes the files
of a seed: `config.json` before it runs, `metrics.json` when it has ended.
"""

import contextlib
import dataclasses
import importlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast, get_type_hints

from unknot import experiments
from unknot.checks import count, unknown
from unknot.experiments import Experiment, Illustrated
from unknot.files import (
    AGENT,
    CONFIG,
    METRICS,
    RUNS,
    WEIGHTS,
    FileError,
    create_folder,
    find_seeds,
    plain,
    read_json,
    write_json,
    write_text,
)
from unknot.report import Headline, Table, save_figures

TABLE = "table.md"
PART = "part"
"""The setting that selects the parts to run, in experiments that have parts."""


class UsageError(ValueError):
    """A wrong name, count or setting; the sentence says how to correct it."""


def load_experiment(name: str) -> Experiment:
    """Import an experiment.

    Raises:
        UsageError: it is not one of `EXPERIMENTS`; the sentence gives near matches.
    """
    if name not in experiments.EXPERIMENTS:
        raise UsageError(unknown("experiment", name, experiments.EXPERIMENTS))
    return cast(Experiment, importlib.import_module(experiments.EXPERIMENTS[name].module))


def new_folder(name: str) -> Path:
    """Return `runs/NAME/STAMP` for the current time, without making it."""
    return RUNS / name / time.strftime("%Y-%m-%d_%H-%M-%S")


def run_seeds(
    name: str, preset: str, settings: Any, folder: Path, seeds: int, *, resume: bool = False, jobs: int = 1
) -> None:
    """Run an experiment for seeds 0 to seeds - 1, then write `table.md` and figures over all of them.

    A seed with its `metrics.json` is complete, and a resume skips it. An experiment with parts runs again and
    finds its complete parts itself.

    Args:
        name: of the experiment.
        preset: the name of the preset the settings started from, kept in `config.json`.
        settings: the experiment's `Settings`.
        folder: the run's, above the seeds.
        seeds: how many, at least 1.
        resume: continue in `folder`.
        jobs: seeds at a time; with more than one, each has a process with one thread and writes `log.txt`.

    Raises:
        FileExistsError: `folder` exists already and `resume` is False.
        UsageError: a resume changes a setting of the run other than `part`, or a count is below 1.
    """
    try:
        count(1, seeds=seeds, jobs=jobs)
    except ValueError as error:
        raise UsageError(str(error)) from error
    experiment = load_experiment(name)
    create_folder(folder, resume=resume)
    config: dict[str, Any] = {"experiment": name, "preset": preset, "settings": dataclasses.asdict(settings)}
    folders = [folder / f"seed-{seed}" for seed in range(seeds)]
    for path in folders:
        _check_settings(path, config)
    parts = PART in config["settings"]
    work = [(path, seed) for seed, path in enumerate(folders) if parts or not (path / METRICS).exists()]
    for path, seed in work:
        if not (path / CONFIG).exists():
            write_json(path / CONFIG, {**config, "seed": seed, "version": version("unknot")})
    module = experiments.EXPERIMENTS[name].module  # a spawned process lacks rows added to the table
    arguments = [(module, settings, path, seed, resume) for path, seed in work]
    if jobs == 1:
        for each in arguments:
            _run_seed(*each)
    else:
        _run_parallel(arguments, jobs)
    metrics = [read_json(path / METRICS) for path in folders]
    tables = experiment.tabulate(metrics)
    write_text(folder / TABLE, "\n".join(table.to_markdown() for table in tables))
    if isinstance(experiment, Illustrated):
        save_figures(experiment.plot(metrics), folder)


def _run_seed(module: str, settings: Any, folder: Path, seed: int, resume: bool) -> None:
    experiment = cast(Experiment, importlib.import_module(module))
    metrics = json.loads(json.dumps(experiment.run(settings, folder, seed, resume), default=plain))
    path = folder / METRICS
    if not path.exists() or read_json(path) != metrics:  # a resume leaves complete seeds alone
        write_json(path, metrics)


def _check_settings(folder: Path, config: dict[str, Any]) -> None:
    if not (folder / CONFIG).exists():
        return
    was, now = read_json(folder / CONFIG), json.loads(json.dumps(config))
    if was["experiment"] != now["experiment"]:
        raise UsageError(f"{folder} is a run of {was['experiment']!r}, not of {now['experiment']!r}")
    old, new = was["settings"], now["settings"]
    names = [name for name in old | new if name != PART]
    changed = [f"{k} was {old.get(k)!r}, now {new.get(k)!r}" for k in names if old.get(k) != new.get(k)]
    if changed:
        raise UsageError(f"a resume must keep the settings, but in {folder} {'; '.join(changed)}")


def _run_parallel(work: Sequence[tuple[str, Any, Path, int, bool]], jobs: int) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"  # the processes inherit it before they load their libraries
    waiting, running = iter(work), set[Future[None]]()
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for arguments in _take(waiting, jobs):
            running.add(pool.submit(_run_logged, *arguments))
        while running:  # submit no more than can run at once, so that nothing starts after Ctrl-C
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
            for arguments in _take(waiting, len(done)):
                running.add(pool.submit(_run_logged, *arguments))


def _take(items: Iterator[Any], count: int) -> list[Any]:
    return [item for _, item in zip(range(count), items, strict=False)]


def _run_logged(module: str, settings: Any, folder: Path, seed: int, resume: bool) -> None:
    with (
        (folder / "log.txt").open("a") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        _run_seed(module, settings, folder, seed, resume)


def evaluate_run(run: str | Path, full: bool) -> list[Table]:
    """Check every weight file of a run, then recompute its tables from the weights; write nothing.

    Args:
        run: as in `find_seeds`.
        full: include slow measurements (each experiment defines them).

    Raises:
        FileNotFoundError: no such run, or a seed without weights.
        WeightsError: a weight file that can't be used.
    """
    folders = find_seeds(run)
    experiment = load_experiment(_experiment_of(folders[0]))
    for folder in folders:
        check_weights(folder)
    return experiment.tabulate([evaluate_seed(folder, full) for folder in folders])


def evaluate_seed(folder: Path, full: bool) -> dict[str, Any]:
    """Recompute the metrics of a seed's folder from its weights; write nothing.

    Raises:
        FileNotFoundError: the folder is not a seed's, or the training of a model in it has not ended.
        FileError: its `config.json` has settings that the experiment does not take.
        WeightsError: weights that can't be used.
    """
    experiment = load_experiment(_experiment_of(folder))
    config = read_json(folder / CONFIG)
    try:
        settings = _settings(experiment.Settings, config["settings"])
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(
            f"{folder / CONFIG} has settings that {config['experiment']!r} does not take: {error}"
        ) from error
    metrics: dict[str, Any] = experiment.evaluate(settings, folder, config["seed"], full)
    return metrics


def _settings(kind: type[Any], values: dict[str, Any]) -> Any:
    """Return settings from JSON, where tuples are lists and settings of parts are objects."""
    hints = get_type_hints(kind)

    def read(name: str, value: Any) -> Any:
        if dataclasses.is_dataclass(hints.get(name)):
            return _settings(cast(type[Any], hints[name]), value)
        return tuple(value) if isinstance(value, list) else value

    return kind(**{name: read(name, value) for name, value in values.items()})


@dataclasses.dataclass(frozen=True)
class Shown:
    """The results of a run."""

    headlines: tuple[Headline, ...]
    """The main figures of the paper; none for a trained agent."""
    tables: list[Table]
    figures: list[Path]
    """Figures over all seeds come first."""


def show_run(run: str | Path) -> Shown:
    """Return the results of a run, from the metrics it wrote.

    Raises:
        FileNotFoundError: no such run, or a seed that has not ended yet.
    """
    folders = find_seeds(run)
    for folder in folders:
        if not (folder / METRICS).exists():
            raise FileNotFoundError(f"{folder} has no {METRICS}: it has not ended yet")
    figures = sorted(folders[0].parent.glob("figures/*"))
    figures += [path for folder in folders for path in sorted(folder.rglob("figures/*"))]
    if (folders[0] / AGENT).exists():
        return Shown((), [_evaluations(folders)], figures)
    experiment = load_experiment(_experiment_of(folders[0]))
    metrics = [read_json(folder / METRICS) for folder in folders]
    return Shown(experiment.headlines(metrics), experiment.tabulate(metrics), figures)


def _evaluations(folders: Sequence[Path]) -> Table:
    """Make a table of a trained agent's evaluations, seed by seed; it marks the kept policy."""
    rows = []
    for folder in folders:
        metrics = read_json(folder / METRICS)
        for entry in metrics["curve"]:
            rate, gained = f"{entry['success_rate']:.1%}", f"{entry['mean_return']:.2f}"
            kept = "kept" if entry["steps"] == metrics["best"]["steps"] else ""
            rows.append((folder.name, f"{entry['steps']:,}", rate, gained, kept))
    agent = read_json(folders[0] / AGENT)
    return Table(
        f"{agent['algorithm']} in {agent['environment']}",
        ("seed", "steps", "success", "return", "policy"),
        tuple(rows),
        ("`unknot evaluate-agent` measures the kept policies, on other problems.",),
    )


def check_weights(folder: Path) -> None:
    """Load the weights of every learner in a seed folder.

    Raises:
        FileNotFoundError: there is none.
        WeightsError: one can't be used.
    """
    from unknot.representation import Trainable, load_learner

    weights = sorted(folder.rglob(WEIGHTS))
    if not weights:
        raise FileNotFoundError(f"{folder} has no weights")
    for path in weights:
        load_learner(path, kind=Trainable)


def _experiment_of(folder: Path) -> str:
    if (folder / AGENT).exists():
        raise UsageError(f"{folder} holds a trained agent: unknot evaluate-agent measures it")
    if not (folder / CONFIG).exists():
        raise FileNotFoundError(f"{folder} has no {CONFIG}: it is not the seed folder of a run")
    name: str = read_json(folder / CONFIG)["experiment"]
    return name
