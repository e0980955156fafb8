"""What `unknot list` shows: environments, experiments, trained models, runs. It imports no torch."""

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import gymnasium as gym
from rich.table import Table as RichTable
from rich.text import Text

from unknot import experiments
from unknot.files import AGENT, CONFIG, RESULTS, WEIGHTS, FileError, load_weights, read_object
from unknot.learners import LEARNERS
from unknot.run_folders import find_seed, find_seeds, pretrained_names, run_names
from unknot.running import read_agent, read_config

__all__ = ["environments", "tables"]


def environments() -> list[str]:
    """Return the ids of the environments."""
    return sorted(name for name, spec in gym.registry.items() if spec.namespace == "unknot")


def tables() -> Iterator[RichTable]:
    """Make a table of each kind of thing there is."""
    rows = [(name, _environment(name)) for name in environments()]
    yield _table("Environments", rows, "unknot play ID, unknot watch expert --env ID")
    rows = [(name, entry.summary) for name, entry in experiments.EXPERIMENTS.items()]
    yield _table("Experiments", rows, "unknot run NAME")
    models = [row for name in pretrained_names() for row in _models(name)]
    yield _table("Trained models, what they take and what they are", models, 'load_learner("NAME")')
    runs = [(name, _run(name)) for name in (*pretrained_names(), *run_names())]
    yield _table("Runs", runs, "unknot show NAME")


def _table(title: str, rows: Sequence[tuple[str, ...]], use: str) -> RichTable:
    """Make a table without lines; its last column wraps."""
    title = f"{title} ({use})"
    table = RichTable(title=title, title_justify="left", title_style="bold", box=None, show_header=False)
    for *short, words in rows:
        table.add_row(*(Text(word, no_wrap=True) for word in short), Text(words))
    return table


def _environment(name: str) -> str:
    """Return the first line of an environment's docstring."""
    entry = gym.spec(name).entry_point
    creator = entry if callable(entry) else gym.envs.registration.load_env_creator(str(entry))
    return (creator.__doc__ or "").strip().partition("\n")[0]


def _models(run: str) -> Iterator[tuple[str, str, str, str]]:
    """Return the row of each model of weights that ship."""
    folder = find_seed(run)
    for path in sorted(folder.rglob(WEIGHTS)):
        _, header = load_weights(path)
        shape = " × ".join(str(size) for size in header.settings.get("shape", ()))
        yield f"{run}/{path.parent.relative_to(folder)}", header.kind, shape, _summary(header.kind)


@cache
def _summary(kind: str) -> str:
    """Return the first line of a learner's docstring, read from its source: importing it takes seconds."""
    root, room, *rest = [*LEARNERS.get(kind, "").split("."), "", ""]
    spec = find_spec(f"{root}.{room}") if root == "unknot" else None  # executes `unknot` alone
    if spec is None or spec.submodule_search_locations is None:  # a class of the user's own
        return ""
    path = Path(spec.submodule_search_locations[0], *rest).with_suffix(".py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == kind:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""


def _run(name: str) -> str:
    """Return what a run is, or why it can't be read."""
    try:
        folders = find_seeds(name)
        count = "1 seed" if len(folders) == 1 else f"{len(folders)} seeds"
        if (folders[0] / AGENT).exists():
            agent = read_agent(folders[0])
            return f"{agent['algorithm']} in {agent['environment']}, {count}"
        if not (folders[0] / CONFIG).exists():
            return count
        if (shipped := folders[0].parent / RESULTS).exists():
            count = f"weights of {count}, results of {len(read_object(shipped, seeds=list)['seeds'])}"
        return f"{count}, preset {read_config(folders[0])['preset']}"
    except (FileError, OSError) as error:
        return f"can't be read: {error}"
