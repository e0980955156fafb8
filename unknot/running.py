"""Run experiments: a folder for each seed, seeds in turn or in parallel, and tables over all of them.

`unknot.experiments.Experiment` is the contract of an experiment. This module alone reads and writes the files
of a seed: `config.json` before it runs, `metrics.json` when it has ended.
"""

import contextlib
import dataclasses
import importlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast, get_type_hints

from unknot import experiments
from unknot.checks import count, shown, unknown
from unknot.experiments import Experiment, Illustrated
from unknot.files import (
    AGENT,
    CONFIG,
    METRICS,
    RESULTS,
    SOURCE,
    WEIGHTS,
    FileError,
    create_folder,
    plain,
    read_json,
    read_object,
    write_json,
    write_text,
)
from unknot.progress import progress_bar
from unknot.report import Headline, Table, save_figures
from unknot.run_folders import RUNS, find_seeds, seed_folders
from unknot.style import styled

TABLE = "table.md"
LOG = "log.txt"
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
    name: str,
    preset: str,
    settings: Any,
    folder: Path,
    seeds: int,
    *,
    first_seed: int = 0,
    resume: bool = False,
    jobs: int = 1,
) -> None:
    """Run an experiment for some seeds, then write `table.md` and figures over all that are complete.

    A seed with its `metrics.json` is complete, and a resume skips it. An experiment with parts runs again and
    finds its complete parts itself.

    Args:
        name: of the experiment.
        preset: the name of the preset the settings started from, kept in `config.json`.
        settings: the experiment's `Settings`.
        folder: the run's, above the seeds.
        seeds: how many, at least 1.
        first_seed: the first of them, at least 0.
        resume: continue in `folder`.
        jobs: seeds at a time; with more than one, each has a process with one thread and writes `log.txt`.

    Raises:
        FileExistsError: `folder` exists already and `resume` is False.
        UsageError: a resume changes a setting of the run other than `part`, or a number is too small.
    """
    try:
        count(1, seeds=seeds, jobs=jobs)
        count(0, first_seed=first_seed)
    except ValueError as error:
        raise UsageError(str(error)) from error
    experiment = load_experiment(name)
    config: dict[str, Any] = {"experiment": name, "preset": preset, "settings": dataclasses.asdict(settings)}
    numbers = range(first_seed, first_seed + seeds)
    folders = {seed: folder / f"seed-{seed}" for seed in numbers}
    with removed_if_useless(folder, CONFIG, LOG, SOURCE, "events.*"):
        create_folder(folder, resume=resume)
        for path in folders.values():
            _check_settings(path, config)
        _run_all(folders, settings, config, resume, jobs)
        complete = [path for path in seed_folders(folder) if (path / METRICS).exists()]
        _write_tables(experiment, folder, complete)


def _run_all(
    folders: dict[int, Path], settings: Any, config: dict[str, Any], resume: bool, jobs: int
) -> None:
    """Run the seeds that are not complete."""
    parts = PART in config["settings"]
    work = [(path, seed) for seed, path in folders.items() if parts or not (path / METRICS).exists()]
    for path, seed in work:
        if not (path / CONFIG).exists():
            write_json(path / CONFIG, {**config, "seed": seed, "version": version("unknot")})
    entry = experiments.EXPERIMENTS[config["experiment"]]
    # The module goes by its name, since a spawned process lacks rows added to the table.
    arguments = [(entry.module, settings, path, seed, resume) for path, seed in work]
    if jobs == 1:
        for each in arguments:
            _run_seed(*each)
    else:
        _run_parallel(arguments, jobs)


def _write_tables(experiment: Experiment, folder: Path, folders: list[Path]) -> None:
    """Write tables and figures over all seeds."""
    metrics = [read_object(path / METRICS) for path in folders]
    with _measured(folders), styled():
        tables = experiment.tabulate(metrics)
        figures = experiment.plot(metrics) if isinstance(experiment, Illustrated) else {}
    write_text(folder / TABLE, "\n".join(table.to_markdown() for table in tables))
    if figures:
        save_figures(figures, folder)


