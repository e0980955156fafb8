"""The `unknot` command. It imports an experiment, and with it torch, only to run it."""

import contextlib
import dataclasses
import os
import shlex
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from pkgutil import resolve_name
from typing import Annotated, Any, Generic, Literal, NoReturn, TypeVar

import gymnasium as gym
import tyro
from tyro.conf import FlagCreatePairsOff, Positional, arg

from unknot import experiments, listing, playing
from unknot.agent_commands import collect, evaluate_agents, train_agent, watch
from unknot.checks import install, require, unknown
from unknot.files import FileError
from unknot.progress import heartbeat
from unknot.report import Table, headline_table
from unknot.run_folders import find_seeds, seed_folders
from unknot.running import (
    Shown,
    UsageError,
    ended_seeds,
    evaluate_run,
    load_experiment,
    new_folder,
    removed_if_useless,
    run_seeds,
    show_run,
)
from unknot.terminal import console, print_tables, read_option, say

EXTRAS = {
    "torch": "learn",
    "lightning_fabric": "learn",
    "safetensors": "learn",
    "tensorboard": "learn",
    "scipy": "learn",
    "matplotlib": "learn",
    "PIL": "learn",
    "stable_baselines3": "agents",
    "minari": "agents",
    "h5py": "agents",
    "pygame": "play",
    "pybullet": "grasp",
    "pybullet_data": "grasp",
    "trimesh": "grasp",
    "joblib": "grasp",
    "ray": "cluster",
}
"""The extra that installs each module."""
HELP = ("-h", "--help")

S = TypeVar("S")
P = TypeVar("P", bound=str)
Named = Annotated[str, Positional, arg(metavar="RUN")]


@dataclasses.dataclass(frozen=True)
class Run(Generic[S, P]):
    """The flags of `unknot run EXPERIMENT`, including the experiment's settings."""

    settings: Annotated[S, arg(name="")]  # its flags stand beside these
    preset: P = "default"  # type: ignore[assignment]
    """The settings to start from; flags change single ones."""
    seeds: int = 1
    """How many seeds."""
    first_seed: int = 0
    """The first of them; the machines of a cluster can each run others."""
    out: Path | None = None
    """The run's folder; default: runs/EXPERIMENT/STAMP."""
    resume: bool = False
    """Continue in an existing folder (without --out: the newest run of the experiment)."""
    jobs: int = 1
    """Seeds to run at a time; with more than one, each has a process with one thread."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line.

    Args:
        argv: the words after the program's name; None for those of this process.

    Raises:
        SystemExit: with 2 for errors that the user can fix (a disk or a memory that is full, too), with 130
            after Ctrl-C.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    threading.excepthook = _thread_failed
    task = shlex.join(["unknot", *words[:2]])
    try:
        with contextlib.nullcontext() if words[:1] == ["play"] else heartbeat(task):
            _dispatch(words)
    except (UsageError, FileError, BrokenProcessPool) as error:
        _fail(str(error))
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where Python flushes to as it ends
        raise SystemExit(1) from None
    except OSError as error:
        name = os.fsdecode(error.filename or "a file")
        _fail(f"{name}: {error.strerror}" if error.strerror else str(error))
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        _fail(f"there is not enough memory for this: {str(error).splitlines()[0]}")
    except ModuleNotFoundError as error:
        module = (error.name or "").split(".")[0]
        extra = EXTRAS.get(module)
        if extra is None:
            raise
        _fail(f"this needs {install(module, extra)}")
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _thread_failed(error: threading.ExceptHookArgs) -> None:
    """Say nothing of a thread's trouble with a file: TensorBoard raises it again where it is written to."""
    if not issubclass(error.exc_type, OSError):
        threading.__excepthook__(error)


def _out_of_memory(error: Exception) -> bool:
    """Return whether memory was too small; torch has several errors for it, on a GPU and elsewhere."""
    words = ("allocate memory", "out of memory", "Storage size calculation overflowed")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def _fail(sentence: str) -> NoReturn:
    print(f"unknot: {sentence}", file=sys.stderr)
    raise SystemExit(2)


def _dispatch(words: list[str]) -> None:
    if not words:
        raise UsageError("name a command: unknot --help lists them")
    name, *flags = words
    if name in HELP:
        return _help()
    if name not in COMMANDS:
        raise UsageError(unknown("command", name, COMMANDS))
    if name == "run" and flags and flags[0] not in HELP:
        return _run(*flags)
    tyro.cli(COMMANDS[name], prog=f"unknot {name}", args=flags, config=(FlagCreatePairsOff,))
    return None


