"""Where runs are: `runs/NAME/STAMP/seed-K/MODEL/`, and weights that ship: `pretrained/NAME/seed-K/MODEL/`."""

import contextlib
import importlib.resources
import re
from pathlib import Path

from unknot.checks import unknown

__all__ = [
    "PRETRAINED",
    "RUNS",
    "find_model",
    "find_seed",
    "find_seeds",
    "pretrained_names",
    "run_names",
    "seed_folders",
    "split_run",
]

PRETRAINED = "pretrained"
RUNS = Path("runs")
SEED = re.compile("seed-(0|[1-9][0-9]*)")
"""The name of a seed's folder; other digits of Unicode are none."""


def seed_folders(run: Path) -> list[Path]:
    """Return the `seed-K` folders of a run, lowest seed first."""
    found = [path for path in run.glob("seed-*") if SEED.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=lambda path: int(path.name[5:]))


def pretrained_names() -> list[str]:
    """Return the names of the trained weights that ship, each as "pretrained/NAME"."""
    folder = _pretrained()
    return [f"{PRETRAINED}/{path.name}" for path in sorted(folder.iterdir()) if seed_folders(path)]


def run_names(root: Path = RUNS) -> list[str]:
    """Return the runs below `root` as "NAME/STAMP", oldest first for each name."""
    return [f"{path.parent.name}/{path.name}" for path in sorted(root.glob("*/*")) if seed_folders(path)]


def find_seeds(run: str | Path) -> list[Path]:
    """Find the seed folders of a run, lowest seed first.

    Args:
        run: a run folder, one of its seed folders (which stands for itself alone), "pretrained/NAME" for
            weights that ship, or the name of a run below `runs/`: "NAME/STAMP", or "NAME" for the newest.

    Raises:
        FileNotFoundError: there is none; the sentence gives near matches.
    """
    name, path = str(run), Path(run)
    if path.name.startswith("seed-") and path.is_dir():
        return [path]
    candidates = [path, RUNS / path, *sorted((RUNS / path).glob("*"), reverse=True)]
    if name in pretrained_names():
        candidates.append(_pretrained() / path.name)
    for candidate in candidates:
        if folders := seed_folders(candidate):
            return folders
    raise FileNotFoundError(unknown("run", name, [*pretrained_names(), *run_names()]))


def find_seed(run: str | Path, seed: int | None = None) -> Path:
    """Find the folder of one seed of a run.

    Args:
        run: as in `find_seeds`.
        seed: which; None for the lowest.

    Raises:
        FileNotFoundError: no such run or seed.
    """
    folders = find_seeds(run)
    if seed is None:
        return folders[0]
    for folder in folders:
        if folder.name == f"seed-{seed}":
            return folder
    raise FileNotFoundError(
        f"run {str(run)!r} has no seed-{seed}; it has {', '.join(f.name for f in folders)}"
    )


def split_run(name: str | Path, seed: int | None = None) -> tuple[Path, Path, Path]:
    """Find the run that a name begins with: "RUN", or "RUN/MODEL".

    Args:
        name: a run as in `find_seeds`, or something below one of its seeds.
        seed: which; None for the lowest.

    Returns:
        The run, the folder of its seed, and the rest of the name, `Path()` if nothing is left.

    Raises:
        FileNotFoundError: the name begins with no run, or the run has no such seed.
    """
    for run in (Path(name), *Path(name).parents):
        with contextlib.suppress(FileNotFoundError):
            return run, find_seed(run, seed), Path(name).relative_to(run)
    return Path(name), find_seed(name, seed), Path()  # raises the error that says what there is


def find_model(name: str | Path, seed: int | None = None) -> tuple[Path, str | None]:
    """Find the seed folder of "RUN" or of "RUN/MODEL", and the model if one is named.

    Args:
        name: a run as in `find_seeds`, or a folder below one of its seeds, such as
            "pretrained/dynamics-content/solid".
        seed: which; None for the lowest.

    Raises:
        FileNotFoundError: no such run, seed or model.
    """
    _, folder, model = split_run(name, seed)
    if not (folder / model).is_dir():
        find_seed(name, seed)  # raises the error that says what there is
    return folder, str(model) if model.parts else None


def _pretrained() -> Path:
    return Path(str(importlib.resources.files(f"unknot.{PRETRAINED}")))