@contextlib.contextmanager
def removed_if_useless(folder: Path, *beginnings: str) -> Iterator[None]:
    """Remove what a command wrote into a new folder if an error ends it before there is a result.

    Args:
        folder: one that is missing or empty; another is left as it is. It is removed too if it was missing.
        *beginnings: patterns of the names of files that are no results.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    new = bool(missing) or (folder.is_dir() and not any(folder.iterdir()))
    try:
        yield
    except Exception:
        files = [path for path in folder.rglob("*") if path.is_file()]
        if new and all(any(map(path.match, beginnings)) for path in files):
            shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(OSError):
                if not missing:
                    folder.mkdir()
                for place in missing[1:]:
                    place.rmdir()
        raise


@contextlib.contextmanager
def _measured(folders: Sequence[Path]) -> Iterator[None]:
    """Name the seeds from whose metrics no tables can be made."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        where, kind = " or ".join(map(str, folders)), type(error).__name__
        raise FileError(f"the metrics of {where} lack what their tables need ({kind}: {error})") from error


def _run_seed(module: str, settings: Any, folder: Path, seed: int, resume: bool) -> None:
    experiment = cast(Experiment, importlib.import_module(module))
    with styled():
        metrics = json.loads(json.dumps(experiment.run(settings, folder, seed, resume), default=plain))
    path = folder / METRICS
    if not path.exists() or read_json(path) != metrics:  # a resume leaves complete seeds alone
        write_json(path, metrics)


def _check_settings(folder: Path, config: dict[str, Any]) -> None:
    if not (folder / CONFIG).exists():
        return
    was, now = read_config(folder), json.loads(json.dumps(config, default=plain))
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
        (folder / LOG).open("a") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        _run_seed(module, settings, folder, seed, resume)


def evaluate_run(run: str | Path, full: bool) -> list[Table]:
    """Check every weight file of a run, then recompute its tables from the weights; write nothing.

    Args:
        run: as in `find_seeds`. Its seeds that have not ended are left out.
        full: include slow measurements (each experiment defines them).

    Raises:
        FileNotFoundError: no such run, none of its seeds has ended yet, or a seed has no weights.
        WeightsError: a weight file that can't be used.
    """
    folders, _ = ended_seeds(run)
    experiment = load_experiment(_experiment_of(*folders))
    for folder in folders:
        check_weights(folder)
    metrics = []
    with progress_bar(True) as bar:
        task = bar.add_task(f"evaluating {run}, seeds", total=len(folders))
        for folder in folders:
            metrics.append(evaluate_seed(folder, full))
            bar.advance(task)
    with _measured(folders):
        return experiment.tabulate(metrics)


def evaluate_seed(folder: Path, full: bool) -> dict[str, Any]:
    """Recompute the metrics of a seed's folder from its weights; write nothing.

    Raises:
        FileNotFoundError: the folder is not a seed's, or the training of a model in it has not ended.
        FileError: its `config.json` has settings that the experiment does not take.
        WeightsError: weights that can't be used.
    """
    experiment = load_experiment(_experiment_of(folder))
    config = read_config(folder)
    try:
        settings = _settings(experiment.Settings, config["settings"])
    except (AttributeError, TypeError, ValueError) as error:
        raise FileError(
            f"{folder / CONFIG} has settings that {config['experiment']!r} does not take: {error}"
        ) from error
    metrics: dict[str, Any] = experiment.evaluate(settings, folder, config["seed"], full)
    return metrics