def _help() -> None:
    """Print the commands, each with the first sentence about it."""
    say("Environments with known factors, learners that find them in pixels, planners.\n")
    say("unknot COMMAND --help tells about one of these:\n")
    for name, command in COMMANDS.items():
        say(f"  {name:16}{(command.__doc__ or '').splitlines()[0]}")


def run(experiment: Annotated[str, Positional, arg(metavar="EXPERIMENT")]) -> None:
    """Run an experiment, and print the paper's figures beside ours.

    Args:
        experiment: its name, before any flags. `unknot list` gives the names, `unknot run EXPERIMENT --help`
            the flags.
    """
    _run(experiment)


def _run(name: str, *words: str) -> None:
    """Run an experiment with the flags in `words`."""
    if name.startswith("-"):
        raise UsageError(f"name the experiment first: unknot run EXPERIMENT {shlex.join([name, *words])}")
    options = _options(name, words)
    folder = options.out or (find_seeds(name)[0].parent if options.resume else new_folder(name))
    if options.resume and not seed_folders(folder):
        say(f"{folder} has nothing to resume: the run starts from the beginning.")
    try:
        run_seeds(
            name,
            options.preset,
            options.settings,
            folder,
            options.seeds,
            first_seed=options.first_seed,
            resume=options.resume,
            jobs=options.jobs,
        )
    except KeyboardInterrupt:
        again = ["unknot", "run", name, *words]
        again += [] if options.out else ["--out", str(folder)]
        again += [] if options.resume else ["--resume"]
        print(f"\nStopped. To resume: {shlex.join(again)}", file=sys.stderr)
        raise SystemExit(130) from None
    shown = show_run(folder)
    _say_paths(shown)
    print_tables([headline_table(_title(name), shown.headlines)])
    say(f"All tables: unknot show {folder} --tables. Recomputed from the weights: unknot evaluate {folder}")


def _options(name: str, words: Sequence[str]) -> Run[Any, Any]:
    """Parse the flags, whose defaults are the preset's."""
    experiment, preset = load_experiment(name), _preset(words)
    if preset not in experiment.PRESETS:
        raise UsageError(unknown("preset", preset, experiment.PRESETS))
    try:
        return tyro.cli(
            Run[experiment.Settings, Literal[*experiment.PRESETS]],  # type: ignore[name-defined, valid-type]
            prog=f"unknot run {name}",
            description=_title(name),
            default=Run(experiment.PRESETS[preset], preset),
            args=words,
            config=(FlagCreatePairsOff,),
        )
    except ValueError as error:  # of settings out of range
        raise UsageError(str(error)) from error


def _preset(words: Sequence[str]) -> str:
    """Return the preset that the words name; the flags take their defaults from it."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        flag, _, value = word.partition("=")
        if flag == "--preset":
            return value or following
    return "default"


def _title(name: str) -> str:
    """Return an experiment's name, summary and paper in one line."""
    entry = experiments.EXPERIMENTS[name]
    return f"{name}: {entry.summary}" + (f" ({entry.paper})" if entry.paper else "")


def _say_paths(shown: Shown) -> None:
    """Name the figures, and the seeds that are left out."""
    for path in shown.figures:
        say(str(path))
    _say_unfinished(shown.unfinished)


def _say_unfinished(folders: list[Path]) -> None:
    for folder in folders:
        say(f"{folder} has not ended yet: it is left out")


def evaluate(run: Named, full: bool = False) -> None:
    """Recompute a run's table from its weights.

    Args:
        run: a run folder, "NAME" or "NAME/STAMP" below runs/, or "pretrained/NAME".
        full: use as many samples as the run did, and include slow measurements.
    """
    print_tables(evaluate_run(run, full))
    _say_unfinished(ended_seeds(run)[1])
    if not full:
        say("Without --full most experiments measure on fewer samples than the run did.")


def show(run: Named, tables: bool = False) -> None:
    """Show a run's headlines and where its pictures are.

    Args:
        run: a run folder, "NAME" or "NAME/STAMP" below runs/, or "pretrained/NAME".
        tables: show all tables, too.
    """
    shown = show_run(run)
    if tables or not shown.headlines:
        print_tables(shown.tables)
    if shown.headlines:
        print_tables([headline_table(str(run), shown.headlines)])
    if shown.headlines and not tables:
        say(f"All tables: unknot show {run} --tables")
    _say_paths(shown)