def read_config(folder: Path) -> dict[str, Any]:
    """Read what a run wrote into a seed's folder before it began.

    Raises:
        FileNotFoundError: it is not a seed's folder.
        FileError: `config.json` has no experiment, preset, settings or seed.
    """
    path = folder / CONFIG
    if not path.exists():
        raise FileNotFoundError(f"{folder} has no {CONFIG}: it is not the seed folder of a run")
    config = read_object(path, experiment=str, preset=str, settings=dict, seed=int)
    if config["seed"] not in range(2**32):
        raise FileError(f"{path} must have a seed from 0 to {2**32 - 1}, not {shown(config['seed'])}")
    return config


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
    unfinished: list[Path]
    """Folders of seeds that have not ended, and are left out."""


def show_run(run: str | Path) -> Shown:
    """Return the results of a run, from the metrics that its seeds wrote.

    Of a run that ships these are all its seeds, though the first alone has weights here.

    Raises:
        FileNotFoundError: no such run, or none of its seeds has ended yet.
    """
    folders, unfinished = ended_seeds(run)
    figures = sorted(folders[0].parent.glob("figures/*"))
    figures += [path for folder in folders for path in sorted(folder.rglob("figures/*"))]
    shipped = folders[0].parent / RESULTS
    if shipped.exists() and Path(run) != folders[0]:  # a seed's own folder stands for itself alone
        metrics: list[dict[str, Any]] = read_object(shipped, seeds=list)["seeds"]
    else:
        metrics = [read_object(folder / METRICS) for folder in folders]
    if (folders[0] / AGENT).exists():
        agent = read_agent(folders[0])
        with _measured(folders):
            return Shown((), [_evaluations(agent, folders, metrics)], figures, unfinished)
    experiment = load_experiment(_experiment_of(*folders))
    with _measured(folders):
        tables = experiment.tabulate(metrics)
        if not tables:
            raise ValueError("no table has any")
        return Shown(experiment.headlines(metrics), tables, figures, unfinished)


def ended_seeds(run: str | Path) -> tuple[list[Path], list[Path]]:
    """Return the folders of a run's seeds that have ended, and of those that have not.

    Raises:
        FileNotFoundError: no such run, or none of its seeds has ended yet.
    """
    every = find_seeds(run)
    ended = [folder for folder in every if (folder / METRICS).exists()]
    if not ended:
        raise FileNotFoundError(f"{every[0]} has no {METRICS}: it has not ended yet")
    return ended, [folder for folder in every if folder not in ended]


def read_agent(folder: Path) -> dict[str, Any]:
    """Read the settings of a trained agent, at least its algorithm and environment.

    Raises:
        FileError: `agent.json` holds something else.
    """
    return read_object(folder / AGENT, algorithm=str, environment=str)


def _evaluations(
    agent: Mapping[str, Any], folders: Sequence[Path], seeds: Sequence[Mapping[str, Any]]
) -> Table:
    """Make a table of a trained agent's evaluations, seed by seed; it marks the kept policy."""
    rows = []
    for folder, metrics in zip(folders, seeds, strict=True):
        for entry in metrics["curve"]:
            rate, gained = f"{entry['success_rate']:.1%}", f"{entry['mean_return']:.2f}"
            kept = "kept" if entry["steps"] == metrics["best"]["steps"] else ""
            rows.append((folder.name, f"{entry['steps']:,}", rate, gained, kept))
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


def _experiment_of(*folders: Path) -> str:
    """Return the experiment that seeds are of."""
    for folder in folders:
        if (folder / AGENT).exists():
            raise UsageError(f"{folder} holds a trained agent: unknot evaluate-agent measures it")
    names: list[str] = [read_config(folder)["experiment"] for folder in folders]
    for folder, name in zip(folders, names, strict=True):
        if name not in experiments.EXPERIMENTS:
            raise FileError(f"{folder / CONFIG}: {unknown('experiment', name, experiments.EXPERIMENTS)}")
        if name != names[0]:
            raise FileError(f"{folder / CONFIG} is of {name!r}, but {folders[0] / CONFIG} of {names[0]!r}")
    return names[0]