def list_() -> None:
    """List environments, experiments, trained models and runs."""
    for table in listing.tables():
        console.print(table)
        console.print()


def play(
    environment: Annotated[str, Positional, arg(metavar="ENV")],
    options: Annotated[tuple[str, ...], Positional, arg(metavar="KEY=VALUE")] = (),
) -> None:
    """Steer an environment with the keyboard (Escape ends it).

    Planar: arrows or W, A, S, D: steer.
    Maze: arrows or W, A, S, D: move; E: toggle; space: pass.
    MnistGrid: arrows: first digit; W, A, S, D: second digit.
    GraspReach: W, A, S, D: move; R, F: up, down; Q, E: turn; space, alone or with them: close.

    Args:
        environment: its id, such as "unknot/Planar-v0".
        options: the environment's own keyword arguments, such as layout=open; values are JSON, such as
            layout='["....", ".##.", "....", "...."]'.
    """
    if environment not in listing.environments():
        raise UsageError(unknown("environment", environment, listing.environments()))
    settings = dict(map(read_option, options))
    try:
        env = gym.make(environment, render_mode="rgb_array", **settings)
    except (TypeError, ValueError) as error:
        raise UsageError(str(error.__cause__ or error)) from error  # Gymnasium adds where it comes from
    if not hasattr(env.unwrapped, "get_keys_to_action"):
        raise UsageError(f"no keys steer {environment}: its actions are {env.action_space}")
    playing.play(env)


def fetch(data: Annotated[str, Positional, arg(metavar="DATA")]) -> None:
    """Fetch a data set into the user's cache, once.

    Args:
        data: its name: mnist; heads; reviews, film snippets and product sentences with human valence;
            tags, a lexicon of parts of speech; parallel, sentences in English, German and French.
    """
    if data not in DATA:
        raise UsageError(unknown("data set", data, DATA))
    say(str(resolve_name(DATA[data])()))


def collect_grasps(
    folder: Annotated[Path, Positional, arg(metavar="FOLDER")],
    placements: int = 2500,
    objects: str = "all",
    seed: int = 0,
    jobs: int = -1,
    ray: bool = False,
) -> None:
    """Collect grasps in simulation; after a stop, the same command continues.

    Args:
        folder: where to write them.
        placements: how many placements of objects; each gives four views and up to 80 grasps.
        objects: "all", "train", "test", "pybullet", or a folder of OBJ or URDF files.
        seed: of placements and grasps.
        jobs: processes; -1 for one per core.
        ray: run on the Ray cluster that RAY_ADDRESS names, or on one that is started here.
    """
    require("grasp", "pybullet", "trimesh", "joblib")
    import joblib

    from unknot.envs.grasp.dataset import collect, count

    if ray:
        require("cluster", "ray")
        from ray.util.joblib import register_ray

        register_ray()  # type: ignore[no-untyped-call]
    try:
        with (
            removed_if_useless(folder, "dataset.json"),
            joblib.parallel_config("ray" if ray else "loky", n_jobs=jobs),
        ):
            dataset = collect(folder, placements, objects=objects, seed=seed)
    except ValueError as error:
        raise UsageError(str(error)) from error
    columns = ("category", "placements", "grasps", "simulated", "tried")
    counts = count(dataset)
    totals = [*counts.items(), ("all", [sum(column) for column in zip(*counts.values(), strict=True)])]
    rows = tuple((name, *(f"{number:,}" for number in numbers)) for name, numbers in totals)
    note = "Half of the grasps held. Tried: all perturbed grasps; simulated: those with room for the gripper."
    print_tables([Table("Grasps", columns, rows, (note,))])


DATA = {
    "mnist": "unknot.mnist:fetch",
    "heads": "unknot.heads:fetch",
    "reviews": "unknot.models.data.valence:RELEASE.fetch",
    "tags": "unknot.models.data.tags:RELEASE.fetch",
    "parallel": "unknot.models.data.help_pages:fetch_help_pages",
}
"""The function that fetches each data set, imported only to do so."""

COMMANDS: dict[str, Callable[..., Any]] = {
    "list": list_,
    "run": run,
    "evaluate": evaluate,
    "show": show,
    "play": play,
    "fetch": fetch,
    "collect-grasps": collect_grasps,
    "train-agent": train_agent,
    "evaluate-agent": evaluate_agents,
    "collect": collect,
    "watch": watch,
}
